"""What became of a feature since somebody saw it: what changed, by whom and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ARRAY, BigInteger, Connection, Integer, func, literal, select

from geosatu.features import WIB
from geosatu.layers import STATUSES, SYSTEM_FIELDS, Layer


class Current(Protocol):
    """A feature as it is now."""

    @property
    def id(self) -> Any: ...
    @property
    def version(self) -> Any: ...
    @property
    def status(self) -> Any: ...
    @property
    def updated_by(self) -> Any: ...
    @property
    def updated_at(self) -> Any: ...


def changed_since(conn: Connection, layer: Layer, seen: Mapping[int, int]) -> dict[int, list[str]]:
    """The titles of what changed in each feature (id) since the version that was seen; values are not told."""
    given = (
        func.unnest(literal(list(seen), ARRAY(BigInteger)), literal(list(seen.values()), ARRAY(Integer)))
        .table_valued("id", "version", name="given")
        .render_derived()
    )
    since = select(given.c.id, func.geosatu.changed_since(layer.name, given.c.id, given.c.version).label("names"))
    titles = {"geom": "Letak"} | {name: each.title for name, each in (SYSTEM_FIELDS | dict(layer.fields)).items()}
    return {row.id: [titles[name] for name in row.names or () if name in titles] for row in conn.execute(since)}


def sentence(feature: Current, titles: list[str], remedy: str) -> str:
    """What happened to the feature, and what to do."""
    what = f" ({', '.join(titles)})" if titles else ""
    at: datetime = feature.updated_at.astimezone(WIB)
    return (
        f"Fitur {feature.id} sudah berubah sejak Anda melihatnya{what}: diubah oleh {feature.updated_by} pada "
        f"{at:%d-%m-%Y} pukul {at:%H.%M} WIB, kini {STATUSES[feature.status]}, versi {feature.version}. {remedy}"
    )
