"""Acts: what is changed in one transaction, by whom, through which door and why. Every write begins with one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sqlalchemy import BigInteger, Connection, Text, func, literal, select, text

from geosatu.features import Actor
from geosatu.layers import Catalogue, Layer

Door = Literal["peramban", "ogc", "wfs", "impor", "perintah", "tinjauan", "pemulihan"]

DOORS: dict[Door, str] = {
    "peramban": "Peta di peramban",
    "ogc": "OGC API",
    "wfs": "WFS",
    "impor": "Impor berkas",
    "perintah": "Perintah di server",
    "tinjauan": "Tinjauan",
    "pemulihan": "Pemulihan",
}
"""Through which a feature changes, as people read it."""

LONGEST_REASON = 500

_HOLD = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('geosatu.write:' || name, 0))"
    " FROM (SELECT name FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS given (name, n) ORDER BY n) AS ordered"
)


def begin(
    conn: Connection,
    layers: Iterable[Layer],
    door: Door,
    actor: Actor,
    reason: str | None = None,
    undoes: int | None = None,
) -> int:
    """The id of a new act, of which all is part that changes until the transaction ends."""
    hold(conn, layers)
    told = literal(reason and reason[:LONGEST_REASON], Text)
    opened = func.geosatu.open_act(door, told, actor.name, literal(undoes, BigInteger))
    return int(conn.scalar(select(opened)) or 0)


def hold(conn: Connection, layers: Iterable[Layer]) -> None:
    """Until the transaction ends, nobody else writes in these layers. Readers wait for nobody.

    Writers take turns, and always in this order, so that they never wait for each other in a circle: a change of
    areas moves the homes in them, whose layers PostgreSQL then holds as well.
    """
    ordered = sorted(set(layers), key=lambda layer: (layer.home is not None, layer.name))
    conn.execute(_HOLD, {"names": [layer.name for layer in ordered]})


def with_homes(catalogue: Catalogue, layers: Iterable[Layer]) -> set[Layer]:
    """The layers, and those whose homes are shown by them."""
    found = set(layers)
    names = {layer.name for layer in found}
    return found | {each for each in catalogue if each.home is not None and each.home.layer in names}
