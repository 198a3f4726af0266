"""The history of layers whose catalogue changed since, and the types of its values."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from test_apply import PLACE, add

from geosatu.database.apply import apply_layers, plan_layers
from geosatu.database.rights import act_as, apply_rights
from geosatu.database.tables import past_of, table_of
from geosatu.errors import InvalidFeature
from geosatu.features import OPERATOR, PUBLIC
from geosatu.layers import Catalogue, Layer
from geosatu.store import past, restore

VALUES: dict[str, dict[str, Any]] = {
    "kwt": {"nama": "KWT", "komoditas": ["cabai, merah", 'ter"ong', "a\\b"], "luas_m2": 0.1 + 0.2, "accuracy_m": 1e-9},
    "pos_kamling": {"nama": "Pos", "fasilitas": ["lampu", "ht"], "tanggal_data": date(2026, 8, 17)},
    "batas_rt": {"no_rt": "001", "no_rw": "002", "tanggal_jumlah": date(2026, 2, 28), "jumlah_kk": 2**53 + 1},
}


@pytest.mark.parametrize("name", VALUES)
def test_values_of_every_type_survive(conn: Connection, catalogue: Catalogue, name: str):
    layer = catalogue[name]
    place = PLACE if layer.geometry == "Point" else "SRID=4326;MULTIPOLYGON(((112 -7,112.1 -7,112.1 -6.9,112 -7)))"
    values = {field: value for field, value in VALUES[name].items() if field in table_of(layer).c}
    number = add(conn, layer, place, **values)
    names = [each.name for each in table_of(layer).c if each.name != "geom_mercator"]
    before = conn.execute(select(*(table_of(layer).c[each] for each in names))).one()
    conn.execute(text(f"UPDATE layer.{name} SET accuracy_m = 5, updated_by = 'uji' WHERE id = :id"), {"id": number})

    after = conn.execute(select(*(past_of(layer).c[each] for each in names))).one()

    assert dict(before._mapping) == dict(after._mapping)


def having(catalogue: Catalogue, name: str, **fields: Any) -> Catalogue:
    """The catalogue with some fields of a layer as these say; None: without the field."""
    said = catalogue[name].model_dump()
    present = {field: about for field, about in said["fields"].items() if field not in fields}
    given = {field: about | {"name": field} for field, about in fields.items() if about is not None}
    layer = Layer.model_validate(said | {"fields": present | given})
    return Catalogue(dict(catalogue.layers) | {name: layer}, catalogue.themes, catalogue.folder)


def bring(conn: Connection, catalogue: Catalogue, *drop: str) -> None:
    """The tables and rights to the catalogue."""
    apply_layers(conn, plan_layers(conn, catalogue), drop)
    apply_rights(conn, catalogue)


def test_a_field_that_came_later_is_empty_then_and_kept_when_a_version_is_restored(
    conn: Connection, catalogue: Catalogue
):
    number = add(conn, catalogue["kwt"], nama="KWT Lama")
    conn.execute(text("UPDATE layer.kwt SET nama = 'KWT Baru', updated_by = 'uji'"))
    later = having(catalogue, "kwt", warna={"title": "Warna", "type": "text"})
    bring(conn, later)
    conn.execute(text("UPDATE layer.kwt SET warna = 'biru', updated_by = 'uji'"))

    versions, _ = past.timeline(conn, later["kwt"], number, "terbatas")
    assert [each.feature["properties"]["warna"] for each in versions] == ["biru", None, None]
    restore.version(conn, later, later["kwt"], number, 1, 3, None, OPERATOR)
    assert conn.execute(text("SELECT nama, warna FROM layer.kwt")).one() == ("KWT Lama", "biru")


def test_a_field_that_went_and_one_of_another_type_are_read_and_restored(conn: Connection, catalogue: Catalogue):
    number = add(conn, catalogue["kwt"], nama="KWT", komoditas=["cabai"], luas_m2=1.5)
    conn.execute(text("UPDATE layer.kwt SET nama = 'KWT Baru', updated_by = 'uji'"))
    later = having(catalogue, "kwt", komoditas=None, luas_m2={"title": "Luas", "type": "text"})
    bring(conn, later, "kwt.komoditas", "kwt.luas_m2")

    versions, _ = past.timeline(conn, later["kwt"], number, "terbatas")
    assert versions[-1].feature["properties"]["luas_m2"] == "1.5"
    assert "komoditas" not in versions[-1].feature["properties"]
    restore.version(conn, later, later["kwt"], number, 1, None, None, OPERATOR)
    assert conn.execute(text("SELECT nama, luas_m2 FROM layer.kwt")).one() == ("KWT", "1.5")


def test_a_code_that_is_no_more_is_read_and_told_when_it_should_come_back(conn: Connection, catalogue: Catalogue):
    about = {"title": "Warna", "type": "code", "codes": {"biru": "Biru", "hijau": "Hijau"}}
    bring(conn, having(catalogue, "kwt", warna=about))
    number = add(conn, having(catalogue, "kwt", warna=about)["kwt"], nama="KWT", warna="biru")
    conn.execute(text("UPDATE layer.kwt SET warna = 'hijau', updated_by = 'uji'"))
    later = having(catalogue, "kwt", warna=about | {"codes": {"hijau": "Hijau"}})
    bring(conn, later)

    versions, _ = past.timeline(conn, later["kwt"], number, "terbatas")
    assert versions[-1].feature["properties"]["warna"] == "biru"
    with pytest.raises(InvalidFeature, match="tidak sesuai lagi dengan katalog"), conn.begin_nested():
        restore.version(conn, later, later["kwt"], number, 1, None, None, OPERATOR)


@pytest.mark.parametrize("kind", ["integer", "decimal", "date", "time", "boolean", "texts"])
def test_a_text_that_is_something_else_now_is_empty_then(conn: Connection, catalogue: Catalogue, kind: str):
    number = add(conn, catalogue["kwt"], nama="KWT", alamat="2026-02-31")
    conn.execute(text("UPDATE layer.kwt SET nama = 'KWT Baru', updated_by = 'uji'"))
    later = having(catalogue, "kwt", alamat={"title": "Alamat", "type": kind})
    bring(conn, later, "kwt.alamat")

    versions, _ = past.timeline(conn, later["kwt"], number, "terbatas")
    assert versions[-1].feature["properties"]["alamat"] is None


def test_a_time_of_day_survives(conn: Connection, catalogue: Catalogue):
    later = having(catalogue, "kwt", jam={"title": "Jam", "type": "time"})
    bring(conn, later)
    add(conn, later["kwt"], nama="KWT", jam=time(21, 30, 15))
    conn.execute(text("UPDATE layer.kwt SET nama = 'KWT Baru', updated_by = 'uji'"))

    assert conn.scalar(text("SELECT jam FROM past.kwt")) == time(21, 30, 15)


def test_a_count_of_people_that_is_hidden_now_is_hidden_then(conn: Connection, catalogue: Catalogue):
    add(conn, catalogue["kwt"], nama="KWT", jumlah_anggota=3, status="terbit")
    conn.execute(text("UPDATE layer.kwt SET jumlah_anggota = 30, updated_by = 'uji'"))
    act_as(conn, PUBLIC)

    assert conn.scalars(text("SELECT jumlah_anggota_public FROM past.kwt")).all() == [None]
    assert conn.scalars(text("SELECT jumlah_anggota_public FROM layer.kwt")).all() == [30]
