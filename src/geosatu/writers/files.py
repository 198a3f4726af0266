"""A layer as a file that other programs open, from record batches: nothing of a feature becomes a Python object.

Each file carries what its format can carry of the layer's title, licence, lineage and field dictionary.
"""

from __future__ import annotations

import errno
import json
import sqlite3
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow
import pyarrow.parquet
import pyogrio
import shapely
import xlsxwriter
from pyproj import CRS
from xlsxwriter.exceptions import XlsxFileError

from geosatu.errors import InvalidQuery, shortened
from geosatu.layers import Field, Layer
from geosatu.writers.dictionary import about, dictionary
from geosatu.writers.qgis import StoredProject, layer_style
from geosatu.writers.text import TEXTS

UNWRITABLE = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, sqlite3.OperationalError, XlsxFileError)
"""How libraries say that they could not write."""

WORKBOOK = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}

MOST_ROWS = 1_048_575
"""Of an XLSX sheet, under its titles."""

LONGEST_CELL = 32_767
TOO_LONG = "(terlalu panjang untuk sebuah sel)"


@dataclass(frozen=True)
class Format:
    """A kind of file: its media type, and who writes it."""

    media_type: str
    write: Callable[[Task], None]


@dataclass(frozen=True)
class Task:
    """One file to be written."""

    batches: pyarrow.RecordBatchReader
    """Columns `id`, the properties, and `geom` as WKB, x before y."""
    layer: Layer
    fields: Sequence[Field]
    """The properties, with titles, codes and units."""
    epsg: int
    file: Path


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A file beside `file` that takes its place once it is whole, and is gone otherwise.

    A place that cannot be written is an `OSError`, whichever library meets it.
    """
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        yield unfinished
        unfinished.replace(file)
    except UNWRITABLE as error:
        raise OSError(errno.EIO, shortened(str(error)), str(file)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def write_file(task: Task, format_name: str) -> None:
    """The whole file, or none; `file` is replaced when everything is written."""
    with replacing(task.file) as unfinished:
        FORMATS[format_name].write(Task(**{**vars(task), "file": unfinished}))


def formats_of(layer: Layer) -> list[str]:
    """The suffixes of the files that can hold the layer."""
    return [*(name for name, form in TEXTS.items() if form.holds is None or layer.geometry in form.holds), *FORMATS]


def _with_ogr(task: Task, driver: str, file: Path, **options: Any) -> None:
    pyogrio.write_arrow(
        task.batches,
        file,
        driver=driver,
        layer=options.pop("layer", task.layer.name),
        geometry_name="geom",
        geometry_type=task.layer.geometry,
        crs=f"EPSG:{task.epsg}",
        **options,
    )


@contextmanager
def _beside(file: Path, suffix: str) -> Iterator[Path]:
    """A file with the suffix that a driver insists on, which then takes the place of `file`."""
    with TemporaryDirectory(dir=file.parent) as folder:
        named = Path(folder) / f"data{suffix}"
        yield named
        named.replace(file)


def geopackage(task: Task) -> None:
    """A table with its dictionary, metadata and QGIS style beside it."""
    with _beside(task.file, ".gpkg") as file:
        _write_table(task, file)
        _complete(file, [task.layer], {task.layer.name: task.fields})


def write_snapshot(tasks: Iterable[Task], file: Path, project: StoredProject) -> None:
    """Every layer in one GeoPackage, with the QGIS project that shows them; whole or not at all."""
    written: dict[str, Task] = {}
    with _beside(file, ".gpkg") as unfinished:
        for task in tasks:
            _write_table(task, unfinished)
            written[task.layer.name] = task
        layers = [task.layer for task in written.values()]
        _complete(unfinished, layers, {name: task.fields for name, task in written.items()})
        with closing(sqlite3.connect(unfinished)) as db, db:
            db.execute("CREATE TABLE qgis_projects (name TEXT PRIMARY KEY, metadata BLOB, content BLOB)")
            db.execute("INSERT INTO qgis_projects VALUES (?, ?, ?)", project)


def _write_table(task: Task, file: Path) -> None:
    _with_ogr(
        task,
        "GPKG",
        file,
        # QGIS 3.22 warns of anything newer.
        dataset_options={} if file.exists() else {"VERSION": "1.2"},
        layer_options={"FID": "id", "IDENTIFIER": task.layer.title, "DESCRIPTION": task.layer.abstract},
        layer_metadata=about(task.layer),
    )


def _complete(file: Path, layers: Sequence[Layer], fields: Mapping[str, Sequence[Field]]) -> None:
    """The dictionary of all columns, and the styles that QGIS takes by itself."""
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(
            "CREATE TABLE kamus_data "
            "(lapisan TEXT, kolom TEXT, judul TEXT, jenis TEXT, satuan TEXT, kode TEXT, keterangan TEXT)"
        )
        rows = [(layer.name, *row) for layer in layers for row in dictionary(fields[layer.name])]
        db.executemany("INSERT INTO kamus_data VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        db.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY, f_table_catalog TEXT, f_table_schema TEXT, "
            "f_table_name TEXT, f_geometry_column TEXT, styleName TEXT, styleQML TEXT, styleSLD TEXT, "
            "useAsDefault BOOLEAN, description TEXT, owner TEXT, ui TEXT, update_time DATETIME DEFAULT "
            "(strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
        )
        db.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
            "styleName, styleQML, styleSLD, useAsDefault, description, owner) "
            "VALUES ('', '', ?, 'geom', 'geosatu', ?, '', 1, ?, '')",
            [(layer.name, layer_style(layer, _own(layer, fields[layer.name])), layer.title) for layer in layers],
        )
        db.executemany(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES (?, 'attributes', ?, ?)",
            [("kamus_data", "Kamus data", "Arti setiap kolom"), ("layer_styles", "layer_styles", "Gaya QGIS")],
        )


def _own(layer: Layer, fields: Sequence[Field]) -> list[Field]:
    return [field for field in fields if field.name in layer.fields]


def flatgeobuf(task: Task) -> None:
    """One file that can be read in pieces over HTTP."""
    with _beside(task.file, ".fgb") as file:
        options = {"TITLE": task.layer.title, "DESCRIPTION": " ".join(about(task.layer).values())}
        _with_ogr(task, "FlatGeobuf", file, layer_options=options)


def shapefile(task: Task) -> None:
    """A ZIP of the shapefile's parts, with a text beside them that tells what its short names mean."""
    names = _short_names(task.batches.schema.names)
    with TemporaryDirectory(dir=task.file.parent) as folder:
        place = Path(folder)
        options = {"ENCODING": "UTF-8"}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*has been truncated", RuntimeWarning)  # BACA_SAYA.txt tells it
            _with_ogr(_renamed(task, names), "ESRI Shapefile", place / f"{task.layer.name}.shp", layer_options=options)
        (place / "BACA_SAYA.txt").write_text(_readme(task, names), "utf-8")
        with zipfile.ZipFile(task.file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for part in sorted(place.iterdir()):
                archive.write(part, part.name)


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """Names of at most ten letters, no two alike."""
    short: dict[str, str] = {}
    for name in names:
        tries = (name[:10], *(f"{name[:8]}{number:02}" for number in range(1, 100)))
        short[name] = next(each for each in tries if each not in short.values())
    return short


def _readme(task: Task, names: dict[str, str]) -> str:
    told = "\n".join(f"{name}: {value}" for name, value in about(task.layer).items())
    rows = "\n".join(" | ".join((names[row[0]], *row)) for row in dictionary(task.fields))
    told += "\n\nTeks yang lebih panjang dari 254 bita terpotong di Shapefile; di GeoPackage teks itu utuh."
    return f"{told}\n\nKolom di berkas | Kolom | Judul | Jenis | Satuan | Kode | Keterangan\n{rows}\n"


def parquet(task: Task) -> None:
    """GeoParquet 1.1 with the CRS as PROJJSON."""
    geo = {
        "version": "1.1.0",
        "primary_column": "geom",
        "columns": {
            "geom": {
                "encoding": "WKB",
                "geometry_types": [task.layer.geometry],
                "crs": CRS.from_epsg(task.epsg).to_json_dict(),
                "orientation": "counterclockwise",
            }
        },
    }
    told = {"geo": json.dumps(geo), **about(task.layer)}
    schema = task.batches.schema.with_metadata(told)
    with pyarrow.parquet.ParquetWriter(task.file, schema, compression="zstd") as out:
        for batch in task.batches:
            out.write_batch(batch.replace_schema_metadata(told))


def workbook(task: Task) -> None:
    """A sheet of features with titles over the columns, and a sheet that explains them."""
    titles = {field.name: field.title for field in task.fields}
    names = [name for name in task.batches.schema.names if name != "geom"]
    points = task.layer.geometry == "Point"
    degrees = CRS.from_epsg(task.epsg).is_geographic
    with (
        TemporaryDirectory(dir=task.file.parent) as folder,
        xlsxwriter.Workbook(task.file, {**WORKBOOK, "tmpdir": folder}) as book,
    ):
        head = book.add_format({"bold": True, "bg_color": "#e9ecef"})
        formats = {
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "datetime": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        }
        sheet = book.add_worksheet(task.layer.title[:31])
        sheet.freeze_panes(1, 0)
        axes = ("lintang", "bujur") if degrees else ("x", "y")
        columns = [*names, *(axes if points else ("wkt",))]
        for column, name in enumerate(columns):
            sheet.write_string(0, column, titles.get(name, name), head)
        row = 0
        for batch in task.batches:
            values = [batch.column(name).to_pylist() for name in names]
            shapes = shapely.from_wkb(batch.column("geom").to_numpy(zero_copy_only=False))
            for number in range(len(batch)):
                row += 1
                if row > MOST_ROWS:
                    raise InvalidQuery(
                        f"XLSX memuat paling banyak {MOST_ROWS} fitur; saring lapisannya, atau pakai bentuk lain."
                    )
                for column, of in enumerate(values):
                    _cell(sheet, row, column, of[number], formats)
                if points:
                    east, north = shapes[number].x, shapes[number].y
                    place = (north, east) if degrees else (round(east, 3), round(north, 3))
                    for column, axis in enumerate(place, len(names)):
                        sheet.write_number(row, column, axis)
                else:
                    wkt = shapely.to_wkt(shapes[number], rounding_precision=7 if degrees else 3)
                    sheet.write_string(row, len(names), wkt if len(wkt) <= LONGEST_CELL else TOO_LONG)
        words = book.add_worksheet("Kamus data")
        for column, name in enumerate(("Kolom", "Judul", "Jenis", "Satuan", "Kode", "Keterangan")):
            words.write_string(0, column, name, head)
        for row, entry in enumerate(dictionary(task.fields), 1):
            for column, value in enumerate(entry):
                words.write_string(row, column, value)
        notes = book.add_worksheet("Tentang data")
        for row, (name, value) in enumerate(about(task.layer).items()):
            notes.write_string(row, 0, name, head)
            notes.write_string(row, 1, value)


def _cell(sheet: Any, row: int, column: int, value: Any, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, (int, float)):
        sheet.write_number(row, column, value)
    elif isinstance(value, str):
        sheet.write_string(row, column, value)
    elif hasattr(value, "hour"):
        sheet.write_datetime(row, column, value.replace(tzinfo=None), formats["datetime"])
    else:
        sheet.write_datetime(row, column, value, formats["date"])


def _renamed(task: Task, names: dict[str, str]) -> Task:
    schema = pyarrow.schema([field.with_name(names.get(field.name, field.name)) for field in task.batches.schema])
    batches = (pyarrow.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in task.batches)
    return Task(**{**vars(task), "batches": pyarrow.RecordBatchReader.from_batches(schema, batches)})


FORMATS: dict[str, Format] = {
    "gpkg": Format("application/geopackage+sqlite3", geopackage),
    "fgb": Format("application/vnd.flatgeobuf", flatgeobuf),
    "shp.zip": Format("application/zip", shapefile),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", workbook),
    "parquet": Format("application/vnd.apache.parquet", parquet),
}
"""The formats that are written to a file first; those of `writers.text` stream from the database."""
