"""Statements run on a pool, and their rows as bytes: nothing of a feature becomes a Python object."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import Format
from psycopg.pq.abc import PGresult
from psycopg_pool import AsyncConnectionPool

from geosatu.crs import Crs
from geosatu.database.rights import ACTING, OPENING, acting, opening
from geosatu.errors import UnknownFeature
from geosatu.features import PUBLIC, Actor, Page, Query
from geosatu.layers import Catalogue, Layer
from geosatu.store import statements, tiles
from geosatu.store.statements import Statement

Pool = AsyncConnectionPool[AsyncConnection]
Warming = Callable[[AsyncConnection], Awaitable[None]]
Kind = tuple[Layer, Crs, Actor]
Versioned = tuple[bytes, int]
"""A feature as GeoJSON text, and its version."""

TRUE = b"\x01"
"""How PostgreSQL sends it in binary."""


FAR_FROM_ALL = (22, 0, 0)
"""A tile where nothing is."""


def warming(catalogue: Catalogue) -> Warming:
    """What a new connection does before it is asked: it looks for a tile of each layer. Else its first question would
    take twice as long, while PostgreSQL learns of tables, policies and PostGIS."""

    async def warm(conn: AsyncConnection) -> None:
        await conn.execute("SET lock_timeout = '10ms'")
        for layer in catalogue:
            way = next(tiles.ways(layer, *FAR_FROM_ALL, PUBLIC.access))
            with suppress(psycopg.Error):  # the table is being changed just now
                await conn.execute(way.sql, way.values, prepare=False)
        await conn.execute("RESET lock_timeout")

    return warm


async def page(pool: Pool, layer: Layer, query: Query, actor: Actor) -> Page:
    """One page of a layer's features."""
    row = await _row(pool, layer, statements.page(layer, query, actor.access), actor, prepare=query.box is None)
    assert row is not None
    features, found, spare, key = row
    if features is None:
        return Page(b"", 0, None)
    if spare is None:
        return Page(features, int(found or 0), None)
    end = len(features) - len(statements.separator_of(query)) - int(spare)
    return Page(features[:end], query.limit, tuple(json.loads(key or b"null")))


async def count(pool: Pool, layer: Layer, query: Query, actor: Actor) -> int | None:
    """How many features the query finds without limit and start; None: too many to be counted."""
    row = await _row(pool, layer, statements.count(layer, query, actor.access), actor, prepare=query.box is None)
    assert row is not None
    found = int(row[0] or 0)
    return found if found <= statements.COUNT_LIMIT else None


async def total(pool: Pool, layer: Layer, query: Query, actor: Actor) -> int:
    """How many features the query finds without limit and start, counted to the last."""
    row = await _row(pool, layer, statements.total(layer, query, actor.access), actor, prepare=query.box is None)
    assert row is not None
    return int(row[0] or 0)


async def tile(pool: Pool, layer: Layer, z: int, x: int, y: int, actor: Actor) -> bytes:
    """The vector tile; empty where nothing is."""
    row = None
    for way in tiles.ways(layer, z, x, y, actor.access):
        row = await _row(pool, layer, way, actor, binary=True, prepare=False)
        if row is None or row[1] != TRUE:
            break
    return (row and row[0]) or b""


async def feature(
    pool: Pool, layer: Layer, feature_id: int, crs: Crs, actor: Actor, at: datetime | None = None
) -> Versioned:
    """One feature as GeoJSON text with its version, as it is or was then, or `UnknownFeature`."""
    row = await _row(pool, layer, statements.feature(layer, feature_id, crs, actor.access, at), actor)
    return _known(None if row is None else (row[1] or b"", int(row[2] or 0)), layer, feature_id)


class Singles:
    """Single features. Those that are asked for while others are being found are found together, so that many
    who ask at once cost one statement and not one each."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: dict[Kind, dict[int, asyncio.Future[Versioned | None]]] = {}
        self._finding: dict[Kind, asyncio.Task[None]] = {}

    async def feature(self, layer: Layer, feature_id: int, crs: Crs, actor: Actor) -> Versioned:
        """One feature as GeoJSON text with its version, or `UnknownFeature`."""
        kind = (layer, crs, actor)
        waiting = self._waiting.setdefault(kind, {})
        if feature_id not in waiting:
            waiting[feature_id] = asyncio.get_running_loop().create_future()
        future = waiting[feature_id]
        if kind not in self._finding:
            self._finding[kind] = asyncio.create_task(self._find(kind))
        # Others may wait for the same feature when this request is given up.
        return _known(await asyncio.shield(future), layer, feature_id)

    async def _find(self, kind: Kind) -> None:
        while asked := self._waiting.pop(kind, None):
            try:
                found = await self._texts(kind, list(asked))
            except Exception as error:
                for future in asked.values():
                    future.set_exception(error)
            else:
                for feature_id, future in asked.items():
                    future.set_result(found.get(feature_id))
        del self._finding[kind]

    async def _texts(self, kind: Kind, ids: list[int]) -> dict[int, Versioned]:
        layer, crs, actor = kind
        statement = statements.features(layer, ids, crs, actor.access)
        result = await _result(self._pool, layer, statement, actor)
        assert result is not None
        rows = ([result.get_value(row, column) or b"" for column in range(3)] for row in range(result.ntuples))
        return {int(number): (text, int(version)) for number, text, version in rows}


def _known(found: Versioned | None, layer: Layer, feature_id: int) -> Versioned:
    if found is None:
        raise UnknownFeature(f"Fitur {feature_id} tidak ada di lapisan {layer.name}.")
    return found


async def _row(
    pool: Pool, layer: Layer, statement: Statement, actor: Actor, *, binary: bool = False, prepare: bool = True
) -> tuple[bytes | None, ...] | None:
    """The first row as the server sent it. Unprepared, PostgreSQL plans with the values: what is the same for all rows
    is then worked out once, and not for each; and it knows whether a box holds much of the layer or little."""
    result = await _result(pool, layer, statement, actor, binary=binary, prepare=prepare)
    if result is None or result.ntuples == 0:
        return None
    assert result.fformat(0) == (Format.BINARY if binary else Format.TEXT)
    return tuple(result.get_value(0, column) for column in range(result.nfields))


def require_wanted() -> None:
    """End here what was cancelled while it waited for a connection: the pool forgets that when one comes at that
    very moment."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _result(
    pool: Pool, layer: Layer, statement: Statement, actor: Actor, *, binary: bool = False, prepare: bool = True
) -> PGresult | None:
    """What the server answers to this actor, in one round trip; connections of the pool are the public's."""
    async with pool.connection() as conn:
        require_wanted()
        cursor = conn.cursor(binary=binary)
        if actor.account is None:
            await cursor.execute(statement.sql, statement.values, prepare=prepare)
        else:
            async with conn.pipeline(), conn.transaction():
                await conn.execute(ACTING, acting(conn.info.dbname, actor))
                if actor.access == "terbatas":
                    await conn.execute(OPENING, opening(layer, actor))
                await cursor.execute(statement.sql, statement.values, prepare=prepare)
        return cursor.pgresult
