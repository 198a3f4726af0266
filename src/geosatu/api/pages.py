"""The pages for people and what they fetch: the map, its assets, search, findings; and the health of the service."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from geosatu.api.context import CityDep, ConnDep, Overview, ReaderDep
from geosatu.api.links import HEADERS
from geosatu.api.own_pages import WhoDep
from geosatu.api.parameters import parameters_of, require_known
from geosatu.errors import InvalidQuery, UnknownFeature, shortened
from geosatu.layers import OWNERS, Catalogue
from geosatu.rights import edits
from geosatu.store import read
from geosatu.store.findings import findings_geojson
from geosatu.viewer import ASSETS, Editing, MapView, asset, map_page

router = APIRouter()

FOR_EVER = "public, max-age=31536000, immutable"
LONGEST_SEARCH = 100


@router.get("/")
def home(city: CityDep, reader: ReaderDep, conn: ConnDep, who: WhoDep) -> Response:
    """The map of the city."""
    view, account, editing = _view(city.overview(conn, reader)), reader.account, None
    if account is not None and who is not None and edits(account.rights) and not account.must_change:
        editing = Editing(account.id, who.csrf, account.rights)
    page = map_page(city.catalogue, view=view, settings=city.settings, who=who, editing=editing)
    return HTMLResponse(page, headers={**HEADERS, "Cache-Control": "no-cache"})


def _view(overview: Overview) -> MapView:
    """Where the city lies, what its boundaries are worth, and how much there is."""
    summaries = overview.summaries
    return MapView(
        bounds=overview.bounds,
        title=overview.title,
        notices=overview.notices,
        counts={name: summary.count for name, summary in summaries.items()},
        updated={name: summary.changed_on for name, summary in summaries.items()},
    )


@router.get("/assets/{path:path}")
def assets(path: str, request: Request) -> Response:
    """A file of the pages; under the address that names its version it may be kept for ever."""
    found = asset(path) if path in ASSETS else None
    if found is None:
        raise UnknownFeature(f"Berkas {shortened(path)!r} tidak ada.")
    kept = FOR_EVER if request.query_params.get("v") == found.version else "no-cache"
    return Response(found.content, media_type=found.media_type, headers={**HEADERS, "Cache-Control": kept})


@router.get("/cari")
def search(request: Request, city: CityDep, reader: ReaderDep, conn: ConnDep) -> Response:
    """Features whose name holds the words `q`."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, "q")
    words = " ".join(given.get("q", "").split())
    if len(words) > LONGEST_SEARCH:
        raise InvalidQuery(f"q: paling panjang {LONGEST_SEARCH} huruf.")
    found = read.search(conn, city.catalogue, words, reader.actor) if words else []
    return JSONResponse({"results": [_result(city.catalogue, match) for match in found]})


def _result(catalogue: Catalogue, match: read.Match) -> dict[str, Any]:
    title = catalogue[match.layer].title
    return {
        "layer": match.layer,
        "id": match.id,
        "title": match.title,
        "subtitle": f"{title} · {match.kelurahan}" if match.kelurahan and match.layer != OWNERS else title,
        "bbox": list(match.bounds),
    }


@router.get("/findings")
def findings(request: Request, city: CityDep, conn: ConnDep) -> Response:
    """What the last checks of the layers found."""
    require_known(parameters_of(request.scope["query_string"]))
    features = findings_geojson(conn, city.catalogue)
    return Response(f'{{"type":"FeatureCollection","features":[{features}]}}', media_type="application/geo+json")


@router.get("/healthz")
def alive() -> Response:
    """Whether the process answers."""
    return PlainTextResponse("ok")


@router.get("/readyz")
def ready(conn: ConnDep) -> Response:
    """Whether the database answers too."""
    conn.execute(select(1))
    return PlainTextResponse("ok")
