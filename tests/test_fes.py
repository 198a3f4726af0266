"""GML of all versions becomes the same shape, and XML is read only so far as it is harmless."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from geosatu.crs import SUPPORTED, WGS84_EAST_FIRST, Crs, parse_srs
from geosatu.errors import InvalidQuery
from geosatu.fes import degrees, named, read_xml, shape_of

LAT_LON = "urn:ogc:def:crs:EPSG::4326"
SQUARE = shapely.box(112, -8, 113, -7)


def read(said: str, srs: str = "EPSG:4326", **how: Any) -> BaseGeometry:
    shape, _ = shape_of(fromstring(said), parse_srs(srs, "srsName"), **how)
    return shape


SHAPES: dict[str, BaseGeometry] = {
    "<Point><pos>112 -7</pos></Point>": shapely.Point(112, -7),
    "<Point><pos>112 -7 35</pos></Point>": shapely.Point(112, -7),
    "<Point><pos srsDimension='3'>112 -7 35</pos></Point>": shapely.Point(112, -7),
    "<Point><coordinates>112,-7</coordinates></Point>": shapely.Point(112, -7),
    "<Point><coord><X>112</X><Y>-7</Y><Z>3</Z></coord></Point>": shapely.Point(112, -7),
    "<Point srsName='urn:ogc:def:crs:EPSG::4326'><pos>-7 112</pos></Point>": shapely.Point(112, -7),
    "<LineString><posList>112 -7 113 -8</posList></LineString>": shapely.LineString([(112, -7), (113, -8)]),
    "<LineString srsDimension='3'><posList>112 -7 1 113 -8 2</posList></LineString>": shapely.LineString(
        [(112, -7), (113, -8)]
    ),
    "<LineString><pos>112 -7</pos><pos>113 -8</pos></LineString>": shapely.LineString([(112, -7), (113, -8)]),
    "<LineString><coordinates decimal=',' cs=';' ts='|'>112,5;-7|113;-8</coordinates></LineString>": shapely.LineString(
        [(112.5, -7), (113, -8)]
    ),
    "<LineString><coordinates>\n112, -7\n 113 ,-8 </coordinates></LineString>": shapely.LineString(
        [(112, -7), (113, -8)]
    ),
    "<Curve><segments><LineStringSegment><posList>0 0 1 1</posList></LineStringSegment><LineStringSegment>"
    "<posList>1 1 2 0</posList></LineStringSegment></segments></Curve>": shapely.LineString([(0, 0), (1, 1), (2, 0)]),
    "<MultiPoint><pointMember><Point><pos>1 2</pos></Point></pointMember><pointMembers><Point><pos>3 4</pos></Point>"
    "</pointMembers></MultiPoint>": shapely.MultiPoint([(1, 2), (3, 4)]),
    "<MultiCurve><curveMember><LineString><posList>0 0 1 1</posList></LineString></curveMember></MultiCurve>": (
        shapely.MultiLineString([[(0, 0), (1, 1)]])
    ),
    "<Envelope><lowerCorner>112 -8</lowerCorner><upperCorner>113 -7</upperCorner></Envelope>": SQUARE,
    "<Box><coordinates>112,-8 113,-7</coordinates></Box>": SQUARE,
    "<Polygon><exterior><Ring><curveMember><LineString><posList>112 -8 113 -8 113 -7</posList></LineString>"
    "</curveMember><curveMember><Curve><segments><LineStringSegment><posList>113 -7 112 -7 112 -8</posList>"
    "</LineStringSegment></segments></Curve></curveMember></Ring></exterior></Polygon>": SQUARE,
    "<Polygon><exterior><LinearRing><posList>0 0 9 0 9 9 0 0</posList></LinearRing></exterior><interior><LinearRing>"
    "<posList>5 2 6 2 6 3 5 2</posList></LinearRing></interior></Polygon>": shapely.Polygon(
        [(0, 0), (9, 0), (9, 9)], [[(5, 2), (6, 2), (6, 3)]]
    ),
    "<MultiPolygon><polygonMember><Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 1,0 1,1 0,0</coordinates>"
    "</LinearRing></outerBoundaryIs></Polygon></polygonMember></MultiPolygon>": shapely.MultiPolygon(
        [shapely.Polygon([(0, 0), (1, 0), (1, 1)])]
    ),
}


@pytest.mark.parametrize("said", SHAPES, ids=lambda said: said[:50])
def test_gml_is_the_shape_that_it_says(said: str):
    assert read(said).equals(SHAPES[said])
    assert type(read(said)) is type(SHAPES[said])


@pytest.mark.parametrize(
    ("srs", "east_first", "place"),
    [
        ("EPSG:4326", False, (112, -7)),
        ("http://www.opengis.net/gml/srs/epsg.xml#4326", False, (112, -7)),
        (LAT_LON, False, (-7, 112)),
        ("urn:x-ogc:def:crs:EPSG::4326", False, (-7, 112)),
        ("urn:ogc:def:crs:EPSG:6.9:4326", False, (-7, 112)),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", False, (-7, 112)),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", False, (112, -7)),
        ("urn:ogc:def:crs:OGC::CRS84", False, (112, -7)),
        (LAT_LON, True, (112, -7)),
    ],
)
def test_the_name_of_a_crs_tells_which_axis_is_first(srs: str, east_first: bool, place: tuple[int, int]):
    said = f"<Point srsName='{srs}'><pos>112 -7</pos></Point>"

    assert read(said, east_first=east_first).coords[0] == place
    assert read("<Point><pos>112 -7</pos></Point>", srs, east_first=east_first).coords[0] == place


@given(st.sampled_from(sorted(SUPPORTED)), st.floats(110, 114), st.floats(-9, -6))
def test_every_crs_leads_back_to_degrees(uri: str, east: float, north: float):
    crs = SUPPORTED[uri]
    there = shapely.transform(shapely.Point(east, north), lambda places: forward(crs, places), include_z=False)

    assert degrees(there, crs).distance(shapely.Point(east, north)) < 1e-6


def forward(crs: Crs, places: Any) -> Any:
    import numpy
    from pyproj import Transformer

    transformer = Transformer.from_crs(4326, crs.srid, always_xy=True)
    return numpy.column_stack(transformer.transform(*places.T))


@pytest.mark.parametrize(
    "said",
    [
        "<Point/>",
        "<Point><pos/></Point>",
        "<Point><pos>1</pos></Point>",
        "<Point><pos>a b</pos></Point>",
        "<Point><pos>1_0 2</pos></Point>",
        "<Point><pos>\u0661 2</pos></Point>",
        "<Point><pos>nan 2</pos></Point>",
        "<Point><pos>1e9 2</pos></Point>",
        "<Point><pos>1 2</pos><pos>3 4</pos></Point>",
        "<Point srsDimension='4'><pos>1 2 3 4</pos></Point>",
        "<Point srsName='x'><pos>1 2</pos></Point>",
        "<LineString><posList>1 2 3</posList></LineString>",
        "<LineString><posList>1 2</posList></LineString>",
        "<LineString><coordinates cs=','  ts=','>1,2,3,4</coordinates></LineString>",
        "<Polygon/>",
        "<Polygon><exterior><LinearRing><posList>0 0 1 0 1 1</posList></LinearRing></exterior></Polygon>",
        "<Polygon><exterior><LinearRing><posList>0 0 1 0 1 1 2 2</posList></LinearRing></exterior></Polygon>",
        "<Curve><segments><Arc><posList>0 0 1 1 2 0</posList></Arc></segments></Curve>",
        "<MultiPoint><pointMember><LineString/></pointMember></MultiPoint>",
        "<MultiSurface/>",
        "<Surface><patches/></Surface>",
        "<Envelope><lowerCorner>3 3</lowerCorner><upperCorner>1 1</upperCorner></Envelope>",
        "<Solid/>",
    ],
)
def test_gml_that_is_no_shape_is_refused_with_a_sentence(said: str):
    with pytest.raises(InvalidQuery, match=r"\.$"):
        read(said)


@pytest.mark.parametrize(
    "said", ["nama", "geosatu:nama", "posyandu/nama", "/geosatu:posyandu/geosatu:nama", "//nama", "*/nama", "nama[1]"]
)
def test_a_path_names_a_property(said: str):
    assert named(said, "posyandu") == "nama"


@pytest.mark.parametrize("said", ["", "/", "a/b", "posyandu/nama/x"])
def test_other_paths_name_none(said: str):
    with pytest.raises(InvalidQuery):
        named(said, "posyandu")


def test_prefixes_of_a_document_are_known():
    document = read_xml(b'<a xmlns="urn:x" xmlns:b="urn:y" c="b:d"/>')

    assert document.root.tag == "{urn:x}a"
    assert document.namespaces == {"": "urn:x", "b": "urn:y"}


def test_a_document_is_of_so_many_elements_at_most():
    assert len(read_xml(b"<a>" + b"<b/>" * 9 + b"</a>", most=10).root) == 9
    with pytest.raises(InvalidQuery, match="terlalu besar"):
        read_xml(b"<a>" + b"<b/>" * 10 + b"</a>", most=10)


def test_degrees_stay_what_they_are():
    assert degrees(SQUARE, WGS84_EAST_FIRST) is SQUARE
