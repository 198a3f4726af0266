"""GeoJSON, GeoJSON-Seq and CSV: text that is put around rows as the database renders them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from geosatu.crs import CRS84, Crs
from geosatu.layers import Layer
from geosatu.writers.dictionary import about

BLOCK = 64 * 1024
"""Bytes that are gathered before they are handed on."""


@dataclass(frozen=True)
class TextFormat:
    """A kind of text file: its media type, and what stands around its rows."""

    media_type: str
    head: Callable[[Layer, Crs], bytes]
    between: bytes = b""
    foot: bytes = b""
    cells: bool = False
    """Rows are cells of a table, the first one its titles; else each is a feature as GeoJSON."""


class Text:
    """A text file in the making: rows go in, each with its line break, and blocks come out."""

    def __init__(self, form: TextFormat, layer: Layer, crs: Crs) -> None:
        self._form = form
        self._block = bytearray(form.head(layer, crs))
        self._between = b""
        self.features = -1 if form.cells else 0
        """How many went in so far."""

    def add(self, row: bytes | bytearray | memoryview) -> bytes | None:
        """Take a row; a block, once one is full."""
        self._block += self._between
        self._block += row
        self._between = self._form.between
        self.features += 1
        if len(self._block) < BLOCK:
            return None
        block = bytes(self._block)
        self._block.clear()
        return block

    def end(self) -> bytes:
        """The last block."""
        return bytes(self._block) + self._form.foot


def geojson_head(layer: Layer, crs: Crs) -> bytes:
    """A FeatureCollection up to its features: the layer's metadata, and the CRS where it is not that of GeoJSON."""
    head: dict[str, Any] = {"type": "FeatureCollection", "name": layer.name, "metadata": about(layer)}
    if crs.uri != CRS84:
        head["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{crs.epsg}"}}
    return json.dumps(head, ensure_ascii=False)[:-1].encode() + b',"features":[\n'


TEXTS: dict[str, TextFormat] = {
    "geojson": TextFormat("application/geo+json", geojson_head, between=b",", foot=b"]}\n"),
    "geojsonl": TextFormat("application/geo+json-seq", lambda _layer, _crs: b""),
    # A byte order mark makes Excel read UTF-8; nobody else minds it.
    "csv": TextFormat("text/csv; charset=utf-8", lambda _layer, _crs: b"\xef\xbb\xbf", cells=True),
}
"""The formats that stream out of the database."""
