"""A layer is a file, read strictly: whatever is wrong is one Indonesian sentence that names file and key."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geosatu.errors import InvalidCatalogue, InvalidSettings, UnknownLayer
from geosatu.layers import Catalogue, read_catalogue
from geosatu.settings import Settings

LAYERS = Path(__file__).parent.parent / "layers"

ENGLISH = re.compile(r"\b(should|must|input|expected|value|error|invalid|string|match|key|is|the)\b", re.IGNORECASE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue, to be spoilt."""
    return Path(shutil.copytree(LAYERS, tmp_path / "layers"))


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} is not once in {file.name}"
    file.write_text(text.replace(old, new), "utf-8")


def refusal(folder: Path) -> str:
    """What the catalogue is refused for, without the path in front of the file's name."""
    with pytest.raises(InvalidCatalogue) as refused:
        read_catalogue(folder)
    sentence = str(refused.value).removeprefix(f"{folder}/")
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_the_shipped_catalogue_has_its_thirteen_layers(catalogue: Catalogue):
    assert {layer.name for layer in catalogue} == {
        *("batas_kecamatan", "batas_kelurahan", "batas_rw", "batas_rt", "titik_rt", "kantor_kelurahan", "posyandu"),
        *("pos_kamling", "lahan_tidur", "titik_sampah", "zona_sampah", "umkm", "kwt"),
    }


def test_a_layer_outside_the_catalogue_is_told_which_there_are(catalogue: Catalogue):
    with pytest.raises(UnknownLayer, match=r"Lapisan 'sawah' tidak ada\. Lapisan yang ada: .*posyandu"):
        catalogue["sawah"]


def test_layers_come_in_the_order_in_which_they_are_drawn(catalogue: Catalogue):
    orders = [layer.style.order for layer in catalogue]

    assert orders == sorted(orders)


def test_the_legend_groups_layers_in_the_order_of_the_themes(catalogue: Catalogue):
    titles = list(catalogue.by_theme)

    assert titles == [title for title in catalogue.themes.values() if title in titles]
    assert sum(len(layers) for layers in catalogue.by_theme.values()) == len(catalogue.layers)


def test_a_field_takes_over_a_shared_one_and_may_change_a_part(catalogue: Catalogue):
    shared = tomllib.loads((LAYERS / "shared" / "fields.toml").read_text("utf-8"))["telepon_orang"]
    field = catalogue["posyandu"].fields["hp_ketua"]

    assert (field.title, field.access, field.pattern) == ("HP ketua", "terbatas", shared["pattern"])


def test_each_level_of_access_sees_more_fields(catalogue: Catalogue):
    posyandu = catalogue["posyandu"]
    public, internal, restricted = (
        {field.name for field in posyandu.readable(level)} for level in ("publik", "internal", "terbatas")
    )

    assert internal - public == {"keterangan"}
    assert restricted - internal == {"nama_ketua", "hp_ketua"}


def test_personal_fields_are_nowhere_public(catalogue: Catalogue):
    personal = re.compile(r"ketua|^hp|kontak|pemilik$|nama_pemilik|sertipikat|penanggung|^nib|keterangan")
    public = {(layer.name, field.name) for layer in catalogue for field in layer.readable("publik")}

    assert {(layer, field) for layer, field in public if personal.search(field)} == set()


FAULTS = [
    # file, what stands there, what is written instead, the sentence behind the file's name
    ("posyandu", 'owner = "kelurahan"', 'owner = "rt"', "owner: harus salah satu dari 'kelurahan' atau 'kota'."),
    ("posyandu", 'owner = "kelurahan"', "", "owner: kunci ini wajib ada."),
    ("posyandu", 'owner = "kelurahan"', 'owner = "kelurahan"\npemilik = 1', "pemilik: kunci ini tidak dikenal."),
    ("posyandu", 'label = "nama"', 'label = "nama"\nname = "x"', "name: kunci ini tidak dikenal; nama lapisan adalah"),
    ("posyandu", 'label = "nama"', 'label = "judul"', "label: lapisan ini tidak punya field judul."),
    ("posyandu", 'label = "nama"', 'label = "hp_ketua"', "label: field hp_ketua tidak publik, padahal"),
    ("posyandu", 'label = "nama"', 'label = "layanan"', "label: field layanan berisi daftar, bukan satu nama."),
    ("posyandu", 'theme = "kesehatan"', 'theme = "gizi"', "theme: shared/themes.toml tidak memuat 'gizi'."),
    ("posyandu", 'geometry = "Point"', 'geometry = "Titik"', "geometry: harus salah satu dari 'Point', "),
    ("posyandu", 'title = "Posyandu"', "title = 5", "title: harus teks dalam tanda kutip."),
    ("posyandu", 'title = "Posyandu"', 'title = ""', "title: harus diisi."),
    ("posyandu", 'keywords = ["posyandu"', 'keywords = [5, "posyandu"', "keywords.0: harus teks dalam tanda kutip."),
    ("posyandu", "[fields]\n", "[fields]\nluas = 5\n", "fields.luas: harus berupa tabel, misalnya { title = ... }."),
    ("posyandu", "[fields]\n", "[fields]\nid = { like = 'nama' }\n", "fields.id: nama ini sudah dipakai kolom"),
    ("posyandu", "[fields]\n", "[fields]\nxmin = { like = 'nama' }\n", "fields.xmin: nama ini sudah dipakai kolom"),
    (
        "posyandu",
        "[fields]\n",
        "[fields]\n'Nama RT' = { like = 'nama' }\n",
        "fields.Nama RT: 'Nama RT' harus huruf kecil",
    ),
    ("posyandu", "[fields]\n", "[fields]\nb = { type = 'text' }\n", "fields.b.title: kunci ini wajib ada."),
    (
        "posyandu",
        "[fields]\n",
        "[fields]\nb = { like = 'nama', name = 'c' }\n",
        "fields.b.name: kunci ini tidak dikenal.",
    ),
    (
        "posyandu",
        'nama = { like = "nama" }',
        'nama = { like = "jeneng" }',
        "fields.nama.like: shared/fields.toml tidak",
    ),
    (
        "posyandu",
        'nama = { like = "nama" }',
        'nama = { like = ["nama"] }',
        "fields.nama.like: shared/fields.toml tidak",
    ),
    (
        "posyandu",
        'rw = { like = "rw" }',
        'rw = { like = "rw", pattern = "(" }',
        "fields.rw.pattern: '(' bukan ekspresi",
    ),
    (
        "posyandu",
        'rw = { like = "rw" }',
        'rw = { like = "rw", minimum = 1 }',
        "fields.rw.minimum: field bertipe text tidak",
    ),
    ("posyandu", "maximum = 5", "maximum = 0", "fields.jadwal_minggu_ke.minimum: 1 lebih besar dari maximum 0."),
    ("posyandu", "maximum = 5", "maximum = nan", "fields.jadwal_minggu_ke.maximum: harus bilangan terhingga."),
    ("posyandu", "maximum = 5", "maximum = '5'", "fields.jadwal_minggu_ke.maximum: harus bilangan."),
    ("posyandu", "maximum = 5", "max_length = 0", "fields.jadwal_minggu_ke.max_length: harus lebih besar dari 0."),
    ("posyandu", 'type = "texts"', 'type = "daftar"', "fields.wilayah_layanan.type: harus salah satu dari 'text', "),
    ("posyandu", 'type = "texts"', 'type = "codes"', "fields.wilayah_layanan.codes: field bertipe codes memerlukan"),
    ("posyandu", 'type = "codes"', 'type = "texts"', "fields.layanan.codes: field bertipe texts tidak punya daftar"),
    (
        "posyandu",
        'senin = "Senin"',
        '"Senin!" = "Senin"',
        "fields.jadwal_hari.codes.Senin!: 'Senin!' harus huruf kecil",
    ),
    ("posyandu", 'senin = "Senin"', "senin = 1", "fields.jadwal_hari.codes.senin: harus teks dalam tanda kutip."),
    (
        *("posyandu", 'default = "belum_dinilai"', 'default = "belum"'),
        "fields.strata.default: 'belum' tidak dapat dipakai, harus salah satu dari pratama, madya, ",
    ),
    (
        *("posyandu", 'default = "belum_dinilai"', "default = 2024-01-01"),
        "fields.strata.default: harus teks dalam tanda kutip atau bilangan bulat atau bilangan atau true atau false.",
    ),
    (
        "umkm",
        "default = true",
        "default = 1",
        "fields.usaha_rumahan.default: 1 tidak dapat dipakai, harus nilai bertipe",
    ),
    ("posyandu", "[home]\n", "[home]\nlantai = 1\n", "home.lantai: kunci ini tidak dikenal."),
    ("posyandu", 'layer = "batas_rt"', 'layer = "batas_dusun"', "home.layer: lapisan 'batas_dusun' tidak ada."),
    ("posyandu", 'layer = "batas_rt"', 'layer = "umkm"', "home.layer: lapisan 'umkm' tidak berisi bidang."),
    ("posyandu", 'field = "tempat"', 'field = "lokasi"', "home.field: lapisan ini tidak punya field lokasi."),
    ("posyandu", 'field = "tempat"', "", "home.values: field dan values harus ada bersama."),
    ("posyandu", 'values = ["rumah_warga"]', 'values = ["rumah"]', "home.values: 'rumah' bukan nilai field tempat."),
    (
        "posyandu",
        'values = ["rumah_warga"]',
        "values = [1]",
        "home.values.0: harus teks dalam tanda kutip atau true atau",
    ),
    ("umkm", "values = [true]", 'values = ["ya"]', "home.values: 'ya' bukan nilai field usaha_rumahan."),
    ("posyandu", 'colour = "#c2255c"', 'colour = "merah"', "style.colour: 'merah' harus warna seperti #c2255c."),
    ("posyandu", "order = 80", "order = 80\ndash = '5,5'", "style.dash: '5,5' harus bilangan dengan spasi"),
    ("posyandu", "order = 80", "order = 80\nfill_opacity = 2", "style.fill_opacity: harus paling besar 1."),
    ("posyandu", "order = 80", "order = 80\nmin_zoom = 1.5", "style.min_zoom: harus bilangan bulat."),
    ("posyandu", "order = 80", "order = 80\nvisible = 'ya'", "style.visible: harus true atau false."),
    ("posyandu", "order = 80", "order = 80\ncolour_by = 'nama'", "style.colour_by: field nama tidak bertipe code."),
    ("posyandu", "order = 80", "order = 80\ncolour_by = 'x'", "style.colour_by: lapisan ini tidak punya field x."),
    ("posyandu", "order = 80", "order = 80\ncolour_by = 'tempat'", "style.colours: belum ada warna untuk balai_rw, "),
    (
        "posyandu",
        "order = 80",
        "order = 80\ncolours = { a = '#000000' }",
        "style.colours: hanya berlaku bersama colour_by.",
    ),
    ("batas_kelurahan", 'key = ["kode_wilayah"]', 'key = ["kode"]', "key: lapisan ini tidak punya field kode."),
    (
        "batas_kelurahan",
        'key = ["kode_wilayah"]',
        'key = ["luas_ha"]',
        "key: field luas_ha dihitung dari geometri, jadi",
    ),
    (
        "batas_kelurahan",
        'geometry = "MultiPolygon"',
        'geometry = "Point"',
        "fields.luas_ha.measure: area_ha tidak ada pada",
    ),
    ("batas_kelurahan", 'owner = "kelurahan"', 'owner = "kota"', "key: lapisan ini tidak punya field kode_wilayah."),
    (
        "batas_kelurahan",
        'layer = "batas_kecamatan"',
        'layer = "batas_kota"',
        "rules.4.layer: lapisan 'batas_kota' tidak ada.",
    ),
    (
        "batas_kelurahan",
        'severity = "warning"',
        'severity = "fatal"',
        "rules.4.severity: harus salah satu dari 'refuse', ",
    ),
    ("batas_kelurahan", 'rule = "must_be_covered_by"', "", "rules.4.rule: kunci ini wajib ada."),
    (
        "batas_kelurahan",
        'like = "luas_ha"',
        'like = "luas_ha", required = true',
        "fields.luas_ha.measure: field terhitung",
    ),
]


@pytest.mark.parametrize(("layer", "old", "new", "sentence"), FAULTS)
def test_a_fault_is_a_sentence_with_file_and_key(folder: Path, layer: str, old: str, new: str, sentence: str):
    edit(folder / f"{layer}.toml", old, new)

    said = refusal(folder)

    assert said.startswith(f"{layer}.toml: {sentence}")
    assert not ENGLISH.search(re.sub(r"'[^']*'|nama ini|kunci ini", "", said.partition(".toml:")[2].partition(": ")[2]))


def test_a_home_is_a_point(folder: Path):
    with (folder / "batas_rw.toml").open("a") as file:
        file.write('\n[home]\nlayer = "batas_rt"\n')

    assert refusal(folder) == "batas_rw.toml: home: hanya titik yang dapat berupa rumah."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"title = \n", "bukan TOML yang sah di baris 1 kolom 9; periksa kunci yang ganda, tanda kutip, kurung dan"),
        (b'title = "a"\ntitle = "b"\n', "bukan TOML yang sah di baris 2 kolom 12; periksa kunci yang ganda"),
        (b'title = "Pos\xff"\n', "bukan teks UTF-8; simpan ulang sebagai UTF-8."),
        (b"a = " + b"[" * 100_000, "bukan TOML yang sah; periksa"),
        (b"a = " + b"1" * 10_000, "bukan TOML yang sah; periksa"),
        (b"", "fields: bagian ini wajib ada dan berupa tabel."),
        (b"fields = 5\n", "fields: bagian ini wajib ada dan berupa tabel."),
        (b"[fields]\n", "title: kunci ini wajib ada."),
    ],
    ids=["value", "twice", "latin-1", "deep", "long", "empty", "fields", "bare"],
)
def test_a_file_that_is_no_layer_is_a_sentence(folder: Path, content: bytes, sentence: str):
    (folder / "posyandu.toml").write_bytes(content)

    assert refusal(folder).startswith(f"posyandu.toml: {sentence}")


def test_a_folder_named_as_a_layer_is_a_sentence(folder: Path):
    (folder / "sawah.toml").mkdir()

    assert refusal(folder).startswith("sawah.toml: tidak dapat dibaca (")


@pytest.mark.parametrize("name", ["Posyandu", "pos yandu", "1posyandu", "x" * 49, "findings"])
def test_a_layer_has_a_plain_name(folder: Path, name: str):
    (folder / "posyandu.toml").rename(folder / f"{name}.toml")

    assert refusal(folder).startswith(f"{name}.toml: na")


def test_a_folder_without_layers_is_a_sentence(tmp_path: Path):
    with pytest.raises(InvalidCatalogue, match=rf"^{tmp_path}: tidak ada berkas lapisan \(\*\.toml\) di sini\.$"):
        read_catalogue(tmp_path)


def test_every_catalogue_has_the_kelurahan_that_own_the_rest(folder: Path):
    (folder / "batas_kelurahan.toml").unlink()

    assert refusal(folder).startswith("batas_kelurahan.toml: berkas ini wajib ada")


@pytest.mark.parametrize("file", ["fields.toml", "themes.toml"])
def test_the_shared_files_are_needed(folder: Path, file: str):
    (folder / "shared" / file).unlink()

    assert refusal(folder) == f"shared/{file}: berkas ini tidak ada."


def test_a_theme_is_a_text(folder: Path):
    edit(folder / "shared" / "themes.toml", 'lahan = "Lahan"', "lahan = 3")

    assert refusal(folder) == "shared/themes.toml: lahan: harus teks dalam tanda kutip."


def test_a_byte_order_mark_in_front_is_no_fault(folder: Path):
    file = folder / "posyandu.toml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())

    assert "posyandu" in read_catalogue(folder)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def toml(value: Any) -> str:
    """A value as TOML writes it; None is left empty, which is a fault of its own."""
    match value:
        case None:
            return ""
        case str() | bool():
            return json.dumps(value)
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{json.dumps(key)} = {toml(each)}' for key, each in value.items())}}}"
        case _:
            return str(value)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, each in inside for place in places(each, (*path, key))]


UMKM = tomllib.loads((LAYERS / "umkm.toml").read_text("utf-8"))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(places(UMKM)), value=ANYTHING)
def test_whatever_stands_at_a_key_is_taken_or_refused_in_one_sentence(folder: Path, place: tuple[Any, ...], value: Any):
    document = tomllib.loads((LAYERS / "umkm.toml").read_text("utf-8"))
    spot = document
    for key in place[:-1]:
        spot = spot[key]
    spot[place[-1]] = value
    text = "".join(f"{json.dumps(key)} = {toml(each)}\n" for key, each in document.items())
    (folder / "umkm.toml").write_text(text, "utf-8", errors="replace")

    said = ""
    try:
        read_catalogue(folder)
    except InvalidCatalogue as error:
        said = str(error)

    assert not said or said.startswith(f"{folder}/umkm.toml: ")
    assert not re.search(r"Input should|Value error", said)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(folder: Path, content: bytes):
    (folder / "umkm.toml").write_bytes(content)

    assert refusal(folder).startswith("umkm.toml: ")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "delapan", "Pengaturan GEOSATU_PORT tidak dapat dipakai: harus bilangan bulat."),
        ("PORT", "70000", "Pengaturan GEOSATU_PORT tidak dapat dipakai: harus paling besar 65535."),
        (
            "TRUSTED_PROXIES",
            "127.0.0.1, *",
            "Pengaturan GEOSATU_TRUSTED_PROXIES tidak dapat dipakai: harus alamat IP atau jaringan, dipisah koma, "
            "misalnya 127.0.0.1,10.0.0.0/8.",
        ),
        ("MAX_FILE_MB", "0", "Pengaturan GEOSATU_MAX_FILE_MB tidak dapat dipakai: harus lebih besar dari 0."),
    ],
)
def test_a_wrong_setting_is_a_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str):
    monkeypatch.setenv(f"GEOSATU_{name}", value)

    with pytest.raises(InvalidSettings) as refused:
        Settings.from_env()
    assert str(refused.value) == sentence


def test_an_empty_setting_is_one_that_is_not_made(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEOSATU_DATABASE_URL", "")
    monkeypatch.setenv("GEOSATU_PORT", "")

    settings = Settings.from_env()

    assert (settings.database_url, settings.port) == (None, 8000)


def test_a_settings_file_is_utf_8(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"GEOSATU_HOST=\xff\n")

    with pytest.raises(InvalidSettings, match=r"^Berkas \.env bukan teks UTF-8; simpan ulang sebagai UTF-8\.$"):
        Settings.from_env()
