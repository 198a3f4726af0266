"""Forgetting: values whose time is over go from the layers, and from every version that the history keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    and_,
    cast,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from geosatu.database.tables import audit, history, table_of
from geosatu.features import Actor
from geosatu.layers import SHOWN, Catalogue, Field, Layer, Retention
from geosatu.store import acts
from geosatu.store.photographs import forget_unnamed

FORGOTTEN = "retensi"
"""What the audit log calls it."""


class Forgotten(NamedTuple):
    """What became of the values of a field."""

    layer: str
    field: str
    features: int
    """Features that lost their value."""
    versions: int
    """Versions of the history that lost it; those that features have just become are among them."""
    undated: int
    """Features that keep a value because the date is missing behind which it would be forgotten."""
    photographs: int = 0
    """Photographs that were deleted, since nothing named them any more."""


def forget_expired(conn: Connection, catalogue: Catalogue, today: date, actor: Actor) -> list[Forgotten]:
    """Empty every value whose retention ended before today, and delete photographs that nothing names; the audit log
    tells how many.

    A version of the history that has no date itself goes by that of its feature, else by when it ended. The
    connection is the owner's, and its transaction the caller's.
    """
    keeping = [layer for layer in catalogue if any(field.retention for field in layer.fields.values())]
    acts.hold(conn, acts.with_homes(catalogue, keeping))
    found = [each for layer in catalogue for each in _of_layer(conn, layer, today, actor)]
    for layer in catalogue:
        if layer.photos and (unnamed := forget_unnamed(conn, layer)):
            found.append(Forgotten(layer.name, layer.photos[0].name, 0, 0, 0, unnamed))
    counts = [each._asdict() for each in found if each.features or each.versions or each.photographs]
    conn.execute(
        insert(audit)
        .values(account=actor.account, actor=actor.name, action=FORGOTTEN, detail={"dikosongkan": counts})
        .inline()
    )
    return found


def _of_layer(conn: Connection, layer: Layer, today: date, actor: Actor) -> Iterator[Forgotten]:
    kept = [field for field in layer.fields.values() if field.retention is not None]
    for retention, fields in groupby(sorted(kept, key=_rule), key=lambda field: field.retention):
        assert retention is not None
        yield from _of_rule(conn, layer, retention, list(fields), today, actor)


def _rule(field: Field) -> tuple[str, int]:
    assert field.retention is not None
    return field.retention.after, field.retention.months


def _of_rule(
    conn: Connection, layer: Layer, retention: Retention, fields: list[Field], today: date, actor: Actor
) -> list[Forgotten]:
    """The fields of a layer that are forgotten together, so that a feature gets one new version and not several."""
    features = table_of(layer)
    dated, columns = features.c[retention.after], [features.c[field.name] for field in fields]
    filled = [func.count().filter(each.is_not(None)) for each in columns]
    over = dated + func.make_interval(0, retention.months) < today
    expired = conn.execute(select(*filled).where(over)).one()
    undated = conn.execute(select(*filled).where(dated.is_(None))).one()
    empty = {column: null() for column in columns} | {features.c.updated_by: actor.name}
    conn.execute(update(features).where(over, or_(*(column.is_not(None) for column in columns))).values(empty))
    return [
        Forgotten(layer.name, field.name, expired[n], _versions(conn, layer, field, retention, today), undated[n])
        for n, field in enumerate(fields)
    ]


def _versions(conn: Connection, layer: Layer, field: Field, retention: Retention, today: date) -> int:
    """Empty the field in the versions of the history; how many had a value."""
    features, h = table_of(layer), history.c
    # Silently nothing where an earlier catalogue had something else than a date there.
    path: ColumnElement[Any] = literal_column(f"'$.\"{retention.after}\".datetime()'::jsonpath")
    own = func.jsonb_path_query_first(h.attributes, path, literal({}, JSONB), True, type_=JSONB)
    ended = cast(func.timezone("Asia/Jakarta", h.ended_at), Date)
    day = func.coalesce(cast(own.op("#>>")(literal_column("'{}'::text[]")), Date), features.c[retention.after], ended)
    has_value = and_(h.layer == layer.name, h.attributes[field.name].astext.is_not(None))
    over = (
        select(h.id)
        .select_from(history.outerjoin(features, features.c.id == h.feature))
        .where(has_value, day + func.make_interval(0, retention.months) < today)
    )
    shown = {field.name + SHOWN: None} if field in layer.veiled else {}
    emptied = h.attributes.op("||")(literal({field.name: None, **shown}, JSONB))
    return conn.execute(update(history).where(h.id.in_(over)).values(attributes=emptied)).rowcount
