"""Features into PostGIS. Every door that changes features ends here."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    all_,
    and_,
    any_,
    case,
    cast,
    delete,
    false,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import UserDefinedType

from geosatu.crs import STORAGE_SRID
from geosatu.database.tables import PLACE, imports, secrets, shown_name, table_of
from geosatu.features import Actor
from geosatu.layers import OWNERS, Layer
from geosatu.store import acts

SAME_PLACE_DEGREES = 1e-6
"""A tenth of a metre: more than what rounding in a file moves."""


@dataclass(frozen=True)
class Candidate:
    """A record that may become a feature."""

    number: int
    uid: uuid.UUID
    geometry: bytes
    """WKB in EPSG:4326, of the layer's type."""
    values: dict[str, Any]
    """Layer fields, and kode_wilayah, source and accuracy_m."""
    said: frozenset[str]
    """The columns that the record speaks of; a feature that is there keeps its others."""
    by_content: bool
    """Whether `uid` follows from the content, so that a feature with this uid is this very record."""


@dataclass(frozen=True)
class Planned:
    """What the database would make of a candidate."""

    number: int
    exists: bool
    """Whether the feature that it means is there already."""
    same_as: int | None
    """An earlier candidate that means the same feature, or has the same key."""
    rival: int | None
    """Another feature that has its key."""
    status: str | None
    """The status of the feature that is there."""
    changes: bool
    """Whether writing it would change anything."""
    missing: list[str]
    """The required columns that would be empty."""


def uid_namespace(conn: Connection) -> uuid.UUID:
    """Under which this database derives the uids of records from what they say."""
    return uuid.UUID(conn.scalar(select(secrets.c.value).where(secrets.c.name == "uid_namespace")))


def open_stage(conn: Connection, layer: Layer) -> None:
    """An empty stage beside the layer's table, gone when the transaction ends."""
    staged = _staged(layer)
    conn.execute(text(f"DROP TABLE IF EXISTS pg_temp.{staged.name}"))
    # Without GeoAlchemy's events, which change the table object for a moment: another thread may use it.
    conn.execute(CreateTable(staged))


def stage(conn: Connection, layer: Layer, candidates: Iterable[Candidate]) -> None:
    """Bring candidates onto the stage, in one stream."""
    staged, written = _staged(layer), _written(layer)
    names = ["_number", "_uid", "_by_content", "_said", *written]
    columns = ", ".join(f'"{name}"' for name in names)
    cursor: Any = conn.connection.cursor()
    with cursor, cursor.copy(f"COPY pg_temp.{staged.name} ({columns}) FROM STDIN") as rows:
        for each in candidates:
            values = each.values | {"geom": each.geometry.hex()}
            about = [each.number, each.uid, each.by_content, list(each.said)]
            rows.write_row(about + [values.get(name) for name in written])


def plan(conn: Connection, layer: Layer, status: str | None) -> list[Planned]:
    """What each candidate on the stage would change in the layer's table.

    New features would get `status`, or be drafts without one; those that are there would keep theirs without
    one.
    """
    acts.hold(conn, [layer])
    staged, features = _staged(layer), table_of(layer)
    conn.execute(text(f"ANALYZE pg_temp.{staged.name}"))
    _find_features(conn, layer)
    _keep_unsaid(conn, layer)
    number, feature = staged.c._number, staged.c._feature
    # Candidates without a feature are told apart by their uid.
    first: ColumnElement[Any] = func.min(number).over(partition_by=(feature, case((feature.is_(None), staged.c._uid))))
    rival: ColumnElement[Any] = null()
    if layer.key:
        key = [staged.c[name] for name in layer.key]
        complete = and_(*(each.is_not(None) for each in key))
        first = func.least(first, case((complete, func.min(number).over(partition_by=key))))
        others = table_of(layer).alias("others")
        same = and_(*(others.c[name] == staged.c[name] for name in layer.key), others.c.id != feature)
        rival = select(others.c.id).where(same).limit(1).scalar_subquery()
    required = [field.name for field in layer.fields.values() if field.required and field.comes_in_files]
    if layer.name == OWNERS:
        required = ["kode_wilayah", *required]
    empty: list[ColumnElement[Any]] = [case((staged.c[name].is_(None), name)) for name in required]
    missing = func.array_remove(cast(array(empty, type_=Text), ARRAY(Text)), null())
    planned = conn.execute(
        select(
            number,
            features.c.id.is_not(None).label("exists"),
            case((first != number, first)).label("same_as"),
            rival.label("rival"),
            features.c.status,
            _changes(layer, status).label("changes"),
            missing.label("missing"),
        )
        .select_from(staged.outerjoin(features, features.c.id == feature))
        .order_by(number)
    )
    return [Planned(*row) for row in planned]


def _find_features(conn: Connection, layer: Layer) -> None:
    """The feature that each candidate means: the one that it names, else that of its key, else of its content."""
    staged, features = _staged(layer), table_of(layer)
    find = update(staged).values(_feature=features.c.id).where(staged.c._feature.is_(None))
    named = features.c.uid == staged.c._uid
    conn.execute(find.where(named, not_(staged.c._by_content)))
    if layer.key:
        same = and_(*(features.c[name] == staged.c[name] for name in layer.key))
        conn.execute(find.values(_by_content=False).where(same))
    conn.execute(find.where(named))


def _keep_unsaid(conn: Connection, layer: Layer) -> None:
    """Of a feature that is there, what a record does not speak of stays.

    A record that is there by its content was imported before: all that people made of it since then stays, and
    only an owner that was not known yet is filled in. Source and accuracy go with the geometry that they tell of.
    A public copy of somebody's home does not move it, and one of counts too small for the public keeps them.
    """
    staged, features = _staged(layer), table_of(layer)
    counted = {field.name: shown_name(layer, field, "publik") for field in layer.people}
    kept = {}
    for name in _written(layer):
        stays: ColumnElement[bool] = staged.c._by_content
        if name == "kode_wilayah":
            stays = and_(stays, features.c[name].is_not(None))
        if name != "geom":
            unsaid = literal(name) != all_(staged.c._said)
            if name in ("source", "accuracy_m"):
                unsaid = and_(unsaid, staged.c.geom.is_not_distinct_from(features.c.geom))
            stays = or_(stays, unsaid)
            if name in counted:
                stays = or_(stays, and_(staged.c[name].is_(None), features.c[counted[name]].is_(None)))
        elif layer.home is not None:
            stays = or_(stays, _is_public_place(layer))
        kept[name] = case((stays, features.c[name]), else_=staged.c[name])
    conn.execute(update(staged).values(kept).where(features.c.id == staged.c._feature))


def _is_public_place(layer: Layer) -> ColumnElement[bool]:
    """Whether a record has the place that the public sees instead of the feature's own."""
    staged, features = _staged(layer), table_of(layer)
    return func.coalesce(func.ST_DWithin(features.c[PLACE], staged.c.geom, SAME_PLACE_DEGREES), false())


def commit_staged(
    conn: Connection,
    layer: Layer,
    *,
    unfit: Collection[int],
    refused: int,
    status: str | None,
    actor: Actor,
    file: str,
    sha256: str,
) -> None:
    """Write what was planned, except the unfit numbers, as one act; where nothing changes, nothing.

    `refused` tells how many of the file's records are not taken, on the stage or before it.
    """
    staged, features = _staged(layer), table_of(layer)
    conn.execute(delete(staged).where(staged.c._number == any_(literal(list(unfit), ARRAY(Integer)))))
    unchanged = and_(staged.c._feature == features.c.id, not_(_changes(layer, status)))
    conn.execute(delete(staged).where(unchanged))
    new = staged.c._feature.is_(None)
    counts = select(func.count().filter(new).label("added"), func.count().filter(not_(new)).label("updated"))
    added, updated = conn.execute(counts.select_from(staged)).one()
    if not added and not updated:
        return
    acts.begin(conn, [layer], "impor", actor, file)
    kept = insert(imports).values(
        layer=layer.name,
        file=file,
        sha256=sha256,
        added=added,
        updated=updated,
        refused=refused,
        created_by=actor.name,
    )
    ours = {"import_id": conn.scalar(kept.returning(imports.c.id)), "updated_by": actor.name}
    written = {name: staged.c[name] for name in _written(layer)}
    if updated:
        known = update(features).where(features.c.id == staged.c._feature)
        conn.execute(known.values(written | ours | ({"status": status} if status else {})))
    if added:
        constants = ours | {"created_by": actor.name, "status": status or "draf"}
        columns = {"uid": staged.c._uid} | written | {name: literal(value) for name, value in constants.items()}
        rows = select(*columns.values()).where(new).order_by(staged.c._number)
        conn.execute(insert(features).from_select(list(columns), rows))


class _AnyGeometry(UserDefinedType[bytes]):
    """A geometry that SQLAlchemy passes on as it is."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return f"geometry(Geometry, {STORAGE_SRID})"


@lru_cache(maxsize=1024)
def _staged(layer: Layer) -> Table:
    """The temporary table beside the layer's own. Its columns that are no field's begin with an underscore."""
    features = table_of(layer)
    return Table(
        f"staged_{layer.name}",
        MetaData(),
        Column("_number", Integer, primary_key=True, autoincrement=False),
        Column("_uid", Uuid, nullable=False),
        Column("_by_content", Boolean, nullable=False),
        Column("_said", ARRAY(Text), nullable=False),
        Column("_feature", BigInteger),
        *(Column(name, features.c[name].type) for name in _written(layer) if name != "geom"),
        Column("geom", _AnyGeometry, nullable=False),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )


def _written(layer: Layer) -> list[str]:
    """The columns that a record brings."""
    own = [field.name for field in layer.fields.values() if field.comes_in_files]
    return ["kode_wilayah", "source", "accuracy_m", *own, "geom"]


def _changes(layer: Layer, status: str | None) -> ColumnElement[bool]:
    """Whether writing the staged row over its feature would change it, or would make a new one."""
    staged, features = _staged(layer), table_of(layer)
    changed = [staged.c[name].is_distinct_from(features.c[name]) for name in _written(layer)]
    if status is not None:
        changed.append(features.c.status != status)
    return or_(staged.c._feature.is_(None), *changed)
