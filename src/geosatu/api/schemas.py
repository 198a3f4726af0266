"""JSON Schemas of a layer: what clients may filter and sort by, and what its features look like.

Queryables and the schema are flat (OGC API Common Part 3: Schemas); the feature schema nests properties as a
GeoJSON feature does, which is what OGR reads.
"""

from __future__ import annotations

from typing import Any

from geosatu.layers import MOST_PHOTOS, SYSTEM_FIELDS, Access, Field, GeometryType, Layer
from geosatu.store.statements import sortables

TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "integer": {"type": "integer"},
    "decimal": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string"},
    "code": {"type": "string"},
    "codes": {"type": "array", "items": {"type": "string"}},
    "photos": {"type": "array", "items": {"type": "string", "format": "uuid"}, "maxItems": MOST_PHOTOS},
}

GEOMETRY_FORMATS: dict[GeometryType, str] = {
    "Point": "geometry-point",
    "MultiPoint": "geometry-multipoint",
    "LineString": "geometry-linestring",
    "MultiLineString": "geometry-multilinestring",
    "Polygon": "geometry-polygon",
    "MultiPolygon": "geometry-multipolygon",
}


def properties(layer: Layer, access: Access) -> dict[str, dict[str, Any]]:
    """Each property that readers of this level see, in the order in which features carry them."""
    found = {field.name: _of_field(field) for field in layer.readable(access)}
    found |= {field.name: _of_field(field) for field in SYSTEM_FIELDS.values()}
    found["uid"] = {"type": "string", "title": "Pengenal tetap"}
    found["version"] = {"type": "integer", "title": "Versi"}
    found["updated_at"] = {"type": "string", "format": "date-time", "title": "Terakhir diperbarui"}
    for name in ("status", "version", "updated_at"):
        found[name]["readOnly"] = True  # the review and the database say them
    return found


def _of_field(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {**TYPES[field.type], "title": field.title}
    if field.description:
        schema["description"] = field.description
    if field.type == "photos":
        schema["description"] = "Pengenal foto; gambarnya di /foto/{lapisan}/{uid fitur}/{pengenal}.jpg"
    if field.unit:
        schema["x-ogc-unit"] = field.unit
    if field.codes:
        listed = {"enum": list(field.codes), "x-codes": dict(field.codes)}
        schema = {**schema, "items": {"type": "string", **listed}} if field.type == "codes" else {**schema, **listed}
    if field.minimum is not None:
        schema["minimum"] = field.minimum
    if field.maximum is not None:
        schema["maximum"] = field.maximum
    if field.pattern and field.type == "text":
        schema["pattern"] = field.pattern
    if field.measure:
        schema["readOnly"] = True
    return schema


def of_parameter(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that asks for equality with a property; a list is asked whether it holds the value."""
    listed = schema.get("items", schema)
    return {key: value for key, value in listed.items() if key in ("type", "enum", "format")}


def queryables(layer: Layer, access: Access, here: str) -> dict[str, Any]:
    """What filters and parameters may speak of."""
    return _flat(layer, f"{here}/queryables", {**properties(layer, access), "geometry": _geometry(layer)})


def sortable(layer: Layer, access: Access, here: str) -> dict[str, Any]:
    """What `sortby` may name."""
    known = sortables(layer, access)
    return _flat(layer, f"{here}/sortables", {k: v for k, v in properties(layer, access).items() if k in known})


def schema(layer: Layer, access: Access, here: str) -> dict[str, Any]:
    """The properties of a feature with their roles, titles and order."""
    roles: dict[str, dict[str, Any]] = {"id": {"type": "integer", "x-ogc-role": "id", "readOnly": True}}
    numbered = {**roles, **properties(layer, access), "geometry": _geometry(layer)}
    for number, each in enumerate(numbered.values(), 1):
        each["x-ogc-propertySeq"] = number
    return _flat(layer, f"{here}/schema", numbered)


def feature_schema(layer: Layer, access: Access, here: str) -> dict[str, Any]:
    """A GeoJSON feature of the layer."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{here}/feature-schema",
        "title": layer.title,
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"const": "Feature", "type": "string"},
            "id": {"type": "integer"},
            "geometry": {"$ref": f"https://geojson.org/schema/{layer.geometry}.json"},
            "properties": {"type": "object", "properties": nullable_properties(layer, access)},
        },
    }


def nullable_properties(layer: Layer, access: Access) -> dict[str, dict[str, Any]]:
    """Every property may be null; said as OpenAPI 3.0 says it, since OGR takes a list of types for text."""
    return {name: _nullable(each) for name, each in properties(layer, access).items()}


def _nullable(each: dict[str, Any]) -> dict[str, Any]:
    codes = {"enum": [*each["enum"], None]} if "enum" in each else {}
    return {**each, **codes, "nullable": True}


def _geometry(layer: Layer) -> dict[str, Any]:
    return {"title": "Geometri", "format": GEOMETRY_FORMATS[layer.geometry], "x-ogc-role": "primary-geometry"}


def _flat(layer: Layer, address: str, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "title": layer.title,
        "description": layer.abstract,
        "type": "object",
        "properties": found,
        "additionalProperties": False,
    }
