"""Programs that others wrote read every layer as it is: GDAL, with which QGIS and most of the field read, the one
that we bring and the one of the system; and OWSLib."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pyogrio
import pytest
import shapely
from conftest import running, settings_for
from owslib.ogcapi.features import Features
from programs import BOX, LAYERS, count, items, run_gdal, types_of
from sqlalchemy import Engine, text

from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.layers import Catalogue

Call = Callable[..., Any]

TYPES = {
    "text": "String",
    "texts": "StringList",
    "photos": "StringList",
    "code": "String",
    "codes": "StringList",
    "time": "String",
    "integer": "Integer",
    "decimal": "Real",
    "boolean": "Integer(Boolean)",
    "date": "Date",
}
"""The types of fields, as ogrinfo calls what GDAL takes them for."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Call]:
    """Calls a function in a process of its own: GDAL does not let go of the one in which the service answers."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield lambda function, *args, **kwargs: process.submit(function, *args, **kwargs).result(timeout=60)


@pytest.fixture(scope="module")
def ogc(service: str) -> str:
    """The service as GDAL is told of it."""
    return source(service)


@pytest.fixture(scope="module")
def bare(cluster: Cluster, catalogue: Catalogue) -> Iterator[str]:
    """A city as GDAL is told of it, whose layers are empty, but for one feature that has nothing but its place."""
    settings = settings_for(cluster, "bare")
    add = text(
        "INSERT INTO layer.titik_sampah (status, created_by, updated_by, geom) VALUES ('terbit', 'uji', 'uji', :place)"
    )
    with open_city(settings, catalogue) as engine, open_service(engine, LONGEST_STATEMENT) as service:
        with engine.begin() as conn:
            conn.execute(add, {"place": "SRID=4326;POINT(112 -7.8)"})
        with running(create_app(settings, catalogue, service)) as address:
            yield source(address)


def source(address: str) -> str:
    if "OAPIF" not in pyogrio.list_drivers():
        pytest.skip(f"GDAL {pyogrio.__gdal_version_string__} here has no OAPIF driver")
    return f"OAPIF:{address}/ogc"


# GDAL


def test_gdal_finds_every_layer(elsewhere: Call, ogc: str):
    assert sorted(name for name, _ in elsewhere(pyogrio.list_layers, ogc)) == LAYERS
    assert sorted(re.findall(r"^\d+: (\w+) ", run_gdal("ogrinfo", "-ro", "-q", ogc), re.MULTILINE)) == LAYERS


@pytest.mark.parametrize("layer", LAYERS)
def test_gdal_reads_every_feature_of_a_layer(elsewhere: Call, ogc: str, service: str, catalogue: Catalogue, layer: str):
    expected = items(service, layer)

    info = elsewhere(pyogrio.read_info, ogc, layer=layer, force_feature_count=True)
    frame = elsewhere(pyogrio.read_dataframe, ogc, layer=layer, fid_as_index=True)

    assert info["features"] == len(frame) == len(expected)
    assert frame.crs.equals("OGC:CRS84") or frame.crs.equals("EPSG:4326")
    assert set(frame.columns) - {"geometry", "id"} == set(expected[0]["properties"])
    assert set(frame.geom_type) == {catalogue[layer].geometry}
    read = dict(zip(frame.index, frame.geometry, strict=True))
    assert all(read[each["id"]].equals_exact(shapely.geometry.shape(each["geometry"]), 1e-9) for each in expected)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_systems_gdal_copies_a_layer_into_a_geopackage(
    ogc: str, service: str, catalogue: Catalogue, layer: str, tmp_path: Path
):
    expected = items(service, layer)
    file = tmp_path / "copy.gpkg"

    run_gdal("ogr2ogr", "-f", "GPKG", file, ogc, layer, "-oo", "PAGE_SIZE=40")

    frame = pyogrio.read_dataframe(file, layer=layer)
    assert len(frame) == len(expected)
    assert frame.crs.to_epsg() == 4326
    assert (
        set(frame.columns) - {"geometry", "id"}
        == set(types_of(catalogue[layer], TYPES))
        == set(expected[0]["properties"])
    )
    copied = dict(zip(frame["uid"], frame.geometry, strict=True))
    for each in expected:
        place = shapely.geometry.shape(each["geometry"])
        assert copied[each["properties"]["uid"]].equals_exact(place, 1e-9), "longitude first, as in the answer"


@pytest.mark.parametrize("city", ["ogc", "bare"])
@pytest.mark.parametrize("layer", LAYERS)
def test_gdal_knows_the_types_even_where_nothing_is(
    request: pytest.FixtureRequest, elsewhere: Call, catalogue: Catalogue, layer: str, city: str
):
    wanted = types_of(catalogue[layer], TYPES)
    address = request.getfixturevalue(city)

    info = elsewhere(pyogrio.read_info, address, layer=layer)
    told = run_gdal("ogrinfo", "-ro", "-so", address, layer)

    types = zip(info["fields"], info["ogr_types"], info["ogr_subtypes"], strict=True)
    ours = {
        name: kind.removeprefix("OFT") + sub.removeprefix("OFST").replace("Boolean", "(Boolean)").replace("None", "")
        for name, kind, sub in types
    }
    assert ours == wanted
    assert dict(re.findall(r"^(\w+): ([\w()]+) \(0\.0\)$", told, re.MULTILINE)) == wanted
    # The kind of geometry GDAL reads off the first feature, and out of no JSON Schema.
    assert info["geometry_type"] == (catalogue[layer].geometry if info["features"] else "Unknown")


def test_gdal_reads_a_feature_that_has_nothing_but_its_place(elsewhere: Call, bare: str):
    frame = elsewhere(pyogrio.read_dataframe, bare, layer="titik_sampah")

    assert frame.geometry[0] == shapely.Point(112, -7.8)
    assert frame.drop(columns=["geometry", "status", "uid", "version", "updated_at"]).isna().all(axis=None)
    assert frame["version"].tolist() == [1]


def test_gdal_pages_through_a_layer(elsewhere: Call, ogc: str, demo_city: Engine):
    few = elsewhere(pyogrio.read_dataframe, ogc, layer="pos_kamling", PAGE_SIZE="50")

    assert len(few) == few["uid"].nunique() == count(demo_city, "pos_kamling") > 300


def test_gdal_reads_the_part_in_a_box(elsewhere: Call, ogc: str, demo_city: Engine):
    whole = elsewhere(pyogrio.read_dataframe, ogc, layer="pos_kamling")

    part = elsewhere(pyogrio.read_dataframe, ogc, layer="pos_kamling", bbox=BOX)
    told = run_gdal("ogrinfo", "-ro", "-so", ogc, "pos_kamling", "-spat", *(str(edge) for edge in BOX))

    inside = f"ST_Intersects(geom, ST_MakeEnvelope({','.join(map(str, BOX))}, 4326))"
    assert 0 < len(part) == count(demo_city, "pos_kamling", inside) < len(whole)
    assert set(part["uid"]) == set(whole[whole.intersects(shapely.box(*BOX))]["uid"])
    assert f"Feature Count: {len(part)}\n" in told


def test_gdal_reads_one_feature_by_its_number(elsewhere: Call, ogc: str, service: str):
    expected = items(service, "titik_sampah")[7]

    one = elsewhere(pyogrio.read_dataframe, ogc, layer="titik_sampah", fids=[expected["id"]], columns=["nama"])

    assert one["nama"].tolist() == [expected["properties"]["nama"]]


WHERE = {
    "jenis = 'tps'": None,
    "jenis = 'entah'": None,
    "jenis <> 'tps'": None,
    "nama = 'it''s'": None,
    "nama LIKE 'TPS%'": None,
    "nama ILIKE 'tps%'": None,
    "jenis IN ('tps', 'bank_sampah')": None,
    "NOT (jenis = 'tps' OR nama LIKE 'TPS%')": None,
    "ritasi_per_minggu = 5": None,
    "ritasi_per_minggu BETWEEN 3 AND 5 AND jenis = 'tps'": None,
    "luas_m2 > 100.5": None,
    "luas_m2 + 1 > 100": None,
    "pemilahan = 1": "pemilahan",
    "pemilahan <> 1": "NOT pemilahan",
    "tanggal_lapor IS NULL": None,
    "tanggal_lapor >= '2025/06/01'": None,
    "tanggal_lapor < '2026/06/01' AND tanggal_lapor > '2026/01/01'": None,
    "tanggal_data = '2026/09/02'": None,
    "tanggal_data >= '2026/06/01'": None,
    "updated_at < '2020/01/01'": None,
    "updated_at >= '2020/01/01 08:30:00'": None,
}
"""Conditions of OGR, with what they mean in SQL where that is not the same."""


@pytest.mark.parametrize("where", WHERE)
def test_gdal_finds_what_a_condition_says(elsewhere: Call, ogc: str, demo_city: Engine, where: str):
    expected = count(demo_city, "titik_sampah", WHERE[where] or where)

    ours = elsewhere(pyogrio.read_dataframe, ogc, layer="titik_sampah", where=where)
    told = run_gdal("ogrinfo", "-ro", "-so", ogc, "titik_sampah", "-where", where)

    assert len(ours) == expected
    assert f"Feature Count: {expected}\n" in told


@pytest.mark.parametrize("epsg", [4326, 9470, 3857, 32749, 9489, 23836])
def test_gdal_puts_the_axes_of_a_crs_where_they_belong(elsewhere: Call, ogc: str, epsg: int):
    plain = elsewhere(pyogrio.read_dataframe, ogc, layer="lahan_tidur").set_index("uid")

    other = elsewhere(pyogrio.read_dataframe, ogc, layer="lahan_tidur", CRS=f"EPSG:{epsg}").set_index("uid")

    assert other.crs.equals(f"EPSG:{epsg}") or epsg == 4326
    assert other.to_crs(32749).distance(plain.to_crs(32749)).max() < 0.01


# OWSLib


@pytest.fixture(scope="module")
def owslib(service: str) -> Features:
    return Features(f"{service}/ogc")


def pages_of(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The page and those that follow it."""
    yield page
    while following := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        with urlopen(following[0], timeout=10) as answer:
            page = json.load(answer)
        yield page


def test_owslib_finds_the_layers_and_the_description(owslib: Features):
    assert sorted(owslib.feature_collections()) == LAYERS
    assert owslib.api()["openapi"].startswith("3.0")
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in owslib.conformance()["conformsTo"]
    assert owslib.collection("posyandu")["id"] == "posyandu"


def test_owslib_reads_what_can_be_asked_for(owslib: Features, catalogue: Catalogue):
    known = set(types_of(catalogue["posyandu"], TYPES))

    assert set(owslib.collection_queryables("posyandu")["properties"]) == known | {"geometry"}
    assert set(owslib.collection_schema("posyandu")["properties"]) == known | {"geometry", "id"}


@pytest.mark.parametrize(
    ("asked", "condition"),
    [
        ({}, "true"),
        ({"bbox": [*BOX]}, f"ST_Intersects(geom, ST_MakeEnvelope({','.join(map(str, BOX))}, 4326))"),
        ({"filter": "status_operasi = 'aktif' AND nama LIKE 'Pos%'"}, "status_operasi = 'aktif' AND nama LIKE 'Pos%'"),
        ({"datetime_": "2026-06-01/.."}, "tanggal_data >= '2026-06-01'"),
        ({"status": "terbit"}, "status = 'terbit'"),
    ],
    ids=lambda part: str(part)[:30],
)
def test_owslib_follows_every_page_of_what_it_asks_for(
    owslib: Features, demo_city: Engine, asked: dict[str, Any], condition: str
):
    first = owslib.collection_items("pos_kamling", limit=37, **asked)

    ids = [feature["id"] for page in pages_of(first) for feature in page["features"]]
    assert len(first["features"]) == 37 < first["numberMatched"] == len(ids) == len(set(ids))
    assert len(ids) == count(demo_city, "pos_kamling", condition)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_owslib_has_features_sorted(owslib: Features, order: str):
    first = owslib.collection_items("titik_sampah", limit=30, sortby=("tanggal_data", order))

    dates = [feature["properties"]["tanggal_data"] for page in pages_of(first) for feature in page["features"]]
    assert dates == sorted(dates, reverse=order == "desc")
    assert len(dates) == 80


def test_owslib_reads_one_feature(owslib: Features, service: str):
    expected = items(service, "posyandu")[3]

    one = owslib.collection_item("posyandu", str(expected["id"]))

    assert {key: one[key] for key in expected} == expected


def test_owslib_is_told_what_is_wrong(owslib: Features):
    with pytest.raises(RuntimeError, match="Parameter 'offset' tidak dikenal"):
        owslib.collection_items("posyandu", offset=5)
