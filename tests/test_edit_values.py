"""What the form makes of what people write and draw, worked out by node."""

from __future__ import annotations

import json
from typing import Any

import pytest
import shapely
from pyproj import Geod
from test_viewer import in_javascript

from geosatu.content.values import value_of
from geosatu.layers import Catalogue
from geosatu.viewer.form import form_field

VALUES, MEASURE = "../edit/values.js", "../edit/measure.js"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1234", 1234),
        ("12,5", 12.5),
        ("12.5", 12.5),
        ("0.125", 0.125),
        ("-3", -3),
        ("1.234", None),
        ("1.234,5", None),
        ("1e3", None),
        ("tujuh", None),
    ],
)
def test_a_number_has_a_decimal_comma_or_point_and_what_could_mean_two_is_none(text: str, number: float | None):
    assert in_javascript(VALUES, f"m.numberIn({json.dumps(text)})") == number


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("-7.8228, 112.0120", [-7.8228, 112.012]),
        ("-7.8228,112.0120", [-7.8228, 112.012]),
        ("-7,8228; 112,0120", [-7.8228, 112.012]),
        ("-7,8228, 112,0120", [-7.8228, 112.012]),
        ("-7,8228 112,0120", [-7.8228, 112.012]),
        ("-7,8228", None),
        ("-7.8228", None),
        ("Kediri", None),
    ],
)
def test_a_pair_of_coordinates_is_no_number_with_a_comma(text: str, pair: list[float] | None):
    assert in_javascript(VALUES, f"m.pairIn({json.dumps(text)})") == pair


@pytest.mark.parametrize(
    ("layer", "name", "text"),
    [
        ("posyandu", "rt", "003"),
        ("posyandu", "rt", "3"),
        ("posyandu", "nama", "x" * 121),
        ("posyandu", "hp_ketua", "0812 3456 789"),
        ("posyandu", "hp_ketua", "tidak ada"),
        ("posyandu", "jumlah_kader", "7"),
        ("posyandu", "jumlah_kader", "-1"),
        ("posyandu", "jumlah_kader", "7.5"),
        ("posyandu", "tahun_strata", "1900"),
    ],
)
def test_the_form_takes_what_the_service_takes(catalogue: Catalogue, layer: str, name: str, text: str):
    field = catalogue[layer].fields[name]
    told = in_javascript(VALUES, f"m.valueOf({json.dumps(form_field(field, unseen=False))}, {json.dumps(text)})")
    try:
        wanted: Any = {"value": value_of(field, text)}
    except ValueError:
        assert told["fault"]
    else:
        assert told == wanted


@pytest.mark.parametrize(("longitude", "latitude"), [(112.01, -7.82), (98.67, 3.59), (105.3, -5.11)])
def test_area_and_length_are_those_of_the_ellipsoid(longitude: float, latitude: float):
    shell = shapely.Point(longitude, latitude).buffer(0.003, quad_segs=4)
    shape = shell.difference(shapely.Point(longitude, latitude).buffer(0.001))
    line = shapely.LineString(shell.exterior.coords)
    geod = Geod(ellps="WGS84")

    area = in_javascript(MEASURE, f"m.areaOf({json.dumps(shapely.geometry.mapping(shape))})")
    length = in_javascript(MEASURE, f"m.lengthOf({json.dumps(shapely.geometry.mapping(line))})")

    assert area == pytest.approx(abs(geod.geometry_area_perimeter(shape)[0]), rel=1e-4)
    assert length == pytest.approx(geod.geometry_length(line), rel=1e-4)
