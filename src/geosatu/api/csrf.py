"""Changes that a browser asks for come from our own pages.

Each form carries a token that is bound to the session, in the field `csrf` (or, for scripts of ours, in the header
`X-CSRF-Token`), and where the browser tells from where it comes, that has to be us.

A page with forms takes `CsrfTokenDep` and hands it to its template; a route that changes something takes `CsrfDep`.
A request with a token in its `Authorization` header comes from no form; it needs a token that may write.
"""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from geosatu.accounts.devices import Device, signature
from geosatu.accounts.known import Account
from geosatu.api.context import BaseDep, CityDep, ReaderDep
from geosatu.errors import NotAllowed, NotSignedIn

FIELD = "csrf"
HEADER = "x-csrf-token"

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def csrf_token(signing: bytes, session_key: bytes) -> str:
    """The token of a session's forms."""
    return signature(signing, "session", session_key)


def device_token(signing: bytes, device: Device) -> str:
    """The token of forms in a browser where nobody signed in yet."""
    return signature(signing, "form", device.nonce.encode())


def token_of(city: CityDep, reader: ReaderDep) -> str:
    """The token for the forms of a page; empty where nobody signed in with a browser."""
    if reader.account is None or reader.account.means != "session":
        return ""
    return csrf_token(city.signing, reader.account.key)


async def require_csrf(request: Request, city: CityDep, base: BaseDep, reader: ReaderDep) -> Account:
    """Who asks for this change, certainly themselves and with the right to change anything at all."""
    require_our_origin(request, base)
    account = reader.account
    if account is None:
        raise NotSignedIn("Anda belum masuk, atau sudah dikeluarkan. Masuk lagi, lalu ulangi.")
    if account.means == "token":
        if account.scope != "write":
            raise NotAllowed("Token ini hanya untuk membaca. Buat token untuk menulis di halaman Akun.")
    else:
        await require_token(request, csrf_token(city.signing, account.key))
    return account


async def require_token(request: Request, expected: str) -> None:
    """The form, or the header, shows this token."""
    shown = request.headers.get(HEADER)
    if shown is None and request.headers.get("content-type", "").split(";")[0].strip().lower() in FORMS:
        said = (await request.form()).get(FIELD)
        shown = said if isinstance(said, str) else None
    if shown is None or not hmac.compare_digest(shown.encode("utf-8", "replace"), expected.encode()):
        raise NotAllowed("Formulir ini sudah kedaluwarsa. Muat ulang halamannya, lalu ulangi.")


def require_our_origin(request: Request, base: str) -> None:
    """What the browser tells of where the request comes from does not speak against us."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        origin = request.headers.get("origin")
        hosts = (urlsplit(base).netloc, request.headers.get("host"))
        ours = origin is None or (origin != "null" and urlsplit(origin).netloc in hosts)
    if not ours:
        raise NotAllowed("Permintaan ini datang dari situs lain, jadi tidak dijalankan.")


CsrfDep = Annotated[Account, Depends(require_csrf)]
CsrfTokenDep = Annotated[str, Depends(token_of)]
