"""The city's own sign-in: a small issuer of ours, and everything that it, or somebody in between, may get wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from conftest import running, settings_for
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr
from sqlalchemy import text
from test_sign_in import GOOD, Browser, Office, complaint

from geosatu.accounts import people
from geosatu.accounts.single_sign_on import SingleSignOn
from geosatu.api.access import COOKIE
from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.errors import InvalidSettings
from geosatu.features import OPERATOR
from geosatu.layers import Catalogue
from geosatu.settings import Settings

CLIENT = ("geosatu", "rahasia klien")


class Issuer:
    """Vouches for whoever a test says; keeps to the standard where the test does not ask for something else."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "satu"})
        self.claims: dict[str, Any] = {}
        self.sign: Any = None
        self.codes: dict[str, dict[str, str]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def answer(self, document: Any, status: int = 200) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                if self.path == "/.well-known/openid-configuration":
                    self.answer(
                        {
                            "issuer": issuer.address,
                            "authorization_endpoint": f"{issuer.address}/authorize",
                            "token_endpoint": f"{issuer.address}/token",
                            "jwks_uri": f"{issuer.address}/keys",
                        }
                    )
                else:
                    self.answer({"keys": [issuer.key.as_dict(private=False)]})

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                asked = dict(parse_qsl(self.rfile.read(length).decode()))
                begun = issuer.codes.pop(asked.get("code", ""), None)
                challenge = base64.urlsafe_b64encode(hashlib.sha256(asked["code_verifier"].encode()).digest())
                client = base64.b64decode(self.headers["Authorization"].split()[1]).decode()
                if (
                    begun is None
                    or challenge.decode().rstrip("=") != begun["code_challenge"]
                    or asked["redirect_uri"] != begun["redirect_uri"]
                    or client != ":".join(CLIENT)
                ):
                    self.answer({"error": "invalid_grant"}, 400)
                    return
                now = int(time.time())
                claims = {"iss": issuer.address, "aud": CLIENT[0], "sub": "42", "iat": now, "exp": now + 60}
                claims |= {"nonce": begun["nonce"]} | issuer.claims
                claims = {name: value for name, value in claims.items() if value is not None}
                sign = issuer.sign or (lambda said: jwt.encode({"alg": "RS256", "kid": "satu"}, said, issuer.key))
                self.answer({"access_token": "x", "token_type": "Bearer", "id_token": sign(claims)})

        return Handler

    def consent(self, location: str) -> str:
        """Somebody signs in at the issuer; where it sends them back to."""
        begun = dict(parse_qsl(urlsplit(location).query))
        assert begun["response_type"] == "code"
        assert begun["code_challenge_method"] == "S256"
        assert set(begun["scope"].split()) == {"openid", "email"}
        code = secrets.token_urlsafe()
        self.codes[code] = begun
        return f"{urlsplit(begun['redirect_uri']).path}?code={code}&state={begun['state']}"


@pytest.fixture(scope="module")
def standing() -> Iterator[Issuer]:
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever, daemon=True)
    thread.start()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


@pytest.fixture(scope="module")
def served(cluster: Cluster, catalogue: Catalogue, standing: Issuer) -> Iterator[Office]:
    given = {
        "oidc_issuer": standing.address,
        "oidc_client_id": CLIENT[0],
        "oidc_client_secret": SecretStr(CLIENT[1]),
    }
    settings = settings_for(cluster, "single_sign_on").model_copy(update=given)
    with (
        open_city(settings, catalogue) as engine,
        open_service(engine, LONGEST_STATEMENT) as service,
        running(create_app(settings, catalogue, service)) as address,
    ):
        yield Office(address, engine)


@pytest.fixture
def office(served: Office) -> Office:
    with served.engine.begin() as conn:
        conn.execute(text("DELETE FROM geosatu.account"))
    return served


@pytest.fixture
def issuer(standing: Issuer) -> Issuer:
    standing.claims, standing.sign = {"email": "siti@kota.contoh.id", "email_verified": True}, None
    return standing


def go(browser: Browser, issuer: Issuer, onward: str = "/akun") -> Any:
    """Sign in with the city's account."""
    left = browser.get("/masuk/kota", params={"lanjut": onward})
    assert left.status_code == 303
    return browser.get(issuer.consent(left.headers["location"]))


def test_the_button_is_there_only_where_it_leads_somewhere(office: Office, client: Any):
    assert "Masuk dengan akun kota" in office.browser().get("/masuk").text
    assert "Masuk dengan akun kota" not in client.get("/masuk").text
    assert client.get("/masuk/kota", follow_redirects=False).status_code == 403


def test_a_verified_address_is_linked_once_and_known_by_its_subject_from_then_on(office: Office, issuer: Issuer):
    number = office.person("siti@kota.contoh.id")
    browser = office.browser()

    answer = go(browser, issuer, "/ogc/collections")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ogc/collections")
    assert "Nama siti@kota.contoh.id" in browser.get("/akun").text
    assert office.ask("SELECT subject FROM geosatu.account") == [f"{issuer.address}#42"]

    issuer.claims = {"email": "lain@kota.contoh.id", "email_verified": True}
    assert go(office.browser(), issuer).status_code == 303
    assert office.ask("SELECT account FROM geosatu.audit WHERE action = 'masuk' ORDER BY id DESC LIMIT 1") == [number]


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "siti@kota.contoh.id"},
        {"email": "siti@kota.contoh.id", "email_verified": False},
        {"email": "siti@kota.contoh.id", "email_verified": "true"},
        {"email": "budi@kota.contoh.id", "email_verified": True},
        {"email": ["siti@kota.contoh.id"], "email_verified": True},
        {},
    ],
)
def test_whom_nobody_invited_gets_no_account(
    office: Office, issuer: Issuer, claims: dict[str, Any], caplog: pytest.LogCaptureFixture
):
    office.person("siti@kota.contoh.id")
    issuer.claims, before = claims, office.state()

    with caplog.at_level(logging.WARNING, "geosatu"):
        answer = go(office.browser(), issuer)

    assert answer.status_code == 403
    assert complaint(answer) == "Akun kota Anda belum terdaftar di sini. Minta walidata mengundang Anda."
    assert "siti" not in caplog.text
    assert office.state() == before


def test_an_inactive_account_and_one_that_is_another_subject_s_stay_closed(office: Office, issuer: Issuer):
    number = office.person("siti@kota.contoh.id")
    assert go(office.browser(), issuer).status_code == 303
    office.do(people.set_active, OPERATOR, number, False)
    assert go(office.browser(), issuer).status_code == 403

    office.do(people.set_active, OPERATOR, number, True)
    issuer.claims["sub"] = "43"
    assert go(office.browser(), issuer).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://jahat.contoh"},
        {"aud": "lain"},
        {"nonce": "lain"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_for_us_now_is_refused(office: Office, issuer: Issuer, claims: dict[str, Any]):
    office.person("siti@kota.contoh.id")
    issuer.claims |= claims

    answer = go(office.browser(), issuer)

    assert answer.status_code == 403
    assert complaint(answer) == "Akun kota tidak dapat dipastikan. Ulangi dari halaman Masuk."
    assert office.ask("SELECT count(*) FROM geosatu.session") == [0]


def forged(claims: dict[str, Any], how: str, issuer: Issuer) -> str:
    if how == "none":
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in ({"alg": "none"}, claims)]
        return b".".join([*(part.rstrip(b"=") for part in parts), b""]).decode()
    if how == "another key":
        return jwt.encode({"alg": "RS256", "kid": "satu"}, claims, RSAKey.generate_key(2048))
    if how == "public key as secret":
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(issuer.key.as_pem(private=False)))
    return "bukan.token.sama.sekali"


@pytest.mark.parametrize("how", ["none", "another key", "public key as secret", "garbage"])
def test_a_forged_token_is_refused(office: Office, issuer: Issuer, how: str):
    office.person("siti@kota.contoh.id")
    issuer.sign = lambda claims: forged(claims, how, issuer)

    assert go(office.browser(), issuer).status_code == 403
    assert office.ask("SELECT count(*) FROM geosatu.session") == [0]


def test_keys_may_change(office: Office, issuer: Issuer, monkeypatch: pytest.MonkeyPatch):
    office.person("siti@kota.contoh.id")
    assert go(office.browser(), issuer).status_code == 303
    monkeypatch.setattr(issuer, "key", RSAKey.generate_key(2048, {"kid": "dua"}))
    issuer.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "dua"}, claims, issuer.key)

    assert go(office.browser(), issuer).status_code == 303


def test_only_the_browser_that_left_comes_back(office: Office, issuer: Issuer):
    office.person("siti@kota.contoh.id")
    thief, victim = office.browser(), office.browser()
    back = issuer.consent(thief.get("/masuk/kota").headers["location"])

    assert victim.get(back).status_code == 403
    victim.get("/masuk/kota")
    assert victim.get(back).status_code == 403
    assert COOKIE not in victim.cookies
    again = office.browser()
    path = issuer.consent(again.get("/masuk/kota").headers["location"])
    assert again.get(path).status_code == 303
    assert again.get(path).status_code == 403
    for query in ("", "?code=x", "?error=access_denied&state=x", "?state=x&code=" + "x" * 500):
        assert thief.get(f"/masuk/kota/kembali{query}").status_code == 403


def test_the_address_to_go_on_to_is_ours(office: Office, issuer: Issuer):
    office.person("siti@kota.contoh.id")

    assert go(office.browser(), issuer, "//jahat.contoh").headers["location"] == "/akun"


def test_the_city_learns_where_to_send_people_back(office: Office):
    asked = parse_qs(urlsplit(office.browser().get("/masuk/kota").headers["location"]).query)

    assert asked["redirect_uri"] == [f"{office.address}/masuk/kota/kembali"]
    assert len(asked["state"][0]) >= 20
    assert len(asked["nonce"][0]) >= 20


def test_an_issuer_that_is_away_is_one_sentence(
    cluster: Cluster, catalogue: Catalogue, caplog: pytest.LogCaptureFixture
):
    given = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "x", "oidc_client_secret": SecretStr("y")}
    settings = settings_for(cluster, "single_sign_on_away").model_copy(update=given)
    with (
        open_city(settings, catalogue) as engine,
        open_service(engine, LONGEST_STATEMENT) as service,
        running(create_app(settings, catalogue, service)) as address,
    ):
        there = Office(address, engine)
        answer = there.browser().get("/masuk/kota")
        there.person("siti")
        assert there.browser().sign_in("siti", GOOD).status_code == 303
    assert complaint(answer) == "Akun kota sedang tidak dapat dihubungi. Masuk dengan sandi."


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"oidc_issuer": "https://masuk.contoh.id"}, "bertiga"),
        ({"oidc_client_secret": SecretStr("x")}, "bertiga"),
        (
            {"oidc_issuer": "http://masuk.contoh.id", "oidc_client_id": "x", "oidc_client_secret": SecretStr("y")},
            "harus alamat https",
        ),
    ],
)
def test_settings_that_lack_something_are_one_sentence(given: dict[str, Any], reason: str):
    with pytest.raises(InvalidSettings, match=reason):
        SingleSignOn.of(Settings().model_copy(update=given))
