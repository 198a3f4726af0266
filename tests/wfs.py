"""A WFS asked as its clients do, and its answers read as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from fastapi.testclient import TestClient

VERSIONS = ("1.0.0", "1.1.0", "2.0.0")
OURS = "{urn:geosatu:layer}"
OWS = {"1.1.0": "{http://www.opengis.net/ows}", "2.0.0": "{http://www.opengis.net/ows/1.1}"}
GML = {"1.0.0": "{http://www.opengis.net/gml}", "1.1.0": "{http://www.opengis.net/gml}"}
GML["2.0.0"] = "{http://www.opengis.net/gml/3.2}"
EXCEPTIONS = {"1.0.0": "application/vnd.ogc.se_xml", "1.1.0": "text/xml", "2.0.0": "application/xml"}


@dataclass(frozen=True)
class Refusal:
    """An exception report."""

    status: int
    code: str
    locator: str | None
    text: str


def get(client: TestClient, version: str, request: str, headers: dict[str, str] | None = None, **given: Any) -> Any:
    parameters = {"service": "WFS", "version": version, "request": request, **given}
    return client.get("/wfs", params=parameters, headers=headers or {})


def features(
    client: TestClient, version: str, layer: str, headers: dict[str, str] | None = None, **given: Any
) -> Element:
    """The collection of a GetFeature."""
    return read(get(client, version, "GetFeature", headers, typename=f"geosatu:{layer}", **given))


def read(answer: Any) -> Element:
    assert answer.status_code == 200, answer.text
    root: Element = fromstring(answer.content)
    return root


def ids_of(collection: Element, layer: str) -> list[str]:
    """The ids of the features, under whatever name the version has for them."""
    found = []
    for each in collection.iter(f"{OURS}{layer}"):
        said = [value for name, value in each.attrib.items() if name.rpartition("}")[2] in ("fid", "id")]
        assert len(said) == 1
        found += said
    return found


def values_of(collection: Element, name: str) -> list[str | None]:
    return [each.text for each in collection.iter(f"{OURS}{name}")]


def refusal(answer: Any, version: str) -> Refusal:
    """What is wrong, told exactly as the version tells it."""
    assert answer.headers["content-type"] == EXCEPTIONS[version], answer.text
    root = fromstring(answer.content)
    if version == "1.0.0":
        assert root.tag == "{http://www.opengis.net/ogc}ServiceExceptionReport"
        assert root.attrib["version"] == "1.2.0"
        (said,) = root
        told = Refusal(answer.status_code, said.attrib["code"], said.get("locator"), said.text or "")
    else:
        assert root.tag == f"{OWS[version]}ExceptionReport"
        assert root.attrib["version"] == ("2.0.0" if version == "2.0.0" else "1.0.0")
        (said,) = root
        (text,) = said
        told = Refusal(answer.status_code, said.attrib["exceptionCode"], said.get("locator"), text.text or "")
    assert told.text.endswith(".")
    assert "\n" not in told.text
    return told
