"""The map as people see it: Debian's Chromium, on a screen and on a phone, with the outside network cut."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest
import shapely
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, Request, Route, expect

from geosatu.layers import Catalogue
from geosatu.viewer import config

SCREENS = {"desktop": (1366, 800), "phone": (360, 740)}


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def page(browser: Browser, service: str, screen: str) -> Iterator[Page]:
    """The map, opened and loaded; whatever it asks of another host fails and is remembered."""
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height}, locale="id-ID")
    outside: list[str] = []
    wrong: list[str] = []

    def only_us(route: Route) -> None:
        if route.request.url.startswith(service):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", only_us)
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(service)
    expect(page.locator("body")).to_have_attribute("data-state", "siap", timeout=20_000)
    yield page
    context.close()
    assert outside == []
    assert wrong == []


@pytest.fixture(scope="module")
def demo_posyandu(client: TestClient) -> tuple[float, float]:
    """The place of a posyandu of the demonstration that is nobody's home."""
    features = client.get("/ogc/collections/posyandu/items?limit=1000").json()["features"]
    own_building = next(each for each in features if each["properties"]["tempat"] == "gedung_sendiri")
    longitude, latitude = own_building["geometry"]["coordinates"]
    return longitude, latitude


def go_to(page: Page, latitude: float, longitude: float, zoom: int) -> None:
    # Void: Playwright would take the whole map over, which takes seconds.
    page.evaluate("([y, x, z]) => void geosatu.map.setView([y, x], z, { animate: false })", [latitude, longitude, zoom])
    await_data(page)


def await_data(page: Page) -> None:
    """Wait until what the view needs now is there; the map begins to ask a moment after it has moved."""
    page.wait_for_timeout(300)
    expect(page.locator(".progress")).to_be_hidden(timeout=20_000)


def test_the_map_opens_with_every_layer_of_the_catalogue(page: Page, catalogue: Catalogue) -> None:
    listed = page.locator("[data-layer]").evaluate_all("entries => entries.map(e => e.dataset.layer)")

    assert {layer.name for layer in catalogue} <= set(listed)
    expect(page.get_by_text("Batas ilustratif, bukan batas resmi").first).to_be_visible()
    expect(page.get_by_text("Kota Kediri").first).to_be_visible()


def test_nothing_is_wider_than_the_screen(page: Page, screen: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen][0]


def test_a_posyandu_shows_its_facts_in_indonesian(page: Page, demo_posyandu: tuple[float, float]) -> None:
    longitude, latitude = demo_posyandu
    go_to(page, latitude, longitude, 19)

    middle = page.evaluate(
        """([y, x]) => {
            const box = document.getElementById("map").getBoundingClientRect();
            const point = geosatu.map.latLngToContainerPoint([y, x]);
            return [box.left + point.x, box.top + point.y];
        }""",
        [latitude, longitude],
    )
    page.mouse.click(middle[0], middle[1] - 20)  # a pin stands above its point

    card = page.locator(".card").first
    expect(card).to_contain_text("Posyandu")
    expect(card).to_contain_text("Strata")
    expect(card).not_to_contain_text("belum_dinilai")


def test_a_place_is_found_by_its_name(page: Page) -> None:
    page.locator("#search").fill("kantor kelurahan bujel")
    results = page.locator("#search-results")
    expect(results).to_contain_text("Bujel")

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.locator(".card").first).to_contain_text("Bujel")


def test_rt_boundaries_come_when_the_map_is_near_enough(page: Page) -> None:
    with page.expect_response(lambda answer: "collections/batas_rt/items" in answer.url):
        go_to(page, -7.8100, 112.0000, 16)


RT_TILE = re.compile(r"/batas_rt/tiles/WebMercatorQuad/(\d+)/(\d+)/(\d+)")
RT_CANVASES = ".leaflet-layer-batas_rt-pane canvas"


@pytest.fixture
def large_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the 150 RT of the demonstration were many, and its 307 posyandu too; asked for before the page."""
    monkeypatch.setitem(config.TILED_FROM, "polygon", 100)
    monkeypatch.setitem(config.TILED_FROM, "point", 300)
    monkeypatch.setitem(config.FETCHED_WHOLE, "point", 300)


@pytest.fixture(scope="module")
def an_rt(client: TestClient) -> tuple[str, float, float]:
    """The number and an inner point of an RT with others around it."""
    areas = client.get("/ogc/collections/batas_rt/items?limit=1000").json()["features"]
    shapes = [shapely.geometry.shape(area["geometry"]) for area in areas]
    most = max(range(len(areas)), key=lambda at: sum(shapes[at].dwithin(other, 0.002) for other in shapes))
    point = shapes[most].representative_point()
    return areas[most]["properties"]["no_rt"], point.x, point.y


@pytest.fixture
def asked(large_layers: None, page: Page, an_rt: tuple[str, float, float]) -> list[str]:
    """The tiles of RT that the page asks for from now on, as zoom/row/column; it shows some."""
    asked: list[str] = []

    def remember(request: Request) -> None:
        if found := RT_TILE.search(request.url):
            asked.append("/".join(found.groups()))

    page.on("request", remember)
    _, longitude, latitude = an_rt
    place = f"#17/{latitude:.5f}/{longitude:.5f}/batas_kelurahan,batas_rt"
    with page.expect_request(RT_TILE):
        page.evaluate("place => { location.hash = place; }", place)
    await_data(page)
    return asked


def painted(page: Page, canvases: str) -> list[bool]:
    """Of each canvas, whether anything is painted on it."""
    found: list[bool] = page.locator(canvases).evaluate_all(
        """canvases => canvases.map((canvas) => {
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
            copy.drawImage(canvas, 0, 0);
            return copy.getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
        })"""
    )
    return found


def await_painting(page: Page, canvases: str) -> None:
    """Wait until something is painted: a worker does it, in its own time."""
    deadline = time.monotonic() + 20
    while not any(painted(page, canvases)):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def pan(page: Page, by: tuple[int, int]) -> None:
    page.evaluate("by => void geosatu.map.panBy(by, { animate: false })", list(by))
    await_data(page)


def click_on(page: Page, longitude: float, latitude: float) -> None:
    box = page.locator("#map").bounding_box()
    assert box is not None
    x, y = page.evaluate(
        "place => { const { x, y } = geosatu.map.latLngToContainerPoint(place); return [x, y]; }", [latitude, longitude]
    )
    page.mouse.click(box["x"] + x, box["y"] + y)


def test_a_large_layer_is_drawn_from_tiles_with_its_names(asked: list[str], page: Page) -> None:
    assert asked
    await_painting(page, RT_CANVASES)
    expect(page.locator(".label").filter(has_text=re.compile(r"^RT \d{3}$")).first).to_be_visible()


def test_an_area_in_a_tile_shows_its_facts(asked: list[str], page: Page, an_rt: tuple[str, float, float]) -> None:
    """Those of the whole feature, though the tile has a piece with its name only."""
    number, longitude, latitude = an_rt

    click_on(page, longitude, latitude)

    card = page.locator(".card").first
    expect(card.locator("h2")).to_have_text(f"RT {number}")
    expect(card).to_contain_text("Jumlah KK")
    expect(page.locator(".leaflet-mark-pane path").first).to_be_attached()


def test_a_map_that_moves_asks_for_new_tiles_only(asked: list[str], page: Page) -> None:
    before = set(asked)

    pan(page, (300, 0))
    pan(page, (-300, 0))
    pan(page, (0, 300))

    assert len(asked) > len(before)
    assert len(asked) == len(set(asked))


def test_a_large_layer_goes_away_when_it_is_too_far_or_hidden(
    asked: list[str], page: Page, an_rt: tuple[str, float, float]
) -> None:
    _, longitude, latitude = an_rt
    names = page.locator(".label").filter(has_text=re.compile(r"^RT \d{3}$"))
    entry = page.locator("[data-layer=batas_rt]")

    go_to(page, latitude, longitude, 13)
    expect(page.locator(RT_CANVASES)).to_have_count(0)
    expect(names).to_have_count(0)
    expect(entry.locator(".entry-hint")).to_have_text("Perbesar peta untuk melihat lapisan ini.")

    go_to(page, latitude, longitude, 17)
    expect(names).not_to_have_count(0)
    entry.locator("input").evaluate("box => box.click()")
    expect(page.locator(RT_CANVASES)).to_have_count(0)
    expect(names).to_have_count(0)

    click_on(page, longitude, latitude)
    expect(page.locator(".card-kind").first).to_have_text("Batas kelurahan")


def test_a_view_with_too_many_points_shows_them_as_dots(large_layers: None, page: Page) -> None:
    """Also where there are so many that the service does not count them."""

    def uncounted(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=json.dumps({**answer.json(), "numberMatched": None}))

    page.route("**/posyandu/items?limit=1&*", uncounted)
    page.reload()
    expect(page.locator("body")).to_have_attribute("data-state", "siap", timeout=20_000)

    expect(page.locator("[data-layer=posyandu] .entry-hint")).to_have_text(
        "Ada sangat banyak data di tampilan ini, digambar sebagai titik kecil."
    )
    assert any(painted(page, ".leaflet-layer-posyandu-pane canvas"))
