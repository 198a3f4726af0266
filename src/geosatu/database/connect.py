"""From settings to a prepared database: reachable, with PostGIS, migrated, with the tables of the layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, ProgrammingError

from geosatu.database.apply import apply_layers, hold_tables, plan_layers
from geosatu.database.cluster import Cluster
from geosatu.database.rights import SERVICE, apply_rights, role_name, service_password
from geosatu.database.tables import LAYER_SCHEMA, OWN_SCHEMA
from geosatu.errors import DatabaseUnavailable, InvalidSettings
from geosatu.features import PUBLIC
from geosatu.layers import Catalogue
from geosatu.settings import Settings

OPTIONS = "-c timezone=UTC -c datestyle=ISO -c jit=off -c search_path=public -c synchronous_commit=on"
"""What every connection of ours is set to; what is acknowledged is on the disk, whatever the server's setting."""

MINIMUM_POSTGIS = (3, 3)
CONNECTIONS = 15
"""At most, of one engine."""

LONGEST_QUEUE = 10
"""Seconds that those who serve wait for others who write."""


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
            apply_layers(conn, plan_layers(conn, catalogue))
            apply_rights(conn, catalogue)
        yield engine


@contextmanager
def open_service(owner: Engine, statement_seconds: int) -> Iterator[Engine]:
    """An engine for those who serve: it owns nothing, reads as the public until a transaction says otherwise, and
    no statement of it takes longer, so that readers cannot tie up the database. Nor does it wait long for others."""
    with owner.connect() as conn:
        password = service_password(conn)
    database = str(owner.url.database)
    url = owner.url.set(username=role_name(database, SERVICE), password=password)
    reader = role_name(database, PUBLIC.access)
    limits = f"-c statement_timeout={statement_seconds}s -c lock_timeout={LONGEST_QUEUE}s"
    with _engine(url, f"{limits} -c role={reader}") as engine:
        yield engine


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in ("postgresql", "postgres"):
        raise InvalidSettings(
            "Pengaturan GEOSATU_DATABASE_URL tidak dapat dipakai: bentuknya "
            "postgresql://pengguna:sandi@komputer/basisdata."
        )
    if "@" in f"{url.host}{url.database}":
        raise InvalidSettings(
            "Pengaturan GEOSATU_DATABASE_URL tidak dapat dipakai: tanda @ di dalam sandi ditulis %40."
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


def conninfo_of(engine: Engine, statement_seconds: int) -> str:
    """The engine's address as libpq takes it, for readers whose statements may take this long."""
    url = engine.url
    query = {name: value for name, value in url.query.items() if isinstance(value, str)}
    return make_conninfo(
        "",
        **{
            "host": url.host,
            "port": url.port,
            "user": url.username,
            "password": url.password,
            "dbname": url.database,
            "application_name": "geosatu",
            "connect_timeout": "10",
            "options": f"{OPTIONS} -c statement_timeout={statement_seconds}s",
            **query,
        },
    )


@contextmanager
def _engine(url: URL, options: str = "") -> Iterator[Engine]:
    """An engine; a server that stops or has no room left in the middle of the block is one sentence."""
    engine = create_engine(
        url,
        pool_size=5,
        max_overflow=CONNECTIONS - 5,
        hide_parameters=True,  # what people wrote belongs into no log
        connect_args={"options": f"{OPTIONS} {options}".strip(), "connect_timeout": 10, "application_name": "geosatu"},
    )
    try:
        yield engine
    except (OperationalError, psycopg.OperationalError) as error:
        raise DatabaseUnavailable(
            f"Basis data {_where(url)} berhenti menjawab di tengah pekerjaan: {_reason(error)}. "
            "Periksa basis data itu, lalu ulangi."
        ) from error
    finally:
        engine.dispose()


def _prepare(engine: Engine, minimum: tuple[int, int]) -> None:
    """PostGIS, the schemas and our own tables; each lack is one sentence with its remedy."""
    where = _where(engine.url)
    try:
        engine.connect().close()
    except DBAPIError as error:
        raise DatabaseUnavailable(
            f"Basis data {where} tidak dapat dihubungi: {_reason(error)}. Periksa alamat, pengguna dan sandinya."
        ) from None
    try:
        with engine.begin() as conn:
            hold_tables(conn)
            _require_unicode(conn)
            _require_postgis(conn, minimum)
            for schema in (OWN_SCHEMA, LAYER_SCHEMA):
                conn.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = conn
            command.upgrade(config, "head")
    except ProgrammingError as error:
        raise DatabaseUnavailable(
            f"Basis data {where} belum dapat dipakai: {_reason(error)}. "
            "Pengguna itu perlu hak membuat skema dan tabel (GRANT CREATE ON DATABASE)."
        ) from None
    except DBAPIError as error:
        raise DatabaseUnavailable(f"Basis data {where} belum dapat dipakai: {_reason(error)}.") from None
    except CommandError:
        raise DatabaseUnavailable(
            f"Basis data {where} sudah dipakai geosatu yang lebih baru; pasang geosatu yang terbaru."
        ) from None


def _where(url: URL) -> str:
    """The database and its host, without anything secret."""
    host = url.host or url.query.get("host") or "localhost"
    return f"{url.database!r} di {host}" + (f" port {url.port}" if url.port else "")


def _require_unicode(conn: Connection) -> None:
    """Names of people and places have all letters."""
    encoding = conn.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise DatabaseUnavailable(
            f"Basis data itu menyimpan teks sebagai {encoding}; buat dengan ENCODING 'UTF8' TEMPLATE template0."
        )


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
    schema = conn.scalar(text("SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'postgis'"))
    if schema not in (None, "public"):
        raise DatabaseUnavailable(f"PostGIS di basis data itu ada di skema {schema}; geosatu memerlukannya di public.")
    if installed is None:
        try:
            with conn.begin_nested():
                conn.execute(text("CREATE EXTENSION postgis WITH SCHEMA public"))
        except ProgrammingError:
            raise DatabaseUnavailable(
                "Pengguna basis data itu tidak berhak memasang PostGIS; minta administrator menjalankan "
                "CREATE EXTENSION postgis di basis data itu."
            ) from None


def _reason(error: DBAPIError | psycopg.Error) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error).strip().split("\n", 1)[0].rstrip(".")
