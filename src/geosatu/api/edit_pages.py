"""The pages on which people make, change and delete features: what is shown; the browser writes through OGC API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import JSONResponse, Response

from geosatu.api.access import Reader
from geosatu.api.context import City, CityDep, LayerDep, ReaderDep
from geosatu.api.csrf import CsrfTokenDep
from geosatu.api.hot import tag_of
from geosatu.api.html import policy
from geosatu.api.own_pages import ICONS, SignedInDep, WhoDep, page, root_of
from geosatu.api.parameters import whole_id
from geosatu.api.working import WorkConnDep, WorkerDep, WorkRoute, kelurahan_of
from geosatu.errors import NotAllowed
from geosatu.layers import OWNERS, Layer
from geosatu.rights import areas_of, may_create, may_edit, reviews
from geosatu.store import review
from geosatu.store.areas import extent
from geosatu.store.review import Worker
from geosatu.viewer.config import SHAPES
from geosatu.viewer.form import Editing, areas_edited, becomes, edit_config, groups, origin, unseen
from geosatu.viewer.icons import sprite
from geosatu.viewer.page import tile_host
from geosatu.viewer.words import feature_name

router = APIRouter(prefix="/ubah", route_class=WorkRoute, include_in_schema=False)

HERE = ("Tambah data", "/ubah")

SHOWN = (
    *ICONS,
    "camera",
    "cloud-off",
    "history",
    "info",
    "locate-fixed",
    "map-pin",
    "minus",
    "pencil",
    "pentagon",
    "plus",
    "scissors",
    "send",
    "trash-2",
    "undo-2",
    "x",
)


@router.get("")
def choose(
    request: Request, city: CityDep, account: SignedInDep, worker: WorkerDep, who: WhoDep, csrf: CsrfTokenDep
) -> Response:
    """The layers in which who asks may make features."""
    themes = Editing(account.id, csrf, worker.rights).themes(city.catalogue)
    if not themes:
        raise NotAllowed("Akun Anda tidak berhak menambah data. Minta haknya kepada walidata.")
    icons = {layer.style.icon for layers in themes.values() for layer in layers if layer.style.icon}
    return page(
        "edit/choose.html",
        request,
        who,
        head=HERE[0],
        here=HERE[1],
        themes=themes,
        shapes=SHAPES,
        symbols=sprite({*SHOWN, *icons}),
        unsent={"root": f"{root_of(request)}/", "account": account.id, "csrf": csrf},
    )


@router.get("/saya.json")
def show_me(account: SignedInDep, csrf: CsrfTokenDep) -> Response:
    """Who is signed in now, and the token of their forms: for a page that was open before they did."""
    return JSONResponse({"account": account.id, "csrf": csrf}, headers={"Cache-Control": "no-store"})


@router.get("/{name}/{feature}.json")
def show_stored(
    feature: str, layer: LayerDep, city: CityDep, reader: ReaderDep, worker: WorkerDep, conn: WorkConnDep
) -> Response:
    """A feature as it is now, for who edits it."""
    stored = _stored(conn, city, reader, layer, whole_id(layer, feature), worker)
    return JSONResponse(stored, headers={"Cache-Control": "no-store"})


@router.get("/{name}")
def make(
    request: Request,
    layer: LayerDep,
    city: CityDep,
    account: SignedInDep,
    worker: WorkerDep,
    who: WhoDep,
    conn: WorkConnDep,
) -> Response:
    """A form for a new feature."""
    if not may_create(worker.rights, layer):
        raise NotAllowed(f"Akun Anda tidak berhak menambah fitur di lapisan {layer.title}.")
    return _page(request, layer, city, worker, who, conn, None)


@router.get("/{name}/{feature}")
def change(
    feature: str,
    request: Request,
    layer: LayerDep,
    city: CityDep,
    account: SignedInDep,
    reader: ReaderDep,
    worker: WorkerDep,
    who: WhoDep,
    conn: WorkConnDep,
) -> Response:
    """The form of a feature that is there."""
    stored = _stored(conn, city, reader, layer, whole_id(layer, feature), worker)
    return _page(request, layer, city, worker, who, conn, stored)


def _stored(conn: Connection, city: City, reader: Reader, layer: Layer, number: int, worker: Worker) -> dict[str, Any]:
    """The feature as GeoJSON, with its tag and the status that a change gives it; or why it is not to be changed."""
    feature = review.single(conn, layer, number)
    about = feature["properties"]
    own = about["created_by"] == worker.actor.name
    if not may_edit(worker.rights, layer, about["kode_wilayah"], own):
        raise NotAllowed(f"Akun Anda tidak berhak mengubah fitur {number} di lapisan {layer.title}.")
    if about["status"] == "arsip":
        raise NotAllowed(f"Fitur {number} sudah diarsipkan. Kembalikan ke draf di halaman Tinjauan dahulu.")
    return feature | {
        "etag": tag_of(city, reader, city.revisions.of(layer), about["version"]).decode(),
        "becomes": becomes(about["status"], about["kode_wilayah"], worker.rights),
    }


def _page(
    request: Request,
    layer: Layer,
    city: City,
    worker: Worker,
    who: Any,
    conn: Connection,
    feature: dict[str, Any] | None,
) -> Response:
    root, settings = root_of(request), city.settings
    areas = areas_edited(layer, worker.rights)
    about = feature["properties"] if feature is not None else None
    kelurahan = {
        code: name
        for code, name in kelurahan_of(conn, city).items()
        if set(areas_of(code)) & set(areas) or (about is not None and about["kode_wilayah"] == code)
    }
    config = edit_config(
        layer,
        city.catalogue,
        root,
        areas=areas,
        bounds=extent(conn, city.catalogue, areas) or extent(conn, city.catalogue, [""]),
        basemap=(settings.basemap, settings.basemap_attribution or "Peta dasar") if settings.basemap else None,
        feature=feature,
    )
    assert worker.actor.account is not None
    me = {"account": worker.actor.account, "csrf": who.csrf if who is not None else ""}
    return page(
        "edit/feature.html",
        request,
        who,
        head=feature_name(layer, about) if about is not None else f"Tambah {layer.title}",
        here=request.url.path.removeprefix(root),
        crumbs=[],
        policy=policy(*([tile_host(settings.basemap)] if settings.basemap else [])),
        layer=layer,
        shapes=SHAPES,
        point=SHAPES[layer.geometry] == "point",
        about=about,
        groups=groups(layer),
        origin=origin(layer),
        unseen=unseen(layer, feature),
        owners=layer.name == OWNERS,
        kelurahan=kelurahan,
        reviews=reviews(worker.rights),
        config=config | me,
        symbols=sprite({*SHOWN, *([layer.style.icon] if layer.style.icon else [])}),
    )
