"""Files that geosatu writes: the same features as in the database, typed as the layer is, whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fiona
import geopandas
import numpy
import psycopg
import pyarrow.parquet
import pyogrio
import pyproj
import pytest
import shapely
from fastapi.testclient import TestClient
from importing import BARAT, IN_BARAT, IN_TIMUR, POSYANDU, Town, collection, feature
from shapely.geometry import Polygon, shape
from sqlalchemy import Connection, Engine, text

from geosatu.cql2 import parse_filter
from geosatu.crs import parse_crs
from geosatu.database.connect import conninfo_of
from geosatu.errors import InvalidQuery
from geosatu.exporting import write
from geosatu.features import Actor, Box, Query
from geosatu.layers import Access, Catalogue, Layer, read_catalogue
from geosatu.store import read
from geosatu.store.batches import record_batches
from geosatu.writers import files
from geosatu.writers.files import formats_of

CATALOGUE = read_catalogue(Path(__file__).parent.parent / "layers")
LAYERS = list(CATALOGUE.layers)
FORMATS = formats_of(CATALOGUE["posyandu"])
TYPED = ["geojson", "gpkg", "fgb", "parquet"]
"""The formats that keep every value as it is."""


def export(
    engine: Engine, layer: Layer, file: Path, form: str, query: Query | None = None, access: Access = "publik", **told
) -> Path:
    write(conninfo_of(engine, 60), layer, query or Query(), Actor("penguji", access), file, form, **told)
    return file


def shapes_in(file: Path, form: str) -> list[Any]:
    """The geometry of each feature of a file, as other programs read it."""
    match form:
        case "geojson":
            return [shape(each["geometry"]) for each in json.loads(file.read_bytes())["features"]]
        case "geojsonl":
            return [shape(json.loads(line)["geometry"]) for line in file.read_text("utf-8").splitlines()]
        case "csv":
            return [_placed(row) for row in csv.DictReader(file.read_text("utf-8-sig").splitlines(keepends=True))]
        case "xlsx":
            return [_placed(row) for row in rows_of_sheet(file)]
        case "gpx":
            points = ElementTree.parse(file).findall("{*}wpt")
            return [shapely.Point(float(each.attrib["lon"]), float(each.attrib["lat"])) for each in points]
        case "parquet":
            return list(geopandas.read_parquet(file).geometry)
        case _:
            source = f"/vsizip/{file}" if form == "shp.zip" else file
            layer = pyogrio.list_layers(source)[0][0]
            return list(shapely.from_wkb(pyogrio.raw.read(source, layer=layer)[2]))


def _placed(row: dict[str, Any]) -> Any:
    if "wkt" in row:
        return shapely.from_wkt(row["wkt"])
    north, east = ("lintang", "bujur") if "bujur" in row else ("y", "x")
    return shapely.Point(float(row[east]), float(row[north]))


def rows_of_sheet(file: Path) -> list[dict[str, str]]:
    """The first sheet of a workbook, by its titles."""
    with zipfile.ZipFile(file) as parts:
        sheet = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    rows = []
    for row in sheet.findall(".//{*}row"):
        cells = {each.attrib["r"].rstrip("0123456789"): "".join(each.itertext()) for each in row.findall("{*}c")}
        rows.append(cells)
    titles = rows[0]
    return [{titles[column]: value for column, value in row.items()} for row in rows[1:]]


def content_of(file: Path) -> bytes:
    """All bytes of a file, unpacked."""
    if file.suffix == ".parquet":
        return str(pyarrow.parquet.read_table(file).to_pylist()).encode()
    if not zipfile.is_zipfile(file):
        return file.read_bytes()
    with zipfile.ZipFile(file) as parts:
        return b"".join(parts.read(name) for name in parts.namelist())


def ids_in(file: Path) -> list[int]:
    with fiona.open(file, **({"layer": "posyandu"} if file.suffix == ".gpkg" else {})) as features:
        return [int(each.id) for each in features]


def alike(some: list[Any], others: list[Any], near: float) -> bool:
    """The same places, in any order."""
    middles = [sorted((each.centroid.x, each.centroid.y) for each in each_of) for each_of in (some, others)]
    return len(some) == len(others) and numpy.allclose(*middles, rtol=0, atol=near)


@pytest.fixture
def town(kept_conn: Connection, catalogue: Catalogue, tmp_path: Path) -> Town:
    return Town(kept_conn, catalogue, tmp_path).with_boundaries()


# What is in them.


@pytest.mark.parametrize("name", LAYERS)
def test_every_format_has_every_feature_where_it_is(demo_city: Engine, demo_conn: Connection, tmp_path, name):
    """For the public some homes have no place that may be shown, and are left out."""
    layer = CATALOGUE[name]
    for access in ("publik", "terbatas"):
        there = list(read.frame(demo_conn, layer, Actor("penguji", access)).geometry)
        for form in formats_of(layer):
            file = export(demo_city, layer, tmp_path / f"{access}.{form}", form, access=access)
            assert alike(shapes_in(file, form), there, near=1e-7), form
        assert len(there) > 0


@pytest.mark.parametrize("form", FORMATS)
def test_a_layer_without_features_is_a_file_without_features(kept_city: Engine, tmp_path, form):
    assert shapes_in(export(kept_city, CATALOGUE["posyandu"], tmp_path / f"a.{form}", form), form) == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_filter_and_a_box_choose_the_features(demo_city: Engine, demo_conn: Connection, tmp_path, form):
    layer, box = CATALOGUE["posyandu"], Box(112.0, -7.85, 112.02, -7.8)
    every = read.frame(demo_conn, layer, Actor("penguji"))
    wanted = every[(every["strata"] == "mandiri") & every.intersects(shapely.box(*box))]
    query = Query(box=box, filter=parse_filter("strata = 'mandiri'", "cql2-text"))

    file = export(demo_city, layer, tmp_path / f"a.{form}", form, query)

    assert alike(shapes_in(file, form), list(wanted.geometry), near=1e-7)
    assert 0 < len(wanted) < len(every)


@pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name in ("posyandu", "batas_kelurahan") for form in formats_of(CATALOGUE[name])]
)
def test_coordinates_are_in_the_crs_that_is_asked_for(demo_city: Engine, demo_conn: Connection, tmp_path, name, form):
    """But for KML and GPX, which know degrees of WGS 84 only."""
    layer = CATALOGUE[name]
    frame = read.frame(demo_conn, layer, Actor("penguji"))
    degrees = form in ("kml", "gpx")
    there = frame.geometry if degrees else frame.to_crs(32749).geometry

    file = export(demo_city, layer, tmp_path / f"a.{form}", form, Query(crs=parse_crs("EPSG:32749", "crs")))

    assert alike(shapes_in(file, form), list(there), near=1e-6 if degrees else 0.002)
    if form in ("geojson", "gpkg", "fgb"):
        assert pyogrio.read_info(file, layer=0)["crs"] == "EPSG:32749"
    if form == "shp.zip":
        assert pyproj.CRS(pyogrio.read_info(f"/vsizip/{file}")["crs"]).to_epsg() == 32749
    if form == "parquet":
        assert geopandas.read_parquet(file).crs.to_epsg() == 32749


def test_degrees_in_the_order_of_their_authority_are_longitude_first_in_files_too(demo_city: Engine, tmp_path):
    query = Query(crs=parse_crs("EPSG:4326", "crs"))

    for form in FORMATS:
        file = export(demo_city, CATALOGUE["posyandu"], tmp_path / f"a.{form}", form, query)
        assert all(111 < each.x < 113 and -9 < each.y < -7 for each in shapes_in(file, form)), form


@pytest.mark.parametrize("form", TYPED)
def test_values_keep_their_types(town: Town, form):
    said = {"layanan": ["kesehatan", "sosial"], "jam_buka": "08:30", "tanggal_data": "2026-08-17", "accuracy_m": 0.1}
    other_name = '"A", B\n\u00e9 \U0001f600'
    town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU, **said), feature(IN_TIMUR, nama=other_name)))

    file = town.export("posyandu", form)
    if form == "parquet":
        rows = pyarrow.parquet.read_table(file).to_pylist()
    else:
        with fiona.open(file, **({"layer": "posyandu"} if form == "gpkg" else {})) as features:
            rows = [dict(each.properties) for each in features]
    melati, other = sorted(rows, key=lambda row: row["nama"] != "Melati")

    assert (melati["jumlah_kader"], other["jumlah_kader"]) == (5, None)
    assert (melati["accuracy_m"], other["accuracy_m"]) == (0.1, None)
    assert date.fromisoformat(str(melati["tanggal_data"])[:10]) == date(2026, 8, 17)
    assert (melati["jam_buka"], other["jam_buka"]) == ("08:30:00", None)
    assert (melati["status"], melati["kode_wilayah"], other["nama"]) == ("draf", BARAT[0], other_name)
    if form != "geojson":
        assert melati["layanan"] == "kesehatan, sosial"


def test_tables_have_titles_types_and_the_same_text(town: Town):
    name = '"A", B\n\u00e9 \U0001f600'
    said = POSYANDU | {"nama": name, "layanan": ["kesehatan", "sosial"]}
    town.bring("posyandu", collection(feature(IN_BARAT, **said)))

    (row,) = csv.DictReader(town.export("posyandu", "csv").read_text("utf-8-sig").splitlines(keepends=True))
    (cells,) = rows_of_sheet(town.export("posyandu", "xlsx"))

    assert (row["nama"], row["layanan"], row["jumlah_kader"]) == (name, "kesehatan, sosial", "5")
    assert (cells["Nama"], cells["Layanan"], cells["Jumlah kader"]) == (name, "kesehatan, sosial", "5")
    assert (row["lintang"], row["bujur"]) == (cells["lintang"], cells["bujur"]) == ("-7.795", "112.005")


def test_kml_has_names_types_titles_colours_and_any_text(town: Town):
    name = '<b>"A" & B</b>\n\u00e9 \U0001f600'
    town.bring("posyandu", collection(feature(IN_BARAT, **(POSYANDU | {"nama": name}))))
    town.conn.execute(text("UPDATE layer.posyandu SET alamat = E'a\\x01\\x02\\uFFFFb'"))  # no XML can hold these
    said = {"nama": name, "alamat": "ab", "jumlah_kader": "5"}

    file = town.export("posyandu", "kml")

    document = ElementTree.parse(file)
    fields = {each.attrib["name"]: each for each in document.findall(".//{*}Schema/{*}SimpleField")}
    placemark = document.find(".//{*}Placemark")
    values = {each.attrib["name"]: each.text for each in placemark.findall(".//{*}SimpleData")}
    styles = [f"#{each.attrib['id']}" for each in document.findall(".//{*}Style")]
    (posyandu,) = town.rows("posyandu")
    assert (placemark.findtext("{*}name"), placemark.attrib["id"]) == (name, f"posyandu.{posyandu['id']}")
    assert {each: values[each] for each in said} == said
    assert values.keys() <= fields.keys()
    assert (fields["jumlah_kader"].attrib["type"], fields["accuracy_m"].attrib["type"]) == ("int", "double")
    assert fields["jumlah_kader"].findtext("{*}displayName") == "Jumlah kader (orang)"
    assert placemark.findtext("{*}styleUrl") in styles
    assert "Lisensi: CC-BY-4.0" in document.findtext("{*}Document/{*}description")
    (row,) = geopandas.read_file(file).to_dict("records")
    assert (row["Name"], row["alamat"], row["jumlah_kader"]) == (name, "ab", 5)


def test_lists_stay_lists_in_geojson(town: Town):
    town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU, layanan=["kesehatan", "sosial"])))

    (posyandu,) = json.loads(town.export("posyandu", "geojson").read_bytes())["features"]

    assert posyandu["properties"]["layanan"] == ["kesehatan", "sosial"]


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "gpx"])
def test_personal_data_are_in_the_files_of_those_who_may_see_them(town: Town, form):
    town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU, nama_ketua="Ketua Melati", keterangan="ramai")))

    contents = {
        access: content_of(town.export("posyandu", form, access)) for access in ("publik", "internal", "terbatas")
    }

    assert [b"Ketua Melati" in content for content in contents.values()] == [False, False, True]
    assert [b"ramai" in content for content in contents.values()] == [False, True, True]
    if form != "xlsx":
        assert [b"nama_ketua" in content for content in contents.values()] == [False, False, True]


def test_what_a_reader_may_not_see_does_not_choose_features(demo_city: Engine, tmp_path):
    query = Query(filter=parse_filter("hp_ketua = '1'", "cql2-text"))

    with pytest.raises(InvalidQuery, match="'hp_ketua' tidak dapat disaring"):
        export(demo_city, CATALOGUE["posyandu"], tmp_path / "a.csv", "csv", query)
    export(demo_city, CATALOGUE["posyandu"], tmp_path / "a.csv", "csv", query, access="terbatas")


def test_geojson_is_as_its_standard_asks(demo_city: Engine, tmp_path):
    file = export(demo_city, CATALOGUE["batas_kelurahan"], tmp_path / "a.geojson", "geojson")

    document = json.loads(file.read_bytes())

    assert document["type"] == "FeatureCollection"
    assert (document["name"], document["metadata"]["Lisensi"]) == ("batas_kelurahan", "CC-BY-4.0")
    assert "crs" not in document
    shapes = [shape(each["geometry"]) for each in document["features"]]
    parts = [part for whole in shapes for part in whole.geoms]
    assert all(isinstance(part, Polygon) and part.exterior.is_ccw for part in parts)
    assert all(111 < whole.bounds[0] < 113 and -9 < whole.bounds[1] < -7 for whole in shapes)


def test_a_geopackage_has_one_table_of_features_named_as_the_layer_in_wgs84(demo_city: Engine, tmp_path):
    layer = CATALOGUE["batas_kelurahan"]

    file = export(demo_city, layer, tmp_path / "a.gpkg", "gpkg")

    with fiona.open(file, layer="batas_kelurahan") as features:
        assert (features.crs.to_epsg(), features.schema["geometry"], len(features)) == (4326, "MultiPolygon", 46)
        assert features.schema["properties"]["luas_ha"] == "float"
        assert "id" not in features.schema["properties"]
    with sqlite3.connect(file) as database:
        about = "SELECT identifier, description, srs_id FROM gpkg_contents WHERE data_type = 'features'"
        assert database.execute(about).fetchall() == [(layer.title, layer.abstract, 4326)]


def test_the_ids_of_a_geopackage_are_those_of_the_service(town: Town):
    town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU), feature(IN_TIMUR, **POSYANDU)))

    assert ids_in(town.export("posyandu", "gpkg")) == [row["id"] for row in town.rows("posyandu")]


@pytest.mark.parametrize("query", ["", "?crs=EPSG:32749&strata=mandiri"])
@pytest.mark.parametrize("form", ["geojson", "geojsonl", "csv", "kml", "gpx"])
def test_the_service_writes_the_same_file(client: TestClient, demo_city: Engine, tmp_path, form, query):
    asked = Query(crs=parse_crs("EPSG:32749", "crs"), filter=parse_filter("strata = 'mandiri'", "cql2-text"))

    file = export(demo_city, CATALOGUE["posyandu"], tmp_path / f"a.{form}", form, asked if query else None)

    assert client.get(f"/files/posyandu.{form}{query}").content == file.read_bytes()


# Whole or not at all.


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_takes_the_place_of_the_one_before(kept_city: Engine, tmp_path, form):
    file = tmp_path / f"a.{form}"
    file.write_text("lama")

    export(kept_city, CATALOGUE["posyandu"], file, form)

    assert shapes_in(file, form) == []
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, EOFError])
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_could_not_be_finished_leaves_the_one_before(demo_city: Engine, tmp_path, form, failure):
    """What went wrong is told as what it was, whichever library it went through."""
    file = tmp_path / f"a.{form}"
    file.write_text("lama")
    told = []

    def breaking(count: int) -> None:
        told.append(count)
        raise failure

    with pytest.raises(failure):
        export(demo_city, CATALOGUE["posyandu"], file, form, access="terbatas", written=breaking)

    assert file.read_text() == "lama"
    assert list(tmp_path.iterdir()) == [file]
    assert len(told) == 1
    assert told[0] > 0


@contextmanager
def full_disk_after(size: int) -> Iterator[None]:
    """No file of this process grows beyond this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_is_told_and_leaves_nothing(demo_city: Engine, tmp_path, form):
    with full_disk_after(4_000), pytest.raises(OSError, match=r"."):
        export(demo_city, CATALOGUE["posyandu"], tmp_path / f"a.{form}", form)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("folder", ["tidak_ada", "ada"])
def test_a_place_that_cannot_be_written_is_an_error_of_the_system(kept_city: Engine, tmp_path, form, folder):
    (tmp_path / "ada" / f"a.{form}").mkdir(parents=True)  # a folder where the file should be

    with pytest.raises(OSError, match=r"."):
        export(kept_city, CATALOGUE["posyandu"], tmp_path / folder / f"a.{form}", form)

    assert [each.name for each in tmp_path.rglob("*")] == ["ada", f"a.{form}"]


# A large layer, a database that fails.


@pytest.mark.parametrize("form", ["geojson", "gpkg"])
def test_it_is_told_how_far_it_is(kept_city: Engine, large: int, tmp_path, form):
    told: list[int] = []

    export(kept_city, CATALOGUE["kwt"], tmp_path / f"a.{form}", form, written=told.append)

    assert told == sorted(told)
    assert (len(told) > 1, told[-1]) == (True, large)


@pytest.mark.parametrize("form", ["kml", "csv", "gpkg", "parquet"])
def test_a_database_that_fails_midway_is_told_and_leaves_nothing(kept_city: Engine, large: int, tmp_path, form):
    def end_statement(_: int) -> None:
        with kept_city.connect() as conn:
            conn.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND query LIKE 'COPY (SELECT%'"
                )
            )

    with pytest.raises(psycopg.OperationalError, match=r"closed the connection|terminating connection"):
        export(kept_city, CATALOGUE["kwt"], tmp_path / f"a.{form}", form, written=end_statement)

    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_a_statement_that_has_not_begun_to_answer(kept_city: Engine):
    conninfo, actor = conninfo_of(kept_city, 60), Actor("penguji")
    with kept_city.connect() as conn:
        conn.execute(text("LOCK TABLE layer.kwt IN ACCESS EXCLUSIVE MODE"))
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt), record_batches(conninfo, CATALOGUE["kwt"], Query(), actor):
            raise AssertionError("the statement did not wait")
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        assert conn.scalar(waiting) == 0


# What a format cannot hold.


@pytest.mark.filterwarnings("error")
def test_text_too_long_for_a_shapefile_is_told_in_it(town: Town):
    town.bring("posyandu", collection(feature(IN_BARAT, nama="Melati", alamat="a" * 300)))

    content = content_of(town.export("posyandu", "shp.zip"))

    assert b"a" * 254 in content
    assert b"a" * 255 not in content
    assert "lebih panjang dari 254 bita terpotong" in content.decode("utf-8", "replace")


def test_a_workbook_holds_no_more_rows_than_a_sheet(town: Town, monkeypatch: pytest.MonkeyPatch):
    town.bring("posyandu", collection(*(feature(IN_BARAT, nama=f"Melati {number}") for number in range(4))))
    monkeypatch.setattr(files, "MOST_ROWS", 3)

    with pytest.raises(InvalidQuery, match="XLSX memuat paling banyak 3 fitur"):
        town.export("posyandu", "xlsx")

    assert list(town.folder.glob("*.xlsx")) == []


def test_a_shape_too_long_for_a_cell_is_not_cut(town: Town):
    ring = [(112 + numpy.cos(angle) / 300, -7.795 + numpy.sin(angle) / 300) for angle in numpy.linspace(0, 6.28, 2000)]
    town.bring("zona_sampah", collection(feature(Polygon(ring), nama="Zona")))

    (row,) = rows_of_sheet(town.export("zona_sampah", "xlsx"))

    assert row["wkt"] == files.TOO_LONG
