"""What pages for people who signed in share: their frame, and who may see them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from fastapi import Depends, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from geosatu.accounts import people
from geosatu.accounts.known import Account
from geosatu.api.context import City, CityDep, ReaderDep, address_of, turn
from geosatu.api.csrf import CsrfDep, CsrfTokenDep
from geosatu.api.html import POLICY
from geosatu.api.links import HEADERS, base_of
from geosatu.database.rights import act_as, act_as_service
from geosatu.errors import NotAllowed, NotSignedIn
from geosatu.features import PUBLIC, Actor
from geosatu.rights import answers_for, edits, reviews
from geosatu.store.areas import areas
from geosatu.viewer import Visitor
from geosatu.viewer.icons import sprite
from geosatu.viewer.page import TEMPLATES

ICONS = (
    "arrow-left",
    "check",
    "chevron-right",
    "circle-user-round",
    "copy",
    "key-round",
    "layers",
    "log-in",
    "log-out",
    "map",
    "smartphone",
    "triangle-alert",
    "user-plus",
    "users",
)

OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]{0,1000}")
"""A path of ours, and nothing that a browser takes for another site."""

T = TypeVar("T")


def own_path(said: str | None, otherwise: str) -> str:
    """Where to go on, as a form or an address says it, if that is a page of ours."""
    return said if said is not None and OWN_PATH.fullmatch(said) else otherwise


async def visitor(city: CityDep, reader: ReaderDep, csrf: CsrfTokenDep) -> Visitor | None:
    """Who the head of a page shows; None: nobody signed in."""
    account = reader.account
    return None if account is None else Visitor(account.full_name, links_of(account), csrf, account.id)


def links_of(account: Account) -> Sequence[tuple[str, str]]:
    """The pages that are theirs."""
    if account.must_change:
        return (("Ganti sandi", "/sandi"),)
    theirs = [
        ("Tambah data", "/ubah", edits(account.rights)),
        ("Tinjauan", "/tinjauan", reviews(account.rights)),
        ("Daftar data", "/daftar-data", bool(answers_for(account.rights))),
        ("Riwayat", "/riwayat", bool(account.rights)),
        ("Akun saya", "/akun", True),
        ("Pengguna", "/akun/pengguna", account.audits),
        ("Catatan audit", "/audit", account.audits),
    ]
    return [(title, path) for title, path, may in theirs if may]


WhoDep = Annotated[Visitor | None, Depends(visitor)]


async def signed_in(request: Request, reader: ReaderDep) -> Account:
    """Who asks, with a browser and with a password of their own choice."""
    if reader.account is None:
        raise NotSignedIn("Masuk dahulu untuk membuka halaman ini.")
    return _with_own_password(request, reader.account)


async def changing(request: Request, account: CsrfDep) -> Account:
    """The same, for a form of ours."""
    return _with_own_password(request, account)


def _with_own_password(request: Request, account: Account) -> Account:
    if account.means != "session":
        raise NotAllowed("Halaman ini untuk peramban yang masuk dengan sandi; token tidak berlaku di sini.")
    if account.must_change:
        raise HTTPException(303, headers={"Location": f"{root_of(request)}/sandi"})
    return account


SignedInDep = Annotated[Account, Depends(signed_in)]
ChangingDep = Annotated[Account, Depends(changing)]


def manager(account: SignedInDep) -> Account:
    """Who manages accounts."""
    if not account.audits:
        raise NotAllowed("Hanya walidata yang mengelola akun.")
    return account


def root_of(request: Request) -> str:
    """The path in front of ours, without a slash at its end."""
    return urlsplit(base_of(request.app.state.city.settings, request.scope)).path.rstrip("/")


def actor_of(account: Account, request: Request) -> Actor:
    """Who does something, as the audit log names them."""
    return Actor(account.name, account=account.id, address=address_of(request))


async def service_connection(request: Request, city: CityDep) -> AsyncIterator[Connection]:
    """One transaction as the service itself, which knows accounts; kept if the route ends well."""
    async with turn(city.turns):
        conn = await run_in_threadpool(city.engine.connect)
        try:
            await run_in_threadpool(act_as_service, conn)
            yield conn
            await run_in_threadpool(conn.commit)
            if request.method == "POST":
                city.known.forget()  # PostgreSQL tells it too, but the next request may be here before
        finally:
            await run_in_threadpool(conn.close)


ServiceConnDep = Annotated[Connection, Depends(service_connection, scope="function")]


async def as_service(city: City, work: Callable[[Connection], T]) -> T:
    """What comes out of the work, done in one transaction as the service itself."""

    def done() -> T:
        with city.engine.begin() as conn:
            act_as_service(conn)
            return work(conn)

    async with turn(city.turns):
        return await run_in_threadpool(done)


async def hashing(city: City, work: Callable[[], T]) -> T:
    """What comes out of looking at a password, which takes time and memory."""
    async with turn(city.hashing):
        return await run_in_threadpool(work)


def city_areas(conn: Connection, city: City) -> dict[str, str]:
    """The areas of the city by code, on a connection that acts as the service."""
    act_as(conn, PUBLIC)
    found = areas(conn, city.catalogue)
    act_as_service(conn)
    return found


def page(
    template: str,
    request: Request,
    who: Visitor | None,
    *,
    head: str,
    status: int = 200,
    crumbs: Sequence[tuple[str, str]] = (),
    **values: Any,
) -> HTMLResponse:
    """A page from a template of ours, which nobody keeps."""
    said = {
        "policy": POLICY,
        "root": root_of(request),
        "here": "/",
        "json": None,
        "map": None,
        "who": who,
        "csrf": who.csrf if who is not None else "",
        "head": head,
        "crumbs": crumbs,
        "symbols": sprite(ICONS),
        "written_right": people.written_right,
    } | values
    text = TEMPLATES.get_template(template).render(**said)
    return HTMLResponse(text, status, headers={**HEADERS, "Cache-Control": "no-store"})


def go_to(request: Request, path: str) -> RedirectResponse:
    """The answer to a form that was carried out: look at this page of ours."""
    return RedirectResponse(root_of(request) + path, 303, headers={"Cache-Control": "no-store"})
