"""One's own account: rights, devices, tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy import Connection
from starlette.responses import Response

from geosatu.accounts import people, sessions
from geosatu.accounts.known import Account
from geosatu.api.context import BaseDep, CityDep
from geosatu.api.error_pages import PageRoute
from geosatu.api.own_pages import (
    ChangingDep,
    ServiceConnDep,
    SignedInDep,
    WhoDep,
    actor_of,
    city_areas,
    go_to,
    page,
)
from geosatu.errors import UnknownAccount
from geosatu.viewer import Visitor

router = APIRouter(prefix="/akun", route_class=PageRoute, include_in_schema=False)


@router.get("")
def show_account(
    request: Request, city: CityDep, base: BaseDep, account: SignedInDep, who: WhoDep, conn: ServiceConnDep
) -> Response:
    """Who one is here, and with what one is signed in."""
    return _account_page(request, base, account, who, conn, city_areas(conn, city))


@router.post("/token")
def create_token(
    request: Request,
    city: CityDep,
    base: BaseDep,
    account: ChangingDep,
    who: WhoDep,
    conn: ServiceConnDep,
    untuk: Annotated[str, Form()] = "",
    lingkup: Annotated[str, Form()] = "read",
    hari: Annotated[str, Form()] = "",
) -> Response:
    """A new token, which is shown once."""
    days = int(hari) if hari.isascii() and hari.isdigit() and len(hari) < 6 else 0
    secret = sessions.create_token(conn, actor_of(account, request), untuk, lingkup, days)
    return _account_page(request, base, account, who, conn, city_areas(conn, city), secret)


@router.post("/token/{token}/cabut")
def revoke_token(token: str, request: Request, account: ChangingDep, conn: ServiceConnDep) -> Response:
    """A token of one's own no longer holds."""
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise UnknownAccount("Token itu tidak ada, atau sudah dicabut.")
    sessions.revoke_token(conn, actor_of(account, request), account.id, int(token))
    return go_to(request, "/akun#token")


@router.post("/perangkat/{device}/keluarkan")
def end_session(device: str, request: Request, account: ChangingDep, conn: ServiceConnDep) -> Response:
    """Sign out a device of one's own."""
    try:
        key = bytes.fromhex(device)
    except ValueError:
        raise UnknownAccount("Perangkat itu sudah keluar.") from None
    sessions.close_session(conn, actor_of(account, request), key)
    return go_to(request, "/akun#perangkat")


@router.post("/perangkat/keluarkan")
def end_other_sessions(request: Request, account: ChangingDep, conn: ServiceConnDep) -> Response:
    """Sign out every device but this one."""
    sessions.close_other_sessions(conn, actor_of(account, request), account.key)
    return go_to(request, "/akun#perangkat")


def _account_page(
    request: Request,
    base: str,
    account: Account,
    who: Visitor | None,
    conn: Connection,
    areas: dict[str, str],
    secret: str | None = None,
) -> Response:
    return page(
        "accounts/account.html",
        request,
        who,
        head="Akun saya",
        base=base,
        account=account,
        rights=people.person(conn, account.id).rights,
        areas=areas,
        devices=sessions.sessions_of(conn, account.id),
        tokens=sessions.tokens_of(conn, account.id),
        scopes=sessions.SCOPES,
        days=sessions.TOKEN_DAYS,
        secret=secret,
    )
