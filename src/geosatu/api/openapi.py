"""The OpenAPI 3.0 document. QGIS reads the component named `limit`, and concrete paths per collection."""

from __future__ import annotations

from typing import Any

from geosatu.api.schemas import properties
from geosatu.cql2 import LANGUAGES
from geosatu.features import DEFAULT_LIMIT, MAX_LIMIT
from geosatu.layers import Access, Catalogue, Layer

GEOJSON = "application/geo+json"

BBOX = {
    "name": "bbox",
    "in": "query",
    "description": "barat,selatan,timur,utara dalam derajat (CRS84)",
    "required": False,
    "style": "form",
    "explode": False,
    "schema": {
        "type": "array",
        "minItems": 4,
        "maxItems": 6,
        "items": {"type": "number"},
    },
}

LIMIT = {
    "name": "limit",
    "in": "query",
    "description": "Banyaknya fitur dalam satu halaman; yang lebih besar dari batas dipotong",
    "required": False,
    "style": "form",
    "explode": False,
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
}


def _parameter(name: str, description: str, kind: str = "string", **schema: Any) -> dict[str, Any]:
    """A query parameter in the form that QGIS and OGR read."""
    return {
        "name": name,
        "in": "query",
        "description": description,
        "required": False,
        "style": "form",
        "explode": False,
        "schema": {"type": kind, **schema},
    }


SHARED = {
    "limit": LIMIT,
    "bbox": BBOX,
    "bbox-crs": _parameter("bbox-crs", "Sistem koordinat bbox", format="uri"),
    "crs": _parameter("crs", "Sistem koordinat jawaban", format="uri"),
    "datetime": _parameter("datetime", "Tanggal data: waktu atau selang, .. untuk yang terbuka"),
    "filter": _parameter("filter", "Saringan CQL2"),
    "filter-lang": _parameter("filter-lang", "Bahasa saringan", enum=list(LANGUAGES), default=LANGUAGES[0]),
    "filter-crs": _parameter("filter-crs", "Sistem koordinat geometri di saringan", format="uri"),
    "sortby": _parameter("sortby", "Urutan: nama field, - di depannya untuk menurun, dipisah koma"),
    "properties": _parameter("properties", "Field yang diminta, dipisah koma"),
    "skipGeometry": _parameter("skipGeometry", "Tanpa geometri", "boolean", default=False),
    "after": _parameter("after", "Awal halaman; ada di tautan next"),
    "f": _parameter("f", "Bentuk jawaban", enum=["json", "html"]),
}

PROBLEM = {
    "description": "Permintaan tidak dapat dijawab; title memuat alasannya",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["status", "title"],
                "properties": {"status": {"type": "integer"}, "title": {"type": "string"}},
            }
        }
    },
}


def openapi_document(base: str, catalogue: Catalogue, access: Access) -> dict[str, Any]:
    """The document of the service at `base`, for readers of this level."""
    paths: dict[str, Any] = {
        "/": _get("landing", "Halaman utama", "application/json"),
        "/conformance": _get("conformance", "Kelas kesesuaian", "application/json"),
        "/collections": _get("collections", "Semua lapisan", "application/json"),
    }
    for layer in catalogue:
        paths |= _paths(layer, access)
    return {
        "openapi": "3.0.3",
        "info": {"title": "geosatu", "version": "1", "description": "Peta kelurahan sebagai OGC API."},
        "servers": [{"url": f"{base}/ogc"}],
        "paths": paths,
        "components": {"parameters": SHARED, "responses": {"problem": PROBLEM}},
    }


def _paths(layer: Layer, access: Access) -> dict[str, Any]:
    here, name = f"/collections/{layer.name}", layer.name
    shared = [{"$ref": f"#/components/parameters/{each}"} for each in SHARED]
    own = [_of_property(each, schema) for each, schema in properties(layer, access).items()]
    crs = {"$ref": "#/components/parameters/crs"}
    matrix = [_in_path(each, 0) for each in ("tileMatrix", "tileRow", "tileCol")]
    schema = "application/schema+json"
    tiles = f"{here}/tiles/WebMercatorQuad"
    return {
        here: _get(f"{name}.collection", layer.title, "application/json"),
        f"{here}/items": _get(f"{name}.items", f"Fitur {layer.title}", GEOJSON, [*shared, *own]),
        f"{here}/items/{{id}}": _get(f"{name}.item", "Satu fitur", GEOJSON, [_in_path("id", 1), crs]),
        f"{here}/queryables": _get(f"{name}.queryables", "Yang dapat disaring", schema),
        f"{here}/sortables": _get(f"{name}.sortables", "Yang dapat diurutkan", schema),
        f"{here}/schema": _get(f"{name}.schema", "Skema", schema),
        f"{here}/tiles": _get(f"{name}.tilesets", "Petak vektor", "application/json"),
        tiles: _get(f"{name}.tileset", "Petak vektor WebMercatorQuad", "application/json"),
        f"{tiles}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": _get(
            f"{name}.tile", "Satu petak", "application/vnd.mapbox-vector-tile", matrix, binary=True
        ),
    }


def _of_property(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Equality with a property; a list is asked whether it holds the value."""
    listed = schema.get("items", schema)
    plain = {key: value for key, value in listed.items() if key in ("enum", "format")}
    return _parameter(name, schema.get("title", name), listed["type"], **plain)


def _in_path(name: str, least: int) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "integer", "minimum": least}}


def _get(
    operation: str, summary: str, media_type: str, parameters: list[Any] | None = None, binary: bool = False
) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"} if binary else {"type": "object"}
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "parameters": parameters or [],
            "responses": {
                "200": {"description": "Jawaban", "content": {media_type: {"schema": schema}}},
                "default": {"$ref": "#/components/responses/problem"},
            },
        }
    }
