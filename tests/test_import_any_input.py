"""Whatever a file holds, an import ends in a report or in one sentence, and what it keeps is sound."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from importing import BARAT, Town, collection, gpx
from shapely.geometry import box
from sqlalchemy import text

from geosatu.crs import LAND_AND_SEA
from geosatu.errors import GeosatuError
from geosatu.layers import SYSTEM_FIELDS, Catalogue, read_catalogue
from geosatu.readers import READERS

LAYERS = ["posyandu", "batas_rt", "titik_rt", "zona_sampah", "batas_kelurahan"]

CATALOGUE = read_catalogue(Path(__file__).parent.parent / "layers")

any_file = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
def town(conn, catalogue: Catalogue, tmp_path: Path) -> Town:
    return Town(conn, catalogue, tmp_path).with_boundaries()


def bring_and_forget(town: Town, layer: str, content: str | bytes, name: str) -> None:
    """Import a file, look at all that is kept of it, and take it back."""
    with town.conn.begin_nested() as attempt:
        with contextlib.suppress(GeosatuError):
            report = town.bring(layer, content, name)
            assert report.records == report.accepted + len(report.refused)
            assert all(refusal.reason.endswith(".") and len(refusal.reason) < 700 for refusal in report.refused)
            json.dumps(report.as_json(), ensure_ascii=False).encode()
            again = town.bring(layer, content, name)
            assert (again.added, again.updated, again.unchanged) == (0, 0, report.accepted)
            assert sound(town, layer)
        attempt.rollback()


def sound(town: Town, layer: str) -> bool:
    """Valid, flat, right-handed, in Indonesia, and of the layer's type."""
    wrong = f"""
        SELECT count(*) FROM layer.{layer}
        WHERE NOT (ST_IsValid(geom) AND ST_NDims(geom) = 2 AND ST_IsPolygonCCW(geom) AND GeometryType(geom) = :type
                   AND ST_CoveredBy(geom, ST_MakeEnvelope(:west, :south, :east, :north, 4326)))
        """
    edges = dict(zip(("west", "south", "east", "north"), LAND_AND_SEA, strict=True))
    return not town.conn.scalar(text(wrong), edges | {"type": town.catalogue[layer].geometry.upper()})


ANY_TEXT = st.text(max_size=20) | st.sampled_from(["3", "RT 3/RW 4", "-7,8", "EPSG:4326", "balita", "2026-08-17", "ya"])
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -7.795, 112.005, 0])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)

TYPES = [
    "Feature",
    "FeatureCollection",
    "Point",
    "MultiPoint",
    "LineString",
    "Polygon",
    "MultiPolygon",
    "point",
    "name",
]
MEMBERS = ["type", "id", "geometry", "properties", "coordinates", "features", "geometries", "crs", "name", "uid"]
GEOJSON_LIKE = st.recursive(
    JSON | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=30,
)


@any_file
@given(
    st.lists(GEOJSON_LIKE, min_size=1, max_size=3), st.sampled_from(LAYERS), st.sampled_from(["\n", "\x1e", ",", ""])
)
def test_any_json_is_a_file_that_can_be_judged(town: Town, values, layer, between):
    bring_and_forget(town, layer, between.join(map(json.dumps, values)), "apa_saja.geojson")


@any_file
@given(st.lists(GEOJSON_LIKE, min_size=1, max_size=3), st.sampled_from(LAYERS))
def test_any_json_is_a_feature_that_can_be_judged(town: Town, values, layer):
    bring_and_forget(town, layer, collection(*values), "apa_saja.geojson")


WEST, SOUTH, EAST, NORTH = BARAT[2].bounds
DEGREES = st.tuples(st.floats(WEST, EAST), st.floats(SOUTH, NORTH)).map(list) | st.lists(NUMBERS, max_size=3)
PLOTS = st.builds(
    lambda x, y, width, height: box(x, y, x + width, y + height).__geo_interface__,
    st.floats(WEST, EAST), st.floats(SOUTH, NORTH), st.floats(0, 0.01), st.floats(0, 0.01),
)  # fmt: skip
GEOMETRIES = (
    st.none()
    | st.builds(lambda place: {"type": "Point", "coordinates": place}, DEGREES)
    | st.builds(lambda ring: {"type": "Polygon", "coordinates": [[*ring, *ring[:1]]]}, st.lists(DEGREES, max_size=6))
    | PLOTS
)


@st.composite
def features(draw, layer: str):
    """Features whose columns are those of the layer, with anything in them."""
    fields = [*CATALOGUE[layer].fields.values(), *SYSTEM_FIELDS.values()]
    names = [name for field in fields for name in (field.name, field.title, *field.aliases)]
    codes = [code for field in fields for code in field.codes]
    cells = JSON | st.sampled_from(codes or [""]) | st.sampled_from([BARAT[0], "3571011001"])
    return {
        "type": "Feature",
        "geometry": draw(GEOMETRIES),
        "properties": draw(st.dictionaries(st.sampled_from([*names, "uid", "_uuid"]) | ANY_TEXT, cells, max_size=8)),
    }


@any_file
@given(st.sampled_from(LAYERS).flatmap(lambda layer: st.tuples(st.just(layer), st.lists(features(layer), max_size=4))))
def test_anything_may_stand_in_the_columns_of_a_layer(town: Town, drawn):
    layer, found = drawn
    bring_and_forget(town, layer, collection(*found), "apa_saja.geojson")


@any_file
@given(st.text() | st.text(alphabet="<>/&;=\"'! wptrkseg[]-:ENTITY%#x0"), st.sampled_from(["posyandu", "batas_rt"]))
@example("<![CDATA[", "posyandu")
@example("<wpt/>", "posyandu")
@example("<trk><trkseg/><trkseg><trkpt/></trkseg></trk>", "batas_rt")
@example("<trkpt/><rtept/><trkseg/>", "posyandu")
@example("<gpx><wpt lat='1' lon='1'/></gpx>", "posyandu")
def test_any_text_may_stand_in_a_gpx(town: Town, body, layer):
    bring_and_forget(town, layer, gpx(body).encode("utf-8", "surrogatepass"), "apa_saja.gpx")


NUMERALS = st.text(alphabet="0123456789.,-+eE nainfx", max_size=12) | st.floats(-200, 200).map(str)


@any_file
@given(st.lists(st.tuples(NUMERALS, NUMERALS), max_size=6), st.sampled_from(["posyandu", "batas_rt"]))
def test_any_text_may_stand_for_a_coordinate(town: Town, places, layer):
    points = "".join(f"<trkpt lat={quoteattr(lat)} lon={quoteattr(lon)}/>" for lat, lon in places)
    body = points.replace("trkpt", "wpt") + f"<trk><trkseg>{points}</trkseg></trk>"
    bring_and_forget(town, layer, gpx(body), "apa_saja.gpx")


@any_file
@given(st.text(alphabet="nama,lintangbujur;\"'\t\r\n-7.8112\x00é"), st.sampled_from(["nama,lintang,bujur\n", ""]))
@example('"\r"\n"', "nama,lintang,bujur\n")
@example("a,-7.795,112.005\na,-7.795,112.005", "nama,lintang,bujur\n")
def test_any_text_may_stand_in_a_table(town: Town, rows, header):
    bring_and_forget(town, "posyandu", header + rows, "apa_saja.csv")


BEGINNINGS = [
    b"",
    b"PK\x03\x04",
    b"fgb\x03fgb\x00",
    b"SQLite format 3\x00",
    b"\x00\x00\x27\x0a",
    b"\xef\xbb\xbf",
    b"<gpx>",
    b"{",
]


@pytest.mark.parametrize("suffix", READERS)
@settings(any_file, max_examples=15)
@given(beginning=st.sampled_from(BEGINNINGS), rest=st.binary())
def test_any_bytes_may_come_as_any_kind_of_file(town: Town, suffix, beginning, rest):
    bring_and_forget(town, "posyandu", beginning + rest, f"apa_saja{suffix}")
