"""Bad input: one sentence in Indonesian that names the file or the record and the remedy, and nothing is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from importing import BARAT, IN_BARAT, IN_TIMUR, POSYANDU, Town, collection, feature, gpx, track, waypoint
from shapely.geometry import box, mapping

from geosatu.errors import GeosatuError, UnreadableFile
from geosatu.layers import Catalogue

GOOD = feature(IN_TIMUR, **POSYANDU | {"nama": "Mawar"})
PLOT = box(112.001, -7.799, 112.002, -7.798)
BOWTIE = {"type": "Polygon", "coordinates": [[[112, -7.8], [112.01, -7.79], [112.01, -7.8], [112, -7.79], [112, -7.8]]]}
OPEN_RING = {"type": "Polygon", "coordinates": mapping(PLOT)["coordinates"][0][:-1]}
OPEN_RING["coordinates"] = [OPEN_RING["coordinates"]]
BOMB = '<!DOCTYPE gpx [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
THIEF = '<!DOCTYPE gpx [<!ENTITY b SYSTEM "file:///etc/passwd">]>'


@pytest.fixture
def town(conn, catalogue: Catalogue, tmp_path: Path) -> Town:
    return Town(conn, catalogue, tmp_path).with_boundaries()


def is_a_sentence(said: str) -> bool:
    """One line of reasonable length that ends, without the words of a machine."""
    foreign = r"Traceback|Error|Exception|None|NoneType|error|invalid|expected|<class|object at"
    return bool(re.fullmatch(r"[^\n]{20,400}\.", said)) and not re.search(foreign, said)


FILES = {
    "broken XML": ("a.gpx", gpx(waypoint(-7.795, 112.005)).replace("</wpt>", "\n</wp>"), "XML rusak di baris 2"),
    "cut off XML": ("a.gpx", gpx(waypoint(-7.795, 112.005))[:-3], "XML rusak di baris 1"),
    "entity bomb": ("a.gpx", BOMB + gpx(waypoint(-7.795, 112.005, "&b;")), "DOCTYPE atau entitas"),
    "external entity": ("a.gpx", THIEF + gpx(waypoint(-7.795, 112.005, "&b;")), "DOCTYPE atau entitas"),
    "GPX without waypoints": ("a.gpx", gpx(track((112, -7.8), (112.1, -7.8))), "tidak ada waypoint di berkas ini"),
    "GPX that is something else": ("a.gpx", "<html></html>", "ini bukan GPX"),
    "GPX not in UTF-8": ("a.gpx", gpx(waypoint(-7.795, 112.005, "Caf\xe9")).encode("latin-1"), "yang bukan UTF-8"),
    "broken JSON": ("a.geojson", collection(GOOD, GOOD)[:-9], "JSON rusak di baris 1, kolom"),
    "deeply nested JSON": ("a.geojson", collection(GOOD).replace('"Mawar"', "[" * 99_999), "terlalu dalam"),
    "JSON that is something else": ("a.json", '{"nama": "Melati"}', "ini bukan GeoJSON"),
    "no feature": ("a.geojson", collection(), "tidak ada satu catatan pun"),
    "JSON not in UTF-8": ("a.geojson", collection(GOOD).encode("utf-16"), "baris 1 memuat huruf yang bukan UTF-8"),
    "unknown CRS": ("a.geojson", collection(GOOD, crs={"properties": {"name": "EPSG:1"}}), "sebutkan dengan --crs"),
    "broken table": ("a.csv", 'nama,lintang,bujur\n"Melati,-7.795,112.005\n', "tabelnya rusak di baris"),
    "table without coordinates": ("a.csv", "nama\nMelati\n", "tidak ada kolom Lintang dan Bujur"),
    "table without rows": ("a.csv", "nama,lintang,bujur\n", "tidak ada satu catatan pun"),
    "empty": ("a.gpx", "", "berkas ini kosong"),
    "unknown kind": ("a.dwg", "AC1032", "jenis berkas .dwg belum dapat dibaca"),
    "false GeoPackage": ("a.gpkg", "SQLite format 3\x00", "rusak atau tidak lengkap"),
    "false ZIP": ("a.zip", "PK", "ZIP ini rusak"),
    "too large": ("a.csv", "nama,lintang,bujur\n" + "x" * 60_000_000, "besarnya 60 MB, batasnya 50 MB"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(town: Town, case):
    name, content, told = FILES[case]
    before = town.trace("posyandu")

    with pytest.raises(UnreadableFile) as failure:
        town.bring("posyandu", content, name)

    assert str(failure.value).startswith(f"{name}: ")
    assert told in str(failure.value)
    assert is_a_sentence(str(failure.value))
    assert town.trace("posyandu") == before


@pytest.mark.parametrize(("name", "told"), [("hilang.gpx", "berkas ini tidak ada"), ("folder.gpx", "melainkan folder")])
def test_what_is_no_file_is_refused_in_one_sentence(town: Town, name, told):
    (town.folder / "folder.gpx").mkdir()

    with pytest.raises(UnreadableFile, match=told) as failure:
        town.bring("posyandu", town.folder / name)

    assert str(town.folder / name) in str(failure.value)


RECORDS = {
    # what is wrong: (layer, geometry, properties, what is told)
    "no geometry": ("posyandu", None, {}, "tidak bergeometri; tambahkan letaknya."),
    "empty geometry": ("posyandu", {"type": "MultiPoint", "coordinates": []}, {}, "coordinates-nya kosong"),
    "NaN": ("posyandu", (float("nan"), -7.8), {}, "koordinat nan bukan bilangan terhingga"),
    "huge number": ("posyandu", (1e300, -7.8), {}, "bukan derajat"),
    "number of 400 digits": ("posyandu", (10**400, -7.8), {}, "bukan bilangan terhingga"),
    "latitude 91": ("posyandu", (112.0, 91), {}, "lintang 91, bujur 112 bukan derajat"),
    "swapped": ("posyandu", (-7.795, 112.005), {}, "lintang dan bujur tampaknya tertukar"),
    "wrong sign": ("posyandu", (112.005, 7.8228), {}, "tanda lintang tampaknya terbalik"),
    "text for a number": ("posyandu", ("112.005", "-7,8"), {}, "koordinat '112.005' bukan bilangan"),
    "nought": ("posyandu", (0, 0), {}, "tanda koordinat belum diisi"),
    "another country": ("posyandu", (2.35, 48.85), {}, "terletak di luar Indonesia"),
    "metres": ("posyandu", (611575, 9135158), {}, "sebutkan sistemnya dengan --crs"),
    "area for a point": ("posyandu", PLOT, {}, "berupa bidang, padahal lapisan ini berisi titik"),
    "point for an area": ("lahan_tidur", IN_BARAT, {}, "berupa titik, padahal lapisan ini berisi kumpulan bidang"),
    "self-crossing": ("lahan_tidur", BOWTIE, {}, "tidak sah: garis batasnya saling memotong; perbaiki gambarnya."),
    "unclosed ring": ("lahan_tidur", OPEN_RING, {}, "cincin bidang tidak tertutup; ulangi titik pertamanya di akhir."),
    "flat area": ("lahan_tidur", box(112, -7.8, 112.1, -7.8), {}, "tidak sah"),
    "collection": ("posyandu", {"type": "GeometryCollection", "geometries": []}, {}, "pisahkan menjadi fitur"),
    "NUL": ("posyandu", IN_BARAT, {"nama": "a\x00b"}, "Nama: memuat huruf NUL"),
    "half a character": ("posyandu", IN_BARAT, {"nama": "a\ud83d"}, "Nama: memuat huruf yang rusak"),
    "too long": ("posyandu", IN_BARAT, {"nama": "a" * 121}, "Nama: terlalu panjang: 121 huruf, paling banyak 120"),
    "10 MB of text": ("posyandu", IN_BARAT, {"nama": "a" * 10_000_000}, "Nama: terlalu panjang: 10000000 huruf"),
    "10 MB for a code": ("posyandu", IN_BARAT, {"jenis": "a" * 10_000_000}, "Jenis: kode 'aaa"),
    "unknown code": ("posyandu", IN_BARAT, {"jenis": "besar"}, "Jenis: kode 'besar' tidak ada; yang ada: terpadu_ilp,"),
    "unknown code in a list": ("posyandu", IN_BARAT, {"layanan": ["sosial", "x"]}, "Layanan: kode 'x' tidak ada"),
    "list for a value": ("posyandu", IN_BARAT, {"jumlah_kader": [5]}, "Jumlah kader: [5] bukan nilai tunggal"),
    "decimal comma": ("posyandu", IN_BARAT, {"akurasi_m": "3,5"}, "Akurasi (kolom akurasi_m): '3,5' bukan bilangan"),
    "negative": ("posyandu", IN_BARAT, {"jumlah_kader": -1}, "Jumlah kader: -1 kurang dari 0"),
    "no number": ("posyandu", IN_BARAT, {"jumlah_kader": "banyak"}, "Jumlah kader: 'banyak' bukan bilangan; isi"),
    "no date": ("posyandu", IN_BARAT, {"tanggal_data": "kemarin"}, "Tanggal data: 'kemarin' bukan tanggal; tulis"),
    "no time": ("posyandu", IN_BARAT, {"jam_buka": "pagi"}, "Jam buka: 'pagi' bukan jam; tulis misalnya 08:30"),
    "no telephone": ("posyandu", IN_BARAT, {"hp_ketua": "rahasia"}, "HP ketua: 'rahasia' tidak sesuai bentuknya"),
    "no code of a kelurahan": ("posyandu", IN_BARAT, {"kode_wilayah": "Dermo"}, "Kode wilayah: 'Dermo' tidak sesuai"),
    "another kelurahan": ("posyandu", IN_TIMUR, {"kode_wilayah": BARAT[0]}, "berada di Timur (35.71.01.1002), bukan"),
    "no RT": ("titik_rt", IN_BARAT, {"no_rt": "Blok C"}, "RT: 'Blok C' tidak sesuai bentuknya; yang diminta: Nomor"),
}  # fmt: skip


@pytest.mark.parametrize("case", RECORDS)
def test_a_record_that_cannot_be_taken_is_refused_by_its_number_and_the_others_are_taken(town: Town, case):
    layer, geometry, properties, told = RECORDS[case]
    sound = feature(IN_TIMUR if layer != "lahan_tidur" else PLOT, nama="Mawar")

    report = town.bring(layer, collection(sound, feature(geometry, **{"nama": "Melati"} | properties)))

    refused = {refusal.number: refusal.reason for refusal in report.refused}
    assert told in refused[2]
    assert is_a_sentence(refused[2])
    assert [row["nama"] for row in town.rows(layer)] == ["Mawar"]


WALKS = {
    "an open walk": (track((112, -7.8), (112.001, -7.8), (112.001, -7.799)), "terpisah 156 m, paling jauh 20 m"),
    "a short walk": (track((112, -7.8), (112.001, -7.8)), "terdiri atas 2 titik"),
    "no walk": ("<trk><name>001</name></trk>", "tidak memuat satu titik pun"),
    "a walk beyond the pole": (track((112, 95), (112.001, -7.8), (112.001, -7.799)), "lintang 95, bujur 112 bukan"),
    "a walk with latitude first": (track((-7.8, 112), (-7.8, 112.001), (-7.799, 112.001)), "tampaknya tertukar"),
    "a walk with a comma": (track((112, -7.8), ("112,001", -7.8), (112, -7.799)), "lon='112,001' pada titik ke-2"),
    "a walk with a gap": (track((112, -7.8), ("nan", -7.8), (112, -7.799)), "lon='nan' pada titik ke-2 bukan bilangan"),
    "a walk that crosses itself": (
        track((112, -7.8), (112.01, -7.79), (112.01, -7.8), (112, -7.79), (112, -7.8)),
        "garis batasnya saling memotong",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WALKS)
def test_a_walk_that_makes_no_area_is_refused_by_its_number(town: Town, case):
    content, told = WALKS[case]

    report = town.bring("batas_rt", gpx(content), "jalan.gpx", columns={"name": "no_rt"})

    assert [refusal.number for refusal in report.refused] == [1]
    assert told in report.refused[0].reason
    assert is_a_sentence(report.refused[0].reason)
    assert town.rows("batas_rt") == []


def test_a_file_that_breaks_off_at_its_end_leaves_nothing_of_its_beginning(town: Town):
    rows = "".join(f"Posyandu {number},-7.795,{112 + number * 1e-6:.6f}\n" for number in range(3_000))
    before = town.trace("posyandu")

    with pytest.raises(UnreadableFile, match="tabelnya rusak di baris 3002"):
        town.bring("posyandu", f'nama,lintang,bujur\n{rows}"Melati,-7.795,112.0\n', "a.csv")

    assert town.trace("posyandu") == before


def test_after_a_refused_file_the_next_one_is_taken(town: Town):
    with pytest.raises(GeosatuError):
        town.bring("posyandu", collection(GOOD)[:-4])

    assert town.bring("posyandu", collection(GOOD)).added == 1


def test_names_of_columns_may_be_anything(town: Town):
    names = ["", " ", "\x00", "\ud800", "a" * 1_000_000, "'; DROP TABLE layer.posyandu; --", "geom", "id", "_number"]

    report = town.bring("posyandu", collection(GOOD | {"properties": GOOD["properties"] | dict.fromkeys(names, "x")}))

    assert report.added == 1
    assert len(report.remarks[0]) < 1_000
    json.dumps(report.as_json(), ensure_ascii=False).encode()
