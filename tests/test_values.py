"""What a cell, a column name, a number of an RT and a geometry mean, and when they mean nothing."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, date, datetime, time, timedelta, timezone

import numpy
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from geosatu.content.geometry import conformed
from geosatu.content.values import PARSERS, dotted, plain, value_of
from geosatu.crs import LAND_AND_SEA
from geosatu.importer.neighbourhoods import numbers_in
from geosatu.layers import SYSTEM_FIELDS, Field

unhurried = settings(deadline=None)
"""Facts are not about time, and the machine may be busy."""

DAYS = {"senin": "Senin", "jumat": "Jum'at", "tps3r": "TPS 3R"}


def field(kind: str, **keys) -> Field:
    codes = {"codes": DAYS} if kind in ("code", "codes") else {}
    return Field(name="isi", title="Isi", type=kind, **codes, **keys)


FIELDS = [
    *(field(kind) for kind in PARSERS),
    field("integer", minimum=0),
    field("decimal", minimum=0, maximum=100),
    field("text", pattern=r"^\d{3}$", description="tiga angka"),
    *SYSTEM_FIELDS.values(),
]

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])).map(str.strip)
YEARS = {"min_value": date(1900, 1, 2), "max_value": date(2060, 1, 1)}


# Values


@pytest.mark.parametrize("kind", PARSERS)
@pytest.mark.parametrize("said", [None, "", "  ", "\n", math.nan, []])
def test_an_empty_cell_says_nothing(kind, said):
    assert value_of(field(kind), said) is None


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        ("text", "  Jl. Mawar ", "Jl. Mawar"),
        ("text", 12, "12"),
        ("text", 3571010001.0, "3571010001"),
        ("text", 1.5, "1.5"),
        ("text", True, "true"),
        ("texts", ["cabai", "terong, ungu"], ["cabai", "terong, ungu"]),
        ("texts", "cabai, terong;tomat|bayam", ["cabai", "terong", "tomat", "bayam"]),
        ("texts", '["cabai", "terong, ungu"]', ["cabai", "terong, ungu"]),
        ("texts", "[cabai", ["[cabai"]),
        ("texts", " , ;", None),
        ("integer", "12", 12),
        ("integer", 12.0, 12),
        ("integer", "-3", -3),
        ("decimal", "12.5", 12.5),
        ("decimal", " 1e3 ", 1000.0),
        ("boolean", True, True),
        ("boolean", "Ya", True),
        ("boolean", 0, False),
        ("boolean", 1.0, True),
        ("boolean", "tidak ada", False),
        ("date", "2026-08-17", date(2026, 8, 17)),
        ("date", "2026-08-17T20:00:00Z", date(2026, 8, 18)),
        ("date", "2026-08-17T23:00:00", date(2026, 8, 17)),
        ("date", datetime(2026, 8, 17, 20, tzinfo=UTC), date(2026, 8, 18)),
        ("date", date(2026, 8, 17), date(2026, 8, 17)),
        ("time", "08:30", time(8, 30)),
        ("time", "08.30", time(8, 30)),
        ("time", "08:30:15.5", time(8, 30, 15, 500_000)),
        ("time", time(8, 30), time(8, 30)),
        ("code", "SENIN", "senin"),
        ("code", "jum at", "jumat"),
        ("code", "TPS 3R", "tps3r"),
        ("codes", "Senin, jumat, senin", ["senin", "jumat"]),
        ("codes", ["senin", None, ""], ["senin"]),
    ],
)
def test_a_cell_means_its_value(kind, said, value):
    assert value_of(field(kind), said) == value


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("text", "a\x00b", "huruf NUL"),
        ("text", "a\ud800", "huruf yang rusak"),
        ("text", "a" * 501, "terlalu panjang: 501 huruf, paling banyak 500"),
        ("text", {"a": 1}, "bukan nilai tunggal"),
        ("text", ["a"], "bukan nilai tunggal"),
        ("text", b"a", "bukan nilai tunggal"),
        ("texts", [["a"]], "bukan nilai tunggal"),
        ("texts", {"a": 1}, "bukan nilai tunggal"),
        ("integer", "1.5", "bukan bilangan bulat"),
        ("integer", 10**30, "bukan bilangan bulat yang wajar"),
        ("integer", True, "true bukan bilangan"),
        ("decimal", "1,5", "titik desimal dan tanpa pemisah ribuan"),
        ("decimal", "1.000.000", "titik desimal dan tanpa pemisah ribuan"),
        ("decimal", "12 m", "titik desimal"),
        ("decimal", "1_000", "bukan bilangan"),
        ("decimal", "banyak", "isi dengan angka"),
        ("decimal", "inf", "bukan bilangan terhingga"),
        ("decimal", "9" * 10_000_000, "bukan bilangan"),
        ("boolean", "t", "bukan ya atau tidak"),
        ("boolean", "mungkin", "bukan ya atau tidak"),
        ("date", "17/08/2026", "tulis misalnya 2026-08-17"),
        ("date", "2026-02-30", "bukan tanggal"),
        ("date", "0001-01-01T00:00:00+14:00", "tahun 1 tidak wajar"),
        ("date", "9999-12-31T23:59:59-12:00", "tahun 9999 tidak wajar"),
        ("date", date(1, 1, 1), "tahun 1 tidak wajar"),
        ("date", 46000, "bukan tanggal"),
        ("time", "setengah delapan", "tulis misalnya 08:30"),
        ("time", "08:30+07:00", "jam setempat"),
        ("time", 8.5, "bukan jam"),
        ("code", "minggu", "kode 'minggu' tidak ada; yang ada: senin, jumat, tps3r"),
        ("code", "...", "tidak ada"),
        ("codes", "senin, minggu", "kode 'minggu' tidak ada"),
    ],
)
def test_a_cell_that_means_nothing_says_why(kind, said, told):
    with pytest.raises(ValueError, match=r".") as reason:
        value_of(field(kind), said)

    assert told in str(reason.value)
    assert len(str(reason.value)) < 250


@pytest.mark.parametrize(("said", "less_or_more"), [(-1, "kurang dari 0"), ("100.5", "lebih dari 100")])
def test_a_number_stays_in_its_range(said, less_or_more):
    with pytest.raises(ValueError, match=less_or_more):
        value_of(field("decimal", minimum=0, maximum=100), said)


@pytest.mark.parametrize("said", ["35.71.01.1001", "3571011001", 3571011001, 3571011001.0])
def test_a_kelurahan_code_has_dots_however_it_is_written(said):
    assert value_of(SYSTEM_FIELDS["kode_wilayah"], said) == "35.71.01.1001"


@pytest.mark.parametrize("said", ["35.71.01", "35.71", 35.71, "357101100", "٣٥.٧١.٠١.١٠٠١", "35.71.01.1001 x"])
def test_what_is_no_kelurahan_code_is_refused_with_an_example(said):
    with pytest.raises(ValueError, match=r"kode Kemendagri, misalnya 35\.71\.01\.1001"):
        value_of(SYSTEM_FIELDS["kode_wilayah"], said)


def test_a_code_of_another_length_is_left_as_it_is():
    assert dotted("357101") == "357101"


@pytest.mark.parametrize("name", ["Nama Posyandu", "nama_posyandu", "NAMA-POSYANDU ", "nama  posyandu."])
def test_column_names_are_compared_without_case_and_punctuation(name):
    assert plain(name) == "nama_posyandu"


@unhurried
@given(TEXT.filter(lambda text: len(text) <= 500 and text))
def test_every_text_comes_back(text):
    assert value_of(field("text"), text) == text


@unhurried
@given(st.lists(TEXT.filter(bool).filter(lambda text: len(text) <= 500), min_size=1))
def test_every_list_of_texts_comes_back(texts):
    assert value_of(field("texts"), texts) == texts


@unhurried
@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_every_reasonable_whole_number_comes_back(number):
    assert value_of(field("integer"), str(number)) == value_of(field("integer"), number) == number


@unhurried
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_comes_back(number):
    assert value_of(field("decimal"), repr(number)) == value_of(field("decimal"), number) == number


@unhurried
@given(st.dates(**YEARS))
def test_every_date_comes_back(day):
    assert value_of(field("date"), day.isoformat()) == value_of(field("date"), day) == day


@unhurried
@given(st.datetimes(datetime(1900, 1, 2), datetime(2060, 1, 1), timezones=st.just(timezone(timedelta(hours=7)))))
def test_a_moment_is_the_day_in_western_indonesia(moment):
    assert value_of(field("date"), moment.astimezone(UTC).isoformat()) == moment.date()


@unhurried
@given(st.times())
def test_every_time_of_day_comes_back(moment):
    assert value_of(field("time"), moment.isoformat()) == moment


@unhurried
@given(st.lists(st.sampled_from(sorted(DAYS)), min_size=1, unique=True))
def test_every_list_of_codes_comes_back_from_codes_and_from_titles(codes):
    assert value_of(field("codes"), codes) == codes
    assert value_of(field("codes"), ", ".join(DAYS[code] for code in codes)) == codes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@unhurried
@given(st.sampled_from(FIELDS), JSON | st.binary() | st.dates() | st.datetimes() | st.times())
def test_any_cell_is_a_value_or_says_why_not(field, said):
    with contextlib.suppress(ValueError):
        value_of(field, said)


# RT and RW


@pytest.mark.parametrize("said", ["3", "03", "003", 3, 3.0, "RT 3", "rt.003", "RT: 3", " RT03 "])
def test_the_number_of_an_rt_has_three_digits(said):
    assert numbers_in(said, "rt") == {"rt": "003"}


@pytest.mark.parametrize(
    "said",
    [
        "RT.003/RW.009",
        "03/09",
        "3 / 9",
        "RT 003 / rw 009",
        "RT 3 RW 9",
        "RT 03/9",
        "rt3rw9",
        "RW 09 / RT 03",
        "RT 3, RW 9",
    ],
)
@pytest.mark.parametrize("unit", ["rt", "rw"])
def test_a_pair_is_rt_before_rw_unless_it_says_so(said, unit):
    assert numbers_in(said, unit) == {"rt": "003", "rw": "009"}


@pytest.mark.parametrize(
    "said",
    [
        "3-9",
        "3.9",
        "03 09",
        "RT 03 / RT 001",
        "1234",
        "RT 3 4",
        "2026-09-03",
        "Blok C",
        "٣",
        "",
        None,
        True,
        [3],
        "1/2/3",
    ],
)
def test_what_could_mean_several_things_is_no_number(said):
    assert numbers_in(said, "rt") is None


def test_a_column_for_rt_does_not_take_the_number_of_an_rw():
    with pytest.raises(ValueError, match="'RW 3' tidak menyebut RT"):
        numbers_in("RW 3", "rt")


@unhurried
@given(st.text(alphabet="RTWrtw0123456789 ./,;:-", max_size=60), st.sampled_from(["rt", "rw"]))
def test_any_text_is_numbers_of_three_digits_or_none(text, unit):
    with contextlib.suppress(ValueError):
        assert all(len(number) == 3 and number.isdigit() for number in (numbers_in(text, unit) or {}).values())


# Geometry

PLOT = box(112.0, -7.801, 112.001, -7.8)


@pytest.mark.parametrize(
    ("geometry", "wanted", "kept"),
    [
        (Point(112, -7.8, 66), "Point", Point(112, -7.8)),
        (Point(112.123456789, -7.8), "Point", Point(112.1234568, -7.8)),
        (Point(112, -7.8), "MultiPoint", shapely.MultiPoint([(112, -7.8)])),
        (shapely.MultiPoint([(112, -7.8)]), "Point", Point(112, -7.8)),
        (PLOT, "MultiPolygon", MultiPolygon([PLOT])),
        (MultiPolygon([PLOT]), "Polygon", PLOT),
        (
            LineString([(112, -7.8), (112.1, -7.8)]),
            "MultiLineString",
            shapely.MultiLineString([[(112, -7.8), (112.1, -7.8)]]),
        ),
    ],
)
def test_what_is_kept_is_flat_of_a_centimetre_and_of_the_layers_type(geometry, wanted, kept):
    found = conformed(geometry, wanted, None)

    assert found.wkt == shapely.orient_polygons(kept).wkt


def test_a_ring_is_right_handed_whichever_way_it_was_walked():
    assert conformed(PLOT.reverse(), "Polygon", None).exterior.is_ccw
    assert conformed(PLOT, "Polygon", None).exterior.is_ccw


def test_rounding_does_not_make_a_geometry_invalid():
    sliver = Polygon([(112, -7), (112.001, -7), (112.001, -6.99999999), (112, -6.99999998)])

    kept = conformed(sliver, "Polygon", None)

    assert kept.is_valid
    assert conformed(kept, "Polygon", None).equals_exact(kept, 0)


@pytest.mark.parametrize("srid", [32749, 9489, 23836, 3857, 4755])
def test_metres_and_other_datums_become_degrees(srid):
    there = Transformer.from_crs(4326, srid, always_xy=True).transform(112.0120, -7.8228)

    kept = conformed(Point(there), "Point", Transformer.from_crs(srid, 4326, always_xy=True))

    assert kept.distance(Point(112.0120, -7.8228)) < 2e-5


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ((-7.8228, 112.0120), "lintang dan bujur tampaknya tertukar (lintang 112.012, bujur -7.8228); tukar"),
        ((112.0120, 7.8228), "tanda lintang tampaknya terbalik (lintang 7.8228, bujur 112.012); selatan"),
        ((112, 91), "lintang 91, bujur 112 bukan derajat"),
        ((200, -7), "bukan derajat"),
        ((611575, 9135158), "bila ini meter, sebutkan sistemnya dengan --crs"),
        ((0, 0), "lintang dan bujurnya 0, tanda koordinat belum diisi"),
        ((2.35, 48.85), "terletak di luar Indonesia"),
        ((math.nan, -7), "bukan bilangan terhingga"),
        ((math.inf, -7), "bukan bilangan terhingga"),
    ],
)
def test_a_place_that_cannot_be_meant_says_why(place, told):
    with pytest.raises(ValueError, match=r".") as reason:
        conformed(Point(place), "Point", None)

    assert told in str(reason.value)


@pytest.mark.parametrize(
    ("geometry", "wanted", "told"),
    [
        (Point(112, -7.8), "MultiPolygon", "berupa titik, padahal lapisan ini berisi kumpulan bidang"),
        (PLOT, "Point", "berupa bidang, padahal lapisan ini berisi titik"),
        (shapely.MultiPoint([(112, -7.8), (112.1, -7.8)]), "Point", "berupa kumpulan titik"),
        (shapely.GeometryCollection([Point(112, -7.8)]), "Point", "berupa kumpulan geometri"),
        (shapely.LinearRing(PLOT.exterior), "MultiPolygon", "berupa garis"),
        (Polygon(), "Polygon", "geometrinya kosong"),
    ],
)
def test_a_geometry_of_another_type_is_refused(geometry, wanted, told):
    with pytest.raises(ValueError, match=told):
        conformed(geometry, wanted, None)


def test_metres_beyond_the_reach_of_their_system_are_refused():
    to_wgs84 = Transformer.from_crs(32749, 4326, always_xy=True)

    with pytest.raises(ValueError, match=r"di luar jangkauan sistem koordinat|bukan derajat|di luar Indonesia"):
        conformed(Point(1e30, 1e30), "Point", to_wgs84)


WEST, SOUTH, EAST, NORTH = LAND_AND_SEA
PLACES = st.tuples(st.floats(WEST, EAST), st.floats(SOUTH, NORTH))
ANYWHERE = st.tuples(st.floats(), st.floats())


@st.composite
def rings(draw):
    """Three corners or more around a place: valid as drawn, at any size."""
    longitude, latitude = draw(st.floats(WEST + 1, EAST - 1)), draw(st.floats(SOUTH + 1, NORTH - 1))
    angles = sorted(draw(st.lists(st.floats(0, 6.28), min_size=3, max_size=12, unique=True)))
    radius = draw(st.floats(1e-9, 0.9))
    return [(longitude + radius * math.cos(angle), latitude + radius * math.sin(angle)) for angle in angles]


@unhurried
@given(rings())
def test_an_area_that_is_kept_is_valid_flat_right_handed_and_in_indonesia(ring):
    area = Polygon(ring)

    kept = conformed(area, "MultiPolygon", None)

    assert kept.geom_type == "MultiPolygon"
    assert kept.is_valid or not area.is_valid
    assert not kept.has_z
    assert all(part.exterior.is_ccw for part in kept.geoms if part.is_valid)
    west, south, east, north = kept.bounds
    assert WEST <= west <= east <= EAST and SOUTH <= south <= north <= NORTH  # noqa: PT018
    assert (
        numpy.abs(shapely.get_coordinates(kept) - shapely.get_coordinates(shapely.orient_polygons(area))).max() < 1e-6
    )


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@unhurried
@given(st.lists(PLACES | ANYWHERE, min_size=2, max_size=5), st.sampled_from(["Point", "LineString", "MultiPolygon"]))
def test_any_places_are_kept_in_indonesia_or_refused(places, wanted):
    geometry = Point(places[0]) if wanted == "Point" else LineString(places)
    with contextlib.suppress(ValueError):
        kept = conformed(geometry, wanted, None)
        assert kept.geom_type == wanted
        assert box(*LAND_AND_SEA).covers(kept)
