"""A geometry as a file brings it -> EPSG:4326, 2D, right-handed and of the layer's type, or why it cannot be."""

from __future__ import annotations

from collections.abc import Callable

import numpy
import shapely
import shapely.ops
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from geosatu.crs import LAND_AND_SEA
from geosatu.layers import GeometryType

DECIMALS = 7
"""Of degrees: a centimetre. A geometry that would become invalid is kept as it came."""

WORDS: dict[str, str] = {
    "Point": "titik",
    "MultiPoint": "kumpulan titik",
    "LineString": "garis",
    "MultiLineString": "kumpulan garis",
    "LinearRing": "garis",
    "Polygon": "bidang",
    "MultiPolygon": "kumpulan bidang",
    "GeometryCollection": "kumpulan geometri",
}


MULTI: dict[str, Callable[..., BaseGeometry]] = {
    "MultiPoint": shapely.multipoints,
    "MultiLineString": shapely.multilinestrings,
    "MultiPolygon": shapely.multipolygons,
}


def conformed(geometry: BaseGeometry, wanted: GeometryType, to_wgs84: Transformer | None) -> BaseGeometry:
    """The geometry to be kept; ValueError: what is wrong with it. Validity is the checks' business."""
    if geometry.is_empty:
        raise ValueError("geometrinya kosong")
    flat = shapely.force_2d(geometry)
    if not numpy.isfinite(shapely.get_coordinates(flat)).all():
        raise ValueError("memuat koordinat yang bukan bilangan terhingga (NaN)")
    if to_wgs84 is not None:
        flat = shapely.ops.transform(to_wgs84.transform, flat)
    _require_indonesia(flat)
    typed = _of_type(flat, wanted)
    if wanted in ("Polygon", "MultiPolygon"):
        typed = shapely.orient_polygons(typed)
    rounded = shapely.transform(typed, lambda places: places.round(DECIMALS))
    return rounded if rounded.is_valid or not typed.is_valid else typed


def _require_indonesia(geometry: BaseGeometry) -> None:
    longitudes, latitudes = shapely.get_coordinates(geometry).T
    if not numpy.isfinite(longitudes).all():
        raise ValueError("koordinatnya di luar jangkauan sistem koordinat yang disebut berkas")
    if _within(longitudes, latitudes):
        return
    first = f"lintang {latitudes[0]:.7g}, bujur {longitudes[0]:.7g}"
    if _within(latitudes, longitudes):
        raise ValueError(f"lintang dan bujur tampaknya tertukar ({first}); tukar kedua kolom itu")
    if _within(longitudes, -latitudes):
        raise ValueError(f"tanda lintang tampaknya terbalik ({first}); selatan khatulistiwa ditulis negatif")
    if (abs(latitudes) > 90).any() or (abs(longitudes) > 180).any():
        raise ValueError(
            f"{first} bukan derajat: lintang paling jauh 90 dan bujur 180; "
            "bila ini meter, sebutkan sistemnya dengan --crs EPSG:nomor"
        )
    if not longitudes.any() and not latitudes.any():
        raise ValueError("lintang dan bujurnya 0, tanda koordinat belum diisi")
    raise ValueError(f"terletak di luar Indonesia ({first}); periksa lintang dan bujur")


def _within(longitudes: numpy.ndarray, latitudes: numpy.ndarray) -> bool:
    west, south, east, north = LAND_AND_SEA
    return bool(((longitudes >= west) & (longitudes <= east) & (latitudes >= south) & (latitudes <= north)).all())


def _of_type(geometry: BaseGeometry, wanted: GeometryType) -> BaseGeometry:
    kind = geometry.geom_type
    parts = shapely.get_parts(geometry)
    if kind == wanted:
        return geometry
    if f"Multi{kind}" == wanted:
        whole: BaseGeometry = MULTI[wanted](parts)
        return whole
    if kind == f"Multi{wanted}" and len(parts) == 1:
        single: BaseGeometry = parts[0]
        return single
    raise ValueError(f"berupa {WORDS[kind]}, padahal lapisan ini berisi {WORDS[wanted]}")
