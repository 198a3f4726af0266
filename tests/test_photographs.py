"""Photographs of features: who may send them, who sees them, and what nobody is shown."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from people import Person
from PIL import Image
from sqlalchemy.exc import ProgrammingError
from towns import HERE, POSYANDU, THERE, ServedTown, served_town

from geosatu.content.photographs import PICTURE, THUMBNAIL, developed
from geosatu.database.cluster import Cluster
from geosatu.errors import InvalidFeature
from geosatu.layers import Catalogue
from geosatu.store import photographs

ITEMS = "/ogc/collections/pos_kamling/items"
PLACE = {"type": "Point", "coordinates": [112.005, -7.795]}
TOLD = (b"Exif", b"Pabrik", b"rahasia", b"xmpmeta", b"112.0050")
"""What the camera wrote into the file."""


def photograph(size: tuple[int, int] = (2400, 1800), kind: str = "JPEG", **options: Any) -> bytes:
    """A photograph with everything that cameras write into it: red above, blue below."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0], size[1] // 2))
    exif = Image.Exif()
    exif[0x010F] = "Pabrik"  # Make
    exif[0x8825] = {1: "S", 2: (7.0, 47.0, 42.0), 3: "E", 4: (112.0, 0.0, 18.0)}  # GPS
    exif.update(options.pop("exif", {}))
    file = BytesIO()
    told = {"exif": exif, "comment": b"rahasia", "xmp": b"<x:xmpmeta>112.0050</x:xmpmeta>"} if kind == "JPEG" else {}
    image.save(file, kind, **told, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[ServedTown]:
    with served_town(cluster, catalogue, "photographs") as town:
        yield town


@pytest.fixture(scope="module")
def pic(town: ServedTown) -> Person:
    return town.person("pic", ("pic_kelurahan", HERE))


@pytest.fixture(scope="module")
def lurah(town: ServedTown) -> Person:
    return town.person("lurah", ("lurah", HERE))


@pytest.fixture(scope="module")
def elsewhere(town: ServedTown) -> Person:
    return town.person("pic_lain", ("pic_kelurahan", THERE))


@pytest.fixture(scope="module")
def walidata(town: ServedTown) -> Person:
    return town.person("walidata", ("walidata", ""))


def address(layer: str, feature: str, photo: str) -> str:
    return f"/foto/{layer}/{feature}/{photo}.jpg"


def send(town: ServedTown, who: Person | None, layer: str, feature: str, photo: str, body: bytes) -> Any:
    headers = who.bearer if who is not None else {}
    return town.client.put(address(layer, feature, photo), content=body, headers=headers)


def show(town: ServedTown, who: Person | None, layer: str, feature: str, photo: str) -> int:
    headers = who.bearer if who is not None else {}
    return int(town.client.get(address(layer, feature, photo), headers=headers).status_code)


def create(
    town: ServedTown, who: Person, feature: str, photos: list[str], layer: str = "pos_kamling", **more: Any
) -> Any:
    properties = {"nama": "Pos Melati", "uid": feature, "foto": photos, "status_operasi": "aktif", **more}
    content = json.dumps({"type": "Feature", "geometry": PLACE, "properties": properties})
    headers = {**who.bearer, "Content-Type": "application/geo+json"}
    return town.client.post(f"/ogc/collections/{layer}/items", content=content, headers=headers)


def photographed(town: ServedTown, who: Person, layer: str = "pos_kamling", **more: Any) -> tuple[str, str]:
    """A draft of a feature with a photograph: the uids of both."""
    feature, photo = str(uuid.uuid4()), str(uuid.uuid4())
    assert send(town, who, layer, feature, photo, photograph((64, 48))).status_code == 201
    answer = create(town, who, feature, [photo], layer, **more)
    assert answer.status_code == 201, answer.text
    return feature, photo


def publish(town: ServedTown, layer: str, feature: str) -> None:
    town.run(f"UPDATE layer.{layer} SET status = 'terbit' WHERE uid = :uid", uid=feature)


# --- What is shown ----------------------------------------------------------------------------------------


def test_what_the_camera_wrote_is_in_the_file_and_in_no_picture() -> None:
    sent = photograph()
    taken = developed(sent)

    assert all(word in sent for word in TOLD)
    assert taken.original == sent
    for picture in (taken.picture, taken.thumbnail):
        assert not any(word in picture for word in TOLD)
        with Image.open(BytesIO(picture)) as image:
            assert all(name.startswith(("jfif", "progress")) for name in image.info)


def test_pictures_are_small() -> None:
    taken = developed(photograph())
    sizes = [Image.open(BytesIO(picture)).size for picture in (taken.picture, taken.thumbnail)]
    assert sizes == [(PICTURE, PICTURE * 3 // 4), (THUMBNAIL, THUMBNAIL * 3 // 4)]


def test_a_picture_stands_upright_as_the_camera_was_held() -> None:
    on_its_side = photograph((400, 200), exif={0x0112: 6})  # turned by a quarter
    with Image.open(BytesIO(developed(on_its_side).picture)) as image:
        assert image.size == (200, 400)
        left, right = (image.getpixel((x, 200)) for x in (20, 180))
    assert (left[2] > 200, right[0] > 200) == (True, True)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_png_and_webp_are_photographs_too(kind: str) -> None:
    taken = developed(photograph((640, 480), kind))
    assert taken.media_type == f"image/{kind.lower()}"
    assert Image.open(BytesIO(taken.picture)).format == "JPEG"


def test_what_is_transparent_is_white() -> None:
    file = BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(file, "PNG")
    assert Image.open(BytesIO(developed(file.getvalue()).picture)).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "kosong"),
        (b"GIF89a", "bukan foto"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "bukan foto"),
        (photograph()[:2000], "bukan foto"),
        (photograph((9000, 6000), "PNG"), "9000 x 6000 piksel"),
        (b"\xff" * 12_000_001, "terlalu besar"),
    ],
)
def test_what_is_no_photograph_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidFeature, match=reason):
        developed(body)


@given(st.binary(max_size=200), st.integers(0, 3000))
def test_whatever_is_broken_in_a_file_is_one_sentence(noise: bytes, at: int) -> None:
    whole = photograph((64, 48))
    at %= len(whole)
    with suppress(InvalidFeature):
        developed(whole[:at] + noise + whole[at + len(noise) :])


# --- Sending ----------------------------------------------------------------------------------------------


def test_the_same_photograph_twice_is_one(town: ServedTown, pic: Person) -> None:
    feature, photo = str(uuid.uuid4()), str(uuid.uuid4())
    first = send(town, pic, "pos_kamling", feature, photo, photograph((64, 48)))
    again = send(town, pic, "pos_kamling", feature, photo, photograph((64, 48)))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["href"].endswith(address("pos_kamling", feature, photo))
    assert town.run("SELECT count(*) FROM geosatu.photo WHERE id = :id", id=photo) == [(1,)]


def test_nobody_takes_the_name_of_a_photograph_of_somebody_else(
    town: ServedTown, pic: Person, elsewhere: Person
) -> None:
    feature, photo = photographed(town, pic)
    for uid in (feature, str(uuid.uuid4())):
        answer = send(town, elsewhere, "pos_kamling", uid, photo, photograph((64, 48)))
        assert (answer.status_code, "sudah dipakai" in answer.json()["title"]) == (422, True)


def test_whoever_may_not_edit_a_layer_sends_no_photograph(town: ServedTown, pic: Person, lurah: Person) -> None:
    reading = town.person("pembaca", ("pic_kelurahan", HERE), scope="read")
    feature, photo = str(uuid.uuid4()), str(uuid.uuid4())
    body = photograph((64, 48))

    assert send(town, None, "pos_kamling", feature, photo, body).status_code == 401
    assert send(town, lurah, "pos_kamling", feature, photo, body).status_code == 403
    assert send(town, reading, "pos_kamling", feature, photo, body).status_code == 403
    assert send(town, pic, "batas_rt", feature, photo, body).status_code == 400
    assert town.run("SELECT count(*) FROM geosatu.photo WHERE id = :id", id=photo) == [(0,)]


def test_a_cookie_alone_sends_no_photograph(town: ServedTown, pic: Person) -> None:
    answer = town.client.put(
        address("pos_kamling", str(uuid.uuid4()), str(uuid.uuid4())), content=photograph((64, 48)), headers=pic.cookie
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "status"), [(b"GIF89a", 422), (b"", 422), (b"\xff" * 12_000_001, 413)], ids=["gif", "empty", "large"]
)
def test_what_is_no_photograph_is_not_kept(town: ServedTown, pic: Person, body: bytes, status: int) -> None:
    photo = str(uuid.uuid4())
    assert send(town, pic, "pos_kamling", str(uuid.uuid4()), photo, body).status_code == status
    assert town.run("SELECT count(*) FROM geosatu.photo WHERE id = :id", id=photo) == [(0,)]


def test_an_account_fills_no_disk(town: ServedTown, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = town.person("sibuk", ("pic_kelurahan", HERE))
    monkeypatch.setattr(photographs, "MOST_A_DAY", 2)
    statuses = [
        send(town, busy, "pos_kamling", str(uuid.uuid4()), str(uuid.uuid4()), photograph((64, 48))).status_code
        for _ in range(3)
    ]
    assert statuses == [201, 201, 422]


# --- Naming -----------------------------------------------------------------------------------------------


def test_a_feature_names_only_photographs_that_were_sent_for_it(town: ServedTown, pic: Person) -> None:
    _, photo = photographed(town, pic)
    never, other = str(uuid.uuid4()), str(uuid.uuid4())

    for named in (never, photo):
        answer = create(town, pic, other, [named])
        assert (answer.status_code, named in answer.json()["title"]) == (422, True)
    assert create(town, pic, other, ["IMG_2041.jpg"]).status_code == 422
    assert (
        create(town, pic, other, [str(uuid.uuid4()) for _ in range(11)]).json()["title"].startswith("Foto: memuat 11")
    )


def test_a_copy_of_a_feature_has_no_photographs(town: ServedTown, pic: Person) -> None:
    feature, photo = photographed(town, pic)
    place = {"type": "Point", "coordinates": [112.006, -7.796]}
    properties = {"nama": "Pos Melati", "uid": feature, "foto": [photo]}
    content = json.dumps({"type": "Feature", "geometry": place, "properties": properties})
    headers = {**pic.bearer, "Content-Type": "application/geo+json", "User-Agent": "Mozilla/5.0 QGIS/32216"}
    answer = town.client.post(f"{ITEMS}?", content=content, headers=headers)

    assert answer.status_code == 201, answer.text
    number = int(answer.headers["location"].rpartition("/")[2])
    assert town.run("SELECT foto FROM layer.pos_kamling WHERE id = :id", id=number) == [(None,)]


# --- Seeing -----------------------------------------------------------------------------------------------


def test_a_photograph_is_seen_by_those_who_see_the_feature(
    town: ServedTown, pic: Person, lurah: Person, elsewhere: Person
) -> None:
    feature, photo = photographed(town, pic)
    asked = ("pos_kamling", feature, photo)

    assert [show(town, who, *asked) for who in (pic, lurah, elsewhere, None)] == [200, 200, 404, 404]
    publish(town, "pos_kamling", feature)
    assert [show(town, who, *asked) for who in (pic, lurah, elsewhere, None)] == [200, 200, 200, 200]
    assert show(town, None, "pos_kamling", str(uuid.uuid4()), photo) == 404


def test_what_no_feature_names_only_its_sender_sees(town: ServedTown, pic: Person, lurah: Person) -> None:
    feature, _ = photographed(town, pic)
    publish(town, "pos_kamling", feature)
    unnamed = str(uuid.uuid4())
    send(town, pic, "pos_kamling", feature, unnamed, photograph((64, 48)))
    assert [show(town, who, "pos_kamling", feature, unnamed) for who in (pic, lurah, None)] == [200, 404, 404]


def test_a_photograph_that_is_taken_off_is_shown_no_more_and_comes_back_with_its_version(
    town: ServedTown, pic: Person, walidata: Person
) -> None:
    feature, photo = photographed(town, walidata)
    publish(town, "pos_kamling", feature)
    ((number,),) = town.run("SELECT id FROM layer.pos_kamling WHERE uid = :uid", uid=feature)
    headers = {**walidata.bearer, "Content-Type": "application/merge-patch+json"}
    patch = json.dumps({"type": "Feature", "properties": {"foto": None}})

    assert town.client.patch(f"{ITEMS}/{number}", content=patch, headers=headers).status_code == 204
    assert show(town, None, "pos_kamling", feature, photo) == 404
    assert town.run("SELECT attributes -> 'foto' ->> 0 FROM geosatu.history WHERE feature = :n ORDER BY id", n=number)[
        -1
    ] == (photo,)


def test_the_picture_is_named_small_or_large_and_asked_for_again_for_nothing(town: ServedTown, pic: Person) -> None:
    feature, photo = photographed(town, pic)
    publish(town, "pos_kamling", feature)
    picture, small = (town.client.get(f"/foto/pos_kamling/{feature}/{photo}{name}.jpg") for name in ("", "-kecil"))

    assert picture.headers["content-type"] == small.headers["content-type"] == "image/jpeg"
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in picture.headers
    assert picture.headers["etag"] != small.headers["etag"]
    again = town.client.get(str(picture.url), headers={"If-None-Match": picture.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    town.run("UPDATE layer.pos_kamling SET status = 'draf' WHERE uid = :uid", uid=feature)
    assert town.client.get(str(picture.url), headers={"If-None-Match": picture.headers["etag"]}).status_code == 404


@pytest.mark.parametrize("photo", ["x", "..", "%00", "1" * 300, "-kecil", "é"])
def test_what_is_no_photograph_is_not_found(town: ServedTown, photo: str) -> None:
    for path in (f"/foto/pos_kamling/{uuid.uuid4()}/{photo}.jpg", f"/foto/pos_kamling/{photo}/{uuid.uuid4()}.jpg"):
        assert town.client.get(path).status_code in (400, 404)


# --- Homes ------------------------------------------------------------------------------------------------


def test_photographs_of_homes_are_for_those_who_say_why(
    town: ServedTown, pic: Person, lurah: Person, walidata: Person
) -> None:
    here = {key: value for key, value in POSYANDU.items() if key != "nama"}
    hall, photo_of_hall = photographed(town, pic, "posyandu", **here, tempat="balai_rw")
    home, photo_of_home = photographed(town, pic, "posyandu", **here, tempat="rumah_warga")
    for feature in (hall, home):
        publish(town, "posyandu", feature)

    assert [show(town, who, "posyandu", hall, photo_of_hall) for who in (lurah, walidata, None)] == [200, 200, 200]
    assert [show(town, who, "posyandu", home, photo_of_home) for who in (lurah, walidata, None)] == [404, 404, 404]
    for who, seen in ((lurah, None), (walidata, None), (None, None)):
        items = town.client.get("/ogc/collections/posyandu/items", headers=who.bearer if who else {}).json()["features"]
        told = {each["properties"]["uid"]: each["properties"]["foto"] for each in items}
        assert told.get(hall) == [photo_of_hall]
        assert told.get(home) is seen
    asked = "/ogc/collections/posyandu/items?alasan=Memeriksa laporan warga"
    items = town.client.get(asked, headers=lurah.bearer).json()["features"]
    assert [photo_of_home] in [each["properties"]["foto"] for each in items]

    # The hall becomes a home, and its photographs with it.
    town.run("UPDATE layer.posyandu SET tempat = 'rumah_warga' WHERE uid = :uid", uid=hall)
    assert show(town, None, "posyandu", hall, photo_of_hall) == 404


def test_who_sends_back_what_they_saw_of_a_home_takes_no_photograph_off(town: ServedTown, pic: Person) -> None:
    here = {key: value for key, value in POSYANDU.items() if key != "nama"}
    home, photo = photographed(town, pic, "posyandu", **here, tempat="rumah_warga")
    ((number,),) = town.run("SELECT id FROM layer.posyandu WHERE uid = :uid", uid=home)
    content = {**POSYANDU, "nama": "Anggrek", "tempat": "rumah_warga", "foto": None}
    body = json.dumps({"type": "Feature", "geometry": PLACE, "properties": content})
    headers = {**pic.bearer, "Content-Type": "application/geo+json"}
    answer = town.client.put(f"/ogc/collections/posyandu/items/{number}", content=body, headers=headers)

    assert answer.status_code == 204, answer.text
    assert town.run("SELECT nama, foto FROM layer.posyandu WHERE id = :id", id=number) == [("Anggrek", [photo])]


# --- As it was sent ---------------------------------------------------------------------------------------


def test_the_file_with_place_and_time_is_for_those_who_say_why_which_is_logged(
    town: ServedTown, pic: Person, elsewhere: Person
) -> None:
    feature, photo = str(uuid.uuid4()), str(uuid.uuid4())
    sent = photograph((64, 48))
    send(town, pic, "pos_kamling", feature, photo, sent)
    create(town, pic, feature, [photo])
    publish(town, "pos_kamling", feature)
    here = f"/foto/pos_kamling/{feature}/{photo}/asli"

    assert town.client.get(here, headers=pic.bearer).status_code == 400
    why = {"alasan": "Memeriksa letak foto"}
    assert town.client.get(here, params=why).status_code == 401
    assert town.client.get(here, params=why, headers=elsewhere.bearer).status_code == 404
    answer = town.client.get(here, params=why, headers=pic.bearer)
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (200, sent, "no-store")
    line = town.run("SELECT actor, detail FROM geosatu.audit WHERE action = 'baca_terbatas' ORDER BY id DESC LIMIT 1")
    assert line == [("pic", {"lapisan": "pos_kamling", "foto": photo, "alasan": "Memeriksa letak foto"})]


def test_no_role_but_that_of_restricted_fields_reads_a_file_as_it_was_sent(town: ServedTown, pic: Person) -> None:
    photographed(town, pic)
    for level in ("publik", "relawan", "internal"):
        with town.owner.connect() as conn:
            conn.exec_driver_sql(f"SET LOCAL ROLE photographs_{level}")
            with pytest.raises(ProgrammingError, match="permission denied"):
                conn.exec_driver_sql("SELECT original FROM geosatu.photo")


# --- Forgetting -------------------------------------------------------------------------------------------


def test_a_photograph_goes_when_nothing_names_it_any_more(town: ServedTown, pic: Person, catalogue: Catalogue) -> None:
    feature, photo = photographed(town, pic)
    old, young, once = (str(uuid.uuid4()) for _ in range(3))
    for name in (old, young, once):
        send(town, pic, "pos_kamling", feature, name, photograph((64, 48)))
    town.run("UPDATE layer.pos_kamling SET foto = ARRAY[:a] WHERE uid = :uid", a=once, uid=feature)
    town.run("UPDATE layer.pos_kamling SET foto = ARRAY[:a] WHERE uid = :uid", a=photo, uid=feature)
    town.run("ALTER TABLE geosatu.photo DISABLE TRIGGER unchanged")
    town.run("UPDATE geosatu.photo SET at = now() - interval '31 days' WHERE id <> CAST(:id AS uuid)", id=young)
    town.run("ALTER TABLE geosatu.photo ENABLE TRIGGER unchanged")
    with town.owner.begin() as conn:
        photographs.forget_unnamed(conn, catalogue["pos_kamling"])

    left = {str(each) for (each,) in town.run("SELECT id FROM geosatu.photo WHERE feature = :uid", uid=feature)}
    assert left == {photo, young, once}


def test_the_review_opens_files_to_those_who_care_for_the_feature(town: ServedTown, pic: Person, lurah: Person) -> None:
    camat = town.person("camat", ("camat", "35.71.01"))
    feature, photo = photographed(town, pic)
    town.run("UPDATE layer.pos_kamling SET status = 'diajukan' WHERE uid = :uid", uid=feature)
    ((number,),) = town.run("SELECT id FROM layer.pos_kamling WHERE uid = :uid", uid=feature)
    pages = [town.client.get(f"/tinjauan/pos_kamling/{number}", headers=who.cookie).text for who in (lurah, camat)]

    assert [f"/{photo}-kecil.jpg" in page for page in pages] == [True, True]
    assert [f"/{photo}/asli" in page for page in pages] == [True, False]


def test_a_volunteer_sees_the_photographs_of_what_is_their_own(town: ServedTown, pic: Person) -> None:
    budi, ani = (town.person(name, ("relawan", HERE)) for name in ("budi", "ani"))
    feature, photo = photographed(town, budi)
    asked = ("pos_kamling", feature, photo)

    assert [show(town, who, *asked) for who in (budi, pic, ani, None)] == [200, 200, 404, 404]
