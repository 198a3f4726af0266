"""Putting back what was: a version, a deleted feature, or everything that one act changed, each as an act of its own.

Connections act as the editor, and PostgreSQL decides what is theirs to change: migration 0005. The caller ends the
transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.errors import CheckViolation, InsufficientPrivilege, UniqueViolation
from sqlalchemy import ARRAY, BigInteger, Connection, any_, func, literal, select
from sqlalchemy.exc import IntegrityError, ProgrammingError

from geosatu.database.tables import past_of, table_of
from geosatu.errors import InvalidFeature, InvalidQuery, NotAllowed, RefusedChange, StaleEdit, UnknownFeature
from geosatu.features import WIB, Actor
from geosatu.layers import STATUSES, SYSTEM_FIELDS, Catalogue, Layer
from geosatu.rights import EDITABLE
from geosatu.store import acts, past
from geosatu.store.review import obstacles
from geosatu.store.stale import changed_since, sentence


@dataclass(frozen=True)
class Restored:
    """A feature that is again what it was."""

    id: int
    version: int
    status: str


@dataclass(frozen=True)
class Left:
    """A feature that stays as it is, because somebody changed it again."""

    layer: str
    id: int
    by: str | None
    at: datetime

    @property
    def reason(self) -> str:
        at = self.at.astimezone(WIB)
        who = f" oleh {self.by}" if self.by else ""
        return f"sudah diubah lagi{who} pada {at:%d-%m-%Y} pukul {at:%H.%M} WIB"


@dataclass
class Undone:
    """What became of everything that an act had changed: ids of features by layer."""

    act: int
    """The act that undid it."""
    changed: dict[str, list[int]] = field(default_factory=dict)
    deleted: dict[str, list[int]] = field(default_factory=dict)
    back: dict[str, list[int]] = field(default_factory=dict)
    later: list[Left] = field(default_factory=list)
    taken: int = 0
    """How many deleted features stay gone, because others have their uid by now."""
    barred: int = 0
    """How many are not for this editor to change."""

    @property
    def done(self) -> int:
        """How many features are again what they were."""
        return sum(len(ids) for each in (self.changed, self.deleted, self.back) for ids in each.values())

    @property
    def restored(self) -> dict[str, list[int]]:
        """The features that are there with earlier content, by layer."""
        return {name: self.changed.get(name, []) + self.back.get(name, []) for name in {**self.changed, **self.back}}

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "act": self.act,
            "changed": self.changed,
            "deleted": self.deleted,
            "back": self.back,
            "later": [{"layer": e.layer, "id": e.id, "by": e.by, "at": e.at.isoformat()} for e in self.later],
            "taken": self.taken,
            "barred": self.barred,
        }


def version(
    conn: Connection,
    catalogue: Catalogue,
    layer: Layer,
    feature: int,
    wanted: int,
    seen: int | None,
    reason: str | None,
    actor: Actor,
) -> Restored:
    """The feature with the content of an earlier version again, deleted or not.

    `seen` is the version that the editor saw, which of a deleted feature is its last; None: they did not say.
    """
    acts.begin(conn, acts.with_homes(catalogue, [layer]), "pemulihan", actor, reason)
    f, p = table_of(layer).c, past_of(layer).c
    told = (f.id, f.version, f.status, f.updated_by, f.updated_at)
    current = conn.execute(select(*told).where(f.id == feature)).one_or_none()
    there = conn.scalar(select(func.count()).where(p.id == feature, p.version == wanted))
    if not there:
        raise UnknownFeature(f"Fitur {feature} di lapisan {layer.name} tidak punya versi {wanted} di riwayatnya.")
    if current is not None and seen is not None and seen != current.version:
        titles = changed_since(conn, layer, {feature: seen}).get(feature, [])
        message = sentence(current, titles, "Muat ulang riwayatnya, lalu ulangi.")
        raise StaleEdit(message, feature, current.version, current.updated_by, current.updated_at, titles)
    if current is not None and current.status == "arsip":
        raise NotAllowed(f"Fitur {feature} ada di arsip; kembalikan dahulu ke draf lewat tinjauan.")
    call = func.geosatu.restore(layer.name, feature, wanted).table_valued("now_version", "now_status")
    row = _run(conn, layer, select(call))[0]
    _require_complete(conn, layer, [feature])
    return Restored(feature, row.now_version, row.now_status)


def act(conn: Connection, catalogue: Catalogue, undone: int, reason: str | None, actor: Actor) -> Undone:
    """Everything that an act changed is again what it was before, as far as it is the editor's to change and nobody
    changed it since; what stays is told."""
    found = past.acts_of(conn, [undone]).get(undone) if undone < 2**63 else None
    if found is None:
        raise UnknownFeature(f"Tindakan nomor {undone} tidak ada.")
    if found.door == "tinjauan":
        raise InvalidQuery("Keputusan tinjauan tidak dibatalkan di sini; ambil langkah sebaliknya di tinjauan.")
    names = conn.scalars(select(func.geosatu.layers_of(undone).column_valued("name")))
    layers = [catalogue[name] for name in names if name in catalogue]
    outcome = Undone(acts.begin(conn, acts.with_homes(catalogue, layers), "pemulihan", actor, reason, undone))
    for layer in layers:
        _undo(conn, layer, undone, outcome)
    if not outcome.done:
        raise RefusedChange(f"Tidak ada yang dipulihkan. {_why_not(outcome)}")
    return outcome


def _undo(conn: Connection, layer: Layer, undone: int, outcome: Undone) -> None:
    call = func.geosatu.undo(layer.name, undone).table_valued("feature", "outcome", "by", "at")
    kinds = {"changed": outcome.changed, "deleted": outcome.deleted, "back": outcome.back}
    for row in _run(conn, layer, select(call)):
        if row.outcome in kinds:
            kinds[row.outcome].setdefault(layer.name, []).append(row.feature)
        elif row.outcome == "later":
            outcome.later.append(Left(layer.name, row.feature, row.by, row.at))
        elif row.outcome == "taken":
            outcome.taken += 1
        else:
            outcome.barred += 1
    _require_complete(conn, layer, outcome.changed.get(layer.name, []))


def _why_not(outcome: Undone) -> str:
    if outcome.later:
        first = outcome.later[0]
        others = f" ({len(outcome.later)} fitur seperti ini.)" if len(outcome.later) > 1 else ""
        return f"Fitur {first.id} di lapisan {first.layer} {first.reason}.{others}"
    if outcome.barred:
        return "Akun Anda tidak berhak mengubah fitur-fiturnya."
    return "Tindakan itu sudah tidak berbekas."


def _require_complete(conn: Connection, layer: Layer, ids: Sequence[int]) -> None:
    """What is handed in or published keeps its required fields."""
    f = table_of(layer).c
    told = select(f.id, f.status).where(f.id == any_(literal(list(ids), ARRAY(BigInteger))), f.status.not_in(EDITABLE))
    statuses = {row.id: row.status for row in conn.execute(told.order_by(f.id))}
    for number, about in obstacles(conn, layer, list(statuses)).items():
        if about.missing:
            titles = ", ".join((layer.fields.get(name) or SYSTEM_FIELDS[name]).title for name in about.missing)
            raise InvalidFeature(
                f"Fitur {number} berstatus {STATUSES[statuses[number]].lower()}, padahal di versi itu belum diisi: "
                f"{titles}. Tarik dahulu dari publik lewat tinjauan."
            )


def _run(conn: Connection, layer: Layer, statement: Any) -> Sequence[Any]:
    try:
        return conn.execute(statement).all()
    except (IntegrityError, ProgrammingError) as error:
        if isinstance(error.orig, UniqueViolation):
            names = ", ".join((layer.fields.get(name) or SYSTEM_FIELDS[name]).title for name in layer.key) or "uid"
            raise InvalidFeature(
                f"{names} dari versi itu kini dipakai fitur lain di lapisan {layer.title}; ubah dahulu fitur itu."
            ) from None
        if isinstance(error.orig, CheckViolation):
            raise InvalidFeature(
                f"Isi versi itu tidak sesuai lagi dengan katalog lapisan {layer.title}, misalnya kodenya sudah "
                "dihapus; ubah fiturnya dengan tangan."
            ) from None
        if isinstance(error.orig, InsufficientPrivilege):
            raise NotAllowed(f"Akun Anda tidak berhak memulihkan ini di lapisan {layer.title}.") from None
        raise
