"""CSV with a header line and the coordinates in two columns of decimal degrees."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import shapely

from geosatu.errors import UnreadableFile
from geosatu.layers import GeometryType
from geosatu.readers.records import WGS84, Record, Source, number_in, require_utf8, shown

LONGITUDE = ("bujur", "longitude", "lon", "long", "lng")
LATITUDE = ("lintang", "latitude", "lat")

DELIMITERS = ",;\t"
"""Whichever the header line has most of."""


def read(file: Path, geometry: GeometryType) -> Source:
    """The rows as points, numbered below the header line; blank rows are no records."""
    require_utf8(file)
    if geometry not in ("Point", "MultiPoint"):
        raise UnreadableFile(
            f"{file.name}: CSV hanya dapat memuat titik, padahal lapisan itu berisi {geometry}; "
            "pakai GeoJSON atau GeoPackage."
        )
    columns = [name.strip() for name in next(_rows(file), [])]
    for name in columns:
        if name and columns.count(name) > 1:
            raise UnreadableFile(f"{file.name}: kolom {shown(name)} ada lebih dari satu; beri nama yang berbeda.")
    by_name = {name.lower(): place for place, name in enumerate(columns)}
    longitude, latitude = (
        next((by_name[name] for name in names if name in by_name), None) for names in (LONGITUDE, LATITUDE)
    )
    if longitude is None or latitude is None:
        there = ", ".join(map(shown, columns[:20]))
        raise UnreadableFile(
            f"{file.name}: tidak ada kolom Lintang dan Bujur; kolomnya: {there}. "
            "Beri nama kolom koordinat itu lintang dan bujur."
        )
    return Source(_records(file, columns, longitude, latitude), WGS84)


def _rows(file: Path) -> Iterator[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        header = text.readline()
        text.seek(0)
        rows = csv.reader(text, delimiter=max(DELIMITERS, key=header.count), strict=True)
        try:
            yield from rows
        except csv.Error:
            raise UnreadableFile(
                f"{file.name}: tabelnya rusak di baris {rows.line_num}: tanda kutipnya tidak berpasangan "
                f"atau satu selnya lebih dari {csv.field_size_limit()} huruf. Simpan ulang sebagai CSV."
            ) from None


def _records(file: Path, columns: list[str], longitude: int, latitude: int) -> Iterator[Record]:
    places = {columns[longitude]: longitude, columns[latitude]: latitude}
    for row_number, row in enumerate(_rows(file)):
        if row_number == 0 or not any(cell.strip() for cell in row):
            continue
        properties = {name: cell for name, cell in zip(columns, row, strict=False) if name and name not in places}
        if any(cell.strip() for cell in row[len(columns) :]):
            problem = f"memuat {len(row)} sel, padahal kolomnya {len(columns)}; beri tanda kutip pada sel yang berkoma"
            yield Record(row_number, None, properties, problem=problem)
            continue
        said = {name: row[place] if place < len(row) else "" for name, place in places.items()}
        degrees = [number for text in said.values() if (number := number_in(text)) is not None]
        if len(degrees) == 2:
            yield Record(row_number, shapely.Point(degrees), properties)
        else:
            name, text = next(pair for pair in said.items() if number_in(pair[1]) is None)
            problem = f"{name}={shown(text)} bukan derajat desimal; tulis misalnya -7.8228"
            yield Record(row_number, None, properties, problem=problem)
