"""The history as people read it: the versions of a feature, what was deleted, and acts with what they changed.

Connections act as the reader; the views of the schema `past` show what they would have seen of the features then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.sql.util import ClauseAdapter

from geosatu.database.rights import WORKED, seen_columns
from geosatu.database.tables import accounts, acts, past_of, table_of
from geosatu.errors import UnknownFeature
from geosatu.layers import SYSTEM_FIELDS, Access, Catalogue, Field, Layer
from geosatu.store.acts import DOORS
from geosatu.store.rendering import feature_text, properties_of, published

PAGE = 50
"""Versions on one page of a timeline, and acts or features on one page of a list."""


LOOKED_AT = 200
"""Acts that are looked at for one page: some may have changed nothing that the reader sees."""


@dataclass(frozen=True)
class Act:
    """Who changed something, when, through which door and why."""

    id: int
    at: datetime
    actor: str
    full_name: str | None
    door: str
    reason: str | None
    undoes: int | None
    features: dict[str, int] = field(default_factory=dict)
    """How many features of each layer it changed, of those that the reader sees."""

    @property
    def way(self) -> str:
        """The door, as people read it."""
        return next((title for door, title in DOORS.items() if door == self.door), self.door)


@dataclass(frozen=True)
class Change:
    """A field that differs from the version before."""

    field: Field
    before: Any
    after: Any


@dataclass(frozen=True)
class Version:
    """A feature as it was for a while, or is."""

    feature: dict[str, Any]
    """As GeoJSON; of a home without a public place, without geometry."""
    act: Act | None
    """What made it; None: that was not kept yet."""
    full_name: str | None
    """Of who made it."""
    ended_at: datetime | None
    """None: it is how the feature is now."""
    ended_by: str | None
    deletion: Act | None
    deleted: bool
    changes: list[Change] | None = None
    """What differs from the version before; None: it is the first, or the reader does not see the one before."""
    moved: bool = False

    @property
    def number(self) -> int:
        return int(self.feature["properties"]["version"])


def timeline(
    conn: Connection, layer: Layer, feature_id: int, access: Access, before: int | None = None
) -> tuple[list[Version], int | None]:
    """Versions of a feature, newest first, and before which the next page ends; `UnknownFeature` where there is none
    for this reader."""
    rows = conn.execute(
        _versions(layer, access), {"feature": feature_id, "before": before or 2**31 - 1, "most": PAGE + 1}
    ).all()
    if not rows:
        raise UnknownFeature(f"Fitur {feature_id} tidak ada di lapisan {layer.name}, atau bukan untuk akun ini.")
    made = acts_of(conn, {number for row in rows for number in (row.act, row.ended_act) if number is not None})
    features = [json.loads(row.text) for row in rows]
    found = []
    for number, (row, feature) in enumerate(zip(rows[:PAGE], features, strict=False)):
        earlier = features[number + 1] if number + 1 < len(features) else None
        if earlier is not None and earlier["properties"]["version"] != row.version - 1:
            earlier = None
        found.append(
            Version(
                feature,
                made.get(row.act),
                row.full_name,
                row.ended_at,
                row.ended_by,
                made.get(row.ended_act) if row.deleted else None,
                bool(row.deleted),
                None if earlier is None else _changes(layer, access, earlier, feature),
                earlier is not None and earlier["geometry"] != feature["geometry"],
            )
        )
    return found, found[-1].number if len(rows) > PAGE else None


def as_json(version: Version) -> dict[str, Any]:
    """A version for machines."""
    about, act = version.feature["properties"], version.act
    deletion = version.deletion
    return {
        "nomor": version.number,
        "mulai": about["updated_at"],
        "oleh": about["updated_by"],
        "nama": version.full_name,
        "cara": act and act.door,
        "alasan": act and act.reason,
        "tindakan": act and act.id,
        "membatalkan": act and act.undoes,
        "status": about["status"],
        "impor": about["import_id"],
        "berakhir": version.ended_at and version.ended_at.isoformat(),
        "dihapus": version.deleted
        and {"oleh": version.ended_by, "cara": deletion and deletion.door, "alasan": deletion and deletion.reason},
        "perubahan": version.changes
        and [
            {"field": each.field.name, "judul": each.field.title, "sebelum": each.before, "sesudah": each.after}
            for each in version.changes
        ],
        "pindah": version.moved,
        "fitur": version.feature,
    }


def _changes(layer: Layer, access: Access, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    was, now = before["properties"], after["properties"]
    fields = (*layer.readable(access), *SYSTEM_FIELDS.values())
    return [
        Change(each, was.get(each.name), now.get(each.name))
        for each in fields
        if was.get(each.name) != now.get(each.name)
    ]


@lru_cache(maxsize=1024)
def _versions(layer: Layer, access: Access) -> Select[Any]:
    """A feature's versions as GeoJSON text with how each began and ended."""
    present, past = table_of(layer).c, past_of(layer).c
    names = [*seen_columns(layer, access), *WORKED]
    number = bindparam("feature", type_=BigInteger())
    ended = ("ended_at", "ended_by", "ended_act", "deleted")
    rows = union_all(
        select(
            *(present[name] for name in names), *(cast(null(), past[name].type).label(name) for name in ended)
        ).where(present.id == number),
        select(*(past[name] for name in (*names, *ended))).where(past.id == number),
    ).subquery(layer.name)
    _, geom, _ = published(layer, access)
    told = [*properties_of(layer, access), *(present[name] for name in WORKED)]
    text = feature_text(layer, geom, told)
    if layer.home is not None:
        text = case((geom.is_(None), feature_text(layer, None, told)), else_=text)
    r = rows.c
    return (
        select(r.version, r.act, *(r[name] for name in ended), accounts.c.full_name)
        .add_columns(ClauseAdapter(rows).traverse(text).label("text"))
        .select_from(rows.outerjoin(accounts, accounts.c.name == r.updated_by))
        .where(r.version < bindparam("before", type_=Integer()))
        .order_by(r.version.desc())
        .limit(bindparam("most", type_=Integer()))
    )


def acts_of(conn: Connection, ids: Iterable[int]) -> dict[int, Act]:
    """These acts."""
    found = conn.execute(_acts().where(_is_one_of(acts.c.id, ids)))
    return {row.id: Act(*row) for row in found}


@dataclass(frozen=True)
class Wanted:
    """Which acts are asked for."""

    layer: Layer | None = None
    actor: str | None = None
    door: str | None = None
    before: int | None = None
    """Only acts older than this one."""


def listed(conn: Connection, catalogue: Catalogue, wanted: Wanted, access: Access) -> tuple[list[Act], int | None]:
    """The newest acts that changed features which the reader sees, and behind which act the next page starts.

    As many are looked at as a page has, so that there may be fewer on it."""
    a = acts.c
    conditions = [] if wanted.actor is None else [a.actor == wanted.actor]
    conditions += [] if wanted.door is None else [a.door == wanted.door]
    conditions += [] if wanted.before is None else [a.id < wanted.before]
    rows = conn.execute(_acts().where(*conditions).order_by(a.id.desc()).limit(LOOKED_AT + 1)).all()
    looked_at = [Act(*row) for row in rows[:LOOKED_AT]]
    layers = list(catalogue) if wanted.layer is None else [wanted.layer]
    counts = counted(conn, layers, [act.id for act in looked_at])
    found = [replace(act, features=counts[act.id]) for act in looked_at if act.id in counts]
    if len(found) > PAGE:
        return found[:PAGE], found[PAGE - 1].id
    return found, looked_at[-1].id if len(rows) > LOOKED_AT else None


def counted(conn: Connection, layers: Iterable[Layer], ids: list[int]) -> dict[int, dict[str, int]]:
    """How many features of each layer these acts changed, of those that the reader sees."""
    parts = []
    for layer in layers:
        name, present, past = literal(layer.name, Text).label("layer"), table_of(layer).c, past_of(layer).c
        for act, number in ((present.act, present.id), (past.act, past.id), (past.ended_act, past.id)):
            parts.append(select(name, act.label("act"), number.label("id")).where(_is_one_of(act, ids)))
    rows = union_all(*parts).subquery()
    total = func.count(rows.c.id.distinct())
    totals = select(rows.c.act, rows.c.layer, total).group_by(rows.c.act, rows.c.layer)
    found: dict[int, dict[str, int]] = {}
    for act, layer_name, count in conn.execute(totals.order_by(rows.c.act, total.desc())):
        found.setdefault(act, {})[layer_name] = count
    return found


@dataclass(frozen=True)
class Deleted:
    """A feature that is gone."""

    id: int
    label: Any
    """What its label field said."""
    version: int
    kode_wilayah: str | None
    created_by: str
    ended_at: datetime
    ended_by: str | None


def deleted(conn: Connection, layer: Layer, before: datetime | None = None) -> list[Deleted]:
    """Deleted features of a layer, the latest first, at most one page; those that came back are not among them."""
    present, past = table_of(layer).c, past_of(layer).c
    last = (
        select(
            *(past.id, past[layer.label].label("label"), past.version, past.kode_wilayah, past.created_by),
            *(past.ended_at, past.ended_by),
        )
        .where(past.deleted, ~select(present.id).where(present.id == past.id).exists())
        .ext(distinct_on(past.id))
        .order_by(past.id, past.version.desc())
        .subquery()
    )
    wanted = select(last).order_by(last.c.ended_at.desc(), last.c.id).limit(PAGE)
    if before is not None:
        wanted = wanted.where(last.c.ended_at < before)
    return [Deleted(*row) for row in conn.execute(wanted)]


def _acts() -> Select[Any]:
    a = acts.c
    told = (a.id, a.at, a.actor, accounts.c.full_name, a.door, a.reason, a.undoes)
    return select(*told).select_from(acts.outerjoin(accounts, accounts.c.id == a.account))


def _is_one_of(number: ColumnElement[Any], ids: Iterable[int]) -> ColumnElement[bool]:
    return number == any_(literal(list(ids), ARRAY(BigInteger)))
