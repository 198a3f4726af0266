"""The history: who sees which versions, what is put back, and the data as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import settings_for
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import person
from shapely import Point, box
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from test_editing import BANDAR, GIVEN, IN_BANDAR, IN_POJOK, POJOK, RIGHTS, Town, kelurahan

from geosatu.api.app import LONGEST_STATEMENT
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.database.rights import act_as, open_restricted
from geosatu.errors import InvalidFeature, NotAllowed, RefusedChange, StaleEdit, UnknownFeature
from geosatu.features import OPERATOR, PUBLIC, Actor, Query
from geosatu.importer import Options, import_file
from geosatu.layers import Catalogue
from geosatu.store import past, restore, statements


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[Town]:
    address = settings_for(cluster, "past")
    with open_city(address, catalogue) as owner, open_service(owner, LONGEST_STATEMENT) as service:
        with owner.begin() as conn:
            kelurahan(conn, BANDAR, "Bandar Lor", 112.0)
            kelurahan(conn, POJOK, "Pojok", 112.02)
            people = {name: person(conn, name, *rights) for name, rights in RIGHTS.items()}
        yield Town(owner, service, catalogue, people)


def now(town: Town) -> datetime:
    with town.owner.connect() as conn:
        moment: datetime = conn.scalar(text("SELECT clock_timestamp()"))
        return moment


def then(town: Town, at: datetime | None, actor: Actor = PUBLIC, name: str = "pos_kamling") -> dict[int, Any]:
    """What a reader sees of a layer at a moment: features by id."""
    with town.service.begin() as conn:
        act_as(conn, actor)
        wanted = statements.lines(town.catalogue[name], Query(at=at), actor.access)
        rows = [json.loads(row[0]) for row in conn.exec_driver_sql(wanted.sql, dict(wanted.values))]
    return {row["id"]: row for row in rows}


def test_the_layer_as_it_was(town: Town) -> None:
    pic = town.editor("pic").actor
    number = town.made()
    first = now(town)
    town.apply("pic", town.edit(id=number, properties={"nama": "Pos Mawar"}))
    second = now(town)
    town.apply("pic", town.edit(id=number, deletes=True))

    assert then(town, first, pic)[number]["properties"]["nama"] == "Pos Melati"
    assert then(town, second, pic)[number]["properties"]["nama"] == "Pos Mawar"
    assert number not in then(town, None, pic)
    assert number not in then(town, second, PUBLIC)


def ask(town: Town, who: str | None, statement: str) -> list[Any]:
    """What PostgreSQL answers to somebody."""
    with town.service.begin() as conn:
        act_as(conn, PUBLIC if who is None else town.editor(who).actor)
        return [tuple(row) for row in conn.execute(text(statement))]


def versions(town: Town, who: str, number: int, name: str = "pos_kamling") -> list[past.Version]:
    with town.service.begin() as conn:
        act_as(conn, town.editor(who).actor)
        return past.timeline(conn, town.catalogue[name], number, "internal")[0]


def restore_version(
    town: Town, who: str, number: int, version: int, seen: int | None = None, name: str = "pos_kamling"
) -> restore.Restored:
    with town.service.begin() as conn:
        actor = town.editor(who).actor
        act_as(conn, actor)
        return restore.version(conn, town.catalogue, town.catalogue[name], number, version, seen, "salah ubah", actor)


def undo(town: Town, who: str, act: int) -> restore.Undone:
    with town.service.begin() as conn:
        actor = town.editor(who).actor
        act_as(conn, actor)
        return restore.act(conn, town.catalogue, act, "salah", actor)


def content(town: Town, number: int) -> Any:
    """What a feature says, or None."""
    row = town.row(number)
    return row and (row.nama, row.alamat, row.koordinator, row.kode_wilayah, str(row.geom), str(row.uid))


def test_the_timeline_tells_who_when_through_which_door_why_and_what(town: Town) -> None:
    number = town.made()
    town.apply("walidata", town.edit(id=number, properties={"nama": "Pos Mawar"}, geometry=Point(112.006, -7.805)))
    town.apply("pic", town.edit(id=number, deletes=True))

    newest, first = versions(town, "pic", number)
    assert (newest.number, newest.deleted, newest.ended_by, newest.moved) == (2, True, "pic", True)
    assert newest.act is not None
    assert (newest.act.actor, newest.full_name, newest.act.way) == ("walidata", "Walidata", "Perintah di server")
    assert newest.deletion is not None
    assert newest.deletion.actor == "pic"
    assert [(each.field.title, each.before, each.after) for each in newest.changes or []] == [
        ("Nama", "Pos Melati", "Pos Mawar")
    ]
    assert (first.number, first.changes, first.deleted) == (1, None, False)


def test_a_restored_version_is_a_new_one_with_the_old_content(town: Town) -> None:
    number = town.made(alamat="Jalan Melati 1", koordinator="Orang Uji")
    before = content(town, number)
    town.apply("pic", town.edit(id=number, properties={"nama": "X", "alamat": None, "koordinator": None}))

    assert restore_version(town, "pic", number, 1, 2) == restore.Restored(number, 3, "draf")
    assert content(town, number) == before
    newest = versions(town, "pic", number)[0]
    assert newest.act is not None
    assert (newest.act.door, newest.act.reason) == ("pemulihan", "salah ubah")


def test_what_is_published_is_not_restored_to_lack_what_is_required(town: Town) -> None:
    number = town.made(nama=None)
    town.apply("pic", town.edit(id=number, properties=GIVEN))
    town.publish(number)

    with pytest.raises(InvalidFeature, match="belum diisi: Nama"):
        restore_version(town, "walidata", number, 1)
    assert restore_version(town, "pic", number, 1).status == "draf"


def test_a_deleted_feature_comes_back_as_a_draft_with_its_id_and_uid(town: Town) -> None:
    number = town.made()
    town.publish(number)
    before = content(town, number)
    town.apply("walidata", town.edit(id=number, deletes=True))

    assert restore_version(town, "pic", number, 2).version == 3
    assert content(town, number) == before
    assert town.row(number).status == "draf"
    assert [each.number for each in versions(town, "pic", number)] == [3, 2, 1]


def test_whoever_was_overtaken_is_told(town: Town) -> None:
    number = town.made()
    town.apply("pic", town.edit(id=number, properties={"nama": "X"}))
    with pytest.raises(StaleEdit, match="Muat ulang riwayatnya"):
        restore_version(town, "pic", number, 1, 1)


@pytest.mark.parametrize("who", RIGHTS)
@pytest.mark.parametrize("gone", [False, True])
def test_who_may_restore(town: Town, who: str, gone: bool) -> None:
    number = town.made("pic")
    town.publish(number)
    town.apply("walidata", town.edit(id=number, properties={"nama": "X"}))
    if gone:
        town.apply("walidata", town.edit(id=number, deletes=True))
    if who in ("pic", "walidata"):
        restore_version(town, who, number, 1)
        assert town.row(number).status == ("draf" if gone or who == "pic" else "terbit")
        return
    before = content(town, number)
    with pytest.raises((NotAllowed, UnknownFeature)):
        restore_version(town, who, number, 1)
    opened = "WITH act AS (SELECT geosatu.open_act('pemulihan', 'x', 'x', NULL) AS id)"
    with pytest.raises(ProgrammingError, match="no right"):
        ask(town, who, f"{opened} SELECT geosatu.restore('pos_kamling', {number}, 1) FROM act WHERE id > 0")
    assert content(town, number) == before


def test_what_was_withdrawn_does_not_live_on_in_public(town: Town) -> None:
    number = town.made()
    town.publish(number)
    shown = now(town)
    town.apply("walidata", town.edit(id=number, properties={"nama": "Pos Mawar"}))
    assert then(town, shown)[number]["properties"]["nama"] == "Pos Melati"

    town.publish(number, "perlu_perbaikan")
    assert number not in then(town, shown)
    town.apply("walidata", town.edit(id=number, deletes=True))
    assert number not in then(town, shown)


SEEN = {
    "draf": {"pic", "lurah", "walidata"},
    "diajukan": {"pic", "lurah", "walidata", "camat", "opd"},
    "terbit": set(RIGHTS) - {"relawan", "relawan_dua"},
    "arsip": {"pic", "lurah", "walidata"},
}


@pytest.mark.parametrize("status", SEEN)
def test_versions_are_seen_by_those_who_would_have_seen_the_feature_then(town: Town, status: str) -> None:
    number = town.made("pic")
    town.publish(number, status)
    version = town.row(number).version
    town.publish(number, "draf")
    seen = set()
    for who in RIGHTS:
        with town.service.begin() as conn:
            act_as(conn, town.editor(who).actor)
            found = conn.execute(
                text("SELECT nama FROM past.pos_kamling WHERE id = :id AND version = :v"), {"id": number, "v": version}
            ).all()
        seen |= {who} if found else set()

    assert seen == SEEN[status]
    with town.service.begin() as conn:
        assert not conn.execute(text("SELECT id FROM past.pos_kamling WHERE id = :id"), {"id": number}).all()


@pytest.mark.parametrize(
    ("actor", "column"),
    [("publik", "koordinator"), ("publik", "created_by"), ("internal", "koordinator"), ("publik", "ended_by")],
)
def test_columns_of_the_history_are_those_of_the_layer(town: Town, actor: str, column: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(town, None if actor == "publik" else "pic", f"SELECT {column} FROM past.pos_kamling")


def test_restricted_fields_of_the_history_are_read_with_a_reason_only(town: Town) -> None:
    number = town.made(koordinator="Orang Uji")
    town.apply("pic", town.edit(id=number, properties={"koordinator": "Orang Lain"}))
    wanted = text("SELECT koordinator FROM past.pos_kamling WHERE id = :id")
    for who, reason, found in (("pic", None, []), ("pic", "periksa data", ["Orang Uji"]), ("camat", "periksa", [])):
        actor = Actor(who, "terbatas", town.people[who].id, reason)
        with town.service.begin() as conn:
            act_as(conn, actor)
            if reason:
                open_restricted(conn, town.catalogue["pos_kamling"], actor)
            assert list(conn.scalars(wanted, {"id": number})) == found


def test_a_home_of_the_past_is_where_it_was_shown_then(town: Town) -> None:
    about = {"jenis_unit": "rt", "no_rt": "019", "no_rw": "009", "status_batas": "indikatif"}
    town.apply("walidata", town.edit("batas_rt", properties=about, geometry=box(112.007, -7.803, 112.009, -7.801)))
    home = {"nama": "Rumah", "no_rt": "019", "no_rw": "009"}
    (made,) = town.apply("pic", town.edit("titik_rt", properties=home, geometry=Point(112.0072, -7.8012)))
    number = made.feature.id
    town.publish(number, name="titik_rt")
    shown = now(town)
    place = then(town, shown, name="titik_rt")[number]["geometry"]
    town.apply("walidata", town.edit("titik_rt", id=number, geometry=Point(112.0012, -7.8062)))

    assert place["coordinates"] != [112.0072, -7.8012]
    for actor in (PUBLIC, town.editor("pic").actor):
        assert then(town, shown, actor, "titik_rt")[number]["geometry"] == place
        assert number not in then(town, None, actor, "titik_rt")
    with pytest.raises(ProgrammingError, match="permission denied"):
        ask(town, "pic", "SELECT geom FROM past.titik_rt")


def test_what_is_a_home_now_is_not_told_from_when_it_was_taken_for_none(town: Town) -> None:
    given = {"nama_usaha": "Warung", "sektor": "56", "skala": "mikro", "usaha_rumahan": False}
    (made,) = town.apply("pic", town.edit("umkm", properties=given, geometry=Point(112.0031, -7.8041)))
    number = made.feature.id
    town.publish(number, name="umkm")
    shown = now(town)
    pic = town.editor("pic").actor
    assert [number in then(town, shown, actor, "umkm") for actor in (PUBLIC, pic)] == [True, True]
    town.apply("walidata", town.edit("umkm", id=number, properties={"usaha_rumahan": True}))

    assert [number in then(town, shown, actor, "umkm") for actor in (PUBLIC, pic)] == [False, False]


def test_a_batch_is_undone_and_so_is_the_undoing(town: Town) -> None:
    changed, moved, gone = town.made(), town.made(koordinator="Orang Uji"), town.made(nama="Pos Lama")
    before = [content(town, each) for each in (changed, moved, gone)]
    done = town.apply(
        "pic",
        town.edit(id=changed, properties={"nama": "X"}),
        town.edit(id=moved, geometry=Point(112.006, -7.806)),
        town.edit(id=gone, deletes=True),
        town.edit(properties=GIVEN, geometry=IN_BANDAR),
        town.edit(id=changed, properties={"alamat": "Y"}),
    )
    new = next(each.feature.id for each in done if each.kind == "created")
    after = [content(town, each) for each in (changed, moved, gone, new)]

    undone = undo(town, "pic", town.row(changed).act)
    assert (undone.changed, undone.back) == ({"pos_kamling": sorted((changed, moved))}, {"pos_kamling": [gone]})
    assert (undone.deleted, undone.later, undone.barred) == ({"pos_kamling": [new]}, [], 0)
    assert [content(town, each) for each in (changed, moved, gone, new)] == [*before, None]

    undo(town, "pic", undone.act)
    assert [content(town, each) for each in (changed, moved, gone, new)] == after


def test_an_import_is_undone_but_for_what_was_changed_since(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "pos.geojson"
    features = [
        {
            "type": "Feature",
            "properties": {"nama": f"Pos {n}", "status_operasi": "aktif"},
            "geometry": {"type": "Point", "coordinates": [112.001 + n * 2e-5, -7.803]},
        }
        for n in range(200)
    ]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with town.owner.begin() as conn:
        import_file(
            conn, town.catalogue, town.catalogue["pos_kamling"], file,
            actor=OPERATOR, max_bytes=10**7, options=Options(None, None, {}, {}), dry_run=False,
        )  # fmt: skip
        act = conn.scalar(text("SELECT max(id) FROM geosatu.act"))
        ids = list(conn.scalars(text("SELECT id FROM layer.pos_kamling WHERE act = :a ORDER BY id"), {"a": act}))
    assert len(ids) == 200
    town.apply("pic", *(town.edit(id=each, properties={"nama": "Diubah"}) for each in ids[:3]))

    with pytest.raises(RefusedChange, match="tidak berhak"):
        undo(town, "pic_lain", act)
    undone = undo(town, "pic", act)

    assert undone.deleted == {"pos_kamling": ids[3:]}
    assert [(each.id, each.by) for each in undone.later] == [(each, "pic") for each in ids[:3]]
    with town.owner.connect() as conn:
        left = conn.scalar(text("SELECT count(*) FROM layer.pos_kamling WHERE id = ANY (:ids)"), {"ids": ids})
    assert left == 3
    assert undo(town, "pic", undone.act).back == {"pos_kamling": ids[3:]}


def test_a_key_that_is_taken_by_now_is_told(town: Town) -> None:
    about = {"jenis_unit": "rt", "no_rt": "041", "no_rw": "001", "status_batas": "indikatif"}
    edit = town.edit("batas_rt", properties=about, geometry=box(112.001, -7.809, 112.002, -7.808))
    (made,) = town.apply("pic", edit)
    town.apply("pic", town.edit("batas_rt", id=made.feature.id, deletes=True))
    town.apply("pic", edit)

    with pytest.raises(InvalidFeature, match="kini dipakai fitur lain"):
        restore_version(town, "pic", made.feature.id, 1, name="batas_rt")


def test_acts_are_listed_with_what_the_reader_sees_of_them(town: Town) -> None:
    number = town.made("pic_lain", IN_POJOK)
    act = town.row(number).act
    for who, seen in (("pic_lain", True), ("pic", False), ("walidata", True)):
        with town.service.begin() as conn:
            act_as(conn, town.editor(who).actor)
            found, _ = past.listed(conn, town.catalogue, past.Wanted(actor="pic_lain"), "internal")
        assert [each.features for each in found if each.id == act] == ([{"pos_kamling": 1}] if seen else [])


def test_deleted_features_are_listed_until_they_come_back(town: Town) -> None:
    number = town.made()
    town.apply("pic", town.edit(id=number, deletes=True))

    def listed() -> list[int]:
        with town.service.begin() as conn:
            act_as(conn, town.editor("pic").actor)
            return [each.id for each in past.deleted(conn, town.catalogue["pos_kamling"])]

    assert number in listed()
    restore_version(town, "pic", number, 1)
    assert number not in listed()


NAMES = [None, "A", "B"]
STEPS = st.lists(
    st.tuples(st.sampled_from(["make", "change", "delete", "restore"]), st.integers(0, 3), st.sampled_from(NAMES)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_moment_is_as_it_was_and_every_version_comes_back(town: Town, steps: list[tuple[str, int, Any]]) -> None:
    pic = town.editor("pic").actor
    base, made, states = set(then(town, None, pic)), [], []
    kept: dict[tuple[int, int], Any] = {}
    for kind, which, name in steps:
        alive = [each for each in made if town.row(each) is not None]
        if kind == "make" or not made:
            made.append(town.made(alamat=name))
        elif kind == "change" and alive:
            town.apply("pic", town.edit(id=alive[which % len(alive)], properties={"alamat": name}))
        elif kind == "delete" and alive:
            town.apply("pic", town.edit(id=alive[which % len(alive)], deletes=True))
        elif kind == "restore":
            number, version = sorted(kept)[which % len(kept)]
            row = town.row(number)
            if row is None or row.version != version:
                restore_version(town, "pic", number, version)
                assert content(town, number) == kept[number, version]
        kept |= {(each, row.version): content(town, each) for each in made if (row := town.row(each)) is not None}
        present = {number: each for number, each in then(town, None, pic).items() if number not in base}
        states.append((now(town), present))
    for moment, state in states:
        assert {number: each for number, each in then(town, moment, pic).items() if number not in base} == state
