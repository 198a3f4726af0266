"""GeoPackage, FlatGeobuf and (zipped) Shapefile: formats with typed geometry, read with Fiona."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiona
import shapely
from fiona.errors import FionaError
from pyproj import CRS
from pyproj.exceptions import CRSError

from geosatu.errors import UnreadableFile
from geosatu.layers import GeometryType
from geosatu.readers.records import Record, Source


def read(file: Path, _: GeometryType) -> Source:
    """The features of the file's only layer, with the CRS that it declares."""
    path = f"zip://{file}" if file.suffix.lower() == ".zip" else str(file)
    try:
        layers = fiona.listlayers(path)
        if len(layers) != 1:
            raise UnreadableFile(
                f"{file.name}: berkas ini memuat {len(layers)} lapisan ({', '.join(layers[:10])}); "
                "simpan satu lapisan saja."
            )
        with fiona.open(path, layer=layers[0]) as features:
            wkt = features.crs_wkt
    except (FionaError, ValueError) as error:
        raise UnreadableFile(f"{file.name}: tidak dapat dibaca: {' '.join(str(error).split())}.") from None
    try:
        crs = CRS.from_user_input(wkt) if wkt else None
    except CRSError:
        crs = None
    return Source(_records(file, path, layers[0]), crs)


def _records(file: Path, path: str, layer: str) -> Iterator[Record]:
    number = 0
    try:
        with fiona.open(path, layer=layer) as features:
            for number, feature in enumerate(features, 1):
                yield _record(number, feature)
    except FionaError as error:
        raise UnreadableFile(
            f"{file.name}: rusak setelah catatan nomor {number}: {' '.join(str(error).split())}."
        ) from None


def _record(number: int, feature: Any) -> Record:
    properties = dict(feature.properties)
    if feature.geometry is None:
        return Record(number, None, properties)
    try:
        return Record(number, shapely.geometry.shape(feature.geometry), properties)
    except (ValueError, shapely.errors.ShapelyError) as error:
        return Record(number, None, properties, problem=f"geometri tidak dapat dibentuk: {error}")
