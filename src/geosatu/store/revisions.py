"""How often each layer has changed, known without asking: PostgreSQL tells us when it does, and of accounts too."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

import psycopg
from psycopg.rows import TupleRow

from geosatu.layers import Layer

CHANNEL = "geosatu_revision"
ACCOUNTS = "geosatu_accounts"
RETRY_SECONDS = 1.0

log = logging.getLogger("geosatu")


class Revisions:
    """The revisions of all layers, kept current by a connection that listens; while it is lost, none is known."""

    def __init__(self, conninfo: str, forget_accounts: Callable[[], object]) -> None:
        self._conninfo = conninfo
        self._forget_accounts = forget_accounts
        self._known: dict[str, int] = {}

    def of(self, layer: Layer) -> str | None:
        """What changes whenever anybody sees another layer; None: not known just now."""
        return self.of_all([layer.name])

    def of_all(self, names: Iterable[str]) -> str | None:
        """The revisions of several layers together."""
        try:
            return ".".join(str(self._known[name]) for name in names)
        except KeyError:
            return None

    def told(self, revisions: Mapping[str, int]) -> None:
        """A writer of this service has committed these: its next reader must not wait for PostgreSQL to tell."""
        if self._known:
            self._known |= {name: max(revision, self._known.get(name, 0)) for name, revision in revisions.items()}

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Listen as long as the block runs."""
        first = asyncio.Event()
        task = asyncio.create_task(self._listen(first))
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(first.wait(), timeout=10)
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listen(self, first: asyncio.Event) -> None:
        while True:
            try:
                # What listens is busy listening, so a second connection reads.
                async with await self._connect() as listening, await self._connect() as reading:
                    await listening.execute(f"LISTEN {CHANNEL}")
                    await listening.execute(f"LISTEN {ACCOUNTS}")
                    self._forget_accounts()
                    await self._read(reading)
                    first.set()
                    async for told in listening.notifies():
                        if told.channel == ACCOUNTS:
                            self._forget_accounts()
                        else:
                            await self._read(reading)
            except psycopg.Error as error:
                self._known = {}
                log.warning("lost the connection that tells of changes: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _connect(self) -> psycopg.AsyncConnection[TupleRow]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)

    async def _read(self, conn: psycopg.AsyncConnection[TupleRow]) -> None:
        rows = await (await conn.execute("SELECT layer, revision FROM geosatu.layer_revision")).fetchall()
        # What was read may be older than what a writer of ours told meanwhile.
        self._known = {name: max(revision, self._known.get(name, 0)) for name, revision in rows}
