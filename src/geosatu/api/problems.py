"""Errors as problems (RFC 9457): ours are translated once; what is a bug stays one and reaches the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg import DataError, InterfaceError, OperationalError
from psycopg.errors import (
    DeadlockDetected,
    InsufficientPrivilege,
    InternalError_,
    LockNotAvailable,
    QueryCanceled,
    SerializationFailure,
)
from psycopg_pool import PoolTimeout
from starlette.responses import JSONResponse

from geosatu.api.links import PROBLEM
from geosatu.errors import (
    DatabaseUnavailable,
    GeosatuError,
    InvalidFeature,
    InvalidLink,
    InvalidQuery,
    NotAllowed,
    NotSignedIn,
    RefusedChange,
    StaleEdit,
    TooManyAttempts,
    UnknownAccount,
    UnknownFeature,
    UnknownLayer,
    UnreadableFile,
)

STATUS: dict[type[GeosatuError], int] = {
    InvalidQuery: 400,
    UnknownLayer: 404,
    UnknownFeature: 404,
    UnreadableFile: 422,
    RefusedChange: 409,
    InvalidFeature: 422,
    StaleEdit: 412,
    NotSignedIn: 401,
    NotAllowed: 403,
    UnknownAccount: 404,
    InvalidLink: 410,
    TooManyAttempts: 429,
    DatabaseUnavailable: 503,
}

REFUSALS = (NotSignedIn, NotAllowed, InvalidLink, TooManyAttempts)
"""What somebody who means harm comes up against; none of these sentences tells a name or a secret."""

TITLES = {404: "Alamat ini tidak ada.", 405: "Cara ini tidak tersedia di alamat ini."}

OVERTAKEN = (LockNotAvailable, DeadlockDetected, SerializationFailure)
"""How PostgreSQL ends a transaction for the sake of another one; nothing of it was kept."""

AGAIN = {"Retry-After": "5"}

FORM = 'Form realm="geosatu"'
"""No scheme that a browser would ask a password for in a window of its own."""

OUT_OF_REACH = "transform: "
"""How PostGIS says that PROJ cannot carry a place over into another CRS."""

log = logging.getLogger("geosatu")


@dataclass(frozen=True)
class Problem:
    """What went wrong, in one sentence, with its status and what programs may want to know besides."""

    status: int
    title: str
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self) -> JSONResponse:
        """The same as problem+json."""
        said = {"status": self.status, "title": self.title, **self.more}
        return JSONResponse(said, self.status, self.headers, PROBLEM)


BUG = Problem(500, "Terjadi kesalahan pada layanan; kesalahan ini sudah dicatat.")


def answer_to(error: Exception, *, page: bool = False) -> JSONResponse:
    """The error as problem+json."""
    return problem_of(error, page=page).answer()


def problem_of(error: Exception, *, page: bool = False, asked: str = "a request") -> Problem:
    """What an error of ours, of the database or of its pool is told as; a bug of ours reaches the log.

    Asked for by a page of ours or a script of one, whose browser must not ask for a password in a window of its own.
    """
    if isinstance(error, GeosatuError):
        if isinstance(error, REFUSALS):
            log.warning("refused %s: %s", asked, error)
        return Problem(STATUS.get(type(error), 500), str(error), _more(error), headers_of(error, page=page))
    if isinstance(error, InsufficientPrivilege):
        log.warning("refused by the database: %s", error)
        return Problem(403, "Anda tidak berhak melakukan ini.")
    if isinstance(error, OVERTAKEN):
        log.warning("overtaken: %s", error)
        told = "Data ini sedang diubah orang lain, misalnya oleh impor. Coba lagi sebentar."
        return Problem(503, told, headers=AGAIN)
    if isinstance(error, QueryCanceled):
        return Problem(503, "Permintaan ini terlalu berat. Minta wilayah atau halaman yang lebih kecil.")
    if isinstance(error, DataError):
        return Problem(400, "Sebuah nilai dalam permintaan ini di luar jangkauan atau tidak sesuai jenisnya.")
    if isinstance(error, InternalError_) and OUT_OF_REACH in str(error):
        return Problem(400, "Koordinat dalam permintaan ini di luar jangkauan sistem koordinatnya.")
    log.exception("database", exc_info=error)
    if isinstance(error, (OperationalError, InterfaceError, PoolTimeout)):
        return Problem(503, "Basis data sedang tidak dapat dihubungi. Coba lagi.")
    return BUG


def headers_of(error: GeosatuError, *, page: bool = False) -> dict[str, str]:
    """What an answer to an error says in its head besides the status."""
    if isinstance(error, TooManyAttempts):
        return {"Retry-After": str(error.seconds)}
    if isinstance(error, DatabaseUnavailable):
        return AGAIN
    if isinstance(error, NotSignedIn):
        return {"WWW-Authenticate": FORM if page else 'Basic realm="geosatu", charset="UTF-8"'}
    return {}


def _more(error: GeosatuError) -> dict[str, Any]:
    """Of a stale edit: who changed what meanwhile."""
    if not isinstance(error, StaleEdit):
        return {}
    told = {"fitur": error.feature, "versi": error.version, "diubah_oleh": error.by, "berubah": error.titles}
    return {**told, "diubah_pada": error.at.isoformat()}
