"""Layers as files. Text streams out of the database; what has to be built is kept until its layer changes."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from psycopg import AsyncClientCursor
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response, StreamingResponse

from geosatu.api.context import BaseDep, City, CityDep, ConnDep, Overview
from geosatu.api.parameters import parameters_of, query_of, require_known
from geosatu.crs import CRS84, LAND_AND_SEA, STORAGE_SRID, utm_srid
from geosatu.errors import InvalidQuery, UnknownFeature
from geosatu.features import PUBLIC, Query
from geosatu.layers import SYSTEM_FIELDS, Catalogue, Field, Layer
from geosatu.store import batches, statements
from geosatu.store.answers import Pool
from geosatu.store.statements import Statement
from geosatu.writers import qgis
from geosatu.writers.dictionary import about
from geosatu.writers.files import FORMATS, Task, write_file, write_snapshot

router = APIRouter()

NOT_FOR_FILES = ("limit", "after", "sortby", "properties", "skipGeometry", "f")
KEPT_FILES_BYTES = 2_000_000_000
FOLDER = "files"
"""Where built files are kept, in the home."""

STREAM_BLOCK = 64 * 1024
FILE_BLOCK = 1024 * 1024


class BuiltFile(FileResponse):
    """A file sent in large blocks: each costs a change of threads."""

    chunk_size = FILE_BLOCK


def no_parameters(request: Request) -> None:
    """Refuse every parameter."""
    require_known(parameters_of(request.scope["query_string"]))


NO_PARAMETERS = [Depends(no_parameters)]

STREAMED = {
    "geojson": "application/geo+json",
    "geojsonl": "application/geo+json-seq",
    "csv": "text/csv; charset=utf-8",
}

_building: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)


@router.get("/files/kota.qgz", dependencies=NO_PARAMETERS)
def project(base: BaseDep, city: CityDep, conn: ConnDep) -> Response:
    """A QGIS project of the whole city, connected to this service."""
    overview = city.overview(conn)
    counts = {name: summary.count for name, summary in overview.summaries.items()}
    packed = qgis.project(
        city.catalogue,
        base_url=base,
        title=overview.title,
        srid=_metric(overview),
        bounds=overview.bounds,
        counts=counts,
        notices=overview.notices,
    )
    return _download(packed, "kota.qgz", "application/x-qgis-project")


@router.get("/files/kota.gpkg", dependencies=NO_PARAMETERS)
async def snapshot(city: CityDep, conn: ConnDep) -> Response:
    """All layers as they are now, in one GeoPackage with the QGIS project that shows them."""
    overview = await run_in_threadpool(city.overview, conn)
    revision = city.revisions.of_all(layer.name for layer in city.catalogue)
    file = await _kept(city, "kota", "gpkg", f"{city.edition}-{revision}", lambda file: _snapshot(city, overview, file))
    name = f"kota-{date.today():%Y-%m-%d}.gpkg"
    return BuiltFile(file, 200, {"Cache-Control": "no-cache"}, FORMATS["gpkg"].media_type, filename=name)


def _snapshot(city: City, overview: Overview, file: Path) -> None:
    tasks = []
    with ExitStack() as held:
        for layer in city.catalogue:
            found = held.enter_context(batches.record_batches(city.conninfo, layer, Query(), PUBLIC))
            tasks.append(Task(found, layer, _fields(layer), STORAGE_SRID, file))
        packed = qgis.snapshot_project(
            city.catalogue,
            file_name="kota.gpkg",
            title=overview.title,
            srid=_metric(overview),
            bounds=overview.bounds,
            notices=overview.notices,
        )
        write_snapshot(tasks, file, qgis.stored_project(overview.title or "Kota", packed, datetime.now(UTC)))


def _metric(overview: Overview) -> int:
    """The UTM zone of the city."""
    west, south, east, north = overview.bounds or LAND_AND_SEA
    return utm_srid((west + east) / 2, (south + north) / 2)


def _fields(layer: Layer) -> list[Field]:
    return [*layer.readable(PUBLIC.access), *SYSTEM_FIELDS.values()]


def _download(content: bytes, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-cache"}
    return Response(content, 200, headers, media_type)


@router.get("/files/{name:path}")
async def layer_file(name: str, request: Request, base: BaseDep, city: CityDep) -> Response:
    """A layer as a file, whole or filtered, in a CRS of choice."""
    layer, suffix = _split(name, city.catalogue)
    if suffix == "qlr":
        no_parameters(request)
        return _download(qgis.layer_definition(layer, base_url=base), name, "application/x-qgis-layer-definition")
    given = parameters_of(request.scope["query_string"])
    for each in NOT_FOR_FILES:
        if each in given:
            raise InvalidQuery(f"Parameter {each!r} tidak berlaku untuk berkas.")
    query = query_of(layer, given, PUBLIC)
    revision = city.revisions.of(layer)
    tag = None if revision is None else f'W/"{city.edition}-{revision}"'
    headers = {
        "Content-Disposition": f'attachment; filename="{layer.name}.{suffix}"',
        "Cache-Control": "no-cache",
        **({"ETag": tag} if tag else {}),
    }
    if tag is not None and tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if suffix in STREAMED:
        return StreamingResponse(_stream(city.pool, layer, query, suffix), 200, headers, STREAMED[suffix])
    file = await _built(city, layer, query, suffix, f"{city.edition}-{revision}")
    return BuiltFile(file, 200, headers, FORMATS[suffix].media_type)


def _split(name: str, catalogue: Catalogue) -> tuple[Layer, str]:
    stem, _, suffix = name.partition(".")
    layer = catalogue[stem]
    known = [
        *STREAMED,
        "qlr",
        *(each for each, form in FORMATS.items() if form.holds is None or layer.geometry in form.holds),
    ]
    if suffix not in known:
        raise UnknownFeature(f"Berkas {name[:80]!r} tidak ada; bentuk untuk {layer.title}: {', '.join(known)}.")
    return layer, suffix


async def _stream(pool: Pool, layer: Layer, query: Query, suffix: str) -> AsyncIterator[bytes]:
    """The file in blocks as COPY gives them; memory stays flat."""
    make = statements.cells if suffix == "csv" else statements.lines
    # A byte order mark makes Excel read UTF-8; nobody else minds it.
    before, between, after = {
        "csv": (b"\xef\xbb\xbf", b"\n", b""),
        "geojsonl": (b"", b"\n", b"\n"),
        "geojson": (_geojson_head(layer, query), b",\n", b"\n]}\n"),
    }[suffix]
    block, first = bytearray(before), True
    async with pool.connection() as conn, AsyncClientCursor(conn) as cursor:
        await cursor.execute("SET statement_timeout = 0")
        try:
            async with cursor.copy(_copy(cursor, make(layer, query, PUBLIC.access), suffix)) as rows:
                async for row in rows:
                    if not first:
                        block += between
                    first = False
                    block += memoryview(row)[:-1]
                    if len(block) >= STREAM_BLOCK:
                        yield bytes(block)
                        block.clear()
        finally:
            await cursor.execute("RESET statement_timeout")
    yield bytes(block) + after


def _copy(cursor: AsyncClientCursor[Any], statement: Statement, suffix: str) -> str:
    # For GeoJSON, CSV with a quote and a delimiter that JSON text never holds: each feature is one plain line.
    form = "FORMAT csv, HEADER" if suffix == "csv" else "FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02'"
    return f"COPY ({cursor.mogrify(statement.sql, statement.values)}) TO STDOUT ({form})"


def _geojson_head(layer: Layer, query: Query) -> bytes:
    head: dict[str, Any] = {"type": "FeatureCollection", "name": layer.name, "metadata": about(layer)}
    if query.crs.uri != CRS84:
        head["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{query.crs.epsg}"}}
    return json.dumps(head, ensure_ascii=False)[:-1].encode() + b',"features":[\n'


async def _built(city: City, layer: Layer, query: Query, suffix: str, state: str) -> Path:
    """The kept file of this question, built if the layer has changed since."""
    return await _kept(
        city, layer.name, suffix, f"{state}\x1f{query}", lambda file: _build(city, layer, query, suffix, file)
    )


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


def _build(city: City, layer: Layer, query: Query, suffix: str, file: Path) -> None:
    with batches.record_batches(city.conninfo, layer, query, PUBLIC) as found:
        write_file(Task(found, layer, _fields(layer), query.crs.epsg, file), suffix)


def _make_room(folder: Path, but: Path) -> None:
    """Remove the files asked for longest ago, as far as there are too many."""
    files = sorted(folder.glob("[!.]*"), key=lambda file: file.stat().st_mtime, reverse=True)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > KEPT_FILES_BYTES and file != but:
            file.unlink(missing_ok=True)
