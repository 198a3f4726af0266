"""Passwords: which may be chosen (after NIST SP 800-63B), and how they are kept (argon2id)."""

from __future__ import annotations

import secrets
import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from geosatu.errors import InvalidQuery

HASHER = PasswordHasher(time_cost=3, memory_cost=46 * 1024, parallelism=1)
"""One hash takes 46 MiB for as long as it is worked out."""

SHORTEST = 10
LONGEST = 200

COMMON = frozenset(
    """
    0123456789 0987654321 1029384756 1111111111 1122334455 1212121212 1234512345 1234567890 12345678910 123456789a
    1234567891 123456789q 1q2w3e4r5t 1qaz2wsx3edc 9876543210 a123456789 abc1234567 abcd123456 abcde12345 abcdefghij
    admin12345 admin123456 administrator alhamdulillah allahuakbar asdfghjkl1 asdfghjkl; astaghfirullah bandung123
    barcelona1 bismillah1 bismillah12 bismillah123 cintaku123 facebook123 garuda12345 geosatu123 ilovejesus iloveyou12
    iloveyou123 indonesia1 indonesia123 indonesia45 indonesiaku indonesiaraya jakarta123 kampungku1 kataSandi1
    katasandi1 katasandi123 kediri12345 kelurahan1 kelurahan123 kelurahanku kotakediri kotakediri1 kotakediri123
    liverpool1 manchester medan12345 merdeka123 merdeka1945 metro12345 nusantara1 password01 password11 password12
    password123 password1234 passw0rd123 passwordku pemerintah pemkot12345 persib1933 persija123 p@ssw0rd123 q1w2e3r4t5
    qazwsxedc1 qwerty1234 qwerty12345 qwerty123456 qwertyuiop qwertyuiop1 rahasia123 rahasia1234 rahasia12345 rahasiaku1
    sandi12345 satudata123 satudataindonesia sayang1234 sayangku123 sayangmama selamatdatang semangat45 subhanallah
    superadmin surabaya123 terserah123 walidata123 welcome123 zxcvbnm123
    """.casefold().split()
)
"""The commonest of ten letters and more."""


def require_good(password: str, name: str) -> None:
    """Refuse what others would guess, in one sentence."""
    if len(password) < SHORTEST:
        raise InvalidQuery(f"Sandi ini terlalu pendek; pakai paling sedikit {SHORTEST} huruf, misalnya tiga kata.")
    if len(password) > LONGEST:
        raise InvalidQuery(f"Sandi ini terlalu panjang; pakai paling banyak {LONGEST} huruf.")
    plain = password.casefold()
    if plain in COMMON or len(set(plain)) < 4:
        raise InvalidQuery("Sandi ini termasuk yang paling sering dipakai orang; pilih yang lain, misalnya tiga kata.")
    if name in plain and len(plain) - len(name) < 4:
        raise InvalidQuery("Sandi ini hampir sama dengan nama akun; pilih yang lain, misalnya tiga kata.")


def hashed(password: str) -> str:
    """What we keep of a password."""
    return HASHER.hash(_normal(password))


def matches(password: str, stored: str | None) -> bool:
    """Whether this is the password; it takes the same time where none is stored."""
    spare = _spare(HASHER)
    try:
        return HASHER.verify(stored or spare, _normal(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Whether this was hashed with other parameters than ours of today."""
    return HASHER.check_needs_rehash(stored)


def generated() -> str:
    """A password that nobody can guess and everybody can type."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def _normal(password: str) -> bytes:
    """The same for all ways in which keyboards write the same letters."""
    return unicodedata.normalize("NFKC", password[: LONGEST + 1]).encode("utf-8", "replace")


@lru_cache(maxsize=4)
def _spare(hasher: PasswordHasher) -> str:
    """The hash of a password that nobody has."""
    return hasher.hash(secrets.token_bytes(32))
