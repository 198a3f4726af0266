"""WFS Transactions over HTTP: what clients of each version send, what becomes of it, and what they are told."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import pytest
import shapely
from defusedxml.ElementTree import fromstring
from people import person
from pyproj import Transformer
from sqlalchemy import text
from test_editing import BANDAR, IN_BANDAR, IN_POJOK, POJOK, Town
from wfs import VERSIONS, refusal
from wfst import READ_ONLY, Served, at, delete, feature, insert, local, named, of, serving, totals, transaction, update

from geosatu.database.cluster import Cluster
from geosatu.layers import Catalogue


@pytest.fixture(scope="module")
def served(cluster: Cluster, catalogue: Catalogue) -> Iterator[Served]:
    with serving(cluster, catalogue, "wfst") as served:
        yield served


@pytest.fixture
def town(served: Served) -> Town:
    return served.town


# --- What is kept -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_feature_is_made_changed_moved_and_deleted(served: Served, town: Town, version: str) -> None:
    (number,) = served.inserted(transaction(version, insert(feature(version, alamat="Jalan Mawar"))))
    made = town.row(number)
    assert (made.nama, made.alamat, made.status, made.kode_wilayah) == ("Pos Melati", "Jalan Mawar", "draf", BANDAR)
    assert shapely.from_wkb(made.geom).equals_exact(IN_BANDAR, 1e-9)

    elsewhere = shapely.Point(112.006, -7.804)
    values = {"nama": "Pos Anggrek", "alamat": None, "geom": at(version, elsewhere)}
    served.done(transaction(version, update(version, of(version, number), **values)))
    moved = town.row(number)
    assert (moved.nama, moved.alamat, moved.version) == ("Pos Anggrek", None, 2)
    assert shapely.from_wkb(moved.geom).equals_exact(elsewhere, 1e-9)

    served.done(transaction(version, delete(of(version, number))))
    assert town.row(number) is None


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0"])
def test_the_answer_counts_what_became_of_the_features(served: Served, version: str) -> None:
    ids = served.inserted(transaction(version, insert(feature(version), feature(version))))
    root = served.done(
        transaction(
            version,
            insert(feature(version)),
            update(version, of(version, *ids), nama="Pos Baru"),
            delete(of(version, ids[0])),
        )
    )

    said = {"totalInserted": 1, "totalUpdated": 2, "totalDeleted": 1}
    assert totals(root) == said | ({"totalReplaced": 0} if version == "2.0.0" else {})


def test_an_answer_of_1_0_tells_success_and_the_ids_of_each_insert(served: Served) -> None:
    one = insert(feature("1.0.0"), feature("1.0.0"), handle="dua")
    root = served.done(transaction("1.0.0", one, insert(feature("1.0.0"), handle="satu")))

    results = [each for each in root if local(each) == "InsertResult"]
    assert [(each.get("handle"), len(each)) for each in results] == [("dua", 2), ("satu", 1)]
    assert [local(each) for each in root.iter()][-1] == "SUCCESS"


def test_an_answer_of_1_1_without_inserts_is_valid_all_the_same(served: Served, town: Town) -> None:
    number = town.made()
    root = served.done(transaction("1.1.0", update("1.1.0", of("1.1.0", number), nama="Pos Baru")))

    assert [local(each) for each in root] == ["TransactionSummary", "InsertResults"]
    assert [each.get("fid") for each in root.iter() if local(each) == "FeatureId"] == ["none"]


def test_an_answer_of_2_0_names_what_was_changed_by_its_handle(served: Served, town: Town) -> None:
    number = town.made()
    root = served.done(transaction("2.0.0", update("2.0.0", of("2.0.0", number), "ganti", nama="Pos Baru")))

    (changed,) = [each for each in root.iter() if local(each) == "UpdateResults"]
    assert [each.get("handle") for each in changed] == ["ganti"]
    assert [each.get("rid") for each in changed.iter() if local(each) == "ResourceId"] == [f"pos_kamling.{number}"]


def test_a_replace_keeps_nothing_that_it_does_not_say(served: Served, town: Town) -> None:
    number = town.made(alamat="Jalan Melati 1")
    new = feature("2.0.0", nama="Pos Anggrek")
    root = served.done(transaction("2.0.0", f"<wfs:Replace>{new}{of('2.0.0', number)}</wfs:Replace>"))

    assert totals(root)["totalReplaced"] == 1
    assert (town.row(number).nama, town.row(number).alamat) == ("Pos Anggrek", None)


def test_lists_dates_and_booleans_come_as_text(served: Served, town: Town) -> None:
    values = {"fasilitas": "lampu, cctv", "tanggal_data": "2026-08-17", "jumlah_regu": "4"}
    (number,) = served.inserted(transaction("1.1.0", insert(feature("1.1.0", **values))))

    row = town.row(number)
    assert (row.fasilitas, row.tanggal_data.isoformat(), row.jumlah_regu) == (["lampu", "cctv"], "2026-08-17", 4)


def test_a_list_may_come_as_several_elements(served: Served, town: Town) -> None:
    several = "<geosatu:fasilitas>lampu</geosatu:fasilitas><geosatu:fasilitas>cctv</geosatu:fasilitas><geosatu:geom>"
    one = feature("2.0.0").replace("<geosatu:geom>", several)
    (number,) = served.inserted(transaction("2.0.0", insert(one)))

    assert town.row(number).fasilitas == ["lampu", "cctv"]


def test_several_layers_change_in_one_transaction(served: Served, town: Town) -> None:
    ring = " ".join(f"{x},{y}" for x, y in shapely.box(112.001, -7.809, 112.002, -7.808).exterior.coords)
    area = (
        "<geosatu:batas_rt><geosatu:jenis_unit>rt</geosatu:jenis_unit><geosatu:no_rt>011</geosatu:no_rt>"
        "<geosatu:no_rw>011</geosatu:no_rw><geosatu:status_batas>indikatif</geosatu:status_batas><geosatu:geom>"
        '<gml:Polygon srsName="EPSG:4326"><gml:outerBoundaryIs><gml:LinearRing><gml:coordinates>'
        f"{ring}</gml:coordinates></gml:LinearRing></gml:outerBoundaryIs></gml:Polygon>"
        "</geosatu:geom></geosatu:batas_rt>"
    )
    post, unit = served.inserted(transaction("1.0.0", insert(feature("1.0.0"), area)))

    assert town.row(post).act == town.row(unit, "batas_rt").act is not None
    assert shapely.from_wkb(town.row(unit, "batas_rt").geom).geom_type == "MultiPolygon"


def test_a_transaction_is_one_act_through_the_door_wfs_with_its_handle_as_reason(served: Served, town: Town) -> None:
    body = transaction("2.0.0", insert(feature("2.0.0"), feature("2.0.0")), handle="Survei Agustus")
    one, other = served.inserted(body)

    assert town.row(one).act == town.row(other).act
    with town.owner.connect() as conn:
        act = conn.execute(text("SELECT * FROM geosatu.act WHERE id = :id"), {"id": town.row(one).act}).one()
    assert (act.door, act.actor, act.reason) == ("wfs", "pic", "Survei Agustus")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_filter_finds_what_earlier_actions_left(served: Served, town: Town, version: str) -> None:
    mark, later = uuid.uuid4().hex, uuid.uuid4().hex
    (number,) = served.inserted(
        transaction(
            version,
            insert(feature(version, nama=mark)),
            update(version, named(version, "geosatu:nama", mark), nama=later),
            update(version, named(version, "nama", later), alamat="Jalan Baru"),
        )
    )[:1]

    assert (town.row(number).nama, town.row(number).alamat) == (later, "Jalan Baru")


def test_a_filter_that_finds_nothing_changes_nothing(served: Served) -> None:
    root = served.done(transaction("2.0.0", delete(named("2.0.0", "nama", uuid.uuid4().hex))))

    assert totals(root)["totalDeleted"] == 0


def test_a_volunteer_s_filter_does_not_speak_of_internal_fields(served: Served) -> None:
    body = transaction("2.0.0", delete(named("2.0.0", "jam_ronda", "22.00")))

    assert "tidak dapat disaring" in refusal(served.post(body, "relawan"), "2.0.0").text
    assert totals(served.done(body, "pic"))["totalDeleted"] == 0


def test_a_volunteer_s_filter_finds_their_own_drafts(served: Served) -> None:
    mark = uuid.uuid4().hex
    served.inserted(transaction("2.0.0", insert(feature("2.0.0", nama=mark))), "relawan")
    work = transaction("2.0.0", update("2.0.0", named("2.0.0", "nama", mark), alamat="Jalan Baru"))

    assert totals(served.done(work, "relawan"))["totalUpdated"] == 1
    assert totals(served.done(work, "relawan_dua"))["totalUpdated"] == 0


def test_a_stale_edit_is_refused_where_the_client_says_what_it_saw(served: Served, town: Town) -> None:
    number = town.made()
    chosen = of("2.0.0", number)
    served.done(transaction("2.0.0", update("2.0.0", chosen, nama="Pos Mawar", version="1")), "walidata")

    late = transaction("2.0.0", update("2.0.0", chosen, "satu", nama="X", version="1"))
    stale = refusal(served.post(late), "2.0.0")
    assert (stale.code, stale.locator, stale.status) == ("OperationProcessingFailed", "satu", 403)
    assert "diubah oleh walidata" in stale.text
    assert town.row(number).nama == "Pos Mawar"

    served.done(transaction("2.0.0", update("2.0.0", chosen, nama="Pos Anggrek")))
    assert town.row(number).nama == "Pos Anggrek"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_insert_with_a_uid_is_one_feature(served: Served, version: str) -> None:
    values = {"fasilitas": "lampu, cctv", "tanggal_data": "2026-08-17", "jumlah_regu": "4", "accuracy_m": "2.5"}
    body = transaction(version, insert(feature(version, uid=str(uuid.uuid4()), **values)))
    first, before = served.inserted(body), served.count()

    assert served.inserted(body) == first
    assert served.count() == before


def test_a_copy_that_says_something_else_is_a_feature_of_its_own(served: Served, town: Town) -> None:
    original = town.made("pic")
    town.publish(original)
    values = {"uid": str(town.row(original).uid), "status": "terbit", "kode_wilayah": BANDAR, "version": "2"}

    copies = [
        *served.inserted(transaction("1.0.0", insert(feature("1.0.0", nama="Pos Salinan", **values)))),
        *served.inserted(transaction("1.0.0", insert(feature("1.0.0", IN_POJOK, **values))), "pic_lain"),
    ]

    rows = [town.row(number) for number in copies]
    assert [(row.nama, row.status, row.kode_wilayah) for row in rows] == [
        ("Pos Salinan", "draf", BANDAR),
        ("Pos Melati", "draf", POJOK),
    ]
    assert len({row.uid for row in [town.row(original), *rows]}) == 3


def test_the_merger_of_deleted_features_may_come_with_the_uid_of_one(served: Served, town: Town) -> None:
    gone = town.made()
    uid = town.row(gone).uid
    served.done(transaction("1.0.0", delete(of("1.0.0", gone))))
    (number,) = served.inserted(transaction("1.0.0", insert(feature("1.0.0", uid=str(uid)))))

    assert town.row(number).uid != uid


def test_the_same_uid_in_two_layers_is_of_two_features(served: Served, town: Town) -> None:
    number = town.made()
    values = {"uid": str(town.row(number).uid), "nama": "Rumah", "no_rt": "001", "no_rw": "001"}
    post, home = feature("1.1.0", uid=values["uid"]), feature("1.1.0", IN_BANDAR, "titik_rt", **values)
    same, other = served.inserted(
        transaction(
            "1.1.0", insert(post), insert(home.replace("<geosatu:status_operasi>aktif</geosatu:status_operasi>", ""))
        )
    )

    assert same == number
    assert town.row(other, "titik_rt").uid == town.row(number).uid


def test_native_is_left_out_where_it_may_be(served: Served) -> None:
    native = '<wfs:Native vendorId="x" safeToIgnore="true"><y/></wfs:Native>'

    assert served.inserted(transaction("2.0.0", native, insert(feature("2.0.0"))))


def test_x_stands_first_in_1_0_whatever_the_name_of_the_crs(served: Served, town: Town) -> None:
    one = feature("1.0.0").replace('srsName="EPSG:4326"', 'srsName="urn:ogc:def:crs:EPSG::4326"')
    (number,) = served.inserted(transaction("1.0.0", insert(one)))

    assert shapely.from_wkb(town.row(number).geom).equals_exact(IN_BANDAR, 1e-9)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_place_in_metres_is_kept_in_degrees(served: Served, town: Town, version: str) -> None:
    east, north = Transformer.from_crs(4326, 32749, always_xy=True).transform(IN_BANDAR.x, IN_BANDAR.y)
    point = f"<gml:Point><gml:coordinates>{east},{north}</gml:coordinates></gml:Point>"
    one = feature(version).replace(at(version, IN_BANDAR), point)
    said = [
        insert(one.replace("<gml:Point>", '<gml:Point srsName="urn:ogc:def:crs:EPSG::32749">')),
        insert(one, srsName="EPSG:32749"),
    ]

    for number in served.inserted(transaction(version, *said)):
        assert shapely.from_wkb(town.row(number).geom).equals_exact(IN_BANDAR, 1e-6)


@pytest.mark.parametrize("address", ["/wfs", "/wfs?SERVICE=WFS", "/wfs/", "/wfs?service=WFS&version=2.0.0"])
def test_a_transaction_may_be_posted_to_any_form_of_the_address(served: Served, address: str) -> None:
    answer = served.post(transaction("1.0.0", insert(feature("1.0.0"))), address=address)

    assert "SUCCESS" in answer.text


# --- What is refused --------------------------------------------------------------------------------------


BAD = {
    "another kelurahan": ("OperationProcessingFailed", "di luar wilayah yang boleh Anda ubah"),
    "feature of another kelurahan": ("NotFound", "tidak ada di lapisan"),
    "published feature of another kelurahan": ("OperationProcessingFailed", "tidak berhak mengubah"),
    "unknown layer": ("InvalidParameterValue", "Lapisan 'taman' tidak ada"),
    "unknown field": ("InvalidValue", "tidak punya field 'warna'"),
    "unknown id": ("NotFound", "Fitur 999999999 tidak ada"),
    "id of another layer": ("NotFound", "tidak ada di lapisan pos_kamling"),
    "code that is none": ("InvalidValue", "kode 'meledak' tidak ada"),
    "status": ("InvalidValue", "lewat tinjauan"),
    "text as geometry": ("InvalidValue", "geometri GML"),
    "broken position": ("InvalidValue", "bukan dua atau tiga bilangan"),
    "swapped axes": ("InvalidValue", "tertukar"),
    "no geometry": ("InvalidValue", "tidak bergeometri"),
    "two geometries": ("InvalidValue", "lebih dari sekali"),
    "geometry in a field": ("InvalidValue", "bukan geometri"),
    "a place that is emptied": ("InvalidValue", "tidak dapat dikosongkan"),
    "an update of everything": ("InvalidValue", "satu Filter"),
    "an update of nothing": ("InvalidValue", "tidak menyebut apa yang berubah"),
    "a filter that is none": ("InvalidValue", "Operator 'Maybe'"),
    "a uid that is none": ("InvalidValue", "bukan UUID"),
    "ids of the client's own": ("OptionNotSupported", "tanpa idgen"),
    "native": ("OptionNotSupported", "Native"),
    "an action that is none": ("OperationParsingFailed", "'Ubah'"),
}


def bad(what: str, version: str, town: Town) -> str:
    """The action that a row of the table is about."""
    theirs, shown = town.made("pic_lain", IN_POJOK), town.made("pic_lain", IN_POJOK)
    town.publish(shown)
    mine = of(version, town.made("pic"))
    one = feature(version)
    geom = f"<geosatu:geom>{at(version, IN_BANDAR)}</geosatu:geom>"
    actions = {
        "another kelurahan": insert(feature(version, IN_POJOK)),
        "feature of another kelurahan": update(version, of(version, theirs), nama="X"),
        "published feature of another kelurahan": update(version, of(version, shown), nama="X"),
        "unknown layer": insert(feature(version, IN_BANDAR, "taman")),
        "unknown field": insert(feature(version, warna="biru")),
        "unknown id": delete(of(version, 999999999)),
        "id of another layer": delete(of(version, "posyandu.1")),
        "code that is none": insert(feature(version, status_operasi="meledak")),
        "status": update(version, mine, status="terbit"),
        "text as geometry": update(version, mine, geom="POINT(112 -7)"),
        "broken position": insert(one.replace("112.005", "abc")),
        "swapped axes": insert(feature(version, shapely.Point(IN_BANDAR.y, IN_BANDAR.x))),
        "no geometry": insert(one.replace(geom, "")),
        "two geometries": insert(one.replace(geom, geom + geom)),
        "geometry in a field": insert(one.replace("geosatu:geom", "geosatu:alamat")),
        "a place that is emptied": update(version, mine, geom=None),
        "an update of everything": update(version, "", nama="X"),
        "an update of nothing": update(version, mine),
        "a filter that is none": delete("<ogc:Filter><ogc:Maybe/></ogc:Filter>"),
        "a uid that is none": insert(feature(version, uid="satu")),
        "ids of the client's own": insert(one, idgen="UseExisting"),
        "native": '<wfs:Native vendorId="x" safeToIgnore="false"/>',
        "an action that is none": "<wfs:Ubah/>",
    }
    return actions[what]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_is_told_in_one_sentence_and_nothing_is_kept(
    served: Served, town: Town, what: str, version: str
) -> None:
    code, message = BAD[what]
    action = bad(what, version, town)
    before = served.count()

    said = refusal(served.post(transaction(version, insert(feature(version)), action)), version)

    assert (said.code, message in said.text) == (code, True), said.text
    statuses = {"NotFound": 404, "OperationProcessingFailed": 403} if version == "2.0.0" else {}
    assert said.status == statuses.get(code, 400 if version == "2.0.0" else 200)
    assert served.count() == before


def test_the_locator_is_the_handle_of_the_action(served: Served) -> None:
    good = insert(feature("2.0.0"), handle="baik")
    wrong = insert(feature("2.0.0", status_operasi="meledak"), handle="buruk")

    assert refusal(served.post(transaction("2.0.0", good, wrong)), "2.0.0").locator == "buruk"


def test_an_invalid_shape_is_refused_with_its_reason(served: Served) -> None:
    bow = "112.001,-7.809 112.002,-7.808 112.002,-7.809 112.001,-7.808 112.001,-7.809"
    area = (
        "<geosatu:batas_rt><geosatu:no_rt>012</geosatu:no_rt><geosatu:status_batas>indikatif</geosatu:status_batas>"
        "<geosatu:geom><gml:Polygon><gml:outerBoundaryIs><gml:LinearRing><gml:coordinates>"
        f"{bow}</gml:coordinates></gml:LinearRing></gml:outerBoundaryIs></gml:Polygon></geosatu:geom></geosatu:batas_rt>"
    )
    said = refusal(served.post(transaction("1.0.0", insert(area))), "1.0.0")

    assert (said.code, "tidak sah" in said.text) == ("InvalidValue", True)


@pytest.mark.parametrize("version", VERSIONS)
def test_whoever_is_not_signed_in_is_asked_for_a_password(served: Served, version: str) -> None:
    answer = served.post(transaction(version, insert(feature(version))), None)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert "belum masuk" in refusal(answer, version).text


def test_a_revoked_token_is_asked_for_another(served: Served, town: Town) -> None:
    with town.owner.begin() as conn:
        revoked = person(conn, "dicabut", ("pic_kelurahan", BANDAR))
        conn.execute(text("DELETE FROM geosatu.token WHERE account = :id"), {"id": revoked.id})
    answer = served.post(transaction("1.0.0", insert(feature("1.0.0"))), None, **revoked.bearer)

    assert (answer.status_code, "tidak berlaku" in answer.text) == (401, True)


def test_a_token_for_reading_does_not_write(served: Served) -> None:
    said = refusal(served.post(transaction("2.0.0", insert(feature("2.0.0"))), READ_ONLY), "2.0.0")

    assert (said.status, "hanya untuk membaca" in said.text) == (403, True)


def test_a_browser_s_session_alone_does_not_write(served: Served, town: Town) -> None:
    answer = served.post(transaction("2.0.0", insert(feature("2.0.0"))), None, **town.people["pic"].cookie)

    assert answer.status_code == 403


@pytest.mark.parametrize("held", ['lockId="a"', "<wfs:LockId>a</wfs:LockId>"])
def test_nobody_holds_a_lock(served: Served, held: str) -> None:
    body = transaction("1.1.0", insert(feature("1.1.0")))
    inside = (
        body.replace(" version=", f" {held} version=")
        if "=" in held
        else body.replace("<wfs:Insert", held + "<wfs:Insert")
    )

    assert refusal(served.post(inside), "1.1.0").code == "InvalidLockId"


def test_what_is_to_be_released_is_of_no_matter(served: Served) -> None:
    assert served.inserted(transaction("1.1.0", insert(feature("1.1.0")), releaseAction="ALL"))


def test_entities_are_refused(served: Served) -> None:
    document = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    body = document + transaction("1.1.0", insert(feature("1.1.0", nama="&e;")))

    assert "DOCTYPE" in served.post(body).text


def test_a_transaction_is_not_in_an_address(served: Served, town: Town) -> None:
    answer = served.client.get("/wfs?service=WFS&version=1.1.0&request=Transaction", headers=town.people["pic"].bearer)

    assert "POST" in refusal(answer, "1.1.0").text


def test_an_empty_transaction_changes_nothing(served: Served) -> None:
    assert totals(served.done(transaction("2.0.0"))) == {
        "totalInserted": 0,
        "totalUpdated": 0,
        "totalReplaced": 0,
        "totalDeleted": 0,
    }


# --- How large it may be ----------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    body = transaction("1.1.0", insert(feature("1.1.0"))).encode()
    return body + b" " * (size - len(body))


def test_a_transaction_may_be_larger_than_a_form(served: Served) -> None:
    assert b"totalInserted>1<" in served.post(padded(2_000_000)).content


@pytest.mark.parametrize(
    ("who", "size"), [(None, 1_000_001), (READ_ONLY, 1_000_001), ("lurah", 1_000_001), ("pic", 20_000_001)]
)
def test_one_that_is_too_large_is_told_so(served: Served, who: str | None, size: int) -> None:
    said = refusal(served.post(padded(size), who), "2.0.0")

    assert (said.status, "terlalu besar" in said.text) == (413, True)


def test_one_that_comes_in_chunks_is_read_as_far_as_it_may_be_long(served: Served, town: Town) -> None:
    def chunks(size: int) -> Iterator[bytes]:
        body = padded(size)
        for start in range(0, size, 100_000):
            yield body[start : start + 100_000]

    headers = {"Content-Type": "text/xml", **town.people["pic"].bearer}
    assert b"totalInserted>1<" in served.client.post("/wfs", content=chunks(2_000_000), headers=headers).content
    assert served.client.post("/wfs", content=chunks(20_100_000), headers=headers).status_code == 413


# --- What capabilities say --------------------------------------------------------------------------------


def capabilities(served: Served, version: str, who: str | None) -> Element:
    signed = {} if who is None else served.town.people[who].bearer
    address = f"/wfs?service=WFS&request=GetCapabilities&version={version}"
    return fromstring(served.client.get(address, headers=signed).content)


def operations(root: Element) -> set[str]:
    later = {each.get("name") or "" for each in root.iter() if local(each) == "Operation"}
    old = {local(each) for request in root.iter() if local(request) == "Request" for each in request}
    return later | old


def editable(root: Element) -> set[str]:
    """The layers whose features may be changed, as capabilities of WFS 1 say for each."""
    found = set()
    for each in root.iter():
        if local(each) == "FeatureType":
            name = next(part.text or "" for part in each if local(part) == "Name")
            said = [part for part in each.iter() if local(part) in ("Operation", "Update")]
            if any("Update" in (local(part), part.text) for part in said):
                found.add(name.removeprefix("geosatu:"))
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("who", [None, "lurah", "perencana", READ_ONLY])
def test_who_may_edit_nothing_is_told_of_no_transaction(served: Served, version: str, who: str | None) -> None:
    root = capabilities(served, version, who)

    assert "Transaction" not in operations(root)
    assert editable(root) == set()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("who", ["pic", "relawan", "walidata"])
def test_who_may_edit_is_told_of_transactions(served: Served, version: str, who: str) -> None:
    assert "Transaction" in operations(capabilities(served, version, who))


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_of_each_layer_it_is_told_whether_it_is_theirs_to_edit(
    served: Served, catalogue: Catalogue, version: str
) -> None:
    kept = {layer.name for layer in catalogue if layer.edited_by == "walidata" or layer.owner == "kota"}

    assert editable(capabilities(served, version, "walidata")) == set(catalogue.layers)
    assert editable(capabilities(served, version, "pic")) == set(catalogue.layers) - kept
    assert kept


def test_capabilities_of_2_0_tell_whether_transactions_are_implemented(served: Served) -> None:
    def said(who: str | None) -> list[str | None]:
        root = capabilities(served, "2.0.0", who)
        constraints = [each for each in root.iter() if each.get("name") == "ImplementsTransactionalWFS"]
        return [part.text for each in constraints for part in each if local(part) == "DefaultValue"]

    assert (said("pic"), said(None)) == (["TRUE"], ["FALSE"])
