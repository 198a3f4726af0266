"""Checks of layers that are in the database: frames out of the store, findings back into it."""

from __future__ import annotations

from collections.abc import Callable

import geopandas
from sqlalchemy import Connection

from geosatu import checks
from geosatu.features import Actor
from geosatu.layers import Catalogue, Layer, Rule
from geosatu.store import read
from geosatu.store.findings import replace_findings

CHECKER = Actor("pemeriksaan", access="terbatas")
"""Checks look at every feature where it really is."""


def blocking(layer: Layer) -> Layer:
    """The layer with only those of its rules that stop a feature from being saved."""
    rules = [Rule(rule="must_be_valid", severity="refuse")]
    rules += [rule for rule in layer.rules if rule.severity == "refuse" and rule.rule != "must_be_valid"]
    return layer.model_copy(update={"rules": rules})


def others(conn: Connection, catalogue: Catalogue) -> Callable[[str], geopandas.GeoDataFrame]:
    """The layers that rules compare with, read when a rule asks for them."""
    return lambda name: read.frame(conn, catalogue[name], CHECKER)


def check_layer(conn: Connection, catalogue: Catalogue, layer: Layer) -> list[checks.Finding]:
    """The findings of a layer, which replace those of its last check."""
    revision = read.revisions(conn)[layer.name]  # before the features: a change meanwhile makes the check outdated
    found = checks.run(layer, read.frame(conn, layer, CHECKER), others(conn, catalogue))
    rows = [{**vars(finding), "place": None if finding.place.is_empty else finding.place.wkb} for finding in found]
    replace_findings(conn, layer, revision, rows)
    return found
