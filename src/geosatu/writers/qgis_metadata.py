"""What a layer and a project say of themselves: title, abstract, keywords, licence, contact, lineage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from geosatu.crs import STORAGE_SRID
from geosatu.layers import Layer
from geosatu.writers.qgis_xml import node, spatial_reference

LANGUAGE = "ind"


def layer_metadata(layer: Layer, identifier: str, link: str | None) -> Element:
    """The metadata of a layer; `link` is where a reader finds it on the web."""
    frequency = layer.update_frequency.replace("_", " ")
    links = [] if link is None else [_link(layer.title, link)]
    return node(
        "resourceMetadata",
        None,
        node("identifier", None, identifier),
        node("parentidentifier"),
        node("language", None, LANGUAGE),
        node("type", None, "dataset"),
        node("title", None, layer.title),
        node("abstract", None, layer.abstract),
        _keywords(layer.keywords),
        _contact(layer.contact),
        node("links", None, *links),
        node("history", None, layer.lineage),
        node("history", None, f"Pemutakhiran: {frequency}."),
        node("license", None, layer.licence),
        node("crs", None, spatial_reference(STORAGE_SRID)),
    )


def project_metadata(title: str, layers: Sequence[Layer], notices: Iterable[str], link: str | None) -> Element:
    """The metadata of a project of these layers. QGIS knows no licence of a project: the abstract tells it."""
    said = [
        f"{len(layers)} lapisan dari geosatu.",
        *(f"{notice.rstrip('.')}." for notice in notices),
        f"Lisensi: {licences_of(layers)}.",
    ]
    return node(
        "projectMetadata",
        None,
        node("identifier", None, link or ""),
        node("parentidentifier"),
        node("language", None, LANGUAGE),
        node("type"),
        node("title", None, title),
        node("abstract", None, " ".join(said)),
        _keywords(_distinct(keyword for layer in layers for keyword in layer.keywords)),
        *(_contact(contact) for contact in _distinct(layer.contact for layer in layers)),
        node("links", None, *([] if link is None else [_link(title, link)])),
        node("author", None, "geosatu"),
    )


def licences_of(layers: Iterable[Layer]) -> str:
    """The licences under which the layers come, each once."""
    return ", ".join(_distinct(layer.licence for layer in layers))


def _keywords(words: Iterable[str]) -> Element:
    return node("keywords", {"vocabulary": "keywords"}, *(node("keyword", None, word) for word in words))


def _contact(organisation: str) -> Element:
    """A role, never a person."""
    parts = {"name": "", "organization": organisation, "position": "", "voice": "", "fax": "", "email": ""}
    return node(
        "contact",
        None,
        *(node(tag, None, text) for tag, text in parts.items()),
        node("role", None, "pointOfContact"),
    )


def _link(title: str, url: str) -> Element:
    return node("link", {"name": title, "type": "WWW:LINK", "url": url, "description": "", "format": "", "size": ""})


def _distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
