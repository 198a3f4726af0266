"""The XML that QGIS reads: elements, typed options, coordinate systems, documents."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element, indent, tostring

import pyproj

VERSION = "3.22.0-Białowieża"
"""The oldest QGIS that has to understand what we write; newer ones convert it as they read."""

PROJECT = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
LAYER_DEFINITION = "<!DOCTYPE qgis-layer-definition>"

NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that no XML document may hold."""


def node(tag: str, attributes: Mapping[str, object] | None = None, *content: Element | str) -> Element:
    """An element; truth is written as 1 and 0, and text stands alone or not at all."""
    made = Element(tag, {name: _written(value) for name, value in (attributes or {}).items()})
    for part in content:
        if isinstance(part, str):
            made.text = (made.text or "") + part
        else:
            made.append(part)
    return made


def option(value: Any, name: str | None = None) -> Element:
    """A value with its type, as QGIS keeps the settings of symbols and widgets."""
    named = {} if name is None else {"name": name}
    if isinstance(value, Mapping):
        return node("Option", {**named, "type": "Map"}, *(option(part, key) for key, part in value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return node("Option", {**named, "type": "List"}, *(option(part) for part in value))
    kind, said = _typed(value)
    return node("Option", {**named, "type": kind, "value": said})


def entry(name: str, value: str | bool | int | float) -> Element:
    """A setting of the project, with its type."""
    kind, said = _typed(value)
    return node(name, {"type": kind}, said)


def data_defined(properties: Mapping[str, str], tag: str = "data_defined_properties") -> Element:
    """Properties of a symbol or label that an expression computes while the map is drawn."""
    computed = {name: {"active": True, "expression": text, "type": 3} for name, text in properties.items()}
    return node(tag, None, option({"name": "", "properties": computed, "type": "collection"}))


def spatial_reference(srid: int) -> Element:
    """A coordinate system. QGIS takes it by its authority's code, and where it lacks that, by its definition."""
    name, definition, geographic = _described(srid)
    parts = {
        "wkt": definition,
        "srsid": str(srid),  # a number of QGIS's own, which it only compares with 100,000 to tell custom systems
        "srid": str(srid),
        "authid": f"EPSG:{srid}",
        "description": name,
        "geographicflag": str(geographic).lower(),
    }
    return node("spatialrefsys", None, *(node(tag, None, text) for tag, text in parts.items()))


@cache
def _described(srid: int) -> tuple[str, str, bool]:
    crs = pyproj.CRS.from_epsg(srid)
    return crs.name, crs.to_wkt(), crs.is_geographic


def document(root: Element, doctype: str) -> str:
    """The text of a document."""
    indent(root)
    return NOT_XML.sub("", f"{doctype}\n{tostring(root, encoding='unicode')}\n")


def _typed(value: object) -> tuple[str, str]:
    kind = {bool: "bool", int: "int", float: "double"}.get(type(value), "QString")
    return kind, str(value).lower() if isinstance(value, bool) else str(value)


def _written(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
