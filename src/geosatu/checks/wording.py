"""How sentences call features and write quantities, in Indonesian."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas
import pandas

NUMBERED = {"no_rt": "RT", "no_rw": "RW"}
"""Fields that hold the bare number of a unit, and the word before it."""

MOST_NAMES = 4


def names(frame: geopandas.GeoDataFrame, label: str | None = None) -> pandas.Series[str]:
    """How sentences call the features: by their label, else "fitur 12" by their index.

    Without `label`, or without its column, the name or number of the unit is used. Names that occur more
    than once get the kode wilayah behind them, and the index where that does not tell them apart.
    """
    if label not in frame.columns:
        label = next((column for column in ("nama", *NUMBERED) if column in frame.columns), None)
    called = "fitur " + pandas.Series(frame.index.astype(str), dtype="string")
    if label is None:
        return called
    said = _numbered(frame) if label == "no_rt" else text(frame, label)
    if label == "no_rw":
        said = _with_word("no_rw", said)
    said = said.fillna(called)
    for mark in (text(frame, "kode_wilayah"), called):
        ambiguous = said.duplicated(keep=False) & mark.notna() & (said != mark)
        said = said.mask(ambiguous, said + " (" + mark + ")")
    return said


def _numbered(frame: geopandas.GeoDataFrame) -> pandas.Series[str]:
    """ "RT 003 RW 001", as far as the numbers are there."""
    rt, rw = (_with_word(column, text(frame, column)) for column in NUMBERED)
    return rt + (" " + rw).fillna("")


def _with_word(column: str, numbers: pandas.Series[str]) -> pandas.Series[str]:
    return numbers.mask(numbers.str.isdigit().fillna(False), NUMBERED[column] + " " + numbers)


def text(frame: geopandas.GeoDataFrame, column: str) -> pandas.Series[str]:
    """A column as trimmed text by position, missing where nothing is written or there is no such column."""
    values = frame[column].to_numpy() if column in frame.columns else [None] * len(frame)
    written = pandas.Series(values, dtype=object).astype("string").str.strip()
    return written.mask(written == "")


def listing(names: Sequence[str]) -> str:
    """ "A", "A dan B" or "A, B, dan C"; of many, the first few and how many more."""
    if len(names) > MOST_NAMES:
        names = [*names[: MOST_NAMES - 1], f"{len(names) - MOST_NAMES + 1} lainnya"]
    if len(names) < 3:
        return " dan ".join(names)
    return f"{', '.join(names[:-1])}, dan {names[-1]}"


def square_metres(area: float) -> str:
    """ "12.345 m²", "3,5 m²" or "0,04 m²": small areas with decimals."""
    return f"{_number(area)} m²"


def metres(distance: float) -> str:
    """ "1.234 m" or "3,5 m"."""
    return f"{_number(distance)} m"


def _number(value: float) -> str:
    """With a dot between thousands and a decimal comma."""
    decimals = 0 if value >= 10 else 1 if value >= 1 else 2
    return f"{value:,.{decimals}f}".translate(str.maketrans(",.", ".,"))
