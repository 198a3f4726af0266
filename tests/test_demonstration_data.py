"""The demonstration city is a clean map: its topology is perfect and its values obey the catalogue."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

import geopandas
import numpy
import pytest
import shapely
from defusedxml import ElementTree
from shapely import LineString, Point
from shapely.geometry import shape

from geosatu.layers import SYSTEM_FIELDS, Catalogue, Field, Layer

GEODATA = Path(__file__).parent.parent / "geodata"
UTM_49S = 32749

COUNTS = {
    "batas_kecamatan": (3, 3),
    "batas_kelurahan": (46, 46),
    "batas_rw": (25, 40),
    "batas_rt": (100, 200),
    "titik_rt": (100, 200),
    "kantor_kelurahan": (46, 46),
    "posyandu": (270, 330),
    "pos_kamling": (360, 440),
    "lahan_tidur": (60, 60),
    "titik_sampah": (80, 80),
    "zona_sampah": (10, 14),
    "umkm": (110, 130),
    "kwt": (25, 25),
}
BOUNDARIES = ["batas_kecamatan", "batas_kelurahan", "batas_rw", "batas_rt", "zona_sampah"]
POINTS = ["titik_rt", "kantor_kelurahan", "posyandu", "pos_kamling", "titik_sampah", "umkm", "kwt"]


@cache
def collection(file: str) -> dict[str, Any]:
    return json.loads((GEODATA / file).read_text(encoding="utf-8"))


@cache
def degrees(layer: str) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame.from_features(collection(f"kediri/{layer}.geojson"), crs=4326)


@cache
def metres(layer: str) -> geopandas.GeoDataFrame:
    return degrees(layer).to_crs(UTM_49S)


def kelurahan_of(frame: geopandas.GeoDataFrame) -> numpy.ndarray:
    """For each feature the polygon of the kelurahan that it declares."""
    areas = metres("batas_kelurahan").set_index("kode_wilayah").geometry
    return areas.loc[frame.kode_wilayah].to_numpy()


# --- Names, codes and values ---


def test_every_layer_of_the_catalogue_has_its_file(catalogue: Catalogue):
    assert set(catalogue.layers) == set(COUNTS) == {file.stem for file in GEODATA.glob("kediri/*.geojson")}


@pytest.mark.parametrize("layer", COUNTS)
def test_a_layer_has_as_many_features_as_the_city_would(layer: str):
    least, most = COUNTS[layer]

    assert least <= len(degrees(layer)) <= most


def test_the_kelurahan_are_the_official_ones():
    with (GEODATA / "kediri" / "kelurahan.csv").open(encoding="utf-8", newline="") as file:
        facts = {row["kode_wilayah"]: (row["nama"], row["kecamatan"]) for row in csv.DictReader(file)}
    frame = degrees("batas_kelurahan")

    assert dict(zip(frame.kode_wilayah, zip(frame.nama, frame.kecamatan, strict=True), strict=True)) == facts
    assert Counter(code[:8] for code in facts) == {"35.71.01": 14, "35.71.02": 17, "35.71.03": 15}
    assert facts["35.71.01.1001"] == ("Bandar Lor", "Mojoroto")
    assert set(degrees("batas_kecamatan").nama) == {"Mojoroto", "Kota", "Pesantren"}


def fault(field: Field, value: Any) -> str | None:
    """What is wrong with a value of a field."""
    match field.type:
        case "text":
            good = isinstance(value, str) and 0 < len(value) <= field.max_length
        case "texts":
            good = isinstance(value, list) and all(isinstance(part, str) for part in value)
        case "code":
            good = value in field.codes
        case "codes":
            good = isinstance(value, list) and len(value) == len(set(value)) and set(value) <= set(field.codes)
        case "integer":
            good = type(value) is int
        case "decimal":
            good = type(value) in (int, float)
        case "boolean":
            good = type(value) is bool
        case "date":
            good = date.fromisoformat(value).isoformat() == value
        case "time":
            good = time.fromisoformat(value).strftime("%H:%M") == value
    if good and field.pattern:
        good = all(re.search(field.pattern, part) for part in (value if field.type == "texts" else [value]))
    if good and field.minimum is not None:
        good = value >= field.minimum
    if good and field.maximum is not None:
        good = value <= field.maximum
    return None if good else f"{field.name}={value!r}"


def faults(layer: Layer, values: dict[str, Any]) -> list[str]:
    """What stands between a feature and its publication."""
    fields = {name: field for name, field in layer.fields.items() if field.measure is None}
    brought = {"source", "accuracy_m", *(["kode_wilayah"] if layer.owner == "kelurahan" else [])}
    fields |= {name: SYSTEM_FIELDS[name] for name in brought}
    needed = {name for name, field in fields.items() if field.required}
    needed |= {"source"} | brought & {"kode_wilayah"}
    missing = [f"{name}: missing" for name in needed - set(values)]
    unknown = [f"{name}: unknown" for name in set(values) - set(fields)]
    wrong = [found for name in set(values) & set(fields) if (found := fault(fields[name], values[name]))]
    return missing + unknown + wrong


@pytest.mark.parametrize("layer", COUNTS)
def test_every_value_obeys_the_catalogue(layer: str, catalogue: Catalogue):
    features = collection(f"kediri/{layer}.geojson")["features"]

    assert [found for row in features for found in faults(catalogue[layer], row["properties"])] == []


@pytest.mark.parametrize("layer", COUNTS)
def test_key_values_are_unique(layer: str, catalogue: Catalogue):
    key = catalogue[layer].key

    assert not key or not degrees(layer).duplicated(key).any()


@pytest.mark.parametrize("layer", COUNTS)
def test_a_file_says_that_it_is_an_example(layer: str, catalogue: Catalogue):
    content = collection(f"kediri/{layer}.geojson")

    assert content["note"].startswith("Data contoh")
    assert content["licence"] == "CC-BY-4.0"
    for row in content["features"]:
        if "keterangan" in catalogue[layer].fields:
            assert row["properties"]["keterangan"] == "Data contoh, bukan data nyata"
        if "status_batas" in catalogue[layer].fields:
            assert row["properties"]["status_batas"] == "ilustratif"


@pytest.mark.parametrize("layer", COUNTS)
def test_data_are_of_2026_and_no_phone_number_is_real(layer: str):
    for row in collection(f"kediri/{layer}.geojson")["features"]:
        values = row["properties"]
        assert "2026-01-01" <= values["tanggal_data"] < "2026-11-01"
        for name in values.keys() & {"telepon", "hp", "hp_ketua", "hp_koordinator", "kontak_pemilik"}:
            assert re.fullmatch(r"0800-000-\d{4}", values[name])


# --- Boundaries ---


@pytest.mark.parametrize("layer", [*BOUNDARIES, "lahan_tidur"])
def test_polygons_are_valid_single_and_wound_as_rfc_7946_wants(layer: str):
    shapes = degrees(layer).geometry

    assert set(shapes.geom_type) == {"Polygon"}
    assert metres(layer).geometry.is_valid.all()
    assert shapes.exterior.is_ccw.all()
    assert shapely.get_num_interior_rings(shapes.to_numpy()).sum() == 0


@pytest.mark.parametrize("layer", COUNTS)
def test_coordinates_have_seven_decimals(layer: str):
    places = shapely.get_coordinates(degrees(layer).geometry.to_numpy())

    assert (places == numpy.round(places, 7)).all()


@pytest.mark.parametrize("layer", [*BOUNDARIES, "lahan_tidur"])
def test_no_two_areas_overlap(layer: str):
    frame = metres(layer)
    shapes = frame.geometry.to_numpy()
    one, other = frame.sindex.query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]

    assert shapely.area(shapely.intersection(shapes[one], shapes[other])).max(initial=0) < 0.01


@pytest.mark.parametrize("layer", BOUNDARIES)
def test_neighbours_share_each_corner(layer: str):
    """A coverage is valid when edges match corner for corner: no overlap, no gap, no corner on one side only."""
    assert shapely.coverage_is_valid(degrees(layer).geometry.to_numpy())


def test_rt_match_the_kelurahan_beside_them_corner_for_corner():
    rts, kelurahan = degrees("batas_rt"), degrees("batas_kelurahan")
    others = kelurahan[~kelurahan.kode_wilayah.isin(rts.kode_wilayah)]

    assert shapely.coverage_is_valid([*rts.geometry, *others.geometry])


@pytest.mark.parametrize("layer", ["batas_kecamatan", "batas_kelurahan", "zona_sampah"])
def test_the_city_is_one_piece_without_gaps(layer: str):
    city = metres(layer).geometry.union_all()

    assert city.geom_type == "Polygon"
    assert len(city.interiors) == 0
    assert 64e6 < city.area < 72e6


def test_rt_cover_their_rw_and_kelurahan_exactly():
    rts, rws = metres("batas_rt"), metres("batas_rw")
    by_rw = rts.dissolve(["kode_wilayah", "no_rw"]).geometry
    by_kelurahan = rts.dissolve("kode_wilayah").geometry
    kelurahan = metres("batas_kelurahan").set_index("kode_wilayah").geometry[by_kelurahan.index]

    assert len(by_kelurahan) == 5
    assert by_rw.symmetric_difference(rws.set_index(["kode_wilayah", "no_rw"]).geometry).area.max() < 0.01
    assert by_kelurahan.symmetric_difference(kelurahan).area.max() < 0.01


def test_kelurahan_cover_their_kecamatan_exactly():
    kelurahan, kecamatan = metres("batas_kelurahan"), metres("batas_kecamatan")
    together = kelurahan.dissolve(kelurahan.kode_wilayah.str[:8]).geometry

    assert together.symmetric_difference(kecamatan.set_index("kode_kecamatan").geometry).area.max() < 0.01


def test_the_city_is_where_kediri_is():
    west, south, east, north = degrees("batas_kecamatan").total_bounds

    assert 111.94 < west < 111.97
    assert 112.07 < east < 112.09
    assert -7.90 < south < -7.86
    assert -7.78 < north < -7.76


def test_kelurahan_lie_roughly_where_they_are_said_to():
    with (GEODATA / "kediri" / "kelurahan.csv").open(encoding="utf-8", newline="") as file:
        places = [Point(float(row["longitude"]), float(row["latitude"])) for row in csv.DictReader(file)]
    said = geopandas.GeoSeries(places, crs=4326).to_crs(UTM_49S)

    assert metres("batas_kelurahan").distance(said).max() < 250


# --- People, points and plots ---


def test_people_are_counted_without_contradiction():
    rts, rws = degrees("batas_rt"), degrees("batas_rw")
    sums = rts.groupby(["kode_wilayah", "no_rw"])[["jumlah_kk", "jumlah_penduduk"]].sum()
    counted = rws.set_index(["kode_wilayah", "no_rw"])

    assert (rts.laki_laki + rts.perempuan == rts.jumlah_penduduk).all()
    assert rts.jumlah_kk.between(30, 80).all()
    assert (rts.jumlah_penduduk / rts.jumlah_kk).between(3, 3.6).all()
    assert (metres("batas_rt").area > 2_000).all()
    assert rws.jumlah_rt.between(3, 7).all()
    assert rws.groupby("kode_wilayah").size().between(5, 8).all()
    assert (sums == counted[["jumlah_kk", "jumlah_penduduk"]]).all().all()


@pytest.mark.parametrize("layer", POINTS)
def test_points_lie_well_inside_their_kelurahan(layer: str):
    frame = metres(layer)
    shapes, homes = frame.geometry.to_numpy(), kelurahan_of(frame)

    assert shapely.contains_properly(homes, shapes).all()
    assert shapely.distance(shapely.boundary(homes), shapes).min() > 15


@pytest.mark.parametrize("layer", POINTS)
def test_points_of_a_layer_keep_their_distance(layer: str, catalogue: Catalogue):
    frame = metres(layer)
    one, other = frame.sindex.query(frame.geometry, predicate="dwithin", distance=100)
    one, other = one[one < other], other[one < other]
    apart = frame.geometry.iloc[one].distance(frame.geometry.iloc[other], align=False).to_numpy()
    names = frame[catalogue[layer].label].to_numpy()

    assert apart.min(initial=100) > (60 if layer == "posyandu" else 20)
    assert not (names[one] == names[other]).any()


def test_homes_lie_in_the_rt_at_whose_inner_point_the_public_sees_them():
    posyandu, umkm, titik_rt = metres("posyandu"), metres("umkm"), metres("titik_rt")
    rts = metres("batas_rt").set_index(["kode_wilayah", "no_rw", "no_rt"]).geometry
    homes = [
        *posyandu[posyandu.tempat == "rumah_warga"][["kode_wilayah", "rw", "rt", "geometry"]].to_numpy(),
        *umkm[umkm.usaha_rumahan][["kode_wilayah", "rw", "rt", "geometry"]].to_numpy(),
        *titik_rt[["kode_wilayah", "no_rw", "no_rt", "geometry"]].to_numpy(),
    ]

    assert len(homes) > len(titik_rt) == len(rts)
    assert all(rts.loc[code, rw, rt].contains(point) for code, rw, rt, point in homes)


def test_idle_plots_are_plausible_and_inside_their_kelurahan():
    frame = metres("lahan_tidur")

    assert frame.area.between(300, 5_000).all()
    assert shapely.contains_properly(kelurahan_of(frame), frame.geometry.to_numpy()).all()


def test_waste_points_are_of_all_kinds_that_a_city_has_inside():
    kinds = Counter(degrees("titik_sampah").jenis)

    assert kinds["bank_sampah_induk"] == kinds["tpst"] == 1
    assert kinds.keys() == {"tps", "tps3r", "tpst", "bank_sampah_unit", "bank_sampah_induk", "tps_liar"}


def test_strata_of_posyandu_are_mixed_as_in_a_city():
    share = degrees("posyandu").strata.value_counts(normalize=True)

    assert share.to_dict() == pytest.approx(
        {"mandiri": 0.10, "purnama": 0.35, "madya": 0.40, "pratama": 0.15}, abs=0.05
    )


# --- Sample files ---

GPX = {"g": "http://www.topografix.com/GPX/1/1"}


def place(element: Any) -> Point:
    return Point(float(element.get("lon")), float(element.get("lat")))


def kelurahan_at(point: Any) -> str:
    frame = degrees("batas_kelurahan")
    (name,) = frame[frame.contains(point)].nama
    return name


def test_waypoints_are_eight_named_and_dated_places_of_one_kelurahan():
    root = ElementTree.parse(GEODATA / "contoh" / "posyandu_kediri.gpx").getroot()
    waypoints = root.findall("g:wpt", GPX)

    assert root.get("version") == "1.1"
    assert len({point.findtext("g:name", namespaces=GPX) for point in waypoints}) == len(waypoints) == 8
    assert all(point.findtext("g:time", namespaces=GPX).startswith("2026-10-06T") for point in waypoints)
    assert {kelurahan_at(place(point)) for point in waypoints} == {"Campurejo"}


def test_tracks_walk_round_an_rt_and_end_near_their_start():
    root = ElementTree.parse(GEODATA / "contoh" / "batas_rt_kediri.gpx").getroot()
    tracks = [LineString([place(p) for p in trk.iterfind(".//g:trkpt", GPX)]) for trk in root.findall("g:trk", GPX)]

    assert len(tracks) == 2
    for track in geopandas.GeoSeries(tracks, crs=4326).to_crs(UTM_49S):
        start, *_, end = track.coords
        assert Point(start).distance(Point(end)) == pytest.approx(3, abs=1)
        assert shapely.Polygon(track.coords).buffer(0).area > 5_000
    assert {kelurahan_at(track) for track in tracks} == {"Ngronggo"}
    assert "35.71.02.1014" not in set(degrees("batas_rt").kode_wilayah)


def test_two_of_the_six_sample_posts_are_to_be_refused(catalogue: Catalogue):
    features = collection("contoh/pos_kamling_kediri.geojson")["features"]
    found = [faults(catalogue["pos_kamling"], row["properties"]) for row in features]
    swapped = [not shape(row["geometry"]).within(shapely.box(95, -11, 141, 6)) for row in features]

    assert found == [[], [], [], ["status_operasi='berfungsi'"], [], []]
    assert swapped == [False, False, False, False, False, True]


def test_the_rbi_sample_has_the_columns_of_big():
    columns = (
        "NAMOBJ FCODE REMARK METADATA SRS_ID LUASWH TIPADM UUPP WADMPR WADMKK WADMKC WADMKD"
        " KDPPUM KDPKAB KDCPUM KDEPUM KDPBPS KDBBPS KDCBPS KDEBPS"
    )
    features = collection("contoh/batas_kelurahan_rbi.geojson")["features"]
    known = degrees("batas_kelurahan").set_index("kode_wilayah")

    assert len(features) == 3
    for row in features:
        assert list(row["properties"]) == columns.split()
        assert shape(row["geometry"]).equals(known.geometry[row["properties"]["KDEPUM"]])


# --- The files as a whole ---


def test_the_script_reproduces_the_files_byte_for_byte(tmp_path: Path):
    subprocess.run([sys.executable, GEODATA / "make_demonstration.py", tmp_path], check=True)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*.*")}
    kept = {file.relative_to(GEODATA): file.read_bytes() for file in GEODATA.rglob("*/*.g*")}

    assert made.keys() == kept.keys()
    assert [str(file) for file in made if made[file] != kept[file]] == []


def test_the_folder_is_small():
    assert sum(file.stat().st_size for file in GEODATA.rglob("*.*")) < 3_000_000
