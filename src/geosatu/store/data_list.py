"""The daftar data: which layers each kelurahan hands in every year, until when, and how far they are.

What a kelurahan has handed in of a layer follows from its features as they stand now:

- `perlu_perbaikan`: one of them was sent back, or else `draf`: one is still being worked on. What they hold
  besides does not count until that is done.
- `belum_ada`: there are none, or all were handed in before the year began.
- `diajukan`, `disetujui`, `terbit`: all were handed in, and this is how far the slowest of them is.

It *has handed in* (sudah menyetor) in the last three. When it did is the first time in the year that a feature
was handed in, or brought by somebody who publishes at once. It is late when that was after the deadline, or when
the deadline is over and it has not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, and_, case, delete, func, insert, literal, or_, select, union_all

from geosatu.database.tables import audit, data_list, decisions, table_of
from geosatu.errors import InvalidQuery
from geosatu.features import WIB, Actor
from geosatu.layers import Catalogue, Layer

EARLIEST, LATEST = 2000, 2100

STATES = {
    "belum_ada": "Belum ada",
    "draf": "Draf",
    "perlu_perbaikan": "Perlu perbaikan",
    "diajukan": "Diajukan",
    "disetujui": "Disetujui",
    "terbit": "Terbit",
}
HANDED_IN = ("diajukan", "disetujui", "terbit")

CHANGED = "tenggat_diubah"
"""What the audit log calls a change of deadlines."""


@dataclass(frozen=True)
class Cell:
    """How far a kelurahan is with a layer."""

    state: str = "belum_ada"
    handed_in: date | None = None
    late: bool = False
    features: int = 0

    @property
    def done(self) -> bool:
        """Whether the kelurahan has handed in."""
        return self.state in HANDED_IN


def years(conn: Connection) -> list[int]:
    """The years that have a list, the latest first."""
    return list(conn.scalars(select(data_list.c.year).distinct().order_by(data_list.c.year.desc())))


def deadlines(conn: Connection, catalogue: Catalogue, year: int) -> dict[str, date]:
    """Until when each layer on the year's list is to be handed in."""
    rows = conn.execute(select(data_list.c.layer, data_list.c.deadline).where(data_list.c.year == year))
    known = {row.layer: row.deadline for row in rows}
    return {layer.name: known[layer.name] for layer in catalogue if layer.name in known}


def listable(catalogue: Catalogue) -> list[Layer]:
    """The layers whose features belong to kelurahan."""
    return [layer for layer in catalogue if layer.owner == "kelurahan"]


def set_deadlines(conn: Connection, year: int, wanted: dict[str, date | None], actor: Actor) -> None:
    """Put layers on a year's list, or take them off it with None; PostgreSQL lets nobody but auditors."""
    if not EARLIEST <= year <= LATEST:
        raise InvalidQuery(f"tahun={year}: harus antara {EARLIEST} dan {LATEST}.")
    for layer, deadline in wanted.items():
        if deadline is not None and not date(year, 1, 1) <= deadline <= date(year + 1, 12, 31):
            raise InvalidQuery(f"Tenggat {layer} harus dalam tahun {year} atau {year + 1}, bukan {deadline:%d-%m-%Y}.")
    conn.execute(delete(data_list).where(data_list.c.year == year, data_list.c.layer.in_(list(wanted))))
    rows = [{"year": year, "layer": layer, "deadline": day} for layer, day in wanted.items() if day is not None]
    if rows:
        conn.execute(insert(data_list), rows)
    detail = {"tahun": year, "tenggat": {layer: day and day.isoformat() for layer, day in wanted.items()}}
    who = {"account": actor.account, "actor": actor.name, "address": actor.address}
    conn.execute(insert(audit).values(action=CHANGED, detail=detail, **who).inline())


def progress(
    conn: Connection,
    layers: Iterable[Layer],
    kelurahan: Collection[str],
    year: int,
    deadlines: dict[str, date],
    today: date,
) -> dict[tuple[str, str], Cell]:
    """How far each kelurahan is with each layer, by kode wilayah and layer, in one statement."""
    parts = []
    for layer in layers:
        f = table_of(layer).c
        mine = select(literal(layer.name).label("layer"), f.id, f.kode_wilayah, f.status, f.updated_at)
        parts.append(mine.where(f.kode_wilayah.in_(list(kelurahan)), f.status != "arsip"))
    found = {(kode, layer): Cell(late=today > deadlines[layer]) for kode in kelurahan for layer in deadlines}
    if not parts:
        return found
    start = datetime(year, 1, 1, tzinfo=WIB)
    d = decisions.c
    handed = (
        select(
            d.layer,
            d.feature,
            func.min(d.at).filter(and_(d.after == "diajukan", d.at >= start)).label("at"),
            func.max(d.at).label("last"),
        )
        .group_by(d.layer, d.feature)
        .subquery()
    )
    features = union_all(*parts).subquery()
    # Changed since the last decision, if there was one: brought by an import that publishes at once.
    decided = handed.c.last
    untold = and_(features.c.updated_at >= start, or_(decided.is_(None), features.c.updated_at > decided))
    at = func.coalesce(handed.c.at, case((untold, features.c.updated_at)))
    status = features.c.status
    rows = conn.execute(
        select(
            features.c.layer,
            features.c.kode_wilayah,
            func.count().label("features"),
            func.array_agg(status.distinct()).label("statuses"),
            func.min(at).filter(status.in_(HANDED_IN)).label("at"),
        )
        .select_from(
            features.outerjoin(handed, and_(handed.c.layer == features.c.layer, handed.c.feature == features.c.id))
        )
        .group_by(features.c.layer, features.c.kode_wilayah)
    )
    for row in rows:
        deadline = deadlines[row.layer]
        day = None if row.at is None else row.at.astimezone(WIB).date()
        state = _state(row.statuses, day is not None)
        late = (day is not None and day > deadline) if state in HANDED_IN else today > deadline
        found[row.kode_wilayah, row.layer] = Cell(state, day, late, row.features)
    return found


def _state(statuses: Collection[str], this_year: bool) -> str:
    for status in ("perlu_perbaikan", "draf"):
        if status in statuses:
            return status
    if not this_year:
        return "belum_ada"
    return next(status for status in HANDED_IN if status in statuses)
