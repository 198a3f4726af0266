"""A request, whether its parameters stand in the address, in a form or in XML -> what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element

from geosatu.api.parameters import pairs_of
from geosatu.api.wfs.exceptions import Refused, reading
from geosatu.api.wfs.versions import LATEST, NAMESPACE, VERSIONS, Version, version_named
from geosatu.errors import shortened
from geosatu.fes import MAX_ELEMENTS, Document, read_xml, tag_of
from geosatu.layers import Catalogue, Layer
from geosatu.store.gml import PREFIX

FORM = b"application/x-www-form-urlencoded"
LONGEST_FORM = 1_000_000

ALIASES = {
    "typename": "typenames",
    "maxfeatures": "count",
    "featureid": "resourceid",
    "storedqueryid": "storedquery_id",
    "namespace": "namespaces",
}
"""What versions call the same thing by different names; clients mix them."""


ELSEWHERE = {
    "cql_filter": "Saringan CQL tidak ada di WFS ini; pakai parameter filter, atau filter di /ogc/collections.",
}
"""Parameters that must not be left unread, as others are: whoever sends them would take all for what they asked for."""


class Asked(NamedTuple):
    """A request: its operation, its version, and what it says, as far as that is sure to make sense."""

    operation: str
    version: Version
    given: Mapping[str, str]
    """Parameters by their names in small letters."""
    document: Document | None = None
    """What was sent as XML."""

    @property
    def root(self) -> Element | None:
        return None if self.document is None else self.document.root


class Said(NamedTuple):
    """What came, before it is clear whether it makes sense."""

    given: dict[str, str]
    document: Document | None

    @property
    def version(self) -> Version:
        """The version in whose words errors are told."""
        return version_named(self.given.get("version", LATEST)) or VERSIONS[LATEST]


def said_of(query_string: bytes, content_type: bytes, body: bytes | None, most: int = MAX_ELEMENTS) -> Said:
    """What a request says; the address of one with a body adds what the body leaves open."""
    with reading("request"):
        given = _given(pairs_of(query_string))
    if body is None:
        return Said(given, None)
    if content_type.split(b";")[0].strip().lower() == FORM:
        with reading("request"):
            return Said({**given, **_given(pairs_of(body.strip(), LONGEST_FORM))}, None)
    with reading("request", "OperationParsingFailed"):
        document = read_xml(body, most)
    root = document.root
    stated = {name.rpartition("}")[2].lower(): value for name, value in root.attrib.items()}
    named = {ALIASES.get(name, name): value for name, value in stated.items()}
    if "version" not in named and tag_of(root) != "GetCapabilities":
        named["version"] = _version_of(root)
    return Said({"service": "WFS", **given, **named, "request": tag_of(root)}, document)


def asked_of(said: Said) -> Asked:
    """The request, or why it is none."""
    given = said.given
    service = given.get("service")
    if service is None:
        raise Refused("MissingParameterValue", "Parameter service wajib ada: service=WFS.", "service")
    if service.upper() != "WFS":
        raise Refused("InvalidParameterValue", f"service={shortened(service)}: layanan ini WFS.", "service")
    operation = given.get("request")
    if not operation:
        raise Refused("MissingParameterValue", "Parameter request wajib ada, misalnya request=GetFeature.", "request")
    if operation.lower() == "getcapabilities":
        return Asked("GetCapabilities", _negotiated(said), given, said.document)
    for name in ELSEWHERE.keys() & given.keys():
        raise Refused("InvalidParameterValue", ELSEWHERE[name], name)
    version = version_named(given.get("version", LATEST))
    if version is None:
        known = ", ".join(VERSIONS)
        told = f"version={shortened(given['version'])}: versi ini tidak ada; yang ada: {known}."
        raise Refused("InvalidParameterValue", told, "version")
    return Asked(operation, version, given, said.document)


def layer_named(said: str, catalogue: Catalogue, asked: Asked) -> Layer:
    """The layer of a type name, with or without its prefix."""
    prefix, _, name = said.strip().rpartition(":")
    locator = "typeNames" if asked.version.number == "2.0.0" else "typeName"
    spaces = {**_declared(asked.given.get("namespaces", "")), **(asked.document.namespaces if asked.document else {})}
    if prefix and spaces.get(prefix, NAMESPACE if prefix == PREFIX else "") != NAMESPACE:
        told = f"Awalan {shortened(prefix)!r} tidak berarti {NAMESPACE}; tulis misalnya {PREFIX}:posyandu."
        raise Refused("InvalidParameterValue", told, locator)
    with reading(locator):
        return catalogue[name]


def _given(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Parameters by their names in small letters; the same one twice has to say the same."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key = ALIASES.get(name.lower(), name.lower())
        if found.setdefault(key, value) != value:
            told = f"Parameter {shortened(name)!r} disebut lebih dari sekali dengan nilai yang berbeda."
            raise Refused("InvalidParameterValue", told, shortened(name))
    return found


def _version_of(root: Element) -> str:
    return "2.0.0" if str(root.tag).startswith("{http://www.opengis.net/wfs/2.0}") else "1.1.0"


def _negotiated(said: Said) -> Version:
    """The version of capabilities: the first that the client takes and we have, else by the rule of 1.0."""
    accepted = said.given.get("acceptversions")
    if said.document is not None:
        stated = [each.text or "" for part in said.document.root if tag_of(part) == "AcceptVersions" for each in part]
        accepted = ",".join(stated) or accepted
    if accepted:
        for each in accepted.split(","):
            if (version := VERSIONS.get(each.strip())) is not None:
                return version
        told = f"AcceptVersions={shortened(accepted)}: yang ada: {', '.join(VERSIONS)}."
        raise Refused("VersionNegotiationFailed", told, "acceptversions")
    wanted = said.given.get("version")
    if wanted is None:
        return VERSIONS[LATEST]
    if (exact := version_named(wanted)) is not None:
        return exact
    lower = [number for number in VERSIONS if number <= wanted]
    return VERSIONS[lower[0] if lower else "1.0.0"]


def _declared(said: str) -> dict[str, str]:
    """The prefixes of the parameter NAMESPACES: xmlns(p,uri) of 2.0, xmlns(p=uri) of 1.1."""
    found = {}
    for part in said.split("xmlns(")[1:]:
        prefix, _, space = part.partition(")")[0].replace("=", ",", 1).partition(",")
        found[prefix.strip()] = space.strip()
    return found
