"""The service: one process that holds the home, the database and the port until it is told to stop."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress

import uvicorn
from sqlalchemy import Engine
from starlette.types import ASGIApp
from uvicorn.config import LOGGING_CONFIG
from uvicorn.logging import DefaultFormatter

from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.database.cluster import sole_service
from geosatu.database.connect import open_city, open_service
from geosatu.errors import InvalidSettings
from geosatu.layers import Catalogue
from geosatu.settings import Settings
from geosatu.viewer import check_icons

Say = Callable[[str], object]
Prepare = Callable[[Engine, Catalogue, Settings, Say], None]

TOLD_BY_ROWS = re.compile(
    r"^(DETAIL|CONTEXT):.*?(?=^(?:HINT:|\[SQL|Traceback|The above|During handling)|\Z)", re.M | re.S
)
"""What PostgreSQL says of the row at which something failed."""


class WithoutRows(DefaultFormatter):
    """Lines of the log without the values of the rows that errors of PostgreSQL quote: they may be personal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback."""
        return TOLD_BY_ROWS.sub(r"\1: (dihilangkan)\n", super().format(record))


LOGGING = LOGGING_CONFIG | {
    "formatters": LOGGING_CONFIG["formatters"]
    | {"default": {"()": WithoutRows, "fmt": "%(levelprefix)s %(message)s", "use_colors": None}},
    "loggers": LOGGING_CONFIG["loggers"] | {"geosatu": {"handlers": ["default"], "level": "WARNING"}},
}


def serve(settings: Settings, catalogue: Catalogue, say: Say, prepare: Prepare | None = None) -> None:
    """Serve the catalogue until a signal comes; says where once requests are answered."""
    check_icons(catalogue)
    with ExitStack() as held:
        if settings.database_url is None:
            held.enter_context(sole_service(settings.home, f"http://{settings.host}:{settings.port}"))
        listener = held.enter_context(_listen(settings))
        engine = held.enter_context(open_city(settings, catalogue))
        if prepare is not None:
            prepare(engine, catalogue, settings, say)
        service = held.enter_context(open_service(engine, LONGEST_STATEMENT))
        engine.dispose()  # the owner's connections have done their work
        config = config_of(settings, create_app(settings, catalogue, service))
        port = listener.getsockname()[1]
        with suppress(KeyboardInterrupt):  # which uvicorn hands on once all requests are answered
            say(f"geosatu siap: http://{settings.host}:{port}  (hentikan dengan Ctrl+C)")
            uvicorn.Server(config).run(sockets=[listener])


def config_of(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves the application; whom a proxy asks for, it believes only those that the operator trusts."""
    return uvicorn.Config(
        app,
        log_level="warning",
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=5,
    )


def _listen(settings: Settings) -> socket.socket:
    try:
        return socket.create_server((settings.host, settings.port), backlog=1024)
    except OSError as error:
        raise InvalidSettings(
            f"Port {settings.port} di {settings.host} tidak dapat dipakai: {error.strerror}. "
            "Pilih yang lain dengan GEOSATU_PORT."
        ) from None
