"""OGC API - Features as QGIS, OGR, OWSLib and ArcGIS need it, and no more of a feature than the public may see."""

from __future__ import annotations

import base64
import http.client
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import geopandas
import pytest
import shapely
from conftest import city_of
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from geosatu.api import context
from geosatu.api.app import create_app
from geosatu.crs import CRS84, WGS84_EAST_FIRST
from geosatu.features import OPERATOR, PUBLIC, Actor, Box, Query
from geosatu.layers import Catalogue, Layer
from geosatu.settings import Settings
from geosatu.store import read, statements
from geosatu.store.statements import Statement

GEOJSON = "application/geo+json"
PROBLEM = "application/problem+json"
OURS = {"kode_wilayah", "status", "source", "accuracy_m", "uid", "version", "updated_at"}
HOMES = ["posyandu", "titik_rt", "umkm"]
KEDIRI = shapely.box(111.94, -7.90, 112.09, -7.76)

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def links(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {link["rel"]: link for link in document["links"]}


def items(client: TestClient, layer: str, **parameters: Any) -> dict[str, Any]:
    answer = client.get(f"/ogc/collections/{layer}/items", params={"limit": 10_000, **parameters})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == GEOJSON
    document: dict[str, Any] = answer.json()
    assert document["numberReturned"] == len(document["features"])
    return document


def refusal(answer: Any, status: int) -> str:
    """The one sentence of a problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["status"] == status
    title: str = problem["title"]
    assert title.endswith(".")
    assert "\n" not in title
    assert len(title) < 400
    return title


def run(conn: Connection, statement: Statement) -> Any:
    """The first row of a statement, on a connection whose changes nobody else sees."""
    cursor: Any = conn.connection.cursor()
    return cursor.execute(statement.sql, statement.values).fetchone()


def lines(conn: Connection, layer: Layer, actor: Actor) -> list[dict[str, Any]]:
    """The features that files of text are made of, on a connection whose changes nobody else sees."""
    statement = statements.lines(layer, Query(), actor.access)
    cursor: Any = conn.connection.cursor()
    return [json.loads(line) for (line,) in cursor.execute(statement.sql, statement.values)]


# What clients require.


@pytest.mark.parametrize("path", ["/ogc", "/ogc/", "/ogc?f=json"])
def test_the_landing_page_has_the_links_and_types_that_clients_look_for(client: TestClient, path: str):
    answer = client.get(path)

    assert answer.headers["content-type"] == "application/json"
    assert {rel: link["type"] for rel, link in links(answer.json()).items()} == {
        "self": "application/json",
        "service-desc": "application/vnd.oai.openapi+json;version=3.0",
        "service-doc": "text/html",
        "conformance": "application/json",
        "data": "application/json",
        "alternate": "text/html",
        "preview": "text/html",
    }


def test_every_link_leads_where_it_says(client: TestClient):
    landing = links(client.get("/ogc").json())
    collection = client.get(landing["data"]["href"]).json()["collections"][0]

    for link in (*landing.values(), *links(collection).values()):
        answer = client.get(link["href"])
        assert answer.status_code == 200, link
        assert answer.headers["content-type"].partition("; charset")[0] == link["type"]


@pytest.mark.parametrize(
    "path", ["/ogc/", "/ogc/collections//", "/ogc/collections/kwt/items/?limit=1", "/ogc/collections/kwt/items/1/"]
)
def test_a_slash_at_the_end_changes_nothing(client: TestClient, path: str):
    before, _, query = path.partition("?")

    answer = client.get(path, follow_redirects=False)

    plain = client.get(f"{before.rstrip('/')}?{query}")
    assert answer.status_code == 200
    assert {**answer.json(), "timeStamp": ""} == {**plain.json(), "timeStamp": ""}


def test_the_classes_of_the_core_are_declared(client: TestClient):
    declared = client.get("/ogc/conformance").json()["conformsTo"]

    assert {
        f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "geojson", "oas30")
    } <= {*declared}


def test_the_description_is_what_qgis_and_ogr_read(client: TestClient, catalogue: Catalogue):
    answer = client.get("/ogc/api")
    document = answer.json()

    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert document["openapi"].startswith("3.0")
    schema = document["components"]["parameters"]["limit"]["schema"]
    assert (schema["default"], schema["maximum"]) == (100, 10_000)
    for layer in catalogue:
        assert f"/collections/{layer.name}/items" in document["paths"]
    for parameter in document["components"]["parameters"].values():
        assert (parameter["in"], parameter["style"], parameter["explode"]) == ("query", "form", False)
    operations = [path["get"]["operationId"] for path in document["paths"].values()]
    assert len(operations) == len(set(operations))


def test_every_reference_of_the_description_can_be_followed(client: TestClient):
    document = client.get("/ogc/api").json()

    def follow(part: Any) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                found = document
                for key in part["$ref"].removeprefix("#/").split("/"):
                    found = found[key]
            for each in part.values():
                follow(each)
        elif isinstance(part, list):
            for each in part:
                follow(each)

    follow(document)


def test_every_layer_is_a_collection_of_features(client: TestClient, catalogue: Catalogue):
    collections = client.get("/ogc/collections").json()["collections"]

    assert [each["id"] for each in collections] == [layer.name for layer in catalogue]
    for each in collections:
        assert each == client.get(f"/ogc/collections/{each['id']}").json()
        assert each["itemType"] == "feature"
        assert each["storageCrs"] in each["crs"]
        assert GEOJSON in [link["type"] for link in each["links"] if link["rel"] == "items"]
        (west, south, east, north) = each["extent"]["spatial"]["bbox"][0]
        assert shapely.box(west, south, east, north).within(KEDIRI)


def test_a_page_links_itself_its_collection_and_the_next_one(client: TestClient):
    first = items(client, "titik_sampah", limit=3, bbox="111.9,-7.9,112.1,-7.7")
    found = links(first)

    assert first["type"] == "FeatureCollection"
    assert {rel: link["type"] for rel, link in found.items()} == {
        "self": GEOJSON,
        "next": GEOJSON,
        "alternate": "text/html",
        "collection": "application/json",
    }
    assert "bbox=111.9,-7.9,112.1,-7.7&" in found["next"]["href"], "parameters are kept, encoded once"
    assert client.get(found["self"]["href"]).json()["features"] == first["features"]


def test_the_last_page_has_no_next_link(client: TestClient):
    assert "next" not in links(items(client, "kwt"))


def test_a_feature_is_the_same_alone_as_on_its_page(client: TestClient):
    feature = items(client, "posyandu", limit=1)["features"][0]
    answer = client.get(f"/ogc/collections/posyandu/items/{feature['id']}")

    alone = answer.json()
    assert answer.headers["content-type"] == GEOJSON
    assert set(links(alone)) == {"self", "alternate", "collection"}
    assert {key: alone[key] for key in feature} == feature


def test_a_page_has_a_hundred_features_unless_told_otherwise(client: TestClient):
    answer = client.get("/ogc/collections/pos_kamling/items").json()

    assert answer["numberReturned"] == 100
    assert answer["numberMatched"] > 300


def test_a_limit_above_the_largest_is_cut_down(client: TestClient):
    assert items(client, "kwt", limit=10**9)["numberReturned"] == 25


def test_the_demonstration_has_46_kelurahan_that_make_up_kota_kediri(client: TestClient):
    document = items(client, "batas_kelurahan", limit=100)
    frame = geopandas.GeoDataFrame.from_features(document["features"], crs=4326)
    square_km = frame.to_crs(32749).area.sum() / 1e6

    assert document["numberMatched"] == document["numberReturned"] == 46
    assert frame.union_all().within(KEDIRI)
    assert square_km == pytest.approx(69, rel=0.05)


@quick
@given(layer=st.sampled_from(["titik_sampah", "lahan_tidur", "umkm"]), limit=st.integers(1, 90))
def test_following_next_visits_every_feature_once(client: TestClient, layer: str, limit: int):
    whole = items(client, layer)
    seen: list[int] = []
    address: str | None = f"/ogc/collections/{layer}/items?limit={limit}"
    while address is not None:
        page = client.get(address).json()
        assert page["numberMatched"] == whole["numberMatched"]
        assert 0 < page["numberReturned"] <= limit
        seen += [feature["id"] for feature in page["features"]]
        address = links(page).get("next", {}).get("href")

    assert seen == [feature["id"] for feature in whole["features"]]


degrees = st.tuples(
    st.floats(111.93, 112.10), st.floats(-7.91, -7.75), st.floats(111.93, 112.10), st.floats(-7.91, -7.75)
)


@quick
@given(layer=st.sampled_from(["pos_kamling", "lahan_tidur", "batas_rt", *HOMES]), corners=degrees)
@example("lahan_tidur", (112.0, -7.81640625, 111.9375, -7.81640625))
def test_a_box_finds_what_it_touches_and_nothing_else(client: TestClient, layer: str, corners: tuple[float, ...]):
    (west, east), (south, north) = sorted(corners[::2]), sorted(corners[1::2])
    frame = geopandas.GeoDataFrame.from_features(items(client, layer)["features"], crs=4326)
    ids = [feature["id"] for feature in items(client, layer)["features"]]
    touched = shapely.intersects(frame.geometry.array, shapely.box(west, south, east, north))

    document = items(client, layer, bbox=f"{west!r},{south!r},{east!r},{north!r}")

    assert [each["id"] for each in document["features"]] == [
        number for number, yes in zip(ids, touched, strict=True) if yes
    ]
    assert document["numberMatched"] == touched.sum()


@pytest.mark.parametrize("path", ["/ogc/collections/kwt/items?bbox=112,-8,113,-7", "/ogc/collections/kwt/items/1?"])
def test_the_only_crs_may_be_asked_for_by_name(client: TestClient, path: str):
    answer = client.get(f"{path}&crs={quote(CRS84)}")

    assert answer.headers["content-crs"] == f"<{CRS84}>"
    asked = {key: value for key, value in answer.json().items() if key not in ("links", "timeStamp")}
    plain = client.get(path).json()
    assert asked == {key: plain[key] for key in asked}


def test_heights_of_a_box_are_left_out(client: TestClient):
    flat = items(client, "kwt", bbox="112,-7.85,112.05,-7.8")["features"]

    assert items(client, "kwt", bbox="112,-7.85,-100,112.05,-7.8,9000")["features"] == flat


def test_a_proxy_in_front_is_in_every_link(demo_settings: Settings, catalogue: Catalogue, served_city: Any):
    behind = demo_settings.model_copy(update={"public_url": "https://peta.kedirikota.go.id/geo/"})
    with TestClient(create_app(behind, catalogue, served_city)) as client:
        documents = [
            client.get(path).json()
            for path in (
                "/ogc",
                "/ogc/collections/kwt",
                "/ogc/collections/kwt/items?limit=1",
                "/ogc/collections/kwt/items/1",
            )
        ]

    for document in documents:
        for link in document.get("links", []):
            assert link["href"].startswith("https://peta.kedirikota.go.id/geo/")


# What the public may see.


def test_only_public_fields_appear(client: TestClient, catalogue: Catalogue):
    for layer in catalogue:
        hidden = {field.name for field in layer.fields.values() if field.access != "publik"}
        allowed = {field.name for field in layer.readable("publik")} | OURS
        features = items(client, layer.name)["features"]
        assert features
        features.append(client.get(f"/ogc/collections/{layer.name}/items/{features[0]['id']}").json())
        for feature in features:
            assert set(feature["properties"]) == allowed
            assert not set(feature["properties"]) & hidden
            assert "keterangan" not in feature["properties"]


def at_home(layer: str, row: Any) -> bool:
    return layer == "titik_rt" or row.get("tempat") == "rumah_warga" or row.get("usaha_rumahan") is True


@pytest.fixture(scope="module")
def houses(demo_city: Any, catalogue: Catalogue) -> dict[str, geopandas.GeoDataFrame]:
    """The homes of each layer where they really are, by id."""
    with demo_city.connect() as conn:
        frames = {name: read.frame(conn, catalogue[name], OPERATOR) for name in HOMES}
    return {name: frame[[at_home(name, row) for _, row in frame.iterrows()]] for name, frame in frames.items()}


@pytest.mark.parametrize("layer", HOMES)
def test_a_home_is_published_at_the_inner_point_of_its_rt(
    client: TestClient, houses: dict[str, geopandas.GeoDataFrame], layer: str
):
    inner = geopandas.GeoDataFrame.from_features(items(client, "batas_rt")["features"]).geometry
    published = {
        feature["id"]: shapely.geometry.shape(feature["geometry"]) for feature in items(client, layer)["features"]
    }
    shown = [house for house in houses[layer].index if house in published]

    assert len(shown) > 10
    for number in shown:
        house = houses[layer].geometry[number]
        around = inner[inner.covers(house)].iloc[0]
        assert published[number] != house
        assert published[number].within(around)
    # All homes of an RT are at one point, which tells nothing about any of them.
    assert len({published[number].wkt for number in shown}) <= len(inner)


@pytest.mark.parametrize("layer", HOMES)
def test_a_home_outside_every_rt_is_not_published(
    client: TestClient, houses: dict[str, geopandas.GeoDataFrame], layer: str
):
    inside = geopandas.GeoDataFrame.from_features(items(client, "batas_rt")["features"]).union_all()
    published = {feature["id"] for feature in items(client, layer)["features"]}

    for number, house in houses[layer].geometry.items():
        assert (number in published) == inside.covers(house)
        if number not in published:
            refusal(client.get(f"/ogc/collections/{layer}/items/{number}"), 404)


@pytest.mark.parametrize("layer", HOMES)
def test_a_home_cannot_be_found_by_a_box_around_the_house(
    client: TestClient, houses: dict[str, geopandas.GeoDataFrame], layer: str
):
    step = 0.00002  # two metres
    for number, house in list(houses[layer].geometry.items())[:15]:
        box = f"{house.x - step},{house.y - step},{house.x + step},{house.y + step}"
        assert number not in [feature["id"] for feature in items(client, layer, bbox=box)["features"]]


@pytest.mark.parametrize("layer", ["posyandu", "umkm"])
def test_what_is_no_home_is_published_where_it_is(
    client: TestClient, demo_city: Any, catalogue: Catalogue, houses: dict[str, geopandas.GeoDataFrame], layer: str
):
    with demo_city.connect() as conn:
        frame = read.frame(conn, catalogue[layer], OPERATOR).drop(index=houses[layer].index)
    published = {
        feature["id"]: shapely.geometry.shape(feature["geometry"]) for feature in items(client, layer)["features"]
    }

    assert len(frame) > 20
    assert {number: published[number] for number in frame.index} == dict(frame.geometry.items())


def test_archived_features_are_nowhere(demo_conn: Connection, catalogue: Catalogue):
    layer = catalogue["kantor_kelurahan"]
    gone, name = demo_conn.execute(text("SELECT id, nama FROM layer.kantor_kelurahan ORDER BY id LIMIT 1")).one()

    demo_conn.execute(text("UPDATE layer.kantor_kelurahan SET status = 'arsip' WHERE id = :id"), {"id": gone})

    for actor in (PUBLIC, OPERATOR):
        features, returned, spare, _ = run(demo_conn, statements.page(layer, Query(limit=100), actor.access))
        assert (returned, spare) == (45, None)
        assert f'"id":{gone},' not in features
        assert run(demo_conn, statements.count(layer, Query(), actor.access)) == (45,)
        assert read.count(demo_conn, layer, Query(), actor) == 45
        assert read.summaries(demo_conn, catalogue, actor)[layer.name].count == 45
        assert gone not in read.frame(demo_conn, layer, actor).index
        assert gone not in [each["id"] for each in lines(demo_conn, layer, actor)]
        assert (layer.name, gone) not in [(m.layer, m.id) for m in read.search(demo_conn, catalogue, name, actor)]
        assert run(demo_conn, statements.feature(layer, gone, WGS84_EAST_FIRST, actor.access)) is None


def test_a_home_in_an_archived_rt_is_not_published(demo_conn: Connection, catalogue: Catalogue):
    layer = catalogue["titik_rt"]
    before = read.count(demo_conn, layer, Query(), PUBLIC)

    demo_conn.execute(text("UPDATE layer.batas_rt SET status = 'arsip'"))

    assert before > 100
    assert read.count(demo_conn, layer, Query(), PUBLIC) == 0
    assert read.count(demo_conn, layer, Query(), OPERATOR) >= before


@pytest.mark.parametrize("actor", [PUBLIC, OPERATOR], ids=lambda actor: actor.name)
def test_a_layer_streams_what_its_pages_show(demo_conn: Connection, catalogue: Catalogue, actor: Any):
    for layer in catalogue:
        features, *_ = run(demo_conn, statements.page(layer, Query(limit=10_000), actor.access))
        assert json.loads(f"[{features}]") == lines(demo_conn, layer, actor)


HOSTILE = "\"\\\b\f\n\r\t\x01\x02\x1f\u2028</script>{{ 7*7 }}%s :name $1 ' -- é 漢字 😀"


def test_any_text_comes_out_as_it_went_in(demo_conn: Connection, catalogue: Catalogue):
    layer = catalogue["kwt"]
    demo_conn.execute(text("UPDATE layer.kwt SET nama = :name"), {"name": HOSTILE})

    features, *_ = run(demo_conn, statements.page(layer, Query(), PUBLIC.access))
    page = json.loads(f"[{features}]")

    assert {feature["properties"]["nama"] for feature in page + lines(demo_conn, layer, PUBLIC)} == {HOSTILE}


# What is asked wrongly.

WRONG = [
    ("limit", "0"),
    ("limit", "-1"),
    ("limit", "sepuluh"),
    ("limit", "1.5"),
    ("limit", ""),
    ("limit", "٣"),
    ("limit", "9" * 5000),
    ("limit", "0" * 5000 + "1"),
    ("limit", str(2**63)),
    ("after", "-1"),
    ("after", "0" * 30 + "9" * 30),
    ("bbox", ""),
    ("bbox", "112,-8"),
    ("bbox", "112,-8,113,-7,5"),
    ("bbox", "a,b,c,d"),
    ("bbox", "112,-8,113,nan"),
    ("bbox", "112,-8,inf,-7"),
    ("bbox", "113,-8,112,-7"),
    ("bbox", "112,-7,113,-8"),
    ("bbox", "112,-91,113,-7"),
    ("bbox", "112,-8,181,-7"),
    ("bbox", "112,-8,113,-7," * 1000),
    ("bbox", "112,-8,113,-7\x00"),
    ("f", "x" * 5000),
    ("crs", "http://www.opengis.net/def/crs/EPSG/0/27700"),
    ("bbox-crs", "http://www.opengis.net/def/crs/EPSG/0/99"),
    ("filter-lang", "sql"),
    ("sortby", "--nama"),
    ("sortby", "nama,,rt"),
    ("properties", "nama,"),
    ("status", "entah"),
    ("tahun_berdiri", "1.5"),
    ("datetime", "2026-13-01"),
    ("datetime", "2026-01-01T24:30:00Z"),
    ("datetime", "2026-02-01/2026-01-01"),
    ("datetime", "2026-01-01T08:00:00+07:00/2026-01-01T00:59:00Z"),
    ("datetime", "../.."),
    ("warna", "merah"),
    ("w" * 5000, "merah"),
    ("limit\x00", "1"),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{name[:9]}={value[:12]!r}" for name, value in WRONG])
def test_a_wrong_parameter_is_a_sentence(client: TestClient, name: str, value: str):
    said = refusal(client.get("/ogc/collections/kwt/items", params={name: value}), 400)

    assert name[:50].replace("\x00", "\N{REPLACEMENT CHARACTER}") in said


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("bbox=-7.9,111.9,-7.7,112.1", "tulis barat,selatan,timur,utara."),
        ("bbox=112,-8,113,-7&bbox-crs=EPSG:4326", "lintang ditulis lebih dulu, selatan,barat,utara,timur."),
        ("bbox=1e9,0,2e9,1&bbox-crs=EPSG:3857", "bilangannya di luar jangkauan sistem"),
        ("limit=1" + "0" * 30, "terlalu besar, paling besar 9223372036854775807."),
        ("pada=0001-01-01", "tahunnya di luar jangkauan."),
        ("pada=2026-02-30", "bukan tanggal atau waktu; tulis misalnya 2026-08-17"),
        ("tanggal_data=kemarin", "tanggal_data=kemarin: bukan tanggal"),
        ("filter=", "filter: kosong;"),
        ("nama=%ff", "bukan UTF-8."),
        ("a=&" * 101, "paling banyak 100."),
    ],
)
def test_the_reason_is_the_true_one(client: TestClient, query: str, said: str):
    assert said in refusal(client.get(f"/ogc/collections/kwt/items?{query}"), 400)


@pytest.mark.parametrize(
    "key", [["\ud800", 1], [10**400, 1], [True, 1], ["\0", 1], [float("nan"), 1], ["a"], [{}, 1], 1]
)
def test_a_place_in_the_order_that_is_none_is_a_sentence(client: TestClient, key: Any):
    token = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")

    for field in ("nama", "tahun_berdiri"):
        answer = client.get("/ogc/collections/kwt/items", params={"sortby": field, "after": token})
        assert answer.status_code == 200 or refusal(answer, 400)


@pytest.mark.parametrize(
    "said",
    [
        "2026-01-01T00:00:00Z/..",
        "2026-01-01t00:00:00z/..",
        "2026-01-01 00:00:00.5+07:00/",
        "2026-01-01T08:00:00+07:00/2026-12-31T01:00:00Z",
        "0000-01-01T00:00:00Z/9999-12-31T00:00:00Z",
    ],
)
def test_a_time_is_read_as_rfc_3339_writes_it(client: TestClient, said: str):
    assert items(client, "kwt", datetime=said)["numberMatched"] > 0


def test_the_year_zero_has_no_data(client: TestClient):
    assert items(client, "kwt", datetime="../0000-12-31")["numberMatched"] == 0


@pytest.mark.parametrize("name", ["limit", "bbox", "after", "f"])
def test_a_parameter_said_twice_is_a_sentence(client: TestClient, name: str):
    said = refusal(client.get(f"/ogc/collections/kwt/items?{name}=1&{name}=2"), 400)

    assert said == f"Parameter '{name}' disebut lebih dari sekali."


@pytest.mark.parametrize(
    "path",
    [
        "/ogc",
        "/ogc/conformance",
        "/ogc/api",
        "/ogc/collections",
        "/ogc/collections/kwt",
    ],
)
def test_other_pages_take_no_parameter_but_the_format(client: TestClient, path: str):
    assert client.get(path, params={"f": "json"}).status_code == 200
    assert refusal(client.get(path, params={"limit": 1}), 400) == "Parameter 'limit' tidak dikenal; yang ada: f."
    assert refusal(client.get(path, params={"f": "xml"}), 400).startswith("f=xml: bentuk ini tidak ada")


@pytest.mark.parametrize(
    "path", ["api", "collections/kwt/queryables", "collections/kwt/tiles", "collections/kwt/schema"]
)
def test_what_is_no_page_is_not_given_for_one(client: TestClient, path: str):
    assert client.get(f"/ogc/{path}", headers={"accept": "text/html"}).headers["content-type"] != "text/html"
    said = refusal(client.get(f"/ogc/{path}?f=xml"), 400)
    assert said == "f=xml: bentuk ini tidak ada; yang ada: json."


@pytest.mark.parametrize("path", ["items", "items/1"])
def test_a_page_for_people_is_in_degrees(client: TestClient, path: str):
    path = f"/ogc/collections/kwt/{path}?f=html&crs="

    assert client.get(f"{path}CRS84").status_code == 200
    refused = client.get(f"{path}EPSG:32749")
    assert (refused.status_code, "crs: halaman untuk dibaca hanya ada dalam CRS84" in refused.text) == (400, True)


@pytest.mark.parametrize(
    "path",
    [
        "/ogc/collections/sawah",
        "/ogc/collections/sawah/items",
        "/ogc/collections/" + "x" * 5000,
        "/ogc/collections/%00/items",
        "/ogc/collections/kwt/items/0",
        "/ogc/collections/kwt/items/999999",
        "/ogc/collections/kwt/items/-1",
        "/ogc/collections/kwt/items/satu",
        "/ogc/collections/kwt/items/" + "9" * 5000,
        "/ogc/collections/kwt/items/%00",
        "/ogc/entah",
        "/entah",
    ],
    ids=lambda path: path[:40],
)
def test_what_is_not_there_is_a_sentence(client: TestClient, path: str):
    refusal(client.get(path), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_another_method_is_a_sentence_that_says_what_is_allowed(client: TestClient, method: str):
    answer = client.request(method, "/ogc/collections/kwt/queryables")

    assert refusal(answer, 405) == "Cara ini tidak tersedia di alamat ini."
    assert "GET" in answer.headers["allow"]


def test_a_time_of_day_may_be_asked_for_with_and_without_seconds(client: TestClient):
    items = "/ogc/collections/posyandu/items?limit=1&jam_buka="
    whole, short = (client.get(items + said).json()["numberMatched"] for said in ("08:00:00", "08:00"))

    assert whole == short > 0


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/ogc/collections/kwt/tiles/WebMercatorQuad/0/0/0", "GET, HEAD"),
        ("/ogc/collections/kwt/items", "GET, HEAD, OPTIONS, POST"),
        ("/ogc/collections/kwt/items/1", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/files/kwt.csv", "GET, HEAD"),
    ],
)
def test_what_is_allowed_is_told_of_all_of_an_address(client: TestClient, path: str, methods: str):
    answer = client.request("LINK", path)

    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


@pytest.mark.parametrize("path", ["/ogc", "/ogc/collections/kwt/items", "/", "/healthz"])
def test_head_is_answered_as_get_without_a_body(service: str, path: str):
    connection = http.client.HTTPConnection(urlsplit(service).netloc, timeout=10)
    connection.request("HEAD", path)
    answer = connection.getresponse()

    assert answer.status == 200
    assert int(answer.headers["content-length"]) > 0
    assert answer.read() == b""


RAW = [
    "/ogc/collections/%ff%fe/items",
    "/ogc/collections/%/items",
    "/ogc/collections/kwt%2fitems",
    "/ogc/collections/%zz",
    "/ogc/collections/kwt/items/%ff",
    "/ogc/collections/kwt/items?limit=%ff",
    "/ogc/collections/kwt/items?limit=%",
    "/ogc/collections/kwt/items?%ff=1",
    "/ogc/collections/kwt/items?limit=%00",
    "/ogc/collections/kwt/items?&&&==&",
    "/ogc/collections/kwt/items?bbox=%ed%a0%80",
    "/ogc/collections/kwt/items?limit=" + "1" * 60_000,
    "/ogc/" + "x" * 60_000,
    "/ogc//collections",
    "/ogc/../ogc",
    "/assets/../../settings.py",
    "/assets/%2e%2e/%2e%2e/settings.py",
    "/assets/%00",
    "/assets/%ff",
    "/cari?q=%ff%fe",
    "/cari?q=%00",
    "/cari?q=%25%5f%5c",
    "//",
    "*",
]


@pytest.mark.parametrize("path", RAW, ids=lambda path: path[:40])
def test_a_mangled_address_is_no_fault_of_the_service(service: str, path: str):
    connection = http.client.HTTPConnection(urlsplit(service).netloc, timeout=10)
    connection.putrequest("GET", path, skip_accept_encoding=True)
    connection.endheaders()
    answer = connection.getresponse()

    assert answer.status < 500
    if answer.status >= 400 and answer.headers["content-type"].startswith("application/"):
        assert json.loads(answer.read())["title"]


@pytest.mark.parametrize("host", ["[", "a b", 'x"><script>', "peta.example:99999", ""])
def test_a_mangled_host_is_no_fault_of_the_service(service: str, host: str):
    connection = http.client.HTTPConnection(urlsplit(service).netloc, timeout=10)
    connection.putrequest("GET", "/ogc", skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()

    assert connection.getresponse().status in (200, 400)


def test_a_bug_is_a_sentence_and_no_traceback(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    sentence = "Terjadi kesalahan pada layanan; kesalahan ini sudah dicatat."
    for bug in (lambda *_: 1 / 0, lambda *_: Statement("SELECT rahasia FROM sini", {})):
        monkeypatch.setattr(statements, "page", bug)
        assert refusal(client.get("/ogc/collections/kwt/items"), 500) == sentence


# Many at once, and heavy ones.


def test_more_requests_than_connections_are_all_answered(service: str):
    def ask(number: int) -> int:
        with urlopen(f"{service}/ogc/collections/pos_kamling/items?limit=5&after={number}", timeout=25) as answer:
            return int(answer.status)

    with ThreadPoolExecutor(80) as threads:
        answers = Counter(threads.map(ask, range(160)))

    assert answers == {200: 160}


def test_who_waits_too_long_for_a_connection_is_told_so(
    demo_settings: Settings, catalogue: Catalogue, served_city: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(context, "LONGEST_WAIT", 0.05)
    service = create_app(demo_settings, catalogue, served_city)
    with TestClient(service) as client:
        city_of(service).turns = context.asyncio.Semaphore(0)

        assert refusal(client.get("/ogc/collections"), 503) == "Layanan sedang sangat sibuk. Coba lagi sebentar."
        assert client.get("/healthz").status_code == 200


def test_a_query_that_takes_too_long_is_ended(
    demo_settings: Settings, catalogue: Catalogue, served_city: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("geosatu.api.app.LONGEST_STATEMENT", 2)
    monkeypatch.setattr(statements, "page", lambda *_: Statement("SELECT pg_sleep(60)", {}))
    with TestClient(create_app(demo_settings, catalogue, served_city)) as client:
        said = refusal(client.get("/ogc/collections/kwt/items"), 503)

        assert said == "Permintaan ini terlalu berat. Minta wilayah atau halaman yang lebih kecil."
        assert client.get("/ogc/collections/kwt/items/1").status_code == 200


def test_a_box_is_read_as_it_is_written():
    assert Box.parse("111.5,-8,112,-7.25") == Box(111.5, -8, 112, -7.25)
    assert Box.parse("-180,-90,180,90") == Box(-180, -90, 180, 90)
    assert Box.parse("112,-7,112,-7") == Box(112, -7, 112, -7)
