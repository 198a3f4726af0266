"""Features made and changed in the browser, as a PIC does it: on a phone, with a bad network, beside others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from people import Person
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from towns import HERE, POSYANDU, RunningTown, running_town

from geosatu.api.html import policy
from geosatu.database.cluster import Cluster
from geosatu.layers import Catalogue
from geosatu.viewer.page import tile_host

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
SCREEN = {"viewport": {"width": 1366, "height": 768}}

ITEMS = re.compile(r"/ogc/collections/\w+/items(/\d+)?$")
WRITING = ("POST", "PATCH", "DELETE")

OPEN_CARD = """void geosatu.layers.find((layer) => layer.config.name === "posyandu")
    .drawings[0].markers.values().next().value.fire("click")"""
"""Chooses the posyandu that the map shows."""

OPEN_CARD_OF = """(start) => void [
    ...geosatu.layers.find((layer) => layer.config.name === "posyandu").drawings[0].markers,
].find(([key]) => key.startsWith(start))[1].fire("click")"""
"""Chooses the one with this id."""

Opened = Callable[..., Page]


@pytest.fixture(scope="module")
def served(cluster: Cluster, catalogue: Catalogue) -> Iterator[RunningTown]:
    with running_town(cluster, catalogue, "edited") as town:
        yield town


@pytest.fixture
def town(served: RunningTown) -> Iterator[RunningTown]:
    """The town with nothing but its kelurahan and no accounts."""
    yield served
    for table in ("layer.posyandu", "layer.batas_rt", "geosatu.account"):
        served.run(f"DELETE FROM {table}")


@pytest.fixture
def siti(town: RunningTown) -> Person:
    """The PIC of the western kelurahan."""
    return town.person("siti", ("pic_kelurahan", HERE))


def sign_in(context: BrowserContext, town: RunningTown, person: Person) -> None:
    context.add_cookies([{"name": "geosatu_sesi", "value": person.session, "url": town.address}])


@pytest.fixture
def context(browser: Browser, town: RunningTown, siti: Person) -> Iterator[BrowserContext]:
    """Her phone."""
    context = browser.new_context(**PHONE, locale="id-ID")
    sign_in(context, town, siti)
    yield context
    context.close()


@pytest.fixture
def opened(context: BrowserContext, town: RunningTown) -> Iterator[Opened]:
    """Opens a page of ours on her phone; no script of it may fail."""
    wrong: list[str] = []

    def opening(path: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return open_at(page, town, path)

    yield opening
    assert wrong == []


def open_at(page: Page, town: RunningTown, path: str) -> Page:
    page.goto(town.address + path)
    expect(page.locator("body")).to_have_attribute("data-state", "siap", timeout=20_000)
    return page


def posyandu(town: RunningTown, status: str = "draf", **values: Any) -> int:
    return town.add("posyandu", status=status, **{**POSYANDU, **values})


def stored(town: RunningTown, columns: str = "nama", layer: str = "posyandu") -> list[Any]:
    return town.run(f"SELECT {columns} FROM layer.{layer} ORDER BY id")


def tap(page: Page, longitude: float, latitude: float) -> None:
    """Tap the map at a place."""
    page.touchscreen.tap(*point_of(page, longitude, latitude))


def point_of(page: Page, longitude: float, latitude: float) -> tuple[float, float]:
    """Where the map shows a place, on the screen."""
    page.locator("#edit-map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    x, y = page.evaluate(
        """([x, y]) => {
            const box = document.getElementById("edit-map").getBoundingClientRect();
            const point = geosatu.map.latLngToContainerPoint([y, x]);
            return [box.left + point.x, box.top + point.y];
        }""",
        [longitude, latitude],
    )
    return x, y


def save(page: Page) -> None:
    page.get_by_role("button", name="Simpan draf").click()


def cut(page: Page, after: bool = False) -> None:
    """What is written does not reach the service; or does, and the answer is lost."""

    def lose(route: Route) -> None:
        if route.request.method not in WRITING:
            route.continue_()
            return
        if after:
            route.fetch()
        route.abort()

    page.route(ITEMS, lose)


# --- Making -----------------------------------------------------------------------------------------------


def test_a_point_that_is_tapped_and_named_is_a_draft(town: RunningTown, opened: Opened):
    page = opened("/ubah/posyandu")

    tap(page, 112.004, -7.796)
    page.get_by_label("Nama").fill("Anggrek")
    page.get_by_label("Jumlah kader").fill("7")
    page.get_by_label("Kesehatan").check()
    save(page)

    expect(page.locator("#outcome")).to_contain_text("Tersimpan sebagai draf: Posyandu Anggrek.")
    columns = "nama, jumlah_kader, layanan, status, kode_wilayah, created_by, round(ST_X(geom)::numeric, 3)::float"
    assert stored(town, columns) == [("Anggrek", 7, ["kesehatan"], "draf", HERE, "siti", 112.004)]


def test_the_next_point_needs_no_new_page(town: RunningTown, opened: Opened):
    page = opened("/ubah/posyandu")
    for name, longitude in (("Satu", 112.003), ("Dua", 112.006)):
        tap(page, longitude, -7.796)
        page.get_by_label("Nama").fill(name)
        save(page)
        page.get_by_role("button", name="Tambah Posyandu lagi").click()

    expect(page.get_by_label("Nama")).to_have_value("")
    assert stored(town) == [("Satu",), ("Dua",)]


def test_the_keyboard_alone_makes_a_point(town: RunningTown, opened: Opened):
    page = opened("/ubah/posyandu")
    page.evaluate("void geosatu.map.setView([-7.796, 112.004], 17, { animate: false })")

    page.locator("#edit-map").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Nama").focus()
    page.keyboard.type("Anggrek")
    page.keyboard.press("Enter")

    expect(page.locator("#outcome")).to_contain_text("Tersimpan")
    assert stored(town, "nama, ST_AsText(geom)") == [("Anggrek", "POINT(112.004 -7.796)")]


def test_a_typed_place_may_have_commas_and_come_in_one_piece(town: RunningTown, opened: Opened):
    page = opened("/ubah/posyandu")

    page.get_by_label("Lintang").fill("-7,7951")
    page.get_by_label("Bujur").fill("112,0042")
    page.get_by_label("Bujur").blur()
    expect(page.locator("#where")).to_have_text("Di Barat (35.71.01.1001).")
    page.get_by_label("Lintang").fill("-7.7961, 112.0052")
    page.get_by_label("Lintang").blur()
    expect(page.get_by_label("Bujur")).to_have_value("112,0052")
    save(page)

    expect(page.locator("#outcome")).to_contain_text("Tersimpan")
    assert stored(town, "ST_AsText(geom)") == [("POINT(112.0052 -7.7961)",)]


def test_a_place_that_is_swapped_or_elsewhere_is_told_beside_it(town: RunningTown, opened: Opened):
    page = opened("/ubah/posyandu")
    told = page.locator("#e-geometry")

    page.get_by_label("Lintang").fill("112,004")
    page.get_by_label("Bujur").fill("-7,795")
    page.get_by_label("Bujur").blur()
    expect(told).to_contain_text("tampaknya tertukar")

    page.get_by_label("Lintang").fill("-7,795")
    page.get_by_label("Bujur").fill("112,015")
    page.get_by_label("Bujur").blur()
    expect(page.locator("#where")).to_contain_text("di luar wilayah yang boleh Anda ubah")
    save(page)
    expect(told).to_contain_text("Letaknya di Timur (35.71.02.1001), di luar wilayah yang boleh Anda ubah.")
    assert stored(town) == []


def test_fixes_of_gps_are_averaged_and_poor_ones_warned_of(town: RunningTown, context: BrowserContext, opened: Opened):
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"longitude": 112.0040, "latitude": -7.7950, "accuracy": 14})
    page = opened("/ubah/posyandu")

    page.get_by_role("button", name="Lokasi saya").click()
    expect(page.locator("#gps")).to_contain_text("Mengukur 1 dari 10 kali")
    context.set_geolocation({"longitude": 112.0042, "latitude": -7.7950, "accuracy": 14})
    expect(page.locator("#gps")).to_contain_text("Mengukur 2 dari 10 kali")
    page.get_by_role("button", name="Pakai sekarang").click()

    expect(page.locator("#gps")).to_contain_text("Rata-rata 2 pengukuran GPS, akurasi 14 m. Lebih dari 10 m")
    expect(page.get_by_label("Bujur")).to_have_value("112,0041")
    save(page)
    expect(page.locator("#outcome")).to_contain_text("Tersimpan")
    assert stored(town, "source, accuracy_m::float, ST_AsText(geom)") == [
        ("survei_gps", 14.0, "POINT(112.0041 -7.795)")
    ]


def test_a_point_moved_by_hand_has_no_longer_the_accuracy_of_gps(context: BrowserContext, opened: Opened):
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"longitude": 112.0040, "latitude": -7.7950, "accuracy": 5})
    page = opened("/ubah/posyandu")
    page.get_by_role("button", name="Lokasi saya").click()
    page.get_by_role("button", name="Pakai sekarang").click()
    expect(page.get_by_label("Akurasi")).to_have_value("5")

    tap(page, 112.0041, -7.7951)

    expect(page.get_by_label("Akurasi")).to_have_value("")
    expect(page.get_by_label("Sumber data")).to_have_value("")


def test_what_is_wrong_is_told_at_once_at_its_field(town: RunningTown, opened: Opened):
    page = opened("/ubah/posyandu")
    page.get_by_label("RT", exact=True).fill("3")
    page.get_by_label("Jumlah kader").fill("1.234")
    page.get_by_label("Kader aktif").fill("-1")
    save(page)

    expect(page.locator("#e-rt")).to_contain_text("Nomor rukun tetangga, tiga angka")
    expect(page.locator("#e-jumlah_kader")).to_contain_text("tanpa pemisah ribuan")
    expect(page.locator("#e-kader_aktif")).to_contain_text("Paling sedikit 0")
    expect(page.locator("#e-geometry")).to_contain_text("Letaknya belum ada")
    assert stored(town) == []


# --- Bad network ------------------------------------------------------------------------------------------


def test_what_could_not_be_sent_is_sent_once_when_the_network_is_back(
    town: RunningTown, context: BrowserContext, opened: Opened
):
    page = opened("/ubah/posyandu")
    tap(page, 112.004, -7.796)
    page.get_by_label("Nama").fill("Anggrek")

    context.set_offline(True)
    save(page)
    expect(page.locator("#outcome")).to_contain_text("Belum terkirim: Tambah Posyandu Anggrek")
    expect(page.locator(".unsent strong")).to_have_text("Belum terkirim: 1")
    assert stored(town) == []

    context.set_offline(False)
    expect(page.locator("#outcome")).to_contain_text("Tersimpan sebagai draf")
    expect(page.locator(".unsent")).to_be_hidden()
    assert stored(town) == [("Anggrek",)]


def test_what_could_not_be_sent_outlives_the_page_and_a_lost_answer_stores_nothing_twice(
    town: RunningTown, context: BrowserContext, opened: Opened
):
    page = opened("/ubah/posyandu")
    cut(page, after=True)
    tap(page, 112.004, -7.796)
    page.get_by_label("Nama").fill("Anggrek")
    save(page)
    expect(page.locator(".unsent strong")).to_have_text("Belum terkirim: 1")
    page.close()

    with context.expect_event("response", lambda answer: answer.request.method == "POST") as sent:
        page = opened("/")
    assert sent.value.status == 200
    expect(page.locator(".messages")).not_to_contain_text("Belum terkirim")

    assert stored(town) == [("Anggrek",)]


def test_what_was_not_sent_can_be_opened_and_corrected_though_it_had_arrived(town: RunningTown, opened: Opened):
    page = opened("/ubah/posyandu")
    cut(page, after=True)
    tap(page, 112.004, -7.796)
    page.get_by_label("Nama").fill("Angrek")
    save(page)
    page.get_by_text("Lihat daftarnya").click()
    page.get_by_role("link", name="Buka").click()
    expect(page.get_by_label("Nama")).to_have_value("Angrek")

    page.unroute(ITEMS)
    page.get_by_label("Nama").fill("Anggrek")
    save(page)

    expect(page.locator("#outcome")).to_contain_text("Tersimpan sebagai draf")
    assert stored(town) == [("Anggrek",)]


def test_a_half_filled_form_outlives_a_reload(opened: Opened):
    page = opened("/ubah/posyandu")
    tap(page, 112.004, -7.796)
    place = page.get_by_label("Bujur").input_value()
    page.get_by_label("Nama").fill("Anggrek")
    page.get_by_label("Jumlah kader").fill("tujuh")

    page.reload()

    expect(page.get_by_text("Isian yang belum disimpan dipulihkan.")).to_be_visible()
    expect(page.get_by_label("Nama")).to_have_value("Anggrek")
    expect(page.get_by_label("Jumlah kader")).to_have_value("tujuh")
    expect(page.get_by_label("Bujur")).to_have_value(place)


def test_two_taps_on_save_store_once(town: RunningTown, opened: Opened):
    page = opened("/ubah/posyandu")
    tap(page, 112.004, -7.796)
    page.evaluate("for (let i = 0; i < 2; i += 1) document.getElementById('save').click()")

    expect(page.locator("#outcome")).to_contain_text("Tersimpan")
    assert len(stored(town)) == 1


def test_a_session_that_has_ended_asks_to_sign_in_and_keeps_the_form(
    town: RunningTown, siti: Person, context: BrowserContext, opened: Opened
):
    page = opened("/ubah/posyandu")
    tap(page, 112.004, -7.796)
    page.get_by_label("Nama").fill("Anggrek")
    context.clear_cookies()
    save(page)
    expect(page.get_by_text("Sesi Anda sudah berakhir.")).to_be_visible()
    again = page.get_by_role("link", name="Masuk lagi")
    assert (again.get_attribute("href") or "").endswith("/masuk?lanjut=%2Fubah%2Fposyandu")

    later = "now() + interval '1 hour'"
    town.run(
        "INSERT INTO geosatu.session (key, account, expires_at, device, address) "
        f"VALUES (sha256('baru-baru-baru-baru-baru'::bytea), :id, {later}, 'uji', '127.0.0.1')",
        id=siti.id,
    )
    context.add_cookies([{"name": "geosatu_sesi", "value": "baru-baru-baru-baru-baru", "url": town.address}])
    open_at(page, town, "/ubah/posyandu")
    expect(page.get_by_label("Nama")).to_have_value("Anggrek")
    save(page)

    expect(page.locator("#outcome")).to_contain_text("Tersimpan")
    assert stored(town) == [("Anggrek",)]


def test_a_page_that_was_open_while_somebody_signed_in_anew_still_saves(
    town: RunningTown, siti: Person, context: BrowserContext, opened: Opened
):
    """Its token is that of a session that is gone."""
    page = opened("/ubah/posyandu")
    tap(page, 112.004, -7.796)
    town.run("UPDATE geosatu.session SET key = sha256('lain-lain-lain-lain-lain'::bytea)")
    context.add_cookies([{"name": "geosatu_sesi", "value": "lain-lain-lain-lain-lain", "url": town.address}])

    save(page)

    expect(page.locator("#outcome")).to_contain_text("Tersimpan")


def test_what_one_account_did_not_send_is_not_sent_in_the_name_of_another(
    town: RunningTown, context: BrowserContext, opened: Opened
):
    page = opened("/ubah/posyandu")
    cut(page)
    tap(page, 112.004, -7.796)
    page.get_by_label("Nama").fill("Anggrek")
    save(page)
    expect(page.locator(".unsent strong")).to_have_text("Belum terkirim: 1")
    page.close()

    sign_in(context, town, town.person("budi", ("pic_kelurahan", HERE)))
    page = opened("/ubah/posyandu")

    expect(page.locator(".unsent")).to_contain_text("1 data akun lain yang belum terkirim")
    expect(page.locator(".unsent")).not_to_contain_text("Anggrek")
    assert stored(town) == []


def sign_out(page: Page) -> None:
    page.locator(".visitor summary").click()
    page.get_by_role("button", name="Keluar", exact=True).click()


def unsent(town: RunningTown, opened: Opened) -> Page:
    """A new posyandu that could not be sent, and a form that was left half filled."""
    page = opened("/ubah/kwt")
    page.get_by_label("Nama").fill("Setengah")
    open_at(page, town, "/ubah/posyandu")
    cut(page)
    tap(page, 112.004, -7.796)
    page.get_by_label("Nama").fill("Anggrek")
    save(page)
    expect(page.locator(".unsent strong")).to_have_text("Belum terkirim: 1")
    sign_out(page)
    asked = page.get_by_role("dialog", name="Ada yang belum terkirim").get_by_role("listitem")
    expect(asked).to_have_text(["Tambah Posyandu Anggrek", "Isian yang belum disimpan: kwt baru"])
    return page


def test_who_signs_out_may_send_first_and_nothing_leaves_without_a_word(town: RunningTown, opened: Opened):
    page = unsent(town, opened)
    send = page.get_by_role("button", name="Kirim sekarang, lalu keluar")
    send.click()
    expect(page.get_by_role("dialog")).to_contain_text("Belum tersambung")
    page.unroute(ITEMS)
    send.click()

    expect(page.get_by_role("dialog")).to_contain_text("Yang tersisa adalah isian yang belum Anda simpan.")
    assert stored(town) == [("Anggrek",)]


@pytest.mark.parametrize(("choice", "kept"), [("Simpan di perangkat ini, lalu keluar", 2), ("Buang, lalu keluar", 0)])
def test_who_signs_out_may_keep_or_discard_what_was_not_sent(town: RunningTown, opened: Opened, choice: str, kept: int):
    page = unsent(town, opened)
    page.get_by_role("button", name=choice).click()
    if not kept:
        expect(page.get_by_role("dialog")).to_contain_text("Yang dibuang tidak dapat dikembalikan.")
        page.get_by_role("button", name="Ya, buang dan keluar").click()

    expect(page.get_by_role("link", name="Masuk")).to_be_visible()
    assert page.evaluate("localStorage.length") == kept
    assert town.run("SELECT count(*) FROM geosatu.session") == [(0,)]


# --- Changing ---------------------------------------------------------------------------------------------


def test_a_published_feature_goes_back_to_draft_and_that_is_said_before(town: RunningTown, opened: Opened):
    number = posyandu(town, "terbit", hp_ketua="0812 3456 789")
    page = opened(f"/ubah/posyandu/{number}")

    expect(page.get_by_text("kembali menjadi draf dan tidak tampak bagi umum")).to_be_visible()
    expect(page.get_by_label("HP ketua")).to_have_value("")
    page.locator("#f-strata").select_option("mandiri")
    page.get_by_label("Jam buka").fill("08:30")
    save(page)

    expect(page.locator("#outcome")).to_contain_text("Tersimpan sebagai draf")
    columns = "strata, jam_buka::text, hp_ketua, status, ST_AsText(geom)"
    assert stored(town, columns) == [("mandiri", "08:30:00", "0812 3456 789", "draf", "POINT(112.005 -7.795)")]


def test_what_is_hidden_stays_until_it_is_filled_or_emptied(town: RunningTown, opened: Opened):
    path = f"/ubah/posyandu/{posyandu(town, hp_ketua='0812 3456 789', nama_ketua='Ani')}"
    page = opened(path)
    page.get_by_label("HP ketua").fill("0899 1111 222")
    save(page)
    expect(page.locator("#outcome")).to_contain_text("Tersimpan")
    assert stored(town, "hp_ketua, nama_ketua") == [("0899 1111 222", "Ani")]

    page = open_at(page, town, path)
    number = page.locator("[data-field=hp_ketua]")
    number.get_by_label("Kosongkan isinya yang sekarang").check()
    page = open_at(page, town, path)
    expect(number.get_by_label("HP ketua")).to_be_disabled()
    save(page)
    expect(page.locator("#outcome")).to_contain_text("Tersimpan")
    assert stored(town, "hp_ketua, nama_ketua") == [(None, "Ani")]


def test_what_two_people_changed_is_put_side_by_side(town: RunningTown, opened: Opened):
    number = posyandu(town)
    page = opened(f"/ubah/posyandu/{number}")
    town.run(
        "UPDATE layer.posyandu SET nama = 'Kenanga', strata = 'mandiri', version = version + 1, updated_by = 'budi', "
        "updated_at = now() WHERE id = :id",
        id=number,
    )
    page.get_by_label("Nama").fill("Mawar")
    page.get_by_label("Jumlah kader").fill("9")
    tap(page, 112.0052, -7.7952)
    save(page)

    screen = page.locator("#conflict")
    expect(screen).to_contain_text("Sementara Anda mengisi, budi menyimpan perubahan")
    name = screen.locator("[data-row=nama]")
    expect(name).to_contain_text("Semula: Melati")
    expect(name).to_contain_text("Mawar")
    expect(name).to_contain_text("Kenanga")
    expect(screen.locator("[data-row=geometry] .versus-map svg path")).not_to_have_count(0)
    expect(screen.get_by_role("button", name="Simpan pilihan")).to_be_disabled()
    name.get_by_text("Pakai yang tersimpan").click()
    screen.get_by_role("button", name="Simpan pilihan").click()

    expect(page.locator("#outcome")).to_contain_text("Tersimpan sebagai draf")
    columns = "nama, strata, jumlah_kader, round(ST_X(geom)::numeric, 4)::float, updated_by"
    assert stored(town, columns) == [("Kenanga", "mandiri", 9, 112.0052, "siti")]


def test_a_change_whose_answer_was_lost_is_no_conflict(town: RunningTown, opened: Opened):
    page = opened(f"/ubah/posyandu/{posyandu(town)}")
    cut(page, after=True)
    page.get_by_label("Nama").fill("Mawar")
    save(page)
    expect(page.locator(".unsent strong")).to_have_text("Belum terkirim: 1")

    page.unroute(ITEMS)
    page.route(ITEMS, lambda route: route.abort())
    page.get_by_role("button", name="Kirim sekarang").click()
    expect(page.locator(".unsent")).to_contain_text("Belum tersambung; dicoba lagi sendiri.")
    page.unroute(ITEMS)
    page.get_by_role("button", name="Kirim sekarang").click()

    expect(page.locator(".unsent")).to_be_hidden()
    expect(page.locator("#outcome")).to_contain_text("Tersimpan sebagai draf")
    assert stored(town, "nama, version") == [("Mawar", 2)]


def test_delete_asks_and_tells_the_way_back(town: RunningTown, opened: Opened):
    number = posyandu(town)
    page = opened(f"/ubah/posyandu/{number}")

    page.get_by_role("button", name="Hapus").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Hapus Melati?")
    expect(dialog.get_by_role("link", name="riwayatnya")).to_have_attribute("href", f"/riwayat/posyandu/{number}")
    dialog.get_by_role("button", name="Batal").click()
    assert len(stored(town)) == 1
    page.get_by_role("button", name="Hapus").click()
    dialog.get_by_role("button", name="Hapus").click()

    expect(page.locator("#outcome")).to_contain_text("dapat dipulihkan dari riwayatnya")
    assert stored(town) == []


# --- Areas ------------------------------------------------------------------------------------------------


def test_an_rt_is_drawn_corner_by_corner_with_its_area(town: RunningTown, opened: Opened):
    page = opened("/ubah/batas_rt")
    page.get_by_role("button", name="Gambar bidang").click()
    for longitude, latitude in ((112.002, -7.798), (112.006, -7.798), (112.007, -7.792), (112.006, -7.794)):
        tap(page, longitude, latitude)
    page.get_by_role("button", name="Urungkan").click()
    tap(page, 112.002, -7.794)
    page.get_by_role("button", name="Urungkan").click()
    tap(page, 112.006, -7.794)
    tap(page, 112.002, -7.794)
    page.get_by_role("button", name="Selesai").click()
    page.get_by_label("RT *", exact=False).first.fill("001")
    page.get_by_label("RW", exact=True).fill("002")
    reading = page.locator("#reading").inner_text()
    save(page)

    expect(page.locator("#outcome")).to_contain_text("Tersimpan sebagai draf")
    ((number, kode, corners, area),) = stored(
        town, "no_rt, kode_wilayah, ST_NPoints(geom), luas_ha::float", layer="batas_rt"
    )
    assert (number, kode, corners) == ("001", HERE, 6)
    assert float(reading.removeprefix("Luas ").removesuffix(" ha").replace(",", ".")) == pytest.approx(area, abs=0.01)


def test_an_rt_has_parts_and_holes_and_every_step_is_undone(town: RunningTown, opened: Opened):
    ring = "(112.002 -7.798, 112.006 -7.798, 112.006 -7.794, 112.002 -7.794, 112.002 -7.798)"
    shape = f"SRID=4326;MULTIPOLYGON(({ring}))"
    number = town.add("batas_rt", status="draf", jenis_unit="rt", no_rt="001", no_rw="002", geom=shape)
    page = opened(f"/ubah/batas_rt/{number}")
    shapes = "JSON.stringify(geosatu.tool.geometry.coordinates.map((part) => part.length))"

    def draw(title: str, *corners: tuple[float, float]) -> None:
        page.get_by_role("button", name=title).click()
        for corner in corners:
            tap(page, *corner)
        page.get_by_role("button", name="Selesai").click()

    page.evaluate("void geosatu.map.setView([-7.796, 112.0045], 15.5, { animate: false })")
    draw("Lubangi", (112.0065, -7.797), (112.0070, -7.797), (112.0070, -7.796))
    expect(page.get_by_text("Lubang harus berada di dalam bidang.")).to_be_visible()
    assert page.evaluate(shapes) == "[1]"
    draw("Lubangi", (112.003, -7.797), (112.004, -7.797), (112.004, -7.796))
    assert page.evaluate(shapes) == "[2]"
    draw("Tambah bidang", (112.0065, -7.797), (112.0070, -7.797), (112.0070, -7.796))
    assert page.evaluate(shapes) == "[2,1]"
    page.get_by_role("button", name="Urungkan").click()
    assert page.evaluate(shapes) == "[2]"
    page.get_by_role("button", name="Urungkan").click()
    assert page.evaluate(shapes) == "[1]"
    draw("Lubangi", (112.003, -7.797), (112.004, -7.797), (112.004, -7.796))
    save(page)

    expect(page.locator("#outcome")).to_contain_text("Tersimpan sebagai draf")
    assert stored(town, "ST_NumInteriorRings(ST_GeometryN(geom, 1))", "batas_rt") == [(1,)]


def test_a_corner_is_dragged_and_undone(browser: Browser, town: RunningTown, siti: Person):
    ring = "(112.002 -7.798, 112.006 -7.798, 112.006 -7.794, 112.002 -7.794, 112.002 -7.798)"
    number = town.add("batas_rt", status="draf", no_rt="001", no_rw="002", geom=f"SRID=4326;MULTIPOLYGON(({ring}))")
    context = browser.new_context(**SCREEN, locale="id-ID")
    sign_in(context, town, siti)
    page = open_at(context.new_page(), town, f"/ubah/batas_rt/{number}")
    area = page.locator("#reading").inner_text()

    (x, y), (to_x, to_y) = point_of(page, 112.006, -7.794), point_of(page, 112.007, -7.7935)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=5)
    page.mouse.up()
    expect(page.locator("#reading")).not_to_have_text(area)
    page.get_by_role("button", name="Urungkan").click()
    expect(page.locator("#reading")).to_have_text(area)
    context.close()


def test_a_corner_near_to_a_neighbour_is_on_it(town: RunningTown, opened: Opened):
    page = opened("/ubah/batas_rt")
    page.get_by_role("button", name="Gambar bidang").click()
    page.evaluate("void geosatu.map.setView([-7.795, 112.001], 16.5, { animate: false })")
    page.wait_for_timeout(400)
    for longitude, latitude in ((112.00005, -7.796), (112.001, -7.796), (112.001, -7.795), (112.00004, -7.795)):
        tap(page, longitude, latitude)
    page.get_by_role("button", name="Selesai").click()

    wests = page.evaluate("geosatu.tool.geometry.coordinates[0][0].filter(([x]) => x < 112.0005).map(([x]) => x)")
    assert wests == pytest.approx([112.0, 112.0, 112.0], abs=1e-6)


# --- From the map -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("screen", [PHONE, SCREEN], ids=["phone", "screen"])
def test_the_map_leads_to_what_may_be_made_and_changed(
    browser: Browser, town: RunningTown, siti: Person, screen: dict[str, Any]
):
    number = posyandu(town)
    context = browser.new_context(**screen, locale="id-ID")
    sign_in(context, town, siti)
    page = open_at(context.new_page(), town, "/")

    page.get_by_role("button", name="Tambah").click()
    choices = page.locator("#choose a")
    assert "Posyandu" in choices.all_inner_texts()
    assert "Batas kelurahan" not in choices.all_inner_texts()
    assert "Zona pengelolaan sampah" not in choices.all_inner_texts()
    form = re.compile(r"/ubah/posyandu#[\d.]+/-7\.\d+/112\.\d+$")
    expect(page.get_by_role("link", name="Posyandu")).to_have_attribute("href", form)
    page.get_by_role("button", name="Tutup", exact=True).click()

    page.evaluate(OPEN_CARD)
    card = page.locator(".card")
    expect(card.get_by_role("link", name="Ubah")).to_have_attribute("href", f"ubah/posyandu/{number}")
    expect(card.get_by_role("link", name="Riwayat")).to_have_attribute("href", f"riwayat/posyandu/{number}")
    card.get_by_role("link", name="Hapus").click()
    expect(page.get_by_role("dialog")).to_contain_text("Hapus Melati?")
    context.close()


def test_the_map_leads_volunteers_to_what_is_their_own(browser: Browser, town: RunningTown):
    others = posyandu(town, "terbit", nama="Mawar")
    budi = town.person("budi", ("relawan", HERE))
    own = posyandu(town, created_by="budi")
    context = browser.new_context(**SCREEN)
    sign_in(context, town, budi)
    page = open_at(context.new_page(), town, "/")
    card = page.locator(".card")

    with page.expect_response(lambda answer: answer.request.method == "OPTIONS"):
        page.evaluate(OPEN_CARD_OF, f"{others}/")
    expect(card.filter(has_text="Mawar").get_by_text("Ubah")).to_be_hidden()
    page.evaluate(OPEN_CARD_OF, f"{own}/")
    expect(card.get_by_role("link", name="Ubah")).to_have_attribute("href", f"ubah/posyandu/{own}")
    context.close()


def test_the_map_of_the_public_offers_no_editing(browser: Browser, town: RunningTown):
    posyandu(town, "terbit")
    context = browser.new_context(**SCREEN)
    page = open_at(context.new_page(), town, "/")
    page.evaluate(OPEN_CARD)

    expect(page.locator(".card")).to_contain_text("Melati")
    expect(page.locator(".card-actions")).to_have_count(0)
    expect(page.get_by_role("button", name="Tambah")).to_have_count(0)
    context.close()


def test_a_phone_loads_the_form_from_less_than_300_kb_and_without_scrolling_sideways(
    town: RunningTown, context: BrowserContext
):
    number = town.add(
        "batas_rt",
        no_rt="001",
        geom="SRID=4326;MULTIPOLYGON(((112.002 -7.798, 112.006 -7.798, 112.006 -7.794, 112.002 -7.798)))",
    )
    for path in ("/ubah", "/ubah/posyandu", f"/ubah/batas_rt/{number}"):
        page = context.new_page()
        page.goto(town.address + path, wait_until="networkidle")

        loaded = page.evaluate(
            "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            ".reduce((sum, each) => sum + each.transferSize, 0)"
        )
        assert 10_000 < loaded < 300_000
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.close()


def test_who_may_not_edit_is_told_so(browser: Browser, town: RunningTown):
    number = posyandu(town, "diajukan")
    context = browser.new_context(**SCREEN)
    sign_in(context, town, town.person("pak_lurah", ("lurah", HERE)))
    page = context.new_page()
    for path, told in (
        ("/ubah", "tidak berhak menambah data"),
        ("/ubah/posyandu", "tidak berhak menambah fitur"),
        (f"/ubah/posyandu/{number}", f"tidak berhak mengubah fitur {number}"),
        ("/ubah/posyandu/999999", "tidak ada"),
    ):
        page.goto(town.address + path)
        expect(page.get_by_text(told)).to_be_visible()
    context.close()


def test_who_is_signed_out_is_sent_to_sign_in_and_a_script_is_told_without_a_window_for_passwords(
    browser: Browser, town: RunningTown
):
    number = posyandu(town)
    context = browser.new_context(**SCREEN)
    page = context.new_page()
    page.goto(f"{town.address}/ubah/posyandu/{number}")
    assert page.url == f"{town.address}/masuk?lanjut=/ubah/posyandu/{number}"

    for path in ("/ubah/saya.json", f"/ubah/posyandu/{number}.json"):
        answer = context.request.get(town.address + path, headers={"X-CSRF-Token": "lama"})
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Form")
    context.close()


def test_a_base_map_is_let_into_the_form_by_name():
    assert "img-src 'self' data: https://*.tile.example;" in policy(
        tile_host("https://{s}.tile.example/{z}/{x}/{y}.png")
    )
