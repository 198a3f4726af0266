"""The application: the doors, the errors, and what all answers share."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from importlib.metadata import version

from fastapi import FastAPI
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Engine
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from geosatu.api import files, ogc, pages
from geosatu.api.context import LONGEST_WAIT, City
from geosatu.api.hot import Hot
from geosatu.api.problems import register_problems
from geosatu.database.connect import conninfo_of
from geosatu.layers import Catalogue
from geosatu.settings import Settings
from geosatu.store.answers import Pool
from geosatu.store.revisions import Revisions

LONGEST_STATEMENT = 30
"""Seconds that the database works on one request, unless it is for a file: `files.LONGEST_FILE`."""

HOT_CONNECTIONS = 10
STREAMS = 10
"""Files that stream at a time."""


class HeadAsGet:
    """HEAD is answered wherever GET is (RFC 9110); the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)


def create_app(settings: Settings, catalogue: Catalogue, engine: Engine) -> ASGIApp:
    """The service over a prepared database."""
    for_answers = conninfo_of(engine, LONGEST_STATEMENT)
    for_files = conninfo_of(engine, files.LONGEST_FILE)
    city = City(
        settings,
        catalogue,
        engine,
        _pool(for_answers, 2, HOT_CONNECTIONS),
        _pool(for_files, 0, STREAMS),
        Revisions(for_answers),
        _edition(settings, catalogue),
        for_files,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # What an earlier program built may not be what this one would.
        shutil.rmtree(settings.home / files.FOLDER, ignore_errors=True)
        async with city.pool, city.streams, city.revisions.kept():
            yield

    app = FastAPI(title="geosatu", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.city = city
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)
    app.add_middleware(HeadAsGet)
    app.include_router(ogc.router, prefix="/ogc")
    app.include_router(files.router)
    app.include_router(pages.router)
    register_problems(app)
    return Hot(app, city)


def _pool(conninfo: str, least: int, most: int) -> Pool:
    # Parallel workers would each load PROJ anew, which costs more than they bring on small answers.
    options = f"{conninfo_to_dict(conninfo)['options']} -c max_parallel_workers_per_gather=0"
    return AsyncConnectionPool(
        make_conninfo(conninfo, options=options),
        min_size=least,
        max_size=most,
        timeout=LONGEST_WAIT,
        open=False,
        kwargs={"autocommit": True},
    )


def _edition(settings: Settings, catalogue: Catalogue) -> str:
    told = [version("geosatu"), settings.public_url or "", *(layer.model_dump_json() for layer in catalogue)]
    return sha256("\x1f".join(told).encode()).hexdigest()[:10]
