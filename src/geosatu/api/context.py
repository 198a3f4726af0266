"""What routes are handed: the city, a connection, and the layer that the path names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from geosatu.features import PUBLIC, Box
from geosatu.layers import OWNERS, Catalogue, Layer
from geosatu.settings import Settings
from geosatu.store import read

NOT_FINAL = ("ilustratif", "indikatif")
"""The boundary statuses that every reader of the map has to know of."""


@dataclass
class City:
    """The one city that this service serves."""

    settings: Settings
    catalogue: Catalogue
    engine: Engine
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


def connection(city: CityDep) -> Iterator[Connection]:
    """A connection for reading, back in the pool when the answer is made."""
    with city.engine.connect() as conn:
        yield conn


def layer_of(name: str, city: CityDep) -> Layer:
    """The layer that the path names."""
    return city.catalogue[name]


ConnDep = Annotated[Connection, Depends(connection, scope="function")]
LayerDep = Annotated[Layer, Depends(layer_of)]


def base_url(request: Request, city: CityDep) -> str:
    """The address that users see in front of our paths, without a slash at its end."""
    return (city.settings.public_url or str(request.base_url)).rstrip("/")


BaseDep = Annotated[str, Depends(base_url)]
