"""Features as KML placemarks and GPX waypoints, in SQL: both know degrees of WGS 84 only, longitude first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Numeric, Text, cast, func, literal_column
from sqlalchemy.sql.elements import NamedColumn

from geosatu.database.tables import table_of
from geosatu.layers import Access, Layer
from geosatu.store.rendering import DECIMALS, Piece, joined, shown, sql_text
from geosatu.store.xml import elements, escaped, is_risky, value_text


def placemark_text(
    layer: Layer, geom: ColumnElement[Any], properties: Sequence[NamedColumn[Any]], access: Access
) -> ColumnElement[str]:
    """A feature as a placemark with its name, its values by the layer's schema, and the style of its colour."""
    values = elements(layer, properties, lambda name: (f'<SimpleData name="{name}">', "</SimpleData>"))
    return joined(
        [
            f'<Placemark id="{layer.name}.',
            cast(table_of(layer).c.id, Text),
            '">',
            _name(layer, access),
            *_style(layer, access),
            f'<ExtendedData><SchemaData schemaUrl="#{layer.name}">',
            values,
            "</SchemaData></ExtendedData>",
            _geometry(layer, geom),
            "</Placemark>",
        ]
    )


def waypoint_text(layer: Layer, geom: ColumnElement[Any], access: Access) -> ColumnElement[str]:
    """A point as a waypoint with its name."""
    # GPX takes no exponents, which text of doubles near the equator has.
    east, north = (cast(cast(axis, Numeric), Text) for axis in (func.ST_X(geom), func.ST_Y(geom)))
    return joined(['<wpt lat="', north, '" lon="', east, '">', _name(layer, access), "</wpt>"])


def _name(layer: Layer, access: Access) -> ColumnElement[str]:
    field = shown(layer, layer.fields[layer.label], access)
    text = value_text(layer, field)
    said = escaped(text) if is_risky(layer, field) else text
    return func.coalesce(joined(["<name>", said, "</name>"]), sql_text(""))


def _style(layer: Layer, access: Access) -> list[Piece]:
    """The style of its colour, by the names of `writers.kml`."""
    name, by = f"#{layer.name}.gaya", layer.style.colour_by
    if by is None:
        return [f"<styleUrl>{name}</styleUrl>"]
    code = cast(shown(layer, layer.fields[by], access), Text)
    return [f"<styleUrl>{name}", func.coalesce(sql_text(".") + code, sql_text("")), "</styleUrl>"]


def _geometry(layer: Layer, geom: ColumnElement[Any]) -> ColumnElement[str]:
    if layer.geometry != "Point":
        return func.ST_AsKML(geom, literal_column(str(DECIMALS)))
    axes = [cast(axis, Text) for axis in (func.ST_X(geom), func.ST_Y(geom))]
    return joined(["<Point><coordinates>", axes[0], ",", axes[1], "</coordinates></Point>"])
