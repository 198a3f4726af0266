"""The areas of the city that rights are given for: its kecamatan and kelurahan by code."""

from __future__ import annotations

from sqlalchemy import Connection, null, select

from geosatu.database.tables import table_of
from geosatu.layers import OWNERS, Catalogue


def areas(conn: Connection, catalogue: Catalogue) -> dict[str, str]:
    """Code -> name, each kecamatan before its kelurahan; empty where no boundary is known."""
    if OWNERS not in catalogue:
        return {}
    kelurahan = table_of(catalogue[OWNERS]).c
    name = kelurahan[catalogue[OWNERS].label]
    rows = conn.execute(
        select(kelurahan.kode_wilayah, name, kelurahan.get("kecamatan", null()))
        .where(kelurahan.kode_wilayah.is_not(None), kelurahan.status != "arsip")
        .order_by(kelurahan.kode_wilayah)
    )
    found: dict[str, str] = {}
    for code, name, kecamatan in rows:
        found.setdefault(code[:8], kecamatan or code[:8])
        found[code] = name or code
    return found
