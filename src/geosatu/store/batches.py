"""A layer as Arrow record batches, which the database driver fills from PostgreSQL's binary COPY."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import adbc_driver_postgresql.dbapi
import psycopg
import pyarrow
from psycopg import ClientCursor, Connection
from psycopg.conninfo import conninfo_to_dict

from geosatu.database.rights import OPENING, conninfo_as, opening
from geosatu.features import Actor, Query
from geosatu.layers import Layer
from geosatu.store import statements

CONNECTION_FAILURE = "08006"
"""The SQLSTATE of an error that the server itself did not tell."""


@contextmanager
def record_batches(
    conninfo: str, layer: Layer, query: Query, actor: Actor, taken: Callable[[int], object] = lambda _: None
) -> Iterator[pyarrow.RecordBatchReader]:
    """The features as they come; columns as `statements.rows` says. `taken` is told how many were taken so far.

    What fails or interrupts while a batch is fetched is raised when the block is left: it does not get through
    the library that asked for the batch, which only says that there was none. Errors are those of psycopg.
    """
    if actor.account is not None:
        conninfo = conninfo_as(conninfo, actor)
    sql = _bound(conninfo, statements.rows(layer, query, actor.access))
    failures: list[BaseException] = []

    def batches() -> Iterator[pyarrow.RecordBatch]:
        count = 0
        try:
            for batch in reader:
                yield batch
                count += len(batch)
                taken(count)
        except adbc_driver_postgresql.dbapi.Error as error:
            failures.append(_translated(error))
            raise
        except (Exception, KeyboardInterrupt) as error:
            failures.append(error)
            raise

    # One transaction, since what opens restricted fields holds no longer.
    with adbc_driver_postgresql.dbapi.connect(_uri(conninfo)) as conn, conn.cursor() as cursor:
        if actor.account is not None and actor.access == "terbatas":
            _execute(cursor, _bound(conninfo, statements.Statement(OPENING, opening(layer, actor))))
            cursor.fetchall()
        _execute(cursor, sql)
        # Not `fetch_record_batch`, whose errors do not say what PostgreSQL calls them.
        reader = cursor._results.reader
        try:
            yield pyarrow.RecordBatchReader.from_batches(reader.schema, batches())
            conn.commit()
        except Exception as error:
            if failures:
                raise failures[0] from error
            raise


def _execute(cursor: Any, sql: str) -> None:
    """Run the statement in a thread: in the main one the driver takes Ctrl+C for itself, and nothing ends by it."""
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(cursor.execute, sql).result()
        except KeyboardInterrupt:
            cursor.adbc_cancel()
            raise
        except adbc_driver_postgresql.dbapi.Error as error:
            raise _translated(error) from error


def _translated(error: adbc_driver_postgresql.dbapi.Error) -> psycopg.Error:
    return psycopg.errors.lookup(error.sqlstate or CONNECTION_FAILURE)(str(error))


def _bound(conninfo: str, statement: statements.Statement) -> str:
    """The statement with its values as literals, quoted by libpq: COPY takes no parameters."""
    conn: Connection[Any]
    with Connection.connect(conninfo, autocommit=True) as conn:
        return ClientCursor(conn).mogrify(statement.sql, statement.values)


def _uri(conninfo: str) -> str:
    parts: dict[str, Any] = conninfo_to_dict(conninfo)
    place = f"{quote(parts.pop('user', ''))}:{quote(parts.pop('password', ''), safe='')}@"
    rest = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parts.items() if name != "dbname")
    return f"postgresql://{place}/{quote(parts.get('dbname', ''), safe='')}?{rest}"
