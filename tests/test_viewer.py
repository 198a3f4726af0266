"""The map page: made of the catalogue, from our own files only, and safe whatever the data say."""

from __future__ import annotations

import dataclasses
import gzip
import html
import json
import re
import subprocess
import sys
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from geosatu import viewer
from geosatu.errors import InvalidCatalogue
from geosatu.features import Box
from geosatu.layers import Catalogue
from geosatu.settings import Settings
from geosatu.viewer.assets import WEB
from geosatu.viewer.page import tile_host

KEDIRI = Box(111.95, -7.88, 112.08, -7.77)
VIEW = viewer.MapView(
    bounds=KEDIRI,
    title="Kota Kediri",
    notices=["Batas ilustratif, bukan batas resmi."],
    counts={"posyandu": 1322, "batas_rt": 1288, "kwt": 0},
    updated={"posyandu": date(2026, 8, 17), "kwt": None},
)
OFFLINE = Settings(basemap=None)
TILES = Settings(basemap="https://{s}.tiles.example/{z}/{x}/{y}.png", basemap_attribution="© kontributor peta")
HOSTILE = "</script><script>alert(1)</script>\"'><img src=x> {{ 7*7 }} {% raise %}"


@pytest.fixture(scope="module")
def page(catalogue: Catalogue) -> str:
    return viewer.map_page(catalogue, view=VIEW, settings=OFFLINE)


def config_of(page: str) -> dict[str, Any]:
    """What the page tells its scripts."""
    found = re.search(r'<script type="application/json" id="config">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    config: dict[str, Any] = json.loads(found[1])
    return config


def policy_of(page: str) -> str:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


class Tags(HTMLParser):
    """Every start tag of a document, with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_is_a_folium_map(page: str):
    assert 'var map = L.map("map"' in page
    assert "map.fitBounds(\n                [[-7.88, 111.95], [-7.77, 112.08]]" in page


def test_nothing_comes_from_elsewhere(page: str):
    assert re.findall(r"(?:https?:)?//[^\s\"'<>]+", page) == []


def test_every_address_in_the_page_is_an_asset_of_ours(page: str):
    addresses = [
        address
        for _, attributes in Tags(page).found
        for name, address in attributes.items()
        if name in ("src", "href") and address and not address.startswith("#") and address != "./"
    ]

    assert len(addresses) > 20
    for address in addresses:
        path, version = re.fullmatch(r"assets/(.+)\?v=(\w+)", address).groups()  # type: ignore[union-attr]
        assert viewer.asset(path).version == version


def test_the_policy_allows_our_files_and_the_one_script_of_folium(page: str):
    policy = policy_of(page)

    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'self' 'sha256-[\w+/=]+';", policy)
    assert "unsafe" not in policy
    assert "img-src 'self' data:;" in policy
    assert not [name for _, attributes in Tags(page).found for name in attributes if name.startswith("on")]
    assert not [tag for tag, attributes in Tags(page).found if tag == "style" or "style" in attributes]


def test_a_base_map_is_let_in_by_name(catalogue: Catalogue):
    page = viewer.map_page(catalogue, view=VIEW, settings=TILES)

    assert "img-src 'self' data: https://*.tiles.example;" in policy_of(page)
    assert "L.tileLayer" in page
    assert "data-base" in page


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://tiles.example/{z}/{x}/{y}.png", "https://tiles.example"),
        ("https://{s}.tiles.example:8443/{z}/{x}/{y}.png", "https://*.tiles.example:8443"),
        ("https://t{s}.tiles.example/{z}/{x}/{y}.png", "https:"),
        ("/tiles/{z}/{x}/{y}.png", "'self'"),
    ],
)
def test_tiles_may_come_from_their_host_alone(address: str, host: str):
    assert tile_host(address) == host


def test_the_same_state_gives_the_same_page(catalogue: Catalogue):
    """Or no cache could ever answer."""
    for settings in (OFFLINE, TILES):
        assert viewer.map_page(catalogue, view=VIEW, settings=settings) == viewer.map_page(
            catalogue, view=VIEW, settings=settings
        )


def test_every_layer_is_told_to_the_scripts_and_listed_in_the_legend(page: str, catalogue: Catalogue):
    told = [layer["name"] for layer in config_of(page)["layers"]]
    listed = [attributes["data-layer"] for _, attributes in Tags(page).found if "data-layer" in attributes]

    assert told == [*catalogue.layers, "findings"]
    assert sorted(map(str, listed)) == sorted(told)
    for layer in catalogue:
        assert layer.title in page


def test_the_legend_has_the_codes_that_have_colours(page: str, catalogue: Catalogue):
    for layer in catalogue:
        if layer.style.colour_by:
            for code, title in layer.fields[layer.style.colour_by].codes.items():
                assert title in page
                assert layer.style.colours[code] in page


def test_the_legend_writes_numbers_and_dates_the_indonesian_way(page: str):
    assert "1.322" in page
    assert "17 Agustus 2026" in page
    assert "Belum ada data." in page
    assert "Batas ilustratif, bukan batas resmi." in page


def test_fields_that_the_public_may_not_see_are_not_mentioned(page: str, catalogue: Catalogue):
    told = {layer["name"]: {field["name"] for field in layer["fields"]} for layer in config_of(page)["layers"]}

    for layer in catalogue:
        assert told[layer.name] == {field.name for field in layer.readable("publik")}


def test_small_layers_come_whole_and_large_ones_as_needed(page: str):
    whole = {layer["name"]: layer["whole"] for layer in config_of(page)["layers"]}

    assert whole["posyandu"]
    assert not whole["batas_rt"]
    assert not whole["umkm"], "its number is not known"


def test_a_year_is_not_a_quantity(page: str):
    posyandu = next(layer for layer in config_of(page)["layers"] if layer["name"] == "posyandu")
    types = {field["name"]: field["type"] for field in posyandu["fields"]}

    assert types["tahun_strata"] == "year"
    assert types["jumlah_kader"] == "integer"


def test_words_cannot_break_out(catalogue: Catalogue):
    posyandu = catalogue["posyandu"]
    codes = {"a": HOSTILE}
    field = posyandu.fields["jenis"].model_copy(update={"title": HOSTILE, "codes": codes})
    style = posyandu.style.model_copy(update={"colour_by": "jenis", "colours": {"a": "#000000"}})
    hostile = posyandu.model_copy(
        update={
            "title": HOSTILE,
            "abstract": HOSTILE,
            "lineage": HOSTILE,
            "contact": HOSTILE,
            "fields": {**posyandu.fields, "jenis": field},
            "style": style,
        }
    )
    layers = {**catalogue.layers, "posyandu": hostile}
    themes = {**catalogue.themes, posyandu.theme: HOSTILE}
    view = dataclasses.replace(VIEW, title=HOSTILE, notices=[HOSTILE])

    page = viewer.map_page(Catalogue(layers, themes, catalogue.folder), view=view, settings=OFFLINE)

    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "{{ 7*7 }}" in html.unescape(page)
    told = next(layer for layer in config_of(page)["layers"] if layer["name"] == "posyandu")
    assert told["title"] == HOSTILE


def test_an_icon_that_does_not_exist_is_named(catalogue: Catalogue):
    posyandu = catalogue["posyandu"]
    for icon in ("no-such-icon", "../../leaflet/dist/images/layers"):
        style = posyandu.style.model_copy(update={"icon": icon})
        layers = {**catalogue.layers, "posyandu": posyandu.model_copy(update={"style": style})}

        with pytest.raises(InvalidCatalogue, match=r"posyandu\.toml: style\.icon"):
            viewer.map_page(Catalogue(layers, catalogue.themes, catalogue.folder), view=VIEW, settings=OFFLINE)


@pytest.mark.parametrize("path", viewer.ASSETS)
def test_every_asset_exists_and_names_no_other_place(path: str):
    found = viewer.asset(path)

    assert found is not None
    assert found.content
    if path.startswith("map/") or path in ("map.css", "geosatu.css"):
        assert not re.search(rb"https?://", found.content)


def test_an_asset_that_is_not_listed_is_not_served():
    for path in ("", "leaflet-src.js", "../package.json", "map/../leaflet.js", "map", "package.json"):
        assert viewer.asset(path) is None


def test_the_version_of_a_module_changes_with_what_it_imports():
    text = viewer.asset("map/main.js").content.decode()

    imported = re.findall(r'from "\./([\w-]+\.js)\?v=(\w+)"', text)
    assert imported
    for name, version in imported:
        assert viewer.asset(f"map/{name}").version == version


def test_page_and_scripts_stay_light(page: str):
    """A phone on 3G loads the map, without its data, from less than 300 kB."""
    loaded = {
        attributes.get("src") or attributes.get("href")
        for tag, attributes in Tags(page).found
        if tag in ("script", "link")
    }
    paths = [address.removeprefix("assets/").split("?")[0] for address in loaded if address]
    files = [viewer.asset(path).content for path in paths]

    assert sum(len(gzip.compress(content)) for content in [page.encode(), *files]) < 300_000


def test_the_lock_names_no_download_addresses():
    lock = json.loads((WEB / "package-lock.json").read_text("utf-8"))
    wanted = json.loads((WEB / "package.json").read_text("utf-8"))["dependencies"]

    assert "resolved" not in (WEB / "package-lock.json").read_text("utf-8")
    for name, version in wanted.items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
        assert lock["packages"][f"node_modules/{name}"]["integrity"]


def in_javascript(module: str, expression: str) -> Any:
    """The value of an expression over a module of the map, worked out by node."""
    script = (
        f"import * as m from {json.dumps((WEB / 'static/map' / module).as_uri())};"
        f"process.stdout.write(JSON.stringify({expression}))"
    )
    node = Path(sys.executable).parent / "node"
    done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, check=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("field", "raw", "written"),
    [
        ({"type": "decimal", "unit": "m²"}, 1234.5, "1.234,5 m²"),
        ({"type": "integer", "unit": "orang"}, 0, "0 orang"),
        ({"type": "decimal", "unit": "Rp"}, 1500000, "Rp 1.500.000"),
        ({"type": "year"}, 2026, "2026"),
        ({"type": "boolean"}, True, "Ya"),
        ({"type": "boolean"}, False, "Tidak"),
        ({"type": "date"}, "2026-08-17", "17 Agustus 2026"),
        ({"type": "date"}, "2026-08-16T18:30:00Z", "17 Agustus 2026"),
        ({"type": "time"}, "08:30:00", "08.30"),
        ({"type": "code", "codes": {"a": "Aktif"}}, "a", "Aktif"),
        ({"type": "codes", "codes": {"a": "Air", "b": "Banjir"}}, ["a", "b"], "Air, Banjir"),
        ({"type": "texts"}, ["cabai", "tomat"], "cabai, tomat"),
        ({"type": "texts"}, ["35.71.01.1001-RW001-RT003", "35.71.01.1001-RW002"], "RT 003/RW 001, RW 002"),
        ({"type": "text"}, "", None),
        ({"type": "texts"}, [], None),
        ({"type": "integer"}, None, None),
    ],
)
def test_popups_write_values_the_indonesian_way(field: dict[str, Any], raw: object, written: str | None):
    field = {"codes": {}, "unit": None, **field}

    assert in_javascript("format.js", f"m.value({json.dumps(field)}, {json.dumps(raw)})") == written


def test_a_bare_number_is_called_by_its_field():
    layer = {"title": "Batas RT", "label": "no_rt", "fields": [{"name": "no_rt", "title": "RT", "type": "text"}]}

    for number, name in (("003", "RT 003"), ("Dusun Krajan", "Dusun Krajan"), (None, "Batas RT")):
        feature = {"properties": {"no_rt": number}}
        assert in_javascript("format.js", f"m.name({json.dumps(layer)}, {json.dumps(feature)})") == name


def test_a_click_finds_areas_without_their_holes_and_lines_within_reach():
    ring = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
    hole = [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]]
    area = {"type": "Polygon", "coordinates": [ring, hole]}
    line = {"type": "LineString", "coordinates": [[0, 0], [4, 0]]}
    cases = [(area, [3, 3]), (area, [1.5, 1.5]), (area, [5, 1]), (line, [2, 0.05]), (line, [2, 0.5])]

    asked = ",".join(f"m.touches({json.dumps(shape)}, {json.dumps(place)}, 0.1)" for shape, place in cases)
    assert in_javascript("geometry.js", f"[{asked}]") == [True, False, False, True, False]


def test_a_name_stands_in_the_widest_part_of_the_largest_area():
    bottle = [[0, 0], [6, 0], [6, 6], [4, 6], [4, 12], [2, 12], [2, 6], [0, 6], [0, 0]]
    shape = {"type": "MultiPolygon", "coordinates": [[[[20, 0], [21, 0], [21, 1], [20, 0]]], [bottle]]}

    best = in_javascript("geometry.js", f"m.roomsIn({json.dumps(shape)})[0]")
    assert best["width"] == 6
    assert best["at"][0] == 3
    assert best["at"][1] < 6
