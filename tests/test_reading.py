"""Reading beyond the first page: order, fields, CRS, tiles, files and caching."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import fiona
import numpy
import pyarrow.parquet
import pyproj
import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, text

from geosatu.crs import parse_crs
from geosatu.features import OPERATOR, Box, Query
from geosatu.layers import Catalogue
from geosatu.settings import Settings
from geosatu.store import read
from geosatu.store.revisions import Revisions

OGC = "/ogc/collections"
UTM = "http://www.opengis.net/def/crs/EPSG/0/32749"


def features(client: TestClient, layer: str, **parameters: str) -> list[dict]:  # type: ignore[type-arg]
    answer = client.get(f"{OGC}/{layer}/items", params={"limit": "1000", **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()["features"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("limit", [1, 37, 306, 307, 1000])
@pytest.mark.parametrize(
    "sortby",
    [None, "nama", "-nama", "strata,-jumlah_kader", "jadwal_tanggal", "-jadwal_tanggal", "-tanggal_data,jam_buka"],
)
def test_pages_in_any_order_visit_every_feature_once(client: TestClient, sortby: str | None, limit: int) -> None:
    if limit == 1 and sortby not in (None, "jadwal_tanggal"):
        pytest.skip("one by one is tried in two orders only")
    parameters = {"limit": str(limit), "properties": "nama,strata,jumlah_kader,jadwal_tanggal,tanggal_data"}
    address: str | None = f"{OGC}/posyandu/items"
    first = {**parameters, **({"sortby": sortby} if sortby else {})}
    seen: list[int] = []
    values = []
    page = client.get(address, params=first).json()
    while True:
        assert page["numberMatched"] == 307
        assert page["numberReturned"] == len(page["features"]) <= limit
        seen += [each["id"] for each in page["features"]]
        values += [each["properties"] for each in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        if address is None:
            break
        page = client.get(address).json()

    assert len(seen) == len(set(seen)) == 307
    if sortby in ("nama", "-nama"):
        names = [each["nama"] for each in values]
        assert names == sorted(names, reverse=sortby.startswith("-"))
    if sortby in ("jadwal_tanggal", "-jadwal_tanggal"):
        known = [each["jadwal_tanggal"] for each in values if each["jadwal_tanggal"] is not None]
        assert known == sorted(known, reverse=sortby.startswith("-"))
        assert all(each["jadwal_tanggal"] is None for each in values[len(known) :])


def test_only_the_fields_that_are_asked_for_come(client: TestClient) -> None:
    (one,) = features(client, "posyandu", properties="nama,strata", skipGeometry="true", limit="1")

    assert one["geometry"] is None
    assert list(one["properties"]) == ["nama", "strata"]


@pytest.mark.parametrize("code", [4326, 3857, 32749, 9489, 9470, 23836])
def test_coordinates_come_in_the_axis_order_of_their_authority(client: TestClient, code: int) -> None:
    (plain,) = features(client, "kantor_kelurahan", limit="1")
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{code}"

    answer = client.get(f"{OGC}/kantor_kelurahan/items", params={"limit": "1", "crs": uri})

    assert answer.headers["content-crs"] == f"<{uri}>"
    wanted = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{code}").transform(*plain["geometry"]["coordinates"])
    # SRGI2013 equals WGS 84 to a metre; DGN95 too.
    near = {9489: 2, 23836: 2, 9470: 2e-5, 4326: 1e-7}.get(code, 0.01)
    assert answer.json()["features"][0]["geometry"]["coordinates"] == pytest.approx(wanted, abs=near)


def test_a_box_in_metres_finds_what_lies_in_it(client: TestClient) -> None:
    box = shapely.box(611000, 9134000, 613000, 9136000)
    to_metres = pyproj.Transformer.from_crs("OGC:CRS84", 32749).transform
    wanted = [
        each["id"]
        for each in features(client, "pos_kamling")
        if box.intersects(shapely.Point(to_metres(*each["geometry"]["coordinates"])))
    ]

    inside = features(client, "pos_kamling", bbox="611000,9134000,613000,9136000", **{"bbox-crs": UTM})

    assert [each["id"] for each in inside] == wanted
    assert wanted


@pytest.mark.parametrize("address", [f"{OGC}/pos_kamling/items", OGC, "/wfs?service=WFS&request=GetCapabilities"])
def test_who_refuses_gzip_gets_none(client: TestClient, address: str) -> None:
    encodings = {"gzip": "gzip", "gzip;q=0.5": "gzip", "br, gzip ; q=0": None, "gzip;q=0.000, br": None, "br": None}
    for said, encoding in encodings.items():
        answer = client.get(address, headers={"Accept-Encoding": said})
        assert answer.headers.get("content-encoding") == encoding, said
        assert "Accept-Encoding" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("2026-06-01/..", lambda day: day >= "2026-06-01"),
        ("../2026-06-01", lambda day: day <= "2026-06-01"),
        ("0000-01-01T00:00:00Z/2026-06-01T00:00:00Z", lambda day: day <= "2026-06-01"),
        ("2026-06-01T00:00:00Z/9999-12-31T00:00:00Z", lambda day: day >= "2026-06-01"),
        ("2026-02-01/2026-02-28", lambda day: "2026-02-01" <= day <= "2026-02-28"),
    ],
)
def test_time_is_asked_by_the_date_of_the_data(client: TestClient, said: str, fits: object) -> None:
    every = features(client, "posyandu")

    wanted = [each["id"] for each in every if fits(each["properties"]["tanggal_data"])]  # type: ignore[operator]

    assert [each["id"] for each in features(client, "posyandu", datetime=said)] == wanted


BAD = [
    "bogus=1",
    "limit=0",
    "limit=-1",
    "limit=1.5",
    "limit=99999999999999999999999",
    "after=x",
    "after=-1",
    "sortby=nama&after=5",
    "sortby=nama&after=bnVsbA",
    "sortby=layanan",
    "sortby=hp_ketua",
    "sortby=nama,strata,jenis,rw,rt",
    "properties=hp_ketua",
    "properties=tidak_ada",
    "skipGeometry=ya",
    "crs=EPSG:1",
    "crs=http://www.opengis.net/def/crs/EPSG/0/27700",
    "bbox=1,2,3",
    "bbox=NaN,1,2,3",
    "bbox=0,0,1,1&bbox-crs=zonk",
    "bbox=5,5,1,1&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/32749",
    "datetime=kemarin",
    "datetime=../..",
    "datetime=2026-08-17/2026-01-01",
    "datetime=2026-99-99",
    "filter-lang=sql&filter=1",
    "jumlah_kader=banyak",
    "f=xml",
    "limit=1&limit=2",
    "nama=%00",
    "nama=%ff",
    "hp_ketua=0800",
    "keterangan=x",
]


@pytest.mark.parametrize("query", BAD)
def test_a_bad_parameter_is_a_400_with_its_reason(client: TestClient, query: str) -> None:
    answer = client.get(f"{OGC}/posyandu/items?{query}")

    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["title"]) > 10


def test_properties_are_parameters(client: TestClient) -> None:
    every = features(client, "posyandu")

    assert features(client, "posyandu", strata="mandiri") == [
        each for each in every if each["properties"]["strata"] == "mandiri"
    ]
    assert features(client, "posyandu", layanan="sosial", jumlah_kader="7") == [
        each for each in every if "sosial" in each["properties"]["layanan"] and each["properties"]["jumlah_kader"] == 7
    ]


def test_an_unchanged_layer_is_not_sent_again(client: TestClient, demo_city: Engine) -> None:
    address = f"{OGC}/kwt/items"
    tag = client.get(address).headers["etag"]

    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/files/kwt.geojson", headers={"If-None-Match": tag}).status_code == 304

    with demo_city.begin() as conn:
        conn.execute(text("UPDATE layer.kwt SET keterangan = 'baru' WHERE id = (SELECT min(id) FROM layer.kwt)"))
    for _ in range(100):
        answer = client.get(address, headers={"If-None-Match": tag})
        if answer.status_code == 200:
            break
        time.sleep(0.05)
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag


@pytest.mark.parametrize("layer", ["posyandu", "batas_rt", "titik_rt", "lahan_tidur", "zona_sampah"])
def test_a_tile_holds_what_lies_in_it(client: TestClient, layer: str) -> None:
    answer = client.get(f"{OGC}/{layer}/tiles/WebMercatorQuad/13/4274/6644")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert layer.encode() in answer.content
    assert b"0800-000" not in answer.content  # telephone numbers


def test_a_tile_is_a_tile_for_a_browser_too(client: TestClient) -> None:
    answer = client.get(f"{OGC}/posyandu/tiles/WebMercatorQuad/13/4274/6644", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.mapbox-vector-tile")


@pytest.mark.parametrize("place", ["13/99999/1", "13/1/99999", "99/1/1", "1/2/0", "99999999999/1/1"])
def test_a_tile_outside_the_world_is_not_there(client: TestClient, place: str) -> None:
    assert client.get(f"{OGC}/posyandu/tiles/WebMercatorQuad/{place}").status_code == 404


def test_a_tile_far_away_is_empty(client: TestClient) -> None:
    answer = client.get(f"{OGC}/posyandu/tiles/WebMercatorQuad/13/0/0")

    assert (answer.status_code, answer.content) == (200, b"")


def test_schemas_tell_fields_titles_and_roles(client: TestClient, catalogue: Catalogue) -> None:
    for layer in catalogue:
        schema = client.get(f"{OGC}/{layer.name}/schema").json()["properties"]
        asked = client.get(f"{OGC}/{layer.name}/queryables").json()["properties"]
        public = {field.name for field in layer.readable("publik")}
        hidden = set(layer.fields) - public

        assert public <= set(schema)
        assert public <= set(asked)
        assert not hidden & (set(schema) | set(asked))
        assert schema["geometry"]["x-ogc-role"] == "primary-geometry"
        assert schema["id"]["x-ogc-role"] == "id"
        order = [each["x-ogc-propertySeq"] for each in schema.values()]
        assert len(set(order)) == len(order)


# --- Files ------------------------------------------------------------------------------------------------


def download(client: TestClient, name: str, folder: Path, **parameters: str) -> Path:
    answer = client.get(f"/files/{name}", params=parameters)
    assert answer.status_code == 200, answer.text
    file = folder / name
    file.write_bytes(answer.content)
    return file


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "shp.zip", "geojson"])
@pytest.mark.parametrize("layer", ["posyandu", "batas_kelurahan"])
def test_files_hold_every_feature_where_it_is(client: TestClient, tmp_path: Path, layer: str, suffix: str) -> None:
    every = {each["id"]: shapely.geometry.shape(each["geometry"]) for each in features(client, layer)}

    file = download(client, f"{layer}.{suffix}", tmp_path)

    path = f"zip://{file}" if suffix == "shp.zip" else str(file)
    with fiona.open(path, **({"layer": layer} if suffix == "gpkg" else {})) as source:
        shapes = [shapely.geometry.shape(each.geometry) for each in source]
        assert source.crs.to_epsg() == 4326
    assert len(shapes) == len(every)
    # FlatGeobuf orders features by place.
    middles = [sorted((shape.centroid.x, shape.centroid.y) for shape in some) for some in (shapes, every.values())]
    assert numpy.allclose(middles[0], middles[1], rtol=0, atol=1e-7)


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "shp.zip"])
def test_a_file_comes_in_the_crs_that_is_asked_for(client: TestClient, tmp_path: Path, suffix: str) -> None:
    file = download(client, f"kantor_kelurahan.{suffix}", tmp_path, crs=UTM)

    path = f"zip://{file}" if suffix == "shp.zip" else str(file)
    with fiona.open(path, **({"layer": "kantor_kelurahan"} if suffix == "gpkg" else {})) as source:
        assert source.crs.to_epsg() == 32749
        west, south, east, north = source.bounds
    assert 600_000 < west < east < 630_000
    assert 9_120_000 < south < north < 9_150_000


def test_a_geopackage_explains_and_styles_itself(client: TestClient, tmp_path: Path) -> None:
    file = download(client, "posyandu.gpkg", tmp_path)

    with sqlite3.connect(file) as db:
        words = dict(db.execute("SELECT kolom, judul FROM kamus_data"))
        ((style,),) = db.execute("SELECT styleQML FROM layer_styles WHERE f_table_name = 'posyandu'")
        told = " ".join(row[0] for row in db.execute("SELECT metadata FROM gpkg_metadata"))
    assert words["puskesmas_pembina"] == "Puskesmas pembina"
    assert style.startswith("<!DOCTYPE qgis")
    assert "CC-BY-4.0" in told


def test_a_city_fits_in_one_geopackage(client: TestClient, tmp_path: Path, catalogue: Catalogue) -> None:
    file = download(client, "kota.gpkg", tmp_path)

    assert {layer.name for layer in catalogue} <= set(fiona.listlayers(file))
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM qgis_projects").fetchone() == (1,)


def test_csv_reads_in_a_spreadsheet_and_calculates_nothing(client: TestClient, demo_city: Engine) -> None:
    with demo_city.begin() as conn:
        conn.execute(text("UPDATE layer.kwt SET nama = '=1+1' WHERE id = (SELECT min(id) FROM layer.kwt)"))
    try:
        said = client.get("/files/kwt.csv").content
        book = client.get("/files/kwt.xlsx").content
    finally:
        with demo_city.begin() as conn:
            conn.execute(text("UPDATE layer.kwt SET nama = 'KWT' WHERE id = (SELECT min(id) FROM layer.kwt)"))

    rows = list(csv.DictReader(io.StringIO(said.decode("utf-8-sig"))))
    assert rows[0]["nama"] == "'=1+1"
    assert -7.91 < float(rows[0]["lintang"]) < -7.75
    assert 111.9 < float(rows[0]["bujur"]) < 112.1
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet


def test_geoparquet_carries_its_crs(client: TestClient, tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(download(client, "batas_kelurahan.parquet", tmp_path))

    geo = json.loads(table.schema.metadata[b"geo"])
    assert geo["columns"]["geom"]["crs"]["id"] == {"authority": "EPSG", "code": 4326}
    assert shapely.from_wkb(table["geom"][0].as_py()).geom_type == "MultiPolygon"
    assert table.num_rows == 46


def test_gpx_and_kml_name_their_points(client: TestClient) -> None:
    gpx = ElementTree.fromstring(client.get("/files/posyandu.gpx").content)
    kml = ElementTree.fromstring(client.get("/files/posyandu.kml").content)

    assert len(gpx.findall("{*}wpt/{*}name")) == 307
    assert len([each for each in kml.iter() if each.tag.endswith("}Placemark")]) == 307


@pytest.mark.parametrize("name", ["kota.qgz", "kota.gpkg", "posyandu.qlr"])
def test_what_cannot_be_filtered_takes_no_parameter(client: TestClient, name: str) -> None:
    answer = client.get(f"/files/{name}?bbox=1")

    assert answer.status_code == 400
    known = "yang ada: pada" if name == "kota.gpkg" else "alamat ini tidak punya parameter"
    assert answer.json()["title"] == f"Parameter 'bbox' tidak dikenal; {known}."


def test_a_file_can_be_filtered(client: TestClient) -> None:
    lines = client.get("/files/posyandu.geojsonl", params={"strata": "mandiri"}).text.strip().split("\n")

    assert {json.loads(line)["properties"]["strata"] for line in lines} == {"mandiri"}


@pytest.mark.parametrize("name", ["posyandu.exe", "nope.gpkg", "posyandu", "batas_rt.gpx", "../etc/passwd", "%00.csv"])
def test_a_file_that_is_not_offered_is_not_there(client: TestClient, name: str) -> None:
    assert client.get(f"/files/{name}").status_code == 404


@pytest.mark.parametrize("name", ["kota.qgz", "kota.gpkg", "kwt.gpkg"])
def test_a_file_that_would_be_the_same_is_not_sent_again(client: TestClient, name: str) -> None:
    tag = client.get(f"/files/{name}").headers["etag"]

    assert client.get(f"/files/{name}", headers={"If-None-Match": tag}).status_code == 304


def test_no_file_is_kept_while_it_is_not_known_whether_the_layer_changes(
    client: TestClient, demo_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = sorted((demo_settings.home / "files").glob("*"))
    monkeypatch.setattr(Revisions, "of_all", lambda *_: None)

    assert client.get("/files/kwt.fgb").status_code == 200
    assert sorted((demo_settings.home / "files").glob("*")) == kept


@pytest.mark.parametrize("suffix", ["csv", "kml", "gpkg"])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"filter": "jumlah_kader^1000000 = 1"}, "Sebuah nilai dalam permintaan ini di luar jangkauan"),
        ({"bbox": "0,0,99999999,99999999", "bbox-crs": "EPSG:23836"}, "Koordinat dalam permintaan ini di luar"),
        ({"offset": "1"}, "yang ada: bbox, bbox-crs, crs, datetime, filter, filter-lang, filter-crs, pada, dan field"),
    ],
)
def test_what_a_file_cannot_be_asked_is_told_whoever_writes_it(
    client: TestClient, suffix: str, asked: dict[str, str], said: str
) -> None:
    answer = client.get(f"/files/posyandu.{suffix}", params=asked)

    assert answer.status_code == 400
    assert said in answer.json()["title"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=0-99", 206),
        ("bytes=-5, 0-9", 206),
        ("bytes=999999999-", 416),
        *((said, 200) for said in ("bytes=5-1", "bytes=a-b", "bytes=", "items=0-1", "bytes=0-" + "9" * 5000)),
    ],
)
def test_a_range_of_a_file_that_means_nothing_is_ignored(client: TestClient, asked: str, status: int) -> None:
    assert client.get("/files/posyandu.gpkg", headers={"Range": asked}).status_code == status


def test_personal_data_are_in_no_file(client: TestClient, catalogue: Catalogue) -> None:
    for layer in catalogue:
        hidden = [field.name for field in layer.fields.values() if field.access != "publik"]
        for suffix in ("geojson", "csv"):
            said = client.get(f"/files/{layer.name}.{suffix}").text
            assert not [name for name in hidden if f'"{name}":' in said or f",{name}," in said.split("\n")[0]]


@pytest.mark.parametrize(("north", "inside"), [(1.0, True), (-1.0, False)])
def test_a_wide_box_is_as_straight_as_its_own_system_has_it(
    conn: Connection, catalogue: Catalogue, north: float, inside: bool
) -> None:
    # In the middle of a southern edge of 80 km, where it runs 20 m from the line between its ends in degrees.
    conn.execute(
        text(
            "INSERT INTO layer.kwt (nama, status, created_by, updated_by, geom) "
            "VALUES ('Tengah', 'terbit', 'uji', 'uji',"
            " ST_Transform(ST_Point(610000, :north, 32749), 4326))"
        ),
        {"north": 9130000 + north},
    )
    box = Query(box=Box(570000, 9130000, 650000, 9140000), box_crs=parse_crs("EPSG:32749", "bbox-crs"))

    assert read.count(conn, catalogue["kwt"], box, OPERATOR) == inside
