"""GeoJSON (RFC 7946): a collection, one feature, a bare geometry, or one feature a line (RFC 8142)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from geosatu.errors import UnreadableFile
from geosatu.layers import GeometryType
from geosatu.readers.records import BLOCK, WGS84, Record, Source, require_utf8, shown

DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
"""How deep the positions of a geometry type are nested."""

KNOWN = ("type", "id", "geometry", "properties", "coordinates", "geometries", "crs")
"""The members that are looked at; others are read and dropped."""

BLANKS = re.compile(r"[ \t\r\n\x1e]*")
"""The white space of JSON, and the record separators of RFC 8142."""

DECODER = json.JSONDecoder()
"""Takes NaN and Infinity, which are no JSON, so that not the whole file is refused but the record that has them."""


def read(file: Path, _: GeometryType) -> Source:
    """The features of the file one by one; a broken one is a record with its problem.

    The whole file is read once beforehand: so it is known to be JSON, and its `crs` may stand at its end.
    """
    require_utf8(file)
    crs: list[Any] = []
    for _each in _numbered(file, crs):
        pass
    told = next((each for each in crs if each is not None), None)
    records = (_record(number, value) for number, value in _numbered(file, []))
    return Source(records, WGS84 if told is None else _crs(told))


def _crs(member: Any) -> CRS | None:
    """The CRS that a `crs` member names (the GeoJSON of 2008); None: one that is not known."""
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    try:
        crs = CRS.from_user_input(name) if isinstance(name, str) else None
    except CRSError:
        return None
    return WGS84 if crs is not None and crs.to_authority() == ("OGC", "CRS84") else crs


def names_other_crs(member: Any) -> bool:
    """Whether a `crs` member names another CRS than that of GeoJSON."""
    return member is not None and _crs(member) != WGS84


def _numbered(file: Path, crs: list[Any]) -> Iterator[tuple[int, Any]]:
    """The values that should be features, from 1; `crs` receives the `crs` members of the outermost objects."""
    number = 0
    with file.open(encoding="utf-8-sig", newline="") as stream:
        text = _Text(stream)
        try:
            for number, value in enumerate(_values(file, text, crs), 1):
                yield number, value
        except _Broken as where:
            after = f"setelah catatan nomor {number}" if number else "sebelum catatan pertama"
            raise UnreadableFile(
                f"{file.name}: JSON rusak di {where}, {after}. Ekspor ulang berkas dari aplikasi asalnya."
            ) from None


def _values(file: Path, text: _Text, crs: list[Any]) -> Iterator[Any]:
    first = True
    while text.next():
        if text.next() != "{":
            if first:
                _refuse(file)
            yield text.value()
            continue
        members: dict[str, Any] = {}
        collection = False
        for key in text.members():
            if key == "features" and text.next() == "[":
                collection = True
                yield from text.items()
            elif (value := text.value()) is not None and key in KNOWN:
                members[key] = value
        crs.append(members.get("crs"))
        if not collection:
            if first and not {"geometry", "properties", "coordinates", "geometries"} & set(members):
                _refuse(file)
            yield members
        first = False


def _refuse(file: Path) -> NoReturn:
    raise UnreadableFile(
        f"{file.name}: ini bukan GeoJSON; tidak ada daftar features, geometry atau coordinates di dalamnya. "
        "Ekspor ulang sebagai GeoJSON."
    )


class _Broken(Exception):
    """The text is no JSON from this place on."""


class _Text:
    """JSON text, of which only the value that is being read is in memory."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._piece = ""
        self._at = 0
        self._line, self._column = 1, 1
        """Of the first character of the piece."""

    def next(self) -> str:
        """The next character that is not blank; none at the end of the text."""
        while True:
            blanks = BLANKS.match(self._piece, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._piece):
                return self._piece[self._at]
            if not self._more():
                return ""

    def value(self) -> Any:
        """The value that begins here, whole."""
        self.next()
        while True:
            try:
                value, end = DECODER.raw_decode(self._piece, self._at)
            except json.JSONDecodeError as error:
                # Near the end of the piece, and in a text that goes beyond it, the value may only be cut off.
                cut_off = len(self._piece) - error.pos < 64 or error.msg.startswith("Unterminated string")
                if not cut_off or not self._more():
                    self._break(error.pos)
            except (RecursionError, ValueError):
                self._break(self._at, " (susunannya terlalu dalam, atau ada bilangan dengan ribuan angka)")
            else:
                # A number at the end of the piece may go on.
                if end < len(self._piece) or not self._more():
                    self._at = end
                    return value

    def members(self) -> Iterator[str]:
        """The names in the object that begins here; the value behind each is to be read before the next."""
        self._take("{")
        if self._took("}"):
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                self._break(self._at)
            self._take(":")
            yield key
            if self._took("}"):
                return
            self._take(",")

    def items(self) -> Iterator[Any]:
        """The values of the list that begins here."""
        self._take("[")
        if self._took("]"):
            return
        while True:
            yield self.value()
            if self._took("]"):
                return
            self._take(",")

    def _took(self, character: str) -> bool:
        took = self.next() == character
        self._at += took
        return took

    def _take(self, character: str) -> None:
        if not self._took(character):
            self._break(self._at)

    def _more(self) -> bool:
        """Read on, twice as far each time, and forget what is behind; False: the text is at its end."""
        read = self._stream.read(max(BLOCK, len(self._piece) - self._at))
        if read:
            self._line, self._column = self._place(self._at)
            self._piece, self._at = self._piece[self._at :] + read, 0
        return bool(read)

    def _place(self, at: int) -> tuple[int, int]:
        lines = self._piece.count("\n", 0, at)
        if lines:
            return self._line + lines, at - self._piece.rfind("\n", 0, at)
        return self._line, self._column + at

    def _break(self, at: int, reason: str = "") -> NoReturn:
        line, column = self._place(at)
        raise _Broken(f"baris {line}, kolom {column}{reason}")


def _record(number: int, value: Any) -> Record:
    if not isinstance(value, dict):
        return Record(number, None, {}, problem=f"{shown(value)} bukan fitur GeoJSON; hapus dari berkas")
    kind = value.get("type")
    if kind == "Feature":
        geometry, properties = value.get("geometry"), value.get("properties")
    elif isinstance(kind, str) and (kind in DEPTHS or kind == "GeometryCollection"):
        geometry, properties = value, None
    else:
        problem = f"jenisnya (type) {shown(kind)}, bukan Feature; ekspor ulang sebagai GeoJSON"
        return Record(number, None, {}, problem=problem)
    if properties is not None and not isinstance(properties, dict):
        problem = f"properties-nya {shown(properties)}, bukan daftar nama dan nilai; ekspor ulang sebagai GeoJSON"
        return Record(number, None, {}, problem=problem)
    properties = dict(properties or {})
    if "uid" not in properties and isinstance(value.get("id"), str):
        properties["uid"] = value["id"]
    if geometry is None:
        return Record(number, None, properties)
    try:
        return Record(number, shape_of(geometry), properties)
    except ValueError as problem:
        return Record(number, None, properties, problem=str(problem))


def shape_of(geometry: Any) -> BaseGeometry:
    """The geometry as written, without heights; ValueError: what is wrong with it."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind == "GeometryCollection":
        raise ValueError("GeometryCollection tidak diterima; pisahkan menjadi fitur sendiri-sendiri")
    if not isinstance(kind, str) or kind not in DEPTHS:
        raise ValueError(f"jenis geometrinya {shown(kind)}; yang dikenal: {', '.join(DEPTHS)}")
    places = _places(geometry.get("coordinates"), DEPTHS[kind])
    for path in _paths(places, DEPTHS[kind]):
        if kind.endswith("Polygon"):
            _require_ring(path)
        elif kind.endswith("LineString") and len(path) < 2:
            raise ValueError("garis perlu paling sedikit dua titik; lengkapi garisnya")
    return shapely.geometry.shape({"type": kind, "coordinates": places})


def _places(said: Any, depth: int) -> Any:
    """Coordinates nested as deep as the geometry type asks; a path of places as an array, longitude first."""
    if not isinstance(said, list):
        raise ValueError(f"coordinates memuat {shown(said)} di tempat sebuah daftar; ekspor ulang sebagai GeoJSON")
    if depth:
        if not said:
            raise ValueError("coordinates-nya kosong; gambar letaknya")
        if depth == 1:
            return numpy.fromiter((degree for part in said for degree in _places(part, 0)), float).reshape(-1, 2)
        return [_places(part, depth - 1) for part in said]
    if len(said) < 2:
        raise ValueError(f"sebuah titik punya {len(said)} bilangan; perlu bujur dan lintang")
    return tuple(_degree(part) for part in said)[:2]


def _paths(places: Any, depth: int) -> Iterator[numpy.ndarray]:
    """The lines and rings of nested places."""
    if depth == 1:
        yield places
    elif depth:
        for part in places:
            yield from _paths(part, depth - 1)


def _degree(said: Any) -> float:
    if not isinstance(said, (int, float)) or isinstance(said, bool):
        raise ValueError(f"koordinat {shown(said)} bukan bilangan; tulis tanpa kutip dan dengan titik desimal")
    try:
        number = float(said)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"koordinat {shown(said)} bukan bilangan terhingga; isi bujur dan lintangnya")
    return number


def _require_ring(ring: numpy.ndarray) -> None:
    if len(ring) < 4:
        raise ValueError(f"cincin bidang terdiri atas {len(ring)} titik; perlu paling sedikit empat")
    if (ring[0] != ring[-1]).any():
        raise ValueError("cincin bidang tidak tertutup; ulangi titik pertamanya di akhir")
