"""A record as the file has it -> a candidate for the layer, or a refusal with its reason."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry.base import BaseGeometry

from geosatu.content.geometry import conformed
from geosatu.content.values import plain, value_of
from geosatu.crs import STORAGE_SRID
from geosatu.errors import RefusedChange, UnreadableFile
from geosatu.importer.neighbourhoods import UNITS, Unit, numbers_in
from geosatu.layers import RESERVED, SYSTEM_FIELDS, Field, Layer
from geosatu.readers import Record
from geosatu.readers.records import shown_name

CONTENT = json.JSONEncoder(sort_keys=True, default=str)

UID_COLUMNS = ("uid", "_uuid")

LISTED = 20
"""Columns that a remark names."""


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
    wkb: bytes
    """The same, as it is stored."""
    values: dict[str, Any]
    """Fields that have a value, be it the file's, the user's or the layer's default."""
    said: frozenset[str]
    """Fields about which the file or the user says something; a feature that is there keeps its others."""
    uid: uuid.UUID
    by_content: bool
    """Whether `uid` follows from what the file says in this record; otherwise the file says it."""
    problems: tuple[str, ...] = ()
    """What keeps the feature a draft, besides missing values."""
    notes: tuple[str, ...] = ()

    def owned_by(self, kode_wilayah: str) -> Conformed:
        name = "kode_wilayah"
        return replace(self, values=self.values | {name: kode_wilayah}, said=self.said | {name})

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
    namespace: uuid.UUID = field(default_factory=uuid.uuid4)
    """Under which uids are derived from what records say. Each database has its own, which nobody is told: else
    the uid, which is public, could be tried against homes and telephone numbers that are not."""
    ignored: dict[str, None] = field(default_factory=dict)
    """The file's columns that no field took, in the order in which they came."""
    missed: set[str] = field(default_factory=set)
    """The columns that the user named and no record has."""

    def __post_init__(self) -> None:
        fields = {each.name: each for each in self.layer.fields.values() if each.comes_in_files}
        names = ["source", "accuracy_m"] + (["kode_wilayah"] if self.layer.owner == "kelurahan" else [])
        self._fields = {**{name: SYSTEM_FIELDS[name] for name in names}, **fields}
        for name in (*self.columns.values(), *self.constants):
            if name not in self._fields:
                raise RefusedChange(
                    f"Lapisan {self.layer.name} tidak punya field {name!r}; yang ada: {', '.join(self._fields)}."
                )
        self.missed |= set(self.columns)
        self._constants = {name: self._constant(name, said) for name, said in self.constants.items()}
        defaults = {each.name: each.default for each in self._fields.values() if each.default is not None}
        self._defaults = {"source": "impor", **defaults}
        self._columns: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}
        self._said: dict[frozenset[str], frozenset[str]] = {}
        degrees = self.crs.is_geographic and self.crs.to_epsg() == STORAGE_SRID
        self._to_wgs84 = None if degrees else _to_wgs84(self.crs)

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
            told, notes = self._told(record)
        except ValueError as reason:
            return Refusal(record.number, f"{reason}.")
        found = {name: value for name, value in told.items() if value is not None}
        values = self._defaults | self._constants | found
        empty = {name for name in told.keys() - found.keys() if name not in values and name != "kode_wilayah"}
        said = frozenset(found.keys() | self._constants.keys() | empty)
        wkb = geometry.wkb
        uid = next((uid for name in UID_COLUMNS if (uid := _uuid(record.properties.get(name)))), None)
        return Conformed(
            record.number,
            geometry,
            wkb,
            values,
            self._said.setdefault(said, said),
            uid or self._content_uid(wkb, found),
            by_content=uid is None,
            notes=(*record.notes, *notes),
        )

    def _told(self, record: Record) -> tuple[dict[str, Any], list[str]]:
        """What the record's columns say, by field, and what was read out of others; ValueError: what makes no sense."""
        told: dict[str, Any] = {}
        units: dict[str, tuple[str, dict[Unit, str]]] = {}
        for name, columns in self._columns_of(record).items():
            column, said = _first_filled(record, columns)
            try:
                numbers = numbers_in(said, UNITS[name]) if name in UNITS else None
                if numbers:
                    units[name] = (column, numbers)
                    said = numbers[UNITS[name]]
                told[name] = value_of(self._fields[name], said)
            except ValueError as reason:
                where = "" if column == name else f" (kolom {shown_name(column)})"
                raise ValueError(f"{self._fields[name].title}{where}: {reason}") from None
        notes = []
        for column, numbers in units.values():
            for name in self._fields.keys() & UNITS.keys():
                number = numbers.get(UNITS[name])
                unit, where = UNITS[name].upper(), f"kolom {shown_name(column)}"
                if number is not None and told.get(name) is None:
                    told[name] = number
                    notes.append(f"{unit} {number} dibaca dari {where}")
                elif number is not None and told[name] != number:
                    raise ValueError(
                        f"{where} menyebut {unit} {number}, padahal kolom lain {told[name]}; samakan keduanya"
                    )
        return told, notes

    def _content_uid(self, wkb: bytes, found: dict[str, Any]) -> uuid.UUID:
        """What the file itself says decides, so that defaults and the known boundaries may change in between."""
        return uuid.uuid5(self.namespace, f"{self.layer.name}\x1f{wkb.hex()}\x1f{CONTENT.encode(found)}")

    def renamed(self, record: Record) -> dict[str, Any]:
        """The record's own values under the names of the layer's fields."""
        return {name: _first_filled(record, columns)[1] for name, columns in self._columns_of(record).items()}

    def remarks(self) -> list[str]:
        """What the user should know of the file's columns, once all records are read."""
        found = [
            ("Kolom yang tidak dipakai", list(self.ignored)),
            ("Kolom yang disebut tetapi tidak ada di berkas", sorted(self.missed)),
        ]
        return [f"{title}: {_listed(names)}." for title, names in found if names]

    def _columns_of(self, record: Record) -> dict[str, tuple[str, ...]]:
        """Field -> the record's columns for it: as the user said, else of its name, else of its title and aliases."""
        columns = tuple(record.properties)
        if columns not in self._columns:
            told = {name: (column,) for column, name in self.columns.items() if column in columns}
            by_plain = {plain(column): column for column in reversed(columns) if column not in self.columns}
            found = {name: told.get(name) or _named(each, by_plain) for name, each in self._fields.items()}
            self._columns[columns] = {name: each for name, each in found.items() if each}
            taken = {column for each in found.values() for column in each}
            known = {*RESERVED, *UID_COLUMNS, *(self.layer.fields.keys() - self._fields.keys())}
            self.ignored |= {name: None for name in columns if name not in taken and plain(name) not in known}
            self.missed -= set(columns)
        return self._columns[columns]


def _to_wgs84(crs: CRS) -> Transformer:
    try:
        if crs.is_geographic or crs.is_projected:
            return Transformer.from_crs(crs, STORAGE_SRID, always_xy=True)
    except ProjError:
        pass
    raise RefusedChange(
        f"Sistem koordinat {crs.name} tidak dapat diubah menjadi bujur dan lintang; "
        "sebutkan yang lain dengan --crs, misalnya --crs EPSG:32749."
    )


def _named(field: Field, by_plain: Mapping[str, str]) -> tuple[str, ...]:
    """The column of the field's own name; else those of its title and aliases, of which the first filled counts."""
    if plain(field.name) in by_plain:
        return (by_plain[plain(field.name)],)
    names = dict.fromkeys(plain(name) for name in (field.title, *field.aliases))
    return tuple(by_plain[name] for name in names if name in by_plain)


def _listed(names: list[str]) -> str:
    more = f" dan {len(names) - LISTED} lagi" if len(names) > LISTED else ""
    return ", ".join(map(shown_name, names[:LISTED])) + more


def _first_filled(record: Record, columns: tuple[str, ...]) -> tuple[str, Any]:
    for column in columns:
        said = record.properties[column]
        if said is not None and not (isinstance(said, str) and not said.strip()):
            return column, said
    return columns[0], None


def _uuid(said: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(said.removeprefix("uuid:")) if isinstance(said, str) else None
    except ValueError:
        return None


def crs_of(declared: CRS | None, told: str | None, file: str) -> CRS:
    """What the coordinates mean: as the user said, else as the file says; never a guess."""
    if told is not None:
        try:
            return CRS.from_user_input(told)
        except CRSError:
            raise RefusedChange(
                f"--crs {told}: sistem koordinat ini tidak dikenal; tulis misalnya --crs EPSG:32749."
            ) from None
    if declared is None:
        raise UnreadableFile(
            f"{file}: sistem koordinat berkas ini tidak disebut atau tidak dikenal; sebutkan dengan --crs, "
            "misalnya --crs EPSG:32749 untuk UTM 49S."
        )
    return declared
