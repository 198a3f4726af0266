"""Addresses of ours and what lies behind them, as documents and answers name them."""

from __future__ import annotations

from starlette.requests import Request

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


def base_of(settings: Settings, request: Request) -> str:
    """The address that users see in front of our paths, without a slash at its end."""
    try:
        return (settings.public_url or str(request.base_url)).rstrip("/")
    except ValueError:
        raise InvalidQuery("Header Host permintaan ini tidak sah.") from None


def link(href: str, rel: str, media_type: str, title: str) -> dict[str, str]:
    """A link object of OGC API documents."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}
