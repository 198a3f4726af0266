"""The pages of review, daftar data and audit, and the same for programs: as people and as abusers meet them."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from people import Person
from sqlalchemy import text
from test_html import Document
from towns import HERE, POSYANDU, THERE, ServedTown, served_town

from geosatu.database.cluster import Cluster
from geosatu.layers import Catalogue

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7*7 }}"


@pytest.fixture(scope="module")
def served(cluster: Cluster, catalogue: Catalogue) -> Iterator[ServedTown]:
    with served_town(cluster, catalogue, "review") as town:
        yield town


@pytest.fixture
def town(served: ServedTown) -> Iterator[ServedTown]:
    """The town with nothing but its kelurahan and no accounts."""
    yield served
    for table in ("layer.posyandu", "layer.pos_kamling", 'geosatu."check"', "geosatu.data_list", "geosatu.account"):
        served.run(f"DELETE FROM {table}")


@pytest.fixture
def lurah(town: ServedTown) -> Person:
    return town.person("budi", ("lurah", HERE))


@pytest.fixture
def walidata(town: ServedTown) -> Person:
    return town.person("wali", ("walidata", ""))


def posyandu(town: ServedTown, status: str = "diajukan", **values: Any) -> int:
    return town.add("posyandu", status=status, **{**POSYANDU, **values})


def status_of(town: ServedTown, feature: int) -> str:
    return str(town.run("SELECT status FROM layer.posyandu WHERE id = :id", id=feature)[0][0])


def page(town: ServedTown, person: Person, path: str, status: int = 200) -> Document:
    answer = town.client.get(path, headers=person.cookie)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    return Document(answer.text)


def hidden_of(document: Document) -> dict[str, str]:
    """The hidden fields of a page's form."""
    return {tag["name"]: tag["value"] for kind, tag in document.tags if kind == "input" and tag.get("type") == "hidden"}


def submit(town: ServedTown, person: Person, layer: str = "posyandu", query: str = "", **form: Any) -> Any:
    """Send the form of a layer's page, with the token that the page carries."""
    fields = hidden_of(page(town, person, f"/tinjauan/{layer}{query}"))
    return town.client.post(
        f"/tinjauan/{layer}{query}", data={**fields, **form}, headers=person.cookie, follow_redirects=False
    )


def ask(town: ServedTown, person: Person, layer: str = "posyandu", **told: Any) -> Any:
    """The same as a program."""
    return town.client.post(f"/tinjauan/{layer}", json=told, headers=person.bearer)


# --- Review ---------------------------------------------------------------------------------------------


def test_the_queue_leads_to_what_waits(town: ServedTown, lurah: Person):
    for _ in range(3):
        posyandu(town)
    posyandu(town, kode_wilayah=THERE)

    document = page(town, lurah, "/tinjauan")

    assert "3 data menunggu langkah dari Anda." in document.text
    assert f"/tinjauan/posyandu?status=diajukan&kelurahan={HERE}" in document.addresses("a")
    assert "Barat" in document.text
    assert "Timur" not in document.text


def test_the_list_shows_what_stands_in_the_way(town: ServedTown, lurah: Person):
    lacking, faulty = posyandu(town, nama="Mawar", jumlah_kader=None), posyandu(town, nama="Anggrek")
    town.run("INSERT INTO geosatu.check (layer, revision) VALUES ('posyandu', 0)")
    town.run(
        "INSERT INTO geosatu.finding (layer, rule, severity, features, message) "
        "VALUES ('posyandu', 'must_be_inside', 'error', ARRAY[:id], 'Anggrek di luar Barat.')",
        id=faulty,
    )

    document = page(town, lurah, "/tinjauan/posyandu")

    assert "Belum diisi: Jumlah kader." in " ".join(document.text.split())
    assert "Kesalahan: Anggrek di luar Barat." in " ".join(document.text.split())
    boxes = [tag["value"] for kind, tag in document.tags if kind == "input" and tag.get("type") == "checkbox"]
    assert boxes == [f"{lacking}:1", f"{faulty}:1"]
    buttons = [tag["value"] for kind, tag in document.tags if kind == "button" and tag.get("name") == "ke"]
    assert buttons == ["disetujui", "perlu_perbaikan"]


def test_a_walidata_excepts_a_finding_and_the_lurah_reads_why(town: ServedTown, lurah: Person, walidata: Person):
    faulty = posyandu(town, nama="Kamboja")
    town.run("INSERT INTO geosatu.check (layer, revision) VALUES ('posyandu', 0) ON CONFLICT DO NOTHING")
    ((finding,),) = town.run(
        "INSERT INTO geosatu.finding (layer, rule, severity, features, message) "
        "VALUES ('posyandu', 'must_be_inside', 'error', ARRAY[:id], 'Kamboja di luar Barat.') RETURNING id",
        id=faulty,
    )
    path = f"/tinjauan/posyandu/{faulty}"
    form = {"temuan": finding, "versi": 1, "alasan": "Batas <b>belum</b> disepakati"}
    assert "Kecualikan" not in page(town, lurah, path).text
    forms = [tag.get("action") for kind, tag in page(town, walidata, path).tags if kind == "form"]
    assert f"{path}/kecualikan" in forms

    without = town.client.post(f"{path}/kecualikan", data=form, headers=walidata.cookie)
    assert without.status_code == 403
    form["csrf"] = hidden_of(page(town, lurah, path))["csrf"]
    barred = town.client.post(f"{path}/kecualikan", data=form, headers=lurah.cookie)
    assert (barred.status_code, "Hanya walidata yang mengecualikan temuan." in barred.text) == (403, True)
    form["csrf"] = hidden_of(page(town, walidata, path))["csrf"]
    done = town.client.post(f"{path}/kecualikan", data=form, headers=walidata.cookie, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, path)

    said = " ".join(page(town, lurah, path).text.split())
    assert "Kesalahan, dikecualikan: Kamboja di luar Barat." in said
    assert ": Batas <b>belum</b> disepakati" in said
    found = town.client.get("/findings", headers=lurah.bearer).json()["features"]
    told = {each["id"]: each["properties"] for each in found}
    assert (told[finding]["exception"], told[finding]["excepted_by"]) == (form["alasan"], walidata.name)
    assert form["alasan"] not in town.client.get("/findings").text
    assert "Temuan dikecualikan" in page(town, walidata, "/audit").text


def test_a_form_takes_the_step_with_those_that_are_ticked(town: ServedTown, lurah: Person):
    ticked, other = posyandu(town), posyandu(town)

    answer = submit(town, lurah, fitur=f"{ticked}:1", ke="disetujui", catatan="Sesuai.")

    assert answer.status_code == 303
    assert status_of(town, ticked) == "disetujui"
    assert status_of(town, other) == "diajukan"
    told = page(town, lurah, answer.headers["location"])
    assert "1 data kini Disetujui." in told.text
    assert "Sesuai." in page(town, lurah, f"/tinjauan/posyandu/{ticked}").text


def test_a_form_takes_the_step_with_all_on_the_page_or_all_of_a_kelurahan(town: ServedTown, lurah: Person):
    first = [posyandu(town) for _ in range(2)]
    assert submit(town, lurah, untuk="halaman", ke="disetujui").status_code == 303
    assert {status_of(town, each) for each in first} == {"disetujui"}

    many = [posyandu(town) for _ in range(60)]
    query = f"?status=diajukan&kelurahan={HERE}"
    assert submit(town, lurah, query=query, untuk="semua", ke="disetujui").status_code == 303
    assert {status_of(town, each) for each in many} == {"disetujui"}


def test_of_a_batch_the_page_names_those_that_did_not_take_the_step(town: ServedTown, lurah: Person):
    fine, lacking = posyandu(town), posyandu(town, nama="Mawar", jumlah_kader=None)
    query = f"?status=diajukan&kelurahan={HERE}"

    answer = submit(town, lurah, query=query, untuk="semua", ke="disetujui")

    assert answer.status_code == 200
    said = " ".join(Document(answer.text).text.split())
    assert "1 data diputuskan, 1 tidak." in said
    assert "Mawar : Belum diisi padahal wajib: Jumlah kader. Lengkapi dahulu." in said.replace("Mawar:", "Mawar :")
    assert (status_of(town, fine), status_of(town, lacking)) == ("disetujui", "diajukan")


def test_what_changed_after_the_page_was_opened_is_refused_and_told(town: ServedTown, lurah: Person):
    feature = posyandu(town)
    opened = hidden_of(page(town, lurah, f"/tinjauan/posyandu?status=diajukan&kelurahan={HERE}"))
    town.run("UPDATE layer.posyandu SET nama = 'Mawar', updated_by = 'sari' WHERE id = :id", id=feature)

    for form, what in (
        ({"fitur": f"{feature}:1"}, " (Nama)"),
        ({"untuk": "halaman"}, " (Nama)"),
        ({"untuk": "semua"}, ""),
    ):
        sent = {**opened, **form, "ke": "disetujui"}
        answer = town.client.post("/tinjauan/posyandu", data=sent, headers=lurah.cookie)
        assert answer.status_code == 409
        assert f"sudah berubah sejak Anda melihatnya{what}: diubah oleh sari" in Document(answer.text).text
    assert status_of(town, feature) == "diajukan"


def test_of_two_at_the_same_time_the_later_one_is_told(town: ServedTown, lurah: Person):
    feature = posyandu(town)
    with ThreadPoolExecutor(1) as other:
        with town.owner.begin() as conn:
            conn.execute(
                text("UPDATE layer.posyandu SET nama = 'Mawar', updated_by = 'sari' WHERE id = :i"), {"i": feature}
            )
            waiting = other.submit(ask, town, lurah, ke="disetujui", fitur=[{"id": feature, "versi": 1}])
            blocked = text("SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")
            for _ in range(100):
                if conn.scalar(blocked):
                    break
                time.sleep(0.05)
            assert conn.scalar(blocked), "the decision waits for the change"
        answer = waiting.result()

    assert answer.status_code == 409
    assert "(Nama): diubah oleh sari" in answer.json()["title"]
    assert status_of(town, feature) == "diajukan"
    assert town.run("SELECT * FROM geosatu.decision WHERE feature = :f", f=feature) == []


def test_an_empty_note_is_refused_where_one_is_needed(town: ServedTown, lurah: Person):
    feature = posyandu(town)

    answer = submit(town, lurah, fitur=f"{feature}:1", ke="perlu_perbaikan", catatan="  ")

    assert answer.status_code == 400
    assert "Catatan wajib diisi untuk langkah Kembalikan" in answer.text
    assert status_of(town, feature) == "diajukan"


@pytest.mark.parametrize("token", ["", "x", "é", "0" * 64])
def test_a_form_without_the_right_token_changes_nothing(town: ServedTown, lurah: Person, token: str):
    feature = posyandu(town)

    answer = submit(town, lurah, fitur=f"{feature}:1", ke="disetujui", csrf=token)

    assert answer.status_code == 403
    assert status_of(town, feature) == "diajukan"


def test_the_token_of_somebody_else_changes_nothing(town: ServedTown, lurah: Person, walidata: Person):
    feature = posyandu(town)
    theirs = hidden_of(page(town, walidata, "/tinjauan/posyandu"))["csrf"]

    assert submit(town, lurah, fitur=f"{feature}:1", ke="disetujui", csrf=theirs).status_code == 403
    assert status_of(town, feature) == "diajukan"


def test_another_site_changes_nothing(town: ServedTown, lurah: Person):
    feature = posyandu(town)
    form = {**hidden_of(page(town, lurah, "/tinjauan/posyandu")), "fitur": f"{feature}:1", "ke": "disetujui"}
    for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://jahat.example"}, {"Origin": "null"}):
        answer = town.client.post("/tinjauan/posyandu", data=form, headers={**lurah.cookie, **header})
        assert answer.status_code == 403

    as_json = json.dumps({"ke": "disetujui", "fitur": [{"id": feature, "versi": 1}]})
    for kind in ("application/json", "text/plain"):
        answer = town.client.post("/tinjauan/posyandu", content=as_json, headers={**lurah.cookie, "Content-Type": kind})
        assert answer.status_code == 403, "a cookie alone is not enough, whatever the body is called"
    assert status_of(town, feature) == "diajukan"


def test_another_kelurahan_is_out_of_reach(town: ServedTown, lurah: Person):
    waiting, published = posyandu(town, kode_wilayah=THERE), posyandu(town, "terbit", kode_wilayah=THERE)

    page(town, lurah, f"/tinjauan/posyandu/{waiting}", status=404)
    document = page(town, lurah, f"/tinjauan/posyandu/{published}")
    assert not [tag for kind, tag in document.tags if kind == "button" and tag.get("name") == "ke"]
    assert ask(town, lurah, ke="disetujui", fitur=[{"id": waiting, "versi": 1}]).status_code == 404
    answer = ask(town, lurah, ke="perlu_perbaikan", catatan="karena", fitur=[{"id": published, "versi": 1}])
    assert answer.status_code == 403
    assert "tidak berhak untuk langkah Tarik dari publik" in answer.json()["title"]
    batch = {"status": "diajukan", "kelurahan": THERE}
    assert ask(town, lurah, ke="disetujui", semua=batch).json()["diputuskan"] == []
    assert (status_of(town, waiting), status_of(town, published)) == ("diajukan", "terbit")


@pytest.mark.parametrize("feature", ["0", "99999999", "-1", "1e3", "9" * 30, "١", "x", "%00"])
def test_a_forged_id_is_not_there(town: ServedTown, lurah: Person, feature: str):
    assert town.client.get(f"/tinjauan/posyandu/{feature}", headers=lurah.cookie).status_code in (400, 404)


def test_programs_decide_with_a_token(town: ServedTown, lurah: Person):
    one, other = posyandu(town), posyandu(town)

    answer = ask(town, lurah, ke="disetujui", catatan="Sesuai.", fitur=[{"id": one, "versi": 1}])
    assert answer.status_code == 200
    assert answer.json() == {
        "lapisan": "posyandu",
        "ke": "disetujui",
        "diputuskan": [{"id": one, "versi": 2}],
        "ditolak": [],
        "sisa": 0,
    }
    batch = ask(town, lurah, ke="disetujui", semua={"status": "diajukan", "kelurahan": HERE}).json()
    assert batch["diputuskan"] == [{"id": other, "versi": 2}]


def test_programs_are_told_in_problem_json_what_stopped_all(town: ServedTown, lurah: Person):
    fine, lacking = posyandu(town), posyandu(town, nama="Mawar", jumlah_kader=None)

    answer = ask(town, lurah, ke="disetujui", fitur=[{"id": fine, "versi": 1}, {"id": lacking, "versi": 1}])

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["ditolak"] == [
        {"id": lacking, "nama": "Mawar", "alasan": "Belum diisi padahal wajib: Jumlah kader. Lengkapi dahulu."}
    ]
    assert status_of(town, fine) == "diajukan"


WRONG = [
    ({}, "ke: kunci ini wajib ada."),
    ({"ke": "disetujui"}, "Sebutkan fitur"),
    ({"ke": "disetujui", "fitur": []}, "Pilih dahulu"),
    ({"ke": "hapus", "fitur": [{"id": 1, "versi": 1}]}, "Status 'hapus' tidak ada"),
    ({"ke": "disetujui", "fitur": [{"id": 1}]}, "versi: kunci ini wajib ada"),
    ({"ke": "disetujui", "fitur": [{"id": 2**63, "versi": 1}]}, "id: harus paling besar"),
    ({"ke": "disetujui", "fitur": [{"id": 1, "versi": 2**31}]}, "versi: harus paling besar"),
    ({"ke": "disetujui", "semua": {"status": "diajukan"}}, "kelurahan atau impor"),
    ({"ke": "disetujui", "semua": {"status": "diajukan", "kelurahan": "' OR 1=1"}}, "kelurahan: "),
    ({"ke": "disetujui", "semua": {"status": "arsip", "kelurahan": HERE}}, "tidak ada langkah"),
    ({"ke": "disetujui", "hapus": True}, "hapus: kunci ini tidak dikenal"),
    (
        {"ke": "perlu_perbaikan", "catatan": "x" * 2001, "semua": {"status": "diajukan", "kelurahan": HERE}},
        "2000 huruf",
    ),
    ({"ke": "perlu_perbaikan", "catatan": "x\x00", "semua": {"status": "diajukan", "kelurahan": HERE}}, "NUL"),
]


@pytest.mark.parametrize(("told", "sentence"), WRONG)
def test_what_makes_no_sense_is_one_sentence(town: ServedTown, lurah: Person, told: dict[str, Any], sentence: str):
    answer = ask(town, lurah, **told)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert sentence in answer.json()["title"]
    assert "\n" not in answer.json()["title"]


def test_what_is_no_json_is_one_sentence(town: ServedTown, lurah: Person):
    headers = {**lurah.bearer, "Content-Type": "application/json"}
    for content in (b"", b"[", b"\xff", b"[" * 10_000, b'{"ke": NaN}'):
        answer = town.client.post("/tinjauan/posyandu", content=content, headers=headers)
        assert answer.status_code == 400, content[:10]
        assert "\n" not in answer.json()["title"]


@pytest.mark.parametrize(
    "form", [{"fitur": "x"}, {"fitur": "1:x"}, {"fitur": ":"}, {"untuk": "semua", "dilihat": "kemarin"}]
)
def test_a_form_that_was_tampered_with_is_one_sentence(town: ServedTown, lurah: Person, form: dict[str, str]):
    posyandu(town)

    answer = submit(town, lurah, query=f"?status=diajukan&kelurahan={HERE}", ke="disetujui", **form)

    assert answer.status_code == 400
    assert "Formulir ini tidak lengkap" in answer.text


def test_a_reading_token_decides_nothing(town: ServedTown):
    reader = town.person("baca", ("lurah", HERE), scope="read")
    feature = posyandu(town)

    answer = ask(town, reader, ke="disetujui", fitur=[{"id": feature, "versi": 1}])

    assert answer.status_code == 403
    assert status_of(town, feature) == "diajukan"


PAGES = ("/tinjauan", "/tinjauan/posyandu", "/tinjauan/posyandu/1", "/daftar-data", "/audit")


@pytest.mark.parametrize("path", PAGES)
def test_whoever_has_not_signed_in_is_asked_to_and_comes_back(town: ServedTown, path: str):
    answer = town.client.get(path, follow_redirects=False)

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/masuk?lanjut={path}"


def test_programs_that_have_not_signed_in_are_told(town: ServedTown):
    feature = posyandu(town)
    for headers in ({}, {"Authorization": "Bearer " + "x" * 43}, {"Authorization": "Basic eDp5"}):
        told = {"ke": "disetujui", "fitur": [{"id": feature, "versi": 1}]}
        answer = town.client.post("/tinjauan/posyandu", json=told, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert town.client.get("/daftar-data.json", headers=headers).status_code == 401
    assert status_of(town, feature) == "diajukan"


def test_after_signing_out_a_stolen_cookie_decides_nothing(town: ServedTown, lurah: Person):
    feature = posyandu(town)
    form = {**hidden_of(page(town, lurah, "/tinjauan/posyandu")), "fitur": f"{feature}:1", "ke": "disetujui"}
    assert town.client.post("/keluar", data={"csrf": form["csrf"]}, headers=lurah.cookie).status_code == 200

    answer = town.client.post("/tinjauan/posyandu", data=form, headers=lurah.cookie)

    assert answer.status_code == 401
    assert status_of(town, feature) == "diajukan"


@pytest.mark.parametrize("role", ["camat", "opd"])
def test_who_reads_across_reviews_without_steps(town: ServedTown, role: str):
    who, feature = town.person(f"si.{role}", (role, "")), posyandu(town)

    assert "/tinjauan" in page(town, who, "/akun").addresses("a")
    assert "Anda tidak punya langkah untuk data ini." in page(town, who, f"/tinjauan/posyandu/{feature}").text
    assert ask(town, who, ke="disetujui", fitur=[{"id": feature, "versi": 1}]).status_code == 403
    for path in ("/daftar-data", "/audit"):
        page(town, who, path, status=403)


def test_who_has_nothing_to_review_is_told_so(town: ServedTown):
    who = town.person("si.perencana", ("perencana", ""))

    for path in ("/tinjauan", "/tinjauan/posyandu", "/daftar-data", "/audit"):
        document = page(town, who, path, status=403)
        assert "Anda tidak berhak" in document.text
    links = page(town, who, "/akun").addresses("a")
    assert not {"/tinjauan", "/daftar-data", "/audit"} & set(links)


def test_a_volunteer_reviews_their_own_only(town: ServedTown):
    rini = town.person("rini", ("relawan", HERE))
    own, other = posyandu(town, "draf", created_by="rini"), posyandu(town, "draf")

    assert "1 data menunggu" in page(town, rini, "/tinjauan").text
    page(town, rini, f"/tinjauan/posyandu/{other}", status=404)
    assert submit(town, rini, fitur=f"{own}:1", ke="diajukan").status_code == 303
    assert status_of(town, own) == "diajukan"


def test_lists_are_paged_and_say_what_they_cannot_be_asked(town: ServedTown, lurah: Person):
    for _ in range(55):
        posyandu(town)

    first = page(town, lurah, "/tinjauan/posyandu")
    following = next(each for each in first.addresses("a") if "after=" in each)
    assert len([1 for kind, tag in page(town, lurah, following).tags if tag.get("type") == "checkbox"]) == 5
    page(town, lurah, "/tinjauan/posyandu?status=hapus", status=400)
    page(town, lurah, "/tinjauan/posyandu?warna=merah", status=400)
    page(town, lurah, "/tinjauan/posyandu?impor=x", status=400)
    page(town, lurah, "/tinjauan/sekolah", status=404)


def test_words_cannot_break_out(town: ServedTown, lurah: Person, walidata: Person):
    feature = posyandu(town, nama=HOSTILE, alamat=HOSTILE)
    submit(town, lurah, fitur=f"{feature}:1", ke="perlu_perbaikan", catatan=HOSTILE)

    for who, path in (
        (lurah, "/tinjauan/posyandu?status=perlu_perbaikan"),
        (lurah, f"/tinjauan/posyandu/{feature}"),
        (walidata, "/audit"),
    ):
        text = town.client.get(path, headers=who.cookie).text
        assert "alert(1)" in text
        assert "<script>alert" not in text
        assert "<img" not in text


@pytest.mark.parametrize("path", ["/tinjauan", "/tinjauan/posyandu", "/daftar-data", "/audit"])
def test_pages_load_only_our_own_files_and_nothing_inline(town: ServedTown, walidata: Person, path: str):
    posyandu(town, "disetujui")
    town.run("INSERT INTO geosatu.data_list VALUES (extract(year FROM now()), 'posyandu', now())")

    document = page(town, walidata, path)

    for tag, attributes in document.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert tag != "script" or "src" in attributes or attributes["type"] == "application/json"
    assert all(each.startswith("/assets/") for each in document.addresses("script", "link", "img"))


# --- Daftar data ----------------------------------------------------------------------------------------


def rows(town: ServedTown, who: Person, year: int) -> dict[tuple[str, str], dict[str, Any]]:
    found = town.client.get(f"/daftar-data.json?tahun={year}", headers=who.bearer).json()
    return {(each["kode_wilayah"], each["lapisan"]): each for each in found["keadaan"]}


def this_year(town: ServedTown) -> int:
    return int(town.run("SELECT extract(year FROM now() AT TIME ZONE 'Asia/Jakarta')")[0][0])


def put_on_list(town: ServedTown, year: int, **deadlines: str) -> None:
    for layer, day in deadlines.items():
        town.run("INSERT INTO geosatu.data_list VALUES (:year, :layer, :day)", year=year, layer=layer, day=day)


STATES = [
    ([], "belum_ada", False),
    (["arsip"], "belum_ada", False),
    (["terbit"], "terbit", True),
    (["terbit", "disetujui"], "disetujui", True),
    (["terbit", "diajukan", "disetujui"], "diajukan", True),
    (["terbit", "draf"], "draf", False),
    (["draf", "perlu_perbaikan", "terbit"], "perlu_perbaikan", False),
]


@pytest.mark.parametrize(("statuses", "state", "done"), STATES)
def test_the_state_of_a_kelurahan_follows_from_its_features(
    town: ServedTown, walidata: Person, statuses: list[str], state: str, done: bool
):
    year = this_year(town)
    put_on_list(town, year, posyandu=f"{year}-12-31")
    for status in statuses:
        posyandu(town, status)

    cell = rows(town, walidata, year)[HERE, "posyandu"]

    assert (cell["keadaan"], cell["sudah_menyetor"]) == (state, done)
    assert cell["terlambat"] is False
    assert rows(town, walidata, year)[THERE, "posyandu"]["keadaan"] == "belum_ada"


def test_late_is_who_hands_in_after_the_deadline_or_not_at_all(town: ServedTown, walidata: Person):
    year = this_year(town)
    put_on_list(town, year, posyandu=f"{year}-01-01", pos_kamling=f"{year}-12-31")
    posyandu(town, "terbit")

    found = rows(town, walidata, year)

    assert found[HERE, "posyandu"]["terlambat"], "handed in today, after the first of January"
    assert found[HERE, "posyandu"]["sudah_menyetor"]
    assert found[THERE, "posyandu"]["terlambat"], "not handed in at all"
    assert not found[THERE, "pos_kamling"]["terlambat"], "there is time yet"


def test_what_was_handed_in_last_year_does_not_count_for_this_one(town: ServedTown, walidata: Person):
    year = this_year(town)
    put_on_list(town, year, posyandu=f"{year}-12-31")
    old = posyandu(town, "terbit")
    town.run("ALTER TABLE layer.posyandu DISABLE TRIGGER USER")
    town.run("UPDATE layer.posyandu SET updated_at = make_date(:y, 12, 31) WHERE id = :id", y=year - 1, id=old)
    town.run("ALTER TABLE layer.posyandu ENABLE TRIGGER USER")

    assert rows(town, walidata, year)[HERE, "posyandu"]["keadaan"] == "belum_ada"
    town.run("UPDATE layer.posyandu SET nama = 'Baru', updated_by = 'uji' WHERE id = :id", id=old)
    assert rows(town, walidata, year)[HERE, "posyandu"]["keadaan"] == "terbit"


def test_handed_in_is_when_it_was_submitted_and_not_when_it_was_approved(town: ServedTown, walidata: Person):
    year = this_year(town)
    put_on_list(town, year, posyandu=f"{year}-12-31")
    pic = town.person("pic", ("pic_kelurahan", HERE))
    feature = posyandu(town, "draf")
    ask(town, pic, ke="diajukan", fitur=[{"id": feature, "versi": 1}])

    cell = rows(town, walidata, year)[HERE, "posyandu"]

    assert cell["keadaan"] == "diajukan"
    day = town.run(
        "SELECT (max(at) AT TIME ZONE 'Asia/Jakarta')::date FROM geosatu.decision WHERE feature = :f", f=feature
    )
    assert cell["tanggal_setor"] == day[0][0].isoformat()


def test_the_walidata_sees_how_many_have_handed_in_and_sets_deadlines(town: ServedTown, walidata: Person):
    year = this_year(town)
    posyandu(town, "terbit")
    form = hidden_of(page(town, walidata, f"/daftar-data?tahun={year}"))
    sent = {**form, "tenggat.posyandu": f"{year}-12-31", "tenggat.umkm": ""}

    answer = town.client.post("/daftar-data", data=sent, headers=walidata.cookie, follow_redirects=False)

    assert answer.headers["location"] == f"/daftar-data?tahun={year}"
    text = " ".join(page(town, walidata, answer.headers["location"]).text.split())
    assert "1 dari 2 kelurahan sudah menyetor" in text
    assert f"Tenggat 31 Desember {year}" in text
    assert "Belum ada" in text, "in words, not in colour alone"
    told = town.run("SELECT detail FROM geosatu.audit WHERE action = 'tenggat_diubah' ORDER BY id DESC LIMIT 1")
    assert told[0][0]["tenggat"] == {"posyandu": f"{year}-12-31", "umkm": None}


def test_a_lurah_sees_the_own_row_and_sets_nothing(town: ServedTown, lurah: Person):
    year = this_year(town)
    put_on_list(town, year, posyandu=f"{year}-12-31")

    document = page(town, lurah, f"/daftar-data?tahun={year}")
    assert "Barat" in document.text
    assert "Timur" not in document.text
    assert {kode for kode, _ in rows(town, lurah, year)} == {HERE}
    form = {"csrf": hidden_of(document)["csrf"], "tahun": str(year), "tenggat.posyandu": f"{year}-06-30"}
    assert town.client.post("/daftar-data", data=form, headers=lurah.cookie).status_code == 403
    assert str(town.run("SELECT deadline FROM geosatu.data_list")[0][0]) == f"{year}-12-31"


WRONG_DEADLINES = [
    ({"tahun": "99999", "tenggat.posyandu": "2026-01-01"}, "tahun=99999"),
    ({"tahun": "x", "tenggat.posyandu": "2026-01-01"}, "tahun=x"),
    ({"tahun": "2026", "tenggat.posyandu": "31/12/2026"}, "bukan tanggal"),
    ({"tahun": "2026", "tenggat.posyandu": "2020-01-01"}, "harus dalam tahun 2026 atau 2027"),
    ({"tahun": "2026", "tenggat.sekolah": "2026-01-01"}, "tidak dapat masuk daftar data"),
    ({"tahun": "2026", "tenggat.batas_kecamatan": "2026-01-01"}, "tidak dapat masuk daftar data"),
    ({"tahun": "2026"}, "tidak menyebut satu lapisan pun"),
]


@pytest.mark.parametrize(("form", "sentence"), WRONG_DEADLINES)
def test_deadlines_that_make_no_sense_are_refused(
    town: ServedTown, walidata: Person, form: dict[str, str], sentence: str
):
    token = hidden_of(page(town, walidata, "/daftar-data"))["csrf"]

    answer = town.client.post("/daftar-data", data={"csrf": token, **form}, headers=walidata.cookie)

    assert answer.status_code == 400
    assert sentence in answer.text
    assert town.run("SELECT * FROM geosatu.data_list") == []


def test_deadlines_need_the_token_of_the_form(town: ServedTown, walidata: Person):
    form = {"tahun": "2026", "tenggat.posyandu": "2026-12-31"}

    assert town.client.post("/daftar-data", data=form, headers=walidata.cookie).status_code == 403
    assert town.run("SELECT * FROM geosatu.data_list") == []


def test_the_list_is_a_csv_that_no_spreadsheet_calculates(town: ServedTown, walidata: Person):
    year = this_year(town)
    put_on_list(town, year, posyandu=f"{year}-12-31")
    posyandu(town, "terbit")
    town.run("UPDATE layer.batas_kelurahan SET nama = '=1+1', updated_by = 'uji' WHERE kode_wilayah = :k", k=THERE)

    answer = town.client.get(f"/daftar-data.csv?tahun={year}", headers=walidata.cookie)
    town.run("UPDATE layer.batas_kelurahan SET nama = 'Timur', updated_by = 'uji' WHERE kode_wilayah = :k", k=THERE)

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    found = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(each["kelurahan"], each["keadaan"], each["sudah_menyetor"]) for each in found] == [
        ("Barat", "terbit", "ya"),
        ("'=1+1", "belum_ada", "tidak"),
    ]


# --- Audit ----------------------------------------------------------------------------------------------


def test_the_log_is_read_newest_first_in_wib(town: ServedTown, walidata: Person, lurah: Person):
    feature = posyandu(town)
    ask(town, lurah, ke="disetujui", catatan="Sesuai.", fitur=[{"id": feature, "versi": 1}])

    text = " ".join(page(town, walidata, "/audit").text.split())

    assert "Keputusan tinjauan oleh budi" in text
    assert "Catatan: Sesuai." in text
    assert re.search(r"\d{1,2} [A-Z][a-z]+ \d{4} pukul \d\d\.\d\d WIB", text)


def test_the_log_is_filtered_by_what_who_and_when(town: ServedTown, walidata: Person):
    town.run("INSERT INTO geosatu.audit (at, actor, action) VALUES ('2001-02-03T20:00+07', 'tua', 'masuk')")
    town.run("INSERT INTO geosatu.audit (at, actor, action) VALUES ('2001-02-04T02:00+07', 'tua', 'keluar')")

    def shown(query: str) -> int:
        return len([1 for kind, _ in page(town, walidata, f"/audit?{query}").tags if kind == "time"])

    assert shown("pelaku=tua") == 2
    assert shown("pelaku=tua&aksi=masuk") == 1
    assert shown("pelaku=tua&dari=2001-02-04") == 1, "days are those in WIB"
    assert shown("pelaku=tua&sampai=2001-02-03") == 1
    assert shown("pelaku=tua&dari=2001-02-03&sampai=2001-02-04") == 2
    assert shown("pelaku=orang.lain") == 0
    page(town, walidata, "/audit?dari=kemarin", status=400)
    page(town, walidata, "/audit?sebelum=x", status=400)
    page(town, walidata, "/audit?warna=merah", status=400)


def test_the_log_is_paged_by_key(town: ServedTown, walidata: Person):
    for _ in range(130):
        town.run("INSERT INTO geosatu.audit (actor, action) VALUES ('banyak', 'masuk')")

    first = page(town, walidata, "/audit?pelaku=banyak")
    older = next(each for each in first.addresses("a") if "sebelum=" in each)

    assert len([1 for kind, _ in first.tags if kind == "time"]) == 100
    assert len([1 for kind, _ in page(town, walidata, older).tags if kind == "time"]) == 30


def test_nobody_else_reads_the_log(town: ServedTown, lurah: Person):
    page(town, lurah, "/audit", status=403)
    assert town.client.get("/audit", headers=lurah.bearer).status_code == 403


# Comments.


def comments(town: ServedTown, feature: int) -> list[tuple[Any, ...]]:
    return town.run(
        "SELECT actor, before, after, note FROM geosatu.decision WHERE layer = 'posyandu' AND feature = :id "
        "ORDER BY id",
        id=feature,
    )


def say(town: ServedTown, person: Person, feature: int, said: Any) -> Any:
    return town.client.post(f"/tinjauan/posyandu/{feature}", headers=person.bearer, json={"komentar": said})


def test_a_camat_comments_and_changes_nothing(town: ServedTown, lurah: Person):
    camat = town.person("camat", ("camat", HERE[:8]))
    feature = posyandu(town)
    form = page(town, camat, f"/tinjauan/posyandu/{feature}")

    answer = town.client.post(
        f"/tinjauan/posyandu/{feature}",
        headers=camat.cookie,
        data={"csrf": hidden_of(form)["csrf"], "komentar": HOSTILE},
        follow_redirects=False,
    )

    assert answer.status_code == 303
    assert comments(town, feature) == [("camat", "diajukan", "diajukan", HOSTILE)]
    assert status_of(town, feature) == "diajukan"
    seen = town.client.get(f"/tinjauan/posyandu/{feature}", headers=lurah.cookie).text
    assert "Camat" in seen
    assert "alert(1)</script>" not in seen


@pytest.mark.parametrize(
    ("said", "status"), [("", 400), ("   ", 400), ("x" * 2001, 400), ("a\x00b", 400), (7, 400), (None, 400)]
)
def test_a_comment_has_to_be_one(town: ServedTown, lurah: Person, said: Any, status: int):
    feature = posyandu(town)

    assert say(town, lurah, feature, said).status_code == status
    assert comments(town, feature) == []


@pytest.mark.parametrize(
    ("role", "area", "status", "expected"),
    [
        ("lurah", HERE, "draf", 201),
        ("pic_kelurahan", HERE, "diajukan", 201),
        ("camat", HERE[:8], "diajukan", 201),
        ("camat", HERE[:8], "draf", 404),
        ("opd", "", "disetujui", 201),
        ("opd", "", "terbit", 201),
        ("lurah", THERE, "draf", 404),
        ("perencana", "", "terbit", 403),
        ("relawan", HERE, "terbit", 403),
    ],
)
def test_who_sees_what_is_not_published_comments_on_what_they_see(
    town: ServedTown, role: str, area: str, status: str, expected: int
):
    somebody = town.person("seseorang", (role, area))
    feature = posyandu(town, status)

    assert say(town, somebody, feature, "Mohon dicek letaknya.").status_code == expected
    assert len(comments(town, feature)) == (expected == 201)


def test_a_comment_needs_a_token_that_may_write_or_the_form_of_the_session(town: ServedTown, lurah: Person):
    feature = posyandu(town)
    reading = town.person("pembaca", ("lurah", HERE), scope="read")

    assert say(town, reading, feature, "Halo").status_code == 403
    forged = town.client.post(
        f"/tinjauan/posyandu/{feature}", headers=lurah.cookie, data={"komentar": "Halo", "csrf": "x" * 43}
    )
    assert forged.status_code == 403
    assert town.client.post(f"/tinjauan/posyandu/{feature}", json={"komentar": "Halo"}).status_code == 401
    assert comments(town, feature) == []
