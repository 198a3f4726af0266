"""A layer as Arrow record batches, which the database driver fills from PostgreSQL's binary COPY."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import adbc_driver_postgresql.dbapi
import pyarrow
from psycopg import ClientCursor, Connection
from psycopg.conninfo import conninfo_to_dict

from geosatu.features import Actor, Query
from geosatu.layers import Layer
from geosatu.store import statements


@contextmanager
def record_batches(conninfo: str, layer: Layer, query: Query, actor: Actor) -> Iterator[pyarrow.RecordBatchReader]:
    """The features as they come; columns as `statements.rows` says."""
    sql = bound(conninfo, statements.rows(layer, query, actor.access))
    with adbc_driver_postgresql.dbapi.connect(_uri(conninfo), autocommit=True) as conn, conn.cursor() as cursor:
        cursor.execute(sql)
        yield cursor.fetch_record_batch()


def bound(conninfo: str, statement: statements.Statement) -> str:
    """The statement with its values as literals, quoted by libpq: COPY takes no parameters."""
    conn: Connection[Any]
    with Connection.connect(conninfo, autocommit=True) as conn:
        return ClientCursor(conn).mogrify(statement.sql, statement.values)


def _uri(conninfo: str) -> str:
    parts: dict[str, Any] = conninfo_to_dict(conninfo)
    place = f"{quote(parts.pop('user', ''))}:{quote(parts.pop('password', ''), safe='')}@"
    rest = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parts.items() if name != "dbname")
    return f"postgresql://{place}/{quote(parts.get('dbname', ''), safe='')}?{rest}"
