"""Counts of people: the public never learns of one from 1 to 4, by no door and by no question."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiona
import pandas
import pytest
from importing import collection, feature
from shapely.geometry import box
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError
from test_catalogue import edit
from towns import HERE, ServedTown, served_town, square

from geosatu.database.apply import apply_layers, plan_layers
from geosatu.database.cluster import Cluster
from geosatu.database.rights import act_as, apply_rights
from geosatu.database.tables import table_of
from geosatu.errors import InvalidCatalogue
from geosatu.features import PUBLIC, Actor
from geosatu.importer import Options, import_file
from geosatu.layers import Catalogue, read_catalogue
from geosatu.store import read

COUNTS = ("jumlah_kk", "jumlah_penduduk", "laki_laki", "perempuan")

ROWS: dict[str, tuple[int | None, ...]] = {
    "001": (58, 198, 96, 102),
    "002": (5, 17, 8, 9),
    "003": (30, 63, 60, 3),  # a small cell hides the whole row
    "004": (4, 16, 9, 7),
    "005": (0, 0, 0, 0),
    "006": (None, 20, None, None),
    "007": (1, None, None, None),
}
HIDDEN = {"003", "004", "007"}


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[ServedTown]:
    with served_town(cluster, catalogue, "counts") as town:
        for number, counts in ROWS.items():
            row = {"no_rt": number, "no_rw": "001", "jenis_unit": "rt", "status_batas": "indikatif", "jumlah_rumah": 3}
            town.add("batas_rt", status="terbit", geom=square(112.0), **row, **dict(zip(COUNTS, counts, strict=True)))
        yield town


def items(town: ServedTown, **given: str) -> list[dict[str, Any]]:
    answer = town.client.get("/ogc/collections/batas_rt/items", params={"limit": "100", **given})
    assert answer.status_code == 200, answer.text
    return [each["properties"] for each in answer.json()["features"]]


def wanted(number: str) -> dict[str, int | None]:
    """What the public sees of a row."""
    counts = ROWS[number]
    return dict(zip(COUNTS, (None,) * 4 if number in HIDDEN else counts, strict=True))


def test_items_tell_no_small_count_and_nothing_beside_it(town: ServedTown):
    told = {each["no_rt"]: {name: each[name] for name in COUNTS} for each in items(town)}

    assert told == {number: wanted(number) for number in ROWS}
    assert {each["jumlah_rumah"] for each in items(town)} == {3}, "houses are no people"


def test_one_feature_tells_no_more(town: ServedTown):
    for each in town.client.get("/ogc/collections/batas_rt/items?limit=100").json()["features"]:
        single = town.client.get(f"/ogc/collections/batas_rt/items/{each['id']}").json()
        assert {name: single["properties"][name] for name in COUNTS} == wanted(single["properties"]["no_rt"])
        page = town.client.get(f"/ogc/collections/batas_rt/items/{each['id']}", headers={"Accept": "text/html"}).text
        if single["properties"]["no_rt"] in HIDDEN:
            assert re.search(r"\d (KK|jiwa)<", page) is None


@pytest.mark.parametrize("name", COUNTS)
def test_no_question_finds_a_hidden_count(town: ServedTown, name: str):
    for number in range(1, 5):
        for said in (f"{name}={number}", f"{name}<5 AND {name}>0", f"{name} BETWEEN 1 AND 4", f"{name}+0={number}"):
            assert items(town, filter=said) == [], said
        assert items(town, **{name: str(number)}) == []
    for number in HIDDEN:
        counts = dict(zip(COUNTS, ROWS[number], strict=True))
        if counts[name] is not None:
            found = items(town, filter=f"{name}={counts[name]}")
            assert number not in {each["no_rt"] for each in found}
    known = {each["no_rt"] for each in items(town, filter=f"{name} IS NOT NULL")}
    assert known.isdisjoint(HIDDEN)


@pytest.mark.parametrize("name", COUNTS)
def test_the_order_tells_nothing_of_hidden_counts(town: ServedTown, name: str):
    """Hidden ones stand last, in order of their ids, whatever they are."""
    for sign in ("", "-"):
        order = [each["no_rt"] for each in items(town, sortby=f"{sign}{name}")]
        unknown = [number for number in ROWS if wanted(number)[name] is None]
        assert order[-len(unknown) :] == unknown


@pytest.mark.parametrize("ending", ["geojson", "csv", "gpkg", "fgb"])
def test_files_tell_no_small_count(town: ServedTown, tmp_path: Path, ending: str):
    answer = town.client.get(f"/files/batas_rt.{ending}")
    assert answer.status_code == 200, answer.text[:200]
    if ending == "geojson":
        rows = [each["properties"] for each in answer.json()["features"]]
    elif ending == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=_delimiter(answer.text)))
        rows = [{**each, **{name: int(each[name]) if each[name] else None for name in COUNTS}} for each in rows]
    else:
        file = tmp_path / f"rt.{ending}"
        file.write_bytes(answer.content)
        with fiona.open(file) as source:
            rows = [dict(each.properties) for each in source]

    assert {each["no_rt"]: {name: each[name] for name in COUNTS} for each in rows} == {n: wanted(n) for n in ROWS}


def _delimiter(content: str) -> str:
    return ";" if content.split("\n", 1)[0].count(";") else ","


def test_tiles_carry_no_counts(town: ServedTown):
    tile = town.client.get("/ogc/collections/batas_rt/tiles/WebMercatorQuad/14/8547/13289").content

    assert b"no_rt" in tile
    assert not [name for name in COUNTS if name.encode() in tile]


def test_search_and_schemas_tell_nothing(town: ServedTown):
    assert "jumlah" not in town.client.get("/cari", params={"q": "003"}).text
    for path in ("schema", "queryables"):
        told = town.client.get(f"/ogc/collections/batas_rt/{path}").json()["properties"]
        assert "jumlah_kk" in told
        assert not [name for name in told if name.endswith("_public")]


def test_postgresql_itself_shows_the_public_no_count(town: ServedTown, catalogue: Catalogue):
    with town.owner.connect() as conn:
        act_as(conn, PUBLIC)
        for name in COUNTS:
            with pytest.raises(DBAPIError, match="permission denied"), conn.begin_nested():
                conn.exec_driver_sql(f"SELECT {name} FROM layer.batas_rt")
            with pytest.raises(DBAPIError, match="permission denied"), conn.begin_nested():
                conn.exec_driver_sql(f"SELECT id FROM layer.batas_rt WHERE {name} = 3")


def test_internal_readers_see_the_numbers(town: ServedTown, catalogue: Catalogue):
    planner = town.person("perencana", ("perencana", ""))
    with town.owner.connect() as conn:
        actor = Actor("perencana", "internal", planner.id)
        act_as(conn, actor)
        frame = read.frame(conn, catalogue["batas_rt"], actor)

    rows = frame[["no_rt", *COUNTS]].astype(object).itertuples(index=False)
    told = {number: tuple(None if pandas.isna(count) else count for count in counts) for number, *counts in rows}
    assert told == ROWS


def test_a_public_copy_does_not_erase_small_counts(conn: Connection, catalogue: Catalogue, tmp_path: Path):
    layer = catalogue["batas_rt"]
    shape = box(112, -7.8, 112.01, -7.79)
    columns = [table_of(layer).c[name] for name in ("jumlah_kk", "jumlah_penduduk")]

    def bring(**counts: int | None) -> None:
        row = {"kode_wilayah": HERE, "no_rt": "001", "no_rw": "001", "jenis_unit": "rt", "status_batas": "indikatif"}
        file = tmp_path / "rt.geojson"
        file.write_text(collection(feature(shape, **row, **counts)), "utf-8")
        import_file(conn, catalogue, layer, file, actor=Actor("uji", "terbatas"), max_bytes=10**6, options=Options())

    def counts() -> tuple[Any, ...]:
        return tuple(conn.execute(select(*columns)).one())

    bring(jumlah_kk=3, jumlah_penduduk=12)
    bring(jumlah_kk=None, jumlah_penduduk=None)
    assert counts() == (3, 12)
    bring(jumlah_kk=30, jumlah_penduduk=90)
    assert counts() == (30, 90)
    bring(jumlah_kk=None, jumlah_penduduk=None)
    assert counts() == (None, None), "what the public saw can be emptied"


@pytest.fixture
def folder(catalogue: Catalogue, tmp_path: Path) -> Path:
    return Path(shutil.copytree(catalogue.folder, tmp_path / "layers"))


def test_the_tables_follow_what_counts_people(conn: Connection, catalogue: Catalogue, folder: Path):
    conn.execute(
        text(
            "INSERT INTO layer.batas_rt (no_rt, jenis_unit, jumlah_kk, jumlah_rumah, created_by, updated_by, geom) "
            f"VALUES ('001', 'rt', 20, 3, 'uji', 'uji', '{square(112.0)}')"
        )
    )

    def shown() -> Any:
        return conn.scalar(text("SELECT jumlah_kk_public FROM layer.batas_rt"))

    def apply() -> list[str]:
        wanted = read_catalogue(folder)
        steps = plan_layers(conn, wanted)
        apply_layers(conn, steps)
        apply_rights(conn, wanted)
        assert plan_layers(conn, wanted) == []
        return [step.sentence for step in steps]

    assert shown() == 20
    edit(folder / "batas_rt.toml", 'unit = "rumah" }', 'unit = "rumah", people = true }')
    assert "Hitungan orang yang kecil di batas_rt.jumlah_rumah disembunyikan." in apply()
    assert shown() is None, "now a small count stands beside it"
    edit(folder / "batas_rt.toml", 'unit = "rumah", people = true }', 'unit = "rumah" }')
    assert "Cara menyembunyikan isi batas_rt.jumlah_rumah dihapus." in apply()
    assert shown() == 20
    edit(
        folder / "batas_rt.toml",
        'title = "Laki-laki", unit = "jiwa", people = true',
        'title = "Laki-laki", type = "decimal"',
    )
    assert "Tipe field batas_rt.laki_laki diganti; isinya tetap." in apply()
    assert shown() == 20


FAULTS = [
    (
        'title = "Jumlah rumah"',
        'title = "Jumlah rumah", type = "decimal", people = true',
        "fields.jumlah_rumah.people: field bertipe decimal",
    ),
    ("jumlah_rumah =", "rumah_public =", "fields.rumah_public: nama ini sudah dipakai"),
    ('label = "no_rt"', 'label = "jumlah_kk"', "label: field jumlah_kk menghitung orang"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), FAULTS)
def test_what_cannot_count_people_is_refused(folder: Path, old: str, new: str, sentence: str):
    edit(folder / "batas_rt.toml", old, new)

    with pytest.raises(InvalidCatalogue, match=r"batas_rt\.toml") as refusal:
        read_catalogue(folder)
    assert sentence in str(refusal.value)
