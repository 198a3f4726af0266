"""Addresses of ours and what lies behind them, as documents and answers name them."""

from __future__ import annotations

from functools import lru_cache

from starlette.requests import Request
from starlette.types import Scope

from geosatu.errors import InvalidQuery
from geosatu.settings import Settings

JSON = "application/json"
GEOJSON = "application/geo+json"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
MVT = "application/vnd.mapbox-vector-tile"
PROBLEM = "application/problem+json"
HTML = "text/html"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self)",
}
"""What everything that a browser shows is sent with."""


def base_of(settings: Settings, scope: Scope) -> str:
    """The address that users see in front of our paths, without a slash at its end."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    root = scope.get("app_root_path", scope.get("root_path", ""))
    try:
        return _base(scope["scheme"], host, tuple(scope.get("server") or ()), root)
    except ValueError:
        raise InvalidQuery("Header Host permintaan ini tidak sah.") from None


@lru_cache(maxsize=256)
def _base(scheme: str, host: bytes | None, server: tuple[str, int], root: str) -> str:
    """The framework's word, which costs as much as the rest of an answer."""
    headers = [] if host is None else [(b"host", host)]
    scope = {"type": "http", "scheme": scheme, "server": server or None, "headers": headers, "path": "/"}
    return str(Request({**scope, "root_path": root, "query_string": b""}).base_url).rstrip("/")


def link(href: str, rel: str, media_type: str, title: str) -> dict[str, str]:
    """A link object of OGC API documents."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}
