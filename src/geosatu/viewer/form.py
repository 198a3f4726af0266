"""What the page for editing a feature is made of: its form, and what its JavaScript is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from geosatu.features import Box
from geosatu.layers import MOST_PHOTOS, OWNERS, STATUSES, SYSTEM_FIELDS, Catalogue, Field, Layer
from geosatu.rights import EDITABLE, Right, editors, may_create, publishers
from geosatu.viewer.config import field_config, layer_config

LONG_TEXT = 200
"""A text that may be longer gets several lines."""


class Group(NamedTuple):
    """Fields that stand together in the form."""

    title: str
    note: str
    fields: list[Field]


def groups(layer: Layer) -> list[Group]:
    """The fields that people fill in, public ones before those that few may read."""
    written = [field for field in layer.fields.values() if field.measure is None]
    found = (
        Group("Isian", "", [field for field in written if field.access == "publik"]),
        Group(
            "Untuk pegawai",
            "Tidak tampil bagi umum; dibaca oleh pegawai kota.",
            [field for field in written if field.access == "internal"],
        ),
        Group(
            "Data pribadi",
            "Terbatas: hanya dibaca oleh yang berhak, dengan menyebut keperluannya.",
            [field for field in written if field.access == "terbatas"],
        ),
    )
    return [group for group in found if group.fields]


def origin(layer: Layer) -> list[Field]:
    """What people say of where a feature's place comes from, and in the layer of the kelurahan its code."""
    names = ["source", "accuracy_m", *(["kode_wilayah"] if layer.owner == "kelurahan" else [])]
    return [SYSTEM_FIELDS[name] for name in names]


def unseen(layer: Layer, feature: Mapping[str, Any] | None) -> list[str]:
    """The fields that the editor of a feature may fill, but does not see: restricted ones, and the photographs of a
    home. Of a new feature there is nothing to see."""
    if feature is None:
        return []
    homes = layer.photos if is_home(layer, feature["properties"]) else []
    return [field.name for field in layer.fields.values() if field.access == "terbatas" or field in homes]


def is_home(layer: Layer, properties: Mapping[str, Any]) -> bool:
    """Whether a feature is somebody's home, by what it says of itself."""
    home = layer.home
    return home is not None and (home.field is None or properties.get(home.field) in home.values)


def form_field(field: Field, *, unseen: bool) -> dict[str, Any]:
    """A field of the form, for the scripts that read and check it; `shown` is the type as which values are written."""
    written = field_config(field)
    return written | {
        "shown": written["type"],
        "type": field.type,
        "required": field.required,
        "default": field.default,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "pattern": field.pattern,
        "description": field.description,
        "maxLength": field.max_length,
        "mostPhotos": MOST_PHOTOS,
        "unseen": unseen,
    }


def areas_edited(layer: Layer, rights: Iterable[Right]) -> list[str]:
    """The areas in which these rights allow edits of the layer."""
    roles = editors(layer)
    return sorted({right.area for right in rights if right.role in roles})


def becomes(status: str, kode_wilayah: str | None, rights: Iterable[Right]) -> str:
    """The status of a feature after these rights have changed it."""
    publishes = any(right.role in publishers() and right.covers(kode_wilayah) for right in rights)
    return status if status in EDITABLE or publishes else "draf"


class Editing(NamedTuple):
    """Who signed in on the map, as far as they edit."""

    account: int
    csrf: str
    rights: tuple[Right, ...]

    def themes(self, catalogue: Catalogue) -> dict[str, list[Layer]]:
        """The layers in which they make features, by theme."""
        found = {
            theme: [layer for layer in layers if may_create(self.rights, layer)]
            for theme, layers in catalogue.by_theme.items()
        }
        return {theme: layers for theme, layers in found.items() if layers}

    def config(self, catalogue: Catalogue) -> dict[str, Any]:
        """For the map's modules: where they change what is there, and where only what they made themselves."""
        lasting = [right for right in self.rights if right.role != "relawan"]
        areas = {layer.name: areas_edited(layer, lasting) for layer in catalogue}
        own = {layer.name: areas_edited(layer, set(self.rights) - set(lasting)) for layer in catalogue}
        return {"root": "./", "account": self.account, "csrf": self.csrf, "areas": areas, "own": own}


def edit_config(
    layer: Layer,
    catalogue: Catalogue,
    root: str,
    *,
    areas: list[str],
    bounds: Box | None,
    basemap: tuple[str, str] | None,
    feature: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Everything that the modules of the page need to know, as plain JSON."""
    fields = [field for group in groups(layer) for field in group.fields]
    hidden = unseen(layer, feature)
    return {
        "root": f"{root}/",
        "layer": layer_config(layer, None) | {"geometry": layer.geometry, "key": list(layer.key)},
        "fields": [form_field(each, unseen=each.name in hidden) for each in (*fields, *origin(layer))],
        "territory": layer_config(catalogue[OWNERS], None),
        "home": layer.home and {"field": layer.home.field, "values": layer.home.values},
        "areas": areas,
        "bounds": bounds and list(bounds),
        "basemap": basemap,
        "statuses": STATUSES,
        "feature": feature,
    }
