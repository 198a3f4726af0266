"""The OpenAPI 3.0 document. QGIS reads the component named `limit`, and concrete paths per collection."""

from __future__ import annotations

from typing import Any

from geosatu.features import DEFAULT_LIMIT, MAX_LIMIT
from geosatu.layers import Catalogue, Layer

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

AFTER = {
    "name": "after",
    "in": "query",
    "description": "Mulai setelah fitur dengan id ini; ada di tautan next",
    "required": False,
    "style": "form",
    "explode": False,
    "schema": {"type": "integer", "minimum": 0},
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


def openapi_document(base: str, catalogue: Catalogue) -> dict[str, Any]:
    """The document of the service at `base`."""
    paths: dict[str, Any] = {
        "/": _get("landing", "Halaman utama", "application/json"),
        "/conformance": _get("conformance", "Kelas kesesuaian", "application/json"),
        "/collections": _get("collections", "Semua lapisan", "application/json"),
    }
    for layer in catalogue:
        paths |= _paths(layer)
    return {
        "openapi": "3.0.3",
        "info": {"title": "geosatu", "version": "1", "description": "Peta kelurahan sebagai OGC API - Features."},
        "servers": [{"url": f"{base}/ogc"}],
        "paths": paths,
        "components": {
            "parameters": {"limit": LIMIT, "bbox": BBOX, "after": AFTER},
            "responses": {"problem": PROBLEM},
        },
    }


def _paths(layer: Layer) -> dict[str, Any]:
    here = f"/collections/{layer.name}"
    query = [{"$ref": f"#/components/parameters/{name}"} for name in ("bbox", "limit", "after")]
    feature_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
    return {
        here: _get(f"{layer.name}.collection", layer.title, "application/json"),
        f"{here}/items": _get(f"{layer.name}.items", f"Fitur {layer.title}", "application/geo+json", query),
        f"{here}/items/{{id}}": _get(f"{layer.name}.item", "Satu fitur", "application/geo+json", [feature_id]),
    }


def _get(operation: str, summary: str, media_type: str, parameters: list[Any] | None = None) -> dict[str, Any]:
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "parameters": parameters or [],
            "responses": {
                "200": {"description": "Jawaban", "content": {media_type: {"schema": {"type": "object"}}}},
                "default": {"$ref": "#/components/responses/problem"},
            },
        }
    }
