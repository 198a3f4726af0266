"""OGC API - Features, Part 1: landing page, conformance, collections and items as GeoJSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from geosatu.api.context import BaseDep, CityDep, ConnDep, LayerDep
from geosatu.api.openapi import openapi_document
from geosatu.crs import CRS84
from geosatu.errors import InvalidQuery, UnknownFeature
from geosatu.features import DEFAULT_LIMIT, MAX_LIMIT, PUBLIC, Box, Query
from geosatu.layers import Layer
from geosatu.store import read

router = APIRouter()

GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"

CONFORMANCE = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
]

LARGEST_ID = 2**63 - 1


def query_of(request: Request) -> Query:
    """The query that the parameters say; a parameter that we do not know is refused, not ignored."""
    given = request.query_params
    for name in given:
        if name not in ("bbox", "limit", "after", "f"):
            raise InvalidQuery(f"Parameter {name!r} tidak dikenal; yang ada: bbox, limit, after, f.")
        if len(given.getlist(name)) > 1:
            raise InvalidQuery(f"Parameter {name!r} disebut lebih dari sekali.")
    _require_json(given.get("f"))
    return Query(
        box=Box.parse(given["bbox"]) if "bbox" in given else None,
        limit=min(_whole(given.get("limit", str(DEFAULT_LIMIT)), "limit", 1), MAX_LIMIT),
        after=_whole(given.get("after", "0"), "after", 0),
    )


def only_format(request: Request) -> None:
    """Refuse every parameter but `f=json`."""
    for name in request.query_params:
        if name != "f":
            raise InvalidQuery(f"Parameter {name!r} tidak dikenal; yang ada: f.")
    _require_json(request.query_params.get("f"))


def _require_json(said: str | None) -> None:
    if said not in (None, "json", "geojson"):
        raise InvalidQuery(f"f={said}: bentuk ini belum ada; yang ada: json.")


def _whole(said: str, name: str, least: int) -> int:
    if not (said.isascii() and said.isdigit() and least <= int(said[:20]) <= LARGEST_ID):
        raise InvalidQuery(f"{name}={said}: harus bilangan bulat, paling kecil {least}.")
    return int(said)


QueryDep = Annotated[Query, Depends(query_of)]
ONLY_FORMAT = [Depends(only_format)]


@router.get("", dependencies=ONLY_FORMAT)
@router.get("/", include_in_schema=False, dependencies=ONLY_FORMAT)
def landing(base: BaseDep) -> Response:
    """The landing page."""
    return JSONResponse(
        {
            "title": "geosatu",
            "description": "Peta kelurahan: batas wilayah, layanan dan lahan.",
            "links": [
                _link(f"{base}/ogc", "self", "application/json", "Halaman ini"),
                _link(f"{base}/ogc/api", "service-desc", OPENAPI, "Deskripsi layanan"),
                _link(f"{base}/ogc/conformance", "conformance", "application/json", "Kelas kesesuaian"),
                _link(f"{base}/ogc/collections", "data", "application/json", "Lapisan"),
                _link(f"{base}/", "alternate", "text/html", "Peta"),
            ],
        }
    )


@router.get("/conformance", dependencies=ONLY_FORMAT)
def conformance() -> Response:
    """The classes of the standards that this door meets."""
    return JSONResponse({"conformsTo": CONFORMANCE})


@router.get("/api", dependencies=ONLY_FORMAT)
def api(base: BaseDep, city: CityDep) -> Response:
    """The OpenAPI 3.0 document, in the form that QGIS and OGR read."""
    return JSONResponse(openapi_document(base, city.catalogue), media_type=OPENAPI)


@router.get("/collections", dependencies=ONLY_FORMAT)
def collections(base: BaseDep, city: CityDep, conn: ConnDep) -> Response:
    """Every layer."""
    summaries = city.overview(conn).summaries
    return JSONResponse(
        {
            "links": [_link(f"{base}/ogc/collections", "self", "application/json", "Lapisan")],
            "collections": [_collection(base, layer, summaries[layer.name]) for layer in city.catalogue],
        }
    )


@router.get("/collections/{name}", dependencies=ONLY_FORMAT)
def collection(base: BaseDep, city: CityDep, layer: LayerDep, conn: ConnDep) -> Response:
    """One layer."""
    return JSONResponse(_collection(base, layer, city.overview(conn).summaries[layer.name]))


@router.get("/collections/{name}/items")
def items(request: Request, base: BaseDep, layer: LayerDep, query: QueryDep, conn: ConnDep) -> Response:
    """One page of a layer's features."""
    page = read.page(conn, layer, query, PUBLIC)
    here = f"{base}/ogc/collections/{layer.name}/items"
    links = [_link(_again(here, request), "self", GEOJSON, "Halaman ini")]
    if page.next is not None:
        links.append(_link(_again(here, request, after=str(page.next)), "next", GEOJSON, "Halaman berikutnya"))
    links.append(_link(f"{base}/ogc/collections/{layer.name}", "collection", "application/json", layer.title))
    head = json.dumps(
        {
            "type": "FeatureCollection",
            "timeStamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "numberMatched": page.matched,
            "numberReturned": page.returned,
            "links": links,
        }
    )
    return Response(f'{head[:-1]},"features":[{page.features}]}}', media_type=GEOJSON)


@router.get("/collections/{name}/items/{feature}", dependencies=ONLY_FORMAT)
def item(base: BaseDep, layer: LayerDep, feature: str, conn: ConnDep) -> Response:
    """One feature."""
    if not (feature.isascii() and feature.isdigit() and int(feature[:20]) <= LARGEST_ID):
        raise UnknownFeature(f"Fitur {feature!r} tidak ada di lapisan {layer.name}.")
    text = read.feature(conn, layer, int(feature), PUBLIC)
    here = f"{base}/ogc/collections/{layer.name}"
    links = [
        _link(f"{here}/items/{feature}", "self", GEOJSON, "Fitur ini"),
        _link(here, "collection", "application/json", layer.title),
    ]
    return Response(f'{text[:-1]},"links":{json.dumps(links)}}}', media_type=GEOJSON)


def _collection(base: str, layer: Layer, summary: read.Summary) -> dict[str, Any]:
    here = f"{base}/ogc/collections/{layer.name}"
    said: dict[str, Any] = {
        "id": layer.name,
        "title": layer.title,
        "description": layer.abstract,
        "keywords": layer.keywords,
        "license": layer.licence,
        "itemType": "feature",
        "crs": [CRS84],
        "storageCrs": CRS84,
        "links": [
            _link(here, "self", "application/json", layer.title),
            _link(f"{here}/items", "items", GEOJSON, "Fitur"),
        ],
    }
    if summary.bounds is not None:
        said["extent"] = {"spatial": {"bbox": [list(summary.bounds)], "crs": CRS84}}
    return said


def _again(here: str, request: Request, **changes: str) -> str:
    """This request's address with changed parameters, each encoded once."""
    parameters = {**request.query_params, **changes}
    return f"{here}?{urlencode(parameters, safe=',:')}" if parameters else here


def _link(href: str, rel: str, media_type: str, title: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": media_type, "title": title}
