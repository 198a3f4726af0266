"""GeoJSON, GeoJSON-Seq, CSV, KML and GPX: text that is put around rows as the database renders them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from geosatu.crs import CRS84, Crs
from geosatu.features import Rows
from geosatu.layers import Field, GeometryType, Layer
from geosatu.writers.dictionary import about
from geosatu.writers.kml import GPX_FOOT, KML_FOOT, gpx_head, kml_head

BLOCK = 64 * 1024
"""Bytes that are gathered before they are handed on."""


@dataclass(frozen=True)
class TextFormat:
    """A kind of text file: its media type, what stands around its rows, and what these are."""

    media_type: str
    head: Callable[[Layer, Sequence[Field], Crs], bytes]
    between: bytes = b""
    foot: bytes = b""
    rows: Rows = "features"
    holds: tuple[GeometryType, ...] | None = None
    """The geometries that it knows; None: all."""


class Text:
    """A text file in the making: rows go in, each with its line break, and blocks come out."""

    def __init__(self, form: TextFormat, layer: Layer, fields: Sequence[Field], crs: Crs) -> None:
        self._form = form
        self._block = bytearray(form.head(layer, fields, crs))
        self._between = b""
        self.features = -1 if form.rows == "cells" else 0  # the first one is of titles
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


def geojson_head(layer: Layer, _fields: Sequence[Field], crs: Crs) -> bytes:
    """A FeatureCollection up to its features: the layer's metadata, and the CRS where it is not that of GeoJSON."""
    head: dict[str, Any] = {"type": "FeatureCollection", "name": layer.name, "metadata": about(layer)}
    if crs.uri != CRS84:
        head["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{crs.epsg}"}}
    return json.dumps(head, ensure_ascii=False)[:-1].encode() + b',"features":[\n'


TEXTS: dict[str, TextFormat] = {
    "geojson": TextFormat("application/geo+json", geojson_head, between=b",", foot=b"]}\n"),
    "geojsonl": TextFormat("application/geo+json-seq", lambda *_: b""),
    # A byte order mark makes Excel read UTF-8; nobody else minds it.
    "csv": TextFormat("text/csv; charset=utf-8", lambda *_: b"\xef\xbb\xbf", rows="cells"),
    "kml": TextFormat("application/vnd.google-earth.kml+xml", kml_head, foot=KML_FOOT, rows="placemarks"),
    "gpx": TextFormat("application/gpx+xml", gpx_head, foot=GPX_FOOT, rows="waypoints", holds=("Point",)),
}
"""The formats that stream out of the database."""
