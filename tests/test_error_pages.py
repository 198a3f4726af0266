"""What went wrong, as who asks can read it: a page with a way on for people, problem+json for programs."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from test_html import Document

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
HOSTILE = quote("<script>alert(1)")

WRONG = {
    "/tidak-ada": (404, "Alamat ini tidak ada."),
    "/ogc/collections/sawah": (404, "Lapisan 'sawah' tidak ada."),
    f"/ogc/collections/{HOSTILE}": (404, "Lapisan '<script>alert(1)' tidak ada."),
    "/ogc/collections/posyandu?x=1": (400, "Parameter 'x' tidak dikenal"),
    "/ogc/collections/posyandu/items/999999": (404, "Fitur 999999 tidak ada"),
    "/ogc/collections/posyandu/items?bbox=1": (400, "bbox=1: harus empat bilangan"),
    "/ogc/collections/posyandu/items?f=xyz": (400, "f=xyz: bentuk ini tidak ada"),
    "/ogc/collections/posyandu/queryables?x=1": (400, "Parameter 'x' tidak dikenal"),
    "/files/posyandu.exe": (404, "Berkas 'posyandu.exe' tidak ada"),
    "/files/posyandu.csv?filter=nama": (400, "filter"),
    "/files/posyandu.csv?alasan=mencoba": (401, "Masuk dahulu."),
    "/assets/tidak.js": (404, "Berkas 'tidak.js' tidak ada."),
}


def sentence(page: str) -> str:
    """What the page complains of."""
    found = re.search(r'role="alert">.*?<span>(.*?)</span>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


@pytest.mark.parametrize("path", WRONG)
def test_a_person_gets_a_page_with_the_sentence_that_programs_get_and_ways_on(client: TestClient, path: str):
    page, problem = client.get(path, headers=BROWSER), client.get(path)

    status, begins = WRONG[path]
    assert (page.status_code, problem.status_code) == (status, status)
    assert page.headers["content-type"].startswith("text/html")
    assert problem.headers["content-type"] == "application/problem+json"
    assert sentence(page.text) == problem.json()["title"]
    assert begins in problem.json()["title"]
    assert {"/", "/ogc/collections"} <= set(Document(page.text).addresses("a"))
    assert "Accept" in page.headers["vary"]
    assert "Basic" not in page.headers.get("www-authenticate", "")
    assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/ogc/collections/posyandu/items?f=html&bbox=1", "/ogc/collections/posyandu"),
        ("/files/posyandu.csv?bbox=1", "/ogc/collections/posyandu"),
        ("/files/posyandu.csv?alasan=mencoba", "/masuk?lanjut=/files/posyandu.csv%3Falasan%3Dmencoba"),
        ("/ogc/collections/posyandu/items/999999", "/masuk?lanjut=/ogc/collections/posyandu/items/999999"),
    ],
)
def test_the_way_on_leads_to_the_layer_and_to_signing_in(client: TestClient, path: str, way: str):
    assert way in Document(client.get(path, headers=BROWSER).text).addresses("a")


@pytest.mark.parametrize(
    "path",
    [
        "/ogc/collections/posyandu/tiles/WebMercatorQuad/3/9/9",
        "/ogc/collections/posyandu/items?f=json&bbox=1",
        "/wfs?request=Apa",
    ],
)
def test_what_is_for_programs_is_no_page_in_a_browser_either(client: TestClient, path: str):
    assert client.get(path, headers=BROWSER).headers["content-type"] in ("application/problem+json", "application/xml")


def test_a_field_that_ends_with_f_is_no_form_of_answers(client: TestClient):
    page = client.get("/ogc/collections/posyandu/items?filter=aktif='x'", headers=BROWSER)

    assert (page.status_code, "aktif" in sentence(page.text)) == (400, True)


def test_a_bug_is_a_page_that_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("geosatu.api.pages.findings_geojson", lambda *_: 1 / 0)
    served = TestClient(client.app, raise_server_exceptions=False)

    page, problem = served.get("/findings", headers=BROWSER), served.get("/findings")

    assert (page.status_code, problem.status_code) == (500, 500)
    assert sentence(page.text) == problem.json()["title"]
    assert "/findings" in Document(page.text).addresses("a")
