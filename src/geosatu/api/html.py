"""OGC API answers as pages for people: what the JSON says, in Indonesian, with a small map.

The functions are pure. `base` is the address in front of our paths; pages name it where a reader copies an
address into another program, and link to each other by its path alone, so that they also work where somebody
reaches the service under another name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import pyproj
from pyproj.exceptions import CRSError

from geosatu.crs import CRS84
from geosatu.features import DEFAULT_LIMIT, Box
from geosatu.layers import SYSTEM_FIELDS, Catalogue, Field, FieldType, GeometryType, Layer
from geosatu.viewer.config import SHAPES
from geosatu.viewer.icons import sprite
from geosatu.viewer.page import TEMPLATES, Visitor
from geosatu.viewer.small_map import bounds_of, map_address, small_map
from geosatu.viewer.words import feature_name


def policy(*image_hosts: str) -> str:
    """What a page may load: our own files, and images from these hosts besides."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            " ".join(("img-src 'self' data:", *image_hosts)),
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


POLICY = policy()

ICONS = (
    "arrow-left",
    "arrow-right",
    "braces",
    "check",
    "chevron-right",
    "circle-user-round",
    "copy",
    "download",
    "history",
    "layers",
    "log-in",
    "map",
    "map-pin",
    "table-2",
    "x",
)

FORMATS = (
    ("geojson", "GeoJSON", "Peta web dan program sendiri"),
    ("gpkg", "GeoPackage", "QGIS dan ArcGIS"),
    ("xlsx", "Excel", "Lembar kerja"),
    ("csv", "CSV", "Lembar kerja dan statistik"),
    ("shp.zip", "Shapefile", "Perangkat lunak GIS lama"),
    ("kml", "KML", "Google Earth"),
    ("fgb", "FlatGeobuf", "Peta web berukuran besar"),
    ("parquet", "GeoParquet", "Analisis data besar"),
)
"""The files of each layer: ending, name and what people use them for."""

TYPES: dict[FieldType, str] = {
    "text": "Teks",
    "texts": "Daftar teks",
    "integer": "Bilangan bulat",
    "decimal": "Bilangan desimal",
    "boolean": "Ya atau tidak",
    "date": "Tanggal",
    "time": "Jam",
    "code": "Pilihan",
    "codes": "Beberapa pilihan",
    "photos": "Foto",
}

GEOMETRIES: dict[GeometryType, str] = {
    "Point": "Titik",
    "MultiPoint": "Titik",
    "LineString": "Garis",
    "MultiLineString": "Garis",
    "Polygon": "Bidang",
    "MultiPolygon": "Bidang",
}

LICENCES = {
    "CC-BY-4.0": ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/deed.id"),
    "CC-BY-SA-4.0": ("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/deed.id"),
    "CC0-1.0": ("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/deed.id"),
    "ODbL-1.0": ("ODbL 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
}
"""What a licence is called, and where it can be read."""

STANDARDS = {
    "ogcapi-common-1": "OGC API - Common, Bagian 1: Inti",
    "ogcapi-common-2": "OGC API - Common, Bagian 2: Data geospasial",
    "ogcapi-common-3": "OGC API - Common, Bagian 3: Skema",
    "ogcapi-features-1": "OGC API - Features, Bagian 1: Inti",
    "ogcapi-features-2": "OGC API - Features, Bagian 2: Sistem koordinat",
    "ogcapi-features-3": "OGC API - Features, Bagian 3: Penyaringan",
    "ogcapi-features-4": "OGC API - Features, Bagian 4: Pengeditan",
    "ogcapi-features-5": "OGC API - Features, Bagian 5: Skema",
    "ogcapi-features-8": "OGC API - Features, Bagian 8: Pengurutan",
    "ogcapi-records-1": "OGC API - Records, Bagian 1: Inti",
    "ogcapi-tiles-1": "OGC API - Tiles, Bagian 1: Inti",
    "tms": "Two Dimensional Tile Matrix Set",
    "cql2": "Common Query Language (CQL2)",
}

UPDATED = Field(name="updated_at", title="Diperbarui", type="date")
COLUMNS = (*SYSTEM_FIELDS.values(), UPDATED)
"""Our own columns that a reader sees behind the layer's."""

PAGING = frozenset(("limit", "after", "offset"))
LIMITS = (10, 50, 100, 500)
MOST_ROWS = LIMITS[-1]
"""Of a page: a browser takes seconds for more."""

PARAMETERS = {
    "bbox": "Kotak wilayah",
    "bbox-crs": "Koordinat kotak",
    "crs": "Sistem koordinat",
    "datetime": "Waktu",
    "pada": "Keadaan pada",
    "filter": "Saringan",
    "filter-lang": "Bahasa saringan",
    "filter-crs": "Koordinat saringan",
    "properties": "Kolom",
    "sortby": "Urutan",
    "skipGeometry": "Tanpa bentuk",
}
"""What the parameters of OGC API are called on a page."""


class Summary(Protocol):
    """What a layer holds for the public."""

    @property
    def count(self) -> int: ...
    @property
    def bounds(self) -> Box | None: ...
    @property
    def changed_on(self) -> date | None: ...


def landing(
    base: str,
    title: str | None,
    catalogue: Catalogue,
    summaries: Mapping[str, Summary],
    *,
    who: Visitor | None = None,
) -> str:
    """What there is, and how to get it into QGIS."""
    return _page(
        "landing",
        base,
        who=who,
        address="/ogc",
        head=f"Data {title}" if title else "Data",
        crumbs=[],
        catalogue=catalogue,
        city=title,
        summaries=summaries,
        total=sum(summaries[layer.name].count for layer in catalogue),
        changed_on=_latest(summaries[layer.name].changed_on for layer in catalogue),
        licences={layer.licence for layer in catalogue},
    )


def conformance(base: str, classes: Sequence[str], *, who: Visitor | None = None) -> str:
    """The classes of the standards that this service meets, by standard."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for address in classes:
        parts = re.search(r"/spec/([^/]+)/[^/]+/(?:[^/]+/)?conf/(.+)$", address)
        standard, name = (parts[1], parts[2]) if parts else ("", address)
        groups.setdefault(STANDARDS.get(standard, standard or "Lainnya"), []).append((name, address))
    return _page(
        "conformance",
        base,
        who=who,
        address="/ogc/conformance",
        head="Kesesuaian dengan standar",
        crumbs=[],
        groups=groups,
    )


def collections(
    base: str, catalogue: Catalogue, summaries: Mapping[str, Summary], *, who: Visitor | None = None
) -> str:
    """Every layer, under its theme."""
    return _page(
        "collections",
        base,
        who=who,
        address="/ogc/collections",
        head="Semua lapisan",
        crumbs=[],
        catalogue=catalogue,
        summaries=summaries,
    )


def collection(
    base: str, layer: Layer, summary: Summary, crs: Sequence[str] = (CRS84,), *, who: Visitor | None = None
) -> str:
    """One layer: what it is, what its fields mean, the files, and how to use it in QGIS."""
    root = _root(base)
    address = f"/ogc/collections/{layer.name}"
    return _page(
        "collection",
        base,
        who=who,
        address=address,
        head=layer.title,
        crumbs=[("Semua lapisan", "/ogc/collections")],
        layer=layer,
        summary=summary,
        systems=[(_crs_name(uri), uri) for uri in crs],
        map=summary.bounds and small_map(layer, root, summary.bounds, count=summary.count),
        map_address=summary.bounds and map_address(root, layer, summary.bounds),
    )


def items(
    base: str,
    layer: Layer,
    features: Sequence[Mapping[str, Any]],
    *,
    matched: int | None,
    returned: int,
    links: Sequence[Mapping[str, str]],
    query: Mapping[str, str],
    cut: bool = False,
    who: Visitor | None = None,
) -> str:
    """One page of features (GeoJSON, in longitude and latitude) as a table, with a small map of them. Where it was
    cut to `MOST_ROWS` and more follow, it says so."""
    root = _root(base)
    address = f"/ogc/collections/{layer.name}/items"
    bounds = bounds_of(features)
    rest = {name: said for name, said in query.items() if name != "f"}
    paging = {link["rel"]: link["href"] for link in links if link["rel"] in ("prev", "next")}
    if PAGING - {"limit"} & rest.keys():
        first = {name: said for name, said in rest.items() if name == "limit" or name not in PAGING}
        paging["first"] = _asked(root + address, first)
    return _page(
        "items",
        base,
        who=who,
        address=address,
        head=f"Data {layer.title}",
        crumbs=[("Semua lapisan", "/ogc/collections"), (layer.title, f"/ogc/collections/{layer.name}")],
        json=_asked(root + address, {**rest, "f": "json"}),
        layer=layer,
        features=features,
        fields=_shown([*layer.readable("publik"), *COLUMNS], features),
        matched=matched,
        returned=returned,
        paging=paging,
        filters=_filters(root + address, layer, rest),
        kept=[(name, said) for name, said in rest.items() if name not in PAGING],
        limit=_limit(rest),
        limits=sorted({*LIMITS, _limit(rest)}),
        cut_to=MOST_ROWS if cut and "next" in paging else None,
        map=bounds and small_map(layer, root, bounds, features),
        map_address=bounds and map_address(root, layer, bounds),
    )


def item(base: str, layer: Layer, feature: Mapping[str, Any], *, who: Visitor | None = None) -> str:
    """One feature (GeoJSON, in longitude and latitude) with every field and a small map."""
    root = _root(base)
    here = f"/ogc/collections/{layer.name}"
    bounds = bounds_of([feature])
    return _page(
        "item",
        base,
        who=who,
        address=f"{here}/items/{feature['id']}",
        head=feature_name(layer, feature["properties"]),
        crumbs=[
            ("Semua lapisan", "/ogc/collections"),
            (layer.title, here),
            (f"Data {layer.title}", f"{here}/items"),
        ],
        layer=layer,
        feature=feature,
        fields=_shown(layer.readable("publik"), [feature]),
        ours=_shown(COLUMNS, [feature]),
        map=bounds and small_map(layer, root, bounds, [feature]),
        map_address=bounds and map_address(root, layer, bounds),
    )


def _page(template: str, base: str, *, address: str, who: Visitor | None, **values: Any) -> str:
    """A page at `address`; its JSON form lies at the same address with `f=json`."""
    root = _root(base)
    said = {
        "base": base.rstrip("/"),
        "root": root,
        "policy": POLICY,
        "who": who,
        "here": address,
        "json": f"{root}{address}?f=json",
        "map": None,
        "formats": FORMATS,
        "types": TYPES,
        "geometries": GEOMETRIES,
        "licence_names": LICENCES,
        "shapes": SHAPES,
        "columns": COLUMNS,
    } | values
    icons = {*ICONS}
    if "catalogue" in values:
        icons |= {layer.style.icon for layer in values["catalogue"] if layer.style.icon}
    if "layer" in values and values["layer"].style.icon:
        icons.add(values["layer"].style.icon)
    return TEMPLATES.get_template(f"ogc/{template}.html").render(symbols=sprite(icons), **said)


def _root(base: str) -> str:
    """The path in front of ours, without a slash at its end."""
    return urlsplit(base).path.rstrip("/")


def _latest(days: Iterable[date | None]) -> date | None:
    return max((day for day in days if day is not None), default=None)


def _shown(fields: Sequence[Field], features: Sequence[Mapping[str, Any]]) -> list[Field]:
    """The fields that these features bring."""
    brought = {name for feature in features for name in feature["properties"]}
    return [field for field in fields if field.name in brought]


def _filters(here: str, layer: Layer, query: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What the page is narrowed down to: title, value, and the address without it."""
    fields = {field.name: field for field in (*layer.readable("publik"), *SYSTEM_FIELDS.values())}
    found = []
    for name, said in query.items():
        if name in PAGING:
            continue
        field = fields.get(name)
        title = field.title if field else PARAMETERS.get(name, name)
        value = field.codes.get(said, said) if field else said
        others = {other: kept for other, kept in query.items() if other == "limit" or other not in {name, *PAGING}}
        found.append((title, value, _asked(here, others)))
    return found


def _limit(query: Mapping[str, str]) -> int:
    said = query.get("limit", "")
    return int(said) if re.fullmatch("[0-9]{1,6}", said) else DEFAULT_LIMIT


def _asked(address: str, query: Mapping[str, str]) -> str:
    return f"{address}?{urlencode(query, safe=',:')}" if query else address


@cache
def _crs_name(uri: str) -> str:
    """What a CRS is called, e.g. WGS 84 / UTM zone 49S (EPSG:32749)."""
    if uri == CRS84:
        return "WGS 84, bujur-lintang (CRS84)"
    code = re.fullmatch(r"http://www\.opengis\.net/def/crs/EPSG/0/([0-9]+)", uri)
    try:
        return f"{pyproj.CRS.from_epsg(int(code[1])).name} (EPSG:{code[1]})" if code else uri
    except CRSError:
        return uri
