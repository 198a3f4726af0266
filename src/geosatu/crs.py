"""Names of coordinate reference systems, and the metric one of a place."""

from __future__ import annotations

import re
from typing import NamedTuple

from geosatu.errors import InvalidQuery, shortened

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""WGS 84 with longitude before latitude, the CRS of GeoJSON."""

STORAGE_SRID = 4326
MERCATOR_SRID = 3857


class Crs(NamedTuple):
    """A CRS that coordinates can be asked for in."""

    uri: str
    srid: int
    """What PostGIS computes with. SRGI2013 equals WGS 84 at our accuracy (BIG), and old PostGIS lacks it."""
    north_first: bool = False
    """Whether its authority puts latitude before longitude."""

    @property
    def epsg(self) -> int:
        """Its EPSG code, that of WGS 84 for CRS84."""
        return STORAGE_SRID if self.uri == CRS84 else int(self.uri.rsplit("/", 1)[1])


def _epsg(code: int, srid: int | None = None, north_first: bool = False) -> Crs:
    return Crs(f"http://www.opengis.net/def/crs/EPSG/0/{code}", srid or code, north_first)


WGS84_EAST_FIRST = Crs(CRS84, STORAGE_SRID)

SUPPORTED: dict[str, Crs] = {
    crs.uri: crs
    for crs in (
        WGS84_EAST_FIRST,
        _epsg(4326, north_first=True),
        _epsg(3857),
        _epsg(9470, 4326, north_first=True),
        *(_epsg(code) for code in range(32646, 32653)),
        *(_epsg(code) for code in range(32746, 32755)),
        *(_epsg(9430 + zone, 32600 + zone) for zone in range(46, 53)),
        *(_epsg(9440 + zone, 32700 + zone) for zone in range(47, 55)),
        *(_epsg(code) for code in range(23830, 23846)),
    )
}
"""Every CRS of OGC API requests by its URI: WGS 84, SRGI2013, both in UTM, and DGN95 in TM-3 (land parcels)."""


def parse_crs(said: str, parameter: str) -> Crs:
    """The CRS of a parameter: a URI, a URN or EPSG:nnnn; `InvalidQuery` where we do not have it."""
    code = re.fullmatch(r"(?:\[?EPSG:|urn:ogc:def:crs:EPSG:[\d.]*:)(\d{4,6})\]?", said)
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{code[1]}" if code else said.replace("https://", "http://")
    if said in ("CRS84", "OGC:CRS84", "[OGC:CRS84]", "urn:ogc:def:crs:OGC:1.3:CRS84"):
        uri = CRS84
    if uri not in SUPPORTED:
        raise InvalidQuery(f"{parameter}={shortened(said)}: sistem koordinat ini tidak disediakan.")
    return SUPPORTED[uri]


def parse_srs(said: str, parameter: str) -> Crs:
    """The CRS of a WFS's `srsName`, with the order of axes that its form stands for: short names and those of the old
    register put x before y, URNs and URIs do as the authority says."""
    short = re.fullmatch(r"(?:EPSG:|https?://www\.opengis\.net/gml/srs/epsg\.xml#)(\d{4,6})", said, re.IGNORECASE)
    if short is not None:
        return parse_crs(f"EPSG:{short[1]}", parameter)._replace(north_first=False)
    plain = re.sub("^urn:(x-ogc:def|ogc:def):crs:", "urn:ogc:def:crs:", said, flags=re.IGNORECASE)
    if re.fullmatch(r"urn:ogc:def:crs:OGC:[\d.]*:(?:CRS)?84", plain):
        return WGS84_EAST_FIRST
    return parse_crs(plain, parameter)


def crs_near(longitude: float) -> list[Crs]:
    """The systems that a reader near this longitude has use for, CRS84 first."""
    zone = int((longitude + 180) // 6) + 1
    tm3 = 23830 + round((longitude - 94.5) / 3)
    codes = [4326, 3857, 9470, 32600 + zone, 32700 + zone, 9430 + zone, 9440 + zone, tm3]
    uris = [f"http://www.opengis.net/def/crs/EPSG/0/{code}" for code in codes]
    return [WGS84_EAST_FIRST, *(SUPPORTED[uri] for uri in uris if uri in SUPPORTED)]


LAND_AND_SEA = (92.0, -14.0, 141.5, 7.8)
"""West, south, east, north of Indonesia with its seas; nothing outside is kept."""

ONE_FRAME_DEGREES = 6.0
"""Data no wider than a UTM zone are measured in one zone, so that neighbours stay together."""


def utm_srid(longitude: float, latitude: float) -> int:
    """The EPSG code of the WGS 84 / UTM zone of a place, e.g. 32749 for Kediri."""
    zone = min(int((longitude + 180) // 6) + 1, 60)
    return (32600 if latitude >= 0 else 32700) + zone
