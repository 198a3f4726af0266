"""`geosatu users`: accounts and rights, for the operator of the machine. The audit log names them "operator"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import Connection

from geosatu.accounts import passwords, people, sessions
from geosatu.cli.output import AsJson, out, print_rows, say
from geosatu.database.connect import open_city
from geosatu.errors import InvalidQuery
from geosatu.features import OPERATOR
from geosatu.layers import read_catalogue
from geosatu.rights import ROLES
from geosatu.settings import Settings
from geosatu.store.areas import areas

app = typer.Typer(help="Pengguna: akun, undangan, hak, perangkat dan token.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAMA", help="Nama akun.")]
Rights = Annotated[
    list[str],
    typer.Argument(
        metavar="PERAN[:WILAYAH]...",
        help=f"Peran ({', '.join(ROLES)}), dengan kode kecamatan atau kelurahan; tanpa wilayah: seluruh kota.",
    ),
]


@contextmanager
def _city() -> Iterator[tuple[Connection, dict[str, str]]]:
    """A transaction as the owner, and the areas of the city."""
    settings = Settings.from_env()
    catalogue = read_catalogue(settings.layers)
    with open_city(settings, catalogue) as engine, engine.begin() as conn:
        yield conn, areas(conn, catalogue)


@app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """Tampilkan semua akun."""
    with _city() as (conn, known):
        everybody = people.everybody(conn)
    if as_json:
        rows = [
            {
                "name": each.name,
                "full_name": each.full_name,
                "state": _state(each),
                "rights": [{"role": right.role, "area": right.area} for right in each.rights],
                "seen_at": _written(each.seen_at),
            }
            for each in everybody
        ]
    else:
        rows = [
            {
                "name": each.name,
                "full_name": each.full_name,
                "state": _state(each),
                "rights": "; ".join(people.written_right(right, known) for right in each.rights),
                "seen_at": _written(each.seen_at),
            }
            for each in everybody
        ]
    print_rows(rows, as_json, "users", ("Akun", "Nama lengkap", "Keadaan", "Hak", "Terakhir di sini"))


@app.command()
def add(
    name: Name,
    full_name: Annotated[str, typer.Argument(metavar="NAMA-LENGKAP")],
    rights: Annotated[
        list[str] | None, typer.Option("--right", metavar="PERAN[:WILAYAH]", help="Hak pertama; boleh beberapa.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Buat akun, dan tulis tautan undangannya."""
    with _city() as (conn, known):
        account = people.create(conn, OPERATOR, name, full_name)
        for right in people.rights_said(rights or ()):
            people.grant(conn, OPERATOR, account, right, known)
        secret = people.invite(conn, OPERATOR, account)
    _print_link(secret, as_json)


@app.command()
def grant(name: Name, rights: Rights) -> None:
    """Beri hak."""
    with _city() as (conn, known):
        account = people.named(conn, name).id
        for right in people.rights_said(rights):
            people.grant(conn, OPERATOR, account, right, known)
        held = people.person(conn, account).rights
    say(f"Hak {name} sekarang: {'; '.join(people.written_right(right, known) for right in held)}.")


@app.command()
def revoke(name: Name, rights: Rights) -> None:
    """Cabut hak."""
    with _city() as (conn, known):
        account = people.named(conn, name).id
        for right in people.rights_said(rights):
            people.revoke(conn, OPERATOR, account, right)
        held = people.person(conn, account).rights
    told = "; ".join(people.written_right(right, known) for right in held)
    say(f"Hak {name} sekarang: {told or 'tidak ada'}.")


@app.command()
def deactivate(name: Name) -> None:
    """Nonaktifkan akun; perangkat, token dan undangannya berakhir."""
    with _city() as (conn, _):
        people.set_active(conn, OPERATOR, people.named(conn, name).id, False)
    say(f"Akun {name} nonaktif.")


@app.command()
def activate(name: Name) -> None:
    """Aktifkan akun lagi."""
    with _city() as (conn, _):
        people.set_active(conn, OPERATOR, people.named(conn, name).id, True)
    say(f"Akun {name} aktif.")


@app.command()
def reset(
    name: Name,
    password: Annotated[
        bool, typer.Option("--password", help="Tulis sandi sementara, bukan tautan; diganti saat masuk.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Untuk yang lupa sandi: sandi lama tidak berlaku lagi, perangkat dikeluarkan, dan undangan baru ditulis."""
    with _city() as (conn, _):
        account = people.named(conn, name).id
        if not password:
            secret = people.reset(conn, OPERATOR, account)
        else:
            chosen = passwords.generated()
            people.set_password(conn, OPERATOR, account, passwords.hashed(chosen), must_change=True)
    if not password:
        _print_link(secret, as_json)
    elif as_json:
        print(json.dumps({"password": chosen}))
    else:
        say(f"Sandi sementara {name}: {chosen}  (harus diganti saat pertama kali masuk)")


@app.command("sessions")
def list_sessions(
    name: Name,
    end: Annotated[bool, typer.Option("--end", help="Keluarkan semuanya.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tampilkan perangkat yang sedang masuk, atau keluarkan semuanya."""
    with _city() as (conn, _):
        account = people.named(conn, name).id
        ended = people.end_sessions(conn, OPERATOR, account) if end else 0
        found = sessions.sessions_of(conn, account)
    if end and not as_json:
        say(f"{ended} perangkat {name} dikeluarkan.")
        return
    rows = [
        {
            "device": each.device,
            "address": each.address,
            "created_at": _written(each.created_at),
            "seen_at": _written(each.seen_at),
        }
        for each in found
    ]
    print_rows(rows, as_json, "sessions", ("Perangkat", "Alamat", "Masuk", "Terakhir"))


@app.command("tokens")
def list_tokens(
    name: Name,
    revoke: Annotated[list[int] | None, typer.Option("--revoke", help="Cabut token bernomor ini.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tampilkan token yang berlaku, atau cabut."""
    with _city() as (conn, _):
        account = people.named(conn, name).id
        for number in revoke or ():
            if not 0 < number < 2**63:
                raise InvalidQuery(f"--revoke {number}: token itu tidak ada.")
            sessions.revoke_token(conn, OPERATOR, account, number)
        found = sessions.tokens_of(conn, account)
    rows = [
        {
            "id": each.id,
            "title": each.title,
            "scope": each.scope,
            "expires_at": _written(each.expires_at),
            "used_at": _written(each.used_at),
        }
        for each in found
    ]
    print_rows(rows, as_json, "tokens", ("Nomor", "Untuk", "Lingkup", "Sampai", "Terakhir dipakai"))


def _print_link(secret: str, as_json: bool) -> None:
    settings = Settings.from_env()
    base = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
    link = f"{base}/undangan/{secret}"
    if as_json:
        print(json.dumps({"invitation": link, "days": people.INVITED_DAYS}))
        return
    say(f"Tautan undangan, berlaku {people.INVITED_DAYS} hari dan hanya sekali:")
    out.print(link, soft_wrap=True, markup=False, highlight=False)


def _state(person: people.Person) -> str:
    if not person.active:
        return "nonaktif"
    if person.ready:
        return "aktif"
    return "diundang" if person.invited_until is not None else "undangan lewat"


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
