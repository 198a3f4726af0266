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


def properties_of(layer: Layer, access: Access) -> list[NamedColumn[Any]]:
    """The columns that readers of this level see as properties."""
    fields = [shown(layer, field, access) for field in layer.readable(access)]
    return [*fields, *(table_of(layer).c[name] for name in OURS)]


def shown(layer: Layer, field: Field, access: Access) -> NamedColumn[Any]:
    """The column in which readers of this level see a field, under the field's name."""
    column = table_of(layer).c[shown_name(field, access)]
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
    pieces = [sql_text('{"type":"Feature","id":')]
    pieces += [sql_text(f'"{layer.name}.'), ident, sql_text('"')] if named_id else [ident]
    pieces += [sql_text(',"geometry":'), sql_text("null") if geom is None else geometry_text(layer, geom, crs)]
    for number, field in enumerate(properties):
        pieces.append(
            sql_text(f'{"," if number else ""}"{field.name}":' if number else f',"properties":{{"{field.name}":')
        )
        pieces.append(func.coalesce(_json_text(layer, field), sql_text("null")))
    pieces.append(sql_text("}}" if properties else ',"properties":{}}'))
    return reduce(add, pieces)


def tabular(column: Any) -> ColumnElement[Any]:
    """A column as tables of files know them: a list is text with commas, a time of day and a uid are text."""
    if isinstance(column.type, ARRAY):
        # A comma within a text must not be read as one between two.
        unclear = func.array_to_string(column, sql_text("")).op("~")(sql_text("[][,;|]"))
        joined = func.array_to_string(column, sql_text(", "), type_=Text)
        return case((unclear, cast(func.to_json(column), Text)), else_=joined).label(column.name)
    return cast(column, Text).label(column.name) if isinstance(column.type, (Time, Uuid)) else column


def _json_text(layer: Layer, field: NamedColumn[Any]) -> ColumnElement[str]:
    """A property as JSON text; by hand, which is faster, where nothing can have to be escaped."""
    described = layer.fields.get(field.name, SYSTEM_FIELDS.get(field.name))
    if isinstance(field.type, (Integer, Boolean)):
        return cast(field, Text)
    plain = field.name == "kode_wilayah" or (described is not None and described.type == "code")
    if plain or isinstance(field.type, (Uuid, Date)):
        return sql_text('"') + cast(field, Text) + sql_text('"')
    return cast(func.to_json(field), Text)


def geometry_text(layer: Layer, geom: ColumnElement[Any], crs: Crs) -> ColumnElement[str]:
    """The geometry as GeoJSON text with the axes of the CRS; a point without PostGIS's own, slower writer."""
    placed = in_crs(geom, crs)
    decimals = DECIMALS if crs.srid == STORAGE_SRID else METRE_DECIMALS
    if layer.geometry != "Point":
        return func.ST_AsGeoJSON(func.ST_FlipCoordinates(placed) if crs.north_first else placed, decimals, 0)
    axes = [func.ST_X(placed), func.ST_Y(placed)]
    if crs.srid != STORAGE_SRID:
        axes = [func.round(cast(axis, Numeric), decimals) for axis in axes]
    first, second = (cast(axis, Text) for axis in (reversed(axes) if crs.north_first else axes))
    return sql_text('{"type":"Point","coordinates":[') + first + sql_text(",") + second + sql_text("]}")


def in_crs(geom: ColumnElement[Any], crs: Crs) -> ColumnElement[Any]:
    """The geometry in another CRS, x before y."""
    return geom if crs.srid == STORAGE_SRID else func.ST_Transform(geom, literal_column(str(crs.srid)))


def sql_text(text: str) -> ColumnElement[str]:
    """A constant that is part of the statement; never a user's words."""
    return literal_column(f"'{text}'", Text)
