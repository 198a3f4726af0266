"""Filters of OGC Filter Encoding 1.0, 1.1 and 2.0 -> the tree of `cql2`, geometry in degrees with longitude first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import shapely

from geosatu.cql2 import MAX_NODES, Tree
from geosatu.crs import WGS84_EAST_FIRST, Crs
from geosatu.errors import InvalidQuery, shortened
from geosatu.fes.gml import GML_TAGS, NUMBER, degrees, shape_of
from geosatu.fes.xml import children, tag_of, text_of

GEOMETRY = "geometry"
"""How the tree calls the geometry where a filter does not name it."""

IDS = {"FeatureId": "fid", "GmlObjectId": "id", "ResourceId": "rid"}
"""Elements that name features, and the attributes in which they do."""

COMPARISONS = {
    "PropertyIsEqualTo": "=",
    "PropertyIsNotEqualTo": "<>",
    "PropertyIsLessThan": "<",
    "PropertyIsGreaterThan": ">",
    "PropertyIsLessThanOrEqualTo": "<=",
    "PropertyIsGreaterThanOrEqualTo": ">=",
}
SPATIAL = {
    "BBOX": "s_intersects",
    "Intersects": "s_intersects",
    "Intersect": "s_intersects",  # the name in the schema of 1.0
    "Disjoint": "s_disjoint",
    "Equals": "s_equals",
    "Touches": "s_touches",
    "Within": "s_within",
    "Contains": "s_contains",
    "Overlaps": "s_overlaps",
    "Crosses": "s_crosses",
}
DISTANCES = ("DWithin", "Beyond")
TEMPORAL = {
    "After": "t_after",
    "Before": "t_before",
    "Begins": "t_starts",
    "BegunBy": "t_startedBy",
    "TContains": "t_contains",
    "During": "t_during",
    "TEquals": "t_equals",
    "TOverlaps": "t_overlaps",
    "Meets": "t_meets",
    "OverlappedBy": "t_overlappedBy",
    "MetBy": "t_metBy",
    "Ends": "t_finishes",
    "EndedBy": "t_finishedBy",
    "AnyInteracts": "t_intersects",
}
ARITHMETIC = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/"}
LOGIC = ("And", "Or")

METRES = {"m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "9001": 1.0, "km": 1000.0}
"""Units of distance by the last word of their name; degrees are none."""

NAMES = ("PropertyName", "ValueReference")


class Dialect(NamedTuple):
    """What a filter is read with."""

    layer: str
    kinds: Mapping[str, str]
    """The kind of each property, as the store calls it."""
    crs: Crs = WGS84_EAST_FIRST
    """That of geometry which does not say its own."""
    east_first: bool = False
    """Whether x stands first in whatever CRS, as in WFS 1.0."""


def filter_tree(root: Element, dialect: Dialect) -> Tree:
    """The tree of a Filter element, or `InvalidQuery` with what is wrong with it."""
    if tag_of(root) != "Filter":
        raise InvalidQuery(f"Filter harus dimulai dengan unsur Filter, bukan {shortened(tag_of(root))!r}.")
    tree = _Filter(dialect).all_of(root)
    if _nodes(tree) > MAX_NODES:
        raise InvalidQuery(f"Filter ini terlalu besar; paling banyak {MAX_NODES} bagian.")
    return tree


def ids_tree(ids: Iterable[str], layer: str) -> Tree:
    """Only the features of these ids; what is the id of another layer's feature is none of this one."""
    numbers = [int(found[1]) for said in ids if (found := re.fullmatch(rf"{layer}\.([0-9]{{1,18}})", said, re.ASCII))]
    return {"op": "in", "args": [{"property": "id"}, numbers]}


def named(said: str, layer: str) -> str:
    """The property that an XPath of a client means: the last step, without prefix, behind the feature type's name."""
    steps = [step.rpartition(":")[2].strip() for step in said.strip().strip("/").split("/")]
    if len(steps) > 1 and steps[0] in (layer, "*", "."):
        steps = steps[1:]
    name = re.sub(r"\[1\]$", "", steps[0])
    if len(steps) != 1 or not name:
        raise InvalidQuery(f"Nama property {shortened(said)!r} tidak dikenal di {layer}.")
    return name


class _Filter:
    """A filter that is read from the outside to the inside."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def all_of(self, root: Element) -> Tree:
        ids = [child for child in root if tag_of(child) in IDS]
        conditions = [child for child in root if tag_of(child) not in IDS]
        if ids and not conditions:
            return self._ids(ids)
        if ids or len(conditions) != 1:
            raise InvalidQuery("Filter harus memuat satu syarat, atau hanya nomor fitur.")
        return self._condition(conditions[0])

    def _condition(self, element: Element) -> Tree:
        tag = tag_of(element)
        if tag in LOGIC:
            return self._logic(element, tag.lower())
        if tag == "Not":
            return _op("not", self._condition(self._only(element)))
        if tag in COMPARISONS:
            return self._comparison(element, COMPARISONS[tag])
        if tag in SPATIAL:
            return self._spatial(element, SPATIAL[tag])
        if tag in DISTANCES:
            return self._distance(element, tag)
        if tag in TEMPORAL:
            return self._temporal(element, TEMPORAL[tag])
        if tag in IDS:
            return self._ids([element])
        match tag:
            case "PropertyIsLike":
                return self._like(element)
            case "PropertyIsNull" | "PropertyIsNil":
                return _op("isNull", self._named(self._only(element)))
            case "PropertyIsBetween":
                return self._between(element)
        raise InvalidQuery(f"Operator {shortened(tag)!r} dalam filter ini tidak ada.")

    def _logic(self, element: Element, name: str) -> Tree:
        parts = [self._condition(child) for child in element]
        if len(parts) < 2:
            raise InvalidQuery(f"{tag_of(element)} dalam filter ini memerlukan paling sedikit dua syarat.")
        return _op(name, *parts)

    def _ids(self, elements: Iterable[Element]) -> Tree:
        said = []
        for element in elements:
            wanted = IDS[tag_of(element)]
            said += [value for name, value in element.attrib.items() if name.rpartition("}")[2] == wanted]
        return ids_tree(said, self._dialect.layer)

    # Comparisons.

    def _comparison(self, element: Element, name: str) -> Tree:
        one, other = self._parts(element, 2)
        kind = self._kind(one) or self._kind(other)
        if kind == "daftar" and name in ("=", "<>"):
            held = _op("a_contains", self._named(one), [text_of(other)])
            return held if name == "=" else _op("not", held)
        sides = [self._expression(part, kind) for part in (one, other)]
        if element.get("matchCase", "true") == "false" and all(self._is_text(part, kind) for part in (one, other)):
            sides = [_op("casei", side) for side in sides]
        return _op(name, *sides)

    def _is_text(self, element: Element, kind: str | None) -> bool:
        return (kind or "teks") == "teks" and tag_of(element) not in ARITHMETIC

    def _between(self, element: Element) -> Tree:
        value = self._only_of(element, *NAMES, *ARITHMETIC, "Literal")
        kind = self._kind(value)
        ends = [self._only(self._only_of(element, name)) for name in ("LowerBoundary", "UpperBoundary")]
        return _op("between", *(self._expression(part, kind) for part in (value, *ends)))

    def _like(self, element: Element) -> Tree:
        wild, single = element.get("wildCard", "*"), element.get("singleChar", "?")
        escape = next((element.attrib[name] for name in ("escapeChar", "escape") if name in element.attrib), "\\")
        said = "".join(self._only_of(element, "Literal").itertext())
        name = self._named(self._only_of(element, *NAMES))
        pattern, rest = "", said
        while rest:
            if escape and rest.startswith(escape) and len(rest) > len(escape):
                rest = rest.removeprefix(escape)
                pattern, rest = pattern + _plain(rest[0]), rest[1:]
            elif wild and rest.startswith(wild):
                pattern, rest = pattern + "%", rest.removeprefix(wild)
            elif single and rest.startswith(single):
                pattern, rest = pattern + "_", rest.removeprefix(single)
            else:
                pattern, rest = pattern + _plain(rest[0]), rest[1:]
        if element.get("matchCase", "true") == "false":
            return _op("like", _op("casei", name), _op("casei", pattern))
        return _op("like", name, pattern)

    # Expressions.

    def _expression(self, element: Element, kind: str | None) -> Tree:
        """A value; a literal as the kind of what it stands beside, or as a number where it looks like one."""
        tag = tag_of(element)
        if tag in NAMES:
            return self._named(element)
        if tag in ARITHMETIC:
            return _op(ARITHMETIC[tag], *(self._expression(part, "bilangan") for part in self._parts(element, 2)))
        if tag != "Literal":
            raise InvalidQuery(f"Unsur {shortened(tag)!r} dalam filter ini bukan nilai yang dikenal.")
        said = "".join(element.itertext())
        return LITERALS[kind](said) if kind in LITERALS else _guessed(said)

    def _kind(self, element: Element) -> str | None:
        """The kind of a value; None: that of a literal, which is whatever it stands beside."""
        tag = tag_of(element)
        if tag in ARITHMETIC:
            return "bilangan"
        return self._dialect.kinds[self._named(element)["property"]] if tag in NAMES else None

    def _named(self, element: Element) -> dict[str, str]:
        if tag_of(element) not in NAMES:
            raise InvalidQuery(f"Filter ini memuat {shortened(tag_of(element))!r}, padahal diperlukan nama property.")
        name = named(text_of(element), self._dialect.layer)
        if name not in self._dialect.kinds:
            known = ", ".join(self._dialect.kinds)
            raise InvalidQuery(
                f"Property {shortened(name)!r} tidak dapat disaring di lapisan ini; yang dapat: {known}."
            )
        return {"property": name}

    # Places.

    def _spatial(self, element: Element, name: str) -> Tree:
        return _op(name, *self._sides(element))

    def _sides(self, element: Element) -> list[Tree]:
        """The geometries of an operator, the one that a BBOX leaves out included."""
        parts = [part for part in element if tag_of(part) not in ("Distance",)]
        names = [part for part in parts if tag_of(part) in NAMES]
        shapes = [self._shape(part) for part in parts if tag_of(part) in GML_TAGS]
        others = len(parts) - len(names) - len(shapes)
        sides = [self._named(part) for part in names] + shapes
        if len(sides) == 1 and shapes:
            sides = [{"property": GEOMETRY}, *shapes]
        if others or len(sides) != 2:
            raise InvalidQuery(f"{tag_of(element)} dalam filter ini memerlukan satu property dan satu geometri GML.")
        return sides

    def _shape(self, element: Element) -> Tree:
        shape, crs = shape_of(element, self._dialect.crs, east_first=self._dialect.east_first)
        tree: Tree = json.loads(shapely.to_geojson(degrees(shape, crs)))
        return tree

    def _distance(self, element: Element, tag: str) -> Tree:
        said = self._only_of(element, "Distance")
        unit = said.get("uom") or said.get("units") or "m"
        factor = METRES.get(re.split(r"[#:/]", unit.strip())[-1].lower())
        number = text_of(said)
        if factor is None:
            raise InvalidQuery(f"Satuan jarak {shortened(unit)!r} tidak dikenal; pakai m atau km.")
        if not NUMBER.fullmatch(number) or float(number) < 0:
            raise InvalidQuery(f"Jarak {shortened(number)!r} dalam filter ini bukan bilangan yang tidak negatif.")
        near = _op("s_dwithin", *self._sides(element), float(number) * factor)
        return near if tag == "DWithin" else _op("not", near)

    # Times.

    def _temporal(self, element: Element, name: str) -> Tree:
        one, other = self._parts(element, 2)
        return _op(name, *(self._time(part) for part in (one, other)))

    def _time(self, element: Element) -> Tree:
        match tag_of(element):
            case "TimeInstant":
                return _moment(text_of(element))
            case "TimePeriod":
                ends = [text_of(self._only_of(element, *names)) for names in (BEGIN, END)]
                return {"interval": [end or ".." for end in ends]}
            case "Literal":
                inner = list(element)
                return self._time(inner[0]) if inner else _moment(text_of(element))
        return self._named(element)

    # What stands in an element.

    def _parts(self, element: Element, count: int) -> list[Element]:
        parts = list(element)
        if len(parts) != count:
            raise InvalidQuery(f"{tag_of(element)} dalam filter ini memerlukan {count} bagian, bukan {len(parts)}.")
        return parts

    def _only(self, element: Element) -> Element:
        return self._parts(element, 1)[0]

    def _only_of(self, element: Element, *names: str) -> Element:
        found = list(children(element, *names))
        if len(found) != 1:
            raise InvalidQuery(f"{tag_of(element)} dalam filter ini memerlukan satu {names[0]}, bukan {len(found)}.")
        return found[0]


BEGIN, END = ("beginPosition", "begin"), ("endPosition", "end")


def _op(name: str, *arguments: Tree) -> dict[str, Any]:
    return {"op": name, "args": list(arguments)}


def _plain(letter: str) -> str:
    """A letter that means itself in a pattern of SQL."""
    return f"\\{letter}" if letter in "%_\\" else letter


def _number(said: str) -> float:
    if not NUMBER.fullmatch(said.strip()):
        raise InvalidQuery(f"Nilai {shortened(said)!r} dalam filter ini bukan bilangan.")
    return float(said)


def _boolean(said: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if said.strip().lower() not in known:
        raise InvalidQuery(f"Nilai {shortened(said)!r} dalam filter ini bukan true atau false.")
    return known[said.strip().lower()]


def _moment(said: str) -> dict[str, str]:
    return {"timestamp" if "T" in said else "date": said.strip()}


def _guessed(said: str) -> float | str:
    return float(said) if NUMBER.fullmatch(said.strip()) else said


LITERALS: dict[str | None, Callable[[str], Any]] = {
    "teks": lambda said: said,
    "bilangan": _number,
    "boolean": _boolean,
    "tanggal": _moment,
    "waktu": _moment,
}


def _nodes(tree: Tree) -> int:
    """How many parts a tree has; the positions of a geometry count too."""
    waiting, count = [tree], 0
    while waiting:
        node = waiting.pop()
        count += 1
        waiting += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return count
