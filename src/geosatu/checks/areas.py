"""Rules about the ground that polygons cover, measured in metres.

An invalid polygon takes part as the ground that its rings go around (`shapely.make_valid`, method
"structure"): leaving it out would call its whole ground a gap. That it is invalid, `must_be_valid` says.
"""

from __future__ import annotations

from collections.abc import Iterator

import geopandas
import numpy
import pandas
import shapely
from shapely.geometry import Polygon

from geosatu.checks.registry import AREAS, Measure, Shapes, Violation, rule
from geosatu.checks.wording import listing, square_metres

TOUCH_M = 0.001
"""Computed corners are not exact: closer than a millimetre is touching."""


def areal(frame: geopandas.GeoDataFrame) -> Shapes:
    """The polygons of a frame, all valid; what is no polygon is an empty one."""
    shapes: Shapes = numpy.array(frame.geometry.array, dtype=object)
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    shapes[~numpy.isin(shapely.get_type_id(shapes), (3, 6))] = Polygon()  # 3 Polygon, 6 MultiPolygon
    return shapes


@rule(on=AREAS)
def must_not_overlap(frame: geopandas.GeoDataFrame, *, min_area_m2: Measure = 1.0) -> Iterator[Violation]:
    """Two features may share an edge, never more than `min_area_m2` of ground."""
    shapes = areal(frame)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    shared = _ground(shapely.intersection(shapes[one], shapes[other]))
    areas = shapely.area(shared)
    names = frame["name"].array
    for pair in numpy.flatnonzero(areas > min_area_m2):
        rows = (int(one[pair]), int(other[pair]))
        both = listing([names[row] for row in rows])
        sentence = f"{both} tumpang tindih seluas {square_metres(areas[pair])}."
        yield Violation(rows, shared[pair], sentence, float(areas[pair]))


def _ground(shapes: Shapes) -> Shapes:
    """Without the lines and points that an overlay leaves beside its polygons."""
    for number in numpy.flatnonzero(shapely.get_type_id(shapes) == 7):  # GeometryCollection
        parts = shapely.get_parts(shapes[number])
        shapes[number] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return shapes


@rule(on=AREAS)
def must_not_have_gaps(frame: geopandas.GeoDataFrame, *, min_area_m2: Measure = 1.0) -> Iterator[Violation]:
    """The features leave no ground open between them of more than `min_area_m2`.

    A gap is ground that the features enclose and none of them covers, a lake in a single feature too;
    islands in it are not part of it. The features of a violation are those along its edge, the one with the
    longest share of the edge first.
    """
    shapes = areal(frame)
    gaps = _gaps(shapes)
    areas = shapely.area(gaps)
    gaps, areas = gaps[areas > min_area_m2], areas[areas > min_area_m2]
    names = frame["name"].array
    for gap, area, rows in zip(gaps, areas, _neighbours(gaps, shapes), strict=True):
        around = listing([names[row] for row in rows])
        if len(rows) == 1:
            sentence = f"Ada celah seluas {square_metres(area)} di dalam {around}; tutup lubangnya."
        else:
            sentence = f"Ada celah seluas {square_metres(area)} di antara {around}; rapatkan batasnya."
        yield Violation(tuple(rows), gap, sentence, float(area))


def _gaps(shapes: Shapes) -> Shapes:
    """The faces that the outlines of the covered ground cut out, as far as they are not covered themselves.

    Holes of the union would miss the gap in a ring of features that touch at corners only.
    """
    covered = shapely.union_all(shapes)
    if covered.is_empty:
        return numpy.array([], dtype=object)
    faces = shapely.get_parts(shapely.polygonize([shapely.node(covered.boundary)]))
    shapely.prepare(covered)
    return faces[~shapely.contains(covered, shapely.point_on_surface(faces))]


def _neighbours(gaps: Shapes, shapes: Shapes) -> list[list[int]]:
    """The shapes along the edge of each gap; one that only meets its corner is not among them."""
    gap, shape = shapely.STRtree(shapes).query(gaps, predicate="dwithin", distance=TOUCH_M)
    reach = shapely.buffer(gaps, TOUCH_M)
    shared = shapely.length(shapely.intersection(shapely.boundary(shapes)[shape], reach[gap]))
    pairs = pandas.DataFrame({"gap": gap, "shape": shape, "shared": shared})
    enough = numpy.minimum(10 * TOUCH_M, pairs.groupby("gap")["shared"].transform("max"))
    along = pairs[pairs["shared"] >= enough].sort_values("shared", ascending=False)
    rows = along.groupby("gap")["shape"].agg(list)
    return [rows[number] for number in range(len(gaps))]


@rule(on=AREAS, against=AREAS)
def must_be_covered_by(
    frame: geopandas.GeoDataFrame,
    other: geopandas.GeoDataFrame,
    title: str,
    *,
    min_area_m2: Measure = 1.0,
    tolerance_m: Measure = 2.0,
    tolerance_share: Measure = 0.005,
) -> Iterator[Violation]:
    """No more than `min_area_m2` of a feature lies outside all features of the other layer together.

    An overhang is minor where it is narrower than `tolerance_m` throughout, or no more than
    `tolerance_share` of the feature. With nothing in the other layer there is nothing to compare with.
    """
    shapes, cover = areal(frame), areal(other)
    if shapely.is_empty(cover).all():
        return
    outside = _outside(shapes, cover)
    areas = shapely.area(outside)
    rows = numpy.flatnonzero(areas > min_area_m2)
    whole = shapely.area(shapes[rows])
    narrow = shapely.is_empty(shapely.buffer(outside[rows], -tolerance_m / 2))
    small = areas[rows] <= tolerance_share * whole
    entirely = numpy.isclose(areas[rows], whole, rtol=1e-9)
    names = frame["name"].array
    for row, minor, all_of_it in zip(rows, narrow | small, entirely, strict=True):
        if all_of_it:
            sentence = f"{names[row]} seluruhnya berada di luar {title}."
        else:
            sentence = f"{names[row]} keluar dari {title} seluas {square_metres(areas[row])}."
        yield Violation((int(row),), outside[row], sentence, float(areas[row]), bool(minor and not all_of_it))


def _outside(shapes: Shapes, cover: Shapes) -> Shapes:
    """What is left of each shape beside the cover, cut away in turns: one neighbour of each a turn."""
    left = shapes.copy()
    tree = shapely.STRtree(shapes)
    left[tree.query(cover, predicate="covers")[1]] = Polygon()
    above, below = tree.query(cover, predicate="intersects")
    above, below = above[~shapely.is_empty(left[below])], below[~shapely.is_empty(left[below])]
    turn = pandas.Series(below).groupby(below).cumcount().to_numpy()
    for number in range(turn.max(initial=-1) + 1):
        now = turn == number
        left[below[now]] = _ground(shapely.difference(left[below[now]], cover[above[now]]))
    return left
