"""What routes are handed: the city, a connection, and the layer that the path names."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool

from geosatu.accounts.known import Known
from geosatu.accounts.single_sign_on import SingleSignOn
from geosatu.api.access import EVERYBODY, Reader, reader_of
from geosatu.api.links import base_of
from geosatu.database.connect import CONNECTIONS
from geosatu.database.rights import act_as, signing_secret
from geosatu.errors import DatabaseUnavailable
from geosatu.features import Actor, Box
from geosatu.layers import OWNERS, Catalogue, Layer
from geosatu.settings import Settings
from geosatu.store import read
from geosatu.store.answers import Pool
from geosatu.store.revisions import Revisions

LONGEST_WAIT = 20.0
"""Seconds until a request without a connection is told to come back."""

WRITERS = 8
"""Requests that write at a time. Those for one layer wait for each other, and must not take the connections of those
who read."""

KEPT_OVERVIEWS = 200
HASHING = 2
"""Passwords that are looked at at the same time."""

NOT_FINAL = ("ilustratif", "indikatif")
"""The boundary statuses that every reader of the map has to know of."""


@dataclass
class City:
    """The one city that this service serves."""

    settings: Settings
    catalogue: Catalogue
    engine: Engine
    pool: Pool
    """Connections for the hot doors."""
    streams: Pool
    """Connections for files that stream, which may take long and must not stand in the way of the hot doors."""
    revisions: Revisions
    edition: str
    """Changes with the program and the catalogue, on which answers depend beside the data."""
    conninfo: str
    """For what builds files."""
    known: Known
    single_sign_on: SingleSignOn | None = None
    counts: OrderedDict[Hashable, int | None] = field(default_factory=OrderedDict)
    """How many features questions found, by layer revision."""
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))
    """Requests wait for a connection here and not in a thread: threads that wait would be missing where the
    requests that have one want to finish."""
    writing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WRITERS))
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HASHING))
    """Each password that is looked at takes memory for as long as that lasts."""
    developing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """A large photograph takes up to 400 MB for as long as it is being made smaller."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _overviews: OrderedDict[str, tuple[dict[str, int], Overview]] = field(default_factory=OrderedDict)

    @cached_property
    def signing(self) -> bytes:
        """What proves that a cookie or a form comes from us."""
        return signing_secret(self.engine)

    def overview(self, conn: Connection, reader: Reader = EVERYBODY) -> Overview:
        """What the layers hold for a reader, as whom the connection acts; worked out anew when a layer has changed."""
        revisions = read.revisions(conn)
        with self._lock:
            known, overview = self._overviews.get(reader.mark, (None, None))
            if overview is None or known != revisions:
                overview = _overview(conn, self.catalogue, reader.actor)
                self._overviews[reader.mark] = (revisions, overview)
                while len(self._overviews) > KEPT_OVERVIEWS:
                    self._overviews.popitem(last=False)
            return overview


@dataclass(frozen=True)
class Overview:
    """What the layers hold for a reader."""

    summaries: dict[str, read.Summary]
    title: str | None
    """The city whose kelurahan are on the map; None: there are none, or several cities."""
    notices: list[str]
    """What the boundaries are worth, as sentences, unless they are final."""

    @property
    def bounds(self) -> Box | None:
        """The part of the world where the kelurahan lie, or anything where there are none."""
        owners = self.summaries.get(OWNERS)
        if owners is not None and owners.bounds is not None:
            return owners.bounds
        boxes = [summary.bounds for summary in self.summaries.values() if summary.bounds is not None]
        if not boxes:
            return None
        wests, souths, easts, norths = zip(*boxes, strict=True)
        return Box(min(wests), min(souths), max(easts), max(norths))


def _overview(conn: Connection, catalogue: Catalogue, actor: Actor) -> Overview:
    notices: dict[str, None] = {}
    for layer in catalogue:
        if (status := layer.fields.get("status_batas")) is not None:
            codes = read.values_in_use(conn, layer, status.name, actor)
            notices |= {status.codes[code]: None for code in NOT_FINAL if code in codes and code in status.codes}
    cities: dict[str, None] = {}
    for layer in catalogue:
        if layer.polygonal and "kota" in layer.fields:
            cities |= dict.fromkeys(read.values_in_use(conn, layer, "kota", actor))
    title = next(iter(cities)) if len(cities) == 1 else None
    return Overview(read.summaries(conn, catalogue, actor), title, list(notices))


def city_of(request: Request) -> City:
    """The city of the application."""
    city: City = request.app.state.city
    return city


CityDep = Annotated[City, Depends(city_of)]


async def reader(city: CityDep, request: Request) -> Reader:
    """Who asks."""
    return await reader_of(city.known, dict(request.scope["headers"]), None, address_of(request))


ReaderDep = Annotated[Reader, Depends(reader)]


def address_of(request: Request) -> str | None:
    """Where a request comes from."""
    return None if request.client is None else request.client.host


@asynccontextmanager
async def turn(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    """One of so many at a time; who waits too long is told to come back."""
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            await turns.acquire()
    except TimeoutError:
        raise DatabaseUnavailable("Layanan sedang sangat sibuk. Coba lagi sebentar.") from None
    try:
        yield
    finally:
        turns.release()


@asynccontextmanager
async def turn_to_write(city: City) -> AsyncIterator[None]:
    """A turn for somebody who writes, and may have to wait for others with the connection in hand."""
    async with turn(city.writing), turn(city.turns):
        yield


async def connection(city: CityDep, reader: ReaderDep) -> AsyncIterator[Connection]:
    """A connection for reading, which acts as who asks, back in the pool when the answer is made."""
    async with turn(city.turns):
        conn = await run_in_threadpool(city.engine.connect)
        try:
            if reader.actor.account is not None:
                await run_in_threadpool(act_as, conn, reader.actor)
            yield conn
        finally:
            await run_in_threadpool(conn.close)


def layer_of(name: str, city: CityDep) -> Layer:
    """The layer that the path names."""
    return city.catalogue[name]


ConnDep = Annotated[Connection, Depends(connection, scope="function")]
LayerDep = Annotated[Layer, Depends(layer_of)]


def base_url(request: Request, city: CityDep) -> str:
    """The address that users see in front of our paths, without a slash at its end."""
    return base_of(city.settings, request.scope)


BaseDep = Annotated[str, Depends(base_url)]
