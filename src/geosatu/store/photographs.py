"""Photographs of features, kept in the database, so that its policies hold for them and its backups have them.

A feature names its photographs in a field of type `photos`; each belongs to one feature, known by its uid, and may be
sent before the feature is. Who sees it follows from who sees the feature (`_photo_policies` in `database/rights.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Text,
    and_,
    any_,
    cast,
    delete,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from geosatu.database.tables import history, table_of
from geosatu.database.tables import photos as table
from geosatu.errors import InvalidFeature
from geosatu.features import Actor, Photograph
from geosatu.layers import Layer

MOST_A_DAY = 500
"""Of one account: a kelurahan does not photograph more, and whoever does would fill the disk."""

UNNAMED_DAYS = 30
"""How long a photograph is kept that no feature, and no earlier version of one, names: a telephone may be without a
network for that long."""

Size = Literal["picture", "thumbnail"]


class Original(NamedTuple):
    """The file as it was sent, with everything that the camera wrote into it."""

    content: bytes
    media_type: str


def keep(conn: Connection, layer: Layer, feature: UUID, photo: UUID, taken: Photograph, actor: Actor) -> bool:
    """Keep a photograph; whether it is new. One that comes again is the same one."""
    columns = table.c
    own = select(columns.id).where(_is(layer, feature, photo), columns.account == actor.account)
    if conn.scalar(own) is not None:
        return False
    today = select(func.count()).where(
        columns.account == actor.account, columns.at > func.now() - func.make_interval(0, 0, 0, 1)
    )
    if (conn.scalar(today) or 0) >= MOST_A_DAY:
        raise InvalidFeature(f"Akun ini sudah mengirim {MOST_A_DAY} foto dalam sehari. Lanjutkan besok.")
    row = insert(table).values(
        id=photo,
        layer=layer.name,
        feature=feature,
        account=actor.account,
        actor=actor.name,
        original=taken.original,
        media_type=taken.media_type,
        picture=taken.picture,
        thumbnail=taken.thumbnail,
    )
    new = row.on_conflict_do_nothing(index_elements=["id"]).returning(columns.id)
    if conn.scalar(new) is not None:
        return True
    if conn.scalar(own) is not None:  # sent twice at once
        return False
    raise InvalidFeature("Pengenal foto ini sudah dipakai foto lain; beri uuid yang baru.")


def shown(conn: Connection, layer: Layer, feature: UUID, photo: UUID, size: Size | None) -> bytes | None:
    """A picture of the photograph, empty where none is asked for; None: there is none for who asks."""
    column = literal(b"") if size is None else table.c[size]
    return conn.scalar(select(column).where(_is(layer, feature, photo)))


def original(conn: Connection, layer: Layer, feature: UUID, photo: UUID) -> Original | None:
    """What was sent, for those who have said why they need it."""
    found = conn.execute(select(table.c.original, table.c.media_type).where(_is(layer, feature, photo))).one_or_none()
    return None if found is None else Original(*found)


def known(conn: Connection, layer: Layer, feature: UUID, photos: Collection[str]) -> set[str]:
    """Those of the photographs that are there, belong to the feature, and that who asks may see."""
    named = cast(literal(list(photos), ARRAY(Text)), ARRAY(table.c.id.type))
    found = select(table.c.id).where(table.c.layer == layer.name, table.c.feature == feature, table.c.id == any_(named))
    return {str(photo) for photo in conn.scalars(found)}


def forget_unnamed(conn: Connection, layer: Layer) -> int:
    """Delete the layer's photographs that neither a feature nor an earlier version of one names any more; how many. The
    connection is the owner's."""
    columns, name, f, h = table.c, cast(table.c.id, Text), table_of(layer).c, history.c
    named = [name == any_(f[field.name]) for field in layer.photos]
    now = exists(select(f.id).where(f.uid == columns.feature, or_(*named)))
    once = exists(
        select(h.id).where(
            h.layer == layer.name,
            h.attributes["uid"].astext == cast(columns.feature, Text),
            func.strpos(cast(h.attributes, Text), name) > 0,
        )
    )
    old = columns.at < func.now() - func.make_interval(0, 0, 0, UNNAMED_DAYS)
    return conn.execute(delete(table).where(columns.layer == layer.name, old, not_(now), not_(once))).rowcount


def _is(layer: Layer, feature: UUID, photo: UUID) -> ColumnElement[bool]:
    return and_(table.c.id == photo, table.c.layer == layer.name, table.c.feature == feature)
