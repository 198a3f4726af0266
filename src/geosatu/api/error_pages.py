"""What went wrong, as an answer: a page for people, problem+json for programs, decided here by what was asked for.

A router whose addresses are pages takes `PageRoute`: its errors are always told as pages, and whoever has to sign in
first comes back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from geosatu.api import own_pages
from geosatu.api.access import reader_of
from geosatu.api.context import City, address_of
from geosatu.api.csrf import HEADER, token_of
from geosatu.api.hot import PATH, wants_html
from geosatu.api.own_pages import ICONS, go_to, own_path, page
from geosatu.api.problems import BUG, FORM, TITLES, Problem, problem_of
from geosatu.errors import GeosatuError, InvalidQuery, NotSignedIn
from geosatu.layers import Layer
from geosatu.viewer import Visitor
from geosatu.viewer.icons import sprite

HEADS = {
    400: "Permintaan ini tidak dapat dijawab",
    401: "Masuk dahulu",
    403: "Anda tidak berhak",
    404: "Tidak ditemukan",
    405: "Tidak dapat dilakukan",
    410: "Sudah tidak berlaku",
    413: "Terlalu besar",
    429: "Terlalu sering",
    500: "Terjadi kesalahan",
    503: "Layanan sedang sibuk",
}
OTHERWISE = "Tidak dapat dilakukan"

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def register_errors(app: FastAPI) -> None:
    """Answer every error of the application."""

    @app.exception_handler(GeosatuError)
    @app.exception_handler(psycopg.Error)
    @app.exception_handler(PoolTimeout)
    async def ours(request: Request, error: Exception) -> Response:
        return await told_to(request, problem_of(error, page=HEADER in request.headers))

    @app.exception_handler(HTTPException)
    async def routing(request: Request, error: HTTPException) -> Response:
        status, headers = error.status_code, dict(error.headers or {})
        if status in (404, 405) and (methods := methods_at(request)):
            status, headers = 405, {"Allow": ", ".join(methods)}
        return await told_to(request, Problem(status, TITLES.get(status, str(error.detail)), headers=headers))

    @app.exception_handler(DBAPIError)
    async def database(request: Request, error: DBAPIError) -> Response:
        return await told_to(request, problem_of(error.orig if isinstance(error.orig, Exception) else error))

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        return await told_to(request, BUG)


def methods_at(request: Request) -> list[str]:
    """What the address that was asked takes: of all its routes, and of the doors before the framework."""
    found = {"GET"} if PATH.fullmatch(request.scope["path"]) else set()
    for method in METHODS:
        asked = {**request.scope, "method": method}
        if any(route.matches(asked)[0] is Match.FULL for route in request.app.routes):
            found.add(method)
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


async def told_to(request: Request, problem: Problem) -> Response:
    """The problem as who asks can read it."""
    return await error_page(request, problem) if wants_html(request.scope) else problem.answer()


async def error_page(request: Request, problem: Problem) -> Response:
    """The problem as a page: one sentence, and ways on."""
    busy = problem.status >= 500  # and who asks is not looked up where the database may be what is amiss
    who = None if busy else await _visitor(request)
    here, layer = here_of(request), _layer(request)
    answer = page(
        "error.html",
        request,
        who,
        head=HEADS.get(problem.status, OTHERWISE),
        status=problem.status,
        message=problem.title,
        here=None if busy or problem.status == 410 else here,  # what is gone is nothing to come back to
        again=here if busy and request.method == "GET" else None,
        sign_in=problem.status == 401,
        hidden=problem.status == 404 and who is None and "/items/" in here,
        layer=layer,
        symbols=sprite({*ICONS, "rotate-cw"}),
    )
    answer.headers.update(problem.headers)
    if "WWW-Authenticate" in problem.headers:
        answer.headers["WWW-Authenticate"] = FORM
    answer.headers["Vary"] = "Accept"
    return answer


async def _visitor(request: Request) -> Visitor | None:
    """Who asks, if that can be told."""
    city: City = request.app.state.city
    try:
        reader = await reader_of(city.known, dict(request.scope["headers"]), None, address_of(request))
        return await own_pages.visitor(city, reader, token_of(city, reader))
    except (GeosatuError, psycopg.Error, PoolTimeout):
        return None


def here_of(request: Request) -> str:
    """The path that was asked for, with its parameters, to come back to; that of the map where there is no way back."""
    query = request.scope["query_string"].decode("ascii", "replace")
    said = quote(request.scope["path"], safe="/") + (f"?{query}" if query else "")
    return own_path(said, "/") if request.method == "GET" else "/"


def _layer(request: Request) -> Layer | None:
    """The layer that the path names."""
    city: City = request.app.state.city
    names = (part.partition(".")[0] for part in request.scope["path"].split("/"))
    return next((city.catalogue[name] for name in names if name in city.catalogue.layers), None)


class PageRoute(APIRoute):
    """A route whose errors are told as pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with what goes wrong in it as a page."""
        answer = super().get_route_handler()

        async def paged(request: Request) -> Response:
            try:
                return await answer(request)
            except GeosatuError as error:
                problem = problem_of(error, page=True, asked=f"{request.method} {self.path}")
                if isinstance(error, NotSignedIn) and request.method == "GET":
                    return go_to(request, f"/masuk?{urlencode({'lanjut': here_of(request)}, safe='/')}")
                return await error_page(request, problem)
            except RequestValidationError:
                told = InvalidQuery("Formulir ini tidak lengkap. Muat ulang, lalu ulangi.")
                return await error_page(request, problem_of(told))

        return paged
