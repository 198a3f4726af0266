"""Judging features by the rules of their layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import geopandas
import shapely

from geosatu.checks.findings import Finding
from geosatu.checks.registry import RULES
from geosatu.checks.strips import on_earth, strips
from geosatu.checks.wording import names
from geosatu.crs import STORAGE_SRID
from geosatu.layers import Layer, Rule, Severity

RANK: dict[Severity, int] = {"refuse": 0, "error": 1, "warning": 2}

Others = Callable[[str], geopandas.GeoDataFrame]


def run(layer: Layer, frame: geopandas.GeoDataFrame, others: Others) -> list[Finding]:
    """What breaks the layer's rules, the gravest first and of those the largest.

    `frame` holds features of the layer in EPSG:4326, indexed by their ids or record numbers; `others` gives
    the features of another layer by its name, in EPSG:4326 too.
    """
    frame = _described(frame, layer.label)
    read = cache(lambda name: _placed(_described(others(name))))
    as_stored = [rule for rule in layer.rules if RULES[rule.rule].as_stored]
    in_metres = [rule for rule in layer.rules if not RULES[rule.rule].as_stored]
    findings = [finding for rule in as_stored for finding in _findings(layer, rule, frame, read)]
    for strip in strips(frame):
        for rule in in_metres:
            found = _findings(layer, rule, strip.frame, read)
            findings += [finding for finding in found if strip.holds(finding.place)]
    return sorted(findings, key=lambda finding: (RANK[finding.severity], -(finding.area_m2 or 0)))


def _described(frame: geopandas.GeoDataFrame, label: str | None = None) -> geopandas.GeoDataFrame:
    """The frame with the columns that rules may use, and no others; heights are left out too."""
    columns = {column: frame[column].array for column in ("kode_wilayah", "accuracy_m") if column in frame}
    return geopandas.GeoDataFrame(
        {"name": names(frame, label).array, **columns},
        index=frame.index,
        geometry=shapely.force_2d(frame.geometry.array),
        crs=frame.crs,
    )


def _placed(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    return frame[on_earth(frame)]


def _findings(layer: Layer, rule: Rule, frame: geopandas.GeoDataFrame, others: Others) -> list[Finding]:
    """What a rule says about a frame, with features by index and places in degrees."""
    function = RULES[rule.rule].function
    if rule.layer is None:
        violations = list(function(frame, **rule.parameters))
    else:
        other = others(rule.layer).to_crs(frame.crs)
        violations = list(function(frame, other, rule.layer.replace("_", " "), **rule.parameters))
    places = geopandas.GeoSeries([each.place for each in violations], crs=frame.crs).to_crs(STORAGE_SRID)
    labels = frame.index.tolist()
    return [
        Finding(
            rule=rule.rule,
            severity="warning" if each.minor and rule.severity == "error" else rule.severity,
            layer=layer.name,
            features=tuple(labels[row] for row in each.rows),
            area_m2=each.area_m2,
            place=place,
            message=each.message,
        )
        for each, place in zip(violations, places, strict=True)
    ]
