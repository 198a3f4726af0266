"""The words that the middle of geosatu speaks: what is asked of the store, and what it answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

from geosatu.errors import InvalidQuery
from geosatu.layers import Access

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000


class Box(NamedTuple):
    """A bounding box in degrees, longitude before latitude (CRS84)."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """The box of a `bbox` parameter: west,south,east,north; heights, if given, are dropped."""
        try:
            numbers = [float(part) for part in text.split(",")]
            if len(numbers) == 6:
                numbers = [*numbers[0:2], *numbers[3:5]]
            box = cls(*numbers)
        except (ValueError, TypeError):
            raise InvalidQuery(f"bbox={text}: harus empat bilangan barat,selatan,timur,utara dalam derajat.") from None
        if not all(math.isfinite(number) for number in box):
            raise InvalidQuery(f"bbox={text}: bilangannya harus terhingga.")
        if box.south > box.north or not -90 <= box.south <= box.north <= 90:
            raise InvalidQuery(f"bbox={text}: selatan dan utara harus urut, dari -90 sampai 90.")
        if box.west > box.east or not -180 <= box.west <= box.east <= 180:
            raise InvalidQuery(f"bbox={text}: barat dan timur harus urut, dari -180 sampai 180.")
        return box


@dataclass(frozen=True)
class Actor:
    """Who reads or writes, and the most restricted fields that they may see."""

    name: str
    access: Access = "publik"


PUBLIC = Actor("publik")
OPERATOR = Actor("operator", access="terbatas")
"""Whoever runs commands on the server's own machine."""


@dataclass(frozen=True)
class Query:
    """Which features of a layer are asked for. Every door parses its own dialect into one of these."""

    box: Box | None = None
    limit: int = DEFAULT_LIMIT
    after: int = 0
    """Only features with a larger id: a page starts behind the last id of the page before."""


@dataclass(frozen=True)
class Page:
    """One page of features, rendered by PostGIS as the inside of a GeoJSON `features` array."""

    features: str
    returned: int
    matched: int
    """How many features the query without limit and start finds."""
    next: int | None
    """Where the next page starts (`Query.after`); None: this is the last one."""
