"""DescribeFeatureType: the application schema of the layers, as far as the reader sees their fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from markupsafe import Markup

from geosatu.api.wfs.versions import GML_LOCATIONS, GML_NAMESPACES, NAMESPACE
from geosatu.api.wfs.xml import document, node
from geosatu.layers import SYSTEM_FIELDS, Access, FieldType, GeometryType, Layer
from geosatu.store.gml import GEOMETRY, PREFIX
from geosatu.store.rendering import properties_of

XSD = "http://www.w3.org/2001/XMLSchema"

TYPES: dict[FieldType, str] = {
    "text": "string",
    "texts": "string",
    "integer": "long",
    "decimal": "double",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "code": "string",
    "codes": "string",
    "photos": "string",
}
"""A list is one text with commas, as in tables of files: clients would show only one of several elements."""

OURS = {"uid": "string", "version": "int", "updated_at": "dateTime"}

GEOMETRIES_2: dict[GeometryType, str] = {
    "Point": "PointPropertyType",
    "MultiPoint": "MultiPointPropertyType",
    "LineString": "LineStringPropertyType",
    "MultiLineString": "MultiLineStringPropertyType",
    "Polygon": "PolygonPropertyType",
    "MultiPolygon": "MultiPolygonPropertyType",
}
GEOMETRIES_3: dict[GeometryType, str] = {
    "Point": "PointPropertyType",
    "MultiPoint": "MultiPointPropertyType",
    "LineString": "CurvePropertyType",
    "MultiLineString": "MultiCurvePropertyType",
    "Polygon": "SurfacePropertyType",
    "MultiPolygon": "MultiSurfacePropertyType",
}

BASES = {
    "2": ("gml:AbstractFeatureType", "gml:_Feature"),
    "3.1": ("gml:AbstractFeatureType", "gml:_Feature"),
    "3.2": ("gml:AbstractFeatureType", "gml:AbstractFeature"),
}

Gml = Literal["2", "3.1", "3.2"]


def application_schema(layers: Sequence[Layer], access: Access, gml: Gml) -> bytes:
    """The XML Schema of features of these layers in this GML."""
    space = GML_NAMESPACES[gml]
    return document(
        node(
            "xsd:schema",
            {
                "xmlns:xsd": XSD,
                "xmlns:gml": space,
                f"xmlns:{PREFIX}": NAMESPACE,
                "targetNamespace": NAMESPACE,
                "elementFormDefault": "qualified",
                "version": "1.0",
            },
            node("xsd:import", {"namespace": space, "schemaLocation": GML_LOCATIONS[gml]}),
            *(part for layer in layers for part in _type(layer, access, gml)),
        )
    )


def _type(layer: Layer, access: Access, gml: Gml) -> tuple[Markup, Markup]:
    base, head = BASES[gml]
    names = [column.name for column in properties_of(layer, access)]
    geometry = (GEOMETRIES_2 if gml == "2" else GEOMETRIES_3)[layer.geometry]
    elements = [
        *(node("xsd:element", {"name": name, "minOccurs": 0, "type": f"xsd:{_kind(layer, name)}"}) for name in names),
        node("xsd:element", {"name": GEOMETRY, "minOccurs": 0, "type": f"gml:{geometry}"}),
    ]
    content = node("xsd:extension", {"base": base}, node("xsd:sequence", None, *elements))
    name = f"{layer.name}Type"
    return (
        node("xsd:complexType", {"name": name}, node("xsd:complexContent", None, content)),
        node("xsd:element", {"name": layer.name, "type": f"{PREFIX}:{name}", "substitutionGroup": head}),
    )


def _kind(layer: Layer, name: str) -> str:
    field = layer.fields.get(name) or SYSTEM_FIELDS.get(name)
    return OURS[name] if field is None else TYPES[field.type]
