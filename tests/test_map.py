"""The map as people see it: Debian's Chromium, on a screen and on a phone, with the outside network cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, Route, expect

from geosatu.layers import Catalogue

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
    page.evaluate("([y, x, z]) => geosatu.map.setView([y, x], z, { animate: false })", [latitude, longitude, zoom])
    page.wait_for_timeout(300)
    expect(page.locator("body")).to_have_attribute("data-state", "siap", timeout=20_000)


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
