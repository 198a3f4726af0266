"""Frames in metres, also where they are wider than a UTM zone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import geopandas
import numpy
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geosatu.crs import ONE_FRAME_DEGREES, utm_srid

ZONE_DEGREES = 6
SURROUNDINGS_DEGREES = 1.0
"""What lies this close to a strip is seen with it: neighbours across its edge are neighbours."""


@dataclass(frozen=True)
class Strip:
    """Features in the metres of one UTM zone, and the longitudes whose findings count in it."""

    frame: geopandas.GeoDataFrame
    west: float = -math.inf
    east: float = math.inf

    def holds(self, place: BaseGeometry) -> bool:
        """Whether a place in degrees counts here; it does in one strip alone.

        The strips beside an edge see a place on it a little differently: 7 decimals are a centimetre.
        """
        west, _, east, _ = place.bounds
        return self.west <= round((west + east) / 2, 7) < self.east


def strips(frame: geopandas.GeoDataFrame) -> Iterator[Strip]:
    """The frame in metres: whole in the zone of its middle, or zone by zone where it is wider than one.

    Every strip of a wide frame comes with its surroundings, so that what lies on the edge between two zones
    is judged too; `Strip.holds` then counts it once.
    """
    placed = frame[on_earth(frame)]
    if placed.empty:
        return
    west, south, east, north = placed.total_bounds
    latitude = (south + north) / 2
    if east - west <= ONE_FRAME_DEGREES:
        yield Strip(placed.to_crs(utm_srid((west + east) / 2, latitude)))
        return
    wests, _, easts, _ = shapely.bounds(placed.geometry.array).T
    for edge in range(math.floor(west / ZONE_DEGREES) * ZONE_DEGREES, math.ceil(east) + 1, ZONE_DEGREES):
        end = edge + ZONE_DEGREES
        near = (wests <= end + SURROUNDINGS_DEGREES) & (easts >= edge - SURROUNDINGS_DEGREES)
        if near.any():
            yield Strip(placed[near].to_crs(utm_srid(edge + ZONE_DEGREES / 2, latitude)), edge, end)


def on_earth(frame: geopandas.GeoDataFrame) -> NDArray[numpy.bool_]:
    """Which features have a place: coordinates, and all of them possible degrees."""
    shapes = numpy.asarray(frame.geometry.array)
    coordinates, owners = shapely.get_coordinates(shapes, return_index=True)
    placed: NDArray[numpy.bool_] = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    placed[owners[~(numpy.abs(coordinates) <= (180, 90)).all(axis=1)]] = False
    return placed
