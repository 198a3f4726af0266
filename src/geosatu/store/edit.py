"""Features made, changed and deleted, each kind in one statement that checks the version and changes the rows.

Connections act as the editor, and what changes is part of an act (`store.acts`). One feature or a thousand travel as
one JSON text, so that each statement is the same for all of them. A column that the editor may write but not read is
named only where it is filled.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from psycopg.errors import InsufficientPrivilege, UniqueViolation
from sqlalchemy import ARRAY, BigInteger, Connection, Text, any_, cast, func, literal, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import IntegrityError, ProgrammingError

from geosatu.database.tables import table_of
from geosatu.errors import InvalidFeature, NotAllowed
from geosatu.features import Actor
from geosatu.layers import SYSTEM_FIELDS, Access, Layer
from geosatu.store.rendering import published

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Stored:
    """A feature as it is after the edit; of one that is gone, as it was before."""

    id: int
    uid: UUID
    version: int
    status: str
    kode_wilayah: str | None


@dataclass(frozen=True)
class Known:
    """A feature as the editor sees it before the edit."""

    stored: Stored
    created_by: str
    updated_by: str
    updated_at: datetime
    geometry: bytes | None
    """WKB in EPSG:4326; of a home, its public place."""

    @property
    def id(self) -> int:
        return self.stored.id

    @property
    def version(self) -> int:
        return self.stored.version

    @property
    def status(self) -> str:
        return self.stored.status

    @property
    def kode_wilayah(self) -> str | None:
        return self.stored.kode_wilayah


def known(conn: Connection, layer: Layer, ids: Collection[int], actor: Actor) -> dict[int, Known]:
    """Those of the features that the editor sees."""
    _, geom, _ = published(layer, actor.access)
    f = table_of(layer).c
    wanted = select(
        *(f.id, f.uid, f.version, f.status, f.kode_wilayah),
        *(f.created_by, f.updated_by, f.updated_at),
        func.ST_AsBinary(geom).label("geometry"),
    ).where(f.id == any_(literal(list(ids), ARRAY(BigInteger))), f.status != "arsip")
    return {row.id: Known(Stored(*row[:5]), *row[5:]) for row in conn.execute(wanted)}


def create(conn: Connection, layer: Layer, features: Sequence[Mapping[str, Any]], actor: Actor) -> dict[UUID, Stored]:
    """New features by their uid; those whose uid is there already are left as they are, and not among them.

    Each maps columns to values, with `uid` and `geom` (hexadecimal EWKB); columns that are missing stay empty.
    """
    rows = [{**each, "created_by": actor.name, "updated_by": actor.name} for each in features]
    names = {"uid", "created_by", "updated_by"}.union(*features)
    return {each.uid: each for each in _run(conn, layer, _insert(layer, frozenset(names)), rows)}


def change(conn: Connection, layer: Layer, changes: Sequence[Mapping[str, Any]]) -> dict[int, Stored]:
    """The features that were still as their editors saw them, changed.

    Each maps `id`, `version` (None: whatever it is) and the columns that change; all name the same columns.
    """
    names = frozenset(changes[0]) - {"id", "version"}
    return {each.id: each for each in _run(conn, layer, _update(layer, names), changes)}


def remove(conn: Connection, layer: Layer, chosen: Sequence[Mapping[str, Any]]) -> dict[int, Stored]:
    """The features that were still as their editors saw them, gone; their last versions are in the history.

    Each maps `id` and `version` (None: whatever it is).
    """
    return {each.id: each for each in _run(conn, layer, _delete(layer), chosen)}


def by_uid(conn: Connection, layer: Layer, uids: Collection[UUID]) -> dict[UUID, Stored]:
    """Those of the features that the editor sees."""
    f = table_of(layer).c
    wanted = select(f.id, f.uid, f.version, f.status, f.kode_wilayah).where(
        f.uid == any_(cast(literal([str(uid) for uid in uids], ARRAY(Text)), ARRAY(f.uid.type)))
    )
    return {row.uid: Stored(*row) for row in conn.execute(wanted)}


def contents_by_uid(
    conn: Connection, layer: Layer, uids: Collection[UUID], access: Access
) -> dict[UUID, Mapping[str, Any]]:
    """Features by their uids, as staff who read this level see them: what comes with content, `geometry` as WKB, and
    which feature it is."""
    _, geom, _ = published(layer, access)
    f = table_of(layer).c
    fields = [field.name for field in layer.readable(access) if not layer.is_veiled(field, access)]
    names = ["id", "uid", "version", *fields, "source", "accuracy_m"]
    if access != "publik":
        names.append("created_by")
    wanted = select(*(f[name] for name in names), func.ST_AsBinary(geom).label("geometry")).where(
        f.uid == any_(cast(literal([str(uid) for uid in uids], ARRAY(Text)), ARRAY(f.uid.type)))
    )
    return {row["uid"]: dict(row) for row in conn.execute(wanted).mappings()}


def was_deleted(conn: Connection, layer: Layer, uids: Collection[UUID]) -> bool:
    """Whether one of the uids was that of a feature which has been deleted."""
    return bool(conn.scalar(select(func.geosatu.was_deleted(layer.name, literal([str(u) for u in uids], ARRAY(Text))))))


def _run(conn: Connection, layer: Layer, statement: str, rows: Sequence[Mapping[str, Any]]) -> list[Stored]:
    try:
        result = conn.exec_driver_sql(statement, {"rows": json.dumps(rows, default=str)})
        return [Stored(*row) for row in result]
    except IntegrityError as error:
        if isinstance(error.orig, UniqueViolation) and layer.key:
            told = ", ".join((layer.fields.get(name) or SYSTEM_FIELDS[name]).title for name in layer.key)
            raise InvalidFeature(
                f"{told} ini sudah dipakai fitur lain di lapisan {layer.title}; ubah salah satunya."
            ) from None
        raise
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise NotAllowed(f"Akun Anda tidak berhak mengubah fitur ini di lapisan {layer.title}.") from None
        raise


_RETURNED = "f.id, f.uid, f.version, f.status, f.kode_wilayah"


@lru_cache(maxsize=1024)
def _insert(layer: Layer, names: frozenset[str]) -> str:
    listed = sorted(names)
    columns, values = ", ".join(f'"{name}"' for name in listed), ", ".join(_value(layer, name) for name in listed)
    return (
        f"INSERT INTO {table_of(layer).fullname} AS f ({columns}) SELECT {values} FROM {_given(layer, listed)} "  # noqa: S608
        f"ON CONFLICT (uid) DO NOTHING RETURNING {_RETURNED}"
    )


@lru_cache(maxsize=1024)
def _update(layer: Layer, names: frozenset[str]) -> str:
    listed = sorted(names)
    values = ", ".join(f'"{name}" = {_value(layer, name)}' for name in listed)
    return (
        f"UPDATE {table_of(layer).fullname} AS f SET {values} FROM {_given(layer, ['id', 'version', *listed])} "  # noqa: S608
        f"WHERE {_SAME} RETURNING {_RETURNED}"
    )


@lru_cache(maxsize=1024)
def _delete(layer: Layer) -> str:
    return (
        f"DELETE FROM {table_of(layer).fullname} AS f USING {_given(layer, ['id', 'version'])} "  # noqa: S608
        f"WHERE {_SAME} RETURNING {_RETURNED}"
    )


_SAME = "f.id = given.id AND (given.version IS NULL OR f.version = given.version)"


def _given(layer: Layer, names: Sequence[str]) -> str:
    """The rows of the JSON text as a table."""
    columns = table_of(layer).c
    kinds = ", ".join(
        f'"{name}" {"text" if name == "geom" else columns[name].type.compile(dialect=_DIALECT)}' for name in names
    )
    return f"jsonb_to_recordset(CAST(%(rows)s AS jsonb)) AS given ({kinds})"


def _value(layer: Layer, name: str) -> str:
    kind = table_of(layer).c[name].type
    return f'CAST(given."{name}" AS geometry)' if isinstance(kind, Geometry) else f'given."{name}"'
