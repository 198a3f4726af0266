"""The audit log, as those read it who may; PostgreSQL shows it to nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, select

from geosatu.database.tables import audit
from geosatu.features import WIB

PAGE = 100


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    id: int
    at: datetime
    actor: str
    action: str
    detail: dict[str, Any]
    address: str | None


@dataclass(frozen=True)
class Wanted:
    """Which lines are asked for."""

    action: str | None = None
    actor: str | None = None
    first: date | None = None
    last: date | None = None
    """Days in WIB, both of them included."""
    before: int | None = None
    """Only lines older than this one."""


def entries(conn: Connection, wanted: Wanted) -> tuple[list[Entry], int | None]:
    """One page of the log, newest first, and behind which line the next page starts."""
    a = audit.c
    conditions = []
    if wanted.action is not None:
        conditions.append(a.action == wanted.action)
    if wanted.actor is not None:
        conditions.append(a.actor == wanted.actor)
    if wanted.first is not None:
        conditions.append(a.at >= datetime.combine(wanted.first, time(), WIB))
    if wanted.last is not None:
        conditions.append(a.at < datetime.combine(wanted.last, time(), WIB) + timedelta(days=1))
    if wanted.before is not None:
        conditions.append(a.id < wanted.before)
    lines = select(a.id, a.at, a.actor, a.action, a.detail, a.address).where(*conditions)
    rows = conn.execute(lines.order_by(a.id.desc()).limit(PAGE + 1)).all()
    found = [Entry(*row) for row in rows[:PAGE]]
    return found, found[-1].id if len(rows) > PAGE else None
