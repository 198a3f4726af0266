"""Rules about each geometry by itself, on the coordinates as they are stored."""

from __future__ import annotations

import re
from collections.abc import Iterator

import geopandas
import numpy
import pandas
import shapely
from shapely.geometry import Point

from geosatu.checks.registry import Shapes, Violation, rule
from geosatu.checks.strips import on_earth
from geosatu.checks.wording import listing

REASONS = {
    "Self-intersection": "garis batasnya saling memotong",
    "Ring Self-intersection": "garis batasnya menyentuh dirinya sendiri",
    "Too few points in geometry component": "titiknya terlalu sedikit",
    "Invalid Coordinate": "ada koordinat yang bukan bilangan",
    "Ring is not closed": "garis batasnya tidak tertutup",
    "Hole lies outside shell": "lubangnya berada di luar bidangnya",
    "Holes are nested": "lubangnya berada di dalam lubang lain",
    "Interior is disconnected": "bagian dalamnya terputus oleh lubangnya",
    "Nested shells": "satu bagiannya berada di dalam bagian lain",
    "Duplicate Rings": "garis batas yang sama digambar dua kali",
}
"""The reasons of GEOS (`TopologyValidationError`) in Indonesian."""


@rule(as_stored=True)
def must_be_valid(frame: geopandas.GeoDataFrame) -> Iterator[Violation]:
    """Every feature has a geometry, valid by OGC Simple Features, in degrees that exist.

    The place is the point where GEOS stopped, the feature itself if that is unknown, or nowhere.
    """
    shapes = numpy.asarray(frame.geometry.array)
    names = frame["name"].array
    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    for row in numpy.flatnonzero(missing):
        yield Violation((int(row),), Point(), f"{names[row]} tidak memiliki geometri; gambar letaknya.")
    broken = ~missing & ~shapely.is_valid(shapes)
    for row in numpy.flatnonzero(broken):
        reason, place = _explained(shapely.is_valid_reason(shapes[row]))
        sentence = f"Geometri {names[row]} tidak sah: {reason}; perbaiki gambarnya."
        yield Violation((int(row),), place, sentence)
    for row in numpy.flatnonzero(~missing & ~broken & ~on_earth(frame)):
        sentence = f"Koordinat {names[row]} bukan derajat bujur dan lintang; periksa sistem koordinatnya."
        yield Violation((int(row),), Point(), sentence)


def _explained(reason: str) -> tuple[str, Point]:
    """What GEOS says, e.g. `Self-intersection[112.01 -7.82]`, in Indonesian and as a place."""
    said = re.fullmatch(r"(.+?)\[(\S+) (\S+)\]", reason)
    if said is None:
        return REASONS.get(reason, reason), Point()
    x, y = float(said[2]), float(said[3])
    finite = numpy.isfinite([x, y]).all()
    return REASONS.get(said[1], said[1]), Point(x, y) if finite else Point()


@rule(as_stored=True)
def must_not_have_duplicates(frame: geopandas.GeoDataFrame) -> Iterator[Violation]:
    """No two features have the same geometry, wherever their rings start and whichever way they run.

    A collection of one part is that part. One violation names all that are alike.
    """
    shapes: Shapes = numpy.where(on_earth(frame), numpy.asarray(frame.geometry.array), numpy.array(None))
    keys = pandas.Series(_canonical(shapes), dtype=object)
    names = frame["name"].array
    for rows in keys[keys.duplicated(keep=False) & keys.notna()].groupby(keys, sort=False).groups.values():
        alike = listing([names[row] for row in rows])
        yield Violation(
            tuple(rows.tolist()),
            frame.geometry.array[rows[0]],
            f"{alike} digambar persis sama; sisakan satu saja.",
        )


def _canonical(shapes: Shapes) -> Shapes:
    """Bytes that are equal for equal geometries; None for None."""
    flat = shapely.normalize(shapes)
    single = numpy.where(shapely.get_num_geometries(flat) == 1, shapely.get_geometry(flat, 0), flat)
    return numpy.asarray(shapely.to_wkb(single), dtype=object)
