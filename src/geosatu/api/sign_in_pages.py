"""Signing in and out: by password, by invitation, by the city's single sign-on; and choosing another password."""

from __future__ import annotations

import hmac
import json
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from geosatu.accounts import passwords, people, sessions
from geosatu.accounts.devices import Device, signature
from geosatu.accounts.known import Account, key_of
from geosatu.accounts.single_sign_on import LONGEST_ERRAND, Errand
from geosatu.api.access import COOKIE
from geosatu.api.context import BaseDep, City, CityDep, ReaderDep, address_of
from geosatu.api.csrf import CsrfDep, CsrfTokenDep, device_token, require_our_origin, require_token
from geosatu.api.error_pages import PageRoute
from geosatu.api.own_pages import (
    WhoDep,
    as_service,
    go_to,
    hashing,
    own_path,
    page,
    root_of,
)
from geosatu.api.problems import REFUSALS, STATUS, headers_of, log
from geosatu.errors import GeosatuError, InvalidQuery, NotAllowed, NotSignedIn
from geosatu.features import Actor

router = APIRouter(route_class=PageRoute, include_in_schema=False)

DEVICE_COOKIE = "geosatu_perangkat"
ERRAND_COOKIE = "geosatu_kota"
COOKIE_DAYS = 400
"""How long a browser keeps our cookies; the service ends sessions earlier."""

LONGEST_FIELD = 1000


def device_of(request: Request, city: CityDep) -> Device | None:
    """The browser, if we have seen it before."""
    return Device.read(city.signing, request.cookies.get(DEVICE_COOKIE))


DeviceDep = Annotated[Device | None, Depends(device_of)]


def set_cookie(response: Response, base: str, name: str, value: str, seconds: int = COOKIE_DAYS * 86_400) -> None:
    """A cookie for us alone: no script reads it, and other sites bring it by links only."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=base.startswith("https:"), httponly=True, samesite="lax"
    )


# Signing in.


@router.get("/masuk")
async def show_sign_in(
    request: Request, city: CityDep, base: BaseDep, reader: ReaderDep, device: DeviceDep
) -> Response:
    """The form."""
    onward = own_path(request.query_params.get("lanjut"), "/akun")
    if reader.account is not None and reader.account.means == "session":
        return go_to(request, onward)
    return _sign_in_form(request, city, base, device, onward)


@router.post("/masuk")
async def sign_in(request: Request, city: CityDep, base: BaseDep, device: DeviceDep) -> Response:
    """Sign in with name and password."""
    name, password, onward = await _fields(request, "nama", "sandi", "lanjut")
    onward = own_path(onward, "/akun")
    address = address_of(request)
    try:
        device = await _require_device_form(request, city, base, device)
        attempt = await as_service(city, lambda conn: sessions.begin(conn, name, address, device))
        right = await hashing(city, partial(passwords.matches, password, attempt.password))
        if not right:
            raise await as_service(city, lambda conn: sessions.refuse(conn, attempt, address))
        rehashed = await _rehashed(city, attempt, password)

        def finish(conn: Connection) -> str:
            sessions.succeed(conn, attempt, rehashed)
            actor = Actor(attempt.name, account=attempt.account, address=address)
            return sessions.open_session(conn, actor, _device_name(request), ends=_shown_key(request))

        secret = await as_service(city, finish)
    except GeosatuError as error:
        if isinstance(error, REFUSALS):
            log.warning("refused POST /masuk: %s", error)
        return _sign_in_form(request, city, base, device, onward, name, error)
    assert attempt.account is not None
    return _signed_in(
        city, go_to(request, "/sandi" if attempt.must_change else onward), base, secret, device, attempt.account
    )


async def _rehashed(city: City, attempt: sessions.Attempt, password: str) -> str | None:
    """The password as it is hashed today, if it is stored otherwise."""
    assert attempt.password is not None
    if not passwords.outdated(attempt.password):
        return None
    return await hashing(city, partial(passwords.hashed, password))


def _signed_in(city: City, answer: Response, base: str, secret: str, device: Device, account: int) -> Response:
    """The answer with a session that is new, in a browser that we know from now on."""
    city.known.forget()
    set_cookie(answer, base, COOKIE, secret)
    set_cookie(answer, base, DEVICE_COOKIE, device.with_account(account).cookie(city.signing))
    return answer


def _sign_in_form(
    request: Request,
    city: City,
    base: str,
    device: Device | None,
    onward: str,
    name: str = "",
    error: GeosatuError | None = None,
) -> Response:
    device = device or Device.new()
    answer = page(
        "accounts/sign_in.html",
        request,
        None,
        head="Masuk",
        status=200 if error is None else STATUS.get(type(error), 500),
        csrf=device_token(city.signing, device),
        error=None if error is None else str(error),
        name=name[:100],
        onward=onward,
        here=None,
        single_sign_on=city.single_sign_on is not None,
    )
    if error is not None:
        answer.headers.update(headers_of(error, page=True))
    set_cookie(answer, base, DEVICE_COOKIE, device.cookie(city.signing))
    return answer


async def _require_device_form(request: Request, city: City, base: str, device: Device | None) -> Device:
    """The browser whose form this is, though nobody signed in with it yet."""
    require_our_origin(request, base)
    if device is None:
        raise NotAllowed("Peramban ini tidak mengirim kuki kami. Izinkan kuki, lalu kirim formulir ini sekali lagi.")
    await require_token(request, device_token(city.signing, device))
    return device


async def _fields(request: Request, *names: str) -> list[str]:
    """Fields of the form as text; what is absent or endless is empty."""
    form = await request.form()
    said = [form.get(name) for name in names]
    return [each if isinstance(each, str) and len(each) <= LONGEST_FIELD else "" for each in said]


def _device_name(request: Request) -> str:
    return sessions.device_name(request.headers.get("user-agent", ""))


def _shown_key(request: Request) -> bytes | None:
    """What is kept of the session that the browser shows; it ends when somebody signs in anew."""
    shown = request.cookies.get(COOKIE)
    return None if shown is None else key_of(shown)


# Signing out.


@router.post("/keluar")
async def sign_out(request: Request, city: CityDep, account: CsrfDep) -> Response:
    """End the session of this browser."""
    if account.means != "session":
        raise NotAllowed("Token tidak dikeluarkan, tetapi dicabut di halaman Akun.")
    actor = Actor(account.name, account=account.id, address=address_of(request))
    await as_service(city, lambda conn: sessions.close_session(conn, actor, account.key))
    city.known.forget()
    answer = go_to(request, "/")
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return answer


# Invitations.


@router.get("/undangan/{secret}")
async def show_invitation(request: Request, city: CityDep, base: BaseDep, device: DeviceDep, secret: str) -> Response:
    """Choose a first password, or a new one after the old one was lost."""
    whom = await as_service(city, lambda conn: people.invited(conn, secret))
    return _invitation_form(request, city, base, device, whom)


@router.post("/undangan/{secret}")
async def accept_invitation(request: Request, city: CityDep, base: BaseDep, device: DeviceDep, secret: str) -> Response:
    """Keep the password, and sign in with it."""
    whom = await as_service(city, lambda conn: people.invited(conn, secret))
    address = address_of(request)
    try:
        device = await _require_device_form(request, city, base, device)
        password = await _new_password(request, whom.name)
        stored = await hashing(city, partial(passwords.hashed, password))
    except (InvalidQuery, NotAllowed) as error:
        return _invitation_form(request, city, base, device, whom, error)

    def finish(conn: Connection) -> str:
        people.accept(conn, secret, stored, address)
        actor = Actor(whom.name, account=whom.id, address=address)
        name = _device_name(request)
        return sessions.open_session(conn, actor, name, by="undangan", ends=_shown_key(request))

    opened = await as_service(city, finish)
    return _signed_in(city, go_to(request, "/akun"), base, opened, device, whom.id)


async def _new_password(request: Request, name: str) -> str:
    password, again = await _fields(request, "sandi_baru", "sandi_ulang")
    passwords.require_good(password, name)
    if password != again:
        raise InvalidQuery("Kedua sandi tidak sama; ketik ulang keduanya.")
    return password


def _invitation_form(
    request: Request,
    city: City,
    base: str,
    device: Device | None,
    whom: people.Person,
    error: GeosatuError | None = None,
) -> Response:
    device = device or Device.new()
    answer = page(
        "accounts/password.html",
        request,
        None,
        head="Pilih sandi",
        status=200 if error is None else STATUS.get(type(error), 500),
        csrf=device_token(city.signing, device),
        error=None if error is None else str(error),
        name=whom.name,
        full_name=whom.full_name,
        here=None,
        ask_old=False,
        action=request.url.path,
        shortest=passwords.SHORTEST,
    )
    set_cookie(answer, base, DEVICE_COOKIE, device.cookie(city.signing))
    return answer


# Another password.


@router.get("/sandi")
async def show_password(request: Request, who: WhoDep, reader: ReaderDep) -> Response:
    """The form for another password."""
    account = reader.account
    if account is None:
        raise NotSignedIn("Masuk dahulu untuk mengganti sandi.")
    return _password_form(request, who, account)


@router.post("/sandi")
async def change_password(
    request: Request,
    city: CityDep,
    base: BaseDep,
    account: CsrfDep,
    who: WhoDep,
    csrf: CsrfTokenDep,
    device: DeviceDep,
) -> Response:
    """Keep another password; every other device is signed out, and this one has a new session."""
    if account.means != "session":
        raise NotAllowed("Sandi diganti di peramban, bukan dengan token.")
    (old,) = await _fields(request, "sandi")
    address = address_of(request)
    actor = Actor(account.name, account=account.id, address=address)
    try:
        password = await _new_password(request, account.name)
        attempt = await as_service(city, lambda conn: sessions.begin_again(conn, account.id, account.key))
        if not await hashing(city, partial(passwords.matches, old, attempt.password)):
            await as_service(city, lambda conn: sessions.refuse(conn, attempt, address))
            raise NotAllowed("Sandi lama tidak cocok. Periksa, lalu coba lagi.")
        if password == old:
            raise InvalidQuery("Sandi baru sama dengan yang lama; pilih yang lain.")
        stored = await hashing(city, partial(passwords.hashed, password))
    except GeosatuError as error:
        if isinstance(error, REFUSALS):
            log.warning("refused POST /sandi: %s", error)
        return _password_form(request, who, account, error)

    def finish(conn: Connection) -> str:
        sessions.succeed(conn, attempt)
        people.set_password(conn, actor, account.id, stored)
        return sessions.open_session(conn, actor, _device_name(request), by="sandi baru")

    secret = await as_service(city, finish)
    return _signed_in(city, go_to(request, "/akun"), base, secret, device or Device.new(), account.id)


def _password_form(request: Request, who: WhoDep, account: Account, error: GeosatuError | None = None) -> Response:
    answer = page(
        "accounts/password.html",
        request,
        who,
        head="Ganti sandi",
        status=200 if error is None else STATUS.get(type(error), 500),
        error=None if error is None else str(error),
        name=account.name,
        full_name=account.full_name,
        ask_old=True,
        action=f"{root_of(request)}/sandi",
        shortest=passwords.SHORTEST,
    )
    if error is not None:
        answer.headers.update(headers_of(error, page=True))
    return answer


# The city's single sign-on.


@router.get("/masuk/kota")
async def leave_for_city(request: Request, city: CityDep, base: BaseDep) -> Response:
    """Go to the city's own sign-in."""
    single_sign_on = city.single_sign_on
    if single_sign_on is None:
        raise NotAllowed("Akun kota belum disambungkan; masuk dengan nama akun dan sandi.")
    onward = own_path(request.query_params.get("lanjut"), "/akun")
    address, errand = await run_in_threadpool(single_sign_on.leave, f"{base}/masuk/kota/kembali", onward)
    said = json.dumps(errand._asdict())
    answer = Response(status_code=303, headers={"Location": address, "Cache-Control": "no-store"})
    sealed = f"{signature(city.signing, 'errand', said.encode())}.{said.encode().hex()}"
    set_cookie(answer, base, ERRAND_COOKIE, sealed, LONGEST_ERRAND)
    return answer


@router.get("/masuk/kota/kembali")
async def come_back(request: Request, city: CityDep, base: BaseDep, device: DeviceDep) -> Response:
    """Whoever comes back vouched for by the city is signed in, if an account is theirs."""
    single_sign_on = city.single_sign_on
    errand = _errand_of(request, city)
    if single_sign_on is None or errand is None:
        raise NotAllowed("Masuk dengan akun kota terlalu lama atau terputus. Ulangi dari halaman Masuk.")
    there = f"{base}/masuk/kota/kembali"
    subject, email = await run_in_threadpool(single_sign_on.come_back, there, request.url.query, errand)
    address = address_of(request)

    def finish(conn: Connection) -> tuple[int, str] | None:
        found = people.link_subject(conn, subject, email)
        if found is None:
            return None
        actor = Actor(found[1], account=found[0], address=address)
        name = _device_name(request)
        return found[0], sessions.open_session(conn, actor, name, by="akun kota", ends=_shown_key(request))

    found = await as_service(city, finish)
    if found is None:
        raise NotAllowed("Akun kota Anda belum terdaftar di sini. Minta walidata mengundang Anda.")
    answer = go_to(request, own_path(errand.onward, "/akun"))
    answer.delete_cookie(ERRAND_COOKIE, path="/", httponly=True, samesite="lax")
    return _signed_in(city, answer, base, found[1], device or Device.new(), found[0])


def _errand_of(request: Request, city: City) -> Errand | None:
    """What we remembered in the browser when it left; None: it brings nothing that we wrote."""
    mark, _, sealed = request.cookies.get(ERRAND_COOKIE, "").partition(".")
    try:
        said = bytes.fromhex(sealed)
    except ValueError:
        return None
    if not said or not hmac.compare_digest(signature(city.signing, "errand", said), mark):
        return None
    return Errand(**json.loads(said))
