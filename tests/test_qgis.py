"""The QGIS project: every layer connected to us, drawn and named as the catalogue says, and read by the real QGIS."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import sqlite3
import subprocess
import zipfile
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import geopandas
import pyogrio
import pytest
from sqlalchemy import Connection

from geosatu import icons
from geosatu.errors import UnknownLayer
from geosatu.features import PUBLIC, Box, Query
from geosatu.layers import Catalogue, Layer
from geosatu.store import read
from geosatu.writers import qgis, qgis_symbols

BASE = "https://peta.kota.example/geosatu"
KEDIRI = Box(111.95, -7.88, 112.08, -7.77)
VIEW: dict[str, Any] = {"title": "Kota Kediri", "srid": 32749, "bounds": KEDIRI}
PYTHON = "/usr/bin/python3"
"""The Python of the system, for which distributions build PyQGIS."""


@pytest.fixture(scope="module")
def online(catalogue: Catalogue) -> Element:
    notices = ["Batas ilustratif, bukan batas resmi"]
    return opened(qgis.project(catalogue, base_url=BASE, counts={"posyandu": 307}, notices=notices, **VIEW))


def opened(qgz: bytes) -> Element:
    """The one document in a .qgz."""
    with zipfile.ZipFile(io.BytesIO(qgz)) as archive:
        (name,) = archive.namelist()
        assert name.endswith(".qgs")
        return fromstring(archive.read(name))


def layers_of(project: Element) -> dict[str, Element]:
    """The layers of a project by the name that they have in the catalogue."""
    return {part.findtext("id", "").removeprefix("geosatu_"): part for part in project.iter("maplayer")}


def changed(layer: Layer, **style: Any) -> Layer:
    return layer.model_copy(update={"style": layer.style.model_copy(update=style)})


def options(part: Element) -> dict[str, str]:
    return {one.get("name", ""): one.get("value", "") for one in part.findall("Option/Option")}


def drawings(document: Element) -> list[str]:
    """The SVG drawings that the symbols carry with them."""
    values = [option.get("value", "") for option in document.iter("Option") if option.get("name") == "name"]
    return [base64.b64decode(value.removeprefix("base64:")).decode() for value in values if value.startswith("base64:")]


def test_every_layer_is_connected_to_the_service(catalogue: Catalogue, online: Element) -> None:
    layers = layers_of(online)

    assert list(layers) == list(catalogue.layers)
    for name, layer in layers.items():
        assert layer.findtext("provider") == "OAPIF"
        assert f"typename='{name}' url='{BASE}/ogc'" in layer.findtext("datasource", "")
        assert layer.findtext("layername") == catalogue[name].title


def test_small_layers_come_whole_and_others_as_far_as_they_are_in_view(online: Element) -> None:
    layers = layers_of(online)

    assert "restrictToRequestBBOX" not in layers["posyandu"].findtext("datasource", "")
    assert "restrictToRequestBBOX='1'" in layers["umkm"].findtext("datasource", "")


def test_nothing_is_fetched_from_anyone_else(online: Element) -> None:
    said = [text for part in online.iter() for text in (part.text or "", *part.attrib.values())]
    addresses = re.findall(r"\w+://[^\s'\"<>]*", " ".join([*said, *drawings(online)]))

    assert {a for a in addresses if not a.startswith(BASE)} == {"http://www.w3.org/2000/svg"}


def test_nobodys_credentials_are_in_it(catalogue: Catalogue) -> None:
    address = "https://siti:rahasia@peta.kota.example/?token=abc"
    files = [
        qgis.project(catalogue, base_url=address, **VIEW),
        qgis.layer_definition(catalogue["posyandu"], base_url=address),
    ]

    for text in (zipfile.ZipFile(io.BytesIO(files[0])).read("kota.qgs").decode(), files[1].decode()):
        assert "url='https://peta.kota.example/ogc'" in text
        assert not re.search("siti:|rahasia|token|authcfg|password", text)


def test_a_quote_in_the_address_stays_within_it(catalogue: Catalogue) -> None:
    text = qgis.layer_definition(catalogue["posyandu"], base_url="http://x/a'b").decode()

    assert r"url='http://x/a\'b/ogc'" in text


def test_equal_projects_are_equal_bytes(catalogue: Catalogue) -> None:
    first, second = (qgis.project(catalogue, base_url=BASE, **VIEW) for _ in range(2))

    assert first == second


def test_layers_lie_under_their_themes_points_above_areas(catalogue: Catalogue, online: Element) -> None:
    groups = {
        group.get("name", ""): [leaf.get("name") for leaf in group.findall("layer-tree-layer")]
        for group in online.findall("layer-tree-group/layer-tree-group")
    }

    assert next(iter(groups)) == "Pemerintahan"
    assert groups["Pemerintahan"] == ["Kantor kelurahan", "Titik RT"]
    assert groups["Batas wilayah"] == ["Batas kecamatan", "Batas kelurahan", "Batas RW", "Batas RT"]
    assert groups["Persampahan"] == ["Titik sampah"]
    assert groups["Persampahan (wilayah)"] == ["Zona pengelolaan sampah"]
    shown = {leaf.get("name"): leaf.get("checked") for leaf in online.iter("layer-tree-layer")}
    for layer in catalogue:
        assert shown[layer.title] == ("Qt::Checked" if layer.style.visible else "Qt::Unchecked")


def test_public_fields_have_their_titles_and_no_other_field_is_named(catalogue: Catalogue, online: Element) -> None:
    for name, part in layers_of(online).items():
        aliases = {alias.get("field", ""): alias.get("name", "") for alias in part.findall("aliases/alias")}

        assert list(aliases) == [column.name for column in read.properties_of(catalogue[name], PUBLIC.access)]
        for field in catalogue[name].readable("publik"):
            assert aliases[field.name].startswith(field.title)


def test_units_stand_behind_titles_that_lack_them(catalogue: Catalogue, online: Element) -> None:
    aliases = {alias.get("field"): alias.get("name") for alias in layers_of(online)["batas_rt"].iter("alias")}

    assert aliases["luas_ha"] == "Luas terhitung (ha)"
    assert aliases["jumlah_kk"] == "Jumlah KK"


def test_codes_are_chosen_by_their_titles(catalogue: Catalogue, online: Element) -> None:
    for name, part in layers_of(online).items():
        maps = {
            field.get("name", ""): {
                one.get("value"): one.get("name") for one in field.iter("Option") if one.get("value")
            }
            for field in part.findall("fieldConfiguration/field")
            if field.find("editWidget[@type='ValueMap']") is not None
        }
        public = catalogue[name].readable("publik")

        assert {field.name: field.codes for field in public if field.type == "code"}.items() <= maps.items()
        for field in public:
            if field.type == "boolean":
                assert maps[field.name] == {"true": "Ya", "false": "Tidak"}


def test_our_columns_and_measures_cannot_be_edited(online: Element) -> None:
    editable = {field.get("name"): field.get("editable") for field in layers_of(online)["lahan_tidur"].iter("field")}

    assert [editable[name] for name in ("kode_wilayah", "status", "uid", "version", "updated_at")] == ["0"] * 5
    assert editable["luas_m2"] == "0"
    assert editable["nama"] == "1"


def test_every_field_has_its_place_in_the_form(catalogue: Catalogue, online: Element) -> None:
    form = layers_of(online)["posyandu"].findall("attributeEditorForm/attributeEditorContainer")
    placed = [[field.get("name") for field in tab.findall("attributeEditorField")] for tab in form]

    assert [tab.get("name") for tab in form] == ["Data", "Asal data"]
    assert placed[0] == [field.name for field in catalogue["posyandu"].readable("publik")]
    assert "kode_wilayah" in placed[1]


def test_points_are_icons_in_the_colour_of_the_layer(catalogue: Catalogue) -> None:
    drawn = qgis_symbols.renderer(catalogue["posyandu"])
    dot, icon = drawn.findall("symbols/symbol/layer")

    assert options(dot)["color"] == options(icon)["color"] == "194,37,92,255"
    (drawing,) = drawings(drawn)
    assert fromstring(drawing).tag.endswith("svg")
    assert "param(fill)" in drawing


@pytest.mark.parametrize("icon", [None, "no-such-icon", "../../../package"])
def test_an_icon_that_is_not_there_leaves_a_plain_mark(
    catalogue: Catalogue, icon: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(icons, "ICONS", tmp_path)
    icons.drawing.cache_clear()
    try:
        (drawing,) = drawings(qgis_symbols.renderer(changed(catalogue["posyandu"], icon=icon)))
    finally:
        icons.drawing.cache_clear()

    assert qgis_symbols.NO_ICON in drawing


def test_codes_are_told_apart_by_colour_with_one_for_the_rest(catalogue: Catalogue) -> None:
    layer = catalogue["titik_sampah"]
    drawn = qgis_symbols.renderer(layer)
    colours = {
        symbol.get("name"): {options(part)["color"] for part in symbol.findall("layer")}
        for symbol in drawn.findall("symbols/symbol")
    }

    assert drawn.get("attr") == "jenis"
    shown = {category.get("value"): category for category in drawn.iter("category")}
    assert {value: category.get("label") for value, category in shown.items()} == {
        **layer.fields["jenis"].codes,
        "": "Lainnya",
    }
    for code, category in shown.items():
        expected = layer.style.colours.get(str(code), layer.style.colour)
        assert colours[category.get("symbol")] == {qgis_symbols.rgba(expected)}


def test_areas_have_the_fill_width_and_dashes_of_the_catalogue(catalogue: Catalogue) -> None:
    fill, line = qgis_symbols.renderer(catalogue["batas_rw"]).findall("symbols/symbol/layer")

    assert options(fill)["color"] == "95,61,196,8"  # 3 % of 255
    assert options(line)["line_width"] == "0.370"  # 1.4 pixels of 25.4/96 mm
    assert options(line)["customdash"] == "1.587;1.058"


def test_an_odd_dash_pattern_is_said_twice(catalogue: Catalogue) -> None:
    _, line = qgis_symbols.renderer(changed(catalogue["batas_rw"], dash="96")).findall("symbols/symbol/layer")

    assert options(line)["customdash"] == "25.400;25.400"


def test_dense_layers_appear_at_the_zoom_of_the_web_map(online: Element) -> None:
    layers = layers_of(online)

    assert layers["batas_rt"].get("hasScaleBasedVisibilityFlag") == "1"
    assert layers["batas_rt"].get("minScale") == "35000"  # zoom 14 is 1 : 34,124
    assert layers["posyandu"].get("hasScaleBasedVisibilityFlag") == "0"


def test_areas_are_named_where_the_catalogue_says_so(catalogue: Catalogue, online: Element) -> None:
    names = {
        name: text.get("fieldName")
        for name, part in layers_of(online).items()
        if (text := part.find("labeling/settings/text-style")) is not None and text.get("fieldName")
    }

    assert set(names) == {layer.name for layer in catalogue if layer.style.labels}
    assert names["batas_kelurahan"] == '"nama"'
    assert "'RT ' || \"no_rt\"" in str(names["batas_rt"])


def test_names_use_a_typeface_that_every_machine_has(online: Element) -> None:
    assert all("fontFamily" not in text.attrib for text in online.iter("text-style"))


def test_the_project_tells_what_it_is(online: Element) -> None:
    metadata = online.find("projectMetadata")

    assert metadata is not None
    assert online.findtext("title") == metadata.findtext("title") == "Peta Kota Kediri"
    assert online.findtext("projectCrs/spatialrefsys/authid") == "EPSG:32749"
    assert "Batas ilustratif, bukan batas resmi. Lisensi: CC-BY-4.0." in metadata.findtext("abstract", "")
    assert metadata.findtext("contact/organization") == "Walidata kota"
    assert metadata.findtext("contact/role") == "pointOfContact"
    assert online.findtext("properties/CopyrightLabel/Label") == (
        "Batas ilustratif, bukan batas resmi · Data: geosatu · CC-BY-4.0"
    )


def test_each_layer_tells_what_it_is(catalogue: Catalogue, online: Element) -> None:
    for name, part in layers_of(online).items():
        layer, metadata = catalogue[name], part.find("resourceMetadata")

        assert metadata is not None
        assert metadata.findtext("abstract") == layer.abstract
        assert [word.text for word in metadata.findall("keywords/keyword")] == layer.keywords
        assert metadata.findtext("license") == layer.licence
        assert metadata.findtext("history") == layer.lineage
        assert metadata.findtext("identifier") == f"{BASE}/ogc/collections/{name}"


def test_the_first_view_is_the_city_in_metres(online: Element) -> None:
    view = online.find("ProjectViewSettings/DefaultViewExtent")

    assert view is not None
    west, south, east, north = (float(view.get(side, "")) for side in ("xmin", "ymin", "xmax", "ymax"))
    assert 600_000 < west < east < 625_000
    assert 9_128_000 < south < north < 9_145_000


def test_a_city_without_features_has_no_view(catalogue: Catalogue) -> None:
    project = opened(qgis.project(catalogue, base_url=BASE, title=None, srid=32749, bounds=None))

    assert project.findtext("title") == "Peta kelurahan"
    assert project.find("mapcanvas/extent") is None


def test_some_layers_can_be_chosen(catalogue: Catalogue) -> None:
    project = opened(qgis.project(catalogue, base_url=BASE, only=["posyandu", "batas_kelurahan"], **VIEW))

    assert list(layers_of(project)) == ["batas_kelurahan", "posyandu"]
    assert [group.get("name") for group in project.findall("layer-tree-group/layer-tree-group")] == [
        "Kesehatan",
        "Batas wilayah",
    ]
    with pytest.raises(UnknownLayer):
        qgis.project(catalogue, base_url=BASE, only=["tidak_ada"], **VIEW)


def test_whatever_titles_say_the_document_is_whole(catalogue: Catalogue) -> None:
    hostile = "]]></title><x a=\"'\x00\x1b\ufffe & "
    layer = catalogue["batas_rt"]
    fields = layer.fields | {"no_rt": layer.fields["no_rt"].model_copy(update={"title": hostile})}
    layer = layer.model_copy(update={"title": hostile, "fields": fields})
    harmless = "]]></title><x a=\"' & "

    definition = fromstring(qgis.layer_definition(layer, base_url=BASE))

    assert definition.findtext("maplayers/maplayer/layername") == harmless
    assert "]]></title><x a=\"'' & " in definition.findtext("maplayers/maplayer/previewExpression", "")


def test_a_layer_definition_holds_one_layer(catalogue: Catalogue) -> None:
    definition = fromstring(qgis.layer_definition(catalogue["umkm"], base_url=BASE, count=3))

    assert list(layers_of(definition)) == ["umkm"]
    (leaf,) = definition.iter("layer-tree-layer")
    assert leaf.get("checked") == "Qt::Checked"  # who asks for a layer wants to see it
    assert leaf.get("source") == f" typename='umkm' url='{BASE}/ogc'"


def test_a_style_is_that_of_the_project_whatever_the_layer_is_read_from(catalogue: Catalogue, online: Element) -> None:
    for name, part in layers_of(online).items():
        style = fromstring(qgis.layer_style(catalogue[name], catalogue[name].readable("publik")))

        assert style.get("minScale") == part.get("minScale")
        assert [one.attrib for one in style.iter("alias")] == [one.attrib for one in part.iter("alias")]
        assert drawings(style) == drawings(part)


def test_a_snapshot_reads_the_geopackage_beside_it(catalogue: Catalogue) -> None:
    for name, part in layers_of(opened(qgis.snapshot_project(catalogue, file_name="kota.gpkg", **VIEW))).items():
        assert part.findtext("provider") == "ogr"
        assert part.findtext("datasource") == f"./kota.gpkg|layername={name}"


def test_a_stored_project_is_the_archive_in_hexadecimal(catalogue: Catalogue) -> None:
    qgz = qgis.snapshot_project(catalogue, file_name="kota.gpkg", **VIEW)
    row = qgis.stored_project("kota", qgz, datetime(2026, 8, 17, 10))

    assert bytes.fromhex(row.content) == qgz
    assert json.loads(row.metadata)["last_modified_time"] == "2026-08-17T10:00:00"


# The real QGIS


PROBE = """
import json, sys
from collections import Counter
from qgis.core import *
from qgis.PyQt.QtCore import QEventLoop, QSize

application = QgsApplication([], False)
application.initQgis()
messages = []
QgsApplication.messageLog().messageReceived.connect(lambda text, tag, level: messages.append(f"{tag}: {text}"))
project = QgsProject.instance()
said = {"read": project.read(sys.argv[1]), "title": project.title(), "crs": project.crs().authid(), "layers": {}}

def shown(layer):
    feature = next(layer.getFeatures())
    values = {}
    for index, field in enumerate(layer.fields()):
        setup = layer.editorWidgetSetup(index)
        formatter = QgsApplication.fieldFormatterRegistry().fieldFormatter(setup.type())
        text = formatter.representValue(layer, index, setup.config(), None, feature[index])
        values[layer.attributeDisplayName(index)] = text
    return values

for layer in project.mapLayers().values():
    said["layers"][layer.id()] = {
        "valid": layer.isValid(),
        "count": len(list(layer.getFeatures())),
        "inside": len(list(layer.getFeatures(QgsFeatureRequest(QgsRectangle(*map(float, sys.argv[3].split(","))))))),
        "geometry": QgsWkbTypes.displayString(layer.wkbType()),
        "renderer": layer.renderer().type() if layer.renderer() else None,
        "labels": layer.labelsEnabled() and layer.labeling().settings().drawLabels,
        "scale": layer.minimumScale() if layer.hasScaleBasedVisibility() else None,
        "licences": layer.metadata().licenses(),
        "shown": shown(layer),
    }
settings = QgsMapSettings()
settings.setDestinationCrs(project.crs())
settings.setTransformContext(project.transformContext())
root = project.layerTreeRoot()
settings.setLayers([layer for layer in root.layerOrder() if root.findLayer(layer.id()).isVisible()])
settings.setOutputSize(QSize(1200, 900))
settings.setExtent(project.viewSettings().defaultViewExtent())
context = QgsExpressionContext()
context.appendScope(QgsExpressionContextUtils.globalScope())
context.appendScope(QgsExpressionContextUtils.mapSettingsScope(settings))
settings.setExpressionContext(context)
job, loop = QgsMapRendererParallelJob(settings), QEventLoop()
job.finished.connect(loop.quit)
job.start()
loop.exec_()
image = job.renderedImage()
image.save(sys.argv[2])
pixels = [image.pixelColor(x, y).name() for x in range(0, 1200, 2) for y in range(0, 900, 2)]
said["colours"] = Counter(pixels)
said["errors"] = [error.message for error in job.errors()]
said["messages"] = messages
print(json.dumps(said))
project.clear()
"""


@cache
def lacking_qgis() -> str | None:
    """Why there is no QGIS to try the project in; None: there is one."""
    if not Path(PYTHON).exists():
        return f"{PYTHON} is not here"
    tried = subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, env=qgis_environment(Path("/tmp")))
    return None if tried.returncode == 0 else "PyQGIS is not installed (apt-get install python3-qgis qgis-providers)"


def qgis_environment(home: Path) -> dict[str, str]:
    """An environment without a screen, without this Python's packages and without anybody's QGIS settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "QT_"))}
    return ours | {"QT_QPA_PLATFORM": "offscreen", "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "LC_ALL": "C.UTF-8"}


def opened_in_qgis(project: str, folder: Path, box: Box = KEDIRI) -> dict[str, Any]:
    """What QGIS makes of a project."""
    if reason := lacking_qgis():
        pytest.skip(reason)  # in CI as well: who serves projects need not have QGIS
    found = subprocess.run(
        [PYTHON, "-c", PROBE, project, str(folder / "map.png"), ",".join(map(str, box))],
        capture_output=True,
        text=True,
        timeout=240,
        env=qgis_environment(folder),
    )
    assert found.stdout, found.stderr
    said: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return said


def assert_drawn(said: dict[str, Any], catalogue: Catalogue) -> None:
    """The map shows the colour of each layer of points, and QGIS has nothing to complain of."""
    assert said["errors"] == said["messages"] == []
    for name in ("posyandu", "pos_kamling", "kantor_kelurahan"):
        assert said["colours"].get(catalogue[name].style.colour, 0) > 5, name


@pytest.mark.parametrize("whole", [True, False])
def test_qgis_opens_the_project_and_reads_every_layer(
    service: str, demo_conn: Connection, catalogue: Catalogue, tmp_path: Path, whole: bool
) -> None:
    held = read.summaries(demo_conn, catalogue, PUBLIC)
    counts = {name: summary.count for name, summary in held.items()} if whole else {}
    file = tmp_path / "kota.qgz"
    file.write_bytes(qgis.project(catalogue, base_url=service, counts=counts, **VIEW))

    said = opened_in_qgis(str(file), tmp_path, box=Box(111.99, -7.83, 112.02, -7.81))

    assert said["read"]
    assert (said["title"], said["crs"]) == ("Peta Kota Kediri", "EPSG:32749")
    assert set(said["layers"]) == {f"geosatu_{name}" for name in catalogue.layers}
    for layer in catalogue:
        found = said["layers"][f"geosatu_{layer.name}"]
        assert found["valid"], layer.name
        assert found["count"] == held[layer.name].count
        assert found["inside"] <= found["count"]
        assert found["geometry"] == layer.geometry
        assert found["renderer"] == ("categorizedSymbol" if layer.style.colour_by else "singleSymbol")
        assert found["labels"] == layer.style.labels
        assert (found["scale"] is not None) == (layer.style.min_zoom > 0)
        assert found["licences"] == [layer.licence]
    assert 0 < said["layers"]["geosatu_posyandu"]["inside"] < held["posyandu"].count
    assert (
        said["layers"]["geosatu_posyandu"]["shown"].items()
        >= {"Status data": "Terbit", "Sumber data": "Survei GPS"}.items()
    )
    assert said["layers"]["geosatu_umkm"]["shown"]["Usaha rumahan"] in ("Ya", "Tidak")
    assert_drawn(said, catalogue)


def test_qgis_opens_the_project_that_a_geopackage_carries(
    demo_conn: Connection, catalogue: Catalogue, tmp_path: Path
) -> None:
    only = ["batas_kelurahan", "kantor_kelurahan", "pos_kamling", "posyandu", "titik_sampah"]
    file = tmp_path / "kota.gpkg"
    for name in only:
        frame = read.frame(demo_conn, catalogue[name], PUBLIC)
        pyogrio.write_dataframe(plain(frame), file, layer=name, driver="GPKG", GEOMETRY_NAME="geom", VERSION="1.2")
    store(file, qgis.snapshot_project(catalogue, file_name=file.name, only=only, **VIEW))

    said = opened_in_qgis(f"geopackage:{file}?projectName=kota", tmp_path)

    assert said["read"]
    assert set(said["layers"]) == {f"geosatu_{name}" for name in only}
    for name in only:
        found = said["layers"][f"geosatu_{name}"]
        assert found["valid"]
        assert found["count"] == read.count(demo_conn, catalogue[name], Query(), PUBLIC)
    assert said["layers"]["geosatu_posyandu"]["shown"]["Status data"] == "Terbit"
    assert_drawn(said, catalogue)


def plain(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Every value as a GeoPackage can hold it."""
    frame = frame.copy()
    for name in frame.columns.drop("geometry"):
        if frame[name].dtype == object:
            frame[name] = frame[name].map(lambda value: ", ".join(value) if isinstance(value, list) else value)
            frame[name] = frame[name].map(lambda value: None if value is None else str(value))
    return frame


def store(file: Path, qgz: bytes) -> None:
    """Put the project into the GeoPackage, as the writer of snapshots has to."""
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE qgis_projects (name TEXT PRIMARY KEY, metadata BLOB, content BLOB)")
        row = qgis.stored_project("kota", qgz, datetime(2026, 8, 17))
        database.execute("INSERT INTO qgis_projects VALUES (?, ?, ?)", row)
    database.close()
