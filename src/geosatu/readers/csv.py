"""CSV with a header line and the coordinates in two columns of decimal degrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fiona
import shapely
from fiona.errors import FionaError

from geosatu.errors import UnreadableFile
from geosatu.layers import GeometryType
from geosatu.readers.records import WGS84, Record, Source, number_in, require_utf8

LONGITUDE = ("bujur", "longitude", "lon", "long", "lng")
LATITUDE = ("lintang", "latitude", "lat")


def read(file: Path, geometry: GeometryType) -> Source:
    """The rows as points; comma, semicolon and tab are told apart by GDAL."""
    require_utf8(file)
    if geometry not in ("Point", "MultiPoint"):
        raise UnreadableFile(f"{file.name}: CSV hanya dapat memuat titik, padahal lapisan itu berisi {geometry}.")
    try:
        with fiona.open(file, driver="CSV") as rows:
            columns = list(rows.schema["properties"])
    except FionaError:
        raise UnreadableFile(f"{file.name}: tabelnya tidak dapat dibaca; simpan ulang sebagai CSV.") from None
    by_name = {column.strip().lower(): column for column in columns}
    longitude, latitude = (
        next((by_name[name] for name in names if name in by_name), None) for names in (LONGITUDE, LATITUDE)
    )
    if longitude is None or latitude is None:
        raise UnreadableFile(
            f"{file.name}: tidak ada kolom Lintang dan Bujur; kolomnya: {', '.join(columns)}. "
            "Beri nama kolom koordinat itu lintang dan bujur."
        )
    return Source(_records(file, longitude, latitude), WGS84)


def _records(file: Path, longitude: str, latitude: str) -> Iterator[Record]:
    with fiona.open(file, driver="CSV") as rows:
        for number, row in enumerate(rows, 1):
            properties = {key: value for key, value in row.properties.items() if value not in (None, "")}
            said = [(column, str(properties.pop(column, ""))) for column in (longitude, latitude)]
            degrees = [value for _, text in said if (value := number_in(text)) is not None]
            if len(degrees) == 2:
                yield Record(number, shapely.Point(degrees), properties)
            else:
                column, text = next(pair for pair in said if number_in(pair[1]) is None)
                problem = f"{column}={text!r} bukan derajat desimal; tulis misalnya -7.8228"
                yield Record(number, None, properties, problem=problem)
