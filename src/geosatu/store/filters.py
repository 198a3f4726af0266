"""A filter tree (CQL2 in its JSON form) -> an SQL condition on a layer.

Only what is declared here reaches PostgreSQL, every value is bound, and every operand has a kind that its
operation must fit; what does not make sense is an `InvalidQuery`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from typing import Any, Literal

import numpy
import shapely
from geoalchemy2 import Geography, Geometry
from shapely.geometry.base import BaseGeometry
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Text,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal,
    not_,
    null,
    or_,
)

from geosatu.cql2 import Tree
from geosatu.crs import STORAGE_SRID
from geosatu.errors import InvalidQuery, shortened
from geosatu.layers import FieldType

Kind = Literal["teks", "bilangan", "boolean", "tanggal", "waktu", "selang", "geometri", "daftar"]

KINDS: dict[FieldType, Kind] = {
    "text": "teks",
    "texts": "daftar",
    "integer": "bilangan",
    "decimal": "bilangan",
    "boolean": "boolean",
    "date": "tanggal",
    "time": "teks",
    "code": "teks",
    "codes": "daftar",
    "photos": "daftar",
}

SCALARS: tuple[Kind, ...] = ("teks", "bilangan", "tanggal", "waktu", "boolean")

MAX_POSITIONS = 10_000

HALF_WAY_ROUND = 20_100_000
"""Metres; no two places are farther apart."""

FARTHEST = 1e8
"""No coordinate of any CRS is beyond."""


@dataclass(frozen=True)
class Operand:
    """An expression with its kind; an interval has two ends."""

    kind: Kind
    sql: ColumnElement[Any]
    end: ColumnElement[Any] | None = None


@dataclass(frozen=True)
class Scope:
    """What a filter may speak of."""

    properties: Mapping[str, Operand]
    """Queryable names, the geometry among them."""
    srid: int = STORAGE_SRID
    """The CRS of the filter's own geometries."""
    flipped: bool = False
    """Whether that CRS has its latitude or northing first."""


def condition(tree: Tree, scope: Scope) -> ColumnElement[bool]:
    """The condition that the tree states."""
    operand = _operand(tree, scope)
    if operand.kind != "boolean":
        raise InvalidQuery(f"filter: hasilnya {operand.kind}, padahal harus benar atau salah.")
    return operand.sql


def _operand(node: Tree, scope: Scope) -> Operand:
    match node:
        case bool():
            return Operand("boolean", literal(node))
        case int() | float():
            return Operand("bilangan", literal(_number(node)))
        case str():
            return Operand("teks", literal(_text(node), Text))
        case {"op": str(name), "args": list(arguments)}:
            return _operation(name, arguments, scope)
        case {"property": str(name)}:
            return _property(name, scope)
        case {"date": str(said)}:
            return Operand("tanggal", literal(_date(said), Date))
        case {"timestamp": str(said)}:
            return Operand("waktu", literal(_timestamp(said), DateTime(timezone=True)))
        case {"interval": [start, end]}:
            return Operand("selang", _end(start, scope, "-infinity"), _end(end, scope, "infinity"))
        case {"bbox": list(numbers)}:
            return _box(numbers, scope)
        case {"type": str(), **rest} if "coordinates" in rest or "geometries" in rest:
            return _geometry(node, scope)
        case list():
            return _list(node)
    raise InvalidQuery(f"filter: bagian {_short(node)} tidak dikenal.")


def _property(name: str, scope: Scope) -> Operand:
    if name not in scope.properties:
        known = ", ".join(scope.properties)
        raise InvalidQuery(f"filter: {shortened(name)!r} tidak dapat disaring di lapisan ini; yang dapat: {known}.")
    return scope.properties[name]


def _operation(name: str, arguments: list[Tree], scope: Scope) -> Operand:
    operation = _BY_NAME.get(name.lower())
    if operation is None:
        known = ", ".join(OPERATIONS)
        raise InvalidQuery(f"filter: fungsi atau operator {shortened(name)!r} tidak ada; yang ada: {known}.")
    return operation(name, arguments, scope)


def _number(value: float) -> float:
    if not abs(value) <= sys.float_info.max:
        raise InvalidQuery("filter: bilangan ini terlalu besar atau tidak terhingga.")
    whole = float(value).is_integer() and abs(value) < 2**53
    return int(value) if whole else float(value)


def _text(value: str) -> str:
    if "\x00" in value:
        raise InvalidQuery("filter: memuat huruf NUL.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidQuery("filter: memuat huruf yang tidak sah.") from None
    return value


def _date(said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise InvalidQuery(f"filter: {shortened(said)!r} bukan tanggal; tulis misalnya 2026-08-17.") from None


def _timestamp(said: str) -> datetime:
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        raise InvalidQuery(f"filter: {shortened(said)!r} bukan waktu; tulis misalnya 2026-08-17T08:00:00Z.") from None


def _end(node: Tree, scope: Scope, unbounded: str) -> ColumnElement[Any]:
    if node == "..":
        return cast(literal(unbounded, Text), DateTime(timezone=True))
    if isinstance(node, str):
        node = {"timestamp": node} if "T" in node else {"date": node}
    return _moment(_operand(node, scope))


def _moment(operand: Operand) -> ColumnElement[Any]:
    if operand.kind not in ("tanggal", "waktu"):
        raise InvalidQuery(f"filter: diperlukan tanggal atau waktu, bukan {operand.kind}.")
    return cast(operand.sql, DateTime(timezone=True))


def _list(node: list[Tree]) -> Operand:
    if not all(isinstance(part, str) for part in node):
        raise InvalidQuery("filter: anggota daftar harus teks.")
    return Operand("daftar", literal([_text(part) for part in node], ARRAY(Text)))


def _box(numbers: list[Any], scope: Scope) -> Operand:
    flat = [*numbers[0:2], *numbers[3:5]] if len(numbers) == 6 else numbers
    if len(flat) != 4 or not all(isinstance(part, (int, float)) and abs(part) <= FARTHEST for part in flat):
        raise InvalidQuery("filter: bbox harus empat bilangan.")
    west, south, east, north = map(float, flat)
    if west > east or south > north:
        raise InvalidQuery("filter: sudut pertama bbox harus yang terkecil.")
    return _shape(shapely.box(west, south, east, north), scope)


def _geometry(node: dict[str, Any], scope: Scope) -> Operand:
    try:
        shape = shapely.from_geojson(json.dumps(node))
    except (shapely.errors.ShapelyError, ValueError, RecursionError):
        raise InvalidQuery("filter: geometri ini tidak dapat dibentuk.") from None
    places = shapely.get_coordinates(shape)
    if not 0 < len(places) <= MAX_POSITIONS or not (numpy.abs(places) <= FARTHEST).all():
        raise InvalidQuery(f"filter: geometri harus punya 1 sampai {MAX_POSITIONS} titik yang ada di bumi.")
    if not shape.is_valid:
        raise InvalidQuery("filter: geometri ini memotong dirinya sendiri atau tidak sah.")
    return _shape(shapely.force_2d(shape), scope)


def _shape(shape: BaseGeometry, scope: Scope) -> Operand:
    if scope.flipped:
        shape = shapely.transform(shape, lambda places: places[:, ::-1])
    if scope.srid == STORAGE_SRID:
        west, south, east, north = shape.bounds
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            raise InvalidQuery("filter: geometri berada di luar rentang bujur dan lintang.")
    placed = func.ST_GeomFromWKB(bindparam(None, shape.wkb), scope.srid, type_=Geometry)
    if scope.srid != STORAGE_SRID:
        placed = func.ST_Transform(placed, STORAGE_SRID, type_=Geometry)
    return Operand("geometri", placed)


# --- Operations -------------------------------------------------------------------------------------------

Operation = Callable[[str, list[Tree], Scope], Operand]


def _counted(name: str, arguments: Sequence[Tree], count: int) -> None:
    if len(arguments) != count:
        raise InvalidQuery(f"filter: {name} memerlukan {count} bagian, bukan {len(arguments)}.")


def _all(combine: Callable[..., ColumnElement[bool]]) -> Operation:
    def run(name: str, arguments: list[Tree], scope: Scope) -> Operand:
        if len(arguments) < 2:
            raise InvalidQuery(f"filter: {name} memerlukan paling sedikit dua bagian.")
        return Operand("boolean", combine(*(condition(part, scope) for part in arguments)))

    return run


def _not(name: str, arguments: list[Tree], scope: Scope) -> Operand:
    _counted(name, arguments, 1)
    return Operand("boolean", not_(condition(arguments[0], scope)))


def _same_kind(name: str, *operands: Operand) -> tuple[Operand, ...]:
    """The operands in one kind: a text beside a date is read as one, a date beside a moment is its start, and 1
    and 0 beside what is true or false are that."""
    kinds = {operand.kind for operand in operands}
    if kinds == {"boolean", "bilangan"}:
        operands = tuple(_true_or_false(operand) for operand in operands)
        kinds = {operand.kind for operand in operands}
    if kinds == {"teks", "tanggal"} or kinds == {"teks", "waktu"}:
        operands = tuple(_dated(operand) for operand in operands)
        kinds = {operand.kind for operand in operands}
    if kinds == {"tanggal", "waktu"}:
        operands = tuple(Operand("waktu", _moment(operand)) for operand in operands)
        kinds = {"waktu"}
    if len(kinds) > 1:
        raise InvalidQuery(f"filter: {name} membandingkan {' dengan '.join(sorted(kinds))}.")
    return operands


def _true_or_false(operand: Operand) -> Operand:
    value = getattr(operand.sql, "value", None)
    known = operand.kind == "bilangan" and value in (0, 1)
    return Operand("boolean", literal(bool(value))) if known else operand


def _dated(operand: Operand) -> Operand:
    value = getattr(operand.sql, "value", None)
    if operand.kind != "teks":
        return operand
    if not isinstance(value, str):
        raise InvalidQuery("filter: teks tidak dapat dibandingkan dengan tanggal.")
    value = value.removesuffix("T")  # OGR writes it where no time follows
    if "T" in value:
        return Operand("waktu", literal(_timestamp(value), DateTime(timezone=True)))
    return Operand("tanggal", literal(_date(value), Date))


def _comparison(compare: Callable[[Any, Any], ColumnElement[bool]], ordered: bool) -> Operation:
    def run(name: str, arguments: list[Tree], scope: Scope) -> Operand:
        _counted(name, arguments, 2)
        one, other = _same_kind(name, *(_operand(part, scope) for part in arguments))
        if one.kind not in SCALARS or (ordered and one.kind == "boolean"):
            raise InvalidQuery(f"filter: {name} tidak dapat membandingkan {one.kind}.")
        return Operand("boolean", compare(one.sql, other.sql))

    return run


def _between(name: str, arguments: list[Tree], scope: Scope) -> Operand:
    _counted(name, arguments, 3)
    value, least, most = _same_kind(name, *(_operand(part, scope) for part in arguments))
    if value.kind not in ("bilangan", "tanggal", "waktu", "teks"):
        raise InvalidQuery(f"filter: between tidak dapat membandingkan {value.kind}.")
    return Operand("boolean", and_(value.sql >= least.sql, value.sql <= most.sql))


def _in(name: str, arguments: list[Tree], scope: Scope) -> Operand:
    _counted(name, arguments, 2)
    if not isinstance(arguments[1], list):
        raise InvalidQuery("filter: in memerlukan daftar nilai.")
    value = _operand(arguments[0], scope)
    equals = OPERATIONS["="]
    tests = [equals("in", [arguments[0], part], scope).sql for part in arguments[1]]
    if value.kind in ("daftar", "geometri", "selang"):
        raise InvalidQuery(f"filter: in tidak dapat membandingkan {value.kind}.")
    return Operand("boolean", or_(false(), *tests))


def _is_null(name: str, arguments: list[Tree], scope: Scope) -> Operand:
    _counted(name, arguments, 1)
    return Operand("boolean", _operand(arguments[0], scope).sql.is_(null()))


def _like(name: str, arguments: list[Tree], scope: Scope) -> Operand:
    _counted(name, arguments, 2)
    value, pattern = (_operand(part, scope) for part in arguments)
    if value.kind != "teks" or pattern.kind != "teks":
        raise InvalidQuery("filter: like hanya untuk teks.")
    said = arguments[1]
    while isinstance(said, dict) and len(said.get("args", ())) == 1:
        said = said["args"][0]
    if not isinstance(said, str):
        raise InvalidQuery("filter: pola like harus teks.")
    if (len(said) - len(said.rstrip("\\"))) % 2:
        raise InvalidQuery("filter: pola like berakhir dengan garis miring terbalik.")
    return Operand("boolean", value.sql.like(pattern.sql))


def _text_function(function: Callable[[Any], Any]) -> Operation:
    def run(name: str, arguments: list[Tree], scope: Scope) -> Operand:
        _counted(name, arguments, 1)
        if isinstance(arguments[0], list):
            raise InvalidQuery(f"filter: {name} hanya untuk teks.")
        operand = _operand(arguments[0], scope)
        if operand.kind != "teks":
            raise InvalidQuery(f"filter: {name} hanya untuk teks, bukan {operand.kind}.")
        return Operand("teks", function(operand.sql))

    return run


def _arithmetic(combine: Callable[[Any, Any], ColumnElement[Any]]) -> Operation:
    def run(name: str, arguments: list[Tree], scope: Scope) -> Operand:
        operands = [_operand(part, scope) for part in arguments]
        if name == "-" and len(operands) == 1:
            operands.insert(0, Operand("bilangan", literal(0)))
        _counted(name, operands, 2)
        for operand in operands:
            if operand.kind != "bilangan":
                raise InvalidQuery(f"filter: {name} hanya untuk bilangan, bukan {operand.kind}.")
        return Operand("bilangan", reduce(combine, (cast(operand.sql, Double) for operand in operands)))

    return run


def _between_two(kind: Kind) -> Callable[[Callable[[Any, Any], ColumnElement[bool]]], Operation]:
    """Relations of two operands of one kind."""

    def of(relate: Callable[[Any, Any], ColumnElement[bool]]) -> Operation:
        def run(name: str, arguments: list[Tree], scope: Scope) -> Operand:
            _counted(name, arguments, 2)
            operands = [_operand(part, scope) for part in arguments]
            for operand in operands:
                if operand.kind != kind:
                    raise InvalidQuery(f"filter: {name} hanya untuk {kind}, bukan {operand.kind}.")
            return Operand("boolean", relate(operands[0].sql, operands[1].sql))

        return run

    return of


def _within_metres(name: str, arguments: list[Tree], scope: Scope) -> Operand:
    """Not farther apart than so many metres on the ellipsoid."""
    _counted(name, arguments, 3)
    one, other, distance = (_operand(part, scope) for part in arguments)
    for operand, kind in ((one, "geometri"), (other, "geometri"), (distance, "bilangan")):
        if operand.kind != kind:
            raise InvalidQuery(f"filter: {name} memerlukan {kind}, bukan {operand.kind}.")
    if not isinstance(arguments[2], (int, float)) or not 0 <= arguments[2] <= HALF_WAY_ROUND:
        raise InvalidQuery(f"filter: jarak {name} harus bilangan dari 0 sampai {HALF_WAY_ROUND} meter.")
    near = func.ST_DWithin(cast(one.sql, Geography), cast(other.sql, Geography), distance.sql)
    return Operand("boolean", and_(one.sql.bool_op("&&")(_widened(other.sql, float(arguments[2]))), near))


def _widened(shape: ColumnElement[Any], metres: float) -> ColumnElement[Any]:
    """The box around everything within so many metres, rather too large than too small: boxes have an index."""
    high = metres / 110_000
    farthest = func.greatest(func.abs(func.ST_YMin(shape)), func.abs(func.ST_YMax(shape)))
    wide = high / func.cos(func.radians(func.least(farthest + high, 89.9)))
    return func.ST_Expand(shape, wide, high, type_=Geometry)


_spatial = _between_two("geometri")
_array = _between_two("daftar")


def _meeting(relate: Callable[[Any, Any], ColumnElement[bool]]) -> Operation:
    """Relations of geometries that have a place in common. Their boxes have one too, and under policies only a question
    about boxes may use the index."""
    return _spatial(lambda a, b: and_(a.bool_op("&&")(b), relate(a, b)))


def _temporal(relate: Callable[[Any, Any, Any, Any], ColumnElement[bool]]) -> Operation:
    """Relations of time, on the starts and ends of both sides; a moment starts and ends at once."""

    def run(name: str, arguments: list[Tree], scope: Scope) -> Operand:
        _counted(name, arguments, 2)
        ends = []
        for part in arguments:
            operand = _dated(_operand(part, scope))
            if operand.kind == "selang":
                ends += [operand.sql, operand.end]
            else:
                ends += [_moment(operand)] * 2
        return Operand("boolean", relate(*ends))

    return run


OPERATIONS: dict[str, Operation] = {
    "and": _all(and_),
    "or": _all(or_),
    "not": _not,
    "=": _comparison(lambda a, b: a == b, ordered=False),
    "<>": _comparison(lambda a, b: a != b, ordered=False),
    "<": _comparison(lambda a, b: a < b, ordered=True),
    ">": _comparison(lambda a, b: a > b, ordered=True),
    "<=": _comparison(lambda a, b: a <= b, ordered=True),
    ">=": _comparison(lambda a, b: a >= b, ordered=True),
    "between": _between,
    "in": _in,
    "isNull": _is_null,
    "like": _like,
    "casei": _text_function(func.lower),
    "accenti": _text_function(func.unaccent),
    "+": _arithmetic(lambda a, b: a + b),
    "-": _arithmetic(lambda a, b: a - b),
    "*": _arithmetic(lambda a, b: a * b),
    "/": _arithmetic(lambda a, b: a / func.nullif(b, 0)),
    "div": _arithmetic(lambda a, b: func.trunc(a / func.nullif(b, 0))),
    "%": _arithmetic(lambda a, b: a - func.trunc(a / func.nullif(b, 0)) * b),
    "^": _arithmetic(func.power),
    "s_intersects": _meeting(func.ST_Intersects),
    "s_disjoint": _spatial(lambda a, b: not_(func.ST_Intersects(a, b))),
    "s_equals": _meeting(func.ST_Equals),
    "s_touches": _meeting(func.ST_Touches),
    "s_within": _meeting(func.ST_Within),
    "s_contains": _meeting(func.ST_Contains),
    "s_overlaps": _meeting(func.ST_Overlaps),
    "s_crosses": _meeting(func.ST_Crosses),
    "s_dwithin": _within_metres,
    "a_equals": _array(lambda a, b: and_(a.bool_op("@>")(b), a.bool_op("<@")(b))),
    "a_contains": _array(lambda a, b: a.bool_op("@>")(b)),
    "a_containedBy": _array(lambda a, b: a.bool_op("<@")(b)),
    "a_overlaps": _array(lambda a, b: a.bool_op("&&")(b)),
    "t_after": _temporal(lambda a, b, c, d: a > d),
    "t_before": _temporal(lambda a, b, c, d: b < c),
    "t_contains": _temporal(lambda a, b, c, d: and_(a < c, b > d)),
    "t_disjoint": _temporal(lambda a, b, c, d: or_(b < c, a > d)),
    "t_during": _temporal(lambda a, b, c, d: and_(a > c, b < d)),
    "t_equals": _temporal(lambda a, b, c, d: and_(a == c, b == d)),
    "t_finishedBy": _temporal(lambda a, b, c, d: and_(a < c, b == d)),
    "t_finishes": _temporal(lambda a, b, c, d: and_(a > c, b == d)),
    "t_intersects": _temporal(lambda a, b, c, d: and_(a <= d, b >= c)),
    "t_meets": _temporal(lambda a, b, c, d: b == c),
    "t_metBy": _temporal(lambda a, b, c, d: a == d),
    "t_overlappedBy": _temporal(lambda a, b, c, d: and_(a > c, a < d, b > d)),
    "t_overlaps": _temporal(lambda a, b, c, d: and_(a < c, b > c, b < d)),
    "t_startedBy": _temporal(lambda a, b, c, d: and_(a == c, b > d)),
    "t_starts": _temporal(lambda a, b, c, d: and_(a == c, b < d)),
}
"""Everything that a filter may ask; conformance classes follow from what stands here."""

_BY_NAME = {name.lower(): operation for name, operation in OPERATIONS.items()}
"""Text forms write names in any case."""


def _short(node: Tree) -> str:
    return repr(node)[:40]
