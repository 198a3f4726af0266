"""The tables follow the catalogue, and nothing is lost that was not named; versions and history keep themselves."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text, update

from geosatu.database.apply import Step, apply_layers, plan_layers
from geosatu.database.tables import history, table_of
from geosatu.errors import RefusedChange
from geosatu.layers import Catalogue, read_catalogue

LAYERS = Path(__file__).parent.parent / "layers"

PLACE = "SRID=4326;POINT(112.01 -7.82)"
SQUARE = "SRID=4326;MULTIPOLYGON(((112 -7.8, 112.01 -7.8, 112.01 -7.79, 112 -7.79, 112 -7.8)))"

Edit = Callable[..., Catalogue]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The catalogue with a text of one layer file replaced; edits add up."""
    folder = Path(shutil.copytree(LAYERS, tmp_path / "layers"))

    def edit(layer: str, old: str, new: str) -> Catalogue:
        file = folder / f"{layer}.toml"
        content = file.read_text("utf-8")
        assert content.count(old) == 1
        file.write_text(content.replace(old, new), "utf-8")
        return read_catalogue(folder)

    return edit


def add(conn: Connection, layer: Any, place: str = PLACE, **values: Any) -> int:
    """A feature as any door would write it; its id."""
    row = {"created_by": "uji", "updated_by": "uji", "geom": place, **values}
    feature: int = conn.scalar(insert(table_of(layer)).values(row).returning(table_of(layer).c.id))
    return feature


def sentences(steps: list[Step]) -> list[str]:
    return [step.sentence for step in steps]


def apply(conn: Connection, catalogue: Catalogue, *drop: str) -> list[Step]:
    """Bring the tables to the catalogue; afterwards nothing is left to do."""
    steps = plan_layers(conn, catalogue)
    apply_layers(conn, steps, drop)
    assert sentences(plan_layers(conn, catalogue)) == []
    return steps


def refused(conn: Connection, catalogue: Catalogue, *drop: str) -> str:
    """Why the catalogue is not applied."""
    steps = plan_layers(conn, catalogue)
    with pytest.raises(RefusedChange) as refusal, conn.begin_nested():
        apply_layers(conn, steps, drop)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def column(conn: Connection, layer: str, field: str) -> list[Any]:
    return list(conn.scalars(text(f'SELECT "{field}" FROM layer."{layer}" ORDER BY id')))


def versions(conn: Connection, layer: str, field: str) -> list[tuple[int, Any, str | None, bool]]:
    """What the history keeps of a field: version, value, who ended it, whether it was deleted."""
    kept = select(history.c.version, history.c.attributes[field], history.c.ended_by, history.c.deleted)
    rows = conn.execute(kept.where(history.c.layer == layer).order_by(history.c.id))
    return [tuple(row) for row in rows]


def revision(conn: Connection, layer: str) -> int:
    found: int = conn.scalar(text("SELECT revision FROM geosatu.layer_revision WHERE layer = :layer"), {"layer": layer})
    return found


def test_an_empty_database_gets_every_layer_once(conn: Connection, catalogue: Catalogue):
    conn.execute(text("DROP SCHEMA layer CASCADE; CREATE SCHEMA layer"))

    steps = apply(conn, catalogue)

    assert set(sentences(steps)) == {f"Lapisan {layer.name} dibuat." for layer in catalogue}
    add(conn, catalogue["posyandu"], nama="Mawar 1", tempat="rumah_warga")
    assert revision(conn, "posyandu") == 1


def test_a_plan_changes_nothing(conn: Connection, edited: Edit):
    catalogue = edited("posyandu", "[fields]\n", "[fields]\nluas = { title = 'Luas', type = 'decimal' }\n")

    first = sentences(plan_layers(conn, catalogue))

    assert first == sentences(plan_layers(conn, catalogue)) == ["Field posyandu.luas ditambahkan."]


def test_a_new_layer_is_a_new_file_and_no_new_code(conn: Connection, tmp_path: Path, edited: Edit):
    edited("kwt", "[fields]\n", "[fields]\n")
    shutil.copy(tmp_path / "layers" / "kwt.toml", tmp_path / "layers" / "order.toml")
    catalogue = edited("order", "[fields]\n", "[fields]\nuser = { title = 'U', type = 'code', codes = { a = 'A' } }\n")

    assert sentences(apply(conn, catalogue)) == ["Lapisan order dibuat."]
    add(conn, catalogue["order"], user="a")
    assert column(conn, "order", "user") == ["a"]


def test_names_may_be_as_long_as_the_catalogue_lets_them(conn: Connection, tmp_path: Path, edited: Edit):
    edited("kwt", "[fields]\n", "[fields]\n")
    layer = "l" * 48
    shutil.copy(tmp_path / "layers" / "kwt.toml", tmp_path / "layers" / f"{layer}.toml")
    fields = "".join(f"{'f' * 47}{end} = {{ title = 'F', type = 'code', codes = {{ a = 'A' }} }}\n" for end in "12")
    apply(conn, edited(layer, "[fields]\n", f"[fields]\n{fields}"))

    more = edited(
        layer,
        f"{'f' * 47}2 = {{ title = 'F', type = 'code', codes = {{ a",
        f"{'f' * 47}2 = {{ title = 'F', type = 'code', codes = {{ b = 'B', a",
    )

    assert sentences(apply(conn, more)) == [f"Kode {layer}.{'f' * 47}2 diperbarui: +b."]


def test_a_new_field_is_added_with_its_codes(conn: Connection, edited: Edit):
    catalogue = edited(
        "posyandu",
        "[fields]\n",
        "[fields]\nair = { title = 'Air', type = 'codes', codes = { sumur = 'S', pam = 'P' } }\n",
    )

    assert sentences(apply(conn, catalogue)) == ["Field posyandu.air ditambahkan."]
    add(conn, catalogue["posyandu"], air=["sumur", "pam"])
    with pytest.raises(Exception, match="posyandu_air_codes"), conn.begin_nested():
        add(conn, catalogue["posyandu"], air=["hujan"])


def test_a_new_code_is_added(conn: Connection, edited: Edit):
    catalogue = edited("posyandu", 'kantor = "Kantor"', 'kantor = "Kantor", sekolah = "Sekolah"')

    assert sentences(apply(conn, catalogue)) == ["Kode posyandu.tempat diperbarui: +sekolah."]
    add(conn, catalogue["posyandu"], tempat="sekolah")


def test_a_code_that_nobody_uses_goes_without_asking(conn: Connection, edited: Edit):
    catalogue = edited("posyandu", ', kantor = "Kantor"', "")

    assert sentences(apply(conn, catalogue)) == ["Kode posyandu.tempat diperbarui: -kantor."]


def test_a_code_in_use_goes_only_when_named_and_the_history_keeps_it(
    conn: Connection, catalogue: Catalogue, edited: Edit
):
    add(conn, catalogue["posyandu"], nama="Mawar 1", tempat="kantor")
    add(conn, catalogue["posyandu"], nama="Mawar 2", tempat="balai_rw")
    without = edited("posyandu", ', kantor = "Kantor"', "")

    assert refused(conn, without) == (
        "Kode posyandu.tempat diperbarui: -kantor; kantor masih dipakai dan akan dikosongkan. Data akan hilang, jadi "
        "tidak ada yang diubah. Kembalikan berkas lapisan seperti semula, atau jalankan: "
        "geosatu layers apply --drop posyandu.tempat."
    )
    apply(conn, without, "posyandu.tempat")

    assert column(conn, "posyandu", "tempat") == [None, "balai_rw"]
    assert versions(conn, "posyandu", "tempat") == [(1, "kantor", "operator", False)]


def test_codes_of_a_list_go_without_the_others(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["umkm"], izin=["nib", "pirt", "halal"])
    add(conn, catalogue["umkm"], izin=["halal"])
    add(conn, catalogue["umkm"], izin=None)
    without = edited("umkm", 'nib = "NIB", pirt = "PIRT", ', "")

    assert "nib, pirt masih dipakai" in refused(conn, without)
    apply(conn, without, "umkm.izin")

    assert column(conn, "umkm", "izin") == [["halal"], ["halal"], None]
    assert versions(conn, "umkm", "izin") == [(1, ["nib", "pirt", "halal"], "operator", False)]


def test_a_text_field_may_get_a_code_list_when_its_other_values_are_named(
    conn: Connection, catalogue: Catalogue, edited: Edit
):
    add(conn, catalogue["posyandu"], no_sk="a")
    add(conn, catalogue["posyandu"], no_sk="12/2024")
    coded = edited("posyandu", 'title = "Nomor SK", type = "text"', 'title = "SK", type = "code", codes = { a = "A" }')

    assert "+a; 12/2024 masih dipakai" in refused(conn, coded)
    apply(conn, coded, "posyandu.no_sk")

    assert column(conn, "posyandu", "no_sk") == ["a", None]


def test_a_code_list_may_go_and_its_values_stay(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["kantor_kelurahan"], kondisi="baik")
    free = edited("kantor_kelurahan", 'like = "kondisi"', 'like = "nama", title = "Kondisi", required = false')

    assert sentences(apply(conn, free)) == ["Daftar kode kantor_kelurahan.kondisi dihapus; isinya tetap."]
    assert column(conn, "kantor_kelurahan", "kondisi") == ["baik"]
    add(conn, free["kantor_kelurahan"], kondisi="lumayan")


def test_an_empty_field_goes_without_asking(conn: Connection, edited: Edit):
    catalogue = edited("posyandu", 'no_sk = { title = "Nomor SK", type = "text" }\n', "")

    assert sentences(apply(conn, catalogue)) == ["Field posyandu.no_sk dihapus bersama 0 isinya."]


def test_a_filled_field_goes_only_when_named_and_the_history_keeps_it(
    conn: Connection, catalogue: Catalogue, edited: Edit
):
    add(conn, catalogue["posyandu"], no_sk="12/2024")
    without = edited("posyandu", 'no_sk = { title = "Nomor SK", type = "text" }\n', "")

    said = refused(conn, without)
    assert said.startswith("Field posyandu.no_sk dihapus bersama 1 isinya. Data akan hilang")
    assert refused(conn, without, "posyandu", "posyandu.nama") == said
    apply(conn, without, "posyandu.no_sk")

    assert versions(conn, "posyandu", "no_sk") == [(1, "12/2024", "operator", False)]


@pytest.mark.parametrize(
    ("old", "new", "value", "becomes"),
    [
        ('jumlah", title = "Jumlah kader", unit', 'jumlah", type = "decimal", title = "J", unit', 12, 12.0),
        ('jumlah", title = "Jumlah kader", unit = "orang"', 'nama", title = "J"', 12, "12"),
    ],
    ids=["decimal", "text"],
)
def test_a_type_that_holds_every_value_keeps_them(
    conn: Connection, catalogue: Catalogue, edited: Edit, old: str, new: str, value: int, becomes: Any
):
    add(conn, catalogue["posyandu"], jumlah_kader=value)
    wider = edited("posyandu", f'jumlah_kader = {{ like = "{old}', f'jumlah_kader = {{ like = "{new}')

    assert sentences(apply(conn, wider)) == ["Tipe field posyandu.jumlah_kader diganti; isinya tetap."]
    assert column(conn, "posyandu", "jumlah_kader") == [becomes]


def test_a_type_that_does_not_is_changed_only_when_named(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["posyandu"], no_sk="dua belas")
    other = edited("posyandu", 'title = "Nomor SK", type = "text"', 'title = "Nomor SK", type = "integer"')

    assert refused(conn, other).startswith("Tipe field posyandu.no_sk diganti; 1 isinya dihapus. Data akan hilang")
    apply(conn, other, "posyandu.no_sk")

    assert column(conn, "posyandu", "no_sk") == [None]
    assert versions(conn, "posyandu", "no_sk") == [(1, "dua belas", "operator", False)]


@pytest.mark.parametrize("codes", ['a = "A"', 'kantor = "Kantor", balai_rw = "Balai RW"'])
def test_one_code_may_become_a_list_of_codes(conn: Connection, catalogue: Catalogue, edited: Edit, codes: str):
    content = (LAYERS / "posyandu.toml").read_text("utf-8")
    (line,) = re.findall(r"^tempat = .*$", content, re.MULTILINE)
    edited("posyandu", '[home]\nlayer = "batas_rt"\nfield = "tempat"\nvalues = ["rumah_warga"]\n', "")
    many = edited("posyandu", line, f'tempat = {{ title = "Tempat", type = "codes", codes = {{ {codes} }} }}')
    add(conn, catalogue["posyandu"], tempat="kantor")

    apply(conn, many, "posyandu.tempat")

    assert column(conn, "posyandu", "tempat") == [None]
    with pytest.raises(Exception, match="posyandu_tempat_codes"), conn.begin_nested():
        add(conn, many["posyandu"], tempat=["entah"])


def test_another_measure_is_computed_anew(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["zona_sampah"], SQUARE, nama="Zona 1", kode_zona="1")
    metres = edited("zona_sampah", '{ like = "luas_ha" }', '{ like = "luas_m2" }')

    assert sentences(apply(conn, metres)) == ["Field terhitung zona_sampah.luas_ha diganti."]
    assert column(conn, "zona_sampah", "luas_ha") == [pytest.approx(1_219_000, rel=0.01)]


def test_a_written_figure_becomes_a_computed_one_only_when_named(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["batas_kelurahan"], SQUARE, nama="Pojok", kode_wilayah="35.71.01.1001", luas_resmi_ha=7)
    content = (LAYERS / "batas_kelurahan.toml").read_text("utf-8")
    (line,) = re.findall(r"^luas_resmi_ha = .*$", content, re.MULTILINE)
    computed = edited("batas_kelurahan", line, 'luas_resmi_ha = { like = "luas_ha" }')

    assert "kini dihitung; 1 isinya dihapus. Data akan hilang" in refused(conn, computed)
    apply(conn, computed, "batas_kelurahan.luas_resmi_ha")

    assert column(conn, "batas_kelurahan", "luas_resmi_ha") == column(conn, "batas_kelurahan", "luas_ha")
    assert [value for _, value, _, _ in versions(conn, "batas_kelurahan", "luas_resmi_ha")] == [7.0]


def test_a_computed_figure_goes_without_asking(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["zona_sampah"], SQUARE, nama="Zona 1", kode_zona="1")

    apply(conn, edited("zona_sampah", 'luas_ha = { like = "luas_ha" }\n', ""))


def test_an_empty_layer_goes_without_asking(conn: Connection, tmp_path: Path, edited: Edit):
    edited("kwt", "[fields]\n", "[fields]\n")
    (tmp_path / "layers" / "kwt.toml").unlink()

    assert sentences(apply(conn, read_catalogue(tmp_path / "layers"))) == ["Lapisan kwt dihapus bersama 0 fitur."]


def test_a_layer_with_features_goes_only_when_named_and_the_history_keeps_them(
    conn: Connection, catalogue: Catalogue, tmp_path: Path, edited: Edit
):
    add(conn, catalogue["kwt"], nama="Melati")
    edited("umkm", "[fields]\n", "[fields]\n")
    (tmp_path / "layers" / "kwt.toml").unlink()
    without = read_catalogue(tmp_path / "layers")

    said = refused(conn, without)
    assert said.startswith("Lapisan kwt dihapus bersama 1 fitur. Data akan hilang, jadi tidak ada yang diubah.")
    assert said.endswith("geosatu layers apply --drop kwt.")
    apply(conn, without, "kwt")

    assert versions(conn, "kwt", "nama") == [(1, "Melati", None, True)]
    assert sentences(apply(conn, catalogue)) == ["Lapisan kwt dibuat."]


def test_every_loss_is_named_at_once(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["posyandu"], no_sk="12/2024", puskesmas_pembina="Sukorame")
    edited("posyandu", 'no_sk = { title = "Nomor SK", type = "text" }\n', "")
    without = edited("posyandu", 'puskesmas_pembina = { title = "Puskesmas pembina", type = "text" }\n', "")

    named = re.findall(r"--drop (\S+?)\.?(?= |$)", refused(conn, without))

    assert sorted(named) == ["posyandu.no_sk", "posyandu.puskesmas_pembina"]
    assert refused(conn, without, "posyandu.no_sk").endswith("--drop posyandu.puskesmas_pembina.")


def test_another_key_is_applied_where_it_tells_features_apart(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["batas_kecamatan"], SQUARE, nama="Kota", kode_kecamatan="35.71.02")
    add(conn, catalogue["batas_kecamatan"], SQUARE, nama="Pesantren", kode_kecamatan="35.71.03")

    apply(conn, edited("batas_kecamatan", 'key = ["kode_kecamatan"]', 'key = ["nama"]'))

    with pytest.raises(Exception, match="batas_kecamatan_key"), conn.begin_nested():
        add(conn, catalogue["batas_kecamatan"], SQUARE, nama="Kota", kode_kecamatan="35.71.09")


def test_a_key_that_two_features_share_is_refused(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["batas_kecamatan"], SQUARE, nama="Kota", kode_kecamatan="35.71.02")
    add(conn, catalogue["batas_kecamatan"], SQUARE, nama="Kota", kode_kecamatan="35.71.03")

    said = refused(conn, edited("batas_kecamatan", 'key = ["kode_kecamatan"]', 'key = ["nama"]'))

    assert said == (
        "Kunci lapisan batas_kecamatan belum dapat dipakai: ada fitur dengan kunci yang sama. "
        "Perbaiki fitur itu lebih dahulu."
    )


def test_a_field_of_the_key_may_go_with_it(conn: Connection, edited: Edit):
    edited("titik_rt", 'key = ["kode_wilayah", "no_rw", "no_rt"]', 'key = ["kode_wilayah", "no_rt"]')
    content = (LAYERS / "titik_rt.toml").read_text("utf-8")
    (line,) = re.findall(r"^no_rw = .*\n", content, re.MULTILINE)

    apply(conn, edited("titik_rt", line, ""))


def test_an_empty_layer_may_get_another_geometry(conn: Connection, edited: Edit):
    catalogue = edited("titik_sampah", 'geometry = "Point"', 'geometry = "MultiPoint"')

    steps = apply(conn, edited("lahan_tidur", 'geometry = "MultiPolygon"', 'geometry = "Polygon"'))

    assert sentences(steps) == [
        "Geometri lapisan lahan_tidur diganti dari MULTIPOLYGON ke Polygon.",
        "Geometri lapisan titik_sampah diganti dari POINT ke MultiPoint.",
    ]
    assert "luas_m2" in catalogue["lahan_tidur"].fields


def test_single_shapes_may_become_multiple_ones(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["titik_sampah"], nama="TPS Pojok")

    apply(conn, edited("titik_sampah", 'geometry = "Point"', 'geometry = "MultiPoint"'))

    assert conn.scalar(text("SELECT ST_AsText(geom) FROM layer.titik_sampah")) in (
        "MULTIPOINT(112.01 -7.82)",
        "MULTIPOINT((112.01 -7.82))",
    )


def test_features_do_not_change_their_geometry_otherwise(conn: Connection, catalogue: Catalogue, edited: Edit):
    add(conn, catalogue["lahan_tidur"], SQUARE)
    single = edited("lahan_tidur", 'geometry = "MultiPolygon"', 'geometry = "Polygon"')

    with pytest.raises(RefusedChange, match=r"dari MULTIPOLYGON ke Polygon selama ada 1 fitur; kembalikan berkas"):
        plan_layers(conn, single)


def test_a_step_that_the_database_refuses_is_a_sentence(conn: Connection, tmp_path: Path, edited: Edit):
    # The index posyandu_geom has this name already.
    edited("kwt", "[fields]\n", "[fields]\n")
    shutil.copy(tmp_path / "layers" / "kwt.toml", tmp_path / "layers" / "posyandu_geom.toml")

    said = refused(conn, read_catalogue(tmp_path / "layers"))

    assert said.startswith("Tidak ada yang diubah, karena satu langkah tidak dapat dijalankan: Lapisan posyandu_geom")


# What the database keeps by itself.


def test_an_edit_moves_the_version_and_keeps_the_old_row(conn: Connection, catalogue: Catalogue):
    posyandu = table_of(catalogue["posyandu"])
    feature = add(conn, catalogue["posyandu"], nama="Mawar", hp_ketua="0812")

    moved = "SRID=4326;POINT(112.02 -7.83)"
    edit = update(posyandu).where(posyandu.c.id == feature)
    conn.execute(edit.values(nama="Mawar 1", geom=moved, updated_by="lurah", version=99))
    conn.execute(edit.values(nama="Mawar 2", updated_by="walidata"))

    assert column(conn, "posyandu", "version") == [3]
    assert versions(conn, "posyandu", "nama") == [(1, "Mawar", "lurah", False), (2, "Mawar 1", "walidata", False)]
    kept = conn.execute(text("SELECT feature, ST_X(geom), attributes FROM geosatu.history ORDER BY id")).all()
    assert [(row[0], row[1]) for row in kept] == [(feature, 112.01), (feature, 112.02)]
    assert kept[0].attributes["hp_ketua"] == "0812"
    assert "geom" not in kept[0].attributes


def test_a_deleted_feature_stays_in_the_history(conn: Connection, catalogue: Catalogue):
    feature = add(conn, catalogue["posyandu"], nama="Mawar")

    conn.execute(text("DELETE FROM layer.posyandu WHERE id = :id"), {"id": feature})

    assert versions(conn, "posyandu", "nama") == [(1, "Mawar", None, True)]


def test_an_id_is_not_given_twice(conn: Connection, catalogue: Catalogue):
    first = add(conn, catalogue["posyandu"])
    conn.execute(text("DELETE FROM layer.posyandu"))

    assert add(conn, catalogue["posyandu"]) > first


def test_the_revision_moves_with_every_change_of_the_layer_and_no_other(conn: Connection, catalogue: Catalogue):
    before = {layer.name: revision(conn, layer.name) for layer in catalogue}

    add(conn, catalogue["posyandu"])
    conn.execute(text("UPDATE layer.posyandu SET nama = 'Mawar'"))
    conn.execute(text("DELETE FROM layer.posyandu"))

    after = {layer.name: revision(conn, layer.name) for layer in catalogue}
    assert after == before | {"posyandu": before["posyandu"] + 3}


@pytest.mark.parametrize(
    "values",
    [
        {"kode_wilayah": "3571011001"},
        {"kode_wilayah": "35.71.01.1001\n"},
        {"status": "selesai"},
        {"source": "katanya"},
        {"tempat": "di mana saja"},
        {"layanan": ["kesehatan", "entah"]},
        {"geom": "SRID=4326;LINESTRING(112 -7.8, 112.1 -7.8)"},
        {"geom": None},
    ],
    ids=str,
)
def test_the_table_takes_no_value_outside_the_catalogue(conn: Connection, catalogue: Catalogue, values: dict[str, Any]):
    with pytest.raises(Exception, match=r"violates|does not match"), conn.begin_nested():
        add(conn, catalogue["posyandu"], **{"place": values.pop("geom", PLACE), **values})
