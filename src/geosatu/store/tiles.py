"""The statements behind vector tiles: Mapbox Vector Tiles of WebMercatorQuad, as PostGIS renders them.

A tile holds each feature by itself while they are few. Where they are many, those too small to be told apart are
gathered: each cell of a grid shows one of them, so that from afar an area stays covered, and a tile stays small
however much there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import floor
from typing import Any, NamedTuple

from geoalchemy2 import Geometry
from sqlalchemy import (
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import distinct_on

from geosatu.crs import MERCATOR_SRID
from geosatu.database.tables import table_of
from geosatu.layers import Access, Layer
from geosatu.store.rendering import published, sql_text
from geosatu.store.statements import Statement, compiled

MOST = 5_000
"""Features that a tile holds each by itself."""

MOST_AT_ONCE = 25_000
"""Up to so many points are gathered faster than one for each cell is looked up."""

EXTENT = 4096
"""Units across a tile."""

PIXEL = 16
"""Units across a pixel."""

MARGIN = 64
"""Units around a tile that are drawn as well, so that lines do not end at its edge."""

CELL = 40
"""Units across a cell, which keep a tile full of small areas below 300 kB."""

WORLD_M = 40_075_016.685578488
"""The width of Web Mercator."""

HALF: ColumnElement[Any] = literal_column("0.5::float8", Double())


def ways(layer: Layer, z: int, x: int, y: int, access: Access) -> Iterator[Statement]:
    """The ways to a tile. Each gives one row: the tile, and whether it has too much for this way, so that the next
    has to be taken."""
    place = _place(z, x, y)
    for way in (_single, _gathered, _looked_up):
        yield way(layer, access).given(place)


def _place(z: int, x: int, y: int) -> dict[str, float]:
    """Where a tile lies, and which cells it shows; all tiles of a zoom share one grid."""
    unit = WORLD_M / 2**z / EXTENT
    west, south = x * EXTENT * unit - WORLD_M / 2, WORLD_M / 2 - (y + 1) * EXTENT * unit
    place = {"z": z, "x": x, "y": y, "unit": unit}
    for name, edge in (("column", west), ("row", south)):
        place[f"{name}_from"] = floor((edge / unit - MARGIN) / CELL)
        place[f"{name}_to"] = floor((edge / unit + EXTENT + MARGIN) / CELL)
    return place


class _Drawn(NamedTuple):
    """A layer's features as tiles draw them."""

    features: FromClause
    """With their ids, their attributes and `geom_mercator`."""
    near: ColumnElement[bool]
    """Shown, and in the tile or its margin."""
    visible: ColumnElement[bool]
    by_cell: bool
    """Whether they are points that an index finds."""

    @property
    def mercator(self) -> ColumnElement[Any]:
        return self.features.c.geom_mercator


def _drawn(layer: Layer, access: Access) -> _Drawn:
    features: FromClause = table_of(layer)
    source, geom, visible = published(layer, access)
    stored = geom is features.c.geom
    if not stored:
        kept = [features.c[name] for name in attributes(layer)]
        mercator = func.ST_Transform(geom, literal_column(str(MERCATOR_SRID))).label("geom_mercator")
        placed = select(features.c.id, *kept, mercator).select_from(source).where(visible)
        # Without an offset PostgreSQL would look for the place again wherever it is spoken of.
        features, visible = placed.offset(literal_column("0")).subquery("placed"), true()
    near = features.c.geom_mercator.bool_op("&&")(func.ST_Expand(_envelope(), _units(MARGIN)))
    return _Drawn(features, and_(visible, near), visible, stored and layer.geometry == "Point")


@lru_cache(maxsize=1024)
def _single(layer: Layer, access: Access) -> Statement:
    """Each feature, with few attributes: the rest is asked for. An area smaller than a pixel is drawn as one."""
    drawn = _drawn(layer, access)
    shape = _simplified(layer, drawn)
    if layer.polygonal:
        size, pixel = _size(*_edges(drawn)), _units(PIXEL)
        shape = case((size < pixel, func.ST_Expand(drawn.mercator, (pixel - size) * HALF)), else_=shape)
    # The limit also keeps PostgreSQL from working each shape out anew wherever it is spoken of.
    rows = _each(layer, drawn, shape).where(drawn.near).limit(literal_column(str(MOST + 1))).subquery("q")
    return compiled(select(_mvt(layer), func.count() > literal_column(str(MOST))).select_from(rows))


@lru_cache(maxsize=1024)
def _gathered(layer: Layer, access: Access) -> Statement:
    """What is larger than a cell as it is, and the first of each cell's small features.

    An area stands there as its cell, so that no gaps show. Sizes are worked out once for both.
    """
    drawn = _drawn(layer, access)
    names = ("west", "south", "east", "north")
    edges = [edge.label(name) for edge, name in zip(_edges(drawn), names, strict=True)]
    found = select(*_carried(layer, drawn), *edges).where(drawn.near)
    if drawn.by_cell:
        found = found.limit(literal_column(str(MOST_AT_ONCE + 1)))
    inside = found.cte("inside").prefix_with("MATERIALIZED")
    more: ColumnElement[bool] = false()
    if drawn.by_cell:
        more = select(func.count() > literal_column(str(MOST_AT_ONCE))).select_from(inside).scalar_subquery()
    west, south, east, north = (inside.c[name] for name in names)
    size, cell = _size(west, south, east, north), _units(CELL)
    column, row = (func.floor((low + high) * HALF / cell) for low, high in ((west, east), (south, north)))
    first = (
        select(inside, column.label("column"), row.label("row"))
        .where(size < cell, ~more)
        .ext(distinct_on(column, row))
        .order_by(column, row, inside.c.id)
        .subquery("first")
    )
    small = _standing(layer, drawn, first, _cell(first.c.column, first.c.row) if layer.polygonal else first.c.shape)
    if layer.geometry == "Point":
        rows = small.order_by(first.c.id).subquery("q")
    else:
        large = _each(layer, drawn, _simplified(layer, drawn)).join(inside, inside.c.id == drawn.features.c.id)
        rows = union_all(large.where(size >= cell), small).subquery("q")
    return compiled(select(_mvt(layer), more).select_from(rows))


@lru_cache(maxsize=1024)
def _looked_up(layer: Layer, access: Access) -> Statement:
    """A point of each cell, looked up in the index: among a million points as fast as among a hundred thousand."""
    drawn = _drawn(layer, access)
    columns, rows = (
        func.generate_series(_whole(f"{name}_from"), _whole(f"{name}_to")).table_valued("number").render_derived(name)
        for name in ("column", "row")
    )
    column, row = columns.c.number, rows.c.number
    x, y = (func.floor(axis(drawn.mercator) / _units(CELL)) for axis in (func.ST_X, func.ST_Y))
    any_one = (
        select(*_carried(layer, drawn))
        # The index knows places roughly, and would find a point in two cells.
        .where(drawn.visible, drawn.mercator.bool_op("&&")(_cell(column, row)), x == column, y == row)
        .limit(literal_column("1"))
        .lateral("any_one")
    )
    standing = _standing(layer, drawn, any_one, any_one.c.shape)
    standing = standing.select_from(columns).join(rows, true()).join(any_one, true()).order_by(any_one.c.id)
    return compiled(select(_mvt(layer), false()).select_from(standing.subquery("q")))


def _each(layer: Layer, drawn: _Drawn, shape: ColumnElement[Any]) -> Select[Any]:
    """Features one by one, with all attributes that tiles have."""
    return select(drawn.features.c.id, *(drawn.features.c[name] for name in attributes(layer)), _in_tile(shape))


def _carried(layer: Layer, drawn: _Drawn) -> list[ColumnElement[Any]]:
    """What has to be known of a feature that stands for its cell."""
    columns: list[ColumnElement[Any]] = [drawn.features.c.id]
    if layer.style.colour_by:
        columns.append(drawn.features.c[layer.style.colour_by])
    return columns if layer.polygonal else [*columns, drawn.mercator.label("shape")]


def _standing(layer: Layer, drawn: _Drawn, one: FromClause, shape: ColumnElement[Any]) -> Select[Any]:
    """Features that stand for their cells, with no attribute but the one of their colour."""
    kept = [
        one.c[name] if name == layer.style.colour_by else cast(null(), drawn.features.c[name].type).label(name)
        for name in attributes(layer)
    ]
    return select(one.c.id, *kept, _in_tile(shape))


def attributes(layer: Layer) -> list[str]:
    """The columns that go along in tiles."""
    return list(dict.fromkeys(name for name in (layer.label, layer.style.colour_by, "kode_wilayah") if name))


def _simplified(layer: Layer, drawn: _Drawn) -> ColumnElement[Any]:
    """Without what is smaller than half a pixel."""
    if layer.geometry in ("Point", "MultiPoint"):
        return drawn.mercator
    return func.ST_Simplify(drawn.mercator, _units(PIXEL // 2), true())


def _edges(drawn: _Drawn) -> list[ColumnElement[Any]]:
    return [edge(drawn.mercator) for edge in (func.ST_XMin, func.ST_YMin, func.ST_XMax, func.ST_YMax)]


def _size(
    west: ColumnElement[Any], south: ColumnElement[Any], east: ColumnElement[Any], north: ColumnElement[Any]
) -> ColumnElement[Any]:
    return func.greatest(east - west, north - south)


def _cell(column: ColumnElement[Any], row: ColumnElement[Any]) -> ColumnElement[Any]:
    cell = _units(CELL)
    west, south = column * cell, row * cell
    return func.ST_MakeEnvelope(west, south, west + cell, south + cell, literal_column(str(MERCATOR_SRID)))


def _units(number: int) -> ColumnElement[Any]:
    """So many units of the tile in metres."""
    return bindparam("unit", type_=Double(), required=False) * literal_column(str(number))


def _envelope() -> ColumnElement[Any]:
    return func.ST_TileEnvelope(*(_whole(name) for name in ("z", "x", "y")), type_=Geometry)


def _whole(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=Integer(), required=False)


def _mvt(layer: Layer) -> ColumnElement[Any]:
    """The rows of `q` as a tile; what has no shape in it is left out."""
    return func.ST_AsMVT(literal_column("q"), sql_text(layer.name), EXTENT, sql_text("shape"), sql_text("id"))


def _in_tile(shape: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.ST_AsMVTGeom(shape, _envelope(), EXTENT, MARGIN, true()).label("shape")
