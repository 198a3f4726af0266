"""The words that the middle of geosatu speaks: what is asked of the store, and what it answers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Literal, NamedTuple, Self

from geosatu.cql2 import Tree
from geosatu.crs import WGS84_EAST_FIRST, Crs
from geosatu.errors import InvalidQuery, shortened
from geosatu.layers import Access

WIB = timezone(timedelta(hours=7))
"""Western Indonesian time: the day of a moment is the day on the wall there."""

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000


ORDER = "tulis barat,selatan,timur,utara"


class Box(NamedTuple):
    """A bounding box in degrees, longitude before latitude (CRS84)."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """The box of a `bbox` parameter: west,south,east,north; heights, if given, are dropped."""
        said = shortened(text)
        try:
            numbers = [float(part) for part in text.split(",")]
            if len(numbers) == 6:
                numbers = [*numbers[0:2], *numbers[3:5]]
            box = cls(*numbers)
        except (ValueError, TypeError):
            raise InvalidQuery(f"bbox={said}: harus empat bilangan barat,selatan,timur,utara dalam derajat.") from None
        if not all(math.isfinite(number) for number in box):
            raise InvalidQuery(f"bbox={said}: bilangannya harus terhingga.")
        if box.south > box.north or not -90 <= box.south <= box.north <= 90:
            raise InvalidQuery(f"bbox={said}: selatan dan utara harus urut, dari -90 sampai 90; {ORDER}.")
        if box.west > box.east or not -180 <= box.west <= box.east <= 180:
            raise InvalidQuery(f"bbox={said}: barat dan timur harus urut, dari -180 sampai 180; {ORDER}.")
        return box


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def moment_of(said: str, name: str) -> datetime:
    """The moment that a parameter states: the end of a day in WIB, or a moment of RFC 3339; not in the future."""
    told = f"{name}={shortened(said)}"
    try:
        if _DAY.fullmatch(said):
            first = datetime.combine(date.fromisoformat(said), time(), WIB)
            moment = first.astimezone(UTC) + timedelta(days=1, microseconds=-1)
        elif _MOMENT.fullmatch(said):
            first = moment = datetime.fromisoformat(said.upper()).astimezone(UTC)
        else:
            raise ValueError
    except ValueError:
        raise InvalidQuery(
            f"{told}: bukan tanggal atau waktu; tulis misalnya 2026-08-17, atau lengkap 2026-08-17T10:00:00+07:00."
        ) from None
    except OverflowError:
        raise InvalidQuery(f"{told}: tahunnya di luar jangkauan.") from None
    if first > datetime.now(UTC):
        raise InvalidQuery(f"{told}: belum terjadi; sebutkan tanggal atau waktu yang sudah lewat.")
    return moment


@dataclass(frozen=True)
class Photograph:
    """The file that was sent, and two JPEG pictures of it that tell nothing but what is to be seen."""

    original: bytes
    media_type: str
    picture: bytes
    thumbnail: bytes


@dataclass(frozen=True)
class Actor:
    """Who reads or writes, and the most restricted fields that they may see."""

    name: str
    access: Access = "publik"
    account: int | None = None
    """The account by whose rights PostgreSQL decides; None: the public, or a command on the server's machine."""
    reason: str | None = None
    """Why restricted fields are read; PostgreSQL shows none without, and keeps it in the audit log."""
    address: str | None = None
    """Where the request comes from."""


PUBLIC = Actor("publik")
OPERATOR = Actor("operator", access="terbatas")
"""Whoever runs commands on the server's own machine."""


Key = tuple[str | int | float | bool | None, ...]
"""Where a feature stands in an order: its sort values as JSON has them, its id last."""


class Gml(NamedTuple):
    """How features are written as members of a WFS answer."""

    version: Literal["2", "3.1", "3.2"]
    srs_name: str
    """What geometries say of their CRS."""
    value: bool = False
    """Only the value of the property that was asked for, as GetPropertyValue answers."""


Rows = Literal["features", "cells", "placemarks", "waypoints"]
"""What streams out of a layer: GeoJSON (or members of a WFS answer), cells of a table, KML or GPX."""


@dataclass(frozen=True)
class Query:
    """Which features of a layer are asked for, and how. Every door parses its own dialect into one of these."""

    box: Box | None = None
    box_crs: Crs = WGS84_EAST_FIRST
    limit: int = DEFAULT_LIMIT
    after: Key | None = None
    """Only features that stand behind this place: a page starts behind the last feature of the page before."""
    filter: Tree | None = None
    filter_crs: Crs = WGS84_EAST_FIRST
    sort: tuple[tuple[str, bool], ...] = ()
    """Property and whether it descends; the id settles what is left."""
    properties: tuple[str, ...] | None = None
    """Only these properties; None: all that the reader may see."""
    geometry: bool = True
    crs: Crs = WGS84_EAST_FIRST
    skip: int = 0
    """How many features to pass over behind `after`, where no key is known; a key is cheaper."""
    gml: Gml | None = None
    """As members of a WFS answer; None: as GeoJSON."""
    named_ids: bool = False
    """Whether GeoJSON tells ids with the name of the layer, as a WFS does."""
    at: datetime | None = None
    """As the layer was at this moment; None: as it is."""


@dataclass(frozen=True)
class Page:
    """One page of features, rendered by PostGIS as the inside of a GeoJSON `features` array, or as GML members."""

    features: bytes
    returned: int
    next: Key | None
    """Where the next page starts (`Query.after`); None: this is the last one."""
