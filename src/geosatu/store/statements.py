"""The statements behind the hot doors, as text with bound values, made once per shape of a question.

PostGIS renders, and one row comes back: the text of a page, a feature, or a tile. What only differs in values
(a box, a limit, an id) shares one statement, which PostgreSQL then keeps prepared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    Numeric,
    Select,
    Text,
    Time,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.types import TypeEngine

from geosatu.crs import MERCATOR_SRID, STORAGE_SRID, Crs
from geosatu.database.tables import table_of
from geosatu.errors import InvalidQuery
from geosatu.features import Actor, Query
from geosatu.layers import SYSTEM_FIELDS, Layer
from geosatu.store.filters import KINDS, Operand, Scope, condition
from geosatu.store.rendering import DECIMALS, METRE_DECIMALS, feature_text, in_crs, properties_of, published, sql_text

COUNT_LIMIT = 100_000
"""Up to here the number of matches is exact; beyond, nobody waits for it."""

TILE_EXTENT = 4096
"""Units across a vector tile, 16 to a pixel."""

TILE_MARGIN = 64
"""Units around a tile that are drawn as well, so that lines do not end at its edge."""

WORLD_M = 40_075_016.685578488
"""The width of Web Mercator."""

GEOMETRY_NAMES = ("geometry", "geom")
"""How filters call the geometry."""

FORMULA = "^[=+@\\t\\r-]"
"""How cells begin that spreadsheets calculate."""

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Statement:
    """SQL as psycopg takes it."""

    sql: str
    values: Mapping[str, Any]

    def given(self, values: Mapping[str, Any]) -> Statement:
        """The statement with these values."""
        return Statement(self.sql, {**self.values, **values})


def page(layer: Layer, query: Query, actor: Actor) -> Statement:
    """One row: features as text, how many, whether more follow, and the key of the last as JSON."""
    return _statement(_page, layer, query, actor, {"most": query.limit})


def count(layer: Layer, query: Query, actor: Actor) -> Statement:
    """One row: how many features match without limit and start, at most one more than `COUNT_LIMIT`."""
    return _statement(_count, layer, replace(query, after=None, sort=(), limit=0), actor, {})


def total(layer: Layer, query: Query, actor: Actor) -> Statement:
    """One row: how many features match, counted to the last."""
    return _statement(_total, layer, _whole(query), actor, {})


def feature(layer: Layer, feature_id: int, crs: Crs, actor: Actor) -> Statement:
    """One row with id and text of the feature, or none."""
    return features(layer, [feature_id], crs, actor)


def features(layer: Layer, ids: list[int], crs: Crs, actor: Actor) -> Statement:
    """One row with id and text for each of these features that there is."""
    return _features(layer, crs, actor).given({"ids": ids})


def tile(layer: Layer, z: int, x: int, y: int, actor: Actor) -> Statement:
    """One row with the vector tile of WebMercatorQuad; empty where nothing is."""
    pixel = WORLD_M / 2**z / TILE_EXTENT * 16
    return _tile(layer, actor).given({"z": z, "x": x, "y": y, "pixel": pixel})


def queryables(layer: Layer, actor: Actor) -> dict[str, Operand]:
    """What filters may speak of: the reader's properties and the geometry that they see."""
    columns = table_of(layer).c
    fields = {field.name: field for field in layer.readable(actor.access)}
    fields |= SYSTEM_FIELDS
    found = {
        name: Operand(KINDS[field.type], cast(columns[name], Text) if field.type == "time" else columns[name])
        for name, field in fields.items()
    }
    found["uid"] = Operand("teks", cast(columns.uid, Text))
    found["version"] = Operand("bilangan", columns.version)
    found["updated_at"] = Operand("waktu", columns.updated_at)
    _, geom, _ = published(layer, actor)
    return found | {name: Operand("geometri", geom) for name in GEOMETRY_NAMES}


def sortables(layer: Layer, actor: Actor) -> dict[str, ColumnElement[Any]]:
    """The properties that features can be sorted by."""
    return {
        name: operand.sql
        for name, operand in queryables(layer, actor).items()
        if operand.kind not in ("daftar", "geometri")
    }


def _statement(build: Any, layer: Layer, query: Query, actor: Actor, values: dict[str, Any]) -> Statement:
    """The statement with the query's values; made anew only where a filter comes with it."""
    if query.box is not None:
        values |= dict(zip(("west", "south", "east", "north"), query.box, strict=True))
    if query.after is not None:
        values |= {f"key{number}": value for number, value in enumerate(query.after)}
    shape = replace(
        query,
        limit=0,
        box=None if query.box is None else query.box._replace(west=0, south=0, east=0, north=0),
        after=None if query.after is None else tuple(None if value is None else 0 for value in query.after),
        filter=None,
    )
    if query.filter is None:
        return _known(build, layer, shape, actor).given(values)
    return _filtered(build, layer, shape, actor, json.dumps(query.filter)).given(values)


@lru_cache(maxsize=2048)
def _known(build: Any, layer: Layer, shape: Query, actor: Actor) -> Statement:
    return _compiled(build(layer, shape, actor, None))


@lru_cache(maxsize=512)
def _filtered(build: Any, layer: Layer, shape: Query, actor: Actor, tree: str) -> Statement:
    scope = Scope(queryables(layer, actor), shape.filter_crs.srid, shape.filter_crs.north_first)
    return _compiled(build(layer, shape, actor, condition(json.loads(tree), scope)))


def _compiled(statement: Select[Any]) -> Statement:
    """The statement with its constants; what is given later is not among them."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Statement(str(compiled), dict(compiled.params))


def _given(name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """A value that comes when the statement is run."""
    return bindparam(name, type_=kind, required=False)


def _page(layer: Layer, shape: Query, actor: Actor, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, actor)
    order = _order(layer, shape, actor)
    ascending = [column.desc().nulls_last() if down else column.asc().nulls_last() for column, down in order]
    most = _given("most", Integer())
    text = feature_text(layer, geom if shape.geometry else None, _properties(layer, shape, actor), shape.crs)
    rows = (
        select(
            func.row_number().over(order_by=ascending).label("n"),
            func.json_build_array(*(column for column, _ in order)).label("key"),
            text.label("feature"),
        )
        .select_from(source)
        .where(visible, *_conditions(shape, geom, order, extra))
        .order_by(*ascending)
        .limit(most + 1)
        .subquery()
    )
    within = rows.c.n <= most
    return select(
        func.string_agg(rows.c.feature, sql_text(",")).filter(within),
        func.count().filter(within),
        func.coalesce(func.bool_or(rows.c.n > most), false()),
        func.max(cast(rows.c.key, Text)).filter(rows.c.n == most),
    )


def _count(layer: Layer, shape: Query, actor: Actor, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, actor)
    rows = (
        select(literal_column("1"))
        .select_from(source)
        .where(visible, *_conditions(shape, geom, [], extra))
        .limit(literal_column(str(COUNT_LIMIT + 1)))
        .subquery()
    )
    return select(func.count()).select_from(rows)


def _total(layer: Layer, shape: Query, actor: Actor, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, actor)
    return select(func.count()).select_from(source).where(visible, *_conditions(shape, geom, [], extra))


@lru_cache(maxsize=2048)
def _features(layer: Layer, crs: Crs, actor: Actor) -> Statement:
    source, geom, visible = published(layer, actor)
    number = table_of(layer).c.id
    text = feature_text(layer, geom, properties_of(layer, actor), crs)
    wanted = number == func.any(_given("ids", ARRAY(BigInteger())))
    return _compiled(select(number, text).select_from(source).where(visible, wanted))


@lru_cache(maxsize=1024)
def _tile(layer: Layer, actor: Actor) -> Statement:
    """Simplified to a pixel first, what is smaller than one left out, and few attributes: the rest is asked for."""
    source, geom, visible = published(layer, actor)
    features = table_of(layer)
    z, x, y = (_given(name, Integer()) for name in ("z", "x", "y"))
    pixel = _given("pixel", Double())
    direct = geom is features.c.geom
    mercator = features.c.geom_mercator if direct else func.ST_Transform(geom, literal_column(str(MERCATOR_SRID)))
    around = func.ST_TileEnvelope(z, x, y, type_=Geometry)
    wide = func.ST_Expand(around, pixel / 16 * TILE_MARGIN)
    shown = mercator
    conditions = [visible, mercator.bool_op("&&")(wide)]
    if layer.geometry not in ("Point", "MultiPoint"):
        shown = func.ST_Simplify(mercator, pixel / 2, literal_column("true"))
        size = func.greatest(
            func.ST_XMax(mercator) - func.ST_XMin(mercator), func.ST_YMax(mercator) - func.ST_YMin(mercator)
        )
        conditions.append(size > pixel / 2)
    names = dict.fromkeys(name for name in (layer.label, layer.style.colour_by, "kode_wilayah") if name)
    rows = (
        select(
            features.c.id,
            *(features.c[name] for name in names),
            func.ST_AsMVTGeom(shown, around, TILE_EXTENT, TILE_MARGIN, True).label("geom"),
        )
        .select_from(source)
        .where(*conditions)
        .subquery("q")
    )
    tile = func.ST_AsMVT(literal_column("q"), sql_text(layer.name), TILE_EXTENT, sql_text("geom"), sql_text("id"))
    return _compiled(select(tile).select_from(rows).where(rows.c.geom.is_not(None)))


def _properties(layer: Layer, shape: Query, actor: Actor) -> list[Any]:
    columns = properties_of(layer, actor)
    if shape.properties is None:
        return columns
    known = {column.name: column for column in columns}
    for name in shape.properties:
        if name not in known:
            raise InvalidQuery(f"properties={name}: tidak ada di lapisan {layer.name}; yang ada: {', '.join(known)}.")
    return [known[name] for name in shape.properties]


def _order(layer: Layer, shape: Query, actor: Actor) -> list[tuple[ColumnElement[Any], bool]]:
    """The columns that features stand in order of, with whether each descends; the id settles the rest."""
    known = sortables(layer, actor)
    for name, _ in shape.sort:
        if name not in known:
            raise InvalidQuery(f"sortby={name}: tidak dapat diurutkan; yang dapat: {', '.join(known)}.")
    return [*((known[name], down) for name, down in shape.sort), (table_of(layer).c.id, False)]


def _conditions(
    shape: Query,
    geom: ColumnElement[Any],
    order: list[tuple[ColumnElement[Any], bool]],
    extra: ColumnElement[bool] | None,
) -> list[ColumnElement[bool]]:
    conditions = [] if extra is None else [extra]
    if shape.box is not None:
        edges = [_given(name, Double()) for name in ("west", "south", "east", "north")]
        # The envelope of an envelope without width or height is a line or a point, and valid.
        box = func.ST_MakeEnvelope(*edges, literal_column(str(shape.box_crs.srid)))
        envelope = func.ST_Envelope(box, type_=Geometry)
        if shape.box_crs.srid != STORAGE_SRID:
            envelope = func.ST_Transform(envelope, literal_column(str(STORAGE_SRID)), type_=Geometry)
        conditions.append(func.ST_Intersects(geom, envelope))
    if shape.after is not None:
        conditions.append(_behind(order, shape.after))
    return conditions


def _behind(order: list[tuple[ColumnElement[Any], bool]], key: tuple[Any, ...]) -> ColumnElement[bool]:
    """Strictly behind the key in this order, where nothing stands last."""
    same: list[ColumnElement[bool]] = []
    ways = []
    for number, ((column, down), value) in enumerate(zip(order, key, strict=True)):
        if value is None:
            same.append(column.is_(None))
            continue
        bound = _given(f"key{number}", column.type)
        later = column < bound if down else column > bound
        ways.append(and_(*same, or_(later, column.is_(None)) if number < len(order) - 1 else later))
        same.append(column == bound)
    return or_(*ways)


def lines(layer: Layer, query: Query, actor: Actor) -> Statement:
    """All features as GeoJSON text, one a row in order of id, to be streamed."""
    return _statement(_lines, layer, _whole(query), actor, {})


def rows(layer: Layer, query: Query, actor: Actor) -> Statement:
    """All features as a table: id, the reader's properties with lists as text, and `geom` as WKB, x before y."""
    return _statement(_table, layer, _whole(query), actor, {})


def cells(layer: Layer, query: Query, actor: Actor) -> Statement:
    """All features as a table of text that a spreadsheet may open: with coordinates instead of geometry, and no
    cell that it would take for a formula."""
    return _statement(_cells, layer, _whole(query), actor, {})


def _whole(query: Query) -> Query:
    return replace(query, limit=0, after=None, sort=())


def _lines(layer: Layer, shape: Query, actor: Actor, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, actor)
    east_first = shape.crs._replace(north_first=False)
    text = feature_text(layer, geom, properties_of(layer, actor), east_first)
    wanted = select(text).select_from(source).where(visible, *_conditions(shape, geom, [], extra))
    return wanted.order_by(table_of(layer).c.id)


def _table(layer: Layer, shape: Query, actor: Actor, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, actor)
    columns = [_tabular(column) for column in properties_of(layer, actor)]
    wkb = func.ST_AsBinary(in_crs(geom, shape.crs)).label("geom")
    wanted = select(table_of(layer).c.id, *columns, wkb).select_from(source)
    return wanted.where(visible, *_conditions(shape, geom, [], extra)).order_by(table_of(layer).c.id)


def _cells(layer: Layer, shape: Query, actor: Actor, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, actor)
    columns = [_harmless(_tabular(column)) for column in properties_of(layer, actor)]
    placed = in_crs(geom, shape.crs)
    decimals = DECIMALS if shape.crs.srid == STORAGE_SRID else METRE_DECIMALS
    if layer.geometry == "Point":
        axes = [func.ST_Y(placed).label("lintang"), func.ST_X(placed).label("bujur")]
        if shape.crs.srid != STORAGE_SRID:
            rounded = [func.round(cast(axis, Numeric), decimals) for axis in (func.ST_X(placed), func.ST_Y(placed))]
            axes = [rounded[0].label("x"), rounded[1].label("y")]
    else:
        axes = [func.ST_AsText(placed, decimals).label("wkt")]
    wanted = select(table_of(layer).c.id, *columns, *axes).select_from(source)
    return wanted.where(visible, *_conditions(shape, geom, [], extra)).order_by(table_of(layer).c.id)


def _tabular(column: Any) -> ColumnElement[Any]:
    """A column as tables of files know them: a list is text with commas, a time of day and a uid are text."""
    if isinstance(column.type, ARRAY):
        # A comma within a text must not be read as one between two.
        unclear = func.array_to_string(column, sql_text("")).op("~")(sql_text("[][,;|]"))
        joined = func.array_to_string(column, sql_text(", "), type_=Text)
        return case((unclear, cast(func.to_json(column), Text)), else_=joined).label(column.name)
    return cast(column, Text).label(column.name) if isinstance(column.type, (Time, Uuid)) else column


def _harmless(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Text behind an apostrophe where a spreadsheet would calculate it (OWASP: CSV injection)."""
    if not isinstance(column.type, Text):
        return column
    name = column.name
    risky = column.op("~")(sql_text(FORMULA))
    return case((risky, sql_text("''").op("||")(column)), else_=column).label(name)
