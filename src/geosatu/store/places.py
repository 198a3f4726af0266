"""Where geometries lie, as far as the boundaries of kelurahan are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Place:
    """In which kelurahan a geometry lies, as far as the boundaries are known."""

    kode_wilayah: str | None
    """The kelurahan that it lies in, for the greater part."""
    nama: str | None
    declared_distance_m: float | None
    """How far it lies from the declared kelurahan, on the ellipsoid; None: that one is not known."""


def places(conn: Connection, geometries: Sequence[bytes], declared: Sequence[str | None]) -> list[Place]:
    """The kelurahan of each geometry, and its distance from the one that was declared for it."""
    rows = conn.execute(
        text("SELECT * FROM geosatu.places(CAST(:geometries AS bytea[]), CAST(:declared AS text[]))"),
        {"geometries": list(geometries), "declared": list(declared)},
    )
    return [Place(*row) for row in rows]
