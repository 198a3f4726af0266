"""XML out of the database: pieces of SQL that become the text of elements, with nothing in it that XML cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, DateTime, Text, case, cast, func, literal_column
from sqlalchemy.sql.elements import NamedColumn

from geosatu.layers import Layer
from geosatu.store.rendering import is_bare, joined, sql_text, tabular

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
        return func.coalesce(joined([before, text, behind]), sql_text(""))

    texts = {field.name: value_text(layer, field) for field in properties}
    plain = joined([element(field, texts[field.name]) for field in properties] or [""])
    risky = [field for field in properties if is_risky(layer, field)]
    if not risky:
        return plain
    safe = {**texts, **{field.name: escaped(texts[field.name]) for field in risky}}
    held = [_held(field) for field in risky]
    found = func.concat_ws(sql_text(""), *held).op("~")(_letters(f"[&<>\\n\\r{FORBIDDEN}]"))
    return case((found, joined([element(field, safe[field.name]) for field in properties])), else_=plain)


def is_risky(layer: Layer, field: NamedColumn[Any]) -> bool:
    """Whether values can hold what XML escapes."""
    return isinstance(field.type, (Text, ARRAY)) and not is_bare(layer, field)


def value_text(layer: Layer, field: NamedColumn[Any]) -> ColumnElement[str]:
    """A value as XML Schema writes it; a list as tables of files have it."""
    if isinstance(field.type, DateTime):
        return func.to_json(field).op("#>>")(sql_text("{}"))
    return tabular(field, bare=is_bare(layer, field)) if isinstance(field.type, ARRAY) else cast(field, Text)


def escaped(text: ColumnElement[str]) -> ColumnElement[str]:
    """Any text as the content of an element, in one line."""
    for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\\n", "&#10;"), ("\\r", "&#13;")):
        text = func.replace(text, _letters(letter), sql_text(entity))
    return func.translate(text, _letters(FORBIDDEN), sql_text(""))


def _held(field: NamedColumn[Any]) -> ColumnElement[str]:
    """The letters of a value, to be looked through."""
    return func.array_to_string(field, sql_text("")) if isinstance(field.type, ARRAY) else cast(field, Text)


def _letters(said: str) -> ColumnElement[str]:
    return literal_column(f"E'{said}'", Text)
