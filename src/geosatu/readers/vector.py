"""GeoPackage, FlatGeobuf and (zipped) Shapefile: formats with typed geometry, read with Fiona."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import fiona
import shapely
from fiona.errors import FionaError
from pyproj import CRS
from pyproj.exceptions import CRSError

from geosatu.errors import UnreadableFile
from geosatu.layers import GeometryType
from geosatu.readers.records import Record, Source

DRIVERS = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}

SIGNATURES = {".gpkg": b"SQLite format 3\x00", ".fgb": b"fgb", ".shp": b"\x00\x00\x27\x0a"}
"""How a file of the kind begins. GDAL goes by content, so a renamed VRT could make it open any file or address."""


def read(file: Path, _: GeometryType) -> Source:
    """The features of the file's only layer, with the CRS that it declares."""
    with file.open("rb") as content:
        beginning = content.read(16)
    return _source(file, str(file), file.suffix.lower(), beginning)


def read_zip(file: Path, _: GeometryType) -> Source:
    """The features of the only map file in a ZIP, in whichever folder it lies there."""
    try:
        with zipfile.ZipFile(file) as archive:
            kinds = {name: PurePosixPath(name).suffix.lower() for name in archive.namelist() if "__MACOSX" not in name}
            members = [name for name, kind in kinds.items() if kind in DRIVERS]
            if len(members) != 1:
                raise UnreadableFile(
                    f"{file.name}: ZIP ini memuat {len(members)} berkas .shp, .gpkg atau .fgb; isi dengan satu saja."
                )
            with archive.open(members[0]) as content:
                beginning = content.read(16)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError):
        raise UnreadableFile(f"{file.name}: ZIP ini rusak atau bersandi; buat ulang ZIP-nya.") from None
    return _source(file, f"/vsizip/{{{file.resolve()}}}/{members[0]}", kinds[members[0]], beginning)


def unpacked_bytes(file: Path) -> int:
    """How large the content of a ZIP says it is, once unpacked."""
    try:
        with zipfile.ZipFile(file) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return 0  # it will not be read


def _source(file: Path, path: str, kind: str, beginning: bytes) -> Source:
    driver = DRIVERS[kind]
    if not beginning.startswith(SIGNATURES[kind]):
        raise UnreadableFile(f"{file.name}: isinya bukan {driver}; ekspor ulang dari aplikasi asalnya.")
    try:
        layers = [layer for layer in fiona.listlayers(path) if _has_geometry(path, driver, layer)]
        if len(layers) != 1:
            raise UnreadableFile(
                f"{file.name}: berkas ini memuat {len(layers)} lapisan bergeometri ({', '.join(layers[:10])}); "
                "simpan satu lapisan saja."
            )
        with fiona.open(path, driver=driver, layer=layers[0]) as features:
            wkt = features.crs_wkt
    except (FionaError, ValueError):
        raise UnreadableFile(f"{file.name}: {driver} ini rusak atau tidak lengkap; ekspor ulang.") from None
    try:
        crs = CRS.from_user_input(wkt) if wkt else None
    except CRSError:
        crs = None
    return Source(_records(file, path, driver, layers[0]), crs)


def _has_geometry(path: str, driver: str, layer: str) -> bool:
    """Tables without geometry, such as the styles that QGIS keeps, do not count."""
    with fiona.open(path, driver=driver, layer=layer) as features:
        return bool(features.schema["geometry"] != "None")


def _records(file: Path, path: str, driver: str, layer: str) -> Iterator[Record]:
    number = 0
    try:
        with fiona.open(path, driver=driver, layer=layer) as features:
            for number, feature in enumerate(features, 1):
                yield _record(number, feature)
    except (FionaError, ValueError):
        raise UnreadableFile(f"{file.name}: rusak setelah catatan nomor {number}; ekspor ulang berkasnya.") from None


def _record(number: int, feature: Any) -> Record:
    properties = dict(feature.properties)
    if feature.geometry is None:
        return Record(number, None, properties)
    try:
        return Record(number, shapely.geometry.shape(feature.geometry), properties)
    except (ValueError, TypeError, LookupError, shapely.errors.ShapelyError):
        problem = f"geometri berjenis {feature.geometry.type} tidak dapat dibaca; gambar ulang"
        return Record(number, None, properties, problem=problem)
