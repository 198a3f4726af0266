"""Review: what waits for somebody, the steps that they take with one feature or with many, and what was decided.

Connections act as the worker, so that PostgreSQL decides what they see and which steps they take. What is judged
here is judged to tell people why, and all of it for many features at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    Integer,
    Row,
    Select,
    Text,
    and_,
    any_,
    case,
    cast,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.exc import ProgrammingError

from geosatu.database.tables import accounts, audit, decisions, table_of
from geosatu.errors import InvalidQuery, NotAllowed, RefusedChange, UnknownFeature
from geosatu.features import Actor
from geosatu.layers import STATUSES, SYSTEM_FIELDS, Catalogue, Layer
from geosatu.rights import FORWARD, STEPS, WHOLE_CITY, Right, Step, comments, may_take, publishers, step_between
from geosatu.store import acts
from geosatu.store.rendering import feature_text, properties_of, published
from geosatu.store.stale import changed_since, sentence

PAGE = 50
"""Features on one page of a list."""

MOST_AT_ONCE = 5_000
"""Features that one decision takes."""

LONGEST_NOTE = 2_000
SHORTEST_REASON = 5

DECIDED = "keputusan"
"""What the audit log calls a decision."""


@dataclass(frozen=True)
class Worker:
    """Who reviews, and by which rights."""

    actor: Actor
    rights: tuple[Right, ...]

    def steps(self, status: str, kode_wilayah: str | None, created_by: str) -> list[Step]:
        """The steps that they may take with a feature."""
        own = created_by == self.actor.name
        return [step for step in STEPS if step.before == status and may_take(step, self.rights, kode_wilayah, own)]


@dataclass(frozen=True)
class Waiting:
    """Features of one kelurahan and status that wait for a step."""

    layer: str
    kode_wilayah: str | None
    status: str
    count: int
    since: date
    """The day on which the one that waits longest was changed last."""


@dataclass(frozen=True)
class Excepted:
    """Why a finding stops nothing, who said so and when."""

    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class Found:
    """What the last check found on a feature."""

    id: int
    severity: str
    message: str
    """A sentence."""
    excepted: Excepted | None = None


@dataclass(frozen=True)
class Obstacles:
    """What stands in the way of a feature."""

    missing: list[str] = field(default_factory=list)
    """The required fields without a value."""
    found: list[Found] = field(default_factory=list)

    @property
    def errors(self) -> list[Found]:
        """What stops the feature."""
        return [each for each in self.found if each.severity != "warning" and each.excepted is None]

    @property
    def excepted(self) -> list[Found]:
        """What would, had nobody excepted it."""
        return [each for each in self.found if each.excepted is not None]

    @property
    def warnings(self) -> list[Found]:
        """What stops nothing."""
        return [each for each in self.found if each.severity == "warning"]


@dataclass(frozen=True)
class Decision:
    """A step that was taken, or a comment, after which the status is what it was before; and by whom."""

    at: datetime
    before: str
    after: str
    note: str | None
    actor: str
    full_name: str | None


@dataclass(frozen=True)
class Seen:
    """A feature as somebody saw it who decides on it."""

    id: int
    version: int


@dataclass(frozen=True)
class Batch:
    """All features of a status, of one kelurahan or one import or both."""

    status: str
    kode_wilayah: str | None = None
    import_id: int | None = None
    seen_at: datetime | None = None
    """When they were seen: what has changed since then is left out."""


@dataclass(frozen=True)
class Refusal:
    """A feature that did not take the step, and why."""

    id: int
    label: Any
    """What its label field says."""
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What became of a decision."""

    taken: dict[int, int]
    """The features that took the step, with their versions since then."""
    refused: list[Refusal]
    left: int = 0
    """How many of a batch were too many for one decision."""


class Undecided(RefusedChange):
    """None of the named features took the step, because some could not."""

    def __init__(self, refused: list[Refusal]) -> None:
        others = f" ({len(refused)} fitur seperti ini.)" if len(refused) > 1 else ""
        super().__init__(f"Tidak ada yang diubah. {refused[0].reason}{others}")
        self.refused = refused


def queue(conn: Connection, catalogue: Catalogue, worker: Worker) -> list[Waiting]:
    """What waits for a step forward that the worker may take, by layer, kelurahan and status."""
    parts = []
    for layer in catalogue:
        f = table_of(layer).c
        counts = select(
            literal(layer.name).label("layer"),
            f.kode_wilayah,
            f.status,
            func.count().label("count"),
            cast(func.timezone("Asia/Jakarta", func.min(f.updated_at)), Date).label("since"),
        )
        parts.append(counts.where(_waits(layer, worker)).group_by(f.kode_wilayah, f.status))
    rows = union_all(*parts).subquery()
    found = conn.execute(select(rows).order_by(rows.c.kode_wilayah.nulls_first(), rows.c.status))
    return [Waiting(*row) for row in found]


def counts(conn: Connection, layer: Layer, kode_wilayah: str | None, import_id: int | None) -> dict[str, int]:
    """How many features of each status the worker sees."""
    f = table_of(layer).c
    among = _among(layer, kode_wilayah, import_id)
    rows = conn.execute(select(f.status, func.count().label("number")).where(*among).group_by(f.status))
    found = {row.status: row.number for row in rows}
    return {status: found[status] for status in STATUSES if status in found}


def listed(
    conn: Connection,
    layer: Layer,
    status: str,
    kode_wilayah: str | None = None,
    import_id: int | None = None,
    after: int = 0,
) -> tuple[list[dict[str, Any]], int | None]:
    """One page of a status's features as GeoJSON, and where the next one starts."""
    f = table_of(layer).c
    among = [f.status == status, f.id > after, *_among(layer, kode_wilayah, import_id)]
    rows = list(conn.scalars(_features(layer).where(*among).order_by(f.id).limit(PAGE + 1)))
    features = [json.loads(row) for row in rows[:PAGE]]
    return features, features[-1]["id"] if len(rows) > PAGE else None


def single(conn: Connection, layer: Layer, feature_id: int) -> dict[str, Any]:
    """One feature as GeoJSON, or `UnknownFeature`."""
    found = conn.scalar(_features(layer).where(table_of(layer).c.id == feature_id))
    if found is None:
        raise _unknown(layer, feature_id)
    feature: dict[str, Any] = json.loads(found)
    return feature


def obstacles(conn: Connection, layer: Layer, ids: Sequence[int]) -> dict[int, Obstacles]:
    """What stands in the way of each of these features."""
    if not ids:
        return {}
    required = [each.name for each in layer.fields.values() if each.required]
    if layer.owner == "kelurahan":
        required.insert(0, "kode_wilayah")
    rows = func.geosatu.obstacles(
        layer.name, literal(list(ids), ARRAY(BigInteger)), literal(required, ARRAY(Text))
    ).table_valued("feature", "missing", "found")
    return {
        row.feature: Obstacles(row.missing, [_found(each) for each in row.found]) for row in conn.execute(select(rows))
    }


def _found(told: Mapping[str, Any]) -> Found:
    said = told["exception"]
    excepted = said and Excepted(said["reason"], said["actor"], datetime.fromisoformat(said["at"]))
    return Found(told["id"], told["severity"], told["message"], excepted)


def timeline(conn: Connection, layer: Layer, feature_id: int) -> list[Decision]:
    """What was decided on a feature, the latest first, as far as the worker may know."""
    d = decisions.c
    rows = (
        select(d.at, d.before, d.after, d.note, d.actor, accounts.c.full_name)
        .select_from(decisions.outerjoin(accounts, accounts.c.id == d.account))
        .where(d.layer == layer.name, d.feature == feature_id)
        .order_by(d.id.desc())
    )
    return [Decision(*row) for row in conn.execute(rows)]


def decide(
    conn: Connection,
    layer: Layer,
    chosen: Sequence[Seen] | Batch,
    after: str,
    note: str | None,
    worker: Worker,
) -> Outcome:
    """Take the step to a status with features of a layer.

    Named features take it all or none: `UnknownFeature`, `NotAllowed` or `Undecided` tell why. Of a batch, those
    that can take it do, and the outcome names the others. The caller ends the transaction.
    """
    if after not in STATUSES:
        raise InvalidQuery(f"Status {after[:40]!r} tidak ada; yang ada: {', '.join(STATUSES)}.")
    said = _note(note)
    acts.begin(conn, [layer], "tinjauan", worker.actor, said)
    left = 0
    if isinstance(chosen, Batch):
        rows, left = _batch(conn, layer, chosen)
        require_note(step_between(chosen.status, after), said)
        seen = {row.id: row.version for row in rows}
        stale = {row.id for row in rows if chosen.seen_at is not None and row.updated_at > chosen.seen_at}
    else:
        seen = {each.id: each.version for each in chosen}
        rows = _named(conn, layer, seen)
        stale = {row.id for row in rows if row.version != seen[row.id]}
        for row in rows:
            if row.id not in stale:
                require_note(step_between(row.status, after), said)
    refused = _changed(conn, layer, [row for row in rows if row.id in stale], seen)
    refused += _unfit(conn, layer, [row for row in rows if row.id not in stale], after, said, worker)
    if refused and not isinstance(chosen, Batch):
        raise _refusal(refused)
    unfit = {each.id for each in refused}
    fit = [row for row in rows if row.id not in unfit]
    taken = _take(conn, layer, fit, after, said, worker)
    if missed := [row.id for row in fit if row.id not in taken]:
        # They changed after they were read here, or the policies do not let the worker touch them.
        again = _named(conn, layer, missed)
        changed = [row for row in again if row.version != seen[row.id]]
        barred = [row for row in again if row.version == seen[row.id]]
        refused += _changed(conn, layer, changed, seen)
        refused += [_barred(row, step_between(row.status, after)) for row in barred]
        if not isinstance(chosen, Batch):
            raise _refusal(refused)
    if taken:
        _log(conn, layer, fit, taken, after, said, worker)
    return Outcome(taken, refused, left)


def comment(conn: Connection, layer: Layer, feature_id: int, said: str | None, worker: Worker) -> None:
    """Say something of a feature, which changes nothing of it; the caller ends the transaction."""
    if not comments(worker.rights):
        raise NotAllowed("Akun Anda tidak berhak berkomentar. Minta haknya kepada walidata.")
    note = _note(said)
    if note is None:
        raise InvalidQuery("Komentar kosong; tulis dahulu isinya.")
    (row,) = _named(conn, layer, [feature_id])
    told = {"layer": layer.name, "feature": row.id, "kode_wilayah": row.kode_wilayah, "created_by": row.created_by}
    told |= {"before": row.status, "after": row.status, "note": note}
    conn.execute(insert(decisions).values(**told, account=worker.actor.account, actor=worker.actor.name).inline())


def may_except(worker: Worker, kode_wilayah: str | None) -> bool:
    """Whether the worker excepts findings on features of this kelurahan: who may publish over them does."""
    return any(right.role in publishers() and right.covers(kode_wilayah) for right in worker.rights)


def except_finding(
    conn: Connection, layer: Layer, seen: Seen, finding: int, reason: str | None, worker: Worker
) -> None:
    """Let an error that a check found on a feature stop nothing, for as long as its features stay as they are.

    `NotAllowed`, `Undecided` (the feature changed since it was seen) or `InvalidQuery`. The caller ends the
    transaction.
    """
    why = _note(reason)
    if why is None or len(why) < SHORTEST_REASON:
        raise InvalidQuery(f"Tulis alasan pengecualian, paling sedikit {SHORTEST_REASON} huruf.")
    (row,) = _named(conn, layer, [seen.id])
    if row.version != seen.version:
        raise Undecided(_changed(conn, layer, [row], {seen.id: seen.version}))
    if not may_except(worker, row.kode_wilayah):
        raise NotAllowed("Hanya walidata yang mengecualikan temuan.")
    about = obstacles(conn, layer, [seen.id])[seen.id]
    if finding not in {each.id for each in about.errors if each.severity == "error"}:
        raise InvalidQuery("Temuan itu sudah tidak ada, atau tidak dapat dikecualikan. Muat ulang halamannya.")
    try:
        conn.execute(select(func.geosatu.except_finding(finding, why, worker.actor.address)))
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise NotAllowed("Temuan itu juga tentang fitur di luar wilayah Anda.") from None
        raise


def require_note(step: Step, note: str | None) -> None:
    """Refuse a step that must be explained and is not."""
    if step.needs_note and note is None:
        raise InvalidQuery(
            f"Catatan wajib diisi untuk langkah {step.title}: tulis alasannya atau yang harus diperbaiki."
        )


class _Barred(Refusal):
    """Refused for want of a right."""


def _features(layer: Layer) -> Select[Any]:
    """Features as GeoJSON text with all that staff see; a home without a public place has no geometry."""
    f = table_of(layer).c
    _, geom, _ = published(layer, "internal")
    told = [*properties_of(layer, "internal"), f.import_id, f.created_at, f.created_by, f.updated_by]
    placed = feature_text(layer, geom, told)
    if layer.home is not None:
        placed = case((geom.is_(None), feature_text(layer, None, told)), else_=placed)
    return select(placed)


def _among(layer: Layer, kode_wilayah: str | None, import_id: int | None) -> list[ColumnElement[bool]]:
    f = table_of(layer).c
    among = [] if kode_wilayah is None else [f.kode_wilayah == kode_wilayah]
    return among if import_id is None else [*among, f.import_id == import_id]


def _waits(layer: Layer, worker: Worker) -> ColumnElement[bool]:
    """A feature waits for the worker."""
    status = table_of(layer).c.status
    forward = [step for step in STEPS if step.after in FORWARD]
    return or_(false(), *(and_(status == step.before, _reach(layer, step, worker)) for step in forward))


def _reach(layer: Layer, step: Step, worker: Worker) -> ColumnElement[bool]:
    """Where the worker may take the step."""
    f = table_of(layer).c
    own: ColumnElement[bool] = f.created_by == worker.actor.name
    ways = []
    for right in worker.rights:
        if right.role in step.roles:
            covered = literal(right.area, Text) == any_(func.geosatu.areas_of(f.kode_wilayah, type_=ARRAY(Text)))
            within = true() if right.area == WHOLE_CITY else covered
            ways.append(and_(within, own) if right.role == "relawan" else within)
    return or_(false(), *ways)


def _judged(layer: Layer) -> Select[Any]:
    """What a decision looks at."""
    f = table_of(layer).c
    return select(
        *(f.id, f.version, f.status, f.kode_wilayah, f.created_by, f.updated_by, f.updated_at),
        f[layer.label].label("label"),
    )


def _named(conn: Connection, layer: Layer, ids: Iterable[int]) -> Sequence[Row[Any]]:
    """The features of these ids, or `UnknownFeature`."""
    wanted = list(ids)
    if not wanted:
        raise InvalidQuery("Pilih dahulu fitur yang akan diputuskan.")
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidQuery(f"Paling banyak {MOST_AT_ONCE} fitur dalam satu keputusan.")
    f = table_of(layer).c
    rows = conn.execute(_judged(layer).where(f.id == any_(literal(wanted, ARRAY(BigInteger)))).order_by(f.id)).all()
    if missing := sorted(set(wanted) - {row.id for row in rows}):
        raise _unknown(layer, missing[0])
    return rows


def _batch(conn: Connection, layer: Layer, batch: Batch) -> tuple[Sequence[Row[Any]], int]:
    """The features of a batch, and how many more there are."""
    if batch.kode_wilayah is None and batch.import_id is None:
        raise InvalidQuery("Sebutkan kelurahan atau impor yang akan diputuskan seluruhnya.")
    f = table_of(layer).c
    among = [f.status == batch.status, *_among(layer, batch.kode_wilayah, batch.import_id)]
    rows = conn.execute(_judged(layer).where(*among).order_by(f.id).limit(MOST_AT_ONCE)).all()
    found = len(rows)
    if found == MOST_AT_ONCE:
        found = conn.scalar(select(func.count()).select_from(table_of(layer)).where(*among)) or 0
    return rows, found - len(rows)


def _unfit(
    conn: Connection, layer: Layer, rows: Sequence[Row[Any]], after: str, note: str | None, worker: Worker
) -> list[Refusal]:
    """The features that cannot take the step."""
    refused: list[Refusal] = []
    may = []
    for row in rows:
        step = step_between(row.status, after)
        if may_take(step, worker.rights, row.kode_wilayah, row.created_by == worker.actor.name):
            may.append(row)
        else:
            refused.append(_barred(row, step))
    if after not in FORWARD:
        return refused
    # Whoever publishes may do so over what a check found, when they say why.
    over = after == "terbit" and note is not None
    found = obstacles(conn, layer, [row.id for row in may])
    for row in may:
        about = found.get(row.id, Obstacles())
        if about.missing:
            titles = ", ".join((layer.fields.get(name) or SYSTEM_FIELDS[name]).title for name in about.missing)
            refused.append(Refusal(row.id, row.label, f"Belum diisi padahal wajib: {titles}. Lengkapi dahulu."))
        elif about.errors and not over:
            advice = "perbaiki dahulu, atau minta walidata mengecualikannya"
            advice = "tulis alasannya di catatan bila tetap diterbitkan" if after == "terbit" else advice
            refused.append(
                Refusal(row.id, row.label, f"Temuan pemeriksaan: {about.errors[0].message.rstrip('.')}; {advice}.")
            )
    return refused


def _barred(row: Row[Any], step: Step) -> Refusal:
    reason = f"Akun Anda tidak berhak untuk langkah {step.title} (dari {STATUSES[step.before]}) pada fitur {row.id}."
    return _Barred(row.id, row.label, reason)


def _changed(conn: Connection, layer: Layer, rows: Sequence[Row[Any]], seen: Mapping[int, int]) -> list[Refusal]:
    """The features that are no longer what somebody saw, with who changed what."""
    if not rows:
        return []
    titles = changed_since(conn, layer, {row.id: seen[row.id] for row in rows})
    remedy = "Muat ulang, lalu putuskan lagi."
    return [Refusal(row.id, row.label, sentence(row, titles.get(row.id, []), remedy)) for row in rows]


def _take(
    conn: Connection, layer: Layer, rows: Sequence[Row[Any]], after: str, note: str | None, worker: Worker
) -> dict[int, int]:
    """The step, with a decision for each feature that takes it: those that are still what was judged."""
    if not rows:
        return {}
    features = table_of(layer)
    judged = (
        func.unnest(
            literal([row.id for row in rows], ARRAY(BigInteger)),
            literal([row.version for row in rows], ARRAY(Integer)),
            literal([row.status for row in rows], ARRAY(Text)),
        )
        .table_valued("id", "version", "status", name="judged")
        .render_derived()
    )
    f = features.c
    done = (
        update(features)
        .where(f.id == judged.c.id, f.version == judged.c.version)
        .values(status=after, updated_by=worker.actor.name)
        .returning(f.id, f.version, f.kode_wilayah, f.created_by, judged.c.status.label("before"))
        .cte("done")
    )
    told = {
        "layer": literal(layer.name, Text),
        "feature": done.c.id,
        "kode_wilayah": done.c.kode_wilayah,
        "created_by": done.c.created_by,
        "before": done.c.before,
        "after": literal(after, Text),
        "note": literal(note, Text),
        "account": literal(worker.actor.account, BigInteger),
        "actor": literal(worker.actor.name, Text),
    }
    kept = insert(decisions).from_select(list(told), select(*told.values())).returning(decisions.c.feature).cte("kept")
    try:
        versions = conn.execute(select(done.c.id, done.c.version).join(kept, kept.c.feature == done.c.id))
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise NotAllowed(f"Akun Anda tidak berhak untuk langkah ke status {STATUSES[after]} di sini.") from None
        raise
    return {row.id: row.version for row in versions}


def _log(
    conn: Connection,
    layer: Layer,
    rows: Sequence[Row[Any]],
    taken: Mapping[int, int],
    after: str,
    note: str | None,
    worker: Worker,
) -> None:
    """One line of the audit log for the whole decision."""
    detail = {
        "lapisan": layer.name,
        "dari": sorted({row.status for row in rows if row.id in taken}),
        "ke": after,
        "jumlah": len(taken),
        "kelurahan": sorted({row.kode_wilayah for row in rows if row.id in taken and row.kode_wilayah}),
        "catatan": note,
    }
    actor = worker.actor
    who = {"account": actor.account, "actor": actor.name, "address": actor.address}
    # Without the id that SQLAlchemy would ask back: only auditors may read the log.
    conn.execute(insert(audit).values(action=DECIDED, detail=detail, **who).inline())


def _note(said: str | None) -> str | None:
    """The note without what surrounds it; None: there is none."""
    note = (said or "").strip()
    if "\x00" in note:
        raise InvalidQuery("Catatan memuat huruf NUL.")
    if len(note) > LONGEST_NOTE:
        raise InvalidQuery(f"Catatan paling panjang {LONGEST_NOTE} huruf.")
    return note or None


def _refusal(refused: list[Refusal]) -> NotAllowed | Undecided:
    if all(isinstance(each, _Barred) for each in refused):
        return NotAllowed(refused[0].reason)
    return Undecided(refused)


def _unknown(layer: Layer, feature_id: int) -> UnknownFeature:
    return UnknownFeature(f"Fitur {feature_id} tidak ada di lapisan {layer.name}, atau bukan untuk akun ini.")
