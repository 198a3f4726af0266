"""The embedded PostgreSQL cluster: a city on one small machine needs no database administrator.

Everything lies under one home. The cluster listens on a Unix socket only, so nothing outside this machine
reaches it, and it asks for a generated password. Run as root it becomes the user `postgres`, and where that
user may not enter the home, the cluster lies under /var/lib/geosatu and the home links to it.

Who uses the cluster holds a shared lock on `cluster.lock`, which the kernel releases however the process
ends. The first user starts the server and the last one stops it; a server left behind by kill -9 is taken
over as it is. One service at a time holds `service.lock`.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg.sql import SQL, Identifier

from geosatu.errors import DatabaseUnavailable, HomeInUse

INSTALLED = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu keep the server programs, one folder per major version."""

FALLBACK = Path("/var/lib/geosatu")
UNPRIVILEGED = "postgres"
DATABASE = USER = "geosatu"
START_SECONDS = 60
SOCKET_PATH_LIMIT = 90
"""A Unix socket's path has at most 107 bytes, 17 of which PostgreSQL appends."""

CONFIGURATION = """\
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
port = 5432
max_connections = 100
shared_buffers = '256MB'
effective_cache_size = '1GB'
work_mem = '16MB'
maintenance_work_mem = '256MB'
max_wal_size = '2GB'
jit = off
random_page_cost = 1.1
timezone = 'UTC'
log_timezone = 'UTC'
log_error_verbosity = 'terse'
log_min_error_statement = 'panic'
lc_messages = 'C.UTF-8'
"""


@dataclass(frozen=True)
class Cluster:
    """The cluster of one home; making this object touches nothing."""

    home: Path

    @contextmanager
    def running(self) -> Iterator[str]:
        """The connection string of the running server, which stays up until the last user has left."""
        _make_home(self.home)
        with ExitStack() as stack:
            with _ours(self.home):
                users = stack.enter_context((self.home / "cluster.lock").open("a"))
                stack.callback(self._leave, users)
                with self._starting():
                    fcntl.flock(users, fcntl.LOCK_SH)
                    self._create()
                    self._start()
                conninfo = self.conninfo
            yield conninfo

    def _leave(self, users: IO[str]) -> None:
        """Stop the server if nobody else uses it."""
        with self._starting():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._stop()

    @property
    def exists(self) -> bool:
        with _ours(self.home):
            return self.data.is_dir()

    @property
    def place(self) -> Path:
        """Where the cluster's files are: in the home, or where the home's link leads."""
        return (self.home / "cluster").resolve()

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def conninfo(self) -> str:
        return psycopg.conninfo.make_conninfo(host=str(self.socket), user=USER, dbname=DATABASE, password=self.password)

    @cached_property
    def password(self) -> str:
        return (self.place / "password").read_text("ascii")

    @property
    def socket(self) -> Path:
        """The folder of the socket: beside the data, or a short one where that path is too long."""
        if len(os.fsencode(self.place)) <= SOCKET_PATH_LIMIT:
            return self.place
        return Path((self.place / "socket").read_text("utf-8"))

    @cached_property
    def account(self) -> pwd.struct_passwd | None:
        """Whom the server runs as; None: whoever we are."""
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam(UNPRIVILEGED)
        except KeyError:
            raise DatabaseUnavailable(
                f"PostgreSQL tidak boleh berjalan sebagai root, dan pengguna {UNPRIVILEGED!r} tidak ada; "
                "pasang paket postgresql dengan apt."
            ) from None

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """Only one process at a time starts or stops the server."""
        with (self.home / "start.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _create(self) -> None:
        """Initialise the cluster, unless it is there; one that was killed half-way is made anew."""
        if self.exists:
            return
        link = self.home / "cluster"
        if link.is_symlink():
            link.unlink()
        place = self._choose_place(link)
        if place != link.absolute():
            link.symlink_to(place)
        password = secrets.token_urlsafe(32)
        secret = place / "password"
        secret.touch(mode=0o600)
        secret.write_text(password, "ascii")
        self._own(secret)
        if len(os.fsencode(place)) > SOCKET_PATH_LIMIT:
            folder = Path(tempfile.mkdtemp(prefix="geosatu-", dir="/tmp"))
            self._own(folder)
            (place / "socket").write_text(str(folder), "utf-8")
        unfinished = place / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run(
            _programs() / "initdb",
            *("-D", unfinished, "-U", USER, "-E", "UTF8", "--locale=C.UTF-8"),
            *("--auth=scram-sha-256", f"--pwfile={secret}", "--data-checksums"),
        )
        with (unfinished / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude 'geosatu.conf'\n")
        unfinished.rename(place / "data")

    def _choose_place(self, preferred: Path) -> Path:
        """A folder that the server's account owns and can enter."""
        preferred.mkdir(mode=0o700, exist_ok=True)
        self._own(preferred)
        if self.account is None or self._may_enter(preferred):
            return preferred.absolute()
        preferred.rmdir()
        FALLBACK.mkdir(mode=0o755, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f"{self.home.absolute().parent.name}-", dir=FALLBACK))
        self._own(place)
        return place

    def _may_enter(self, folder: Path) -> bool:
        """Whether the server's account can write there, its way through all folders above included."""
        assert self.account is not None
        test = subprocess.run(
            ["/usr/bin/test", "-w", folder.absolute()], user=self.account.pw_uid, group=self.account.pw_gid,
            extra_groups=[], cwd="/", check=False,
        )  # fmt: skip
        return test.returncode == 0

    def _own(self, path: Path) -> None:
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _start(self) -> None:
        """Start the server unless it runs, and wait until it answers; after a crash it first replays its log."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            # Also one that runs when we look may be dying.
            if not self._server_lives():
                self._launch()
            try:
                self._require_database()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise DatabaseUnavailable(
                        f"PostgreSQL di {self.place} tidak menjawab: {_first_line(error)}. Lihat {self.place / 'log'}."
                    ) from None
                time.sleep(0.1)

    def _require_database(self) -> None:
        maintenance = psycopg.conninfo.make_conninfo(self.conninfo, dbname="postgres")
        with psycopg.connect(maintenance, autocommit=True) as conn:
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                conn.execute(SQL("CREATE DATABASE {}").format(Identifier(DATABASE)))

    def _launch(self) -> None:
        """Start the server.

        The lock files of a killed one name a process that may be a zombie by now, or somebody else's after a
        reboot, so they go first; the folder is ours alone. While a query of the killed one is still at work,
        PostgreSQL itself refuses to start, by their shared memory.
        """
        self.socket.mkdir(mode=0o700, exist_ok=True)
        self._own(self.socket)
        conf = self.data / "geosatu.conf"
        conf.write_text(CONFIGURATION.format(socket=str(self.socket).replace("'", "''")), "utf-8")
        self._own(conf)
        log = self.place / "log"
        start = (
            *(self._program("pg_ctl"), "start", "-w", "-s", "-t", str(START_SECONDS)),
            *("-D", self.data, "-l", log),
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            (self.socket / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
            known = log.stat().st_size if log.exists() else 0
            try:
                self._run(*start)
                return
            except DatabaseUnavailable as error:
                said = log.read_bytes()[known:].decode("utf-8", "replace") if log.exists() else ""
                if "pre-existing shared memory block" not in said or time.monotonic() > deadline:
                    grave = re.search(r"(?:FATAL|PANIC): +(.*)", said)
                    reason = f"PostgreSQL di {self.place} tidak mau mulai: {grave[1]}." if grave else str(error)
                    raise DatabaseUnavailable(f"{reason} Lihat {log}.") from None
                time.sleep(0.2)

    def _server_lives(self) -> bool:
        """Whether a server listens on our socket. Process numbers tell nothing: they are reused, and a container
        may not look at them.
        """
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket / ".s.PGSQL.5432"))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return True

    def _stop(self) -> None:
        if self._server_lives():
            try:
                self._run(self._program("pg_ctl"), "stop", "-s", "-m", "fast", "-D", self.data)
            except DatabaseUnavailable:
                # It may have been killed meanwhile, which pg_ctl takes for a failure.
                if self._server_lives():
                    raise

    def _program(self, name: str) -> Path:
        """A program of the version that made the data."""
        return _programs((self.data / "PG_VERSION").read_text("ascii").strip()) / name

    def _run(self, *command: str | Path) -> None:
        """Run a server program as the server's account; its own words become ours when it fails."""
        identity: dict[str, Any] = {}
        if self.account is not None:
            identity = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        # The server must outlive a Ctrl-C in our terminal until we stop it, hence a session of its own.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(part) for part in command],
                **identity,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                check=False,
            )
            if done.returncode != 0:
                output.seek(0)
                said = " ".join(output.read().split())
                raise DatabaseUnavailable(
                    f"{Path(command[0]).name} gagal di {self.place}: {said or 'tanpa keterangan'}."
                )


@contextmanager
def sole_service(home: Path, address: str) -> Iterator[None]:
    """Hold the home for one service; a second one learns who holds it."""
    _make_home(home)
    with ExitStack() as held:
        with _ours(home):
            lock = held.enter_context((home / "service.lock").open("a+", encoding="utf-8"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeInUse(f"{home} sedang dipakai layanan lain ({_holder(lock)}).") from None
        lock.truncate(0)
        json.dump({"pid": os.getpid(), "alamat": address, "sejak": f"{datetime.now():%Y-%m-%d %H:%M}"}, lock)
        lock.flush()
        yield


def _holder(lock: IO[str]) -> str:
    lock.seek(0)
    try:
        who = json.load(lock)
        return f"proses {who['pid']} di {who['alamat']}, sejak {who['sejak']}"
    except (ValueError, KeyError):
        return "baru saja dimulai"


@contextmanager
def _ours(home: Path) -> Iterator[None]:
    """What belongs to another account is one sentence."""
    try:
        yield
    except PermissionError as error:
        raise DatabaseUnavailable(
            f"{error.filename or home}: akun ini tidak berhak memakainya; jalankan geosatu dengan akun yang membuat "
            "folder itu, atau pilih folder lain dengan GEOSATU_HOME."
        ) from None


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(f"GEOSATU_HOME={home} tidak dapat dibuat: {error.strerror}.") from None


def _programs(version: str | None = None) -> Path:
    """The folder of the installed server programs, of this major version or the newest with PostGIS."""
    found = {
        folder.name: folder / "bin"
        for folder in sorted(INSTALLED.glob("[0-9]*"), key=lambda folder: int(folder.name))
        if (folder / "bin" / "postgres").exists()
    }
    if version is not None and version not in found:
        raise DatabaseUnavailable(
            f"Data ini dibuat dengan PostgreSQL {version}, yang tidak terpasang; "
            f"jalankan: sudo apt install postgresql-{version} postgresql-{version}-postgis-3."
        )
    if version is not None:
        return found[version]
    share = Path("/usr/share/postgresql")
    with_postgis = [name for name in found if (share / name / "extension" / "postgis.control").exists()]
    if not with_postgis:
        raise DatabaseUnavailable(
            "PostgreSQL dengan PostGIS tidak terpasang; jalankan: sudo apt install postgresql postgis "
            "postgresql-postgis, atau isi GEOSATU_DATABASE_URL."
        )
    return found[with_postgis[-1]]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].rstrip(".")
