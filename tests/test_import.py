"""What an import makes of a layer: identity, owners, status, what stays, and what is told of it."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import shapely
from conftest import settings_for
from importing import (
    BARAT,
    IN_BARAT,
    IN_TIMUR,
    POSYANDU,
    TIMUR,
    Town,
    boundaries,
    collection,
    feature,
    gpx,
    track,
    waypoint,
)
from pyproj import Transformer
from shapely.geometry import MultiPolygon, box
from sqlalchemy import text

from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city
from geosatu.errors import RefusedChange, UnreadableFile
from geosatu.features import Actor
from geosatu.importer import Refusal
from geosatu.layers import Catalogue
from geosatu.store import write
from geosatu.store.write import Candidate

CONTOH = Path(__file__).parent.parent / "geodata" / "contoh"


@pytest.fixture
def bare(conn, catalogue: Catalogue, tmp_path: Path) -> Town:
    """A town whose kelurahan are not known yet."""
    return Town(conn, catalogue, tmp_path)


@pytest.fixture
def town(bare: Town) -> Town:
    return bare.with_boundaries()


@pytest.fixture
def kept(kept_conn, catalogue: Catalogue, tmp_path: Path) -> Town:
    """The same town, but what is brought to it can be committed."""
    return Town(kept_conn, catalogue, tmp_path).with_boundaries()


@pytest.fixture
def kediri(demo_conn, catalogue: Catalogue, tmp_path: Path) -> Town:
    """The demonstration city."""
    return Town(demo_conn, catalogue, tmp_path)


def counts(report) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.unchanged, len(report.refused)


# Identity


def test_the_same_file_twice_changes_nothing(town: Town):
    content = collection(feature(IN_BARAT, **POSYANDU), feature(IN_TIMUR, **POSYANDU | {"nama": "Mawar"}))

    first = town.bring("posyandu", content)
    before = town.trace("posyandu")
    second = town.bring("posyandu", content)

    assert (counts(first), counts(second)) == ((2, 0, 0, 0), (0, 0, 2, 0))
    assert town.trace("posyandu") == before


def test_the_same_boundaries_twice_change_nothing(town: Town):
    before = town.trace("batas_kelurahan")

    report = town.bring("batas_kelurahan", boundaries(), status="terbit")

    assert counts(report) == (0, 0, 2, 0)
    assert town.trace("batas_kelurahan") == before


def test_a_record_that_was_edited_since_stays_as_edited(town: Town):
    content = collection(feature(IN_BARAT, **POSYANDU))
    town.bring("posyandu", content)
    town.conn.execute(text("UPDATE layer.posyandu SET nama = 'Melati II', updated_by = 'lurah'"))

    report = town.bring("posyandu", content)
    again = town.bring("posyandu", content, status="terbit")

    assert (counts(report), counts(again)) == ((0, 0, 1, 0), (0, 1, 0, 0))
    assert [(row["nama"], row["status"]) for row in town.rows("posyandu")] == [("Melati II", "terbit")]


def test_a_record_does_not_become_another_with_other_defaults_or_boundaries(bare: Town):
    content = collection(feature(IN_BARAT, **POSYANDU))
    bare.bring("posyandu", content)
    assert bare.rows("posyandu")[0]["kode_wilayah"] is None

    bare.with_boundaries()
    report = bare.bring("posyandu", content, constants={"alamat": "Jl. Mawar"})

    assert counts(report) == (0, 1, 0, 0)
    assert [(row["kode_wilayah"], row["alamat"]) for row in bare.rows("posyandu")] == [(BARAT[0], None)]


def test_a_layer_with_a_key_is_updated_by_it_and_history_keeps_the_row_before(town: Town):
    plot = {"no_rt": "001", "no_rw": "002"}
    town.bring("batas_rt", collection(feature(box(112.001, -7.799, 112.002, -7.798), **plot, jumlah_kk=50)))

    report = town.bring("batas_rt", collection(feature(box(112.001, -7.799, 112.003, -7.798), **plot, jumlah_kk=55)))

    (row,) = town.rows("batas_rt")
    assert counts(report) == (0, 1, 0, 0)
    assert (row["jumlah_kk"], row["version"], row["updated_by"]) == (55, 2, "penguji")
    (before,) = town.conn.execute(
        text("SELECT version, attributes->>'jumlah_kk', ended_by FROM geosatu.history WHERE layer = 'batas_rt'")
    ).all()
    assert before == (1, "50", "penguji")


def test_the_same_key_in_another_kelurahan_is_another_feature(town: Town):
    plots = [box(112.001, -7.799, 112.002, -7.798), box(112.011, -7.799, 112.012, -7.798)]

    report = town.bring("batas_rt", collection(*(feature(plot, no_rt="001", no_rw="002") for plot in plots)))

    assert counts(report) == (2, 0, 0, 0)


def test_a_uid_tells_which_feature_is_meant(town: Town):
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    town.bring("posyandu", collection(feature(IN_BARAT, uid=one, **POSYANDU)))

    report = town.bring(
        "posyandu",
        collection(
            feature(IN_TIMUR, uid=one, **POSYANDU | {"jumlah_kader": 6}),
            {**feature(IN_TIMUR, **POSYANDU | {"nama": "Mawar"}), "id": other},
        ),
    )

    assert counts(report) == (1, 1, 0, 0)
    assert [(row["uid"], row["jumlah_kader"], row["kode_wilayah"]) for row in town.rows("posyandu")] == [
        (uuid.UUID(one), 6, TIMUR[0]),
        (uuid.UUID(other), 5, TIMUR[0]),
    ]


def test_records_of_a_survey_keep_the_id_that_the_device_gave_them(town: Town):
    taken = str(uuid.uuid4())

    town.bring("posyandu", collection(feature(IN_BARAT, _uuid=f"uuid:{taken}", **POSYANDU)))

    assert town.rows("posyandu")[0]["uid"] == uuid.UUID(taken)


@pytest.mark.parametrize("same", [{}, {"nama": "Mawar", "uid": "5d1c4ac1-6f0c-5f31-9f3e-3a2f0c2d4a10"}])
def test_the_second_of_two_that_mean_the_same_is_refused(town: Town, same):
    record = feature(IN_BARAT, **POSYANDU, **{"uid": same["uid"]} if same else {})

    report = town.bring(
        "posyandu", collection(record, feature(IN_TIMUR, **POSYANDU), feature(IN_BARAT, **POSYANDU | same))
    )

    assert report.refused == [Refusal(3, "sama dengan catatan nomor 1; hapus salah satunya.")]
    assert report.added == len(town.rows("posyandu")) == 2


@pytest.mark.parametrize("known", [False, True])
def test_two_records_with_the_same_key_are_one_too_many(town: Town, known):
    plots = [box(112.001, -7.799, 112.002, -7.798), box(112.003, -7.799, 112.004, -7.798)]
    records = [feature(plot, no_rt="001", no_rw="002", uid=str(uuid.uuid4())) for plot in plots]
    if known:
        town.bring("batas_rt", collection(feature(box(112.005, -7.799, 112.006, -7.798), no_rt="001", no_rw="002")))

    report = town.bring("batas_rt", collection(*records))

    assert report.refused == [Refusal(2, "sama dengan catatan nomor 1; hapus salah satunya.")]
    assert len(town.rows("batas_rt")) == 1


def test_a_key_that_another_feature_has_is_refused_and_that_feature_named(town: Town):
    uids = [str(uuid.uuid4()), str(uuid.uuid4())]
    plots = [box(112.001, -7.799, 112.002, -7.798), box(112.003, -7.799, 112.004, -7.798)]
    records = [
        feature(plot, no_rt=f"00{number}", no_rw="002", uid=uid)
        for number, (plot, uid) in enumerate(zip(plots, uids, strict=True), 1)
    ]
    town.bring("batas_rt", collection(*records))
    before = town.trace("batas_rt")

    report = town.bring("batas_rt", collection(feature(plots[0], no_rt="002", no_rw="002", uid=uids[0])))

    rival = before[-1][1]["id"]
    assert report.refused == [
        Refusal(1, f"Kode wilayah, Jenis satuan, RW, RT sudah dipakai fitur {rival}; ubah catatan ini atau fitur itu.")
    ]
    assert town.trace("batas_rt") == before


# What stays


def test_a_feature_keeps_what_the_file_does_not_speak_of(town: Town):
    rt = {"no_rt": "001", "no_rw": "002"}
    plot = box(112.001, -7.799, 112.002, -7.798)
    town.bring("batas_rt", collection(feature(plot, **rt, jumlah_kk=50, ketua_rt="Ketua RT 001", keterangan="lama")))

    report = town.bring("batas_rt", collection(feature(plot, **rt, jumlah_kk=55, keterangan=None)))

    (row,) = town.rows("batas_rt")
    assert counts(report) == (0, 1, 0, 0)
    assert (row["jumlah_kk"], row["ketua_rt"], row["keterangan"]) == (55, "Ketua RT 001", None)


def test_a_required_value_that_is_there_need_not_come_again(town: Town):
    boundary = feature(BARAT[2], kode_wilayah=BARAT[0], luas_resmi_ha=120)

    report = town.bring("batas_kelurahan", collection(boundary), status="terbit")

    assert counts(report) == (0, 1, 0, 0)
    assert town.rows("batas_kelurahan")[0]["luas_resmi_ha"] == 120


def test_source_and_accuracy_go_with_the_geometry_that_they_tell_of(town: Town):
    uid = str(uuid.uuid4())
    town.bring("posyandu", collection(feature(IN_BARAT, uid=uid, source="survei_gps", accuracy_m=3.5, **POSYANDU)))

    town.bring("posyandu", collection(feature(IN_BARAT, uid=uid, nama="Mawar")))
    (there,) = town.rows("posyandu")
    town.bring("posyandu", collection(feature(IN_TIMUR, uid=uid, nama="Mawar")))
    (moved,) = town.rows("posyandu")

    assert (there["nama"], there["source"], there["accuracy_m"]) == ("Mawar", "survei_gps", 3.5)
    assert (moved["source"], moved["accuracy_m"]) == ("impor", None)


def test_an_export_comes_back_unchanged(kept: Town):
    posyandu = POSYANDU | {"layanan": ["kesehatan", "sosial"], "jam_buka": "08:30", "tanggal_data": "2026-08-17"}
    kept.bring("posyandu", collection(feature(IN_BARAT, nama_ketua="Ketua", wilayah_layanan=["a, b", "c"], **posyandu)))
    kept.bring("kwt", collection(feature(IN_TIMUR, nama="Sari", luas_m2=0.1, accuracy_m=1 / 3)))
    before = {layer: kept.trace(layer) for layer in ("posyandu", "kwt", "batas_kelurahan")}

    for layer in before:
        for suffix in ("geojson", "geojsonl", "gpkg", "fgb"):
            report = kept.bring(layer, kept.export(layer, suffix))
            assert counts(report) == (0, 0, len(before[layer][-1]), 0)

    assert {layer: kept.trace(layer) for layer in before} == before


def test_a_public_copy_comes_back_without_moving_homes_or_erasing_what_it_does_not_show(kept: Town):
    kept.bring("batas_rt", collection(feature(box(112.001, -7.799, 112.009, -7.791), no_rt="001", no_rw="002")))
    home = POSYANDU | {"tempat": "rumah_warga", "nama_ketua": "Ketua", "hp_ketua": "0800-000-001"}
    kept.bring("posyandu", collection(feature((112.002, -7.798), **home)))
    before = kept.trace("posyandu")

    file = kept.export("posyandu", "geojson", access="publik")

    assert shapely.geometry.shape(json.loads(file.read_bytes())["features"][0]["geometry"]).wkt != before[-1][0]["geom"]
    assert counts(kept.bring("posyandu", file)) == (0, 0, 1, 0)
    assert kept.trace("posyandu") == before


# Status


def test_what_is_imported_is_a_draft(town: Town):
    town.bring("posyandu", collection(feature(IN_BARAT, nama="Melati")))

    assert [row["status"] for row in town.rows("posyandu")] == ["draf"]


def test_what_keeps_a_record_a_draft_is_told(town: Town):
    report = town.bring("posyandu", collection(feature(IN_BARAT, nama="Melati"), feature(IN_TIMUR, **POSYANDU)))

    assert [(note.number, note.text) for note in report.drafts] == [
        (1, "Jenis wajib diisi; Status wajib diisi; Jumlah kader wajib diisi.")
    ]


def test_incomplete_records_cannot_be_published_and_complete_ones_can(town: Town):
    content = collection(feature(IN_BARAT, nama="Melati"), feature(IN_TIMUR, **POSYANDU))

    report = town.bring("posyandu", content, status="terbit")

    assert report.refused == [
        Refusal(1, "belum dapat berstatus terbit: Jenis wajib diisi; Status wajib diisi; Jumlah kader wajib diisi.")
    ]
    assert [(row["nama"], row["status"]) for row in town.rows("posyandu")] == [("Melati", "terbit")]


def test_a_point_outside_all_kelurahan_can_be_a_draft_only(town: Town):
    content = collection(feature((112.5, -7.5), **POSYANDU))

    draft, published = (town.bring("posyandu", content, status=status, dry_run=True) for status in (None, "terbit"))

    assert "berada di luar semua batas kelurahan yang ada" in draft.drafts[0].text
    assert published.refused[0].reason.startswith("belum dapat berstatus terbit: berada di luar semua batas kelurahan")


def test_features_that_are_there_keep_their_status(town: Town):
    rt = {"no_rt": "001", "no_rw": "002"}
    plots = [box(112.001, -7.799, 112.002, -7.798), box(112.001, -7.799, 112.003, -7.798)]
    town.bring("batas_rt", collection(feature(plots[0], **rt)), status="terbit")

    town.bring("batas_rt", collection(feature(plots[1], **rt)))

    assert [(row["status"], row["version"]) for row in town.rows("batas_rt")] == [("terbit", 2)]


def test_an_update_may_not_leave_a_published_feature_without_a_required_value(town: Town):
    report = town.bring("batas_kelurahan", collection(feature(BARAT[2], kode_wilayah=BARAT[0], nama=None)))

    assert report.refused == [Refusal(1, "belum dapat berstatus terbit: Nama wajib diisi.")]


def test_many_records_that_cannot_be_written_are_left_out_like_few(town: Town):
    """A statement of PostgreSQL can have 65,535 parameters."""
    layer = town.catalogue["kwt"]
    wkb = shapely.Point(IN_TIMUR).wkb
    candidates = [
        Candidate(number, uuid.uuid4(), wkb, {"nama": "Sari"}, frozenset({"nama"}), by_content=False)
        for number in (1, 70_000)
    ]
    write.open_stage(town.conn, layer)
    write.stage(town.conn, layer, candidates)
    assert [plan.number for plan in write.plan(town.conn, layer, None)] == [1, 70_000]

    act = {"status": None, "actor": Actor("penguji"), "file": "a", "sha256": ""}
    write.commit_staged(town.conn, layer, unfit=range(2, 70_001), refused=69_999, **act)

    assert [row["uid"] for row in town.rows("kwt")] == [candidates[0].uid]


# Owners


@pytest.mark.parametrize(("place", "owner"), [(IN_BARAT, BARAT[0]), (IN_TIMUR, TIMUR[0]), ((112.5, -7.5), None)])
def test_the_kelurahan_in_which_it_lies_owns_a_point(town: Town, place, owner):
    town.bring("posyandu", collection(feature(place, **POSYANDU)))

    assert [row["kode_wilayah"] for row in town.rows("posyandu")] == [owner]


def test_the_kelurahan_in_which_most_of_it_lies_owns_an_area(town: Town):
    plot = box(112.009, -7.799, 112.014, -7.798)

    town.bring("lahan_tidur", collection(feature(plot, nama="Petak", penggunaan_saat_ini="kosong")))

    assert [row["kode_wilayah"] for row in town.rows("lahan_tidur")] == [TIMUR[0]]


@pytest.mark.parametrize("code", [BARAT[0], BARAT[0].replace(".", "")])
def test_a_declared_kelurahan_that_agrees_is_taken(town: Town, code):
    report = town.bring("posyandu", collection(feature(IN_BARAT, kode_wilayah=code, **POSYANDU)), status="terbit")

    assert counts(report) == (1, 0, 0, 0)


def test_a_declared_kelurahan_in_which_it_does_not_lie_is_refused(town: Town):
    report = town.bring("posyandu", collection(feature(IN_TIMUR, kode_wilayah=BARAT[0], **POSYANDU)))

    assert report.refused == [
        Refusal(
            1,
            f"berada di Timur ({TIMUR[0]}), bukan di kelurahan {BARAT[0]}; "
            "periksa lintang dan bujur atau kode wilayahnya.",
        )
    ]


@pytest.mark.parametrize(("accuracy_m", "taken"), [(None, False), (5, False), (60, True)])
def test_a_point_as_near_as_its_accuracy_may_belong_to_the_neighbour(town: Town, accuracy_m, taken):
    fifty_metres_beyond = (112.01045, -7.795)

    report = town.bring(
        "posyandu", collection(feature(fifty_metres_beyond, kode_wilayah=BARAT[0], accuracy_m=accuracy_m, **POSYANDU))
    )

    assert [note.text for note in report.notes] == (
        [f"berada di Timur ({TIMUR[0]}), 50 m dari kelurahan {BARAT[0]}."] if taken else []
    )
    assert [row["kode_wilayah"] for row in town.rows("posyandu")] == ([BARAT[0]] if taken else [])


def test_a_kelurahan_that_is_not_known_keeps_its_data_drafts(town: Town):
    report = town.bring("posyandu", collection(feature(IN_BARAT, kode_wilayah="35.71.01.1099", **POSYANDU)))

    assert [note.text for note in report.drafts] == ["kode wilayah 35.71.01.1099 tidak ada di lapisan batas_kelurahan."]


def test_a_boundary_without_a_code_owns_nothing(bare: Town):
    bare.bring("batas_kelurahan", collection(feature(BARAT[2].buffer(0.001), nama="Tanpa kode")))

    bare.with_boundaries().bring("posyandu", collection(feature(IN_BARAT, **POSYANDU)))

    assert [row["kode_wilayah"] for row in bare.rows("posyandu")] == [BARAT[0]]


def test_what_belongs_to_the_city_needs_no_kelurahan(bare: Town):
    zone = {"kode_zona": "Z1", "nama": "Zona 1", "jenis_layanan": "terangkut", "pengelola_jenis": "dlh"}

    report = bare.bring("zona_sampah", collection(feature(BARAT[2], **zone)), status="terbit")

    assert counts(report) == (1, 0, 0, 0)
    assert [row["kode_wilayah"] for row in bare.rows("zona_sampah")] == [None]


# Dry runs


def test_a_dry_run_tells_what_the_import_will_do_and_does_nothing(town: Town):
    rt = [feature(box(112.001, -7.799, 112.002, -7.798), no_rt="001", no_rw="002")]
    town.bring("batas_rt", collection(*rt))
    rt[0]["properties"]["jumlah_kk"] = 5
    rt += [
        feature(box(112.003, -7.799, 112.004, -7.798), no_rt="002", no_rw="002"),
        feature(box(112.003, -7.799, 112.004, -7.798), no_rt="002", no_rw="002"),
        feature(IN_BARAT, no_rt="003"),
    ]
    before = town.trace("batas_rt")

    planned = town.bring("batas_rt", collection(*rt), dry_run=True)
    assert town.trace("batas_rt") == before
    done = town.bring("batas_rt", collection(*rt))

    assert counts(planned) == counts(done) == (1, 1, 0, 2)
    assert (planned.refused, planned.drafts, planned.notes) == (done.refused, done.drafts, done.notes)
    assert len(town.rows("batas_rt")) == 2


def test_two_imports_of_the_same_file_at_the_same_time_are_one_after_the_other(
    cluster: Cluster, catalogue: Catalogue, tmp_path: Path
):
    content = collection(feature(IN_BARAT, nama="Sari"))
    with open_city(settings_for(cluster, "dua_impor"), catalogue) as engine, ThreadPoolExecutor() as pool:

        def bring(name: str):
            with engine.begin() as conn:
                report = Town(conn, catalogue, tmp_path).bring("kwt", content, name)
                time.sleep(0.2)  # so that both are under way
                return report

        reports = pool.map(bring, ["satu.geojson", "dua.geojson"])

        assert sorted(counts(report) for report in reports) == [(0, 0, 1, 0), (1, 0, 0, 0)]


def test_the_act_of_import_is_on_record(town: Town):
    town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU), feature(None)), "posyandu.geojson")

    (act,) = town.conn.execute(
        text(
            "SELECT id, file, added, updated, refused, created_by, sha256 FROM geosatu.import WHERE layer = 'posyandu'"
        )
    )
    (row,) = town.rows("posyandu")
    assert act[1:6] == ("posyandu.geojson", 1, 0, 1, "penguji")
    assert len(act.sha256) == 64
    assert (row["import_id"], row["created_by"], row["source"]) == (act.id, "penguji", "impor")


# Columns


def test_columns_are_found_by_name_title_and_alias_whatever_their_case(town: Town):
    said = {"NAMOBJ": "Melati", "Jenis": "Balita", "STATUS": "Aktif", "jumlah kader": 5, "Catatan": "ramai"}

    town.bring("posyandu", collection(feature(IN_BARAT, **said)), status="terbit")

    (row,) = town.rows("posyandu")
    assert (row["nama"], row["jenis"], row["status_operasi"], row["jumlah_kader"], row["keterangan"]) == (
        "Melati", "balita", "aktif", 5, "ramai",
    )  # fmt: skip


def test_columns_that_say_nothing_to_the_layer_are_named(town: Town):
    report = town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU, OBJECTID=1, warna="merah", id=3)))

    assert report.remarks == ["Kolom yang tidak dipakai: OBJECTID, warna."]


def test_a_user_says_which_column_is_which_field(town: Town):
    said = {"nama": "K-17", "sebutan": "Melati"}

    report = town.bring(
        "posyandu", collection(feature(IN_BARAT, **said)), columns={"sebutan": "nama", "kader": "jumlah_kader"}
    )

    assert [row["nama"] for row in town.rows("posyandu")] == ["Melati"]
    assert report.remarks == [
        "Kolom yang tidak dipakai: nama.",
        "Kolom yang disebut tetapi tidak ada di berkas: kader.",
    ]


def test_a_constant_stands_where_a_record_says_nothing(town: Town):
    town.bring(
        "posyandu",
        collection(feature(IN_BARAT, nama="A", strata="mandiri"), feature(IN_TIMUR, nama="B", strata=None)),
        constants={"strata": "pratama", "source": "survei_gps"},
    )

    assert [(row["strata"], row["source"]) for row in town.rows("posyandu")] == [
        ("mandiri", "survei_gps"),
        ("pratama", "survei_gps"),
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"columns": {"x": "tinggi"}}, "tidak punya field 'tinggi'; yang ada: source, accuracy_m, kode_wilayah, nama"),
        ({"constants": {"tinggi": "1"}}, "tidak punya field 'tinggi'"),
        ({"constants": {"jenis": "besar"}}, "--set jenis=besar: kode 'besar' tidak ada"),
        ({"crs": "EPSG:99"}, "--crs EPSG:99: sistem koordinat ini tidak dikenal"),
        ({"crs": "kediri"}, "--crs kediri: sistem koordinat ini tidak dikenal"),
        ({"crs": "EPSG:5773"}, "tidak dapat diubah menjadi bujur dan lintang"),
    ],
)
def test_what_a_user_says_wrongly_is_refused_at_once(town: Town, options, told):
    with pytest.raises(RefusedChange, match=r"^[^\n]*\.$") as failure:
        town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU)), **options)

    assert told in str(failure.value)


RBI = {"NAMOBJ": "Objek", "WADMKD": "Dermo", "WADMKC": "Mojoroto", "WADMKK": "Kota Kediri", "sumber": "BIG"}


@pytest.mark.parametrize("code", ["35.71.01.1009", "3571011009"])
def test_the_columns_of_official_boundaries_are_known(bare: Town, code):
    record = feature(BARAT[2], **RBI, KDEPUM=code, KDEBPS="3571010001", UUPP="Perda")

    report = bare.bring("batas_kelurahan", collection(record), status="terbit")

    (row,) = bare.rows("batas_kelurahan")
    assert counts(report) == (1, 0, 0, 0)
    assert (row["kode_wilayah"], row["nama"], row["kecamatan"], row["kode_bps"], row["dasar_hukum"]) == (
        "35.71.01.1009", "Dermo", "Mojoroto", "3571010001", "Perda",
    )  # fmt: skip


def test_an_official_kecamatan_has_the_name_of_its_kecamatan(bare: Town):
    report = bare.bring("batas_kecamatan", collection(feature(BARAT[2], **RBI, KDCPUM="35.71.01")), status="terbit")

    assert counts(report) == (1, 0, 0, 0)
    assert [(row["nama"], row["kota"]) for row in bare.rows("batas_kecamatan")] == [("Mojoroto", "Kota Kediri")]


def test_of_several_aliases_the_first_that_is_filled_counts(bare: Town):
    record = feature(BARAT[2], **RBI | {"WADMKD": None, "NAMOBJ": "Purwokerto Wetan"})

    bare.bring("batas_kelurahan", collection(record))

    assert [row["nama"] for row in bare.rows("batas_kelurahan")] == ["Purwokerto Wetan"]


def test_a_column_of_the_fields_own_name_is_not_filled_from_another(town: Town):
    """An export has both columns; the status of a feature is not that of the posyandu."""
    report = town.bring("posyandu", collection(feature(IN_BARAT, nama="Melati", status_operasi=None, status="draf")))

    assert counts(report) == (1, 0, 0, 0)
    assert [row["status_operasi"] for row in town.rows("posyandu")] == [None]


# RT and RW

PLOT = box(112.001, -7.799, 112.002, -7.798)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"rt": "3", "rw": 9}, ("003", "009")),
        ({"no_rt": "RT 3", "no_rw": "RW 9"}, ("003", "009")),
        ({"rt": "RT.003/RW.009"}, ("003", "009")),
        ({"rt": "03/09", "rw": "9"}, ("003", "009")),
        ({"rw": "RT 3 RW 9"}, ("003", "009")),
        ({"rt": "3"}, ("003", None)),
    ],
)
def test_rt_and_rw_have_three_digits_however_they_are_written(town: Town, said, kept):
    town.bring("batas_rt", collection(feature(PLOT, **said)))

    assert [(row["no_rt"], row["no_rw"]) for row in town.rows("batas_rt")] == [kept]


def test_a_number_that_was_read_out_of_the_other_column_is_told(town: Town):
    report = town.bring("batas_rt", collection(feature(PLOT, nama="RT 003 / rw 009")), columns={"nama": "no_rt"})

    assert [note.text for note in report.notes] == ["RW 009 dibaca dari kolom nama."]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"rt": "03/09", "rw": "8"}, "kolom rt menyebut RW 009, padahal kolom lain 008; samakan keduanya."),
        ({"rt": "RT 03 / RT 001"}, "RT (kolom rt): 'RT 03 / RT 001' tidak sesuai bentuknya; yang diminta: Nomor"),
        ({"rt": "RW 3"}, "RT (kolom rt): 'RW 3' tidak menyebut RT; lengkapi nomornya."),
    ],
)
def test_numbers_that_could_mean_several_things_are_refused(town: Town, said, told):
    report = town.bring("batas_rt", collection(feature(PLOT, **said)))

    assert [refusal.reason.startswith(told) for refusal in report.refused] == [True]


# Formats


def test_waypoints_become_points_and_walks_become_areas(town: Town):
    ring = list(PLOT.exterior.coords)[:-1]
    content = gpx(waypoint(IN_BARAT[1], IN_BARAT[0]) + track(*ring, (ring[0][0], ring[0][1] - 1e-5)))

    points = town.bring("posyandu", content, "hari_ini.gpx")
    areas = town.bring("batas_rt", content, "hari_ini.gpx", columns={"name": "no_rt"})

    assert (counts(points), points.remarks) == ((1, 0, 0, 0), ["1 jejak dilewati: lapisan itu berisi Point."])
    assert counts(areas) == (1, 0, 0, 0)
    assert [note.text for note in areas.notes] == ["jejak ditutup; ujungnya terpisah 1,1 m."]
    assert [(row["no_rt"], row["kode_wilayah"]) for row in town.rows("batas_rt")] == [("001", BARAT[0])]


def test_a_table_becomes_points(town: Town):
    content = "Nama Posyandu;Jenis;Lintang;Bujur\nMelati;balita;-7.795;112.005\nMawar;lansia;-7,795;112,005\n"

    report = town.bring("posyandu", content, "posyandu.csv", columns={"Nama Posyandu": "nama"})

    assert counts(report) == (1, 0, 0, 1)
    assert [(row["nama"], row["jenis"], row["kode_wilayah"]) for row in town.rows("posyandu")] == [
        ("Melati", "balita", BARAT[0])
    ]


def test_metres_need_their_system_and_land_where_they_belong(town: Town):
    place = Transformer.from_crs(4326, 32749, always_xy=True).transform(*IN_BARAT)
    content = collection(feature(tuple(place), **POSYANDU))

    without = town.bring("posyandu", content, dry_run=True)
    report = town.bring("posyandu", content, crs="EPSG:32749")

    assert "sebutkan sistemnya dengan --crs" in without.refused[0].reason
    assert (counts(report), report.crs) == ((1, 0, 0, 0), "EPSG:32749")
    (row,) = town.rows("posyandu")
    assert shapely.from_wkt(row["geom"]).distance(shapely.Point(IN_BARAT)) < 1e-6


def test_a_file_that_does_not_say_its_system_is_not_guessed_at(town: Town):
    with pytest.raises(UnreadableFile, match="tidak disebut atau tidak dikenal; sebutkan dengan --crs"):
        town.bring("posyandu", collection(feature(IN_BARAT), crs={"type": "name", "properties": {"name": "X"}}))


def test_what_is_stored_is_valid_right_handed_and_measured(town: Town):
    hole = box(112.0012, -7.7988, 112.0018, -7.7982)
    plot = shapely.Polygon(PLOT.reverse().exterior, [hole.exterior])

    town.bring("lahan_tidur", collection(feature(plot, nama="Petak")))

    (row,) = town.rows("lahan_tidur")
    kept = shapely.from_wkt(row["geom"])
    assert isinstance(kept, MultiPolygon)
    assert kept.is_valid
    assert kept.geoms[0].exterior.is_ccw
    assert not kept.geoms[0].interiors[0].is_ccw
    assert row["luas_m2"] == pytest.approx(110.3 * 110.6 * (1 - 0.36), rel=0.01)


# The files to try the import with, as geodata/README.md describes them


def test_the_sample_waypoints_are_eight_posyandu_of_campurejo(kediri: Town):
    report = kediri.bring("posyandu", CONTOH / "posyandu_kediri.gpx")

    drafts = [row for row in kediri.rows("posyandu") if row["status"] == "draf"]
    owner = kediri.conn.scalar(text("SELECT kode_wilayah FROM layer.batas_kelurahan WHERE nama = 'Campurejo'"))
    assert (counts(report), report.remarks) == ((8, 0, 0, 0), [])
    assert {row["kode_wilayah"] for row in drafts} == {owner}
    assert {row["keterangan"] for row in drafts} == {"Data contoh, bukan data nyata"}


@pytest.mark.parametrize("columns", [None, {"name": "no_rt"}])
def test_the_sample_tracks_are_two_rt_of_ngronggo(kediri: Town, columns):
    report = kediri.bring("batas_rt", CONTOH / "batas_rt_kediri.gpx", columns=columns)

    drafts = [row for row in kediri.rows("batas_rt") if row["status"] == "draf"]
    assert counts(report) == (2, 0, 0, 0)
    assert [note.text for note in report.notes if "jejak" in note.text] == [
        "jejak ditutup; ujungnya terpisah 3,0 m."
    ] * 2
    assert {row["kode_wilayah"] for row in drafts} == {"35.71.02.1014"}
    assert [(row["no_rt"], row["no_rw"]) for row in drafts] == (
        [("001", "002"), ("002", "002")] if columns else [(None, None)] * 2
    )


def test_the_sample_posts_show_both_of_their_faults(kediri: Town):
    report = kediri.bring("pos_kamling", CONTOH / "pos_kamling_kediri.geojson", status="terbit")

    assert counts(report) == (4, 0, 0, 2)
    wrong_code, swapped = report.refused
    assert (wrong_code.number, swapped.number) == (4, 6)
    assert wrong_code.reason == "Status: kode 'berfungsi' tidak ada; yang ada: aktif, tidak_aktif, rusak, rencana."
    assert swapped.reason.startswith("lintang dan bujur tampaknya tertukar")


def test_the_sample_boundaries_replace_three_kelurahan(kediri: Town):
    report = kediri.bring(
        "batas_kelurahan",
        CONTOH / "batas_kelurahan_rbi.geojson",
        constants={"status_batas": "indikatif", "sumber": "BIG"},
        status="terbit",
    )

    assert counts(report) == (0, 3, 0, 0)
    changed = [row for row in kediri.rows("batas_kelurahan") if row["status_batas"] == "indikatif"]
    assert sorted(row["nama"] for row in changed) == ["Dermo", "Mrican", "Ngampel"]
    assert len(kediri.rows("batas_kelurahan")) == 46
