"""What routes are handed: the city, a connection, and the layer that the path names."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool

from geosatu.api.links import base_of
from geosatu.database.connect import CONNECTIONS
from geosatu.errors import DatabaseUnavailable
from geosatu.features import PUBLIC, Box
from geosatu.layers import OWNERS, Catalogue, Layer
from geosatu.settings import Settings
from geosatu.store import read
from geosatu.store.answers import Pool
from geosatu.store.revisions import Revisions

LONGEST_WAIT = 20.0
"""Seconds until a request without a connection is told to come back."""

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
    counts: OrderedDict[Hashable, int | None] = field(default_factory=OrderedDict)
    """How many features questions found, by layer revision."""
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))
    """Requests wait for a connection here and not in a thread: threads that wait would be missing where the
    requests that have one want to finish."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _revisions: dict[str, int] = field(default_factory=dict)
    _overview: Overview | None = None

    def overview(self, conn: Connection) -> Overview:
        """What the layers hold for the public, worked out anew only when a layer has changed."""
        revisions = read.revisions(conn)
        with self._lock:
            if self._overview is None or revisions != self._revisions:
                self._overview = _overview(conn, self.catalogue)
                self._revisions = revisions
            return self._overview


@dataclass(frozen=True)
class Overview:
    """What the layers hold for the public."""

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


def _overview(conn: Connection, catalogue: Catalogue) -> Overview:
    notices: dict[str, None] = {}
    for layer in catalogue:
        if (status := layer.fields.get("status_batas")) is not None:
            codes = read.values_in_use(conn, layer, status.name, PUBLIC)
            notices |= {status.codes[code]: None for code in NOT_FINAL if code in codes and code in status.codes}
    cities: dict[str, None] = {}
    for layer in catalogue:
        if layer.polygonal and "kota" in layer.fields:
            cities |= dict.fromkeys(read.values_in_use(conn, layer, "kota", PUBLIC))
    title = next(iter(cities)) if len(cities) == 1 else None
    return Overview(read.summaries(conn, catalogue, PUBLIC), title, list(notices))


def city_of(request: Request) -> City:
    """The city of the application."""
    city: City = request.app.state.city
    return city


CityDep = Annotated[City, Depends(city_of)]


async def connection(city: CityDep) -> AsyncIterator[Connection]:
    """A connection for reading, back in the pool when the answer is made."""
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            await city.turns.acquire()
    except TimeoutError:
        raise DatabaseUnavailable("Layanan sedang sangat sibuk. Coba lagi sebentar.") from None
    try:
        conn = await run_in_threadpool(city.engine.connect)
        try:
            yield conn
        finally:
            await run_in_threadpool(conn.close)
    finally:
        city.turns.release()


def layer_of(name: str, city: CityDep) -> Layer:
    """The layer that the path names."""
    return city.catalogue[name]


ConnDep = Annotated[Connection, Depends(connection, scope="function")]
LayerDep = Annotated[Layer, Depends(layer_of)]


def base_url(request: Request, city: CityDep) -> str:
    """The address that users see in front of our paths, without a slash at its end."""
    return base_of(city.settings, request)


BaseDep = Annotated[str, Depends(base_url)]
