"""From what a request carries to the account behind it, remembered until PostgreSQL tells of a change."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from geosatu.database.rights import ACTING, SERVICE, role_name
from geosatu.features import PUBLIC, Actor
from geosatu.rights import ROLES, Right

Pool = AsyncConnectionPool[AsyncConnection]
Means = Literal["session", "token"]

log = logging.getLogger("geosatu")

REMEMBERED_SECONDS = 30
"""How long an account is taken for what it was, where no word of a change comes through."""

MOST_REMEMBERED = 10_000

SESSION_DAYS = 60
"""A session ends when nobody used it for so long."""
MOST_DAYS = 400
"""A session ends, however much it is used."""
TOUCH_SECONDS = 180
"""How often it is written down which sessions and tokens were used."""

_TOUCH = """
    WITH seen AS (
        UPDATE geosatu.session SET seen_at = now(),
            expires_at = least(now() + make_interval(days => %(days)s), created_at + make_interval(days => %(most)s))
        WHERE key = ANY (%(keys)s)
    )
    UPDATE geosatu.token SET used_at = now() WHERE key = ANY (%(keys)s)
"""

_FIND = """
    SELECT a.id, a.name, a.full_name, a.must_change, shown.scope,
        (SELECT coalesce(json_agg(json_build_array(r.role, r.area) ORDER BY r.role, r.area), '[]')
         FROM geosatu.account_right r WHERE r.account = a.id)::text
    FROM (
        SELECT account, 'write' AS scope FROM geosatu.session
        WHERE %(means)s = 'session' AND key = %(key)s AND expires_at > now()
        UNION ALL
        SELECT account, scope FROM geosatu.token
        WHERE %(means)s = 'token' AND key = %(key)s AND expires_at > now() AND revoked_at IS NULL
    ) AS shown JOIN geosatu.account a ON a.id = shown.account AND a.active
"""


@dataclass(frozen=True)
class Account:
    """Somebody whom we know, as long as what they showed holds."""

    id: int
    name: str
    full_name: str
    must_change: bool
    """Whether they have to choose a password before they can do anything else."""
    scope: Literal["read", "write"]
    rights: tuple[Right, ...]
    means: Means
    key: bytes
    """The hash of the session or token that they showed."""

    @property
    def staff(self) -> bool:
        """Whether internal fields are for them."""
        return any(ROLES[right.role].staff for right in self.rights)

    @property
    def cares(self) -> bool:
        """Whether there are features whose restricted fields they may read."""
        return any(ROLES[right.role].cares for right in self.rights)

    @property
    def audits(self) -> bool:
        """Whether they read the audit log and manage accounts."""
        return any(ROLES[right.role].audits for right in self.rights)

    def reader(self, reason: str | None = None, address: str | None = None) -> Actor:
        """Who they are for reading; with a reason, restricted fields of what they care for as well."""
        if reason is not None:
            return Actor(self.name, "terbatas", self.id, reason, address)
        if self.staff:
            return Actor(self.name, "internal", self.id)
        # A volunteer sees what the public sees, and what they made themselves.
        return Actor(self.name, "publik", self.id) if self.rights else PUBLIC

    def worker(self) -> Actor:
        """Who they are for reviewing, volunteers with their own features included."""
        return Actor(self.name, "internal", self.id)


def key_of(secret: str) -> bytes:
    """What we keep of a session or a token: with 256 random bits, a plain hash is enough."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Known:
    """The accounts behind sessions and tokens."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[tuple[Means, bytes], tuple[Account | None, float]] = {}
        self._changes = 0
        self._used: set[bytes] = set()

    def forget(self) -> None:
        """Somebody's rights, session or token changed."""
        self._changes += 1
        self._known.clear()

    async def account(self, means: Means, secret: str) -> Account | None:
        """The account behind a session or a token; None: there is none, or it ended."""
        key = (means, key_of(secret))
        found, until = self._known.get(key, (None, 0.0))
        if until < time.monotonic():
            changes = self._changes
            found = await self._find(*key)
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            if changes == self._changes:
                self._known[key] = (found, time.monotonic() + REMEMBERED_SECONDS)
        if found is not None:
            self._used.add(found.key)
        return found

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write down now and then which sessions and tokens are used, as long as the block runs."""
        task = asyncio.create_task(self._touch_for_ever())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self.touch()

    async def _touch_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TOUCH_SECONDS)
            await self.touch()

    async def touch(self) -> None:
        """Write down which sessions and tokens were used since the last time."""
        if not self._used:
            return
        used, self._used = self._used, set()
        said = {"keys": list(used), "days": SESSION_DAYS, "most": MOST_DAYS}
        try:
            async with self._pool.connection() as conn, conn.pipeline(), conn.transaction():
                await conn.execute(ACTING, {"role": role_name(conn.info.dbname, SERVICE), "account": ""})
                await conn.execute(_TOUCH, said)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("could not write down who was here: %s", error)

    async def _find(self, means: Means, key: bytes) -> Account | None:
        async with self._pool.connection() as conn:
            cursor = conn.cursor()
            async with conn.pipeline(), conn.transaction():
                await conn.execute(ACTING, {"role": role_name(conn.info.dbname, SERVICE), "account": ""})
                await cursor.execute(_FIND, {"means": means, "key": key})
            row = await cursor.fetchone()
        if row is None:
            return None
        number, name, full_name, must_change, scope, rights = row
        held = tuple(Right(*each) for each in json.loads(rights) if each[0] in ROLES)
        account = Account(number, name, full_name, must_change, scope, held, means, key)
        return replace(account, rights=()) if must_change else account
