"""Review: what waits for somebody, the features of a layer to decide on, and the decisions themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, func, select
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from geosatu.accounts.known import Account
from geosatu.api.context import City, CityDep, LayerDep
from geosatu.api.csrf import CsrfDep
from geosatu.api.html import COLUMNS, ICONS
from geosatu.api.own_pages import SignedInDep, WhoDep, go_to, page, root_of
from geosatu.api.parameters import LARGEST_ID, parameters_of, require_known, whole, whole_id
from geosatu.api.working import WorkConnDep, WorkerDep, WorkRoute, is_program, kelurahan_of
from geosatu.database.rights import act_as
from geosatu.errors import InvalidQuery, NotAllowed
from geosatu.layers import KODE_WILAYAH, STATUSES, SYSTEM_FIELDS, Layer
from geosatu.rights import FORWARD, STEPS, Step, cares_for, comments, may_edit, reviews
from geosatu.store import review
from geosatu.store.review import Batch, Obstacles, Outcome, Refusal, Seen, Undecided, Worker
from geosatu.validation import first_fault
from geosatu.viewer import Visitor
from geosatu.viewer.config import SHAPES
from geosatu.viewer.icons import sprite
from geosatu.viewer.small_map import bounds_of, map_address, small_map
from geosatu.viewer.words import feature_name

router = APIRouter(prefix="/tinjauan", route_class=WorkRoute, include_in_schema=False)

HERE = ("Tinjauan", "/tinjauan")

SHOWN = (*ICONS, "triangle-alert", "inbox", "history", "info", "pencil")

Int32 = Annotated[int, Field(ge=1, le=2**31 - 1)]
Int64 = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class Told(BaseModel):
    """A part of what a form or a program says, read strictly."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NamedFeature(Told):
    """A feature, and the version of it that was seen."""

    id: Int64
    versi: Int32


class Whole(Told):
    """All features of a status in a kelurahan or of an import."""

    status: str
    kelurahan: Annotated[str, Field(pattern=KODE_WILAYAH)] | None = None
    impor: Int64 | None = None
    dilihat: AwareDatetime | None = None


class Said(Told):
    """A comment."""

    komentar: str


class Asked(Told):
    """What is to be decided."""

    ke: str
    catatan: str | None = None
    fitur: list[NamedFeature] | None = None
    semua: Whole | None = None

    @property
    def chosen(self) -> Sequence[Seen] | Batch:
        """The features that are meant."""
        if (self.fitur is None) == (self.semua is None):
            raise InvalidQuery("Sebutkan fitur satu per satu di fitur, atau seluruhnya di semua.")
        if self.semua is not None:
            return Batch(self.semua.status, self.semua.kelurahan, self.semua.impor, self.semua.dilihat)
        return [Seen(each.id, each.versi) for each in self.fitur or ()]


@dataclass(frozen=True)
class Part:
    """The part of a layer that a page shows."""

    status: str | None = None
    kelurahan: str | None = None
    impor: int | None = None
    after: int = 0

    def query(self, **other: Any) -> dict[str, Any]:
        """The parameters of the page's address, some of them changed."""
        said = {"status": self.status, "kelurahan": self.kelurahan, "impor": self.impor} | other
        return {name: value for name, value in said.items() if value is not None}


def reviewer(worker: WorkerDep) -> Worker:
    """Who has steps to take."""
    if not reviews(worker.rights):
        raise NotAllowed("Akun Anda tidak punya langkah tinjauan. Minta haknya kepada walidata.")
    return worker


ReviewerDep = Annotated[Worker, Depends(reviewer)]


async def asked(request: Request, account: CsrfDep) -> Asked:
    """What a form or a program asks for, once it is certain who asks."""
    if is_program(request) and request.headers.get("content-type", "").startswith("application/json"):
        try:
            return Asked.model_validate_json(await request.body())
        except ValidationError as error:
            place, reason = first_fault(error)
            raise InvalidQuery(f"{place or 'Isi permintaan'}: {reason}.") from None
    form = await request.form()
    told: dict[str, Any] = {"ke": form.get("ke", ""), "catatan": form.get("catatan")}
    scope = form.get("untuk", "pilihan")
    if scope == "semua":
        told["semua"] = {name: form[name] for name in ("status", "kelurahan", "impor", "dilihat") if form.get(name)}
    else:
        shown = str(form.get("halaman", "")).split()
        names = shown if scope == "halaman" else [str(each) for each in form.getlist("fitur")]
        told["fitur"] = [dict(zip(("id", "versi"), each.partition(":")[::2], strict=True)) for each in names]
    try:
        return Asked.model_validate(told)
    except ValidationError:
        raise InvalidQuery("Formulir ini tidak lengkap. Muat ulang halamannya, lalu ulangi.") from None


AskedDep = Annotated[Asked, Depends(asked)]


def part_of(request: Request) -> Part:
    """The part of a layer that an address names."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, "status", "kelurahan", "impor", "after", "selesai", "ke")
    status = given.get("status")
    if status is not None and status not in STATUSES:
        raise InvalidQuery(f"status={status[:40]}: tidak dikenal; yang ada: {', '.join(STATUSES)}.")
    return Part(
        status,
        given.get("kelurahan") or None,
        whole(given["impor"], "impor", 1) if given.get("impor") else None,
        whole(given.get("after", "0"), "after", 0),
    )


PartDep = Annotated[Part, Depends(part_of)]


@router.get("")
def show_queue(
    request: Request, city: CityDep, account: SignedInDep, worker: ReviewerDep, who: WhoDep, conn: WorkConnDep
) -> Response:
    """What waits for who asks, by layer and kelurahan."""
    waiting = review.queue(conn, city.catalogue, worker)
    by_layer = {name: list(each) for name, each in groupby(sorted(waiting, key=_layer_of(city)), key=lambda w: w.layer)}
    return page(
        "review/queue.html",
        request,
        who,
        head="Tinjauan",
        here=HERE[1],
        waiting={city.catalogue[name]: each for name, each in by_layer.items()},
        total=sum(each.count for each in waiting),
        kelurahan=kelurahan_of(conn, city),
        layers=list(city.catalogue),
        statuses=STATUSES,
        shapes=SHAPES,
        symbols=_symbols(*city.catalogue),
    )


@router.get("/{name}")
def show_layer(
    request: Request,
    layer: LayerDep,
    city: CityDep,
    account: SignedInDep,
    worker: ReviewerDep,
    part: PartDep,
    who: WhoDep,
    conn: WorkConnDep,
) -> Response:
    """The features of a layer in one status, to be decided on."""
    return _layer_page(request, layer, city, worker, part, who, conn)


@router.get("/{name}/{feature}")
def show_feature(
    feature: str,
    request: Request,
    layer: LayerDep,
    city: CityDep,
    account: SignedInDep,
    worker: ReviewerDep,
    who: WhoDep,
    conn: WorkConnDep,
) -> Response:
    """One feature: what it says, what stands in its way, and what was decided on it."""
    return _feature_page(request, layer, city, worker, whole_id(layer, feature), who, conn)


@router.post("/{name}")
def decide(
    request: Request,
    layer: LayerDep,
    city: CityDep,
    account: CsrfDep,
    asked: AskedDep,
    worker: WorkerDep,
    who: WhoDep,
    conn: WorkConnDep,
) -> Response:
    """Take a step with the features that are named, or with a whole batch."""
    _require_own_password(account)
    try:
        outcome = review.decide(conn, layer, asked.chosen, asked.ke, asked.catatan, worker)
    except Undecided as undecided:
        conn.rollback()
        outcome = Outcome({}, undecided.refused)
        if is_program(request):
            return _refused(layer, undecided)
    else:
        conn.commit()
    if is_program(request):
        return JSONResponse(_told(layer, asked, outcome))
    part = _part_asked(request, asked)
    if not outcome.refused and not outcome.left:
        return go_to(request, _behind(request, layer, part, asked, outcome))
    act_as(conn, worker.actor)
    return _layer_page(request, layer, city, worker, part, who, conn, asked, outcome)


@router.post("/{name}/{feature}")
async def comment(
    feature: str,
    request: Request,
    layer: LayerDep,
    account: CsrfDep,
    worker: WorkerDep,
    conn: WorkConnDep,
) -> Response:
    """Say something of a feature."""
    _require_own_password(account)
    if is_program(request) and request.headers.get("content-type", "").startswith("application/json"):
        try:
            said: str | None = Said.model_validate_json(await request.body()).komentar
        except ValidationError as error:
            place, reason = first_fault(error)
            raise InvalidQuery(f"{place or 'Isi permintaan'}: {reason}.") from None
    else:
        told = (await request.form()).get("komentar")
        said = told if isinstance(told, str) else None
    number = whole_id(layer, feature)
    await run_in_threadpool(_comment, conn, layer, number, said, worker)
    if is_program(request):
        return JSONResponse({"lapisan": layer.name, "id": number}, 201)
    return go_to(request, f"/tinjauan/{layer.name}/{number}")


@router.post("/{name}/{feature}/kecualikan")
def except_finding(
    feature: str,
    request: Request,
    layer: LayerDep,
    account: CsrfDep,
    worker: WorkerDep,
    conn: WorkConnDep,
    temuan: Annotated[Int64, Form()],
    versi: Annotated[Int32, Form()],
    alasan: Annotated[str, Form()] = "",
) -> Response:
    """Let an error that a check found stop nothing, as long as the feature stays as it is."""
    _require_own_password(account)
    number = whole_id(layer, feature)
    review.except_finding(conn, layer, Seen(number, versi), temuan, alasan, worker)
    conn.commit()
    return go_to(request, f"/tinjauan/{layer.name}/{number}")


def _comment(conn: Connection, layer: Layer, number: int, said: str | None, worker: Worker) -> None:
    review.comment(conn, layer, number, said, worker)
    conn.commit()


def _require_own_password(account: Account) -> None:
    if account.must_change:
        raise NotAllowed("Ganti sandi dahulu di halaman Akun.")


def _part_asked(request: Request, asked: Asked) -> Part:
    """The page that a form was on: its address still says so."""
    part = part_of(request)
    if asked.semua is not None:
        return Part(asked.semua.status, asked.semua.kelurahan, asked.semua.impor)
    return part


def _behind(request: Request, layer: Layer, part: Part, asked: Asked, outcome: Outcome) -> str:
    """Where a form leads that was carried out in full."""
    query = part.query(selesai=len(outcome.taken), ke=asked.ke)
    return f"/tinjauan/{layer.name}?" + "&".join(f"{name}={value}" for name, value in query.items())


def _refused(layer: Layer, undecided: Undecided) -> Response:
    """Why nothing was decided, for a program."""
    told = {"status": 409, "title": str(undecided), "ditolak": _refusals(layer, undecided.refused)}
    return JSONResponse(told, 409, media_type="application/problem+json")


def _told(layer: Layer, asked: Asked, outcome: Outcome) -> dict[str, Any]:
    return {
        "lapisan": layer.name,
        "ke": asked.ke,
        "diputuskan": [{"id": feature, "versi": version} for feature, version in outcome.taken.items()],
        "ditolak": _refusals(layer, outcome.refused),
        "sisa": outcome.left,
    }


def _refusals(layer: Layer, refused: Sequence[Refusal]) -> list[dict[str, Any]]:
    return [{"id": each.id, "nama": _name(layer, each), "alasan": each.reason} for each in refused]


def _name(layer: Layer, refusal: Refusal) -> str:
    return feature_name(layer, {layer.label: refusal.label})


def _layer_page(
    request: Request,
    layer: Layer,
    city: City,
    worker: Worker,
    part: Part,
    who: Visitor | None,
    conn: Connection,
    asked: Asked | None = None,
    outcome: Outcome | None = None,
) -> HTMLResponse:
    given = parameters_of(request.scope["query_string"])
    counts = review.counts(conn, layer, part.kelurahan, part.impor)
    status = part.status or _first_waiting(counts, worker)
    part = Part(status, part.kelurahan, part.impor, part.after)
    features, behind = review.listed(conn, layer, status, part.kelurahan, part.impor, part.after)
    steps = _steps_of(worker, features)
    return page(
        "review/layer.html",
        request,
        who,
        status=409 if outcome is not None and not outcome.taken else 200,
        head=layer.title,
        here=f"/tinjauan/{layer.name}",
        crumbs=[HERE],
        layer=layer,
        part=part,
        current=status,
        statuses=STATUSES,
        counts=counts,
        features=features,
        chosen={each.id for each in asked.fitur or ()} if asked is not None else set(),
        note=asked.catatan if asked is not None else "",
        obstacles=_obstacles(conn, layer, features),
        kelurahan=kelurahan_of(conn, city),
        steps=steps,
        forward=FORWARD,
        next=behind and part.query(after=behind),
        seen_at=conn.scalar(select(func.now())),
        outcome=outcome,
        refusals=[] if outcome is None else [(_name(layer, each), each) for each in outcome.refused],
        done=_done(given),
        most_refusals=20,
        **_map_of(request, layer, features),
    )


def _feature_page(
    request: Request,
    layer: Layer,
    city: City,
    worker: Worker,
    feature_id: int,
    who: Visitor | None,
    conn: Connection,
) -> HTMLResponse:
    feature = review.single(conn, layer, feature_id)
    about = feature["properties"]
    return page(
        "review/feature.html",
        request,
        who,
        head=feature_name(layer, about),
        here=f"/tinjauan/{layer.name}/{feature_id}",
        crumbs=[HERE, (layer.title, f"/tinjauan/{layer.name}?status={about['status']}")],
        layer=layer,
        feature=feature,
        fields=layer.readable("internal"),
        hidden=[field.title for field in layer.fields.values() if field.access == "terbatas"],
        ours=COLUMNS,
        statuses=STATUSES,
        obstacles=_obstacles(conn, layer, [feature]),
        kelurahan=kelurahan_of(conn, city),
        steps=_steps_of(worker, [feature]),
        forward=FORWARD,
        decisions=review.timeline(conn, layer, feature_id),
        may_comment=comments(worker.rights),
        may_except=review.may_except(worker, about["kode_wilayah"]),
        shortest_reason=review.SHORTEST_REASON,
        may_open=cares_for(worker.rights, about["kode_wilayah"]),
        may_edit=about["status"] != "arsip"
        and may_edit(worker.rights, layer, about["kode_wilayah"], own=about["created_by"] == worker.actor.name),
        **_map_of(request, layer, [feature]),
    )


def _map_of(request: Request, layer: Layer, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
    root, bounds = root_of(request), bounds_of(features)
    return {
        "map": bounds and small_map(layer, root, bounds, features),
        "map_address": bounds and map_address(root, layer, bounds),
        "shapes": SHAPES,
        "symbols": _symbols(layer),
    }


def _obstacles(
    conn: Connection, layer: Layer, features: Sequence[dict[str, Any]]
) -> dict[int, tuple[list[str], Obstacles]]:
    """What stands in the way of each feature, and what its empty fields are called."""
    found = review.obstacles(conn, layer, [each["id"] for each in features])
    return {
        feature: ([(layer.fields.get(name) or SYSTEM_FIELDS[name]).title for name in about.missing], about)
        for feature, about in found.items()
    }


def _steps_of(worker: Worker, features: Sequence[dict[str, Any]]) -> list[Step]:
    """The steps that can be taken with at least one of the features."""
    found: set[Step] = set()
    for about in (each["properties"] for each in features):
        found |= set(worker.steps(about["status"], about["kode_wilayah"], about["created_by"]))
    return [step for step in STEPS if step in found]


def _first_waiting(counts: dict[str, int], worker: Worker) -> str:
    """The status that a list opens with: one that waits for the worker, else the first that there is."""
    roles = {right.role for right in worker.rights}
    waits = {step.before for step in STEPS if step.after in FORWARD and roles & set(step.roles)}
    return next((status for status in counts if status in waits), next(iter(counts), "diajukan"))


def _done(given: dict[str, str]) -> tuple[int, str] | None:
    """How many features a form before this page brought to which status."""
    said, status = given.get("selesai", ""), given.get("ke", "")
    if said.isascii() and said.isdigit() and len(said) < 6 and status in STATUSES:
        return int(said), STATUSES[status]
    return None


def _layer_of(city: City) -> Any:
    order = {name: number for number, name in enumerate(city.catalogue.layers)}
    return lambda waiting: order[waiting.layer]


def _symbols(*layers: Layer) -> Any:
    return sprite({*SHOWN, *(layer.style.icon for layer in layers if layer.style.icon)})
