"""What is sent to be kept, GeoJSON -> properties and a geometry: what is no JSON is 400, what is no feature 422."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

from shapely.geometry.base import BaseGeometry

from geosatu.editing import MOST_AT_ONCE
from geosatu.errors import InvalidFeature, InvalidQuery, shortened
from geosatu.readers.geojson import names_other_crs, shape_of
from geosatu.readers.records import shown

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Given:
    """A feature, or what is to be changed of one."""

    properties: dict[str, Any]
    geometry: BaseGeometry | None
    uid: uuid.UUID | None = None
    foreign: bool = False
    """Whether a member `crs` names another CRS than that of GeoJSON."""


def json_of(body: bytes) -> Any:
    """The JSON value of a body, or `InvalidQuery`."""
    try:
        # Windows writes a mark in front of UTF-8.
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_json, object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise InvalidQuery("Isi permintaan ini memuat huruf yang bukan UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"baris {error.lineno}, kolom {error.colno}"
        raise InvalidQuery(f"Isi permintaan ini bukan JSON yang utuh, mulai {where}.") from None
    except (ValueError, RecursionError):
        told = "memuat NaN, Infinity atau bilangan dengan ribuan angka, atau bersusun terlalu dalam"
        raise InvalidQuery(f"Isi permintaan ini bukan JSON yang dapat dibaca: {told}.") from None


def _no_json(said: str) -> NoReturn:
    raise ValueError(said)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object; which of two with the same name is meant, nobody can know."""
    members = dict(pairs)
    if len(members) < len(pairs):
        named = [name for name, _ in pairs]
        twice = next(name for name in named if named.count(name) > 1)
        raise InvalidQuery(f"Isi permintaan ini menyebut {shortened(twice)!r} lebih dari sekali; sebutkan sekali saja.")
    return members


def feature_of(value: Any, *, part: bool = False) -> Given:
    """The feature, or a part of one (RFC 7396), or `InvalidFeature`."""
    if not isinstance(value, dict) or value.get("type", "Feature" if part else None) != "Feature":
        raise InvalidFeature("Isi permintaan ini bukan fitur GeoJSON; type-nya harus Feature.")
    if part and value and value.keys().isdisjoint(("properties", "geometry", "type", "id")):
        name = shortened(next(iter(value)))
        raise InvalidFeature(f"{name!r} bukan bagian fitur; tulis perubahannya di dalam properties.")
    properties = value.get("properties", {})
    if properties is None and not part:
        properties = {}
    if not isinstance(properties, dict):
        raise InvalidFeature(f"properties berisi {shown(properties)}, bukan nama dan nilai; perbaiki isinya.")
    geometry = value.get("geometry")
    if geometry is None and part and "geometry" in value:
        raise InvalidFeature("geometry kosong, padahal setiap fitur punya letak; kirim letaknya, atau jangan sebut.")
    try:
        shape = None if geometry is None else shape_of(geometry)
    except ValueError as reason:
        raise InvalidFeature(f"geometry: {reason}.") from None
    return Given(properties, shape, _uid(properties.get("uid"), value.get("id")), names_other_crs(value.get("crs")))


def features_of(collection: dict[str, Any]) -> list[Given]:
    """The features of a collection, or `InvalidFeature`."""
    features = collection.get("features")
    if not isinstance(features, list) or not features:
        raise InvalidFeature("FeatureCollection ini tidak memuat fitur.")
    if len(features) > MOST_AT_ONCE:
        raise InvalidFeature(f"Terlalu banyak fitur sekaligus: {len(features)}; paling banyak {MOST_AT_ONCE}.")
    foreign = names_other_crs(collection.get("crs"))
    given = []
    for number, value in enumerate(features, 1):
        try:
            each = feature_of(value)
        except InvalidFeature as error:
            raise InvalidFeature(f"Fitur ke-{number}: {error}") from None
        given.append(Given(each.properties, each.geometry, each.uid, each.foreign or foreign))
    return given


def _uid(said: Any, number: Any) -> uuid.UUID | None:
    """The uid that a property says, or an id that is one; other ids are of the sender's own."""
    if said is not None and not (isinstance(said, str) and UUID.fullmatch(said)):
        raise InvalidFeature(f"uid berisi {shown(said)}, bukan UUID; kosongkan, atau tulis UUID.")
    found = said or number
    return uuid.UUID(found) if isinstance(found, str) and UUID.fullmatch(found) else None
