"""What was measured, as a table with ratios and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["ms", "s", "/s", "MB"]
LIMIT, OURS, UNGUARDED, TIPG, PYGEOAPI, OGR = "limit", "geosatu", "no policies", "TiPg", "pygeoapi", "ogr2ogr"
MAPSERVER, QGIS = "MapServer", "QGIS Server"
COLUMNS = (LIMIT, OURS, UNGUARDED, TIPG, PYGEOAPI, OGR, MAPSERVER, QGIS)

LEAST_MEMORY = 1.0
"""Megabytes: a rise below is as good as none, and nothing is so many times of it."""


@dataclass(frozen=True)
class Target:
    """Ours may be at most, or must be at least, this many times what another contestant has."""

    times: float
    of: str = LIMIT
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.times:.2g} × {self.of}"

    def met(self, measured: Mapping[str, float]) -> bool | None:
        """Whether it is; None: nobody to compare with."""
        if self.of not in measured:
            return None
        bound = self.times * measured[self.of]
        return measured[OURS] >= bound if self.at_least else measured[OURS] <= bound


@dataclass(frozen=True)
class Most:
    """Ours may be at most this."""

    value: float
    unit: Unit

    def __str__(self) -> str:
        return f"≤ {self.value:g} {self.unit}"

    def met(self, measured: Mapping[str, float]) -> bool | None:
        return measured[OURS] <= self.value


@dataclass(frozen=True)
class Row:
    """One question, and what each contestant took for it."""

    question: str
    unit: Unit
    measured: Mapping[str, float]
    targets: Sequence[Target | Most] = field(default_factory=tuple)


HEAD = ("Question", *COLUMNS, "geosatu : limit", "TiPg : geosatu", "Target")


def cells(row: Row) -> tuple[str, ...]:
    """The row as text."""
    return (
        row.question,
        *(_with_unit(row.measured.get(name), row.unit) for name in COLUMNS),
        _ratio(row, OURS, LIMIT),
        _ratio(row, TIPG, OURS),
        ", ".join(f"{target} {_verdict(target.met(row.measured))}" for target in row.targets),
    )


def markdown(rows: Sequence[Row]) -> str:
    """The table for a page."""
    lines = [HEAD, tuple("---" if name in ("Question", "Target") else "---:" for name in HEAD), *map(cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _verdict(met: bool | None) -> str:
    return {True: "✓", False: "✗", None: "–"}[met]


def _with_unit(value: float | None, unit: Unit) -> str:
    if value is None:
        return "–"
    if unit == "/s":
        return f"{value:,.0f}/s"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}" if value >= 10 else f"{value:.2g} {unit}"


def _ratio(row: Row, one: str, other: str) -> str:
    measured = row.measured
    if one not in measured or not measured.get(other) or (row.unit == "MB" and measured[other] < LEAST_MEMORY):
        return "–"
    return f"{measured[one] / measured[other]:.2f}"
