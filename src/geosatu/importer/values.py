"""What a file says in a column -> a value of the field's type, or why it is none. Nothing is guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from geosatu.layers import KODE_WILAYAH, Field, FieldType

WIB = timezone(timedelta(hours=7))
"""Western Indonesian time: a moment's date is the date on the wall there."""

TRUE = frozenset({"true", "ya", "y", "1", "ada"})
FALSE = frozenset({"false", "tidak", "t", "0", "tidak ada"})


def plain(name: str) -> str:
    """A column name without case and punctuation, as names are compared."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def value_of(field: Field, said: Any) -> Any:
    """The value of the field's type; None: the file says nothing. ValueError: why it cannot be taken."""
    if said is None or (isinstance(said, str) and not said.strip()):
        return None
    if isinstance(said, float) and math.isnan(said):
        return None
    return PARSERS[field.type](field, said)


def dotted(code: str) -> str:
    """A kelurahan code with its dots, also when it was written without them."""
    return re.sub(r"^(\d{2})(\d{2})(\d{2})(\d{4})$", r"\1.\2.\3.\4", code)


def _text(field: Field, said: Any) -> str:
    if isinstance(said, (dict, list)):
        raise ValueError("berisi susunan, bukan teks")
    text = str(int(said)) if isinstance(said, float) and said.is_integer() else str(said).strip()
    if "\x00" in text:
        raise ValueError("memuat huruf NUL")
    if field.pattern == KODE_WILAYAH:
        text = dotted(text)
    if len(text) > field.max_length:
        raise ValueError(f"terlalu panjang: {len(text)} huruf, paling banyak {field.max_length}")
    if field.pattern is not None and not re.search(field.pattern, text):
        raise ValueError(f"{text!r} tidak sesuai bentuknya{_hint(field)}")
    return text


def _hint(field: Field) -> str:
    return f" ({field.description})" if field.description else f" ({field.pattern})"


def _texts(field: Field, said: Any) -> list[str]:
    return [_text(field, part) for part in _parts(said)]


def _parts(said: Any) -> Iterable[Any]:
    """The members of a list, or of a text that lists them."""
    if isinstance(said, (list, tuple)):
        return said
    return [part.strip() for part in re.split(r"[,;|]", str(said)) if part.strip()]


def _code(field: Field, said: Any) -> str:
    text = plain(str(said))
    for code, title in field.codes.items():
        if text in (plain(code), plain(title)):
            return code
    raise ValueError(f"kode {said!r} tidak ada; yang ada: {', '.join(field.codes)}")


def _codes(field: Field, said: Any) -> list[str]:
    return list(dict.fromkeys(_code(field, part) for part in _parts(said)))


def _number(said: Any) -> float:
    if isinstance(said, bool):
        raise ValueError(f"{said!r} bukan bilangan")
    text = str(said).strip()
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        remedy = "; tulis dengan titik desimal dan tanpa pemisah ribuan" if re.search(r"\d", text) else ""
        raise ValueError(f"{text!r} bukan bilangan{remedy}") from None
    if not math.isfinite(number):
        raise ValueError(f"{text!r} bukan bilangan terhingga")
    return number


def _decimal(field: Field, said: Any) -> float:
    number = _number(said)
    if field.minimum is not None and number < field.minimum:
        raise ValueError(f"{number:g} kurang dari {field.minimum:g}")
    if field.maximum is not None and number > field.maximum:
        raise ValueError(f"{number:g} lebih dari {field.maximum:g}")
    return number


def _integer(field: Field, said: Any) -> int:
    number = _decimal(field, said)
    if not number.is_integer() or abs(number) >= 2**53:
        raise ValueError(f"{said!r} bukan bilangan bulat yang wajar")
    return int(number)


def _boolean(_: Field, said: Any) -> bool:
    text = str(said).strip().casefold()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ValueError(f"{said!r} bukan ya atau tidak")


def _date(_: Field, said: Any) -> date:
    if isinstance(said, datetime):
        moment = said
    elif isinstance(said, date):
        return said
    else:
        try:
            moment = datetime.fromisoformat(str(said).strip())
        except ValueError:
            raise ValueError(f"{said!r} bukan tanggal; tulis misalnya 2026-08-17") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(WIB)
    if not 1900 <= moment.year <= datetime.now(UTC).year + 50:
        raise ValueError(f"tahun {moment.year} tidak wajar")
    return moment.date()


def _time(_: Field, said: Any) -> time:
    try:
        return time.fromisoformat(str(said).strip().replace(".", ":"))
    except ValueError:
        raise ValueError(f"{said!r} bukan jam; tulis misalnya 08:30") from None


PARSERS: dict[FieldType, Callable[[Field, Any], Any]] = {
    "text": _text,
    "texts": _texts,
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "time": _time,
    "code": _code,
    "codes": _codes,
}
