"""What a reader sees of a layer, in SQL: which features, where they are shown, and their text as GeoJSON."""

from __future__ import annotations

from functools import lru_cache, reduce
from operator import add
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Numeric,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    lateral,
    literal_column,
    select,
    table,
    true,
)

from geosatu.crs import STORAGE_SRID, WGS84_EAST_FIRST, Crs
from geosatu.database.tables import LAYER_SCHEMA, table_of
from geosatu.features import Actor
from geosatu.layers import SYSTEM_FIELDS, Layer

DECIMALS = 9
"""Of degrees in GeoJSON, a tenth of a millimetre: what is stored comes out as it went in."""

METRE_DECIMALS = 3

OURS = ("kode_wilayah", "status", "source", "accuracy_m", "uid", "version", "updated_at")
"""The columns of ours that every reader sees, behind the layer's own."""


def properties_of(layer: Layer, actor: Actor) -> list[Column[Any]]:
    """The columns that this reader sees as properties."""
    columns = table_of(layer).c
    return [columns[name] for name in (*(field.name for field in layer.readable(actor.access)), *OURS)]


@lru_cache(maxsize=1024)
def published(layer: Layer, actor: Actor) -> tuple[FromClause, ColumnElement[Any], ColumnElement[bool]]:
    """Where a reader finds the layer's features: the FROM clause, the geometry they see, and which rows.

    Where a feature is a home, the public sees the inner point of the area around it, and searches by that
    point, so that no box can be narrowed down on the house; without such an area the feature stays hidden.
    """
    features = table_of(layer)
    visible = features.c.status != "arsip"
    if layer.home is None or actor.access != "publik":
        return features, features.c.geom, visible
    area = table(layer.home.layer, column("id"), column("geom", Geometry), column("status"), schema=LAYER_SCHEMA)
    around = lateral(
        select(func.ST_PointOnSurface(area.c.geom).label("geom"))
        .where(func.ST_Covers(area.c.geom, features.c.geom), area.c.status != "arsip")
        .order_by(area.c.id)
        .limit(1)
    ).alias("around")
    at_home: ColumnElement[bool] = true()
    if layer.home.field is not None:
        at_home = features.c[layer.home.field].in_(layer.home.values)
    geom = case((at_home, around.c.geom), else_=features.c.geom)
    return features.outerjoin(around, at_home), geom, and_(visible, geom.is_not(None))


def feature_text(
    layer: Layer,
    geom: ColumnElement[Any] | None,
    properties: list[Column[Any]],
    crs: Crs = WGS84_EAST_FIRST,
) -> ColumnElement[str]:
    """A feature as GeoJSON text, joined from pieces: faster than json_build_object, and without its limit."""
    pieces = [sql_text('{"type":"Feature","id":'), cast(table_of(layer).c.id, Text)]
    pieces += [sql_text(',"geometry":'), sql_text("null") if geom is None else geometry_text(layer, geom, crs)]
    for number, field in enumerate(properties):
        pieces.append(
            sql_text(f'{"," if number else ""}"{field.name}":' if number else f',"properties":{{"{field.name}":')
        )
        pieces.append(func.coalesce(_json_text(layer, field), sql_text("null")))
    pieces.append(sql_text("}}" if properties else ',"properties":{}}'))
    return reduce(add, pieces)


def _json_text(layer: Layer, field: Column[Any]) -> ColumnElement[str]:
    """A property as JSON text; a code is a plain word, which has nothing to escape and is quoted faster by hand."""
    described = layer.fields.get(field.name, SYSTEM_FIELDS.get(field.name))
    if described is not None and described.type == "code":
        return sql_text('"') + field + sql_text('"')
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
