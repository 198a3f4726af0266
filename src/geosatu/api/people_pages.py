"""Accounts and rights of everybody, for those who manage them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy import Connection
from starlette.responses import Response

from geosatu.accounts import people
from geosatu.accounts.known import Account
from geosatu.api.context import BaseDep, City, CityDep
from geosatu.api.error_pages import PageRoute
from geosatu.api.own_pages import (
    ChangingDep,
    ServiceConnDep,
    WhoDep,
    actor_of,
    city_areas,
    go_to,
    manager,
    page,
)
from geosatu.errors import RefusedChange, UnknownAccount
from geosatu.rights import ROLES, Right
from geosatu.viewer import Visitor

router = APIRouter(prefix="/akun/pengguna", route_class=PageRoute, include_in_schema=False)

HERE = ("Pengguna", "/akun/pengguna")


def manages(account: ChangingDep, conn: ServiceConnDep) -> Account:
    """Who changes accounts with a form of ours, with the right to it in this very transaction."""
    people.require_manager(conn, account.id)
    return account


def whom(number: str, conn: ServiceConnDep) -> people.Person:
    """The account that the path names."""
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise UnknownAccount("Akun itu tidak ada.")
    return people.person(conn, int(number))


ManagerDep = Annotated[Account, Depends(manager)]
ManagesDep = Annotated[Account, Depends(manages)]
WhomDep = Annotated[people.Person, Depends(whom)]
Said = Annotated[str, Form()]


@router.get("")
def show_everybody(request: Request, city: CityDep, account: ManagerDep, who: WhoDep, conn: ServiceConnDep) -> Response:
    """All accounts, and the form for another one."""
    return page(
        "accounts/people.html",
        request,
        who,
        head="Pengguna",
        people=people.everybody(conn),
        roles=ROLES,
        areas=city_areas(conn, city),
        invited_days=people.INVITED_DAYS,
    )


@router.post("")
def create(
    request: Request,
    city: CityDep,
    base: BaseDep,
    account: ManagesDep,
    who: WhoDep,
    conn: ServiceConnDep,
    nama: Said = "",
    nama_lengkap: Said = "",
    peran: Said = "",
    wilayah: Said = "",
) -> Response:
    """A new account with a first right, and the link that invites them."""
    actor = actor_of(account, request)
    areas = city_areas(conn, city)
    number = people.create(conn, actor, nama, nama_lengkap)
    people.grant(conn, actor, number, Right(peran, wilayah), areas)
    secret = people.invite(conn, actor, number)
    return _person_page(request, city, base, account, who, conn, number, secret)


@router.get("/{number}")
def show_person(
    request: Request,
    city: CityDep,
    base: BaseDep,
    account: ManagerDep,
    who: WhoDep,
    person: WhomDep,
    conn: ServiceConnDep,
) -> Response:
    """One account."""
    return _person_page(request, city, base, account, who, conn, person.id)


@router.post("/{number}/hak")
def grant(
    request: Request,
    city: CityDep,
    account: ManagesDep,
    person: WhomDep,
    conn: ServiceConnDep,
    peran: Said = "",
    wilayah: Said = "",
) -> Response:
    """Give a right."""
    areas = city_areas(conn, city)
    people.grant(conn, actor_of(account, request), person.id, Right(peran, wilayah), areas)
    return _back_to(request, person)


@router.post("/{number}/hak/cabut")
def revoke(
    request: Request,
    account: ManagesDep,
    person: WhomDep,
    conn: ServiceConnDep,
    peran: Said = "",
    wilayah: Said = "",
) -> Response:
    """Take a right away; nobody takes the management of accounts from themselves, so that somebody is left."""
    if person.id == account.id and peran in ROLES and ROLES[peran].audits:
        raise RefusedChange("Hak mengelola akun tidak dapat dicabut dari diri sendiri; minta walidata lain.")
    people.revoke(conn, actor_of(account, request), person.id, Right(peran, wilayah))
    return _back_to(request, person)


@router.post("/{number}/undang")
def invite(
    request: Request,
    city: CityDep,
    base: BaseDep,
    account: ManagesDep,
    who: WhoDep,
    person: WhomDep,
    conn: ServiceConnDep,
) -> Response:
    """A new link for somebody who lost theirs, or their password, which no longer holds."""
    if person.id == account.id:
        raise RefusedChange("Untuk diri sendiri, ganti sandi di halaman Akun saya.")
    secret = people.reset(conn, actor_of(account, request), person.id)
    return _person_page(request, city, base, account, who, conn, person.id, secret)


@router.post("/{number}/keluarkan")
def end_sessions(request: Request, account: ManagesDep, person: WhomDep, conn: ServiceConnDep) -> Response:
    """Sign out every device of theirs."""
    people.end_sessions(conn, actor_of(account, request), person.id)
    return _back_to(request, person)


@router.post("/{number}/nonaktifkan")
def deactivate(request: Request, account: ManagesDep, person: WhomDep, conn: ServiceConnDep) -> Response:
    """Nobody uses this account from now on."""
    if person.id == account.id:
        raise RefusedChange("Akun sendiri tidak dapat dinonaktifkan; minta walidata lain.")
    people.set_active(conn, actor_of(account, request), person.id, False)
    return _back_to(request, person)


@router.post("/{number}/aktifkan")
def activate(request: Request, account: ManagesDep, person: WhomDep, conn: ServiceConnDep) -> Response:
    """This account can be used again."""
    people.set_active(conn, actor_of(account, request), person.id, True)
    return _back_to(request, person)


def _back_to(request: Request, person: people.Person) -> Response:
    return go_to(request, f"/akun/pengguna/{person.id}")


def _person_page(
    request: Request,
    city: City,
    base: str,
    account: Account,
    who: Visitor | None,
    conn: Connection,
    number: int,
    secret: str | None = None,
) -> Response:
    person = people.person(conn, number)
    return page(
        "accounts/person.html",
        request,
        who,
        head=person.full_name,
        crumbs=[HERE],
        person=person,
        oneself=person.id == account.id,
        roles=ROLES,
        areas=city_areas(conn, city),
        link=None if secret is None else f"{base}/undangan/{secret}",
        invited_days=people.INVITED_DAYS,
    )
