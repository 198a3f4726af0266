"""The application: the doors, the errors, and what all answers share."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from importlib.metadata import version

from fastapi import FastAPI, Request
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Engine
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geosatu.accounts.known import Known
from geosatu.accounts.single_sign_on import SingleSignOn
from geosatu.api import (
    account_pages,
    audit_pages,
    data_list_pages,
    edit_pages,
    files,
    history_pages,
    ogc,
    ogc_edit,
    pages,
    people_pages,
    photographs,
    review_pages,
    sign_in_pages,
)
from geosatu.api.context import LONGEST_WAIT, City
from geosatu.api.error_pages import register_errors, told_to
from geosatu.api.hot import Gzip, Hot
from geosatu.api.problems import Problem
from geosatu.api.wfs.door import Wfs
from geosatu.content.photographs import LARGEST_PHOTO
from geosatu.database.connect import conninfo_of
from geosatu.database.rights import conninfo_as
from geosatu.features import PUBLIC
from geosatu.layers import Catalogue
from geosatu.settings import Settings
from geosatu.store.answers import Pool, Warming, warming
from geosatu.store.revisions import Revisions

LONGEST_STATEMENT = 30
"""Seconds that the database works on one request, unless it is for a file: `files.LONGEST_FILE`."""

HOT_CONNECTIONS = 10

ALONE = "-c max_parallel_workers_per_gather=0"
"""Parallel workers would each load PROJ anew, which costs more than they bring on small answers."""

CHEAP = "-c cpu_operator_cost=0.0001"
"""For pages: PostGIS takes `ST_Intersects` for far dearer than it is, so that PostgreSQL would rather read whole
indexes of attributes than ask it of what lies in a box. A stream would be sorted whole before its first feature."""

STREAMS = 10
"""Files that stream at a time."""

LARGEST_BODY = 1_000_000
LARGEST_FEATURES = 20_000_000
"""What is sent to be kept may be more."""

FEATURES = re.compile(r"/ogc/collections/[^/]+/items(/[^/]+)?")
"""Where features are kept."""

PHOTOGRAPHS = re.compile(r"/foto/[^/]+/[^/]+/[^/]+")

SHARED = ("/ogc", "/files/", "/wfs")

FOR_OTHERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Content-Crs, Link, Content-Disposition, Content-Range"),
]


def what_is_allowed(path: str) -> list[tuple[bytes, bytes]]:
    """The head of an answer to OPTIONS; a WFS is asked by POST as well."""
    methods, headers = b"GET, HEAD, OPTIONS", b"If-None-Match, Range"
    if path.startswith("/wfs"):
        methods, headers = b"GET, HEAD, POST, OPTIONS", headers + b", Content-Type"
    return [
        *FOR_OTHERS,
        (b"allow", methods),
        (b"access-control-allow-methods", methods),
        (b"access-control-allow-headers", headers),
        (b"access-control-max-age", b"7200"),  # as long as Chromium keeps it
        (b"content-length", b"0"),
    ]


class OpenToOthers:
    """Pages of any origin may read what is public, without credentials (CORS); OPTIONS says what is allowed: to their
    browsers the same for all, and to programs that ask about features what their account may.

    Every answer says so, and not only that to a request with an Origin: caches keep one answer for all.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(SHARED):
            await self.app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and (FEATURES.fullmatch(scope["path"]) is None or _is_preflight(scope)):
            await send({"type": "http.response.start", "status": 200, "headers": what_is_allowed(scope["path"])})
            await send({"type": "http.response.body"})
        else:

            async def open_to_others(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], *FOR_OTHERS]
                await send(message)

            await self.app(scope, receive, open_to_others)


def _is_preflight(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


class SlashAtEnd:
    """An address with a slash at its end is the one without: some clients add it, and a redirect would lead past the
    proxy in front."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self.app(scope, receive, send)


class HeadAsGet:
    """HEAD is answered wherever GET is (RFC 9110); the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)


class Personal:
    """What is answered to somebody who signed in is for nobody else; assets are the same for all."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/assets/"):
            await self.app(scope, receive, send)
            return
        signed = any(name in (b"authorization", b"cookie") for name, _ in scope["headers"])

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Authorization, Cookie")
                if signed and headers.get("cache-control") != "no-store":
                    headers["cache-control"] = "private, no-cache"
            await send(message)

        await self.app(scope, receive, told)


class SmallBodies:
    """What people send us are forms, features and photographs; more is refused before it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        path = scope.get("path", "")
        largest = LARGEST_FEATURES if FEATURES.fullmatch(path) else LARGEST_BODY
        if PHOTOGRAPHS.fullmatch(path):
            largest = LARGEST_PHOTO
        if b"transfer-encoding" in headers:
            problem = Problem(411, "Kirim panjang isi permintaan ini (Content-Length).")
        elif int(headers.get(b"content-length", b"0")) > largest:
            problem = Problem(413, f"Isi permintaan ini terlalu besar, paling banyak {largest} bita.")
        else:
            await self.app(scope, receive, send)
            return
        answer = await told_to(Request(scope), problem)
        await answer(scope, receive, send)


def create_app(settings: Settings, catalogue: Catalogue, engine: Engine) -> ASGIApp:
    """The service over a prepared database; `engine` is that of `open_service`."""
    for_answers = conninfo_as(conninfo_of(engine, LONGEST_STATEMENT), PUBLIC)
    for_files = conninfo_as(conninfo_of(engine, files.LONGEST_FILE), PUBLIC)
    pool = _pool(for_answers, 1, HOT_CONNECTIONS, f"{ALONE} {CHEAP}", warming(catalogue))
    streams = _pool(for_files, 0, STREAMS, ALONE)
    known = Known(pool)
    city = City(
        settings,
        catalogue,
        engine,
        pool,
        streams,
        Revisions(for_answers, known.forget),
        _edition(settings, catalogue),
        for_files,
        known,
        SingleSignOn.of(settings),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # What an earlier program built may not be what this one would.
        shutil.rmtree(settings.home / files.FOLDER, ignore_errors=True)
        async with city.pool, city.streams, city.revisions.kept(), known.kept():
            yield

    app = FastAPI(title="geosatu", openapi_url=None, redirect_slashes=False, lifespan=lifespan)
    app.state.city = city
    app.add_middleware(Gzip, minimum_size=1000, compresslevel=4)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Personal)
    app.add_middleware(SmallBodies)
    app.include_router(ogc.router, prefix="/ogc")
    app.include_router(ogc_edit.router, prefix="/ogc")
    app.include_router(files.router)
    app.include_router(pages.router)
    app.include_router(sign_in_pages.router)
    app.include_router(account_pages.router)
    app.include_router(people_pages.router)
    app.include_router(edit_pages.router)
    app.include_router(photographs.router)
    app.include_router(review_pages.router)
    app.include_router(data_list_pages.router)
    app.include_router(audit_pages.router)
    app.include_router(history_pages.router)
    register_errors(app)
    return SlashAtEnd(OpenToOthers(Wfs(Hot(app, city), city)))


def _pool(conninfo: str, least: int, most: int, planning: str, begin: Warming | None = None) -> Pool:
    options = f"{conninfo_to_dict(conninfo)['options']} {planning}"
    return AsyncConnectionPool(
        make_conninfo(conninfo, options=options),
        min_size=least,
        max_size=most,
        timeout=LONGEST_WAIT,
        open=False,
        configure=begin,
        kwargs={"autocommit": True},
    )


def _edition(settings: Settings, catalogue: Catalogue) -> str:
    told = [version("geosatu"), settings.public_url or "", *(layer.model_dump_json() for layer in catalogue)]
    return sha256("\x1f".join(told).encode()).hexdigest()[:10]
