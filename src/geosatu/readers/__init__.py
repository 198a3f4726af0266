"""A file in any format -> a stream of records, each with its number and what the file says, unrepaired.

Formats whose coordinates are text (GPX, GeoJSON, CSV) are read number by number here: GDAL takes `lat="-7,8"`
for -7, `lat="abc"` for 0 and leaves out GeoJSON features that it does not understand, all without a word.
Formats with typed geometry are read with Fiona.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from geosatu.errors import UnreadableFile
from geosatu.layers import GeometryType
from geosatu.readers import csv, geojson, gpx, vector
from geosatu.readers.records import Record, Source

__all__ = ["READERS", "Record", "Source", "read"]

READERS: dict[str, Callable[[Path, GeometryType], Source]] = {
    ".gpx": gpx.read,
    ".geojson": geojson.read,
    ".json": geojson.read,
    ".geojsonl": geojson.read,
    ".geojsons": geojson.read,
    ".seq": geojson.read,
    ".csv": csv.read,
    ".gpkg": vector.read,
    ".fgb": vector.read,
    ".shp": vector.read,
    ".zip": vector.read_zip,
}


def read(file: Path, geometry: GeometryType, max_bytes: int) -> Source:
    """The records of a file for a layer of this geometry type, or `UnreadableFile` in one sentence.

    Records come while they are iterated, and so may a later `UnreadableFile`, when the file is broken further on.
    """
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        kind = file.suffix or "tanpa akhiran"
        raise UnreadableFile(
            f"{file.name}: jenis berkas {kind} belum dapat dibaca. Yang dapat: {', '.join(sorted(READERS))}."
        )
    if not file.exists():
        raise UnreadableFile(f"{file}: berkas ini tidak ada; periksa nama dan foldernya.")
    if not file.is_file():
        raise UnreadableFile(f"{file}: ini bukan berkas, melainkan folder atau perangkat; sebutkan satu berkas.")
    try:
        with file.open("rb"):
            size = file.stat().st_size
    except OSError:
        raise UnreadableFile(f"{file}: berkas ini tidak dapat dibuka; periksa izin membacanya.") from None
    if size == 0:
        raise UnreadableFile(f"{file.name}: berkas ini kosong; simpan atau kirim ulang dari aplikasi asalnya.")
    size = max(size, vector.unpacked_bytes(file) if file.suffix.lower() == ".zip" else 0)
    if size > max_bytes:
        raise UnreadableFile(
            f"{file.name}: besarnya {size / 1e6:.0f} MB, batasnya {max_bytes / 1e6:.0f} MB "
            "(GEOSATU_MAX_FILE_MB). Bagi menjadi beberapa berkas."
        )
    source = reader(file, geometry)
    return replace(source, records=_some(file, source.records))


def _some(file: Path, records: Iterator[Record]) -> Iterator[Record]:
    """The records, of which there must be one."""
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        raise UnreadableFile(f"{file.name}: tidak ada satu catatan pun di berkas ini; ekspor ulang dengan isinya.")
