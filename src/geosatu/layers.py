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

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic import Field as Key

from geosatu.errors import InvalidCatalogue, UnknownLayer, shortened
from geosatu.validation import first_fault, wrong


def _like(pattern: str, meaning: str) -> AfterValidator:
    """A text must be of this form; the meaning completes the sentence "harus ..."."""

    def check(said: str) -> str:
        if re.fullmatch(pattern, said) is None:
            raise ValueError(f"{said!r} harus {meaning}")
        return said

    return AfterValidator(check)


Words = Annotated[str, Key(min_length=1)]
Name = Annotated[
    str, _like(r"[a-z][a-z0-9_]{0,47}", "huruf kecil, angka dan garis bawah, diawali huruf, paling banyak 48")
]
Colour = Annotated[str, _like(r"#[0-9a-fA-F]{6}", "warna seperti #c2255c")]
Code = Annotated[str, _like(r"[a-z0-9_.]{1,48}", "huruf kecil, angka, titik dan garis bawah, paling banyak 48")]
Dash = Annotated[str, _like(r"[0-9]+( [0-9]+)*", 'bilangan dengan spasi, misalnya "6 4"')]

Access = Literal["publik", "internal", "terbatas"]
Severity = Literal["refuse", "error", "warning"]
GeometryType = Literal["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"]
FieldType = Literal["text", "texts", "integer", "decimal", "boolean", "date", "time", "code", "codes", "photos"]
Measure = Literal["area_m2", "area_ha", "length_m"]
EditedBy = Literal["kelurahan", "walidata"]

MEASURABLE: dict[Measure, tuple[GeometryType, ...]] = {
    "area_m2": ("Polygon", "MultiPolygon"),
    "area_ha": ("Polygon", "MultiPolygon"),
    "length_m": ("LineString", "MultiLineString"),
}
"""The geometries that have such a figure."""

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


MOST_PHOTOS = 10
"""Of one feature, in one field."""

OWNERS = "batas_kelurahan"
"""The layer whose features own those of other layers: a feature lies in the kelurahan of its `kode_wilayah`."""


class Part(BaseModel):
    """A piece of a layer file: unknown keys are refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Retention(Part):
    """Until when a value may be kept: so many months behind the date that another field holds."""

    after: Name
    months: int = Key(ge=0, le=1200)


class Field(Part):
    """One attribute of a layer's features."""

    name: Name
    title: Words
    title_en: str | None = None
    description: str | None = None
    type: FieldType
    required: bool = False
    """Features without a value can be drafts, but cannot be published."""
    access: Access = "publik"
    codes: dict[Code, Words] = {}
    default: str | int | float | bool | None = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    max_length: int = Key(500, gt=0, le=10_000)
    measure: Measure | None = None
    """The database computes the value from the geometry, on the ellipsoid; nobody writes it."""
    people: bool = False
    """A count of people: the public sees none of a feature's counts where one of them is 1 to 4."""
    retention: Retention | None = None
    """When the value is to be forgotten; None: it may be kept."""
    aliases: list[str] = []
    """Other column names under which files bring this field, compared without case and punctuation."""

    @model_validator(mode="after")
    def consistent(self) -> Field:
        coded = self.type in ("code", "codes")
        if coded and not self.codes:
            raise wrong("codes", f"field bertipe {self.type} memerlukan daftar kode")
        if self.codes and not coded:
            raise wrong("codes", f"field bertipe {self.type} tidak punya daftar kode")
        if self.measure and (self.required or self.default is not None or self.type != "decimal"):
            raise wrong("measure", "field terhitung harus bertipe decimal, tanpa required dan tanpa default")
        if self.type == "photos" and (self.required or self.default is not None):
            raise wrong("type", "foto tidak wajib dan tidak punya nilai awal, karena berkas impor tidak membawanya")
        if self.people and self.type != "integer":
            raise wrong("people", f"field bertipe {self.type} tidak menghitung orang, hanya integer")
        if self.retention is not None and (self.required or self.measure is not None):
            raise wrong("retention", "field yang wajib diisi atau terhitung tidak dapat dikosongkan")
        if self.default is not None and not self._may_hold(self.default):
            wanted = f"salah satu dari {', '.join(self.codes)}" if self.codes else f"nilai bertipe {self.type}"
            raise wrong("default", f"{self.default!r} tidak dapat dipakai, harus {wanted}")
        for key, limit in (("minimum", self.minimum), ("maximum", self.maximum)):
            if limit is not None and self.type not in ("integer", "decimal"):
                raise wrong(key, f"field bertipe {self.type} tidak punya batas bilangan")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise wrong("minimum", f"{self.minimum:g} lebih besar dari maximum {self.maximum:g}")
        if self.pattern is not None:
            if self.type not in ("text", "texts"):
                raise wrong("pattern", f"field bertipe {self.type} tidak punya pola")
            try:
                re.compile(self.pattern)
            except (re.error, RecursionError, OverflowError):
                raise wrong("pattern", f"{self.pattern!r} bukan ekspresi reguler yang sah") from None
        return self

    @property
    def comes_in_files(self) -> bool:
        """Whether an import fills it: not what the database measures, and no photographs, of which files only hold
        names."""
        return self.measure is None and self.type != "photos"

    def _may_hold(self, value: str | int | float | bool) -> bool:
        """Whether the value is one that this field can have from the start."""
        if self.type == "code":
            return value in self.codes
        kinds: dict[FieldType, type | tuple[type, ...]] = {
            "text": str,
            "integer": int,
            "decimal": (int, float),
            "boolean": bool,
        }
        return isinstance(value, kinds.get(self.type, ())) and isinstance(value, bool) == (self.type == "boolean")


class Rule(Part):
    """A check that the layer's features must pass; the parameters are those of the rule's function."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)

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
    dash: Dash | None = None
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
            raise wrong("values", "field dan values harus ada bersama")
        return self


class Layer(Part):
    """A kind of feature: its fields, its rules, its looks and its metadata."""

    name: Name
    title: Words
    title_en: Words
    abstract: Words
    keywords: list[str] = []
    geometry: GeometryType
    owner: Literal["kelurahan", "kota"]
    """Whether each feature belongs to one kelurahan (and carries its code) or to the city."""
    edited_by: EditedBy = "kelurahan"
    """Whether kelurahan edit their own features, or the walidata alone does."""
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
    lineage: Words
    kugi_fcode: str | None = None

    @model_validator(mode="after")
    def consistent(self) -> Layer:
        self._check_fields()
        self._check_home()
        self._check_colours()
        return self

    def _check_fields(self) -> None:
        for name, field in self.fields.items():
            if name in RESERVED or name.endswith(SHOWN):
                raise wrong(f"fields.{name}", "nama ini sudah dipakai kolom geosatu sendiri")
            if field.measure is not None and self.geometry not in MEASURABLE[field.measure]:
                raise wrong(f"fields.{name}.measure", f"{field.measure} tidak ada pada geometri {self.geometry}")
        label = self._field("label", self.label)
        if label.access != "publik":
            raise wrong("label", f"field {self.label} tidak publik, padahal setiap peta menampilkannya")
        if label.type in ("texts", "codes", "photos"):
            raise wrong("label", f"field {self.label} berisi daftar, bukan satu nama")
        if label.people:
            raise wrong("label", f"field {self.label} menghitung orang, padahal setiap peta menampilkan namanya")
        for name in self.key:
            if name == "kode_wilayah" and self.owner == "kelurahan":
                continue
            field = self._field("key", name)
            if field.measure is not None:
                raise wrong("key", f"field {name} dihitung dari geometri, jadi tidak mengenali fitur")
            if field.type == "photos":
                raise wrong("key", f"field {name} berisi foto, jadi tidak mengenali fitur")
        for field in self.fields.values():
            self._check_retention(field)

    def _check_retention(self, field: Field) -> None:
        if field.retention is None:
            return
        if field.name in (self.label, *self.key):
            raise wrong(f"fields.{field.name}.retention", "field ini mengenali fitur, jadi tidak dapat dikosongkan")
        after = self._field(f"fields.{field.name}.retention.after", field.retention.after)
        if after.type != "date":
            raise wrong(f"fields.{field.name}.retention.after", f"field {after.name} tidak bertipe date")

    def _check_home(self) -> None:
        if self.home is None:
            return
        if self.geometry != "Point":
            raise wrong("home", "hanya titik yang dapat berupa rumah")
        if self.home.field is None:
            return
        field = self._field("home.field", self.home.field)
        for value in self.home.values:
            if field.type not in ("code", "boolean") or not field._may_hold(value):
                raise wrong("home.values", f"{value!r} bukan nilai field {field.name}")

    def _check_colours(self) -> None:
        by = self.style.colour_by
        if by is None:
            if self.style.colours:
                raise wrong("style.colours", "hanya berlaku bersama colour_by")
            return
        field = self._field("style.colour_by", by)
        if field.type != "code":
            raise wrong("style.colour_by", f"field {by} tidak bertipe code")
        if field.access != "publik":
            raise wrong("style.colour_by", f"field {by} tidak publik, padahal warnanya akan menampakkannya")
        if missing := sorted(set(field.codes) - set(self.style.colours)):
            raise wrong("style.colours", f"belum ada warna untuk {', '.join(missing)}")
        if unknown := sorted(set(self.style.colours) - set(field.codes)):
            raise wrong("style.colours", f"field {by} tidak punya kode {', '.join(unknown)}")

    def _field(self, key: str, name: str) -> Field:
        """The field that a key names."""
        if name not in self.fields:
            raise wrong(key, f"lapisan ini tidak punya field {name}")
        return self.fields[name]

    def __hash__(self) -> int:
        """By name, so that what is derived from a layer can be kept beside it."""
        return hash(self.name)

    @property
    def polygonal(self) -> bool:
        return self.geometry in ("Polygon", "MultiPolygon")

    @property
    def people(self) -> list[Field]:
        """The counts of people that the public may see, unless they are small."""
        return [field for field in self.readable("publik") if field.people]

    @property
    def photos(self) -> list[Field]:
        """The fields that hold photographs."""
        return [field for field in self.fields.values() if field.type == "photos"]

    @property
    def veiled(self) -> list[Field]:
        """The fields of which a column of ours holds what is shown: counts of people, and photographs of what may be
        somebody's home."""
        return [*self.people, *(self.photos if self.home is not None else [])]

    def is_veiled(self, field: Field, access: Access) -> bool:
        """Whether readers of this level see that column instead: the public does, and of homes staff do too."""
        return access == "publik" if field.people else access != "terbatas" and field in self.veiled

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

OUR_COLUMNS = ("id", "uid", "version", "import_id", "act", "created_at", "created_by", "updated_at", "updated_by")
OUR_GEOMETRIES = ("geom", "geom_mercator", "geom_public")
POSTGRES_COLUMNS = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
RESERVED = frozenset((*SYSTEM_FIELDS, *OUR_COLUMNS, *OUR_GEOMETRIES, *POSTGRES_COLUMNS, "geometry"))
"""The names that no field may have; `geometry` is the geometry of a frame."""

SHOWN = "_public"
"""Behind a field's name: the column of ours with what the public may see of it."""

RESERVED_LAYERS = ("findings",)
"""What the map shows beside the layers of the catalogue."""


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
            raise UnknownLayer(f"Lapisan {shortened(name)!r} tidak ada. Lapisan yang ada: {known}.") from None

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
    themes = _themes(folder / "shared" / "themes.toml")
    layers = sorted((_read_layer(file, shared) for file in files), key=lambda layer: layer.style.order)
    catalogue = Catalogue({layer.name: layer for layer in layers}, themes, folder)
    if OWNERS not in catalogue:
        raise InvalidCatalogue(f"{folder / OWNERS}.toml: berkas ini wajib ada; fitur lain dimiliki kelurahan.")
    for layer in catalogue:
        if fault := _reference_fault(layer, catalogue):
            raise InvalidCatalogue(f"{folder / layer.name}.toml: {fault}.")
    return catalogue


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise InvalidCatalogue(f"{file}: berkas ini tidak ada.") from None
    except OSError as error:
        raise InvalidCatalogue(f"{file}: tidak dapat dibaca ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise InvalidCatalogue(f"{file}: bukan teks UTF-8; simpan ulang sebagai UTF-8.") from None
    except (ValueError, RecursionError) as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        where = f" di baris {place[1]} kolom {place[2]}" if place else ""
        reason = "periksa kunci yang ganda, tanda kutip, kurung dan tanda sama dengan"
        raise InvalidCatalogue(f"{file}: bukan TOML yang sah{where}; {reason}.") from None


def _themes(file: Path) -> dict[str, str]:
    try:
        return TypeAdapter(dict[Name, Words]).validate_python(_toml(file), strict=True)
    except ValidationError as error:
        raise _invalid(file, error) from None


def _read_layer(file: Path, shared: dict[str, Any]) -> Layer:
    raw = _toml(file)
    fields = raw.get("fields")
    if not isinstance(fields, dict):
        raise InvalidCatalogue(f"{file}: fields: bagian ini wajib ada dan berupa tabel.")
    if "name" in raw:
        raise InvalidCatalogue(f"{file}: name: kunci ini tidak dikenal; nama lapisan adalah nama berkasnya.")
    if file.stem in RESERVED_LAYERS:
        raise InvalidCatalogue(f"{file}: nama {file.stem} sudah dipakai geosatu sendiri.")
    read = {name: _read_field(file, name, value, shared) for name, value in fields.items()}
    try:
        return Layer.model_validate({**raw, "name": file.stem, "fields": read})
    except ValidationError as error:
        raise _invalid(file, error) from None


def _read_field(file: Path, name: str, value: Any, shared: dict[str, Any]) -> dict[str, Any]:
    """A field as written, over the shared definition that it names with `like`."""
    if not isinstance(value, dict):
        raise InvalidCatalogue(f"{file}: fields.{name}: harus berupa tabel, misalnya {{ title = ... }}.")
    if "name" in value:
        raise InvalidCatalogue(f"{file}: fields.{name}.name: kunci ini tidak dikenal.")
    if "like" not in value:
        return {**value, "name": name}
    own = dict(value)
    like = own.pop("like")
    base = shared.get(like) if isinstance(like, str) else None
    if not isinstance(base, dict):
        raise InvalidCatalogue(f"{file}: fields.{name}.like: shared/fields.toml tidak memuat {like!r}.")
    return {**base, **own, "name": name}


def _invalid(file: Path, error: ValidationError) -> InvalidCatalogue:
    key, reason = first_fault(error)
    return InvalidCatalogue(f"{file}: {key}: {reason}.")


def _reference_fault(layer: Layer, catalogue: Catalogue) -> str | None:
    """The key that names something which is not there, and why that is wrong."""
    if layer.theme not in catalogue.themes:
        return f"theme: shared/themes.toml tidak memuat {layer.theme!r}"
    if layer.home is not None:
        if layer.home.layer not in catalogue:
            return f"home.layer: lapisan {layer.home.layer!r} tidak ada"
        if not catalogue[layer.home.layer].polygonal:
            return f"home.layer: lapisan {layer.home.layer!r} tidak berisi bidang"
    for number, rule in enumerate(layer.rules):
        if rule.layer is not None and rule.layer not in catalogue:
            return f"rules.{number}.layer: lapisan {rule.layer!r} tidak ada"
    if layer.name == OWNERS:
        if not layer.polygonal or layer.owner != "kelurahan":
            return "geometry: lapisan ini berisi bidang milik kelurahan, pemilik fitur lapisan lain"
        if "nama" not in layer.fields:
            return "fields: lapisan ini memerlukan field nama, yang disebut bersama fitur lapisan lain"
    return None
