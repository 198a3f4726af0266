"""The text form of CQL2 -> the JSON form, in one pass: its time grows with the length of the text, and no faster.

A parser of our own, because a line of text must not stop the service: others recurse at every operator until the
stack ends, or read each bracket twice, and so a nest of thirty a thousand million times.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, NoReturn

from geosatu.errors import InvalidQuery

MAX_DEPTH = 96
"""Of expressions, one within the other, and of the tree."""

_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(
    r"""(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)
      | (?P<text>'(?:[^']|'')*')
      | (?P<quoted>"[^"]+")
      | (?P<name>[^\W\d][\w.:]*)
      | (?P<sign><>|!=|<=|>=|[-+*/%^=<>(),])
      | (?P<end>\Z)""",
    re.VERBOSE,
)

COMPARISON, SUM = 4, 5
POWERS = {
    "OR": 1,
    "AND": 2,
    "NOT": COMPARISON,  # behind its operand: NOT LIKE, NOT IN, NOT BETWEEN
    **dict.fromkeys(("=", "<>", "!=", "<", ">", "<=", ">="), COMPARISON),
    **dict.fromkeys(("LIKE", "ILIKE", "IN", "BETWEEN", "IS"), COMPARISON),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "%", "DIV"), 6),
    "^": 7,
}
"""How tightly an operator binds what stands on both sides of it."""

DENIAL = 3
"""How tightly NOT binds what it denies."""

OPERATORS = {"OR": "or", "AND": "and", "DIV": "div", "!=": "<>"}
LITERALS = {"TRUE": True, "FALSE": False, "NULL": None}

GEOMETRIES = {
    "POINT": ("Point", 1),
    "LINESTRING": ("LineString", 1),
    "POLYGON": ("Polygon", 2),
    "MULTIPOINT": ("MultiPoint", 1),
    "MULTILINESTRING": ("MultiLineString", 2),
    "MULTIPOLYGON": ("MultiPolygon", 3),
    "GEOMETRYCOLLECTION": ("GeometryCollection", 0),
}
"""The names of well-known text with those of GeoJSON, and in how many brackets its positions stand."""


class Token(NamedTuple):
    """A word of the text, and where it begins."""

    kind: str
    said: str
    at: int

    @property
    def word(self) -> str:
        """The name or sign in upper case; nothing for literals."""
        return self.said.upper() if self.kind in ("name", "sign") else ""


def parse_text(said: str) -> Any:
    """The JSON form of a filter, or `InvalidQuery` with the place that makes no sense."""
    return _Text(said).whole()


class _Text:
    """A text that is read from its beginning to its end."""

    def __init__(self, said: str) -> None:
        self._said = said
        self._tokens: list[Token] = []
        self._next = 0
        self._depth = 0
        place = 0
        while not self._tokens or self._tokens[-1].kind != "end":
            place = _SPACE.match(said, place).end()  # type: ignore[union-attr]  # it always matches
            found = _TOKEN.match(said, place)
            if found is None:
                self._refuse(place)
            self._tokens.append(Token(str(found.lastgroup), found[0], place))
            place = found.end()

    def whole(self) -> Any:
        tree = self._expression()
        if self._ahead.kind != "end":
            self._refuse(self._ahead.at)
        return tree

    def _expression(self, least: int = 0) -> Any:
        """Operators that bind at least so tightly, with their operands."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidQuery(f"filter: kurung dan NOT terlalu dalam; paling banyak {MAX_DEPTH} tingkat.")
        tree = _not(self._expression(DENIAL)) if self._took("NOT") else self._operand()
        while (power := POWERS.get(self._ahead.word, -1)) >= least:
            tree = self._joined(tree, power)
        self._depth -= 1
        return tree

    def _joined(self, left: Any, power: int) -> Any:
        """An operator, what stands before it, and what follows."""
        operator = self._taken()
        denied = operator.word == "NOT"
        if denied:
            operator = self._taken()
        match operator.word:
            case "LIKE":
                tree = {"op": "like", "args": [left, self._expression(SUM)]}
            case "ILIKE":  # of OGR
                tree = {"op": "like", "args": [_casei(left), _casei(self._expression(SUM))]}
            case "IN":
                tree = {"op": "in", "args": [left, self._list()]}
            case "BETWEEN":
                low = self._expression(SUM)
                self._require("AND")
                tree = {"op": "between", "args": [left, low, self._expression(SUM)]}
            case _ if denied:
                self._refuse(operator.at)
            case "IS":
                denied = self._took("NOT")
                self._require("NULL")
                tree = {"op": "isNull", "args": [left]}
            case "AND" | "OR" as word if isinstance(left, dict) and left.get("op") == OPERATORS[word]:
                left["args"].append(self._expression(power + 1))
                tree = left
            case word:
                tree = {"op": OPERATORS.get(word, word), "args": [left, self._expression(power + 1)]}
        return _not(tree) if denied else tree

    def _operand(self) -> Any:
        sign = self._sign()
        value = self._value()
        if isinstance(value, float):
            return sign * value
        return value if sign > 0 else {"op": "*", "args": [sign, value]}

    def _sign(self) -> float:
        sign = 1.0
        while self._ahead.word in ("-", "+"):
            sign = -sign if self._taken().word == "-" else sign
        return sign

    def _value(self) -> Any:
        token = self._taken()
        match token.kind:
            case "number":
                return float(token.said)
            case "text":
                return _unquoted(token)
            case "quoted":
                return {"property": token.said[1:-1]}
            case "name" if token.word in LITERALS:
                return LITERALS[token.word]
            case "name" if token.word in GEOMETRIES and self._ahead.word in ("(", "Z", "M", "ZM"):
                return self._geometry(token)
            case "name" if token.word not in POWERS:
                return self._function(token) if self._ahead.word == "(" else {"property": token.said}
        if token.word != "(":
            self._refuse(token.at)
        self._next -= 1
        members = self._list()
        return members[0] if len(members) == 1 else members

    def _function(self, name: Token) -> Any:
        match name.word:
            case "DATE" | "TIMESTAMP" as word:
                self._require("(")
                said = self._taken()
                if said.kind != "text":
                    self._refuse(said.at)
                self._require(")")
                return {word.lower(): _unquoted(said)}
            case "INTERVAL":
                return {"interval": self._list()}
            case "BBOX":
                return {"bbox": self._list()}
        # The sets of array functions stand in brackets even where they have one member or none.
        sets = name.word.startswith("A_")
        return {"op": name.said, "args": self._list(sets=sets, empty=True)}

    def _list(self, *, sets: bool = False, empty: bool = False) -> list[Any]:
        """What stands in brackets, between commas."""
        self._require("(")
        if empty and self._took(")"):
            return []
        found: list[Any] = []
        while not found or self._took(","):
            set_next = sets and self._ahead.word == "("
            found.append(self._list(empty=True) if set_next else self._expression())
        self._require(")")
        return found

    def _geometry(self, name: Token) -> Any:
        """Well-known text behind its name."""
        if self._ahead.word != "(":
            self._taken()
        kind, brackets = GEOMETRIES[name.word]
        if kind == "GeometryCollection":
            return {"type": kind, "geometries": self._nested(brackets)}
        if kind == "MultiPoint" and self._tokens[self._next + 1].word == "(":
            return {"type": kind, "coordinates": [place for part in self._nested(2) for place in part]}
        places = self._nested(brackets)
        if kind == "Point" and len(places) > 1:
            self._refuse(name.at)
        return {"type": kind, "coordinates": places[0] if kind == "Point" else places}

    def _nested(self, brackets: int) -> list[Any]:
        """Positions in so many brackets; geometries where they stand in none."""
        self._require("(")
        found: list[Any] = []
        while not found or self._took(","):
            if brackets > 1:
                found.append(self._nested(brackets - 1))
            elif brackets == 1:
                found.append(self._position())
            else:
                name = self._taken()
                if name.word not in GEOMETRIES or name.word == "GEOMETRYCOLLECTION":
                    self._refuse(name.at)
                found.append(self._geometry(name))
        self._require(")")
        return found

    def _position(self) -> list[float]:
        """Two or three numbers; a measure, which would be the fourth, is left out."""
        found: list[float] = []
        while self._ahead.word not in (",", ")"):
            sign, number = self._sign(), self._taken()
            if number.kind != "number" or len(found) == 4:
                self._refuse(number.at)
            found.append(sign * float(number.said))
        if len(found) < 2:
            self._refuse(self._ahead.at)
        return found[:3]

    @property
    def _ahead(self) -> Token:
        return self._tokens[self._next]

    def _taken(self) -> Token:
        token = self._ahead
        if token.kind != "end":
            self._next += 1
        return token

    def _took(self, word: str) -> bool:
        """Whether this word is next; then it is passed."""
        if self._ahead.word != word:
            return False
        self._next += 1
        return True

    def _require(self, word: str) -> None:
        if not self._took(word):
            self._refuse(self._ahead.at)

    def _refuse(self, place: int) -> NoReturn:
        rest = self._said[place:][:20]
        where = f"huruf ke-{place + 1} ({rest!r})" if rest else "akhirnya"
        raise InvalidQuery(f"filter: bukan CQL2 yang sah di dekat {where}.")


def _not(tree: Any) -> Any:
    return {"op": "not", "args": [tree]}


def _casei(tree: Any) -> Any:
    return {"op": "casei", "args": [tree]}


def _unquoted(token: Token) -> str:
    return token.said[1:-1].replace("''", "'")
