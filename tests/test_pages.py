"""The pages for people and what they fetch: the map, its assets, search, findings; and the health of the service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import shapely
from conftest import settings_for
from fastapi.testclient import TestClient
from people import person
from sqlalchemy import Connection, Engine, create_engine, insert, text

from geosatu.api import app as app_module
from geosatu.api import html
from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.checking import check_layer
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.database.rights import act_as
from geosatu.database.tables import table_of
from geosatu.features import OPERATOR, PUBLIC, Actor
from geosatu.layers import Catalogue
from geosatu.settings import Settings
from geosatu.store import read
from geosatu.store.findings import findings_geojson

SQUARE = "SRID=4326;MULTIPOLYGON(((112 -7.82, 112.02 -7.82, 112.02 -7.8, 112 -7.8, 112 -7.82)))"
BESIDE = "SRID=4326;MULTIPOLYGON(((112.01 -7.82, 112.03 -7.82, 112.03 -7.8, 112.01 -7.8, 112.01 -7.82)))"


def add(conn: Connection, layer: Any, place: str, **values: Any) -> int:
    row = {"created_by": "uji", "updated_by": "uji", "geom": place, "status": "terbit", **values}
    feature: int = conn.scalar(insert(table_of(layer)).values(row).returning(table_of(layer).c.id))
    return feature


@dataclass
class Town:
    """A city in which tests may change things for good."""

    engine: Engine
    client: TestClient


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[Town]:
    settings = settings_for(cluster, "town")
    with (
        open_city(settings, catalogue) as engine,
        open_service(engine, LONGEST_STATEMENT) as service,
        TestClient(create_app(settings, catalogue, service)) as client,
    ):
        yield Town(engine, client)


def found(client: TestClient) -> list[dict[str, Any]]:
    answer = client.get("/findings")
    assert answer.headers["content-type"] == "application/geo+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == "FeatureCollection"
    return list(document["features"])


def test_the_map_is_the_front_page(client: TestClient):
    answer = client.get("/")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Kota Kediri" in answer.text
    assert "Batas ilustratif, bukan batas resmi" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/assets/map.css"])
def test_pages_forbid_what_they_do_not_need(client: TestClient, path: str):
    headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["permissions-policy"] == "geolocation=(self)"


def test_an_asset_is_kept_for_ever_under_the_address_that_names_its_version(client: TestClient):
    page = client.get("/").text
    start = page.index("assets/map.css?v=")
    address = page[start : page.index('"', start)]

    assert "immutable" in client.get(f"/{address}").headers["cache-control"]
    assert client.get("/assets/map.css?v=lama").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["tidak-ada.js", "../cli.py", "%2e%2e/cli.py", "map", "", "x" * 3000])
def test_nothing_but_the_assets_can_be_fetched(client: TestClient, path: str):
    answer = client.get(f"/assets/{path}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_many_wrong_assets_leave_nothing_in_memory(client: TestClient):
    from geosatu.viewer import asset

    before = asset.cache_info().currsize
    for number in range(20):
        client.get(f"/assets/entah-{number}.js")

    assert asset.cache_info().currsize == before


def results(client: TestClient, words: str) -> list[dict[str, Any]]:
    answer = client.get("/cari", params={"q": words})
    assert answer.status_code == 200
    return list(answer.json()["results"])


def test_a_page_of_features_for_people_has_so_many_rows_and_leads_to_the_rest(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    assert html.MOST_ROWS == 500
    monkeypatch.setattr(html, "MOST_ROWS", 100)
    address = "/ogc/collections/posyandu/items?f=html&limit=10000&status=terbit"
    seen: list[str] = []
    while address:
        page = client.get(address).text
        rows = re.findall(r'<tr data-id="(\d+)"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        assert len(rows) == 100 or (following is None and 0 < len(rows) <= 100)
        assert ("paling banyak 100 baris" in page) == (not seen), "said where more was asked for"
        assert "<option selected>100</option>" in page
        seen += rows
        address = unescape(following[1]) if following else ""

    programs = client.get("/ogc/collections/posyandu/items?limit=10000&status=terbit").json()["features"]
    assert seen == [str(feature["id"]) for feature in programs]
    assert len(seen) > 200


def test_search_finds_a_kelurahan_by_a_part_of_its_name(client: TestClient):
    first = results(client, "  POJ  ")[0]

    assert (first["layer"], first["title"], first["subtitle"]) == ("batas_kelurahan", "Pojok", "Batas kelurahan")
    west, south, east, north = first["bbox"]
    assert shapely.box(111.94, -7.90, 112.09, -7.76).contains(shapely.box(west, south, east, north))


def test_search_tells_where_a_feature_lies(client: TestClient):
    (office,) = [each for each in results(client, "Kelurahan Pojok") if each["layer"] == "kantor_kelurahan"]

    assert office["subtitle"] == "Kantor kelurahan · Pojok"


@pytest.mark.parametrize("words", ["", "   ", "zzzzzz", "%", "_", "\\", "'", "%' OR 1=1 --", "é漢字😀"])
def test_search_takes_words_as_they_are(client: TestClient, words: str):
    assert all(words.strip().lower() in each["title"].lower() for each in results(client, words))


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (f"q={'x' * 101}", "q: paling panjang 100 huruf."),
        ("q=a%00b", "Parameter 'q' memuat huruf NUL."),
        ("q=a%ffb", "Alamat memuat huruf yang bukan UTF-8."),
        ("q=a&q=b", "Parameter 'q' disebut lebih dari sekali."),
        ("kata=a", "Parameter 'kata' tidak dikenal; yang ada: q."),
    ],
)
def test_search_refuses_what_is_no_name(client: TestClient, query: str, told: str):
    answer = client.get(f"/cari?{query}")

    assert (answer.status_code, answer.json()["title"]) == (400, told)


def test_search_has_ten_results_at_most(client: TestClient):
    assert len(results(client, "a")) == 10


def test_search_finds_homes_at_the_inner_point_of_their_rt(demo_conn: Connection, catalogue: Catalogue):
    homes = read.frame(demo_conn, catalogue["umkm"], OPERATOR).query("usaha_rumahan")
    name, house = next((row.nama_usaha, row.geometry) for row in homes.itertuples())

    places = [match.bounds for match in read.search(demo_conn, catalogue, name, PUBLIC) if match.layer == "umkm"]

    assert all((box.west, box.south) != (house.x, house.y) for box in places)


def test_an_overview_is_renewed_when_a_layer_changes(town: Town, catalogue: Catalogue):
    def collection() -> dict[str, Any]:
        return dict(town.client.get("/ogc/collections/kantor_kelurahan").json())

    assert "extent" not in collection()
    with town.engine.begin() as conn:
        feature = add(conn, catalogue["kantor_kelurahan"], "SRID=4326;POINT(112.01 -7.82)", nama="Kantor Pojok")
    assert collection()["extent"]["spatial"]["bbox"] == [[112.01, -7.82, 112.01, -7.82]]

    with town.engine.begin() as conn:
        conn.execute(text("UPDATE layer.kantor_kelurahan SET geom = 'SRID=4326;POINT(112.02 -7.83)'"))
    assert collection()["extent"]["spatial"]["bbox"] == [[112.02, -7.83, 112.02, -7.83]]

    with town.engine.begin() as conn:
        conn.execute(text("DELETE FROM layer.kantor_kelurahan WHERE id = :id"), {"id": feature})
    assert "extent" not in collection()


def test_the_map_of_an_empty_city_opens(town: Town):
    assert town.client.get("/").status_code == 200


def test_the_demonstration_has_no_findings(client: TestClient):
    assert found(client) == []


def test_findings_are_kept_served_and_marked_once_the_layer_changes(town: Town, catalogue: Catalogue):
    layer = catalogue["batas_kelurahan"]
    with town.engine.begin() as conn:
        one = add(conn, layer, SQUARE, nama="Pojok", kode_wilayah="35.71.01.1001")
        other = add(conn, layer, BESIDE, nama="Gayam", kode_wilayah="35.71.01.1002")
        checked = check_layer(conn, catalogue, layer)
    kept = found(town.client)

    assert len(kept) == len(checked)
    (overlap,) = [each for each in kept if each["properties"]["rule"] == "must_not_overlap"]
    assert sorted(overlap["properties"]["features"]) == [one, other]
    assert overlap["properties"]["severity"] == "error"
    assert overlap["properties"]["area_m2"] == pytest.approx(1_100_000 * 2.2, rel=0.02)
    assert shapely.geometry.shape(overlap["geometry"]).bounds == pytest.approx((112.01, -7.82, 112.02, -7.8))
    assert {each["properties"]["outdated"] for each in kept} == {False}

    with town.engine.begin() as conn:
        conn.execute(text("UPDATE layer.batas_kelurahan SET nama = nama WHERE id = :id"), {"id": one})
    assert {each["properties"]["outdated"] for each in found(town.client)} == {True}

    with town.engine.begin() as conn:
        conn.execute(text("DELETE FROM layer.batas_kelurahan WHERE id = :id"), {"id": other})
        check_layer(conn, catalogue, layer)
    again = found(town.client)
    assert "must_not_overlap" not in {each["properties"]["rule"] for each in again}
    assert {each["properties"]["outdated"] for each in again} <= {False}


def twins(conn: Connection, catalogue: Catalogue, layer: str) -> None:
    """Two features at one place, which every layer of points forbids."""
    for _ in range(2):
        add(conn, catalogue[layer], "SRID=4326;POINT(112.011 -7.811)")
    assert check_layer(conn, catalogue, catalogue[layer])


def rules(conn: Connection, catalogue: Catalogue, actor: Any) -> set[str]:
    """The layers on which this actor sees findings."""
    with conn.begin_nested() as while_acting:
        if actor is not OPERATOR:
            act_as(conn, actor)
        found = json.loads(f"[{findings_geojson(conn, catalogue)}]")
        while_acting.rollback()
    return {each["properties"]["layer"] for each in found}


def test_findings_on_layers_of_homes_are_not_for_the_public(conn: Connection, catalogue: Catalogue):
    for layer in ("kwt", "umkm", "posyandu", "titik_rt"):
        twins(conn, catalogue, layer)

    assert rules(conn, catalogue, PUBLIC) == {"kwt"}
    assert rules(conn, catalogue, OPERATOR) == {"kwt", "umkm", "posyandu", "titik_rt"}


def test_staff_see_findings_on_features_that_they_see_and_homes_where_the_public_does(
    conn: Connection, catalogue: Catalogue
):
    square = "SRID=4326;MULTIPOLYGON(((112 -7.82, 112.02 -7.82, 112.02 -7.8, 112 -7.8, 112 -7.82)))"
    add(conn, catalogue["batas_rt"], square)
    twins(conn, catalogue, "titik_rt")
    conn.execute(text("UPDATE layer.titik_rt SET kode_wilayah = '35.71.01.1001', status = 'diajukan'"))
    lurah, neighbour, camat = (
        Actor(name, "internal", person(conn, name, right).id)
        for name, right in (
            ("dewi", ("lurah", "35.71.01.1001")),
            ("joko", ("lurah", "35.71.01.1002")),
            ("sri", ("camat", "35.71.01")),
        )
    )

    assert rules(conn, catalogue, lurah) == rules(conn, catalogue, camat) == {"titik_rt"}
    assert rules(conn, catalogue, neighbour) == set()
    (place,) = set(conn.scalars(text("SELECT ST_AsText(place) FROM geosatu.finding WHERE layer = 'titik_rt'")))
    assert place != "POINT(112.011 -7.811)"


def test_findings_on_what_was_withdrawn_are_not_for_the_public(conn: Connection, catalogue: Catalogue):
    twins(conn, catalogue, "kwt")
    assert rules(conn, catalogue, PUBLIC) == {"kwt"}

    conn.execute(text("UPDATE layer.kwt SET status = 'perlu_perbaikan' WHERE id = (SELECT max(id) FROM layer.kwt)"))

    assert rules(conn, catalogue, PUBLIC) == set()


def test_findings_on_layers_that_are_gone_are_not_shown(conn: Connection, catalogue: Catalogue):
    twins(conn, catalogue, "umkm")
    without = Catalogue({layer.name: layer for layer in catalogue if layer.name != "umkm"}, {}, Path())

    assert rules(conn, without, PUBLIC) == rules(conn, without, OPERATOR) == set()


def test_a_finding_without_a_place_has_none(conn: Connection, catalogue: Catalogue):
    add(conn, catalogue["kwt"], "SRID=4326;POINT EMPTY")

    check_layer(conn, catalogue, catalogue["kwt"])

    assert [each["geometry"] for each in json.loads(f"[{findings_geojson(conn, catalogue)}]")] == [None]


def test_two_checks_at_once_wait_for_each_other(town: Town, catalogue: Catalogue):
    with town.engine.begin() as one, town.engine.connect() as other:
        check_layer(one, catalogue, catalogue["kwt"])
        other.execute(text("SET lock_timeout = '200ms'"))
        with pytest.raises(Exception, match="lock timeout"):
            check_layer(other, catalogue, catalogue["kwt"])
    with town.engine.begin() as conn:
        assert check_layer(conn, catalogue, catalogue["kwt"]) == []


def test_a_service_without_its_database_is_alive_but_not_ready(
    demo_settings: Settings, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(app_module, "LONGEST_WAIT", 0.2)
    nowhere = create_engine("postgresql+psycopg://geosatu@/geosatu?host=/tidak/ada")
    with TestClient(create_app(demo_settings, catalogue, nowhere), raise_server_exceptions=False) as client:
        assert client.get("/healthz").text == "ok"
        for path in ("/readyz", "/", "/ogc/collections", "/ogc/collections/kwt/items", "/cari?q=a", "/findings"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.json()["title"] == "Basis data sedang tidak dapat dihubungi. Coba lagi."


def test_a_service_with_its_database_is_ready(client: TestClient):
    assert client.get("/readyz").text == "ok"


def test_a_service_finds_its_database_again(town: Town):
    assert town.client.get("/readyz").status_code == 200
    with town.engine.connect() as conn:
        others = "FROM pg_stat_activity WHERE datname = 'town' AND pid <> pg_backend_pid()"
        conn.execute(text(f"SELECT pg_terminate_backend(pid) {others}"))

    answers = [town.client.get("/readyz").status_code for _ in range(3)]

    assert answers[0] in (200, 503)
    assert answers[1:] == [200, 200]
