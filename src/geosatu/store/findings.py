"""What the last check of each layer found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    JSON,
    Connection,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    type_coerce,
)

from geosatu.crs import STORAGE_SRID
from geosatu.database.tables import checks, findings, layer_revision
from geosatu.layers import Layer


def replace_findings(conn: Connection, layer: Layer, found: Sequence[Mapping[str, Any]]) -> None:
    """Keep these findings of a layer instead of those of the check before.

    Each has rule, severity, features (ids), area_m2, message and place (WKB in EPSG:4326).
    """
    conn.execute(delete(checks).where(checks.c.layer == layer.name))
    revision = select(layer_revision.c.layer, layer_revision.c.revision).where(
        layer_revision.c.layer == layer.name
    )
    conn.execute(insert(checks).from_select(["layer", "revision"], revision))
    if found:
        place = func.ST_GeomFromWKB(bindparam("wkb"), STORAGE_SRID)
        rows = [{**row, "wkb": row["place"], "layer": layer.name} for row in found]
        columns = ("layer", "rule", "severity", "features", "area_m2", "message")
        values: dict[str, Any] = {name: bindparam(name) for name in columns} | {
            "place": type_coerce(place, Geometry)
        }
        conn.execute(insert(findings).values(values), [{**row} for row in rows])


def findings_geojson(conn: Connection) -> str:
    """All kept findings as the inside of a GeoJSON `features` array."""
    properties = func.json_build_object(
        *("layer", findings.c.layer, "rule", findings.c.rule, "severity", findings.c.severity),
        *("message", findings.c.message, "area_m2", findings.c.area_m2, "features", findings.c.features),
        *("checked_at", checks.c.checked_at, "outdated", layer_revision.c.revision > checks.c.revision),
    )
    feature = func.json_build_object(
        *("type", "Feature", "id", findings.c.id),
        *("geometry", cast(func.ST_AsGeoJSON(findings.c.place, 7), JSON)),
        *("properties", properties),
    )
    rows = (
        select(func.string_agg(cast(feature, Text), literal(",")))
        .select_from(findings.join(checks, checks.c.layer == findings.c.layer))
        .join(layer_revision, layer_revision.c.layer == checks.c.layer)
    )
    return conn.scalar(rows) or ""
