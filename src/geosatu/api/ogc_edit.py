"""OGC API - Features, Part 4: features are created, replaced, changed and deleted, and OPTIONS tells who may.

All of a request is one act, kept when it is answered, and seen by whoever asks next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from geosatu.accounts.known import Account
from geosatu.api.conditions import Condition, condition_of
from geosatu.api.context import BaseDep, City, CityDep, LayerDep, ReaderDep, turn, turn_to_write
from geosatu.api.csrf import CsrfDep
from geosatu.api.features_in import Given, feature_of, features_of, json_of
from geosatu.api.hot import content_crs, tag_of, with_links
from geosatu.api.links import GEOJSON, JSON
from geosatu.api.parameters import crs_of, parameters_of, require_known, whole_id
from geosatu.api.working import EditorDep
from geosatu.crs import WGS84_EAST_FIRST, Crs, parse_crs
from geosatu.database.rights import act_as
from geosatu.editing import Done, Edit, Editor, apply, with_copies
from geosatu.errors import InvalidQuery
from geosatu.layers import Layer
from geosatu.rights import may_create
from geosatu.store import answers, edit, read
from geosatu.store.acts import LONGEST_REASON, Door

router = APIRouter()

MERGE_PATCH = "application/merge-patch+json"
WHOLE = (GEOJSON, JSON)
PATCHES = (MERGE_PATCH, GEOJSON, JSON)

NOTE = "catatan"
"""The parameter that says why something is changed; the history keeps it."""

READ = "GET, HEAD, OPTIONS"


class Work:
    """A request that changes features: who asks, for what, and how the answer is wanted."""

    def __init__(
        self, request: Request, city: CityDep, base: BaseDep, layer: LayerDep, account: CsrfDep, editor: EditorDep
    ) -> None:
        given = parameters_of(request.scope["query_string"])
        require_known(given, "crs", NOTE)
        self.note = given.get(NOTE)
        if self.note is not None and len(self.note) > LONGEST_REASON:
            raise InvalidQuery(f"{NOTE}: paling banyak {LONGEST_REASON} huruf; ringkaslah.")
        self.crs = crs_of(given, "crs")
        self.request, self.city, self.base, self.layer = request, city, base, layer
        self.account, self.editor = account, editor
        self.door: Door = "peramban" if account.means == "session" else "ogc"
        wanted = ",".join(request.headers.getlist("prefer")).replace(" ", "").lower().split(",")
        self.shows = "return=representation" in wanted

    @property
    def here(self) -> str:
        """The address of the layer's features."""
        return f"{self.base}/ogc/collections/{self.layer.name}/items"

    async def body(self, known: Sequence[str], header: str) -> bytes:
        """What is sent, if it is of a known type; the header tells of those where it is not."""
        said = self.request.headers.get("content-type", "").split(";")[0].strip().lower()
        if said not in known:
            told = f"Kirim isinya sebagai {known[0]}, dengan header Content-Type itu."
            raise HTTPException(415, told, {header: ", ".join(known)})
        return await self.request.body()

    def placed(self, given: Given) -> dict[str, Any]:
        """Properties and geometry of what was sent, x before y."""
        said = self.request.headers.get("content-crs")
        crs = WGS84_EAST_FIRST if said is None else _content_crs(said)
        if said is None and given.foreign:
            raise InvalidQuery(
                "Anggota crs di dalam GeoJSON tidak dibaca; sebutkan sistem koordinatnya di Content-Crs."
            )
        geometry = given.geometry
        if geometry is not None and crs.north_first:
            geometry = shapely.transform(geometry, lambda places: places[:, ::-1])
        return {"properties": given.properties, "geometry": geometry, "crs": crs}

    async def done(self, edits: Callable[[Connection], list[Edit]]) -> list[Done]:
        """What became of the edits; kept, and seen by whoever asks next."""

        def work() -> tuple[list[Done], dict[str, int]]:
            with self.city.engine.begin() as conn:
                act_as(conn, self.editor.actor)
                made = apply(conn, self.city.catalogue, edits(conn), self.editor, self.door, self.note)
                return made, read.revisions(conn)

        async with turn_to_write(self.city):
            made, revisions = await run_in_threadpool(work)
        self.city.revisions.told(revisions)
        return made

    async def answer(self, done: Done, status: int, reader: ReaderDep) -> Response:
        """The answer about one feature, with its new tag; and the feature itself where that is wanted."""
        city, layer, number = self.city, self.layer, done.feature.id
        tag = tag_of(city, reader, city.revisions.of(layer), done.feature.version).decode()
        headers = {"ETag": tag}
        if status != 204:
            headers["Location"] = f"{self.here}/{number}"
        if not self.shows:
            return Response(status_code=status, headers=headers)
        text, version = await answers.feature(city.pool, layer, number, self.crs, reader.actor)
        headers |= {
            "ETag": tag_of(city, reader, city.revisions.of(layer), version).decode(),
            "Content-Location": f"{self.here}/{number}",
            "Preference-Applied": "return=representation",
            **{name.decode(): value.decode() for name, value in content_crs(self.crs)},
        }
        body = with_links(text, self.base, layer, number)
        return Response(body, 200 if status == 204 else status, headers, GEOJSON)


WorkDep = Annotated[Work, Depends(Work)]


@router.options("/collections/{name}/items")
def allowed(layer: LayerDep, reader: ReaderDep) -> Response:
    """What this account may do with the features of a layer."""
    if not _edits_somewhere(reader.account, layer):
        return Response(headers={"Allow": READ})
    return Response(headers={"Allow": f"{READ}, POST", "Accept-Post": ", ".join(WHOLE)})


@router.options("/collections/{name}/items/{feature}")
async def allowed_with_one(
    request: Request, city: CityDep, layer: LayerDep, reader: ReaderDep, feature: str
) -> Response:
    """What this account may do with a feature; of one that is not there, what staff may do with some."""
    account = reader.account
    may = _edits_somewhere(account, layer)
    # QGIS asks of one feature and takes the answer for the whole layer.
    if may and account is not None and not _is_qgis(request):
        may = await _may_with(city, layer, account, feature)
    if not may:
        return Response(headers={"Allow": READ})
    return Response(headers={"Allow": f"{READ}, PUT, PATCH, DELETE", "Accept-Patch": ", ".join(PATCHES)})


async def _may_with(city: City, layer: Layer, account: Account, said: str) -> bool:
    if not (said.isascii() and said.isdigit() and len(said) < 19):
        return True
    editor = Editor(account.worker(), account.rights)

    def look() -> bool:
        with city.engine.begin() as conn:
            act_as(conn, editor.actor)
            found = edit.known(conn, layer, [int(said)], editor.actor).get(int(said))
            if found is None:
                return editor.reads == "internal"  # volunteers see no more than what is theirs to change
            return editor.edits(layer, found)

    async with turn(city.turns):
        return await run_in_threadpool(look)


@router.post("/collections/{name}/items")
async def create(work: WorkDep, reader: ReaderDep) -> Response:
    """One new feature, or all of a FeatureCollection."""
    body = await work.body(WHOLE, "Accept-Post")
    several = False

    def edits(conn: Connection) -> list[Edit]:
        nonlocal several
        value = json_of(body)
        several = isinstance(value, dict) and value.get("type") == "FeatureCollection"
        given = features_of(value) if several else [feature_of(value)]
        ours = work.account.means == "session"  # our pages make a uid for each form
        news = [Edit(work.layer, uid=each.uid, own_uid=ours, **work.placed(each)) for each in given]
        # QGIS takes the uid over when somebody duplicates a feature or splits it.
        return with_copies(conn, news, work.editor.actor.access) if _is_qgis(work.request) else news

    done = await work.done(edits)
    status = 200 if all(each.repeated for each in done) else 201
    if not several:
        return await work.answer(done[0], status, reader)
    made = [
        {"id": each.feature.id, "uid": str(each.feature.uid), "href": f"{work.here}/{each.feature.id}"} for each in done
    ]
    return JSONResponse({"features": made}, status)


@router.put("/collections/{name}/items/{feature}")
async def replace(work: WorkDep, reader: ReaderDep, feature: str) -> Response:
    """The feature as it is sent; fields that are not named lose their value."""
    number, condition = _which(work, feature)
    body = await work.body(WHOLE, "Accept")
    return await _changed(work, reader, number, condition, lambda: feature_of(json_of(body)), whole=True)


@router.patch("/collections/{name}/items/{feature}")
async def update(work: WorkDep, reader: ReaderDep, feature: str) -> Response:
    """The feature with what is sent changed (RFC 7396); the rest stays."""
    number, condition = _which(work, feature)
    body = await work.body(PATCHES, "Accept-Patch")
    return await _changed(work, reader, number, condition, lambda: feature_of(json_of(body), part=True), whole=False)


async def _changed(
    work: Work, reader: ReaderDep, number: int, condition: Condition, given: Callable[[], Given], *, whole: bool
) -> Response:
    def edits(conn: Connection) -> list[Edit]:
        said = work.placed(given())
        version = condition.version(conn, work.layer, number, work.editor.actor)
        return [Edit(work.layer, id=number, version=version, whole=whole, **said)]

    (done,) = await work.done(edits)
    return await work.answer(done, 204, reader)


@router.delete("/collections/{name}/items/{feature}")
async def delete(work: WorkDep, feature: str) -> Response:
    """The feature is gone; its last version is in the history."""
    number, condition = _which(work, feature)

    def edits(conn: Connection) -> list[Edit]:
        version = condition.version(conn, work.layer, number, work.editor.actor)
        return [Edit(work.layer, id=number, version=version, deletes=True)]

    await work.done(edits)
    return Response(status_code=204)


def _which(work: Work, feature: str) -> tuple[int, Condition]:
    return whole_id(work.layer, feature), condition_of(work.request, work.account)


def _is_qgis(request: Request) -> bool:
    return "QGIS/" in request.headers.get("user-agent", "")


def _edits_somewhere(account: Account | None, layer: Layer) -> bool:
    return account is not None and account.scope == "write" and may_create(account.rights, layer)


def _content_crs(said: str) -> Crs:
    """The CRS of the header, with or without the angle brackets that the standard asks for."""
    return parse_crs(said.strip().removeprefix("<").removesuffix(">"), "Content-Crs")
