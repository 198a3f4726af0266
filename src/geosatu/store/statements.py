"""The statements behind the hot doors, as text with bound values, made once per shape of a question.

PostGIS renders, and one row comes back: the text of a page or of a feature. What only differs in values
(a box, a limit, an id) shares one statement, which PostgreSQL then keeps prepared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    FromClause,
    Integer,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.util import ClauseAdapter
from sqlalchemy.types import TypeEngine

from geosatu.crs import STORAGE_SRID, Crs
from geosatu.database.rights import seen_columns
from geosatu.database.tables import past_of, shown_name, table_of
from geosatu.errors import InvalidQuery, shortened
from geosatu.features import Query
from geosatu.layers import SYSTEM_FIELDS, Access, Layer
from geosatu.store.filters import KINDS, Operand, Scope, condition
from geosatu.store.gml import member_text
from geosatu.store.kml import placemark_text, waypoint_text
from geosatu.store.rendering import (
    DECIMALS,
    METRE_DECIMALS,
    feature_text,
    in_crs,
    is_bare,
    properties_of,
    published,
    sql_text,
    tabular,
)

COUNT_LIMIT = 100_000
"""Up to here the number of matches is exact; beyond, nobody waits for it."""

BOX_PIECES = 64
"""Into which each side of a box is cut before it travels to another CRS: over 100 km, within a centimetre."""

GEOMETRY_NAMES = ("geometry", "geom")
"""How filters call the geometry."""

FORMULA = "^[=+@\\t\\r-]"
"""How cells begin that spreadsheets calculate."""

THEN = datetime(1, 1, 1, tzinfo=UTC)
"""Some moment of the past, in statements for every such moment."""

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Statement:
    """SQL as psycopg takes it."""

    sql: str
    values: Mapping[str, Any]

    def given(self, values: Mapping[str, Any]) -> Statement:
        """The statement with these values."""
        return Statement(self.sql, {**self.values, **values})


def page(layer: Layer, query: Query, access: Access) -> Statement:
    """One row: features as text, how many, the bytes of the one too many that is among them where more follow, and
    the key of the last of the page as JSON."""
    return _statement(_page, layer, query, access, {"most": query.limit})


def count(layer: Layer, query: Query, access: Access) -> Statement:
    """One row: how many features match without limit and start, at most one more than `COUNT_LIMIT`."""
    return _statement(_count, layer, _whole(query), access, {})


def total(layer: Layer, query: Query, access: Access) -> Statement:
    """One row: how many features match, counted to the last."""
    return _statement(_total, layer, _whole(query), access, {})


def feature(layer: Layer, feature_id: int, crs: Crs, access: Access, at: datetime | None = None) -> Statement:
    """One row with id, text and version of the feature as it is, or was then, or none."""
    if at is None:
        return features(layer, [feature_id], crs, access)
    return _features(layer, crs, access, then=True).given({"ids": [feature_id], "at": at})


def features(layer: Layer, ids: list[int], crs: Crs, access: Access) -> Statement:
    """One row with id, text and version for each of these features that there is."""
    return _features(layer, crs, access).given({"ids": ids})


@lru_cache(maxsize=1024)
def queryables(layer: Layer, access: Access) -> Mapping[str, Operand]:
    """What filters may speak of: the reader's properties and the geometry that they see."""
    columns = table_of(layer).c
    found = {}
    for field in (*layer.readable(access), *SYSTEM_FIELDS.values()):
        column = columns[shown_name(layer, field, access)]
        found[field.name] = Operand(KINDS[field.type], cast(column, Text) if field.type == "time" else column)
    found["uid"] = Operand("teks", cast(columns.uid, Text))
    found["version"] = Operand("bilangan", columns.version)
    found["updated_at"] = Operand("waktu", columns.updated_at)
    _, geom, _ = published(layer, access)
    return found | {name: Operand("geometri", geom) for name in GEOMETRY_NAMES}


def sortables(layer: Layer, access: Access) -> dict[str, ColumnElement[Any]]:
    """The properties that features can be sorted by."""
    return {
        name: operand.sql
        for name, operand in queryables(layer, access).items()
        if operand.kind not in ("daftar", "geometri")
    }


def _statement(build: Any, layer: Layer, query: Query, access: Access, values: dict[str, Any]) -> Statement:
    """The statement with the query's values; made anew only where a filter comes with it."""
    if query.box is not None:
        values |= dict(zip(("west", "south", "east", "north"), query.box, strict=True))
    if query.skip:
        values["skip"] = query.skip
    if query.after is not None:
        values |= {f"key{number}": value for number, value in enumerate(query.after)}
    if query.at is not None:
        values |= {"at": query.at}
    shape = replace(
        query,
        limit=0,
        at=None if query.at is None else THEN,
        box=None if query.box is None else query.box._replace(west=0, south=0, east=0, north=0),
        after=None if query.after is None else tuple(None if value is None else 0 for value in query.after),
        filter=None,
        skip=1 if query.skip else 0,
    )
    if query.filter is None:
        return _known(build, layer, shape, access).given(values)
    return _filtered(build, layer, shape, access, json.dumps(query.filter)).given(values)


@lru_cache(maxsize=2048)
def _known(build: Any, layer: Layer, shape: Query, access: Access) -> Statement:
    return compiled(_as_of(build(layer, shape, access, None), layer, shape, access))


@lru_cache(maxsize=512)
def _filtered(build: Any, layer: Layer, shape: Query, access: Access, tree: str) -> Statement:
    known = {**queryables(layer, access), "id": Operand("bilangan", table_of(layer).c.id)}
    scope = Scope(known, shape.filter_crs.srid, shape.filter_crs.north_first)
    return compiled(_as_of(build(layer, shape, access, condition(json.loads(tree), scope)), layer, shape, access))


def _as_of(statement: Select[Any], layer: Layer, shape: Query, access: Access) -> Select[Any]:
    """The statement of how a layer is, or was at a moment, as the shape asks."""
    return statement if shape.at is None else _then(statement, layer, access)


def _then(statement: Select[Any], layer: Layer, access: Access) -> Select[Any]:
    """The same of what was there at a moment: features that have not changed since, and versions that ended later."""
    present, past, at = table_of(layer).c, past_of(layer).c, _given("at", DateTime(timezone=True))
    names = seen_columns(layer, access)
    rows = union_all(
        select(*(present[name] for name in names)).where(present.updated_at <= at),
        select(*(past[name] for name in names)).where(past.updated_at <= at, past.ended_at > at),
    ).subquery(layer.name)
    adapted: Select[Any] = ClauseAdapter(rows).traverse(statement)
    return adapted


def compiled(statement: Select[Any]) -> Statement:
    """The statement with its constants; what is given later is not among them."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Statement(str(compiled), dict(compiled.params))


def _given(name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """A value that comes when the statement is run."""
    return bindparam(name, type_=kind, required=False)


def _page(layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, access)
    order = _order(layer, shape, access)
    most = _given("most", Integer())
    beyond = most + literal_column("1")
    rows = (
        select(
            *(column.label(f"key{number}") for number, (column, _) in enumerate(order)),
            _text(layer, geom, shape, access).label("feature"),
        )
        .select_from(source)
        .where(visible, *_chosen(source, visible, shape, geom, order, extra))
        .order_by(*_ascending(order))
        .limit(beyond)
        .subquery()
    )
    # Whatever would number the rows, a window above all, would carry all their texts along.
    key = func.json_build_array(*(func.array_agg(rows.c[f"key{number}"])[most] for number in range(len(order))))
    return select(
        func.string_agg(rows.c.feature, sql_text(separator_of(shape))),
        func.count(),
        func.array_agg(func.octet_length(rows.c.feature))[beyond],
        cast(key, Text),
    )


def separator_of(query: Query) -> str:
    """What stands between the features of a page."""
    return "," if query.gml is None else ""


def _text(layer: Layer, geom: ColumnElement[Any], shape: Query, access: Access) -> ColumnElement[str]:
    """A feature as text of the form that is asked for."""
    shown = geom if shape.geometry else None
    properties = _properties(layer, shape, access)
    if shape.gml is not None:
        return member_text(layer, shown, properties, shape.crs, shape.gml)
    return feature_text(layer, shown, properties, shape.crs, named_id=shape.named_ids)


def _chosen(
    source: FromClause,
    visible: ColumnElement[bool],
    shape: Query,
    geom: ColumnElement[Any],
    order: list[tuple[ColumnElement[Any], bool]],
    extra: ColumnElement[bool] | None,
) -> list[ColumnElement[bool]]:
    """The conditions of a page. What it passes over is only numbered: its text would cost as much as the page's."""
    conditions = _conditions(shape, geom, order, extra)
    if not shape.skip:
        return conditions
    number, _ = order[-1]
    passed = select(number).select_from(source).where(visible, *conditions).order_by(*_ascending(order)).correlate(None)
    part = passed.offset(_given("skip", BigInteger())).limit(_given("most", Integer()) + 1)
    return [number.in_(part)]


def _count(layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, access)
    rows = (
        select(literal_column("1"))
        .select_from(source)
        .where(visible, *_conditions(shape, geom, [], extra))
        .limit(literal_column(str(COUNT_LIMIT + 1)))
        .subquery()
    )
    return select(func.count()).select_from(rows)


def _total(layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, access)
    return select(func.count()).select_from(source).where(visible, *_conditions(shape, geom, [], extra))


@lru_cache(maxsize=2048)
def _features(layer: Layer, crs: Crs, access: Access, *, then: bool = False) -> Statement:
    source, geom, visible = published(layer, access)
    number, version = table_of(layer).c.id, table_of(layer).c.version
    text = feature_text(layer, geom, properties_of(layer, access), crs)
    wanted = number == func.any(_given("ids", ARRAY(BigInteger())))
    found = select(number, text, version).select_from(source).where(visible, wanted)
    return compiled(_then(found, layer, access) if then else found)


def _properties(layer: Layer, shape: Query, access: Access) -> list[Any]:
    columns = properties_of(layer, access)
    if shape.properties is None:
        return columns
    known = {column.name: column for column in columns}
    for name in shape.properties:
        if name not in known:
            raise InvalidQuery(
                f"properties={shortened(name)}: tidak ada di lapisan {layer.name}; yang ada: {', '.join(known)}."
            )
    return [known[name] for name in shape.properties]


def _order(layer: Layer, shape: Query, access: Access) -> list[tuple[ColumnElement[Any], bool]]:
    """The columns that features stand in order of, with whether each descends; the id settles the rest."""
    known = sortables(layer, access)
    for name, _ in shape.sort:
        if name not in known:
            raise InvalidQuery(f"sortby={shortened(name)}: tidak dapat diurutkan; yang dapat: {', '.join(known)}.")
    return [*((known[name], down) for name, down in shape.sort), (table_of(layer).c.id, False)]


def _ascending(order: list[tuple[ColumnElement[Any], bool]]) -> list[ColumnElement[Any]]:
    return [column.desc().nulls_last() if down else column.asc().nulls_last() for column, down in order]


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
            # What is straight there is bent here.
            west, south, east, north = edges
            piece = func.greatest((east - west) / BOX_PIECES, (north - south) / BOX_PIECES, literal_column("1.0"))
            envelope = func.ST_Segmentize(envelope, piece, type_=Geometry)
            envelope = func.ST_Transform(envelope, literal_column(str(STORAGE_SRID)), type_=Geometry)
        # Under policies only the operator may use the index: comparing boxes tells nothing about hidden rows.
        conditions += [geom.bool_op("&&")(envelope), func.ST_Intersects(geom, envelope)]
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


def lines(layer: Layer, query: Query, access: Access) -> Statement:
    """All features as GeoJSON text, one a row in order of id, to be streamed."""
    return some_lines(layer, _whole(query), access)


def some_lines(layer: Layer, query: Query, access: Access) -> Statement:
    """The features of a page as text, one a row, to be streamed; all behind its start where its limit is 0."""
    return _statement(_lines, layer, query, access, {"most": query.limit or None})


def rows(layer: Layer, query: Query, access: Access) -> Statement:
    """All features as a table: id, the reader's properties with lists as text, and `geom` as WKB, x before y."""
    return _statement(_table, layer, _whole(query), access, {})


def cells(layer: Layer, query: Query, access: Access) -> Statement:
    """All features as a table of text that a spreadsheet may open: with coordinates instead of geometry, and no
    cell that it would take for a formula."""
    return some_cells(layer, _whole(query), access)


def some_cells(layer: Layer, query: Query, access: Access) -> Statement:
    """The same of the features of a page, with the properties that it asks for."""
    return _statement(_cells, layer, query, access, {"most": query.limit or None})


def placemarks(layer: Layer, query: Query, access: Access) -> Statement:
    """All features as KML, one a row in order of id, to be streamed; in degrees, whatever CRS is asked for."""
    return _statement(_placemarks, layer, _whole(query), access, {"most": None})


def waypoints(layer: Layer, query: Query, access: Access) -> Statement:
    """All points as GPX, likewise."""
    return _statement(_waypoints, layer, _whole(query), access, {"most": None})


def ids(layer: Layer, query: Query, access: Access) -> Statement:
    """The ids of the features of a page, one a row."""
    return _statement(_ids, layer, query, access, {"most": query.limit})


def _whole(query: Query) -> Query:
    return replace(query, limit=0, after=None, skip=0, sort=(), gml=None)


def _lines(layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None) -> Select[Any]:
    _, geom, _ = published(layer, access)
    if shape.gml is None:
        shape = replace(shape, crs=shape.crs._replace(north_first=False))
    return _in_order(layer, shape, access, extra, select(_text(layer, geom, shape, access)))


def _table(layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None) -> Select[Any]:
    source, geom, visible = published(layer, access)
    columns = [tabular(column, bare=is_bare(layer, column)) for column in properties_of(layer, access)]
    wkb = func.ST_AsBinary(in_crs(geom, shape.crs)).label("geom")
    wanted = select(table_of(layer).c.id, *columns, wkb).select_from(source)
    return wanted.where(visible, *_conditions(shape, geom, [], extra)).order_by(table_of(layer).c.id)


def _cells(layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None) -> Select[Any]:
    _, geom, _ = published(layer, access)
    columns = [_harmless(tabular(column, bare=is_bare(layer, column))) for column in _properties(layer, shape, access)]
    placed = in_crs(geom, shape.crs)
    decimals = DECIMALS if shape.crs.srid == STORAGE_SRID else METRE_DECIMALS
    if layer.geometry == "Point":
        axes = [func.ST_Y(placed).label("lintang"), func.ST_X(placed).label("bujur")]
        if shape.crs.srid != STORAGE_SRID:
            rounded = [func.round(cast(axis, Numeric), decimals) for axis in (func.ST_X(placed), func.ST_Y(placed))]
            axes = [rounded[0].label("x"), rounded[1].label("y")]
    else:
        axes = [func.ST_AsText(placed, decimals).label("wkt")]
    wanted = select(table_of(layer).c.id, *columns, *(axes if shape.geometry else ()))
    return _in_order(layer, shape, access, extra, wanted)


def _placemarks(layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None) -> Select[Any]:
    _, geom, _ = published(layer, access)
    text = placemark_text(layer, geom, properties_of(layer, access), access)
    return _in_order(layer, shape, access, extra, select(text))


def _waypoints(layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None) -> Select[Any]:
    _, geom, _ = published(layer, access)
    return _in_order(layer, shape, access, extra, select(waypoint_text(layer, geom, access)))


def _ids(layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None) -> Select[Any]:
    return _in_order(layer, shape, access, extra, select(table_of(layer).c.id))


def _in_order(
    layer: Layer, shape: Query, access: Access, extra: ColumnElement[bool] | None, wanted: Select[Any]
) -> Select[Any]:
    """What is wanted of the features of a page."""
    source, geom, visible = published(layer, access)
    order = _order(layer, shape, access)
    chosen = wanted.select_from(source).where(visible, *_chosen(source, visible, shape, geom, order, extra))
    return chosen.order_by(*_ascending(order)).limit(_given("most", Integer()))


def _harmless(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Text behind an apostrophe where a spreadsheet would calculate it (OWASP: CSV injection)."""
    if not isinstance(column.type, Text):
        return column
    name = column.name
    risky = column.op("~")(sql_text(FORMULA))
    return case((risky, sql_text("''").op("||")(column)), else_=column).label(name)
