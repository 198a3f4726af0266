"""What pydantic finds wrong, as a place and a plain Indonesian reason."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

WANTED = {
    "string_type": "teks dalam tanda kutip",
    "bool_type": "true atau false",
    "bool_parsing": "true atau false",
    "int_type": "bilangan bulat",
    "int_parsing": "bilangan bulat",
    "int_from_float": "bilangan bulat",
    "float_type": "bilangan",
    "float_parsing": "bilangan",
    "finite_number": "bilangan terhingga",
    "list_type": "daftar dalam kurung siku",
    "dict_type": "tabel",
    "model_type": "tabel",
    "model_attributes_type": "tabel",
    "literal_error": "salah satu dari {expected}",
    "string_too_short": "diisi",
    "greater_than": "lebih besar dari {gt}",
    "greater_than_equal": "paling kecil {ge}",
    "less_than_equal": "paling besar {le}",
}
"""What a value has to be, by the type of pydantic's error."""

PARTS_OF_NO_KEY = ("[key]", "str", "int", "float", "bool")
"""What pydantic adds to the place of a fault: the side of a dictionary, the member of a union."""


def wrong(key: str, reason: str) -> PydanticCustomError:
    """The fault of one key, to be raised by a validator of the whole."""
    return PydanticCustomError("wrong", "{reason}", {"key": key, "reason": reason})


def first_fault(error: ValidationError) -> tuple[str, str]:
    """The key that is wrong, with dots between its parts, and why."""
    faults = error.errors()
    where = _where(faults[0])
    # A value that fits no member of a union has one fault for each.
    return where, _either(_reason(fault) for fault in faults if _where(fault) == where)


def _where(fault: ErrorDetails) -> str:
    key = fault.get("ctx", {}).get("key")
    parts = [str(part) for part in fault["loc"] if part not in PARTS_OF_NO_KEY]
    return ".".join([*parts, key] if key else parts)


def _reason(fault: ErrorDetails) -> str:
    if fault["type"] == "extra_forbidden":
        return "kunci ini tidak dikenal"
    if fault["type"] == "missing":
        return "kunci ini wajib ada"
    if fault["type"] in WANTED:
        wanted = WANTED[fault["type"]].format(**fault.get("ctx", {}))
        return f"harus {wanted.replace(' or ', ' atau ')}"
    return fault["msg"].removeprefix("Value error, ")


def _either(reasons: Iterable[str]) -> str:
    first, *others = dict.fromkeys(reasons)
    return " atau ".join([first, *(other.removeprefix("harus ") for other in others)])
