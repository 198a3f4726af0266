"""What the rules say about shapes that can be drawn on squared paper, in metres."""

from __future__ import annotations

import json
import re
from itertools import combinations

import geopandas
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import rotate
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from geosatu import checks
from geosatu.checks.areas import must_be_covered_by, must_not_have_gaps, must_not_overlap
from geosatu.checks.points import must_be_inside
from geosatu.checks.shapes import must_be_valid, must_not_have_duplicates
from geosatu.checks.wording import listing, metres, names, square_metres
from geosatu.layers import Catalogue, Layer

UTM_49S = 32749
KEDIRI = (610_000, 9_135_000)
"""A corner for the squared paper, metres of UTM zone 49S."""

BOWTIE = Polygon([(0, 0), (20, 20), (20, 0), (0, 20)])


def drawn(*shapes, srid=UTM_49S, **columns) -> geopandas.GeoDataFrame:
    """Features A, B, C ... of these shapes."""
    called = [chr(ord("A") + number) for number in range(len(shapes))]
    return geopandas.GeoDataFrame({"name": called, **columns}, geometry=list(shapes), crs=srid)


def stored(*shapes, **columns) -> geopandas.GeoDataFrame:
    """The shapes in Kediri, in degrees as the database holds them."""
    placed = geopandas.GeoSeries(list(shapes), crs=UTM_49S).translate(*KEDIRI)
    return geopandas.GeoDataFrame(columns, geometry=placed, crs=UTM_49S).to_crs(4326)


def layer_like(layer: Layer, *rules: dict) -> Layer:
    """The layer with these rules instead of its own."""
    return Layer.model_validate({**layer.model_dump(exclude={"rules"}), "rules": list(rules)})


def no_others(name: str) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame({"nama": []}, geometry=[], crs=4326)


def messages(violations) -> list[str]:
    return [violation.message for violation in violations]


# Overlaps


def test_neighbours_may_share_an_edge():
    frame = drawn(box(0, 0, 2, 2), box(2, 0, 3, 2))

    assert list(must_not_overlap(frame)) == []


def test_an_overlap_names_both_and_says_how_much():
    frame = drawn(box(0, 0, 100, 50), box(90, 0, 200, 50))

    (overlap,) = must_not_overlap(frame)

    assert overlap.rows == (0, 1)
    assert overlap.area_m2 == 500
    assert overlap.place.equals(box(90, 0, 100, 50))
    assert overlap.message == "A dan B tumpang tindih seluas 500 m²."


def test_three_polygons_on_the_same_ground_are_three_overlaps():
    frame = drawn(box(0, 0, 10, 10), box(5, 0, 15, 10), box(0, 5, 15, 10))

    assert {overlap.rows for overlap in must_not_overlap(frame)} == {(0, 1), (0, 2), (1, 2)}


def test_a_sliver_below_the_threshold_is_not_reported():
    frame = drawn(box(0, 0, 10, 10), box(9.95, 0, 20, 10))

    assert list(must_not_overlap(frame)) == []
    assert len(list(must_not_overlap(frame, min_area_m2=0.4))) == 1


def test_the_place_of_an_overlap_is_only_the_ground_not_the_shared_edges():
    notched = Polygon([(0, 0), (10, 0), (10, 4), (12, 4), (12, 6), (10, 6), (10, 10), (0, 10)])
    frame = drawn(notched, box(10, 0, 20, 10))

    (overlap,) = must_not_overlap(frame)

    assert overlap.place.equals(box(10, 4, 12, 6))
    assert overlap.place.geom_type in ("Polygon", "MultiPolygon")


# Gaps


def test_a_gap_names_the_neighbours_along_its_edge_and_not_those_at_its_corners():
    cells = {(x, y): box(x, y, x + 10, y + 10) for x in (0, 10, 20) for y in (0, 10, 20)}
    hole = cells.pop((10, 10))
    frame = drawn(*cells.values())

    (gap,) = must_not_have_gaps(frame)

    along = [key for key in cells if 10 in key]
    assert sorted(gap.rows) == sorted(list(cells).index(key) for key in along)
    assert gap.place.equals(hole)
    assert gap.area_m2 == pytest.approx(100)
    assert re.fullmatch(r"Ada celah seluas 100 m² di antara ., ., ., dan .; rapatkan batasnya\.", gap.message)


def test_the_neighbour_with_the_longest_edge_is_named_first():
    frame = drawn(box(0, 0, 30, 10), box(0, 20, 30, 30), box(0, 10, 5, 20), box(25, 10, 30, 20))

    (gap,) = must_not_have_gaps(frame)

    assert set(gap.rows[:2]) == {0, 1}
    assert set(gap.rows[2:]) == {2, 3}


def test_a_bay_is_not_a_gap():
    frame = drawn(box(0, 0, 30, 10), box(0, 10, 10, 20), box(20, 10, 30, 20))

    assert list(must_not_have_gaps(frame)) == []


def test_a_hole_in_one_feature_is_a_gap_unless_another_fills_it():
    donut = box(0, 0, 30, 30).difference(box(10, 10, 20, 20))

    (gap,) = must_not_have_gaps(drawn(donut))
    assert gap.rows == (0,)
    assert gap.message == "Ada celah seluas 100 m² di dalam A; tutup lubangnya."

    assert list(must_not_have_gaps(drawn(donut, box(10, 10, 20, 20)))) == []


def test_an_island_in_a_gap_is_not_part_of_it():
    donut = box(0, 0, 30, 30).difference(box(10, 10, 20, 20))

    (gap,) = must_not_have_gaps(drawn(donut, box(14, 14, 16, 16)))

    assert gap.area_m2 == pytest.approx(96)
    assert set(gap.rows) == {0, 1}


def test_features_that_meet_at_their_corners_only_enclose_a_gap_too():
    frame = drawn(box(10, 0, 20, 10), box(0, 10, 10, 20), box(20, 10, 30, 20), box(10, 20, 20, 30))

    (gap,) = must_not_have_gaps(frame)

    assert gap.place.equals(box(10, 10, 20, 20))
    assert set(gap.rows) == {0, 1, 2, 3}


# Covered by another layer


def test_what_two_features_cover_together_is_covered():
    cover = drawn(box(0, 0, 10, 10), box(10, 0, 20, 10))

    assert list(must_be_covered_by(drawn(box(5, 2, 15, 8)), cover, "batas kelurahan")) == []


def test_an_overhang_is_the_ground_outside():
    frame = drawn(box(5, 2, 15, 8), box(15, 0, 30, 10))
    cover = drawn(box(0, 0, 10, 10), box(10, 0, 20, 10))

    (overhang,) = must_be_covered_by(frame, cover, "batas kelurahan")

    assert overhang.rows == (1,)
    assert overhang.place.equals(box(20, 0, 30, 10))
    assert overhang.message == "B keluar dari batas kelurahan seluas 100 m²."
    assert not overhang.minor


def test_a_feature_wholly_outside_is_said_to_be():
    (overhang,) = must_be_covered_by(drawn(box(50, 0, 51, 10)), drawn(box(0, 0, 10, 10)), "batas kelurahan")

    assert overhang.message == "A seluruhnya berada di luar batas kelurahan."
    assert not overhang.minor  # narrow as it is


def test_a_neighbour_of_the_cover_is_wholly_outside():
    kelurahan, strip = box(0, 0, 99.9, 33.3), box(99.9, 0, 100.7, 33.3)

    (overhang,) = must_be_covered_by(drawn(strip), drawn(kelurahan), "batas kelurahan")

    assert overhang.message == "A seluruhnya berada di luar batas kelurahan."


@pytest.mark.parametrize(
    ("overhang", "minor"),
    [(box(0, 100, 100, 101.9), True), (box(0, 100, 7, 107), True), (box(0, 100, 100, 103), False)],
    ids=["narrow", "half a percent", "neither"],
)
def test_an_overhang_up_to_two_metres_or_half_a_percent_is_minor(overhang, minor):
    kelurahan = box(0, 0, 100, 100)

    (violation,) = must_be_covered_by(drawn(kelurahan.union(overhang)), drawn(kelurahan), "batas kelurahan")

    assert violation.minor is minor


def test_with_nothing_to_compare_with_nothing_is_found():
    nothing = drawn()

    assert list(must_be_covered_by(drawn(box(0, 0, 1, 1)), nothing, "batas kelurahan")) == []
    assert list(must_be_inside(drawn(Point(0, 0)), nothing, "batas kelurahan")) == []


# Points inside


def test_a_point_on_the_edge_is_inside():
    frame = drawn(Point(5, 5), Point(10, 5), Point(0, 0))

    assert list(must_be_inside(frame, drawn(box(0, 0, 10, 10)), "batas kelurahan")) == []


@pytest.mark.parametrize(
    ("x", "accuracy_m", "minor"), [(109, None, True), (111, None, False), (140, 50.0, True), (140, 5.0, False)]
)
def test_a_point_just_outside_is_minor_within_ten_metres_or_its_accuracy(x, accuracy_m, minor):
    frame = drawn(Point(x, 50), accuracy_m=[accuracy_m])

    (outside,) = must_be_inside(frame, drawn(box(0, 0, 100, 100)), "batas kelurahan")

    assert outside.minor is minor


def test_a_point_outside_everything_hears_how_far_the_nearest_is():
    units = drawn(box(0, 0, 100, 100), box(100, 0, 200, 100))

    (outside,) = must_be_inside(drawn(Point(1434, 50)), units, "batas kelurahan")

    assert outside.message == "A berada 1.234 m di luar batas kelurahan; yang terdekat B."


def test_a_point_in_another_kelurahan_than_its_own_is_told_both():
    frame = drawn(Point(250, 50), kode_wilayah=["35.71.02.1014"])
    units = drawn(box(0, 0, 100, 100), box(100, 0, 300, 100), kode_wilayah=["35.71.02.1014", "35.71.03.1005"])

    (astray,) = must_be_inside(frame, units, "batas kelurahan")

    assert astray.message == "A menurut kodenya (35.71.02.1014) di A, tetapi letaknya di B, 150 m dari sana."
    assert not astray.minor


def test_a_point_close_to_its_own_kelurahan_is_minor_even_in_the_next_one():
    frame = drawn(Point(104, 50), kode_wilayah=["35.71.02.1014"])
    units = drawn(box(0, 0, 100, 100), box(100, 0, 300, 100), kode_wilayah=["35.71.02.1014", "35.71.03.1005"])

    (astray,) = must_be_inside(frame, units, "batas kelurahan")

    assert astray.minor


def test_a_point_of_an_unknown_kelurahan_is_told_so():
    frame = drawn(Point(50, 50), Point(500, 50), kode_wilayah=["35.71.02.9999"] * 2)
    units = drawn(box(0, 0, 100, 100), kode_wilayah=["35.71.02.1014"])

    assert messages(must_be_inside(frame, units, "batas kelurahan")) == [
        "A menyebut kode wilayah 35.71.02.9999 yang tidak ada di batas kelurahan; letaknya di A.",
        "B menyebut kode wilayah 35.71.02.9999 yang tidak ada di batas kelurahan; letaknya di luar semuanya.",
    ]


def test_without_codes_on_both_sides_only_the_place_counts():
    coded = drawn(Point(50, 50), kode_wilayah=["35.71.02.9999"])

    assert list(must_be_inside(coded, drawn(box(0, 0, 100, 100)), "batas kelurahan")) == []
    assert list(must_be_inside(drawn(Point(50, 50)), drawn(box(0, 0, 100, 100), kode_wilayah=["x"]), "")) == []


def test_in_the_overlap_of_two_kelurahan_a_point_may_belong_to_either():
    units = drawn(box(0, 0, 100, 100), box(50, 0, 150, 100), kode_wilayah=["k1", "k2"])
    frame = drawn(Point(75, 50), Point(75, 50), kode_wilayah=["k1", "k2"])

    assert list(must_be_inside(frame, units, "batas kelurahan")) == []


# Duplicates


@pytest.mark.parametrize(
    "twin",
    [
        Polygon([(10, 0), (10, 10), (0, 10), (0, 0)]),
        Polygon([(0, 0), (0, 10), (10, 10), (10, 0)]),
        MultiPolygon([box(0, 0, 10, 10)]),
    ],
    ids=["other start", "other way", "multi of one part"],
)
def test_the_same_shape_drawn_differently_is_a_duplicate(twin):
    frame = drawn(box(0, 0, 10, 10), box(0, 0, 10, 11), twin, srid=4326)

    (duplicate,) = must_not_have_duplicates(frame)

    assert duplicate.rows == (0, 2)
    assert duplicate.message == "A dan C digambar persis sama; sisakan satu saja."


def test_all_that_are_alike_are_one_finding():
    frame = drawn(*[Point(112, -7.8)] * 6, Point(112, -7.9), None, None, srid=4326)

    (duplicate,) = must_not_have_duplicates(frame)

    assert duplicate.rows == (0, 1, 2, 3, 4, 5)
    assert duplicate.message == "A, B, C, dan 3 lainnya digambar persis sama; sisakan satu saja."


# Validity


def test_an_invalid_polygon_is_reported_at_the_crossing_point():
    (invalid,) = must_be_valid(drawn(BOWTIE, box(0, 0, 1, 1), srid=4326))

    assert invalid.place == Point(10, 10)
    assert invalid.message == "Geometri A tidak sah: garis batasnya saling memotong; perbaiki gambarnya."


@pytest.mark.parametrize("shape", [None, Polygon(), Point()])
def test_a_feature_without_geometry_is_reported(shape):
    (missing,) = must_be_valid(drawn(shape, srid=4326))

    assert missing.place.is_empty
    assert missing.message == "A tidak memiliki geometri; gambar letaknya."


@pytest.mark.parametrize("shape", [Point(610_000, 9_135_000), box(200, 0, 201, 1)])
def test_metres_in_the_place_of_degrees_are_reported(shape):
    assert messages(must_be_valid(drawn(shape, srid=4326))) == [
        "Koordinat A bukan derajat bujur dan lintang; periksa sistem koordinatnya."
    ]


def test_an_invalid_polygon_still_takes_part_with_the_ground_it_goes_around():
    lobe = box(14, 9, 16, 11)  # inside the right half of the bowtie

    (overlap,) = must_not_overlap(drawn(BOWTIE, lobe))

    assert overlap.area_m2 == pytest.approx(4)


@pytest.mark.parametrize("odd", [None, Polygon(), Point(5, 5), LineString([(0, 0), (9, 9)]), BOWTIE])
@pytest.mark.parametrize("judge", [must_not_overlap, must_not_have_gaps])
def test_area_rules_survive_what_is_no_polygon(judge, odd):
    frame = drawn(odd, box(100, 0, 110, 10), box(110, 0, 120, 10))

    assert list(judge(frame)) == []


# Properties of partitions

cuts = st.lists(st.floats(5, 500), min_size=2, max_size=5)


@st.composite
def partitions(draw) -> tuple[geopandas.GeoDataFrame, tuple[int, int]]:
    """A turned grid of uneven cells, and how many columns and rows it has."""
    xs, ys = (numpy.cumsum([0.0, *draw(cuts)]) for _ in range(2))
    cells = [box(xs[i], ys[j], xs[i + 1], ys[j + 1]) for i in range(len(xs) - 1) for j in range(len(ys) - 1)]
    angle = draw(st.floats(0, 90))
    return drawn(*(rotate(cell, angle, origin=(0, 0)) for cell in cells)), (len(xs) - 1, len(ys) - 1)


@given(partitions())
def test_a_partition_has_neither_overlaps_nor_gaps(partition):
    frame, _ = partition

    assert list(must_not_overlap(frame)) == []
    assert list(must_not_have_gaps(frame)) == []
    assert list(must_be_covered_by(frame, frame, "dirinya sendiri")) == []


@given(partitions(), st.data())
def test_a_cell_grown_over_its_neighbour_overlaps_that_one_alone(partition, data):
    frame, (columns, rows) = partition
    column, row = data.draw(st.integers(0, columns - 2)), data.draw(st.integers(0, rows - 1))
    grown, neighbour = column * rows + row, (column + 1) * rows + row
    tongue = frame.geometry[neighbour].centroid.buffer(2)
    frame.loc[grown, "geometry"] = MultiPolygon([frame.geometry[grown], tongue])

    (overlap,) = must_not_overlap(frame)

    assert overlap.rows == (grown, neighbour)
    assert overlap.area_m2 == pytest.approx(tongue.area)
    assert overlap.place.hausdorff_distance(tongue) < 0.001


@given(partitions(), st.data())
def test_a_hole_cut_into_a_cell_is_exactly_that_gap(partition, data):
    frame, _ = partition
    cell = data.draw(st.integers(0, len(frame) - 1))
    hole = frame.geometry[cell].centroid.buffer(2)
    frame.loc[cell, "geometry"] = frame.geometry[cell].difference(hole)

    (gap,) = must_not_have_gaps(frame)

    assert gap.rows == (cell,)
    assert gap.area_m2 == pytest.approx(hole.area)


@given(partitions())
def test_a_cell_left_out_is_a_gap_if_others_surround_it(partition):
    frame, (columns, rows) = partition
    for cell in range(len(frame)):
        column, row = divmod(cell, rows)
        gaps = list(must_not_have_gaps(frame.drop(index=cell)))
        if 0 < column < columns - 1 and 0 < row < rows - 1:
            (gap,) = gaps
            assert gap.area_m2 == pytest.approx(frame.geometry[cell].area)
            assert len(gap.rows) == 4
        else:
            assert gaps == []


# Squared paper: what the rules say, counted square by square

SIDE = 8
Squares = frozenset[tuple[int, int]]
blocks = st.tuples(*[st.integers(0, SIDE - 1)] * 2, *[st.integers(1, 4)] * 2).map(
    lambda block: frozenset(
        (x, y) for x in range(block[0], block[0] + block[2]) for y in range(block[1], block[1] + block[3])
    )
)
drawings = st.lists(blocks, min_size=1, max_size=14)


def inked(drawing: list[Squares]) -> geopandas.GeoDataFrame:
    """The blocks as features, ten metres a square."""
    corners = [(*min(block), *max(block)) for block in drawing]
    frame = drawn(*(box(west, south, east + 1, north + 1) for west, south, east, north in corners))
    return frame.set_geometry(frame.scale(10, 10, origin=(0, 0)))


def enclosed(covered: Squares) -> list[Squares]:
    """The groups of empty squares, joined by their sides, that do not reach the rim of the paper."""
    reach = range(-1, SIDE + 5)
    empty = {(x, y) for x in reach for y in reach} - covered
    groups = []
    while empty:
        group, ahead = set(), [empty.pop()]
        while ahead:
            x, y = ahead.pop()
            group.add((x, y))
            beside = {(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)} & empty
            empty -= beside
            ahead += beside
        if (-1, -1) not in group:
            groups.append(frozenset(group))
    return groups


@given(drawings)
def test_overlaps_are_the_squares_that_two_blocks_share(drawing):
    found = {overlap.rows: overlap.area_m2 for overlap in must_not_overlap(inked(drawing))}

    pairs = combinations(range(len(drawing)), 2)
    shared = {(one, other): len(drawing[one] & drawing[other]) * 100 for one, other in pairs}
    assert found == pytest.approx({pair: area for pair, area in shared.items() if area})


@given(drawings)
def test_gaps_are_the_empty_squares_that_blocks_enclose(drawing):
    gaps = list(must_not_have_gaps(inked(drawing)))

    groups = enclosed(frozenset().union(*drawing))
    assert sorted(gap.area_m2 for gap in gaps) == pytest.approx(sorted(len(group) * 100 for group in groups))
    for gap in gaps:
        (group,) = (group for group in groups if gap.place.covers(Point(*numpy.add(min(group), 0.5) * 10)))
        around = {(x + dx, y + dy) for x, y in group for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))} - group
        assert set(gap.rows) == {row for row, block in enumerate(drawing) if block & around}


@given(drawings, drawings)
def test_overhangs_are_the_squares_that_no_block_of_the_cover_holds(drawing, cover):
    found = {
        overhang.rows: overhang.area_m2 for overhang in must_be_covered_by(inked(drawing), inked(cover), "lapisan lain")
    }

    left = {(row,): len(block.difference(*cover)) * 100 for row, block in enumerate(drawing)}
    assert found == pytest.approx({row: area for row, area in left.items() if area})


@given(drawings, st.tuples(*[st.integers(0, SIDE + 3)] * 2))
def test_a_point_is_inside_where_a_block_holds_its_square(drawing, square):
    point = Point(*numpy.add(square, 0.5) * 10)

    astray = list(must_be_inside(drawn(point), inked(drawing), "lapisan lain"))

    assert (astray == []) == any(square in block for block in drawing)


# Running the rules of a layer


def test_findings_speak_of_features_by_their_ids_and_places_in_degrees(catalogue: Catalogue):
    frame = stored(box(0, 0, 100, 50), box(90, 0, 200, 50), nama=["Ngronggo", "Singonegaran"])
    frame.index = [1014, 1005]

    (finding,) = checks.run(catalogue["batas_kelurahan"], frame, no_others)

    assert finding.features == (1014, 1005)
    assert finding.rule == "must_not_overlap"
    assert finding.layer == "batas_kelurahan"
    assert finding.severity == "error"
    assert finding.message == "Ngronggo dan Singonegaran tumpang tindih seluas 500 m²."
    assert finding.area_m2 == pytest.approx(500, abs=0.01)
    assert finding.place.within(box(*frame.total_bounds).buffer(1e-9))


def test_findings_are_sorted_by_severity_and_then_by_area(catalogue: Catalogue):
    shapes = [box(0, 0, 100, 50), box(98, 0, 200, 50), box(190, 0, 300, 50), box(500, 0, 520, 20)]
    frame = stored(*shapes, BOWTIE.buffer(0).union(box(0, 100, 1, 101)), nama=[*"ABCDE"])
    frame.loc[3, "geometry"] = stored(Polygon([(500, 0), (520, 20), (520, 0), (500, 20)])).geometry[0]

    found = checks.run(catalogue["batas_rt"], frame, lambda name: stored(box(0, 0, 250, 500), nama=["K"]))

    assert [finding.severity for finding in found] == sorted(
        (finding.severity for finding in found), key=["refuse", "error", "warning"].index
    )
    errors = [finding.area_m2 for finding in found if finding.severity == "error"]
    assert errors == sorted(errors, reverse=True)
    assert found[0].rule == "must_be_valid"


@pytest.mark.parametrize(("declared", "severity"), [("error", "warning"), ("refuse", "refuse")])
def test_what_is_minor_softens_an_error_and_nothing_else(catalogue, declared, severity):
    rule = {"rule": "must_be_inside", "layer": "batas_kelurahan", "severity": declared}
    layer = layer_like(catalogue["posyandu"], rule)
    kelurahan = stored(box(0, 0, 100, 100), nama=["Ngronggo"])

    (finding,) = checks.run(layer, stored(Point(104, 50), nama=["Mawar"]), lambda name: kelurahan)

    assert finding.severity == severity
    assert finding.message == "Mawar berada 4,0 m di luar batas kelurahan; yang terdekat Ngronggo."


@pytest.mark.parametrize("layer", ["batas_rt", "batas_kelurahan", "posyandu", "zona_sampah"])
def test_a_layer_without_features_has_no_findings(catalogue: Catalogue, layer):
    assert checks.run(catalogue[layer], no_others(layer), no_others) == []


@pytest.mark.filterwarnings("error")
def test_every_kind_of_broken_geometry_is_reported_and_none_stops_the_rest(catalogue: Catalogue):
    good = stored(box(0, 0, 100, 50), box(90, 0, 200, 50)).geometry
    with numpy.errstate(invalid="ignore"):
        not_a_number = Polygon([(112, -7.8), (112.1, -7.8), (112.1, float("nan"))])
    broken = [
        None,
        Polygon(),
        not_a_number,
        Polygon([(112, -7.8), (112.1, -7.7), (112.1, -7.8), (112, -7.7)]),
        Polygon([(112, -7.8), (112.1, -7.8), (112, -7.8)]),
        box(610_000, 9_135_000, 610_100, 9_135_100),
        box(112, -7.9, 112.1, 1e300),
    ]
    frame = geopandas.GeoDataFrame({"nama": [None] * 9}, geometry=[*good, *broken], crs=4326)

    found = checks.run(catalogue["batas_kelurahan"], frame, no_others)

    invalid = [finding.features for finding in found if finding.rule == "must_be_valid"]
    assert sorted(invalid) == [(row,) for row in range(2, 9)]
    assert (0, 1) in [finding.features for finding in found if finding.rule == "must_not_overlap"]
    assert all(json.dumps(checks.as_geojson(finding)) for finding in found)


def test_heights_do_not_count(catalogue: Catalogue):
    flat = stored(Point(0, 0), nama=["A"]).geometry[0]
    frame = geopandas.GeoDataFrame({"nama": ["A", "B"]}, geometry=[flat, Point(flat.x, flat.y, 70)], crs=4326)

    (duplicate,) = checks.run(catalogue["posyandu"], frame, no_others)

    assert duplicate.features == (0, 1)


def test_an_index_that_is_not_unique_stays_what_it_is(catalogue: Catalogue):
    frame = stored(box(0, 0, 100, 50), box(90, 0, 200, 50), nama=["A", "B"])
    frame.index = ["baris", "baris"]

    (finding,) = checks.run(catalogue["batas_kelurahan"], frame, no_others)

    assert finding.features == ("baris", "baris")


def test_neighbours_on_both_sides_of_a_utm_zone_are_neighbours_once(catalogue: Catalogue):
    """Zone 49 ends at 114° E; the country is wider than a zone."""
    overlapping = [box(113.99, -2, 114.001, -1.99), box(113.999, -2, 114.01, -1.99)]
    symmetric = [box(119.9, 0.5, 120, 0.6), box(119.99, 0.5, 120.1, 0.6), box(119.98, 0.4, 120.02, 0.51)]
    far = [box(95, 5, 95.1, 5.1), box(140, -8, 140.1, -7.9)]
    ring = box(107.9, -7, 108.1, -6.8).difference(box(107.99, -6.95, 108.01, -6.9))
    frame = geopandas.GeoDataFrame(geometry=[*overlapping, *symmetric, *far, ring], crs=4326)

    found = checks.run(catalogue["batas_kecamatan"], frame, no_others)

    pairs = [finding.features for finding in found if finding.rule == "must_not_overlap"]
    assert sorted(pairs) == [(0, 1), (2, 3), (2, 4), (3, 4)]
    assert [finding.features for finding in found if finding.rule == "must_not_have_gaps"] == [(7,)]


def test_findings_are_written_as_geojson(catalogue: Catalogue):
    frame = stored(box(0, 0, 100, 50), box(90, 0, 200, 50), None, nama=["A", "B", "C"])

    nowhere, overlap = checks.run(catalogue["batas_kelurahan"], frame, no_others)

    feature = json.loads(json.dumps(checks.as_geojson(overlap)))
    assert feature["type"] == "Feature"
    assert feature["geometry"]["type"] == "Polygon"
    assert feature["properties"]["features"] == [0, 1]
    assert json.loads(json.dumps(checks.as_json(overlap)))["place"] == feature["geometry"]
    assert checks.as_geojson(nowhere)["geometry"] is None


# Words


@pytest.mark.parametrize(
    ("area", "said"),
    [(12345, "12.345 m²"), (3.5, "3,5 m²"), (0.04, "0,04 m²"), (1234567.8, "1.234.568 m²"), (10, "10 m²")],
)
def test_areas_are_written_the_indonesian_way(area, said):
    assert square_metres(area) == said


def test_distances_and_lists_are_written_the_indonesian_way():
    assert metres(1234.5) == "1.234 m"
    assert [listing([*"ABCDE"][:n]) for n in (1, 2, 3, 4, 5)] == [
        "A", "A dan B", "A, B, dan C", "A, B, C, dan D", "A, B, C, dan 2 lainnya",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "columns", "called"),
    [
        ("nama", {"nama": ["Mawar", None, " "]}, ["Mawar", "fitur 7", "fitur 8"]),
        ("nama", {}, ["fitur 6", "fitur 7", "fitur 8"]),
        ("no_rt", {"no_rt": ["003", "4", None], "no_rw": ["001", None, "2"]}, ["RT 003 RW 001", "RT 4", "fitur 8"]),
        ("no_rt", {"no_rt": ["Lingkungan II", "1", "2"]}, ["Lingkungan II", "RT 1", "RT 2"]),
        (None, {"no_rw": ["001", "002", "003"]}, ["RW 001", "RW 002", "RW 003"]),
        ("nama", {"nama": ["Sukorejo"] * 3, "kode_wilayah": ["k1", "k2", "k2"]},
         ["Sukorejo (k1)", "Sukorejo (k2) (fitur 7)", "Sukorejo (k2) (fitur 8)"]),
    ],
)  # fmt: skip
def test_features_are_called_by_label_code_or_number(label, columns, called):
    frame = geopandas.GeoDataFrame(columns, geometry=[None] * 3, index=[6, 7, 8], crs=4326)

    assert names(frame, label).tolist() == called
