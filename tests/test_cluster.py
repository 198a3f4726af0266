"""The embedded cluster: ours alone, there while somebody uses it, and whole again after any kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from conftest import settings_for
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import text

from geosatu.database import cluster as cluster_module
from geosatu.database import connect
from geosatu.database.cluster import Cluster, sole_service
from geosatu.database.connect import open_city, open_database, open_service
from geosatu.database.rights import act_as
from geosatu.errors import DatabaseUnavailable, GeosatuError, HomeInUse, InvalidSettings
from geosatu.features import PUBLIC
from geosatu.layers import Catalogue
from geosatu.settings import Settings

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another account")


@pytest.fixture(autouse=True)
def postgis(cluster: Cluster) -> None:
    """These tests start clusters of their own; where none can be started, they are skipped like all others."""


def postmaster(cluster: Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])


def listens(cluster: Cluster) -> bool:
    return (cluster.socket / ".s.PGSQL.5432").exists()


def remember(conninfo: str, word: str) -> None:
    with psycopg.connect(conninfo) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS word (word text)")
        conn.execute("INSERT INTO word VALUES (%s)", [word])


def remembered(conninfo: str) -> list[str]:
    with psycopg.connect(conninfo) as conn:
        return [word for (word,) in conn.execute("SELECT word FROM word")]


def within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_the_server_is_reached_by_its_socket_and_password_only(cluster: Cluster):
    with psycopg.connect(cluster.conninfo) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
        assert conn.execute("SHOW unix_socket_permissions").fetchone() == ("0700",)
        lines = conn.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()

    assert {method for _, method in lines} == {"scram-sha-256"}
    assert len(cluster.password) >= 40
    assert (cluster.place / "password").stat().st_mode & 0o077 == 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(make_conninfo(cluster.conninfo, password="geosatu"))


def test_the_server_stops_with_its_last_user(home: Path):
    one, other = Cluster(home), Cluster(home)

    with one.running() as conninfo:
        with other.running() as same:
            assert same == conninfo
            first = postmaster(one)
        assert postmaster(one) == first
        remember(conninfo, "masih")
    assert not listens(one)

    with one.running() as conninfo:
        assert remembered(conninfo) == ["masih"]


def test_a_killed_server_starts_again_with_every_committed_row(home: Path):
    cluster = Cluster(home)
    with cluster.running() as conninfo:
        remember(conninfo, "tersimpan")
        os.kill(postmaster(cluster), signal.SIGKILL)

    # The number in its lock file is by now somebody else's: ours.
    lock = cluster.data / "postmaster.pid"
    lock.write_text(re.sub(r"^\d+", str(os.getpid()), lock.read_text()))

    with cluster.running() as conninfo:
        assert remembered(conninfo) == ["tersimpan"]
    assert not listens(cluster)


def test_a_server_waits_for_the_last_query_of_a_killed_one(home: Path):
    cluster = Cluster(home)
    with cluster.running() as conninfo:
        remember(conninfo, "tersimpan")
        worker = psycopg.connect(conninfo)
        pid = worker.info.backend_pid
        busy = threading.Thread(target=lambda: interrupted(worker))
        busy.start()
        with psycopg.connect(conninfo) as conn:
            active = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s"
            assert within(5, lambda: conn.execute(active, [pid]).fetchone() == (True,))
        os.kill(postmaster(cluster), signal.SIGKILL)
        end = threading.Timer(1.5, os.kill, (pid, signal.SIGKILL))
        end.start()
        began = time.monotonic()
        with Cluster(home).running() as again:
            assert time.monotonic() - began > 1
            assert remembered(again) == ["tersimpan"]
        busy.join()


def interrupted(worker: psycopg.Connection) -> None:
    with suppress(psycopg.OperationalError):
        worker.execute("SELECT count(*) FROM generate_series(1, 10000000000)")


def test_a_server_left_behind_is_taken_over_and_stops_in_the_end(home: Path):
    hold = "import pathlib, sys, time; from geosatu.database.cluster import Cluster\n"
    hold += "with Cluster(pathlib.Path(sys.argv[1])).running(): print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold, home], stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "up\n"
        user.kill()
    cluster = Cluster(home)
    left = postmaster(cluster)

    with cluster.running() as conninfo:
        assert postmaster(cluster) == left
        remember(conninfo, "diteruskan")
    assert not listens(cluster)


def test_an_initialisation_that_was_killed_is_made_anew(home: Path):
    unfinished = home / "cluster" / "data.unfinished" / "base"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("15")
    (home / "cluster" / "password").write_text("setengah")

    with Cluster(home).running() as conninfo:
        remember(conninfo, "utuh")
        assert remembered(conninfo) == ["utuh"]


def test_a_home_may_have_a_long_and_odd_name(home: Path):
    odd = home / "rumah o'neil — 100%" / ("x" * 100)
    cluster = Cluster(odd)

    with cluster.running() as conninfo:
        remember(conninfo, "jauh")
        assert len(os.fsencode(cluster.socket)) < 90
        assert cluster.socket.stat().st_mode & 0o077 == 0
    assert remembered_after_restart(odd) == ["jauh"]
    cluster.socket.rmdir()


def remembered_after_restart(home: Path) -> list[str]:
    with Cluster(home).running() as conninfo:
        return remembered(conninfo)


@AS_ROOT
def test_where_the_servers_account_may_not_enter_the_cluster_lies_elsewhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    with tempfile.TemporaryDirectory(prefix="geosatu-test-") as elsewhere:
        Path(elsewhere).chmod(0o755)
        monkeypatch.setattr(cluster_module, "FALLBACK", Path(elsewhere))
        private = home / "root"
        private.mkdir(mode=0o700)
        cluster = Cluster(private / ".geosatu")

        with cluster.running() as conninfo:
            remember(conninfo, "di tempat lain")
            assert cluster.place.parent == Path(elsewhere)
            assert (private / ".geosatu" / "cluster").is_symlink()
        assert remembered_after_restart(private / ".geosatu") == ["di tempat lain"]


@AS_ROOT
def test_the_server_does_not_run_as_root(cluster: Cluster):
    owner = Path(f"/proc/{postmaster(cluster)}").stat().st_uid

    assert owner == cluster.data.stat().st_uid != 0


@AS_ROOT
def test_the_home_of_another_account_is_a_sentence(cluster: Cluster):
    said = as_nobody(lambda: str(raised(lambda: Cluster(cluster.home).running().__enter__())))

    assert re.fullmatch(r"/.*: akun ini tidak berhak memakainya; jalankan geosatu dengan akun yang .*", said)


def raised(act: Callable[[], object]) -> GeosatuError:
    with pytest.raises(GeosatuError) as refused:
        act()
    return refused.value


def as_nobody(act: Callable[[], str]) -> str:
    """What the function says when an account without rights runs it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(writing, act().encode())
        except BaseException as error:
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as said:
        return said.read().decode()


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path):
    (tmp_path / "berkas").touch()

    with pytest.raises(DatabaseUnavailable, match=r"^GEOSATU_HOME=.*/berkas/home tidak dapat dibuat: "):
        Cluster(tmp_path / "berkas" / "home").running().__enter__()


def test_missing_programs_are_a_sentence_with_the_command(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster_module, "INSTALLED", home / "kosong")

    with pytest.raises(DatabaseUnavailable, match="tidak terpasang; jalankan: sudo apt install postgresql"):
        Cluster(home).running().__enter__()


def test_data_of_a_version_that_is_not_installed_names_the_package(home: Path):
    data = home / "cluster" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    (home / "cluster" / "password").write_text("x")

    with pytest.raises(DatabaseUnavailable, match=r"PostgreSQL 9, yang tidak .*: sudo apt install postgresql-9 "):
        Cluster(home).running().__enter__()


def test_a_server_that_will_not_start_says_why(home: Path):
    cluster = Cluster(home)
    with cluster.running():
        pass
    (cluster.data / "global" / "pg_control").write_bytes(b"")

    with pytest.raises(DatabaseUnavailable, match=r"tidak mau mulai: .*pg_control.*Lihat /.*/log\.$"):
        cluster.running().__enter__()


def test_a_second_service_learns_who_holds_the_home(home: Path):
    with sole_service(home, "http://127.0.0.1:8000"):
        with pytest.raises(HomeInUse) as refused, sole_service(home, "http://127.0.0.1:8001"):
            pass
        assert re.fullmatch(
            rf"{home} sedang dipakai layanan lain \(proses {os.getpid()} di http://127\.0\.0\.1:8000, sejak .*\)\.",
            str(refused.value),
        )
    with sole_service(home, "http://127.0.0.1:8001"):
        pass


# A server of one's own, by GEOSATU_DATABASE_URL.


def address(cluster: Cluster, *, user: str = "geosatu", password: str = "", host: str = "", database: str) -> str:
    socket = conninfo_to_dict(cluster.conninfo)["host"]
    return f"postgresql://{user}:{password or cluster.password}@/{database}?host={host or socket}"


def complaint(url: str) -> str:
    """The one sentence about an address that cannot be used."""
    with pytest.raises(GeosatuError) as refused, open_database(Settings(database_url=url)):
        pass
    said = str(refused.value)
    assert "\n" not in said
    return said


@pytest.fixture(scope="module")
def guest(cluster: Cluster) -> Iterator[str]:
    """A role without any right."""
    with psycopg.connect(cluster.conninfo, autocommit=True) as conn:
        conn.execute("CREATE ROLE tamu LOGIN PASSWORD 'rahasia-tamu'")
        conn.execute("CREATE DATABASE polos")
        conn.execute("CREATE DATABASE bersama_postgis")
        conn.execute("CREATE DATABASE milik_tamu")
        conn.execute("GRANT CREATE ON DATABASE milik_tamu TO tamu")
    for database in ("bersama_postgis", "milik_tamu"):
        with psycopg.connect(make_conninfo(cluster.conninfo, dbname=database), autocommit=True) as conn:
            conn.execute("CREATE EXTENSION postgis")
    return "tamu"


def test_a_wrong_password_is_a_sentence_without_it(cluster: Cluster):
    said = complaint(address(cluster, password="sandi-yang-salah", database="geosatu"))

    assert said.startswith("Basis data 'geosatu' di /")
    assert "password authentication failed" in said
    assert said.endswith("Periksa alamat, pengguna dan sandinya.")
    assert "sandi-yang-salah" not in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://geosatu:s3kr1t@127.0.0.1:1/geosatu",
        "postgresql://geosatu:s3kr1t@/geosatu?host=/tidak/ada",
        "postgresql:///geosatu?host=/tidak/ada&password=s3kr1t",
        "postgresql://geosatu:s3kr1t@127.0.0.1:1/geosatu?warna=merah",
        "postgres://geosatu:s3kr1t@127.0.0.1:1/geosatu",
        "postgresql+psycopg2://geosatu:s3kr1t@127.0.0.1:1/geosatu",
    ],
)
def test_a_server_out_of_reach_is_a_sentence_without_the_password(url: str):
    said = complaint(url)

    assert re.match(r"Basis data 'geosatu' di (127\.0\.0\.1 port 1|/tidak/ada) tidak dapat dihubungi: ", said)
    assert "s3kr1t" not in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql",
        "http://127.0.0.1/s3kr1t",
        "mysql://geosatu:s3kr1t@127.0.0.1/geosatu",
        "postgresql://geosatu:s3kr1t@127.0.0.1:port/geosatu",
        "postgresql://geosatu:s3@kr1t@127.0.0.1/geosatu",
        "postgresql://geosatu:s3@kr/1t@127.0.0.1/geosatu",
        "host=127.0.0.1 password=s3kr1t",
    ],
)
def test_a_mangled_address_is_a_sentence_without_the_password(url: str):
    said = complaint(url)

    assert said.startswith("Pengaturan GEOSATU_DATABASE_URL tidak dapat dipakai: ")
    assert not re.search("s3kr1t|kr1t|1t", said)


def test_a_database_that_is_not_there_is_a_sentence(cluster: Cluster):
    assert 'database "entah" does not exist' in complaint(address(cluster, database="entah"))


def test_a_database_of_few_letters_is_a_sentence(cluster: Cluster):
    with psycopg.connect(cluster.conninfo, autocommit=True) as conn:
        conn.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    said = complaint(address(cluster, database="latin"))
    assert said == "Basis data itu menyimpan teks sebagai LATIN1; buat dengan ENCODING 'UTF8' TEMPLATE template0."


def test_who_may_not_install_postgis_is_told_to_ask(cluster: Cluster, guest: str):
    said = complaint(address(cluster, user=guest, password="rahasia-tamu", database="polos"))

    assert said.startswith("Pengguna basis data itu tidak berhak memasang PostGIS; minta administrator menjalankan")


def test_who_may_not_create_schemas_is_told_which_right_is_missing(cluster: Cluster, guest: str):
    said = complaint(address(cluster, user=guest, password="rahasia-tamu", database="bersama_postgis"))

    assert said.startswith("Basis data 'bersama_postgis' di /")
    assert said.endswith("Pengguna itu perlu hak membuat skema dan tabel (GRANT CREATE ON DATABASE).")


def test_the_rights_to_create_tables_and_roles_are_all_that_is_needed(
    cluster: Cluster, guest: str, catalogue: Catalogue
):
    url = address(cluster, user=guest, password="rahasia-tamu", database="milik_tamu")

    with (
        pytest.raises(DatabaseUnavailable, match="tidak berhak membuat peran"),
        open_city(Settings(database_url=url), catalogue),
    ):
        pass
    with psycopg.connect(cluster.conninfo, autocommit=True) as conn:
        conn.execute("ALTER ROLE tamu CREATEROLE")
    for _ in range(2):
        with open_city(Settings(database_url=url), catalogue) as engine, open_service(engine, 5) as service:
            with engine.connect() as conn:
                assert conn.scalar(text("SELECT count(*) FROM layer.posyandu")) == 0
                act_as(conn, PUBLIC)
                assert conn.scalar(text("SELECT current_user")) == "milik_tamu_publik"
            with service.connect() as conn:
                assert conn.scalar(text("SELECT current_user")) == "milik_tamu_publik"
                assert conn.scalar(text("SELECT count(id) FROM layer.posyandu")) == 0


def test_a_postgis_that_is_too_old_is_a_sentence(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    settings = settings_for(cluster, "tua")
    assert settings.database_url is not None
    monkeypatch.setattr(connect, "MINIMUM_POSTGIS", (99, 1))

    assert re.match(
        r"Server itu memakai PostGIS [\d.]+; geosatu perlu 99\.1 atau lebih baru\.$",
        complaint(settings.database_url.get_secret_value()),
    )


def test_a_postgis_in_another_schema_is_a_sentence(cluster: Cluster):
    settings = settings_for(cluster, "skema_lain")
    assert settings.database_url is not None
    with psycopg.connect(make_conninfo(cluster.conninfo, dbname="skema_lain"), autocommit=True) as conn:
        conn.execute("CREATE SCHEMA gis")
        conn.execute("CREATE EXTENSION postgis SCHEMA gis")

    said = complaint(settings.database_url.get_secret_value())

    assert said == "PostGIS di basis data itu ada di skema gis; geosatu memerlukannya di public."


def test_a_database_of_a_newer_geosatu_is_left_alone(cluster: Cluster):
    settings = settings_for(cluster, "baru")
    assert settings.database_url is not None
    with open_database(settings) as engine, engine.begin() as conn:
        conn.execute(text("UPDATE geosatu.alembic_version SET version_num = '9999'"))

    assert complaint(settings.database_url.get_secret_value()).endswith(
        "sudah dipakai geosatu yang lebih baru; pasang geosatu yang terbaru."
    )


def test_an_address_that_is_no_address_is_an_error_of_the_settings():
    with pytest.raises(InvalidSettings), open_database(Settings(database_url="entah")):
        pass
