"""A file as a frame, for checks before it is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas

from geosatu import readers
from geosatu.crs import STORAGE_SRID
from geosatu.importer.conform import Conformer, crs_of
from geosatu.layers import Layer


def frame_of_file(file: Path, layer: Layer, max_bytes: int, crs: str | None = None) -> geopandas.GeoDataFrame:
    """The file's features as they are, in EPSG:4326, indexed by record number.

    Columns have the layer's names as far as names tell; values are the file's own, and geometry that cannot
    be read is missing.
    """
    source = readers.read(file, layer.geometry, max_bytes)
    meant = crs_of(source.crs, crs, file.name)
    conformer = Conformer(layer, meant)
    numbers, shapes = [], []
    rows: list[dict[str, Any]] = []
    for record in source.records:
        numbers.append(record.number)
        shapes.append(record.geometry)
        rows.append(conformer.renamed(record))
    frame = geopandas.GeoDataFrame(rows, geometry=shapes, index=numbers, crs=meant)
    return frame.to_crs(STORAGE_SRID)
