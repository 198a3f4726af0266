"""The endpoint: whatever is asked at /wfs, of any version, by address or by XML, is answered here.

It stands before the framework, as `hot` does, so that every refusal is told in the words of the standard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import ASGIApp, Receive, Scope, Send

from geosatu.api.access import EVERYBODY, REASON, Reader, account_of, reader_of
from geosatu.api.context import City, connection
from geosatu.api.files import Streamed
from geosatu.api.hot import LISTENED_AFTER, VARY, WORTH_COMPRESSING, Answer, Gzip, send_answer, start_answer
from geosatu.api.links import base_of
from geosatu.api.presence import Present
from geosatu.api.wfs import stored
from geosatu.api.wfs.asked import Asked, Said, asked_of, layer_named, said_of
from geosatu.api.wfs.capabilities import Capabilities, operations_of
from geosatu.api.wfs.exceptions import Refused, reading, report_of
from geosatu.api.wfs.features import Plan, Request, Stream
from geosatu.api.wfs.questions import format_of, require_stored
from geosatu.api.wfs.schema import application_schema
from geosatu.api.wfs.starts import Starts
from geosatu.api.wfs.transaction import MOST_ELEMENTS
from geosatu.api.wfs.versions import LATEST, VERSIONS, Version
from geosatu.api.wfs.writing import edited_by, transact
from geosatu.errors import shortened
from geosatu.fes import MAX_ELEMENTS, tag_of
from geosatu.layers import Layer

PATH = "/wfs"
METHODS = ("GET", "HEAD", "POST")
LARGEST_BODY = 1_000_000
"""Bytes of a request."""

LARGEST_TRANSACTION = 20_000_000
"""Bytes of a request of somebody who may edit, and may send a whole layer."""

SHORT_BODY = 20_000
"""Bytes that are read at once; what is longer is read in a thread, so that others need not wait."""

Operation = Callable[["Wfs", Asked, Reader, HttpRequest], Plan]


@dataclass
class Wfs:
    """Answers what is asked at /wfs and hands everything else on."""

    app: ASGIApp
    city: City
    _starts: Starts = field(init=False)

    def __post_init__(self) -> None:
        self._starts = Starts(self.city)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/")):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        reader, version = EVERYBODY, VERSIONS[LATEST]
        try:
            said = await self._said(scope, receive, headers)
            version = said.version
            reader = await self._reader(scope, headers, said)
            asked = asked_of(said)
            version = asked.version
            plan = self._plan(asked, reader, HttpRequest(scope))
            tag = self._tag(scope, reader, plan)
            if tag is not None and tag in headers.get(b"if-none-match", b""):
                await start_answer(send, reader, 304, [(b"etag", tag)])
                await send({"type": "http.response.body", "body": b""})
                return
            # What is left to go wrong is what a filter means for the layer.
            with reading("filter"):
                with Present(receive, after=LISTENED_AFTER):
                    made = await plan.make()
                if isinstance(made, Stream):
                    await _stream(made, reader, tag)(scope, receive, send)
                    return
            await send_answer(send, reader, scope, headers, made, tag)
        except ClientDisconnect:
            return
        except Exception as error:
            await _refuse(send, scope, reader, error, version)

    def _plan(self, asked: Asked, reader: Reader, request: HttpRequest) -> Plan:
        known = operations_of(asked.version, editing=True)
        operation = OPERATIONS.get(asked.operation)
        if operation is None or asked.operation not in known:
            told = f"Operasi {shortened(asked.operation)!r} tidak ada di versi {asked.version.number}"
            raise Refused("OperationNotSupported", f"{told}; yang ada: {', '.join(known)}.", "request")
        return operation(self, asked, reader, request)

    async def _said(self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]) -> Said:
        if scope["method"] not in METHODS:
            told = f"Metode {shortened(scope['method'])} tidak dikenal di sini; pakai GET atau POST."
            raise Refused("OperationNotSupported", told, "request", 405)
        if scope["method"] != "POST":
            return said_of(scope["query_string"], b"", None)
        edits = edited_by(await account_of(self.city.known, headers), self.city.catalogue)
        most, elements = (LARGEST_TRANSACTION, MOST_ELEMENTS) if edits else (LARGEST_BODY, MAX_ELEMENTS)
        body = await _body(receive, most)
        given = (scope["query_string"], headers.get(b"content-type", b""), body, elements)
        return said_of(*given) if len(body) <= SHORT_BODY else await run_in_threadpool(said_of, *given)

    async def _reader(self, scope: Scope, headers: Mapping[bytes, bytes], said: Said) -> Reader:
        """Who asks; the reason for restricted fields is taken out of what is given."""
        reason = said.given.pop(REASON, None)
        if b"authorization" not in headers and b"cookie" not in headers and reason is None:
            return EVERYBODY
        client = scope.get("client")
        return await reader_of(self.city.known, headers, reason, client[0] if client else None)

    def _tag(self, scope: Scope, reader: Reader, plan: Plan) -> bytes | None:
        """What changes with the answer; None: nothing may be kept of it."""
        if reader.restricted or scope["method"] == "POST":
            return None
        revision = self.city.revisions.of_all(plan.about)
        return None if revision is None else f'W/"{self.city.edition}-{revision}{reader.mark}"'.encode()

    def base(self, request: HttpRequest) -> str:
        """The address that users see in front of our paths."""
        return base_of(self.city.settings, request.scope)

    def features(self, asked: Asked, reader: Reader, request: HttpRequest) -> Request:
        """A request for features."""
        return Request(asked, reader, self._starts, self.base(request))


async def _body(receive: Receive, most: int) -> bytes:
    """What was sent, unless it is too much."""
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        found += message.get("body", b"")
        if len(found) > most:
            told = f"Isi permintaan ini terlalu besar, paling banyak {most} bita."
            raise Refused("OperationParsingFailed", told, "request", 413)
        if not message.get("more_body", False):
            return bytes(found)


def _stream(made: Stream, reader: Reader, tag: bytes | None) -> ASGIApp:
    """The answer that comes in blocks, compressed on its way where that is asked for."""
    headers = {"Cache-Control": reader.cache_control.decode(), "Vary": VARY.decode()}
    if tag is not None:
        headers["ETag"] = tag.decode()
    return Gzip(Streamed(made.blocks, headers, made.media_type), WORTH_COMPRESSING, compresslevel=1)


async def _refuse(send: Send, scope: Scope, reader: Reader, error: Exception, version: Version) -> None:
    report = report_of(error, version)
    headers = [
        (b"content-type", report.media_type.encode()),
        (b"content-length", str(len(report.body)).encode()),
        *((name.encode(), value.encode()) for name, value in report.headers.items()),
    ]
    if report.status == 405:
        headers.append((b"allow", ", ".join(METHODS).encode()))
    await start_answer(send, reader, report.status, headers)
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else report.body})


# What can be asked.


def _capabilities(wfs: Wfs, asked: Asked, reader: Reader, request: HttpRequest) -> Plan:
    base, version = wfs.base(request), asked.version
    edited = edited_by(reader.account, wfs.city.catalogue)

    async def make() -> Answer:
        async with asynccontextmanager(connection)(wfs.city, reader) as conn:
            overview = await run_in_threadpool(wfs.city.overview, conn, reader)
        told = Capabilities(version, base, wfs.city.catalogue, overview, edited)
        return Answer(told.document(), b"text/xml")

    return Plan([layer.name for layer in wfs.city.catalogue], make)


def _schema(wfs: Wfs, asked: Asked, reader: Reader, _: HttpRequest) -> Plan:
    said = asked.given.get("typenames", "").replace("(", "").replace(")", ",").split(",")
    if asked.root is not None:
        said = ["".join(part.itertext()) for part in asked.root if tag_of(part) == "TypeName"]
    names = [name for name in said if name.strip()]
    layers: list[Layer] = [layer_named(name, wfs.city.catalogue, asked) for name in names] or list(wfs.city.catalogue)
    form = format_of(asked).form
    if form == "json" or form == "csv":
        raise Refused("InvalidParameterValue", "Skema hanya ada sebagai XML Schema.", "outputFormat")
    # XMLSCHEMA is what every version calls a schema in the GML of its own.
    gml = asked.version.gml if asked.given.get("outputformat", "").upper() == "XMLSCHEMA" else form

    async def make() -> Answer:
        return Answer(application_schema(list(dict.fromkeys(layers)), reader.actor.access, gml), b"text/xml")

    return Plan([], make)


def _listed(wfs: Wfs, _asked: Asked, _reader: Reader, _: HttpRequest) -> Plan:
    async def make() -> Answer:
        return Answer(stored.listed(wfs.city.catalogue), b"application/xml")

    return Plan([], make)


def _described(wfs: Wfs, asked: Asked, _reader: Reader, _: HttpRequest) -> Plan:
    ids = asked.given.get("storedquery_id", "").split(",")
    if asked.root is not None:
        ids = ["".join(part.itertext()) for part in asked.root if tag_of(part) == "StoredQueryId"]
    for name in ids:
        if name.strip():
            require_stored(name.strip())

    async def make() -> Answer:
        return Answer(stored.described(wfs.city.catalogue), b"application/xml")

    return Plan([], make)


def _transaction(wfs: Wfs, asked: Asked, reader: Reader, request: HttpRequest) -> Plan:
    return Plan([], lambda: transact(request, wfs.city, reader, asked))


OPERATIONS: dict[str, Operation] = {
    "GetCapabilities": _capabilities,
    "DescribeFeatureType": _schema,
    "GetFeature": lambda wfs, asked, reader, request: wfs.features(asked, reader, request).features(),
    "GetPropertyValue": lambda wfs, asked, reader, request: wfs.features(asked, reader, request).values(),
    "ListStoredQueries": _listed,
    "DescribeStoredQueries": _described,
    "Transaction": _transaction,
}
"""What a request may ask for, in whatever version has it."""
