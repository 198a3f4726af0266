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
from geosatu.layers import Catalogue, Field
from geosatu.settings import Settings
from geosatu.viewer.assets import WEB
from geosatu.viewer.config import field_config, layer_config
from geosatu.viewer.page import tile_host
from geosatu.viewer.words import feature_name, written_moment, written_value

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
    assert addresses.count("./masuk?lanjut=/") == 1
    for address in addresses:
        if address.startswith("./masuk?"):
            continue
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


def test_layers_of_many_features_are_drawn_from_tiles(catalogue: Catalogue):
    counts = {"batas_rt": 2001, "batas_rw": 2000, "posyandu": 5001, "umkm": 5000}
    view = dataclasses.replace(VIEW, counts=counts)

    page = viewer.map_page(catalogue, view=view, settings=OFFLINE)

    tiles = {layer["name"]: layer["tiles"] for layer in config_of(page)["layers"] if layer["tiles"]}
    assert tiles == {
        "batas_rt": "ogc/collections/batas_rt/tiles/WebMercatorQuad",
        "posyandu": "ogc/collections/posyandu/tiles/WebMercatorQuad",
    }


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


def test_packages_are_imported_from_us():
    """A browser knows no packages: their names become addresses of assets."""
    assert viewer.asset("pbf.js") is not None
    assert "vector-tile.js" in viewer.ASSETS
    tile = viewer.asset("map/tile.js").content.decode()
    vector_tile = viewer.asset("vector-tile.js").content.decode()
    version = viewer.asset("point-geometry.js").version

    assert f'from "../pbf.js?v={viewer.asset("pbf.js").version}"' in tile
    assert f'from "../vector-tile.js?v={viewer.asset("vector-tile.js").version}"' in tile
    assert f'import Point from "./point-geometry.js?v={version}"' in vector_tile


def test_the_worker_that_paints_tiles_comes_from_us():
    worker = viewer.asset("map/worker.js")

    assert (
        f'new URL("./worker.js?v={worker.version}", import.meta.url)' in viewer.asset("map/painter.js").content.decode()
    )


@pytest.mark.parametrize("path", [path for path in viewer.ASSETS if path.endswith(".js") and "/" in path])
def test_our_modules_import_only_assets_with_their_version(path: str):
    text = viewer.asset(path).content.decode()

    for imported in re.findall(r'^import .*?"([^"]+)";$', text, re.MULTILINE):
        assert re.fullmatch(r"\.{1,2}/[\w./-]+\.js\?v=\w{12}", imported)


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
        ({"type": "integer", "minimum": 1985, "maximum": 2100}, 2026, "2026"),
        ({"type": "boolean"}, True, "Ya"),
        ({"type": "boolean"}, False, "Tidak"),
        ({"type": "date"}, "2026-08-17", "17 Agustus 2026"),
        ({"type": "date"}, "2026-08-16T18:30:00Z", "17 Agustus 2026"),
        ({"type": "time"}, "08:30:00", "08.30"),
        ({"type": "code", "codes": {"a": "Aktif"}}, "a", "Aktif"),
        ({"type": "codes", "codes": {"a": "Air", "b": "Banjir"}}, ["a", "b"], "Air, Banjir"),
        ({"type": "texts"}, ["cabai", "tomat"], "cabai, tomat"),
        ({"type": "texts"}, ["35.71.01.1001-RW001-RT003", "35.71.01.1001-RW002"], "RT 003/RW 001, RW 002"),
        ({"type": "decimal"}, -0.001, "0"),
        ({"type": "decimal"}, 12, "12"),
        ({"type": "text"}, "", None),
        ({"type": "texts"}, [], None),
        ({"type": "integer"}, None, None),
    ],
)
def test_maps_and_pages_write_values_the_indonesian_way(field: dict[str, Any], raw: object, written: str | None):
    declared = Field(name="hal", title="Hal", **field)

    told = json.dumps(field_config(declared))
    assert in_javascript("format.js", f"m.value({told}, {json.dumps(raw)})") == written
    assert written_value(declared, raw) == written


@pytest.mark.parametrize("text", ["kemarin", "Tadi"])
def test_what_is_no_date_stays_as_it_is(text: str):
    assert in_javascript("format.js", f"m.date({json.dumps(text)})") == text
    assert written_moment(text) == text


@pytest.mark.parametrize(("number", "name"), [("003", "RT 003"), ("Dusun Krajan", "Dusun Krajan"), (None, "Batas RT")])
def test_a_bare_number_is_called_by_its_field(catalogue: Catalogue, number: str | None, name: str):
    layer = catalogue["batas_rt"]
    properties = {"no_rt": number}

    told, feature = json.dumps(layer_config(layer, 0)), json.dumps({"properties": properties})
    assert in_javascript("format.js", f"m.name({told}, {feature})") == name
    assert feature_name(layer, properties) == name


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


def varint(number: int) -> bytes:
    """A number as protocol buffers write it."""
    rest = number >> 7
    return bytes([number & 127 | 128]) + varint(rest) if rest else bytes([number])


def block(tag: int, content: bytes) -> bytes:
    return varint(tag << 3 | 2) + varint(len(content)) + content


def shape(feature_id: int, kind: int, commands: list[int]) -> bytes:
    """A feature of a vector tile, with the first key and the first value."""
    geometry = b"".join(map(varint, commands))
    return block(2, b"\x08" + varint(feature_id) + block(2, b"\x00\x00") + b"\x18" + varint(kind) + block(4, geometry))


def vector_tile(*features: bytes) -> list[int]:
    value = block(4, block(1, b"003"))
    return list(
        block(3, block(1, b"batas_rt") + b"".join(features) + block(3, b"no_rt") + value + b"\x28\x80\x20\x78\x02")
    )


# From 0 to 2048 each way, of 4096; and a point at 3072, 1024.
SQUARE = shape(7, 3, [9, 0, 0, 26, 4096, 0, 0, 4096, 4095, 0, 15])
DOT = shape(8, 1, [9, 6144, 2048])


def test_a_click_finds_what_a_tile_holds_there():
    tile = f'new m.Tile(new Uint8Array({vector_tile(SQUARE, DOT)}), "batas_rt", {{ x: 1, y: 0, z: 1 }})'
    places = ([0.25, 0.25], [0.75, 0.75], [0.76, 0.25])

    found = in_javascript("tile.js", f"[{','.join(f'{tile}.at({place}, 0.02)' for place in places)}]")

    assert [[piece["id"] for piece in pieces] for pieces in found] == [[7], [], [8]]
    assert found[0][0]["properties"] == {"no_rt": "003"}
    assert found[0][0]["piece"]
    assert found[2][0]["geometry"]["coordinates"][0] == pytest.approx(135)


def test_names_stand_where_a_piece_is_wide_enough():
    small = shape(9, 3, [9, 6144, 6144, 26, 100, 0, 0, 100, 99, 0, 15])
    tile = f'new m.Tile(new Uint8Array({vector_tile(SQUARE, small)}), "batas_rt", {{ x: 1, y: 0, z: 1 }})'

    names = in_javascript("tile.js", f"{tile}.names()")

    assert [name["id"] for name in names] == [7]
    assert names[0]["rooms"][0]["width"] == pytest.approx(90, rel=0.01)
    assert names[0]["rooms"][0]["at"][0] == pytest.approx(45, rel=0.01)


def test_areas_too_small_for_an_outline_are_squares_without_seams():
    """Each side lies between two pixels, here of 16 units, and none is lost; larger areas keep their shape."""
    small = [shape(1, 3, [9, 80, 80, 26, 80, 0, 0, 80, 79, 0, 15]), shape(2, 3, [9, 160, 80, 26, 2, 0, 0, 2, 1, 0, 15])]
    tile = f'new m.Tile(new Uint8Array({vector_tile(*small, SQUARE, DOT)}), "batas_rt", {{ x: 1, y: 0, z: 1 }})'
    pen = "globalThis.Path2D = class { rects = []; rect(...sides) { this.rects.push(sides); } }"

    squares = in_javascript("tile.js", f'({pen}, {tile}.specks(() => "#000", 48, 16).map(([, path]) => path.rects))')

    assert squares == [[[48, 48, 32, 32], [80, 48, 16, 16]]]


def test_an_empty_tile_is_no_trouble():
    assert in_javascript("tile.js", 'new m.Tile(new Uint8Array(), "batas_rt", { x: 0, y: 0, z: 0 }).names()') == []
