"""The catalogue as a QGIS project, connected to this service or reading a GeoPackage beside it.

A GeoPackage carries its project in the table `qgis_projects`, from where QGIS opens it by a click in its browser,
and the style of each layer in `layer_styles`. Whoever writes the GeoPackage makes both tables (DDL as QGIS has it):

    CREATE TABLE qgis_projects (name TEXT PRIMARY KEY, metadata BLOB, content BLOB)

with one row, the three values of `StoredProject`. `layer_styles` has for each layer one row with f_table_catalog and
f_table_schema '', f_table_name the layer, f_geometry_column 'geom', styleName 'geosatu', styleQML the text of
`layer_style`, useAsDefault 1; QGIS also lists that table in gpkg_contents, with the data type 'attributes'.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import pyproj

from geosatu.crs import STORAGE_SRID
from geosatu.features import Box
from geosatu.layers import Access, Catalogue, Field, Layer
from geosatu.writers.qgis_fields import attribute_parts
from geosatu.writers.qgis_metadata import layer_metadata, licences_of, project_metadata
from geosatu.writers.qgis_symbols import SHAPES, feature_name, labelling, renderer, scales
from geosatu.writers.qgis_xml import LAYER_DEFINITION, PROJECT, VERSION, document, entry, node, spatial_reference

FETCHED_WHOLE = 1_000
"""A layer of up to so many features, one page of QGIS, comes at once; of larger ones the part in view."""

MARGIN = 0.03
"""How much wider than the data the first view is, on each side."""

GEOMETRIES = {"marker": (0, "Point"), "line": (1, "Line"), "fill": (2, "Polygon")}

BOTTOM_LEFT, BOTTOM_RIGHT = 0, 3
"""Corners of the map, as QGIS numbers them."""

OLDEST = (1980, 1, 1, 0, 0, 0)
"""The date of the file in the archive, the same each time: equal projects are equal bytes."""


Sources = Mapping[Layer, "Source"]
"""The layers of a project in the order of the catalogue, and where each reads its features."""


@dataclass(frozen=True)
class Source:
    """Where a layer reads its features, as a provider of QGIS understands it."""

    provider: str
    address: str
    identifier: str
    fields: Sequence[Field]
    """The layer's own fields that come from there."""
    link: str | None = None


class StoredProject(NamedTuple):
    """A project as the row of `qgis_projects` that holds it."""

    name: str
    metadata: str
    content: str
    """The bytes of the .qgz in hexadecimal digits."""


def project(
    catalogue: Catalogue,
    *,
    base_url: str,
    title: str | None,
    srid: int,
    bounds: Box | None,
    counts: Mapping[str, int] | None = None,
    only: Collection[str] | None = None,
    access: Access = "publik",
    notices: Sequence[str] = (),
) -> bytes:
    """A .qgz whose layers are connected to the service at `base_url`, with nobody's credentials.

    `counts` tells which layers are small enough to be fetched whole, `access` which fields whoever opens it will
    find; `notices` are sentences that whoever uses the data has to know, such as that its boundaries are not official.
    """
    base = _without_credentials(base_url)
    known = counts or {}
    sources = {layer: _service(layer, base, known.get(layer.name), access) for layer in _chosen(catalogue, only)}
    return _packed(_project(catalogue, sources, title, srid, bounds, notices, base))


def snapshot_project(
    catalogue: Catalogue,
    *,
    file_name: str,
    title: str | None,
    srid: int,
    bounds: Box | None,
    only: Collection[str] | None = None,
    access: Access = "publik",
    notices: Sequence[str] = (),
) -> bytes:
    """The same project reading from the GeoPackage `file_name`, which lies beside it or holds it."""
    sources = {
        layer: Source("ogr", f"./{file_name}|layername={layer.name}", layer.name, layer.readable(access))
        for layer in _chosen(catalogue, only)
    }
    return _packed(_project(catalogue, sources, title, srid, bounds, notices, None))


def stored_project(name: str, qgz: bytes, changed: datetime) -> StoredProject:
    """A project as a GeoPackage keeps it, under a name that QGIS shows below the file."""
    metadata = {"last_modified_time": f"{changed:%Y-%m-%dT%H:%M:%S}", "last_modified_user": "geosatu"}
    return StoredProject(name, json.dumps(metadata), qgz.hex())


def layer_definition(layer: Layer, *, base_url: str, count: int | None = None, access: Access = "publik") -> bytes:
    """A .qlr: one layer, connected to the service at `base_url`, for a project that is already there."""
    source = _service(layer, _without_credentials(base_url), count, access)
    tree = node("layer-tree-group", {"name": "", "checked": "Qt::Checked"}, _leaf(layer, source, visible=True))
    root = node("qlr", None, tree, node("maplayers", None, _map_layer(layer, source)))
    return document(root, LAYER_DEFINITION).encode()


def layer_style(layer: Layer, fields: Sequence[Field]) -> str:
    """The QML of a layer with these of its own fields: its looks and names, whatever it is read from."""
    attributes = _style_attributes(layer) | {"version": VERSION, "styleCategories": "AllStyleCategories"}
    number, _ = GEOMETRIES[SHAPES[layer.geometry]]
    return document(
        node("qgis", attributes, *_style(layer, fields), node("layerGeometryType", None, str(number))), PROJECT
    )


def _chosen(catalogue: Catalogue, only: Collection[str] | None) -> list[Layer]:
    if only is None:
        return list(catalogue)
    wanted = {catalogue[name] for name in only}
    return [layer for layer in catalogue if layer in wanted]


def _without_credentials(url: str) -> str:
    """The address without the name and password, the query and the last slash that it may come with."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl().rstrip("/")


def _service(layer: Layer, base: str, count: int | None, access: Access) -> Source:
    """The layer at the service, in the words of QGIS's own browser."""
    parts = {"restrictToRequestBBOX": "1", "typename": layer.name, "url": f"{base}/ogc"}
    if count is not None and count <= FETCHED_WHOLE:
        del parts["restrictToRequestBBOX"]
    address = "".join(f" {name}='{_quoted(value)}'" for name, value in parts.items())
    link = f"{base}/ogc/collections/{layer.name}"
    return Source("OAPIF", address, link, layer.readable(access), link)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _project(
    catalogue: Catalogue,
    sources: Sources,
    title: str | None,
    srid: int,
    bounds: Box | None,
    notices: Iterable[str],
    link: str | None,
) -> str:
    called = f"Peta {title}" if title else "Peta kelurahan"
    attribution = " · ".join([*(notice.rstrip(".") for notice in notices), "Data: geosatu", licences_of(sources)])
    root = node(
        "qgis",
        {"version": VERSION, "projectname": called},
        node("title", None, called),
        node("projectCrs", None, spatial_reference(srid)),
        _tree(catalogue, sources),
        *_view(srid, bounds),
        node("projectlayers", None, *(_map_layer(layer, source) for layer, source in sources.items())),
        _properties(attribution),
        project_metadata(called, list(sources), notices, link),
    )
    return document(root, PROJECT)


def _packed(text: str) -> bytes:
    """The project in an archive, which is what a .qgz is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        member = zipfile.ZipInfo("kota.qgs", OLDEST)
        member.external_attr = 0o644 << 16
        archive.writestr(member, text.encode(), zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _tree(catalogue: Catalogue, sources: Sources) -> Element:
    """The layers under their themes, what is drawn last on top, and areas below all else.

    QGIS draws in the order of its legend. A separate drawing order would follow the catalogue to the letter, but
    would also put whatever a planner adds below everything, and make dragging in the legend do nothing.
    """
    groups: list[tuple[str, list[Layer]]] = []
    for title, layers in catalogue.by_theme.items():
        shown = [layer for layer in reversed(layers) if layer in sources]
        areas = [layer for layer in shown if layer.polygonal]
        others = [layer for layer in shown if not layer.polygonal]
        groups += [(title, others), (f"{title} (wilayah)" if others else title, areas)]
    filled = [group for group in groups if group[1]]
    filled.sort(key=lambda group: (group[1][0].polygonal, -group[1][0].style.order))
    return node("layer-tree-group", None, *(_group(title, layers, sources) for title, layers in filled))


def _group(title: str, layers: list[Layer], sources: Sources) -> Element:
    leaves = (_leaf(layer, sources[layer], layer.style.visible) for layer in layers)
    return node("layer-tree-group", {"name": title, "checked": "Qt::Checked", "expanded": True}, *leaves)


def _leaf(layer: Layer, source: Source, visible: bool) -> Element:
    return node(
        "layer-tree-layer",
        {
            "id": _identity(layer),
            "name": layer.title,
            "source": source.address,
            "providerKey": source.provider,
            "checked": "Qt::Checked" if visible else "Qt::Unchecked",
            "expanded": visible and layer.style.colour_by is not None,
        },
    )


def _identity(layer: Layer) -> str:
    return f"geosatu_{layer.name}"


def _map_layer(layer: Layer, source: Source) -> Element:
    _, geometry = GEOMETRIES[SHAPES[layer.geometry]]
    attributes = {"type": "vector", "geometry": geometry, "wkbType": layer.geometry}
    return node(
        "maplayer",
        _style_attributes(layer) | attributes,
        node("id", None, _identity(layer)),
        node("datasource", None, source.address),
        node("layername", None, layer.title),
        node("srs", None, spatial_reference(STORAGE_SRID)),
        layer_metadata(layer, source.identifier, source.link),
        node("provider", {"encoding": "UTF-8"}, source.provider),
        *_style(layer, source.fields),
    )


def _style_attributes(layer: Layer) -> dict[str, object]:
    simplified = {"simplifyDrawingHints": True, "simplifyDrawingTol": 1, "simplifyMaxScale": 1, "simplifyLocal": True}
    return scales(layer) | simplified | {"labelsEnabled": labelling(layer) is not None}


def _style(layer: Layer, fields: Sequence[Field]) -> list[Element]:
    labels = labelling(layer)
    return [
        renderer(layer),
        *([] if labels is None else [labels]),
        node("layerOpacity", None, "1"),
        *attribute_parts(fields),
        node("previewExpression", None, feature_name(layer)),
    ]


def _view(srid: int, bounds: Box | None) -> list[Element]:
    """What the map shows at first, and what «zoom full» goes back to."""
    canvas = [node("units", None, "meters"), node("destinationsrs", None, spatial_reference(srid))]
    if bounds is None:
        return [node("mapcanvas", {"name": "theMapCanvas"}, *canvas)]
    view = _metric(bounds, srid)
    extent = node("extent", None, *(node(side, None, text) for side, text in view.items()))
    return [
        node("mapcanvas", {"name": "theMapCanvas"}, extent, *canvas),
        node("ProjectViewSettings", None, node("DefaultViewExtent", view, spatial_reference(srid))),
    ]


def _metric(bounds: Box, srid: int) -> dict[str, str]:
    """The bounds in the project's CRS, with a margin."""
    transformer = pyproj.Transformer.from_crs(STORAGE_SRID, srid, always_xy=True)
    west, south, east, north = transformer.transform_bounds(*bounds)
    wide, high = MARGIN * (east - west), MARGIN * (north - south)
    sides = {"xmin": west - wide, "ymin": south - high, "xmax": east + wide, "ymax": north + high}
    return {side: f"{metres:.1f}" for side, metres in sides.items()}


def _properties(attribution: str) -> Element:
    """How QGIS draws and measures: on the ellipsoid, in metres and hectares; what has to be known is on the map."""
    settings: dict[str, dict[str, str | bool | int | float]] = {
        "CopyrightLabel": {"Enabled": True, "Label": attribution, "Placement": BOTTOM_RIGHT},
        "Measure": {"Ellipsoid": "EPSG:7030"},
        "Measurement": {"DistanceUnits": "meters", "AreaUnits": "ha"},
        "PAL": {"CandidatesPolygonPerCM": 8.0, "PlacementEngineVersion": 1},
        "Paths": {"Absolute": False},
        "ScaleBar": {"Enabled": True, "Placement": BOTTOM_LEFT},
        "SpatialRefSys": {"ProjectionsEnabled": 1},
    }
    groups = (
        node(group, None, *(entry(name, value) for name, value in values.items())) for group, values in settings.items()
    )
    return node("properties", None, *groups)
