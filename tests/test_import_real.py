"""Files that others made, as they are met in the field; none is part of the project."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

import fiona
import pytest
import shapely
from importing import Town
from sqlalchemy import text

from geosatu.errors import UnreadableFile
from geosatu.layers import Catalogue
from geosatu.readers import read as read_file

pytestmark = pytest.mark.real

LIMIT = 50_000_000


@pytest.fixture
def empty(kept_conn, catalogue: Catalogue, tmp_path: Path) -> Town:
    """A database with every layer and no feature."""
    return Town(kept_conn, catalogue, tmp_path)


@pytest.fixture
def kediri(demo_conn, catalogue: Catalogue, tmp_path: Path) -> Town:
    """The demonstration city."""
    return Town(demo_conn, catalogue, tmp_path)


def counts(report) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.unchanged, len(report.refused)


def count_in_geopackage(town: Town, name: str) -> int:
    """As Fiona counts the features of the layer's export."""
    with fiona.open(town.export(name, "gpkg"), layer=name) as features:
        return len(features)


# Files of any quality


@pytest.mark.parametrize("layer", ["posyandu", "batas_rt", "zona_sampah"])
@pytest.mark.parametrize("kind", ["gpx", "geojson"])
def test_every_messy_file_ends_in_a_report_or_in_one_sentence(empty: Town, real_data: Path, kind, layer):
    files = sorted((real_data / "messy" / kind).iterdir())
    sentences = []

    for file in files:
        with empty.conn.begin_nested() as attempt:
            try:
                report = empty.bring(layer, file)
            except UnreadableFile as sentence:
                sentences.append(str(sentence))
            else:
                assert report.records == report.accepted + len(report.refused) > 0
                sentences += [refusal.reason for refusal in report.refused]
            attempt.rollback()

    assert len(files) > 25
    assert all(each.endswith(".") and "\n" not in each and len(each) < 300 for each in sentences)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("gpx/bad.gpx", "lon='undefined' pada titik bukan bilangan"),
        ("geojson/hint_bad-polygonloop.geojson", "di tempat sebuah daftar"),
        ("geojson/hint_multiple_problems.geojson", "koordinat '39.36827914916011' bukan bilangan"),
        ("geojson/hint_featurecollection-type-case.geojson", "jenisnya (type) 'feature', bukan Feature"),
        ("geojson/pygeoapi_items.geojson", "berupa garis, padahal lapisan ini berisi titik"),
    ],
)
def test_what_is_wrong_with_a_messy_record_is_told(empty: Town, real_data: Path, file, told):
    report = empty.bring("posyandu", real_data / "messy" / file)

    assert any(told in refusal.reason for refusal in report.refused)


def test_real_invalid_villages_are_all_refused(empty: Town, real_data: Path):
    report = empty.bring("batas_kelurahan", real_data / "messy" / "geojson" / "desa_tidak_valid.geojson")

    assert counts(report) == (0, 0, 0, 13)
    assert all("tidak sah: " in refusal.reason for refusal in report.refused)


def test_a_crs_member_in_metres_is_followed(empty: Town, real_data: Path):
    report = empty.bring("zona_sampah", real_data / "messy" / "geojson" / "inasafe_landcover.geojson")

    assert (counts(report), report.crs) == ((4, 0, 0, 0), "EPSG:3857")
    (west,) = empty.conn.execute(text("SELECT ST_XMin(ST_Extent(geom)) FROM layer.zona_sampah")).one()
    assert 106 < west < 108


@pytest.mark.parametrize(
    ("file", "crs", "told"),
    [
        ("inasafe_tsunami_polygon_utm51s.zip", None, (997, 0, 0, 35)),
        ("inasafe_25dpolygon.zip", None, (1, 0, 0, 0)),
        ("inasafe_donut.zip", None, (9, 0, 0, 1)),
        ("inasafe_kabupaten_jakarta.zip", None, (6, 0, 0, 1)),
        ("inasafe_osm_subset_mercator.zip", None, (79, 0, 0, 0)),
        ("gpsbabel_osm_places_noprj.zip", "EPSG:4326", (0, 0, 0, 490)),
        ("fiona_test_tin.zip", "EPSG:4326", (0, 0, 0, 1)),
    ],
)
def test_shapefiles_of_others_are_read_where_they_lie_in_a_zip(empty: Town, real_data: Path, file, crs, told):
    report = empty.bring("zona_sampah", real_data / "messy" / "shp" / file, crs=crs)

    assert counts(report) == told


@pytest.mark.parametrize("file", ["gpsbabel_osm_places_noprj.zip", "fiona_test_tin.zip"])
def test_a_shapefile_without_prj_is_not_guessed_at(empty: Town, real_data: Path, file):
    with pytest.raises(UnreadableFile, match="sebutkan dengan --crs"):
        empty.bring("zona_sampah", real_data / "messy" / "shp" / file)


# Memory


@pytest.mark.parametrize(
    ("file", "geometry"),
    [
        ("rt_rw/jakarta_rw.geojson", "MultiPolygon"),
        ("messy/gpx/blue_hills.gpx", "MultiLineString"),
        ("messy/gpx/gpsbabel_skytraq-realdata.gpx", "LineString"),
        ("messy/geojson/desa_tidak_valid.geojson", "MultiPolygon"),
    ],
)
def test_a_file_is_read_in_a_few_times_its_size(real_data: Path, file, geometry):
    size = (real_data / file).stat().st_size
    tracemalloc.start()

    for _ in read_file(real_data / file, geometry, LIMIT).records:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 4 * size + 4_000_000


# Real cities, on an empty database

SOURCE = {"sumber": "cahyadsn/wilayah_boundaries"}

CITIES = {"kediri": (46, 3), "metro": (22, 5), "medan": (151, 21)}


@pytest.mark.parametrize("city", CITIES)
def test_the_boundaries_of_a_city_come_in_whole_and_go_out_whole(empty: Town, real_data: Path, city):
    kelurahan, kecamatan = CITIES[city]

    report = empty.bring(
        "batas_kelurahan", real_data / f"batas/{city}_kelurahan.geojson", constants=SOURCE, status="terbit"
    )
    above = empty.bring(
        "batas_kecamatan", real_data / f"batas/{city}_kecamatan.geojson", constants=SOURCE, status="terbit"
    )

    assert (counts(report), counts(above)) == ((kelurahan, 0, 0, 0), (kecamatan, 0, 0, 0))
    assert count_in_geopackage(empty, "batas_kelurahan") == kelurahan
    assert count_in_geopackage(empty, "batas_kecamatan") == kecamatan


def test_the_three_cities_live_in_one_database(empty: Town, real_data: Path):
    for city in CITIES:
        empty.bring("batas_kelurahan", real_data / f"batas/{city}_kelurahan.geojson", constants=SOURCE, status="terbit")

    rows = empty.rows("batas_kelurahan")

    assert Counter(row["kode_wilayah"][:5] for row in rows) == {"35.71": 46, "18.72": 22, "12.71": 151}
    assert all(row["kode_bps"] and row["kecamatan"] and row["nama"] for row in rows)
    assert count_in_geopackage(empty, "batas_kelurahan") == 219


def test_what_is_kept_of_a_boundary_is_what_the_file_has(empty: Town, real_data: Path):
    file = real_data / "batas/kediri_kelurahan.geojson"
    empty.bring("batas_kelurahan", file, constants=SOURCE)

    with fiona.open(file) as features:
        there = {each.properties["kode_kemendagri"]: shapely.geometry.shape(each.geometry) for each in features}

    kept = {row["kode_wilayah"]: shapely.from_wkt(row["geom"]) for row in empty.rows("batas_kelurahan")}
    assert kept.keys() == there.keys()
    assert all(kept[code].symmetric_difference(there[code]).area < 1e-12 for code in kept)


def test_the_waste_points_of_bandung_are_drafts_outside_all_kelurahan(empty: Town, real_data: Path):
    report = empty.bring("titik_sampah", real_data / "titik/bandung_lokasi_tps.csv")

    assert counts(report) == (154, 0, 0, 0)
    assert {note.text for note in report.drafts} == {
        "Jenis wajib diisi; Status wajib diisi; Pengelola wajib diisi; "
        "berada di luar semua batas kelurahan yang ada; periksa lintang dan bujur."
    }
    rows = empty.rows("titik_sampah")
    assert (rows[0]["nama"], rows[0]["alamat"]) == ("ORARI", "LEMAH NEUNDEUT")
    assert count_in_geopackage(empty, "titik_sampah") == 154


def test_waste_points_without_coordinates_are_refused_as_a_whole(empty: Town, real_data: Path):
    with pytest.raises(UnreadableFile, match="tidak ada kolom Lintang dan Bujur"):
        empty.bring("titik_sampah", real_data / "titik/bandung_tps_tanpa_koordinat.csv")


def test_the_offices_of_jakarta_come_in_and_go_out(empty: Town, real_data: Path):
    report = empty.bring("kantor_kelurahan", real_data / "titik/jakarta_kantor_pemerintahan.geojson")

    assert counts(report) == (308, 0, 0, 0)
    rows = empty.rows("kantor_kelurahan")
    assert sum(row["nama"].startswith("KANTOR LURAH") for row in rows) == 230
    assert rows[0]["alamat"] == "Jln.Batu Tulis 7, No.21"
    assert count_in_geopackage(empty, "kantor_kelurahan") == 308


def test_multipoints_of_one_point_are_points(empty: Town, real_data: Path):
    assert counts(empty.bring("posyandu", real_data / "titik/bogor_puskesmas.geojson")) == (11, 0, 0, 0)


PURWOKERTO = "rt_rw/purwokerto_wetan_rt.geojson"


def test_of_the_rt_of_purwokerto_the_three_invalid_ones_are_refused(empty: Town, real_data: Path):
    report = empty.bring("batas_kelurahan", real_data / PURWOKERTO, constants={"sumber": "rzq321/WebMapsPwtWtn"})

    assert counts(report) == (38, 0, 0, 3)
    assert [refusal.number for refusal in report.refused] == [17, 22, 23]
    assert all("tidak sah: garis batasnya" in refusal.reason for refusal in report.refused)
    assert count_in_geopackage(empty, "batas_kelurahan") == 38


def test_the_rt_of_purwokerto_are_numbered_from_their_names(empty: Town, real_data: Path):
    code = "33.02.27.1006"
    boundary = real_data / "rt_rw/purwokerto_wetan_batas_kelurahan.geojson"
    kelurahan = empty.bring("batas_kelurahan", boundary, constants={"sumber": "RBI", "kode_wilayah": code})

    report = empty.bring("batas_rt", real_data / PURWOKERTO, columns={"nama": "no_rt"})

    assert (counts(kelurahan), empty.rows("batas_kelurahan")[0]["nama"]) == ((1, 0, 0, 0), "Purwokerto Wetan")
    refused = {refusal.number: refusal.reason for refusal in report.refused}
    assert "'RT 03 / RT 001' tidak sesuai bentuknya" in refused.pop(40)
    assert {number for number, reason in refused.items() if "tidak sah" in reason} == {17, 22, 23}
    twice = {number: reason for number, reason in refused.items() if "tidak sah" not in reason}
    assert twice == {
        number: f"sama dengan catatan nomor {first}; hapus salah satunya."
        for number, first in {28: 5, 32: 25, 39: 24}.items()
    }
    rows = empty.rows("batas_rt")
    assert len(rows) == report.added == 34
    assert {row["kode_wilayah"] for row in rows} == {code}
    assert sorted((row["no_rt"], row["no_rw"]) for row in rows if row["no_rt"])[:2] == [("001", "002"), ("001", "003")]
    assert count_in_geopackage(empty, "batas_rt") == 34


def test_the_rw_of_jakarta_are_numbered_and_what_is_no_rw_is_refused(empty: Town, real_data: Path):
    report = empty.bring("batas_rw", real_data / "rt_rw/jakarta_rw.geojson")

    assert counts(report) == (2726, 0, 0, 6)
    assert [refusal.reason for refusal in report.refused if "tidak sah" not in refusal.reason] == [
        f"RW (kolom rw): '{name}' tidak sesuai bentuknya; yang diminta: Nomor rukun warga, tiga angka."
        for name in ("TPU", "Kawasan Industri Pulogadung", "TMII", "LP Cipinang", "TPU Penggilingan")
    ]
    assert count_in_geopackage(empty, "batas_rw") == 2726


def test_official_boundaries_replace_the_illustrative_ones_in_one_import(kediri: Town, real_data: Path):
    before = {row["kode_wilayah"]: row for row in kediri.rows("batas_kelurahan")}

    report = kediri.bring(
        "batas_kelurahan",
        real_data / "batas/kediri_kelurahan.geojson",
        constants={"status_batas": "indikatif", "sumber": "cahyadsn/wilayah_boundaries"},
        status="terbit",
    )

    assert counts(report) == (0, 46, 0, 0)
    after = {row["kode_wilayah"]: row for row in kediri.rows("batas_kelurahan")}
    assert {code: row["id"] for code, row in after.items()} == {code: row["id"] for code, row in before.items()}
    assert {(row["status_batas"], row["status"], row["version"]) for row in after.values()} == {
        ("indikatif", "terbit", 2)
    }
    assert {row["nama"] for row in after.values()} == {row["nama"] for row in before.values()}
    assert all(after[code]["geom"] != before[code]["geom"] for code in before)
    replaced = kediri.conn.scalar(text("SELECT count(*) FROM geosatu.history WHERE layer = 'batas_kelurahan'"))
    assert replaced == 46
