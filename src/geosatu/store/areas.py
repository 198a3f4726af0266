"""The areas of the city that rights are given for: its kecamatan and kelurahan by code."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, null, or_, select

from geosatu.database.tables import table_of
from geosatu.features import Box
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


def extent(conn: Connection, catalogue: Catalogue, within: Iterable[str]) -> Box | None:
    """The box around the kelurahan of these areas; None: no boundary is known."""
    kelurahan = table_of(catalogue[OWNERS]).c
    among = or_(*(kelurahan.kode_wilayah.startswith(area, autoescape=True) for area in within))
    box = func.ST_Extent(kelurahan.geom)
    sides = (func.ST_XMin(box), func.ST_YMin(box), func.ST_XMax(box), func.ST_YMax(box))
    found = conn.execute(select(*sides).where(among, kelurahan.status != "arsip")).one()
    return None if found[0] is None else Box(*found)
