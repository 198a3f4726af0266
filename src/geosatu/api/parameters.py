"""The parameters of OGC API requests -> one `Query`. What we do not know is refused with the reason."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import parse_qsl

from geosatu.api.schemas import of_parameter, properties
from geosatu.cql2 import LANGUAGES, Tree, parse_filter
from geosatu.crs import WGS84_EAST_FIRST, Crs, parse_crs
from geosatu.errors import InvalidQuery, UnknownFeature, shortened
from geosatu.features import DEFAULT_LIMIT, MAX_LIMIT, Actor, Box, Key, Query, moment_of
from geosatu.layers import Layer
from geosatu.store.filters import Kind
from geosatu.store.statements import GEOMETRY_NAMES, queryables

LARGEST_ID = 2**63 - 1
LONGEST_QUERY = 32_768
MOST_PARAMETERS = 100
MOST_SORTED = 4

PARAMETERS = (
    "f", "limit", "after", "bbox", "bbox-crs", "crs", "datetime", "filter", "filter-lang", "filter-crs",
    "sortby", "properties", "skipGeometry", "pada",
)  # fmt: skip
"""What every collection understands, besides its own properties."""

FORMS = ("json", "geojson", "html")
"""What `f` may ask for at features."""

MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

LETTERS = str.maketrans(" tz", "TTZ")
"""How moments may also be written."""

AT = "pada"
"""The parameter that asks for the data as they were at a moment."""

DATE_FIELD = "tanggal_data"
"""The property that `datetime` speaks of."""


def parameters_of(query_string: bytes) -> dict[str, str]:
    """The parameters of a request, each at most once, in UTF-8."""
    found: dict[str, str] = {}
    for name, value in pairs_of(query_string):
        if name in found:
            raise InvalidQuery(f"Parameter {shortened(name)!r} disebut lebih dari sekali.")
        found[name] = value
    return found


def pairs_of(query_string: bytes, longest: int = LONGEST_QUERY) -> list[tuple[str, str]]:
    """The names and values of a request as they stand there, in UTF-8."""
    if not query_string:
        return []
    if len(query_string) > longest:
        raise InvalidQuery(f"Alamat terlalu panjang; bagian setelah tanda tanya paling banyak {longest} huruf.")
    try:
        text = query_string.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise InvalidQuery("Alamat memuat huruf yang bukan UTF-8.") from None
    except ValueError:
        raise InvalidQuery(f"Alamat memuat terlalu banyak parameter; paling banyak {MOST_PARAMETERS}.") from None
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            raise InvalidQuery(f"Parameter {shortened(name)!r} memuat huruf NUL.")
    return pairs


def query_of(layer: Layer, given: Mapping[str, str], actor: Actor, but: Container[str] = ()) -> Query:
    """The query that the parameters state for a layer; those in `but` make no sense here."""
    own = queryables(layer, actor.access)
    kinds = {name: operand.kind for name, operand in own.items()}
    for name in given:
        if name not in PARAMETERS and (name not in own or name in GEOMETRY_NAMES):
            known = ", ".join(each for each in PARAMETERS if each not in but)
            raise InvalidQuery(f"Parameter {shortened(name)!r} tidak dikenal; yang ada: {known}, dan field lapisan.")
    require_json(given)
    filter_crs = crs_of(given, "filter-crs")
    sort = _sort(given.get("sortby", ""))
    return Query(
        box=_box(given),
        box_crs=crs_of(given, "bbox-crs"),
        limit=min(whole(given.get("limit", str(DEFAULT_LIMIT)), "limit", 1), MAX_LIMIT),
        after=_after(given["after"], [kinds.get(name) for name, _ in sort]) if "after" in given else None,
        filter=_filter(layer, given, kinds, actor),
        filter_crs=filter_crs,
        sort=sort,
        properties=_properties(given.get("properties")),
        geometry=not _boolean(given.get("skipGeometry", "false"), "skipGeometry"),
        crs=crs_of(given, "crs"),
        at=at_of(given),
    )


def at_of(given: Mapping[str, str]) -> datetime | None:
    """The moment at which the data are asked for; None: now."""
    if AT not in given:
        return None
    # A plus that was not encoded arrives as a space.
    return moment_of(re.sub(r" (?=\d{2}:\d{2}$)", "+", given[AT]), AT)


def require_form(given: Mapping[str, str], *forms: str) -> None:
    """Refuse every value of `f` but these."""
    if (said := given.get("f", "json")) not in forms:
        raise InvalidQuery(f"f={shortened(said)}: bentuk ini tidak ada; yang ada: {', '.join(forms)}.")


def require_known(given: Mapping[str, str], *known: str) -> None:
    """Refuse every parameter but these."""
    for name in given:
        if name not in known:
            told = f"yang ada: {', '.join(known)}" if known else "alamat ini tidak punya parameter"
            raise InvalidQuery(f"Parameter {shortened(name)!r} tidak dikenal; {told}.")


def whole_id(layer: Layer, said: str) -> int:
    """The id of a path; what cannot be one is an `UnknownFeature`."""
    if not (said.isascii() and said.isdigit() and len(said) < 20 and int(said) <= LARGEST_ID):
        raise UnknownFeature(f"Fitur {shortened(said)!r} tidak ada di lapisan {layer.name}.")
    return int(said)


def require_json(given: Mapping[str, str]) -> None:
    """Refuse a form of answers that we do not have."""
    require_form(given, *FORMS)


def crs_of(given: Mapping[str, str], name: str) -> Crs:
    """The CRS of a parameter; CRS84 where it is not given."""
    return parse_crs(given[name], name) if name in given else WGS84_EAST_FIRST


def whole(said: str, name: str, least: int) -> int:
    """A whole number of at least this much."""
    digits = said.isascii() and said.isdigit()
    if digits and (len(said) > len(str(LARGEST_ID)) or int(said) > LARGEST_ID):
        raise InvalidQuery(f"{name}={shortened(said)}: terlalu besar, paling besar {LARGEST_ID}.")
    if not digits or int(said) < least:
        raise InvalidQuery(f"{name}={shortened(said)}: harus bilangan bulat, paling kecil {least}.")
    return int(said)


def after_token(key: Key) -> str:
    """The `after` that starts behind a key: the plain id where features stand in order of it."""
    if len(key) == 1:
        return str(key[0])
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode("ascii").rstrip("=")


def _after(said: str, sorted_by: Sequence[Kind | None]) -> Key:
    """The place behind which a page starts, as a link of ours told it; `sorted_by` is what the properties hold."""
    if not sorted_by:
        return (whole(said, "after", 0),)
    try:
        key = json.loads(base64.b64decode(said + "=" * (-len(said) % 4), altchars=b"-_", validate=True))
        json.dumps(key, ensure_ascii=False).encode("utf-8")  # half of a character is none
    except (ValueError, binascii.Error, RecursionError):
        key = None
    if not isinstance(key, list) or len(key) != len(sorted_by) + 1 or not _fit(key, sorted_by):
        raise InvalidQuery("after: bukan penanda halaman dari tautan next untuk urutan ini.")
    return tuple(key)


def _fit(key: list[Any], sorted_by: Sequence[Kind | None]) -> bool:
    """Whether the values of a key can be those of the properties, and its last one an id."""
    *values, number = key
    for value, kind in zip(values, sorted_by, strict=True):
        if value is not None and type(value) not in KEYS.get(kind or "teks", (str,)):
            return False
        if isinstance(value, str) and "\x00" in value:
            return False
    return type(number) is int and 0 <= number <= LARGEST_ID


KEYS: dict[Kind, tuple[type, ...]] = {"bilangan": (int, float), "boolean": (bool,)}
"""What a key holds of a property in JSON; of others, text."""


def _box(given: Mapping[str, str]) -> Box | None:
    if "bbox" not in given:
        return None
    return box_of(given["bbox"], crs_of(given, "bbox-crs"))


def box_of(said: str, crs: Crs) -> Box:
    """A box whose numbers are in this CRS."""
    if crs == WGS84_EAST_FIRST:
        return Box.parse(said)
    try:
        numbers = [float(part) for part in said.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [*numbers[0:2], *numbers[3:5]]
    if len(numbers) != 4:
        raise InvalidQuery(f"bbox={shortened(said)}: harus empat bilangan dalam sistem {crs.uri}.")
    if not all(math.isfinite(number) and abs(number) < 1e8 for number in numbers):
        raise InvalidQuery(f"bbox={shortened(said)}: bilangannya di luar jangkauan sistem {crs.uri}.")
    first, second, third, fourth = numbers
    if first > third or second > fourth:
        raise InvalidQuery(f"bbox={shortened(said)}: sudut pertama harus yang terkecil.")
    if crs.north_first:
        try:
            return Box.parse(f"{second},{first},{fourth},{third}")
        except InvalidQuery:
            told = f"di luar jangkauan; dalam sistem {crs.uri} lintang ditulis lebih dulu, selatan,barat,utara,timur"
            raise InvalidQuery(f"bbox={shortened(said)}: {told}.") from None
    return Box(first, second, third, fourth)


def _sort(said: str) -> tuple[tuple[str, bool], ...]:
    names = _names(said)
    if len(names) > MOST_SORTED:
        raise InvalidQuery(f"sortby: paling banyak {MOST_SORTED} field.")
    return tuple((name[1:] if name[:1] in ("+", "-") else name, name[:1] == "-") for name in names)


def _properties(said: str | None) -> tuple[str, ...] | None:
    return None if said is None else tuple(dict.fromkeys(_names(said)))


def _names(said: str) -> list[str]:
    return [part.strip() for part in said.split(",")] if said else []


def _boolean(said: str, name: str) -> bool:
    if said not in ("true", "false"):
        raise InvalidQuery(f"{name}={shortened(said)}: harus true atau false.")
    return said == "true"


def _filter(layer: Layer, given: Mapping[str, str], own: Mapping[str, Kind], actor: Actor) -> Tree | None:
    """All conditions of the request as one tree."""
    trees = []
    language = given.get("filter-lang", LANGUAGES[0])
    if language not in LANGUAGES:
        raise InvalidQuery(f"filter-lang={shortened(language)}: yang ada: {', '.join(LANGUAGES)}.")
    if "filter" in given:
        trees.append(parse_filter(given["filter"], language))
    if "datetime" in given:
        start, end = _interval(given["datetime"])
        if DATE_FIELD in layer.fields:
            trees.append({"op": "t_intersects", "args": [{"property": DATE_FIELD}, {"interval": [start, end]}]})
    asked = {name: said for name, said in given.items() if name not in PARAMETERS}
    schemas = properties(layer, actor.access) if asked else {}
    for name, said in asked.items():
        _require_fit(name, said, of_parameter(schemas[name]))
        field = layer.fields.get(name)
        clocked = field is not None and field.type == "time"
        trees.append(_equals(name, _time_of_day(said) if clocked else said, own[name]))
    if not trees:
        return None
    return trees[0] if len(trees) == 1 else {"op": "and", "args": trees}


def _require_fit(name: str, said: str, schema: dict[str, Any]) -> None:
    """Refuse what a property can never be."""
    if "enum" in schema and said not in schema["enum"]:
        raise InvalidQuery(f"{name}={shortened(said)}: kode ini tidak ada; yang ada: {', '.join(schema['enum'])}.")
    if schema["type"] == "integer" and re.fullmatch(r"[+-]?[0-9]+", said) is None:
        raise InvalidQuery(f"{name}={shortened(said)}: harus bilangan bulat.")
    try:
        if schema.get("format") == "date":
            date.fromisoformat(said)
        if schema.get("format") == "date-time":
            datetime.fromisoformat(said)
    except ValueError:
        raise InvalidQuery(f"{name}={shortened(said)}: bukan tanggal atau waktu; tulis misalnya 2026-08-17.") from None
    if schema.get("format") == "uuid" and UUID.fullmatch(said) is None:
        raise InvalidQuery(f"{name}={shortened(said)}: bukan pengenal foto (uuid).")


def _time_of_day(said: str) -> str:
    """A time of day as it is stored, with its seconds; what is none equals none."""
    try:
        return time.fromisoformat(said).isoformat()
    except ValueError:
        return said


def _equals(name: str, said: str, kind: Kind) -> Tree:
    if kind == "daftar":
        return {"op": "a_contains", "args": [{"property": name}, [said]]}
    return {"op": "=", "args": [{"property": name}, LITERALS[kind](name, said)]}


def _number(name: str, said: str) -> float:
    try:
        number = float(said)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidQuery(f"{name}={shortened(said)}: harus bilangan.")
    return number


LITERALS: dict[Kind, Callable[[str, str], Any]] = {
    "teks": lambda _, said: said,
    "bilangan": _number,
    "boolean": lambda name, said: _boolean(said, name),
    "tanggal": lambda _, said: {"date": said},
    "waktu": lambda _, said: {"timestamp": said},
}


def _interval(said: str) -> tuple[str, str]:
    """The ends of a moment or an interval; `..` where it is open (RFC 3339, years 0000 and 9999 included)."""
    parts = ["" if part == ".." else part.translate(LETTERS) for part in said.split("/")]
    if len(parts) > 2 or not any(parts):
        raise InvalidQuery(f"datetime={shortened(said)}: harus waktu atau selang, misalnya 2026-01-01/..")
    ends = [re.sub("^0000", "0001", part) for part in parts]  # dates begin with the year 1
    moments = [_moment(end, said) for end in ends if end]
    if moments[0] > moments[-1]:
        raise InvalidQuery(f"datetime={shortened(said)}: awal selang ini sesudah akhirnya.")
    return ends[0] or "..", ends[-1] or ".."


def _moment(part: str, said: str) -> datetime:
    try:
        if MOMENT.fullmatch(part) is None:
            raise ValueError
        moment = datetime.fromisoformat(part)
    except ValueError:
        told = f"{shortened(part)!r} bukan tanggal atau waktu; tulis misalnya 2026-08-17 atau 2026-08-17T08:00:00Z"
        raise InvalidQuery(f"datetime={shortened(said)}: {told}.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
