"""Style -> the symbols, colours, labels and scales by which QGIS draws a layer as the web map does."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from xml.etree.ElementTree import Element

from geosatu.icons import drawing
from geosatu.layers import OWNERS, GeometryType, Layer
from geosatu.writers.qgis_xml import data_defined, node, option

SHAPES: dict[GeometryType, str] = {
    "Point": "marker",
    "MultiPoint": "marker",
    "LineString": "line",
    "MultiLineString": "line",
    "Polygon": "fill",
    "MultiPolygon": "fill",
}

PIXEL = 25.4 / 96
"""Of a web page, in millimetres: the catalogue measures in pixels, paper needs a length."""

SCALE_AT_ZOOM_0 = 559_082_264
"""The denominator of the web map's scale at zoom 0; each zoom halves it."""

ICONS_FROM = 12_000
"""Up to this denominator points are icons; from farther away dots, which do not cover each other."""

WHITE = "255,255,255,255"

BADGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32">'
    '<circle cx="16" cy="16" r="15" fill="param(fill)" stroke="#fff" stroke-width="2"/>'
    '<g transform="translate(7 7) scale(0.75)" fill="none" stroke="#fff" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round">{}</g></svg>'
)
"""An icon of the Lucide set in a disc. QGIS puts the colour of the layer or of the code in for `param(fill)`."""

NO_ICON = '<circle cx="12" cy="12" r="5" fill="#fff"/>'


def renderer(layer: Layer) -> Element:
    """One symbol for all features, or one for each code and one for the rest."""
    style = layer.style
    if style.colour_by is None:
        return node("renderer-v2", {"type": "singleSymbol"}, node("symbols", None, symbol(layer, style.colour, 0)))
    titles = layer.fields[style.colour_by].codes | {"": "Lainnya"}
    colours = [style.colours.get(code, style.colour) for code in titles]
    return node(
        "renderer-v2",
        {"type": "categorizedSymbol", "attr": style.colour_by},
        node(
            "categories",
            None,
            *(
                node("category", {"value": code, "label": title, "symbol": number, "render": "true"})
                for number, (code, title) in enumerate(titles.items())
            ),
        ),
        node("symbols", None, *(symbol(layer, colour, number) for number, colour in enumerate(colours))),
    )


def symbol(layer: Layer, colour: str, number: int) -> Element:
    """How a feature of this colour is drawn."""
    shape = SHAPES[layer.geometry]
    parts = {"marker": _marker, "line": _line, "fill": _area}[shape](layer, colour)
    return node("symbol", {"type": shape, "name": number, "alpha": 1, "clip_to_extent": True}, *parts)


def _marker(layer: Layer, colour: str) -> list[Element]:
    """A dot from afar, the icon from near; the legend knows no scale and shows a smaller icon."""
    near = f"coalesce(@map_scale, 0) <= {ICONS_FROM}"
    dot = {"name": "circle", "color": rgba(colour), "outline_color": WHITE, "outline_width": "0.25", "size": "2.4"}
    icon = {"name": f"base64:{_badge(layer.style.icon)}", "color": rgba(colour), "size": "6.8"}
    shrinking = f"scale_linear(@map_scale, {ICONS_FROM}, {8 * ICONS_FROM}, 3.2, 1.6)"
    return [
        _part("SimpleMarker", dot, {"enabled": f"NOT ({near})", "size": shrinking}),
        _part("SvgMarker", icon, {"enabled": near, "size": "if(@map_scale IS NULL, 4, 6.8)"}),
    ]


def _area(layer: Layer, colour: str) -> list[Element]:
    fill = {"color": rgba(colour, layer.style.fill_opacity), "style": "solid", "outline_style": "no"}
    return [_part("SimpleFill", fill), *_line(layer, colour)]


def _line(layer: Layer, colour: str) -> list[Element]:
    style = layer.style
    drawn = {
        "line_color": rgba(colour),
        "line_width": f"{style.width * PIXEL:.3f}",
        "line_width_unit": "MM",
        "joinstyle": "round",
        "capstyle": "flat" if style.dash else "round",
    }
    if style.dash:
        lengths = [float(length) * PIXEL for length in style.dash.split()]
        drawn |= {
            "use_custom_dash": "1",
            "customdash": ";".join(f"{length:.3f}" for length in lengths * (1 + len(lengths) % 2)),
            "customdash_unit": "MM",
        }
    return [_part("SimpleLine", drawn)]


def _part(kind: str, options: Mapping[str, str], computed: Mapping[str, str] | None = None) -> Element:
    """A layer of a symbol."""
    made = node("layer", {"class": kind, "enabled": True, "pass": 0, "locked": False}, option(options))
    if computed:
        made.append(data_defined(computed))
    return made


def _badge(icon: str | None) -> str:
    """The disc with this icon, as base64; an icon that is not installed leaves a white dot."""
    return base64.b64encode(BADGE.format(drawing(icon or "map-pin") or NO_ICON).encode()).decode()


def rgba(colour: str, opacity: float = 1) -> str:
    """A colour of the catalogue as QGIS writes it: red, green, blue and opacity, up to 255."""
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return ",".join(str(part) for part in [*parts, round(opacity * 255)])


def labelling(layer: Layer) -> Element | None:
    """Names on features, and room for points that have none; None: the layer keeps out of it."""
    if layer.style.labels:
        return _names(layer)
    if SHAPES[layer.geometry] == "marker":
        keep_clear: dict[str, object] = {"drawLabels": False, "obstacle": True, "obstacleFactor": 2}
        return _simple_labelling(node("text-style", {"fieldName": ""}), {}, keep_clear)
    return None


def _names(layer: Layer) -> Element:
    """The name in the layer's colour on a white edge; an area too small for its name stays without."""
    main = layer.name == OWNERS
    text = {
        "fieldName": feature_name(layer),
        "isExpression": True,
        "fontSize": 9 if main else 8,
        "fontSizeUnit": "Point",
        "fontWeight": 75 if main else 57,
        "textColor": rgba(layer.style.colour),
        "textOpacity": 1,
        "multilineHeight": 0.9,
    }
    edge = {
        "bufferDraw": True,
        "bufferSize": 0.7,
        "bufferSizeUnits": "MM",
        "bufferColor": WHITE,
        "bufferOpacity": 0.9,
        "bufferJoinStyle": 128,
    }
    # The text format comes without a typeface: whatever QGIS itself is written in is there on every machine.
    return _simple_labelling(
        node("text-style", text, node("text-buffer", edge)),
        _placement(layer) | {"priority": 10 if main else 5},
        {"drawLabels": True, "obstacle": False},
    )


def _simple_labelling(text: Element, placement: dict[str, object], rendering: dict[str, object]) -> Element:
    wrapped = node("text-format", {"autoWrapLength": 9, "useMaxLineLengthForAutoWrap": True, "multilineAlign": 1})
    parts = [text, wrapped, node("placement", placement), node("rendering", rendering)]
    return node("labeling", {"type": "simple"}, node("settings", {"calloutType": "simple"}, *parts))


def _placement(layer: Layer) -> dict[str, object]:
    """Within areas, along lines, around points."""
    placements: dict[str, dict[str, object]] = {
        "fill": {"placement": 4, "fitInPolygonOnly": True},
        "line": {"placement": 3, "placementFlags": 10},
        "marker": {"placement": 6, "dist": 1, "distUnits": "MM", "predefinedPositionOrder": "R,L,TR,BR,TL,BL"},
    }
    return placements[SHAPES[layer.geometry]]


def feature_name(layer: Layer) -> str:
    """What a feature is called, as an expression: its label, and the label's title before a bare number."""
    field = layer.fields[layer.label]
    value = f'"{field.name}"'
    if field.type == "text" and field.pattern is None:
        return value
    title = field.title.replace("'", "''")
    return f"if(regexp_match(to_string({value}), '^[0-9]+$'), '{title} ' || {value}, {value})"


def scales(layer: Layer) -> dict[str, object]:
    """From which scale on the layer is drawn: where the web map begins to fetch it, in whole thousands."""
    return {
        "hasScaleBasedVisibilityFlag": layer.style.min_zoom > 0,
        "minScale": 1000 * math.ceil(SCALE_AT_ZOOM_0 / 2**layer.style.min_zoom / 1000),
        "maxScale": 0,
    }
