"""Whether two answers say the same, before anybody asks which is faster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from defusedxml.ElementTree import fromstring

DECIMALS = 7
NEAR = 1.01 * 10.0**-DECIMALS

Shapes = dict[int, list[float]]
"""Coordinates by feature id."""


def shapes(text: bytes) -> Shapes:
    """The features of a GeoJSON collection, or the one feature."""
    told = json.loads(text)
    features = told["features"] if told["type"] == "FeatureCollection" else [told]
    return {int(each["id"]): list(_numbers(each["geometry"]["coordinates"])) for each in features}


def gml_points(text: bytes, layer: str) -> Shapes:
    """The features of a GML collection of points, whatever its version, its prefix and the order of its axes: here,
    in the east, the longitude is the larger number."""
    found = {}
    for feature in fromstring(text).iter():
        if feature.tag.endswith(f"}}{layer}"):
            ident = next(value for name, value in feature.attrib.items() if name.endswith("}id"))
            place = next(each.text for each in feature.iter() if each.tag.endswith("}pos"))
            found[int(ident.rpartition(".")[2])] = sorted(map(float, (place or "").split()), reverse=True)
    return found


def difference(one: Shapes, other: Shapes, near: float = NEAR) -> str | None:
    """The first thing that differs, if any: ids, then coordinates to 7 decimals."""
    if one.keys() != other.keys():
        missing, more = sorted(one.keys() - other.keys())[:3], sorted(other.keys() - one.keys())[:3]
        return f"{len(one)} features and {len(other)}; only here {missing}, only there {more}"
    for number, here in one.items():
        there = other[number]
        if len(here) != len(there) or any(abs(a - b) > near for a, b in zip(here, there, strict=True)):
            return f"feature {number} lies elsewhere: {here[:4]} and {there[:4]}"
    return None


def tile_features(tile: bytes) -> int:
    """How many features a vector tile holds: fields 2 of its layers, which are its fields 3."""
    return sum(1 for layer in _messages(tile, 3) for _ in _messages(layer, 2))


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    """The embedded messages with this number in a protocol buffer."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        if key & 7 == 0:
            _, place = _varint(data, place)
            continue
        if key & 7 != 2:
            raise ValueError("not a vector tile")
        length, place = _varint(data, place)
        if key >> 3 == wanted:
            yield data[place : place + length]
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _numbers(coordinates: Any) -> Iterator[float]:
    if isinstance(coordinates, list):
        for each in coordinates:
            yield from _numbers(each)
    else:
        yield coordinates
