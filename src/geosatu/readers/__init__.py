"""A file in any format -> a stream of records, each with its number and what the file says, unrepaired.

Formats whose coordinates are text (GPX, GeoJSON, CSV) are read number by number here: GDAL takes `lat="-7,8"`
for -7, `lat="abc"` for 0 and leaves out GeoJSON features that it does not understand, all without a word.
Formats with typed geometry are read with Fiona.
"""

from __future__ import annotations

from collections.abc import Callable
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
    ".zip": vector.read,
}


def read(file: Path, geometry: GeometryType, max_bytes: int) -> Source:
    """The records of a file for a layer of this geometry type, or `UnreadableFile` in one sentence.

    Records come while they are iterated, and so may a later `UnreadableFile`, when the file is broken further on.
    """
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        known = ", ".join(sorted(READERS))
        raise UnreadableFile(f"{file.name}: jenis berkas {file.suffix or 'tanpa akhiran'} belum dapat dibaca. "
                             f"Yang dapat: {known}.")  # fmt: skip
    try:
        size = file.stat().st_size
        with file.open("rb"):
            pass
    except FileNotFoundError:
        raise UnreadableFile(f"{file}: berkas ini tidak ada.") from None
    except OSError as error:
        raise UnreadableFile(f"{file}: tidak dapat dibuka: {error.strerror}.") from None
    if size == 0:
        raise UnreadableFile(f"{file.name}: berkas ini kosong; simpan atau kirim ulang dari aplikasi asalnya.")
    if size > max_bytes:
        raise UnreadableFile(
            f"{file.name}: besarnya {size / 1e6:.0f} MB, batasnya {max_bytes / 1e6:.0f} MB "
            "(GEOSATU_MAX_FILE_MB). Bagi menjadi beberapa berkas."
        )
    return reader(file, geometry)
