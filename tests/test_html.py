"""The pages of the OGC API: Indonesian, complete, from our own files only, and safe whatever the data say."""

from __future__ import annotations

import html as entities
import json
import re
from dataclasses import dataclass
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from geosatu import viewer
from geosatu.api import html
from geosatu.crs import CRS84
from geosatu.features import Box
from geosatu.layers import SYSTEM_FIELDS, Catalogue, Layer
from geosatu.viewer.small_map import bounds_of, map_address

BASE = "https://peta.contoh.go.id/geosatu"
HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7*7 }} {% raise %}"
KEDIRI = Box(111.95, -7.88, 112.08, -7.77)


@dataclass(frozen=True)
class Summary:
    count: int = 1322
    bounds: Box | None = KEDIRI
    changed_on: date | None = date(2026, 8, 17)


MELATI: dict[str, Any] = {
    "type": "Feature",
    "id": 7,
    "geometry": {"type": "Point", "coordinates": [112.0054648123, -7.8146118]},
    "properties": {
        "nama": "Posyandu Melati",
        "jenis": "terpadu_ilp",
        "tahun_strata": 2023,
        "jumlah_kader": 1234,
        "kader_aktif": None,
        "jadwal_hari": "senin",
        "jam_buka": "09:00:00",
        "layanan": ["kesehatan", "sosial"],
        "wilayah_layanan": ["35.71.01.1001-RW001-RT003"],
        "tanggal_data": "2026-05-11",
        "kode_wilayah": "35.71.01.1001",
        "status": "terbit",
        "source": "survei_gps",
        "accuracy_m": 5.93,
        "uid": "0b7c",
        "version": 3,
        "updated_at": "2026-08-16T18:30:00Z",
    },
}


class Document(HTMLParser):
    """Every start tag of a page with its attributes, and the text between the tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def addresses(self, *tags: str) -> list[str]:
        return [
            attributes[name]
            for tag, attributes in self.tags
            for name in ("href", "src")
            if tag in tags
            if name in attributes
        ]


def config_of(page: str) -> dict[str, Any]:
    """What a page tells its small map."""
    found = re.search(r'<script type="application/json" id="config">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    config: dict[str, Any] = json.loads(found[1])
    return config


def items_of(layer: Layer, features: list[dict[str, Any]], **given: Any) -> str:
    said = {"matched": len(features), "returned": len(features), "links": [], "query": {}} | given
    return html.items(BASE, layer, features, **said)


def every_page(catalogue: Catalogue) -> dict[str, str]:
    summaries = {layer.name: Summary() for layer in catalogue}
    posyandu = catalogue["posyandu"]
    return {
        "landing": html.landing(BASE, "Kota Kediri", catalogue, summaries),
        "conformance": html.conformance(BASE, ["http://www.opengis.net/spec/cql2/1.0/conf/cql2-text"]),
        "collections": html.collections(BASE, catalogue, summaries),
        "collection": html.collection(BASE, posyandu, Summary()),
        "items": items_of(posyandu, [MELATI]),
        "item": html.item(BASE, posyandu, MELATI),
    }


PAGES = ("landing", "conformance", "collections", "collection", "items", "item")


@pytest.fixture(scope="module")
def pages(catalogue: Catalogue) -> dict[str, str]:
    return every_page(catalogue)


@pytest.fixture
def posyandu(catalogue: Catalogue) -> Layer:
    return catalogue["posyandu"]


@pytest.mark.parametrize("name", PAGES)
def test_pages_load_only_our_own_assets(pages: dict[str, str], name: str):
    loaded = [
        address for address in Document(pages[name]).addresses("script", "link", "img") if "f=json" not in address
    ]

    assert len(loaded) >= 5
    for address in loaded:
        path, version = re.fullmatch(r"/geosatu/assets/(.+)\?v=(\w+)", address).groups()  # type: ignore[union-attr]
        assert viewer.asset(path).version == version


@pytest.mark.parametrize("name", PAGES)
def test_links_stay_with_us_but_for_the_licence(pages: dict[str, str], name: str):
    for address in Document(pages[name]).addresses("a"):
        assert address.startswith(("/geosatu/", "#", "https://creativecommons.org/"))


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_lets_nothing_else_in(pages: dict[str, str], name: str):
    document = Document(pages[name])
    policy = next(tag["content"] for _, tag in document.tags if tag.get("http-equiv") == "Content-Security-Policy")

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    for tag, attributes in document.tags:
        assert tag != "style"
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert tag != "script" or "src" in attributes or attributes["type"] == "application/json"


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_indonesian_and_name_their_json_form(pages: dict[str, str], name: str):
    document = Document(pages[name])

    assert ("html", {"lang": "id"}) in document.tags
    alternates = [tag["href"] for kind, tag in document.tags if kind == "link" and tag["rel"] == "alternate"]
    assert alternates[0].startswith("/geosatu/ogc")
    assert alternates[0].endswith("f=json")


def test_a_service_without_a_path_in_front_links_from_the_root(posyandu: Layer):
    page = html.item("http://127.0.0.1:8000/", posyandu, MELATI)

    assert 'href="/ogc/collections/posyandu"' in page
    assert "//ogc" not in page
    assert config_of(page)["root"] == "/"


def test_words_cannot_break_out(catalogue: Catalogue):
    posyandu = catalogue["posyandu"]
    field = posyandu.fields["jenis"].model_copy(
        update={"title": HOSTILE, "description": HOSTILE, "codes": {"terpadu_ilp": HOSTILE}}
    )
    hostile = posyandu.model_copy(
        update={
            "title": HOSTILE,
            "abstract": HOSTILE,
            "lineage": HOSTILE,
            "contact": HOSTILE,
            "licence": HOSTILE,
            "keywords": [HOSTILE],
            "fields": {**posyandu.fields, "jenis": field},
        }
    )
    themes = {**catalogue.themes, posyandu.theme: HOSTILE}
    layers = Catalogue({**catalogue.layers, "posyandu": hostile}, themes, catalogue.folder)
    summaries = {layer.name: Summary() for layer in layers}
    feature = {**MELATI, "properties": {**MELATI["properties"], "nama": HOSTILE, "alamat": HOSTILE}}
    made = {
        "landing": html.landing(BASE + HOSTILE, HOSTILE, layers, summaries),
        "conformance": html.conformance(BASE, [HOSTILE, f"http://x/spec/{HOSTILE}/1/conf/{HOSTILE}"]),
        "collections": html.collections(BASE, layers, summaries),
        "collection": html.collection(BASE, hostile, Summary(), [CRS84, HOSTILE]),
        "items": items_of(
            hostile, [feature], query={"nama": HOSTILE, HOSTILE: "x"}, links=[{"rel": "next", "href": HOSTILE}]
        ),
        "item": html.item(BASE, hostile, feature),
    }

    for page in made.values():
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "{{ 7*7 }}" in entities.unescape(page).replace("\\u0026", "&")
        assert not [tag for tag, attributes in Document(page).tags if "onerror" in attributes]
    assert config_of(made["item"])["layer"]["title"] == HOSTILE
    assert config_of(made["item"])["features"][0]["properties"]["nama"] == HOSTILE


def test_the_landing_page_tells_what_there_is_and_where(catalogue: Catalogue, pages: dict[str, str]):
    document = Document(pages["landing"])

    assert "Data Kota Kediri" in document.text
    assert f"{BASE}/ogc" in document.text
    assert "17 Agustus 2026" in document.text
    assert "/geosatu/files/kota.qgz" in document.addresses("a")
    for layer in catalogue:
        assert f"/geosatu/ogc/collections/{layer.name}" in document.addresses("a")


def test_the_landing_page_of_an_empty_service(catalogue: Catalogue):
    nothing = {layer.name: Summary(0, None, None) for layer in catalogue}

    text = Document(html.landing(BASE, None, catalogue, nothing)).text

    assert "Data Kota" not in text
    assert "Terakhir diperbarui" not in text


def test_every_layer_is_listed_with_its_number(catalogue: Catalogue):
    summaries = {layer.name: Summary() for layer in catalogue} | {"kwt": Summary(0, None, None)}

    text = Document(html.collections(BASE, catalogue, summaries)).text

    for layer in catalogue:
        assert layer.title in text
        assert layer.abstract in text
    assert "1.322 data" in text
    assert "Belum ada data" in text


def test_a_layer_is_described_in_full(catalogue: Catalogue):
    for layer in catalogue:
        text = Document(html.collection(BASE, layer, Summary())).text

        for words in (layer.title, layer.abstract, layer.lineage, layer.contact, *layer.keywords):
            assert words in text
        assert "CC BY 4.0" in text
        assert "111,95° BT sampai 112,08° BT, 7,88° LS sampai 7,77° LS" in text
        for field in (*layer.readable("publik"), *SYSTEM_FIELDS.values()):
            assert field.title in text
            assert field.name in text
            for code, title in field.codes.items():
                assert code in text
                assert title in text


def test_fields_that_the_public_may_not_see_are_not_mentioned(posyandu: Layer):
    feature = {**MELATI, "properties": {**MELATI["properties"], "hp_ketua": "0800-000-2001"}}

    for page in (
        html.collection(BASE, posyandu, Summary()),
        items_of(posyandu, [feature]),
        html.item(BASE, posyandu, feature),
    ):
        assert "HP ketua" not in page
        assert "hp_ketua" not in page
        assert "0800-000-2001" not in page


def test_every_file_of_a_layer_is_offered(posyandu: Layer):
    links = Document(html.collection(BASE, posyandu, Summary())).addresses("a")

    for ending in ("geojson", "gpkg", "csv", "xlsx", "shp.zip", "kml", "fgb", "parquet", "qlr"):
        assert f"/geosatu/files/posyandu.{ending}" in links


def test_coordinate_systems_have_names(posyandu: Layer):
    uris = [CRS84, "http://www.opengis.net/def/crs/EPSG/0/32749", "http://www.opengis.net/def/crs/EPSG/0/999999"]

    text = Document(html.collection(BASE, posyandu, Summary(), uris)).text

    assert "WGS 84 / UTM zone 49S (EPSG:32749)" in text
    assert uris[2] in text


def test_a_layer_without_data_has_no_map(posyandu: Layer):
    page = html.collection(BASE, posyandu, Summary(0, None, None))

    assert "Lapisan ini belum berisi data." in page
    assert "small-map" not in page
    assert "leaflet" not in page


def test_a_page_of_data_is_a_table_in_words(posyandu: Layer):
    document = Document(items_of(posyandu, [MELATI], matched=1322))

    for name in MELATI["properties"].keys() & posyandu.fields.keys():
        assert posyandu.fields[name].title in document.text
    for written in (
        "1 dari 1.322 data",
        "Posyandu Melati",
        "Terpadu (ILP)",
        "2023",
        "1.234 orang",
        "Senin",
        "09.00",
        "Kesehatan, Sosial",
        "RT 003/RW 001",
        "11 Mei 2026",
        "Survei GPS",
        "5,93 m",
        "17 Agustus 2026",
        "–",
    ):
        assert written in document.text
    assert "terpadu_ilp" not in document.text.split("{")[0]
    assert "/geosatu/ogc/collections/posyandu/items/7" in document.addresses("a")


def test_only_the_fields_that_were_asked_for_are_columns(posyandu: Layer):
    feature = {"type": "Feature", "id": 7, "geometry": None, "properties": {"nama": "Melati", "strata": "madya"}}

    page = items_of(posyandu, [feature], matched=None)

    assert re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', page) == ["Nama", "Strata"]
    assert "small-map" not in page


def test_pages_lead_to_the_next_and_keep_what_was_asked(posyandu: Layer):
    here = "/geosatu/ogc/collections/posyandu/items"
    links = [
        {"rel": "self", "href": f"{BASE}/ogc/collections/posyandu/items"},
        {"rel": "next", "href": f"{here}?strata=madya&limit=20&after=57"},
    ]
    query = {"strata": "madya", "limit": "20", "after": "37", "f": "html"}

    document = Document(items_of(posyandu, [MELATI], matched=None, links=links, query=query))

    addresses = document.addresses("a")
    assert f"{here}?strata=madya&limit=20&after=57" in addresses, "next"
    assert f"{here}?strata=madya&limit=20" in addresses, "first"
    assert f"{here}?limit=20" in addresses, "without the filter"
    assert f"{here}?strata=madya&limit=20&after=37&f=json" in addresses, "as GeoJSON"
    assert "Strata: Madya" in document.text
    assert ("input", {"type": "hidden", "name": "strata", "value": "madya"}) in document.tags


def test_a_page_that_was_cut_says_so_where_more_follow(posyandu: Layer):
    following = [{"rel": "next", "href": "?after=57"}]

    assert "paling banyak 500 baris" in Document(items_of(posyandu, [MELATI], links=following, cut=True)).text
    assert "paling banyak" not in items_of(posyandu, [MELATI], links=following)
    assert "paling banyak" not in items_of(posyandu, [MELATI], cut=True)


def test_a_page_without_features_says_why(posyandu: Layer):
    assert "belum berisi data" in items_of(posyandu, [])
    assert "Tidak ada data yang cocok" in items_of(posyandu, [], query={"strata": "madya"})


def test_a_limit_that_is_no_number_does_no_harm(posyandu: Layer):
    assert "<option selected>100</option>" in items_of(posyandu, [MELATI], query={"limit": "banyak"})


def test_one_feature_has_every_field(posyandu: Layer):
    empty = dict.fromkeys([field.name for field in posyandu.readable("publik")])
    feature = {**MELATI, "properties": {**empty, **MELATI["properties"]}}

    text = Document(html.item(BASE, posyandu, feature)).text

    for field in (*posyandu.readable("publik"), *SYSTEM_FIELDS.values()):
        assert field.title in text
    assert "Tidak diisi" in text
    assert "1.234 orang" in text


def test_a_feature_without_a_place_has_no_map(posyandu: Layer):
    page = html.item(BASE, posyandu, {**MELATI, "geometry": None})

    assert "small-map" not in page
    assert "Posyandu Melati" in page


def test_the_small_map_is_told_no_more_than_it_draws(posyandu: Layer):
    config = config_of(items_of(posyandu, [MELATI]))

    assert config["root"] == "/geosatu/"
    assert config["features"] == [
        {
            "type": "Feature",
            "id": 7,
            "properties": {"nama": "Posyandu Melati"},
            "geometry": {"type": "Point", "coordinates": [112.005465, -7.814612]},
        }
    ]


def test_the_map_of_a_layer_comes_from_its_tiles(posyandu: Layer):
    config = config_of(html.collection(BASE, posyandu, Summary()))

    assert config["features"] is None
    assert config["layer"]["tiles"] == "ogc/collections/posyandu/tiles/WebMercatorQuad"
    assert config["bounds"] == [*KEDIRI]


def test_the_large_map_opens_where_the_layer_can_be_seen(catalogue: Catalogue):
    point = Box(112, -7.8, 112, -7.8)

    assert map_address("", catalogue["posyandu"], KEDIRI) == "/#12.75/-7.82500/112.01500/batas_kelurahan,posyandu"
    assert map_address("/x", catalogue["posyandu"], point) == "/x/#17/-7.80000/112.00000/batas_kelurahan,posyandu"
    assert map_address("", catalogue["batas_rt"], KEDIRI).startswith("/#14/"), "its min_zoom"
    assert map_address("", catalogue["batas_kelurahan"], KEDIRI).endswith("/batas_kelurahan")


def test_bounds_are_those_of_all_parts():
    shapes = [
        {"geometry": {"type": "MultiPolygon", "coordinates": [[[[1, 2], [3, 2], [3, 5], [1, 2]]]]}},
        {"geometry": None},
        {"geometry": {"type": "Point", "coordinates": [0, 9]}},
    ]

    assert bounds_of(shapes) == (0, 2, 3, 9)
    assert bounds_of([{"geometry": None}]) is None


def test_classes_stand_under_their_standard():
    classes = [
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
        "http://www.opengis.net/spec/unheard-of/2.0/conf/core",
        "not an address of a class",
    ]

    text = Document(html.conformance(BASE, classes)).text

    assert text.count("OGC API - Features, Bagian 1: Inti") == 1
    assert "unheard-of" in text
    for address in classes:
        assert address in text
