"""What readers take out of a file, and what they refuse to take for something else."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
import zipfile
from pathlib import Path

import fiona
import pytest
import shapely
from importing import collection, feature, gpx, track, waypoint
from shapely.geometry import box

from geosatu.errors import UnreadableFile
from geosatu.readers import READERS, Record, Source, read, records

LIMIT = 50_000_000

SQUARE = [(112.0, -7.8), (112.001, -7.8), (112.001, -7.799), (112.0, -7.799)]
"""Some 110 m on each side, walked round anticlockwise."""


@pytest.fixture
def opened(tmp_path: Path):
    """A reader of a file with this content."""

    def opened(content: str | bytes, name: str, geometry: str = "Point") -> Source:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(file, geometry, LIMIT)

    return opened


@pytest.fixture
def records_of(opened):
    def records_of(content: str | bytes, name: str, geometry: str = "Point") -> list[Record]:
        return list(opened(content, name, geometry).records)

    return records_of


def wkt(record: Record) -> str | None:
    return None if record.geometry is None else record.geometry.wkt


# GPX


@pytest.mark.parametrize(
    "content",
    [
        gpx(waypoint(-7.8, 112.0)),
        gpx(waypoint(-7.8, 112.0)).replace("GPX/1/1", "GPX/1/0").replace('"1.1"', '"1.0"'),
        f"<gpx>{waypoint(-7.8, 112.0)}</gpx>",
        f"\N{BYTE ORDER MARK}{gpx(waypoint(-7.8, 112.0))}",
        gpx(waypoint(-7.8, 112.0)).encode("utf-16"),
        f'<?xml version="1.0" encoding="ISO-8859-1"?>{gpx(waypoint(-7.8, 112.0))}'.encode("latin-1"),
    ],
    ids=["1.1", "1.0", "no namespace", "byte order mark", "UTF-16", "Latin-1"],
)
def test_a_waypoint_is_a_point_in_every_gpx(records_of, content):
    (record,) = records_of(content, "titik.gpx")

    assert (record.number, wkt(record), record.properties) == (1, "POINT (112 -7.8)", {"name": "Melati"})


def test_what_a_waypoint_says_are_its_properties_and_extensions_are_not(records_of):
    body = """<wpt lat="-7.8" lon="112"><name> Melati </name><time>2026-10-06T00:30:00Z</time><desc/>
              <extensions><osm:colour xmlns:osm="urn:x">red</osm:colour></extensions></wpt>"""

    (record,) = records_of(gpx(body), "titik.gpx")

    assert record.properties == {"name": "Melati", "time": "2026-10-06T00:30:00Z"}


@pytest.mark.parametrize("geometry", ["Polygon", "MultiPolygon"])
def test_a_track_walked_round_becomes_an_area(records_of, geometry):
    near = (112.00001, -7.79999)  # 1.6 m from where the walk began

    (record,) = records_of(gpx(track(*SQUARE, near)), "rt.gpx", geometry)

    assert record.geometry.geom_type == "Polygon"
    assert record.geometry.is_valid
    assert record.notes == ("jejak ditutup; ujungnya terpisah 1,6 m",)


def test_a_track_that_ends_where_it_began_needs_no_closing(records_of):
    (record,) = records_of(gpx(track(*SQUARE, SQUARE[0])), "rt.gpx", "Polygon")

    assert record.geometry.equals(shapely.Polygon(SQUARE))
    assert record.notes == ()


def test_an_open_track_is_no_area_and_the_distance_is_told(records_of):
    (record,) = records_of(gpx(track(*SQUARE)), "rt.gpx", "MultiPolygon")

    assert record.geometry is None
    assert "terpisah 111 m" in record.problem
    assert "kembali ke titik awal" in record.problem


def test_a_track_of_two_walks_becomes_an_area_of_two_parts(records_of):
    ring = track(*SQUARE, SQUARE[0])
    other = track(*((lon + 0.01, lat) for lon, lat in (*SQUARE, SQUARE[0])))
    both = ring.replace("</trk>", "") + other[other.index("<trkseg>") :]

    (record,) = records_of(gpx(both), "rt.gpx", "MultiPolygon")

    assert len(record.geometry.geoms) == 2


def test_a_route_and_a_track_are_lines(records_of):
    route = track(*SQUARE[:2]).replace("trkpt", "rtept").replace("trkseg>", "x>").replace("trk>", "rte>")
    route = route.replace("<x>", "").replace("</x>", "")

    found = records_of(gpx(route + track(*SQUARE[:3])), "jalan.gpx", "LineString")

    assert [wkt(record) for record in found] == [
        "LINESTRING (112 -7.8, 112.001 -7.8)",
        "LINESTRING (112 -7.8, 112.001 -7.8, 112.001 -7.799)",
    ]


def test_what_the_layer_has_no_use_for_is_left_out_and_told(opened):
    content = gpx(waypoint(-7.8, 112.0) + track(*SQUARE, SQUARE[0]))

    points, areas = opened(content, "a.gpx", "Point"), opened(content, "a.gpx", "Polygon")

    assert points.notes == ["1 jejak dilewati: lapisan itu berisi Point."]
    assert areas.notes == ["1 waypoint dilewati: lapisan itu berisi Polygon."]
    assert [record.number for record in points.records] == [1]


@pytest.mark.parametrize(
    ("lat", "told"),
    [("-7,8", "lat='-7,8'"), ("abc", "lat='abc'"), ("", "lat=''"), ("-7_8", "lat='-7_8'"), ("nan", "lat='nan'")],
)
def test_a_latitude_is_a_number_or_refused_never_the_beginning_of_one(records_of, lat, told):
    """GDAL reads -7,8 as -7 and abc as 0, without a word."""
    wrong, right = records_of(gpx(waypoint(lat, 112.0) + waypoint(-7.8, 112.0)), "titik.gpx")

    assert (wrong.geometry, told in wrong.problem) == (None, True)
    assert wkt(right) == "POINT (112 -7.8)"


def test_the_point_of_a_track_that_is_wrong_is_named(records_of):
    content = gpx(track(*SQUARE)).replace('lat="-7.799"', 'lat="-7,799"', 1)

    (record,) = records_of(content, "jejak.gpx", "LineString")

    assert record.problem.startswith("lat='-7,799' pada titik ke-3 bukan bilangan")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (gpx(track(*SQUARE)), "tidak ada waypoint di berkas ini (1 jejak)"),
        (gpx(""), "tidak ada waypoint di berkas ini (tanpa isi)"),
        ("<kml/>", "bukan GPX"),
        (gpx(waypoint(-7.8, 112.0)).replace("</wpt>", "\n</wp>"), "XML rusak di baris 2, kolom 3"),
        (gpx(waypoint(-7.8, 112.0))[:-4], "XML rusak"),
        (gpx(waypoint(-7.8, 112.0)).encode().replace(b"Melati", b"\n\xff"), "baris 2 memuat huruf yang bukan UTF-8"),
        (gpx(waypoint(-7.8, 112.0)).encode("utf-16")[:-30], "XML rusak"),
        (f'<?xml version="1.0" encoding="base64"?>{gpx(waypoint(-7.8, 112.0))}', "penyandian"),
    ],
    ids=["only tracks", "nothing", "not GPX", "wrong tag", "cut off", "not UTF-8", "cut off UTF-16", "odd encoding"],
)
def test_a_gpx_that_cannot_be_read_is_one_sentence(records_of, content, told):
    with pytest.raises(UnreadableFile, match=r"^titik\.gpx: ") as failure:
        records_of(content, "titik.gpx")

    assert told in str(failure.value)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE gpx [<!ENTITY b SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE gpx [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
        '<!DOCTYPE gpx SYSTEM "http://127.0.0.1:9/gpx.dtd">',
    ],
    ids=["bomb", "external entity", "parameter entity", "external DTD"],
)
def test_entities_are_refused_whatever_they_are(records_of, declaration):
    with pytest.raises(UnreadableFile, match="DOCTYPE atau entitas"):
        records_of(declaration + gpx(waypoint(-7.8, 112.0, "&b;")), "titik.gpx")


def test_xml_nested_very_deep_does_no_harm(records_of):
    content = gpx("<wpt lat='-7.8' lon='112'>" + "<a>" * 50_000 + "</a>" * 50_000 + "</wpt>")

    assert [wkt(record) for record in records_of(content, "titik.gpx")] == ["POINT (112 -7.8)"]


# GeoJSON

FEATURE = feature((112.0, -7.8), nama="Melati")
LINE = json.dumps(FEATURE)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (collection(FEATURE), "a.geojson"),
        (collection(FEATURE), "a.json"),
        (f"\N{BYTE ORDER MARK}{collection(FEATURE)}", "a.geojson"),
        (json.dumps(FEATURE), "a.geojson"),
        (json.dumps(FEATURE, indent=2), "a.geojson"),
        (f"{LINE}\n", "a.geojsonl"),
        (f"\x1e{LINE}\n", "a.geojsons"),
        (f"\x1e{json.dumps(FEATURE, indent=2)}\n", "a.seq"),
    ],
)
def test_a_feature_is_the_same_however_it_is_packed(records_of, content, name):
    (record,) = records_of(content, name)

    assert (record.number, wkt(record), record.properties) == (1, "POINT (112 -7.8)", {"nama": "Melati"})


def test_a_bare_geometry_is_a_feature_without_properties(records_of):
    (record,) = records_of(json.dumps(FEATURE["geometry"]), "a.geojson")

    assert (wkt(record), record.properties) == ("POINT (112 -7.8)", {})


@pytest.mark.parametrize("between", ["\n", "\r\n", " ", "\n\x1e", "\x1e"])
def test_features_follow_each_other_line_by_line(records_of, between):
    found = records_of(between.join([LINE] * 3), "a.geojsonl")

    assert [record.number for record in found] == [1, 2, 3]


def test_heights_and_measures_are_dropped(records_of):
    line = {"type": "LineString", "coordinates": [[112, -7, 66, 1], [112.1, -7]]}

    (record,) = records_of(collection(feature(line)), "a.geojson", "LineString")

    assert wkt(record) == "LINESTRING (112 -7, 112.1 -7)"


@pytest.mark.parametrize(
    ("crs", "epsg"),
    [
        ({"type": "name", "properties": {"name": "EPSG:3857"}}, 3857),
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32749"}}, 32749),
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, 4326),
        (None, 4326),
    ],
)
@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_crs_member_counts_wherever_it_stands(opened, crs, epsg, at_the_end):
    content = collection(FEATURE, crs=crs)
    if at_the_end:
        content = f'{collection(FEATURE)[:-1]}, "crs": {json.dumps(crs)}}}'

    assert opened(content, "a.geojson").crs.to_epsg() == epsg


@pytest.mark.parametrize("name", ["EPSG:99", "", 4326, None, ["EPSG:4326"], "\x00"])
def test_a_crs_that_is_not_known_is_not_taken_for_wgs84(opened, name):
    assert opened(collection(FEATURE, crs={"type": "name", "properties": {"name": name}}), "a.geojson").crs is None


@pytest.mark.parametrize(
    "member", ["null", "1", '"titik"', "[]", '{"type": "Topology"}', '{"type": ["Feature"]}', "{}"]
)
def test_a_member_that_is_no_feature_is_refused_by_its_number(records_of, member):
    """GDAL leaves it out, without a word."""
    content = f'{{"type": "FeatureCollection", "features": [{LINE}, {member}, {LINE}]}}'

    one, two, three = records_of(content, "a.geojson")

    assert (two.number, two.geometry) == (2, None)
    assert "Feature" in two.problem or "fitur" in two.problem
    assert wkt(one) == wkt(three) == "POINT (112 -7.8)"


@pytest.mark.parametrize(
    ("geometry", "told"),
    [
        ({"type": "Point", "coordinates": ["112", "-7.8"]}, "koordinat '112' bukan bilangan"),
        ({"type": "Point", "coordinates": [True, 1]}, "koordinat true bukan bilangan"),
        ({"type": "Point", "coordinates": [112, None]}, "koordinat null bukan bilangan"),
        ({"type": "Point", "coordinates": [112]}, "sebuah titik punya 1 bilangan"),
        ({"type": "Point", "coordinates": []}, "sebuah titik punya 0 bilangan"),
        ({"type": "Point", "coordinates": "112,-7.8"}, "di tempat sebuah daftar"),
        ({"type": "Point", "coordinates": [10**400, 1]}, "bukan bilangan terhingga"),
        ({"type": "Point"}, "coordinates memuat null"),
        ({"type": "Polygon", "coordinates": []}, "coordinates-nya kosong"),
        ({"type": "Polygon", "coordinates": [112, -7.8]}, "di tempat sebuah daftar"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, "cincin bidang terdiri atas 3 titik"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}, "tidak tertutup"),
        ({"type": "LineString", "coordinates": [[0, 0]]}, "garis perlu paling sedikit dua titik"),
        ({"type": "MultiLineString", "coordinates": [[[0, 0]]]}, "garis perlu paling sedikit dua titik"),
        ({"type": "GeometryCollection", "geometries": []}, "pisahkan"),
        ({"type": "Circle", "coordinates": [1, 2]}, "jenis geometrinya 'Circle'"),
        ({"type": {}, "coordinates": [1, 2]}, "jenis geometrinya {}"),
        ([112, -7.8], "jenis geometrinya null"),
    ],
)
def test_a_geometry_that_is_none_says_why(records_of, geometry, told):
    (record,) = records_of(collection(feature(geometry, nama="Melati")), "a.geojson")

    assert record.geometry is None
    assert told in record.problem
    assert record.properties == {"nama": "Melati"}


def test_a_feature_without_a_geometry_has_no_problem_of_its_own(records_of):
    (record,) = records_of(collection(feature(None)), "a.geojson")

    assert (record.geometry, record.problem) == (None, None)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_what_is_no_finite_number_spoils_its_own_record_only(records_of, number):
    wrong = LINE.replace("112.0", number)

    one, two = records_of(f'{{"type": "FeatureCollection", "features": [{wrong}, {LINE}]}}', "a.geojson")

    assert "bukan bilangan terhingga" in one.problem
    assert wkt(two) == "POINT (112 -7.8)"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f'{{"features": [{LINE},\n{LINE}\n{LINE}]}}', "JSON rusak di baris 3, kolom 1, setelah catatan nomor 2"),
        (f'{{"features": [{LINE}, {LINE[:-5]}', "setelah catatan nomor 1"),
        (f"{LINE}\n{LINE[:40]}\n", "setelah catatan nomor 1"),
        ('{"type": "FeatureCollection", "features": [}', "JSON rusak di baris 1, kolom 44, sebelum catatan pertama"),
        (f'{{"features": [{LINE}], }}', "setelah catatan nomor 1"),
        (f'{{"a": 1 "features": [{LINE}]}}', "JSON rusak di baris 1, kolom 9"),
        (f'{{1: 2, "features": [{LINE}]}}', "JSON rusak"),
        (f'{{"features": [{LINE.replace("Melati", "Mel" + chr(10) + "ati")}]}}', "JSON rusak"),
        (f'{{"features": [{LINE}]', "setelah catatan nomor 1"),
        ('{"type": "FeatureCollection", "features": []}', "tidak ada satu catatan pun"),
        ('{"type": "FeatureCollection", "features": {}}', "bukan GeoJSON"),
        (" \n ", "tidak ada satu catatan pun"),
        ("[1, 2]", "bukan GeoJSON"),
        ('{"type": "Topology", "objects": {}}', "bukan GeoJSON"),
        ('"x"', "bukan GeoJSON"),
        (collection(FEATURE).encode("utf-16"), "baris 1 memuat huruf yang bukan UTF-8"),
        (b'{"features": [\n' + LINE.encode().replace(b"Melati", b"Caf\xe9") + b"]}", "baris 2 memuat huruf"),
    ],
)
def test_json_that_cannot_be_read_is_one_sentence(records_of, content, told):
    with pytest.raises(UnreadableFile, match=r"^a\.geojson: ") as failure:
        records_of(content, "a.geojson")

    assert told in str(failure.value)


@pytest.mark.parametrize("where", ["top", "property", "coordinates", "type", "crs"])
def test_json_nested_a_hundred_thousand_deep_does_not_take_the_service_down(records_of, where):
    deep = "[" * 100_000 + "]" * 100_000
    content = {
        "top": deep,
        "property": LINE.replace('"Melati"', deep),
        "coordinates": LINE.replace("[112.0, -7.8]", deep),
        "type": LINE.replace('"Point"', deep),
        "crs": f'{{"crs": {deep}, "features": [{LINE}]}}',
    }[where]

    with pytest.raises(UnreadableFile, match=r"^a\.geojson: "):
        records_of(content, "a.geojson")


def test_a_number_of_thousands_of_digits_does_not_take_the_service_down(records_of):
    with pytest.raises(UnreadableFile, match="bilangan dengan ribuan angka"):
        records_of(collection(FEATURE).replace("112.0", "1" * 5_000), "a.geojson")


@pytest.mark.parametrize("block", [1, 2, 7, 64, 1000])
def test_where_the_file_is_cut_into_pieces_does_not_show(records_of, monkeypatch, block):
    monkeypatch.setattr("geosatu.readers.geojson.BLOCK", block)
    monkeypatch.setattr("geosatu.readers.records.BLOCK", block)
    features = [feature((112.0, -7.0), nama='Ibu \\ "é" \u0000😀', jumlah=-12.5e-3, ya=None), FEATURE]

    one, two = records_of(json.dumps(features, ensure_ascii=False).join(['{"features":', "}"]), "a.geojson")

    assert one.properties == features[0]["properties"]
    assert wkt(two) == "POINT (112 -7.8)"


# CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "header", ["nama,lintang,bujur", "NAMA,Latitude,Longitude", "nama, lat ,lng", "\ufeffnama,lat,lon"]
)
def test_a_row_with_latitude_and_longitude_is_a_point(records_of, header, delimiter):
    content = f"{header}\nMelati,-7.8,112\n".replace(",", delimiter)

    (record,) = records_of(content, "titik.csv")

    assert (record.number, wkt(record)) == (1, "POINT (112 -7.8)")
    assert [value for name, value in record.properties.items() if name.lower() == "nama"] == ["Melati"]


def test_cells_may_hold_delimiters_quotes_and_lines(records_of):
    (record,) = records_of('nama,lintang,bujur\n"Jl. ""A"", no. 1\nRT 2",-7.8,112\n', "titik.csv")

    assert record.properties == {"nama": 'Jl. "A", no. 1\nRT 2'}


def test_blank_rows_are_no_records_and_do_not_shift_the_numbers(records_of):
    found = records_of("nama,lintang,bujur\n\nA,-7.8,112\n,,\nB,-7.8,112\n", "titik.csv")

    assert [(record.number, record.properties["nama"]) for record in found] == [(2, "A"), (4, "B")]


@pytest.mark.parametrize("lat", ["-7,8", "7°48' LS", "", "S7.8", "-7.8, 112.0"])
def test_a_coordinate_in_a_table_is_a_plain_number_or_refused(records_of, lat):
    (record,) = records_of(f'nama,lintang,bujur\nA,"{lat}",112\n', "titik.csv")

    assert record.problem == f"lintang={lat!r} bukan derajat desimal; tulis misalnya -7.8228"


def test_a_row_with_more_cells_than_the_header_is_refused_not_shifted(records_of):
    (record,) = records_of("nama,lintang,bujur\nJl. A, no. 1,-7.8,112\n", "titik.csv")

    assert record.problem == "memuat 4 sel, padahal kolomnya 3; beri tanda kutip pada sel yang berkoma"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("nama,x,y\nA,112,-7.8\n", "tidak ada kolom Lintang dan Bujur; kolomnya: 'nama', 'x', 'y'"),
        ("nama,lintang,bujur\n", "tidak ada satu catatan pun"),
        ('nama,lintang,bujur\n"A,-7.8,112\n', "tabelnya rusak di baris"),
        (f"nama,lintang,bujur\n{'A' * 200_000},-7.8,112\n", "tabelnya rusak di baris 2"),
        ("nama,nama,lintang,bujur\nA,B,-7.8,112\n", "kolom 'nama' ada lebih dari satu"),
        ("nama,lintang,bujur\nCafé,-7.8,112\n".encode("cp1252"), "baris 2 memuat huruf yang bukan UTF-8"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_sentence(records_of, content, told):
    with pytest.raises(UnreadableFile, match=r"^titik\.csv: ") as failure:
        records_of(content, "titik.csv")

    assert told in str(failure.value)


def test_a_table_has_no_areas(opened):
    with pytest.raises(UnreadableFile, match="CSV hanya dapat memuat titik"):
        opened("nama,lintang,bujur\nA,-7.8,112\n", "rt.csv", "MultiPolygon")


# GeoPackage, FlatGeobuf, Shapefile

DRIVERS = {"GPKG": ".gpkg", "FlatGeobuf": ".fgb", "ESRI Shapefile": ".shp"}


def written(file: Path, driver: str, *, crs: str | None = "EPSG:32749", layer: str | None = None) -> Path:
    schema = {"geometry": "Polygon", "properties": {"nama": "str", "jumlah": "int"}}
    with fiona.open(file, "w", driver=driver, schema=schema, crs=crs, layer=layer or file.stem) as out:
        for number in range(3):
            shape = shapely.geometry.mapping(box(610_000, 9_135_000, 610_100 + number, 9_135_100))
            out.write({"geometry": shape, "properties": {"nama": f"Petak {number} é", "jumlah": number}})
    return file


def zipped(file: Path, folder: str = "") -> Path:
    archive = file.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as out:
        for part in sorted(file.parent.glob(f"{file.stem}.*")):
            if part != archive:
                out.write(part, folder + part.name)
    return archive


@pytest.mark.parametrize("driver", DRIVERS)
def test_typed_formats_bring_their_features_and_their_crs(tmp_path, driver):
    source = read(written(tmp_path / f"petak{DRIVERS[driver]}", driver), "Polygon", LIMIT)

    found = list(source.records)

    assert source.crs.to_epsg() == 32749
    assert sorted(record.properties["nama"] for record in found) == ["Petak 0 é", "Petak 1 é", "Petak 2 é"]
    assert sorted(record.geometry.area for record in found) == [10_000, 10_100, 10_200]


@pytest.mark.parametrize("folder", ["", "data/shp/"])
@pytest.mark.parametrize("name", ["petak.shp", "petak tanah!?#.shp"])
def test_a_zipped_shapefile_is_found_in_its_folder(tmp_path, folder, name):
    archive = zipped(written(tmp_path / name, "ESRI Shapefile"), folder)

    source = read(archive, "Polygon", LIMIT)

    assert source.crs.to_epsg() == 32749
    assert len(list(source.records)) == 3


def test_a_shapefile_without_prj_does_not_say_what_its_numbers_mean(tmp_path):
    assert read(written(tmp_path / "petak.shp", "ESRI Shapefile", crs=None), "Polygon", LIMIT).crs is None


def test_two_layers_in_a_file_are_one_too_many_but_tables_do_not_count(tmp_path):
    file = written(tmp_path / "kota.gpkg", "GPKG")
    schema = {"geometry": "None", "properties": {"style": "str"}}
    with fiona.open(file, "w", driver="GPKG", schema=schema, layer="layer_styles") as out:
        out.write({"geometry": None, "properties": {"style": "x"}})

    assert len(list(read(file, "Polygon", LIMIT).records)) == 3

    written(file, "GPKG", layer="lain")
    with pytest.raises(UnreadableFile, match=r"memuat 2 lapisan bergeometri \(kota, lain\)"):
        read(file, "Polygon", LIMIT)


VRT = b'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/hostname</SrcDataSource></OGRVRTLayer>'


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".shp"])
@pytest.mark.parametrize(
    "content", [VRT, b"<html>", b"PK", b"\x00" * 200, b'{"type":"FeatureCollection","features":[]}']
)
def test_a_typed_file_is_what_its_name_says(opened, suffix, content):
    with pytest.raises(UnreadableFile, match="isinya bukan"):
        opened(content, f"a{suffix}")


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("kept", [16, 60, 200, 0.5, 0.9])
def test_a_typed_file_that_is_cut_off_ends_in_one_sentence_or_in_fewer_records(tmp_path, driver, kept):
    file = written(tmp_path / f"petak{DRIVERS[driver]}", driver)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept) if kept < 1 else kept])

    with contextlib.suppress(UnreadableFile):
        assert len(list(read(file, "Polygon", LIMIT).records)) <= 3


def test_a_zip_needs_one_map_file_in_it(tmp_path, opened):
    empty = tmp_path / "kosong.zip"
    with zipfile.ZipFile(empty, "w") as out:
        out.writestr("baca.txt", "tidak ada peta")

    with pytest.raises(UnreadableFile, match=r"memuat 0 berkas \.shp"):
        read(empty, "Point", LIMIT)
    with pytest.raises(UnreadableFile, match="ZIP ini rusak"):
        opened(b"PK\x03\x04 bukan zip", "rusak.zip")


def test_a_zip_counts_as_large_as_it_unpacks(tmp_path):
    bomb = tmp_path / "bom.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("peta.shp", b"\x00" * 2_000_000)

    assert bomb.stat().st_size < 10_000
    with pytest.raises(UnreadableFile, match="besarnya 2 MB, batasnya 1 MB"):
        read(bomb, "Point", 1_000_000)


# Every file


@pytest.mark.parametrize("suffix", READERS)
def test_an_empty_file_is_told_as_such(opened, suffix):
    with pytest.raises(UnreadableFile, match="berkas ini kosong; simpan atau kirim ulang"):
        opened(b"", f"a{suffix}")


@pytest.mark.parametrize("suffix", READERS)
def test_a_missing_file_a_folder_and_a_large_file_are_refused(tmp_path, suffix):
    missing, folder, large = (tmp_path / f"{name}{suffix}" for name in ("hilang", "folder", "besar"))
    folder.mkdir()
    large.write_bytes(b"x" * 2_000_000)

    with pytest.raises(UnreadableFile, match=r"berkas ini tidak ada; periksa"):
        read(missing, "Point", LIMIT)
    with pytest.raises(UnreadableFile, match="bukan berkas, melainkan folder"):
        read(folder, "Point", LIMIT)
    with pytest.raises(UnreadableFile, match=r"besarnya 2 MB, batasnya 1 MB .*Bagi menjadi beberapa berkas"):
        read(large, "Point", 1_000_000)


@pytest.mark.parametrize(("name", "kind"), [("peta.dwg", ".dwg"), ("peta", "tanpa akhiran"), ("a.GEOJSON", None)])
def test_only_known_kinds_of_files_are_opened(opened, name, kind):
    if kind is None:
        assert len(list(opened(collection(FEATURE), name).records)) == 1
        return
    with pytest.raises(UnreadableFile, match=f"jenis berkas {kind} belum dapat dibaca. Yang dapat: .csv, "):
        opened("x", name)


PACKED = {
    "a.geojson": lambda points: collection(*(feature(point, nama="Melati") for point in points)),
    "a.geojsonl": lambda points: "\n".join(json.dumps(feature(point, nama="Melati")) for point in points),
    "a.gpx": lambda points: gpx("".join(waypoint(lat, lon) for lon, lat in points)),
    "a.csv": lambda points: "nama,bujur,lintang\n" + "".join(f"Melati,{lon},{lat}\n" for lon, lat in points),
}


@pytest.mark.parametrize("name", PACKED)
def test_records_come_one_by_one_however_many_there_are(opened, monkeypatch, name):
    monkeypatch.setattr("geosatu.readers.geojson.BLOCK", 10_000)
    monkeypatch.setattr("geosatu.readers.records.BLOCK", 10_000)
    content = PACKED[name]([(112 + number * 1e-6, -7.8) for number in range(2_000)])
    tracemalloc.start()

    count = sum(1 for _ in opened(content, name).records)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 2_000
    assert peak < 2 * len(content) + 100_000  # of which the test itself holds the content once, as bytes


def test_what_a_file_says_is_quoted_in_at_most_a_line():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    assert records.shown("a" * 1_000_000) == f"'{'a' * 27}...{'a' * 28}'"
    assert records.shown(deep) == "[[[...]]]"
    assert [records.shown(value) for value in (None, True, 1.5, "é", "\ud800")] == [
        "null", "true", "1.5", "'é'", r"'\ud800'",
    ]  # fmt: skip
