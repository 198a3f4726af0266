"""geosatu users: what it prints, what it changes, and what the audit log says of it; the demonstration's accounts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, settings_for
from sqlalchemy import create_engine, text
from test_cli import Run, run, use  # noqa: F401  # a fixture

from geosatu.accounts import passwords
from geosatu.database.cluster import Cluster


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> Any:
    return settings_for(cluster, "users_command")


@pytest.fixture
def users(run: Run, place: Any, monkeypatch: pytest.MonkeyPatch) -> Run:  # noqa: F811
    """The command over an empty city."""
    use(monkeypatch, place)
    assert run("layers", "apply").code == 0
    ask(place, "DELETE FROM geosatu.account")
    return lambda *arguments: run("users", *arguments)


def ask(place: Any, query: str) -> list[Any]:
    address = place.database_url.get_secret_value().replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(address)
    with engine.begin() as conn:
        result = conn.execute(text(query))
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def test_somebody_is_added_with_rights_and_an_invitation(users: Run, place: Any):
    said = users("add", "siti", "Siti Aminah", "--right", "lurah:35.71.01.1004", "--right", "perencana")

    assert said.code == 0
    assert re.search(r"^http://127\.0\.0\.1:8000/undangan/[\w-]{43}$", said.out, re.MULTILINE)
    assert users("list", "--json").json == {
        "users": [
            {
                "name": "siti",
                "full_name": "Siti Aminah",
                "state": "diundang",
                "rights": [{"role": "lurah", "area": "35.71.01.1004"}, {"role": "perencana", "area": ""}],
                "seen_at": None,
            }
        ]
    }
    assert "Lurah di Kelurahan 35.71.01.1004; Perencana, seluruh kota" in users("list").out
    told = ask(place, "SELECT DISTINCT actor, account FROM geosatu.audit")
    assert told == [("operator", None)]


def test_the_link_is_the_one_that_people_see(users: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEOSATU_PUBLIC_URL", "https://peta.contoh.go.id/geo/")

    link = users("add", "siti", "Siti", "--json").json
    assert re.fullmatch(r"https://peta\.contoh\.go\.id/geo/undangan/[\w-]{43}", link["invitation"])
    assert link["days"] == 7


def test_rights_are_given_and_taken(users: Run):
    users("add", "siti", "Siti")

    assert users("grant", "siti", "camat:35.71.01", "walidata").out == (
        "Hak siti sekarang: Camat di Kecamatan 35.71.01; Walidata, seluruh kota.\n"
    )
    assert users("revoke", "siti", "walidata").out == "Hak siti sekarang: Camat di Kecamatan 35.71.01.\n"
    assert users("revoke", "siti", "camat:35.71.01").out == "Hak siti sekarang: tidak ada.\n"


def test_an_account_is_closed_and_opened(users: Run):
    users("add", "siti", "Siti")

    assert users("deactivate", "siti").out == "Akun siti nonaktif.\n"
    assert users("list", "--json").json["users"][0]["state"] == "nonaktif"
    assert users("activate", "siti").out == "Akun siti aktif.\n"
    assert users("list", "--json").json["users"][0]["state"] == "undangan lewat"


def test_a_lost_password_is_a_new_link_or_a_password_to_be_changed(users: Run, place: Any):
    users("add", "siti", "Siti")

    chosen = users("reset", "siti", "--password", "--json").json["password"]
    ((stored, must_change),) = ask(place, "SELECT password, must_change FROM geosatu.account")
    assert passwords.matches(chosen, stored)
    assert must_change
    assert "/undangan/" in users("reset", "siti").out
    assert ask(place, "SELECT password FROM geosatu.account") == [(None,)]
    assert re.fullmatch(
        r"Sandi sementara siti: [a-z2-9-]{19}  \(harus diganti saat pertama kali masuk\)\n",
        users("reset", "siti", "--password").out,
    )


def test_devices_and_tokens_are_listed_and_ended(users: Run, place: Any):
    users("add", "siti", "Siti")
    ask(
        place,
        "INSERT INTO geosatu.session (key, account, expires_at, device, address) "
        "SELECT 'a', id, now() + interval '1 day', '[bold]Firefox', '10.0.0.1' FROM geosatu.account",
    )
    ask(
        place,
        "INSERT INTO geosatu.token (key, account, title, scope, expires_at) "
        "SELECT 'b', id, 'QGIS', 'read', now() + interval '1 day' FROM geosatu.account",
    )

    assert "[bold]Firefox" in users("sessions", "siti").out
    assert users("sessions", "siti", "--json").json["sessions"][0]["address"] == "10.0.0.1"
    assert users("sessions", "siti", "--end").out == "1 perangkat siti dikeluarkan.\n"
    assert users("sessions", "siti", "--json").json == {"sessions": []}
    ((number),) = users("tokens", "siti", "--json").json["tokens"]
    assert number["title"] == "QGIS"
    assert users("tokens", "siti", "--revoke", str(number["id"]), "--json").json == {"tokens": []}
    assert users("tokens", "siti", "--revoke", str(number["id"])).complaint.startswith("Token itu tidak ada")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "operator", "Operator"], "Nama akun 'operator' dipakai oleh sistem; pilih yang lain."),
        (["add", "S", "Siti"], "Nama akun 's' tidak dapat dipakai: 3 sampai 40 huruf kecil,"),
        (["add", "siti", " "], "Nama lengkap wajib diisi"),
        (["add", "budi", "Budi"], "Nama akun 'budi' sudah ada; pilih yang lain."),
        (["add", "siti", "Siti", "--right", "raja"], "Peran 'raja' tidak ada; yang ada: pic_kelurahan, "),
        (["grant", "budi", "lurah:Pojok"], "Wilayah 'Pojok' tidak dikenal: tulis kode kecamatan"),
        (["grant", "budi", "walidata:35.71.01"], "Peran walidata hanya ada untuk seluruh kota."),
        (["grant", "[red]siti", "lurah"], "Akun '[red]siti' tidak ada; lihat semuanya dengan geosatu users list."),
        (["revoke", "budi", "lurah"], "Akun budi tidak punya hak itu."),
        (["deactivate", "siti"], "Akun 'siti' tidak ada"),
        (["reset", "siti"], "Akun 'siti' tidak ada"),
        (["sessions", "siti"], "Akun 'siti' tidak ada"),
        (["tokens", "budi", "--revoke", "9" * 30], f"--revoke {'9' * 30}: token itu tidak ada."),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(
    users: Run, place: Any, arguments: list[str], sentence: str
):
    users("add", "budi", "Budi")
    before = [ask(place, f"SELECT * FROM geosatu.{table}") for table in ("account", "account_right", "audit")]

    assert users(*arguments).complaint.startswith(sentence)
    assert [ask(place, f"SELECT * FROM geosatu.{table}") for table in ("account", "account_right", "audit")] == before


def test_the_demonstration_shows_its_passwords_once(
    run: Run,  # noqa: F811
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    place = settings_for(cluster, "users_demonstration")
    use(monkeypatch, place)
    folder = tmp_path / "geodata" / "kediri"
    folder.mkdir(parents=True)
    for name in ("batas_kelurahan", "batas_kecamatan"):
        shutil.copy(ROOT / "geodata" / "kediri" / f"{name}.geojson", folder)
    monkeypatch.setenv("GEOSATU_GEODATA", str(tmp_path / "geodata"))

    shown = dict(re.findall(r"^  (\S+) +([a-z2-9-]{19})  \S", run("demo", "--load-only").out, re.MULTILINE))

    stored = dict(ask(place, "SELECT name, password FROM geosatu.account"))
    assert {"walidata", "perencana", "opd", "lurah.pojok", "pic.pojok", "camat.mojoroto", "relawan.pojok"} <= set(
        stored
    )
    assert shown.keys() == stored.keys()
    assert len(set(shown.values())) == len(shown)
    for name, password in shown.items():
        assert passwords.matches(password, stored[name])
    assert run("demo", "--load-only").out == ""
    assert "Lurah di Kelurahan Pojok" in run("users", "list").out
