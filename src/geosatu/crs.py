"""Names of coordinate reference systems, and the metric one of a place."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas
import numpy

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""WGS 84 with longitude before latitude, the CRS of GeoJSON."""

STORAGE_SRID = 4326

LAND_AND_SEA = (92.0, -14.0, 141.5, 7.8)
"""West, south, east, north of Indonesia with its seas; nothing outside is kept."""

ONE_FRAME_DEGREES = 6.0
"""Data no wider than a UTM zone are measured in one zone, so that neighbours stay together."""


def utm_srid(longitude: float, latitude: float) -> int:
    """The EPSG code of the WGS 84 / UTM zone of a place, e.g. 32749 for Kediri."""
    zone = min(int((longitude + 180) // 6) + 1, 60)
    return (32600 if latitude >= 0 else 32700) + zone


def metric_parts(frame: geopandas.GeoDataFrame) -> Iterator[geopandas.GeoDataFrame]:
    """The frame in metres: whole in the UTM zone of its middle, or zone by zone where it is wider than one.

    Empty and missing geometries have no place and are left out.
    """
    placed = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    if placed.empty:
        return
    west, south, east, north = placed.total_bounds
    if east - west <= ONE_FRAME_DEGREES:
        yield placed.to_crs(utm_srid((west + east) / 2, (south + north) / 2))
        return
    bounds = placed.bounds
    longitudes = (bounds.minx + bounds.maxx) / 2
    latitudes = (bounds.miny + bounds.maxy) / 2
    srids = numpy.array([utm_srid(*place) for place in zip(longitudes, latitudes, strict=True)])
    for srid in numpy.unique(srids):
        yield placed[srids == srid].to_crs(int(srid))
