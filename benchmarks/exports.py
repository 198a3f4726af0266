"""Files of all polygons: geosatu beside ogr2ogr, which reads the same columns from the same database."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import numpy.typing
import pyogrio
import shapely

from benchmarks.city import City
from benchmarks.equal import NEAR

Array = numpy.typing.NDArray[Any]

FORMATS: Mapping[str, tuple[str, str]] = {
    "GeoPackage": ("gpkg", "GPKG"),
    "FlatGeobuf": ("fgb", "FlatGeobuf"),
    "zipped Shapefile": ("shp.zip", "ESRI Shapefile"),
}
"""The suffix, and the driver of ogr2ogr."""


def ogr_version() -> str | None:
    """The version of ogr2ogr, or None where there is none."""
    if shutil.which("ogr2ogr") is None:
        return None
    told = subprocess.run(["ogr2ogr", "--version"], check=True, capture_output=True, text=True)  # noqa: S607
    return told.stdout.split(",")[0].removeprefix("GDAL ")


def by_ogr(city: City, layer: str, driver: str, file: Path) -> float:
    """Write the layer with ogr2ogr; returns the seconds."""
    access = city.access
    columns = ", ".join(("id", *city.properties(layer), "geom"))
    file.unlink(missing_ok=True)
    start = time.perf_counter()
    subprocess.run(
        [
            *("ogr2ogr", "-f", driver, str(file)),
            f"PG:host={access['host']} user={access['user']} dbname={access['dbname']}",
            *("-sql", f"SELECT {columns} FROM layer.{layer} ORDER BY id", "-nln", layer),  # noqa: S608
        ],
        env={**os.environ, "PGPASSWORD": access["password"]},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def difference(one: Path, other: Path) -> str | None:
    """The first thing that differs between two files, if any: ids, then extents and areas to 7 decimals."""
    (ids, facts), (other_ids, other_facts) = _facts(one), _facts(other)
    if not numpy.array_equal(ids, other_ids):
        return f"{len(ids)} features and {len(other_ids)}, or other ids"
    apart = float(numpy.abs(facts - other_facts).max())
    return None if apart < NEAR else f"features lie {apart} degrees apart"


def _facts(file: Path) -> tuple[Array, Array]:
    """The ids in order, and west, south, east, north and area of each feature."""
    about, fids, shapes, values = pyogrio.raw.read(file, layer=0, columns=["id"], return_fids=True)
    ids = values[0] if "id" in about["fields"] else fids
    geometry = shapely.from_wkb(shapes)
    order = numpy.argsort(ids)
    return ids[order], numpy.column_stack((shapely.bounds(geometry), shapely.area(geometry)))[order]
