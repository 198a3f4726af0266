"""The catalogue: one TOML file says everything about a layer, and everything else is derived from it.

A file is read strictly: an unknown key, a missing title or a code list without codes is an
`InvalidCatalogue` that names the file and the key. Field definitions that many layers share are in
`shared/fields.toml` and are taken over with `like`; the groups of the legend are in `shared/themes.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator
from pydantic import Field as Key

from geosatu.errors import InvalidCatalogue, UnknownLayer

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,48}$")]

Access = Literal["publik", "internal", "terbatas"]
Severity = Literal["refuse", "error", "warning"]
GeometryType = Literal["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"]
FieldType = Literal["text", "texts", "integer", "decimal", "boolean", "date", "time", "code", "codes"]
Measure = Literal["area_m2", "area_ha", "length_m"]

ACCESS_LEVELS: tuple[Access, ...] = ("publik", "internal", "terbatas")

STATUSES: dict[str, str] = {
    "draf": "Draf",
    "diajukan": "Diajukan",
    "perlu_perbaikan": "Perlu perbaikan",
    "disetujui": "Disetujui",
    "terbit": "Terbit",
    "arsip": "Arsip",
}

SOURCES: dict[str, str] = {
    "survei_gps": "Survei GPS",
    "digitasi_citra": "Digitasi citra",
    "ukur_terestris": "Ukur terestris",
    "dokumen": "Dokumen",
    "impor": "Impor berkas",
    "wawancara": "Wawancara",
}

KODE_WILAYAH = r"^\d{2}\.\d{2}\.\d{2}\.\d{4}$"
"""The Kemendagri code of a kelurahan or desa, PP.KK.CC.LLLL."""


OWNERS = "batas_kelurahan"
"""The layer whose features own those of other layers: a feature lies in the kelurahan of its `kode_wilayah`."""


class Part(BaseModel):
    """A piece of a layer file: unknown keys are refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Field(Part):
    """One attribute of a layer's features."""

    name: Name
    title: str
    title_en: str | None = None
    description: str | None = None
    type: FieldType
    required: bool = False
    """Features without a value can be drafts, but cannot be published."""
    access: Access = "publik"
    codes: dict[Code, str] = {}
    default: str | int | float | bool | None = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    max_length: int = Key(500, gt=0, le=10_000)
    measure: Measure | None = None
    """The database computes the value from the geometry, on the ellipsoid; nobody writes it."""
    aliases: list[str] = []
    """Other column names under which files bring this field, compared without case and punctuation."""

    @model_validator(mode="after")
    def consistent(self) -> Field:
        if self.type in ("code", "codes") and not self.codes:
            raise ValueError(f"codes: a field of type {self.type} needs its list of codes")
        if self.codes and self.type not in ("code", "codes"):
            raise ValueError(f"codes: a field of type {self.type} has no code list")
        if self.type == "code" and self.default is not None and self.default not in self.codes:
            raise ValueError(f"default: {self.default!r} is not one of the codes")
        if self.measure and (self.required or self.default is not None or self.type != "decimal"):
            raise ValueError("measure: a computed field is decimal, not required and without default")
        numeric = self.type in ("integer", "decimal")
        if (self.minimum is not None or self.maximum is not None) and not numeric:
            raise ValueError(f"minimum, maximum: a field of type {self.type} has no range")
        if self.pattern is not None:
            if self.type not in ("text", "texts"):
                raise ValueError(f"pattern: a field of type {self.type} has no pattern")
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"pattern: {error}") from None
        return self


class Rule(Part):
    """A check that the layer's features must pass; the parameters are those of the rule's function."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    rule: Name
    severity: Severity
    layer: Name | None = None
    """The other layer of the rule, where it compares two."""

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Style(Part):
    """How the layer looks on a map."""

    colour: Colour
    icon: str | None = None
    """A name of the Lucide icon set; points only."""
    fill_opacity: float = Key(0.25, ge=0, le=1)
    width: float = Key(1.5, gt=0, le=10)
    dash: str | None = Key(None, pattern=r"^\d+( \d+)*$")
    visible: bool = True
    """Whether the layer is switched on when the map opens."""
    min_zoom: int = Key(0, ge=0, le=22)
    """Below this zoom the layer is too dense to be read and is not fetched."""
    order: int = 0
    """Drawn and listed from low to high."""
    labels: bool = False
    colour_by: Name | None = None
    """A code field whose codes are told apart by colour."""
    colours: dict[Code, Colour] = {}


class Home(Part):
    """Where a feature is somebody's home, the public sees the inner point of the area around it."""

    layer: Name
    field: Name | None = None
    values: list[str | bool] = []
    """The feature is a home when `field` has one of these values; no field: always."""

    @model_validator(mode="after")
    def consistent(self) -> Home:
        if (self.field is None) != (not self.values):
            raise ValueError("values: field and values belong together")
        return self


class Layer(Part):
    """A kind of feature: its fields, its rules, its looks and its metadata."""

    name: Name
    title: str
    title_en: str
    abstract: str
    keywords: list[str] = []
    geometry: GeometryType
    owner: Literal["kelurahan", "kota"]
    """Whether each feature belongs to one kelurahan (and carries its code) or to the city."""
    theme: Name
    label: Name
    """The field that names a feature in lists, search results and on the map."""
    key: list[Name] = []
    """The columns that tell whether two records mean the same feature; none: equal content."""
    fields: dict[Name, Field]
    rules: list[Rule] = []
    home: Home | None = None
    style: Style
    licence: str = "CC-BY-4.0"
    contact: str = "Walidata kota"
    update_frequency: Literal["harian", "mingguan", "bulanan", "semesteran", "tahunan", "tidak_tetap"] = "tahunan"
    lineage: str
    kugi_fcode: str | None = None

    @model_validator(mode="after")
    def consistent(self) -> Layer:
        if reserved := [name for name in self.fields if name in RESERVED]:
            raise ValueError(f"fields.{reserved[0]}: geosatu itself has a column of this name")
        if self.label not in self.fields:
            raise ValueError(f"label: the layer has no field {self.label}")
        for name in self.key:
            if name not in self.fields and name != "kode_wilayah":
                raise ValueError(f"key: the layer has no field {name}")
        if self.home is not None:
            if self.geometry != "Point":
                raise ValueError("home: only points can be homes")
            if self.home.field is not None and self.home.field not in self.fields:
                raise ValueError(f"home.field: the layer has no field {self.home.field}")
        by = self.style.colour_by
        if by is not None:
            field = self.fields.get(by)
            if field is None or field.type != "code":
                raise ValueError(f"style.colour_by: {by} is not a code field of the layer")
            if field.access != "publik":
                raise ValueError(f"style.colour_by: {by} is not public, its colour would show it")
            if missing := set(field.codes) - set(self.style.colours):
                raise ValueError(f"style.colours: no colour for {', '.join(sorted(missing))}")
        if self.fields[self.label].access != "publik":
            raise ValueError(f"label: {self.label} is not public, every map would show it")
        return self

    def __hash__(self) -> int:
        """By name, so that what is derived from a layer can be kept beside it."""
        return hash(self.name)

    @property
    def polygonal(self) -> bool:
        return self.geometry in ("Polygon", "MultiPolygon")

    def readable(self, access: Access) -> list[Field]:
        """The fields that a reader of this level may see."""
        allowed = ACCESS_LEVELS[: ACCESS_LEVELS.index(access) + 1]
        return [field for field in self.fields.values() if field.access in allowed]


SYSTEM_FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field(
            name="kode_wilayah",
            title="Kode wilayah",
            title_en="Kelurahan code",
            description="Kode Kemendagri kelurahan pemilik data",
            type="text",
            pattern=KODE_WILAYAH,
            aliases=["kode_kemendagri", "KDEPUM", "kode_kelurahan", "kode_desa", "kode_kel"],
        ),
        Field(name="status", title="Status data", title_en="Data status", type="code", codes=STATUSES),
        Field(
            name="source",
            title="Sumber data",
            title_en="Source",
            type="code",
            codes=SOURCES,
            aliases=["sumber_data"],
        ),
        Field(
            name="accuracy_m",
            title="Akurasi",
            title_en="Accuracy",
            type="decimal",
            unit="m",
            minimum=0,
            aliases=["akurasi_m", "akurasi", "accuracy", "precision"],
        ),
    )
}
"""The columns of ours that a file may bring and a reader may see."""

RESERVED = frozenset(SYSTEM_FIELDS) | {
    "id",
    "uid",
    "version",
    "import_id",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "geom",
}


@dataclass(frozen=True)
class Catalogue:
    """All layers of a city, in the order in which they are drawn and listed."""

    layers: Mapping[str, Layer]
    themes: Mapping[str, str]
    folder: Path

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers.values())

    def __getitem__(self, name: str) -> Layer:
        try:
            return self.layers[name]
        except KeyError:
            known = ", ".join(self.layers)
            raise UnknownLayer(f"Lapisan {name!r} tidak ada. Lapisan yang ada: {known}.") from None

    def __contains__(self, name: str) -> bool:
        return name in self.layers

    @cached_property
    def by_theme(self) -> dict[str, list[Layer]]:
        """The layers under the title of their theme, themes in the order of their file."""
        groups = {title: [layer for layer in self if layer.theme == theme] for theme, title in self.themes.items()}
        return {title: layers for title, layers in groups.items() if layers}


def read_catalogue(folder: Path) -> Catalogue:
    """The catalogue of a folder, or an `InvalidCatalogue` naming file and key."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise InvalidCatalogue(f"{folder}: tidak ada berkas lapisan (*.toml) di sini.")
    shared = _toml(folder / "shared" / "fields.toml")
    themes = _toml(folder / "shared" / "themes.toml")
    layers = sorted((_read_layer(file, shared) for file in files), key=lambda layer: layer.style.order)
    catalogue = Catalogue({layer.name: layer for layer in layers}, themes, folder)
    for layer in catalogue:
        _check_references(layer, catalogue)
    return catalogue


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise InvalidCatalogue(f"{file}: berkas ini tidak ada.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidCatalogue(f"{file}: bukan TOML yang sah: {error}.") from None


def _read_layer(file: Path, shared: dict[str, Any]) -> Layer:
    raw = _toml(file)
    fields = raw.get("fields")
    if not isinstance(fields, dict):
        raise InvalidCatalogue(f"{file}: fields: bagian ini wajib ada.")
    raw["name"] = file.stem
    raw["fields"] = {name: _read_field(file, name, value, shared) for name, value in fields.items()}
    try:
        return Layer.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            reason = "kunci ini tidak dikenal"
        elif first["type"] == "missing":
            reason = "kunci ini wajib ada"
        raise InvalidCatalogue(f"{file}: {where}{': ' if where else ''}{reason}.") from None


def _read_field(file: Path, name: str, value: Any, shared: dict[str, Any]) -> dict[str, Any]:
    """A field as written, over the shared definition that it names with `like`."""
    if not isinstance(value, dict):
        raise InvalidCatalogue(f"{file}: fields.{name}: harus berupa tabel, misalnya {{ title = ... }}.")
    own = {key: part for key, part in value.items() if key != "like"}
    like = value.get("like")
    if like is not None and like not in shared:
        raise InvalidCatalogue(f"{file}: fields.{name}.like: shared/fields.toml tidak memuat {like!r}.")
    return {**(shared[like] if like else {}), **own, "name": name}


def _check_references(layer: Layer, catalogue: Catalogue) -> None:
    file = catalogue.folder / f"{layer.name}.toml"
    if layer.theme not in catalogue.themes:
        raise InvalidCatalogue(f"{file}: theme: shared/themes.toml tidak memuat {layer.theme!r}.")
    if layer.home is not None and layer.home.layer not in catalogue:
        raise InvalidCatalogue(f"{file}: home.layer: lapisan {layer.home.layer!r} tidak ada.")
    for number, rule in enumerate(layer.rules):
        if rule.layer is not None and rule.layer not in catalogue:
            raise InvalidCatalogue(f"{file}: rules.{number}.layer: lapisan {rule.layer!r} tidak ada.")
