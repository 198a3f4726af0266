"""Browsers that we have seen before, by a cookie that we signed.

A browser from which somebody signed in is believed to be theirs when others guess at their password
(OWASP: "device cookies"). Before anybody signs in, its nonce is what the forms of sign-in are bound to.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Self

MOST_ACCOUNTS = 10
"""Accounts that one browser is known for: an office shares computers."""

_COOKIE = re.compile(r"([\w-]{20,64})\.((?:\d{1,18}-){0,20})\.([0-9a-f]{64})", re.ASCII)


def signature(signing: bytes, purpose: str, said: bytes) -> str:
    """What only we can have written under this, for this purpose."""
    return hmac.new(signing, purpose.encode() + b"\x1f" + said, sha256).hexdigest()


@dataclass(frozen=True)
class Device:
    """A browser, and the accounts that signed in from it."""

    nonce: str
    accounts: tuple[int, ...] = ()

    @classmethod
    def new(cls) -> Self:
        """A browser that we see for the first time."""
        return cls(secrets.token_urlsafe(24))

    @classmethod
    def read(cls, signing: bytes, cookie: str | None) -> Self | None:
        """The browser of a cookie; None: it has none, or one that we did not write."""
        found = None if cookie is None else _COOKIE.fullmatch(cookie)
        if found is None:
            return None
        device = cls(found[1], tuple(int(number) for number in found[2].split("-")[:-1]))
        return device if hmac.compare_digest(device.cookie(signing), found[0]) else None

    def cookie(self, signing: bytes) -> str:
        """The cookie of this browser."""
        said = f"{self.nonce}.{''.join(f'{number}-' for number in self.accounts)}"
        return f"{said}.{signature(signing, 'device', said.encode())}"

    def with_account(self, account: int) -> Self:
        """This browser after somebody signed in from it."""
        others = [number for number in self.accounts if number != account]
        return replace(self, accounts=(account, *others)[:MOST_ACCOUNTS])
