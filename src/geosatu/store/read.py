"""Features out of PostGIS: pages and streams as GeoJSON text that PostGIS renders, whole layers as frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas
import pandas
import shapely
from geoalchemy2 import Geometry
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Text,
    and_,
    case,
    cast,
    column,
    exists,
    func,
    lateral,
    literal,
    literal_column,
    select,
    table,
    true,
    union_all,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import aggregate_order_by

from geosatu.crs import STORAGE_SRID
from geosatu.database.tables import LAYER_SCHEMA, layer_revision, table_of
from geosatu.errors import UnknownFeature
from geosatu.features import Actor, Box, Page, Query
from geosatu.layers import OWNERS, Catalogue, Layer

DECIMALS = 9
"""Of degrees in GeoJSON, a tenth of a millimetre: what is stored comes out as it went in."""

STREAM_BLOCK = 64 * 1024


@dataclass(frozen=True)
class Summary:
    """What a layer holds for a reader."""

    count: int
    bounds: Box | None
    changed_on: date | None
    """The day of the last change (UTC); None: there was none."""


def properties_of(layer: Layer, actor: Actor) -> list[Column[object]]:
    """The columns that this reader sees as properties, ours behind the layer's own."""
    columns = table_of(layer).c
    own = [columns[field.name] for field in layer.readable(actor.access)]
    ours = ("kode_wilayah", "status", "source", "accuracy_m", "uid", "version", "updated_at")
    return own + [columns[name] for name in ours]


def page(conn: Connection, layer: Layer, query: Query, actor: Actor) -> Page:
    """One page in order of id, in a single statement."""
    source, geom, visible = _published(layer, actor)
    features = table_of(layer)
    if query.box is not None:
        visible = and_(visible, _inside(geom, query.box))
    rows = (
        select(features.c.id, _feature_text(layer, geom, actor).label("feature"))
        .select_from(source)
        .where(visible, features.c.id > query.after)
        .order_by(features.c.id)
        .limit(query.limit)
        .subquery()
    )
    found = select(
        func.string_agg(rows.c.feature, aggregate_order_by(literal(","), rows.c.id)).label("features"),
        func.count().label("returned"),
        func.max(rows.c.id).label("last"),
    ).subquery()
    more = select(exists().select_from(source).where(visible, features.c.id > found.c.last)).scalar_subquery()
    matched = select(func.count()).select_from(source).where(visible).scalar_subquery()
    row = conn.execute(select(found, matched.label("matched"), more.label("more"))).one()
    return Page(row.features or "", row.returned, row.matched, row.last if row.more else None)


def feature(conn: Connection, layer: Layer, feature_id: int, actor: Actor) -> str:
    """One feature as GeoJSON text, or `UnknownFeature`."""
    source, geom, visible = _published(layer, actor)
    features = table_of(layer)
    wanted = select(_feature_text(layer, geom, actor)).select_from(source)
    text: str | None = conn.scalar(wanted.where(visible, features.c.id == feature_id))
    if text is None:
        raise UnknownFeature(f"Fitur {feature_id} tidak ada di lapisan {layer.name}.")
    return text


def geojson(conn: Connection, layer: Layer, actor: Actor) -> Iterator[bytes]:
    """The whole layer as the inside of a `features` array, streamed in blocks by COPY; memory stays flat."""
    source, geom, visible = _published(layer, actor)
    features = table_of(layer)
    wanted = select(_feature_text(layer, geom, actor)).select_from(source).where(visible)
    statement = wanted.order_by(features.c.id).compile(
        dialect=postgresql.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    # CSV whose quote and delimiter JSON text never holds: each feature arrives as it is, on one line.
    copy = f"COPY ({statement}) TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')"
    waiting, before = bytearray(), b""
    cursor: Any = conn.connection.cursor()
    with cursor, cursor.copy(copy) as rows:
        for row in rows:
            waiting += before + bytes(row)[:-1]
            before = b",\n"
            if len(waiting) >= STREAM_BLOCK:
                yield bytes(waiting)
                waiting.clear()
    yield bytes(waiting)


def frame(conn: Connection, layer: Layer, actor: Actor) -> geopandas.GeoDataFrame:
    """The whole layer in memory: index `id`, the reader's columns, geometry in EPSG:4326."""
    source, geom, visible = _published(layer, actor)
    features = table_of(layer)
    columns = properties_of(layer, actor)
    wanted = select(features.c.id, *columns, func.ST_AsBinary(geom).label("geom")).select_from(source)
    rows = conn.execute(wanted.where(visible).order_by(features.c.id))
    data = pandas.DataFrame(rows.fetchall(), columns=list(rows.keys())).set_index("id")
    geometry = shapely.from_wkb(data.pop("geom").to_numpy(dtype=object))
    return geopandas.GeoDataFrame(data, geometry=geometry, crs=STORAGE_SRID)


def count(conn: Connection, layer: Layer, actor: Actor) -> int:
    """How many features this reader sees."""
    source, _, visible = _published(layer, actor)
    return conn.scalar(select(func.count()).select_from(source).where(visible)) or 0


def revisions(conn: Connection) -> dict[str, int]:
    """How often each layer has changed; what is derived from a layer holds as long as this does."""
    return {row.layer: row.revision for row in conn.execute(select(layer_revision.c.layer, layer_revision.c.revision))}


def summaries(conn: Connection, catalogue: Catalogue, actor: Actor) -> dict[str, Summary]:
    """What each layer holds for this reader, in one round trip."""
    parts = []
    for layer in catalogue:
        source, geom, visible = _published(layer, actor)
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
            row.changed_at.date() if row.revision else None,
        )
        for row in rows
    }


def values_in_use(conn: Connection, layer: Layer, field: str, actor: Actor) -> list[str]:
    """The different values of a field among the features that this reader sees."""
    source, _, visible = _published(layer, actor)
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
        source, geom, visible = _published(layer, actor)
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


def _published(layer: Layer, actor: Actor) -> tuple[FromClause, ColumnElement[Any], ColumnElement[bool]]:
    """Where a reader finds the layer's features: the FROM clause, the geometry they see, and which rows.

    Where a feature is a home, the public sees the inner point of the area around it, and searches by that
    point, so that no box can be narrowed down on the house; without such an area the feature stays hidden.
    """
    features = table_of(layer)
    visible = features.c.status != "arsip"
    if layer.home is None or actor.access != "publik":
        return features, features.c.geom, visible
    area = table(layer.home.layer, column("id"), column("geom", Geometry), column("status"), schema=LAYER_SCHEMA)
    around = lateral(
        select(func.ST_PointOnSurface(area.c.geom).label("geom"))
        .where(func.ST_Covers(area.c.geom, features.c.geom), area.c.status != "arsip")
        .order_by(area.c.id)
        .limit(1)
    ).alias("around")
    at_home: ColumnElement[bool] = true()
    if layer.home.field is not None:
        at_home = features.c[layer.home.field].in_(layer.home.values)
    geom = case((at_home, around.c.geom), else_=features.c.geom)
    return features.outerjoin(around, at_home), geom, and_(visible, geom.is_not(None))


def _inside(geom: ColumnElement[Any], box: Box) -> ColumnElement[bool]:
    return func.ST_Intersects(geom, func.ST_MakeEnvelope(*box, STORAGE_SRID))


def _edges(geom: ColumnElement[Any]) -> list[ColumnElement[float]]:
    """The bounds of a geometry or an extent."""
    return [
        func.ST_XMin(geom).label("west"),
        func.ST_YMin(geom).label("south"),
        func.ST_XMax(geom).label("east"),
        func.ST_YMax(geom).label("north"),
    ]


def _feature_text(layer: Layer, geom: ColumnElement[Any], actor: Actor) -> ColumnElement[str]:
    """A feature as GeoJSON text, joined from pieces: faster than json_build_object, and without its limit."""
    columns = properties_of(layer, actor)
    text: ColumnElement[str] = _sql_text('{"type":"Feature","id":') + cast(table_of(layer).c.id, Text)
    text = text + _sql_text(',"geometry":') + func.ST_AsGeoJSON(geom, DECIMALS)
    for number, field in enumerate(columns):
        before = ',"properties":{' if number == 0 else ","
        value = func.coalesce(cast(func.to_json(field), Text), _sql_text("null"))
        text = text + _sql_text(f'{before}"{field.name}":') + value
    return text + _sql_text("}}")


def _sql_text(text: str) -> ColumnElement[str]:
    """A constant that is part of the statement; never a user's words."""
    return literal_column(f"'{text}'", Text)
