"""Filters of the Filter Encoding find what the same condition finds in SQL, in every version and by every way."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from wfs import VERSIONS, features, get, ids_of, read, refusal

OLD = 'xmlns:f="http://www.opengis.net/ogc" xmlns:gml="http://www.opengis.net/gml" xmlns:geosatu="urn:geosatu:layer"'
NEW = OLD.replace("/ogc", "/fes/2.0").replace("opengis.net/gml", "opengis.net/gml/3.2")

N = "<f:{name}>"


def name(said: str) -> str:
    return f"<N>{said}</N>"


def literal(said: Any) -> str:
    return f"<f:Literal>{said}</f:Literal>"


def compare(operator: str, said: str, value: Any, attributes: str = "") -> str:
    return f"<f:PropertyIs{operator}{attributes}>{name(said)}{literal(value)}</f:PropertyIs{operator}>"


LIKE = ' wildCard="*" singleChar="?" ESCAPE="!"'
TPS = compare("EqualTo", "jenis", "tps")
FEW = compare("LessThan", "ritasi_per_minggu", 4)

CONDITIONS: dict[str, str] = {
    TPS: "jenis = 'tps'",
    compare("EqualTo", "geosatu:jenis", "tps"): "jenis = 'tps'",
    compare("EqualTo", "titik_sampah/jenis", "tps"): "jenis = 'tps'",
    compare("EqualTo", "/geosatu:titik_sampah/geosatu:jenis", "tps"): "jenis = 'tps'",
    compare("EqualTo", "jenis", "TPS", ' matchCase="false"'): "jenis = 'tps'",
    compare("EqualTo", "jenis", "TPS"): "false",
    compare("EqualTo", "nama", "it's &lt;&amp;&gt; \\"): "false",
    compare("NotEqualTo", "jenis", "tps"): "jenis <> 'tps'",
    FEW: "ritasi_per_minggu < 4",
    compare("LessThanOrEqualTo", "ritasi_per_minggu", "4.0"): "ritasi_per_minggu <= 4",
    compare("GreaterThan", "luas_m2", "1.5e2"): "luas_m2 > 150",
    compare("GreaterThanOrEqualTo", "luas_m2", 100.5): "luas_m2 >= 100.5",
    compare("EqualTo", "pemilahan", "true"): "pemilahan",
    compare("EqualTo", "pemilahan", "0"): "NOT pemilahan",
    compare("GreaterThanOrEqualTo", "tanggal_data", "2026-06-01"): "tanggal_data >= '2026-06-01'",
    compare("LessThan", "updated_at", "2020-01-01T00:00:00Z"): "false",
    compare("EqualTo", "rw", "003"): "rw = '003'",
    compare("Like", "nama", "TPS*", LIKE): "nama LIKE 'TPS%'",
    compare("Like", "nama", "tps*", f'{LIKE} matchCase="false"'): "nama ILIKE 'tps%'",
    compare("Like", "nama", "?PS*", LIKE): "nama LIKE '_PS%'",
    compare("Like", "nama", "TPS!*", LIKE): "false",
    compare("Like", "nama", "%", LIKE): "false",
    f"<f:PropertyIsNull>{name('tanggal_lapor')}</f:PropertyIsNull>": "tanggal_lapor IS NULL",
    f"<f:Not><f:PropertyIsNull>{name('tanggal_lapor')}</f:PropertyIsNull></f:Not>": "tanggal_lapor IS NOT NULL",
    f"<f:PropertyIsBetween>{name('luas_m2')}<f:LowerBoundary>{literal(50)}</f:LowerBoundary><f:UpperBoundary>"
    f"{literal(200)}</f:UpperBoundary></f:PropertyIsBetween>": "luas_m2 BETWEEN 50 AND 200",
    f"<f:And>{TPS}{FEW}</f:And>": "jenis = 'tps' AND ritasi_per_minggu < 4",
    f"<f:Or>{TPS}{FEW}{compare('Like', 'nama', 'Bank*', LIKE)}</f:Or>": (
        "jenis = 'tps' OR ritasi_per_minggu < 4 OR nama LIKE 'Bank%'"
    ),
    f"<f:Not><f:Or>{TPS}{FEW}</f:Or></f:Not>": "NOT (jenis = 'tps' OR ritasi_per_minggu < 4)",
}
OF_OLD = {
    f"<f:PropertyIsGreaterThan><f:Add>{name('luas_m2')}{literal(1)}</f:Add><f:Mul>{literal(2)}{literal(50)}</f:Mul>"
    "</f:PropertyIsGreaterThan>": "luas_m2 + 1 > 100",
    f"<f:PropertyIsLessThan><f:Div>{name('luas_m2')}{literal(0)}</f:Div><f:Sub>{literal(2)}{literal(1)}</f:Sub>"
    "</f:PropertyIsLessThan>": "false",
}
"""Arithmetic is in the Filter Encoding before 2.0."""

BOX = "ST_MakeEnvelope(112.0, -7.83, 112.03, -7.80, 4326)"
RING = "112.0,-7.83 112.03,-7.83 112.03,-7.80 112.0,-7.80 112.0,-7.83"


def flipped(ring: str) -> str:
    return " ".join(" ".join(reversed(place.split(","))) for place in ring.split())


BOXES = {
    "1.0.0": '<gml:Box srsName="EPSG:4326"><gml:coordinates>112.0,-7.83 112.03,-7.80</gml:coordinates></gml:Box>',
    "1.1.0": (
        '<gml:Envelope srsName="urn:ogc:def:crs:EPSG::4326"><gml:lowerCorner>-7.83 112.0</gml:lowerCorner>'
        "<gml:upperCorner>-7.80 112.03</gml:upperCorner></gml:Envelope>"
    ),
}
BOXES["2.0.0"] = BOXES["1.1.0"]
POLYGONS = {
    "1.0.0": (
        '<gml:Polygon srsName="urn:ogc:def:crs:EPSG::4326"><gml:outerBoundaryIs><gml:LinearRing>'
        f'<gml:coordinates decimal="." cs="," ts=" ">{RING}</gml:coordinates>'
        "</gml:LinearRing></gml:outerBoundaryIs></gml:Polygon>"
    ),
    "1.1.0": (
        '<gml:Polygon srsName="urn:ogc:def:crs:EPSG::4326"><gml:exterior><gml:LinearRing>'
        f"<gml:posList>{flipped(RING)}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"
    ),
    "2.0.0": (
        '<gml:MultiSurface srsName="EPSG:4326" srsDimension="2"><gml:surfaceMember><gml:Surface><gml:patches>'
        "<gml:PolygonPatch><gml:exterior><gml:LinearRing>"
        f"<gml:posList>{RING.replace(',', ' ')}</gml:posList></gml:LinearRing></gml:exterior></gml:PolygonPatch>"
        "</gml:patches></gml:Surface></gml:surfaceMember></gml:MultiSurface>"
    ),
}
"""The same place, as each version may write it: with longitude first in 1.0 whatever the name of the CRS."""

POINTS = {
    "1.0.0": (
        '<gml:Point srsName="EPSG:4326"><gml:coord><gml:X>112.01</gml:X><gml:Y>-7.81</gml:Y></gml:coord></gml:Point>'
    ),
    "1.1.0": "<gml:Point><gml:pos>-7.81 112.01</gml:pos></gml:Point>",
    "2.0.0": (
        '<gml:Point srsName="http://www.opengis.net/def/crs/EPSG/0/4326"><gml:pos>-7.81 112.01</gml:pos></gml:Point>'
    ),
}


def condition(version: str, filter_text: str) -> str:
    """A whole filter in the words of the version."""
    new = version == "2.0.0"
    said = filter_text.replace("<N>", "<f:ValueReference>" if new else "<f:PropertyName>")
    said = said.replace("</N>", "</f:ValueReference>" if new else "</f:PropertyName>")
    said = said.replace("ESCAPE", "escape" if version == "1.0.0" else "escapeChar")
    return f"<f:Filter {NEW if new else OLD}>{said}</f:Filter>"


def by_address(client: TestClient, version: str, layer: str, filter_text: str) -> list[str]:
    return ids_of(features(client, version, layer, filter=condition(version, filter_text)), layer)


def by_xml(client: TestClient, version: str, layer: str, filter_text: str) -> list[str]:
    types = "typeNames" if version == "2.0.0" else "typeName"
    wfs = "http://www.opengis.net/wfs/2.0" if version == "2.0.0" else "http://www.opengis.net/wfs"
    body = (
        f'<wfs:GetFeature service="WFS" version="{version}" xmlns:wfs="{wfs}" xmlns:app="urn:geosatu:layer">'
        f'<wfs:Query {types}="app:{layer}">{condition(version, filter_text)}</wfs:Query></wfs:GetFeature>'
    )
    return ids_of(read(client.post("/wfs", content=body, headers={"Content-Type": "application/xml"})), layer)


def found_in_sql(engine: Engine, layer: str, said: str) -> list[str]:
    with engine.connect() as conn:
        sql = f"SELECT id FROM layer.{layer} WHERE status = 'terbit' AND ({said}) ORDER BY id"
        return [f"{layer}.{number}" for number in conn.scalars(text(sql.replace(":", "\\:")))]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("filter_text", CONDITIONS, ids=lambda said: CONDITIONS[said][:40])
@pytest.mark.parametrize("way", [by_address, by_xml])
def test_a_condition_finds_what_it_finds_in_sql(
    client: TestClient, demo_city: Engine, way: Any, filter_text: str, version: str
):
    assert way(client, version, "titik_sampah", filter_text) == found_in_sql(
        demo_city, "titik_sampah", CONDITIONS[filter_text]
    )


def test_the_conditions_tell_features_apart(demo_city: Engine):
    every = found_in_sql(demo_city, "titik_sampah", "true")
    found = [found_in_sql(demo_city, "titik_sampah", said) for said in CONDITIONS.values()]

    assert sum(0 < len(each) < len(every) for each in found) > 20


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
@pytest.mark.parametrize("filter_text", OF_OLD, ids=lambda said: OF_OLD[said])
def test_arithmetic_is_that_of_sql(client: TestClient, demo_city: Engine, filter_text: str, version: str):
    expected = found_in_sql(demo_city, "titik_sampah", OF_OLD[filter_text])

    assert by_address(client, version, "titik_sampah", filter_text) == expected


SPATIAL = {
    "BBOX": "ST_Intersects(geom, {})",
    "Within": "ST_Within(geom, {})",
    "Disjoint": "NOT ST_Intersects(geom, {})",
    "Touches": "ST_Touches(geom, {})",
    "Contains": "ST_Contains(geom, {})",
    "Overlaps": "ST_Overlaps(geom, {})",
    "Crosses": "ST_Crosses(geom, {})",
    "Equals": "ST_Equals(geom, {})",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("operator", [*SPATIAL, "Intersects", "Intersect"])
@pytest.mark.parametrize("layer", ["pos_kamling", "batas_kelurahan"])
@pytest.mark.parametrize("way", [by_address, by_xml])
def test_a_relation_of_places_is_that_of_postgis(
    client: TestClient, demo_city: Engine, way: Any, layer: str, operator: str, version: str
):
    shape = (BOXES if operator == "BBOX" else POLYGONS)[version]
    said = f"<f:{operator}>{name('geosatu:geom')}{shape}</f:{operator}>"

    found = way(client, version, layer, said)

    expected = SPATIAL.get(operator, SPATIAL["BBOX"]).format(BOX)
    assert found == found_in_sql(demo_city, layer, expected)
    if operator in ("BBOX", "Within", "Disjoint"):
        assert found


@pytest.mark.parametrize("version", VERSIONS)
def test_a_box_without_a_property_is_of_the_geometry(client: TestClient, demo_city: Engine, version: str):
    found = by_address(client, version, "pos_kamling", f"<f:BBOX>{BOXES[version]}</f:BBOX>")

    assert found == found_in_sql(demo_city, "pos_kamling", SPATIAL["BBOX"].format(BOX))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("distance", "metres"), [('units="m">700', 700), ('uom="m">700', 700), ('uom="km">1.2', 1200)])
def test_distances_are_metres_on_the_ellipsoid(
    client: TestClient, demo_city: Engine, version: str, distance: str, metres: int
):
    inside = f"{name('geom')}{POINTS[version]}<f:Distance {distance}</f:Distance>"

    near = by_address(client, version, "pos_kamling", f"<f:DWithin>{inside}</f:DWithin>")
    far = by_address(client, version, "pos_kamling", f"<f:Beyond>{inside}</f:Beyond>")

    within = f"ST_Distance(geom::geography, ST_Point(112.01, -7.81, 4326)::geography) <= {metres}"
    assert len(near) > 0
    assert near == found_in_sql(demo_city, "pos_kamling", within)
    assert far == found_in_sql(demo_city, "pos_kamling", f"NOT {within}")


def test_places_in_metres_are_where_they_are_in_degrees(client: TestClient, demo_city: Engine):
    with demo_city.connect() as conn:
        ring = conn.scalar(text(f"SELECT ST_AsGML(3, ST_Transform({BOX}, 32749), 3, 5)"))
        within = "ST_Within(geom, ST_Transform(ST_SetSRID(ST_GeomFromGML('{}'), 32749), 4326))"
    found = by_address(client, "1.1.0", "pos_kamling", f"<f:Within>{name('geom')}{ring}</f:Within>")

    assert found == found_in_sql(demo_city, "pos_kamling", within.format(ring))
    assert len(found) > 10


TIMES = {
    "<f:After>{}<gml:TimeInstant><gml:timePosition>2026-06-01</gml:timePosition></gml:TimeInstant></f:After>": (
        "tanggal_data > '2026-06-01'"
    ),
    "<f:Before>{}<f:Literal>2026-06-01</f:Literal></f:Before>": "tanggal_data < '2026-06-01'",
    "<f:TEquals>{}<gml:TimeInstant><gml:timePosition>2026-09-02</gml:timePosition></gml:TimeInstant></f:TEquals>": (
        "tanggal_data = '2026-09-02'"
    ),
    "<f:During>{}<gml:TimePeriod><gml:beginPosition>2026-03-01</gml:beginPosition><gml:endPosition>2026-08-01"
    "</gml:endPosition></gml:TimePeriod></f:During>": "tanggal_data > '2026-03-01' AND tanggal_data < '2026-08-01'",
    "<f:AnyInteracts>{}<gml:TimePeriod><gml:beginPosition>2026-03-01</gml:beginPosition><gml:endPosition/>"
    "</gml:TimePeriod></f:AnyInteracts>": "tanggal_data >= '2026-03-01'",
}


@pytest.mark.parametrize("said", TIMES, ids=lambda said: said[:12])
def test_times_of_2_0_find_what_they_find_in_sql(client: TestClient, demo_city: Engine, said: str):
    found = by_address(client, "2.0.0", "titik_sampah", said.format(name("tanggal_data")))

    assert found == found_in_sql(demo_city, "titik_sampah", TIMES[said])


IDS = {
    "1.0.0": '<f:FeatureId fid="pos_kamling.7"/><f:FeatureId fid="kwt.8"/>',
    "1.1.0": '<f:GmlObjectId gml:id="pos_kamling.7"/><f:FeatureId fid="pos_kamling.9"/>',
    "2.0.0": '<f:ResourceId rid="pos_kamling.7"/><f:ResourceId rid="x"/>',
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", [by_address, by_xml])
def test_ids_find_their_features_and_no_others(client: TestClient, way: Any, version: str):
    expected = ["pos_kamling.7", "pos_kamling.9"] if version == "1.1.0" else ["pos_kamling.7"]

    assert way(client, version, "pos_kamling", IDS[version]) == expected


def test_a_list_is_equal_to_each_of_its_values(client: TestClient, demo_city: Engine):
    for operator, sql in (("EqualTo", "fasilitas @> ARRAY['ht']"), ("NotEqualTo", "NOT fasilitas @> ARRAY['ht']")):
        found = by_address(client, "2.0.0", "pos_kamling", compare(operator, "fasilitas", "ht"))
        assert found == found_in_sql(demo_city, "pos_kamling", sql)
        assert found


REFUSED = [
    "",
    "<f:PropertyIsEqualTo/>",
    compare("EqualTo", "tidak_ada", 1),
    compare("EqualTo", "koordinator", 1),
    compare("EqualTo", "", 1),
    compare("EqualTo", "a/b/c", 1),
    compare("LessThan", "ritasi_per_minggu", "banyak"),
    compare("LessThan", "luas_m2", "1e999"),
    compare("LessThan", "luas_m2", "nan"),
    compare("EqualTo", "pemilahan", "ya"),
    compare("EqualTo", "tanggal_data", "kemarin"),
    compare("EqualTo", "geom", "x"),
    compare("Like", "luas_m2", "1*", LIKE),
    TPS + TPS,
    f"<f:And>{TPS}</f:And>",
    f"<f:Not>{TPS}{TPS}</f:Not>",
    f"{TPS}<f:ResourceId rid='titik_sampah.1'/>",
    "<f:Function name='pg_sleep'/>",
    "<f:PropertyIsEqualTo><f:Function name='pg_sleep'/><f:Literal>1</f:Literal></f:PropertyIsEqualTo>",
    f"<f:BBOX>{name('nama')}<gml:Envelope><gml:lowerCorner>1 2</gml:lowerCorner></gml:Envelope></f:BBOX>",
    f"<f:Within>{name('nama')}<gml:Point><gml:pos>-7 112</gml:pos></gml:Point></f:Within>",
    f"<f:Within>{name('geom')}<gml:Point><gml:pos>-7</gml:pos></gml:Point></f:Within>",
    f"<f:Within>{name('geom')}<gml:Point><gml:pos>112 -97</gml:pos></gml:Point></f:Within>",
    f"<f:Within>{name('geom')}<gml:Point><gml:pos>1e9 2</gml:pos></gml:Point></f:Within>",
    f"<f:Within>{name('geom')}<gml:Point srsName='EPSG:1'><gml:pos>1 2</gml:pos></gml:Point></f:Within>",
    f"<f:Within>{name('geom')}<gml:Point srsName='EPSG:32749'><gml:pos>9e7 9e7</gml:pos></gml:Point></f:Within>",
    f"<f:Within>{name('geom')}<gml:LinearRing><gml:posList>1 2 3 4</gml:posList></gml:LinearRing></f:Within>",
    f"<f:Within>{name('geom')}<gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>0 0 1 1 0 1 1 0 0 0"
    "</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></f:Within>",
    f"<f:Within>{name('geom')}<gml:LineString><gml:posList>0 0</gml:posList></gml:LineString></f:Within>",
    f"<f:Within>{name('geom')}<gml:MultiSurface/></f:Within>",
    f"<f:Within>{name('geom')}</f:Within>",
    f"<f:DWithin>{name('geom')}{POINTS['1.1.0']}</f:DWithin>",
    f"<f:DWithin>{name('geom')}{POINTS['1.1.0']}<f:Distance uom='deg'>1</f:Distance></f:DWithin>",
    f"<f:DWithin>{name('geom')}{POINTS['1.1.0']}<f:Distance uom='m'>-1</f:Distance></f:DWithin>",
    f"<f:DWithin>{name('geom')}{POINTS['1.1.0']}<f:Distance uom='m'>1e30</f:Distance></f:DWithin>",
    f"<f:During>{name('tanggal_data')}<gml:TimePeriod/></f:During>",
    f"<f:After>{name('nama')}<f:Literal>2026-01-01</f:Literal></f:After>",
    f"<f:After>{name('tanggal_data')}<f:Literal>besok</f:Literal></f:After>",
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("said", REFUSED, ids=lambda said: said[:60])
def test_a_filter_that_makes_no_sense_is_refused_with_a_sentence(client: TestClient, said: str, version: str):
    asked = {"typename": "titik_sampah", "filter": condition(version, said)}

    told = refusal(get(client, version, "GetFeature", **asked), version)

    assert (told.status, told.code, told.locator) == (400, "InvalidParameterValue", "filter")


def test_a_filter_is_of_bounded_depth_and_size(client: TestClient):
    deep = "<f:Not>" * 60 + TPS + "</f:Not>" * 60
    deeper = "<f:Not>" * 200 + TPS + "</f:Not>" * 200
    long = f"<f:Or>{TPS * 5000}</f:Or>"
    ring = " ".join(f"-7.{number:05} 112.{number:05}" for number in range(12_000))
    many = f"<f:Within>{name('geom')}<gml:LineString><gml:posList>{ring}</gml:posList></gml:LineString></f:Within>"

    assert by_xml(client, "1.1.0", "titik_sampah", deep) == by_xml(client, "1.1.0", "titik_sampah", TPS)
    for said, code in (
        (deeper, "OperationParsingFailed"),
        (long, "InvalidParameterValue"),
        (many, "InvalidParameterValue"),
    ):
        body = (
            '<wfs:GetFeature service="WFS" version="2.0.0" xmlns:wfs="http://www.opengis.net/wfs/2.0">'
            f'<wfs:Query typeNames="titik_sampah">{condition("2.0.0", said)}</wfs:Query></wfs:GetFeature>'
        )
        told = refusal(client.post("/wfs", content=body), "2.0.0")
        assert (told.status, told.code) == (400, code)


def test_one_filter_for_each_layer_stands_in_brackets(client: TestClient):
    one = condition("2.0.0", '<f:ResourceId rid="kwt.1"/>')
    other = condition("2.0.0", '<f:ResourceId rid="titik_sampah.2"/>')

    found = read(get(client, "2.0.0", "GetFeature", typenames="(kwt)(titik_sampah)", filter=f"({one})({other})"))

    assert ids_of(found, "kwt") == ["kwt.1"]
    assert ids_of(found, "titik_sampah") == ["titik_sampah.2"]


def test_a_posted_query_is_narrowed_and_sorted_as_it_says(client: TestClient):
    body = (
        '<wfs:GetFeature service="WFS" version="2.0.0" count="5" startIndex="2" xmlns:wfs="http://www.opengis.net/wfs/2.0"'
        f' {NEW}><wfs:Query typeNames="titik_sampah" srsName="EPSG:4326"><wfs:PropertyName>nama</wfs:PropertyName>'
        "<f:SortBy><f:SortProperty><f:ValueReference>nama</f:ValueReference><f:SortOrder>DESC</f:SortOrder>"
        "</f:SortProperty></f:SortBy></wfs:Query></wfs:GetFeature>"
    )
    by_post = read(client.post("/wfs", content=body))
    by_get = features(client, "2.0.0", "titik_sampah", count=5, startindex=2, propertyname="nama", sortby="nama DESC")

    assert ids_of(by_post, "titik_sampah") == ids_of(by_get, "titik_sampah")
    assert len(ids_of(by_post, "titik_sampah")) == 5
    assert by_post.attrib["numberMatched"] == by_get.attrib["numberMatched"]


def test_the_pages_behind_a_posted_query_are_asked_for_by_address(client: TestClient, demo_city: Engine):
    said = f"<f:And>{compare('NotEqualTo', 'geosatu:jenis', 'a &lt; b')}<f:BBOX>{BOXES['2.0.0']}</f:BBOX></f:And>"
    body = (
        '<wfs:GetFeature service="WFS" version="2.0.0" count="4" xmlns:wfs="http://www.opengis.net/wfs/2.0"'
        f' xmlns:app="urn:geosatu:layer"><wfs:Query typeNames="app:titik_sampah" srsName="EPSG:4326">'
        f"<wfs:PropertyName>app:nama</wfs:PropertyName>{condition('2.0.0', said)}</wfs:Query></wfs:GetFeature>"
    )
    page = read(client.post("/wfs", content=body))
    found = ids_of(page, "titik_sampah")
    while "next" in page.attrib:
        page = read(client.get(page.attrib["next"]))
        assert {
            child.tag.rpartition("}")[2] for each in page.iter("{urn:geosatu:layer}titik_sampah") for child in each
        } == {"nama"}
        found += ids_of(page, "titik_sampah")

    assert found == found_in_sql(demo_city, "titik_sampah", f"jenis <> 'a' AND {SPATIAL['BBOX'].format(BOX)}")
    assert len(found) > 4
