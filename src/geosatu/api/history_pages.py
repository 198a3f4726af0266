"""The history: acts with what they changed, the timeline of a feature, what was deleted, and putting it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from psycopg.errors import QueryCanceled
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from starlette.responses import JSONResponse, Response

from geosatu.api.access import REASON, Reader, reader_of
from geosatu.api.context import City, CityDep, LayerDep, address_of
from geosatu.api.html import ICONS
from geosatu.api.own_pages import ChangingDep, SignedInDep, WhoDep, go_to, page, root_of
from geosatu.api.parameters import parameters_of, require_known, whole, whole_id
from geosatu.api.working import WorkConnDep, WorkerDep, WorkRoute, kelurahan_of
from geosatu.database.rights import act_as, open_restricted
from geosatu.editing import require_still_sound
from geosatu.errors import InvalidQuery, RefusedChange
from geosatu.features import moment_of
from geosatu.layers import STATUSES, Access, Layer
from geosatu.rights import may_create, may_edit
from geosatu.store import acts, past, restore, review
from geosatu.store.acts import DOORS
from geosatu.store.past import Version, Wanted
from geosatu.store.restore import Undone
from geosatu.store.review import Decision, Worker
from geosatu.viewer import Visitor
from geosatu.viewer.config import SHAPES
from geosatu.viewer.icons import sprite
from geosatu.viewer.small_map import bounds_of, map_address, small_map
from geosatu.viewer.words import feature_name

router = APIRouter(prefix="/riwayat", route_class=WorkRoute, include_in_schema=False)

HERE = ("Riwayat", "/riwayat")
FILTERS = ("lapisan", "pelaku", "cara")
SHOWN = (*ICONS, "history", "trash-2", "triangle-alert", "undo-2")
SHORTEST_REASON = 3
MOST_TOLD = 20
HIGHEST = 2**31 - 1
"""Number of a version that PostgreSQL can hold."""


async def told_of(request: Request) -> dict[str, str]:
    """What a form says."""
    return {name: said for name, said in (await request.form()).items() if isinstance(said, str)}


async def past_reader(request: Request, city: CityDep, worker: WorkerDep) -> Reader:
    """Who reads a timeline; with a reason, restricted fields of it as well."""
    given = parameters_of(request.scope["query_string"])
    return await reader_of(city.known, dict(request.scope["headers"]), given.get(REASON), address_of(request))


ToldDep = Annotated[dict[str, str], Depends(told_of)]
PastReaderDep = Annotated[Reader, Depends(past_reader)]


@dataclass(frozen=True)
class Event:
    """A line of a timeline: a version, the end of a feature, or what was said or decided of it."""

    at: datetime
    version: Version | None = None
    decision: Decision | None = None
    deletion: bool = False


@router.get("")
def show_acts(
    request: Request, city: CityDep, account: SignedInDep, worker: WorkerDep, who: WhoDep, conn: WorkConnDep
) -> Response:
    """The acts that changed what the reader sees, newest first."""
    return _acts_page(request, city, worker, who, conn)


@router.post("/tindakan/{number}")
def undo(
    number: str,
    request: Request,
    city: CityDep,
    account: ChangingDep,
    told: ToldDep,
    worker: WorkerDep,
    who: WhoDep,
    conn: WorkConnDep,
) -> Response:
    """Everything that an act changed is again what it was."""
    act = whole(number, "tindakan", 1)
    try:
        outcome = restore.act(conn, city.catalogue, act, _reason(told), worker.actor)
    except DBAPIError as error:
        if not isinstance(error.orig, QueryCanceled):
            raise
        raise RefusedChange(
            f"Tindakan nomor {act} terlalu besar untuk dibatalkan lewat peramban. "
            f"Minta pengelola server menjalankan: geosatu undo {act}"
        ) from None
    for name, ids in outcome.restored.items():
        require_still_sound(conn, city.catalogue, city.catalogue[name], ids, worker.actor)
    conn.commit()
    act_as(conn, worker.actor)
    return _acts_page(request, city, worker, who, conn, outcome)


@router.get("/{name}")
def show_deleted(
    request: Request,
    layer: LayerDep,
    city: CityDep,
    account: SignedInDep,
    worker: WorkerDep,
    who: WhoDep,
    conn: WorkConnDep,
) -> Response:
    """The features of a layer that are gone."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, "sebelum")
    found = past.deleted(conn, layer, moment_of(given["sebelum"], "sebelum") if "sebelum" in given else None)
    return page(
        "history/deleted.html",
        request,
        who,
        head=f"{layer.title} yang dihapus",
        here=f"/riwayat/{layer.name}",
        crumbs=[HERE],
        layer=layer,
        found=[(feature_name(layer, {layer.label: each.label}), each) for each in found],
        older=urlencode({"sebelum": found[-1].ended_at.isoformat()}) if len(found) == past.PAGE else None,
        kelurahan=kelurahan_of(conn, city),
        editable=_edits(worker, layer),
        shapes=SHAPES,
        symbols=_symbols(layer),
    )


@router.get("/{name}/{feature}.json")
def tell_timeline(
    feature: str, request: Request, layer: LayerDep, reader: PastReaderDep, conn: WorkConnDep
) -> Response:
    """The timeline of a feature for programs; with a reason, restricted fields as well."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, "sebelum", REASON)
    number = whole_id(layer, feature)
    decisions = review.timeline(conn, layer, number)
    access: Access = "terbatas" if reader.restricted else "internal"
    if reader.restricted:
        act_as(conn, reader.actor)
        open_restricted(conn, layer, reader.actor)
    versions, before = past.timeline(conn, layer, number, access, _before(given))
    conn.commit()  # who read restricted fields, and why, is kept
    told = {
        "lapisan": layer.name,
        "id": number,
        "versi": [past.as_json(each) for each in versions],
        "keputusan": [
            {
                "pada": each.at.isoformat(),
                "oleh": each.actor,
                "dari": each.before,
                "ke": each.after,
                "catatan": each.note,
            }
            for each in decisions
        ],
        "sebelum": before,
    }
    return JSONResponse(told, headers={"Cache-Control": "no-store"})


@router.get("/{name}/{feature}")
def show_timeline(
    feature: str,
    request: Request,
    layer: LayerDep,
    city: CityDep,
    account: SignedInDep,
    worker: WorkerDep,
    who: WhoDep,
    conn: WorkConnDep,
) -> Response:
    """What became of a feature, newest first."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, "sebelum", "versi", "selesai")
    number = whole_id(layer, feature)
    before = _before(given)
    versions, older = past.timeline(conn, layer, number, "internal", before)
    newest = versions[0]
    about = newest.feature["properties"]
    gone = newest.deleted and before is None
    own = about["created_by"] == worker.actor.name
    pictured = _pictured(versions, given)
    earlier = _earlier(versions, pictured)
    shown = [each for each in (pictured.feature, earlier and earlier.feature) if each]
    bounds, root = bounds_of(shown), root_of(request)
    return page(
        "history/feature.html",
        request,
        who,
        head=f"Riwayat {feature_name(layer, about)}",
        here=f"/riwayat/{layer.name}/{number}",
        crumbs=[HERE, (layer.title, f"/riwayat/{layer.name}")],
        layer=layer,
        id=number,
        about=about,
        gone=gone,
        newest=newest,
        events=_events(versions, review.timeline(conn, layer, number) if before is None else []),
        fields=layer.readable("internal"),
        hidden=[field.title for field in layer.fields.values() if field.access == "terbatas"],
        statuses=STATUSES,
        kelurahan=kelurahan_of(conn, city),
        editable=before is None
        and about["status"] != "arsip"
        and may_edit(worker.rights, layer, about["kode_wilayah"], own),
        older=older and urlencode({"sebelum": older}),
        done="selesai" in given,
        pictured=pictured,
        earlier=earlier,
        longest=acts.LONGEST_REASON,
        map=bounds
        and small_map(layer, root, bounds, [pictured.feature], before=None if earlier is None else earlier.feature),
        map_address=bounds and map_address(root, layer, bounds),
        shapes=SHAPES,
        symbols=_symbols(layer),
    )


@router.post("/{name}/{feature}")
def restore_version(
    feature: str,
    request: Request,
    layer: LayerDep,
    city: CityDep,
    account: ChangingDep,
    told: ToldDep,
    worker: WorkerDep,
    conn: WorkConnDep,
) -> Response:
    """A feature is again what it was in an earlier version."""
    number = whole_id(layer, feature)
    wanted, seen = (min(whole(told.get(name, ""), name, 1), HIGHEST) for name in ("versi", "dilihat"))
    restore.version(conn, city.catalogue, layer, number, wanted, seen, _reason(told), worker.actor)
    require_still_sound(conn, city.catalogue, layer, [number], worker.actor)
    conn.commit()
    return go_to(request, f"/riwayat/{layer.name}/{number}?selesai=1")


def _acts_page(
    request: Request,
    city: City,
    worker: Worker,
    who: Visitor | None,
    conn: Connection,
    outcome: Undone | None = None,
) -> Response:
    given = parameters_of(request.scope["query_string"])
    require_known(given, *FILTERS, "sebelum")
    layer = city.catalogue[given["lapisan"]] if given.get("lapisan") else None
    if given.get("cara") and given["cara"] not in DOORS:
        raise InvalidQuery(f"cara={given['cara'][:40]}: tidak dikenal; yang ada: {', '.join(DOORS)}.")
    before = whole(given["sebelum"], "sebelum", 1) if "sebelum" in given else None
    wanted = Wanted(layer, given.get("pelaku", "").strip() or None, given.get("cara") or None, before)
    found, older = past.listed(conn, city.catalogue, wanted, "internal")
    kept = {name: given[name] for name in FILTERS if given.get(name)}
    return page(
        "history/acts.html",
        request,
        who,
        head="Riwayat",
        here="/riwayat",
        found=found,
        layers=city.catalogue.layers,
        doors=DOORS,
        given=given,
        undoable={
            each.id
            for each in found
            if each.door != "tinjauan" and any(_edits(worker, city.catalogue[name]) for name in each.features)
        },
        older=None if older is None else urlencode({**kept, "sebelum": older}),
        newest=urlencode(kept) if before is not None else None,
        outcome=outcome,
        most_told=MOST_TOLD,
        longest=acts.LONGEST_REASON,
        symbols=sprite(SHOWN),
    )


def _events(versions: Sequence[Version], decisions: Sequence[Decision]) -> list[Event]:
    """The lines of the timeline. A step of review that made a version is told with it."""
    events = []
    begun = set()
    for each in versions:
        at = datetime.fromisoformat(each.feature["properties"]["updated_at"])
        begun.add(at)
        if each.deleted and each.ended_at is not None:
            events.append(Event(each.ended_at, each, deletion=True))
        events.append(Event(at, each))
    events += [Event(each.at, decision=each) for each in decisions if each.before == each.after or each.at not in begun]
    return sorted(events, key=lambda event: event.at, reverse=True)


def _pictured(versions: Sequence[Version], given: dict[str, str]) -> Version:
    """The version that the map shows: the one that is named, else the newest."""
    said = given.get("versi")
    wanted = None if said is None else whole(said, "versi", 1)
    return next((each for each in versions if each.number == wanted), versions[0])


def _earlier(versions: Sequence[Version], pictured: Version) -> Version | None:
    """The version before, where the feature lay elsewhere."""
    if not pictured.moved:
        return None
    return next((each for each in versions if each.number == pictured.number - 1), None)


def _before(given: dict[str, str]) -> int | None:
    number = whole(given["sebelum"], "sebelum", 1) if "sebelum" in given else None
    return number if number is None else min(number, HIGHEST)


def _reason(told: dict[str, str]) -> str:
    said = told.get("alasan", "").strip()
    if "\x00" in said or not SHORTEST_REASON <= len(said) <= acts.LONGEST_REASON:
        raise InvalidQuery(f"Alasan: tulis {SHORTEST_REASON} sampai {acts.LONGEST_REASON} huruf.")
    return said


def _edits(worker: Worker, layer: Layer) -> bool:
    return may_create(worker.rights, layer)


def _symbols(*layers: Layer) -> Any:
    return sprite({*SHOWN, *(layer.style.icon for layer in layers if layer.style.icon)})
