"""A record as the file has it -> a candidate for the layer, or a refusal with its reason."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from geosatu.errors import RefusedChange, UnreadableFile
from geosatu.importer.geometry import conformed
from geosatu.importer.values import plain, value_of
from geosatu.layers import OWNERS, RESERVED, SYSTEM_FIELDS, Field, Layer
from geosatu.readers import Record

NAMESPACE = uuid.UUID("5d1c4ac1-6f0c-5f31-9f3e-3a2f0c2d4a10")
"""Under which the ids of imported records are derived from their keys or contents."""

UID_COLUMNS = ("uid", "_uuid")


@dataclass(frozen=True)
class Refusal:
    """Why a record is not taken."""

    number: int
    reason: str


@dataclass(frozen=True)
class Note:
    """What a user should know of a record that was taken."""

    number: int
    text: str


@dataclass(frozen=True)
class Conformed:
    """A record in the words of the layer."""

    number: int
    geometry: BaseGeometry
    """EPSG:4326, 2D, right-handed, of the layer's type; not yet known to be valid."""
    values: dict[str, Any]
    uid: uuid.UUID | None
    problems: tuple[str, ...] = ()
    """What keeps the feature a draft."""
    notes: tuple[str, ...] = ()

    def with_values(self, **values: Any) -> Conformed:
        return replace(self, values=self.values | values)

    def with_problem(self, problem: str) -> Conformed:
        return replace(self, problems=(*self.problems, problem))

    def with_note(self, note: str) -> Conformed:
        return replace(self, notes=(*self.notes, note))


@dataclass
class Conformer:
    """Knows the layer, what the file's coordinates mean, and what the user said about its columns."""

    layer: Layer
    crs: CRS
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column of the file -> field, where names alone do not tell."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """Field -> value for records that have none."""
    ignored: dict[str, None] = field(default_factory=dict)
    """The file's columns that no field took, in the order in which they came."""

    def __post_init__(self) -> None:
        fields = {each.name: each for each in self.layer.fields.values() if each.measure is None}
        names = ["source", "accuracy_m"] + (["kode_wilayah"] if self.layer.owner == "kelurahan" else [])
        self._fields = {**{name: SYSTEM_FIELDS[name] for name in names}, **fields}
        for name in (*self.columns.values(), *self.constants):
            if name not in self._fields:
                raise RefusedChange(
                    f"Lapisan {self.layer.name} tidak punya field {name!r}; yang ada: {', '.join(self._fields)}."
                )
        self._defaults = {each.name: each.default for each in self._fields.values() if each.default is not None} | {
            name: self._constant(name, said) for name, said in self.constants.items()
        }
        self._mappings: dict[tuple[str, ...], dict[str, str]] = {}
        degrees = self.crs.is_geographic and self.crs.to_epsg() == 4326
        self._to_wgs84 = None if degrees else Transformer.from_crs(self.crs, 4326, always_xy=True)

    def _constant(self, name: str, said: str) -> Any:
        try:
            return value_of(self._fields[name], said)
        except ValueError as reason:
            raise RefusedChange(f"--set {name}={said}: {reason}.") from None

    def conform(self, record: Record) -> Conformed | Refusal:
        """The record in the layer's words, or why it is refused."""
        if record.problem is not None:
            return Refusal(record.number, f"{record.problem}.")
        if record.geometry is None:
            return Refusal(record.number, "tidak bergeometri; tambahkan letaknya.")
        try:
            geometry = conformed(record.geometry, self.layer.geometry, self._to_wgs84)
        except ValueError as reason:
            return Refusal(record.number, f"{reason}.")
        mapping = self._mapping(tuple(record.properties))
        values: dict[str, Any] = {}
        for name, each in self._fields.items():
            try:
                value = value_of(each, record.properties.get(mapping[name])) if name in mapping else None
            except ValueError as reason:
                column = mapping[name]
                where = each.title if column == name else f"{each.title} (kolom {column})"
                return Refusal(record.number, f"{where}: {reason}.")
            values[name] = self._defaults.get(name) if value is None else value
        values["source"] = values["source"] or "impor"
        missing = tuple(
            f"{each.title} wajib diisi"
            for name, each in self._fields.items()
            if values[name] is None and (each.required or (name == "kode_wilayah" and self.layer.name == OWNERS))
        )
        uid = next((found for name in UID_COLUMNS if (found := _uuid(record.properties.get(name)))), None)
        return Conformed(record.number, geometry, values, uid, missing, record.notes)

    def renamed(self, record: Record) -> dict[str, Any]:
        """The record's own values under the names of the layer's fields."""
        mapping = self._mapping(tuple(record.properties))
        return {name: record.properties.get(column) for name, column in mapping.items()}

    def _mapping(self, columns: tuple[str, ...]) -> dict[str, str]:
        """Field -> the file's column for it: as the user said, else by name, title or alias, in this order."""
        if columns not in self._mappings:
            told = {name: column for column, name in self.columns.items() if column in columns}
            by_plain = {plain(column): column for column in reversed(columns) if column not in told.values()}
            found = {name: column for name, each in self._fields.items() if (column := _column(each, by_plain))}
            exact = {name: by_plain[plain(name)] for name in self._fields if plain(name) in by_plain}
            self._mappings[columns] = mapping = {**found, **exact, **told}
            known = {plain(name) for name in (*RESERVED, *UID_COLUMNS, *self.layer.fields)}
            taken = set(mapping.values())
            self.ignored |= {name: None for name in columns if name not in taken and plain(name) not in known}
        return self._mappings[columns]


def _column(field: Field, by_plain: Mapping[str, str]) -> str | None:
    names = (field.name, field.title, *field.aliases)
    return next((by_plain[plain(name)] for name in names if plain(name) in by_plain), None)


def _uuid(said: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(said).removeprefix("uuid:"))
    except ValueError:
        return None


def identity(layer: Layer, record: Conformed) -> tuple[uuid.UUID, bool]:
    """The uid of the feature that the record means, and whether it follows from the record's whole content."""
    if record.uid is not None:
        return record.uid, False
    key = [record.values.get(name) for name in layer.key]
    if key and None not in key:
        return uuid.uuid5(NAMESPACE, "\x1f".join([layer.name, *map(str, key)])), False
    content = json.dumps(record.values, sort_keys=True, default=str)
    return uuid.uuid5(NAMESPACE, f"{layer.name}\x1f{record.geometry.wkb_hex}\x1f{content}"), True


def crs_of(declared: CRS | None, told: str | None, file: str) -> CRS:
    """What the coordinates mean: as the user said, else as the file says; never a guess."""
    if told is not None:
        try:
            return CRS.from_user_input(told)
        except Exception as error:
            raise RefusedChange(f"--crs {told}: sistem koordinat ini tidak dikenal.") from error
    if declared is None:
        raise UnreadableFile(
            f"{file}: berkas ini tidak menyebut sistem koordinatnya; sebutkan dengan --crs, "
            "misalnya --crs EPSG:32749 untuk UTM 49S."
        )
    return declared
