"""OGC API - Features, Part 4: what is written through it, by whom, and what everybody is told."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import city_of, running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from owslib import ogcapi
from owslib.ogcapi.features import Features
from people import Person
from towns import HERE, THERE, ServedTown, served_town

from geosatu.accounts.known import key_of
from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.api.csrf import csrf_token
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_service
from geosatu.layers import Catalogue

ITEMS = "/ogc/collections/pos_kamling/items"
GEOJSON = {"Content-Type": "application/geo+json"}
PATCH = {"Content-Type": "application/merge-patch+json"}
PLACE = {"type": "Point", "coordinates": [112.005, -7.795]}
THERE_PLACE = {"type": "Point", "coordinates": [112.015, -7.795]}


def feature(geometry: Any = PLACE, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": {"nama": "Pos Melati"} | properties}


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[ServedTown]:
    with served_town(cluster, catalogue, "part4") as town:
        yield town


@pytest.fixture(scope="module")
def pic(town: ServedTown) -> Person:
    return town.person("pic", ("pic_kelurahan", HERE))


@pytest.fixture(scope="module")
def other(town: ServedTown) -> Person:
    return town.person("pic_lain", ("pic_kelurahan", THERE))


@pytest.fixture(scope="module")
def reading(town: ServedTown) -> Person:
    return town.person("pembaca", ("pic_kelurahan", HERE), scope="read")


def post(town: ServedTown, who: Person, what: Any, **headers: str) -> Any:
    content = what if isinstance(what, (str, bytes)) else json.dumps(what)
    return town.client.post(ITEMS, content=content, headers={**who.bearer, **GEOJSON, **headers})


def made(town: ServedTown, who: Person, **properties: Any) -> tuple[str, str]:
    """Where the new feature is, and its tag."""
    answer = post(town, who, feature(**properties))
    assert answer.status_code == 201, answer.text
    return answer.headers["location"].removeprefix("http://testserver"), answer.headers["etag"]


def allow(answer: Any) -> set[str]:
    return {part.strip() for part in answer.headers["allow"].split(",")}


def test_what_qgis_sends_is_answered_as_it_wants(town: ServedTown, pic: Person) -> None:
    client, who = town.client, {**pic.bearer, "User-Agent": "Mozilla/5.0 QGIS/33400"}
    assert "POST" in allow(client.options(ITEMS, headers=who))
    assert {"PUT", "PATCH", "DELETE"} <= allow(client.options(f"{ITEMS}/unknown_id", headers=who))

    answer = client.post(ITEMS, content=json.dumps(feature()), headers={**who, **GEOJSON})
    assert (answer.status_code, answer.content) == (201, b"")
    number = answer.headers["location"].rpartition("/items/")[2]
    assert number.isdecimal()
    item = f"{ITEMS}/{number}"
    there = client.get(item, headers=who)
    assert there.json()["properties"]["nama"] == "Pos Melati"
    assert there.headers["etag"] == answer.headers["etag"]

    moved = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [112.006, -7.796]}}
    assert client.patch(item, content=json.dumps(moved), headers={**who, **PATCH}).status_code == 204
    renamed = {"type": "Feature", "properties": {"nama": "Pos Mawar", "alamat": None}}
    assert client.patch(item, content=json.dumps(renamed), headers={**who, **PATCH}).status_code == 204
    there = client.get(item, headers=who).json()
    assert there["geometry"]["coordinates"] == [112.006, -7.796]
    assert (there["properties"]["nama"], there["properties"]["version"]) == ("Pos Mawar", 3)

    there["properties"]["nama"] = "Pos Anggrek"
    assert client.put(item, content=json.dumps(there), headers={**who, **GEOJSON}).status_code == 204
    assert client.get(item, headers=who).json()["properties"]["nama"] == "Pos Anggrek"
    assert client.delete(item, headers=who).status_code == 204
    assert client.get(item, headers=who).status_code == 404


def test_options_tell_what_each_may(town: ServedTown, pic: Person, other: Person, reading: Person) -> None:
    item, _ = made(town, pic)
    town.run("UPDATE layer.pos_kamling SET status = 'terbit' WHERE id = :id", id=int(item.rpartition("/")[2]))
    read = {"GET", "HEAD", "OPTIONS"}
    for who, collection, one in (
        (pic.bearer, {"POST"}, {"PUT", "PATCH", "DELETE"}),
        (other.bearer, {"POST"}, set()),
        (town.person("relawan", ("relawan", HERE)).bearer, {"POST"}, set()),
        (reading.bearer, set(), set()),
        ({}, set(), set()),
    ):
        assert allow(town.client.options(ITEMS, headers=who)) == read | collection
        assert allow(town.client.options(item, headers=who)) == read | one


def test_owslib_creates_replaces_and_deletes(
    town: ServedTown, pic: Person, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ogcapi, "REQUEST_HEADERS", {})  # OWSLib keeps the headers of one client for all others
    settings = city_of(town.client.app).settings
    with (
        open_service(town.owner, LONGEST_STATEMENT) as engine,
        running(create_app(settings, catalogue, engine)) as base,
    ):
        api = Features(f"{base}/ogc", headers={**pic.bearer, **GEOJSON})
        assert api.collection_item_create("pos_kamling", json.dumps(feature(nama="Pos OWSLib")))
        number = api.response_headers["Location"].rpartition("/")[2]
        assert api.collection_item_update("pos_kamling", number, json.dumps(feature(nama="Pos Baru")))
        assert api.collection_item("pos_kamling", number)["properties"]["nama"] == "Pos Baru"
        assert api.collection_item_delete("pos_kamling", number)
        with pytest.raises(RuntimeError, match="tidak ada"):
            api.collection_item("pos_kamling", number)


def test_the_same_create_twice_is_one_feature(town: ServedTown, pic: Person) -> None:
    again = feature(uid=str(uuid.uuid4()))
    first, second = post(town, pic, again), post(town, pic, again)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["location"] == second.headers["location"]


def test_a_copy_that_brings_the_uid_of_its_original_is_never_dropped(town: ServedTown, pic: Person) -> None:
    item, _ = made(town, pic)
    copied = town.client.get(item, headers=pic.bearer).json()
    copied["geometry"]["coordinates"][1] += 0.0005
    script = post(town, pic, copied)
    qgis = post(town, pic, copied, **{"User-Agent": "Mozilla/5.0 QGIS/33200/Debian"})

    assert (script.status_code, "dengan isi lain" in script.json()["title"]) == (422, True)
    assert (qgis.status_code, qgis.headers["location"] != item) == (201, True)
    there = town.client.get(qgis.headers["location"], headers=pic.bearer).json()
    assert there["geometry"] == copied["geometry"]
    assert there["properties"]["uid"] != copied["properties"]["uid"]


def test_a_collection_is_made_whole_or_not_at_all(town: ServedTown, pic: Person) -> None:
    before = town.run("SELECT count(*) FROM layer.pos_kamling")
    bad = post(town, pic, {"type": "FeatureCollection", "features": [feature(), feature(warna="biru")]})
    assert (bad.status_code, town.run("SELECT count(*) FROM layer.pos_kamling")) == (422, before)
    assert "Fitur ke-2" in bad.json()["title"]

    good = post(town, pic, {"type": "FeatureCollection", "features": [feature(nama="Satu"), feature(nama="Dua")]})
    names = [
        town.client.get(each["href"], headers=pic.bearer).json()["properties"]["nama"]
        for each in good.json()["features"]
    ]
    assert (good.status_code, names) == (201, ["Satu", "Dua"])


def test_the_feature_comes_with_the_answer_where_that_is_wanted(town: ServedTown, pic: Person) -> None:
    answer = post(town, pic, feature(), Prefer="return=representation")

    assert answer.status_code == 201
    again = town.client.get(answer.headers["location"], headers=pic.bearer)
    assert (again.content, again.headers["etag"]) == (answer.content, answer.headers["etag"])


@pytest.mark.parametrize("crs", ["<{}>", "{}"])
def test_coordinates_are_of_the_named_system_in_its_order(town: ServedTown, pic: Person, crs: str) -> None:
    uri = crs.format("http://www.opengis.net/def/crs/EPSG/0/4326")
    answer = post(town, pic, feature({"type": "Point", "coordinates": [-7.795, 112.005]}), **{"Content-Crs": uri})

    there = town.client.get(answer.headers["location"], headers=pic.bearer).json()
    assert there["geometry"]["coordinates"] == [112.005, -7.795]


def test_who_was_overtaken_is_told_by_whom(town: ServedTown, pic: Person) -> None:
    item, tag = made(town, pic)
    say = {"properties": {"nama": "Pos Mawar"}}
    first = town.client.patch(item, content=json.dumps(say), headers={**pic.bearer, **PATCH, "If-Match": tag})
    second = town.client.patch(item, content=json.dumps(say), headers={**pic.bearer, **PATCH, "If-Match": tag})

    assert (first.status_code, second.status_code) == (204, 412)
    told = second.json()
    assert (told["versi"], told["diubah_oleh"], told["berubah"]) == (2, "pic", ["Nama"])
    assert town.client.delete(item, headers={**pic.bearer, "If-Match": first.headers["etag"]}).status_code == 204


@pytest.mark.parametrize(
    ("match", "status"),
    [
        ("*", 204),
        ('"entah", {tag}', 204),
        ("W/{tag}", 412),
        ('"entah"', 412),
        ("tanpa petik", 400),
        ('"terbuka', 400),
    ],
)
def test_conditions_are_read_as_the_standard_says(town: ServedTown, pic: Person, match: str, status: int) -> None:
    item, tag = made(town, pic)
    answer = town.client.delete(item, headers={**pic.bearer, "If-Match": match.format(tag=tag)})

    assert answer.status_code == status


@pytest.mark.parametrize(("none", "status"), [("*", 412), ("{tag}", 412), ('"entah"', 204), ("tanpa petik", 400)])
def test_what_must_not_be_there_is_not_overwritten(town: ServedTown, pic: Person, none: str, status: int) -> None:
    item, tag = made(town, pic)
    headers = {**pic.bearer, **GEOJSON, "If-None-Match": none.format(tag=tag)}

    assert town.client.put(item, content=json.dumps(feature()), headers=headers).status_code == status


@pytest.mark.parametrize("said", [{"nama": "Pos Mawar"}, {"type": "FeatureCollection", "features": []}, PLACE, []])
def test_a_patch_that_is_no_part_of_a_feature_is_not_taken_for_done(town: ServedTown, pic: Person, said: Any) -> None:
    item, _ = made(town, pic)

    assert town.client.patch(item, content=json.dumps(said), headers={**pic.bearer, **PATCH}).status_code == 422


def test_windows_may_mark_its_text_as_utf_8(town: ServedTown, pic: Person) -> None:
    assert post(town, pic, json.dumps(feature()).encode("utf-8-sig")).status_code == 201


@pytest.mark.parametrize(("since", "status"), [("Mon, 01 Jan 2001 00:00:00 GMT", 412), ("entah", 204)])
def test_an_edit_may_ask_that_nothing_changed_since(town: ServedTown, pic: Person, since: str, status: int) -> None:
    item, _ = made(town, pic)

    assert town.client.delete(item, headers={**pic.bearer, "If-Unmodified-Since": since}).status_code == status


def test_our_own_pages_say_what_they_saw_and_prove_that_it_is_them(town: ServedTown, pic: Person) -> None:
    item, tag = made(town, pic)
    city = city_of(town.client.app)
    ours = {**pic.cookie, **PATCH}
    proof = {"X-CSRF-Token": csrf_token(city.signing, key_of(pic.session))}
    say = json.dumps({"properties": {"nama": "Pos Mawar"}})

    assert town.client.patch(item, content=say, headers={**ours, "If-Match": tag}).status_code == 403
    assert town.client.patch(item, content=say, headers={**ours, **proof}).status_code == 428
    answer = town.client.patch(f"{item}?catatan=Uji", content=say, headers={**ours, **proof, "If-Match": tag})
    assert answer.status_code == 204
    assert town.run("SELECT door, reason FROM geosatu.act ORDER BY id DESC LIMIT 1") == [("peramban", "Uji")]


BAD: dict[str, tuple[Any, int]] = {
    "broken": ('{"type": "Feature", ', 400),
    "a name twice": ('{"type": "Feature", "geometry": null, "properties": {"nama": "A", "nama": "B"}}', 400),
    "not utf-8": (b'{"type": "\xff"}', 400),
    "nan": ('{"type": "Feature", "geometry": {"type": "Point", "coordinates": [NaN, 1]}, "properties": {}}', 400),
    "deep": ("[" * 100_000 + "]" * 100_000, 400),
    "long number": ('{"a": ' + "9" * 10_000 + "}", 400),
    "no feature": ({"type": "Point", "coordinates": [112, -7]}, 422),
    "a list": ([], 422),
    "empty collection": ({"type": "FeatureCollection", "features": []}, 422),
    "no geometry": (feature(None), 422),
    "infinite": (
        '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1e999, 1]}, "properties": {}}',
        422,
    ),
    "text as coordinates": (feature({"type": "Point", "coordinates": ["112", "-7"]}), 422),
    "another type": (feature({"type": "LineString", "coordinates": [[112.005, -7.795], [112.006, -7.795]]}), 422),
    "unknown geometry": (feature({"type": "Kurva", "coordinates": []}), 422),
    "unknown field": (feature(warna="biru"), 422),
    "bad code": (feature(status_operasi="meledak"), 422),
    "lone surrogate": ('{"type": "Feature", "geometry": null, "properties": {"\\ud800": "\\ud800"}}', 422),
    "outside": (feature({"type": "Point", "coordinates": [112.5, -7.5]}), 422),
    "swapped": (feature({"type": "Point", "coordinates": [-7.795, 112.005]}), 422),
    "no uid": (feature(uid="bukan"), 422),
    "another kelurahan": (feature(THERE_PLACE), 403),
    "properties": ({"type": "Feature", "geometry": PLACE, "properties": []}, 422),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_kept_is_refused_in_a_sentence(town: ServedTown, pic: Person, case: str) -> None:
    body, status = BAD[case]
    before = town.run("SELECT count(*) FROM layer.pos_kamling")
    answer = post(town, pic, body)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["title"].endswith(".")
    assert town.run("SELECT count(*) FROM layer.pos_kamling") == before


def test_who_may_not_write_is_told(town: ServedTown, pic: Person, reading: Person) -> None:
    nobody = town.client.post(ITEMS, content=json.dumps(feature()), headers=GEOJSON)
    assert (nobody.status_code, "www-authenticate" in nobody.headers) == (401, True)
    assert post(town, reading, feature()).status_code == 403
    text = town.client.post(ITEMS, content="x", headers={**pic.bearer, "Content-Type": "text/plain"})
    assert (text.status_code, "geo+json" in text.headers["accept-post"]) == (415, True)
    assert post(town, pic, feature(), **{"Content-Crs": "EPSG:1"}).status_code == 400
    assert post(town, pic, b" " * 20_000_001).status_code == 413
    assert (
        town.client.put(f"{ITEMS}/999999", content=json.dumps(feature()), headers={**pic.bearer, **GEOJSON}).status_code
        == 404
    )


def test_what_was_answered_is_seen_by_the_next_reader(town: ServedTown, pic: Person) -> None:
    tag = town.client.get(ITEMS, headers=pic.bearer).headers["etag"]
    for number in range(200):
        post(town, pic, feature(nama=f"Pos {number}"))
        answer = town.client.get(f"{ITEMS}?nama=Pos {number}", headers={**pic.bearer, "If-None-Match": tag})
        assert answer.status_code == 200
        assert answer.json()["numberMatched"] > 0
        tag = answer.headers["etag"]


def test_of_two_who_saw_the_same_exactly_one_wins(town: ServedTown, pic: Person) -> None:
    def put(name: str) -> int:
        headers = {**pic.bearer, **GEOJSON, "If-Match": tag}
        return int(town.client.put(item, content=json.dumps(feature(nama=name)), headers=headers).status_code)

    for _ in range(10):
        item, tag = made(town, pic)
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(put, ("Satu", "Dua"))) == [204, 412]


NAMES = st.sampled_from(["Satu", "Dua", "Tiga"])
TEXT = st.none() | st.sampled_from(["Jalan Melati", "Jalan Mawar"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "put", "patch", "delete"]), st.integers(0, 3), NAMES, TEXT), max_size=12
)


@given(STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_edits_is_that_of_a_dict(town: ServedTown, pic: Person, steps: list[Any]) -> None:
    kept: dict[str, tuple[str, str | None]] = {}
    for way, which, name, address in steps:
        if way == "create" or not kept:
            kept[made(town, pic, nama=name, alamat=address)[0]] = (name, address)
            continue
        item = list(kept)[which % len(kept)]
        if way == "delete":
            assert town.client.delete(item, headers=pic.bearer).status_code == 204
            del kept[item]
        elif way == "put":
            said = feature(nama=name, **({"alamat": address} if address else {}))
            assert town.client.put(item, content=json.dumps(said), headers={**pic.bearer, **GEOJSON}).status_code == 204
            kept[item] = (name, address)
        else:
            say = json.dumps({"properties": {"alamat": address}})
            assert town.client.patch(item, content=say, headers={**pic.bearer, **PATCH}).status_code == 204
            kept[item] = (kept[item][0], address)
    for item, (name, address) in kept.items():
        found = town.client.get(item, headers=pic.bearer).json()["properties"]
        assert (found["nama"], found["alamat"]) == (name, address)
