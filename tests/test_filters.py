"""Filters: what a planner may ask, what is refused, and that nothing else reaches PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import cql2
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from geosatu.cql2 import MAX_DEPTH, parse_filter
from geosatu.database.rights import act_as
from geosatu.errors import InvalidQuery
from geosatu.features import PUBLIC, Query
from geosatu.layers import Catalogue, Layer
from geosatu.store import statements

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
    "jumlah_kader = 1" + "0" * 400,
    "POINT(1 2, 3 4) = 1",
    "S_INTERSECTS(geometry, POINT(1))",
    "S_INTERSECTS(geometry, POINT EMPTY)",
    "S_INTERSECTS(geometry, POINT(1e300 1e300))",
    "S_INTERSECTS(geometry, GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2))))",
    "nama IN ()",
    "nama NOT = 'a'",
    "nama IS 'a'",
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
        '{"op": "=", "args": [{"property": "\\ud800"}, 1]}',
        '{"op": "=", "args": [{"property": "nama"}, "\\ud800"]}',
        '{"op": "=", "args": [{"property": "jumlah_kader"}, 1%s]}' % ("0" * 400),
        '{"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [1%s, 1, 2, 2]}]}' % ("0" * 400),
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


ENDLESS = {
    "comparisons": "=".join(["1"] * 8000),
    "unequal": "<>".join(["1"] * 5000),
    "sums": "+".join(["1"] * 8000),
    "nulls": "nama" + " IS NULL" * 2000,
    "lists": "1" + " IN (1)" * 2300,
    "brackets": "(" * 30 + "1 $" + ")" * 30,
    "open brackets": "(" * 16_000,
    "lists first in lists": "nama IN " + "(" * 30 + "1" + ", 1)" * 30,
    "calls": "CASEI(" * 2700,
    "points": "POINT(" * 2700,
    "denials": "NOT " * 4000 + "TRUE",
    "signs": "- " * 8000 + "1 = 1",
    "quotes": "'" * 16_001,
}


@pytest.mark.parametrize("said", ENDLESS.values(), ids=ENDLESS)
def test_no_text_holds_up_or_ends_the_service(said: str) -> None:
    began = time.monotonic()

    with contextlib.suppress(InvalidQuery):
        parse_filter(said, "cql2-text")

    assert time.monotonic() - began < 2


PROPERTIES = st.sampled_from(["nama", "Rt_1", '"nama lengkap"', "a.b", "not_a", "point"])
TEXTS = st.text("ab'é%_\\ (", max_size=4).map(lambda said: "'" + said.replace("'", "''") + "'")
NUMBERS = st.sampled_from(["0", "7", "-3", "+2", "2.50", "1e3", "5E-1"])
SUMS = st.recursive(
    NUMBERS | PROPERTIES | PROPERTIES.map(lambda name: f"-{name}"),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", " - ", "*", "/", "%", " div ", "^"]), inner).map("".join)
        | inner.map(lambda said: f"({said})")
    ),
    max_leaves=4,
)
WORDS = (
    TEXTS
    | PROPERTIES
    | st.tuples(st.sampled_from(["CASEI", "accenti"]), TEXTS | PROPERTIES).map(lambda said: f"{said[0]}({said[1]})")
)
PLACES = st.sampled_from(
    [
        "POINT(1 -2)",
        "point z (1 2 3)",
        "LINESTRING(1 2, 3.5 4)",
        "POLYGON((0 0, 1 0, 1 1, 0 0), (0 0, 1 0, 1 1, 0 0))",
        "MULTIPOINT(1 2, 3 4)",
        "MULTIPOINT((1 2), (3 4))",
        "MULTILINESTRING((1 2, 3 4), (5 6, 7 8))",
        "MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)), ((0 0, 1 0, 1 1, 0 0)))",
        "GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(1 2, 3 4))",
        "BBOX(-1, 2, 3, 4)",
        "BBOX(1, 2, 3, 4, 5, 6)",
        "geometry",
    ]
)
TIMES = st.sampled_from(
    [
        "DATE('2026-01-31')",
        "timestamp('2026-01-31T08:00:00Z')",
        "INTERVAL('2026-01-31', '..')",
        "INTERVAL(tanggal_data, '2026-01-31T08:00:00Z')",
        "tanggal_data",
    ]
)
SETS = st.lists(TEXTS, min_size=1, max_size=3).map(lambda found: f"({', '.join(found)})") | PROPERTIES
NEGATION = st.sampled_from(["", " NOT", " not"])


def joined(*parts: Any) -> st.SearchStrategy[str]:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


PREDICATES = st.one_of(
    joined(SUMS, st.sampled_from(["=", "<>", " < ", " > ", "<=", " >= "]), SUMS),
    joined(WORDS, " = ", WORDS),
    joined(WORDS, NEGATION, " LIKE ", WORDS),
    joined(SUMS, NEGATION, " between ", SUMS, " AND ", SUMS),
    joined(PROPERTIES, NEGATION, " IN ", st.lists(TEXTS | NUMBERS, min_size=1).map(lambda all_: f"({','.join(all_)})")),
    joined(PROPERTIES, " IS", NEGATION, " NULL"),
    joined(st.sampled_from(["S_INTERSECTS(", "s_within("]), PLACES, ", ", PLACES, ")"),
    joined(st.sampled_from(["T_AFTER(", "t_finishedBy("]), TIMES, ", ", TIMES, ")"),
    joined(st.sampled_from(["A_CONTAINS(", "A_CONTAINEDBY("]), SETS, ",", SETS, ")"),
    st.sampled_from(["TRUE", "false", "f()", "f(1, 'a', b) = 1"]),
)
FILTERS = st.recursive(
    PREDICATES,
    lambda inner: (
        joined(inner, st.sampled_from([" AND ", " or ", "\nOR\t"]), inner)
        | inner.map(lambda said: f"({said})")
        | inner.map(lambda said: f"NOT ({said})")
    ),
    max_leaves=5,
)


def plain(tree: Any) -> Any:
    """A tree without what means the same: the case of names, and AND within AND."""
    if isinstance(tree, list):
        return [plain(part) for part in tree]
    if not isinstance(tree, dict):
        return tree
    tree = {key: plain(value) for key, value in tree.items()}
    if "op" in tree:
        tree["op"] = tree["op"].lower()
        if tree["op"] in ("and", "or"):
            parts = [part if isinstance(part, dict) else {} for part in tree["args"]]
            nested = zip(tree["args"], parts, strict=True)
            tree["args"] = [
                each for part, it in nested for each in (it["args"] if it.get("op") == tree["op"] else [part])
            ]
    return tree


@settings(max_examples=300, deadline=None)
@given(FILTERS)
def test_a_text_means_what_it_means_to_others(said: str) -> None:
    assert plain(parse_filter(said, "cql2-text")) == plain(json.loads(json.dumps(cql2.parse_text(said).to_json())))


def test_a_text_may_write_what_the_standard_allows(client: TestClient) -> None:
    assert parse_filter("A_CONTAINS(l, ())", "cql2-text")["args"][1] == []
    assert parse_filter("_a = 1", "cql2-text")["args"][0] == {"property": "_a"}
    assert found(client, filter="A_CONTAINEDBY(layanan, ('sosial', 'kesehatan'))")


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("nama ILIKE 'POSYANDU m%'", "CASEI(nama) LIKE CASEI('POSYANDU m%')"),
        ("tanggal_data >= '2026-06-01T'", "tanggal_data >= DATE('2026-06-01')"),
        ("tanggal_data >= '2026-06-01T08:30Z'", "tanggal_data > DATE('2026-06-01')"),
        ("(strata = 'madya') = 1", "strata = 'madya'"),
        ("(strata = 'madya') <> 1", "strata <> 'madya'"),
    ],
)
def test_ogr_may_write_in_its_own_way(client: TestClient, said: str, means: str) -> None:
    assert found(client, filter=said, **{"filter-lang": "cql-text"}) == found(client, filter=means) != []


def test_only_1_and_0_are_true_and_false(client: TestClient) -> None:
    assert client.get(ITEMS, params={"filter": "(strata = 'madya') = 2"}).status_code == 400


def test_a_place_that_no_map_can_show_is_refused(client: TestClient) -> None:
    far = {"bbox": "-9e7,-9e7,9e7,9e7", "bbox-crs": "EPSG:32749"}
    polygon = "POLYGON((-9e7 -9e7, 9e7 -9e7, 9e7 9e7, -9e7 9e7, -9e7 -9e7))"

    for asked in (far, {"filter": f"S_INTERSECTS(geometry, {polygon})", "filter-crs": "EPSG:32749"}):
        answer = client.get(ITEMS, params=asked)
        assert answer.status_code == 400
        assert answer.json()["title"] == "Koordinat dalam permintaan ini di luar jangkauan sistem koordinatnya."


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_tree_or_refused(said: str) -> None:
    with contextlib.suppress(InvalidQuery):
        assert isinstance(parse_filter(said, "cql2-text"), (dict, bool))


# What PostgreSQL makes of it.


@pytest.mark.parametrize("relation", ["intersects", "within", "contains", "equals", "touches", "overlaps", "crosses"])
def test_relations_of_places_use_the_index_under_policies(
    large: int, kept_city: Engine, catalogue: Catalogue, relation: str
):
    small = {"bbox": [112, -8, 112.0005, -7]}
    tree = {"op": f"s_{relation}", "args": [{"property": "geometry"}, small]}

    plan = plan_of(kept_city, catalogue["kwt"], tree)

    assert "kwt_geom" in plan
    assert "Seq Scan" not in plan


def test_distances_use_the_index_under_policies(large: int, kept_city: Engine, catalogue: Catalogue):
    place = {"type": "Point", "coordinates": [112.0005, -7.8]}
    tree = {"op": "s_dwithin", "args": [{"property": "geometry"}, place, 20]}

    plan = plan_of(kept_city, catalogue["kwt"], tree)

    assert "kwt_geom" in plan
    assert "Seq Scan" not in plan


def plan_of(engine: Engine, layer: Layer, tree: dict[str, Any]) -> str:
    """How PostgreSQL finds a page for the public."""
    statement = statements.page(layer, Query(filter=tree), "publik")
    with engine.connect() as conn:
        conn.exec_driver_sql(f"ANALYZE layer.{layer.name}")
        act_as(conn, PUBLIC)
        return "\n".join(conn.exec_driver_sql(f"EXPLAIN {statement.sql}", dict(statement.values)).scalars())
