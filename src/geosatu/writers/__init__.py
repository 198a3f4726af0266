"""Features -> files, whole or not at all. Writers know neither SQL nor HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas
import pyarrow
import pyogrio

from geosatu.crs import STORAGE_SRID
from geosatu.errors import RefusedChange
from geosatu.layers import Field, FieldType, Layer

ARROW: dict[FieldType, pyarrow.DataType] = {
    "text": pyarrow.string(),
    "texts": pyarrow.string(),
    "integer": pyarrow.int64(),
    "decimal": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
    "date": pyarrow.date32(),
    "time": pyarrow.string(),
    "code": pyarrow.string(),
    "codes": pyarrow.string(),
}

OURS = {
    "kode_wilayah": pyarrow.string(),
    "status": pyarrow.string(),
    "source": pyarrow.string(),
    "accuracy_m": pyarrow.float64(),
    "uid": pyarrow.string(),
    "version": pyarrow.int64(),
    "updated_at": pyarrow.timestamp("ms", "UTC"),
}


def geojson(features: Iterable[bytes], layer: Layer) -> Iterator[bytes]:
    """A GeoJSON document around rendered features, with the licence and lineage of the layer."""
    head = {
        "type": "FeatureCollection",
        "name": layer.name,
        "title": layer.title,
        "licence": layer.licence,
        "lineage": layer.lineage,
    }
    yield json.dumps(head, ensure_ascii=False)[:-1].encode() + b',"features":[\n'
    yield from features
    yield b"\n]}\n"


def write_geojson(features: Iterable[bytes], layer: Layer, file: Path) -> None:
    """A GeoJSON file of rendered features, written as they come."""
    with _replacing(file) as unfinished, unfinished.open("wb") as out:
        out.writelines(geojson(features, layer))


def write_geopackage(frame: geopandas.GeoDataFrame, fields: Sequence[Field], layer: Layer, file: Path) -> None:
    """A GeoPackage with one table, typed as the layer is; lists become text with commas, or JSON."""
    types = {field.name: ARROW[field.type] for field in fields} | OURS
    columns = {"id": pyarrow.array(frame.index, pyarrow.int64())}
    columns |= {name: pyarrow.array([_plain(value) for value in frame[name]], types[name]) for name in types}
    columns["geom"] = pyarrow.array(frame.geometry.to_wkb(), pyarrow.binary())
    with _replacing(file) as unfinished:
        pyogrio.write_arrow(
            pyarrow.table(columns),
            unfinished,
            driver="GPKG",
            layer=layer.name,
            geometry_name="geom",
            geometry_type=layer.geometry,
            crs=f"EPSG:{STORAGE_SRID}",
            layer_options={"FID": "id", "IDENTIFIER": layer.title, "DESCRIPTION": layer.abstract},
        )


def _plain(value: Any) -> Any:
    """A value as a table cell; what pandas holds for nothing is nothing."""
    if isinstance(value, list):
        # A comma within a text must not be read as one between two.
        return json.dumps(value, ensure_ascii=False) if re.search(r"[,;|[]", "".join(value)) else ", ".join(value)
    if value is None or value != value:
        return None
    return value if isinstance(value, (str, int, float, bool)) or hasattr(value, "year") else str(value)


@contextmanager
def _replacing(file: Path) -> Iterator[Path]:
    """A file beside `file` that takes its place once it is whole, and is gone otherwise."""
    unfinished = file.with_name(f".{file.name}.unfinished{file.suffix}")
    try:
        unfinished.unlink(missing_ok=True)
        try:
            yield unfinished
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
    except (OSError, pyogrio.errors.DataSourceError):
        raise RefusedChange(
            f"{file}: berkas ini tidak dapat ditulis; periksa foldernya, izin menulisnya dan sisa ruang."
        ) from None
