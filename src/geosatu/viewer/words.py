"""Values, numbers and dates as Indonesian readers write them; `map/format.js` says the same in the browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from geosatu.features import WIB, Box
from geosatu.layers import Field, Layer

MONTHS = (
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
)


UNIT = re.compile(r"\d{2}\.\d{2}\.\d{2}\.\d{4}-RW(\d{3})(?:-RT(\d{3}))?")
"""The key of an RW or RT, as in `35.71.01.1001-RW001-RT003`."""


def written_date(day: date) -> str:
    """17 Agustus 2026."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def written_time(moment: datetime) -> str:
    """17 Agustus 2026 pukul 14.05 WIB."""
    local = moment.astimezone(WIB)
    return f"{written_date(local.date())} pukul {local:%H.%M} WIB"


def written_count(number: int) -> str:
    """12.345."""
    return f"{number:,}".replace(",", ".")


def written_number(number: float) -> str:
    """1.234,5: at most two decimals."""
    if isinstance(number, int):
        return written_count(number)
    whole, _, decimals = f"{number:z,.2f}".partition(".")
    decimals = decimals.rstrip("0")
    return whole.replace(",", ".") + (f",{decimals}" if decimals else "")


def written_moment(text: str) -> str:
    """A date, or the day that a moment was in WIB; a text that is neither stays as it is."""
    try:
        if "T" not in text:
            return written_date(date.fromisoformat(text[:10]))
        moment = datetime.fromisoformat(text)
        return written_date((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(WIB).date())
    except (ValueError, OverflowError):
        return text


def written_extent(box: Box) -> str:
    """111,95° BT sampai 112,08° BT, 7,88° LS sampai 7,77° LS."""
    west, east = (_with_side(degrees, "BT", "BB") for degrees in (box.west, box.east))
    south, north = (_with_side(degrees, "LU", "LS") for degrees in (box.south, box.north))
    return f"{west} sampai {east}, {south} sampai {north}"


def written_value(field: Field, raw: Any) -> str | None:
    """A field's value, as GeoJSON brings it, in words; None: there is nothing to show."""
    if raw is None or raw in ("", []):
        return None
    match field.type:
        case "code":
            return field.codes.get(str(raw), str(raw))
        case "codes":
            return ", ".join(field.codes.get(str(code), str(code)) for code in _several(raw))
        case "photos":
            return f"{len(_several(raw))} foto"
        case "texts":
            return ", ".join(_written_unit(str(text)) for text in _several(raw))
        case "boolean":
            return "Ya" if raw else "Tidak"
        case "date":
            return written_moment(str(raw))
        case "time":
            return str(raw)[:5].replace(":", ".")
        case "integer" | "decimal" if isinstance(raw, (int, float)) and not is_year(field):
            return _with_unit(written_number(raw), field.unit)
        case _:
            return _with_unit(str(raw), field.unit)


def feature_name(layer: Layer, properties: Mapping[str, Any]) -> str:
    """What a feature is called: its label, and the label's title before a bare number ("RT 003")."""
    field = layer.fields[layer.label]
    text = written_value(field, properties.get(layer.label))
    if text is None:
        return layer.title
    return f"{field.title} {text}" if re.fullmatch("[0-9]+", text) else text


def is_year(field: Field) -> bool:
    """A whole number between 1000 and 9999 is a year, which nobody writes as 2.026."""
    return (
        field.type == "integer"
        and field.minimum is not None
        and field.maximum is not None
        and 1000 <= field.minimum <= field.maximum <= 9999
    )


def _with_side(degrees: float, positive: str, negative: str) -> str:
    return f"{written_number(abs(degrees))}° {negative if degrees < 0 else positive}"


def _several(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else [raw]


def _written_unit(text: str) -> str:
    """The key of an RT or RW as people say it; any other text as it is."""
    parts = UNIT.fullmatch(text)
    if parts is None:
        return text
    return f"RT {parts[2]}/RW {parts[1]}" if parts[2] else f"RW {parts[1]}"


def _with_unit(text: str, unit: str | None) -> str:
    if not unit:
        return text
    return f"Rp {text}" if unit == "Rp" else f"{text} {unit}"
