"""Signing in: guessing is slowed without locking out those who are not guessed at; sessions and tokens.

An attempt counts before the password is looked at, so that many at once bring nobody further. Failures count
where they come from: per account name and address, per account name over all addresses, and for a browser that
knows the account (see `devices`) on its own. Every refusal is the same whether the account exists or not.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Literal, NamedTuple

from sqlalchemy import Connection, case, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from geosatu.accounts.audit import record
from geosatu.accounts.devices import Device
from geosatu.accounts.known import SESSION_DAYS, key_of
from geosatu.database import tables
from geosatu.errors import InvalidQuery, NotSignedIn, TooManyAttempts, UnknownAccount, shortened
from geosatu.features import PUBLIC, Actor

TOKEN_PREFIX = "gst_"  # noqa: S105  # what every token begins with
TOKEN_DAYS = (30, 90, 365)
MOST_TOKENS = 20
MOST_SESSIONS = 20
LONGEST_TITLE = 60

Scope = Literal["read", "write"]
SCOPES: dict[Scope, str] = {"read": "Membaca", "write": "Membaca dan menulis"}

NO_MATCH = "Nama akun atau sandi tidak cocok. Periksa keduanya, lalu coba lagi."

FORGOTTEN = timedelta(days=1)
"""After so long without another one, failures no longer count."""


class Slope(NamedTuple):
    """How long the next attempt waits after failures."""

    free: int
    """Failures after which nobody waits yet."""
    first: int
    """Seconds of the first wait; each further failure doubles it."""
    longest: int = 900

    def wait(self, failures: int) -> int:
        """Seconds after this many failures."""
        if failures < self.free:
            return 0
        return min(self.first << min(failures - self.free, 20), self.longest)


ONE_SOURCE = Slope(free=5, first=15)
ALL_SOURCES = Slope(free=20, first=60)


class Attempt(NamedTuple):
    """Somebody who wants to sign in, before their password was looked at."""

    account: int | None
    name: str
    password: str | None
    """The stored hash; None: there is no such account that may be used."""
    must_change: bool
    counted: tuple[str, ...]
    """What this attempt counts under."""


def begin(conn: Connection, name: str, address: str | None, device: Device | None) -> Attempt:
    """Count an attempt, or `TooManyAttempts`; commit before looking at the password."""
    name = name.replace("\x00", "").strip().lower()
    accounts = tables.accounts.c
    wanted = select(accounts.id, accounts.password, accounts.must_change, accounts.active)
    row = conn.execute(wanted.where(accounts.name == name)).first()
    account = None if row is None else int(row.id)
    if device is not None and account is not None and account in device.accounts:
        slopes = {_counter("device", name, device.nonce): ONE_SOURCE}
    else:
        slopes = {_counter("source", name, _network(address)): ONE_SOURCE, _counter("name", name): ALL_SOURCES}
    _count(conn, slopes)
    stored = row.password if row is not None and row.active else None
    return Attempt(account, name, stored, row is not None and row.must_change, tuple(slopes))


def begin_again(conn: Connection, account: int, key: bytes) -> Attempt:
    """The same for somebody who signed in, and has to show their password once more."""
    accounts = tables.accounts.c
    row = conn.execute(
        select(accounts.name, accounts.password, accounts.must_change).where(accounts.id == account, accounts.active)
    ).one()
    counter = _counter("session", row.name, key.hex())
    _count(conn, {counter: ONE_SOURCE})
    return Attempt(account, row.name, row.password, row.must_change, (counter,))


def _counter(kind: str, *parts: str) -> str:
    """What is counted, without telling whom it is about."""
    return sha256("\x1f".join((kind, *parts)).encode("utf-8", "replace")).hexdigest()


def _network(address: str | None) -> str:
    """Where an attempt comes from; of IPv6, everybody has 2^64 addresses."""
    try:
        known = ip_address(address or "")
    except ValueError:
        return address or ""
    return str(ip_network((known, 64), strict=False)) if isinstance(known, IPv6Address) else str(known)


def _count(conn: Connection, slopes: dict[str, Slope]) -> None:
    attempts = tables.attempts
    conn.execute(delete(attempts).where(attempts.c.last_at < func.now() - FORGOTTEN))
    fresh = upsert(attempts).values([{"key": key, "failures": 0} for key in sorted(slopes)])
    conn.execute(fresh.on_conflict_do_nothing())
    # The lock makes attempts at one name wait for each other, in one order.
    rows = conn.execute(
        select(attempts.c.key, attempts.c.failures, func.extract("epoch", func.clock_timestamp() - attempts.c.last_at))
        .where(attempts.c.key.in_(slopes))
        .order_by(attempts.c.key)
        .with_for_update()
    ).all()
    left = max(math.ceil(slopes[key].wait(failures) - float(since)) for key, failures, since in rows)
    if left > 0:
        raise TooManyAttempts(f"Terlalu banyak percobaan. Tunggu {_written_wait(left)}, lalu coba lagi.", left)
    conn.execute(
        update(attempts)
        .where(attempts.c.key.in_(slopes))
        .values(failures=attempts.c.failures + 1, last_at=func.clock_timestamp())
    )


def _written_wait(seconds: int) -> str:
    return f"{seconds} detik" if seconds < 90 else f"{math.ceil(seconds / 60)} menit"


def refuse(conn: Connection, attempt: Attempt, address: str | None) -> NotSignedIn:
    """Note a wrong password or name; what to tell, whichever it was."""
    record(conn, Actor(PUBLIC.name, address=address), "gagal_masuk", nama=shortened(attempt.name, 40))
    return NotSignedIn(NO_MATCH)


def succeed(conn: Connection, attempt: Attempt, rehashed: str | None = None) -> None:
    """The password was right, and still is: earlier failures are forgotten, and it is kept as we hash today."""
    accounts = tables.accounts
    same = (accounts.c.id == attempt.account, accounts.c.active, accounts.c.password == attempt.password)
    if conn.scalar(select(accounts.c.id).where(*same).with_for_update()) is None:
        raise NotSignedIn(NO_MATCH)
    conn.execute(delete(tables.attempts).where(tables.attempts.c.key.in_(attempt.counted)))
    if rehashed is not None:
        conn.execute(update(accounts).where(*same).values(password=rehashed))


def open_session(conn: Connection, actor: Actor, device: str, *, by: str = "sandi", ends: bytes | None = None) -> str:
    """The secret of a new session, of an account that may be used; it ends the session `ends`."""
    assert actor.account is not None
    accounts, sessions = tables.accounts.c, tables.sessions
    # Held until we are done, so that nobody deactivates the account meanwhile.
    usable = select(accounts.id).where(accounts.id == actor.account, accounts.active).with_for_update(read=True)
    if conn.scalar(usable) is None:
        raise NotSignedIn("Akun ini tidak dapat dipakai lagi. Hubungi walidata.")
    newest = (
        select(sessions.c.key)
        .where(sessions.c.account == actor.account)
        .order_by(sessions.c.seen_at.desc())
        .limit(MOST_SESSIONS - 1)
    )
    over = case(
        (sessions.c.expires_at < func.now(), True),
        (sessions.c.key == ends, True),
        else_=(sessions.c.account == actor.account) & sessions.c.key.not_in(newest),
    )
    conn.execute(delete(sessions).where(over))
    secret = secrets.token_urlsafe(32)
    row = insert(sessions).values(
        key=key_of(secret),
        account=actor.account,
        expires_at=func.now() + timedelta(days=SESSION_DAYS),
        device=device,
        address=actor.address or "",
    )
    conn.execute(row)
    record(conn, actor, "masuk", perangkat=device, dengan=by)
    return secret


def close_session(conn: Connection, actor: Actor, key: bytes) -> None:
    """Sign out one device of the actor's."""
    sessions = tables.sessions
    ended = delete(sessions).where(sessions.c.key == key, sessions.c.account == actor.account)
    device = conn.scalar(ended.returning(sessions.c.device))
    if device is None:
        raise UnknownAccount("Perangkat itu sudah keluar.")
    record(conn, actor, "keluar", perangkat=device)


def close_other_sessions(conn: Connection, actor: Actor, key: bytes) -> None:
    """Sign out every device of the actor's but this one."""
    sessions = tables.sessions
    ended = conn.execute(delete(sessions).where(sessions.c.key != key, sessions.c.account == actor.account)).rowcount
    if ended:
        record(conn, actor, "keluar", perangkat=ended)


class Session(NamedTuple):
    """A device that somebody signed in on."""

    key: bytes
    device: str
    address: str
    created_at: datetime
    seen_at: datetime


def sessions_of(conn: Connection, account: int) -> list[Session]:
    """The devices of an account, the one used last first."""
    sessions = tables.sessions.c
    wanted = select(sessions.key, sessions.device, sessions.address, sessions.created_at, sessions.seen_at)
    held = wanted.where(sessions.account == account, sessions.expires_at > func.now())
    return [Session(*row) for row in conn.execute(held.order_by(sessions.seen_at.desc()))]


class Token(NamedTuple):
    """A token for QGIS or a script."""

    id: int
    title: str
    scope: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


def tokens_of(conn: Connection, account: int) -> list[Token]:
    """The tokens of an account that hold, the newest first."""
    tokens = tables.tokens.c
    wanted = select(tokens.id, tokens.title, tokens.scope, tokens.created_at, tokens.expires_at, tokens.used_at)
    held = wanted.where(tokens.account == account, tokens.revoked_at.is_(None), tokens.expires_at > func.now())
    return [Token(*row) for row in conn.execute(held.order_by(tokens.id.desc()))]


def create_token(conn: Connection, actor: Actor, title: str, scope: str, days: int) -> str:
    """A new token of the actor's, which nobody can read again."""
    assert actor.account is not None
    title = " ".join(title.split())
    if not 0 < len(title) <= LONGEST_TITLE or "\x00" in title:
        raise InvalidQuery(f"Tulis untuk apa token itu, paling panjang {LONGEST_TITLE} huruf.")
    if scope not in SCOPES:
        raise InvalidQuery(f"Lingkup token {shortened(scope)!r} tidak ada; yang ada: {', '.join(SCOPES)}.")
    if days not in TOKEN_DAYS:
        raise InvalidQuery(f"Token berlaku {', '.join(map(str, TOKEN_DAYS[:-1]))} atau {TOKEN_DAYS[-1]} hari.")
    if len(tokens_of(conn, actor.account)) >= MOST_TOKENS:
        raise InvalidQuery(f"Anda sudah punya {MOST_TOKENS} token; cabut yang tidak dipakai lagi.")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    expires = func.now() + timedelta(days=days)
    row = insert(tables.tokens).values(
        key=key_of(secret), account=actor.account, title=title, scope=scope, expires_at=expires
    )
    conn.execute(row)
    record(conn, actor, "token_dibuat", token=title, lingkup=scope, hari=days)
    return secret


def revoke_token(conn: Connection, actor: Actor, account: int, token: int) -> None:
    """A token of the account no longer holds."""
    tokens = tables.tokens
    ended = (
        update(tokens)
        .where(tokens.c.id == token, tokens.c.account == account, tokens.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
    title = conn.scalar(ended.returning(tokens.c.title))
    if title is None:
        raise UnknownAccount("Token itu tidak ada, atau sudah dicabut.")
    record(conn, actor, "token_dicabut", token=title)


SYSTEMS: Sequence[tuple[str, str]] = (
    ("Android", "Android"),
    ("iPhone|iPad", "iOS"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
BROWSERS: Sequence[tuple[str, str]] = (
    ("Edg", "Edge"),
    ("OPR|Opera", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("UCBrowser", "UC Browser"),
    ("Firefox|FxiOS", "Firefox"),
    ("Chrom|CriOS", "Chrome"),
    ("Safari", "Safari"),
)


def device_name(user_agent: str) -> str:
    """What people call a browser: Chrome di Android."""
    browser = next((name for mark, name in BROWSERS if re.search(mark, user_agent)), "Peramban lain")
    system = next((name for mark, name in SYSTEMS if re.search(mark, user_agent)), None)
    return browser if system is None else f"{browser} di {system}"
