"""GPX of phones and GPS devices: waypoints are points; tracks and routes are lines, closed ones areas."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from geosatu.readers.records import WGS84, Record, Source, number_in, require_utf8, shown

CLOSING_DISTANCE_M = 20.0
"""A track whose ends are no further apart has been walked round: twice the error of a phone's fix."""

KINDS = {"wpt": "waypoint", "rte": "rute", "trk": "jejak"}

PATHS = {"rtept": "rte", "trkpt": "trkseg"}
"""The points of a path, and what they are the points of."""

OTHER_ENCODING = re.compile(rb"""<\?xml[^>]*encoding=["'](?!utf-8["'])""", re.IGNORECASE)

_ELLIPSOID = Geod(ellps="WGS84")

Place = tuple[float, float]


@dataclass
class Item:
    """A waypoint, a route or a track."""

    kind: str
    element: Element
    """Without the points of a route or a track: they are most of a file, and an element takes much memory."""
    parts: list[list[Place]] = field(default_factory=list)
    """The places of a route, or of each segment of a track; longitude before latitude."""
    problem: str | None = None
    """What is wrong with the first place that cannot be read."""


def read(file: Path, geometry: GeometryType) -> Source:
    """The waypoints of the file for a layer of points, its tracks and routes for lines and areas."""
    wanted = ("wpt",) if geometry in ("Point", "MultiPoint") else ("rte", "trk")
    found = dict.fromkeys(KINDS, 0)
    for item in _items(file):
        found[item.kind] += 1
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


def _items(file: Path) -> Iterator[Item]:
    """Each waypoint, route and track, whole, while the file is read; entities are refused."""
    stack: list[Element] = []
    item: Item | None = None
    try:
        with file.open("rb") as stream:
            for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
                name = _name(element)
                if event == "start":
                    if not stack and name != "gpx":
                        raise UnreadableFile(
                            f"{file.name}: ini bukan GPX, unsur terluarnya {shown(name)}. Ekspor ulang sebagai GPX."
                        )
                    if len(stack) == 1 and name in KINDS:
                        item = Item(name, element)
                    if name in PATHS.values() and item is not None:
                        item.parts.append([])
                    stack.append(element)
                    continue
                stack.pop()
                if name in PATHS and item is not None and _name(stack[-1]) == PATHS[name]:
                    _add_place(item, element)
                    del stack[-1][-1]
                elif len(stack) == 1:
                    if item is not None:
                        yield item
                    item = None
                    stack[0].clear()
    except ParseError as error:
        if _is_to_be_utf8(file):
            require_utf8(file)
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
    except (LookupError, ValueError):
        raise UnreadableFile(
            f"{file.name}: penyandian teksnya tidak dikenal. Simpan ulang dengan penyandian UTF-8."
        ) from None


def _is_to_be_utf8(file: Path) -> bool:
    """Whether the file says nothing else of its encoding."""
    with file.open("rb") as stream:
        beginning = stream.read(200)
    return not beginning.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)) and not OTHER_ENCODING.search(beginning)


def _add_place(item: Item, point: Element) -> None:
    number = len(item.parts[-1]) + 1
    try:
        item.parts[-1].append(_place(point, f"titik ke-{number}"))
    except ValueError as problem:
        item.parts[-1].append((math.nan, math.nan))
        item.problem = item.problem or str(problem)


def _records(file: Path, wanted: tuple[str, ...], geometry: GeometryType) -> Iterator[Record]:
    number = 0
    for item in _items(file):
        if item.kind not in wanted:
            continue
        number += 1
        properties = _properties(item.element)
        try:
            shape, notes = _shape(item, geometry)
        except ValueError as problem:
            yield Record(number, None, properties, problem=str(problem))
        else:
            yield Record(number, shape, properties, notes=notes)


def _shape(item: Item, geometry: GeometryType) -> tuple[BaseGeometry, tuple[str, ...]]:
    """The geometry of a waypoint, route or track, with what was done to get it; ValueError: why there is none."""
    if item.kind == "wpt":
        return shapely.Point(_place(item.element, "titik")), ()
    if item.problem is not None:
        raise ValueError(item.problem)
    parts = [part for part in item.parts if part]
    if not parts:
        raise ValueError("tidak memuat satu titik pun; rekam ulang")
    short = min(len(part) for part in parts)
    if geometry not in ("Polygon", "MultiPolygon"):
        if short < 2:
            raise ValueError("memuat bagian yang terdiri atas satu titik saja; garis perlu dua titik")
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
    gap = _ELLIPSOID.inv(*places[0], *places[-1])[2] if places[0] != places[-1] else 0.0
    if math.isnan(gap):  # a latitude beyond 90: what is wrong with the place comes before what is with the track
        return places, 0.0
    if gap > CLOSING_DISTANCE_M:
        raise ValueError(
            f"jejak tidak tertutup: awal dan akhirnya terpisah {gap:.0f} m, paling jauh "
            f"{CLOSING_DISTANCE_M:.0f} m. Berjalanlah sampai kembali ke titik awal"
        )
    return places, gap


def _place(element: Element, who: str) -> Place:
    longitude, latitude = (_degrees(element, key, who) for key in ("lon", "lat"))
    return longitude, latitude


def _degrees(element: Element, key: str, who: str) -> float:
    said = element.get(key)
    if said is None:
        raise ValueError(f"{who} tidak punya {'lintang' if key == 'lat' else 'bujur'} ({key}); lengkapi letaknya")
    number = number_in(said)
    if number is None or not math.isfinite(number):
        raise ValueError(f"{key}={shown(said)} pada {who} bukan bilangan; tulis misalnya -7.8228")
    return number


def _properties(element: Element) -> dict[str, Any]:
    """The plain child elements, such as name, desc and time; a device's extensions are left out."""
    return {_name(part): part.text.strip() for part in element if len(part) == 0 and part.text and part.text.strip()}


def _name(element: Element) -> str:
    """The element's name without its namespace: GPX 1.0, 1.1 and files without one read alike."""
    return str(element.tag).rpartition("}")[2]
