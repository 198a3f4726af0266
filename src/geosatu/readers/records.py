"""What every reader gives."""

from __future__ import annotations

import codecs
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from geosatu.errors import UnreadableFile

BLOCK = 1024 * 1024

LONGEST_NUMBER = 400
"""Characters: no number that a computer writes is longer, and reading one of millions of digits takes minutes."""


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
    """What the file says its coordinates mean; None: it does not say, or nothing that is known."""
    notes: list[str] = field(default_factory=list)
    """What was left out of the file as a whole, and why."""


WGS84 = CRS.from_epsg(4326)
"""Readers give longitude before latitude, whatever the authority's order is."""

_PLAIN = {None: "null", True: "true", False: "false"}
_brief = reprlib.Repr()
_brief.maxlevel = 2
_brief.maxstring = _brief.maxother = _brief.maxlong = 60


def shown(said: Any) -> str:
    """What a file says, as a sentence quotes it: at most a line, however long or deep it is."""
    return _PLAIN[said] if said is None or isinstance(said, bool) else _brief.repr(said)


def shown_name(column: str) -> str:
    """The name of a column, as a sentence gives it: plain unless it is odd or long."""
    return column if len(column) <= _brief.maxstring and column.strip() and column.isprintable() else shown(column)


def require_utf8(file: Path) -> None:
    """`UnreadableFile` with the line of the first byte that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with file.open("rb") as stream:
        while True:
            block = stream.read(BLOCK)
            waiting = decoder.getstate()[0]
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                text = waiting + block
                line += text.count(b"\n", 0, error.start)
                raise UnreadableFile(
                    f"{file.name}: baris {line} memuat huruf yang bukan UTF-8 (bita {text[error.start]:#04x}). "
                    "Simpan ulang berkas dengan penyandian UTF-8."
                ) from None
            if not block:
                return
            line += block.count(b"\n")


def number_in(text: str) -> float | None:
    """The number that a text says; None: it is not a plain one, of reasonable length and with a decimal point."""
    written = text.strip()
    try:
        return float(written) if len(written) <= LONGEST_NUMBER and written.isascii() and "_" not in written else None
    except ValueError:
        return None
