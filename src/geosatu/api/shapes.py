"""What the doors answer, as OpenAPI 3.0 says it: JSON Schema without lists of types, and with `nullable`."""

from __future__ import annotations

from typing import Any

from geosatu.api.schemas import nullable_properties
from geosatu.layers import Access, Catalogue, GeometryType, Layer

Shape = dict[str, Any]

TEXT: Shape = {"type": "string"}
WHOLE: Shape = {"type": "integer", "minimum": 0}

BRACKETS: dict[GeometryType, int] = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""How deep the positions of a geometry lie in lists."""


def named(name: str) -> Shape:
    """A reference to one of `shapes`."""
    return {"$ref": f"#/components/schemas/{name}"}


def page_of_features(layer: Layer) -> Shape:
    """A page of a layer's features."""
    return {"allOf": [named("page"), _object({"features": _list(named(layer.name))})]}


def shapes(catalogue: Catalogue, access: Access) -> dict[str, Shape]:
    """Every shape by its name; that of a layer's features has the name of the layer."""
    found: dict[str, Shape] = {
        geometry: _geometry(geometry) for geometry in dict.fromkeys(layer.geometry for layer in catalogue)
    }
    return {**SHARED, **found, **{layer.name: _feature(layer, access) for layer in catalogue}}


def given_feature(layer: Layer) -> Shape:
    """A feature as it is sent to be kept; what only we write is passed over."""
    return _object(
        {"type": _word("Feature"), "geometry": named(layer.geometry)},
        {"properties": {"type": "object", "nullable": True}},
    )


def given_features(layer: Layer) -> Shape:
    """Several features, which are kept all or none."""
    return _object({"type": _word("FeatureCollection"), "features": {**_list(given_feature(layer)), "minItems": 1}})


def given_part(layer: Layer) -> Shape:
    """What is to be changed of a feature (RFC 7396)."""
    return {"type": "object", "properties": {"geometry": named(layer.geometry), "properties": {"type": "object"}}}


def _feature(layer: Layer, access: Access) -> Shape:
    """A feature; those with an account may read restricted fields, telling why."""
    fields = nullable_properties(layer, "publik" if access == "publik" else "terbatas")
    known = {"type": "object", "properties": fields, "additionalProperties": False}
    return _object(
        {"type": _word("Feature"), "id": WHOLE, "geometry": named(layer.geometry), "properties": known},
        {"links": LINKS},
    )


def _geometry(geometry: GeometryType) -> Shape:
    """A geometry; nothing where it was not asked for."""
    coordinates = POSITION
    for _ in range(BRACKETS[geometry]):
        coordinates = _list(coordinates)
    return {**_object({"type": _word(geometry), "coordinates": coordinates}), "nullable": True}


def _object(required: dict[str, Shape], optional: dict[str, Shape] | None = None) -> Shape:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _list(of: Shape, count: int | None = None) -> Shape:
    return {"type": "array", "items": of, **({} if count is None else {"minItems": count, "maxItems": count})}


def _word(*words: str) -> Shape:
    return {"type": "string", "enum": list(words)}


POSITION = _list({"type": "number"}, 2)
BOUNDS = _list({"type": "number"}, 4)
LINKS = _list(named("link"))
PLACE = _object({"lowerLeft": POSITION, "upperRight": POSITION, "crs": TEXT})

SHARED: dict[str, Shape] = {
    "problem": _object({"status": WHOLE, "title": TEXT}),
    "link": _object({"href": TEXT, "rel": TEXT, "type": TEXT, "title": TEXT}, {"templated": {"type": "boolean"}}),
    "landing": _object({"title": TEXT, "description": TEXT, "links": LINKS}, {"attribution": TEXT}),
    "made": _object({"features": _list(_object({"id": WHOLE, "uid": TEXT, "href": TEXT}))}),
    "conformance": _object({"conformsTo": _list({"type": "string", "format": "uri"})}),
    "openapi": _object({"openapi": TEXT, "info": {"type": "object"}, "paths": {"type": "object"}}),
    "collections": _object({"links": LINKS, "collections": _list(named("collection"))}),
    "collection": _object(
        {
            "id": TEXT,
            "title": TEXT,
            "description": TEXT,
            "itemType": _word("feature"),
            "crs": _list({"type": "string", "format": "uri"}),
            "storageCrs": {"type": "string", "format": "uri"},
            "links": LINKS,
        },
        {
            "keywords": _list(TEXT),
            "license": TEXT,
            "attribution": TEXT,
            "contact": TEXT,
            "updateFrequency": TEXT,
            "lineage": TEXT,
            "extent": _object({"spatial": _object({"bbox": _list(BOUNDS), "crs": TEXT})}),
            "updated": {"type": "string", "format": "date"},
        },
    ),
    "page": _object(
        {
            "type": _word("FeatureCollection"),
            "timeStamp": {"type": "string", "format": "date-time"},
            "numberReturned": WHOLE,
            "links": LINKS,
        },
        {"numberMatched": WHOLE},
    ),
    "schema": _object(
        {
            "$schema": {"type": "string", "format": "uri"},
            "$id": {"type": "string", "format": "uri"},
            "title": TEXT,
            "type": _word("object"),
            "properties": {"type": "object", "additionalProperties": {"type": "object"}},
        },
    ),
    "tilesets": _object({"tilesets": _list(named("tileset"))}),
    "tileset": _object(
        {"title": TEXT, "dataType": _word("vector"), "crs": TEXT, "tileMatrixSetURI": TEXT, "links": LINKS},
        {"boundingBox": PLACE},
    ),
    "tilejson": _object(
        {
            "tilejson": _word("3.0.0"),
            "name": TEXT,
            "tiles": _list(TEXT),
            "minzoom": WHOLE,
            "maxzoom": WHOLE,
            "vector_layers": _list(_object({"id": TEXT, "fields": {"type": "object", "additionalProperties": TEXT}})),
        },
        {"description": TEXT, "attribution": TEXT, "bounds": BOUNDS},
    ),
}
