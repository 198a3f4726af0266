"""Signing in over HTTP: cookies, forms, devices, tokens, guessing. Each refusal changes nothing and is one sentence."""

from __future__ import annotations

import concurrent.futures
import logging
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from argon2 import PasswordHasher
from conftest import running, settings_for
from sqlalchemy import Connection, Engine, text

from geosatu.accounts import passwords, people, sessions
from geosatu.accounts.known import key_of
from geosatu.api import app as app_module
from geosatu.api.access import COOKIE
from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.api.sign_in_pages import DEVICE_COOKIE
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.features import OPERATOR, Actor
from geosatu.layers import Catalogue
from geosatu.rights import WHOLE_CITY, Right

GOOD = "kursi biru hujan"
NO_MATCH = "Nama akun atau sandi tidak cocok. Periksa keduanya, lalu coba lagi."


class Browser(httpx2.Client):
    """A browser at an address of its own, which follows no link by itself."""

    def __init__(self, base: str, address: str = "127.0.0.1") -> None:
        transport = httpx2.HTTPTransport(local_address=address, verify=False)
        super().__init__(base_url=base, transport=transport, headers={"Accept": "text/html"})

    def csrf(self, path: str = "/akun") -> str:
        found = re.search(r'name="csrf" value="(\w+)"', self.get(path).text)
        assert found is not None, path
        return found[1]

    def sign_in(self, name: str, password: str, **fields: str) -> httpx2.Response:
        fields = {"csrf": self.csrf("/masuk"), "nama": name, "sandi": password, **fields}
        return self.post("/masuk", data=fields)

    def send_form(self, path: str, **fields: str) -> httpx2.Response:
        return self.post(path, data={"csrf": self.csrf(), **fields})


@dataclass
class Office:
    """A running service, and its owner's view of the database."""

    address: str
    engine: Engine

    def browser(self, address: str = "127.0.0.1") -> Browser:
        return Browser(self.address, address)

    def do(self, work: Any, *arguments: Any, **named: Any) -> Any:
        with self.engine.begin() as conn:
            return work(conn, *arguments, **named)

    def person(self, name: str, *rights: Right, password: str = GOOD, must_change: bool = False) -> int:
        def make(conn: Connection) -> int:
            number = people.create(conn, OPERATOR, name, f"Nama {name}", passwords.hashed(password))
            for right in rights:
                people.grant(conn, OPERATOR, number, right, {})
            if must_change:
                people.set_password(conn, OPERATOR, number, passwords.hashed(password), must_change=True)
            return number

        return int(self.do(make))

    def signed_in(self, name: str, *rights: Right) -> Browser:
        self.person(name, *rights)
        browser = self.browser()
        assert browser.sign_in(name, GOOD).status_code == 303
        return browser

    def ask(self, query: str, **values: Any) -> list[Any]:
        with self.engine.connect() as conn:
            return list(conn.execute(text(query), values).scalars())

    def state(self) -> Any:
        """All that a refused request must not change."""
        with self.engine.connect() as conn:
            return [
                conn.execute(text(f"SELECT * FROM geosatu.{table} ORDER BY 1, 2")).all()
                for table in ("account", "account_right", "invitation", "token")
            ] + [conn.execute(text("SELECT key, account, created_at FROM geosatu.session ORDER BY key")).all()]


@pytest.fixture(scope="module")
def served(cluster: Cluster, catalogue: Catalogue) -> Iterator[Office]:
    settings = settings_for(cluster, "sign_in")
    with (
        open_city(settings, catalogue) as engine,
        open_service(engine, LONGEST_STATEMENT) as service,
        running(create_app(settings, catalogue, service)) as address,
    ):
        yield Office(address, engine)


@pytest.fixture
def office(served: Office) -> Office:
    """The office without anybody in it."""
    with served.engine.begin() as conn:
        conn.execute(text("DELETE FROM geosatu.account"))
        conn.execute(text("DELETE FROM geosatu.attempt"))
    return served


def complaint(answer: httpx2.Response) -> str:
    """The one sentence of a refused form."""
    found = re.search(r'role="alert".*?<span>(.*?)</span>', answer.text, re.DOTALL)
    assert found is not None, answer.text
    return found[1]


def cookie_line(answer: httpx2.Response, name: str) -> str:
    (line,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{name}=")]
    return str(line)


# Signing in and out.


def test_who_signs_in_goes_on_where_they_came_from(office: Office):
    office.person("siti")
    browser = office.browser()

    sent = browser.get("/akun")
    assert (sent.status_code, sent.headers["location"]) == (303, "/masuk?lanjut=/akun")
    answer = browser.sign_in("Siti ", GOOD, lanjut="/ogc/collections")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ogc/collections")
    assert "Nama siti" in browser.get("/akun").text
    assert "Nama siti" in browser.get("/").text
    assert "Nama siti" in browser.get("/ogc/collections").text
    assert browser.get("/masuk").headers["location"] == "/akun"


def test_the_cookie_is_for_us_alone(office: Office):
    office.person("siti")
    answer = office.browser().sign_in("siti", GOOD)

    for name in (COOKIE, DEVICE_COOKIE):
        line = cookie_line(answer, name).lower()
        assert "; httponly" in line
        assert "; samesite=lax" in line
        assert "; path=/" in line
        assert "secure" not in line
    assert answer.headers["cache-control"] == "no-store"


def test_the_cookie_is_secure_where_the_address_is(cluster: Cluster, catalogue: Catalogue, served: Office):
    settings = settings_for(cluster, "sign_in_https").model_copy(
        update={"public_url": "https://peta.contoh.go.id/geo/"}
    )
    with (
        open_city(settings, catalogue) as engine,
        open_service(engine, LONGEST_STATEMENT) as service,
        running(create_app(settings, catalogue, service)) as address,
    ):
        there = Office(address, engine)
        there.person("siti")
        browser = there.browser()
        page = browser.get("/masuk")
        device = cookie_line(page, DEVICE_COOKIE)
        assert "; Secure" in device
        assert 'action="/geo/masuk"' in page.text
        found = re.search(r'name="csrf" value="(\w+)"', page.text)
        assert found is not None
        answer = browser.post(
            "/masuk",
            data={"csrf": found[1], "nama": "siti", "sandi": GOOD},
            headers={"Cookie": device.partition(";")[0], "Origin": "https://peta.contoh.go.id"},
        )
        assert answer.headers["location"] == "/geo/akun"
        assert "; Secure" in cookie_line(answer, COOKIE)


def test_a_session_is_not_fixed_beforehand(office: Office):
    office.person("siti")
    browser = office.browser()
    browser.sign_in("siti", GOOD)
    first = browser.cookies[COOKIE]
    victim = office.browser()
    fixed = {"Cookie": f"{COOKIE}={'a' * 43}"}
    victim.headers.update(fixed)
    csrf = victim.csrf("/masuk")
    device = victim.cookies[DEVICE_COOKIE]
    victim.headers.update({"Cookie": f"{fixed['Cookie']}; {DEVICE_COOKIE}={device}"})
    answer = victim.post("/masuk", data={"csrf": csrf, "nama": "siti", "sandi": GOOD})

    assert answer.status_code == 303
    assert answer.cookies[COOKIE] not in ("a" * 43, first)
    assert office.ask("SELECT count(*) FROM geosatu.session WHERE key = :key", key=key_of("a" * 43)) == [0]


def test_signing_in_again_ends_the_session_before(office: Office):
    office.person("siti")
    office.person("budi")
    browser = office.browser()
    browser.sign_in("siti", GOOD)
    stolen = browser.cookies[COOKIE]
    other = office.browser()
    fields = {"csrf": other.csrf("/masuk"), "nama": "budi", "sandi": GOOD}
    other.cookies.set(COOKIE, stolen)

    assert other.post("/masuk", data=fields).status_code == 303
    assert browser.get("/akun").status_code == 303


def test_who_signs_out_is_out(office: Office):
    browser = office.signed_in("siti")
    stolen = browser.cookies[COOKIE]

    answer = browser.send_form("/keluar")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert COOKIE not in browser.cookies
    thief = office.browser()
    thief.cookies.set(COOKIE, stolen)
    assert thief.get("/akun").headers["location"] == "/masuk?lanjut=/akun"
    assert office.ask("SELECT action FROM geosatu.audit ORDER BY id DESC LIMIT 2") == ["keluar", "masuk"]


def test_a_device_is_signed_out_from_another(office: Office):
    phone, computer = office.signed_in("siti"), office.browser()
    computer.sign_in("siti", GOOD)
    stolen = phone.cookies[COOKIE]
    assert phone.get("/akun").status_code == 200

    answer = computer.send_form(f"/akun/perangkat/{key_of(stolen).hex()}/keluarkan")

    assert answer.status_code == 303
    assert phone.get("/akun").status_code == 303
    assert phone.post("/akun/token", data={"untuk": "x"}).status_code == 401
    assert computer.get("/akun").status_code == 200


def test_all_other_devices_are_signed_out_at_once(office: Office):
    office.person("siti")
    devices = [office.browser() for _ in range(3)]
    for device in devices:
        device.sign_in("siti", GOOD)

    devices[1].send_form("/akun/perangkat/keluarkan")

    assert [device.get("/akun").status_code for device in devices] == [303, 200, 303]


def test_a_session_ends_when_nobody_uses_it(office: Office):
    browser = office.signed_in("siti")
    with office.engine.begin() as conn:
        conn.execute(text("UPDATE geosatu.session SET expires_at = now() - interval '1 second'"))
        conn.execute(text("UPDATE geosatu.account SET full_name = full_name"))  # what the service remembers is told

    for _ in range(50):
        if browser.get("/akun").status_code == 303:
            break
        time.sleep(0.02)
    assert browser.get("/akun").status_code == 303


def test_a_session_that_is_used_lasts(served: Office, cluster: Cluster, catalogue: Catalogue):
    settings = settings_for(cluster, "sign_in_touch")
    with open_city(settings, catalogue) as engine:
        there = Office("", engine)
        number = there.person("siti")
        with (
            open_service(engine, LONGEST_STATEMENT) as service,
            running(create_app(settings, catalogue, service)) as there.address,
        ):
            there.browser().sign_in("siti", GOOD)
            token = there.do(sessions.create_token, Actor("siti", account=number), "QGIS", "read", 30)
            browser = there.browser()
            browser.sign_in("siti", GOOD)
            with engine.begin() as conn:
                conn.execute(
                    text("UPDATE geosatu.session SET expires_at = now() + interval '1 day', seen_at = '2020-01-01'")
                )
            browser.get("/akun")
            there.browser().get("/ogc/collections?f=json", headers={"Authorization": f"Bearer {token}"})
        # Written down at the latest when the service stops.
        used = "seen_at > '2021-01-01' AND expires_at > now() + interval '59 days'"
        assert there.ask(f"SELECT count(*) FROM geosatu.session WHERE {used}") == [1]
        assert there.ask("SELECT used_at IS NOT NULL FROM geosatu.token") == [True]


# Refusals.


@pytest.mark.parametrize(
    ("name", "password"),
    [("siti", "salah"), ("tidak.ada", GOOD), ("nonaktif", GOOD), ("baru", GOOD), ("", ""), ("x" * 2000, "y" * 2000)],
)
def test_a_refusal_never_tells_whether_an_account_exists(
    office: Office, caplog: pytest.LogCaptureFixture, name: str, password: str
):
    office.person("siti")
    office.do(people.set_active, OPERATOR, office.person("nonaktif"), False)
    office.do(people.create, OPERATOR, "baru", "Baru")
    before = office.state()

    with caplog.at_level(logging.WARNING, "geosatu"):
        answer = office.browser().sign_in(name, password)

    assert answer.status_code == 401
    assert complaint(answer) == NO_MATCH
    assert "Basic" not in answer.headers["www-authenticate"]
    assert office.state() == before
    assert "refused POST /masuk" in caplog.text
    assert not [secret for secret in (password, name) if secret and secret in caplog.text]
    last = office.ask("SELECT concat_ws(' ', account, actor, action) FROM geosatu.audit ORDER BY id DESC LIMIT 1")
    assert last == ["publik gagal_masuk"]


def test_a_refusal_takes_the_same_time_whether_an_account_exists(office: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=16_384, parallelism=1))
    office.person("siti")
    office.do(people.create, OPERATOR, "baru", "Baru")
    browser, took = office.browser(), {"siti": [], "baru": [], "tidak.ada": []}  # type: ignore[var-annotated]
    browser.sign_in("pemanasan", "salah")

    for _ in range(12):
        for name in took:
            with office.engine.begin() as conn:
                conn.execute(text("DELETE FROM geosatu.attempt"))
            fields = {"csrf": browser.csrf("/masuk"), "nama": name, "sandi": "salah"}
            began = time.perf_counter()
            assert browser.post("/masuk", data=fields).status_code == 401
            took[name].append(time.perf_counter() - began)

    medians = [statistics.median(each) for each in took.values()]
    alone = time.perf_counter()
    passwords.matches("salah", None)
    alone = time.perf_counter() - alone
    assert max(medians) - min(medians) < alone / 2


def test_guessing_has_to_wait_and_a_colleague_beside_it_does_not(office: Office, caplog: pytest.LogCaptureFixture):
    office.person("siti")
    office.person("budi")
    thief = office.browser()
    for _ in range(5):
        assert thief.sign_in("siti", "salah").status_code == 401

    with caplog.at_level(logging.WARNING, "geosatu"):
        answer = thief.sign_in("siti", GOOD)

    assert answer.status_code == 429
    assert 10 <= int(answer.headers["retry-after"]) <= 15
    assert re.fullmatch(r"Terlalu banyak percobaan\. Tunggu \d+ detik, lalu coba lagi\.", complaint(answer))
    assert "Terlalu banyak percobaan" in caplog.text
    assert office.browser().sign_in("budi", GOOD).status_code == 303
    assert office.browser("127.0.0.2").sign_in("siti", GOOD).status_code == 303


def test_the_own_device_gets_in_while_the_whole_world_guesses(office: Office):
    office.person("siti")
    phone = office.browser("127.0.0.3")
    assert phone.sign_in("siti", GOOD).status_code == 303
    phone.send_form("/keluar")
    for number in range(20):
        assert office.browser(f"127.0.1.{number + 1}").sign_in("siti", "salah").status_code == 401

    assert office.browser("127.0.0.4").sign_in("siti", GOOD).status_code == 429
    assert phone.sign_in("siti", GOOD).status_code == 303


def test_many_guesses_at_once_bring_no_more(office: Office):
    office.person("siti")

    def guess(_: int) -> int:
        with office.browser() as browser:
            return browser.sign_in("siti", "salah").status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(guess, range(16)))
    assert codes.count(401) == 5
    assert codes.count(429) == 11


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://jahat.contoh"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    ],
)
def test_a_post_from_another_site_changes_nothing(
    office: Office, caplog: pytest.LogCaptureFixture, headers: dict[str, str]
):
    browser = office.signed_in("siti", Right("walidata", WHOLE_CITY))
    csrf, before = browser.csrf(), office.state()

    for path in ("/akun/token", "/akun/pengguna", "/sandi", "/keluar", "/masuk", "/akun/perangkat/keluarkan"):
        fields = {"csrf": csrf, "untuk": "x", "hari": "30", "nama": "baru", "nama_lengkap": "B", "peran": "perencana"}
        with caplog.at_level(logging.WARNING, "geosatu"):
            answer = browser.post(path, data=fields, headers=headers)
        assert answer.status_code == 403
        assert complaint(answer) == "Permintaan ini datang dari situs lain, jadi tidak dijalankan."
        assert f"refused POST {path}" in caplog.text
    assert office.state() == before


def test_a_form_without_its_token_changes_nothing(office: Office):
    browser = office.signed_in("siti", Right("walidata", WHOLE_CITY))
    other = office.signed_in("budi")
    before = office.state()
    tokens = ["", "x", "é", browser.csrf()[:-1], browser.csrf() + "0", other.csrf(), office.browser().csrf("/masuk")]

    for csrf in tokens:
        for path in ("/akun/token", "/akun/pengguna", "/sandi", "/keluar"):
            answer = browser.post(path, data={"csrf": csrf, "untuk": "x", "hari": "30"})
            assert answer.status_code == 403
            assert complaint(answer).startswith("Formulir ini sudah kedaluwarsa.")
    assert browser.post("/akun/token", json={"csrf": browser.csrf()}).status_code in (400, 403)
    assert office.state() == before
    header = {"X-CSRF-Token": browser.csrf()}
    assert browser.post("/akun/token", data={"untuk": "x", "hari": "30"}, headers=header).status_code == 200


def test_nobody_is_signed_in_by_the_form_of_another(office: Office):
    office.person("penjahat")
    attacker, victim = office.browser(), office.browser()
    csrf = attacker.csrf("/masuk")
    victim.get("/masuk")

    answer = victim.post("/masuk", data={"csrf": csrf, "nama": "penjahat", "sandi": GOOD})
    bare = office.browser().post("/masuk", data={"csrf": csrf, "nama": "penjahat", "sandi": GOOD})

    assert answer.status_code == bare.status_code == 403
    assert COOKIE not in victim.cookies
    assert "kuki" in complaint(bare)


@pytest.mark.parametrize("onward", ["//jahat.contoh", "https://jahat.contoh", "/\\jahat.contoh", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(office: Office, onward: str):
    office.person("siti")
    browser = office.browser()

    shown = browser.get("/masuk", params={"lanjut": onward}).text
    assert "jahat" not in shown
    assert browser.sign_in("siti", GOOD, lanjut=onward).headers["location"] == "/akun"
    assert browser.get("/masuk", params={"lanjut": onward}).headers["location"] == "/akun"


@pytest.mark.parametrize("cookie", ["x", "a" * 43, "\"'<>", "..", "0" * 5000])
def test_a_cookie_that_is_not_ours_is_nobody(office: Office, cookie: str):
    answer = office.browser().get("/akun", headers={"Cookie": f"{COOKIE}={cookie}; {DEVICE_COOKIE}={cookie}"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/masuk?lanjut=/akun")


def test_bodies_are_small(office: Office):
    browser = office.browser()

    answer = browser.post("/masuk", content=b"a" * (app_module.LARGEST_BODY + 1))
    assert answer.status_code == 413
    chunked = browser.post(
        "/masuk", content=iter([b"nama=siti"]), headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert chunked.status_code == 411


# Passwords.


def test_another_password_needs_the_old_one_and_ends_other_devices(office: Office):
    phone, computer = office.signed_in("siti"), office.browser()
    computer.sign_in("siti", GOOD)
    stolen = computer.cookies[COOKIE]
    new = {"sandi_baru": "meja hijau angin", "sandi_ulang": "meja hijau angin"}

    wrong = computer.send_form("/sandi", sandi="salah", **new)
    assert wrong.status_code == 403
    assert complaint(wrong) == "Sandi lama tidak cocok. Periksa, lalu coba lagi."
    assert phone.get("/akun").status_code == 200

    assert computer.send_form("/sandi", sandi=GOOD, **new).status_code == 303
    assert computer.get("/akun").status_code == 200
    assert computer.cookies[COOKIE] != stolen
    assert phone.get("/akun").status_code == 303
    assert office.browser().sign_in("siti", GOOD).status_code == 401
    assert office.browser().sign_in("siti", "meja hijau angin").status_code == 303


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"sandi_baru": "pendek", "sandi_ulang": "pendek"}, "terlalu pendek"),
        ({"sandi_baru": "meja hijau angin", "sandi_ulang": "meja hijau"}, "tidak sama"),
        ({"sandi_baru": GOOD, "sandi_ulang": GOOD}, "sama dengan yang lama"),
        ({}, "terlalu pendek"),
    ],
)
def test_a_new_password_that_is_no_good_is_refused(office: Office, fields: dict[str, str], sentence: str):
    browser = office.signed_in("siti")
    before = office.state()

    answer = browser.send_form("/sandi", sandi=GOOD, **fields)

    assert answer.status_code == 400
    assert sentence in complaint(answer)
    assert office.state() == before


def test_the_old_password_cannot_be_guessed_with_a_stolen_cookie(office: Office):
    browser = office.signed_in("siti")
    fields = {"sandi_baru": "meja hijau angin", "sandi_ulang": "meja hijau angin"}

    codes = [browser.send_form("/sandi", sandi=f"salah {number}", **fields).status_code for number in range(6)]
    assert codes == [403, 403, 403, 403, 403, 429]
    assert browser.send_form("/sandi", sandi=GOOD, **fields).status_code == 429


def test_a_password_that_somebody_else_set_is_changed_first(office: Office):
    office.person("siti", Right("walidata", WHOLE_CITY), must_change=True)
    browser = office.browser()

    assert browser.sign_in("siti", GOOD).headers["location"] == "/sandi"
    for path in ("/akun", "/akun/pengguna"):
        assert browser.get(path).headers["location"] == "/sandi"
    before = office.state()
    refused = browser.post("/akun/token", data={"csrf": browser.csrf("/sandi"), "untuk": "x", "hari": "30"})
    assert refused.headers["location"] == "/sandi"
    assert office.state() == before
    new = {"sandi_baru": "meja hijau angin", "sandi_ulang": "meja hijau angin"}
    answer = browser.post("/sandi", data={"csrf": browser.csrf("/sandi"), "sandi": GOOD, **new})
    assert answer.headers["location"] == "/akun"
    assert browser.get("/akun/pengguna").status_code == 200


def test_a_password_is_hashed_anew_when_parameters_change(office: Office, monkeypatch: pytest.MonkeyPatch):
    office.person("siti")
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=128, parallelism=1))

    assert office.browser().sign_in("siti", GOOD).status_code == 303
    (stored,) = office.ask("SELECT password FROM geosatu.account")
    assert "m=128,t=2,p=1" in stored
    assert office.browser().sign_in("siti", GOOD).status_code == 303


# Invitations.


def test_who_is_invited_chooses_a_password_and_is_signed_in(office: Office):
    boss = office.signed_in("bos", Right("walidata", WHOLE_CITY))
    fields = {"nama": "siti", "nama_lengkap": "Siti Aminah", "peran": "lurah", "wilayah": "35.71.01.1004"}
    shown = boss.send_form("/akun/pengguna", **fields)
    found = re.search(r"/undangan/([\w-]{43})", shown.text)
    assert found is not None
    assert shown.headers["cache-control"] == "no-store"
    path, browser = found[0], office.browser()

    weak = browser.post(
        path, data={"csrf": browser.csrf(path), "sandi_baru": "indonesia123", "sandi_ulang": "indonesia123"}
    )
    assert weak.status_code == 400
    good = {"csrf": browser.csrf(path), "sandi_baru": GOOD, "sandi_ulang": GOOD}
    assert office.browser().post(path, data=good).status_code == 403
    assert browser.post(path, data=good).headers["location"] == "/akun"
    assert "Lurah di Kelurahan 35.71.01.1004" in browser.get("/akun").text
    for again in (browser.get(path), browser.post(path, data=good), browser.get("/undangan/tidak-ada")):
        assert again.status_code == 410
        assert complaint(again) == "Undangan ini tidak berlaku (lagi). Minta undangan baru kepada walidata."


def test_the_secret_of_an_invitation_is_not_logged(office: Office, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        office.browser().get("/undangan/rahasia-sekali")
    assert "refused GET /undangan/{secret}" in caplog.text
    assert "rahasia-sekali" not in "".join(record.message for record in caplog.records if record.name == "geosatu")


# Tokens.


def new_token(browser: Browser, scope: str = "read") -> str:
    answer = browser.send_form("/akun/token", untuk="QGIS", lingkup=scope, hari="30")
    found = re.search(r"<code>(gst_[\w-]{43})</code>", answer.text)
    assert found is not None
    return found[1]


def test_a_token_is_shown_once_and_signs_in_as_basic_and_bearer(office: Office):
    browser = office.signed_in("siti", Right("perencana", WHOLE_CITY))
    token = new_token(browser)

    assert token not in browser.get("/akun").text
    program = office.browser()
    for auth in (
        {"auth": ("siti", token)},
        {"auth": ("apa saja", token)},
        {"headers": {"Authorization": f"Bearer {token}"}},
    ):
        assert program.get("/ogc/collections?f=json", **auth).status_code == 200  # type: ignore[arg-type]
    for wrong in (token[:-1], "gst_" + "a" * 43, "", GOOD):
        answer = program.get("/ogc/collections?f=json", auth=("siti", wrong))
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("how", ["revoke", "expire", "deactivate"])
def test_a_token_that_ended_signs_nobody_in(office: Office, how: str):
    browser = office.signed_in("siti")
    token = new_token(browser)
    program = office.browser()
    ask = lambda: program.get("/ogc/collections?f=json", auth=("siti", token)).status_code  # noqa: E731
    assert ask() == 200

    if how == "revoke":
        (number,) = office.ask("SELECT id FROM geosatu.token")
        assert browser.send_form(f"/akun/token/{number}/cabut").status_code == 303
    elif how == "expire":
        with office.engine.begin() as conn:
            conn.execute(text("UPDATE geosatu.token SET expires_at = now() - interval '1 second'"))
            conn.execute(text("UPDATE geosatu.token SET revoked_at = revoked_at"))
    else:
        (number,) = office.ask("SELECT id FROM geosatu.account")
        office.do(people.set_active, OPERATOR, number, False)
    for _ in range(50):
        if ask() == 401:
            break
        time.sleep(0.02)
    assert ask() == 401


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_token_manages_no_account(office: Office, caplog: pytest.LogCaptureFixture, scope: str):
    browser = office.signed_in("bos", Right("walidata", WHOLE_CITY))
    token = {"Authorization": f"Bearer {new_token(browser, scope)}"}
    program, before = office.browser(), office.state()

    for path in ("/akun/token", "/akun/pengguna", "/sandi", "/keluar"):
        with caplog.at_level(logging.WARNING, "geosatu"):
            answer = program.post(path, data={"untuk": "x", "hari": "30"}, headers=token)
        assert answer.status_code == 403
        assert ("hanya untuk membaca" in complaint(answer)) == (scope == "read")
        assert f"refused POST {path}" in caplog.text
    assert program.get("/akun", headers=token).status_code == 403
    assert office.state() == before


def test_a_remembered_basic_password_is_no_way_around(office: Office):
    browser = office.signed_in("siti")
    token = new_token(browser, "write")

    answer = office.browser().post("/akun/token", auth=("siti", token), headers={"Origin": "https://jahat.contoh"})
    assert answer.status_code == 403
    assert "situs lain" in complaint(answer)


# Forged ids, and rights that one has not.


@pytest.mark.parametrize("number", ["0", "999999999", "9" * 30, "-1", "x", "1;--", "²"])
def test_forged_ids_are_not_there(office: Office, number: str):
    browser = office.signed_in("bos", Right("walidata", WHOLE_CITY))
    before = office.state()

    for path in (
        f"/akun/token/{number}/cabut",
        f"/akun/perangkat/{number}/keluarkan",
        f"/akun/pengguna/{number}/nonaktifkan",
    ):
        assert browser.send_form(path).status_code == 404
    assert browser.get(f"/akun/pengguna/{number}").status_code == 404
    assert office.state() == before


def test_the_device_and_token_of_another_are_not_there(office: Office):
    siti, budi = office.signed_in("siti"), office.signed_in("budi")
    new_token(siti)
    (number,) = office.ask("SELECT id FROM geosatu.token")
    before = office.state()

    assert budi.send_form(f"/akun/token/{number}/cabut").status_code == 404
    assert budi.send_form(f"/akun/perangkat/{key_of(siti.cookies[COOKIE]).hex()}/keluarkan").status_code == 404
    assert office.state() == before


@pytest.mark.parametrize("role", [None, "lurah", "pic_kelurahan", "camat", "opd", "perencana", "relawan"])
def test_only_walidata_manages_accounts(office: Office, role: str | None):
    rights = [Right(role, "35.71.01.1004")] if role else []
    browser = office.signed_in("siti", *rights)
    other = office.person("budi")
    (own,) = office.ask("SELECT id FROM geosatu.account WHERE name = 'siti'")
    before = office.state()

    assert browser.get("/akun/pengguna").status_code == 403
    assert browser.get(f"/akun/pengguna/{other}").status_code == 403
    fields = {"nama": "baru", "nama_lengkap": "Baru", "peran": "walidata", "wilayah": ""}
    paths = ["/akun/pengguna", f"/akun/pengguna/{own}/hak", f"/akun/pengguna/{other}/hak/cabut"]
    paths += [f"/akun/pengguna/{other}/{what}" for what in ("undang", "keluarkan", "nonaktifkan", "aktifkan")]
    for path in paths:
        answer = browser.send_form(path, **fields)
        assert answer.status_code == 403
        assert complaint(answer) == "Hanya walidata yang mengelola akun."
    assert office.state() == before


def test_walidata_manages_accounts_but_not_their_own(office: Office):
    boss = office.signed_in("bos", Right("walidata", WHOLE_CITY))
    number = office.person("siti")
    (own,) = office.ask("SELECT id FROM geosatu.account WHERE name = 'bos'")
    here = f"/akun/pengguna/{number}"

    assert boss.send_form(f"{here}/hak", peran="camat", wilayah="35.71.01").status_code == 303
    assert "Camat di Kecamatan 35.71.01" in boss.get(here).text
    assert boss.send_form(f"{here}/hak", peran="raja").status_code == 400
    assert boss.send_form(f"{here}/hak", peran="camat", wilayah="Pojok").status_code == 400
    assert boss.send_form(f"{here}/hak/cabut", peran="camat", wilayah="35.71.01").status_code == 303
    assert boss.send_form(f"{here}/nonaktifkan").status_code == 303
    assert office.browser().sign_in("siti", GOOD).status_code == 401
    assert boss.send_form(f"{here}/aktifkan").status_code == 303
    siti = office.browser()
    assert siti.sign_in("siti", GOOD).status_code == 303
    assert boss.send_form(f"{here}/keluarkan").status_code == 303
    assert siti.get("/akun").status_code == 303
    assert "/undangan/" in boss.send_form(f"{here}/undang").text
    assert office.browser().sign_in("siti", GOOD).status_code == 401

    before = office.state()
    for path, fields in (("hak/cabut", {"peran": "walidata"}), ("nonaktifkan", {}), ("undang", {})):
        assert boss.send_form(f"/akun/pengguna/{own}/{path}", **fields).status_code == 409
    assert office.state() == before


def test_a_right_that_was_taken_away_no_longer_holds(office: Office):
    boss = office.signed_in("bos", Right("walidata", WHOLE_CITY))
    csrf = boss.csrf()
    (own,) = office.ask("SELECT id FROM geosatu.account")
    office.do(people.revoke, OPERATOR, own, Right("walidata", WHOLE_CITY))

    # Whatever the service remembers: the transaction that changes something asks the database.
    answer = boss.post("/akun/pengguna", data={"csrf": csrf, "nama": "baru", "nama_lengkap": "B", "peran": "walidata"})
    assert answer.status_code == 403
    assert office.ask("SELECT count(*) FROM geosatu.account") == [1]


def test_what_people_type_is_shown_as_text(office: Office):
    boss = office.signed_in("bos", Right("walidata", WHOLE_CITY))
    hostile = "<img src=x onerror=alert(1)>{{ 7*7 }}"

    answer = boss.send_form("/akun/pengguna", nama="siti", nama_lengkap=hostile, peran="perencana")
    assert answer.status_code == 200
    for page in (answer.text, boss.get("/akun/pengguna").text):
        assert "<img" not in page
        assert "{{ 7*7 }}" in page
    assert "<img" not in boss.post("/masuk", data={"nama": hostile}).text


def test_a_file_in_place_of_a_word_is_one_sentence(office: Office):
    browser = office.signed_in("siti")
    header = {"X-CSRF-Token": browser.csrf()}

    answer = browser.post("/akun/token", files={"untuk": ("a.txt", b"x")}, headers=header)
    assert answer.status_code == 400
    assert complaint(answer) == "Formulir ini tidak lengkap. Muat ulang, lalu ulangi."
