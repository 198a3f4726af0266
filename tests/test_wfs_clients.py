"""Programs that others wrote read every layer through WFS as it is: GDAL of the system, QGIS and OWSLib."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyogrio
import pytest
import shapely
from conftest import running, settings_for
from owslib.etree import etree
from owslib.feature.wfs110 import WebFeatureService_1_1_0
from owslib.fes import PropertyIsEqualTo
from owslib.wfs import WebFeatureService
from programs import BOX, LAYERS, Accounts, count, items, run_gdal, types_of, with_accounts
from sqlalchemy import Engine
from test_qgis import PYTHON, lacking_qgis, qgis_environment
from test_rights import seen_by
from wfs import VERSIONS

from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.layers import Catalogue

TYPES = {
    "text": "String",
    "texts": "String",
    "photos": "String",
    "code": "String",
    "codes": "String",
    "time": "Time",
    "integer": "Integer64",
    "decimal": "Real",
    "boolean": "Integer(Boolean)",
    "date": "Date",
}
"""The types of fields, as ogrinfo calls what GDAL takes them for."""


def source(address: str, version: str) -> str:
    """The WFS as GDAL is told of it."""
    return f"WFS:{address}/wfs?VERSION={version}"


@pytest.fixture(scope="module")
def bare(cluster: Cluster, catalogue: Catalogue) -> Iterator[str]:
    """A city whose layers are empty."""
    settings = settings_for(cluster, "bare_wfs")
    with (
        open_city(settings, catalogue) as engine,
        open_service(engine, LONGEST_STATEMENT) as service,
        running(create_app(settings, catalogue, service)) as address,
    ):
        yield address


# GDAL


@pytest.mark.parametrize("version", VERSIONS)
def test_gdal_finds_every_layer(service: str, version: str):
    told = run_gdal("ogrinfo", "-ro", "-q", source(service, version))

    assert sorted(re.findall(r"^\d+: geosatu:(\w+) ", told, re.MULTILINE)) == LAYERS


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("layer", LAYERS)
def test_gdal_copies_a_layer_as_it_is(service: str, catalogue: Catalogue, layer: str, version: str, tmp_path: Path):
    expected = items(service, layer)
    file = tmp_path / "copy.gpkg"

    run_gdal("ogr2ogr", "-f", "GPKG", file, source(service, version), f"geosatu:{layer}", "-nln", layer)

    frame = pyogrio.read_dataframe(file, layer=layer)
    assert len(frame) == len(expected)
    assert frame.crs.to_epsg() == 4326
    assert set(frame.columns) - {"geometry", "gml_id"} == set(types_of(catalogue[layer], TYPES))
    assert sorted(frame["gml_id"]) == sorted(f"{layer}.{each['id']}" for each in expected)
    copied = frame.set_index("uid")
    for each in expected:
        place, row = shapely.geometry.shape(each["geometry"]), copied.loc[each["properties"]["uid"]]
        assert row.geometry.equals_exact(place, 1e-9), "longitude first, as GeoPackage has it"
        name = each["properties"].get("nama")
        assert row.get("nama") == name or name is None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("city", ["full", "empty"])
@pytest.mark.parametrize("layer", LAYERS)
def test_gdal_knows_the_types_even_where_nothing_is(
    request: pytest.FixtureRequest, service: str, catalogue: Catalogue, layer: str, city: str, version: str
):
    address = service if city == "full" else request.getfixturevalue("bare")

    told = run_gdal("ogrinfo", "-ro", "-so", source(address, version), f"geosatu:{layer}")

    types = dict(re.findall(r"^(\w+): ([\w()]+) \(0\.0\)$", told, re.MULTILINE))
    assert types == types_of(catalogue[layer], TYPES)
    names = {"Point": "Point", "MultiPolygon": "Multi (Surface|Polygon)"}
    assert re.search(rf"^Geometry: {names[catalogue[layer].geometry]}$", told, re.MULTILINE)


def test_gdal_pages_through_a_layer(service: str, demo_city: Engine, tmp_path: Path):
    file = tmp_path / "paged.gpkg"
    paged = ["--config", "OGR_WFS_PAGE_SIZE", "50", "--config", "OGR_WFS_PAGING_ALLOWED", "ON"]

    run_gdal("ogr2ogr", *paged, "-f", "GPKG", file, source(service, "2.0.0"), "geosatu:pos_kamling", "-nln", "paged")

    frame = pyogrio.read_dataframe(file, layer="paged")
    assert len(frame) == frame["uid"].nunique() == count(demo_city, "pos_kamling") > 300


WHERE = [
    "jenis = 'tps'",
    "jenis <> 'tps'",
    "nama LIKE 'TPS%'",
    "nama ILIKE 'tps%'",
    "jenis = 'tps' OR jenis = 'bank_sampah'",
    "NOT (jenis = 'tps' OR nama LIKE 'TPS%')",
    "ritasi_per_minggu BETWEEN 3 AND 5 AND jenis = 'tps'",
    "luas_m2 > 100.5",
    "tanggal_lapor IS NULL",
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("where", WHERE)
def test_gdal_finds_what_a_condition_says(service: str, demo_city: Engine, where: str, version: str):
    told = run_gdal("ogrinfo", "-ro", "-so", source(service, version), "geosatu:titik_sampah", "-where", where)

    assert f"Feature Count: {count(demo_city, 'titik_sampah', where)}\n" in told


@pytest.mark.parametrize("version", VERSIONS)
def test_gdal_reads_the_part_in_a_box(service: str, demo_city: Engine, version: str):
    box = [str(edge) for edge in BOX]
    told = run_gdal("ogrinfo", "-ro", "-so", source(service, version), "geosatu:pos_kamling", "-spat", *box)
    both = run_gdal(
        "ogrinfo",
        "-ro",
        "-so",
        source(service, version),
        "geosatu:pos_kamling",
        "-spat",
        *box,
        "-where",
        "kondisi = 'baik'",
    )

    inside = f"ST_Intersects(geom, ST_MakeEnvelope({','.join(box)}, 4326))"
    assert f"Feature Count: {count(demo_city, 'pos_kamling', inside)}\n" in told
    assert (
        f"Feature Count: {count(demo_city, 'pos_kamling', inside + chr(32) + 'AND kondisi = ' + repr('baik'))}\n"
        in both
    )


# QGIS

PROBE = """
import json, sys
from qgis.core import *

address, layers, versions, people = (json.loads(part) for part in sys.argv[1:5])
application = QgsApplication([], False)
application.initQgis()
manager = QgsApplication.authManager()
assert manager.setMasterPassword("kunci", True)
said = []
for who, token in people.items():
    more = ""
    if token is not None:
        config = QgsAuthMethodConfig("Basic")
        config.setName(who)
        config.setConfig("username", who)
        config.setConfig("password", token)
        assert manager.storeAuthenticationConfig(config)
        more = f" authcfg='{config.id()}'"
    for version in versions:
        for name, subset in layers:
            layer = QgsVectorLayer(
                f"url='{address}/wfs' typename='geosatu:{name}' version='{version}' pagingEnabled='true'"
                " pageSize='50'" + more, name, "WFS")
            assert layer.isValid(), (version, name)
            if subset:
                assert layer.setSubsetString(subset), subset
            box = QgsFeatureRequest(QgsRectangle(112.0, -7.83, 112.03, -7.80))
            rows = list(layer.getFeatures())
            names = [field.name() for field in layer.fields()]
            said.append({
                "who": who, "version": version, "layer": name, "count": layer.featureCount(), "names": names,
                "types": [field.typeName() for field in layer.fields()], "crs": layer.crs().authid(),
                "geometry": QgsWkbTypes.displayString(layer.wkbType()),
                "rows": {str(dict(zip(names, row.attributes())).get("uid")): row.geometry().asWkt(9) for row in rows},
                "nama": sorted(str(dict(zip(names, row.attributes())).get("nama")) for row in rows),
                "in_box": len(list(layer.getFeatures(box))),
                "editable": bool(layer.dataProvider().capabilities() & QgsVectorDataProvider.AddFeatures),
            })
print(json.dumps(said))
"""


def opened_in_qgis(
    address: str, layers: list[tuple[str, str]], versions: list[str], people: dict[str, str | None], folder: Path
) -> list[dict[str, Any]]:
    """What QGIS makes of layers."""
    if reason := lacking_qgis():
        pytest.skip(reason)
    given = [json.dumps(part) for part in (address, layers, versions, people)]
    found = subprocess.run(
        [PYTHON, "-c", PROBE, *given],
        capture_output=True,
        text=True,
        timeout=280,
        env=qgis_environment(folder) | {"QGIS_AUTH_DB_DIR_PATH": str(folder)},
    )
    assert found.stdout, found.stderr
    said: list[dict[str, Any]] = json.loads(found.stdout.splitlines()[-1])
    return said


def test_qgis_reads_every_layer_in_every_version(service: str, catalogue: Catalogue, demo_city: Engine, tmp_path: Path):
    said = opened_in_qgis(service, [(name, "") for name in LAYERS], [*VERSIONS, "auto"], {"publik": None}, tmp_path)

    assert len(said) == len(LAYERS) * 4
    for each in said:
        layer = catalogue[each["layer"]]
        expected = {
            feature["properties"]["uid"]: shapely.geometry.shape(feature["geometry"])
            for feature in items(service, layer.name)
        }
        assert each["count"] == len(each["rows"]) == len(expected)
        assert each["names"] == [*types_of(layer, TYPES)]
        assert (each["crs"], each["geometry"]) == ("EPSG:4326", layer.geometry)
        assert not each["editable"]
        for uid, place in expected.items():
            assert shapely.from_wkt(each["rows"][uid]).equals_exact(place, 1e-8), (each["version"], layer.name)
        inside = sum(place.intersects(shapely.box(*BOX)) for place in expected.values())
        assert each["in_box"] == inside


def test_qgis_filters_on_the_server(service: str, demo_city: Engine, tmp_path: Path):
    conditions = [("titik_sampah", '"jenis" = \'tps\' AND "luas_m2" > 50'), ("titik_sampah", "\"nama\" LIKE 'TPS%'")]

    said = opened_in_qgis(service, conditions, list(VERSIONS), {"publik": None}, tmp_path)

    expected = [count(demo_city, layer, condition) for layer, condition in conditions]
    assert [each["count"] for each in said] == expected * 3
    assert [len(each["rows"]) for each in said] == expected * 3


# OWSLib


@pytest.mark.parametrize("version", VERSIONS)
def test_owslib_knows_every_layer_and_its_fields(service: str, catalogue: Catalogue, version: str):
    wfs = WebFeatureService(f"{service}/wfs", version=version)

    assert sorted(wfs.contents) == [f"geosatu:{name}" for name in LAYERS]
    posts = wfs.contents["geosatu:pos_kamling"]
    assert posts.title == catalogue["pos_kamling"].title
    assert posts.boundingBoxWGS84[0] == pytest.approx(112.0, abs=0.1)
    schema = wfs.get_schema("geosatu:pos_kamling")
    assert set(schema["properties"]) == set(types_of(catalogue["pos_kamling"], TYPES))
    assert schema["geometry"] == "Point"


@pytest.mark.parametrize("version", VERSIONS)
def test_owslib_reads_features_by_page_box_and_filter(service: str, demo_city: Engine, version: str):
    wfs = WebFeatureService(f"{service}/wfs", version=version)

    def ids(**given: Any) -> list[str]:
        answer = wfs.getfeature(typename=["geosatu:pos_kamling"], **given).read()
        found = etree.fromstring(answer if isinstance(answer, bytes) else answer.encode())
        members = found.iter("{urn:geosatu:layer}pos_kamling")
        return [value for each in members for name, value in each.attrib.items() if name.endswith("id")]

    every = ids()
    assert len(every) == count(demo_city, "pos_kamling")
    assert ids(maxfeatures=10, startindex=20) == every[20:30]
    inside = f"ST_Intersects(geom, ST_MakeEnvelope({','.join(map(str, BOX))}, 4326))"
    assert len(ids(bbox=BOX)) == count(demo_city, "pos_kamling", inside)
    assert ids(featureid=["pos_kamling.3"]) == ["pos_kamling.3"]


def test_owslib_filters(service: str, demo_city: Engine):
    wfs = WebFeatureService(f"{service}/wfs", version="1.1.0")
    assert isinstance(wfs, WebFeatureService_1_1_0)
    condition = PropertyIsEqualTo(propertyname="kondisi", literal="baik").toXML()
    said = etree.tostring(condition, encoding="unicode")

    answer = wfs.getfeature(
        typename="geosatu:pos_kamling", filter=f"<ogc:Filter xmlns:ogc='http://www.opengis.net/ogc'>{said}</ogc:Filter>"
    )

    found = etree.fromstring(answer.read())
    assert len(list(found.iter("{urn:geosatu:layer}pos_kamling"))) == count(
        demo_city, "pos_kamling", "kondisi = 'baik'"
    )


# People.


@pytest.fixture(scope="module")
def served(cluster: Cluster, catalogue: Catalogue) -> Iterator[Accounts]:
    with with_accounts(cluster, catalogue, "wfs_accounts") as served:
        yield served


def test_qgis_with_basic_authentication_sees_internal_fields(served: Accounts, tmp_path: Path):
    people: dict[str, str | None] = {"publik": None, **{name: each.token for name, each in served.people.items()}}

    said = opened_in_qgis(served.address, [("pos_kamling", "")], list(VERSIONS), people, tmp_path)

    assert len(said) == 9
    for each in said:
        assert set(each["nama"]) == seen_by(each["who"])
        assert ("jam_ronda" in each["names"]) == (each["who"] != "publik")
        assert "koordinator" not in each["names"]


@pytest.mark.parametrize("who", ["perencana", "lurah"])
def test_gdal_with_basic_authentication_sees_internal_fields(served: Accounts, who: str):
    known = run_gdal(
        "ogrinfo", "-ro", "--config", "GDAL_HTTP_USERPWD", f"{who}:{served.people[who].token}",
        source(served.address, "2.0.0"), "geosatu:pos_kamling",
    )  # fmt: skip
    unknown = run_gdal("ogrinfo", "-ro", source(served.address, "2.0.0"), "geosatu:pos_kamling")

    assert f"Feature Count: {len(seen_by(who))}" in known
    assert known.count("jam_ronda (Time) = 22:00:00") + known.count("jam_ronda (String) = 22.00") == len(seen_by(who))
    assert "jam_ronda" not in unknown
    assert "koordinator" not in known + unknown
