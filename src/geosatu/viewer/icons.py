"""Icons of the Lucide set, drawn once in the page and used by name."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from geosatu.errors import InvalidCatalogue
from geosatu.icons import ICONS, drawing
from geosatu.layers import Catalogue
from geosatu.viewer.assets import PACKAGES, MissingAssets

INTERFACE = (
    "chevron-down",
    "circle-user-round",
    "history",
    "house",
    "info",
    "layers",
    "locate-fixed",
    "log-in",
    "map",
    "map-pin",
    "maximize",
    "minimize",
    "minus",
    "pencil",
    "plus",
    "search",
    "trash-2",
    "triangle-alert",
    "x",
)
"""The icons of buttons and messages; those of the layers come with the catalogue."""


def check_icons(catalogue: Catalogue) -> None:
    """Each layer's icon exists, or an `InvalidCatalogue` names the file and the icon."""
    if not ICONS.is_dir():
        raise MissingAssets(f"Ikon Lucide belum terpasang. Jalankan «npm ci» di {PACKAGES.parent}.")
    for layer in catalogue:
        if layer.style.icon is not None and drawing(layer.style.icon) is None:
            file = catalogue.folder / f"{layer.name}.toml"
            raise InvalidCatalogue(f"{file}: style.icon: ikon {layer.style.icon!r} tidak ada di antara ikon Lucide.")


def sprite(names: Iterable[str]) -> Markup:
    """The icons as symbols, `icon-<name>`, each used with `<use href="#icon-...">`."""
    return Markup("").join(_symbol(name) for name in sorted(set(names)))


def _symbol(name: str) -> Markup:
    inside = drawing(name)
    if inside is None:
        raise ValueError(f"{name} is not an icon")
    drawn = Markup(inside)  # noqa: S704  a file of the package, by a checked name
    return Markup('<symbol id="icon-{}" viewBox="0 0 24 24">{}</symbol>').format(name, drawn)
