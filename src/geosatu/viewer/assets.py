"""The files that a page of ours loads: a closed list, each under an address that changes with its content."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from geosatu.errors import GeosatuError

WEB = Path(__file__).parent.parent / "web"
PACKAGES = WEB / "node_modules"
STATIC = WEB / "static"

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}

ASSETS: Mapping[str, Path] = MappingProxyType(
    {
        "leaflet.js": PACKAGES / "leaflet/dist/leaflet.js",
        "leaflet.css": PACKAGES / "leaflet/dist/leaflet.css",
        "markercluster.js": PACKAGES / "leaflet.markercluster/dist/leaflet.markercluster.js",
        "markercluster.css": PACKAGES / "leaflet.markercluster/dist/MarkerCluster.css",
        "geoman.js": PACKAGES / "@geoman-io/leaflet-geoman-free/dist/leaflet-geoman.min.js",
        "geoman.css": PACKAGES / "@geoman-io/leaflet-geoman-free/dist/leaflet-geoman.css",
        "pbf.js": PACKAGES / "pbf/index.js",
        "point-geometry.js": PACKAGES / "@mapbox/point-geometry/index.js",
        "vector-tile.js": PACKAGES / "@mapbox/vector-tile/index.js",
        "plus-jakarta-sans.woff2": PACKAGES
        / "@fontsource-variable/plus-jakarta-sans/files/plus-jakarta-sans-latin-wght-normal.woff2",
    }
    | {file.relative_to(STATIC).as_posix(): file for file in sorted(STATIC.rglob("*")) if file.suffix in MEDIA_TYPES}
)
"""Public path below `assets/` -> file. Nothing else of `node_modules` can be asked for."""

PACKAGE_MODULES = {
    "pbf": "pbf.js",
    "@mapbox/point-geometry": "point-geometry.js",
    "@mapbox/vector-tile": "vector-tile.js",
}
"""Names by which modules import packages -> assets: a browser knows no packages."""

MODULES = (*PACKAGE_MODULES.values(), *(path for path in ASSETS if path.startswith("map/")))
"""The map's own JavaScript modules, and what these import."""

PACKAGE_NAME = "|".join(map(re.escape, PACKAGE_MODULES))
REFERENCE = re.compile(rf"""(["'])(\.{{1,2}}/[\w./-]+)\1|(?<=\bfrom )(["'])({PACKAGE_NAME})\3""")
"""How modules and style sheets name another asset: relative to themselves, or as a package."""


class MissingAssets(GeosatuError):
    """The front-end packages are not installed."""


class Asset(NamedTuple):
    """A file as it is sent."""

    content: bytes
    media_type: str
    version: str
    """A hash of the content: under an address that names it, the file may be kept for ever."""


@cache
def asset(path: str) -> Asset | None:
    """The asset of this public path; None: there is no such asset."""
    file = ASSETS.get(path)
    if file is None:
        return None
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise MissingAssets(f"Berkas {path} untuk halaman web belum terpasang. Jalankan «npm ci» di {WEB}.") from None
    if path in PACKAGE_MODULES.values() or (STATIC in file.parents and file.suffix in (".js", ".css")):
        content = _with_versions(path, content.decode("utf-8")).encode("utf-8")
    return Asset(content, MEDIA_TYPES[file.suffix], hashlib.sha256(content).hexdigest()[:12])


def asset_url(path: str) -> str:
    """The address of an asset, relative to the root of the service, so that a proxy may add a prefix."""
    found = asset(path)
    if found is None:
        raise KeyError(path)
    return f"assets/{path}?v={found.version}"


def _with_versions(path: str, text: str) -> str:
    """The text with the version of each asset that it names, so that these too may be kept for ever."""
    folder = posixpath.dirname(path)

    def versioned(reference: re.Match[str]) -> str:
        name = reference[2] or reference[4]
        target = PACKAGE_MODULES[name] if reference[4] else posixpath.normpath(posixpath.join(folder, name))
        named = asset(target)
        if named is None:
            raise KeyError(f"{path}: {name}")
        address = posixpath.relpath(target, folder or ".")
        return f'"{address if address.startswith(".") else f"./{address}"}?v={named.version}"'

    return REFERENCE.sub(versioned, text)
