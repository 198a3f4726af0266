"""What stands around features: collections of each GML, and of GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from geosatu.api.wfs.questions import Question
from geosatu.api.wfs.versions import ENVELOPES, GML_NAMESPACES, NAMESPACE, SCHEMAS
from geosatu.api.wfs.xml import PROLOGUE, XSI, node
from geosatu.crs import STORAGE_SRID
from geosatu.features import Gml
from geosatu.store.gml import PREFIX

UNKNOWN_BOUNDS = "<gml:boundedBy><gml:null>unknown</gml:null></gml:boundedBy>"
"""What a collection of GML 2 has to say; nobody waits for its bounds."""


def head(
    gml: Gml, questions: Sequence[Question], base: str, attributes: Mapping[str, object], tag: str = "FeatureCollection"
) -> bytes:
    """A collection up to its members."""
    made = node(f"wfs:{tag}", {**namespaces(gml), "xsi:schemaLocation": _location(gml, questions, base), **attributes})
    bounds = UNKNOWN_BOUNDS if gml.version == "2" else ""
    return f"{PROLOGUE}{made.removesuffix('/>')}>{bounds}".encode()


def foot(tag: str = "FeatureCollection") -> bytes:
    """What ends a collection."""
    return f"</wfs:{tag}>".encode()


def within(attributes: Mapping[str, object], members: bytes) -> bytes:
    """A collection that is a member of another: the features of one of several queries."""
    made = node("wfs:FeatureCollection", attributes).removesuffix("/>")
    return f"<wfs:member>{made}>".encode() + members + b"</wfs:FeatureCollection></wfs:member>"


def namespaces(gml: Gml) -> dict[str, object]:
    """The prefixes of a collection and of its members."""
    return {
        "xmlns:wfs": ENVELOPES[gml.version].wfs,
        "xmlns:gml": GML_NAMESPACES[gml.version],
        f"xmlns:{PREFIX}": NAMESPACE,
        "xmlns:xsi": XSI,
    }


def _location(gml: Gml, questions: Sequence[Question], base: str) -> str:
    """Where the schemas are: ours, and that of the collection."""
    version = ENVELOPES[gml.version]
    wfs = f"{SCHEMAS}/wfs/1.0.0/WFS-basic.xsd" if gml.version == "2" else version.location
    types = ",".join(dict.fromkeys(f"{PREFIX}:{question.layer.name}" for question in questions))
    name = "typeNames" if gml.version == "3.2" else "typeName"
    asked = {"service": "WFS", "version": version.number, "request": "DescribeFeatureType", name: types}
    return f"{NAMESPACE} {base}/wfs?{urlencode(asked, safe=':,')} {version.wfs} {wfs}"


def geojson_head(questions: Sequence[Question], about: Mapping[str, object]) -> bytes:
    """A FeatureCollection up to its features; its CRS is told where it is not that of GeoJSON."""
    said: dict[str, object] = {"type": "FeatureCollection", **about}
    crs = questions[0].query.crs
    if crs.srid != STORAGE_SRID:
        said["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{crs.epsg}"}}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))[:-1].encode() + b',"features":['


def now() -> str:
    """The moment, as answers state it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
