"""ListStoredQueries and DescribeStoredQueries: there is one, which every WFS 2.0 has to have."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from geosatu.api.wfs.questions import BY_ID
from geosatu.api.wfs.versions import NAMESPACE, VERSIONS
from geosatu.api.wfs.xml import XSI, document, node
from geosatu.layers import Layer
from geosatu.store.gml import PREFIX

TITLE = "Fitur menurut nomornya"
ABSTRACT = "Satu fitur, misalnya posyandu.1, tanpa koleksi di sekelilingnya."
LANGUAGE = "urn:ogc:def:queryLanguage:OGC-WFS::WFSQueryExpression"


def listed(layers: Iterable[Layer]) -> bytes:
    """The stored queries, and what they give."""
    types = [node("wfs:ReturnFeatureType", None, f"{PREFIX}:{layer.name}") for layer in layers]
    query = node("wfs:StoredQuery", {"id": BY_ID}, node("wfs:Title", None, TITLE), *types)
    return document(_root("ListStoredQueriesResponse", query))


def described(layers: Iterable[Layer]) -> bytes:
    """The stored queries with their parameters; how they find a feature is ours to know."""
    types = " ".join(f"{PREFIX}:{layer.name}" for layer in layers)
    text = {"returnFeatureTypes": types, "language": LANGUAGE, "isPrivate": "true"}
    query = node(
        "wfs:StoredQueryDescription",
        {"id": BY_ID},
        node("wfs:Title", None, TITLE),
        node("wfs:Abstract", None, ABSTRACT),
        node("wfs:Parameter", {"name": "id", "type": "xsd:string"}),
        node("wfs:QueryExpressionText", text),
    )
    return document(_root("DescribeStoredQueriesResponse", query))


def _root(tag: str, query: Markup) -> Markup:
    version = VERSIONS["2.0.0"]
    about = {
        "xmlns:wfs": version.wfs,
        f"xmlns:{PREFIX}": NAMESPACE,
        "xmlns:xsd": "http://www.w3.org/2001/XMLSchema",
        "xmlns:xsi": XSI,
        "xsi:schemaLocation": f"{version.wfs} {version.location}",
    }
    return node(f"wfs:{tag}", about, query)
