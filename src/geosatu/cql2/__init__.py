"""CQL2 (OGC 21-065r2) as text or JSON -> one tree, the JSON form, of bounded size.

The tree is plain JSON: `{"op": ..., "args": [...]}`, `{"property": ...}` and literals. What it means for a
layer, and whether it makes sense there, is for the store to say; nothing here reaches a database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from geosatu.cql2.text import MAX_DEPTH, parse_text
from geosatu.errors import InvalidQuery

__all__ = ["LANGUAGES", "MAX_DEPTH", "Tree", "parse_filter"]

LANGUAGES = ("cql2-text", "cql2-json", "cql-text")
"""The last is the text form under the name of a draft: OGR asks for what stands in its filters only under this name,
and else for any date by `datetime`, whichever field is meant."""

Tree = Any
"""JSON as described above."""

MAX_LENGTH = 16_384
MAX_NODES = 20_000
"""Of the tree; the positions of a geometry count too."""


def parse_filter(said: str, language: str) -> Tree:
    """The tree of a filter, or `InvalidQuery` telling what is wrong with it."""
    if len(said) > MAX_LENGTH:
        raise InvalidQuery(f"filter: terlalu panjang ({len(said)} huruf); paling banyak {MAX_LENGTH}.")
    if "\x00" in said:
        raise InvalidQuery("filter: memuat huruf NUL.")
    if not said.strip():
        raise InvalidQuery("filter: kosong; tulis misalnya jumlah_kader > 5, atau hapus parameter ini.")
    tree = _parse_json(said) if language == "cql2-json" else parse_text(said)
    if not isinstance(tree, (dict, bool)):
        raise InvalidQuery("filter: ini nilai, bukan pernyataan yang benar atau salah.")
    _require_bounded(tree)
    return tree


def _parse_json(said: str) -> Tree:
    try:
        return json.loads(said, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidQuery(f"filter: bukan JSON yang sah di huruf ke-{error.pos + 1}.") from None
    except (ValueError, RecursionError):
        raise InvalidQuery("filter: JSON ini memuat bilangan yang tidak sah atau terlalu dalam.") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _require_bounded(tree: Tree) -> None:
    level, nodes = [tree], 0
    for _ in range(MAX_DEPTH):
        level = [part for node in level for part in _parts(node)]
        nodes += len(level)
        if not level:
            return
        if nodes > MAX_NODES:
            break
    most = f"{MAX_DEPTH} tingkat dan {MAX_NODES} bagian"
    raise InvalidQuery(f"filter: terlalu dalam atau terlalu besar; paling banyak {most}.")


def _parts(node: Tree) -> Iterable[Tree]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
