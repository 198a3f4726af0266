"""The audit log: who signed in, and what became of accounts. It can only be added to."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection, insert

from geosatu.database import tables
from geosatu.features import Actor

Action = Literal[
    "masuk",
    "gagal_masuk",
    "keluar",
    "sandi_diganti",
    "token_dibuat",
    "token_dicabut",
    "akun_dibuat",
    "akun_diubah",
    "hak_diberi",
    "hak_dicabut",
    "undangan_dibuat",
    "undangan_dipakai",
]


def record(conn: Connection, actor: Actor, action: Action, **detail: Any) -> None:
    """One line of the audit log, there if and only if what it tells of is."""
    row = insert(tables.audit).values(
        account=actor.account, actor=actor.name, action=action, detail=detail, address=actor.address
    )
    conn.execute(row.inline())  # who writes here may not read it
