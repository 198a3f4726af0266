"""Photographs in the browser: taken on a phone, kept without a network, seen by everybody once they are published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from people import Person
from playwright.sync_api import Browser, Locator, Page, Route, expect
from test_photographs import photograph
from towns import HERE, POSYANDU, RunningTown, running_town

from geosatu.database.cluster import Cluster
from geosatu.layers import Catalogue

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[RunningTown]:
    with running_town(cluster, catalogue, "photographed") as town:
        yield town


@pytest.fixture(scope="module")
def siti(town: RunningTown) -> Person:
    """The PIC of the western kelurahan."""
    return town.person("siti", ("pic_kelurahan", HERE))


@pytest.fixture
def phone(browser: Browser, town: RunningTown, siti: Person) -> Iterator[Page]:
    """A page of her phone; no script of it may fail."""
    context = browser.new_context(**PHONE, locale="id-ID")
    context.add_cookies([{"name": "geosatu_sesi", "value": siti.session, "url": town.address}])
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert wrong == []


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two photographs as a phone takes them."""
    found = [tmp_path / "IMG_1.jpg", tmp_path / "IMG_2.jpg"]
    for file in found:
        file.write_bytes(photograph((3000, 2000)))
    return found


def opened(page: Page, town: RunningTown, path: str) -> Page:
    page.goto(town.address + path)
    expect(page.locator("body")).to_have_attribute("data-state", "siap", timeout=20_000)
    return page


def begin(page: Page, town: RunningTown, name: str) -> Page:
    """The form of a new pos kamling with its name and place."""
    opened(page, town, "/ubah/pos_kamling")
    page.get_by_label("Nama").fill(name)
    page.get_by_label("Lintang").fill("-7,795")
    page.get_by_label("Bujur").fill("112,005")
    page.get_by_label("Bujur").blur()
    page.locator("#f-status_operasi").select_option("aktif")
    return page


def choose(page: Page, files: list[Path], expected: int) -> None:
    page.locator("[data-photos=foto] input[type=file]").set_input_files(files)
    expect(previews(page)).to_have_count(expected)


def previews(page: Page) -> Locator:
    return page.locator(".photos img")


def save(page: Page) -> None:
    page.get_by_role("button", name="Simpan draf").click()


def kept_on_device(page: Page) -> int:
    return int(
        page.evaluate(
            """() => new Promise((resolve) => {
                indexedDB.open("geosatu", 1).onsuccess = ({ target: { result } }) => {
                    const count = result.transaction("foto").objectStore("foto").count();
                    count.onsuccess = () => { result.close(); resolve(count.result); };
                };
            })"""
        )
    )


def named(town: RunningTown, name: str) -> list[str]:
    ((photos,),) = town.run("SELECT foto FROM layer.pos_kamling WHERE nama = :name", name=name)
    return list(photos or [])


def test_photographs_are_made_smaller_sent_with_the_form_and_forgotten_by_the_phone(
    town: RunningTown, phone: Page, files: list[Path]
) -> None:
    page = begin(phone, town, "Pos Foto")
    choose(page, files, 2)
    save(page)
    expect(page.get_by_text("Tersimpan sebagai draf")).to_be_visible()

    photos = named(town, "Pos Foto")
    sent = town.run("SELECT id::text, length(original), original FROM geosatu.photo ORDER BY at")
    assert [number for number, _, _ in sent] == photos
    for _, size, content in sent:
        assert size < files[0].stat().st_size
        assert b"Pabrik" not in content
    assert kept_on_device(page) == 0


def test_without_a_network_photographs_wait_on_the_phone_and_arrive_with_their_feature(
    town: RunningTown, phone: Page, files: list[Path]
) -> None:
    page = begin(phone, town, "Pos Putus")
    choose(page, files, 2)
    page.context.set_offline(True)
    save(page)
    expect(page.get_by_text("Tersimpan di perangkat ini")).to_be_visible()
    assert kept_on_device(page) == 2

    page.context.set_offline(False)
    expect(page.get_by_text("Tersimpan sebagai draf")).to_be_visible(timeout=30_000)
    assert len(named(town, "Pos Putus")) == 2
    assert kept_on_device(page) == 0


def test_a_network_that_breaks_between_two_photographs_loses_none(
    town: RunningTown, phone: Page, files: list[Path]
) -> None:
    page = begin(phone, town, "Pos Separuh")
    choose(page, files, 2)
    answered = []

    def lose(route: Route) -> None:
        if answered:
            route.abort()
        else:
            answered.append(route.fetch())
            route.abort()  # it arrived, and the phone does not know

    page.route("**/foto/**", lambda route: lose(route) if route.request.method == "PUT" else route.continue_())
    save(page)
    expect(page.get_by_text("Tersimpan di perangkat ini")).to_be_visible()
    page.unroute_all()
    page.reload()
    expect(page.locator(".unsent-head")).to_be_hidden(timeout=30_000)

    photos = named(town, "Pos Separuh")
    assert len(photos) == 2
    assert town.run("SELECT count(*) FROM geosatu.photo WHERE id::text = ANY (:ids)", ids=photos) == [(2,)]


def test_a_half_filled_form_keeps_its_photographs_over_a_reload(
    town: RunningTown, phone: Page, files: list[Path]
) -> None:
    page = begin(phone, town, "Pos Muat")
    choose(page, files, 2)
    opened(page, town, "/ubah/pos_kamling")
    expect(previews(page)).to_have_count(2)
    assert page.evaluate("[...document.querySelectorAll('.photos img')].every((each) => each.naturalWidth > 0)")
    page.get_by_role("button", name="Lepas foto 1").click()
    expect(previews(page)).to_have_count(1)
    save(page)
    expect(page.get_by_text("Tersimpan sebagai draf")).to_be_visible()
    assert len(named(town, "Pos Muat")) == 1


def test_a_photograph_is_taken_off_and_another_added_later(town: RunningTown, phone: Page, files: list[Path]) -> None:
    page = begin(phone, town, "Pos Ganti")
    choose(page, files[:1], 1)
    save(page)
    expect(page.get_by_text("Tersimpan sebagai draf")).to_be_visible()
    (first,) = named(town, "Pos Ganti")

    ((number,),) = town.run("SELECT id FROM layer.pos_kamling WHERE nama = 'Pos Ganti'")
    opened(page, town, f"/ubah/pos_kamling/{number}")
    expect(previews(page)).to_have_count(1)
    choose(page, files[1:], 2)
    page.get_by_role("button", name="Lepas foto 1").click()
    save(page)
    expect(page.get_by_text("Tersimpan sebagai draf")).to_be_visible()
    assert len(named(town, "Pos Ganti")) == 1
    assert first not in named(town, "Pos Ganti")


def test_what_is_no_photograph_is_told_at_the_field(town: RunningTown, phone: Page, tmp_path: Path) -> None:
    page = begin(phone, town, "Pos Rusak")
    wrong = tmp_path / "catatan.jpg"
    wrong.write_text("bukan foto")
    page.locator("[data-photos=foto] input[type=file]").set_input_files([wrong])
    expect(page.locator("#e-foto")).to_contain_text("catatan.jpg bukan foto")
    expect(previews(page)).to_have_count(0)


def test_photographs_of_a_home_are_not_shown_to_its_editor_and_stay(town: RunningTown, phone: Page) -> None:
    photo = "3f2b7a52-58a8-4a2e-8c5a-0d9f6a1b2c3d"
    about = {**POSYANDU, "created_by": "siti", "tempat": "rumah_warga", "foto": [photo]}
    number = town.add("posyandu", status="draf", **about)
    page = opened(phone, town, f"/ubah/posyandu/{number}")
    expect(previews(page)).to_have_count(0)
    expect(page.locator("#h-foto")).to_contain_text("tidak ditampilkan")
    page.get_by_label("Nama").fill("Melati Dua")
    save(page)
    expect(page.get_by_text("Tersimpan sebagai draf")).to_be_visible()
    assert town.run("SELECT nama, foto FROM layer.posyandu WHERE id = :id", id=number) == [("Melati Dua", [photo])]


def test_everybody_sees_the_photographs_of_what_is_published(
    browser: Browser, town: RunningTown, phone: Page, files: list[Path]
) -> None:
    page = begin(phone, town, "Pos Umum")
    choose(page, files, 2)
    save(page)
    expect(page.get_by_text("Tersimpan sebagai draf")).to_be_visible()
    town.run("UPDATE layer.pos_kamling SET status = 'arsip' WHERE nama <> 'Pos Umum'")
    town.run("UPDATE layer.pos_kamling SET status = 'terbit' WHERE nama = 'Pos Umum'")
    ((number,),) = town.run("SELECT id FROM layer.pos_kamling WHERE nama = 'Pos Umum'")

    visitor = browser.new_page()
    opened(visitor, town, "/#17/-7.79500/112.00500/pos_kamling")
    visitor.evaluate(
        """() => void geosatu.layers.find((layer) => layer.config.name === "pos_kamling")
            .drawings[0].markers.values().next().value.fire("click")"""
    )
    images = visitor.locator(".card-photos img")
    expect(images).to_have_count(2)
    expect(images.first).to_have_js_property("naturalWidth", 320)
    visitor.goto(f"{town.address}/ogc/collections/pos_kamling/items/{number}?f=html")
    expect(visitor.locator(".photographs img").first).to_have_js_property("naturalWidth", 320)
    visitor.close()
