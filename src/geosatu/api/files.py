"""Layers as files. Text streams out of the database; what has to be built is kept until its layer changes."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import ExitStack, aclosing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

import psycopg
from fastapi import APIRouter, Depends, Request
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from geosatu import exporting
from geosatu.api.access import EVERYBODY, REASON, Reader, reader_of
from geosatu.api.context import BaseDep, City, CityDep, ConnDep, Overview, ReaderDep, address_of
from geosatu.api.parameters import AT, at_of, parameters_of, query_of, require_known
from geosatu.api.presence import Present
from geosatu.crs import LAND_AND_SEA, STORAGE_SRID, utm_srid
from geosatu.errors import DatabaseUnavailable, InvalidQuery, UnknownFeature
from geosatu.features import WIB, Actor, Query
from geosatu.layers import Catalogue, Layer
from geosatu.store import batches
from geosatu.writers import qgis
from geosatu.writers.files import FORMATS, Task, formats_of, write_snapshot
from geosatu.writers.text import TEXTS

router = APIRouter()
log = logging.getLogger("geosatu")

NOT_FOR_FILES = ("limit", "after", "sortby", "properties", "skipGeometry", "f")
KEPT_FILES_BYTES = 2_000_000_000
FOLDER = "files"
"""Where built files are kept, in the home."""

LONGEST_FILE = 1800
"""Seconds for one file: of the database for its statement, and of a client for what streams to it."""

FILE_BLOCK = 1024 * 1024

_PART = rb"(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})"
RANGE = re.compile(rb"bytes=\s*" + _PART + rb"(?:\s*,\s*" + _PART + rb")*\s*")
ENDS = re.compile(rb"([0-9]+)-([0-9]+)")


class BuiltFile(FileResponse):
    """A file sent in large blocks: each costs a change of threads. A range that means nothing is ignored (RFC 9110)."""

    chunk_size = FILE_BLOCK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, said) for name, said in scope["headers"] if name != b"range" or _is_range(said)]
        await super().__call__({**scope, "headers": headers}, receive, send)


def _is_range(said: bytes) -> bool:
    return RANGE.fullmatch(said) is not None and all(int(first) <= int(last) for first, last in ENDS.findall(said))


def no_parameters(request: Request) -> None:
    """Refuse every parameter."""
    require_known(parameters_of(request.scope["query_string"]))


NO_PARAMETERS = [Depends(no_parameters)]

_building: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)


@router.get("/files/kota.qgz", dependencies=NO_PARAMETERS)
def project(request: Request, base: BaseDep, city: CityDep, reader: ReaderDep, conn: ConnDep) -> Response:
    """A QGIS project of the whole city, connected to this service."""
    headers = _headers("kota.qgz", reader, _tag(city, reader, city.catalogue))
    if _is_known(request, headers):
        return Response(status_code=304, headers=headers)
    overview = city.overview(conn, reader)
    counts = {name: summary.count for name, summary in overview.summaries.items()}
    packed = qgis.project(
        city.catalogue,
        base_url=base,
        title=overview.title,
        srid=_metric(overview),
        bounds=overview.bounds,
        counts=counts,
        access=reader.actor.access,
        notices=overview.notices,
    )
    return Response(packed, 200, headers, "application/x-qgis-project")


@router.get("/files/kota.gpkg")
async def snapshot(request: Request, city: CityDep, reader: ReaderDep, conn: ConnDep) -> Response:
    """All layers as they are now, or were then, in one GeoPackage with the QGIS project that shows them."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, AT)
    query, tag = Query(at=at_of(given)), _tag(city, reader, city.catalogue)
    headers = _headers(f"kota-{(query.at or datetime.now(UTC)).astimezone(WIB):%Y-%m-%d}.gpkg", reader, tag)
    if _is_known(request, headers):
        return Response(status_code=304, headers=headers)
    overview = await run_in_threadpool(city.overview, conn, reader)

    def build(file: Path) -> None:
        _snapshot(city, query, reader.actor, overview, file)

    return await _built(city, "kota", "gpkg", tag, query, headers, build)


def _snapshot(city: City, query: Query, actor: Actor, overview: Overview, file: Path) -> None:
    tasks = []
    with ExitStack() as held:
        for layer in city.catalogue:
            found = held.enter_context(batches.record_batches(city.conninfo, layer, query, actor))
            tasks.append(Task(found, layer, exporting.columns_of(layer, actor), STORAGE_SRID, file))
        packed = qgis.snapshot_project(
            city.catalogue,
            file_name="kota.gpkg",
            title=overview.title,
            srid=_metric(overview),
            bounds=overview.bounds,
            access=actor.access,
            notices=overview.notices,
        )
        write_snapshot(tasks, file, qgis.stored_project(overview.title or "Kota", packed, datetime.now(UTC)))


def _metric(overview: Overview) -> int:
    """The UTM zone of the city."""
    west, south, east, north = overview.bounds or LAND_AND_SEA
    return utm_srid((west + east) / 2, (south + north) / 2)


def _tag(city: City, reader: Reader, layers: Iterable[Layer]) -> str | None:
    """What changes with the layers for this reader. None: nothing may be kept, since restricted fields are in it, or
    since it is not known just now whether the layers change."""
    revision = None if reader.restricted else city.revisions.of_all(layer.name for layer in layers)
    return None if revision is None else f'W/"{city.edition}-{revision}{reader.mark}"'


def _headers(name: str, reader: Reader, tag: str | None) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": reader.cache_control.decode(),
        **({"ETag": tag} if tag else {}),
    }


def _is_known(request: Request, headers: Mapping[str, str]) -> bool:
    """Whether the client has the file that this would be."""
    return "ETag" in headers and headers["ETag"] in request.headers.get("if-none-match", "")


@router.get("/files/{name:path}")
async def layer_file(name: str, request: Request, base: BaseDep, city: CityDep) -> Response:
    """A layer as a file, whole or filtered, in a CRS of choice."""
    layer, suffix = _split(name, city.catalogue)
    asked = dict(request.scope["headers"])
    if suffix == "qlr":
        no_parameters(request)
        access = (await reader_of(city.known, asked, None, address_of(request))).actor.access
        definition = qgis.layer_definition(layer, base_url=base, access=access)
        return Response(definition, 200, _headers(name, EVERYBODY, None), "application/x-qgis-layer-definition")
    given = parameters_of(request.scope["query_string"])
    for each in NOT_FOR_FILES:
        if each in given:
            raise InvalidQuery(f"Parameter {each!r} tidak berlaku untuk berkas.")
    reader = await reader_of(city.known, asked, given.pop(REASON, None), address_of(request))
    query = query_of(layer, given, reader.actor, NOT_FOR_FILES)
    tag = _tag(city, reader, [layer])
    headers = _headers(f"{layer.name}.{suffix}", reader, tag)
    if _is_known(request, headers):
        return Response(status_code=304, headers=headers)
    if suffix in TEXTS:
        blocks = exporting.stream(city.streams, layer, query, reader.actor, suffix)
        return Streamed(blocks, headers, TEXTS[suffix].media_type)

    def build(file: Path) -> None:
        exporting.write(city.conninfo, layer, query, reader.actor, file, suffix)

    return await _built(city, layer.name, suffix, tag, query, headers, build)


class Streamed(StreamingResponse):
    """Text as it comes. Its head waits for the first of it, so that what goes wrong before can still be told; what
    goes wrong later breaks the answer off, and a client that goes away ends the statement."""

    def __init__(self, blocks: AsyncGenerator[bytes], headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(blocks, 200, headers, media_type)
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        try:
            with Present(receive):
                async with asyncio.timeout(LONGEST_FILE), aclosing(self._blocks) as blocks:
                    async for block in blocks:
                        if not begun:
                            begun = True
                            await send(start)
                        await send({"type": "http.response.body", "body": block, "more_body": True})
                    await send({"type": "http.response.body", "body": b""})
        except ClientDisconnect:
            return
        except (TimeoutError, psycopg.Error) as error:
            if begun:
                log.warning("%s broke off: %r", scope["path"], error)
            elif isinstance(error, TimeoutError):
                raise DatabaseUnavailable("Berkas ini terlalu lama dibuat. Minta wilayah yang lebih kecil.") from None
            else:
                raise


def _split(name: str, catalogue: Catalogue) -> tuple[Layer, str]:
    stem, _, suffix = name.partition(".")
    layer = catalogue[stem]
    known = [*formats_of(layer), "qlr"]
    if suffix not in known:
        raise UnknownFeature(f"Berkas {name[:80]!r} tidak ada; bentuk untuk {layer.title}: {', '.join(known)}.")
    return layer, suffix


async def _built(
    city: City,
    name: str,
    suffix: str,
    tag: str | None,
    query: Query,
    headers: Mapping[str, str],
    build: Callable[[Path], None],
) -> Response:
    """The answer with a file that was built for this tag, or that is gone once it is sent."""
    file = await _kept(city, name, suffix, token_hex() if tag is None else f"{tag}\x1f{query}", build)
    gone = BackgroundTask(file.unlink, missing_ok=True) if tag is None else None
    return BuiltFile(file, 200, headers, FORMATS[suffix].media_type, background=gone)


async def _kept(city: City, name: str, suffix: str, state: str, build: Callable[[Path], None]) -> Path:
    """The file of this state, built once."""
    folder = city.settings.home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{sha256(state.encode()).hexdigest()[:24]}.{suffix}"
    async with _building[file]:
        if not file.exists():
            await run_in_threadpool(build, file)
            _make_room(folder, file)
    return file


def _make_room(folder: Path, but: Path) -> None:
    """Remove the files asked for longest ago, as far as there are too many."""
    files = sorted(folder.glob("[!.]*"), key=lambda file: file.stat().st_mtime, reverse=True)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > KEPT_FILES_BYTES and file != but:
            file.unlink(missing_ok=True)
