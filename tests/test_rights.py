"""Who sees what: the same at every door, because PostgreSQL decides."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyogrio
import pytest
from conftest import settings_for
from fastapi.testclient import TestClient
from people import Person, person
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from wfs import VERSIONS, features, get, ids_of, read, refusal, values_of
from wfst import transaction

from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.api.wfs.questions import BY_ID
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.database.rights import act_as, open_restricted
from geosatu.features import PUBLIC, Actor
from geosatu.layers import STATUSES, Catalogue
from geosatu.rights import EDITABLE

BANDAR, POJOK, BALOWERTI = "35.71.01.1001", "35.71.01.1002", "35.71.02.1001"
"""Two kelurahan of one kecamatan, and one of another."""

MOJOROTO, CITY = "35.71.01", ""
PLACES = (BANDAR, POJOK, BALOWERTI, None)
UNPUBLISHED = {"draf", "diajukan", "perlu_perbaikan", "disetujui"}
HANDED_IN = {"diajukan", "disetujui"}

PEOPLE: dict[str, tuple[tuple[str, str], ...]] = {
    "pic": (("pic_kelurahan", BANDAR),),
    "pic_dua": (("pic_kelurahan", BANDAR), ("pic_kelurahan", BALOWERTI)),
    "relawan": (("relawan", BANDAR),),
    "lurah": (("lurah", BANDAR),),
    "lurah_lain": (("lurah", BALOWERTI),),
    "camat": (("camat", MOJOROTO),),
    "opd": (("opd", CITY),),
    "perencana": (("perencana", CITY),),
    "walidata": (("walidata", CITY),),
    "walidata_kecamatan": (("walidata", MOJOROTO),),
    "tanpa_hak": (),
}

BEYOND: dict[str, dict[str | None, set[str]]] = {
    "publik": {},
    "pic": {BANDAR: UNPUBLISHED},
    "pic_dua": {BANDAR: UNPUBLISHED, BALOWERTI: UNPUBLISHED},
    "relawan": {},
    "lurah": {BANDAR: UNPUBLISHED},
    "lurah_lain": {BALOWERTI: UNPUBLISHED},
    "camat": {BANDAR: HANDED_IN, POJOK: HANDED_IN},
    "opd": dict.fromkeys(PLACES, HANDED_IN),
    "perencana": {},
    "walidata": dict.fromkeys(PLACES, UNPUBLISHED),
    "walidata_kecamatan": {BANDAR: UNPUBLISHED, POJOK: UNPUBLISHED},
    "tanpa_hak": {},
}
"""What each sees besides what is published, by kelurahan."""

STAFF = set(BEYOND) - {"publik", "relawan", "tanpa_hak"}
"""Those for whom internal fields are."""

CARES: dict[str, set[str | None]] = {
    "pic": {BANDAR},
    "pic_dua": {BANDAR, BALOWERTI},
    "lurah": {BANDAR},
    "lurah_lain": {BALOWERTI},
    "walidata": set(PLACES),
    "walidata_kecamatan": {BANDAR, POJOK},
}
"""Where each may read restricted fields."""


def name_of(place: str | None, status: str) -> str:
    return f"{place or 'luar'} {status}"


def seen_by(who: str) -> set[str]:
    """The features of a layer that somebody sees, as declared."""
    return {
        name_of(place, status)
        for place in PLACES
        for status in STATUSES
        if status == "terbit" or status in BEYOND[who].get(place, set())
    }


@dataclass
class Town:
    """A city with one feature of each status in each kelurahan, and people of all roles."""

    engine: Engine
    service: Engine
    client: TestClient
    people: dict[str, Person] = field(default_factory=dict)

    def headers(self, who: str) -> dict[str, str]:
        return {} if who == "publik" else self.people[who].bearer


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[Town]:
    settings = settings_for(cluster, "rights")
    with (
        open_city(settings, catalogue) as engine,
        open_service(engine, LONGEST_STATEMENT) as service,
        TestClient(create_app(settings, catalogue, service), raise_server_exceptions=False) as client,
    ):
        town = Town(engine, service, client)
        with engine.begin() as conn:
            fill(conn)
            town.people = {name: person(conn, name, *rights) for name, rights in PEOPLE.items()}
        yield town


def fill(conn: Connection) -> None:
    conn.execute(
        text(
            "INSERT INTO layer.batas_rt (kode_wilayah, status, no_rt, no_rw, created_by, updated_by, geom) VALUES"
            " (:kode, 'terbit', '001', '001', 'uji', 'uji', ST_Multi(ST_MakeEnvelope(111.9, -7.9, 112.1, -7.7, 4326)))"
        ),
        {"kode": BANDAR},
    )
    places = [(place, status) for place in PLACES for status in STATUSES]
    for number, (place, status) in enumerate(places):
        given = {
            "kode": place,
            "status": status,
            "nama": name_of(place, status),
            "east": 112 + number / 1000,
        }
        conn.execute(
            text(
                "INSERT INTO layer.pos_kamling (kode_wilayah, status, nama, jam_ronda, koordinator, created_by,"
                " updated_by, geom) VALUES (:kode, :status, :nama, '22.00', 'Pak ' || :nama, 'uji', 'uji',"
                " ST_SetSRID(ST_MakePoint(:east, -7.8), 4326))"
            ),
            given,
        )
        conn.execute(
            text(
                "INSERT INTO layer.titik_rt (kode_wilayah, status, nama, no_rt, no_rw, ketua_rt, created_by,"
                " updated_by, geom) VALUES (:kode, :status, :nama, '001', :status, 'Bu ' || :nama, 'uji', 'uji',"
                " ST_SetSRID(ST_MakePoint(:east, -7.8), 4326))"
            ),
            given,
        )


Door = Callable[[Town, str, str, Path], set[str]]


def ask(town: Town, who: str, path: str, **parameters: str) -> Any:
    answer = town.client.get(path, params=parameters, headers=town.headers(who))
    assert answer.status_code == 200, answer.text
    return answer


def by_items(town: Town, who: str, layer: str, _: Path) -> set[str]:
    found = ask(town, who, f"/ogc/collections/{layer}/items", limit="1000").json()
    names = {each["properties"]["nama"] for each in found["features"]}
    assert found["numberMatched"] == found["numberReturned"] == len(names)
    return names


def by_box_and_filter(town: Town, who: str, layer: str, _: Path) -> set[str]:
    parameters = {"bbox": "111,-9,113,-7", "filter": "nama LIKE '%'", "sortby": "-nama", "limit": "5"}
    names: set[str] = set()
    page = ask(town, who, f"/ogc/collections/{layer}/items", **parameters).json()
    while True:
        names |= {each["properties"]["nama"] for each in page["features"]}
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            return names
        page = ask(town, who, following[0]).json()


def by_id(town: Town, who: str, layer: str, _: Path) -> set[str]:
    names = set()
    for number in range(1, len(PLACES) * len(STATUSES) + 1):
        answer = town.client.get(f"/ogc/collections/{layer}/items/{number}", headers=town.headers(who))
        assert answer.status_code in (200, 404)
        if answer.status_code == 200:
            names.add(answer.json()["properties"]["nama"])
    return names


def by_tile(town: Town, who: str, layer: str, _: Path) -> set[str]:
    tile = ask(town, who, f"/ogc/collections/{layer}/tiles/WebMercatorQuad/0/0/0").content.decode("utf-8", "replace")
    return {name_of(place, status) for place in PLACES for status in STATUSES if name_of(place, status) in tile}


def by_geojson(town: Town, who: str, layer: str, _: Path) -> set[str]:
    found = ask(town, who, f"/files/{layer}.geojson").json()
    return {each["properties"]["nama"] for each in found["features"]}


def by_csv(town: Town, who: str, layer: str, _: Path) -> set[str]:
    rows = csv.DictReader(io.StringIO(ask(town, who, f"/files/{layer}.csv").content.decode("utf-8-sig")))
    return {row["nama"] for row in rows}


def by_geopackage(town: Town, who: str, layer: str, folder: Path) -> set[str]:
    file = folder / f"{layer}.gpkg"
    file.write_bytes(ask(town, who, f"/files/{layer}.gpkg").content)
    return set(pyogrio.read_dataframe(file, layer=layer)["nama"])


def by_snapshot(town: Town, who: str, layer: str, folder: Path) -> set[str]:
    file = folder / "kota.gpkg"
    file.write_bytes(ask(town, who, "/files/kota.gpkg").content)
    return set(pyogrio.read_dataframe(file, layer=layer)["nama"])


def by_search(town: Town, who: str, layer: str, _: Path) -> set[str]:
    names = set()
    for place in PLACES:
        for status in STATUSES:
            name = name_of(place, status)
            results = ask(town, who, "/cari", q=name).json()["results"]
            names |= {each["title"] for each in results if each["layer"] == layer}
    return names


def by_page(town: Town, who: str, layer: str, _: Path) -> set[str]:
    page = ask(town, who, f"/ogc/collections/{layer}/items", f="html", limit="100").text
    return {name_of(place, status) for place in PLACES for status in STATUSES if name_of(place, status) in page}


def by_wfs(town: Town, who: str, layer: str, _: Path) -> set[str]:
    names: set[str] | None = None
    for version in VERSIONS:
        root = features(town.client, version, layer, headers=town.headers(who))
        found = {name for name in values_of(root, "nama") if name is not None}
        assert names in (None, found)
        assert len(ids_of(root, layer)) == len(found)
        names = found
    assert names is not None
    return names


def by_wfs_page_and_filter(town: Town, who: str, layer: str, _: Path) -> set[str]:
    condition = (
        "<Filter><PropertyIsLike wildCard='*' singleChar='?' escapeChar='!'><ValueReference>nama</ValueReference>"
        "<Literal>*</Literal></PropertyIsLike></Filter>"
    )
    names: list[str | None] = []
    for start in range(0, 100, 5):
        given = {"filter": condition, "sortby": "nama D", "count": 5, "startindex": start}
        root = features(town.client, "2.0.0", layer, headers=town.headers(who), **given)
        names += values_of(root, "nama")
    assert root.attrib["numberMatched"] == str(len(names)) == str(len(set(names)))
    return {name for name in names if name is not None}


def by_wfs_values(town: Town, who: str, layer: str, _: Path) -> set[str]:
    given = {"typenames": layer, "valuereference": "nama", "bbox": "111,-9,113,-7"}
    root = read(get(town.client, "2.0.0", "GetPropertyValue", town.headers(who), **given))
    return {name for name in values_of(root, "nama") if name is not None}


def by_wfs_id(town: Town, who: str, layer: str, _: Path) -> set[str]:
    names: set[str] = set()
    for number in range(1, len(PLACES) * len(STATUSES) + 1):
        given = {"storedquery_id": BY_ID, "id": f"{layer}.{number}"}
        answer = get(town.client, "2.0.0", "GetFeature", town.headers(who), **given)
        assert answer.status_code in (200, 404)
        if answer.status_code == 200:
            names |= {name for name in values_of(read(answer), "nama") if name is not None}
    return names


def by_moment(town: Town, who: str, layer: str, _: Path) -> set[str]:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    found = ask(town, who, f"/ogc/collections/{layer}/items", limit="1000", pada=now).json()
    return {each["properties"]["nama"] for each in found["features"]}


def by_wfs_table(town: Town, who: str, layer: str, _: Path) -> set[str]:
    answer = get(town.client, "1.1.0", "GetFeature", town.headers(who), typename=layer, outputformat="csv")
    return {row["nama"] for row in csv.DictReader(io.StringIO(answer.text))}


DOORS: tuple[Door, ...] = (
    by_items, by_box_and_filter, by_id, by_tile, by_geojson, by_csv, by_geopackage, by_snapshot, by_search, by_page,
    by_wfs, by_wfs_page_and_filter, by_wfs_values, by_wfs_id, by_wfs_table, by_moment,
)  # fmt: skip


@pytest.mark.parametrize("layer", ["pos_kamling", "titik_rt"])
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("who", BEYOND)
def test_everybody_sees_through_every_door_what_is_theirs(town: Town, who: str, door: Door, layer: str, tmp_path: Path):
    assert door(town, who, layer, tmp_path) == seen_by(who)


@pytest.mark.parametrize("who", BEYOND)
def test_counts_on_the_map_are_of_what_somebody_sees(town: Town, who: str):
    page = ask(town, who, "/").text

    assert page.count(f'"entry-count">{len(seen_by(who))}<') == len(("pos_kamling", "titik_rt"))


def within_reach(who: str) -> set[str]:
    """What somebody sees, with what was put away where they care for it."""
    return seen_by(who) | {name_of(place, "arsip") for place in CARES.get(who, set())}


@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_reads_the_history_of_what_is_theirs(town: Town, who: str):
    path, names = "/riwayat/pos_kamling", set()
    for number in range(1, len(PLACES) * len(STATUSES) + 1):
        answer = town.client.get(f"{path}/{number}.json", headers=town.headers(who))
        assert answer.status_code in (200, 403, 404)
        if answer.status_code == 200:
            names.add(name_of(PLACES[(number - 1) // len(STATUSES)], list(STATUSES)[(number - 1) % len(STATUSES)]))

    assert names == (within_reach(who) if who in STAFF else set())


# Changes.


def by_part4(town: Town, who: str, number: int) -> bool:
    said = json.dumps({"type": "Feature", "properties": {"alamat": f"Jalan {who}"}})
    headers = {**town.headers(who), "Content-Type": "application/merge-patch+json"}
    answer = town.client.patch(f"/ogc/collections/kwt/items/{number}", content=said, headers=headers)
    assert answer.status_code in (204, 401, 403, 404, 422), answer.text
    return bool(answer.status_code == 204)


def by_transaction(town: Town, who: str, number: int) -> bool:
    chosen = f'<ogc:Filter><ogc:FeatureId fid="kwt.{number}"/></ogc:Filter>'
    said = "<wfs:Property><wfs:Name>alamat</wfs:Name><wfs:Value>Jalan</wfs:Value></wfs:Property>"
    body = transaction("1.1.0", f'<wfs:Update typeName="geosatu:kwt">{said}{chosen}</wfs:Update>')
    answer = town.client.post("/wfs", content=body, headers={**town.headers(who), "Content-Type": "text/xml"})
    return "<wfs:totalUpdated>1</wfs:totalUpdated>" in answer.text


@pytest.mark.parametrize("change", [by_part4, by_transaction], ids=lambda change: change.__name__)
@pytest.mark.parametrize("who", BEYOND)
def test_everybody_changes_through_every_door_what_is_theirs(
    town: Town, who: str, change: Callable[[Town, str, int], bool]
):
    cells = [(place, status) for place in PLACES for status in STATUSES]
    with town.engine.begin() as conn:
        conn.execute(text("TRUNCATE layer.kwt RESTART IDENTITY"))
        conn.execute(
            text(
                "INSERT INTO layer.kwt (kode_wilayah, status, nama, created_by, updated_by, geom)"
                " VALUES (:kode, :status, 'KWT', 'uji', 'uji', ST_Point(112, -7.8, 4326))"
            ),
            [{"kode": place, "status": status} for place, status in cells],
        )
    editing = who.startswith(("pic", "walidata"))

    changed = {cell for number, cell in enumerate(cells, 1) if change(town, who, number)}

    # What is handed in or published needs a kelurahan, whoever changes it.
    fit = [(place, status) for place, status in cells if status in EDITABLE or (place and status != "arsip")]
    assert changed == {(place, status) for place, status in fit if editing and place in CARES[who]}
    with town.engine.connect() as conn:
        made = set(conn.execute(text("SELECT kode_wilayah, id FROM layer.kwt WHERE version > 1")))
    assert made == {(place, number) for number, (place, status) in enumerate(cells, 1) if (place, status) in changed}


# Fields.


@pytest.mark.parametrize("who", BEYOND)
def test_internal_fields_are_for_staff_and_restricted_ones_for_nobody_who_does_not_say_why(town: Town, who: str):
    for found in (
        ask(town, who, "/ogc/collections/pos_kamling/items").json(),
        ask(town, who, "/files/pos_kamling.geojson").json(),
    ):
        for each in found["features"]:
            assert ("jam_ronda" in each["properties"]) == (who in STAFF)
            assert not {"koordinator", "hp_koordinator"} & each["properties"].keys()
    schema = ask(town, who, "/ogc/collections/pos_kamling/schema").json()
    assert ("jam_ronda" in schema["properties"]) == (who in STAFF)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("who", BEYOND)
def test_a_wfs_tells_of_internal_fields_to_staff_only(town: Town, who: str, version: str):
    schema = get(town.client, version, "DescribeFeatureType", town.headers(who), typename="pos_kamling").text
    root = features(town.client, version, "pos_kamling", headers=town.headers(who))

    assert ('name="jam_ronda"' in schema) == (who in STAFF)
    assert bool(values_of(root, "jam_ronda")) == (who in STAFF)
    for name in ("koordinator", "hp_koordinator"):
        assert name not in schema
        assert not values_of(root, name)


IS_NULL = "<PropertyIsNull><PropertyName>koordinator</PropertyName></PropertyIsNull>"


@pytest.mark.parametrize("who", BEYOND)
@pytest.mark.parametrize(
    ("given", "locator"),
    [
        (
            {"filter": "<Filter><PropertyIsNull><PropertyName>koordinator</PropertyName></PropertyIsNull></Filter>"},
            "filter",
        ),
        ({"sortby": "koordinator"}, "sortBy"),
        ({"propertyname": "koordinator"}, "propertyName"),
    ],
)
def test_a_wfs_lets_nobody_ask_out_what_is_not_shown(town: Town, who: str, given: dict[str, str], locator: str):
    answer = get(town.client, "1.1.0", "GetFeature", town.headers(who), typename="pos_kamling", **given)

    told = refusal(answer, "1.1.0")
    assert (told.status, told.code, told.locator) == (400, "InvalidParameterValue", locator)


def test_who_cares_reads_restricted_fields_through_a_wfs_telling_why(town: Town):
    before = logged(town)
    given = {"typename": "pos_kamling", "alasan": "Memeriksa nomor koordinator"}

    answer = get(town.client, "2.0.0", "GetFeature", town.headers("lurah"), **given)

    assert set(values_of(read(answer), "koordinator")) == {
        f"Pak {name_of(BANDAR, status)}" for status in STATUSES if status != "arsip"
    }
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert {entry.action for entry in logged(town)[len(before) :]} == {"baca_terbatas"}
    refused = get(town.client, "2.0.0", "GetFeature", town.headers("perencana"), **given)
    assert refusal(refused, "2.0.0").status == 403
    unknown = get(town.client, "1.1.0", "GetFeature", **given)
    assert (refusal(unknown, "1.1.0").status, unknown.headers["www-authenticate"][:5]) == (401, "Basic")


@pytest.mark.parametrize("asked", ["filter=koordinator LIKE '%'", "sortby=koordinator", "koordinator=x"])
@pytest.mark.parametrize("who", BEYOND)
def test_what_is_not_shown_cannot_be_asked_out(town: Town, who: str, asked: str):
    answer = town.client.get(f"/ogc/collections/pos_kamling/items?{asked}", headers=town.headers(who))

    assert answer.status_code == 400


@pytest.mark.parametrize("who", CARES)
def test_who_cares_reads_restricted_fields_telling_why(town: Town, who: str):
    before = logged(town)
    found = ask(town, who, "/ogc/collections/pos_kamling/items", alasan="Memeriksa nomor koordinator", limit="1000")

    shown = {each["properties"]["nama"]: each["properties"]["koordinator"] for each in found.json()["features"]}
    expected = {name_of(place, status) for place in CARES[who] for status in STATUSES if status != "arsip"}
    assert shown == {name: f"Pak {name}" for name in expected}
    assert found.headers["cache-control"] == "no-store"
    assert "etag" not in found.headers
    entries = logged(town)[len(before) :]
    assert entries
    assert {(entry.actor, entry.action, entry.detail["lapisan"], entry.detail["alasan"]) for entry in entries} == {
        (who, "baca_terbatas", "pos_kamling", "Memeriksa nomor koordinator")
    }
    assert set(entries[0].detail["field"]) == {"koordinator", "hp_koordinator"}


@pytest.mark.parametrize("who", sorted(set(BEYOND) - set(CARES) - {"publik"}))
def test_who_does_not_care_reads_no_restricted_field(town: Town, who: str):
    before = logged(town)
    answer = town.client.get(
        "/ogc/collections/pos_kamling/items", params={"alasan": "Ingin tahu saja"}, headers=town.headers(who)
    )

    assert answer.status_code == 403
    assert answer.json()["title"] == "Akun ini tidak berhak membaca field terbatas."
    assert logged(town) == before


def test_the_public_is_asked_to_sign_in_for_restricted_fields(town: Town):
    answer = town.client.get("/ogc/collections/pos_kamling/items?alasan=Ingin+tahu+saja")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("reason", ["", "a", "    ", "x" * 501])
def test_a_reason_has_to_be_one(town: Town, reason: str):
    answer = town.client.get(
        "/ogc/collections/pos_kamling/items", params={"alasan": reason}, headers=town.headers("pic")
    )

    assert answer.status_code == 400


def logged(town: Town) -> list[Any]:
    with town.engine.connect() as conn:
        return list(conn.execute(text("SELECT actor, action, detail FROM geosatu.audit ORDER BY id")))


# Homes.


@pytest.mark.parametrize("who", BEYOND)
def test_homes_are_shown_at_the_inner_point_of_their_rt(town: Town, who: str):
    found = ask(town, who, "/ogc/collections/titik_rt/items", limit="1000").json()["features"]

    places = {tuple(round(number, 6) for number in each["geometry"]["coordinates"]) for each in found}
    assert places == {(112.0, -7.8)}


def test_who_cares_sees_where_homes_are_telling_why(town: Town):
    found = ask(town, "lurah", "/ogc/collections/titik_rt/items", alasan="Mencari rumah ketua RT")

    places = {tuple(each["geometry"]["coordinates"]) for each in found.json()["features"]}
    assert len(places) == len(UNPUBLISHED | {"terbit"})


# PostgreSQL itself, whatever routes would ask of it.


def as_service(town: Town, actor: Actor, statement: str) -> list[Any]:
    with town.service.connect() as conn:
        act_as(conn, actor)
        return list(conn.execute(text(statement)).scalars())


ACCESS = {"publik": "publik", "internal": "internal", "terbatas": "terbatas"}


@pytest.mark.parametrize("who", BEYOND)
@pytest.mark.parametrize("access", ACCESS)
def test_a_forged_level_shows_no_more_than_the_rights_of_the_account(town: Town, who: str, access: Any):
    account = None if who == "publik" else town.people[who].id
    found = set(as_service(town, Actor(who, access, account), "SELECT nama FROM layer.pos_kamling"))

    archived = {
        name_of(place, "arsip")
        for place in PLACES
        if BEYOND[who].get(place, set()) == UNPUBLISHED and who not in ("camat", "opd")
    }
    expected = {
        "publik": {name_of(place, "terbit") for place in PLACES},
        "internal": seen_by(who) | archived if who in STAFF else set(),
        "terbatas": set(),
    }
    assert found == expected[access]


@pytest.mark.parametrize("column", ["jam_ronda", "koordinator", "hp_koordinator", "created_by"])
def test_the_public_role_has_no_right_to_other_columns(town: Town, column: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        as_service(town, PUBLIC, f'SELECT "{column}" FROM layer.pos_kamling')


@pytest.mark.parametrize("column", ["geom", "geom_mercator", "ketua_rt"])
@pytest.mark.parametrize("access", ["publik", "internal"])
def test_nobody_who_does_not_care_has_a_right_to_the_place_of_a_home(town: Town, access: Any, column: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        as_service(town, Actor("lurah", access, town.people["lurah"].id), f'SELECT "{column}" FROM layer.titik_rt')


def test_restricted_fields_stay_hidden_in_a_transaction_that_has_not_said_why(town: Town, catalogue: Catalogue):
    lurah = Actor("lurah", "terbatas", town.people["lurah"].id, "Menelepon ketua RT")
    with town.service.connect() as conn:
        act_as(conn, lurah)
        assert conn.scalar(text("SELECT count(*) FROM layer.titik_rt")) == 0
        open_restricted(conn, catalogue["titik_rt"], lurah)
        assert conn.scalar(text("SELECT count(*) FROM layer.titik_rt")) == len(STATUSES)
        conn.commit()
        act_as(conn, lurah)
        assert conn.scalar(text("SELECT count(*) FROM layer.titik_rt")) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password FROM geosatu.account",
        "SELECT value FROM geosatu.secret",
        "SELECT attributes FROM geosatu.history",
        "SELECT key FROM geosatu.session",
        "SELECT key FROM geosatu.token",
        "INSERT INTO layer.pos_kamling (status) VALUES ('terbit') RETURNING id",
        "UPDATE layer.pos_kamling SET created_by = 'x' RETURNING id",
        "UPDATE layer.pos_kamling SET version = 7 RETURNING id",
        "INSERT INTO geosatu.act (actor, door) VALUES ('x', 'wfs') RETURNING id",
        "UPDATE geosatu.step SET role = 'relawan' RETURNING role",
        "INSERT INTO geosatu.account_right VALUES (1, 'walidata', '', now(), 'x') RETURNING account",
        "SELECT geosatu.place_of('{}', NULL, 'batas_rt', '', '{}')",
        "CREATE TABLE layer.mine (id int)",
        "ALTER TABLE layer.pos_kamling DISABLE ROW LEVEL SECURITY",
    ],
)
@pytest.mark.parametrize("access", ["publik", "internal"])
def test_readers_have_no_right_to_anything_else(town: Town, access: Any, statement: str):
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        as_service(town, Actor("walidata", access, town.people["walidata"].id), statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM layer.pos_kamling RETURNING id",
        "INSERT INTO layer.pos_kamling (geom, created_by, updated_by) VALUES (NULL, 'x', 'x') RETURNING id",
        "UPDATE layer.pos_kamling SET nama = 'x' RETURNING id",
        "SELECT geosatu.open_act('wfs', NULL, 'x', NULL)",
    ],
)
def test_the_public_changes_nothing(town: Town, statement: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        as_service(town, PUBLIC, statement)


def test_who_serves_sees_no_feature_in_its_own_name(town: Town):
    with town.service.connect() as conn:
        conn.execute(text("SET ROLE NONE"))
        with pytest.raises(DBAPIError, match="permission denied"):
            conn.execute(text("SELECT nama FROM layer.pos_kamling"))


def test_the_audit_log_can_only_be_added_to_even_by_its_owner(town: Town):
    for statement in ("UPDATE geosatu.audit SET actor = 'x'", "DELETE FROM geosatu.audit", "TRUNCATE geosatu.audit"):
        with pytest.raises(DBAPIError, match="can only be added to"), town.engine.begin() as conn:
            conn.execute(text(statement))


@pytest.mark.parametrize("who", [*PEOPLE])
def test_the_audit_log_is_for_walidata(town: Town, who: str):
    with town.engine.begin() as conn:
        conn.execute(text("INSERT INTO geosatu.audit (actor, action) VALUES ('uji', 'uji')"))

    found = as_service(town, Actor(who, "internal", town.people[who].id), "SELECT actor FROM geosatu.audit")

    assert bool(found) == who.startswith("walidata")


# Settings of a transaction that somebody forged.


def test_a_forged_setting_opens_no_restricted_field(town: Town):
    walidata = town.people["walidata"].id
    ask(town, "walidata", "/ogc/collections/pos_kamling/items", alasan="Ada entrinya di catatan")
    with town.service.connect() as conn:
        act_as(conn, Actor("walidata", "internal", walidata))
        entry = conn.scalar(text("SELECT max(id) FROM geosatu.audit WHERE action = 'baca_terbatas'"))
    assert entry
    for value in ("txid_current()::text", f"'{entry}'"):
        with town.service.connect() as conn:
            act_as(conn, Actor("walidata", "terbatas", walidata))
            conn.execute(text(f"SELECT set_config('geosatu.opened', {value}, true)"))
            assert conn.scalar(text("SELECT count(koordinator) FROM layer.pos_kamling")) == 0


def test_a_forged_setting_changes_nothing_without_a_version(town: Town):
    with town.service.connect() as conn:
        act_as(conn, Actor("walidata", "internal", town.people["walidata"].id))
        conn.execute(text("SELECT set_config('geosatu.deriving', 'on', true)"))
        changed = "UPDATE layer.pos_kamling SET jam_ronda = '23.00' WHERE id = 1 RETURNING version"
        assert conn.scalar(text(changed)) == 2


def test_who_changes_a_feature_signs_for_it(town: Town):
    with town.service.connect() as conn:
        act_as(conn, Actor("lurah", "internal", town.people["lurah"].id))
        forged = "UPDATE layer.pos_kamling SET updated_by = 'walidata' WHERE id = 1 RETURNING updated_by"
        assert conn.scalar(text(forged)) == "lurah"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO geosatu.audit (account, actor, action) VALUES (:id, 'budi', 'keputusan')",
        "INSERT INTO geosatu.decision (layer, feature, created_by, before, after, account, actor)"
        " VALUES ('pos_kamling', 1, 'uji', 'draf', 'diajukan', :id, 'budi')",
    ],
)
def test_nobody_signs_for_another(town: Town, statement: str):
    lurah = town.people["lurah"].id
    with town.service.connect() as conn:
        act_as(conn, Actor("lurah", "internal", lurah))
        with pytest.raises(DBAPIError, match="row-level security"):
            conn.execute(text(statement), {"id": lurah})


# Who has no right any more.


def test_a_right_that_is_taken_away_is_gone_at_once(town: Town):
    with town.engine.begin() as conn:
        somebody = person(conn, "sementara", ("walidata", CITY))
    town.people["sementara"] = somebody
    assert len(by_items(town, "sementara", "pos_kamling", Path())) > len(PLACES)

    with town.engine.begin() as conn:
        conn.execute(text("DELETE FROM geosatu.account_right WHERE account = :id"), {"id": somebody.id})

    with town.service.connect() as conn:
        act_as(conn, Actor("sementara", "internal", somebody.id))
        assert conn.scalar(text("SELECT count(*) FROM layer.pos_kamling")) == 0
    eventually(lambda: by_items(town, "sementara", "pos_kamling", Path()) == seen_by("publik"))


@pytest.mark.parametrize(
    "ended",
    [
        "UPDATE geosatu.token SET revoked_at = now() WHERE account = :id",
        "UPDATE geosatu.token SET expires_at = now(), revoked_at = NULL WHERE account = :id",
        "UPDATE geosatu.account SET active = false WHERE id = :id",
    ],
)
def test_a_token_that_ended_opens_nothing(town: Town, ended: str):
    with town.engine.begin() as conn:
        somebody = person(conn, f"habis{len(town.people)}{hash(ended) % 1000}", ("walidata", CITY))
    assert town.client.get("/ogc/collections/kwt/items", headers=somebody.bearer).status_code == 200

    with town.engine.begin() as conn:
        conn.execute(text(ended), {"id": somebody.id})

    def refused() -> bool:
        return town.client.get("/ogc/collections/kwt/items", headers=somebody.bearer).status_code == 401

    eventually(refused)


@pytest.mark.parametrize(
    "header", ["Bearer ", "Bearer \u00fc", "Basic x", "Basic dG9rZW4=", "Digest a=b", "Bearer " + "x" * 10_000, "\x00"]
)
def test_a_header_that_makes_no_sense_is_refused(town: Town, header: str):
    answer = town.client.get("/ogc/collections/kwt/items", headers=[(b"Authorization", header.encode("latin-1"))])

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_is_taken_as_the_password_of_basic(town: Town):
    answer = town.client.get("/ogc/collections/pos_kamling/items", auth=("siapa saja", town.people["lurah"].token))

    assert {each["properties"]["nama"] for each in answer.json()["features"]} == seen_by("lurah")


def test_a_session_is_taken_from_its_cookie(town: Town):
    answer = town.client.get("/ogc/collections/pos_kamling/items", headers=town.people["lurah"].cookie)

    assert {each["properties"]["nama"] for each in answer.json()["features"]} == seen_by("lurah")
    assert answer.headers["cache-control"] == "private, no-cache"


def test_answers_of_one_are_never_kept_for_another(town: Town):
    path = "/ogc/collections/pos_kamling/items"
    tags = {who: ask(town, who, path).headers["etag"] for who in BEYOND}

    assert len({tags[who] for who in STAFF}) == len(STAFF)
    assert not {tags[who] for who in STAFF} & {tags["publik"]}
    for who in BEYOND:
        assert "Authorization" in ask(town, who, path).headers["vary"]
        again = town.client.get(path, headers={**town.headers(who), "If-None-Match": tags["walidata"]})
        assert again.status_code == (304 if who == "walidata" else 200)


def eventually(true: Callable[[], bool]) -> None:
    """PostgreSQL tells of changes a moment after they happened."""
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Homes move with the areas around them.


def test_the_public_place_of_a_home_follows_its_rt(conn: Connection):
    square = "ST_Multi(ST_MakeEnvelope(:west, -7.9, :east, -7.7, 4326))"
    add_rt = text(
        "INSERT INTO layer.batas_rt (status, no_rt, created_by, updated_by, geom)"
        f" VALUES ('terbit', '001', 'uji', 'uji', {square}) RETURNING id"
    )
    conn.execute(
        text(
            "INSERT INTO layer.titik_rt (nama, no_rt, no_rw, created_by, updated_by, geom) VALUES"
            " ('RT 1', '001', '001', 'uji', 'uji', ST_SetSRID(ST_MakePoint(112.01, -7.81), 4326))"
        )
    )

    def shown() -> tuple[Any, ...]:
        row = "SELECT round(ST_X(geom_public)::numeric, 3)::float, version FROM layer.titik_rt"
        return tuple(conn.execute(text(row)).one())

    assert shown() == (None, 1)
    rt = conn.scalar(add_rt, {"west": 112.0, "east": 112.1})
    assert shown() == (112.05, 1)
    conn.execute(text(f"UPDATE layer.batas_rt SET geom = {square}"), {"west": 112.0, "east": 112.2})
    assert shown() == (112.1, 1)
    conn.execute(text("UPDATE layer.batas_rt SET status = 'arsip'"))
    assert shown() == (None, 1)
    conn.execute(text("UPDATE layer.batas_rt SET status = 'terbit'"))
    conn.execute(text("DELETE FROM layer.batas_rt WHERE id = :id"), {"id": rt})
    assert shown() == (None, 1)
    assert conn.scalar(text("SELECT count(*) FROM geosatu.history WHERE layer = 'titik_rt'")) == 0
