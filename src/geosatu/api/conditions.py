"""Conditions of a change (RFC 9110): which versions of a feature its editor saw."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from fastapi import Request
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from geosatu.accounts.known import Account
from geosatu.errors import InvalidQuery
from geosatu.features import Actor
from geosatu.layers import Layer
from geosatu.store import edit

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*(?:{_TAG})?)*[ \t]*")
VERSION = re.compile(r'(W/)?"[^"]*\.v([0-9]{1,9})(?:\.gz)?"')

NEVER = 0
"""No feature has this version."""

ANY = [("", "*")]
"""What stands for every tag."""


@dataclass(frozen=True)
class Condition:
    """What has to hold of a feature before it is changed."""

    versions: frozenset[int] | None = None
    """One of these versions; None: any."""
    since: datetime | None = None
    """Not changed after this second."""
    unless: frozenset[int] | None = None
    """None of these versions; empty: the feature is not there at all."""

    def version(self, conn: Connection, layer: Layer, feature: int, actor: Actor) -> int | None:
        """The version that has to be there; None: whatever it is."""
        if self.unless is not None:
            there = edit.known(conn, layer, [feature], actor).get(feature)
            if there is not None and (not self.unless or there.version in self.unless):
                raise HTTPException(412, f"Fitur {feature} sudah ada; untuk mengubahnya kirim tanpa If-None-Match.")
        if self.versions is not None and len(self.versions) == 1:
            return next(iter(self.versions))
        if self.versions is None and self.since is None:
            return None
        found = edit.known(conn, layer, [feature], actor).get(feature)
        if found is None:
            return None
        if self.versions is not None:
            return found.version if found.version in self.versions else max(self.versions)
        assert self.since is not None
        return found.version if found.updated_at.replace(microsecond=0) <= self.since else NEVER


def condition_of(request: Request, account: Account) -> Condition:
    """The condition that the request states; our own pages have to state one."""
    said, denied = _tags(request, "If-Match"), _tags(request, "If-None-Match")
    unless = None
    if denied is not None:
        unless = frozenset() if denied == ANY else frozenset(int(number) for _, number in denied) or frozenset({NEVER})
    if said is None:
        if account.means == "session":
            raise HTTPException(428, "Sertakan If-Match dengan ETag fitur yang Anda lihat; muat ulang fiturnya dahulu.")
        return Condition(since=_moment(request.headers.get("if-unmodified-since")), unless=unless)
    if said == ANY:
        return Condition(unless=unless)
    # A weak tag never matches, and of what is no tag of ours no version is known.
    versions = frozenset(int(number) for weak, number in said if not weak)
    return Condition(versions or frozenset({NEVER}), unless=unless)


def _tags(request: Request, name: str) -> list[tuple[str, str]] | None:
    """Those tags of a header that are ours, each as (weak, version); `ANY` for "*", None where there is no header."""
    said = ",".join(request.headers.getlist(name))
    if not said:
        return None
    if said.strip() == "*":
        return ANY
    if TAGS.fullmatch(said) is None:
        raise InvalidQuery(f'Header {name} ini tidak sah; isinya ETag fitur di antara tanda petik, atau "*".')
    return VERSION.findall(said)


def _moment(said: str | None) -> datetime | None:
    """The moment of a header; what is none is ignored, as RFC 9110 asks."""
    try:
        moment = parsedate_to_datetime(said) if said else None
    except ValueError:
        return None
    return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
