"""The three versions of the standard: what each calls things, and in which forms it answers."""

from __future__ import annotations

from typing import Literal, NamedTuple

from geosatu.crs import WGS84_EAST_FIRST, Crs, parse_srs

NAMESPACE = "urn:geosatu:layer"
"""Of our feature types, whatever address they are served at."""

LATEST = "2.0.0"
SCHEMAS = "http://schemas.opengis.net"


class Version(NamedTuple):
    """A version, and its words."""

    number: Literal["1.0.0", "1.1.0", "2.0.0"]
    wfs: str
    ows: str
    filters: str
    location: str
    """Where the schema of its answers is."""
    gml: Literal["2", "3.1", "3.2"]
    """How features come where the request does not say."""
    default_srs: str


VERSIONS: dict[str, Version] = {
    version.number: version
    for version in (
        Version(
            "2.0.0",
            "http://www.opengis.net/wfs/2.0",
            "http://www.opengis.net/ows/1.1",
            "http://www.opengis.net/fes/2.0",
            f"{SCHEMAS}/wfs/2.0/wfs.xsd",
            "3.2",
            "urn:ogc:def:crs:EPSG::4326",
        ),
        Version(
            "1.1.0",
            "http://www.opengis.net/wfs",
            "http://www.opengis.net/ows",
            "http://www.opengis.net/ogc",
            f"{SCHEMAS}/wfs/1.1.0/wfs.xsd",
            "3.1",
            "urn:ogc:def:crs:EPSG::4326",
        ),
        Version(
            "1.0.0",
            "http://www.opengis.net/wfs",
            "http://www.opengis.net/ows",
            "http://www.opengis.net/ogc",
            f"{SCHEMAS}/wfs/1.0.0/WFS-capabilities.xsd",
            "2",
            "EPSG:4326",
        ),
    )
}

GML_NAMESPACES = {
    "2": "http://www.opengis.net/gml",
    "3.1": "http://www.opengis.net/gml",
    "3.2": "http://www.opengis.net/gml/3.2",
}

GML_LOCATIONS = {
    "2": f"{SCHEMAS}/gml/2.1.2/feature.xsd",
    "3.1": f"{SCHEMAS}/gml/3.1.1/base/gml.xsd",
    "3.2": f"{SCHEMAS}/gml/3.2.1/gml.xsd",
}

ENVELOPES: dict[str, Version] = {version.gml: version for version in VERSIONS.values()}
"""The version whose collection features of a GML stand in."""

Form = Literal["2", "3.1", "3.2", "json", "csv"]


class Format(NamedTuple):
    """A form of features: its media type, and the names under which it is asked for."""

    form: Form
    media_type: str
    names: tuple[str, ...]


FORMATS = (
    Format(
        "3.2",
        "application/gml+xml; version=3.2",
        ("application/gml+xml; version=3.2", "text/xml; subtype=gml/3.2", "text/xml; subtype=gml/3.2.1", "gml32"),
    ),
    Format("3.1", "text/xml; subtype=gml/3.1.1", ("text/xml; subtype=gml/3.1.1", "gml3", "gml31")),
    Format("2", "text/xml; subtype=gml/2.1.2", ("text/xml; subtype=gml/2.1.2", "gml2", "xmlschema")),
    Format(
        "json",
        "application/json",
        ("application/json", "json", "geojson", "application/geo+json", "application/vnd.geo+json"),
    ),
    Format("csv", "text/csv; charset=utf-8", ("text/csv", "csv")),
)

ADVERTISED: dict[str, tuple[str, ...]] = {
    "2.0.0": tuple(each.names[0] for each in FORMATS),
    "1.1.0": tuple(each.names[0] for each in FORMATS if each.form != "3.2"),
    "1.0.0": ("GML2",),
}
"""What capabilities say of forms; those of 1.0.0 can only name GML2, though every form may be asked for."""


def version_named(said: str) -> Version | None:
    """The version of a request; corrections of a version are that version."""
    return VERSIONS.get({"2.0.2": "2.0.0", "2.0": "2.0.0", "1.1": "1.1.0", "1.0": "1.0.0"}.get(said, said))


class Srs(NamedTuple):
    """A CRS as an answer names it; the name tells the order of its axes."""

    crs: Crs
    name: str


def srs_of(said: str, parameter: str = "srsName") -> Srs:
    """The CRS of a parameter, named in the form in which it was asked for."""
    said = said.strip()
    crs = parse_srs(said, parameter)
    if crs == WGS84_EAST_FIRST:
        return Srs(crs, "urn:ogc:def:crs:OGC:1.3:CRS84")
    if said.upper().startswith("EPSG:"):
        return Srs(crs, f"EPSG:{crs.epsg}")
    if "/gml/srs/" in said:
        return Srs(crs, f"http://www.opengis.net/gml/srs/epsg.xml#{crs.epsg}")
    return Srs(crs, crs.uri if said.startswith("http") else f"urn:ogc:def:crs:EPSG::{crs.epsg}")
