"""Filters: what a planner may ask, what is refused, and that nothing else reaches PostgreSQL."""

from __future__ import annotations

import contextlib
import json

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geosatu.cql2 import MAX_DEPTH, parse_filter
from geosatu.errors import InvalidQuery

ITEMS = "/ogc/collections/posyandu/items"


def found(client: TestClient, **parameters: str) -> list[dict[str, object]]:
    answer = client.get(ITEMS, params={"limit": "1000", **parameters})
    assert answer.status_code == 200, answer.text
    features: list[dict[str, object]] = answer.json()["features"]
    return features


@pytest.fixture(scope="module")
def posyandu(client: TestClient) -> list[dict[str, dict[str, object]]]:
    return found(client)  # type: ignore[return-value]


QUESTIONS = {
    "strata = 'mandiri'": lambda p: p["strata"] == "mandiri",
    "strata <> 'mandiri'": lambda p: p["strata"] != "mandiri",
    "strata IN ('mandiri', 'madya')": lambda p: p["strata"] in ("mandiri", "madya"),
    "NOT strata IN ('mandiri')": lambda p: p["strata"] != "mandiri",
    "jumlah_kader >= 8 AND strata = 'madya'": lambda p: p["jumlah_kader"] >= 8 and p["strata"] == "madya",
    "(jumlah_kader < 5) OR ((strata = 'mandiri'))": lambda p: p["jumlah_kader"] < 5 or p["strata"] == "mandiri",
    "jumlah_kader BETWEEN 5 AND 7": lambda p: 5 <= p["jumlah_kader"] <= 7,
    "jumlah_kader + 1 > 2 * kader_aktif": lambda p: p["jumlah_kader"] + 1 > 2 * p["kader_aktif"],
    "jumlah_kader % 2 = 0": lambda p: p["jumlah_kader"] % 2 == 0,
    "jumlah_kader - kader_aktif = 0": lambda p: p["jumlah_kader"] == p["kader_aktif"],
    "kader_aktif < jumlah_kader": lambda p: p["kader_aktif"] < p["jumlah_kader"],
    "nama LIKE 'Posyandu M%'": lambda p: p["nama"].startswith("Posyandu M"),
    "nama LIKE '%\\_%'": lambda p: "_" in p["nama"],
    "CASEI(nama) LIKE CASEI('POSYANDU M%')": lambda p: p["nama"].startswith("Posyandu M"),
    "ACCENTI(nama) = ACCENTI('Pòsyandu Mélati I')": lambda p: p["nama"] == "Posyandu Melati I",
    "jadwal_tanggal IS NULL": lambda p: p["jadwal_tanggal"] is None,
    "jadwal_tanggal IS NOT NULL": lambda p: p["jadwal_tanggal"] is not None,
    "tanggal_data > DATE('2026-06-01')": lambda p: p["tanggal_data"] > "2026-06-01",
    "tanggal_data >= '2026-06-01'": lambda p: p["tanggal_data"] >= "2026-06-01",
    "T_AFTER(tanggal_data, DATE('2026-06-01'))": lambda p: p["tanggal_data"] > "2026-06-01",
    "T_DURING(tanggal_data, INTERVAL('2026-02-01', '2026-03-01'))": (
        lambda p: "2026-02-01" < p["tanggal_data"] < "2026-03-01"
    ),
    "T_BEFORE(tanggal_data, TIMESTAMP('2026-02-01T00:00:00Z'))": lambda p: p["tanggal_data"] < "2026-02-01",
    "A_CONTAINS(layanan, ('sosial'))": lambda p: "sosial" in p["layanan"],
    "A_OVERLAPS(layanan, ('sosial', 'pendidikan'))": lambda p: {"sosial", "pendidikan"} & set(p["layanan"]),
    "A_EQUALS(layanan, ('kesehatan'))": lambda p: p["layanan"] == ["kesehatan"],
    "jam_buka = '08:00:00'": lambda p: p["jam_buka"] == "08:00:00",
    "status = 'terbit' AND version = 1": lambda p: True,
    "nama = 'it''s'": lambda p: False,
    "1 = 1": lambda p: True,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_filter_finds_what_it_says(
    client: TestClient, posyandu: list[dict[str, dict[str, object]]], question: str
) -> None:
    wanted = [each["id"] for each in posyandu if QUESTIONS[question](each["properties"])]

    assert [each["id"] for each in found(client, filter=question)] == wanted
    tree = json.dumps(parse_filter(question, "cql2-text"))
    assert [each["id"] for each in found(client, filter=tree, **{"filter-lang": "cql2-json"})] == wanted


@pytest.mark.parametrize(
    ("function", "geometry"),
    [
        ("S_INTERSECTS", "BBOX(112.0, -7.83, 112.02, -7.8)"),
        ("S_WITHIN", "POLYGON((112.0 -7.83, 112.02 -7.83, 112.02 -7.8, 112.0 -7.8, 112.0 -7.83))"),
    ],
)
def test_a_place_can_be_asked_for(client: TestClient, function: str, geometry: str) -> None:
    by_box = found(client, bbox="112.0,-7.83,112.02,-7.8")

    assert found(client, filter=f"{function}(geometry, {geometry})") == by_box
    assert 0 < len(by_box) < 307


def test_a_filter_may_speak_in_the_metres_of_the_city(client: TestClient) -> None:
    metres = "S_INTERSECTS(geometry, BBOX(611000, 9134000, 613000, 9136000))"
    uri = "http://www.opengis.net/def/crs/EPSG/0/32749"

    by_filter = found(client, filter=metres, **{"filter-crs": uri})
    by_box = found(client, bbox="611000,9134000,613000,9136000", **{"bbox-crs": uri})

    assert by_filter == by_box
    assert by_filter


REFUSED = [
    "",
    "nama",
    "nama =",
    "nama = 'a' b",
    "tidak_ada = 1",
    "hp_ketua = '0800'",
    "keterangan LIKE '%'",
    "nama = 1",
    "jumlah_kader = 'a'",
    "pg_sleep(10) = 1",
    "nama = version()",
    "jumlah_kader",
    "layanan = 'sosial'",
    "S_INTERSECTS(nama, POINT(1 2))",
    "S_INTERSECTS(geometry, POINT(200 2))",
    "S_INTERSECTS(geometry, BBOX(112, -7.7, 112.1, -7.9))",
    "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 0 1, 1 0, 0 0)))",
    "T_AFTER(nama, DATE('2026-06-01'))",
    "tanggal_data > DATE('2026-99-01')",
    "nama LIKE 'a\\'",
    "CASEI(jumlah_kader) = 'a'",
    "A_CONTAINS(nama, ('a'))",
    "10 ^ 400 > 1",
    "(" * (MAX_DEPTH + 1) + "1 = 1" + ")" * (MAX_DEPTH + 1),
    "NOT " * (MAX_DEPTH + 1) + "1 = 1",
    " OR ".join(["1 = 1"] * 2000),
    "nama = 'a\x00'",
]


@pytest.mark.parametrize("said", REFUSED, ids=lambda said: repr(said)[:40])
def test_what_makes_no_sense_is_refused_with_a_reason(client: TestClient, said: str) -> None:
    answer = client.get(ITEMS, params={"filter": said})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["title"]) > 15


@pytest.mark.parametrize(
    "tree",
    [
        "{",
        "1",
        "null",
        "[]",
        '{"op": "and", "args": []}',
        '{"op": "=", "args": [{"property": "nama"}]}',
        '{"op": "=", "args": [{"property": "nama"}, NaN]}',
        '{"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": ["a"]}]}',
        '{"op": "in", "args": [{"property": "nama"}, 1]}',
        '{"op": "exec", "args": ["x"]}',
        "[" * 5000,
    ],
    ids=lambda said: said[:40],
)
def test_json_that_is_no_filter_is_refused(client: TestClient, tree: str) -> None:
    answer = client.get(ITEMS, params={"filter": tree, "filter-lang": "cql2-json"})

    assert answer.status_code == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just({"property": "nama"}),
    lambda inner: st.lists(inner, max_size=4) | st.fixed_dictionaries(
        {"op": st.sampled_from(["and", "or", "not", "=", "<", "in", "like", "between", "casei", "+", "s_within"]),
         "args": st.lists(inner, max_size=3)}
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON)
def test_any_tree_is_answered_or_refused(client: TestClient, tree: object) -> None:
    answer = client.get(ITEMS, params={"filter": json.dumps(tree), "filter-lang": "cql2-json", "limit": "1"})

    assert answer.status_code in (200, 400), answer.text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_tree_or_refused(said: str) -> None:
    with contextlib.suppress(InvalidQuery):
        assert isinstance(parse_filter(said, "cql2-text"), (dict, bool))
