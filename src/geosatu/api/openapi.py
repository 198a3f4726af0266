"""The OpenAPI 3.0 document. QGIS reads the component named `limit`, and concrete paths per collection."""

from __future__ import annotations

from typing import Any

from geosatu.api.access import LONGEST_REASON, SHORTEST_REASON
from geosatu.api.access import REASON as WHY
from geosatu.api.hot import MAX_ZOOM
from geosatu.api.links import GEOJSON, HTML, JSON, MVT, OPENAPI, PROBLEM, SCHEMA
from geosatu.api.ogc_edit import NOTE, PATCHES, WHOLE
from geosatu.api.parameters import AT, FORMS, MOST_SORTED
from geosatu.api.schemas import of_parameter, properties
from geosatu.api.shapes import Shape, given_feature, given_features, given_part, named, page_of_features, shapes
from geosatu.cql2 import LANGUAGES
from geosatu.crs import CRS84, SUPPORTED
from geosatu.features import DEFAULT_LIMIT, MAX_LIMIT
from geosatu.layers import Access, Catalogue, Layer
from geosatu.store.acts import LONGEST_REASON as LONGEST_NOTE
from geosatu.store.statements import sortables

TEXT: Shape = {"type": "string"}
BBOX: Shape = {
    "type": "array",
    "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
    "items": {"type": "number"},
}
LIMIT: Shape = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
CRS: Shape = {"type": "string", "enum": list(SUPPORTED), "default": CRS84}
LANGUAGE: Shape = {"type": "string", "enum": list(LANGUAGES), "default": LANGUAGES[0]}
ID: Shape = {"type": "integer", "minimum": 1}


def _parameter(name: str, description: str, schema: Shape = TEXT) -> dict[str, Any]:
    """A query parameter in the form that QGIS and OGR read."""
    form = {"required": False, "style": "form", "explode": False}
    return {"name": name, "in": "query", "description": description, **form, "schema": schema}


def _form(*forms: str) -> dict[str, Any]:
    return _parameter("f", "Bentuk jawaban", {"type": "string", "enum": list(forms)})


def _header(name: str, description: str, schema: Shape = TEXT) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": schema}


SHARED = {
    "limit": _parameter("limit", "Banyaknya fitur dalam satu halaman; yang lebih besar dari batas dipotong", LIMIT),
    "bbox": _parameter("bbox", "barat,selatan,timur,utara dalam derajat (CRS84)", BBOX),
    "bbox-crs": _parameter("bbox-crs", "Sistem koordinat bbox", CRS),
    "crs": _parameter("crs", "Sistem koordinat jawaban", CRS),
    "datetime": _parameter("datetime", "Tanggal data: waktu atau selang, .. untuk yang terbuka"),
    "filter": _parameter("filter", "Saringan CQL2"),
    "filter-lang": _parameter("filter-lang", "Bahasa saringan", LANGUAGE),
    "filter-crs": _parameter("filter-crs", "Sistem koordinat geometri di saringan", CRS),
    "skipGeometry": _parameter("skipGeometry", "Tanpa geometri", {"type": "boolean", "default": False}),
    AT: _parameter(AT, "Keadaan pada akhir tanggal ini (WIB), atau pada waktu ini (RFC 3339)"),
    "after": _parameter("after", "Awal halaman; ada di tautan next"),
    "f": _form(*FORMS),
    WHY: _parameter(
        WHY,
        "Keperluan membaca field terbatas dari data yang diurus akun ini; dicatat di log audit",
        {"type": "string", "minLength": SHORTEST_REASON, "maxLength": LONGEST_REASON},
    ),
}

CHANGE = [
    _parameter(NOTE, "Alasan perubahan ini; tersimpan di riwayat", {"type": "string", "maxLength": LONGEST_NOTE}),
    {"$ref": "#/components/parameters/crs"},
    _header("Content-Crs", "Sistem koordinat isi, di antara < dan > atau tidak; CRS84 bila tidak disebut", CRS),
    _header(
        "Prefer",
        "return=representation untuk menerima fiturnya",
        {"type": "string", "enum": ["return=minimal", "return=representation"]},
    ),
]
CONDITIONS = [
    _header("If-Match", "ETag fitur yang dilihat penyunting; wajib bagi peramban yang masuk dengan sandi"),
    _header("If-Unmodified-Since", "Hanya bila fitur tidak berubah sejak saat ini"),
]

REASON = {PROBLEM: {"schema": named("problem")}, HTML: {"schema": TEXT}}
RESPONSES: dict[str, dict[str, Any]] = {
    "304": {"description": "Belum berubah sejak jawaban dengan ETag ini"},
    "400": {"description": "Permintaan ini tidak dapat dijawab; title memuat alasannya", "content": REASON},
    "401": {"description": "Token tidak berlaku, atau ini hanya untuk yang masuk", "content": REASON},
    "403": {"description": "Akun ini tidak berhak", "content": REASON},
    "404": {"description": "Tidak ada di sini", "content": REASON},
    "412": {"description": "Fitur sudah berubah; jawaban memuat oleh siapa, kapan dan apa", "content": REASON},
    "413": {"description": "Isi permintaan terlalu besar", "content": REASON},
    "415": {"description": "Jenis isi ini tidak diterima", "content": REASON},
    "422": {"description": "Isi ini tidak dapat disimpan; title memuat alasannya", "content": REASON},
    "428": {"description": "If-Match wajib disertakan", "content": REASON},
    "503": {"description": "Basis data tidak terjangkau, atau permintaan ini terlalu berat", "content": REASON},
}

TOKENS = {
    "basic": {"type": "http", "scheme": "basic", "description": "Nama akun, dan token sebagai sandi"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "Token dari halaman Akun"},
}

TAG = {"ETag": {"description": "Berubah bersama datanya", "schema": TEXT}}
SYSTEM = {"Content-Crs": {"description": "Sistem koordinat jawaban, di antara < dan >", "schema": TEXT}}


def openapi_document(base: str, catalogue: Catalogue, access: Access) -> dict[str, Any]:
    """The document of the service at `base`, for readers of this level."""
    page, document = [_form("json", "html")], [_form("json")]
    paths: dict[str, Any] = {
        "/": _get("landing", "Halaman utama", _readable(JSON, named("landing")), page, "503"),
        "/api": _get("api", "Dokumen ini", {OPENAPI: named("openapi")}, document),
        "/conformance": _get("conformance", "Kelas kesesuaian", _readable(JSON, named("conformance")), page),
        "/collections": _get("collections", "Semua lapisan", _readable(JSON, named("collections")), page, "503"),
    }
    for layer in catalogue:
        paths |= _paths(layer, access)
        for path, operations in _changes(layer).items():
            paths[path] |= operations
    return {
        "openapi": "3.0.3",
        "info": {"title": "geosatu", "version": "1", "description": "Peta kelurahan sebagai OGC API."},
        "servers": [{"url": f"{base}/ogc"}],
        "security": [{}, *({name: []} for name in TOKENS)],
        "paths": paths,
        "components": {
            "parameters": SHARED,
            "responses": RESPONSES,
            "schemas": shapes(catalogue, access),
            "securitySchemes": TOKENS,
        },
    }


def _paths(layer: Layer, access: Access) -> dict[str, Any]:
    here, name = f"/collections/{layer.name}", layer.name
    tiles = f"{here}/tiles/WebMercatorQuad"
    page, document = [_form("json", "html")], [_form("json")]
    shared = [{"$ref": f"#/components/parameters/{each}"} for each in SHARED]
    crs, form, at, why = ({"$ref": f"#/components/parameters/{each}"} for each in ("crs", "f", AT, WHY))
    known = properties(layer, access).items()
    own = [_parameter(each, schema.get("title", each), of_parameter(schema)) for each, schema in known]
    place = [_in_path("tileMatrix", {"type": "integer", "minimum": 0, "maximum": MAX_ZOOM})]
    place += [_in_path(each, {"type": "integer", "minimum": 0}) for each in ("tileRow", "tileCol")]
    schema, tileset = {SCHEMA: named("schema")}, {JSON: named("tileset")}
    features, feature = _readable(GEOJSON, page_of_features(layer)), _readable(GEOJSON, named(name))
    collection, tile = _readable(JSON, named("collection")), {MVT: {"type": "string", "format": "binary"}}
    title, quad = layer.title, "Petak vektor WebMercatorQuad"
    return {
        here: _get(f"{name}.collection", title, collection, page, "503"),
        f"{here}/items": _get(
            f"{name}.items",
            f"Fitur {title}",
            features,
            [*shared, *_chosen(layer, access), *own],
            "304",
            "403",
            "503",
            **TAG,
            **SYSTEM,
        ),
        f"{here}/items/{{id}}": _get(
            f"{name}.item",
            "Satu fitur",
            feature,
            [_in_path("id", ID), crs, form, at, why],
            "304",
            "403",
            "404",
            "503",
            **TAG,
            **SYSTEM,
        ),
        f"{here}/queryables": _get(f"{name}.queryables", "Yang dapat disaring", schema, document),
        f"{here}/sortables": _get(f"{name}.sortables", "Yang dapat diurutkan", schema, document),
        f"{here}/schema": _get(f"{name}.schema", "Skema", schema, document),
        f"{here}/feature-schema": _get(f"{name}.feature-schema", "Skema fitur", schema, document),
        f"{here}/tiles": _get(f"{name}.tilesets", "Petak vektor", {JSON: named("tilesets")}, document, "503"),
        tiles: _get(f"{name}.tileset", quad, tileset, document, "503"),
        f"{tiles}/tilejson.json": _get(f"{name}.tilejson", "TileJSON", {JSON: named("tilejson")}, document, "503"),
        f"{tiles}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": _get(
            f"{name}.tile", "Satu petak", tile, place, "304", "404", "503", **TAG
        ),
    }


def _changes(layer: Layer) -> dict[str, Any]:
    """What changes features, by path."""
    items, name = f"/collections/{layer.name}/items", layer.name
    one, on_one = given_feature(layer), [_in_path("id", ID), *CHANGE, *CONDITIONS]
    several: Shape = {"oneOf": [one, given_features(layer)]}
    shown = {GEOJSON: named(name)}
    kept, gone = {"204": "Tersimpan", "200": "Tersimpan, dengan fiturnya"}, {"204": "Terhapus"}
    created = {"201": "Dibuat", "200": "Sudah dibuat oleh permintaan yang sama sebelumnya"}
    sent, found = ("413", "415", "422"), ("404", "412", "428")
    made = {**shown, JSON: named("made")}
    return {
        items: _change("post", f"{name}.create", CHANGE, (several, WHOLE), created, made, *sent),
        f"{items}/{{id}}": {
            **_change("put", f"{name}.replace", on_one, (one, WHOLE), kept, shown, *sent, *found),
            **_change("patch", f"{name}.update", on_one, (given_part(layer), PATCHES), kept, shown, *sent, *found),
            **_change("delete", f"{name}.delete", on_one, None, gone, {}, *found),
        },
    }


def _change(
    method: str,
    operation: str,
    parameters: list[Any],
    body: tuple[Shape, tuple[str, ...]] | None,
    statuses: dict[str, str],
    content: dict[str, Shape],
    *also: str,
) -> dict[str, Any]:
    """One way of changing features, for accounts that may."""
    shown = {"content": {media_type: {"schema": shape} for media_type, shape in content.items()}}
    said: dict[str, Any] = {
        status: {"description": told, "headers": TAG, **({} if status == "204" else shown)}
        for status, told in statuses.items()
    }
    said |= {status: {"$ref": f"#/components/responses/{status}"} for status in ("400", "401", "403", *also, "503")}
    door: dict[str, Any] = {
        "operationId": operation,
        "summary": SUMMARIES[method],
        "security": [{name: []} for name in TOKENS],
        "parameters": parameters,
        "responses": dict(sorted(said.items())),
    }
    if body is not None:
        shape, media_types = body
        door["requestBody"] = {"required": True, "content": {each: {"schema": shape} for each in media_types}}
    return {method: door}


SUMMARIES = {
    "post": "Fitur baru, atau beberapa sekaligus; uid di properties membuat pengulangan aman",
    "put": "Ganti fitur; field yang tidak disebut menjadi kosong",
    "patch": "Ubah yang disebut saja (RFC 7396)",
    "delete": "Hapus fitur; versi terakhirnya tetap di riwayat",
}


def _readable(media_type: str, shape: Shape) -> dict[str, Shape]:
    """For programs, and as a page for people."""
    return {media_type: shape, HTML: TEXT}


def _chosen(layer: Layer, access: Access) -> list[dict[str, Any]]:
    """The parameters whose values are names of the layer's properties."""
    sorts = {"type": "string", "pattern": f"^[+-]?({'|'.join(sortables(layer, access))})$"}
    names = {"type": "string", "enum": list(properties(layer, access))}
    return [
        _parameter(
            "sortby",
            "Urutan: nama field, - di depannya untuk menurun, dipisah koma",
            {"type": "array", "maxItems": MOST_SORTED, "items": sorts},
        ),
        _parameter("properties", "Field yang diminta, dipisah koma", {"type": "array", "items": names}),
    ]


def _in_path(name: str, schema: Shape) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _get(
    operation: str, summary: str, content: dict[str, Shape], parameters: list[Any], *also: str, **headers: Any
) -> dict[str, Any]:
    """What GET is asked with and answers; all are refused with 400 where the parameters make no sense."""
    answer = {
        "description": "Jawaban",
        "content": {media_type: {"schema": shape} for media_type, shape in content.items()},
        **({"headers": headers} if headers else {}),
    }
    responses = {status: {"$ref": f"#/components/responses/{status}"} for status in sorted(("400", "401", *also))}
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "parameters": parameters,
            "responses": {"200": answer, **responses},
        }
    }
