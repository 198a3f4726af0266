"""Accounts as functions, on a connection that acts as the service: what is kept, what is refused, what is logged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from geosatu.accounts import passwords, people, sessions
from geosatu.accounts.devices import MOST_ACCOUNTS, Device
from geosatu.accounts.known import key_of
from geosatu.api.app import LONGEST_STATEMENT
from geosatu.api.own_pages import own_path
from geosatu.database.connect import open_service
from geosatu.database.rights import act_as_service, signing_secret
from geosatu.errors import InvalidLink, InvalidQuery, NotSignedIn, RefusedChange, TooManyAttempts, UnknownAccount
from geosatu.features import OPERATOR, Actor
from geosatu.rights import WHOLE_CITY, Right

AREAS = {"35.71.01": "Mojoroto", "35.71.01.1004": "Pojok"}
GOOD = "kursi biru hujan"
SIGNING = b"rahasia"


@pytest.fixture(scope="module")
def service(empty_city: Engine) -> Iterator[Engine]:
    with open_service(empty_city, LONGEST_STATEMENT) as engine:
        yield engine


@pytest.fixture
def conn(service: Engine) -> Iterator[Connection]:
    """A transaction as the service, rolled back."""
    with service.connect() as conn:
        act_as_service(conn)
        yield conn
        conn.rollback()


@pytest.fixture
def siti(conn: Connection) -> Actor:
    number = people.create(conn, OPERATOR, "siti", "Siti Aminah", passwords.hashed(GOOD))
    return Actor("siti", account=number, address="10.0.0.1")


def one(conn: Connection, query: str, **values: Any) -> Any:
    return conn.execute(text(query), values).one()


# Names and passwords.


@pytest.mark.parametrize("name", ["ani", "pic.pojok", "rt-03_rw.01", "siti@kota.contoh.go.id", "a" * 40, " Siti.B "])
def test_names_are_short_and_plain_or_an_address(conn: Connection, name: str):
    number = people.create(conn, OPERATOR, name, "Siti")

    assert people.person(conn, number).name == name.strip().lower()


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 41, "siti aminah", ".siti", "sítí", "siti@", "a@b@c", "si\x00ti", "operator", "publik"]
)
def test_other_names_are_refused(conn: Connection, name: str):
    with pytest.raises(InvalidQuery, match="Nama akun"):
        people.create(conn, OPERATOR, name, "Siti")


@pytest.mark.parametrize("full_name", ["", "  ", "a" * 101, "a\x00b"])
def test_a_full_name_is_needed(conn: Connection, full_name: str):
    with pytest.raises(InvalidQuery, match="Nama lengkap"):
        people.create(conn, OPERATOR, "siti", full_name)


def test_a_name_is_given_once(conn: Connection, siti: Actor):
    with pytest.raises(RefusedChange, match="'siti' sudah ada"):
        people.create(conn, OPERATOR, "SITI", "Siti Lain")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("pendek", "terlalu pendek"),
        ("x" * 201, "terlalu panjang"),
        ("Indonesia123", "paling sering dipakai"),
        ("KataSandi1", "paling sering dipakai"),
        ("aaaaaaaaaaaa", "paling sering dipakai"),
        ("siti.aminah", "hampir sama dengan nama akun"),
        ("siti.aminah12", "hampir sama dengan nama akun"),
    ],
)
def test_passwords_that_others_guess_are_refused(password: str, reason: str):
    with pytest.raises(InvalidQuery, match=reason):
        passwords.require_good(password, "siti.aminah")


@pytest.mark.parametrize(
    "password", [GOOD, "1234567890x", "半角カタカナのパスワード", "          kosong", "x" * 190 + "abcdefg"]
)
def test_no_rule_says_what_a_password_is_made_of(password: str):
    passwords.require_good(password, "siti")
    assert passwords.matches(password, passwords.hashed(password))


def test_the_same_letters_are_the_same_password():
    assert passwords.matches("cafe\u0301 di pojok", passwords.hashed("café di pojok"))


@pytest.mark.parametrize("stored", [None, "", "bukan argon2", passwords.hashed("lain sekali")])
def test_what_is_not_the_password_never_matches(stored: str | None):
    assert not passwords.matches(GOOD, stored)


def test_generated_passwords_are_good_and_differ():
    made = {passwords.generated() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        passwords.require_good(password, "siti")


# Invitations.


def test_an_invitation_is_used_once_and_kept_as_a_hash(conn: Connection):
    number = people.create(conn, OPERATOR, "budi", "Budi")
    secret = people.invite(conn, OPERATOR, number)

    assert not people.person(conn, number).ready
    assert one(conn, "SELECT key FROM geosatu.invitation WHERE account = :a", a=number).key == key_of(secret)
    assert people.invited(conn, secret).name == "budi"
    people.accept(conn, secret, passwords.hashed(GOOD), "10.0.0.1")
    assert people.person(conn, number).ready
    for ask in (people.invited, lambda conn, secret: people.accept(conn, secret, "x", None)):
        with pytest.raises(InvalidLink):
            ask(conn, secret)


def test_a_later_invitation_ends_the_earlier_one(conn: Connection, siti: Actor):
    first = people.invite(conn, OPERATOR, siti.account or 0)
    second = people.reset(conn, OPERATOR, siti.account or 0)

    with pytest.raises(InvalidLink):
        people.invited(conn, first)
    assert people.invited(conn, second).id == siti.account
    assert not people.person(conn, siti.account or 0).ready


@pytest.mark.parametrize("change", ["expires_at = now() - interval '1 second'", "used_at = now()"])
def test_an_invitation_ends(conn: Connection, siti: Actor, change: str):
    secret = people.invite(conn, OPERATOR, siti.account or 0)
    conn.execute(text(f"UPDATE geosatu.invitation SET {change}"))

    with pytest.raises(InvalidLink):
        people.invited(conn, secret)


def test_who_is_not_active_is_not_invited(conn: Connection, siti: Actor):
    secret = people.invite(conn, OPERATOR, siti.account or 0)
    people.set_active(conn, OPERATOR, siti.account or 0, False)

    with pytest.raises(InvalidLink):
        people.invited(conn, secret)
    with pytest.raises(RefusedChange, match="nonaktif"):
        people.invite(conn, OPERATOR, siti.account or 0)


# Rights.


@pytest.mark.parametrize(
    "right", [Right("lurah", "35.71.01.1004"), Right("camat", "35.71.01"), Right("walidata", WHOLE_CITY)]
)
def test_rights_are_given_once_and_taken_away(conn: Connection, siti: Actor, right: Right):
    number = siti.account or 0
    for _ in range(2):
        people.grant(conn, OPERATOR, number, right, AREAS)
    assert people.person(conn, number).rights == (right,)

    people.revoke(conn, OPERATOR, number, right)
    assert people.person(conn, number).rights == ()
    with pytest.raises(UnknownAccount):
        people.revoke(conn, OPERATOR, number, right)


@pytest.mark.parametrize(
    ("right", "reason"),
    [
        (Right("raja", WHOLE_CITY), "Peran 'raja' tidak ada"),
        (Right("lurah", "35.71.01.1099"), "tidak ada di batas kelurahan"),
        (Right("lurah", "35.71"), "tidak dikenal"),
        (Right("lurah", "Pojok"), "tidak dikenal"),
        (Right("lurah", "35.71.01.1004'--"), "tidak dikenal"),
        (Right("walidata", "35.71.01"), "hanya ada untuk seluruh kota"),
    ],
)
def test_rights_that_make_no_sense_are_refused(conn: Connection, siti: Actor, right: Right, reason: str):
    with pytest.raises(InvalidQuery, match=reason):
        people.grant(conn, OPERATOR, siti.account or 0, right, AREAS)
    assert people.person(conn, siti.account or 0).rights == ()


def test_without_boundaries_any_code_is_taken(conn: Connection, siti: Actor):
    people.grant(conn, OPERATOR, siti.account or 0, Right("lurah", "12.71.01.1001"), {})

    with pytest.raises(InvalidQuery):
        people.grant(conn, OPERATOR, siti.account or 0, Right("lurah", "12.71"), {})


def test_rights_in_words():
    assert people.written_right(Right("lurah", "35.71.01.1004"), AREAS) == "Lurah di Kelurahan Pojok"
    assert people.written_right(Right("camat", "35.71.01"), AREAS) == "Camat di Kecamatan Mojoroto"
    assert people.written_right(Right("walidata", WHOLE_CITY), AREAS) == "Walidata, seluruh kota"


def test_only_who_manages_accounts_does(conn: Connection, siti: Actor):
    number = siti.account or 0
    people.grant(conn, OPERATOR, number, Right("lurah", "35.71.01.1004"), AREAS)
    with pytest.raises(Exception, match="Hanya walidata"):
        people.require_manager(conn, number)

    people.grant(conn, OPERATOR, number, Right("walidata", WHOLE_CITY), AREAS)
    people.require_manager(conn, number)
    people.set_active(conn, OPERATOR, number, False)
    with pytest.raises(Exception, match="Hanya walidata"):
        people.require_manager(conn, number)


# Sessions and tokens.


def test_what_is_inactive_keeps_nothing(conn: Connection, siti: Actor):
    number = siti.account or 0
    sessions.open_session(conn, siti, "Firefox")
    sessions.create_token(conn, siti, "QGIS", "read", 30)

    people.set_active(conn, OPERATOR, number, False)
    people.set_active(conn, OPERATOR, number, True)

    assert sessions.sessions_of(conn, number) == []
    assert sessions.tokens_of(conn, number) == []


def test_another_password_ends_every_session(conn: Connection, siti: Actor):
    sessions.open_session(conn, siti, "Firefox")
    people.set_password(conn, OPERATOR, siti.account or 0, passwords.hashed("lain sekali"), must_change=True)

    assert sessions.sessions_of(conn, siti.account or 0) == []
    assert one(conn, "SELECT must_change FROM geosatu.account WHERE id = :a", a=siti.account).must_change


def test_a_session_is_a_new_secret_and_kept_as_a_hash(conn: Connection, siti: Actor):
    first = sessions.open_session(conn, siti, "Firefox")
    second = sessions.open_session(conn, siti, "Chrome", ends=key_of(first))

    assert first != second
    (left,) = sessions.sessions_of(conn, siti.account or 0)
    assert left.key == key_of(second)
    assert len(second) == 43


def test_only_so_many_devices_stay_signed_in(conn: Connection, siti: Actor):
    for number in range(sessions.MOST_SESSIONS + 3):
        sessions.open_session(conn, siti, f"Peramban {number}")
        conn.execute(text("UPDATE geosatu.session SET seen_at = seen_at - interval '1 minute'"))

    devices = [session.device for session in sessions.sessions_of(conn, siti.account or 0)]
    assert len(devices) == sessions.MOST_SESSIONS
    assert devices[0] == f"Peramban {sessions.MOST_SESSIONS + 2}"


def test_who_is_inactive_gets_no_session(conn: Connection, siti: Actor):
    conn.execute(text("UPDATE geosatu.account SET active = false WHERE id = :a"), {"a": siti.account})

    with pytest.raises(NotSignedIn):
        sessions.open_session(conn, siti, "Firefox")


def test_nobody_ends_the_session_of_another(conn: Connection, siti: Actor):
    key = key_of(sessions.open_session(conn, siti, "Firefox"))
    token = sessions.create_token(conn, siti, "QGIS", "read", 30)
    other = Actor("budi", account=people.create(conn, OPERATOR, "budi", "Budi"))

    with pytest.raises(UnknownAccount):
        sessions.close_session(conn, other, key)
    (shown,) = sessions.tokens_of(conn, siti.account or 0)
    with pytest.raises(UnknownAccount):
        sessions.revoke_token(conn, other, other.account or 0, shown.id)
    assert token.startswith("gst_")
    assert len(sessions.sessions_of(conn, siti.account or 0)) == 1


@pytest.mark.parametrize(
    ("title", "scope", "days"),
    [("", "read", 30), ("x" * 61, "read", 30), ("a\x00", "read", 30), ("x", "admin", 30), ("x", "read", 31)],
)
def test_a_token_that_makes_no_sense_is_refused(conn: Connection, siti: Actor, title: str, scope: str, days: int):
    with pytest.raises(InvalidQuery):
        sessions.create_token(conn, siti, title, scope, days)


def test_tokens_are_counted(conn: Connection, siti: Actor):
    for number in range(sessions.MOST_TOKENS):
        sessions.create_token(conn, siti, f"Token {number}", "read", 30)
    with pytest.raises(InvalidQuery, match="cabut yang tidak dipakai"):
        sessions.create_token(conn, siti, "Satu lagi", "read", 30)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            "Mozilla/5.0 (Linux; Android 8.1.0; CPH1803) AppleWebKit/537.36 Chrome/96 Mobile Safari/537.36",
            "Chrome di Android",
        ),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "Firefox di Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) Version/16.0 Safari/604.1", "Safari di iOS"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36 Edg/120.0", "Edge di Windows"),
        ("<script>alert(1)</script>" * 500, "Peramban lain"),
        ("", "Peramban lain"),
    ],
)
def test_a_device_has_a_name_of_ours(user_agent: str, name: str):
    assert sessions.device_name(user_agent) == name


# Guessing.


def guess(conn: Connection, name: str = "siti", address: str = "10.0.0.1", device: Device | None = None) -> None:
    sessions.begin(conn, name, address, device)


def test_guessing_waits_longer_and_longer(conn: Connection, siti: Actor):
    waits = []
    for _ in range(14):
        try:
            guess(conn)
        except TooManyAttempts as error:
            waits.append(error.seconds)
            conn.execute(
                text("UPDATE geosatu.attempt SET last_at = last_at - make_interval(secs => :s)"), {"s": waits[-1]}
            )
            guess(conn)
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900, 900]


def test_names_that_do_not_exist_wait_the_same(conn: Connection):
    for _ in range(5):
        guess(conn, "tidak.ada")
    with pytest.raises(TooManyAttempts, match="Tunggu 15 detik"):
        guess(conn, "tidak.ada")


def test_a_colleague_and_another_office_do_not_wait(conn: Connection, siti: Actor):
    for _ in range(5):
        guess(conn)

    guess(conn, "budi")
    guess(conn, address="10.0.0.2")
    with pytest.raises(TooManyAttempts):
        guess(conn, " SITI ")


def test_guessing_from_many_addresses_waits_but_not_the_own_device(conn: Connection, siti: Actor):
    own = Device.new().with_account(siti.account or 0)
    for number in range(20):
        guess(conn, address=f"10.0.1.{number}")

    with pytest.raises(TooManyAttempts, match="Tunggu 60 detik"):
        guess(conn, address="10.0.2.1")
    with pytest.raises(TooManyAttempts):
        guess(conn, address="10.0.2.1", device=Device.new().with_account(99))
    for _ in range(5):
        guess(conn, address="10.0.2.1", device=own)
    with pytest.raises(TooManyAttempts):
        guess(conn, address="10.0.2.1", device=own)


def test_neighbours_of_ipv6_are_one_source(conn: Connection, siti: Actor):
    for number in range(5):
        guess(conn, address=f"2001:db8::{number}")
    with pytest.raises(TooManyAttempts):
        guess(conn, address="2001:db8::ffff")
    guess(conn, address="2001:db8:0:1::1")


def test_the_right_password_and_a_day_forgive(conn: Connection, siti: Actor):
    for _ in range(4):
        guess(conn)
    sessions.succeed(conn, sessions.begin(conn, "siti", "10.0.0.1", None))
    for _ in range(5):
        guess(conn)
    conn.execute(text("UPDATE geosatu.attempt SET last_at = now() - interval '25 hours'"))
    guess(conn)
    assert {row.failures for row in conn.execute(text("SELECT failures FROM geosatu.attempt"))} == {1}


def test_counters_tell_no_names(conn: Connection, siti: Actor):
    guess(conn)
    keys = conn.execute(text("SELECT key FROM geosatu.attempt")).scalars().all()
    assert len(keys) == 2
    assert all(len(key) == 64 and "siti" not in key for key in keys)


def test_a_password_that_was_changed_meanwhile_lets_nobody_in(conn: Connection, siti: Actor):
    attempt = sessions.begin(conn, "siti", "10.0.0.1", None)
    people.set_password(conn, OPERATOR, siti.account or 0, passwords.hashed("lain sekali"))

    with pytest.raises(NotSignedIn):
        sessions.succeed(conn, attempt)


@pytest.mark.parametrize("name", ["", "\x00", "x" * 10_000, "siti\ud800"])
def test_any_name_may_be_typed(conn: Connection, name: str):
    attempt = sessions.begin(conn, name.encode("utf-8", "replace").decode(), "10.0.0.1", None)
    sessions.refuse(conn, attempt, "10.0.0.1")
    assert attempt.password is None


# Devices.


def test_a_device_is_read_back_from_its_cookie():
    device = Device.new().with_account(7).with_account(3).with_account(7)

    assert device.accounts == (7, 3)
    assert Device.read(SIGNING, device.cookie(SIGNING)) == device
    assert Device.read(SIGNING, Device.new().cookie(SIGNING)) is not None


def test_a_device_that_we_did_not_write_is_none():
    device = Device.new().with_account(7)
    cookie = device.cookie(SIGNING)

    for forged in (None, "", "a.b.c", cookie + "0", cookie.replace(".7-.", ".8-."), device.cookie(b"lain")):
        assert Device.read(SIGNING, forged) is None


def test_a_device_knows_so_many_accounts():
    device = Device.new()
    for number in range(MOST_ACCOUNTS + 5):
        device = device.with_account(number)
    assert len(device.accounts) == MOST_ACCOUNTS
    assert Device.read(SIGNING, device.cookie(SIGNING)) == device


# What the service may do, and what is logged.


def test_the_service_reads_what_it_signs_with_and_no_other_secret(service: Engine, conn: Connection):
    assert len(signing_secret(service)) == 64
    assert conn.execute(text("SELECT name FROM geosatu.secret")).scalars().all() == ["signing"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM geosatu.audit",
        "DELETE FROM geosatu.audit",
        "SELECT * FROM layer.posyandu",
        "UPDATE geosatu.secret SET value = 'x'",
    ],
)
def test_the_service_itself_may_do_no_more(conn: Connection, statement: str):
    with pytest.raises(ProgrammingError):
        conn.execute(text(statement))


def test_every_change_is_logged_without_secrets(empty_city: Engine):
    with empty_city.connect() as conn, conn.begin() as transaction:
        number = people.create(conn, OPERATOR, "siti", "Siti Aminah")
        siti = Actor("siti", account=number, address="10.0.0.1")
        secrets = [people.invite(conn, OPERATOR, number)]
        people.accept(conn, secrets[0], passwords.hashed(GOOD), "10.0.0.1")
        people.grant(conn, OPERATOR, number, Right("lurah", "35.71.01.1004"), AREAS)
        people.revoke(conn, OPERATOR, number, Right("lurah", "35.71.01.1004"))
        secrets.append(sessions.open_session(conn, siti, "Firefox"))
        secrets.append(sessions.create_token(conn, siti, "QGIS", "read", 30))
        sessions.revoke_token(conn, siti, number, sessions.tokens_of(conn, number)[0].id)
        sessions.close_session(conn, siti, key_of(secrets[1]))
        sessions.refuse(conn, sessions.begin(conn, "siti" * 30, "10.0.0.9", None), "10.0.0.9")
        people.set_active(conn, OPERATOR, number, False)
        rows = conn.execute(text("SELECT actor, action, detail::text, address FROM geosatu.audit ORDER BY id")).all()
        transaction.rollback()

    assert [(row.actor, row.action) for row in rows] == [
        ("operator", "akun_dibuat"),
        ("operator", "undangan_dibuat"),
        ("siti", "undangan_dipakai"),
        ("siti", "sandi_diganti"),
        ("operator", "hak_diberi"),
        ("operator", "hak_dicabut"),
        ("siti", "masuk"),
        ("siti", "token_dibuat"),
        ("siti", "token_dicabut"),
        ("siti", "keluar"),
        ("publik", "gagal_masuk"),
        ("operator", "akun_diubah"),
    ]
    told = "".join(row.detail for row in rows)
    assert not [secret for secret in (*secrets, GOOD) if secret in told]
    assert "siti" * 10 + "…" in told
    assert rows[10].address == "10.0.0.9"


# Where to go on.


@pytest.mark.parametrize("said", ["/", "/akun", "/ogc/collections/kwt?limit=5", "/akun#token"])
def test_own_paths_are_followed(said: str):
    assert own_path(said, "/akun") == said


@pytest.mark.parametrize(
    "said",
    [None, "", "//jahat.contoh", "/\\jahat.contoh", "\\\\jahat", "https://jahat.contoh", "javascript:alert(1)", "akun",
     "/\t/jahat.contoh", "/\n/jahat.contoh", " //jahat.contoh", "/a\r\nSet-Cookie: x=1", "/" + "a" * 2000],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(said: str | None):
    assert own_path(said, "/akun") == "/akun"
