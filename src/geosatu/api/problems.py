"""Errors as problem+json (RFC 9457): ours are translated once; what is a bug stays one and reaches the log."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from fastapi import FastAPI, Request
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
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from geosatu.api.csrf import HEADER
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

OUT_OF_REACH = "transform: "
"""How PostGIS begins to say that PROJ cannot carry a place over into another CRS."""

log = logging.getLogger("geosatu")


def problem(status: int, title: str, **more: Any) -> JSONResponse:
    """One sentence, as problem+json, and what programs may want to know besides."""
    return JSONResponse({"status": status, "title": title, **more}, status, media_type=PROBLEM)


def answer_to(error: Exception, *, page: bool = False) -> JSONResponse:
    """What an error of ours, of the database or of its pool is told as; a bug of ours reaches the log.

    Asked by a script of a page of ours, whose browser must not ask for a password in a window of its own.
    """
    if isinstance(error, GeosatuError):
        answer = problem(STATUS.get(type(error), 500), str(error), **_more(error))
        if isinstance(error, REFUSALS):
            log.warning("refused: %s", error)
        if isinstance(error, TooManyAttempts):
            answer.headers["Retry-After"] = str(error.seconds)
        if isinstance(error, DatabaseUnavailable):
            answer.headers.update(AGAIN)
        if isinstance(error, NotSignedIn):
            answer.headers["WWW-Authenticate"] = (
                'Form realm="geosatu"' if page else 'Basic realm="geosatu", charset="UTF-8"'
            )
        return answer
    if isinstance(error, InsufficientPrivilege):
        log.warning("refused by the database: %s", error)
        return problem(403, "Anda tidak berhak melakukan ini.")
    if isinstance(error, OVERTAKEN):
        log.warning("overtaken: %s", error)
        answer = problem(503, "Data ini sedang diubah orang lain, misalnya oleh impor. Coba lagi sebentar.")
        answer.headers.update(AGAIN)
        return answer
    if isinstance(error, QueryCanceled):
        return problem(503, "Permintaan ini terlalu berat. Minta wilayah atau halaman yang lebih kecil.")
    if isinstance(error, DataError):
        return problem(400, "Sebuah nilai dalam permintaan ini di luar jangkauan atau tidak sesuai jenisnya.")
    if isinstance(error, InternalError_) and str(error).startswith(OUT_OF_REACH):
        return problem(400, "Koordinat dalam permintaan ini di luar jangkauan sistem koordinatnya.")
    log.exception("database", exc_info=error)
    if isinstance(error, (OperationalError, InterfaceError, PoolTimeout)):
        return problem(503, "Basis data sedang tidak dapat dihubungi. Coba lagi.")
    return problem(500, "Terjadi kesalahan pada layanan; kesalahan ini sudah dicatat.")


def _more(error: GeosatuError) -> dict[str, Any]:
    """Of a stale edit: who changed what meanwhile."""
    if not isinstance(error, StaleEdit):
        return {}
    told = {"fitur": error.feature, "versi": error.version, "diubah_oleh": error.by, "berubah": error.titles}
    return {**told, "diubah_pada": error.at.isoformat()}


def register_problems(app: FastAPI) -> None:
    """Answer every error of the application."""

    @app.exception_handler(GeosatuError)
    @app.exception_handler(psycopg.Error)
    @app.exception_handler(PoolTimeout)
    def ours(request: Request, error: Exception) -> JSONResponse:
        return answer_to(error, page=HEADER in request.headers)

    @app.exception_handler(HTTPException)
    def routing(_: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, TITLES.get(error.status_code, str(error.detail)))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(DBAPIError)
    def database(_: Request, error: DBAPIError) -> JSONResponse:
        return answer_to(error.orig if isinstance(error.orig, Exception) else error)

    @app.exception_handler(Exception)
    def bug(_: Request, error: Exception) -> JSONResponse:
        return problem(500, "Terjadi kesalahan pada layanan; kesalahan ini sudah dicatat.")
