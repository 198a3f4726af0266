"""Rules about where points lie."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas
import numpy
import pandas
import shapely
from numpy.typing import NDArray

from geosatu.checks.areas import areal
from geosatu.checks.registry import AREAS, Measure, Shapes, Violation, rule
from geosatu.checks.wording import metres, text

Codes = NDArray[numpy.object_]


@rule(on=("Point",), against=AREAS)
def must_be_inside(
    frame: geopandas.GeoDataFrame,
    other: geopandas.GeoDataFrame,
    title: str,
    *,
    near_m: Measure = 10.0,
) -> Iterator[Violation]:
    """Every point lies in a polygon of the other layer, and in one of its own kode wilayah if both have one.

    On the edge is inside. Outside by no more than `near_m`, or than the point's own accuracy where that is
    worse, is minor. With nothing in the other layer there is nothing to compare with.
    """
    points, units = numpy.asarray(frame.geometry.array), areal(other)
    if shapely.is_empty(units).all():
        return
    codes, unit_codes = _codes(frame), _codes(other)
    if pandas.isna(unit_codes).all():
        codes[:] = None
    unit, point = shapely.STRtree(points).query(units, predicate="covers")
    at_home = pandas.isna(codes[point]) | (codes[point] == unit_codes[unit])
    astray = numpy.setdiff1d(numpy.arange(len(points)), point[at_home])
    home, distance = _homes(points[astray], codes[astray], units, unit_codes)
    minor = distance <= numpy.maximum(_accuracy(frame)[astray], near_m)
    fell_in = dict(zip(point.tolist(), unit.tolist(), strict=True))
    names, unit_names = frame["name"].array, other["name"].array
    for number, row in enumerate(astray.tolist()):
        name, code, unit_row = names[row], codes[row], int(home[number])
        away = metres(distance[number])
        into = f"di {unit_names[fell_in[row]]}" if row in fell_in else ""
        if code is None:
            sentence = f"{name} berada {away} di luar {title}; yang terdekat {unit_names[unit_row]}."
        elif unit_row < 0:
            where = into or "di luar semuanya"
            sentence = f"{name} menyebut kode wilayah {code} yang tidak ada di {title}; letaknya {where}."
        else:
            where = f"{into}, {away} dari sana" if into else f"{away} di luarnya"
            sentence = f"{name} menurut kodenya ({code}) di {unit_names[unit_row]}, tetapi letaknya {where}."
        yield Violation((row,), points[row], sentence, minor=bool(minor[number]))


def _codes(frame: geopandas.GeoDataFrame) -> Codes:
    """The kode wilayah by position, None where there is none."""
    codes: Codes = numpy.array(text(frame, "kode_wilayah"), dtype=object)
    codes[pandas.isna(codes)] = None
    return codes


def _accuracy(frame: geopandas.GeoDataFrame) -> NDArray[numpy.float64]:
    """In metres; zero where it is not known."""
    if "accuracy_m" not in frame:
        return numpy.zeros(len(frame))
    accuracy = pandas.to_numeric(frame["accuracy_m"], errors="coerce")
    known: NDArray[numpy.float64] = numpy.nan_to_num(numpy.asarray(accuracy, dtype=float))
    return known


def _homes(
    points: Shapes, codes: Codes, units: Shapes, unit_codes: Codes
) -> tuple[NDArray[numpy.int64], NDArray[numpy.float64]]:
    """The nearest unit of each point's own code and how far it is; without a code, the nearest of all.

    A point whose code no unit has gets unit -1, infinitely far.
    """
    home, distance = numpy.full(len(points), -1), numpy.full(len(points), numpy.inf)
    free = pandas.isna(codes)
    if free.any():
        home[free] = shapely.STRtree(units).nearest(points[free])
        distance[free] = shapely.distance(points[free], units[home[free]])
    declared = pandas.DataFrame({"point": numpy.arange(len(points)), "code": codes}).dropna()
    known = pandas.DataFrame({"unit": numpy.arange(len(units)), "code": unit_codes}).dropna()
    pairs = declared.merge(known, on="code")
    pairs["distance"] = shapely.distance(points[pairs["point"]], units[pairs["unit"]])
    nearest = pairs.sort_values("distance").drop_duplicates("point")
    home[nearest["point"]], distance[nearest["point"]] = nearest["unit"], nearest["distance"]
    return home, distance
