"""Who asks: from the session cookie, or the token in the `Authorization` header, to the account and what it reads."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from geosatu.accounts.known import Account, Known
from geosatu.errors import InvalidQuery, NotAllowed, NotSignedIn
from geosatu.features import PUBLIC, Actor

COOKIE = "geosatu_sesi"
REASON = "alasan"
"""The parameter that says why restricted fields are read."""

SHORTEST_REASON = 5
LONGEST_REASON = 500

_COOKIE = re.compile(rb"(?:^|;\s*)" + COOKIE.encode() + rb"=([\w-]{20,100})(?:;|$)")


@dataclass(frozen=True)
class Reader:
    """Who reads, and what tells their answers from those of others."""

    actor: Actor = PUBLIC
    account: Account | None = None

    @cached_property
    def mark(self) -> str:
        """Part of what answers are kept by; empty for the public."""
        if self.actor.account is None or self.account is None:
            return ""
        told = f"{self.account.id}\x1f{self.account.rights}\x1f{self.actor.access}\x1f{self.account.scope}"
        return "-" + sha256(told.encode()).hexdigest()[:10]

    @property
    def restricted(self) -> bool:
        """Whether restricted fields are read, of which nothing is kept."""
        return self.actor.access == "terbatas"

    @property
    def cache_control(self) -> bytes:
        """Who may keep an answer."""
        if self.restricted:
            return b"no-store"
        return b"no-cache" if self.actor.account is None else b"private, no-cache"


EVERYBODY = Reader()


async def account_of(known: Known, headers: Mapping[bytes, bytes]) -> Account | None:
    """The account behind a request; None: nobody signed in. A token that does not hold is `NotSignedIn`."""
    said = headers.get(b"authorization")
    if said is not None:
        account = await known.account("token", _token(said))
        if account is None:
            raise NotSignedIn("Token ini tidak berlaku (lagi). Buat token baru di halaman Akun.")
        return account
    cookie = headers.get(b"cookie")
    found = None if cookie is None else _COOKIE.search(cookie)
    return None if found is None else await known.account("session", found[1].decode("ascii"))


async def reader_of(known: Known, headers: Mapping[bytes, bytes], reason: str | None, address: str | None) -> Reader:
    """Who reads; with a reason, restricted fields as well."""
    account = await account_of(known, headers)
    if reason is None:
        return EVERYBODY if account is None else Reader(account.reader(), account)
    if account is None:
        raise NotSignedIn("Field terbatas hanya untuk yang berhak. Masuk dahulu.")
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        raise InvalidQuery(f"{REASON}: tulis keperluannya, {SHORTEST_REASON} sampai {LONGEST_REASON} huruf.")
    if not account.cares:
        raise NotAllowed("Akun ini tidak berhak membaca field terbatas.")
    return Reader(account.reader(reason.strip(), address), account)


def _token(said: bytes) -> str:
    """The token of an `Authorization` header: as Bearer, or as the password of Basic."""
    scheme, _, value = said.strip().partition(b" ")
    try:
        if scheme.lower() == b"bearer":
            return value.strip().decode("ascii")
        if scheme.lower() == b"basic":
            return base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")[2]
    except (ValueError, binascii.Error):
        pass
    raise NotSignedIn("Header Authorization ini tidak dikenal; pakai token sebagai sandi Basic atau sebagai Bearer.")
