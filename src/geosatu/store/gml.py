"""Features as members of a WFS answer, in SQL: GML 2, 3.1.1 and 3.2 with the elements of DescribeFeatureType."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Numeric, Text, case, cast, func, literal_column, select
from sqlalchemy.sql.elements import NamedColumn

from geosatu.crs import STORAGE_SRID, Crs
from geosatu.database.tables import table_of
from geosatu.features import Gml
from geosatu.layers import GeometryType, Layer
from geosatu.store.rendering import DECIMALS, METRE_DECIMALS, Piece, in_crs, joined, sql_text
from geosatu.store.xml import elements

PREFIX = "geosatu"
"""Of the elements of ours; the answer around them says which namespace that is."""

GEOMETRY = "geom"
"""The element that holds a feature's geometry."""

MEMBERS = {"2": "gml:featureMember", "3.1": "gml:featureMember", "3.2": "wfs:member"}

GML_2: dict[GeometryType, str] = {
    "Point": "Point",
    "MultiPoint": "MultiPoint",
    "LineString": "LineString",
    "MultiLineString": "MultiLineString",
    "Polygon": "Polygon",
    "MultiPolygon": "MultiPolygon",
}
GML_3: dict[GeometryType, str] = {**GML_2, "MultiLineString": "MultiCurve", "MultiPolygon": "MultiSurface"}
"""What ST_AsGML calls the geometries."""

PARTS: dict[GeometryType, tuple[str, str]] = {
    "MultiPoint": ("pointMember", "Point"),
    "MultiLineString": ("curveMember", "LineString"),
    "MultiPolygon": ("surfaceMember", "Polygon"),
}
"""What the parts of a geometry stand in, and what they are, in GML 3."""

LINES_AND_NO_DIMENSION = 2 + 4
"""The options of ST_AsGML with which it writes lines as LineString, and no srsDimension."""


def member_text(
    layer: Layer, geom: ColumnElement[Any] | None, properties: Sequence[NamedColumn[Any]], crs: Crs, gml: Gml
) -> ColumnElement[str]:
    """A feature as a member."""
    values = elements(layer, properties, lambda name: (f"<{PREFIX}:{name}>", f"</{PREFIX}:{name}>"))
    geometry = _geometry_element(layer, geom, crs, gml)
    if gml.value:
        return joined(["<wfs:member>", values, *geometry, "</wfs:member>"])
    member, element = MEMBERS[gml.version], f"{PREFIX}:{layer.name}"
    said = "fid" if gml.version == "2" else "gml:id"
    number = cast(table_of(layer).c.id, Text)
    return joined(
        [f'<{member}><{element} {said}="{layer.name}.', number, '">', values, *geometry, f"</{element}></{member}>"]
    )


def _geometry_element(layer: Layer, geom: ColumnElement[Any] | None, crs: Crs, gml: Gml) -> list[Piece]:
    if geom is None:
        return []
    name = f"{PREFIX}:{GEOMETRY}"
    return [f"<{name}>", *_geometry_text(layer, geom, crs, gml), f"</{name}>"]


def _geometry_text(layer: Layer, geom: ColumnElement[Any], crs: Crs, gml: Gml) -> list[Piece]:
    """The geometry with the axes of the CRS, and in GML 3.2 with ids, which that demands of each."""
    placed = in_crs(geom, crs)
    decimals = DECIMALS if crs.srid == STORAGE_SRID else METRE_DECIMALS
    named: list[Piece] = [f' srsName="{gml.srs_name}"']
    ident: list[Piece] = [f' gml:id="{layer.name}.', cast(table_of(layer).c.id, Text)]
    if gml.version == "3.2":
        named += [*ident, '.geom"']
    if layer.geometry == "Point":
        return ["<gml:Point", *named, ">", *_position(placed, crs, decimals, gml), "</gml:Point>"]
    placed = func.ST_SetSRID(placed, literal_column("0"))
    if crs.north_first:
        placed = func.ST_FlipCoordinates(placed)
    tag = (GML_2 if gml.version == "2" else GML_3)[layer.geometry]
    head: list[Piece] = [f"<gml:{tag}", *named, ">"]
    begin = f"<gml:{tag}>"
    if gml.version == "2":
        return [*head, _behind(begin, func.ST_AsGML(2, placed, decimals, 0))]
    if gml.version == "3.1" or layer.geometry not in PARTS:
        return [*head, _behind(begin, _as_gml(placed, decimals))]
    stands_in, part = PARTS[layer.geometry]
    single: list[Piece] = [*head, f"<gml:{stands_in}><gml:{part}", *ident, '.geom.1">']
    alone = joined([*single, _behind(f"{begin}<gml:{stands_in}><gml:{part}>", _as_gml(placed, decimals))])
    each = func.ST_Dump(placed).table_valued("path", "geom").alias("part")
    place: ColumnElement[Any] = literal_column("part.path[1]")
    written = _behind(f"<gml:{part}>", _as_gml(each.c.geom, decimals))
    members = joined(
        [f"<gml:{stands_in}><gml:{part}", *ident, ".geom.", cast(place, Text), '">', written, f"</gml:{stands_in}>"]
    )
    parts = select(func.string_agg(members, sql_text(""))).select_from(each).correlate(table_of(layer))
    several = joined([*head, parts.scalar_subquery(), f"</gml:{tag}>"])
    return [case((func.ST_NumGeometries(geom) == literal_column("1"), alone), else_=several)]


def _position(point: ColumnElement[Any], crs: Crs, decimals: int, gml: Gml) -> list[Piece]:
    axes: list[ColumnElement[Any]] = [func.ST_X(point), func.ST_Y(point)]
    if crs.srid != STORAGE_SRID:
        axes = [func.round(cast(axis, Numeric), decimals) for axis in axes]
    first, second = (cast(axis, Text) for axis in (reversed(axes) if crs.north_first else axes))
    if gml.version == "2":
        return ["<gml:coordinates>", first, ",", second, "</gml:coordinates>"]
    return ["<gml:pos>", first, " ", second, "</gml:pos>"]


def _as_gml(geom: ColumnElement[Any], decimals: int) -> ColumnElement[str]:
    return func.ST_AsGML(3, geom, decimals, LINES_AND_NO_DIMENSION)


def _behind(begin: str, text: ColumnElement[str]) -> ColumnElement[str]:
    """What stands behind a beginning that is always the same."""
    return func.substr(text, literal_column(str(len(begin) + 1)))
