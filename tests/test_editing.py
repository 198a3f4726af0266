"""Edits as functions: what is kept, what is refused, and who may."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import shapely
from conftest import settings_for
from people import Person, person
from shapely import Point, box
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from geosatu.api.app import LONGEST_STATEMENT
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.database.rights import act_as
from geosatu.editing import Done, Edit, Editor, apply, require_still_sound
from geosatu.errors import InvalidFeature, NotAllowed, StaleEdit, UnknownFeature
from geosatu.features import Actor, Box
from geosatu.layers import Catalogue, Layer, Rule
from geosatu.rights import Right
from geosatu.store import restore
from geosatu.store.read import frame

BANDAR, POJOK = "35.71.01.1001", "35.71.01.1002"
IN_BANDAR, IN_POJOK, OUTSIDE = Point(112.005, -7.805), Point(112.025, -7.805), Point(112.5, -7.5)
GIVEN = {"nama": "Pos Melati", "status_operasi": "aktif"}

RIGHTS = {
    "pic": (("pic_kelurahan", BANDAR),),
    "pic_lain": (("pic_kelurahan", POJOK),),
    "relawan": (("relawan", BANDAR),),
    "relawan_dua": (("relawan", BANDAR),),
    "lurah": (("lurah", BANDAR),),
    "camat": (("camat", "35.71.01"),),
    "opd": (("opd", ""),),
    "perencana": (("perencana", ""),),
    "walidata": (("walidata", ""),),
}


class Town:
    """Two kelurahan, people of all roles, and the service's own connections."""

    def __init__(self, owner: Engine, service: Engine, catalogue: Catalogue, people: dict[str, Person]) -> None:
        self.owner, self.service, self.catalogue, self.people = owner, service, catalogue, people

    def editor(self, who: str) -> Editor:
        return Editor(Actor(who, "internal", self.people[who].id), tuple(Right(*each) for each in RIGHTS[who]))

    def apply(self, who: str, *edits: Edit) -> list[Done]:
        with self.service.begin() as conn:
            editor = self.editor(who)
            act_as(conn, editor.actor)
            return apply(conn, self.catalogue, edits, editor, "perintah")

    def edit(self, name: str = "pos_kamling", **given: Any) -> Edit:
        return Edit(self.catalogue[name], **given)

    def made(self, who: str = "pic", geometry: Any = IN_BANDAR, **properties: Any) -> int:
        (done,) = self.apply(who, self.edit(properties=GIVEN | properties, geometry=geometry))
        return done.feature.id

    def row(self, number: int, name: str = "pos_kamling") -> Any:
        with self.owner.connect() as conn:
            return conn.execute(text(f"SELECT * FROM layer.{name} WHERE id = :id"), {"id": number}).one_or_none()

    def publish(self, number: int, status: str = "terbit", name: str = "pos_kamling") -> None:
        with self.owner.begin() as conn:
            conn.execute(text(f"UPDATE layer.{name} SET status = :s WHERE id = :id"), {"id": number, "s": status})


def kelurahan(conn: Connection, code: str, name: str, west: float) -> None:
    conn.execute(
        text(
            "INSERT INTO layer.batas_kelurahan (kode_wilayah, nama, kecamatan, status_batas, sumber, status,"
            " created_by, updated_by, geom) VALUES (:code, :name, 'Mojoroto', 'ilustratif', 'uji', 'terbit',"
            " 'uji', 'uji', ST_Multi(ST_MakeEnvelope(:west, -7.81, :east, -7.8, 4326)))"
        ),
        {"code": code, "name": name, "west": west, "east": west + 0.01},
    )


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[Town]:
    settings = settings_for(cluster, "editing")
    with open_city(settings, catalogue) as owner, open_service(owner, LONGEST_STATEMENT) as service:
        with owner.begin() as conn:
            kelurahan(conn, BANDAR, "Bandar Lor", 112.0)
            kelurahan(conn, POJOK, "Pojok", 112.02)
            people = {name: person(conn, name, *rights) for name, rights in RIGHTS.items()}
        yield Town(owner, service, catalogue, people)


def test_a_new_feature_is_a_draft_of_the_kelurahan_that_it_lies_in(town: Town) -> None:
    row = town.row(town.made())

    assert (row.status, row.kode_wilayah, row.version, row.created_by) == ("draf", BANDAR, 1, "pic")


def test_the_same_create_twice_is_one_feature(town: Town) -> None:
    again = town.edit(properties=GIVEN, geometry=IN_BANDAR, uid=uuid.uuid4())
    (first,), (second,) = town.apply("pic", again), town.apply("pic", again)

    assert (first.feature, first.repeated, second.repeated) == (second.feature, False, True)


def test_a_create_that_comes_again_does_not_bring_back_what_was_deleted(town: Town) -> None:
    again = town.edit(properties=GIVEN, geometry=IN_BANDAR, uid=uuid.uuid4())
    (first,) = town.apply("pic", again)
    town.apply("pic", town.edit(id=first.feature.id, deletes=True))

    with pytest.raises(InvalidFeature, match="sudah dihapus"):
        town.apply("pic", again)


def test_a_create_with_the_uid_of_something_else_is_refused_and_not_taken_for_it(town: Town) -> None:
    uid = uuid.uuid4()
    (made,) = town.apply("pic", town.edit(properties=GIVEN, geometry=IN_BANDAR, uid=uid))

    with pytest.raises(InvalidFeature, match=f"fitur {made.feature.id} dengan isi lain"):
        town.apply("pic", town.edit(properties=GIVEN | {"nama": "Pos Mawar"}, geometry=IN_BANDAR, uid=uid))


def test_a_create_that_comes_again_lies_where_it_lay_unless_it_is_a_home(town: Town) -> None:
    given = {"nama": "Mawar", "jenis": "balita", "status_operasi": "aktif", "jumlah_kader": 5}
    hall, home = (
        town.edit("posyandu", properties={**given, "tempat": place}, geometry=IN_BANDAR, uid=uuid.uuid4())
        for place in ("balai_rw", "rumah_warga")
    )
    town.apply("pic", hall, home)

    assert [each.repeated for each in town.apply("pic", hall, home)] == [True, True]
    with pytest.raises(InvalidFeature, match="dengan isi lain"):
        town.apply("pic", replace(hall, geometry=shapely.Point(112.0051, -7.8051)))


def test_a_create_comes_again_after_somebody_has_changed_what_it_made(town: Town) -> None:
    again = town.edit(properties=GIVEN, geometry=IN_BANDAR, uid=uuid.uuid4())
    (made,) = town.apply("pic", again)
    town.apply("walidata", town.edit(id=made.feature.id, properties={"nama": "Pos Mawar"}))
    (repeated,) = town.apply("pic", again)

    assert (repeated.feature.id, repeated.repeated) == (made.feature.id, True)
    assert town.row(made.feature.id).nama == "Pos Mawar"


def test_a_uid_of_somebody_else_s_feature_is_refused_without_telling_of_it(town: Town) -> None:
    uid = uuid.uuid4()
    town.apply("pic_lain", town.edit(properties=GIVEN, geometry=IN_POJOK, uid=uid))

    with pytest.raises(InvalidFeature, match="sudah dipakai"):
        town.apply("pic", town.edit(properties=GIVEN, geometry=IN_BANDAR, uid=uid))


def test_a_change_keeps_what_it_does_not_name(town: Town) -> None:
    number = town.made(alamat="Jalan Melati 1")
    town.apply("pic", town.edit(id=number, version=1, properties={"nama": "Pos Mawar"}))

    row = town.row(number)
    assert (row.nama, row.alamat, row.version, row.updated_by) == ("Pos Mawar", "Jalan Melati 1", 2, "pic")


def test_a_replace_empties_what_it_does_not_name_but_nothing_that_the_editor_cannot_see(town: Town) -> None:
    number = town.made(alamat="Jalan Melati 1", koordinator="Orang Uji")
    town.apply("pic", town.edit(id=number, properties=GIVEN, geometry=IN_BANDAR, whole=True))

    row = town.row(number)
    assert (row.alamat, row.koordinator) == (None, "Orang Uji")


def test_a_volunteer_s_replace_leaves_what_only_staff_see(town: Town) -> None:
    number = town.made("relawan", jam_ronda="22.00", alamat="Jalan Melati 1")
    town.apply("relawan", town.edit(id=number, properties=GIVEN, geometry=IN_BANDAR, whole=True))

    row = town.row(number)
    assert (row.jam_ronda, row.alamat) == ("22.00", None)


@pytest.mark.parametrize(("who", "may"), [("pic", False), ("relawan", False), ("walidata", True)])
def test_what_the_city_owns_lies_in_no_kelurahan_and_is_for_the_whole_city_to_edit(
    town: Town, who: str, may: bool
) -> None:
    assert town.editor(who).creates_in(town.catalogue["zona_sampah"]) is may
    assert town.editor(who).creates_in(town.catalogue["pos_kamling"])


def test_a_stale_edit_is_told_what_changed_by_whom_and_when(town: Town) -> None:
    number = town.made()
    town.apply("walidata", town.edit(id=number, properties={"nama": "Pos Mawar"}))

    with pytest.raises(StaleEdit, match=r"\(Nama\): diubah oleh walidata pada .*versi 2") as stale:
        town.apply("pic", town.edit(id=number, version=1, properties={"nama": "Pos Anggrek"}))
    assert (stale.value.version, stale.value.titles) == (2, ["Nama"])
    assert town.row(number).nama == "Pos Mawar"


def test_a_deleted_feature_is_kept_in_the_history_with_who_and_through_which_act(town: Town) -> None:
    number = town.made()
    town.apply("pic", town.edit(id=number, deletes=True))

    assert town.row(number) is None
    with town.owner.connect() as conn:
        kept = conn.execute(
            text(
                "SELECT h.ended_by, h.deleted, a.door, a.actor FROM geosatu.history h"
                " JOIN geosatu.act a ON a.id = h.ended_act WHERE h.feature = :id AND h.layer = 'pos_kamling'"
            ),
            {"id": number},
        ).one()
    assert tuple(kept) == ("pic", True, "perintah", "pic")


def test_what_is_changed_goes_through_the_review_again(town: Town) -> None:
    number = town.made()
    town.publish(number)
    town.apply("pic", town.edit(id=number, properties={"nama": "Pos Mawar"}))

    assert town.row(number).status == "draf"


def test_who_publishes_changes_what_is_published(town: Town) -> None:
    number = town.made()
    town.publish(number)
    town.apply("walidata", town.edit(id=number, properties={"nama": "Pos Mawar"}))

    assert town.row(number).status == "terbit"


def test_what_is_published_keeps_its_required_fields(town: Town) -> None:
    number = town.made()
    town.publish(number)

    with pytest.raises(InvalidFeature, match="tidak boleh kosong: Nama"):
        town.apply("walidata", town.edit(id=number, properties={"nama": None}))


def test_what_is_archived_is_not_there_to_be_changed(town: Town) -> None:
    number = town.made()
    town.publish(number, "arsip")

    with pytest.raises(UnknownFeature):
        town.apply("pic", town.edit(id=number, properties={"nama": "Pos Mawar"}))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"geometry": OUTSIDE}, "di luar semua batas kelurahan"),
        ({"geometry": Point(-7.805, 112.005)}, "tampaknya tertukar"),
        ({"geometry": box(112.001, -7.809, 112.002, -7.808)}, "berupa bidang"),
        ({"geometry": None}, "tidak bergeometri"),
        ({"properties": {"nama": "x" * 500}}, "Nama: terlalu panjang"),
        ({"properties": {"status_operasi": "meledak"}}, "kode 'meledak' tidak ada"),
        ({"properties": {"warna": "biru"}}, "tidak punya field 'warna'"),
        ({"properties": {"status": "terbit"}}, "lewat tinjauan"),
        ({"properties": {"kode_wilayah": POJOK}}, "bukan di kelurahan 35.71.01.1002"),
        ({"properties": {"nama": "a\x00b"}}, "NUL"),
    ],
)
def test_what_cannot_be_kept_is_told_and_nothing_is(town: Town, given: dict[str, Any], told: str) -> None:
    edit = {"properties": GIVEN, "geometry": IN_BANDAR} | given
    with town.owner.connect() as conn:
        before = conn.scalar(text("SELECT count(*) FROM layer.pos_kamling"))

    with pytest.raises(InvalidFeature, match=told):
        town.apply("pic", town.edit(properties=GIVEN, geometry=IN_BANDAR), town.edit(**edit))

    with town.owner.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM layer.pos_kamling")) == before


def test_an_invalid_shape_is_refused_with_its_reason(town: Town) -> None:
    bow = {
        "type": "Polygon",
        "coordinates": [
            [[112.001, -7.809], [112.002, -7.808], [112.002, -7.809], [112.001, -7.808], [112.001, -7.809]]
        ],
    }
    given = {"jenis_unit": "rt", "no_rt": "001", "no_rw": "001", "status_batas": "indikatif"}
    told = r"^Geometri RT 001 tidak sah: .* Tempatnya di sekitar lintang -7\.808500, bujur 112\.001500\.$"
    with pytest.raises(InvalidFeature, match=told):
        town.apply("pic", town.edit("batas_rt", properties=given, geometry=shapely.from_geojson(json.dumps(bow))))


def test_an_area_stays_near_its_kelurahan(town: Town) -> None:
    given = {"jenis_unit": "rt", "no_rt": "040", "no_rw": "001", "status_batas": "indikatif"}
    beyond, far = box(111.998, -7.809, 112.003, -7.808), box(111.985, -7.809, 112.003, -7.808)

    town.apply("pic", town.edit("batas_rt", properties=given, geometry=beyond))
    with pytest.raises(InvalidFeature, match=f"^Gambarnya jauh melampaui kelurahannya .{BANDAR}.; periksa titik"):
        town.apply("pic", town.edit("batas_rt", properties=given | {"no_rt": "041"}, geometry=far))


def test_one_number_is_one_rt(town: Town) -> None:
    given = {"jenis_unit": "rt", "no_rt": "007", "no_rw": "001", "status_batas": "indikatif"}
    town.apply("pic", town.edit("batas_rt", properties=given, geometry=box(112.001, -7.809, 112.002, -7.808)))

    with pytest.raises(InvalidFeature, match="sudah dipakai fitur lain"):
        town.apply("pic", town.edit("batas_rt", properties=given, geometry=box(112.003, -7.809, 112.004, -7.808)))


def create(town: Town, mine: int, theirs: int) -> Edit:
    return town.edit(properties=GIVEN, geometry=IN_BANDAR)


def create_elsewhere(town: Town, mine: int, theirs: int) -> Edit:
    return town.edit(properties=GIVEN, geometry=IN_POJOK)


def change(town: Town, mine: int, theirs: int) -> Edit:
    return town.edit(id=mine, properties={"nama": "Pos Mawar"})


def move_away(town: Town, mine: int, theirs: int) -> Edit:
    return town.edit(id=mine, geometry=IN_POJOK)


def change_elsewhere(town: Town, mine: int, theirs: int) -> Edit:
    return town.edit(id=theirs, properties={"nama": "Pos Mawar"})


def delete(town: Town, mine: int, theirs: int) -> Edit:
    return town.edit(id=mine, deletes=True)


def delete_elsewhere(town: Town, mine: int, theirs: int) -> Edit:
    return town.edit(id=theirs, deletes=True)


def boundary(town: Town, mine: int, theirs: int) -> Edit:
    return town.edit("batas_kelurahan", id=1, properties={"sumber": "RBI"})


WAYS = [create, create_elsewhere, change, move_away, change_elsewhere, delete, delete_elsewhere, boundary]
MAY = {
    "pic": {create, change, delete},
    "pic_lain": {create_elsewhere, change_elsewhere, delete_elsewhere},
    "relawan": {create},
    "relawan_dua": {create},
    "walidata": set(WAYS),
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("who", RIGHTS)
def test_who_may_edit_what(town: Town, who: str, way: Callable[[Town, int, int], Edit]) -> None:
    mine, theirs = town.made("pic"), town.made("pic_lain", IN_POJOK)
    town.publish(mine)
    town.publish(theirs)
    edit = way(town, mine, theirs)
    if way in MAY.get(who, set()):
        town.apply(who, edit)
        return
    with pytest.raises((NotAllowed, UnknownFeature)):
        town.apply(who, edit)
    assert (town.row(mine).version, town.row(theirs).version) == (2, 2)


def test_a_volunteer_changes_what_is_their_own_and_nobody_else_s(town: Town) -> None:
    own, other = town.made("relawan"), town.made("relawan_dua")
    town.apply("relawan", town.edit(id=own, properties={"nama": "Pos Mawar"}))

    assert town.row(own).nama == "Pos Mawar"
    with pytest.raises(UnknownFeature):
        town.apply("relawan", town.edit(id=other, properties={"nama": "Pos Mawar"}))


@pytest.mark.parametrize("who", [who for who in RIGHTS if who not in ("pic", "walidata")])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE layer.pos_kamling SET nama = 'dibajak' WHERE id = :id",
        "UPDATE layer.pos_kamling SET geom = ST_SetSRID(ST_MakePoint(112.005, -7.806), 4326) WHERE id = :id",
        "DELETE FROM layer.pos_kamling WHERE id = :id",
    ],
)
def test_postgresql_itself_lets_nobody_change_what_is_not_theirs(town: Town, who: str, statement: str) -> None:
    number = town.made("pic")
    town.publish(number)
    with town.service.connect() as conn:
        act_as(conn, town.editor(who).actor)
        try:
            conn.execute(text(statement), {"id": number})
            conn.commit()
        except Exception:
            conn.rollback()

    row = town.row(number)
    assert (row.nama, row.version) == ("Pos Melati", 2)


def test_a_public_copy_does_not_move_a_home(town: Town) -> None:
    given = {"jenis_unit": "rt", "no_rt": "009", "no_rw": "009", "status_batas": "indikatif"}
    town.apply("walidata", town.edit("batas_rt", properties=given, geometry=box(112.007, -7.803, 112.009, -7.801)))
    home = {"nama": "Rumah", "no_rt": "009", "no_rw": "009"}
    (made,) = town.apply("pic", town.edit("titik_rt", properties=home, geometry=Point(112.0072, -7.8012)))
    row = town.row(made.feature.id, "titik_rt")
    assert row.geom != row.geom_public

    shown = shapely.from_wkb(row.geom_public)
    edit = town.edit("titik_rt", id=made.feature.id, properties={"nama": "Rumah Bu RT"}, geometry=shown)
    town.apply("pic", edit)

    after = town.row(made.feature.id, "titik_rt")
    assert (after.geom, after.nama) == (row.geom, "Rumah Bu RT")


def test_a_home_that_is_hidden_for_want_of_an_rt_can_be_changed_and_deleted(town: Town) -> None:
    home = {"nama": "Rumah", "no_rt": "008", "no_rw": "008"}
    (made,) = town.apply("pic", town.edit("titik_rt", properties=home, geometry=Point(112.0002, -7.8002)))
    town.apply("pic", town.edit("titik_rt", id=made.feature.id, properties={"nama": "Rumah Pak RT"}))
    assert town.row(made.feature.id, "titik_rt").geom_public is None

    town.apply("pic", town.edit("titik_rt", id=made.feature.id, deletes=True))
    assert town.row(made.feature.id, "titik_rt") is None


def test_a_thousand_features_are_one_act(town: Town) -> None:
    edits = [
        town.edit(properties=GIVEN | {"nama": f"Pos {n}"}, geometry=Point(112.001 + n * 1e-6, -7.805))
        for n in range(1000)
    ]
    done = town.apply("pic", *edits)
    with town.owner.connect() as conn:
        found = conn.execute(
            text("SELECT count(*), count(DISTINCT act) FROM layer.pos_kamling WHERE id = ANY (:ids)"),
            {"ids": [each.feature.id for each in done]},
        ).one()

    assert tuple(found) == (1000, 1)


@pytest.fixture
def strict(town: Town) -> Layer:
    """RT boundaries that cannot be saved where they overlap."""
    layer = town.catalogue["batas_rt"]
    return layer.model_copy(update={"rules": [Rule(rule="must_not_overlap", severity="refuse")]})


def rt(strict: Layer, number: str, west: float, east: float, **given: Any) -> Edit:
    properties = {"jenis_unit": "rt", "no_rt": number, "no_rw": "020", "status_batas": "indikatif"}
    return Edit(strict, properties=properties, geometry=box(west, -7.807, east, -7.806), **given)


def test_a_blocking_rule_looks_at_the_neighbours(town: Town, strict: Layer) -> None:
    (first,) = town.apply("pic", rt(strict, "001", 112.001, 112.002))

    with pytest.raises(InvalidFeature, match=r"RT 001 dan RT 002 tumpang tindih|RT 002 dan RT 001 tumpang tindih"):
        town.apply("pic", rt(strict, "002", 112.0015, 112.003))
    town.apply("pic", rt(strict, "002", 112.002, 112.003))
    # What an edit itself moves away is no neighbour of it.
    town.apply("pic", Edit(strict, id=first.feature.id, geometry=box(112.0009, -7.807, 112.002, -7.806)))


def test_what_comes_back_is_looked_at_among_the_neighbours_of_today(town: Town, strict: Layer) -> None:
    (gone,) = town.apply("pic", rt(strict, "031", 112.0034, 112.0036))
    town.apply("pic", Edit(strict, id=gone.feature.id, deletes=True))
    (other,) = town.apply("pic", rt(strict, "032", 112.0035, 112.0038))
    actor = town.editor("pic").actor

    with town.service.connect() as conn:
        act_as(conn, actor)
        require_still_sound(conn, town.catalogue, strict, [other.feature.id], actor)
        restore.version(conn, town.catalogue, strict, gone.feature.id, 1, None, None, actor)
        with pytest.raises(InvalidFeature, match=r"Tidak ada yang dipulihkan\. .*tumpang tindih"):
            require_still_sound(conn, town.catalogue, strict, [gone.feature.id], actor)


def test_only_the_surroundings_of_each_edit_are_read(town: Town, strict: Layer) -> None:
    west, between, east = (
        town.apply("pic", rt(strict, number, edge, edge + 0.0002))[0].feature.id
        for number, edge in (("021", 112.0062), ("022", 112.0072), ("023", 112.0082))
    )
    around = [Box(112.0061, -7.81, 112.0063, -7.8), Box(112.0081, -7.81, 112.0083, -7.8)]
    with town.service.connect() as conn:
        act_as(conn, town.editor("pic").actor)
        read = set(frame(conn, strict, town.editor("pic").actor, around).index)

    assert {west, east} <= read
    assert between not in read


def test_a_blocking_rule_looks_at_the_features_of_one_act_together(town: Town, strict: Layer) -> None:
    with pytest.raises(InvalidFeature, match="tumpang tindih"):
        town.apply("pic", rt(strict, "011", 112.004, 112.005), rt(strict, "012", 112.0045, 112.006))


def test_an_edit_that_says_nothing_new_makes_no_version(town: Town) -> None:
    number = town.made()
    (done,) = town.apply("pic", town.edit(id=number, properties={"version": 1}, geometry=IN_BANDAR))

    assert (done.feature.version, town.row(number).version) == (1, 1)


def test_a_volunteer_reads_what_is_public_and_what_they_made(town: Town) -> None:
    own, other = town.made("relawan"), town.made("relawan_dua")
    with town.service.connect() as conn:
        act_as(conn, Actor("relawan", "publik", town.people["relawan"].id))
        seen = set(conn.scalars(text("SELECT id FROM layer.pos_kamling WHERE status = 'draf'")))
        published = conn.scalar(text("SELECT count(*) FROM layer.batas_kelurahan"))
        with pytest.raises(DBAPIError, match="permission denied"):
            conn.execute(text("SELECT koordinator FROM layer.pos_kamling"))

    assert own in seen
    assert other not in seen
    assert published == 2
