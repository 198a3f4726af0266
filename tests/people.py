"""People for tests: accounts with rights and a token, written as the operator would."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, text

from geosatu.accounts.known import key_of
from geosatu.database.tables import account_rights, accounts, sessions, tokens


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    id: int
    name: str
    token: str
    session: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"geosatu_sesi={self.session}"}


def person(conn: Connection, name: str, *rights: tuple[str, str], scope: str = "write") -> Person:
    """An account with these (role, area) pairs, a token and a session."""
    row = insert(accounts).values(name=name, full_name=name.title(), created_by="uji").returning(accounts.c.id)
    number = conn.scalar(row)
    assert number is not None
    for role, area in rights:
        conn.execute(insert(account_rights).values(account=number, role=role, area=area, granted_by="uji"))
    later = func.now() + text("interval '1 hour'")
    token, session = (secrets.token_urlsafe(32) for _ in range(2))
    conn.execute(insert(tokens).values(key=key_of(token), account=number, title="uji", scope=scope, expires_at=later))
    conn.execute(
        insert(sessions).values(
            key=key_of(session), account=number, expires_at=later, device="uji", address="127.0.0.1"
        )
    )
    return Person(number, name, token, session)
