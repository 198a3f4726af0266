"""What the last check of each layer found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    Text,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import aggregate_order_by

from geosatu.crs import STORAGE_SRID
from geosatu.database.tables import PLACE, checks, exceptions, findings, layer_revision, table_of
from geosatu.layers import Catalogue, Layer


def replace_findings(conn: Connection, layer: Layer, revision: int, found: Sequence[Mapping[str, Any]]) -> None:
    """Keep what a check found on a layer at this revision, instead of what the check before found.

    Each has rule, severity, features (ids), area_m2, message and place (WKB in EPSG:4326, or None). The public
    sees those on published features, but none on layers of homes, since checks look where features really are;
    staff see these where the home is shown.
    """
    # Two checks at once wait for each other here, and the later one stays.
    checked = postgresql.insert(checks).values(layer=layer.name, revision=revision)
    conn.execute(
        checked.on_conflict_do_update(
            index_elements=[checks.c.layer], set_={"revision": revision, "checked_at": func.now()}
        )
    )
    conn.execute(delete(findings).where(findings.c.layer == layer.name))
    if not found:
        return
    columns = ("layer", "rule", "severity", "features", "area_m2", "message")
    values: dict[str, Any] = {name: bindparam(name) for name in columns}
    values["place"] = func.ST_GeomFromWKB(bindparam("place"), STORAGE_SRID)
    rows = [{**each, "features": list(each["features"])} for each in found]
    conn.execute(insert(findings).values(values), rows)
    features = table_of(layer)
    if layer.home is not None:
        shown = select(features.c[PLACE]).where(features.c.id == findings.c.features[1]).scalar_subquery()
        conn.execute(update(findings).values(place=shown).where(findings.c.layer == layer.name))
    else:
        hidden = exists().where(features.c.id == any_(findings.c.features), features.c.status != "terbit")
        conn.execute(update(findings).values(public=~hidden).where(findings.c.layer == layer.name))


def findings_geojson(conn: Connection, catalogue: Catalogue) -> str:
    """The kept findings on layers of the catalogue as the inside of a GeoJSON `features` array, as far as the
    connection's actor sees them, and the exceptions from them."""
    e = exceptions.c
    same = (e.layer == findings.c.layer, e.rule == findings.c.rule, e.features == findings.c.features)
    latest = (
        select(e.reason, e.actor, e.at)
        .where(*same, e.message == findings.c.message, findings.c.severity == "error", func.geosatu.holds(e.id))
        .order_by(e.id.desc())
        .limit(1)
        .lateral("excepted")
    )
    properties = func.json_build_object(
        *("layer", findings.c.layer, "rule", findings.c.rule, "severity", findings.c.severity),
        *("message", findings.c.message, "area_m2", findings.c.area_m2, "features", findings.c.features),
        *("checked_at", checks.c.checked_at, "outdated", layer_revision.c.revision > checks.c.revision),
        *("exception", latest.c.reason, "excepted_by", latest.c.actor, "excepted_at", latest.c.at),
    )
    feature = func.json_build_object(
        *("type", "Feature", "id", findings.c.id),
        *("geometry", cast(func.ST_AsGeoJSON(findings.c.place, 7), JSON)),
        *("properties", properties),
    )
    rows = (
        select(func.string_agg(cast(feature, Text), aggregate_order_by(literal(","), findings.c.id)))
        .select_from(findings.join(checks, checks.c.layer == findings.c.layer))
        .join(layer_revision, layer_revision.c.layer == checks.c.layer)
        .outerjoin(latest, true())
        .where(findings.c.layer.in_(list(catalogue.layers)))
    )
    return conn.scalar(rows) or ""
