"""Web pages of others read what is public at /ogc and /files, and nothing but that."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser

from geosatu.store import statements

ITEMS = "/ogc/collections/kwt/items"
ORIGIN = {"Origin": "https://portal.example"}
METHODS = {"GET", "HEAD", "OPTIONS"}

ADDRESSES = {
    "/ogc": 200,
    "/ogc?f=html": 200,
    "/ogc/api": 200,
    "/ogc/collections": 200,
    "/ogc/collections/kwt/queryables": 200,
    ITEMS: 200,
    f"{ITEMS}?f=html": 200,
    f"{ITEMS}?limit=0": 400,
    f"{ITEMS}/1": 200,
    f"{ITEMS}/0": 404,
    "/ogc/collections/kwt/tiles/WebMercatorQuad/0/0/0": 200,
    "/ogc/collections/sawah": 404,
    "/ogc/entah": 404,
    "/files/kwt.geojson": 200,
    "/files/kwt.gpkg": 200,
    "/files/kwt.qlr": 200,
    "/files/kwt.entah": 404,
    "/files/kota.qgz": 200,
}


def parts(header: str) -> set[str]:
    return {part.strip() for part in header.split(",")}


def check_open(answer: Any) -> None:
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    assert {"ETag", "Content-Crs", "Link"} <= parts(answer.headers["access-control-expose-headers"])
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_public_answer_is_open(client: TestClient, method: str, address: str) -> None:
    for headers in (ORIGIN, {}):
        answer = client.request(method, address, headers=headers)

        assert answer.status_code == ADDRESSES[address]
        check_open(answer)


@pytest.mark.parametrize("address", [ITEMS, f"{ITEMS}/1", "/files/kwt.geojson"])
def test_what_has_not_changed_is_open_too(client: TestClient, address: str) -> None:
    tag = client.get(address).headers["etag"]

    answer = client.get(address, headers={**ORIGIN, "If-None-Match": tag})

    assert answer.status_code == 304
    check_open(answer)


def test_a_bug_is_open_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "page", lambda *_: 1 / 0)

    answer = client.get(ITEMS)

    assert answer.status_code == 500
    check_open(answer)


@pytest.mark.parametrize("address", [*ADDRESSES, f"{ITEMS}/tidak_ada"])
def test_what_is_allowed_can_be_asked_first(client: TestClient, address: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "if-none-match"}
    answer = client.options(address, headers={**ORIGIN, **asked})

    assert (answer.status_code, answer.content) == (200, b"")
    check_open(answer)
    assert parts(answer.headers["access-control-allow-methods"]) == parts(answer.headers["allow"]) == METHODS
    assert "If-None-Match" in parts(answer.headers["access-control-allow-headers"])
    assert "Authorization" not in parts(answer.headers["access-control-allow-headers"])

    answer = client.options(address)

    assert (answer.status_code, answer.content, parts(answer.headers["allow"])) == (200, b"", METHODS)
    check_open(answer)


@pytest.mark.parametrize("address", ["/", "/cari?q=a", "/findings", "/healthz", "/assets/entah"])
def test_what_belongs_to_our_own_pages_is_not_open(client: TestClient, address: str) -> None:
    assert "access-control-allow-origin" not in client.get(address, headers=ORIGIN).headers


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[str]:
    """A page of somebody else, at an origin of its own."""
    (tmp_path / "index.html").write_text("<title>Portal</title>", "utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


READ = """async ([address, headers]) => {
    const answer = await fetch(address, { headers, cache: "no-store" });
    const told = (name) => answer.headers.get(name);
    return { status: answer.status, tag: told("etag"), crs: told("content-crs"), text: await answer.text() };
}"""


def test_a_browser_lets_a_portal_read(browser: Browser, service: str, portal: str) -> None:
    page = browser.new_page()
    page.goto(portal)

    first = page.evaluate(READ, [f"{service}{ITEMS}?limit=1", {}])
    again = page.evaluate(READ, [f"{service}{ITEMS}?limit=1", {"If-None-Match": first["tag"]}])
    wrong = page.evaluate(READ, [f"{service}{ITEMS}?limit=0", {}])
    file = page.evaluate(READ, [f"{service}/files/kwt.geojson", {}])

    assert (first["status"], again["status"], wrong["status"], file["status"]) == (200, 304, 400, 200)
    assert first["crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    assert "limit=0" in wrong["text"]
    assert file["text"].startswith('{"type": "FeatureCollection"')
    with pytest.raises(Exception, match="Failed to fetch"):
        page.evaluate(READ, [f"{service}/cari?q=a", {}])
    page.close()
