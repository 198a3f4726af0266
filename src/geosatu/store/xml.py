"""XML out of the database: pieces of SQL that become the text of elements, with nothing in it that XML cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, DateTime, Text, case, cast, func, literal_column
from sqlalchemy.sql.elements import NamedColumn

from geosatu.layers import SYSTEM_FIELDS, Layer
from geosatu.store.rendering import sql_text, tabular

Piece = ColumnElement[Any] | str
"""Of a text: what the database makes, or a constant."""

FORBIDDEN = "".join(f"\\x{code:02x}" for code in (*range(1, 9), 11, 12, *range(14, 32))) + "\\uFFFE\\uFFFF"
"""What no XML 1.0 document may hold; PostgreSQL keeps neither NUL nor halves of characters."""

Tags = Callable[[str], tuple[str, str]]
"""What stands before and behind the value of a property."""


def elements(layer: Layer, properties: Sequence[NamedColumn[Any]], tags: Tags) -> ColumnElement[str]:
    """The properties as elements; what has no value is left out.

    Text is escaped only in features where something has to be: to look at all of it at once is cheaper.
    """

    def element(field: NamedColumn[Any], text: ColumnElement[str]) -> ColumnElement[str]:
        before, behind = tags(field.name)
        return func.coalesce(sql_text(before) + text + sql_text(behind), sql_text(""))

    risky = {field.name: field for field in properties if not is_plain(layer, field)}
    plain = joined([element(field, value_text(field)) for field in properties] or [""])
    if not risky:
        return plain
    texts = [value_text(field) for field in risky.values()]
    safe = [element(each, escaped(value_text(each)) if each.name in risky else value_text(each)) for each in properties]
    found = func.concat_ws(sql_text(""), *texts).op("~")(_letters(f"[&<>\\n\\r{FORBIDDEN}]"))
    return case((found, joined(safe)), else_=plain)


def is_plain(layer: Layer, field: NamedColumn[Any]) -> bool:
    """Whether values can hold nothing that XML escapes."""
    described = layer.fields.get(field.name, SYSTEM_FIELDS.get(field.name))
    if field.name in ("uid", "kode_wilayah") or (described is not None and described.type in ("code", "codes")):
        return True
    return not isinstance(field.type, (Text, ARRAY))


def value_text(field: NamedColumn[Any]) -> ColumnElement[str]:
    """A value as XML Schema writes it; a list as tables of files have it."""
    if isinstance(field.type, DateTime):
        return func.to_json(field).op("#>>")(sql_text("{}"))
    return tabular(field) if isinstance(field.type, ARRAY) else cast(field, Text)


def escaped(text: ColumnElement[str]) -> ColumnElement[str]:
    """Any text as the content of an element, in one line."""
    for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\\n", "&#10;"), ("\\r", "&#13;")):
        text = func.replace(text, _letters(letter), sql_text(entity))
    return func.translate(text, _letters(FORBIDDEN), sql_text(""))


def joined(pieces: Sequence[Piece]) -> ColumnElement[str]:
    """The pieces as one text."""
    return reduce(add, (sql_text(piece) if isinstance(piece, str) else piece for piece in pieces))


def _letters(said: str) -> ColumnElement[str]:
    return literal_column(f"E'{said}'", Text)
