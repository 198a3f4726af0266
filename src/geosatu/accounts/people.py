"""Accounts and their rights: plain functions over a connection that acts as the service, or as the owner.

Each change is one line of the audit log, in the same transaction. Secrets of links are handed out once and kept
as hashes.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from geosatu.accounts.audit import record
from geosatu.accounts.known import key_of
from geosatu.database import tables
from geosatu.errors import InvalidLink, InvalidQuery, NotAllowed, RefusedChange, UnknownAccount, shortened
from geosatu.features import Actor
from geosatu.rights import ROLES, WHOLE_CITY, Right

INVITED_DAYS = 7
LONGEST_FULL_NAME = 100

NAME = re.compile(r"(?=.{3,40}$)[a-z0-9][a-z0-9._-]*(?:@[a-z0-9][a-z0-9.-]*)?", re.ASCII)
RESERVED = frozenset(("operator", "contoh", "pemeriksaan", "publik", "bench"))
"""Who acts where no account does."""

AREA = re.compile(r"\d{2}\.\d{2}\.\d{2}(?:\.\d{4})?", re.ASCII)


class Person(NamedTuple):
    """An account, as those who manage accounts see it."""

    id: int
    name: str
    full_name: str
    active: bool
    ready: bool
    """Whether there is a password to sign in with."""
    rights: tuple[Right, ...]
    seen_at: datetime | None
    """When they were last there with a browser that is still signed in."""
    invited_until: datetime | None
    """Until when an invitation can be used that they have not used yet."""


_PEOPLE = """
    SELECT a.id, a.name, a.full_name, a.active, a.password IS NOT NULL,
        (SELECT coalesce(json_agg(json_build_array(r.role, r.area) ORDER BY r.role, r.area), '[]')
         FROM geosatu.account_right r WHERE r.account = a.id)::text,
        (SELECT max(s.seen_at) FROM geosatu.session s WHERE s.account = a.id AND s.expires_at > now()),
        (SELECT max(i.expires_at) FROM geosatu.invitation i
         WHERE i.account = a.id AND i.used_at IS NULL AND i.expires_at > now())
    FROM geosatu.account a
"""


def everybody(conn: Connection) -> list[Person]:
    """All accounts by name, those in use first."""
    return [_person(row) for row in conn.execute(text(f"{_PEOPLE} ORDER BY NOT a.active, a.name"))]


def person(conn: Connection, account: int) -> Person:
    """The account of this number."""
    row = conn.execute(text(f"{_PEOPLE} WHERE a.id = :account"), {"account": account}).one_or_none()
    if row is None:
        raise UnknownAccount("Akun itu tidak ada.")
    return _person(row)


def named(conn: Connection, name: str) -> Person:
    """The account of this name."""
    row = conn.execute(text(f"{_PEOPLE} WHERE a.name = :name"), {"name": name.strip().lower()}).one_or_none()
    if row is None:
        raise UnknownAccount(f"Akun {shortened(name)!r} tidak ada; lihat semuanya dengan geosatu users list.")
    return _person(row)


def _person(row: Any) -> Person:
    number, name, full_name, active, ready, rights, seen_at, invited_until = row
    held = tuple(Right(*each) for each in json.loads(rights))
    return Person(number, name, full_name, active, ready, held, seen_at, invited_until)


def require_manager(conn: Connection, account: int) -> None:
    """In this very transaction the account may manage accounts."""
    auditors = [role for role, each in ROLES.items() if each.audits]
    rights = tables.account_rights.c
    managing = (
        select(rights.account)
        .join(tables.accounts, tables.accounts.c.id == rights.account)
        .where(rights.account == account, rights.role.in_(auditors), tables.accounts.c.active)
    )
    if conn.scalar(managing.limit(1)) is None:
        raise NotAllowed("Hanya walidata yang mengelola akun.")


def create(conn: Connection, actor: Actor, name: str, full_name: str, password: str | None = None) -> int:
    """A new account; without the hash of a password, it waits for an invitation."""
    name, full_name = name.strip().lower(), " ".join(full_name.split())
    if not NAME.fullmatch(name):
        raise InvalidQuery(
            f"Nama akun {shortened(name)!r} tidak dapat dipakai: 3 sampai 40 huruf kecil, angka, titik, garis bawah "
            "atau garis, atau alamat surel."
        )
    if name in RESERVED:
        raise InvalidQuery(f"Nama akun {name!r} dipakai oleh sistem; pilih yang lain.")
    if not 0 < len(full_name) <= LONGEST_FULL_NAME or "\x00" in full_name:
        raise InvalidQuery(f"Nama lengkap wajib diisi, paling panjang {LONGEST_FULL_NAME} huruf.")
    row = upsert(tables.accounts).values(name=name, full_name=full_name, password=password, created_by=actor.name)
    account = conn.scalar(row.on_conflict_do_nothing().returning(tables.accounts.c.id))
    if account is None:
        raise RefusedChange(f"Nama akun {name!r} sudah ada; pilih yang lain.")
    record(conn, actor, "akun_dibuat", akun=name)
    return int(account)


def invite(conn: Connection, actor: Actor, account: int) -> str:
    """The secret of a link with which they choose their password, once; earlier links end."""
    whom = person(conn, account)
    if not whom.active:
        raise RefusedChange(f"Akun {whom.name} nonaktif; aktifkan dahulu.")
    links = tables.invitations
    conn.execute(delete(links).where(links.c.account == account, links.c.used_at.is_(None)))
    secret = secrets.token_urlsafe(32)
    expires = func.now() + timedelta(days=INVITED_DAYS)
    conn.execute(insert(links).values(key=key_of(secret), account=account, expires_at=expires))
    record(conn, actor, "undangan_dibuat", akun=whom.name)
    return secret


def reset(conn: Connection, actor: Actor, account: int) -> str:
    """As after a lost or stolen password: it no longer holds, every device is signed out, and tokens end, since
    whoever stole it may have made some; a new invitation."""
    secret = invite(conn, actor, account)
    conn.execute(update(tables.accounts).where(tables.accounts.c.id == account).values(password=None))
    end_sessions(conn, actor, account)
    _end_tokens(conn, account)
    record(conn, actor, "akun_diubah", akun=person(conn, account).name, perubahan="sandi dan token dihapus")
    return secret


def invited(conn: Connection, secret: str) -> Person:
    """For whom an invitation is; nothing of it is used up."""
    links = tables.invitations.c
    account = conn.scalar(
        select(links.account).where(links.key == key_of(secret), links.used_at.is_(None), links.expires_at > func.now())
    )
    whom = None if account is None else person(conn, account)
    if whom is None or not whom.active:
        raise InvalidLink("Undangan ini tidak berlaku (lagi). Minta undangan baru kepada walidata.")
    return whom


def accept(conn: Connection, secret: str, password: str, address: str | None) -> Person:
    """Use an invitation up and choose a password, of which this is the hash."""
    whom = invited(conn, secret)
    links = tables.invitations
    taken = update(links).where(links.c.key == key_of(secret), links.c.used_at.is_(None)).values(used_at=func.now())
    if conn.execute(taken).rowcount == 0:  # somebody else was faster
        raise InvalidLink("Undangan ini sudah dipakai. Minta undangan baru kepada walidata.")
    actor = Actor(whom.name, account=whom.id, address=address)
    record(conn, actor, "undangan_dipakai")
    set_password(conn, actor, whom.id, password)
    return whom


def set_password(conn: Connection, actor: Actor, account: int, password: str, *, must_change: bool = False) -> None:
    """Another password, of which this is the hash; every device is signed out, open invitations end."""
    accounts, links = tables.accounts, tables.invitations
    conn.execute(update(accounts).where(accounts.c.id == account).values(password=password, must_change=must_change))
    conn.execute(delete(links).where(links.c.account == account, links.c.used_at.is_(None)))
    conn.execute(delete(tables.sessions).where(tables.sessions.c.account == account))
    record(conn, actor, "sandi_diganti", akun=person(conn, account).name)


def set_active(conn: Connection, actor: Actor, account: int, active: bool) -> None:
    """Let an account be used or not; one that is not keeps no session, token or invitation."""
    whom = person(conn, account)
    if whom.active == active:
        return
    conn.execute(update(tables.accounts).where(tables.accounts.c.id == account).values(active=active))
    if not active:
        conn.execute(delete(tables.sessions).where(tables.sessions.c.account == account))
        conn.execute(delete(tables.invitations).where(tables.invitations.c.account == account))
        _end_tokens(conn, account)
    record(conn, actor, "akun_diubah", akun=whom.name, perubahan="diaktifkan" if active else "dinonaktifkan")


def _end_tokens(conn: Connection, account: int) -> None:
    tokens = tables.tokens
    held = (tokens.c.account == account, tokens.c.revoked_at.is_(None))
    conn.execute(update(tokens).where(*held).values(revoked_at=func.now()))


def end_sessions(conn: Connection, actor: Actor, account: int) -> int:
    """Sign out every device of the account; how many there were."""
    ended = conn.execute(delete(tables.sessions).where(tables.sessions.c.account == account)).rowcount
    if ended:
        record(conn, actor, "keluar", akun=person(conn, account).name, perangkat=ended)
    return ended


def grant(conn: Connection, actor: Actor, account: int, right: Right, areas: Mapping[str, str]) -> None:
    """Give a role in an area; `areas` are those of the city by code, or none where no boundary is known."""
    whom = person(conn, account)
    require_sound(right, areas)
    row = upsert(tables.account_rights).values(account=account, role=right.role, area=right.area, granted_by=actor.name)
    if conn.execute(row.on_conflict_do_nothing()).rowcount:
        record(conn, actor, "hak_diberi", akun=whom.name, peran=right.role, wilayah=right.area)


def revoke(conn: Connection, actor: Actor, account: int, right: Right) -> None:
    """Take a role in an area away."""
    whom = person(conn, account)
    rights = tables.account_rights
    gone = delete(rights).where(rights.c.account == account, rights.c.role == right.role, rights.c.area == right.area)
    if conn.execute(gone).rowcount == 0:
        raise UnknownAccount(f"Akun {whom.name} tidak punya hak itu.")
    record(conn, actor, "hak_dicabut", akun=whom.name, peran=right.role, wilayah=right.area)


def require_sound(right: Right, areas: Mapping[str, str]) -> None:
    """There is such a role, and such an area for it."""
    if right.role not in ROLES:
        raise InvalidQuery(f"Peran {shortened(right.role)!r} tidak ada; yang ada: {', '.join(ROLES)}.")
    if ROLES[right.role].audits and right.area != WHOLE_CITY:
        # Who gives rights could give themselves the rest.
        raise InvalidQuery(f"Peran {right.role} hanya ada untuk seluruh kota.")
    if right.area == WHOLE_CITY:
        return
    if not AREA.fullmatch(right.area):
        raise InvalidQuery(
            f"Wilayah {shortened(right.area)!r} tidak dikenal: tulis kode kecamatan (35.71.01) atau kelurahan "
            "(35.71.01.1001), atau kosongkan untuk seluruh kota."
        )
    if areas and right.area not in areas:
        raise InvalidQuery(f"Wilayah {right.area} tidak ada di batas kelurahan kota ini.")


def written_right(right: Right, areas: Mapping[str, str]) -> str:
    """A right in words, e.g. Lurah di Kelurahan Pojok."""
    title = ROLES[right.role].title if right.role in ROLES else right.role
    if right.area == WHOLE_CITY:
        return f"{title}, seluruh kota"
    kind = "Kecamatan" if len(right.area) == 8 else "Kelurahan"
    return f"{title} di {kind} {areas.get(right.area, right.area)}"


def link_subject(conn: Connection, subject: str, email: str | None) -> tuple[int, str] | None:
    """The account that belongs to somebody whom the city's single sign-on vouches for, by an earlier sign-in or by
    its verified e-mail; None: there is none that may be used."""
    accounts = tables.accounts
    shown = select(accounts.c.id, accounts.c.name).where(accounts.c.active)
    row = conn.execute(shown.where(accounts.c.subject == subject)).one_or_none()
    if row is None and email is not None:
        taken = update(accounts).where(
            accounts.c.name == email.lower(), accounts.c.active, accounts.c.subject.is_(None)
        )
        unlinked = taken.values(subject=subject).returning(accounts.c.id, accounts.c.name)
        row = conn.execute(unlinked).one_or_none()
    return None if row is None else (row[0], row[1])


def rights_said(said: Sequence[str]) -> list[Right]:
    """Rights as a command names them: a role, or a role with an area behind a colon."""
    return [Right(role, area) for role, _, area in (each.partition(":") for each in said)]
