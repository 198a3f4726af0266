"""Retention: personal values whose time is over are gone from the layers and from every version in the history."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update
from test_catalogue import edit, folder  # noqa: F401  # a fixture
from typer.testing import CliRunner

from geosatu import cli
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city
from geosatu.database.tables import audit, history, table_of
from geosatu.errors import InvalidCatalogue
from geosatu.features import OPERATOR
from geosatu.layers import Catalogue, Layer, Retention, read_catalogue
from geosatu.settings import Settings
from geosatu.store.retention import Forgotten, forget_expired

SQUARE = "SRID=4326;MULTIPOLYGON(((112 -7.8, 112.01 -7.8, 112.01 -7.79, 112 -7.79, 112 -7.8)))"
TODAY = date(2026, 8, 17)


@pytest.fixture
def rt(catalogue: Catalogue) -> Layer:
    return catalogue["batas_rt"]


def add(conn: Connection, rt: Layer, number: str, until: date | None, **values: Any) -> int:
    row = {"no_rt": number, "no_rw": "001", "jenis_unit": "rt", "kode_wilayah": "35.71.01.1001", "geom": SQUARE}
    about = {"ketua_rt": "Sutris", "hp_ketua": "0800-000-1001", "created_by": "uji", "updated_by": "uji"}
    made = insert(table_of(rt)).values(row | about | {"masa_bakti_sampai": until} | values)
    feature: int = conn.scalar(made.returning(table_of(rt).c.id))
    return feature


def change(conn: Connection, rt: Layer, feature: int, **values: Any) -> None:
    conn.execute(update(table_of(rt)).where(table_of(rt).c.id == feature).values(updated_by="uji", **values))


def values_of(conn: Connection, rt: Layer, feature: int, field: str) -> list[Any]:
    """The value now, and in each version of the history."""
    now = conn.scalar(select(table_of(rt).c[field]).where(table_of(rt).c.id == feature))
    kept = select(history.c.attributes[field].astext).where(history.c.layer == rt.name, history.c.feature == feature)
    return [now, *conn.scalars(kept.order_by(history.c.version))]


def of(found: list[Forgotten], field: str) -> Forgotten:
    return next(each for each in found if (each.layer, each.field) == ("batas_rt", field))


def test_values_go_when_their_months_are_over_and_not_before(conn: Connection, catalogue: Catalogue, rt: Layer):
    over = add(conn, rt, "001", date(2026, 2, 16))
    last_day = add(conn, rt, "002", date(2026, 2, 17))
    current = add(conn, rt, "003", date(2030, 12, 31))

    found = forget_expired(conn, catalogue, TODAY, OPERATOR)

    assert of(found, "ketua_rt") == ("batas_rt", "ketua_rt", 1, 1, 0, 0)
    assert of(found, "hp_ketua") == ("batas_rt", "hp_ketua", 1, 1, 0, 0)
    assert values_of(conn, rt, over, "ketua_rt") == [None, None]
    assert values_of(conn, rt, over, "hp_ketua") == [None, None]
    assert values_of(conn, rt, last_day, "ketua_rt") == ["Sutris"]
    assert values_of(conn, rt, current, "ketua_rt") == ["Sutris"]


def test_what_else_a_feature_says_stays_and_the_history_tells_who_emptied_it(
    conn: Connection, catalogue: Catalogue, rt: Layer
):
    over = add(conn, rt, "001", date(2020, 1, 1), jumlah_kk=50)

    forget_expired(conn, catalogue, TODAY, OPERATOR)

    assert values_of(conn, rt, over, "jumlah_kk") == [50, "50"]
    assert conn.scalars(select(history.c.ended_by).where(history.c.feature == over)).all() == ["operator"]
    assert conn.scalar(select(table_of(rt).c.version).where(table_of(rt).c.id == over)) == 2


def test_every_earlier_version_goes_by_its_own_date(conn: Connection, catalogue: Catalogue, rt: Layer):
    feature = add(conn, rt, "001", date(2020, 1, 1), ketua_rt="Lama")
    change(conn, rt, feature, ketua_rt="Baru", masa_bakti_sampai=date(2030, 1, 1))

    found = forget_expired(conn, catalogue, TODAY, OPERATOR)

    assert of(found, "ketua_rt")[2:] == (0, 1, 0, 0)
    assert values_of(conn, rt, feature, "ketua_rt") == ["Baru", None]


def test_a_version_without_a_date_goes_with_its_feature(conn: Connection, catalogue: Catalogue, rt: Layer):
    feature = add(conn, rt, "001", None)
    change(conn, rt, feature, masa_bakti_sampai=date(2020, 1, 1))

    forget_expired(conn, catalogue, TODAY, OPERATOR)

    assert values_of(conn, rt, feature, "ketua_rt") == [None, None, None]


def test_versions_of_deleted_features_go_too(conn: Connection, catalogue: Catalogue, rt: Layer):
    dated, undated = add(conn, rt, "001", date(2020, 1, 1)), add(conn, rt, "002", None)
    for feature in (dated, undated):
        conn.execute(table_of(rt).delete().where(table_of(rt).c.id == feature))
    conn.execute(update(history).where(history.c.feature == undated).values(ended_at="2021-01-01"))

    forget_expired(conn, catalogue, TODAY, OPERATOR)

    assert values_of(conn, rt, dated, "hp_ketua") == [None, None]
    assert values_of(conn, rt, undated, "hp_ketua") == [None, None]


def test_a_value_without_a_date_stays_and_is_told(conn: Connection, catalogue: Catalogue, rt: Layer):
    feature = add(conn, rt, "001", None)

    found = forget_expired(conn, catalogue, TODAY, OPERATOR)

    assert of(found, "ketua_rt")[2:] == (0, 0, 1, 0)
    assert values_of(conn, rt, feature, "ketua_rt") == ["Sutris"]


def test_a_date_that_is_none_in_an_old_version_stops_nothing(conn: Connection, catalogue: Catalogue, rt: Layer):
    feature = add(conn, rt, "001", date(2020, 1, 1))
    change(conn, rt, feature, keterangan="x")
    wrong = history.c.attributes.op("||")({"masa_bakti_sampai": "2020-99-99"})
    conn.execute(update(history).values(attributes=wrong))

    forget_expired(conn, catalogue, TODAY, OPERATOR)

    assert values_of(conn, rt, feature, "ketua_rt") == [None, None, None]


def test_the_audit_log_tells_counts_and_no_values(conn: Connection, catalogue: Catalogue, rt: Layer):
    add(conn, rt, "001", date(2020, 1, 1))

    forget_expired(conn, catalogue, TODAY, OPERATOR)

    line = conn.execute(select(audit).order_by(audit.c.id.desc()).limit(1)).one()
    assert (line.action, line.actor) == ("retensi", "operator")
    assert {each["field"]: each["features"] for each in line.detail["dikosongkan"]} == {"ketua_rt": 1, "hp_ketua": 1}
    assert "Sutris" not in json.dumps(line.detail)


def test_twice_is_as_once(conn: Connection, catalogue: Catalogue, rt: Layer):
    add(conn, rt, "001", date(2020, 1, 1))
    forget_expired(conn, catalogue, TODAY, OPERATOR)

    assert all(each.features == each.versions == 0 for each in forget_expired(conn, catalogue, TODAY, OPERATOR))


def test_the_shipped_catalogue_keeps_nobodys_name_or_number_for_ever(catalogue: Catalogue):
    """Parcels have numbers too, which are not about a person alone."""
    for layer in catalogue:
        for field in layer.fields.values():
            if field.access == "terbatas" and field.name not in ("nib_bidang", "no_sertipikat"):
                assert field.retention is not None, f"{layer.name}.{field.name}"
    assert catalogue["batas_rt"].fields["hp_ketua"].retention == Retention(after="masa_bakti_sampai", months=6)


FAULTS = [
    ('after = "masa_bakti_sampai", months = 6', 'after = "tahun", months = 6', "lapisan ini tidak punya field tahun"),
    ('after = "masa_bakti_sampai", months = 6', 'after = "no_rw", months = 6', "field no_rw tidak bertipe date"),
    ('after = "masa_bakti_sampai", months = 6', 'after = "masa_bakti_sampai", months = -1', "harus paling kecil 0"),
    ('after = "masa_bakti_sampai", months = 6', "months = 6", "retention.after: kunci ini wajib ada"),
    ('after = "masa_bakti_sampai", months = 6', 'after = "masa_bakti_sampai", years = 6', "kunci ini"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), FAULTS)
def test_a_retention_that_cannot_be_is_refused(folder: Path, old: str, new: str, sentence: str):  # noqa: F811
    line = 'ketua_rt = { like = "nama_orang", title = "Ketua RT", retention = {'
    edit(folder / "batas_rt.toml", f"{line} {old} }}", f"{line} {new} }}")

    with pytest.raises(InvalidCatalogue, match=r"batas_rt\.toml: fields\.ketua_rt\.retention") as refusal:
        read_catalogue(folder)
    assert sentence in str(refusal.value)


def test_what_names_a_feature_or_is_required_cannot_be_forgotten(folder: Path):  # noqa: F811
    kept = 'retention = { after = "tanggal_data", months = 1 }'
    file = folder / "batas_rt.toml"
    edit(file, 'no_rw = { like = "rw", title = "RW"', f'no_rw = {{ like = "rw", {kept}, title = "RW"')
    with pytest.raises(InvalidCatalogue, match="mengenali fitur"):
        read_catalogue(folder)
    edit(file, f'no_rw = {{ like = "rw", {kept}', f'no_rw = {{ like = "rw", required = true, {kept}')
    with pytest.raises(InvalidCatalogue, match="wajib diisi"):
        read_catalogue(folder)


def test_the_command_tells_first_and_does_it_then(
    cluster: Cluster, catalogue: Catalogue, rt: Layer, monkeypatch: pytest.MonkeyPatch
):
    from conftest import settings_for

    settings = settings_for(cluster, "retention")
    with open_city(settings, catalogue) as engine, engine.begin() as conn:
        feature = add(conn, rt, "001", date(2020, 1, 1))
    monkeypatch.setattr(Settings, "from_env", classmethod(lambda _: settings))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli.app, ["retention", *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    def names() -> list[Any]:
        with open_city(settings, catalogue) as engine, engine.connect() as conn:
            return values_of(conn, rt, feature, "ketua_rt")

    told = json.loads(run("--dry-run", "--json"))["fields"]
    assert [each["features"] for each in told if each["field"] == "ketua_rt" and each["layer"] == "batas_rt"] == [1]
    assert names() == ["Sutris"]
    assert "4 nilai yang masa simpannya habis akan dikosongkan, 0 foto tak terpakai akan dihapus." in run("--dry-run")
    assert "4 nilai yang masa simpannya habis dikosongkan, 0 foto tak terpakai dihapus." in run()
    assert names() == [None, None]
