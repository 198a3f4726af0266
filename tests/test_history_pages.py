"""The pages of the history, and the same for programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from people import Person
from sqlalchemy import Connection, text
from test_html import Document
from test_review_pages import hidden_of, page
from towns import HERE, POSYANDU, THERE, ServedTown, served_town

from geosatu.database.cluster import Cluster
from geosatu.features import WIB
from geosatu.layers import Catalogue
from geosatu.store import restore as restored


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[ServedTown]:
    with served_town(cluster, catalogue, "history_pages") as town:
        yield town


@pytest.fixture(scope="module")
def pic(town: ServedTown) -> Person:
    return town.person("rina", ("pic_kelurahan", HERE))


@pytest.fixture(scope="module")
def stranger(town: ServedTown) -> Person:
    return town.person("joko", ("pic_kelurahan", THERE))


def changed(town: ServedTown, **values: Any) -> int:
    """A draft with a second version, the first of which is called Melati; its id."""
    number = town.add("posyandu", **POSYANDU)
    given = {"nama": "Mawar"} | values
    listed = ", ".join(f"{name} = :{name}" for name in given)
    town.run(f"UPDATE layer.posyandu SET {listed}, updated_by = 'rina' WHERE id = :id", id=number, **given)
    return number


def restore(town: ServedTown, person: Person, number: int, **told: Any) -> Any:
    path = f"/riwayat/posyandu/{number}"
    form = {**hidden_of(page(town, person, path)), "alasan": "salah ubah", **told}
    return town.client.post(path, data=form, headers=person.cookie, follow_redirects=False)


def name_of(town: ServedTown, number: int) -> str:
    return str(town.run("SELECT nama FROM layer.posyandu WHERE id = :id", id=number)[0][0])


def test_a_timeline_says_what_changed(town: ServedTown, pic: Person):
    document = page(town, pic, f"/riwayat/posyandu/{changed(town, geom='SRID=4326;POINT(112.006 -7.795)')}")

    said = " ".join(document.text.split())
    assert re.search("Nama : Melati menjadi Mawar|Nama: Melati menjadi Mawar", said)
    assert "lihat di peta" in said


def test_a_timeline_is_for_those_who_see_the_feature(town: ServedTown, stranger: Person):
    number = changed(town)

    page(town, stranger, f"/riwayat/posyandu/{number}", 404)
    assert town.client.get(f"/riwayat/posyandu/{number}.json", headers=stranger.bearer).status_code == 404
    assert town.client.get(f"/riwayat/posyandu/{number}.json").status_code == 401


def test_programs_read_the_timeline(town: ServedTown, pic: Person):
    number = changed(town)
    told = town.client.get(f"/riwayat/posyandu/{number}.json", headers=pic.bearer).json()

    assert [each["nomor"] for each in told["versi"]] == [2, 1]
    assert {"field": "nama", "judul": "Nama", "sebelum": "Melati", "sesudah": "Mawar"} in told["versi"][0]["perubahan"]


def test_restricted_fields_of_a_timeline_need_a_reason_which_is_kept(town: ServedTown, pic: Person):
    number = town.add("pos_kamling", nama="Pos", status_operasi="aktif", koordinator="Orang Uji")
    path = f"/riwayat/pos_kamling/{number}.json"
    plain = town.client.get(path, headers=pic.bearer)
    told = town.client.get(f"{path}?alasan=periksa", headers=pic.bearer)

    assert "Orang Uji" not in plain.text
    assert told.json()["versi"][0]["fitur"]["properties"]["koordinator"] == "Orang Uji"
    assert town.run("SELECT detail ->> 'alasan' FROM geosatu.audit ORDER BY id DESC LIMIT 1") == [("periksa",)]


def test_a_form_restores_a_version(town: ServedTown, pic: Person):
    number = changed(town)
    answer = restore(town, pic, number)

    assert (answer.status_code, name_of(town, number)) == (303, "Melati")
    assert "Data sudah dipulihkan sebagai versi 3." in page(town, pic, f"/riwayat/posyandu/{number}?selesai=1").text


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"csrf": "x"}, 403),
        ({"alasan": ""}, 400),
        ({"dilihat": "1"}, 412),
        ({"versi": "99"}, 404),
        ({"versi": "2147483648"}, 404),
    ],
)
def test_a_form_that_is_not_right_restores_nothing(town: ServedTown, pic: Person, told: dict[str, str], status: int):
    number = changed(town)

    assert restore(town, pic, number, **told).status_code == status
    assert name_of(town, number) == "Mawar"


def test_a_deleted_feature_is_found_and_comes_back(town: ServedTown, pic: Person):
    number = changed(town)
    town.run("DELETE FROM layer.posyandu WHERE id = :id", id=number)
    assert f"/riwayat/posyandu/{number}" in page(town, pic, "/riwayat/posyandu").addresses("a")

    assert restore(town, pic, number).status_code == 303
    assert f"/riwayat/posyandu/{number}" not in page(town, pic, "/riwayat/posyandu").addresses("a")


def test_an_act_is_undone_from_the_list(town: ServedTown, pic: Person):
    number = changed(town)
    restore(town, pic, number)
    act = town.run("SELECT act FROM layer.posyandu WHERE id = :id", id=number)[0][0]
    document = page(town, pic, "/riwayat?cara=pemulihan&pelaku=rina")
    assert f"/riwayat/tindakan/{act}" in [tag.get("action") for kind, tag in document.tags if kind == "form"]

    form = {"csrf": hidden_of(document)["csrf"], "alasan": "keliru"}
    answer = town.client.post(f"/riwayat/tindakan/{act}", data=form, headers=pic.cookie)

    assert answer.status_code == 200, answer.text[-500:]
    assert "1 data kembali seperti sebelumnya." in Document(answer.text).text
    assert name_of(town, number) == "Mawar"


def test_what_is_too_large_for_the_browser_is_undone_by_a_command(
    town: ServedTown, pic: Person, monkeypatch: pytest.MonkeyPatch
):
    def endless(conn: Connection, *_: Any) -> None:
        conn.execute(text("SET LOCAL statement_timeout = '5ms'"))
        conn.execute(text("SELECT pg_sleep(5)"))

    monkeypatch.setattr(restored, "act", endless)
    form = {"csrf": hidden_of(page(town, pic, f"/riwayat/posyandu/{changed(town)}"))["csrf"], "alasan": "keliru"}
    answer = town.client.post("/riwayat/tindakan/7", data=form, headers=pic.cookie)

    assert answer.status_code == 409
    assert "Minta pengelola server menjalankan: geosatu undo 7" in Document(answer.text).text


@pytest.mark.parametrize("path", ["/riwayat", "/riwayat/posyandu", "/riwayat/posyandu/1"])
def test_whoever_has_not_signed_in_is_asked_to(town: ServedTown, path: str):
    answer = town.client.get(path, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/masuk?lanjut={path}")


# --- As it was --------------------------------------------------------------------------------------------


def test_every_door_reads_what_was(town: ServedTown):
    number = town.add("kwt", nama="KWT Lama", status="terbit")
    town.run("UPDATE layer.kwt SET updated_at = '2026-01-01T00:00:00Z' WHERE id = :id", id=number)
    moment = town.run("SELECT clock_timestamp()")[0][0].isoformat().replace("+00:00", "Z")
    town.run("UPDATE layer.kwt SET nama = 'KWT Baru', updated_by = 'uji' WHERE id = :id", id=number)
    items = "/ogc/collections/kwt/items"
    for given in ("", "&nama=KWT Lama", "&bbox=112,-7.8,112.01,-7.79", "&sortby=-nama", "&crs=EPSG:32749"):
        then = town.client.get(f"{items}?f=json&pada={moment}{given}").json()
        assert [each["properties"]["nama"] for each in then["features"]] == ["KWT Lama"], given
        assert then["numberMatched"] == 1
    assert town.client.get(f"{items}/{number}?f=json&pada={moment}").json()["properties"]["nama"] == "KWT Lama"
    assert town.client.get(f"{items}/{number}?f=json").json()["properties"]["nama"] == "KWT Baru"
    for suffix in ("geojson", "csv", "fgb", "gpkg"):
        assert b"KWT Lama" in town.client.get(f"/files/kwt.{suffix}?pada={moment}").content
        assert b"KWT Baru" in town.client.get(f"/files/kwt.{suffix}").content
    assert b"KWT Lama" in town.client.get(f"/files/kota.gpkg?pada={moment}").content
    assert "KWT Lama" in town.client.get(f"{items}?f=html&pada={moment}").text
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        asked = f"/wfs?service=WFS&version={version}&request=GetFeature&typenames=kwt&pada"
        assert b"KWT Lama" in town.client.get(f"{asked}={moment}").content
        assert b"KWT Lama" in town.client.get(f"{asked}={moment}&outputformat=csv").content
        assert town.client.get(f"{asked}=kemarin").status_code == 400
    for day, matched in (("2020-01-01", 0), (moment, 1)):
        assert f'numberMatched="{matched}"' in town.client.get(f"{asked}={day}&resulttype=hits").text


def test_before_it_was_there_it_is_not(town: ServedTown):
    town.add("kwt", nama="KWT Muda", status="terbit")
    yesterday = datetime.now(WIB).date() - timedelta(days=1)

    assert town.client.get(f"/ogc/collections/kwt/items?f=json&pada={yesterday}").json()["features"] == []
    assert town.client.get(f"/ogc/collections/kwt/items/1?f=json&pada={yesterday}").status_code == 404


@pytest.mark.parametrize("said", ["", "kemarin", "2026-02-30", "2026-01-01T00:00:00", "9999-12-31", "0001-01-01x"])
def test_a_moment_that_is_none_is_told(town: ServedTown, said: str):
    answer = town.client.get(f"/ogc/collections/kwt/items?f=json&pada={said}")

    assert answer.status_code == 400
    assert answer.json()["title"].startswith("pada=")


def test_today_is_a_day_that_has_come(town: ServedTown):
    today = datetime.now(UTC).astimezone(WIB).date()

    assert town.client.get(f"/ogc/collections/kwt/items?f=json&pada={today}").status_code == 200
