"""What the map's JavaScript is told: the catalogue, without what the public may not see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geosatu.features import Box
from geosatu.layers import OWNERS, SOURCES, STATUSES, Catalogue, Field, GeometryType, Layer
from geosatu.viewer.words import is_year

SHAPES: dict[GeometryType, str] = {
    "Point": "point",
    "MultiPoint": "point",
    "LineString": "line",
    "MultiLineString": "line",
    "Polygon": "polygon",
    "MultiPolygon": "polygon",
}

FETCHED_WHOLE = {"point": 1_500, "line": 300, "polygon": 300}
"""Layers of up to so many features come at once; larger ones for the part in view."""

TILED_FROM = {"point": 5_000, "line": 2_000, "polygon": 2_000}
"""Layers of more features have tiles: areas and lines are drawn from them, points where a view is crowded."""

SEVERITIES = {
    "refuse": ("Ditolak", "#c92a2a"),
    "error": ("Kesalahan", "#d9480f"),
    "warning": ("Peringatan", "#b26a00"),
}

FINDINGS = "findings"
"""The name of the layer of findings; a catalogue layer of this name would be hidden by it."""


def layer_config(layer: Layer, count: int | None) -> dict[str, Any]:
    """A layer of the catalogue, for the map."""
    shape = SHAPES[layer.geometry]
    style = layer.style
    return {
        "name": layer.name,
        "title": layer.title,
        "shape": shape,
        "url": f"ogc/collections/{layer.name}/items",
        "paged": True,
        "whole": count is not None and count <= FETCHED_WHOLE[shape],
        "empty": count == 0,
        "tiles": tiles_address(layer) if count is not None and count > TILED_FROM[shape] else None,
        "label": layer.label,
        "fields": [field_config(field) for field in layer.readable("publik")],
        "colour": style.colour,
        "icon": style.icon or "map-pin",
        "fillOpacity": style.fill_opacity,
        "width": style.width,
        "dash": style.dash,
        "visible": style.visible,
        "minZoom": style.min_zoom,
        "labels": style.labels,
        "colourBy": style.colour_by,
        "colours": dict(style.colours),
    }


def tiles_address(layer: Layer) -> str:
    """Where the layer's vector tiles are, before zoom, row and column."""
    return f"ogc/collections/{layer.name}/tiles/WebMercatorQuad"


def findings_config(catalogue: Catalogue) -> dict[str, Any]:
    """The findings of the checks, as one more layer: where something has to be mended."""
    fields = (
        Field(name="message", title="Temuan", type="text"),
        Field(
            name="severity",
            title="Tingkat",
            type="code",
            codes={severity: title for severity, (title, _) in SEVERITIES.items()},
        ),
        Field(
            name="layer",
            title="Lapisan",
            type="code",
            codes={layer.name: layer.title for layer in catalogue},
        ),
        Field(name="area_m2", title="Luas", type="decimal", unit="m²"),
        Field(name="rule", title="Aturan", type="text"),
        Field(name="checked_at", title="Diperiksa", type="date"),
        Field(name="outdated", title="Data berubah sejak itu", type="boolean"),
        Field(name="exception", title="Dikecualikan karena", type="text"),
        Field(name="excepted_by", title="Dikecualikan oleh", type="text"),
    )
    return {
        "name": FINDINGS,
        "title": "Temuan pemeriksaan",
        "shape": "any",
        "url": FINDINGS,
        "paged": False,
        "whole": True,
        "empty": False,
        "tiles": None,
        "label": "severity",
        "fields": [field_config(field) for field in fields],
        "colour": SEVERITIES["error"][1],
        "icon": "triangle-alert",
        "fillOpacity": 0.35,
        "width": 2,
        "dash": None,
        "visible": False,
        "minZoom": 0,
        "labels": False,
        "colourBy": "severity",
        "colours": {severity: colour for severity, (_, colour) in SEVERITIES.items()},
    }


def field_config(field: Field) -> dict[str, Any]:
    """How a field's values are written in a popup."""
    return {
        "name": field.name,
        "title": field.title,
        "type": "year" if is_year(field) else field.type,
        "codes": dict(field.codes),
        "unit": field.unit,
    }


def map_config(catalogue: Catalogue, bounds: Box, counts: Mapping[str, int]) -> dict[str, Any]:
    """Everything that the map's modules need to know, as plain JSON."""
    return {
        "bounds": list(bounds),
        "layers": [layer_config(layer, counts.get(layer.name)) for layer in catalogue] + [findings_config(catalogue)],
        "territory": OWNERS,
        "statuses": STATUSES,
        "sources": SOURCES,
    }
