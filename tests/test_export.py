"""Files that geosatu writes: the same features as in the database, typed as the layer is, whole or not at all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import fiona
import pytest
from importing import BARAT, IN_BARAT, IN_TIMUR, POSYANDU, Town, collection, feature
from shapely.geometry import Polygon, shape

from geosatu import writers
from geosatu.errors import RefusedChange
from geosatu.features import Actor
from geosatu.layers import Access, Catalogue, read_catalogue
from geosatu.store import read

FORMATS = [".geojson", ".gpkg"]

LAYERS = list(read_catalogue(Path(__file__).parent.parent / "layers").layers)


def export(conn, catalogue: Catalogue, name: str, file: Path, access: Access = "terbatas") -> Path:
    layer, actor = catalogue[name], Actor("penguji", access)
    if file.suffix == ".geojson":
        writers.write_geojson(read.geojson(conn, layer, actor), layer, file)
    else:
        writers.write_geopackage(read.frame(conn, layer, actor), layer.readable(access), layer, file)
    return file


def ids_in(file: Path) -> list[int]:
    with fiona.open(file) as features:
        return [int(each.id) for each in features]


@pytest.fixture
def town(conn, catalogue: Catalogue, tmp_path: Path) -> Town:
    return Town(conn, catalogue, tmp_path).with_boundaries()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_file_has_the_features_that_the_reader_sees(demo_conn, catalogue: Catalogue, tmp_path, name, suffix):
    """For the public some homes have no place that may be shown, and are left out."""
    for access in ("publik", "terbatas"):
        file = export(demo_conn, catalogue, name, tmp_path / f"{access}{suffix}", access)

        found = ids_in(file)

        assert len(found) == len(set(found)) == read.count(demo_conn, catalogue[name], Actor("penguji", access)) > 0


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_layer_without_features_is_a_file_without_features(conn, catalogue: Catalogue, tmp_path, suffix):
    file = export(conn, catalogue, "posyandu", tmp_path / f"posyandu{suffix}")

    assert ids_in(file) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_values_keep_their_types(town: Town, suffix):
    said = {"layanan": ["kesehatan", "sosial"], "jam_buka": "08:30", "tanggal_data": "2026-08-17", "accuracy_m": 0.1}
    town.bring(
        "posyandu",
        collection(feature(IN_BARAT, **POSYANDU, **said), feature(IN_TIMUR, nama='"A", B\n\u00e9 \U0001f600')),
    )

    with fiona.open(export(town.conn, town.catalogue, "posyandu", town.folder / f"posyandu{suffix}")) as features:
        melati, other = (dict(each.properties) for each in features)

    assert (melati["jumlah_kader"], other["jumlah_kader"]) == (5, None)
    assert (melati["accuracy_m"], other["accuracy_m"]) == (0.1, None)
    assert date.fromisoformat(str(melati["tanggal_data"])) == date(2026, 8, 17)
    assert (melati["jam_buka"], other["jam_buka"]) == ("08:30:00", None)
    assert (melati["status"], melati["kode_wilayah"], other["nama"]) == ("draf", BARAT[0], '"A", B\n\u00e9 \U0001f600')
    if suffix == ".gpkg":
        assert melati["layanan"] == "kesehatan, sosial"


def test_lists_stay_lists_in_geojson(town: Town):
    town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU, layanan=["kesehatan", "sosial"])))

    file = export(town.conn, town.catalogue, "posyandu", town.folder / "posyandu.geojson")

    (posyandu,) = json.loads(file.read_bytes())["features"]
    assert posyandu["properties"]["layanan"] == ["kesehatan", "sosial"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_personal_data_are_in_the_files_of_those_who_may_see_them(town: Town, suffix):
    town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU, nama_ketua="Ketua Melati", keterangan="ramai")))

    contents = {
        access: export(town.conn, town.catalogue, "posyandu", town.folder / f"{access}{suffix}", access).read_bytes()
        for access in ("publik", "internal", "terbatas")
    }

    assert [b"Ketua Melati" in content for content in contents.values()] == [False, False, True]
    assert [b"ramai" in content for content in contents.values()] == [False, True, True]
    assert [b"nama_ketua" in content for content in contents.values()] == [False, False, True]


def test_geojson_is_as_its_standard_asks(demo_conn, catalogue: Catalogue, tmp_path):
    file = export(demo_conn, catalogue, "batas_kelurahan", tmp_path / "batas.geojson")

    document = json.loads(file.read_bytes())

    assert document["type"] == "FeatureCollection"
    assert (document["name"], document["licence"]) == ("batas_kelurahan", "CC-BY-4.0")
    assert "crs" not in document
    shapes = [shape(each["geometry"]) for each in document["features"]]
    parts = [part for whole in shapes for part in whole.geoms]
    assert all(isinstance(part, Polygon) and part.exterior.is_ccw for part in parts)
    assert all(111 < whole.bounds[0] < 113 and -9 < whole.bounds[1] < -7 for whole in shapes)


def test_a_geopackage_has_one_table_named_as_the_layer_in_wgs84(demo_conn, catalogue: Catalogue, tmp_path):
    file = export(demo_conn, catalogue, "batas_kelurahan", tmp_path / "batas.gpkg")

    assert fiona.listlayers(file) == ["batas_kelurahan"]
    with fiona.open(file) as features:
        assert (features.crs.to_epsg(), features.schema["geometry"], len(features)) == (4326, "MultiPolygon", 46)
        assert features.schema["properties"]["luas_ha"] == "float"
        assert "id" not in features.schema["properties"]
    with sqlite3.connect(file) as database:
        (about,) = database.execute("SELECT identifier, description, srs_id FROM gpkg_contents").fetchall()
    layer = catalogue["batas_kelurahan"]
    assert about == (layer.title, layer.abstract, 4326)


def test_the_ids_of_a_geopackage_are_those_of_the_service(town: Town):
    town.bring("posyandu", collection(feature(IN_BARAT, **POSYANDU), feature(IN_TIMUR, **POSYANDU)))

    file = export(town.conn, town.catalogue, "posyandu", town.folder / "posyandu.gpkg")

    assert ids_in(file) == [row["id"] for row in town.rows("posyandu")]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_takes_the_place_of_the_one_before(town: Town, suffix):
    file = town.folder / f"posyandu{suffix}"
    file.write_text("lama")

    export(town.conn, town.catalogue, "posyandu", file)

    assert ids_in(file) == []


def test_a_file_that_could_not_be_finished_leaves_the_one_before(town: Town):
    file = town.folder / "posyandu.geojson"
    file.write_text("lama")

    def breaking() -> Iterator[bytes]:
        yield b"{}"
        raise EOFError

    with pytest.raises(EOFError):
        writers.write_geojson(breaking(), town.catalogue["posyandu"], file)

    assert file.read_text() == "lama"
    assert [each.name for each in town.folder.iterdir() if "unfinished" in each.name] == []


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("folder", ["tidak_ada", "ada"])
def test_a_file_that_cannot_be_written_is_told_in_one_sentence(town: Town, suffix, folder):
    (town.folder / "ada" / f"a{suffix}").mkdir(parents=True)  # a folder where the file should be

    with pytest.raises(RefusedChange, match=r"tidak dapat ditulis; periksa foldernya"):
        export(town.conn, town.catalogue, "posyandu", town.folder / folder / f"a{suffix}")
