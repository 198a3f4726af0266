"""Features into PostGIS. Every door that changes features ends here."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Table,
    Uuid,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.types import UserDefinedType

from geosatu.database.tables import imports, table_of
from geosatu.features import Actor
from geosatu.layers import Layer


@dataclass(frozen=True)
class Place:
    """In which kelurahan a geometry lies, as far as the boundaries are known."""

    kode_wilayah: str | None
    """The kelurahan that it lies in, for the greater part."""
    nama: str | None
    declared_distance_m: float | None
    """How far it lies from the declared kelurahan, on the ellipsoid; None: that one is not known."""


@dataclass(frozen=True)
class Candidate:
    """A record that may become a feature."""

    number: int
    uid: uuid.UUID
    geometry: bytes
    """WKB in EPSG:4326, of the layer's type."""
    values: dict[str, Any]
    """Layer fields, and kode_wilayah, source and accuracy_m."""
    by_content: bool
    """Whether `uid` follows from the content, so that a feature with this uid is this very record."""


@dataclass(frozen=True)
class Planned:
    """What the database would make of a candidate."""

    number: int
    exists: bool
    """Whether the feature that it means is there already."""
    same_as: int | None
    """An earlier candidate that means the same feature."""
    status: str | None
    """The status of the feature that is there."""
    changes: bool
    """Whether writing it would change anything."""


def places(conn: Connection, geometries: Sequence[bytes], declared: Sequence[str | None]) -> list[Place]:
    """The kelurahan of each geometry, and its distance from the one that was declared for it."""
    rows = conn.execute(
        text(
            """
            SELECT inside.kode_wilayah, inside.nama,
                   (SELECT min(ST_Distance(b.geom::geography, g.geom::geography))
                    FROM layer.batas_kelurahan b
                    WHERE b.kode_wilayah = g.declared AND b.status <> 'arsip') AS distance
            FROM (SELECT number, ST_GeomFromWKB(wkb, 4326) AS geom, declared
                  FROM unnest(CAST(:geometries AS bytea[]), CAST(:declared AS text[]))
                       WITH ORDINALITY AS given (wkb, declared, number)) AS g
            LEFT JOIN LATERAL (
                SELECT b.kode_wilayah, b.nama
                FROM layer.batas_kelurahan b
                WHERE ST_Intersects(b.geom, g.geom) AND b.status <> 'arsip'
                ORDER BY CASE WHEN ST_Dimension(g.geom) = 0 THEN 0
                              ELSE -ST_Area(ST_Intersection(b.geom, g.geom)) END, b.id
                LIMIT 1) AS inside ON true
            ORDER BY g.number
            """
        ),
        {"geometries": list(geometries), "declared": list(declared)},
    )
    return [Place(row.kode_wilayah, row.nama, row.distance) for row in rows]


def stage(conn: Connection, layer: Layer, candidates: Sequence[Candidate], status: str | None) -> list[Planned]:
    """Bring the candidates beside the layer's table, and tell what each would change there.

    New features would get `status`, or be drafts without one; those that are there would keep theirs without
    one. Holds the layer for one import at a time until the transaction ends.
    """
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"import:{layer.name}"})
    staged, features = _staged(layer), table_of(layer)
    conn.execute(text(f"DROP TABLE IF EXISTS pg_temp.{staged.name}"))
    staged.create(conn)
    names = [column.name for column in staged.c if column.name != "feature"]
    columns = ", ".join(f'"{name}"' for name in names)
    cursor: Any = conn.connection.cursor()
    with cursor, cursor.copy(f"COPY pg_temp.{staged.name} ({columns}) FROM STDIN") as rows:
        for candidate in candidates:
            given = {
                "number": candidate.number,
                "uid": candidate.uid,
                "by_content": candidate.by_content,
                "geom": candidate.geometry.hex(),
                **candidate.values,
            }
            rows.write_row([given.get(name) for name in names])
    conn.execute(text(f"ANALYZE pg_temp.{staged.name}"))
    conn.execute(update(staged).values(feature=features.c.id).where(features.c.uid == staged.c.uid))
    if layer.key:
        same = and_(*(features.c[name] == staged.c[name] for name in layer.key))
        conn.execute(update(staged).values(feature=features.c.id).where(staged.c.feature.is_(None), same))
    # Candidates without a feature are told apart by their uid, which is unique among them.
    new_uid = case((staged.c.feature.is_(None), staged.c.uid))
    first = func.min(staged.c.number).over(partition_by=(staged.c.feature, new_uid))
    planned = conn.execute(
        select(
            staged.c.number,
            features.c.id.is_not(None).label("exists"),
            case((first != staged.c.number, first)).label("same_as"),
            features.c.status,
            _changes(layer, status).label("changes"),
        )
        .select_from(staged.outerjoin(features, features.c.id == staged.c.feature))
        .order_by(staged.c.number)
    )
    return [Planned(*row) for row in planned]


def commit_staged(
    conn: Connection,
    layer: Layer,
    *,
    refused: Collection[int],
    status: str | None,
    actor: Actor,
    file: str,
    sha256: str,
) -> None:
    """Write what `stage` planned, except the refused numbers, as one act; where nothing changes, nothing."""
    staged, features = _staged(layer), table_of(layer)
    conn.execute(delete(staged).where(staged.c.number.in_(refused)))
    unchanged = and_(staged.c.feature == features.c.id, not_(_changes(layer, status)))
    conn.execute(delete(staged).where(unchanged))
    new = staged.c.feature.is_(None)
    counts = select(func.count().filter(new).label("added"), func.count().filter(not_(new)).label("updated"))
    added, updated = conn.execute(counts.select_from(staged)).one()
    if not added and not updated:
        return
    act = insert(imports).values(
        layer=layer.name,
        file=file,
        sha256=sha256,
        added=added,
        updated=updated,
        refused=len(refused),
        created_by=actor.name,
    )
    ours = {"import_id": conn.scalar(act.returning(imports.c.id)), "updated_by": actor.name}
    written = {name: staged.c[name] for name in _written(layer)}
    if updated:
        known = update(features).where(features.c.id == staged.c.feature)
        conn.execute(known.values(written | ours | ({"status": status} if status else {})))
    if added:
        constants = ours | {"created_by": actor.name, "status": status or "draf"}
        columns = {"uid": staged.c.uid} | written | {name: literal(value) for name, value in constants.items()}
        rows = select(*columns.values()).where(new).order_by(staged.c.number)
        conn.execute(insert(features).from_select(list(columns), rows))


class _AnyGeometry(UserDefinedType[bytes]):
    """A geometry that SQLAlchemy passes on as it is."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "geometry"


@lru_cache(maxsize=1024)
def _staged(layer: Layer) -> Table:
    """The temporary table beside the layer's own, gone when the transaction ends."""
    features = table_of(layer)
    return Table(
        f"staged_{layer.name}",
        MetaData(),
        Column("number", Integer, primary_key=True),
        Column("uid", Uuid, nullable=False),
        Column("by_content", Boolean, nullable=False),
        Column("feature", BigInteger),
        *(Column(name, features.c[name].type) for name in _written(layer) if name != "geom"),
        Column("geom", _AnyGeometry, nullable=False),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )


def _written(layer: Layer) -> list[str]:
    """The columns that a record brings; what the database measures is not among them."""
    own = [field.name for field in layer.fields.values() if field.measure is None]
    return ["kode_wilayah", "source", "accuracy_m", *own, "geom"]


def _changes(layer: Layer, status: str | None) -> ColumnElement[bool]:
    """Whether writing the staged row over the feature would change it.

    A record that is there by its content was imported before; what people made of it since then stays.
    """
    staged, features = _staged(layer), table_of(layer)
    differs = or_(*(staged.c[name].is_distinct_from(features.c[name]) for name in _written(layer)))
    changed = and_(not_(staged.c.by_content), differs)
    if status is not None:
        changed = or_(changed, features.c.status != status)
    return or_(staged.c.feature.is_(None), changed)
