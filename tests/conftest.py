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
from typing import Any

import psycopg
import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, text
from starlette.types import ASGIApp

from geosatu import demonstration
from geosatu.accounts import passwords
from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.api.context import City
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
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHUT = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


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
    with new_home() as folder:
        yield folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The embedded PostgreSQL of this test run."""
    with new_home() as folder:
        cluster = Cluster(folder)
        try:
            with cluster.running():
                yield cluster
        except DatabaseUnavailable as error:
            lacking(str(error))


@contextmanager
def new_home() -> Iterator[Path]:
    """A folder of its own, for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="geosatu-test-"))
    folder.chmod(0o755)  # the server's own account has to pass
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


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
def kept_city(cluster: Cluster, catalogue: Catalogue) -> Iterator[Engine]:
    """A database with every layer, for tests that commit what others then read."""
    with open_city(settings_for(cluster, "kept"), catalogue) as engine:
        yield engine


@pytest.fixture
def kept_conn(kept_city: Engine, catalogue: Catalogue) -> Iterator[Connection]:
    """A connection to that city; what a test commits on it is gone afterwards."""
    with kept_city.connect() as conn:
        yield conn
        conn.rollback()
        conn.execute(text("SET LOCAL lock_timeout = '10s'"))
        tables = ", ".join(f"layer.{layer.name}" for layer in catalogue)
        conn.execute(text(f"TRUNCATE {tables}, geosatu.import, geosatu.history RESTART IDENTITY CASCADE"))
        conn.commit()


@pytest.fixture(scope="session")
def kept_client(cluster: Cluster, catalogue: Catalogue, kept_city: Engine) -> Iterator[TestClient]:
    """The service of that city, without a network."""
    settings = Settings(home=cluster.home, layers=ROOT / "layers", geodata=ROOT / "geodata")
    with (
        open_service(kept_city, LONGEST_STATEMENT) as engine,
        TestClient(create_app(settings, catalogue, engine), raise_server_exceptions=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def large(kept_city: Engine) -> Iterator[int]:
    """So many kwt in that city that they come in several batches, and lie in no buffer on their way to a client."""
    features = 40_000
    insert = (
        "INSERT INTO layer.kwt (nama, alamat, geom, status, created_by, updated_by) "
        "SELECT 'KWT ' || n, repeat('x', 500), ST_Point(112 + n / 1e6, -7.8, 4326), 'terbit', 'uji', 'uji' "
        "FROM generate_series(1, :features) n"
    )
    with kept_city.begin() as conn:
        conn.execute(text(insert), {"features": features})
    yield features
    with kept_city.begin() as conn:
        conn.execute(text("TRUNCATE layer.kwt RESTART IDENTITY"))


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


def city_of(app: Any) -> City:
    """The city of an application, which stands behind what is in front of it."""
    while not hasattr(app, "state"):
        app = app.app
    city: City = app.state.city
    return city


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """The address of the application behind a real server, as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        lacking("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SHUT)
        yield browser
        browser.close()
