"""Errors as problem+json (RFC 9457): ours are translated once; what is a bug stays one and reaches the log."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from geosatu.errors import (
    DatabaseUnavailable,
    GeosatuError,
    InvalidQuery,
    RefusedChange,
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
    DatabaseUnavailable: 503,
}

TITLES = {404: "Alamat ini tidak ada.", 405: "Cara ini tidak tersedia di alamat ini."}

log = logging.getLogger("geosatu")


def problem(status: int, title: str) -> JSONResponse:
    """One sentence, as problem+json."""
    return JSONResponse({"status": status, "title": title}, status, media_type="application/problem+json")


def register_problems(app: FastAPI) -> None:
    """Answer every error of the application."""

    @app.exception_handler(GeosatuError)
    def ours(_: Request, error: GeosatuError) -> JSONResponse:
        return problem(STATUS.get(type(error), 500), str(error))

    @app.exception_handler(HTTPException)
    def routing(_: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, TITLES.get(error.status_code, str(error.detail)))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(DBAPIError)
    def database(_: Request, error: DBAPIError) -> JSONResponse:
        log.exception("database", exc_info=error)
        if error.connection_invalidated or not error.statement:
            return problem(503, "Basis data sedang tidak dapat dihubungi. Coba lagi.")
        return problem(500, "Terjadi kesalahan pada layanan; kesalahan ini sudah dicatat.")

    @app.exception_handler(Exception)
    def bug(_: Request, error: Exception) -> JSONResponse:
        return problem(500, "Terjadi kesalahan pada layanan; kesalahan ini sudah dicatat.")
