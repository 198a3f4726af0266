"""The doors that are asked most: pages of features, single features and vector tiles.

They stand in front of the framework as a plain ASGI application, since routing and dependencies would cost
more than the answer. An unchanged layer is answered with 304 without asking the database.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from isal import igzip
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from geosatu.api.access import EVERYBODY, REASON, Reader, reader_of
from geosatu.api.context import City
from geosatu.api.links import base_of, link
from geosatu.api.parameters import (
    AT,
    after_token,
    at_of,
    crs_of,
    parameters_of,
    query_of,
    require_form,
    require_json,
    require_known,
    whole_id,
)
from geosatu.api.presence import Present
from geosatu.api.problems import answer_to
from geosatu.crs import Crs
from geosatu.errors import UnknownFeature, shortened
from geosatu.features import Page, Query
from geosatu.layers import Layer
from geosatu.store import answers

GEOJSON = b"application/geo+json"
MVT = b"application/vnd.mapbox-vector-tile"
WORTH_COMPRESSING = 1_000
KEPT_TILES_BYTES = 64_000_000
KEPT_COUNTS = 10_000
MAX_ZOOM = 22
VARY = b"Accept, Accept-Encoding, Authorization, Cookie"
LISTENED_AFTER = 0.5
"""Seconds until it is noticed that the client of a page has gone: most pages are sent by then."""
COMPACT = (",", ":")
REFUSED_GZIP = re.compile(rb"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")
GZIPPED = b'.gz"'
UNKNOWN = "x"
"""Stands for a revision in tags while none is known."""

FORM = re.compile(rb"(?:^|&)f=(json|geojson|html)(?:&|$)")

PATH = re.compile(r"/ogc/collections/([^/]+)/(?:items|items/([^/]+)|tiles/WebMercatorQuad/([0-9]+)/([0-9]+)/([0-9]+))")


class Answer(NamedTuple):
    """A body with its type, and what else its head says."""

    body: bytes
    media_type: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    gzipped: bytes | None = None
    """The body compressed, where somebody asked for that before."""
    version: int | None = None
    """Of a single feature."""


@dataclass
class Hot:
    """Answers the hot paths and hands everything else on."""

    app: ASGIApp
    city: City
    _singles: answers.Singles = field(init=False)
    _tiles: OrderedDict[tuple[Any, ...], Answer] = field(default_factory=OrderedDict)
    _tiles_bytes: int = 0

    def __post_init__(self) -> None:
        self._singles = answers.Singles(self.city.pool)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            found = PATH.fullmatch(scope["path"])
        if found is None or (found[3] is None and wants_html(scope)):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            layer = self.city.catalogue[found[1]]
            given = parameters_of(scope["query_string"])
            reader = await self._reader(scope, headers, given)
            revision = None if reader.restricted else self.city.revisions.of(layer)
            tag = b"" if revision is None else beginning(self.city, reader, revision)
            if tag and (same := _unchanged(tag, headers, single=found[2] is not None)):
                await start_answer(send, reader, 304, [(b"etag", same)])
                await send({"type": "http.response.body", "body": b""})
                return
            answer = await self._answer(scope, receive, headers, reader, given, found, layer, revision)
        except ClientDisconnect:
            return
        except Exception as error:
            # A bug ends here too: nothing stands outside to answer it.
            await answer_to(error)(scope, receive, send)
            return
        if answer.version is not None:
            tag = tag_of(self.city, reader, revision, answer.version)
        elif tag:
            tag = b'W/%s"' % tag
        await send_answer(send, reader, scope, headers, answer, tag)

    async def _reader(self, scope: Scope, headers: Mapping[bytes, bytes], given: dict[str, str]) -> Reader:
        """Who asks; the reason for restricted fields is taken out of what is given."""
        if b"authorization" not in headers and b"cookie" not in headers and REASON not in given:
            return EVERYBODY
        client = scope.get("client")
        return await reader_of(self.city.known, headers, given.pop(REASON, None), client[0] if client else None)

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        headers: Mapping[bytes, bytes],
        reader: Reader,
        given: Mapping[str, str],
        found: re.Match[str],
        layer: Layer,
        revision: str | None,
    ) -> Answer:
        if found[3] is not None:
            return await self._tile(reader, layer, given, found, revision, zipped=takes_gzip(headers))
        if found[2] is not None:
            return await self._feature(scope, reader, layer, given, found[2])
        with Present(receive, after=LISTENED_AFTER):
            return await self._page(scope, reader, layer, given)

    async def _page(self, scope: Scope, reader: Reader, layer: Layer, given: Mapping[str, str]) -> Answer:
        query = query_of(layer, given, reader.actor)
        page = await answers.page(self.city.pool, layer, query, reader.actor)
        head: dict[str, Any] = {"type": "FeatureCollection", "timeStamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        matched = await matched_of(self.city, reader, layer, query, page)
        if matched is not None:
            head["numberMatched"] = matched
        head |= {"numberReturned": page.returned, "links": page_links(self._base(scope), layer, given, page)}
        text = json.dumps(head, ensure_ascii=False, separators=COMPACT).encode()
        body = b"".join((text[:-1], b',"features":[', page.features, b"]}"))
        return Answer(body, GEOJSON, content_crs(query.crs))

    async def _feature(self, scope: Scope, reader: Reader, layer: Layer, given: Mapping[str, str], said: str) -> Answer:
        require_known(given, "crs", "f", AT)
        require_json(given)
        crs, at = crs_of(given, "crs"), at_of(given)
        number = whole_id(layer, said)
        if at is None:
            text, version = await self._singles.feature(layer, number, crs, reader.actor)
        else:
            text, version = await answers.feature(self.city.pool, layer, number, crs, reader.actor, at)
        return Answer(with_links(text, self._base(scope), layer, number), GEOJSON, content_crs(crs), version=version)

    async def _tile(
        self,
        reader: Reader,
        layer: Layer,
        given: Mapping[str, str],
        found: re.Match[str],
        revision: str | None,
        *,
        zipped: bool,
    ) -> Answer:
        if given:
            require_known(given, "f")
            require_form(given, "mvt")
        z, y, x = (int(part) if len(part) < 10 else 2**31 for part in found.group(3, 4, 5))
        if z > MAX_ZOOM or x >= 2**z or y >= 2**z:
            told = shortened("/".join(found.group(3, 4, 5)))
            most = f"tingkat 0 sampai {MAX_ZOOM}, baris dan kolom 0 sampai {2 ** min(z, MAX_ZOOM) - 1}"
            raise UnknownFeature(f"Petak {told} tidak ada; {most}.")
        key = (layer.name, revision or "", reader.mark, z, y, x)
        kept = self._tiles.get(key) if revision is not None else None
        tile = kept or Answer(await answers.tile(self.city.pool, layer, z, x, y, reader.actor), MVT)
        if zipped and tile.gzipped is None and len(tile.body) >= WORTH_COMPRESSING:
            tile = tile._replace(gzipped=igzip.compress(tile.body, compresslevel=1))
        if revision is not None and tile is not kept:
            self._keep(key, tile)
        return tile

    def _keep(self, key: tuple[Any, ...], tile: Answer) -> None:
        """Keep a tile; the ones kept longest make room. Somebody else may have kept it meanwhile."""
        if (before := self._tiles.pop(key, None)) is not None:
            self._tiles_bytes -= _size(before)
        self._tiles[key] = tile
        self._tiles_bytes += _size(tile)
        while self._tiles_bytes > KEPT_TILES_BYTES:
            _, oldest = self._tiles.popitem(last=False)
            self._tiles_bytes -= _size(oldest)

    def _base(self, scope: Scope) -> str:
        return base_of(self.city.settings, scope)


async def matched_of(city: City, reader: Reader, layer: Layer, query: Query, page: Page) -> int | None:
    """How many match in all; counted once per question and revision, and not at all where the page tells."""
    if page.next is None and query.after is None:
        return page.returned
    revision = city.revisions.of(layer)
    asked = (query.box, query.box_crs, json.dumps(query.filter), query.filter_crs, query.at)
    key = (layer.name, revision, reader.mark, *asked)
    if revision is None or key not in city.counts:
        city.counts[key] = await answers.count(city.pool, layer, query, reader.actor)
        while len(city.counts) > KEPT_COUNTS:
            city.counts.popitem(last=False)
    return city.counts[key]


def page_links(base: str, layer: Layer, given: Mapping[str, str], page: Page) -> list[dict[str, str]]:
    """The links of a page; `next` keeps every parameter of the request."""
    here = f"{base}/ogc/collections/{layer.name}"
    links = [
        link(_again(f"{here}/items", given), "self", "application/geo+json", "Halaman ini"),
        link(_again(f"{here}/items", {**given, "f": "html"}), "alternate", "text/html", "Halaman ini, untuk dibaca"),
        link(here, "collection", "application/json", layer.title),
    ]
    if page.next is not None:
        later = _again(f"{here}/items", {**given, "after": after_token(page.next)})
        links.append(link(later, "next", "application/geo+json", "Halaman berikutnya"))
    return links


def beginning(city: City, reader: Reader, revision: str) -> bytes:
    """How the tags of answers begin that hold as long as the layer does not change."""
    return f'"{city.edition}-{revision}{reader.mark}'.encode()


def tag_of(city: City, reader: Reader, revision: str | None, version: int) -> bytes:
    """The tag of a single feature, in which its version stands; without a revision, nobody is told 304 on it."""
    return b'%s.v%d"' % (beginning(city, reader, revision or UNKNOWN), version)


def _unchanged(tag: bytes, asked: Mapping[bytes, bytes], *, single: bool) -> bytes | None:
    """The tag that the client knows, if it still holds."""
    known = asked.get(b"if-none-match")
    if known is None:
        return None
    if not single:
        return b'W/%s"' % tag if b'W/%s"' % tag in known else None
    at = known.find(tag + b".v")
    end = known.find(b'"', at + 1)
    return known[at : end + 1] if 0 <= at < end else None


def with_links(text: bytes, base: str, layer: Layer, number: int) -> bytes:
    """A feature with its links."""
    links = _item_links(f"{base}/ogc/collections/{layer.name}", layer.title)
    return b"".join((text[:-1], b',"links":', links.replace(b"{id}", b"%d" % number), b"}"))


def takes_gzip(asked: Mapping[bytes, bytes]) -> bool:
    """Whether the client can read a compressed answer."""
    said = asked.get(b"accept-encoding", b"")
    return b"gzip" in said and (b"q=0" not in said or REFUSED_GZIP.search(said) is None)


class Gzip(GZipMiddleware):
    """The framework's, which takes `gzip;q=0` for a wish, and photographs for what can be compressed again."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"].startswith("/foto/") or not takes_gzip(dict(scope["headers"]))):
            scope = {**scope, "headers": [each for each in scope["headers"] if each[0] != b"accept-encoding"]}
        await super().__call__(scope, receive, send)


def _size(tile: Answer) -> int:
    return len(tile.body) + len(tile.gzipped or b"")


@lru_cache(maxsize=1024)
def _item_links(here: str, title: str) -> bytes:
    """The links of a feature, with {id} for its id."""
    links = [
        link(f"{here}/items/{{id}}", "self", "application/geo+json", "Fitur ini"),
        link(f"{here}/items/{{id}}?f=html", "alternate", "text/html", "Fitur ini, untuk dibaca"),
        link(here, "collection", "application/json", title),
    ]
    return json.dumps(links, ensure_ascii=False, separators=COMPACT).encode()


def wants_html(scope: Scope) -> bool:
    """Whether a person asks: by `f=html`, or a browser that prefers HTML and names no other form."""
    query = scope["query_string"]
    if b"f=" in query and (said := FORM.search(query)) is not None:
        return said[1] == b"html"
    accept = dict(scope["headers"]).get(b"accept", b"")
    return b"text/html" in accept and b"json" not in accept.split(b"text/html")[0]


def _again(here: str, given: Mapping[str, str]) -> str:
    """An address with all parameters of the request, each encoded once."""
    return f"{here}?{urlencode(given, safe=',:/')}" if given else here


@lru_cache(maxsize=256)
def content_crs(crs: Crs) -> tuple[tuple[bytes, bytes], ...]:
    """The header that names the CRS of the coordinates."""
    return ((b"content-crs", f"<{crs.uri}>".encode()),)


async def start_answer(send: Send, reader: Reader, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    """The head of an answer that is made for this reader."""
    kept = [(b"cache-control", reader.cache_control), (b"vary", VARY), *headers]
    await send({"type": "http.response.start", "status": status, "headers": kept})


async def send_answer(
    send: Send, reader: Reader, scope: Scope, asked: Mapping[bytes, bytes], answer: Answer, tag: bytes | None
) -> None:
    """The answer with what its head says of it, compressed where that is asked for."""
    body = answer.body
    headers = [(b"content-type", answer.media_type), *answer.headers]
    if len(body) >= WORTH_COMPRESSING and takes_gzip(asked):
        body = answer.gzipped or igzip.compress(body, compresslevel=1)
        headers.append((b"content-encoding", b"gzip"))
        if tag and answer.version is not None:
            tag = tag[:-1] + GZIPPED  # a strong tag is of these bytes
    if tag:
        headers.append((b"etag", tag))
    headers.append((b"content-length", str(len(body)).encode()))
    await start_answer(send, reader, 200, headers)
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
