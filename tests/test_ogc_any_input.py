"""Whatever is asked of the doors of /ogc, they answer it, or say in a sentence what is wrong with it."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from geosatu.api.parameters import PARAMETERS
from geosatu.crs import SUPPORTED

PROBLEM = "application/problem+json"
LONGEST_SENTENCE = 1_500
"""Some name all fields of a layer, or all operations."""

often = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Doors:
    """The running service, asked over one connection as long as it holds."""

    def __init__(self, address: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)

    def ask(self, target: str, *statuses: int) -> None:
        """The address, as it goes over the line, is answered with one of these, and what is refused with a reason."""
        self.connection.putrequest("GET", target, skip_accept_encoding=True)
        self.connection.endheaders()
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status in statuses, (target, answer.status, body[:300])
        if answer.status == 200:
            return
        if "f=html" in target and answer.headers["content-type"].startswith("text/html"):
            assert b'role="alert"' in body
            return
        assert answer.headers["content-type"] == PROBLEM
        problem = json.loads(body)
        assert problem.keys() == {"status", "title"}
        assert problem["status"] == answer.status
        assert problem["title"].endswith(".")
        assert len(problem["title"]) < LONGEST_SENTENCE
        assert "\n" not in problem["title"]


@pytest.fixture(scope="module")
def doors(service: str) -> Iterator[Doors]:
    doors = Doors(service)
    yield doors
    doors.connection.close()


# Addresses.

BYTES = st.binary(max_size=20).map(quote)
KNOWN_PARTS = """
collections kwt batas_rt items 1 0 -1 22 tiles WebMercatorQuad tilejson.json schema queryables api conformance .. .
%00 %ff %c0%af %ed%a0%80 %D9%A3
"""
PARTS = st.one_of(
    st.sampled_from(["", "9" * 400, *KNOWN_PARTS.split()]),
    st.text(max_size=12).map(lambda said: quote(said, safe="")),
    BYTES,
)


@often
@given(st.lists(PARTS, max_size=7))
@example(["collections", "%ff", "items"])
@example(["collections", "kwt%00", "items"])
@example(["collections", "kwt", "items", "%00"])
@example(["collections", "kwt", "tiles", "WebMercatorQuad", "9" * 400, "0", "0"])
def test_any_path_is_answered_or_unknown(doors: Doors, parts: list[str]) -> None:
    doors.ask("/ogc/" + "/".join(parts), 200, 404)


WHERE = [
    "/ogc",
    "/ogc/api",
    "/ogc/collections",
    "/ogc/collections/kwt",
    "/ogc/collections/kwt/queryables",
    "/ogc/collections/kwt/items",
    "/ogc/collections/batas_rt/items",
    "/ogc/collections/kwt/items/1",
    "/ogc/collections/kwt/tiles",
    "/ogc/collections/kwt/tiles/WebMercatorQuad/0/0/0",
    "/cari",
    "/findings",
]
RAW = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=60)


@often
@given(st.sampled_from(WHERE), RAW | st.lists(BYTES, max_size=6).map("=&".join))
@example("/ogc/collections/kwt/items", "limit=%ff")
@example("/ogc/collections/kwt/items", "%00=1")
@example("/ogc/collections/kwt/items", "&".join(f"a{number}=1" for number in range(200)))
@example("/ogc/collections/kwt/items", "filter=" + "%20" * 20_000)
@example("/ogc/collections/kwt/items", "f=html&f=html")
def test_any_query_string_is_answered_or_refused(doors: Doors, where: str, query: str) -> None:
    doors.ask(f"{where}?{query}", 200, 400)


# Parameters that are known, with values that may make no sense.

NUMBERS = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from(["1e400", "-1e400", "NaN", "1" + "0" * 400, "٣", "1_0", "0x1", "1e7", "-9e7", "", " 1", "++1"]),
)
CRS = st.one_of(
    st.sampled_from(
        [*SUPPORTED, "EPSG:4326", "EPSG:", "EPSG:999999", "[EPSG:32749]", "urn:ogc:def:crs:EPSG::32749", "", "CRS84"]
    ),
    st.integers(0, 99_999).map(lambda code: f"http://www.opengis.net/def/crs/EPSG/0/{code}"),
    st.text(max_size=200),
)
MOMENTS = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.dates().map(str),
    st.sampled_from(["", "..", "0000-01-01", "0000-02-29", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "T"]),
    st.text(max_size=30),
)
KEYS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "limit": NUMBERS,
    "bbox": st.lists(NUMBERS, max_size=7).map(",".join),
    "bbox-crs": CRS,
    "crs": CRS,
    "filter-crs": CRS,
    "pada": MOMENTS | st.text(),
    "datetime": st.lists(MOMENTS, min_size=1, max_size=3).map("/".join),
    "filter-lang": st.sampled_from(["cql2-text", "cql2-json", "cql-text", "sql", ""]),
    "sortby": st.lists(st.sampled_from(["nama", "-nama", "+luas_m2", "-updated_at", "", "geom", "-"])).map(",".join),
    "properties": st.lists(st.sampled_from(["nama", "uid", "", "geom", "keterangan", "\x1f"])).map(",".join),
    "after": NUMBERS | KEYS.map(lambda key: base64.urlsafe_b64encode(json.dumps(key).encode()).decode()),
    "skipGeometry": st.sampled_from(["true", "false", "TRUE", "1", ""]),
    "f": st.sampled_from(["json", "html", "geojson", "xml", ""]),
    "nama": st.text(),
    "uid": st.text(),
    "version": NUMBERS,
    "luas_m2": NUMBERS,
    "status": st.text() | st.just("terbit"),
    "tanggal_data": MOMENTS,
    "updated_at": MOMENTS,
    "komoditas": st.text(),
    "geom": st.text(),
}


def line(asked: dict[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.items())


@st.composite
def requests(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.lists(st.sampled_from(list(VALUES)), unique=True, max_size=4))
    return {name: draw(VALUES[name]) for name in names}


def test_every_parameter_is_tried() -> None:
    assert set(PARAMETERS) - set(VALUES) == {"filter"}, "which is tried below"


@settings(often, max_examples=300)
@given(requests())
@example({"bbox": "-9e7,-9e7,9e7,9e7", "bbox-crs": "EPSG:32749"})
@example({"bbox": "112,-7.8,112.1,-7.9"})
@example({"sortby": "nama", "after": base64.urlsafe_b64encode(b'["\\ud800",1]').decode()})
@example({"limit": "1" + "0" * 18})
def test_any_value_of_a_parameter_is_answered_or_refused(doors: Doors, asked: dict[str, str]) -> None:
    doors.ask(f"/ogc/collections/kwt/items?{line(asked)}", 200, 400)


# Filters, in both languages.

VOCABULARY = """
nama luas_m2 tahun_berdiri tanggal_data updated_at komoditas geometry status version = <> < > <= >= + - * / % ^ ( ) ,
AND OR NOT LIKE ILIKE IN BETWEEN IS NULL DIV TRUE FALSE DATE('2026-01-01') TIMESTAMP('2026-01-01T00:00:00Z') INTERVAL(
INTERVAL('..','2026-01-01') DATE( CASEI( ACCENTI( S_INTERSECTS( T_AFTER( A_CONTAINS( f( POINT( 112 -7.8 BBOX( POLYGON((
BBOX(112,-8,113,-7) GEOMETRYCOLLECTION( 'a' '%' '\\' '2026-99-99' ''' . 1e400 0 1 1e3 .5 é 漢
"""
WORDS = st.sampled_from(VOCABULARY.split()) | st.text(max_size=5) | st.floats().map(repr)
CRS_OF_FILTERS = st.sampled_from(["CRS84", "EPSG:4326", "EPSG:32749", "EPSG:3857"])


@settings(often, max_examples=300)
@given(st.lists(WORDS, max_size=15).map(" ".join), CRS_OF_FILTERS)
@example("=".join(["1"] * 8000), "CRS84")
@example("(" * 30 + "1 $" + ")" * 30, "CRS84")
@example("(" * 16_000, "CRS84")
@example("1=1 AND (" * 200 + "1=1" + ")" * 200, "CRS84")
@example("nama IN (" + ",".join(["'a'"] * 3000) + ")", "CRS84")
@example("luas_m2 > 10 ^ 400", "CRS84")
@example("S_INTERSECTS(geometry, POLYGON((-9e7 -9e7, 9e7 -9e7, 9e7 9e7, -9e7 9e7, -9e7 -9e7)))", "EPSG:32749")
def test_any_words_are_a_filter_or_refused(doors: Doors, said: str, crs: str) -> None:
    asked = {"filter": said, "filter-crs": crs, "limit": "1"}

    doors.ask(f"/ogc/collections/kwt/items?{line(asked)}", 200, 400)


NAMES = st.sampled_from(
    ["nama", "luas_m2", "tahun_berdiri", "tanggal_data", "updated_at", "komoditas", "geometry", "\ud800", "", "x" * 999]
)
OPERATIONS = """
and or not = <> < > <= >= + - * / % ^ div in between like isNull casei accenti s_intersects s_within t_after t_during
a_contains a_overlaps pg_sleep
"""
PLACES = st.floats(-200, 200) | st.floats() | st.just(10**400)
LEAVES = st.one_of(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    st.just(10**400),
    NAMES.map(lambda name: {"property": name}),
    MOMENTS.map(lambda moment: {"date": moment}),
    MOMENTS.map(lambda moment: {"timestamp": moment}),
    st.lists(MOMENTS, max_size=3).map(lambda ends: {"interval": ends}),
    st.lists(PLACES, max_size=6).map(lambda edges: {"bbox": edges}),
    st.lists(PLACES, max_size=3).map(lambda place: {"type": "Point", "coordinates": place}),
    st.lists(st.lists(PLACES, max_size=3), max_size=5).map(lambda ring: {"type": "Polygon", "coordinates": [ring]}),
    st.just({"type": "GeometryCollection", "geometries": []}),
    st.just({"type": "Curve", "coordinates": [[1, 2]]}),
)
NODES = {"op": st.sampled_from(OPERATIONS.split())}
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.fixed_dictionaries({**NODES, "args": st.lists(inner, max_size=3)}),
    max_leaves=12,
)


def nested(depth: int) -> Any:
    tree: Any = True
    for _ in range(depth):
        tree = {"op": "and", "args": [True, tree]}
    return tree


@settings(often, max_examples=300)
@given(TREES, CRS_OF_FILTERS)
@example({"op": "=", "args": [{"property": "luas_m2"}, 10**400]}, "CRS84")
@example({"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [10**400, 1, 2, 3]}]}, "CRS84")
@example(nested(47), "CRS84")
@example(nested(400), "CRS84")
def test_any_json_is_a_filter_or_refused(doors: Doors, tree: Any, crs: str) -> None:
    asked = {"filter": json.dumps(tree), "filter-lang": "cql2-json", "filter-crs": crs, "limit": "1"}

    doors.ask(f"/ogc/collections/kwt/items?{line(asked)}", 200, 400)
