"""Layers out of PostGIS: what they hold, whole ones as frames, and features found by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas
import pandas
import shapely
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Double,
    case,
    column,
    func,
    literal,
    select,
    table,
    union_all,
)

from geosatu.crs import STORAGE_SRID
from geosatu.database.tables import LAYER_SCHEMA, layer_revision, table_of
from geosatu.features import WIB, Actor, Box, Query
from geosatu.layers import OWNERS, Catalogue, Layer
from geosatu.store import statements
from geosatu.store.rendering import properties_of, published


@dataclass(frozen=True)
class Summary:
    """What a layer holds for a reader."""

    count: int
    bounds: Box | None
    changed_on: date | None
    """The day of the last change; None: there was none."""


def frame(conn: Connection, layer: Layer, actor: Actor, near: Sequence[Box] | None = None) -> geopandas.GeoDataFrame:
    """The layer in memory, whole or as far as it touches one of the boxes: index `id`, the reader's columns, geometry
    in EPSG:4326."""
    source, geom, visible = published(layer, actor.access)
    features = table_of(layer)
    columns = properties_of(layer, actor.access)
    wanted = select(features.c.id, *columns, func.ST_AsBinary(geom).label("geom")).select_from(source)
    if near is not None:
        edges = (literal(list(edge), ARRAY(Double)) for edge in zip(*near, strict=True))
        given = func.unnest(*edges).table_valued(*Box._fields).render_derived()
        envelope = func.ST_MakeEnvelope(*(given.c[edge] for edge in Box._fields), STORAGE_SRID)
        # Made beforehand and joined, so that the index is asked for each box: under policies it is for no function.
        boxes = select(envelope.label("box")).cte("boxes").prefix_with("MATERIALIZED")
        found = select(features.c.id).select_from(boxes.join(source, geom.bool_op("&&")(boxes.c.box)))
        wanted = wanted.where(features.c.id.in_(found.correlate(None)))
    rows = conn.execute(wanted.where(visible).order_by(features.c.id))
    data = pandas.DataFrame(rows.fetchall(), columns=list(rows.keys())).set_index("id")
    geometry = shapely.from_wkb(data.pop("geom").to_numpy(dtype=object))
    return geopandas.GeoDataFrame(data, geometry=geometry, crs=STORAGE_SRID)


def count(conn: Connection, layer: Layer, query: Query, actor: Actor) -> int:
    """How many features of the query this reader sees."""
    wanted = statements.total(layer, query, actor.access)
    return int(conn.exec_driver_sql(wanted.sql, dict(wanted.values)).scalar_one())


def ids(conn: Connection, layer: Layer, query: Query, actor: Actor) -> list[int]:
    """The features of the query that this reader sees, up to its limit."""
    wanted = statements.ids(layer, query, actor.access)
    return [row.id for row in conn.exec_driver_sql(wanted.sql, dict(wanted.values))]


def revisions(conn: Connection) -> dict[str, int]:
    """How often each layer has changed; what is derived from a layer holds as long as this does."""
    return {row.layer: row.revision for row in conn.execute(select(layer_revision.c.layer, layer_revision.c.revision))}


def summaries(conn: Connection, catalogue: Catalogue, actor: Actor) -> dict[str, Summary]:
    """What each layer holds for this reader, in one round trip."""
    parts = []
    for layer in catalogue:
        source, geom, visible = published(layer, actor.access)
        figures = select(
            literal(layer.name).label("layer"),
            func.count().label("features"),
            *_edges(func.ST_Extent(geom)),
        )
        parts.append(figures.select_from(source).where(visible))
    found = union_all(*parts).subquery()
    revision = layer_revision.c
    rows = conn.execute(
        select(found, revision.revision, revision.changed_at).join(layer_revision, revision.layer == found.c.layer)
    )
    return {
        row.layer: Summary(
            row.features,
            Box(row.west, row.south, row.east, row.north) if row.features else None,
            row.changed_at.astimezone(WIB).date() if row.revision else None,
        )
        for row in rows
    }


def values_in_use(conn: Connection, layer: Layer, field: str, actor: Actor) -> list[str]:
    """The different values of a field among the features that this reader sees."""
    source, _, visible = published(layer, actor.access)
    value = table_of(layer).c[field]
    return list(conn.scalars(select(value).distinct().select_from(source).where(visible, value.is_not(None))))


@dataclass(frozen=True)
class Match:
    """A feature that a search found, with its name and bounds."""

    layer: str
    id: int
    title: str
    kelurahan: str | None
    bounds: Box


def search(conn: Connection, catalogue: Catalogue, words: str, actor: Actor, limit: int = 10) -> list[Match]:
    """Features whose name holds the words; names that begin with them come first."""
    parts = []
    for layer in catalogue:
        source, geom, visible = published(layer, actor.access)
        features = table_of(layer)
        title = features.c[layer.label]
        parts.append(
            select(
                literal(layer.name).label("layer"),
                features.c.id,
                title.label("title"),
                features.c.kode_wilayah,
                case((title.istartswith(words, autoescape=True), 0), else_=1).label("later"),
                literal(-layer.style.order).label("rank"),
                *_edges(geom),
            )
            .select_from(source)
            .where(visible, title.icontains(words, autoescape=True))
            .order_by("later", "title", features.c.id)
            .limit(limit)
            .subquery()
            .select()
        )
    found = union_all(*parts).subquery()
    owner = table(OWNERS, column("kode_wilayah"), column("nama"), schema=LAYER_SCHEMA)
    rows = conn.execute(
        select(found, owner.c.nama.label("kelurahan"))
        .outerjoin(owner, owner.c.kode_wilayah == found.c.kode_wilayah)
        .order_by(found.c.later, found.c.rank, found.c.title, found.c.id)
        .limit(limit)
    )
    return [
        Match(row.layer, row.id, row.title, row.kelurahan, Box(row.west, row.south, row.east, row.north))
        for row in rows
    ]


def _edges(geom: ColumnElement[Any]) -> list[ColumnElement[float]]:
    """The bounds of a geometry or an extent."""
    return [
        func.ST_XMin(geom).label("west"),
        func.ST_YMin(geom).label("south"),
        func.ST_XMax(geom).label("east"),
        func.ST_YMax(geom).label("north"),
    ]
