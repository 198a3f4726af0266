"""Photographs: sent before the feature that names them, shown without what the camera wrote into them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from geosatu.api.access import REASON, reader_of
from geosatu.api.context import BaseDep, City, CityDep, LayerDep, ReaderDep, address_of, turn
from geosatu.api.parameters import parameters_of, require_known
from geosatu.api.working import EditorDep
from geosatu.content.photographs import KINDS, developed
from geosatu.database.rights import act_as, open_restricted
from geosatu.errors import InvalidQuery, NotAllowed, UnknownFeature
from geosatu.features import Actor
from geosatu.layers import Layer
from geosatu.store import photographs
from geosatu.store.photographs import Size

router = APIRouter(prefix="/foto", include_in_schema=False)

SMALL = "-kecil"
"""Behind the name of a photograph: its thumbnail."""

SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}


def _uuid(said: str, what: str) -> UUID:
    try:
        return UUID(said)
    except ValueError:
        raise UnknownFeature(f"{what} {said[:40]!r} tidak ada; pengenalnya sebuah uuid.") from None


def uid_of(feature: str) -> UUID:
    """The feature that the path names, which need not be there yet."""
    return _uuid(feature, "Fitur")


UidDep = Annotated[UUID, Depends(uid_of)]


@router.put("/{name}/{feature}/{photo}.jpg")
async def send(
    request: Request, photo: str, city: CityDep, base: BaseDep, layer: LayerDep, feature: UidDep, editor: EditorDep
) -> Response:
    """Keep a photograph of a feature; a feature that names it shows it."""
    number = _uuid(photo, "Foto")
    if not layer.photos:
        raise InvalidQuery(f"Lapisan {layer.title} tidak punya foto.")
    if not editor.creates_in(layer):
        raise NotAllowed(f"Akun Anda tidak berhak mengirim foto untuk lapisan {layer.title}.")
    body = await request.body()

    def work() -> bool:
        taken = developed(body)
        with city.engine.begin() as conn:
            act_as(conn, editor.actor)
            return photographs.keep(conn, layer, feature, number, taken, editor.actor)

    async with turn(city.developing), turn(city.turns):
        new = await run_in_threadpool(work)
    here = f"{base}/foto/{layer.name}/{feature}/{number}.jpg"
    return JSONResponse({"id": str(number), "href": here}, 201 if new else 200, {"Location": here})


@router.get("/{name}/{feature}/{photo}.jpg")
async def show(
    request: Request, photo: str, city: CityDep, layer: LayerDep, feature: UidDep, reader: ReaderDep
) -> Response:
    """A picture of a photograph, or with `-kecil` behind its name a small one; a photograph never changes."""
    require_known(parameters_of(request.scope["query_string"]))
    size: Size = "thumbnail" if photo.endswith(SMALL) else "picture"
    number = _uuid(photo.removesuffix(SMALL), "Foto")
    tag = f'"{number}-{size}"'
    has_it = tag in request.headers.get("if-none-match", "")

    def look() -> bytes | None:
        with city.engine.begin() as conn:
            act_as(conn, reader.actor)
            return photographs.shown(conn, layer, feature, number, None if has_it else size)

    async with turn(city.turns):
        found = await run_in_threadpool(look)
    if found is None:
        raise _unknown(layer)
    headers = SAFE | {"ETag": tag, "Cache-Control": reader.cache_control.decode()}
    return Response(status_code=304, headers=headers) if has_it else Response(found, 200, headers, "image/jpeg")


@router.get("/{name}/{feature}/{photo}/asli")
async def show_original(request: Request, photo: str, city: CityDep, layer: LayerDep, feature: UidDep) -> Response:
    """The file as it was sent, with what the camera wrote into it; why it is needed is kept in the audit log."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, REASON)
    reason = given.get(REASON)
    if reason is None:
        raise InvalidQuery(f"Foto asli memuat tempat, waktu dan alat pemotretnya. Tulis keperluannya: {REASON}=...")
    reader = await reader_of(city.known, dict(request.scope["headers"]), reason, address_of(request))
    number = _uuid(photo, "Foto")
    async with turn(city.turns):
        found = await run_in_threadpool(_read_original, city, layer, feature, number, reader.actor)
    if found is None:
        raise _unknown(layer)
    ending = next(kind.lower() for kind, name in KINDS.items() if name == found.media_type)
    named = {"Content-Disposition": f'attachment; filename="{number}.{ending}"', "Cache-Control": "no-store"}
    return Response(found.content, 200, SAFE | named, found.media_type)


def _read_original(city: City, layer: Layer, feature: UUID, photo: UUID, actor: Actor) -> photographs.Original | None:
    with city.engine.begin() as conn:
        act_as(conn, actor)
        open_restricted(conn, layer, actor, str(photo))
        return photographs.original(conn, layer, feature, photo)


def _unknown(layer: Layer) -> UnknownFeature:
    return UnknownFeature(f"Foto ini tidak ada di lapisan {layer.title}, atau bukan untuk akun ini.")
