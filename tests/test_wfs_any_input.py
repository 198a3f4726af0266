"""Whatever is asked of /wfs, it answers, or tells in an exception report what is wrong: it never breaks."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

often = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

REPORTS = {"ServiceExceptionReport", "ExceptionReport"}


class Door:
    """The running service, asked over one connection as long as it holds."""

    def __init__(self, address: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)

    def ask(self, target: str, body: bytes | None = None, media_type: str = "text/xml") -> int:
        """What is asked is answered or refused, and what is refused has a code and a sentence."""
        self.connection.putrequest("GET" if body is None else "POST", target, skip_accept_encoding=True)
        if body is not None:
            self.connection.putheader("Content-Type", media_type)
            self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body)
        answer = self.connection.getresponse()
        said = answer.read()
        assert answer.status in (200, 400, 401, 404, 413), (target, body, answer.status, said[:300])
        if answer.status == 200:
            if "json" not in answer.headers["content-type"] and "csv" not in answer.headers["content-type"]:
                fromstring(said)
            return answer.status
        root = fromstring(said)
        assert root.tag.rpartition("}")[2] in REPORTS
        told = root[0].attrib
        assert told.get("exceptionCode", told.get("code"))
        assert "".join(root.itertext()).strip().endswith(".")
        return answer.status


@pytest.fixture(scope="module")
def door(service: str) -> Iterator[Door]:
    door = Door(service)
    yield door
    door.connection.close()


RAW = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=60)
BYTES = st.binary(max_size=20).map(quote)


@often
@given(RAW | st.lists(BYTES, max_size=6).map("=&".join))
@example("service=WFS&request=GetFeature&typenames=kwt&count=%ff")
@example("%00=1")
@example("&".join(f"a{number}=1" for number in range(200)))
def test_any_query_string_is_answered_or_refused(door: Door, query: str) -> None:
    door.ask(f"/wfs?{query}")


NUMBERS = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from(["1e400", "NaN", "1" + "0" * 400, "٣", "1_0", "", " 1", "99999999999999999999"]),
)
CRS = st.sampled_from(
    [
        "EPSG:4326",
        "urn:ogc:def:crs:EPSG::32749",
        "urn:ogc:def:crs:OGC::CRS84",
        "EPSG:3857",
        "EPSG:0",
        "x",
        "",
        "[EPSG:4326]",
    ]
) | st.text(max_size=30)
NAMES = st.sampled_from(
    ["kwt", "geosatu:kwt", "(kwt)(umkm)", "kwt,umkm", "x:kwt", "", "(", "()", "kwt/nama", "batas_rt"]
)
PROPERTIES = st.sampled_from(
    [
        "nama",
        "geosatu:luas_m2",
        "geom",
        "*",
        "",
        "kwt/nama",
        "//",
        "komoditas",
        "tanggal_data",
        "updated_at",
        "\x1f",
        "[1]",
    ]
)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "service": st.sampled_from(["WFS", "wfs", "", "x"]),
    "version": st.sampled_from(["1.0.0", "1.1.0", "2.0.0", "2.0.2", "", "x", "٣"]),
    "request": st.sampled_from(
        [
            "GetCapabilities",
            "DescribeFeatureType",
            "GetFeature",
            "GetPropertyValue",
            "ListStoredQueries",
            "DescribeStoredQueries",
            "Transaction",
            "getfeature",
            "",
        ]
    ),
    "typename": NAMES | st.text(max_size=20),
    "count": NUMBERS,
    "maxfeatures": NUMBERS,
    "startindex": NUMBERS,
    "bbox": st.tuples(st.lists(NUMBERS, max_size=6).map(",".join), CRS).map(",".join),
    "srsname": CRS,
    "sortby": st.lists(st.tuples(PROPERTIES, st.sampled_from(["A", "D", "DESC", "", "x"])).map(" ".join)).map(",".join),
    "propertyname": st.lists(PROPERTIES, max_size=3).map(",".join) | st.text(max_size=20),
    "valuereference": PROPERTIES | st.text(max_size=20),
    "outputformat": st.sampled_from(
        ["gml2", "GML3", "gml32", "json", "csv", "", "x", "XMLSCHEMA", "text/xml; subtype=gml/3.1.1"]
    ),
    "resulttype": st.sampled_from(["hits", "results", "HITS", "", "x"]),
    "resourceid": st.lists(st.sampled_from(["kwt.1", "kwt.2", "umkm.1", "kwt", "", "kwt.99999999999999999999"])).map(
        ",".join
    ),
    "storedquery_id": st.sampled_from(["urn:ogc:def:query:OGC-WFS::GetFeatureById", "", "x"]),
    "id": st.sampled_from(["kwt.1", "kwt.x", "x.1", "", "kwt.99999999999999999999"]) | st.text(max_size=9),
    "acceptversions": st.sampled_from(["1.0.0,2.0.0", "", ",", "x"]),
    "namespaces": st.sampled_from(["xmlns(x,urn:geosatu:layer)", "xmlns(x=urn:x)", "xmlns(", ""])
    | st.text(max_size=20),
    "filter": st.text(max_size=60),
}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.lists(st.sampled_from(list(VALUES)), unique=True, max_size=5))
    base = {"service": "WFS", "version": "2.0.0", "request": "GetFeature", "typename": "kwt", "count": "2"}
    return {**base, **{name: draw(VALUES[name]) for name in names}}


@settings(often, max_examples=400)
@given(requests())
@example({"service": "WFS", "version": "1.1.0", "request": "GetFeature", "typename": "kwt", "startindex": "9" * 18})
def test_any_value_of_a_parameter_is_answered_or_refused(door: Door, asked: dict[str, str]) -> None:
    door.ask("/wfs?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.items()))


@often
@given(st.binary(max_size=300), st.sampled_from(["text/xml", "application/x-www-form-urlencoded", "", "image/png"]))
@example(b"service=WFS&request=GetCapabilities", "application/x-www-form-urlencoded")
@example(b"\xff=%ff", "application/x-www-form-urlencoded")
def test_any_body_is_answered_or_refused(door: Door, body: bytes, media_type: str) -> None:
    door.ask("/wfs", body, media_type)


# XML that knows the words.

TAGS = [
    "And",
    "Or",
    "Not",
    "PropertyIsEqualTo",
    "PropertyIsNotEqualTo",
    "PropertyIsLessThan",
    "PropertyIsLike",
    "PropertyIsNull",
    "PropertyIsBetween",
    "LowerBoundary",
    "UpperBoundary",
    "PropertyName",
    "ValueReference",
    "Literal",
    "BBOX",
    "Intersects",
    "Within",
    "DWithin",
    "Distance",
    "Add",
    "Div",
    "Function",
    "After",
    "During",
    "ResourceId",
    "FeatureId",
    "SortBy",
    "SortProperty",
    "SortOrder",
    "Filter",
    "Query",
    "StoredQuery",
    "Point",
    "LineString",
    "Polygon",
    "MultiSurface",
    "MultiPoint",
    "Surface",
    "Curve",
    "segments",
    "LineStringSegment",
    "patches",
    "PolygonPatch",
    "Envelope",
    "Box",
    "exterior",
    "interior",
    "outerBoundaryIs",
    "LinearRing",
    "Ring",
    "curveMember",
    "surfaceMember",
    "pointMember",
    "pos",
    "posList",
    "coordinates",
    "coord",
    "X",
    "Y",
    "lowerCorner",
    "upperCorner",
    "TimeInstant",
    "TimePeriod",
    "timePosition",
    "beginPosition",
    "endPosition",
]
ATTRIBUTES = {
    "srsName": CRS,
    "srsDimension": st.sampled_from(["2", "3", "x", "0", "-1"]),
    "cs": st.sampled_from([",", " ", "", ",,", "."]),
    "ts": st.sampled_from([" ", ",", ";", ""]),
    "decimal": st.sampled_from([".", ",", ""]),
    "wildCard": st.sampled_from(["*", "%", "", "**"]),
    "escapeChar": st.sampled_from(["\\", "!", ""]),
    "matchCase": st.sampled_from(["true", "false", "x"]),
    "rid": st.sampled_from(["kwt.1", "x"]),
    "uom": st.sampled_from(["m", "km", "deg", ""]),
}
TEXTS = st.one_of(
    st.sampled_from(
        [
            "nama",
            "geom",
            "luas_m2",
            "tanggal_data",
            "updated_at",
            "komoditas",
            "uid",
            "1",
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            "112,-7.8 112.1,-7.7",
            "-7.8 112 -7.7 112.1",
            "0 0 1 1 0 1 0 0",
            "1e400",
            "%",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), max_size=8),
    NUMBERS,
)


def escaped(said: str) -> str:
    return said.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("\x00", "")


@st.composite
def elements(draw: st.DrawFn, inside: st.SearchStrategy[str]) -> str:
    tag = draw(st.sampled_from(TAGS))
    names = draw(st.lists(st.sampled_from(list(ATTRIBUTES)), unique=True, max_size=2))
    said = "".join(f' {name}="{escaped(draw(ATTRIBUTES[name]))}"' for name in names)
    return f"<{tag}{said}>{''.join(draw(st.lists(inside, max_size=3)))}</{tag}>"


TREES = st.recursive(TEXTS.map(escaped), elements, max_leaves=12)


@settings(often, max_examples=400)
@given(TREES, st.sampled_from(["1.0.0", "1.1.0", "2.0.0"]))
def test_any_elements_are_a_filter_or_refused(door: Door, tree: str, version: str) -> None:
    space = "http://www.opengis.net/wfs/2.0" if version == "2.0.0" else "http://www.opengis.net/wfs"
    query = f'<w:Query typeName="kwt" typeNames="kwt"><Filter>{tree}</Filter></w:Query>'
    about = f'service="WFS" version="{version}" count="2" maxFeatures="2" xmlns:w="{space}"'
    body = f"<w:GetFeature {about}>{query}</w:GetFeature>"
    printable = "".join(each for each in body if each.isprintable())
    door.ask("/wfs", printable.encode())


RELATIONS = ("BBOX", "Intersects", "Within", "Contains", "Equals", "Touches", "Overlaps", "Crosses", "Disjoint")
PLACES = st.one_of(
    st.floats(-200, 200), st.floats(), st.sampled_from([0.0, 112.0, -7.8, 90.0, 180.0, -180.0, 9e7, 610_000.0])
)


@settings(often, max_examples=300)
@given(
    st.sampled_from(RELATIONS),
    st.sampled_from(["Point", "LineString", "Polygon", "Envelope"]),
    st.lists(PLACES, max_size=10),
    st.sampled_from(["EPSG:4326", "urn:ogc:def:crs:EPSG::4326", "EPSG:32749", "EPSG:3857", "EPSG:23836"]),
)
def test_any_place_is_found_or_refused(door: Door, relation: str, kind: str, numbers: list[float], crs: str) -> None:
    said = " ".join(map(repr, numbers))
    inside = {
        "Point": f"<pos>{said}</pos>",
        "LineString": f"<posList>{said}</posList>",
        "Polygon": f"<exterior><LinearRing><posList>{said} {said[:0]}</posList></LinearRing></exterior>",
        "Envelope": f"<lowerCorner>{' '.join(said.split()[:2])}</lowerCorner><upperCorner>{' '.join(said.split()[2:4])}"
        "</upperCorner>",
    }[kind]
    shape = f'<{kind} srsName="{crs}">{inside}</{kind}>'
    condition = f"<Filter><{relation}><PropertyName>geom</PropertyName>{shape}</{relation}></Filter>"
    asked = "service=WFS&version=1.1.0&request=GetFeature&typename=batas_kelurahan&maxfeatures=1"
    door.ask(f"/wfs?{asked}&filter={quote(condition)}")
