"""What every reader gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from geosatu.errors import UnreadableFile


@dataclass(frozen=True)
class Record:
    """One record of a file, as it stands there."""

    number: int
    """Its place in the file, from 1."""
    geometry: BaseGeometry | None
    properties: dict[str, Any]
    problem: str | None = None
    """Why there is no geometry that can be trusted."""
    notes: tuple[str, ...] = ()
    """What the reader did to get the geometry."""


@dataclass(frozen=True)
class Source:
    """A file that has been opened."""

    records: Iterator[Record]
    crs: CRS | None
    """What the file says its coordinates mean; None: it does not say."""
    notes: list[str] = field(default_factory=list)
    """What was left out of the file as a whole, and why."""


WGS84 = CRS.from_epsg(4326)
"""Readers give longitude before latitude, whatever the authority's order is."""


def require_utf8(file: Path) -> None:
    """`UnreadableFile` with the line of the first byte that is not UTF-8."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise UnreadableFile(
                    f"{file.name}: baris {number} memuat huruf yang bukan UTF-8 (bita {line[error.start]:#04x}). "
                    "Simpan ulang berkas dengan penyandian UTF-8."
                ) from None


def number_in(text: str) -> float | None:
    """The decimal degrees or metres that a text says; None: it is not a plain number with a decimal point."""
    try:
        return float(text) if text.strip().isascii() and "_" not in text else None
    except ValueError:
        return None
