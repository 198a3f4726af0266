"""What a check finds, and how it is written as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from geosatu.layers import Severity


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where it is, which rule says so, how bad it is, and a sentence about it."""

    rule: str
    severity: Severity
    layer: str
    features: tuple[int | str, ...]
    """The features concerned, by the index of the frame: ids of the layer or record numbers of the file."""
    area_m2: float | None
    """How much ground is wrong; None where the rule is not about an area."""
    place: BaseGeometry
    """EPSG:4326: the overlap, gap, overhang, crossing point or feature itself; empty if it has no place."""
    message: str
    """One plain Indonesian sentence."""


def as_json(finding: Finding) -> dict[str, Any]:
    """The finding as JSON values, its place as a GeoJSON geometry."""
    return {**_properties(finding), "place": _geometry(finding)}


def as_geojson(finding: Finding) -> dict[str, Any]:
    """The finding as a GeoJSON feature at its place."""
    return {"type": "Feature", "geometry": _geometry(finding), "properties": _properties(finding)}


def _properties(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "layer": finding.layer,
        "features": list(finding.features),
        "area_m2": finding.area_m2,
        "message": finding.message,
    }


def _geometry(finding: Finding) -> dict[str, Any] | None:
    """A feature without a place has a null geometry (RFC 7946, section 3.2)."""
    return None if finding.place.is_empty else mapping(finding.place)
