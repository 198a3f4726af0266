"""Review: who may take which step where, what stands in the way, and what a decision leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from people import person
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from geosatu.database.rights import act_as
from geosatu.database.tables import audit, decisions, findings, history, table_of
from geosatu.errors import InvalidQuery, NotAllowed, UnknownFeature
from geosatu.features import Actor
from geosatu.layers import STATUSES, Catalogue, Layer
from geosatu.rights import ROLES, Right
from geosatu.store import review
from geosatu.store.review import Batch, Seen, Undecided, Worker, decide

HERE, THERE = "35.71.01.1001", "35.71.02.1001"
PLACE = "SRID=4326;POINT(112.005 -7.795)"

MAY = {
    ("draf", "diajukan"): {"pic_kelurahan", "lurah", "relawan"},
    ("perlu_perbaikan", "diajukan"): {"pic_kelurahan", "lurah", "relawan"},
    ("diajukan", "draf"): {"pic_kelurahan", "relawan"},
    ("diajukan", "disetujui"): {"lurah"},
    ("diajukan", "perlu_perbaikan"): {"lurah", "walidata"},
    ("disetujui", "terbit"): {"walidata"},
    ("disetujui", "perlu_perbaikan"): {"walidata"},
    ("terbit", "perlu_perbaikan"): {"walidata"},
    ("terbit", "arsip"): {"walidata"},
    ("draf", "arsip"): {"pic_kelurahan", "walidata"},
    ("perlu_perbaikan", "arsip"): {"pic_kelurahan", "walidata"},
    ("arsip", "draf"): {"pic_kelurahan", "walidata"},
}
"""Who may take which step, as people agreed on it; every other step nobody may take."""

EXPLAINED = {
    ("diajukan", "perlu_perbaikan"),
    ("disetujui", "perlu_perbaikan"),
    ("terbit", "perlu_perbaikan"),
    ("terbit", "arsip"),
}

AREAS = {"the kelurahan": HERE, "its kecamatan": HERE[:8], "the city": "", "another kelurahan": THERE}
PAIRS = [(before, after) for before in STATUSES for after in STATUSES if before != after]


@pytest.fixture
def posyandu(catalogue: Catalogue) -> Layer:
    return catalogue["posyandu"]


def as_owner(conn: Connection) -> None:
    conn.exec_driver_sql("SELECT set_config('role', 'none', true), set_config('geosatu.account', '', true)")


def add(conn: Connection, layer: Layer, status: str = "draf", **values: Any) -> Seen:
    """A complete feature of this status, written by the owner of the tables."""
    as_owner(conn)
    table = table_of(layer)
    row = {
        "nama": "Melati",
        "jenis": "balita",
        "strata": "madya",
        "status_operasi": "aktif",
        "jumlah_kader": 5,
        "kode_wilayah": HERE,
        "created_by": "uji",
        "updated_by": "uji",
        "geom": PLACE,
        "status": status,
        **values,
    }
    made = conn.execute(insert(table).values(row).returning(table.c.id, table.c.version)).one()
    return Seen(made.id, made.version)


def worker(conn: Connection, name: str, *rights: tuple[str, str]) -> Worker:
    """Somebody with these rights."""
    as_owner(conn)
    whom = person(conn, name, *rights)
    return Worker(Actor(name, "internal", whom.id, address="127.0.0.1"), tuple(Right(*each) for each in rights))


@contextmanager
def undone(conn: Connection) -> Iterator[None]:
    """What happens in the block is taken back."""
    inside = conn.begin_nested()
    try:
        yield
    finally:
        inside.rollback()


def status_of(conn: Connection, layer: Layer, seen: Seen) -> str:
    as_owner(conn)
    return str(conn.scalar(select(table_of(layer).c.status).where(table_of(layer).c.id == seen.id)))


def find_fault(conn: Connection, layer: Layer, *seen: Seen, severity: str = "error") -> None:
    """What a check leaves that found something on these features."""
    as_owner(conn)
    conn.execute(
        text("INSERT INTO geosatu.check (layer, revision) VALUES (:l, 0) ON CONFLICT DO NOTHING"), {"l": layer.name}
    )
    row = {"rule": "must_be_inside", "severity": severity, "message": "Melati di luar Barat."}
    conn.execute(insert(findings).values(layer=layer.name, features=[each.id for each in seen], **row))


@pytest.mark.parametrize("where", AREAS)
@pytest.mark.parametrize("role", ROLES)
def test_a_step_is_taken_by_whom_the_table_names_in_their_area_only(
    conn: Connection, posyandu: Layer, role: str, where: str
):
    who = worker(conn, "tono", (role, AREAS[where]))
    for own in (True, False):
        for before, after in PAIRS:
            seen = add(conn, posyandu, before, created_by="tono" if own else "uji")
            may = role in MAY.get((before, after), ()) and where != "another kelurahan" and (own or role != "relawan")
            case = f"{role} in {where}: {before} to {after}, {own=}"

            with undone(conn):
                act_as(conn, who.actor)
                try:
                    taken = decide(conn, posyandu, [seen], after, "karena", who).taken
                except (NotAllowed, InvalidQuery, UnknownFeature):
                    taken = {}
                assert (status_of(conn, posyandu, seen) == after) == may, case
                assert bool(taken) == may, case


@pytest.mark.parametrize("where", AREAS)
@pytest.mark.parametrize("role", ROLES)
def test_postgresql_itself_refuses_every_other_step(conn: Connection, posyandu: Layer, role: str, where: str):
    who = worker(conn, "tono", (role, AREAS[where]))
    table = table_of(posyandu)
    for own in (True, False):
        for before, after in PAIRS:
            seen = add(conn, posyandu, before, created_by="tono" if own else "uji")
            may = role in MAY.get((before, after), ()) and where != "another kelurahan" and (own or role != "relawan")

            with undone(conn):
                act_as(conn, who.actor)
                done = 0
                with suppress(DBAPIError), conn.begin_nested():
                    step = update(table).where(table.c.id == seen.id).values(status=after, updated_by="x")
                    done = conn.execute(step).rowcount
                assert bool(done) == may, f"{role} in {where}: {before} to {after}, {own=}"
                assert (status_of(conn, posyandu, seen) == after) == may


@pytest.mark.parametrize(("before", "after"), MAY)
def test_a_note_is_demanded_where_others_have_to_act_on_it(conn: Connection, posyandu: Layer, before: str, after: str):
    who = worker(conn, "tono", *((role, "") for role in MAY[before, after]))
    seen = add(conn, posyandu, before, created_by="tono")
    act_as(conn, who.actor)

    if (before, after) in EXPLAINED:
        for nothing in (None, "", " \n "):
            with pytest.raises(InvalidQuery, match="Catatan wajib diisi"):
                decide(conn, posyandu, [seen], after, nothing, who)
    else:
        assert decide(conn, posyandu, [seen], after, None, who).taken == {seen.id: 2}


def test_a_decision_is_kept_with_its_note_and_the_history_knows_who(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    seen = add(conn, posyandu, "diajukan")
    act_as(conn, who.actor)

    decide(conn, posyandu, [seen], "perlu_perbaikan", "  Namanya keliru. ", who)

    told = review.timeline(conn, posyandu, seen.id)
    assert [(each.before, each.after, each.note, each.actor, each.full_name) for each in told] == [
        ("diajukan", "perlu_perbaikan", "Namanya keliru.", "budi", "Budi")
    ]
    as_owner(conn)
    assert conn.execute(select(history.c.version, history.c.ended_by).where(history.c.feature == seen.id)).all()[
        -1
    ] == (
        1,
        "budi",
    )
    line = conn.execute(select(audit).where(audit.c.action == "keputusan").order_by(audit.c.id.desc())).first()
    assert line is not None
    assert (line.actor, line.address, line.detail["ke"], line.detail["jumlah"]) == (
        "budi",
        "127.0.0.1",
        "perlu_perbaikan",
        1,
    )


def test_nobody_signs_a_step_with_the_name_of_another(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    seen = add(conn, posyandu, "diajukan")
    act_as(conn, who.actor)
    table = table_of(posyandu)

    conn.execute(update(table).where(table.c.id == seen.id).values(status="disetujui", updated_by="walikota"))

    as_owner(conn)
    assert conn.scalar(select(table.c.updated_by).where(table.c.id == seen.id)) == "budi"


def test_decisions_cannot_be_changed_or_signed_for_another(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    seen = add(conn, posyandu, "diajukan")
    act_as(conn, who.actor)
    decide(conn, posyandu, [seen], "disetujui", None, who)

    for statement in (
        "UPDATE geosatu.decision SET note = 'lain'",
        "DELETE FROM geosatu.decision",
        "TRUNCATE geosatu.decision",
        "INSERT INTO geosatu.decision (layer, feature, created_by, before, after, account, actor) "
        "VALUES ('posyandu', 1, 'x', 'draf', 'terbit', 999999, 'x')",
    ):
        with pytest.raises(DBAPIError, match=r"permission denied|row-level security"), conn.begin_nested():
            conn.exec_driver_sql(statement)
    as_owner(conn)
    with pytest.raises(DBAPIError, match="can only be added to"), conn.begin_nested():
        conn.exec_driver_sql("DELETE FROM geosatu.decision")


@pytest.mark.parametrize(
    ("before", "after"), [("draf", "diajukan"), ("diajukan", "disetujui"), ("disetujui", "terbit")]
)
def test_what_lacks_a_required_field_goes_no_further(conn: Connection, posyandu: Layer, before: str, after: str):
    who = worker(conn, "tono", *((role, "") for role in MAY[before, after]))
    seen = add(conn, posyandu, before, jumlah_kader=None, status_operasi=None, created_by="tono")
    act_as(conn, who.actor)

    with pytest.raises(Undecided, match=r"Belum diisi padahal wajib: Status, Jumlah kader\. Lengkapi dahulu\."):
        decide(conn, posyandu, [seen], after, "tetap saja", who)


def test_a_required_field_that_is_restricted_counts_too(conn: Connection, catalogue: Catalogue):
    layer = catalogue["posyandu"]
    ketua = layer.fields["nama_ketua"].model_copy(update={"required": True})
    strict = layer.model_copy(update={"fields": {**layer.fields, "nama_ketua": ketua}})
    who = worker(conn, "tono", ("pic_kelurahan", HERE))
    without, complete = add(conn, layer), add(conn, layer, nama_ketua="Sri")
    act_as(conn, who.actor)

    with pytest.raises(Undecided, match="wajib: Ketua"):
        decide(conn, strict, [without], "diajukan", None, who)
    assert decide(conn, strict, [complete], "diajukan", None, who).taken


@pytest.mark.parametrize(
    ("before", "after"), [("draf", "diajukan"), ("diajukan", "disetujui"), ("disetujui", "terbit")]
)
def test_what_a_check_found_blocks_unless_the_walidata_publishes_over_it_with_a_reason(
    conn: Connection, posyandu: Layer, before: str, after: str
):
    who = worker(conn, "tono", *((role, "") for role in MAY[before, after]))
    seen = add(conn, posyandu, before, created_by="tono")
    find_fault(conn, posyandu, seen)
    act_as(conn, who.actor)

    with pytest.raises(Undecided, match=r"Temuan pemeriksaan: Melati di luar Barat; ") as refusal:
        decide(conn, posyandu, [seen], after, None, who)
    assert "\n" not in str(refusal.value)
    if after == "terbit":
        decide(conn, posyandu, [seen], after, "Disepakati camat.", who)
        assert review.timeline(conn, posyandu, seen.id)[0].note == "Disepakati camat."
    else:
        with pytest.raises(Undecided):
            decide(conn, posyandu, [seen], after, "Disepakati camat.", who)


def test_a_volunteer_is_told_what_a_check_found_on_their_own(conn: Connection, posyandu: Layer):
    who = worker(conn, "tono", ("relawan", HERE))
    seen = add(conn, posyandu, created_by="tono")
    find_fault(conn, posyandu, seen)
    act_as(conn, who.actor)

    with pytest.raises(Undecided, match="di luar Barat"):
        decide(conn, posyandu, [seen], "diajukan", None, who)


def test_warnings_stop_nothing_and_neither_do_findings_on_the_way_back(conn: Connection, posyandu: Layer):
    who = worker(conn, "tono", ("pic_kelurahan", HERE), ("lurah", HERE))
    warned, faulty = add(conn, posyandu), add(conn, posyandu, "diajukan")
    find_fault(conn, posyandu, warned, severity="warning")
    find_fault(conn, posyandu, faulty)
    act_as(conn, who.actor)

    assert decide(conn, posyandu, [warned], "diajukan", None, who).taken
    assert decide(conn, posyandu, [faulty], "perlu_perbaikan", "Di luar batas.", who).taken


def test_a_feature_that_changed_meanwhile_is_refused_with_what_and_by_whom(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    seen = add(conn, posyandu, "diajukan")
    table = table_of(posyandu)
    conn.execute(
        update(table)
        .where(table.c.id == seen.id)
        .values(nama="Mawar", geom="SRID=4326;POINT(112.006 -7.795)", updated_by="sari")
    )
    act_as(conn, who.actor)

    with pytest.raises(Undecided) as refusal:
        decide(conn, posyandu, [seen], "disetujui", None, who)

    said = str(refusal.value)
    assert f"Fitur {seen.id} sudah berubah sejak Anda melihatnya (Letak, Nama): diubah oleh sari pada " in said
    assert "kini Diajukan, versi 2" in said
    assert status_of(conn, posyandu, seen) == "diajukan"


def test_a_step_already_taken_by_somebody_else_is_told(conn: Connection, posyandu: Layer):
    budi = worker(conn, "budi", ("lurah", HERE))
    wati = worker(conn, "wati", ("lurah", HERE))
    seen = add(conn, posyandu, "diajukan")
    act_as(conn, budi.actor)
    decide(conn, posyandu, [seen], "disetujui", None, budi)
    act_as(conn, wati.actor)

    with pytest.raises(Undecided, match=r"\(Status data\): diubah oleh budi .* kini Disetujui"):
        decide(conn, posyandu, [seen], "disetujui", None, wati)


def test_named_features_take_the_step_all_or_none(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    fine, lacking, foreign = (
        add(conn, posyandu, "diajukan"),
        add(conn, posyandu, "diajukan", jumlah_kader=None),
        add(conn, posyandu, "terbit", kode_wilayah=THERE),
    )
    act_as(conn, who.actor)

    with pytest.raises(Undecided) as refusal, conn.begin_nested():
        decide(conn, posyandu, [fine, lacking], "disetujui", None, who)
    assert [each.id for each in refusal.value.refused] == [lacking.id]
    with pytest.raises(InvalidQuery, match="tidak ada langkah"), conn.begin_nested():
        decide(conn, posyandu, [fine, foreign], "disetujui", None, who)
    with pytest.raises(UnknownFeature, match="Fitur 987654321 tidak ada"), conn.begin_nested():
        decide(conn, posyandu, [fine, Seen(987654321, 1)], "disetujui", None, who)

    assert status_of(conn, posyandu, fine) == "diajukan"
    assert conn.scalar(select(decisions.c.id).where(decisions.c.feature == fine.id)) is None


def test_a_forged_id_is_answered_as_one_that_does_not_exist(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    hidden = add(conn, posyandu, "diajukan", kode_wilayah=THERE)
    act_as(conn, who.actor)

    with pytest.raises(UnknownFeature) as refusal:
        decide(conn, posyandu, [hidden], "disetujui", None, who)
    assert str(refusal.value) == f"Fitur {hidden.id} tidak ada di lapisan posyandu, atau bukan untuk akun ini."


def test_of_a_batch_those_that_can_take_the_step_do_and_the_others_are_named(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    fine = [add(conn, posyandu, "diajukan") for _ in range(3)]
    lacking = add(conn, posyandu, "diajukan", jumlah_kader=None, nama="Mawar")
    draft, foreign = add(conn, posyandu), add(conn, posyandu, "diajukan", kode_wilayah=THERE)
    act_as(conn, who.actor)

    outcome = decide(conn, posyandu, Batch("diajukan", HERE), "disetujui", "Sesuai.", who)

    assert outcome.taken == {each.id: 2 for each in fine}
    assert [(each.id, each.label) for each in outcome.refused] == [(lacking.id, "Mawar")]
    assert outcome.left == 0
    for each in (lacking, draft, foreign):
        assert status_of(conn, posyandu, each) != "disetujui"
    assert (
        conn.scalars(select(decisions.c.note).where(decisions.c.feature.in_([each.id for each in fine]))).all()
        == ["Sesuai."] * 3
    )


def test_a_batch_of_an_import_is_that_import_only(conn: Connection, posyandu: Layer):
    who = worker(conn, "tono", ("pic_kelurahan", HERE))
    mine = [add(conn, posyandu, import_id=7) for _ in range(2)]
    add(conn, posyandu, import_id=8)
    act_as(conn, who.actor)

    assert set(decide(conn, posyandu, Batch("draf", import_id=7), "diajukan", None, who).taken) == {
        each.id for each in mine
    }


def test_what_changed_after_a_batch_was_seen_is_left_out_and_named(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    seen = add(conn, posyandu, "diajukan")
    act_as(conn, who.actor)
    at = conn.scalar(text("SELECT now()"))
    assert at is not None

    outcome = decide(conn, posyandu, Batch("diajukan", HERE, seen_at=at - timedelta(seconds=1)), "disetujui", None, who)

    assert outcome.taken == {}
    assert [each.id for each in outcome.refused] == [seen.id]
    assert "sudah berubah" in outcome.refused[0].reason


def test_a_batch_has_to_be_of_something(conn: Connection, posyandu: Layer):
    who = worker(conn, "tono", ("walidata", ""))
    act_as(conn, who.actor)

    with pytest.raises(InvalidQuery, match="kelurahan atau impor"):
        decide(conn, posyandu, Batch("disetujui"), "terbit", None, who)
    with pytest.raises(InvalidQuery, match="Pilih dahulu"):
        decide(conn, posyandu, [], "terbit", None, who)
    with pytest.raises(InvalidQuery, match="Status 'hapus' tidak ada"):
        decide(conn, posyandu, Batch("disetujui", HERE), "hapus", None, who)


def test_whoever_lost_the_right_meanwhile_is_refused_by_the_database(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE), ("pic_kelurahan", HERE))
    seen = add(conn, posyandu, "diajukan")
    conn.execute(
        text("DELETE FROM geosatu.account_right WHERE account = :a AND role = 'lurah'"), {"a": who.actor.account}
    )
    act_as(conn, who.actor)

    with pytest.raises(NotAllowed, match="tidak berhak"), conn.begin_nested():
        decide(conn, posyandu, [seen], "disetujui", None, who)
    assert status_of(conn, posyandu, seen) == "diajukan"


def test_the_queue_holds_what_waits_for_this_account(conn: Connection, catalogue: Catalogue, posyandu: Layer):
    for status, number in {
        "draf": 3,
        "diajukan": 2,
        "perlu_perbaikan": 1,
        "disetujui": 4,
        "terbit": 1,
        "arsip": 1,
    }.items():
        for _ in range(number):
            add(conn, posyandu, status)
    add(conn, posyandu, "diajukan", kode_wilayah=THERE)
    add(conn, posyandu, "draf", kode_wilayah=THERE, created_by="rini")

    def waiting(name: str, *rights: tuple[str, str]) -> set[tuple[str | None, str, int]]:
        who = worker(conn, name, *rights)
        act_as(conn, who.actor)
        return {(each.kode_wilayah, each.status, each.count) for each in review.queue(conn, catalogue, who)}

    assert waiting("pic", ("pic_kelurahan", HERE)) == {(HERE, "draf", 3), (HERE, "perlu_perbaikan", 1)}
    assert waiting("lur", ("lurah", HERE)) == {(HERE, "draf", 3), (HERE, "perlu_perbaikan", 1), (HERE, "diajukan", 2)}
    assert waiting("wal", ("walidata", "")) == {(HERE, "disetujui", 4)}
    assert waiting("rini", ("relawan", "")) == {(THERE, "draf", 1)}
    assert waiting("cam", ("camat", HERE[:8])) == set()
    assert waiting("dua", ("lurah", HERE), ("pic_kelurahan", THERE)) >= {(HERE, "diajukan", 2), (THERE, "draf", 1)}


def test_lists_are_paged_by_key(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    made = [add(conn, posyandu, "diajukan").id for _ in range(review.PAGE + 3)]
    act_as(conn, who.actor)

    first, behind = review.listed(conn, posyandu, "diajukan", HERE)
    rest, end = review.listed(conn, posyandu, "diajukan", HERE, after=behind or 0)

    assert [each["id"] for each in first + rest] == made
    assert end is None
    assert first[0]["properties"]["created_by"] == "uji"
    assert "nama_ketua" not in first[0]["properties"]


def test_a_home_without_a_public_place_is_listed_without_a_place(conn: Connection, posyandu: Layer):
    who = worker(conn, "budi", ("lurah", HERE))
    seen = add(conn, posyandu, "diajukan", tempat="rumah_warga")
    act_as(conn, who.actor)

    assert review.single(conn, posyandu, seen.id)["geometry"] is None


def test_a_volunteer_reads_what_was_decided_on_their_own(conn: Connection, posyandu: Layer):
    budi = worker(conn, "budi", ("lurah", HERE))
    rini = worker(conn, "rini", ("relawan", HERE))
    other = worker(conn, "dewi", ("relawan", HERE))
    seen = add(conn, posyandu, "diajukan", created_by="rini")
    act_as(conn, budi.actor)
    decide(conn, posyandu, [seen], "perlu_perbaikan", "Namanya keliru.", budi)

    act_as(conn, rini.actor)
    assert [each.note for each in review.timeline(conn, posyandu, seen.id)] == ["Namanya keliru."]
    act_as(conn, other.actor)
    assert review.timeline(conn, posyandu, seen.id) == []


# --- Exceptions -----------------------------------------------------------------------------------------


def check_again(conn: Connection, posyandu: Layer, *seen: Seen) -> None:
    as_owner(conn)
    conn.execute(text("DELETE FROM geosatu.finding"))
    find_fault(conn, posyandu, *seen)


def number_of(conn: Connection, layer: Layer, seen: Seen) -> int:
    return review.obstacles(conn, layer, [seen.id])[seen.id].found[0].id


def test_an_excepted_finding_stops_nothing_until_the_feature_changes(conn: Connection, posyandu: Layer):
    walidata = worker(conn, "wahyu", ("walidata", ""))
    lurah = worker(conn, "budi", ("lurah", HERE))
    seen = add(conn, posyandu)
    find_fault(conn, posyandu, seen)
    act_as(conn, walidata.actor)
    with pytest.raises(InvalidQuery, match="alasan"):
        review.except_finding(conn, posyandu, seen, number_of(conn, posyandu, seen), " a ", walidata)
    review.except_finding(conn, posyandu, seen, number_of(conn, posyandu, seen), "Batas belum disepakati", walidata)

    check_again(conn, posyandu, seen)  # another check finds the same
    act_as(conn, lurah.actor)
    about = review.obstacles(conn, posyandu, [seen.id])[seen.id]
    assert (about.errors, [each.excepted and each.excepted.reason for each in about.excepted]) == (
        [],
        ["Batas belum disepakati"],
    )
    taken = decide(conn, posyandu, [seen], "diajukan", None, lurah).taken
    assert decide(conn, posyandu, [Seen(seen.id, taken[seen.id])], "disetujui", None, lurah).taken
    as_owner(conn)
    assert conn.execute(
        select(audit.c.actor, audit.c.detail["alasan"].astext).where(audit.c.action == "pengecualian")
    ).all() == [("wahyu", "Batas belum disepakati")]

    conn.execute(update(table_of(posyandu)).values(jumlah_kader=6))
    act_as(conn, lurah.actor)
    assert len(review.obstacles(conn, posyandu, [seen.id])[seen.id].errors) == 1


@pytest.mark.parametrize(
    ("role", "area"), [("pic_kelurahan", HERE), ("lurah", HERE), ("opd", ""), ("relawan", HERE), ("walidata", THERE)]
)
def test_nobody_else_excepts_a_finding_whatever_a_route_forgets(
    conn: Connection, posyandu: Layer, role: str, area: str
):
    who = worker(conn, "tono", (role, area))
    seen = add(conn, posyandu, "diajukan", created_by="tono")
    find_fault(conn, posyandu, seen)
    finding = conn.scalar(select(findings.c.id))
    act_as(conn, who.actor)

    for statement in (
        "SELECT geosatu.except_finding(:finding, 'Sudah disepakati', NULL)",
        "INSERT INTO geosatu.exception (layer, rule, features, message, mark, reason, account, actor)"
        " SELECT layer, rule, features, message, '', 'x', 1, 'x' FROM geosatu.finding WHERE id = :finding",
    ):
        with pytest.raises(DBAPIError, match=r"no right|permission denied"), undone(conn):
            conn.execute(text(statement), {"finding": finding})
    if role != "walidata":
        with pytest.raises(NotAllowed, match="Hanya walidata"):
            review.except_finding(conn, posyandu, seen, finding or 0, "Sudah disepakati", who)


def test_warnings_and_what_changed_since_it_was_seen_are_not_excepted(conn: Connection, posyandu: Layer):
    who = worker(conn, "wahyu", ("walidata", ""))
    warned, changed = add(conn, posyandu), add(conn, posyandu)
    find_fault(conn, posyandu, warned, severity="warning")
    find_fault(conn, posyandu, changed)
    conn.execute(update(table_of(posyandu)).where(table_of(posyandu).c.id == changed.id).values(jumlah_kader=6))
    act_as(conn, who.actor)

    with pytest.raises(InvalidQuery, match="tidak dapat dikecualikan"):
        review.except_finding(conn, posyandu, warned, number_of(conn, posyandu, warned), "Sudah disepakati", who)
    with pytest.raises(Undecided, match="sudah berubah"):
        review.except_finding(conn, posyandu, changed, number_of(conn, posyandu, changed), "Sudah disepakati", who)
