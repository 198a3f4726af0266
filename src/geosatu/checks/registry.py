"""The rules by name.

A rule is a function `(frame, *, parameters)` or, where it compares with another layer,
`(frame, other, title, *, parameters)`. It yields a `Violation` for everything that breaks it.

- `frame` and `other` are in metres, in the same CRS; features without a place are not in them. A rule
  registered with `as_stored` gets all features instead, as they are stored: EPSG:4326, null, empty or broken.
- Both have a column `name` (how a sentence calls the feature) and, where the layer has them, `kode_wilayah`
  and `accuracy_m`. Rules speak of rows by position, so the index may hold anything.
- `title` is what a sentence calls the other layer, e.g. "batas kelurahan".
- Keyword-only arguments are the parameters that a layer file may set. A type from pydantic says what fits,
  and its description says so in Indonesian.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, TypeVar

import numpy
from numpy.typing import NDArray
from pydantic import Field
from shapely.geometry.base import BaseGeometry

from geosatu.layers import GeometryType

POINTS: tuple[GeometryType, ...] = ("Point", "MultiPoint")
AREAS: tuple[GeometryType, ...] = ("Polygon", "MultiPolygon")
ANY: tuple[GeometryType, ...] = (*POINTS, "LineString", "MultiLineString", *AREAS)

Shapes = NDArray[numpy.object_]
"""The geometries of a frame as an array; what is missing is None."""

Measure = Annotated[float, Field(ge=0, allow_inf_nan=False, description="bilangan nol atau lebih")]
"""A length in metres, an area in square metres or a share."""


@dataclass(frozen=True)
class Violation:
    """What breaks a rule: the rows of the frame, the place in the frame's CRS, and a sentence."""

    rows: tuple[int, ...]
    place: BaseGeometry
    message: str
    area_m2: float | None = None
    minor: bool = False
    """Within what the domain tolerates: a warning where the layer declares an error."""


@dataclass(frozen=True)
class Check:
    """A registered rule: its function, and which layers it fits."""

    function: Callable[..., Iterator[Violation]]
    on: tuple[GeometryType, ...]
    against: tuple[GeometryType, ...]
    """Which layers it compares with; none: it looks at one layer only."""
    as_stored: bool

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        arguments = inspect.signature(self.function, eval_str=True).parameters
        return {name: each for name, each in arguments.items() if each.kind is each.KEYWORD_ONLY}


RULES: dict[str, Check] = {}

Function = TypeVar("Function", bound=Callable[..., Iterator[Violation]])


def rule(
    *,
    on: tuple[GeometryType, ...] = ANY,
    against: tuple[GeometryType, ...] = (),
    as_stored: bool = False,
) -> Callable[[Function], Function]:
    """Register a function under its own name, so that layers can declare it."""

    def register(function: Function) -> Function:
        RULES[function.__name__] = Check(function, on, against, as_stored)
        return function

    return register
