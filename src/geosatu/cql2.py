"""CQL2 (OGC 21-065r2) as text or JSON -> one tree, the JSON form, of bounded size.

The tree is plain JSON: `{"op": ..., "args": [...]}`, `{"property": ...}` and literals. What it means for a
layer, and whether it makes sense there, is for the store to say; nothing here reaches a database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Literal

import cql2

from geosatu.errors import InvalidQuery

Language = Literal["cql2-text", "cql2-json"]
LANGUAGES: tuple[Language, ...] = ("cql2-text", "cql2-json")

Tree = Any
"""JSON as described above."""

MAX_LENGTH = 16_384
MAX_DEPTH = 48
MAX_OPERATORS = 500
MAX_NODES = 20_000
"""Of the tree; the positions of a geometry count too."""

_TEXTS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")


def parse_filter(said: str, language: Language) -> Tree:
    """The tree of a filter, or `InvalidQuery` telling what is wrong with it."""
    if len(said) > MAX_LENGTH:
        raise InvalidQuery(f"filter: terlalu panjang ({len(said)} huruf); paling banyak {MAX_LENGTH}.")
    if "\x00" in said:
        raise InvalidQuery("filter: memuat huruf NUL.")
    tree = _parse_text(said) if language == "cql2-text" else _parse_json(said)
    if not isinstance(tree, (dict, bool)):
        raise InvalidQuery("filter: ini nilai, bukan pernyataan yang benar atau salah.")
    _require_bounded(tree)
    return tree


def _parse_text(said: str) -> Tree:
    _require_shallow(_TEXTS.sub("''", said))
    try:
        return json.loads(json.dumps(cql2.parse_text(said).to_json()))
    except Exception as error:
        raise InvalidQuery(f"filter: bukan CQL2 yang sah di dekat {_place(said, error)}.") from None


def _require_shallow(outline: str) -> None:
    """Refuse nesting before the parser sees it, which is recursive and would end the process."""
    depth = 0
    for token in re.finditer(r"[()]", outline):
        depth += 1 if token[0] == "(" else -1
        if depth > MAX_DEPTH:
            raise InvalidQuery(f"filter: tanda kurungnya terlalu dalam; paling banyak {MAX_DEPTH} tingkat.")
    if len(re.findall(r"\bnot\b", outline, re.IGNORECASE)) > MAX_DEPTH:
        raise InvalidQuery(f"filter: memuat lebih dari {MAX_DEPTH} NOT.")
    if len(re.findall(r"[-+*/^%]|\b(?:and|or|div)\b", outline, re.IGNORECASE)) > MAX_OPERATORS:
        raise InvalidQuery(f"filter: memuat lebih dari {MAX_OPERATORS} operator.")


def _place(said: str, error: Exception) -> str:
    found = re.search(r"(\d+):(\d+)", str(error))
    column = int(found[2]) if found else 1
    rest = said[max(column - 1, 0) :][:20]
    return f"huruf ke-{column} ({rest!r})" if rest else "akhirnya"


def _parse_json(said: str) -> Tree:
    try:
        return json.loads(said, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidQuery(f"filter: bukan JSON yang sah: {error}.") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} bukan bilangan")


def _require_bounded(tree: Tree) -> None:
    level, nodes = [tree], 0
    for _ in range(MAX_DEPTH * 2):
        level = [part for node in level for part in _parts(node)]
        nodes += len(level)
        if not level:
            return
        if nodes > MAX_NODES:
            break
    raise InvalidQuery(f"filter: terlalu dalam atau terlalu besar; paling banyak {MAX_NODES} bagian.")


def _parts(node: Tree) -> Iterable[Tree]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
