"""The service as a process: it says where to look, holds its home alone, and is whole again after any kill."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
from conftest import ROOT
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from starlette.types import Receive, Scope, Send

from geosatu.database.cluster import Cluster
from geosatu.serving import WithoutRows, config_of
from geosatu.settings import Settings

COMMAND = Path(sys.executable).parent / "geosatu"
READY = re.compile(r"geosatu siap: (http://127\.0\.0\.1:\d+) ")
SECOND_START_SECONDS = 30
"""Ten where nothing else is at work, and that is three times what it takes."""


@contextmanager
def new_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="geosatu-test-") as folder:
        Path(folder).chmod(0o755)  # the server's own account has to pass
        yield Path(folder)


@pytest.fixture(scope="module")
def house(cluster: Cluster) -> Iterator[Path]:
    """One home for all services of this module; the first of them fills it with the demonstration."""
    with new_home() as folder:
        yield folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def environment(home: Path, **settings: Any) -> dict[str, str]:
    """The settings of a process, and of ours only what it needs to find its files."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    settings = {"home": home, "layers": ROOT / "layers", "geodata": ROOT / "geodata", **settings}
    return kept | {f"GEOSATU_{name.upper()}": str(value) for name, value in settings.items()}


class Service:
    """A `geosatu demo` or `geosatu serve` that answers."""

    def __init__(self, home: Path, command: str = "demo") -> None:
        self.cluster = Cluster(home)
        self.port = free_port()
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [COMMAND, command],
            env=environment(home, port=self.port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if ready := READY.match(line):
                self.address = ready[1]
                return
        raise AssertionError("".join(self.said))

    def get(self, path: str) -> Any:
        with urlopen(self.address + path, timeout=20) as answer:
            content = answer.read()
        return json.loads(content) if content.startswith(b"{") else content.decode()

    def count(self, layer: str) -> int:
        """How many features there are, drafts included."""
        with psycopg.connect(self.cluster.conninfo) as conn:
            row = conn.execute(SQL("SELECT count(*) FROM layer.{}").format(Identifier(layer))).fetchone()
        assert row is not None
        return int(row[0])

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def served(home: Path, command: str = "demo") -> Iterator[Service]:
    service = Service(home, command)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.end(signal.SIGTERM)
        assert service.process.stdout is not None
        service.process.stdout.close()


def run(home: Path, *arguments: str | Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], env=environment(home, **settings), text=True, capture_output=True, timeout=60
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a service that did not start."""
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line.removeprefix("Gagal: ")


def postmaster(cluster: Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])


def test_the_demonstration_is_served_and_says_where(house: Path, tmp_path: Path):
    with served(house) as service:
        assert service.address == f"http://127.0.0.1:{service.port}"
        assert "Data contoh: 46 Batas kelurahan\n" in service.said
        assert service.get("/readyz") == "ok"
        assert service.count("batas_kelurahan") == 46
        assert "<title>Peta Kota Kediri" in service.get("/")
        server = postmaster(service.cluster)

        other = run(house, "serve", port=free_port())
        assert re.fullmatch(
            rf"{house} sedang dipakai layanan lain \(proses {service.process.pid} di {service.address}, sejak .*\)\.",
            complaint(other),
        )
        with new_home() as elsewhere:
            assert re.fullmatch(
                rf"Port {service.port} di 127\.0\.0\.1 tidak dapat dipakai: .*\. Pilih yang lain dengan GEOSATU_PORT\.",
                complaint(run(elsewhere, "serve", port=service.port)),
            )
        beside = run(house, "export", "kwt", "--to", tmp_path / "kwt.geojson")
        assert beside.stdout == f"25 fitur Kelompok wanita tani ditulis ke {tmp_path / 'kwt.geojson'}.\n"

        assert postmaster(service.cluster) == server
        assert service.get("/readyz") == "ok"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_the_service_stops_its_cluster(house: Path, number: int):
    with served(house, "serve") as service:
        server = postmaster(service.cluster)

        assert service.end(number) == 0

    assert not (service.cluster.socket / ".s.PGSQL.5432").exists()
    assert not Path(f"/proc/{server}/cwd").exists()


def test_after_kill_9_the_service_is_ready_by_itself_and_soon(house: Path):
    with served(house) as service:
        before = service.count("posyandu")
        service.process.kill()
        service.process.wait()
    for also_the_cluster in (True, False):
        began = time.monotonic()
        with served(house) as service:
            assert service.get("/readyz") == "ok"
            assert time.monotonic() - began < SECOND_START_SECONDS
            assert not [line for line in service.said if line.startswith("Data contoh")]
            assert service.count("posyandu") == before > 200
            if also_the_cluster:
                kill(service)


def kill(service: Service) -> None:
    """Service and cluster, at once and without a word."""
    os.kill(postmaster(service.cluster), signal.SIGKILL)
    service.process.kill()
    service.process.wait()


POSTS = 2_000


def big_file(folder: Path, seed: int) -> Path:
    """Posts all over the city, others for each seed."""
    dice = random.Random(seed)
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Point",
                "coordinates": [round(dice.uniform(112.0, 112.03), 7), round(dice.uniform(-7.84, -7.80), 7)],
            },
            "properties": {"nama": f"Pos {seed}-{number}"},
        }
        for number in range(POSTS)
    ]
    file = folder / "pos.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return file


def wait_for(conninfo: str, statement: str, process: subprocess.Popen[Any]) -> None:
    """Until some connection is at this statement."""
    at_it = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state <> 'idle' AND query ILIKE %s"
    with psycopg.connect(conninfo, autocommit=True) as conn:
        while conn.execute(at_it, [f"{statement}%"]).fetchone() == (0,):
            assert process.poll() is None, f"the import ended without {statement}"


def importing_process(home: Path, file: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, "import", file, "--layer", "pos_kamling", *options],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def import_and_kill(service: Service, file: Path, at: str | None) -> None:
    """Kill everything while the import is at a statement, or just after it has reported success."""
    with importing_process(service.cluster.home, file, "--json") as importing:
        if at is not None:
            wait_for(service.cluster.conninfo, at, importing)
        else:
            assert importing.stdout is not None
            assert json.load(importing.stdout)["added"] == POSTS
        kill(service)
        importing.kill()


def test_an_import_is_all_there_or_not_at_all_after_kill_9(house: Path, tmp_path: Path):
    with served(house) as service:
        first = service.count("pos_kamling")
        import_and_kill(service, big_file(tmp_path, seed=1), at="COPY")

    with served(house) as service:
        second = service.count("pos_kamling")
        assert second in (first, first + POSTS)
        import_and_kill(service, big_file(tmp_path, seed=2), at="INSERT INTO layer.")

    with served(house) as service:
        third = service.count("pos_kamling")
        assert third in (second, second + POSTS)
        import_and_kill(service, big_file(tmp_path, seed=3), at=None)

    with served(house) as service:
        assert service.count("pos_kamling") == third + POSTS


def test_an_import_that_is_told_to_end_keeps_nothing_and_stops_the_cluster(house: Path, tmp_path: Path):
    file = big_file(tmp_path, seed=99)
    cluster = Cluster(house)
    with importing_process(house, file) as importing:
        while not (cluster.socket / ".s.PGSQL.5432").exists():
            assert importing.poll() is None
            time.sleep(0.02)
        wait_until_answered(cluster.conninfo)
        wait_for(cluster.conninfo, "COPY", importing)
        importing.terminate()
        assert importing.communicate(timeout=30) == ("", "")
        assert importing.returncode == 130

    assert not (cluster.socket / ".s.PGSQL.5432").exists()
    with cluster.running() as conninfo, psycopg.connect(conninfo) as conn:
        assert conn.execute("SELECT count(*) FROM layer.pos_kamling WHERE nama LIKE 'Pos 99-%'").fetchone() == (0,)


def test_an_import_whose_database_stops_ends_in_a_sentence(house: Path, tmp_path: Path):
    cluster = Cluster(house)
    with cluster.running() as conninfo, importing_process(house, big_file(tmp_path, seed=98)) as importing:
        wait_for(conninfo, "COPY", importing)
        os.kill(postmaster(cluster), signal.SIGKILL)
        out, err = importing.communicate(timeout=30)

    assert (importing.returncode, out) == (1, "")
    assert "Traceback" not in err
    assert re.match(
        r"Gagal: Basis data .* berhenti menjawab di tengah pekerjaan: .*, lalu ulangi\.", err.splitlines()[-1]
    )


def wait_until_answered(conninfo: str) -> None:
    while True:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return


@pytest.mark.parametrize(
    ("trusted", "proxy", "forwarded", "seen"),
    [
        ("10.0.0.0/8", "10.1.2.3", b"203.0.113.7", "203.0.113.7"),
        ("10.0.0.0/8", "10.1.2.3", b"198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.0/8, 127.0.0.1", "127.0.0.1", b"203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("10.0.0.0/8", "192.0.2.1", b"203.0.113.7", "192.0.2.1"),
        ("", "127.0.0.1", b"203.0.113.7", "127.0.0.1"),
    ],
)
def test_only_a_trusted_proxy_is_believed_whom_it_asks_for(trusted: str, proxy: str, forwarded: bytes, seen: str):
    asked: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["client"][0])

    config = config_of(Settings(trusted_proxies=trusted), app)
    config.load()
    scope = {"type": "http", "client": (proxy, 1), "scheme": "http", "headers": [(b"x-forwarded-for", forwarded)]}
    asyncio.run(config.loaded_app(scope, None, None))  # type: ignore[arg-type]

    assert asked == [seen]


def test_the_log_quotes_no_row_of_the_database(kept_conn: Connection):
    nik = "3571010101010001"
    said = "INSERT INTO layer.kwt (nama, hp_ketua, status, created_by, updated_by) VALUES (:nik, '', 'baru', 'x', 'x')"
    with pytest.raises(DBAPIError) as failure:
        kept_conn.execute(text(said), {"nik": nik})
    assert nik in str(failure.value.orig), "PostgreSQL quotes the row"

    for error in (failure.value, failure.value.orig):
        record = logging.LogRecord("geosatu", logging.ERROR, "", 0, "database: %s", (error,), (None, error, None))
        line = WithoutRows("%(levelprefix)s %(message)s").format(record)
        assert nik not in line
        assert "violates not-null constraint" in line
