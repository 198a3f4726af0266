"""The city's own sign-in by OpenID Connect: code flow with PKCE, state and nonce.

It tells who somebody is and nothing more: accounts and rights are ours.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from geosatu.errors import InvalidSettings, NotAllowed
from geosatu.settings import Settings

SCOPE = "openid email"
SIGNED_BY = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Only with keys of which we know the public half."""

PATIENCE = 10
KEPT_SECONDS = 3600
LONGEST_ERRAND = 600
"""Seconds that somebody may be away to sign in."""
LEEWAY = 60
"""Seconds that clocks may differ."""

NEAR = ("127.0.0.1", "localhost", "::1")

log = logging.getLogger("geosatu")


class Errand(NamedTuple):
    """What we remember while somebody is away to sign in."""

    state: str
    nonce: str
    verifier: str
    onward: str
    since: float


class SingleSignOn:
    """The issuer that the settings name."""

    def __init__(self, issuer: str, client_id: str, client_secret: str) -> None:
        parts = urlsplit(issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in NEAR):
            raise InvalidSettings("Pengaturan GEOSATU_OIDC_ISSUER tidak dapat dipakai: harus alamat https.")
        self._issuer = issuer
        self._client = (client_id, client_secret)
        self._lock = threading.Lock()
        self._metadata: tuple[dict[str, Any], float] | None = None
        self._keys: tuple[Any, float] | None = None

    @classmethod
    def of(cls, settings: Settings) -> SingleSignOn | None:
        """The single sign-on of these settings; None: the city has none."""
        given = (settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)
        if given == (None, None, None):
            return None
        issuer, client_id, client_secret = given
        if issuer is None or client_id is None or client_secret is None:
            raise InvalidSettings(
                "Pengaturan GEOSATU_OIDC_ISSUER, GEOSATU_OIDC_CLIENT_ID dan GEOSATU_OIDC_CLIENT_SECRET hanya berlaku "
                "bertiga; isi semuanya, atau kosongkan semuanya."
            )
        return cls(issuer, client_id, client_secret.get_secret_value())

    def leave(self, there: str, onward: str) -> tuple[str, Errand]:
        """Where to send a browser that comes back to `there`, and what to remember until it does."""
        errand = Errand(
            secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), onward, time.time()
        )
        with self._session(there) as session:
            address, _ = session.create_authorization_url(
                self._about()["authorization_endpoint"],
                state=errand.state,
                nonce=errand.nonce,
                code_verifier=errand.verifier,
            )
        return str(address), errand

    def come_back(self, there: str, query: str, errand: Errand) -> tuple[str, str | None]:
        """Who came back, and their e-mail if the city has verified it."""
        if time.time() - errand.since > LONGEST_ERRAND:
            raise NotAllowed("Masuk dengan akun kota terlalu lama. Ulangi dari halaman Masuk.")
        try:
            with self._session(there) as session:
                answer = session.fetch_token(
                    self._about()["token_endpoint"],
                    authorization_response=f"{there}?{query}",
                    state=errand.state,
                    code_verifier=errand.verifier,
                )
            claims = self._claims(str(answer["id_token"]), errand.nonce)
        except (AuthlibBaseError, JoseError, requests.RequestException, KeyError, ValueError) as error:
            log.warning("single sign-on refused: %s", type(error).__name__)
            raise NotAllowed("Akun kota tidak dapat dipastikan. Ulangi dari halaman Masuk.") from None
        email = claims.get("email") if claims.get("email_verified") is True else None
        return f"{self._issuer}#{claims['sub']}", email if isinstance(email, str) else None

    def _session(self, there: str) -> Any:
        return OAuth2Session(
            *self._client,
            scope=SCOPE,
            redirect_uri=there,
            code_challenge_method="S256",
            default_timeout=PATIENCE,
        )

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        """What the issuer says in a token that it signed for us, just now."""
        try:
            read = jwt.decode(token, self._key_set(), algorithms=SIGNED_BY)
        except (JoseError, ValueError):
            self._keys = None  # perhaps it has new ones
            read = jwt.decode(token, self._key_set(), algorithms=SIGNED_BY)
        wanted = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client[0]},
            "nonce": {"essential": True, "value": nonce},
            "sub": {"essential": True},
        }
        claims = CodeIDToken(read.claims, read.header, wanted, {"nonce": nonce, "client_id": self._client[0]})
        claims.validate(leeway=LEEWAY)
        return dict(claims)

    def _about(self) -> dict[str, Any]:
        """What the issuer tells of itself."""
        with self._lock:
            if self._metadata is None or self._metadata[1] < time.monotonic():
                address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                try:
                    told = requests.get(address, timeout=PATIENCE)
                    told.raise_for_status()
                    about = told.json()
                except (requests.RequestException, ValueError) as error:
                    log.warning("single sign-on does not answer: %s", type(error).__name__)
                    raise NotAllowed("Akun kota sedang tidak dapat dihubungi. Masuk dengan sandi.") from None
                if about.get("issuer") != self._issuer:
                    log.warning("single sign-on calls itself another name than GEOSATU_OIDC_ISSUER")
                    raise NotAllowed("Akun kota tidak dapat dipastikan. Masuk dengan sandi.")
                self._metadata = (about, time.monotonic() + KEPT_SECONDS)
            return self._metadata[0]

    def _key_set(self) -> Any:
        address = self._about()["jwks_uri"]
        with self._lock:
            if self._keys is None or self._keys[1] < time.monotonic():
                told = requests.get(address, timeout=PATIENCE)
                told.raise_for_status()
                self._keys = (KeySet.import_key_set(told.json()), time.monotonic() + KEPT_SECONDS)
            return self._keys[0]
