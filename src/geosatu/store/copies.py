"""Whole layers as text that PostgreSQL renders, row by row out of COPY; memory stays flat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from psycopg import AsyncClientCursor, AsyncCopy, ClientCursor, Connection, Copy

from geosatu.database.rights import ACTING, OPENING, acting, opening
from geosatu.features import Actor, Query, Rows
from geosatu.layers import Access, Layer
from geosatu.store import statements
from geosatu.store.answers import Pool, require_wanted
from geosatu.store.statements import Statement

LINES = "FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02'"
"""CSV with a quote and a delimiter that neither JSON nor XML ever holds: each feature is one plain line."""

CELLS = "FORMAT csv, HEADER"

WHOLE: dict[Rows, Callable[[Layer, Query, Access], Statement]] = {
    "features": statements.lines,
    "cells": statements.cells,
    "placemarks": statements.placemarks,
    "waypoints": statements.waypoints,
}
PART: dict[Rows, Callable[[Layer, Query, Access], Statement]] = {
    "features": statements.some_lines,
    "cells": statements.some_cells,
}


@contextmanager
def rows(conninfo: str, layer: Layer, query: Query, actor: Actor, form: Rows) -> Iterator[Copy]:
    """The features, each as a line of text; cells as lines of CSV under one of titles."""
    conn: Connection[Any]
    with (
        Connection.connect(conninfo, autocommit=True) as conn,
        ClientCursor(conn) as cursor,
        cursor.copy(_copy(cursor, layer, query, actor, form)) as copied,
    ):
        yield copied


@asynccontextmanager
async def pooled_rows(
    pool: Pool, layer: Layer, query: Query, actor: Actor, form: Rows, *, part: bool = False
) -> AsyncIterator[AsyncCopy]:
    """The same over a pool, or of a page. Who leaves early ends the statement on the server as well."""
    async with pool.connection() as conn, conn.transaction(), AsyncClientCursor(conn) as cursor:
        require_wanted()
        if actor.account is not None:
            await cursor.execute(ACTING, acting(conn.info.dbname, actor))
            if actor.access == "terbatas":
                await cursor.execute(OPENING, opening(layer, actor))
        async with cursor.copy(_copy(cursor, layer, query, actor, form, part)) as copied:
            yield copied


def _copy(
    cursor: ClientCursor[Any] | AsyncClientCursor[Any],
    layer: Layer,
    query: Query,
    actor: Actor,
    form: Rows,
    part: bool = False,
) -> str:
    """COPY of the statement with its values as literals, since it takes no parameters."""
    wanted = (PART if part else WHOLE)[form](layer, query, actor.access)
    return f"COPY ({cursor.mogrify(wanted.sql, wanted.values)}) TO STDOUT ({CELLS if form == 'cells' else LINES})"
