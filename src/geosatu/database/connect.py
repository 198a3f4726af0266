"""From settings to a prepared database: reachable, with PostGIS, migrated, with the tables of the layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, ProgrammingError

from geosatu.database.apply import apply_layers, plan_layers
from geosatu.database.cluster import Cluster
from geosatu.database.tables import LAYER_SCHEMA, OWN_SCHEMA
from geosatu.errors import DatabaseUnavailable, InvalidSettings
from geosatu.layers import Catalogue
from geosatu.settings import Settings

MINIMUM_POSTGIS = (3, 3)
PREPARE_LOCK = 7_146_001
"""The advisory lock under which one process at a time prepares the database."""


@contextmanager
def open_database(settings: Settings) -> Iterator[Engine]:
    """An engine on the database of the settings, with our own tables up to date.

    Without `GEOSATU_DATABASE_URL` the embedded cluster runs until the block is left.
    """
    if settings.database_url is not None:
        with _engine(_parse(settings.database_url.get_secret_value())) as engine:
            _prepare(engine, minimum=MINIMUM_POSTGIS)
            yield engine
        return
    with Cluster(settings.home).running() as conninfo, _engine(_embedded(conninfo)) as engine:
        # What the distribution ships is enough for our own cluster: Ubuntu 22.04 has PostGIS 3.2.
        _prepare(engine, minimum=(3, 2))
        yield engine


@contextmanager
def open_city(settings: Settings, catalogue: Catalogue) -> Iterator[Engine]:
    """An engine on a database that has every layer of the catalogue; loses nothing to get there."""
    with open_database(settings) as engine:
        with engine.begin() as conn:
            _lock(conn)
            apply_layers(conn, plan_layers(conn, catalogue))
        yield engine


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        url = None
    if url is None or not url.drivername.startswith("postgres"):
        raise InvalidSettings(
            "Pengaturan GEOSATU_DATABASE_URL tidak dapat dipakai: bentuknya "
            "postgresql://pengguna:sandi@komputer/basisdata."
        )
    return url.set(drivername="postgresql+psycopg")


def _embedded(conninfo: str) -> URL:
    parts: dict[str, Any] = conninfo_to_dict(conninfo)
    return URL.create(
        "postgresql+psycopg",
        username=parts["user"],
        password=parts["password"],
        database=parts["dbname"],
        query={"host": parts["host"]},
    )


@contextmanager
def _engine(url: URL) -> Iterator[Engine]:
    options = "-c timezone=UTC -c jit=off -c search_path=public"
    engine = create_engine(url, connect_args={"options": options, "connect_timeout": 10, "application_name": "geosatu"})
    try:
        yield engine
    finally:
        engine.dispose()


def _lock(conn: Connection) -> None:
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": PREPARE_LOCK})


def _prepare(engine: Engine, minimum: tuple[int, int]) -> None:
    """PostGIS, the schemas and our own tables; each lack is one sentence with its remedy."""
    where = engine.url.render_as_string(hide_password=True)
    try:
        with engine.begin() as conn:
            _lock(conn)
            _require_postgis(conn, minimum)
            for schema in (OWN_SCHEMA, LAYER_SCHEMA):
                conn.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
    except OperationalError as error:
        raise DatabaseUnavailable(
            f"Basis data {where} tidak dapat dihubungi: {_reason(error)}. Periksa alamat, pengguna dan sandinya."
        ) from None
    except ProgrammingError as error:
        raise DatabaseUnavailable(
            f"Basis data {where} belum dapat dipakai: {_reason(error)}. "
            "Pengguna itu perlu hak membuat skema dan tabel (GRANT CREATE ON DATABASE)."
        ) from None


def _require_postgis(conn: Connection, minimum: tuple[int, int]) -> None:
    available = conn.scalar(text("SELECT default_version FROM pg_available_extensions WHERE name = 'postgis'"))
    if available is None:
        raise DatabaseUnavailable(
            "PostGIS tidak terpasang di server PostgreSQL itu; pasang paket postgresql-postgis di sana."
        )
    installed = conn.scalar(text("SELECT extversion FROM pg_extension WHERE extname = 'postgis'"))
    version = installed or available
    if tuple(int(part) for part in version.split(".")[:2]) < minimum:
        needed = ".".join(map(str, minimum))
        raise DatabaseUnavailable(f"Server itu memakai PostGIS {version}; geosatu perlu {needed} atau lebih baru.")
    if installed is None:
        try:
            with conn.begin_nested():
                conn.execute(text("CREATE EXTENSION postgis WITH SCHEMA public"))
        except ProgrammingError:
            raise DatabaseUnavailable(
                "Pengguna basis data itu tidak berhak memasang PostGIS; minta administrator menjalankan "
                "CREATE EXTENSION postgis di basis data itu."
            ) from None


def _reason(error: DBAPIError) -> str:
    return str(error.orig).strip().split("\n", 1)[0].rstrip(".")
