"""Layer -> PostGIS table. Everything here is derived from the catalogue or is a table of our own."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Time,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from geosatu.crs import MERCATOR_SRID, STORAGE_SRID
from geosatu.layers import KODE_WILAYAH, SHOWN, SOURCES, STATUSES, Access, Field, FieldType, Layer, Measure

LAYER_SCHEMA = "layer"
OWN_SCHEMA = "geosatu"
PAST_SCHEMA = "past"
"""The schema of the views in which the history is read, one per layer."""

MERCATOR = "geom_mercator"
PLACE = "geom_public"
"""Where features that may be homes are shown to all but those who care for them; triggers keep it."""

FEWEST_PEOPLE = 5
"""Counts of people from 1 up to here would tell the public of single persons."""

LONGEST_NAME = 63
"""Of what PostgreSQL takes as a name, in bytes."""

TYPES: dict[FieldType, TypeEngine[Any]] = {
    "text": Text(),
    "texts": ARRAY(Text()),
    "integer": BigInteger(),
    "decimal": Double(),
    "boolean": Boolean(),
    "date": Date(),
    "time": Time(),
    "code": Text(),
    "codes": ARRAY(Text()),
    "photos": ARRAY(Text()),
}

# On the ellipsoid, so that the figure does not depend on a projection.
MEASURES: dict[Measure, str] = {
    "area_m2": "round(ST_Area(geom::geography)::numeric, 1)::double precision",
    "area_ha": "round(ST_Area(geom::geography)::numeric / 10000, 2)::double precision",
    "length_m": "round(ST_Length(geom::geography)::numeric, 1)::double precision",
}


@lru_cache(maxsize=1024)
def table_of(layer: Layer) -> Table:
    """The PostGIS table that holds the layer's features, geometry in EPSG:4326."""
    name = layer.name
    table = Table(
        name,
        MetaData(),
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("uid", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
        Column("kode_wilayah", Text),
        Column("status", Text, nullable=False, server_default="draf"),
        Column("version", Integer, nullable=False, server_default="1"),
        Column("accuracy_m", Double),
        Column("source", Text),
        Column("import_id", BigInteger),
        Column("act", BigInteger),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("created_by", Text, nullable=False),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("updated_by", Text, nullable=False),
        *(column_of(field) for field in layer.fields.values()),
        *(shown_column(layer, field) for field in layer.veiled),
        Column("geom", Geometry(layer.geometry, STORAGE_SRID, spatial_index=False), nullable=False),
        mercator_column(layer),
        *([place_column(layer)] if layer.home is not None else []),
        CheckConstraint(f"kode_wilayah ~ '{KODE_WILAYAH}'", name=f"{name}_kode_wilayah"),
        CheckConstraint(_one_of("status", STATUSES), name=code_constraint(name, "status")),
        CheckConstraint(_one_of("source", SOURCES), name=code_constraint(name, "source")),
        *(
            CheckConstraint(codes_condition(field), name=code_constraint(name, field.name))
            for field in layer.fields.values()
            if field.codes
        ),
        Index(f"{name}_geom", "geom", postgresql_using="gist"),
        Index(f"{name}_{MERCATOR}", MERCATOR, postgresql_using="gist"),
        Index(f"{name}_wilayah", "kode_wilayah"),
        Index(f"{name}_act", "act"),
        schema=LAYER_SCHEMA,
    )
    if layer.home is not None:
        Index(f"{name}_{PLACE}", PLACE, postgresql_using="gist")
    if layer.key:
        Index(f"{name}_key", *(table.c[column] for column in layer.key), unique=True)
    return table


@lru_cache(maxsize=1024)
def past_of(layer: Layer) -> Table:
    """The view of the earlier versions of the layer's features: the columns of its table, and how each ended."""
    return Table(
        layer.name,
        MetaData(),
        *(Column(each.name, each.type) for each in table_of(layer).c if each.name != MERCATOR),
        Column("ended_at", DateTime(timezone=True)),
        Column("ended_by", Text),
        Column("ended_act", BigInteger),
        Column("deleted", Boolean),
        schema=PAST_SCHEMA,
    )


def column_of(field: Field) -> Column[Any]:
    """The comment tells how the column is computed; PostgreSQL would tell it in its own words only."""
    computed = [Computed(MEASURES[field.measure], persisted=True)] if field.measure else []
    return Column(field.name, TYPES[field.type], *computed, comment=field.measure)


def shown_column(layer: Layer, field: Field) -> Column[Any]:
    """What is shown of a count of people: of a feature with a small one none at all, since a total would tell it; and
    of photographs: none of a home. The comment says what the column is computed of."""
    shown = Computed(shown_value(layer, field), persisted=True)
    told = f"{field.name} unless small: {' '.join(each.name for each in layer.people)}"
    if field.type == "photos":
        assert layer.home is not None
        told = f"{field.name} unless a home: {layer.home.field} {layer.home.values}"
    return Column(field.name + SHOWN, TYPES[field.type], shown, comment=told)


def shown_value(layer: Layer, field: Field) -> str:
    """How that is computed."""
    if field.type == "photos":
        return _unless_home(layer, field)
    small = " OR ".join(f'coalesce("{each.name}" BETWEEN 1 AND {FEWEST_PEOPLE - 1}, false)' for each in layer.people)
    return f'CASE WHEN NOT ({small}) THEN "{field.name}" END'


def _unless_home(layer: Layer, field: Field) -> str:
    assert layer.home is not None
    if layer.home.field is None:
        return f'CASE WHEN false THEN "{field.name}" END'
    values = ", ".join(str(value).lower() if isinstance(value, bool) else f"'{value}'" for value in layer.home.values)
    return f'CASE WHEN NOT coalesce("{layer.home.field}" IN ({values}), false) THEN "{field.name}" END'


def shown_name(layer: Layer, field: Field, access: Access) -> str:
    """The column in which readers of this level see a field."""
    return field.name + SHOWN if layer.is_veiled(field, access) else field.name


def mercator_column(layer: Layer) -> Column[Any]:
    """The geometry in Web Mercator, kept beside the stored one: making it anew would be most of a tile's cost."""
    kind = Geometry(layer.geometry, MERCATOR_SRID, spatial_index=False)
    return Column(MERCATOR, kind, Computed(f"ST_Transform(geom, {MERCATOR_SRID})", persisted=True))


def place_column(layer: Layer) -> Column[Any]:
    """Where the feature is shown; nothing: nowhere."""
    return Column(PLACE, Geometry(layer.geometry, STORAGE_SRID, spatial_index=False))


def code_constraint(layer: str, field: str) -> str:
    """The name of the constraint that holds a field to its code list."""
    name = f"{layer}_{field}_codes"
    return name if len(name) <= LONGEST_NAME else f"{field}_codes"


def codes_condition(field: Field) -> str:
    """The SQL condition that holds a field to its code list; by the catalogue, codes are plain words."""
    if field.type == "code":
        return _one_of(field.name, field.codes)
    listed = ", ".join(f"'{code}'" for code in field.codes)
    return f'"{field.name}" <@ ARRAY[{listed}]'


def _one_of(column: str, codes: dict[str, str]) -> str:
    listed = ", ".join(f"'{code}'" for code in codes)
    return f'"{column}" IN ({listed})'


own = MetaData(schema=OWN_SCHEMA)

imports = Table(
    "import",
    own,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("layer", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("added", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
)

acts = Table(
    "act",
    own,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("account", BigInteger),
    Column("actor", Text, nullable=False, index=True),
    Column("door", Text, nullable=False),
    Column("reason", Text),
    Column("undoes", BigInteger, ForeignKey("geosatu.act.id")),
)

history = Table(
    "history",
    own,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("layer", Text, nullable=False),
    Column("feature", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("geom", Geometry("GEOMETRY", STORAGE_SRID, spatial_index=False), nullable=False),
    Column("ended_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_by", Text),
    Column("deleted", Boolean, nullable=False, server_default=text("false")),
    Column("place", Geometry("GEOMETRY", STORAGE_SRID, spatial_index=False)),
    Column("ended_act", BigInteger, index=True),
    Index("history_feature", "layer", "feature", "version"),
    Index("history_made", text("((attributes ->> 'act')::bigint)")),
    Index("history_ended", "layer", "ended_at"),
    Index("history_deleted", text("(attributes ->> 'uid')"), postgresql_where=text("deleted")),
)

layer_revision = Table(
    "layer_revision",
    own,
    Column("layer", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

checks = Table(
    "check",
    own,
    Column("layer", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("checked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

findings = Table(
    "finding",
    own,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("layer", Text, ForeignKey("geosatu.check.layer", ondelete="CASCADE"), nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("features", ARRAY(BigInteger), nullable=False),
    Column("area_m2", Double),
    Column("message", Text, nullable=False),
    Column("place", Geometry("GEOMETRY", STORAGE_SRID, spatial_index=False)),
    Column("public", Boolean, nullable=False, server_default=text("false")),
)

photos = Table(
    "photo",
    own,
    Column("id", Uuid, primary_key=True),
    Column("layer", Text, nullable=False),
    Column("feature", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("account", BigInteger),
    Column("actor", Text, nullable=False),
    Column("original", LargeBinary, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("picture", LargeBinary, nullable=False),
    Column("thumbnail", LargeBinary, nullable=False),
    Index("ix_geosatu_photo_account", "account", "at"),
)

exceptions = Table(
    "exception",
    own,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("layer", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("features", ARRAY(BigInteger), nullable=False),
    Column("message", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("account", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Index("ix_geosatu_exception_layer", "layer", "rule"),
)

secrets = Table("secret", own, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

accounts = Table(
    "account",
    own,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("full_name", Text, nullable=False),
    Column("password", Text),
    Column("must_change", Boolean, nullable=False, server_default=text("false")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("subject", Text, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
)

account_rights = Table(
    "account_right",
    own,
    Column("account", BigInteger, ForeignKey("geosatu.account.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("area", Text, primary_key=True),
    Column("granted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("granted_by", Text, nullable=False),
)

sessions = Table(
    "session",
    own,
    Column("key", LargeBinary, primary_key=True),
    Column("account", BigInteger, ForeignKey("geosatu.account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("device", Text, nullable=False),
    Column("address", Text, nullable=False),
)

tokens = Table(
    "token",
    own,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("account", BigInteger, ForeignKey("geosatu.account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)

invitations = Table(
    "invitation",
    own,
    Column("key", LargeBinary, primary_key=True),
    Column("account", BigInteger, ForeignKey("geosatu.account.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
)

attempts = Table(
    "attempt",
    own,
    Column("key", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False, server_default=func.now(), index=True),
)

audit = Table(
    "audit",
    own,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now(), index=True),
    Column("account", BigInteger),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Column("address", Text),
)

decisions = Table(
    "decision",
    own,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("layer", Text, nullable=False),
    Column("feature", BigInteger, nullable=False),
    Column("kode_wilayah", Text),
    Column("created_by", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("note", Text),
    Column("account", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Index("ix_geosatu_decision_feature", "layer", "feature"),
)

data_list = Table(
    "data_list",
    own,
    Column("year", Integer, primary_key=True),
    Column("layer", Text, primary_key=True),
    Column("deadline", Date, nullable=False),
)
