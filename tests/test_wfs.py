"""WFS 1.0.0, 1.1.0 and 2.0.0: what each version answers to each request, and how it refuses."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, text
from wfs import EXCEPTIONS, GML, OURS, VERSIONS, features, get, ids_of, read, refusal, values_of

from geosatu.api.wfs.features import COUNT_DEFAULT
from geosatu.layers import Catalogue

BY_ID = "urn:ogc:def:query:OGC-WFS::GetFeatureById"
UNKNOWN = "tidak_ada"


def count(engine: Engine, layer: str, condition: str = "true") -> int:
    with engine.connect() as conn:
        return int(conn.scalar(text(f"SELECT count(*) FROM layer.{layer} WHERE status = 'terbit' AND ({condition})")))


# What each version answers: requests by versions.

TABLE: dict[str, tuple[str, str, str]] = {
    # request: the root of what 1.0.0, 1.1.0 and 2.0.0 answer; an exception code where the version has no such request
    "GetCapabilities": ("WFS_Capabilities", "WFS_Capabilities", "WFS_Capabilities"),
    "DescribeFeatureType": ("schema", "schema", "schema"),
    "GetFeature": ("FeatureCollection", "FeatureCollection", "FeatureCollection"),
    "GetPropertyValue": ("OperationNotSupported", "OperationNotSupported", "ValueCollection"),
    "ListStoredQueries": ("OperationNotSupported", "OperationNotSupported", "ListStoredQueriesResponse"),
    "DescribeStoredQueries": ("OperationNotSupported", "OperationNotSupported", "DescribeStoredQueriesResponse"),
    "LockFeature": ("OperationNotSupported", "OperationNotSupported", "OperationNotSupported"),
    "GetFoo": ("OperationNotSupported", "OperationNotSupported", "OperationNotSupported"),
}
NAMESPACES = {"1.0.0": "http://www.opengis.net/wfs", "1.1.0": "http://www.opengis.net/wfs"}
NAMESPACES["2.0.0"] = "http://www.opengis.net/wfs/2.0"

BODIES: dict[str, str] = {
    "GetFeature": '<{old}:Query {types}="geosatu:kwt"/>',
    "GetPropertyValue": '<wfs:Query typeNames="geosatu:kwt"/>',
    "DescribeFeatureType": "<wfs:TypeName>geosatu:kwt</wfs:TypeName>",
}


def by_address(client: TestClient, version: str, request: str) -> Any:
    return get(client, version, request, typename="geosatu:kwt", valuereference="nama")


def by_lower_case(client: TestClient, version: str, request: str) -> Any:
    given = {"SERVICE": "wfs", "Version": version, "REQUEST": request, "TYPENAMES": "kwt", "VALUEREFERENCE": "nama"}
    return client.get("/wfs", params=given)


def by_form(client: TestClient, version: str, request: str) -> Any:
    given = {"service": "WFS", "version": version, "request": request, "typenames": "kwt", "valuereference": "nama"}
    return client.post("/wfs", data=given)


def by_xml(client: TestClient, version: str, request: str, path: str = "/wfs") -> Any:
    types = "typeNames" if version == "2.0.0" else "typeName"
    inside = BODIES.get(request, "").format(old="wfs", types=types)
    accepted = f"<ows:AcceptVersions><ows:Version>{version}</ows:Version></ows:AcceptVersions>"
    if request == "GetCapabilities":
        ows = "http://www.opengis.net/ows/1.1" if version == "2.0.0" else "http://www.opengis.net/ows"
        inside = accepted.replace("<ows:AcceptVersions>", f'<ows:AcceptVersions xmlns:ows="{ows}">')
    about = "" if request == "GetCapabilities" else f' version="{version}"'
    reference = ' valueReference="geosatu:nama"' if request == "GetPropertyValue" else ""
    body = (
        f'<?xml version="1.0"?><wfs:{request} service="WFS"{about}{reference} xmlns:wfs="{NAMESPACES[version]}" '
        f'xmlns:geosatu="urn:geosatu:layer">{inside}</wfs:{request}>'
    )
    return client.post(path, content=body, headers={"Content-Type": "text/xml"})


def by_xml_with_a_query(client: TestClient, version: str, request: str) -> Any:
    return by_xml(client, version, request, "/wfs?SERVICE=WFS")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("request_name", TABLE)
@pytest.mark.parametrize("way", [by_address, by_lower_case, by_form, by_xml, by_xml_with_a_query])
def test_each_version_answers_what_it_has(client: TestClient, way: Callable[..., Any], request_name: str, version: str):
    expected = TABLE[request_name][VERSIONS.index(version)]

    answer = way(client, version, request_name)

    if expected == "OperationNotSupported":
        told = refusal(answer, version)
        assert (told.status, told.code, told.locator) == (400, "OperationNotSupported", "request")
    else:
        root = read(answer)
        assert root.tag.rpartition("}")[2] == expected
        if expected == "WFS_Capabilities":
            assert root.attrib["version"] == version
        elif expected != "schema":
            assert root.tag.startswith(f"{{{NAMESPACES[version]}}}")


# Capabilities.


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ({}, "2.0.0"),
        ({"acceptversions": "2.0.0,1.1.0,1.0.0"}, "2.0.0"),
        ({"acceptversions": "1.1.0,1.0.0"}, "1.1.0"),
        ({"acceptversions": "3.0.0, 1.0.0"}, "1.0.0"),
        ({"version": "1.0.0"}, "1.0.0"),
        ({"version": "1.1.1"}, "1.1.0"),
        ({"version": "0.0.7"}, "1.0.0"),
        ({"version": "2.0.2"}, "2.0.0"),
        ({"version": "9.9.9"}, "2.0.0"),
    ],
)
def test_the_version_of_capabilities_is_agreed_upon(client: TestClient, asked: dict[str, str], version: str):
    answer = client.get("/wfs", params={"service": "WFS", "request": "GetCapabilities", **asked})

    assert read(answer).attrib["version"] == version


@pytest.mark.parametrize("version", VERSIONS)
def test_capabilities_name_every_layer_with_its_place(client: TestClient, catalogue: Catalogue, version: str):
    root = read(get(client, version, "GetCapabilities"))
    wfs = f"{{{NAMESPACES[version]}}}"

    types = {each.findtext(f"{wfs}Name"): each for each in root.iter(f"{wfs}FeatureType")}

    assert set(types) == {f"geosatu:{layer.name}" for layer in catalogue}
    for layer in catalogue:
        kind = types[f"geosatu:{layer.name}"]
        assert kind.findtext(f"{wfs}Title") == layer.title
        systems = [each.text for each in kind.iter() if each.tag.rpartition("}")[2].endswith(("SRS", "CRS"))]
        assert systems[0] == ("EPSG:4326" if version == "1.0.0" else "urn:ogc:def:crs:EPSG::4326")
        assert len(systems) == (1 if version == "1.0.0" else 9)


def test_capabilities_say_what_qgis_compares_letter_by_letter(client: TestClient):
    root = read(get(client, "2.0.0", "GetCapabilities"))
    ows = "{http://www.opengis.net/ows/1.1}"

    said = {each.attrib["name"]: each.findtext(f"{ows}DefaultValue") for each in root.iter(f"{ows}Constraint")}

    assert said["ImplementsResultPaging"] == "TRUE"
    assert said["CountDefault"] == str(COUNT_DEFAULT)
    assert said["ImplementsTransactionalWFS"] == "FALSE"
    operations = [each.attrib["name"] for each in root.iter(f"{ows}Operation")]
    assert "Transaction" not in operations
    assert operations[:3] == ["GetCapabilities", "DescribeFeatureType", "GetFeature"]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_version_offers_to_change_anything_to_who_is_not_signed_in(client: TestClient, version: str):
    answer = get(client, version, "GetCapabilities").text

    assert "Transaction>" not in answer
    assert "Insert" not in answer
    told = refusal(client.post("/wfs", content=TRANSACTION.format(version=version, wfs=NAMESPACES[version])), version)
    assert (told.status, told.code) == (401, "NoApplicableCode")


TRANSACTION = '<wfs:Transaction service="WFS" version="{version}" xmlns:wfs="{wfs}"/>'


# Features.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("layer", ["pos_kamling", "batas_kelurahan"])
def test_features_are_what_the_database_holds(client: TestClient, demo_city: Engine, version: str, layer: str):
    found = features(client, version, layer)

    with demo_city.connect() as conn:
        rows = conn.execute(
            text(
                f"SELECT id, nama, tanggal_data, status, version FROM layer.{layer} WHERE status = 'terbit' ORDER BY id"
            )
        ).all()
    assert ids_of(found, layer) == [f"{layer}.{row.id}" for row in rows]
    assert values_of(found, "nama") == [row.nama for row in rows if row.nama is not None]
    assert values_of(found, "tanggal_data") == [str(row.tanggal_data) for row in rows if row.tanggal_data is not None]
    assert values_of(found, "version") == [str(row.version) for row in rows]


NUMBERS_2 = "{ns}coordinates"


@pytest.mark.parametrize(
    ("version", "srs", "named", "flipped"),
    [
        ("1.0.0", None, "EPSG:4326", False),
        ("1.1.0", None, "urn:ogc:def:crs:EPSG::4326", True),
        ("2.0.0", None, "urn:ogc:def:crs:EPSG::4326", True),
        ("1.1.0", "EPSG:4326", "EPSG:4326", False),
        ("2.0.0", "EPSG:4326", "EPSG:4326", False),
        (
            "1.0.0",
            "http://www.opengis.net/gml/srs/epsg.xml#4326",
            "http://www.opengis.net/gml/srs/epsg.xml#4326",
            False,
        ),
        ("1.1.0", "urn:x-ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:EPSG::4326", True),
        ("2.0.0", "http://www.opengis.net/def/crs/EPSG/0/4326", "http://www.opengis.net/def/crs/EPSG/0/4326", True),
        ("2.0.0", "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84", False),
        ("2.0.0", "urn:ogc:def:crs:EPSG::9470", "urn:ogc:def:crs:EPSG::9470", True),
    ],
)
def test_the_name_of_a_crs_tells_the_order_of_its_axes(
    client: TestClient, demo_city: Engine, version: str, srs: str | None, named: str, flipped: bool
):
    given = {} if srs is None else {"srsname": srs}
    found = features(client, version, "pos_kamling", count=1, **given)

    point = next(found.iter(f"{GML[version]}Point"))
    with demo_city.connect() as conn:
        row = conn.execute(text("SELECT ST_X(geom), ST_Y(geom) FROM layer.pos_kamling ORDER BY id LIMIT 1")).one()
    said = [float(number) for number in "".join(point.itertext()).replace(",", " ").split()]
    assert point.attrib["srsName"] == named
    assert said == list(reversed(row) if flipped else row)


@pytest.mark.parametrize("version", VERSIONS)
def test_metres_are_those_of_postgis(client: TestClient, demo_city: Engine, version: str):
    found = features(client, version, "batas_kelurahan", srsname="urn:ogc:def:crs:EPSG::32749", count=1)

    with demo_city.connect() as conn:
        corner = conn.execute(
            text(
                "SELECT ST_X(p), ST_Y(p) FROM (SELECT (ST_DumpPoints(ST_Transform(geom, 32749))).geom AS p"
                " FROM layer.batas_kelurahan ORDER BY id LIMIT 1) corners"
            )
        ).one()
    ring = next(each for each in found.iter() if each.tag.rpartition("}")[2] in ("posList", "coordinates"))
    numbers = [float(number) for number in str(ring.text).replace(",", " ").split()]
    assert numbers[:2] == pytest.approx(list(corner), abs=0.001)


@pytest.mark.parametrize("version", VERSIONS)
def test_only_what_is_asked_for_comes_in_the_order_of_the_schema(client: TestClient, version: str):
    found = features(client, version, "pos_kamling", propertyname="geosatu:rw,pos_kamling/nama", count=3)

    for each in found.iter(f"{OURS}pos_kamling"):
        assert [child.tag for child in each] == [f"{OURS}nama", f"{OURS}rw"]


@pytest.mark.parametrize("version", VERSIONS)
def test_features_stand_in_the_order_that_is_asked_for(client: TestClient, demo_city: Engine, version: str):
    found = features(client, version, "titik_sampah", sortby="luas_m2 D,nama", propertyname="nama")

    with demo_city.connect() as conn:
        rows = conn.scalars(
            text(
                "SELECT nama FROM layer.titik_sampah WHERE status = 'terbit' ORDER BY luas_m2 DESC NULLS LAST, nama, id"
            )
        ).all()
    assert values_of(found, "nama") == list(rows)


# Pages.


def test_pages_of_2_0_follow_each_other_by_their_links(client: TestClient, demo_city: Engine):
    page = get(client, "2.0.0", "GetFeature", typenames="geosatu:pos_kamling", count=70)
    found, starts = [], []
    while True:
        root = read(page)
        assert root.attrib["numberMatched"] == str(count(demo_city, "pos_kamling"))
        ids = ids_of(root, "pos_kamling")
        assert root.attrib["numberReturned"] == str(len(ids))
        found += ids
        starts.append(len(ids))
        if "next" not in root.attrib:
            break
        page = client.get(root.attrib["next"])

    assert found == [f"pos_kamling.{number}" for number in sorted(int(each.partition(".")[2]) for each in found)]
    assert len(set(found)) == len(found) == count(demo_city, "pos_kamling")
    assert starts[:-1] == [70] * (len(starts) - 1)
    back = read(client.get(root.attrib["previous"]))
    assert ids_of(back, "pos_kamling") == found[-starts[-1] - 70 : -starts[-1]]


@pytest.mark.parametrize("sort", [None, "nama", "rw D,nama A"])
@pytest.mark.parametrize("version", VERSIONS)
def test_any_start_gives_what_stands_there_whatever_was_asked_before(
    client: TestClient, version: str, sort: str | None
):
    given = {} if sort is None else {"sortby": sort}
    whole = ids_of(features(client, version, "pos_kamling", **given), "pos_kamling")

    for start, number in ((300, 50), (0, 100), (100, 100), (250, 20), (200, 100), (len(whole) - 5, 50), (5000, 10)):
        part = ids_of(features(client, version, "pos_kamling", startindex=start, count=number, **given), "pos_kamling")
        assert part == whole[start : start + number]


def test_a_page_behind_another_starts_by_key(
    client: TestClient, demo_city: Engine, monkeypatch: pytest.MonkeyPatch, catalogue: Catalogue
):
    from geosatu.store import answers

    asked = []
    page = answers.page

    async def watched(pool: Any, layer: Any, query: Any, actor: Any) -> Any:
        asked.append((query.skip, query.after is not None))
        return await page(pool, layer, query, actor)

    monkeypatch.setattr(answers, "page", watched)
    for start in (0, 40, 80, 95):
        features(client, "2.0.0", "pos_kamling", startindex=start, count=40, propertyname="uid", bbox="111,-9,113,-7")

    assert asked == [(0, False), (0, True), (0, True), (15, True)]


def test_several_layers_come_as_collections_of_a_collection_in_2_0(client: TestClient, demo_city: Engine):
    kwt, posts = count(demo_city, "kwt"), count(demo_city, "pos_kamling")
    asked = {"typenames": "(geosatu:kwt)(geosatu:pos_kamling)", "propertyname": "nama"}

    whole = read(get(client, "2.0.0", "GetFeature", count=kwt + 5, **asked))
    later = read(get(client, "2.0.0", "GetFeature", startindex=kwt - 2, count=5, **asked))

    inner = [each for each in whole.iter("{http://www.opengis.net/wfs/2.0}FeatureCollection") if each is not whole]
    assert [each.attrib["numberReturned"] for each in inner] == [str(kwt), "5"]
    assert whole.attrib["numberMatched"] == str(kwt + posts)
    assert whole.attrib["numberReturned"] == str(kwt + 5)
    assert len(ids_of(later, "kwt")), len(ids_of(later, "pos_kamling")) == (2, 3)


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_several_layers_come_one_behind_the_other_in_older_versions(
    client: TestClient, demo_city: Engine, version: str
):
    found = read(get(client, version, "GetFeature", typename="geosatu:kwt,geosatu:titik_sampah", propertyname="nama"))

    assert len(ids_of(found, "kwt")) == count(demo_city, "kwt")
    assert len(ids_of(found, "titik_sampah")) == count(demo_city, "titik_sampah")


def test_hits_count_and_give_nothing(client: TestClient, demo_city: Engine):
    number = str(count(demo_city, "pos_kamling"))
    new = features(client, "2.0.0", "pos_kamling", resulttype="hits")
    old = features(client, "1.1.0", "pos_kamling", resulttype="hits")
    few = features(client, "1.1.0", "pos_kamling", resulttype="hits", maxfeatures=7)

    assert (new.attrib["numberMatched"], new.attrib["numberReturned"], len(new)) == (number, "0", 0)
    assert (old.attrib["numberOfFeatures"], len(old)) == (number, 0)
    assert few.attrib["numberOfFeatures"] == "7"


def test_a_count_of_nothing_gives_nothing(client: TestClient, demo_city: Engine):
    root = features(client, "2.0.0", "pos_kamling", count=0)

    assert (root.attrib["numberMatched"], root.attrib["numberReturned"]) == (str(count(demo_city, "pos_kamling")), "0")


# Boxes and ids.

INSIDE = "ST_Intersects(geom, ST_MakeEnvelope(112.0, -7.83, 112.03, -7.80, 4326))"


@pytest.mark.parametrize(
    "box",
    [
        "112.0,-7.83,112.03,-7.80",
        "112.0,-7.83,112.03,-7.80,EPSG:4326",
        "-7.83,112.0,-7.80,112.03,urn:ogc:def:crs:EPSG::4326",
        "-7.83,112.0,-7.80,112.03,http://www.opengis.net/def/crs/EPSG/0/4326",
        "112.0,-7.83,112.03,-7.80,http://www.opengis.net/gml/srs/epsg.xml#4326",
        "112.0,-7.83,0,112.03,-7.80,9,urn:ogc:def:crs:OGC:1.3:CRS84",
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_box_means_what_its_crs_says(client: TestClient, demo_city: Engine, version: str, box: str):
    found = ids_of(features(client, version, "pos_kamling", bbox=box), "pos_kamling")

    assert 0 < len(found) == count(demo_city, "pos_kamling", INSIDE)


@pytest.mark.parametrize("parameter", ["featureid", "resourceid"])
@pytest.mark.parametrize("version", VERSIONS)
def test_features_are_found_by_their_ids(client: TestClient, version: str, parameter: str):
    wanted = "pos_kamling.7,pos_kamling.3,pos_kamling.999999999,kwt.1,x"
    asked = {"service": "WFS", "version": version, "request": "GetFeature", "typename": "pos_kamling"}

    named = client.get("/wfs", params={**asked, parameter: wanted})
    alone = client.get("/wfs", params={**asked, "typename": "", parameter: "pos_kamling.7,kwt.1"})

    assert ids_of(read(named), "pos_kamling") == ["pos_kamling.3", "pos_kamling.7"]
    assert ids_of(read(alone), "pos_kamling") == ["pos_kamling.7"]
    assert ids_of(read(alone), "kwt") == ["kwt.1"]


def test_a_feature_by_its_id_is_the_document(client: TestClient):
    by_address = get(client, "2.0.0", "GetFeature", storedquery_id=BY_ID, id="pos_kamling.7")
    body = (
        '<wfs:GetFeature service="WFS" version="2.0.0" xmlns:wfs="http://www.opengis.net/wfs/2.0">'
        f'<wfs:StoredQuery id="{BY_ID}"><wfs:Parameter name="id">pos_kamling.7</wfs:Parameter></wfs:StoredQuery>'
        "</wfs:GetFeature>"
    )
    by_xml = client.post("/wfs", content=body)

    assert by_address.content == by_xml.content
    root = read(by_address)
    assert root.tag == f"{OURS}pos_kamling"
    assert root.attrib[f"{GML['2.0.0']}id"] == "pos_kamling.7"


@pytest.mark.parametrize("feature", ["pos_kamling.999999999", "tidak_ada.1", "x", "pos_kamling.", "pos_kamling.1e3"])
def test_a_feature_that_is_not_there_is_not_found(client: TestClient, feature: str):
    told = refusal(get(client, "2.0.0", "GetFeature", storedquery_id=BY_ID, id=feature), "2.0.0")

    assert (told.status, told.code, told.locator) == (404, "NotFound", "id")


def test_values_of_a_property_are_members(client: TestClient, demo_city: Engine):
    found = read(get(client, "2.0.0", "GetPropertyValue", typenames="titik_sampah", valuereference="tanggal_lapor"))

    with demo_city.connect() as conn:
        rows = conn.scalars(
            text(
                "SELECT tanggal_lapor::text FROM layer.titik_sampah"
                " WHERE status = 'terbit' AND tanggal_lapor IS NOT NULL ORDER BY id"
            )
        ).all()
    assert values_of(found, "tanggal_lapor") == list(rows)
    assert found.attrib["numberMatched"] == found.attrib["numberReturned"] == str(len(rows))


# Other forms.


@pytest.mark.parametrize("form", ["application/json", "json", "geojson", "application/geo+json"])
@pytest.mark.parametrize("version", VERSIONS)
def test_geojson_has_longitude_first_and_ids_with_the_layer(client: TestClient, version: str, form: str):
    answer = get(client, version, "GetFeature", typename="pos_kamling", outputformat=form, count=3)
    page = answer.json()

    assert answer.headers["content-type"] == "application/json"
    assert [each["id"] for each in page["features"]] == [f"pos_kamling.{number}" for number in (1, 2, 3)]
    assert 111 < page["features"][0]["geometry"]["coordinates"][0] < 113
    if version == "2.0.0":
        assert page["numberReturned"] == 3 < page["numberMatched"]
        (following,) = page["links"]
        assert client.get(following["href"]).json()["features"][0]["id"] == "pos_kamling.4"


@pytest.mark.parametrize("version", VERSIONS)
def test_csv_is_a_table(client: TestClient, version: str):
    answer = get(client, version, "GetFeature", typename="kwt", outputformat="csv", startindex=2, count=4)
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert [row["id"] for row in rows] == ["3", "4", "5", "6"]
    assert -9 < float(rows[0]["lintang"]) < -7


@pytest.mark.parametrize(
    "name", ["gml32", "GML3", "gml2", "application/gml+xml; version=3.2", "text/xml;subtype=gml/3.1.1"]
)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_gml_can_be_had_in_every_version(client: TestClient, version: str, name: str):
    root = read(get(client, version, "GetFeature", typename="kwt", outputformat=name, count=2))

    assert len(ids_of(root, "kwt")) == 2
    new = "32" in name or "3.2" in name
    assert root.tag.startswith("{http://www.opengis.net/wfs/2.0}" if new else "{http://www.opengis.net/wfs}")


# Text.

AWKWARD = "<b>&amp; \"Posko\" 'RT' ]]> \t\n\r\x01\x08\x0b\x1f\uffff\ufffe € 漢 𝒳"


@pytest.mark.parametrize("way", ["page", "stream"])
@pytest.mark.parametrize("version", VERSIONS)
def test_any_text_survives_but_for_what_xml_cannot_hold(
    kept_conn: Connection, kept_client: TestClient, version: str, way: str
):
    kept_conn.execute(
        text(
            "INSERT INTO layer.kwt (nama, alamat, geom, status, created_by, updated_by)"
            " VALUES (:nama, 'biasa', ST_Point(112, -7.8, 4326), 'terbit', 'uji', 'uji')"
        ),
        {"nama": AWKWARD},
    )
    kept_conn.commit()
    given = {"count": 10} if way == "page" else {}
    found = features(kept_client, version, "kwt", **given)

    kept = AWKWARD.translate(dict.fromkeys(map(ord, "\x01\x08\x0b\x1f\uffff\ufffe")))
    assert values_of(found, "nama") == [kept]
    assert values_of(found, "alamat") == ["biasa"]


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0"])
def test_each_part_of_a_geometry_has_an_id_of_its_own_in_gml_3_2(
    kept_conn: Connection, kept_client: TestClient, version: str
):
    kept_conn.execute(
        text(
            "INSERT INTO layer.zona_sampah (nama, geom, status, created_by, updated_by) VALUES ('Dua', ST_GeomFromText("
            "'MULTIPOLYGON(((112 -7.8,112.1 -7.8,112.1 -7.7,112 -7.8)),((112.3 -7.8,112.9 -7.8,112.9 -7.2,112.3 -7.8),"
            "(112.7 -7.7,112.8 -7.6,112.8 -7.7,112.7 -7.7)))', 4326), 'terbit', 'uji', 'uji')"
        )
    )
    kept_conn.commit()

    root = features(kept_client, version, "zona_sampah")

    gml = GML[version]
    rings = [each.text for each in root.iter(f"{gml}posList")]
    assert rings == [
        "-7.8 112 -7.8 112.1 -7.7 112.1 -7.8 112",
        "-7.8 112.3 -7.8 112.9 -7.2 112.9 -7.8 112.3",
        "-7.7 112.7 -7.6 112.8 -7.7 112.8 -7.7 112.7",
    ]
    assert len(list(root.iter(f"{gml}interior"))) == 1
    ids = [each.attrib[f"{gml}id"] for each in root.iter() if f"{gml}id" in each.attrib]
    assert len(ids) == len(set(ids)) == (4 if version == "2.0.0" else 1)


# Kept answers.


def test_an_answer_holds_until_its_layer_changes(kept_conn: Connection, kept_client: TestClient):
    first = get(kept_client, "2.0.0", "GetFeature", typenames="kwt")
    tag = {"If-None-Match": first.headers["etag"]}
    assert get(kept_client, "2.0.0", "GetFeature", tag, typenames="kwt").status_code == 304
    for request in ("GetCapabilities", "DescribeFeatureType", "ListStoredQueries"):
        etag = get(kept_client, "2.0.0", request).headers["etag"]
        again = get(kept_client, "2.0.0", request, {"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")

    kept_conn.execute(
        text(
            "INSERT INTO layer.kwt (nama, geom, status, created_by, updated_by)"
            " VALUES ('Baru', ST_Point(112, -7.8, 4326), 'terbit', 'uji', 'uji')"
        )
    )
    kept_conn.commit()

    for _ in range(100):
        later = get(kept_client, "2.0.0", "GetFeature", tag, typenames="kwt")
        if later.status_code == 200:
            break
    assert values_of(read(later), "nama") == ["Baru"]


def test_answers_are_compressed_where_that_is_asked_for(client: TestClient):
    for given in ({"count": 100}, {}):
        for version in VERSIONS:
            told = get(client, version, "GetFeature", typename="posyandu", **given).headers
            assert {"Authorization", "Cookie", "Accept-Encoding"} <= {*told["vary"].split(", ")}
            assert told["etag"].startswith("W/")
            plain = get(client, version, "GetFeature", {"Accept-Encoding": "identity"}, typename="posyandu", **given)
            packed = get(client, version, "GetFeature", {"Accept-Encoding": "gzip"}, typename="posyandu", **given)
            assert packed.headers["content-encoding"] == "gzip"
            assert "content-encoding" not in plain.headers
            assert len(packed.content) == len(plain.content)


def test_pages_of_other_origins_may_ask(client: TestClient):
    asked = client.options("/wfs", headers={"Origin": "https://x.test", "Access-Control-Request-Method": "POST"})

    assert asked.status_code == 200
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "Content-Type" in asked.headers["access-control-allow-headers"]
    assert get(client, "2.0.0", "GetCapabilities").headers["access-control-allow-origin"] == "*"
    assert client.options("/ogc").headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/wfs/", "/wfs/apa/saja"])
def test_whatever_stands_behind_the_address_is_the_same_door(client: TestClient, path: str):
    answer = client.get(path, params={"service": "WFS", "request": "GetCapabilities"})

    assert read(answer).tag == "{http://www.opengis.net/wfs/2.0}WFS_Capabilities"


# Refusals.

REFUSED: list[tuple[dict[str, str], str, str | None]] = [
    ({"typename": UNKNOWN}, "InvalidParameterValue", "typeName"),
    ({"typename": "x:kwt"}, "InvalidParameterValue", "typeName"),
    ({"typename": ""}, "MissingParameterValue", "typeNames"),
    ({"typename": "kwt", "propertyname": UNKNOWN}, "InvalidParameterValue", "propertyName"),
    ({"typename": "kwt", "propertyname": "nama/kepala"}, "InvalidParameterValue", "propertyName"),
    ({"typename": "kwt", "srsname": "EPSG:1"}, "InvalidParameterValue", "srsName"),
    ({"typename": "kwt", "srsname": "x"}, "InvalidParameterValue", "srsName"),
    ({"typename": "kwt", "outputformat": "shape-zip"}, "InvalidParameterValue", "outputFormat"),
    ({"typename": "kwt", "resulttype": "some"}, "InvalidParameterValue", "resultType"),
    ({"typename": "kwt", "sortby": UNKNOWN}, "InvalidParameterValue", "sortBy"),
    ({"typename": "kwt", "sortby": "nama UP"}, "InvalidParameterValue", "sortBy"),
    ({"typename": "kwt", "sortby": "geom"}, "InvalidParameterValue", "sortBy"),
    ({"typename": "kwt", "count": "-1"}, "InvalidParameterValue", "maxFeatures"),
    ({"typename": "kwt", "maxfeatures": "x"}, "InvalidParameterValue", "maxFeatures"),
    ({"typename": "kwt", "cql_filter": "nama='x'"}, "InvalidParameterValue", "cql_filter"),
    ({"typename": "kwt", "startindex": "1.5"}, "InvalidParameterValue", "startIndex"),
    ({"typename": "kwt", "startindex": "9" * 30}, "InvalidParameterValue", "startIndex"),
    ({"typename": "kwt", "bbox": "1,2,3"}, "InvalidParameterValue", "bbox"),
    ({"typename": "kwt", "bbox": "3,2,1,4"}, "InvalidParameterValue", "bbox"),
    ({"typename": "kwt", "bbox": "1,2,3,4,EPSG:0"}, "InvalidParameterValue", "bbox"),
    ({"typename": "kwt", "bbox": "1,2,3,4", "resourceid": "kwt.1"}, "InvalidParameterValue", "resourceid"),
    ({"typename": "kwt", "filter": "<Filter>"}, "InvalidParameterValue", "filter"),
    ({"typename": "kwt", "filter": "nama='x'"}, "InvalidParameterValue", "filter"),
    ({"typename": "kwt", "filter": "<Filter/>"}, "InvalidParameterValue", "filter"),
    ({"typename": "kwt", "filter": "<x/>"}, "InvalidParameterValue", "filter"),
    ({"typename": "kwt", "service": "WMS"}, "InvalidParameterValue", "service"),
    ({"typename": "kwt", "request": ""}, "MissingParameterValue", "request"),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("given", "code", "locator"), REFUSED, ids=lambda part: str(part)[:50])
def test_what_makes_no_sense_is_refused_in_the_words_of_the_version(
    client: TestClient, version: str, given: dict[str, str], code: str, locator: str | None
):
    asked = {"service": "WFS", "version": version, "request": "GetFeature", **given}

    told = refusal(client.get("/wfs", params=asked), version)

    names = {"typeName": "typeNames", "maxFeatures": "count"} if version == "2.0.0" else {}
    expected = names.get(locator or "", locator)
    assert (told.status, told.code, told.locator) == (400, code, expected)


@pytest.mark.parametrize(
    ("query", "code", "locator"),
    [
        ("", "MissingParameterValue", "service"),
        ("service=WFS", "MissingParameterValue", "request"),
        ("request=GetCapabilities", "MissingParameterValue", "service"),
        ("service=WFS&request=GetFeature&version=7", "InvalidParameterValue", "version"),
        ("service=WFS&request=GetCapabilities&acceptversions=7", "VersionNegotiationFailed", "acceptversions"),
        ("service=WFS&request=GetFeature&typenames=kwt,umkm", "OptionNotSupported", "typeNames"),
        ("service=WFS&request=GetFeature&typenames=%00", "InvalidParameterValue", "request"),
        ("service=WFS&request=GetFeature&typenames=%ff", "InvalidParameterValue", "request"),
        ("service=WFS&request=GetFeature&typenames=kwt&count=1&COUNT=2", "InvalidParameterValue", "COUNT"),
        ("service=WFS&request=GetFeature&storedquery_id=x", "InvalidParameterValue", "storedquery_id"),
        (f"service=WFS&request=GetFeature&storedquery_id={BY_ID}", "MissingParameterValue", "id"),
        ("service=WFS&request=GetPropertyValue&typenames=kwt", "MissingParameterValue", "valueReference"),
        (
            "service=WFS&request=GetPropertyValue&typenames=kwt&valuereference=x",
            "InvalidParameterValue",
            "valueReference",
        ),
        ("service=WFS&request=DescribeFeatureType&typenames=x", "InvalidParameterValue", "typeNames"),
        ("service=WFS&request=DescribeFeatureType&outputformat=json", "InvalidParameterValue", "outputFormat"),
        ("service=WFS&request=DescribeStoredQueries&storedquery_id=x", "InvalidParameterValue", "storedquery_id"),
        (
            "service=WFS&request=GetFeature&typenames=kwt&outputformat=csv&resulttype=hits",
            "InvalidParameterValue",
            "resultType",
        ),
        ("x" * 40_000, "InvalidParameterValue", "request"),
    ],
)
def test_every_refusal_has_its_code_and_its_place(client: TestClient, query: str, code: str, locator: str):
    told = refusal(client.get(f"/wfs?{query}"), "2.0.0")

    assert (told.status, told.code, told.locator) == (400, code, locator)


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
BODIES_REFUSED: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no XML": (b"SELECT 1", 400),
    "broken": (b"<wfs:GetFeature", 400),
    "entities": (BOMB.encode(), 400),
    "a file": (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', 400),
    "a document type": (b"<!DOCTYPE x><x/>", 400),
    "a parameter entity": (b'<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1/x"> %a;]><x/>', 400),
    "an entity nobody declared": (b"<x>&a;</x>", 400),
    "depth": (b"<a>" * 20_000, 400),
    "many elements": (b"<a>" + b"<b/>" * 60_000 + b"</a>", 400),
    "size": (b"<a>" + b" " * 1_100_000 + b"</a>", 413),
    "no UTF-8": (b"<a>\xff\xfe\xff</a>", 400),
    "half a character": (b"<a>\xed\xa0\x80</a>", 400),
    "an unknown encoding": (b'<?xml version="1.0" encoding="x-42"?><a/>', 400),
    "NUL": (b"<a>\x00</a>", 400),
    "two roots": (b"<a/><b/>", 400),
}


@pytest.mark.parametrize("what", BODIES_REFUSED)
def test_xml_that_could_do_harm_is_refused_before_it_is_looked_at(client: TestClient, what: str):
    body, status = BODIES_REFUSED[what]

    told = refusal(client.post("/wfs", content=body, headers={"Content-Type": "text/xml"}), "2.0.0")

    assert (told.status, told.code, told.locator) == (status, "OperationParsingFailed", "request")
    assert "root:" not in told.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(client: TestClient, method: str):
    answer = client.request(method, "/wfs?service=WFS&request=GetCapabilities")

    assert refusal(answer, "2.0.0").status == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_head_is_answered_as_get_without_a_body(client: TestClient):
    asked = "/wfs?service=WFS&request=GetCapabilities"

    assert client.head(asked).headers["content-type"] == client.get(asked).headers["content-type"]
    assert client.head("/wfs").headers["content-type"] == EXCEPTIONS["2.0.0"]
    assert client.head("/wfs").content == b""
