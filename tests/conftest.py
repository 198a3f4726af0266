"""Fixtures that every test may ask for: the catalogue, a real PostGIS, the demonstration city, a browser."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from hypothesis import settings
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine
from starlette.types import ASGIApp

from geosatu import demonstration
from geosatu.accounts import passwords
from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.errors import DatabaseUnavailable
from geosatu.layers import Catalogue, read_catalogue
from geosatu.settings import Settings

settings.register_profile("geosatu", deadline=None)
settings.load_profile("geosatu")

passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # tests look at many passwords

ROOT = Path(__file__).parent.parent
CI = os.environ.get("CI") == "true"


def lacking(reason: str) -> None:
    """What a newcomer may do without is a skip for them, and a failure in CI."""
    if CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue that the project ships."""
    return read_catalogue(ROOT / "layers")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real files of others, which are not part of the project; tests that need them skip without."""
    folder = Path(os.environ.get("GEOSATU_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data are not here ({folder}); set GEOSATU_REAL_DATA to their folder")
    return folder


@pytest.fixture
def home() -> Iterator[Path]:
    """A home for an embedded cluster, gone with everything in it afterwards."""
    folder = _new_home()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The embedded PostgreSQL of this test run."""
    folder = _new_home()
    cluster = Cluster(folder)
    try:
        with cluster.running():
            yield cluster
    except DatabaseUnavailable as error:
        lacking(str(error))
    finally:
        shutil.rmtree(folder)


def _new_home() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="geosatu-test-"))
    folder.chmod(0o755)  # the server's own account has to pass
    return folder


def settings_for(cluster: Cluster, database: str) -> Settings:
    """Settings that name a new database of the cluster by its address, as those of a server would."""
    with psycopg.connect(cluster.conninfo, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{database}"')
    parts = conninfo_to_dict(cluster.conninfo)
    address = f"postgresql://{parts['user']}:{parts['password']}@/{database}?host={parts['host']}"
    return Settings(database_url=address, home=cluster.home, layers=ROOT / "layers", geodata=ROOT / "geodata")


@pytest.fixture(scope="session")
def empty_city(cluster: Cluster, catalogue: Catalogue) -> Iterator[Engine]:
    """A database with every layer and no feature."""
    with open_city(settings_for(cluster, "empty"), catalogue) as engine:
        yield engine


@pytest.fixture
def conn(empty_city: Engine) -> Iterator[Connection]:
    """A connection to the empty city; what a test does on it is rolled back."""
    with empty_city.connect() as conn, conn.begin() as transaction:
        yield conn
        transaction.rollback()


@pytest.fixture(scope="session")
def demo_settings(cluster: Cluster) -> Settings:
    return settings_for(cluster, "demo")


@pytest.fixture(scope="session")
def demo_city(demo_settings: Settings, catalogue: Catalogue) -> Iterator[Engine]:
    """The demonstration city; tests only read it."""
    with open_city(demo_settings, catalogue) as engine:
        demonstration.load(engine, catalogue, demo_settings, lambda _: None)
        yield engine


@pytest.fixture
def demo_conn(demo_city: Engine) -> Iterator[Connection]:
    """A connection to the demonstration city; what a test does on it is rolled back."""
    with demo_city.connect() as conn, conn.begin() as transaction:
        yield conn
        transaction.rollback()


@pytest.fixture(scope="session")
def served_city(demo_city: Engine) -> Iterator[Engine]:
    """The demonstration city as the service sees it, without the owner's rights."""
    with open_service(demo_city, LONGEST_STATEMENT) as engine:
        yield engine


@pytest.fixture(scope="session")
def client(demo_settings: Settings, catalogue: Catalogue, served_city: Engine) -> Iterator[TestClient]:
    """The service of the demonstration city, without a network."""
    with TestClient(create_app(demo_settings, catalogue, served_city), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def service(demo_settings: Settings, catalogue: Catalogue, served_city: Engine) -> Iterator[str]:
    """The address of the running service of the demonstration city."""
    with running(create_app(demo_settings, catalogue, served_city)) as address:
        yield address


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """The address of the application behind a real server, as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=10)
