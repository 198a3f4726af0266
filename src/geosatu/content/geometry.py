"""A geometry as a file brings it -> EPSG:4326, 2D, right-handed and of the layer's type, or why it cannot be."""

from __future__ import annotations

from collections.abc import Callable

import numpy
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from geosatu.crs import LAND_AND_SEA
from geosatu.layers import GeometryType

DECIMALS = (7, 9)
"""Of degrees: a centimetre; a tenth of a millimetre, as GeoJSON is written, where a centimetre makes it invalid."""

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


def conformed(
    geometry: BaseGeometry, wanted: GeometryType, to_wgs84: Transformer | None, crs_is_named: str = "--crs EPSG:nomor"
) -> BaseGeometry:
    """The geometry to be kept; ValueError: what is wrong with it. Validity is the checks' business.

    `crs_is_named` tells people how they name the CRS at their door.
    """
    if geometry.is_empty:
        raise ValueError("geometrinya kosong; gambar letaknya")
    flat = _of_type(shapely.force_2d(geometry), wanted)
    if not numpy.isfinite(shapely.get_coordinates(flat)).all():
        raise ValueError("memuat koordinat yang bukan bilangan terhingga (NaN); isi koordinatnya")
    if to_wgs84 is not None:
        flat = _in_degrees(flat, to_wgs84)
    _require_indonesia(flat, crs_is_named)
    if wanted in ("Polygon", "MultiPolygon"):
        flat = shapely.orient_polygons(flat)
    for decimals in DECIMALS:
        rounded = _rounded(flat, decimals)
        if rounded.is_valid or not flat.is_valid:
            return rounded
    return flat


def _in_degrees(geometry: BaseGeometry, to_wgs84: Transformer) -> BaseGeometry:
    return shapely.transform(geometry, lambda places: numpy.column_stack(to_wgs84.transform(*places.T)))


def _rounded(geometry: BaseGeometry, decimals: int) -> BaseGeometry:
    return shapely.transform(geometry, lambda places: places.round(decimals))


def _require_indonesia(geometry: BaseGeometry, crs_is_named: str) -> None:
    longitudes, latitudes = shapely.get_coordinates(geometry).T
    if not numpy.isfinite(longitudes).all():
        raise ValueError("koordinatnya di luar jangkauan sistem koordinat berkas; periksa sistem itu")
    within = _within(longitudes, latitudes)
    if within.all():
        return
    wrong = int(within.argmin())
    place = f"lintang {latitudes[wrong]:.7g}, bujur {longitudes[wrong]:.7g}"
    if _within(latitudes, longitudes).all():
        raise ValueError(f"lintang dan bujur tampaknya tertukar ({place}); tukar kedua kolom itu")
    if _within(longitudes, -latitudes).all():
        raise ValueError(f"tanda lintang tampaknya terbalik ({place}); selatan khatulistiwa ditulis negatif")
    if abs(latitudes[wrong]) > 90 or abs(longitudes[wrong]) > 180:
        raise ValueError(
            f"{place} bukan derajat: lintang paling jauh 90 dan bujur 180; "
            f"bila ini meter, sebutkan sistemnya dengan {crs_is_named}"
        )
    if longitudes[wrong] == latitudes[wrong] == 0:
        raise ValueError("lintang dan bujurnya 0, tanda koordinat belum diisi; isi letaknya")
    raise ValueError(f"terletak di luar Indonesia ({place}); periksa lintang dan bujur")


def _within(longitudes: numpy.ndarray, latitudes: numpy.ndarray) -> numpy.ndarray:
    west, south, east, north = LAND_AND_SEA
    return (longitudes >= west) & (longitudes <= east) & (latitudes >= south) & (latitudes <= north)


def _of_type(geometry: BaseGeometry, wanted: GeometryType) -> BaseGeometry:
    kind = geometry.geom_type
    if kind == wanted:
        return geometry
    parts = shapely.get_parts(geometry)
    if f"Multi{kind}" == wanted:
        whole: BaseGeometry = MULTI[wanted](parts)
        return whole
    if kind == f"Multi{wanted}" and len(parts) == 1:
        single: BaseGeometry = parts[0]
        return single
    raise ValueError(f"berupa {WORDS[kind]}, padahal lapisan ini berisi {WORDS[wanted]}; pilih lapisan lain")
