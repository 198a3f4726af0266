"""GPX of phones and GPS devices: waypoints are points; tracks and routes are lines, closed ones areas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import shapely
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geosatu.errors import UnreadableFile
from geosatu.layers import GeometryType
from geosatu.readers.records import WGS84, Record, Source, number_in

CLOSING_DISTANCE_M = 20.0
"""A track whose ends are no further apart has been walked round: twice the error of a phone's fix."""

KINDS = {"wpt": "waypoint", "rte": "rute", "trk": "jejak"}

_ELLIPSOID = Geod(ellps="WGS84")

Place = tuple[float, float]


def read(file: Path, geometry: GeometryType) -> Source:
    """The waypoints of the file for a layer of points, its tracks and routes for lines and areas."""
    wanted = ("wpt",) if geometry in ("Point", "MultiPoint") else ("rte", "trk")
    found = dict.fromkeys(KINDS, 0)
    for element in _elements(file):
        found[_name(element)] += 1
    told = ", ".join(f"{count} {KINDS[kind]}" for kind, count in found.items() if count) or "tanpa isi"
    if not any(found[kind] for kind in wanted):
        needed = " atau ".join(KINDS[kind] for kind in wanted)
        raise UnreadableFile(
            f"{file.name}: tidak ada {needed} di berkas ini ({told}), padahal lapisan itu berisi {geometry}. "
            "Pilih lapisan lain atau rekam ulang."
        )
    left = ", ".join(f"{found[kind]} {KINDS[kind]}" for kind in KINDS if found[kind] and kind not in wanted)
    notes = [f"{left} dilewati: lapisan itu berisi {geometry}."] if left else []
    return Source(_records(file, wanted, geometry), WGS84, notes)


def _elements(file: Path) -> Iterator[Element]:
    """Each waypoint, route and track, whole, while the file is read; entities are refused."""
    depth = 0
    try:
        with file.open("rb") as stream:
            for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
                if event == "start":
                    depth += 1
                    if depth == 1:
                        root = element
                        if _name(element) != "gpx":
                            raise UnreadableFile(f"{file.name}: ini bukan GPX; unsur terluarnya <{_name(element)}>.")
                    continue
                depth -= 1
                if depth == 1:
                    if _name(element) in KINDS:
                        yield element
                    root.clear()
    except ParseError as error:
        line, column = error.position
        raise UnreadableFile(
            f"{file.name}: XML rusak di baris {line}, kolom {column + 1}. "
            "Kirim ulang berkas dari alat atau aplikasi asalnya."
        ) from None
    except DefusedXmlException:
        raise UnreadableFile(
            f"{file.name}: berkas ini memuat DOCTYPE atau entitas, yang tidak diterima demi keamanan. "
            "Ekspor ulang sebagai GPX biasa."
        ) from None
    except (LookupError, ValueError) as error:
        raise UnreadableFile(f"{file.name}: penyandian teksnya tidak dikenal: {error}.") from None


def _records(file: Path, wanted: tuple[str, ...], geometry: GeometryType) -> Iterator[Record]:
    number = 0
    for element in _elements(file):
        if _name(element) not in wanted:
            continue
        number += 1
        properties = _properties(element)
        try:
            shape, notes = _shape(element, geometry)
        except ValueError as problem:
            yield Record(number, None, properties, problem=str(problem))
        else:
            yield Record(number, shape, properties, notes=notes)


def _shape(element: Element, geometry: GeometryType) -> tuple[BaseGeometry, tuple[str, ...]]:
    """The geometry of a waypoint, route or track, with what was done to get it; ValueError: why there is none."""
    if _name(element) == "wpt":
        return shapely.Point(_place(element, "titik")), ()
    if _name(element) == "rte":
        parts = [_places(element, "rtept")]
    else:
        segments = [part for part in element if _name(part) == "trkseg"]
        parts = [places for segment in segments if (places := _places(segment, "trkpt"))]
    if not any(parts):
        raise ValueError("tidak memuat satu titik pun")
    short = min(len(part) for part in parts)
    if geometry not in ("Polygon", "MultiPolygon"):
        if short < 2:
            raise ValueError("memuat bagian yang terdiri atas satu titik saja; garis perlu dua")
        lines = [shapely.LineString(part) for part in parts]
        return (lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)), ()
    rings = [_closed(part) for part in parts]
    areas = [shapely.Polygon(ring) for ring, _ in rings]
    notes = tuple(f"jejak ditutup; ujungnya terpisah {gap:.1f} m".replace(".", ",") for _, gap in rings if gap > 0)
    return (areas[0] if len(areas) == 1 else shapely.MultiPolygon(areas)), notes


def _closed(places: list[Place]) -> tuple[list[Place], float]:
    """The ring of a track walked round, with the distance in metres between its ends."""
    if len(set(places)) < 3:
        raise ValueError(f"terdiri atas {len(set(places))} titik; sebuah bidang perlu paling sedikit tiga")
    (west, south), (east, north) = places[0], places[-1]
    gap = _ELLIPSOID.inv(west, south, east, north)[2] if places[0] != places[-1] else 0.0
    if not gap <= CLOSING_DISTANCE_M:
        raise ValueError(
            f"jejak tidak tertutup: awal dan akhirnya terpisah {gap:.0f} m, paling jauh "
            f"{CLOSING_DISTANCE_M:.0f} m. Berjalanlah sampai kembali ke titik awal"
        )
    return places, gap


def _places(element: Element, name: str) -> list[Place]:
    return [
        _place(point, f"titik ke-{number}")
        for number, point in enumerate((part for part in element if _name(part) == name), 1)
    ]


def _place(element: Element, who: str) -> Place:
    longitude, latitude = (_degrees(element, key, who) for key in ("lon", "lat"))
    return longitude, latitude


def _degrees(element: Element, key: str, who: str) -> float:
    said = element.get(key)
    if said is None:
        raise ValueError(f"{who} tidak punya {'lintang' if key == 'lat' else 'bujur'} ({key})")
    number = number_in(said)
    if number is None:
        raise ValueError(f"{key}={said!r} pada {who} bukan bilangan; tulis dengan titik desimal")
    return number


def _properties(element: Element) -> dict[str, Any]:
    """The plain child elements, such as name, desc and time; a device's extensions are left out."""
    return {_name(part): part.text.strip() for part in element if len(part) == 0 and part.text and part.text.strip()}


def _name(element: Element) -> str:
    """The element's name without its namespace: GPX 1.0, 1.1 and files without one read alike."""
    return str(element.tag).rpartition("}")[2]
