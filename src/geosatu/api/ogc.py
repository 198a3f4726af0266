"""OGC API - Features and Tiles: everything around the features themselves, for programs and for people.

Pages of features, single features and tiles as programs ask for them are answered in `hot`; what a person asks
for as HTML comes here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from geosatu.api import html, schemas
from geosatu.api.context import BaseDep, CityDep, ConnDep, LayerDep, ReaderDep
from geosatu.api.hot import matched_of, page_links, wants_html
from geosatu.api.links import GEOJSON, HEADERS, JSON, MVT, OPENAPI, SCHEMA, link
from geosatu.api.openapi import openapi_document
from geosatu.api.own_pages import WhoDep
from geosatu.api.parameters import AT, at_of, crs_of, parameters_of, query_of, require_form, require_known, whole_id
from geosatu.crs import CRS84, WGS84_EAST_FIRST, Crs, crs_near
from geosatu.errors import InvalidQuery
from geosatu.features import Box
from geosatu.layers import Layer
from geosatu.store import answers, read

router = APIRouter()

OGC = "http://www.opengis.net/def/rel/ogc/1.0"
QUAD = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"

_SPEC = "http://www.opengis.net/spec"
CONFORMANCE = [
    *(f"{_SPEC}/ogcapi-common-1/1.0/conf/{name}" for name in ("core", "landing-page", "json", "html", "oas30")),
    f"{_SPEC}/ogcapi-common-2/1.0/conf/collections",
    *(f"{_SPEC}/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "html", "geojson", "oas30")),
    f"{_SPEC}/ogcapi-features-2/1.0/conf/crs",
    # A draft still.
    *(
        f"{_SPEC}/ogcapi-features-4/1.0/conf/{name}"
        for name in ("create-replace-delete", "update", "features", "optimistic-locking-etags")
    ),
    *(
        f"{_SPEC}/ogcapi-features-3/1.0/conf/{name}"
        for name in ("queryables", "queryables-query-parameters", "filter", "features-filter")
    ),
    *(
        f"{_SPEC}/cql2/1.0/conf/{name}"
        for name in (
            "cql2-text",
            "cql2-json",
            "basic-cql2",
            "advanced-comparison-operators",
            "case-insensitive-comparison",
            "accent-insensitive-comparison",
            "basic-spatial-functions",
            "basic-spatial-functions-plus",
            "spatial-functions",
            "temporal-functions",
            "array-functions",
            "property-property",
            "arithmetic",
        )
    ),
    # QGIS before June 2025 looks for this name, which CQL2 1.0 does not have.
    f"{_SPEC}/cql2/1.0/conf/basic-spatial-operators",
    # OGC API Common Part 3, and the name under which QGIS looks for it.
    *(f"{_SPEC}/ogcapi-common-3/1.0/conf/{name}" for name in ("schemas", "queryables", "sortables")),
    f"{_SPEC}/ogcapi-features-5/1.0/conf/schemas",
    *(f"{_SPEC}/ogcapi-features-8/1.0/conf/{name}" for name in ("sortables", "sorting", "features-sorting")),
    *(
        f"{_SPEC}/ogcapi-tiles-1/1.0/conf/{name}"
        for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt")
    ),
]


def only(*forms: str) -> list[Any]:
    """Refuse every parameter but `f`, and every form but these."""

    def check(request: Request) -> None:
        given = parameters_of(request.scope["query_string"])
        require_known(given, "f")
        require_form(given, *forms)

    return [Depends(check)]


PAGE, DOCUMENT = only("json", "html"), only("json")


@router.get("", dependencies=PAGE)
def landing(request: Request, base: BaseDep, city: CityDep, reader: ReaderDep, conn: ConnDep, who: WhoDep) -> Response:
    """The landing page."""
    overview = city.overview(conn, reader)
    if wants_html(request.scope):
        return page_of(html.landing(base, overview.title, city.catalogue, overview.summaries, who=who))
    return JSONResponse(
        {
            "title": f"Data {overview.title}" if overview.title else "geosatu",
            "description": "Peta kelurahan: batas wilayah, layanan dan lahan.",
            "attribution": "geosatu",
            "links": [
                link(f"{base}/ogc?f=json", "self", JSON, "Halaman ini"),
                link(f"{base}/ogc?f=html", "alternate", "text/html", "Halaman ini untuk dibaca"),
                link(f"{base}/ogc/api", "service-desc", OPENAPI, "Deskripsi layanan"),
                link(f"{base}/ogc?f=html", "service-doc", "text/html", "Petunjuk layanan"),
                link(f"{base}/ogc/conformance", "conformance", JSON, "Kelas kesesuaian"),
                link(f"{base}/ogc/collections", "data", JSON, "Lapisan"),
                link(f"{base}/", "preview", "text/html", "Peta"),
            ],
        }
    )


@router.get("/conformance", dependencies=PAGE)
def conformance(request: Request, base: BaseDep, who: WhoDep) -> Response:
    """The classes of the standards that this door meets."""
    if wants_html(request.scope):
        return page_of(html.conformance(base, CONFORMANCE, who=who))
    return JSONResponse({"conformsTo": CONFORMANCE})


@router.get("/api", dependencies=DOCUMENT)
def api(base: BaseDep, reader: ReaderDep, city: CityDep) -> Response:
    """The OpenAPI 3.0 document, in the form that QGIS and OGR read."""
    return JSONResponse(openapi_document(base, city.catalogue, reader.actor.access), media_type=OPENAPI)


@router.get("/collections", dependencies=PAGE)
def collections(
    request: Request, base: BaseDep, city: CityDep, reader: ReaderDep, conn: ConnDep, who: WhoDep
) -> Response:
    """Every layer."""
    summaries = city.overview(conn, reader).summaries
    if wants_html(request.scope):
        return page_of(html.collections(base, city.catalogue, summaries, who=who))
    return JSONResponse(
        {
            "links": [
                link(f"{base}/ogc/collections?f=json", "self", JSON, "Lapisan"),
                link(f"{base}/ogc/collections?f=html", "alternate", "text/html", "Lapisan, untuk dibaca"),
            ],
            "collections": [_collection(base, layer, summaries[layer.name]) for layer in city.catalogue],
        }
    )


@router.get("/collections/{name}", dependencies=PAGE)
def collection(
    request: Request, base: BaseDep, city: CityDep, reader: ReaderDep, layer: LayerDep, conn: ConnDep, who: WhoDep
) -> Response:
    """One layer."""
    summary = city.overview(conn, reader).summaries[layer.name]
    if wants_html(request.scope):
        return page_of(html.collection(base, layer, summary, _systems(summary), who=who))
    return JSONResponse(_collection(base, layer, summary))


@router.get("/collections/{name}/queryables", dependencies=DOCUMENT)
def queryables(base: BaseDep, reader: ReaderDep, layer: LayerDep) -> Response:
    """What filters may speak of."""
    return JSONResponse(schemas.queryables(layer, reader.actor.access, _here(base, layer)), media_type=SCHEMA)


@router.get("/collections/{name}/sortables", dependencies=DOCUMENT)
def sortables(base: BaseDep, reader: ReaderDep, layer: LayerDep) -> Response:
    """What features can be sorted by."""
    return JSONResponse(schemas.sortable(layer, reader.actor.access, _here(base, layer)), media_type=SCHEMA)


@router.get("/collections/{name}/schema", dependencies=DOCUMENT)
def schema(base: BaseDep, reader: ReaderDep, layer: LayerDep) -> Response:
    """The properties of features, with their roles and titles."""
    return JSONResponse(schemas.schema(layer, reader.actor.access, _here(base, layer)), media_type=SCHEMA)


@router.get("/collections/{name}/feature-schema", dependencies=DOCUMENT)
def feature_schema(base: BaseDep, reader: ReaderDep, layer: LayerDep) -> Response:
    """A feature as JSON Schema, for OGR."""
    return JSONResponse(schemas.feature_schema(layer, reader.actor.access, _here(base, layer)), media_type=SCHEMA)


@router.get("/collections/{name}/items")
async def items(
    request: Request, base: BaseDep, city: CityDep, reader: ReaderDep, layer: LayerDep, who: WhoDep
) -> Response:
    """One page of features for people."""
    given = parameters_of(request.scope["query_string"])
    query = query_of(layer, given, reader.actor)
    if cut := query.limit > html.MOST_ROWS:
        query, given = replace(query, limit=html.MOST_ROWS), {**given, "limit": str(html.MOST_ROWS)}
    _require_east_first(query.crs)
    page = await answers.page(city.pool, layer, query, reader.actor)
    matched = await matched_of(city, reader, layer, query, page)
    features = json.loads(b"[" + page.features + b"]")
    text = html.items(
        base,
        layer,
        features,
        matched=matched,
        returned=page.returned,
        links=page_links(base, layer, given, page),
        query=given,
        cut=cut,
        who=who,
    )
    return page_of(text)


@router.get("/collections/{name}/items/{feature}")
async def item(
    request: Request, base: BaseDep, city: CityDep, reader: ReaderDep, layer: LayerDep, feature: str, who: WhoDep
) -> Response:
    """One feature for people."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, "crs", "f", AT)
    _require_east_first(crs_of(given, "crs"))
    number, at = whole_id(layer, feature), at_of(given)
    text, _ = await answers.feature(city.pool, layer, number, WGS84_EAST_FIRST, reader.actor, at)
    return page_of(html.item(base, layer, json.loads(text), who=who))


def _require_east_first(crs: Crs) -> None:
    if crs != WGS84_EAST_FIRST:
        raise InvalidQuery("crs: halaman untuk dibaca hanya ada dalam CRS84; pakai f=json.")


@router.get("/collections/{name}/tiles", dependencies=DOCUMENT)
def tilesets(base: BaseDep, city: CityDep, reader: ReaderDep, layer: LayerDep, conn: ConnDep) -> Response:
    """The tile sets of a layer: there is one."""
    return JSONResponse({"tilesets": [_tileset(base, layer, city.overview(conn, reader).summaries[layer.name])]})


@router.get("/collections/{name}/tiles/WebMercatorQuad", dependencies=DOCUMENT)
def tileset(base: BaseDep, city: CityDep, reader: ReaderDep, layer: LayerDep, conn: ConnDep) -> Response:
    """The tile set of a layer."""
    return JSONResponse(_tileset(base, layer, city.overview(conn, reader).summaries[layer.name]))


@router.get("/collections/{name}/tiles/WebMercatorQuad/tilejson.json", dependencies=DOCUMENT)
def tilejson(base: BaseDep, city: CityDep, reader: ReaderDep, layer: LayerDep, conn: ConnDep) -> Response:
    """The same as TileJSON 3.0."""
    summary = city.overview(conn, reader).summaries[layer.name]
    shown = [layer.fields[layer.label], *([layer.fields[layer.style.colour_by]] if layer.style.colour_by else [])]
    said: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": layer.title,
        "description": layer.abstract,
        "attribution": layer.licence,
        "tiles": [f"{_here(base, layer)}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}"],
        "minzoom": 0,
        "maxzoom": 22,
        "vector_layers": [{"id": layer.name, "fields": {field.name: field.title for field in shown}}],
    }
    if summary.bounds is not None:
        said["bounds"] = list(summary.bounds)
    return JSONResponse(said)


def page_of(text: str) -> Response:
    """A page for people."""
    return HTMLResponse(text, headers={**HEADERS, "Cache-Control": "no-cache", "Vary": "Accept"})


def _here(base: str, layer: Layer) -> str:
    return f"{base}/ogc/collections/{layer.name}"


def _systems(summary: read.Summary) -> list[str]:
    middle = 112.0 if summary.bounds is None else (summary.bounds.west + summary.bounds.east) / 2
    return [crs.uri for crs in crs_near(middle)]


def _extent(bounds: Box) -> dict[str, Any]:
    return {"spatial": {"bbox": [list(bounds)], "crs": CRS84}}


def _collection(base: str, layer: Layer, summary: read.Summary) -> dict[str, Any]:
    here = _here(base, layer)
    said: dict[str, Any] = {
        "id": layer.name,
        "title": layer.title,
        "description": layer.abstract,
        "keywords": layer.keywords,
        "license": layer.licence,
        "attribution": layer.contact,
        "contact": layer.contact,
        "updateFrequency": layer.update_frequency,
        "lineage": layer.lineage,
        "itemType": "feature",
        "crs": _systems(summary),
        "storageCrs": CRS84,
        "links": [
            link(f"{here}?f=json", "self", JSON, layer.title),
            link(f"{here}?f=html", "alternate", "text/html", f"{layer.title}, untuk dibaca"),
            link(f"{here}/items", "items", GEOJSON, "Fitur"),
            link(f"{here}/items?f=html", "items", "text/html", "Fitur, untuk dibaca"),
            # OGR compares the first spelling, the standards write the second.
            link(f"{here}/feature-schema", "describedBy", SCHEMA, "Skema fitur"),
            link(f"{here}/feature-schema", "describedby", SCHEMA, "Skema fitur"),
            link(f"{here}/schema", f"{OGC}/schema", SCHEMA, "Skema"),
            link(f"{here}/queryables", f"{OGC}/queryables", SCHEMA, "Yang dapat disaring"),
            link(f"{here}/sortables", f"{OGC}/sortables", SCHEMA, "Yang dapat diurutkan"),
            link(f"{here}/tiles", f"{OGC}/tilesets-vector", JSON, "Petak vektor"),
            *(
                link(f"{base}/files/{layer.name}.{suffix}", "enclosure", media_type, f"Unduh {suffix}")
                for suffix, media_type in (("geojson", GEOJSON), ("gpkg", "application/geopackage+sqlite3"))
            ),
        ],
    }
    if summary.bounds is not None:
        said["extent"] = _extent(summary.bounds)
    if summary.changed_on is not None:
        said["updated"] = summary.changed_on.isoformat()
    return said


def _tileset(base: str, layer: Layer, summary: read.Summary) -> dict[str, Any]:
    here = f"{_here(base, layer)}/tiles/WebMercatorQuad"
    tiles = link(f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", "item", MVT, "Petak")
    said: dict[str, Any] = {
        "title": layer.title,
        "dataType": "vector",
        "crs": "http://www.opengis.net/def/crs/EPSG/0/3857",
        "tileMatrixSetURI": QUAD,
        "links": [
            link(here, "self", JSON, layer.title),
            {**tiles, "templated": True},
            link(f"{here}/tilejson.json", "describedby", JSON, "TileJSON"),
        ],
    }
    if summary.bounds is not None:
        west, south, east, north = summary.bounds
        said["boundingBox"] = {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84}
    return said
