"""What a file says in a column -> a value of the field's type, or why it is none. Nothing is guessed."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from geosatu.features import WIB
from geosatu.layers import KODE_WILAYAH, MOST_PHOTOS, Field, FieldType
from geosatu.readers.records import number_in, shown

TRUE = frozenset({"true", "ya", "y", "1", "ada"})
FALSE = frozenset({"false", "tidak", "0", "tidak ada"})
"""Not "t", which is "tidak" to some and "true" to others."""


def plain(name: str) -> str:
    """A column name without case and punctuation, as names are compared."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def value_of(field: Field, said: Any) -> Any:
    """The value of the field's type; None: the file says nothing. ValueError: why it cannot be taken."""
    if said is None or said == [] or (isinstance(said, str) and not said.strip()):
        return None
    if isinstance(said, float) and math.isnan(said):
        return None
    if field.type not in ("texts", "codes", "photos"):
        _require_single(said)
    value = PARSERS[field.type](field, said)
    return None if value == [] else value


def dotted(code: str) -> str:
    """A kelurahan code with its dots, also when it was written without them."""
    return re.sub(r"^(\d{2})(\d{2})(\d{2})(\d{4})$", r"\1.\2.\3.\4", code)


def _require_single(said: Any) -> None:
    if isinstance(said, (dict, list, tuple, bytes)):
        raise ValueError(f"{shown(said)} bukan nilai tunggal; isi dengan satu nilai")


def _words(said: Any) -> str:
    """A single value as text; a whole number has no decimals."""
    _require_single(said)
    if isinstance(said, bool):
        return "true" if said else "false"
    if isinstance(said, float) and said.is_integer():
        return str(int(said))
    return str(said).strip()


def _text(field: Field, said: Any) -> str:
    text = _words(said)
    if "\x00" in text:
        raise ValueError("memuat huruf NUL; ketik ulang teksnya")
    if re.search("[\ud800-\udfff]", text):
        raise ValueError("memuat huruf yang rusak (separuh pasangan UTF-16); ketik ulang teksnya")
    if field.pattern == KODE_WILAYAH:
        text = dotted(text)
    if len(text) > field.max_length:
        raise ValueError(f"terlalu panjang: {len(text)} huruf, paling banyak {field.max_length}; ringkaslah")
    # Only the digits 0 to 9 are digits, as they are to PostgreSQL.
    if field.pattern is not None and not re.search(field.pattern, text, re.ASCII):
        raise ValueError(f"{shown(text)} tidak sesuai bentuknya; {_form(field)}")
    return text


def _form(field: Field) -> str:
    if field.pattern == KODE_WILAYAH:
        return "tulis kode Kemendagri, misalnya 35.71.01.1001"
    return f"yang diminta: {field.description or field.pattern}"


def _texts(field: Field, said: Any) -> list[str]:
    return [text for part in _parts(said) if (text := _text(field, part))]


def _parts(said: Any) -> Sequence[Any]:
    """The members of a list, of a JSON list that was kept as text, or of a text that lists them."""
    if isinstance(said, (list, tuple)):
        return said
    text = _words(said)
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(listed, list):
                return listed
    return [part.strip() for part in re.split(r"[,;|]", text)]


def _code(field: Field, said: Any) -> str:
    if isinstance(said, str) and said in field.codes:
        return said
    text = plain(_words(said))
    for code, title in field.codes.items():
        if text in (plain(code), plain(title)):
            return code
    raise ValueError(f"kode {shown(said)} tidak ada; yang ada: {', '.join(field.codes)}")


def _codes(field: Field, said: Any) -> list[str]:
    return list(dict.fromkeys(_code(field, part) for part in _parts(said) if part is not None and _words(part)))


def _photos(_: Field, said: Any) -> list[str]:
    try:
        found = dict.fromkeys(str(uuid.UUID(_words(part))) for part in _parts(said) if part is not None)
    except ValueError:
        raise ValueError("bukan daftar pengenal foto (uuid); unggah fotonya dahulu, lalu sebut pengenalnya") from None
    if len(found) > MOST_PHOTOS:
        raise ValueError(f"memuat {len(found)} foto, paling banyak {MOST_PHOTOS}; pilih yang terbaik")
    return list(found)


def _number(said: Any) -> float:
    text = _words(said)
    number = None if isinstance(said, bool) else number_in(text)
    if number is None:
        remedy = "tulis dengan titik desimal dan tanpa pemisah ribuan" if re.search(r"\d", text) else "isi dengan angka"
        raise ValueError(f"{shown(said)} bukan bilangan; {remedy}")
    if not math.isfinite(number):
        raise ValueError(f"{shown(said)} bukan bilangan terhingga; isi dengan angka")
    return number


def _decimal(field: Field, said: Any) -> float:
    number = _number(said)
    if field.minimum is not None and number < field.minimum:
        raise ValueError(f"{shown(said)} kurang dari {field.minimum:g}; perbaiki angkanya")
    if field.maximum is not None and number > field.maximum:
        raise ValueError(f"{shown(said)} lebih dari {field.maximum:g}; perbaiki angkanya")
    return number


def _integer(field: Field, said: Any) -> int:
    number = _decimal(field, said)
    if not number.is_integer() or abs(number) >= 2**53:
        raise ValueError(f"{shown(said)} bukan bilangan bulat yang wajar; perbaiki angkanya")
    return int(number)


def _boolean(_: Field, said: Any) -> bool:
    text = _words(said).casefold()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ValueError(f"{shown(said)} bukan ya atau tidak; tulis salah satunya")


def _date(_: Field, said: Any) -> date:
    moment: date
    try:
        moment = said if isinstance(said, date) else datetime.fromisoformat(_words(said))
    except ValueError:
        raise ValueError(f"{shown(said)} bukan tanggal; tulis misalnya 2026-08-17") from None
    if not 1900 <= moment.year <= datetime.now(UTC).year + 50:
        raise ValueError(f"tahun {moment.year} tidak wajar; perbaiki tanggalnya")
    if not isinstance(moment, datetime):
        return moment
    return (moment if moment.tzinfo is None else moment.astimezone(WIB)).date()


def _time(_: Field, said: Any) -> time:
    try:
        moment = said if isinstance(said, time) else time.fromisoformat(_words(said).replace(".", ":", 1))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise ValueError(f"{shown(said)} bukan jam; tulis misalnya 08:30, jam setempat")
    return moment


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
    "photos": _photos,
}
