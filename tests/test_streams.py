"""Answers for a client that goes away, reads nothing or waits too long: none of them keeps its connection."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from conftest import running
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine, text

from geosatu.api import app, files
from geosatu.cli import NO_LIMIT
from geosatu.database.connect import conninfo_of
from geosatu.layers import Catalogue
from geosatu.settings import Settings

FREED_SECONDS = 1.5
"""Until a connection is free once its client is gone; a page listens for that after half a second only."""

STREAMS = [f"/files/kwt.{suffix}" for suffix in ("geojson", "kml", "csv")]
PAGES = ["/ogc/collections/kwt/items", "/ogc/collections/kwt/items?f=json&limit=1&nama=KWT%201"]
WFS = "/wfs?service=WFS&request=GetFeature&typename=kwt&version="
WFS_STREAMS = [f"{WFS}1.0.0", f"{WFS}1.1.0", f"{WFS}1.1.0&outputformat=json", f"{WFS}1.1.0&outputformat=csv"]
WFS_PAGES = [f"{WFS}2.0.0", f"{WFS}1.1.0&maxfeatures=10", f"{WFS}2.0.0&resulttype=hits"]


@contextmanager
def city_service(kept_city: Engine, catalogue: Catalogue, home: Path) -> Iterator[str]:
    with running(app.create_app(Settings(home=home), catalogue, kept_city)) as address:
        yield address


@pytest.fixture
def address(kept_city: Engine, catalogue: Catalogue, tmp_path: Path) -> Iterator[str]:
    """The service of the city whose features are committed."""
    with city_service(kept_city, catalogue, tmp_path) as address:
        yield address


@pytest.fixture
def watching(kept_city: Engine) -> Iterator[psycopg.Connection]:
    """A connection beside the service."""
    conninfo = make_conninfo(conninfo_of(kept_city, NO_LIMIT), application_name="penguji")
    with psycopg.connect(conninfo, autocommit=True) as conn:
        yield conn


@pytest.fixture
def locked(kept_city: Engine) -> Iterator[None]:
    """Every statement about the layer waits."""
    with kept_city.connect() as conn:
        conn.execute(text("LOCK TABLE layer.kwt IN ACCESS EXCLUSIVE MODE"))
        yield
        conn.rollback()


def busy(conn: psycopg.Connection) -> list[str]:
    """The statements that the service has under way."""
    rows = conn.execute(
        "SELECT query FROM pg_stat_activity "
        "WHERE application_name = 'geosatu' AND datname = current_database() AND state = 'active'"
    )
    return [query for (query,) in rows if "layer.kwt" in query and "LOCK TABLE" not in query]


def seconds_until(condition: Callable[[], bool], longest: float = 20.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < longest
        time.sleep(0.01)
    return time.monotonic() - began


def ask(address: str, path: str, receive_buffer: int | None = None) -> socket.socket:
    """A client that has asked and not read yet."""
    client = socket.socket()
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    parts = urlsplit(address)
    client.connect((parts.hostname, parts.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    return client


def received(client: socket.socket) -> bytes:
    """All that comes until the service closes the connection."""
    client.settimeout(20)
    whole = b""
    while part := client.recv(1 << 20):
        whole += part
    return whole


@pytest.mark.parametrize("path", [*STREAMS, *PAGES, *WFS_STREAMS, *WFS_PAGES])
def test_a_client_that_goes_away_during_a_slow_statement_frees_its_connection(
    address: str, watching: psycopg.Connection, locked: None, path: str
):
    client = ask(address, path)
    seconds_until(lambda: len(busy(watching)) == 1)

    client.close()

    assert seconds_until(lambda: busy(watching) == []) < FREED_SECONDS


@pytest.mark.parametrize("path", [*STREAMS, *WFS_STREAMS])
def test_a_client_that_goes_away_amid_a_stream_frees_its_connection(
    address: str, watching: psycopg.Connection, large: int, path: str
):
    client = ask(address, path, receive_buffer=4096)
    assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
    seconds_until(lambda: len(busy(watching)) == 1)
    time.sleep(0.2)
    assert len(busy(watching)) == 1  # it waits for the client

    client.close()

    assert seconds_until(lambda: busy(watching) == []) < FREED_SECONDS


@pytest.mark.parametrize("path", [STREAMS[0], PAGES[0]])
def test_clients_that_went_away_take_no_place_from_others(
    address: str, watching: psycopg.Connection, kept_city: Engine, path: str
):
    with kept_city.connect() as conn:
        conn.execute(text("LOCK TABLE layer.kwt IN ACCESS EXCLUSIVE MODE"))
        clients = [ask(address, path) for _ in range(3 * app.HOT_CONNECTIONS)]
        seconds_until(lambda: len(busy(watching)) >= app.STREAMS)
        for client in clients:
            client.close()
        seconds_until(lambda: busy(watching) == [])

    with ask(address, path.split("?")[0]) as client:
        client.settimeout(5)
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_slow_downloads_leave_the_pages_alone(address: str, watching: psycopg.Connection, large: int):
    slow = [ask(address, STREAMS[0], receive_buffer=4096) for _ in range(2 * app.STREAMS)]
    seconds_until(lambda: len(busy(watching)) == app.STREAMS)

    with ask(address, "/ogc/collections/kwt/items?limit=1") as client:
        client.settimeout(5)
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
    for each in slow:
        each.close()


def test_a_client_that_does_not_read_is_given_up_in_the_end(
    kept_city: Engine, catalogue: Catalogue, tmp_path: Path, large: int, watching, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(files, "LONGEST_FILE", 2)
    with city_service(kept_city, catalogue, tmp_path) as address:
        client = ask(address, STREAMS[0], receive_buffer=4096)
        seconds_until(lambda: len(busy(watching)) == 1)

        assert 1 < seconds_until(lambda: busy(watching) == []) < 2 + FREED_SECONDS
        assert not received(client).endswith(b"0\r\n\r\n")  # nobody takes the part for the whole


@pytest.mark.parametrize("path", STREAMS)
def test_a_file_that_takes_too_long_is_a_problem_of_one_sentence(
    kept_city: Engine, catalogue: Catalogue, tmp_path: Path, locked: None, monkeypatch: pytest.MonkeyPatch, path: str
):
    monkeypatch.setattr(files, "LONGEST_FILE", 1)
    with city_service(kept_city, catalogue, tmp_path) as address, ask(address, path) as client:
        client.settimeout(20)
        head, _, body = client.recv(10_000).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 503")
    assert b"application/problem+json" in head
    assert json.loads(body)["title"].endswith("lebih kecil.")


def test_what_goes_wrong_before_the_first_feature_can_still_be_told(address: str, watching: psycopg.Connection):
    """The database gives up the statement, not the client."""
    with psycopg.connect(watching.info.dsn, password=watching.info.password) as holder:
        holder.execute("LOCK TABLE layer.kwt IN ACCESS EXCLUSIVE MODE")
        client = ask(address, STREAMS[0])
        seconds_until(lambda: len(busy(watching)) == 1)
        watching.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE 'COPY%'"
        )
        client.settimeout(20)

        assert client.recv(100).startswith(b"HTTP/1.1 503")
    client.close()
