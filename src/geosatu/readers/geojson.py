"""GeoJSON (RFC 7946): a collection, one feature, a bare geometry, or one feature a line (RFC 8142)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import ijson
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from geosatu.errors import UnreadableFile
from geosatu.layers import GeometryType
from geosatu.readers.records import WGS84, Record, Source, require_utf8

DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
"""How deep the positions of a geometry type are nested."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
RECORD_SEPARATOR = b"\x1e"


def read(file: Path, _: GeometryType) -> Source:
    """The features of the file one by one; a broken one is a record with its problem."""
    require_utf8(file)
    collection, crs = _head(file)
    values = _members(file) if collection else _values(file)
    return Source(_numbered(file, values), crs)


def _head(file: Path) -> tuple[bool, CRS]:
    """Whether the file is a collection of features, and its CRS; reads up to the first feature."""
    crs = WGS84
    keys = []
    try:
        with _open(file) as stream:
            for prefix, event, value in ijson.parse(stream, multiple_values=True):
                if prefix == "" and event == "map_key":
                    keys.append(value)
                elif prefix == "crs.properties.name":
                    crs = _crs(file, value)
                elif prefix == "features" and event == "start_array":
                    return True, crs
                elif prefix == "" and event not in ("start_map", "map_key"):
                    break
    except ijson.JSONError as error:
        raise UnreadableFile(_broken(file, 0, error)) from None
    known = {"geometry", "properties", "coordinates", "geometries"}
    if not known & set(keys):
        raise UnreadableFile(
            f"{file.name}: ini bukan GeoJSON; tidak ada daftar features, geometry atau coordinates di dalamnya."
        )
    return False, crs


def _crs(file: Path, name: Any) -> CRS:
    try:
        crs = CRS.from_user_input(name)
    except CRSError:
        raise UnreadableFile(
            f"{file.name}: sistem koordinat {name!r} tidak dikenal; sebutkan dengan --crs EPSG:nomor."
        ) from None
    return WGS84 if crs.to_authority() == ("OGC", "CRS84") else crs


def _members(file: Path) -> Iterator[Any]:
    with _open(file) as stream:
        yield from ijson.items(stream, "features.item", use_float=True)


def _values(file: Path) -> Iterator[Any]:
    with _open(file) as stream:
        yield from ijson.items(_WithoutSeparators(stream), "", multiple_values=True, use_float=True)


class _WithoutSeparators:
    """A stream whose record separators (RFC 8142) read as white space."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def read(self, size: int = -1) -> bytes:
        return self.stream.read(size).replace(RECORD_SEPARATOR, b" ")


def _open(file: Path) -> IO[bytes]:
    stream = file.open("rb")
    if stream.read(3) != BYTE_ORDER_MARK:
        stream.seek(0)
    return stream


def _numbered(file: Path, values: Iterator[Any]) -> Iterator[Record]:
    number = 0
    try:
        for number, value in enumerate(values, 1):
            yield _record(number, value)
    except ijson.JSONError as error:
        raise UnreadableFile(_broken(file, number, error)) from None
    if number == 0:
        raise UnreadableFile(f"{file.name}: tidak ada satu fitur pun di berkas ini.")


def _broken(file: Path, number: int, error: Exception) -> str:
    reason = " ".join(str(error).split())[:120] or "berakhir sebelum waktunya"
    where = f"setelah catatan nomor {number}" if number else "di awal berkas"
    return (
        f"{file.name}: JSON rusak {where} ({reason}); bilangan seperti NaN pun bukan JSON. "
        "Ekspor ulang berkas dari aplikasi asalnya."
    )


def _record(number: int, value: Any) -> Record:
    if not isinstance(value, dict):
        return Record(number, None, {}, problem="bukan fitur GeoJSON, melainkan nilai lain")
    kind = value.get("type")
    if kind == "Feature":
        geometry, properties = value.get("geometry"), value.get("properties")
    elif kind in DEPTHS or kind == "GeometryCollection":
        geometry, properties = value, None
    else:
        return Record(number, None, {}, problem=f"type={kind!r} bukan fitur GeoJSON")
    if properties is not None and not isinstance(properties, dict):
        return Record(number, None, {}, problem="properties bukan objek")
    properties = dict(properties or {})
    if "uid" not in properties and isinstance(value.get("id"), str):
        properties["uid"] = value["id"]
    if geometry is None:
        return Record(number, None, properties)
    try:
        return Record(number, _shape(geometry), properties)
    except ValueError as problem:
        return Record(number, None, properties, problem=str(problem))


def _shape(geometry: Any) -> BaseGeometry:
    """The geometry as written; ValueError: what is wrong with it."""
    if not isinstance(geometry, dict):
        raise ValueError("geometry bukan objek")
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        raise ValueError("GeometryCollection tidak diterima; pisahkan menjadi fitur sendiri-sendiri")
    if kind not in DEPTHS:
        raise ValueError(f"jenis geometri {kind!r} tidak dikenal")
    coordinates: Any = geometry.get("coordinates")
    _require_positions(coordinates, DEPTHS[kind])
    if kind in ("Polygon", "MultiPolygon"):
        for ring in coordinates if kind == "Polygon" else [ring for part in coordinates for ring in part]:
            _require_ring(ring)
    elif kind == "LineString" and len(coordinates) < 2:
        raise ValueError("garis perlu paling sedikit dua titik")
    try:
        return shapely.geometry.shape({"type": kind, "coordinates": coordinates})
    except (ValueError, TypeError, shapely.errors.ShapelyError) as error:
        raise ValueError(f"koordinat {kind} tidak dapat dibentuk: {error}") from None


def _require_positions(value: Any, depth: int) -> None:
    if not isinstance(value, list):
        raise ValueError("coordinates tidak tersusun sebagaimana jenis geometrinya")
    if depth:
        for part in value:
            _require_positions(part, depth - 1)
        if not value:
            raise ValueError("coordinates kosong")
        return
    numbers = [part for part in value if isinstance(part, (int, float)) and not isinstance(part, bool)]
    if len(numbers) != len(value):
        wrong = next(part for part in value if part not in numbers)
        raise ValueError(f"koordinat {wrong!r} bukan bilangan")
    if len(value) < 2:
        raise ValueError(f"sebuah titik punya {len(value)} bilangan; perlu bujur dan lintang")


def _require_ring(ring: list[Any]) -> None:
    if len(ring) < 4:
        raise ValueError(f"cincin bidang terdiri atas {len(ring)} titik; perlu paling sedikit empat")
    if ring[0][:2] != ring[-1][:2]:
        raise ValueError("cincin bidang tidak tertutup: titik pertama dan terakhirnya berbeda")
