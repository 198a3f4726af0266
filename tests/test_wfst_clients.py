"""The real QGIS and OGR edit over WFS, with Basic authentication, and the database agrees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import shapely
from conftest import running
from test_editing import BANDAR, IN_POJOK, Town
from test_qgis import PYTHON, lacking_qgis, qgis_environment
from wfs import VERSIONS
from wfst import serving

from geosatu.database.cluster import Cluster
from geosatu.layers import Catalogue

PROBE = """
import json, sys
from qgis.core import *

address, version, who, token, steps = *sys.argv[1:5], json.loads(sys.argv[5])
application = QgsApplication([], False)
application.initQgis()
manager = QgsApplication.authManager()
assert manager.setMasterPassword("kunci", True)
config = QgsAuthMethodConfig("Basic")
config.setName(who)
config.setConfig("username", who)
config.setConfig("password", token)
assert manager.storeAuthenticationConfig(config)

def opened(name):
    number, _, coordinates = version.partition(" ")
    uri = f"typename='geosatu:{name}' url='{address}/wfs' version='{number}' authcfg='{config.id()}'"
    if coordinates:
        uri += " preferCoordinatesForWfsT11='true'"
    layer = QgsVectorLayer(uri, name, "WFS")
    assert layer.isValid(), name
    return layer

def named(layer, name):
    # While QGIS still fills its cache it may give a feature from there and from the wire.
    found = {each.id(): each for each in layer.getFeatures() if each[layer.customProperty("label")] == name}
    (feature,) = found.values()
    return feature

said = []
for name, label, work in steps:
    layer = opened(name)
    layer.setCustomProperty("label", label)
    capable = bool(layer.dataProvider().capabilities() & QgsVectorDataProvider.AddFeatures)
    if not work:
        said.append([capable, None])
        continue
    assert layer.startEditing()
    for verb, which, values, place in work:
        if verb == "add":
            feature = QgsFeature(layer.fields())
        elif verb == "copy":
            feature = QgsVectorLayerUtils.createFeature(layer, named(layer, which).geometry(),
                                                        dict(enumerate(named(layer, which).attributes())))
        else:
            feature = named(layer, which)
        if verb in ("add", "copy"):
            for field, value in values.items():
                feature[field] = value
            if place:
                feature.setGeometry(QgsGeometry.fromWkt(place))
            assert layer.addFeature(feature)
        elif verb == "delete":
            assert layer.deleteFeature(feature.id())
        elif verb == "split":
            layer.selectByIds([feature.id()])
            line = QgsGeometry.fromWkt(place).asPolyline()
            assert layer.splitFeatures(line, False) == Qgis.GeometryOperationResult.Success
            (part,) = layer.editBuffer().addedFeatures().values()
            for field, value in values.items():
                assert layer.changeAttributeValue(part.id(), layer.fields().indexOf(field), value)
        elif verb == "merge":
            other = named(layer, values["with"])
            merged = QgsFeature(feature)
            merged.setGeometry(feature.geometry().combine(other.geometry()))
            assert layer.deleteFeatures([feature.id(), other.id()])
            assert layer.addFeature(merged)
        else:
            for field, value in values.items():
                assert layer.changeAttributeValue(feature.id(), layer.fields().indexOf(field), value)
            if place:
                assert layer.changeGeometry(feature.id(), QgsGeometry.fromWkt(place))
    kept = layer.commitChanges()
    said.append([kept, "" if kept else " ".join(layer.commitErrors())])
    layer.rollBack()
print(json.dumps(said))
"""

AREA, GROWN = shapely.box(112.001, -7.809, 112.002, -7.808), shapely.box(112.001, -7.809, 112.003, -7.808)


@dataclass(frozen=True)
class Served:
    """The town of `test_editing` behind a real server."""

    address: str
    town: Town

    def names(self, layer: str, label: str) -> list[str]:
        with self.town.owner.connect() as conn:
            return list(conn.exec_driver_sql(f"SELECT {label} FROM layer.{layer} ORDER BY id").scalars())

    def found(self, layer: str, label: str, name: str) -> Any:
        with self.town.owner.connect() as conn:
            return conn.exec_driver_sql(f"SELECT * FROM layer.{layer} WHERE {label} = %s", (name,)).one()


@pytest.fixture(scope="module")
def served(cluster: Cluster, catalogue: Catalogue) -> Iterator[Served]:
    with serving(cluster, catalogue, "wfst_clients") as found, running(found.app) as address:
        yield Served(address, found.town)


@pytest.fixture
def town(served: Served) -> Town:
    return served.town


def in_qgis(served: Served, tmp_path: Path, version: str, who: str, *steps: Any) -> list[Any]:
    """What QGIS says of each step: whether it was kept, and its errors."""
    if reason := lacking_qgis():
        pytest.skip(reason)
    token = served.town.people[who].token
    found = subprocess.run(
        [PYTHON, "-c", PROBE, served.address, version, who, token, json.dumps(steps)],
        capture_output=True,
        text=True,
        timeout=180,
        env=qgis_environment(tmp_path) | {"QGIS_AUTH_DB_DIR_PATH": str(tmp_path)},
    )
    assert found.stdout, found.stderr
    said: list[Any] = json.loads(found.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("version", [*VERSIONS, "1.1.0 coordinates"])
def test_qgis_adds_moves_changes_and_deletes_points_and_areas(served: Served, tmp_path: Path, version: str) -> None:
    post, area = f"Pos QGIS {version}", "090"
    added = {"nama": post, "status_operasi": "aktif", "fasilitas": "lampu, cctv", "tanggal_data": "2026-08-17"}
    unit = {"jenis_unit": "rt", "no_rt": area, "no_rw": "001", "status_batas": "indikatif", "jumlah_kk": 30}
    shown = [
        ("pos_kamling", "nama", [("add", None, added, "Point (112.005 -7.805)")]),
        ("batas_rt", "no_rt", [("add", None, unit, AREA.wkt)]),
        ("pos_kamling", "nama", [("change", post, {"alamat": "Jalan Mawar & Melati"}, "Point (112.006 -7.804)")]),
        ("batas_rt", "no_rt", [("change", area, {"jumlah_kk": 31, "keterangan": "meluas"}, GROWN.wkt)]),
    ]
    assert in_qgis(served, tmp_path, version, "pic", *shown) == [[True, ""]] * 4

    row = served.found("pos_kamling", "nama", post)
    assert (row.fasilitas, row.tanggal_data.isoformat(), row.alamat) == (
        ["lampu", "cctv"],
        "2026-08-17",
        "Jalan Mawar & Melati",
    )
    assert shapely.from_wkb(row.geom).equals_exact(shapely.Point(112.006, -7.804), 1e-9)
    unit_row = served.found("batas_rt", "no_rt", area)
    assert (unit_row.jumlah_kk, unit_row.keterangan, unit_row.kode_wilayah) == (31, "meluas", BANDAR)
    assert shapely.from_wkb(unit_row.geom).equals(GROWN)

    gone = [("pos_kamling", "nama", [("delete", post, {}, None)]), ("batas_rt", "no_rt", [("delete", area, {}, None)])]
    assert in_qgis(served, tmp_path, version, "pic", *gone) == [[True, ""]] * 2
    assert post not in served.names("pos_kamling", "nama")
    assert area not in served.names("batas_rt", "no_rt")


@pytest.mark.parametrize("version", VERSIONS)
def test_in_qgis_nobody_touches_the_feature_of_another_kelurahan(
    served: Served, town: Town, tmp_path: Path, version: str
) -> None:
    name = f"Pos Pojok {version}"
    number = town.made("pic_lain", IN_POJOK, nama=name)
    town.publish(number)
    works = [
        [("change", name, {"nama": "Dibajak"}, None)],
        [("change", name, {}, "Point (112.005 -7.805)")],
        [("delete", name, {}, None)],
        [("add", None, {"nama": "Pos Asing", "status_operasi": "aktif"}, "Point (112.025 -7.805)")],
    ]
    said = in_qgis(served, tmp_path, version, "pic", *[("pos_kamling", "nama", work) for work in works])

    assert [kept for kept, _ in said] == [False] * 4
    assert all("tidak berhak mengubah fitur" in errors for _, errors in said[:3])
    assert "di luar wilayah yang boleh Anda ubah" in said[3][1]
    assert (town.row(number).nama, town.row(number).version) == (name, 2)
    assert "Pos Asing" not in served.names("pos_kamling", "nama")


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0"])
def test_in_qgis_a_pasted_copy_is_a_feature_of_its_own(
    served: Served, town: Town, tmp_path: Path, version: str
) -> None:
    name, copy = f"Pos Asli {version}", f"Pos Salinan {version}"
    number = town.made(nama=name)
    town.publish(number)
    work = [("copy", name, {"nama": copy}, "Point (112.007 -7.806)")]

    assert in_qgis(served, tmp_path, version, "pic", ("pos_kamling", "nama", work)) == [[True, ""]]
    assert served.found("pos_kamling", "nama", copy).uid != town.row(number).uid


def test_in_qgis_areas_are_split_and_merged(served: Served, town: Town, tmp_path: Path) -> None:
    given = {"jenis_unit": "rt", "no_rt": "070", "no_rw": "007", "status_batas": "indikatif"}
    (done,) = town.apply("pic", town.edit("batas_rt", properties=given, geometry=GROWN))
    works = [
        [("split", "070", {"no_rt": "071"}, "LineString (112.002 -7.81, 112.002 -7.807)")],
        [("merge", "070", {"with": "071"}, None)],
    ]
    split, merge = [("batas_rt", "no_rt", work) for work in works]

    assert in_qgis(served, tmp_path / "split", "2.0.0", "pic", split) == [[True, ""]]
    one, other = (served.found("batas_rt", "no_rt", number) for number in ("070", "071"))
    assert {one.id, one.uid} == {done.feature.id, done.feature.uid}
    assert shapely.from_wkb(one.geom).union(shapely.from_wkb(other.geom)).equals(GROWN)

    assert in_qgis(served, tmp_path / "merge", "2.0.0", "pic", merge) == [[True, ""]]
    whole = served.found("batas_rt", "no_rt", "070")
    assert (whole.no_rw, whole.uid in (one.uid, other.uid)) == ("007", False)
    assert shapely.from_wkb(whole.geom).equals(GROWN)
    assert "071" not in served.names("batas_rt", "no_rt")


def test_in_qgis_who_may_edit_nothing_has_layers_to_look_at(served: Served, tmp_path: Path) -> None:
    for version in VERSIONS:
        said = in_qgis(served, tmp_path / version, version, "lurah", ("pos_kamling", "nama", []))
        assert said == [[False, None]], version


def test_in_qgis_a_layer_that_the_walidata_keeps_is_not_for_a_kelurahan_to_edit(served: Served, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        steps = [("batas_kelurahan", "nama", []), ("pos_kamling", "nama", [])]
        assert in_qgis(served, tmp_path / version, version, "pic", *steps) == [[False, None], [True, None]], version


EDITING = """
import sys
from osgeo import gdal, ogr

address, version, credentials, name = sys.argv[1:]
gdal.SetConfigOption("GDAL_HTTP_USERPWD", credentials)
ogr.UseExceptions()

def layer():
    source = ogr.Open(f"WFS:{address}/wfs?VERSION={version}", 1)
    found = source.GetLayerByName("geosatu:pos_kamling")
    found.SetAttributeFilter(f"nama = '{name}'")
    return source, found

source, posts = layer()
post = posts.GetNextFeature()
post["alamat"] = "Jalan OGR"
post.SetGeometry(ogr.CreateGeometryFromWkt("POINT (112.008 -7.803)"))
posts.SetFeature(post)
"""

DELETING = EDITING.partition("post = ")[0] + "posts.DeleteFeature(posts.GetNextFeature().GetFID())\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_ogr_changes_and_deletes_features(served: Served, town: Town, version: str) -> None:
    if reason := lacking_qgis():
        pytest.skip(reason)
    name = f"Pos OGR {version}"
    number = town.made(nama=name)
    arguments = (served.address, version, f"pic:{town.people['pic'].token}", name)

    subprocess.run([PYTHON, "-c", EDITING, *arguments], check=True, timeout=60)
    row = town.row(number)
    assert (row.alamat, row.version) == ("Jalan OGR", 2)
    assert shapely.from_wkb(row.geom).equals_exact(shapely.Point(112.008, -7.803), 1e-9)

    subprocess.run([PYTHON, "-c", DELETING, *arguments], check=True, timeout=60)
    assert town.row(number) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_ogr_appends_a_file(served: Served, tmp_path: Path, version: str) -> None:
    if (program := shutil.which("ogr2ogr")) is None:
        pytest.skip("ogr2ogr is not installed (apt-get install gdal-bin)")
    names = [f"Pos OGR {version} {number}" for number in range(3)]
    features = [
        {
            "type": "Feature",
            "properties": {"nama": name, "status_operasi": "aktif", "jumlah_regu": number},
            "geometry": {"type": "Point", "coordinates": [112.004 + number / 1000, -7.806]},
        }
        for number, name in enumerate(names)
    ]
    file = tmp_path / "pos.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    pic = served.town.people["pic"]
    target = f"WFS:{served.address}/wfs?VERSION={version}"
    options = ["-append", "-nln", "geosatu:pos_kamling"]
    found = subprocess.run(
        [program, *options, target, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"GDAL_HTTP_USERPWD": f"pic:{pic.token}"},
    )

    assert (found.returncode, found.stderr) == (0, ""), found.stderr
    row = served.found("pos_kamling", "nama", names[2])
    assert (row.jumlah_regu, row.kode_wilayah) == (2, BANDAR)
    assert shapely.from_wkb(row.geom).equals_exact(shapely.Point(112.006, -7.806), 1e-9)
    assert len({served.found("pos_kamling", "nama", name).act for name in names}) == 1
