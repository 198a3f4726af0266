"""The geosatu command: what it prints, what it exits with, and one sentence for everything that a user can cause."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyogrio
import pytest
import shapely
from conftest import ROOT, settings_for
from rich.console import Console
from sqlalchemy import Engine

from geosatu import cli
from geosatu.database.cluster import Cluster

COMMAND = Path(sys.executable).parent / "geosatu"
LAYER_COUNT = len(list((ROOT / "layers").glob("*.toml")))


@dataclass
class Said:
    """What a command wrote and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one sentence of a command that failed, which wrote nothing else."""
        assert self.code == 1
        assert self.out == ""
        (line,) = self.err.splitlines()
        assert line.startswith("Gagal: ")
        assert line.endswith(".")
        return line.removeprefix("Gagal: ")


Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command as the console would, in this process, on the catalogue that the project ships."""
    monkeypatch.setenv("GEOSATU_LAYERS", str(ROOT / "layers"))
    monkeypatch.setenv("GEOSATU_GEODATA", str(ROOT / "geodata"))
    monkeypatch.setenv("COLUMNS", "200")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["geosatu", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Said(code, *capsys.readouterr())

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def use(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("GEOSATU_DATABASE_URL", settings.database_url.get_secret_value())


@pytest.fixture(scope="module")
def filled(cluster: Cluster) -> Any:
    """A database that the demonstration is loaded into, and that tests may change."""
    return settings_for(cluster, "cli_filled")


@pytest.fixture
def demo(run: Run, filled: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command over the demonstration."""
    use(monkeypatch, filled)
    said = run("demo", "--load-only")
    assert said.code == 0, said.err
    return run


@pytest.fixture
def nowhere(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command where there is no database yet, and none is made."""
    monkeypatch.delenv("GEOSATU_DATABASE_URL", raising=False)
    monkeypatch.setenv("GEOSATU_HOME", str(tmp_path / "home"))
    return run


def geojson(file: Path, *features: dict[str, Any]) -> Path:
    file.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}), "utf-8")
    return file


def point(longitude: float, latitude: float, **properties: Any) -> dict[str, Any]:
    place = {"type": "Point", "coordinates": [longitude, latitude]}
    return {"type": "Feature", "geometry": place, "properties": properties}


# The catalogue.


def test_the_layers_are_listed(nowhere: Run):
    said = nowhere("layers", "list")

    assert said.code == 0
    assert re.search(r"posyandu +│ Posyandu +│ Point", said.out)
    assert nowhere("layers", "list", "--json").json["layers"][-1]["layer"] == "kantor_kelurahan"


def test_a_sound_catalogue_is_told_to_be_so(nowhere: Run):
    assert nowhere("layers", "check").out == f"{LAYER_COUNT} lapisan di {ROOT / 'layers'} sesuai.\n"
    assert len(nowhere("layers", "check", "--json").json["layers"]) == LAYER_COUNT


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('owner = "kelurahan"', 'owner = "rt"', "posyandu.toml: owner: harus salah satu dari"),
        ('rule = "must_be_inside"', 'rule = "must_be_nice"', "posyandu.toml: rules.1.rule: aturan must_be_nice tidak"),
        ('icon = "heart-pulse"', 'icon = "jantung"', "posyandu.toml: style.icon: ikon 'jantung' tidak ada"),
    ],
)
def test_a_wrong_catalogue_is_one_sentence(
    nowhere: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, new: str, sentence: str
):
    folder = Path(shutil.copytree(ROOT / "layers", tmp_path / "[layers]"))
    file = folder / "posyandu.toml"
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    monkeypatch.setenv("GEOSATU_LAYERS", str(folder))

    assert nowhere("layers", "check").complaint.startswith(f"{folder}/{sentence}")


def test_the_tables_are_planned_made_and_then_right(run: Run, monkeypatch: pytest.MonkeyPatch, cluster: Cluster):
    use(monkeypatch, settings_for(cluster, "cli_apply"))

    for _ in range(2):
        planned = run("layers", "apply", "--dry-run", "--json").json["steps"]
        assert {"change": "Lapisan posyandu dibuat.", "loses": None} in planned
        assert len(planned) == LAYER_COUNT
    assert "Lapisan posyandu dibuat." in run("layers", "apply").out
    assert run("layers", "apply").out == "Basis data sudah sesuai dengan katalog.\n"
    assert run("layers", "apply", "--json").json == {"steps": []}


def test_what_would_be_lost_has_to_be_named(demo: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    folder = Path(shutil.copytree(ROOT / "layers", tmp_path / "layers"))
    (folder / "kwt.toml").unlink()
    monkeypatch.setenv("GEOSATU_LAYERS", str(folder))

    planned = demo("layers", "apply", "--dry-run", "--json")
    assert planned.json == {"steps": [{"change": "Lapisan kwt dihapus bersama 25 fitur.", "loses": "kwt"}]}
    refused = demo("layers", "apply")
    assert refused.code == 1
    assert "geosatu layers apply --drop kwt." in refused.err
    assert demo("export", "umkm", "--to", tmp_path / "umkm.geojson").complaint.endswith("layers apply --drop kwt.")


# Import and export.


def test_an_import_tells_what_became_of_each_record(demo: Run, tmp_path: Path):
    file = geojson(
        tmp_path / "[bold]pos.geojson",
        point(112.0101, -7.8201, nama="Pos A"),
        point(500, -7.82, nama="Pos B"),
        point(112.0103, -7.8203, nama="Pos C"),
    )

    planned = demo("import", file, "--layer", "pos_kamling", "--dry-run", "--json")
    assert planned.code == 0
    assert planned.err == ""
    assert (planned.json["dry_run"], planned.json["records"], planned.json["added"]) == (True, 3, 2)
    assert [refusal["number"] for refusal in planned.json["refused"]] == [2]

    told = demo("import", file, "--layer", "pos_kamling")
    assert told.out.startswith("[bold]pos.geojson ke Pos kamling (EPSG:4326): 3 catatan; 2 ditambahkan,")
    again = demo("import", file, "--layer", "pos_kamling", "--json").json
    assert (again["added"], again["updated"], again["unchanged"]) == (0, 0, 2)


def test_an_import_without_an_accepted_record_fails(demo: Run, tmp_path: Path):
    file = geojson(tmp_path / "pos.geojson", point(500, -7.82, nama="Pos B"))

    said = demo("import", file, "--layer", "pos_kamling", "--json")

    assert said.code == 1
    assert said.json["accepted"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tidak-ada.gpx", "--layer", "kwt"], "tidak-ada.gpx"),
        (["[/tidak-ada].gpx", "--layer", "kwt"], "[/tidak-ada].gpx"),
        (["x.gpx", "--layer", "sawah"], "Lapisan 'sawah' tidak ada. Lapisan yang ada: "),
        (["x.gpx", "--layer", "kwt", "--status", "jadi"], "--status jadi: tidak dikenal; yang ada: draf, diajukan,"),
        (["x.gpx", "--layer", "kwt", "--map", "nama"], "--map nama: tulis dengan tanda sama dengan, misalnya"),
        (["x.gpx", "--layer", "kwt", "--set", "=a"], "--set =a: tulis dengan tanda sama dengan, misalnya"),
        (["contoh.geojson", "--layer", "kwt", "--crs", "EPSG:999999"], "--crs EPSG:999999: sistem koordinat ini"),
        (["contoh.geojson", "--layer", "kwt", "--set", "warna=a"], "Lapisan kwt tidak punya field 'warna'; yang ada:"),
    ],
)
def test_an_import_that_cannot_begin_is_one_sentence(
    demo: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], sentence: str
):
    geojson(tmp_path / "contoh.geojson", point(112.01, -7.82, nama="Melati"))
    monkeypatch.chdir(tmp_path)

    assert demo("import", *arguments).complaint.startswith(sentence)


FORMATS = ["geojson", "geojsonl", "csv", "kml", "gpx", "gpkg", "fgb", "shp.zip", "xlsx", "parquet"]


@pytest.mark.parametrize("suffix", ["geojson", "GPKG"])
@pytest.mark.parametrize(
    ("access", "fields"), [("publik", set()), ("internal", {"keterangan"}), ("terbatas", {"keterangan", "hp_ketua"})]
)
def test_an_export_has_the_fields_of_its_access(demo: Run, tmp_path: Path, suffix: str, access: str, fields: set[str]):
    file = tmp_path / f"[red]posyandu.{suffix}"

    said = demo("export", "posyandu", "--to", file, "--access", access)

    frame = pyogrio.read_dataframe(file, layer="posyandu")
    assert said == Said(0, f"{len(frame)} fitur Posyandu ditulis ke {file}.\n", "")
    assert {"keterangan", "hp_ketua"} & set(frame.columns) == fields
    assert list(tmp_path.iterdir()) == [file]


def test_an_export_tells_machines_what_it_wrote(demo: Run, tmp_path: Path):
    for form in FORMATS:
        file = tmp_path / f"a.{form}"

        said = demo("export", "posyandu", "--to", file, "--json")

        assert (said.code, said.err) == (0, "")
        assert said.json == {"file": str(file), "format": form, "count": 307, "bytes": file.stat().st_size}


@pytest.mark.parametrize(
    "options",
    [
        ["--filter", "strata = 'mandiri' AND jumlah_kader > 5"],
        ["--filter", """ {"op": "and", "args": [{"op": "=", "args": [{"property": "strata"}, "mandiri"]},
                                                {"op": ">", "args": [{"property": "jumlah_kader"}, 5]}]}"""],
    ],
    ids=["text", "json"],
)  # fmt: skip
def test_an_export_is_of_the_features_that_a_filter_and_a_box_choose(demo: Run, tmp_path: Path, options: list[str]):
    file, box = tmp_path / "a.geojson", "112.0,-7.85,112.02,-7.8"
    demo("export", "posyandu", "--to", file)
    every = pyogrio.read_dataframe(file)
    chosen = every[(every["strata"] == "mandiri") & (every["jumlah_kader"] > 5)]
    inside = chosen[chosen.intersects(shapely.box(*map(float, box.split(","))))]

    filtered = demo("export", "posyandu", "--to", file, "--json", *options).json
    assert filtered["count"] == len(chosen)
    assert set(pyogrio.read_dataframe(file)["uid"]) == set(chosen["uid"])
    both = demo("export", "posyandu", "--to", file, "--json", "--bbox", box, *options).json
    assert both["count"] == len(inside)
    assert set(pyogrio.read_dataframe(file)["uid"]) == set(inside["uid"])
    assert 0 < len(inside) < len(chosen) < len(every)


def test_an_export_comes_in_the_crs_that_is_asked_for(demo: Run, tmp_path: Path):
    file = tmp_path / "a.gpkg"

    demo("export", "posyandu", "--to", file, "--crs", "EPSG:32749")

    frame = pyogrio.read_dataframe(file, layer="posyandu")
    assert frame.crs.to_epsg() == 32749
    assert all(9_120_000 < point.y < 9_150_000 for point in frame.geometry)


@pytest.mark.parametrize("form", ["geojson", "gpkg"])
def test_on_a_terminal_an_export_shows_how_far_it_is(
    demo: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
):
    terminal = io.StringIO()
    monkeypatch.setattr(cli, "err", Console(file=terminal, force_terminal=True, width=120))

    said = demo("export", "posyandu", "--to", tmp_path / f"a.{form}")

    assert said.out.startswith("307 fitur")
    shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", terminal.getvalue())
    assert re.search(r"Mengekspor posyandu .* 307/307 fitur", shown)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sawah", "--to", "x.gpkg"], "Lapisan 'sawah' tidak ada."),
        (["kwt", "--to", "x.shp"], "x.shp: bentuk berkas ini tidak dapat ditulis; yang dapat untuk Kelompok wanita "),
        (["kwt", "--to", "x"], "x: bentuk berkas ini tidak dapat ditulis; yang dapat untuk Kelompok wanita tani: "),
        (["batas_rt", "--to", "x.gpx"], "x.gpx: bentuk berkas ini tidak dapat ditulis; yang dapat untuk Batas RT: "),
        (["kwt", "--to", "tidak/ada/x.gpkg"], "tidak/ada: folder ini tidak ada."),
        (["kwt", "--to", "folder.gpkg"], "folder.gpkg: ini sebuah folder; sebutkan nama berkasnya."),
        (["kwt", "--to", "x.gpkg", "--access", "semua"], "--access semua: tidak dikenal; yang ada: publik, internal"),
        (["kwt", "--to", "x.gpkg", "--crs", "EPSG:27700"], "--crs=EPSG:27700: sistem koordinat ini tidak disediakan."),
        (["kwt", "--to", "x.gpkg", "--bbox", "1,2"], "bbox=1,2: harus empat bilangan barat,selatan,timur,utara"),
        (["kwt", "--to", "x.gpkg", "--filter", "nama ="], "filter: bukan CQL2 yang sah di dekat akhirnya."),
        (["kwt", "--to", "x.gpkg", "--filter", "{nama}"], "filter: bukan JSON yang sah di huruf ke-2."),
        (["kwt", "--to", "x.gpkg", "--filter", "warna = 'merah'"], "filter: 'warna' tidak dapat disaring di lapisan"),
        (["kwt", "--to", "x.gpkg", "--filter", "hp_ketua = '1'"], "filter: 'hp_ketua' tidak dapat disaring di lapisan"),
    ],
)
def test_an_export_that_cannot_begin_is_one_sentence(
    nowhere: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], sentence: str
):
    (tmp_path / "folder.gpkg").mkdir()
    monkeypatch.chdir(tmp_path)

    complaint = nowhere("export", *arguments).complaint

    assert complaint.startswith(sentence)
    if "bentuk berkas ini" in sentence:
        known = [f".{form}" for form in FORMATS if form != "gpx" or arguments[0] == "kwt"]
        assert complaint.endswith(f": {', '.join(known)}.")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--to", "/proc/x.gpkg"],
            "/proc/x.gpkg: berkas ini tidak dapat ditulis (No such file or directory); periksa ",
        ),
        (["--to", "/proc/x.csv"], "/proc/x.csv: berkas ini tidak dapat ditulis (No such file or directory); periksa "),
        (["--to", "x.csv", "--filter", "version * 1e300 * 1e300 > 1"], "filter: sebuah nilainya di luar jangkauan"),
    ],
)
def test_an_export_that_cannot_go_on_is_one_sentence(
    demo: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], sentence: str
):
    monkeypatch.chdir(tmp_path)

    assert demo("export", "kwt", *arguments).complaint.startswith(sentence)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("form", "number"),
    [("geojson", signal.SIGINT), ("gpkg", signal.SIGINT), ("gpkg", signal.SIGTERM), ("xlsx", signal.SIGTERM)],
)
def test_an_export_that_is_told_to_end_leaves_nothing(
    kept_city: Engine, large: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, form: str, number: int
):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    address = kept_city.url.set(drivername="postgresql").render_as_string(hide_password=False)
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    command = [COMMAND, "export", "kwt", "--to", tmp_path / f"a.{form}"]
    env = kept | {"GEOSATU_LAYERS": str(ROOT / "layers"), "GEOSATU_DATABASE_URL": address, "TMPDIR": str(elsewhere)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    for _ in range(10):
        with subprocess.Popen(command, env=env, text=True, **pipes) as exporting:
            while not list(tmp_path.iterdir()):
                assert exporting.poll() is None
                time.sleep(0.001)
            exporting.send_signal(number)
            told = exporting.communicate(timeout=30)
        if exporting.returncode != 0:
            break
        next(tmp_path.iterdir()).unlink()  # on a busy machine it may have been told too late

    assert (exporting.returncode, told) == (130, ("", ""))
    assert list(tmp_path.iterdir()) == list(elsewhere.iterdir()) == []


# Checks.


def test_the_demonstration_passes_every_check(demo: Run):
    assert demo("check", "batas_kelurahan", "batas_rt", "posyandu").out == "Tidak ada temuan.\n"
    assert demo("check", "--json").json == {"findings": []}


@pytest.fixture
def crossing(tmp_path: Path) -> Path:
    """Two kelurahan that overlap by a hundred metres."""
    return geojson(
        tmp_path / "batas.geojson",
        *(
            {
                "type": "Feature",
                "geometry": shapely.geometry.mapping(shapely.box(*edges)),
                "properties": {"NAMOBJ": name},
            }
            for name, edges in (("Pojok", (112, -7.82, 112.011, -7.81)), ("Gayam", (112.01, -7.82, 112.02, -7.81)))
        ),
    )


@pytest.mark.parametrize("place", ["nowhere", "demo"])
def test_a_file_is_checked_before_its_import(
    request: pytest.FixtureRequest, crossing: Path, tmp_path: Path, place: str
):
    run: Run = request.getfixturevalue(place)

    said = run("check", crossing, "--layer", "batas_kelurahan", "--json", "--to", tmp_path / "temuan.geojson")

    assert said.code == 0
    (overlap,) = [finding for finding in said.json["findings"] if finding["rule"] == "must_not_overlap"]
    assert set(overlap) == {"rule", "severity", "layer", "features", "area_m2", "message", "place"}
    assert overlap["features"] == [1, 2]
    assert overlap["area_m2"] == pytest.approx(110 * 1106, rel=0.01)
    assert shapely.geometry.shape(overlap["place"]).bounds == pytest.approx((112.01, -7.82, 112.011, -7.81))
    assert re.fullmatch(r"Pojok .*Gayam.*\.", overlap["message"])
    written = json.loads((tmp_path / "temuan.geojson").read_text("utf-8"))
    assert [feature["properties"]["rule"] for feature in written["features"]] == [
        finding["rule"] for finding in said.json["findings"]
    ]
    assert written["features"][0]["geometry"] == said.json["findings"][0]["place"]


def test_a_check_of_a_file_makes_no_database(nowhere: Run, crossing: Path, tmp_path: Path):
    said = nowhere("check", crossing, "--layer", "batas_kelurahan")

    assert said.err == "Belum ada basis data; aturan yang membandingkan dengan lapisan lain dilewati.\n"
    assert "must_not_overlap" in said.out
    assert "batas_kelurahan, must_not_overlap: 1 temuan, 12" in said.out
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sawah"], "Lapisan 'sawah' tidak ada."),
        (["batas.geojson"], "batas.geojson: sebutkan lapisannya, geosatu check batas.geojson --layer LAPISAN."),
        (["--layer", "kwt"], "Sebutkan satu berkas: geosatu check BERKAS --layer LAPISAN."),
        (["batas.geojson", "b.gpx", "--layer", "kwt"], "Sebutkan satu berkas: geosatu check BERKAS --layer LAPISAN."),
        (["tidak-ada.gpx", "--layer", "kwt"], "tidak-ada.gpx"),
        (["batas.geojson", "--layer", "sawah"], "Lapisan 'sawah' tidak ada."),
        (["batas.geojson", "--layer", "kwt", "--to", "tidak/ada/x.geojson"], "tidak/ada: folder ini tidak ada."),
    ],
)
def test_a_check_that_cannot_begin_is_one_sentence(
    nowhere: Run, monkeypatch: pytest.MonkeyPatch, crossing: Path, arguments: list[str], sentence: str
):
    monkeypatch.chdir(crossing.parent)

    assert nowhere("check", *arguments).complaint.startswith(sentence)


@pytest.mark.real
@pytest.mark.parametrize("place", ["nowhere", "demo"])
@pytest.mark.parametrize(("city", "overlaps", "gaps"), [("kediri", (70, 33_080), (85, 43_915))])
def test_real_boundaries_have_the_faults_that_were_measured_independently(
    request: pytest.FixtureRequest,
    real_data: Path,
    place: str,
    city: str,
    overlaps: tuple[int, float],
    gaps: tuple[int, float],
):
    run: Run = request.getfixturevalue(place)

    said = run("check", real_data / "batas" / f"{city}_kelurahan.geojson", "--layer", "batas_kelurahan", "--json")

    for rule, (number, area) in (("must_not_overlap", overlaps), ("must_not_have_gaps", gaps)):
        areas = [finding["area_m2"] for finding in said.json["findings"] if finding["rule"] == rule]
        assert len(areas) == number
        assert sum(areas) == pytest.approx(area, rel=0.001)


# The command as a whole.


def test_wrong_settings_are_one_sentence(nowhere: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEOSATU_PORT", "delapan")

    assert nowhere("layers", "list").complaint == "Pengaturan GEOSATU_PORT tidak dapat dipakai: harus bilangan bulat."


def test_a_demonstration_without_its_files_is_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, filled: Any
):
    use(monkeypatch, filled)
    monkeypatch.setenv("GEOSATU_GEODATA", str(tmp_path))

    assert run("demo", "--load-only").complaint.startswith(f"Data contoh tidak ada di {tmp_path}/kediri;")


def test_a_loaded_demonstration_is_left_as_it_is(demo: Run):
    assert demo("demo", "--load-only") == Said(0, "", "")


@pytest.mark.parametrize("arguments", [["--help"], ["layers", "--help"], ["import", "--help"]])
def test_help_is_indonesian(nowhere: Run, arguments: list[str]):
    said = nowhere(*arguments)

    assert said.code == 0
    assert re.search(r"[Ll]apisan|peta", said.out)


def test_a_process_of_its_own_says_the_same(tmp_path: Path):
    environment = {"PATH": os.environ["PATH"], "GEOSATU_LAYERS": str(ROOT / "layers"), "GEOSATU_HOME": str(tmp_path)}
    environment |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([COMMAND, *arguments], env=environment, text=True, capture_output=True, timeout=60)

    listed = run("layers", "list", "--json")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert len(json.loads(listed.stdout)["layers"]) == LAYER_COUNT

    refused = run("export", "sawah", "--to", "x.gpkg")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Gagal: Lapisan 'sawah' tidak ada.")
    assert "Traceback" not in refused.stderr


def test_a_narrow_terminal_breaks_no_sentence(monkeypatch: pytest.MonkeyPatch, nowhere: Run):
    monkeypatch.setenv("COLUMNS", "20")

    assert nowhere("layers", "check").out.count("\n") == 1


def test_an_import_is_found_in_the_history_and_taken_back(demo: Run, tmp_path: Path):
    about = {"nama": "KWT Uji Riwayat", "jumlah_anggota": 10}
    point = {"type": "Point", "coordinates": [112.0096, -7.8165]}
    file = geojson(tmp_path / "kwt.geojson", {"type": "Feature", "properties": about, "geometry": point})
    said = demo("import", file, "--layer", "kwt", "--json")
    assert said.json["added"] == 1, said.out
    act = demo("acts", "--layer", "kwt", "--json").json["acts"][0]
    assert (act["door"], act["reason"], act["features"]) == ("impor", "kwt.geojson", {"kwt": 1})

    assert "akan dihapus" in demo("undo", act["act"], "--dry-run").out
    undone = demo("undo", act["act"], "--json").json
    (number,) = undone["deleted"]["kwt"]
    (version,) = demo("history", "kwt", number, "--json").json["versions"]
    assert version["dihapus"]["cara"] == "pemulihan"
    assert "Dihapus" in demo("history", "kwt", number).out
    assert demo("undo", undone["act"], "--json").json["back"] == {"kwt": [number]}
    assert demo("undo", act["act"]).complaint.startswith("Tidak ada yang dipulihkan.")


def test_an_export_of_what_was(demo: Run, tmp_path: Path):
    file = tmp_path / "kwt.geojson"

    assert demo("export", "kwt", "--to", file, "--pada", "2000-01-01", "--json").json["count"] == 0
    assert "--pada=kemarin" in demo("export", "kwt", "--to", file, "--pada", "kemarin").complaint
