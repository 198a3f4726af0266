"""Geometry in GML 2, 3.1.1 and 3.2 -> shapely, x before y, whatever order of axes its CRS has."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import numpy
import shapely
from pyproj import Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from geosatu.crs import STORAGE_SRID, Crs, parse_srs
from geosatu.errors import InvalidQuery, shortened
from geosatu.fes.xml import children, tag_of, text_of

FARTHEST = 1e8
"""No coordinate of any CRS is beyond."""

MEMBERS = ("pointMember", "lineStringMember", "polygonMember", "curveMember", "surfaceMember", "geometryMember")
MANY = ("pointMembers", "curveMembers", "surfaceMembers", "geometryMembers")

SINGLE_OF = {
    "MultiPoint": ("Point",),
    "MultiLineString": ("LineString",),
    "MultiCurve": ("LineString", "Curve"),
    "MultiPolygon": ("Polygon",),
    "MultiSurface": ("Polygon", "Surface"),
}
"""The geometries of many parts, and what a part may be."""

TOGETHER: dict[str, Any] = {
    "Point": shapely.multipoints,
    "LineString": shapely.multilinestrings,
    "Polygon": shapely.multipolygons,
}

GML_TAGS = frozenset(("Point", "LineString", "Curve", "Polygon", "Surface", "Envelope", "Box", *SINGLE_OF))
"""The elements that are a geometry."""

Place = tuple[float, float]

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class At(NamedTuple):
    """What the elements around one say of its positions."""

    crs: Crs
    dimension: int
    east_first: bool


def shape_of(element: Element, default: Crs, *, east_first: bool = False) -> tuple[BaseGeometry, Crs]:
    """The geometry with x before y, and its CRS: the one that it names, or the default.

    With `east_first` x stands first in whatever CRS, as in WFS 1.0.
    """
    at = _system(element, At(default._replace(north_first=False) if east_first else default, 2, east_first))
    try:
        shape = _shape(element, at)
    except (ValueError, shapely.errors.ShapelyError):
        raise InvalidQuery(f"Geometri {shortened(tag_of(element))} dalam GML ini tidak dapat dibentuk.") from None
    return shape, at.crs


def degrees(shape: BaseGeometry, crs: Crs) -> BaseGeometry:
    """The geometry in degrees, longitude before latitude."""
    if crs.srid == STORAGE_SRID:
        return shape
    try:
        transformer = _to_degrees(crs.srid)
        placed = shapely.transform(shape, lambda places: numpy.column_stack(transformer.transform(*places.T)))
    except ProjError:
        placed = None
    if placed is None or not all(math.isfinite(edge) for edge in placed.bounds):
        raise InvalidQuery(f"Koordinat GML ini di luar jangkauan {crs.uri}.")
    return placed


@lru_cache(maxsize=64)
def _to_degrees(srid: int) -> Transformer:
    return Transformer.from_crs(srid, STORAGE_SRID, always_xy=True)


def _system(element: Element, at: At) -> At:
    """What holds within an element: what it states itself, or what it stands in."""
    said = element.get("srsName")
    if said is not None:
        crs = parse_srs(said.strip(), "srsName")
        at = at._replace(crs=crs._replace(north_first=False) if at.east_first else crs)
    for name in ("srsDimension", "dimension"):
        if (said := element.get(name)) is not None:
            if said.strip() not in ("2", "3"):
                raise InvalidQuery(f"{name}={shortened(said)}: harus 2 atau 3.")
            at = at._replace(dimension=int(said))
    return at


def _shape(element: Element, at: At) -> BaseGeometry:
    at = _system(element, at)
    match tag_of(element):
        case "Point":
            places = _places(element, at)
            if len(places) != 1:
                raise InvalidQuery("Point dalam GML ini harus punya satu posisi.")
            return shapely.Point(places[0])
        case "LineString" | "LineStringSegment" | "LinearRing":
            return shapely.LineString(_places(element, at))
        case "Curve":
            return shapely.LineString(_curve(element, at))
        case "Polygon" | "PolygonPatch":
            return _polygon(element, at)
        case "Surface":
            patches = [patch for part in children(element, "patches", "polygonPatches") for patch in part]
            if len(patches) != 1 or tag_of(patches[0]) != "PolygonPatch":
                raise InvalidQuery("Surface dalam GML ini harus punya satu PolygonPatch.")
            return _shape(patches[0], at)
        case "Envelope" | "Box":
            return _box(element, at)
        case tag if tag in SINGLE_OF:
            return _many(element, at)
        case tag:
            known = ", ".join(sorted(GML_TAGS))
            raise InvalidQuery(f"Geometri {shortened(tag)!r} dalam GML tidak dikenal; yang ada: {known}.")


def _many(element: Element, at: At) -> BaseGeometry:
    single = SINGLE_OF[tag_of(element)]
    parts = [part for member in children(element, *MEMBERS, *MANY) for part in member]
    for part in parts:
        if tag_of(part) not in single:
            raise InvalidQuery(
                f"{tag_of(element)} dalam GML ini memuat {shortened(tag_of(part))!r}, bukan {single[0]}."
            )
    shapes = [_shape(part, at) for part in parts]
    if not shapes:
        raise InvalidQuery(f"{tag_of(element)} dalam GML ini kosong.")
    many: BaseGeometry = TOGETHER[single[0]](shapes)
    return many


def _curve(element: Element, at: At) -> list[Place]:
    """The places of the straight pieces of a curve, one after the other."""
    found: list[Place] = []
    for segments in children(element, "segments"):
        for segment in segments:
            if tag_of(segment) != "LineStringSegment":
                raise InvalidQuery("Curve dalam GML ini tidak lurus; hanya LineStringSegment yang diterima.")
            places = _places(segment, _system(segment, at))
            found += places[1:] if found and places[:1] == found[-1:] else places
    return found


def _polygon(element: Element, at: At) -> BaseGeometry:
    outer = [_ring(each, at) for each in children(element, "exterior", "outerBoundaryIs")]
    inner = [_ring(each, at) for each in children(element, "interior", "innerBoundaryIs")]
    if len(outer) != 1:
        raise InvalidQuery("Polygon dalam GML ini harus punya satu batas luar.")
    return shapely.Polygon(outer[0], inner)


def _ring(boundary: Element, at: At) -> list[Place]:
    found: list[Place] = []
    for ring in boundary:
        if tag_of(ring) == "Ring":
            for member in children(ring, "curveMember"):
                for curve in member:
                    places = _curve(curve, at) if tag_of(curve) == "Curve" else _places(curve, at)
                    found += places[1:] if found and places[:1] == found[-1:] else places
        else:
            found += _places(ring, _system(ring, at))
    if len(found) < 4 or found[0] != found[-1]:
        raise InvalidQuery("Cincin dalam GML ini harus tertutup dan punya paling sedikit empat posisi.")
    return found


def _box(element: Element, at: At) -> BaseGeometry:
    corners = [*children(element, "lowerCorner"), *children(element, "upperCorner")]
    if corners:
        places = [place for corner in corners for place in _positions(text_of(corner), at, flat=True)]
    else:
        places = _places(element, at)
    if len(places) != 2 or places[0][0] > places[1][0] or places[0][1] > places[1][1]:
        raise InvalidQuery(f"{tag_of(element)} dalam GML ini harus punya dua sudut, yang terkecil lebih dahulu.")
    return shapely.box(*places[0], *places[1])


def _places(element: Element, at: At) -> list[Place]:
    """The positions of an element, in whatever way they are written."""
    found: list[Place] = []
    for child in element:
        tag = tag_of(child)
        own = _system(child, at)
        if tag == "pos":
            found += _positions(text_of(child), own, flat=True)
        elif tag == "posList":
            found += _positions(text_of(child), own)
        elif tag == "coordinates":
            found += _coordinates(child, own)
        elif tag == "coord":
            found.append(_placed([text_of(axis) for axis in children(child, "X", "Y")], own.crs))
        elif tag in ("pointProperty", "pointRep"):
            found += [place for point in child for place in _places(point, own)]
    return found


def _positions(said: str, at: At, *, flat: bool = False) -> list[Place]:
    numbers = said.split()
    step = 3 if flat and len(numbers) == 3 else at.dimension
    if not numbers or len(numbers) % step:
        raise InvalidQuery(f"Jumlah bilangan dalam posisi GML ini bukan kelipatan {step}.")
    return [_placed(numbers[start : start + step], at.crs) for start in range(0, len(numbers), step)]


def _coordinates(element: Element, at: At) -> list[Place]:
    """GML 2: tuples of numbers, with separators of the document's choice."""
    between, decimal, tuples = (
        element.get(name, given) for name, given in (("cs", ","), ("decimal", "."), ("ts", " "))
    )
    said = text_of(element)
    if len({between, decimal, tuples}) != 3 or not all(len(sign) == 1 for sign in (between, decimal, tuples)):
        raise InvalidQuery("cs, decimal dan ts dalam GML ini harus tiga tanda yang berbeda.")
    if not between.isspace():
        said = re.sub(rf"\s*{re.escape(between)}\s*", lambda _: between, said)
    parts = said.split() if tuples.isspace() else said.strip(tuples).split(tuples)
    return [
        _placed([number.strip().replace(decimal, ".") for number in part.strip().split(between)], at.crs)
        for part in parts
    ]


def _placed(numbers: list[str], crs: Crs) -> Place:
    """A position with x before y; its height is left out."""
    axes = [float(number) for number in numbers[:2] if NUMBER.fullmatch(number)]
    if len(numbers) not in (2, 3) or len(axes) != 2 or not all(abs(axis) <= FARTHEST for axis in axes):
        raise InvalidQuery(f"Posisi {shortened(' '.join(numbers), 40)!r} dalam GML ini bukan dua atau tiga bilangan.")
    return (axes[1], axes[0]) if crs.north_first else (axes[0], axes[1])
