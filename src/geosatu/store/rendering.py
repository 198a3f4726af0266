"""What a reader sees of a layer, in SQL: which features, where they are shown, and their text as GeoJSON."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Numeric,
    Text,
    Time,
    Uuid,
    and_,
    case,
    cast,
    func,
    literal_column,
)
from sqlalchemy.sql.elements import NamedColumn

from geosatu.crs import STORAGE_SRID, WGS84_EAST_FIRST, Crs
from geosatu.database.rights import OURS
from geosatu.database.tables import PLACE, shown_name, table_of
from geosatu.layers import SYSTEM_FIELDS, Access, Field, Layer

DECIMALS = 9
"""Of degrees in GeoJSON, a tenth of a millimetre: what is stored comes out as it went in."""

METRE_DECIMALS = 3

Piece = ColumnElement[Any] | str
"""Of a text: what the database makes, or a constant."""


def properties_of(layer: Layer, access: Access) -> list[NamedColumn[Any]]:
    """The columns that readers of this level see as properties."""
    fields = [shown(layer, field, access) for field in layer.readable(access)]
    return [*fields, *(table_of(layer).c[name] for name in OURS)]


def shown(layer: Layer, field: Field, access: Access) -> NamedColumn[Any]:
    """The column in which readers of this level see a field, under the field's name."""
    column = table_of(layer).c[shown_name(layer, field, access)]
    return column if column.name == field.name else column.label(field.name)


def published(layer: Layer, access: Access) -> tuple[FromClause, Column[Any], ColumnElement[bool]]:
    """Where readers of this level find the layer's features: the FROM clause, the geometry they see, and which rows.

    Which rows these readers may see at all, PostgreSQL decides. Where a feature is a home, its public place is
    shown to all but those who care for it, and searched by, so that no box can be narrowed down on the house.
    """
    features = table_of(layer)
    visible = features.c.status != "arsip"
    if layer.home is None or access == "terbatas":
        return features, features.c.geom, visible
    place = features.c[PLACE]
    return features, place, and_(visible, place.is_not(None))


def feature_text(
    layer: Layer,
    geom: ColumnElement[Any] | None,
    properties: Sequence[NamedColumn[Any]],
    crs: Crs = WGS84_EAST_FIRST,
    *,
    named_id: bool = False,
) -> ColumnElement[str]:
    """A feature as GeoJSON text, joined from pieces: faster than json_build_object, and without its limit."""
    ident = cast(table_of(layer).c.id, Text)
    pieces: list[Piece] = ['{"type":"Feature","id":']
    pieces += [f'"{layer.name}.', ident, '"'] if named_id else [ident]
    pieces += [',"geometry":', *(["null"] if geom is None else geometry_text(layer, geom, crs)), ',"properties":{']
    for number, field in enumerate(properties):
        pieces += [f'{"," if number else ""}"{field.name}":', func.coalesce(_json_text(layer, field), sql_text("null"))]
    return joined([*pieces, "}}"])


def tabular(column: Any, *, bare: bool = False) -> ColumnElement[Any]:
    """A column as tables of files know them: a list is text with commas, a time of day and a uid are text."""
    if isinstance(column.type, ARRAY):
        joined = func.array_to_string(column, sql_text(", "), type_=Text)
        if bare:
            return joined.label(column.name)
        # A comma within a text must not be read as one between two.
        unclear = func.array_to_string(column, sql_text("")).op("~")(sql_text("[][,;|]"))
        return case((unclear, cast(func.to_json(column), Text)), else_=joined).label(column.name)
    return cast(column, Text).label(column.name) if isinstance(column.type, (Time, Uuid)) else column


def is_bare(layer: Layer, field: NamedColumn[Any]) -> bool:
    """Whether values are of letters, digits, dots, hyphens and underscores, which no format has to mark."""
    described = layer.fields.get(field.name, SYSTEM_FIELDS.get(field.name))
    coded = described is not None and described.type in ("code", "codes")
    return coded or field.name == "kode_wilayah" or isinstance(field.type, (Uuid, Date))


def _json_text(layer: Layer, field: NamedColumn[Any]) -> ColumnElement[str]:
    """A property as JSON text; by hand, which is faster, where nothing can have to be escaped."""
    if isinstance(field.type, (Integer, Boolean)):
        return cast(field, Text)
    if not is_bare(layer, field):
        return cast(func.to_json(field), Text)
    if isinstance(field.type, ARRAY):
        several = joined(['["', func.array_to_string(field, sql_text('","'), type_=Text), '"]'])
        return case((func.cardinality(field) > literal_column("0"), several), else_=cast(func.to_json(field), Text))
    return joined(['"', cast(field, Text), '"'])


def geometry_text(layer: Layer, geom: ColumnElement[Any], crs: Crs) -> list[Piece]:
    """The geometry as GeoJSON text with the axes of the CRS; a point without PostGIS's own, slower writer."""
    placed = in_crs(geom, crs)
    decimals = DECIMALS if crs.srid == STORAGE_SRID else METRE_DECIMALS
    if layer.geometry != "Point":
        return [func.ST_AsGeoJSON(func.ST_FlipCoordinates(placed) if crs.north_first else placed, decimals, 0)]
    axes = [func.ST_X(placed), func.ST_Y(placed)]
    if crs.srid != STORAGE_SRID:
        axes = [func.round(cast(axis, Numeric), decimals) for axis in axes]
    first, second = (cast(axis, Text) for axis in (reversed(axes) if crs.north_first else axes))
    return ['{"type":"Point","coordinates":[', first, ",", second, "]}"]


def joined(pieces: Sequence[Piece]) -> ColumnElement[str]:
    """The pieces as one text; neighbouring constants are one, which saves copying all that stands before them."""
    merged: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return reduce(add, (sql_text(piece) if isinstance(piece, str) else piece for piece in merged))


def in_crs(geom: ColumnElement[Any], crs: Crs) -> ColumnElement[Any]:
    """The geometry in another CRS, x before y."""
    return geom if crs.srid == STORAGE_SRID else func.ST_Transform(geom, literal_column(str(crs.srid)))


def sql_text(text: str) -> ColumnElement[str]:
    """A constant that is part of the statement; never a user's words."""
    return literal_column(f"'{text}'", Text)
