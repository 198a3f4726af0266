"""Many people who write at the same time: nothing acknowledged is lost, and nobody waits in a circle."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import date
from http.client import HTTPConnection
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from conftest import running, settings_for
from importing import collection, feature
from people import Person, person
from shapely import Point, box
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from test_editing import BANDAR, POJOK, RIGHTS, Town, kelurahan

from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.api.problems import answer_to
from geosatu.database import connect
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.database.rights import act_as
from geosatu.editing import Edit
from geosatu.errors import StaleEdit
from geosatu.features import Actor
from geosatu.importer import Options, import_file
from geosatu.layers import Catalogue
from geosatu.settings import Settings
from geosatu.store import acts
from geosatu.store.retention import forget_expired
from geosatu.store.review import Seen, Undecided, Worker, decide

OPERATOR = Actor("operator", "terbatas")
AREA = {"jenis_unit": "rt", "no_rw": "001", "status_batas": "indikatif"}


@pytest.fixture(scope="module")
def settings(cluster: Cluster) -> Settings:
    return settings_for(cluster, "many_writers")


@pytest.fixture(scope="module")
def town(settings: Settings, catalogue: Catalogue) -> Iterator[Town]:
    with open_city(settings, catalogue) as owner, open_service(owner, LONGEST_STATEMENT) as service:
        with owner.begin() as conn:
            kelurahan(conn, BANDAR, "Bandar Lor", 112.0)
            kelurahan(conn, POJOK, "Pojok", 112.02)
            people = {name: person(conn, name, *rights) for name, rights in RIGHTS.items()}
        yield Town(owner, service, catalogue, people)


@pytest.fixture(scope="module")
def address(settings: Settings, town: Town) -> Iterator[str]:
    """Where the town is served."""
    with running(create_app(settings, town.catalogue, town.service)) as address:
        yield address.removeprefix("http://")


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    """What each answers; all begin together."""
    ready = threading.Barrier(len(works))

    def begun(work: Callable[[], Any]) -> Any:
        ready.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(begun, works))


def versions(town: Town, number: int, field: str, name: str = "pos_kamling") -> list[tuple[int, Any]]:
    """Every version of a feature with a value of it, the first one first."""
    told = (
        "SELECT version, attributes ->> :field FROM geosatu.history WHERE layer = :layer AND feature = :id"
        f" UNION ALL SELECT version, {field}::text FROM layer.{name} WHERE id = :id ORDER BY 1"
    )
    with town.owner.connect() as conn:
        return [tuple(row) for row in conn.execute(text(told), {"field": field, "layer": name, "id": number})]


def counted_up(town: Town, number: int, times: int) -> tuple[list[int], int]:
    """Add one to a number so many times, each time to what was seen; the versions made, and how often somebody else
    came first."""
    made: list[int] = []
    stale = 0
    while len(made) < times:
        row = town.row(number)
        counted = {"alamat": str(int(row.alamat) + 1)}
        try:
            (done,) = town.apply("walidata", town.edit(id=number, version=row.version, properties=counted))
        except StaleEdit:
            stale += 1
            continue
        assert done.feature.version == row.version + 1
        made.append(done.feature.version)
    return made, stale


def renamed(town: Town, number: int, names: list[str]) -> list[tuple[int, str]]:
    """Give a feature these names, whatever it is; the versions made."""
    return [
        (town.apply("walidata", town.edit(id=number, properties={"nama": name}))[0].feature.version, name)
        for name in names
    ]


def lived(town: Town, *, gone: bool) -> tuple[int, bool]:
    """Make a feature, change it, and delete it perhaps."""
    number = town.made("pic")
    town.apply("pic", town.edit(id=number, version=1, properties={"nama": "Pos Mawar"}))
    if gone:
        town.apply("pic", town.edit(id=number, version=2, deletes=True))
    return number, gone


def test_a_hundred_writers_lose_nothing_and_each_version_is_one_acknowledged_edit(town: Town) -> None:
    shared = [town.made("walidata", alamat="0") for _ in range(5)]
    times = 4
    counting = [lambda n=n: counted_up(town, shared[n % 5], times) for n in range(25)]
    naming = [lambda n=n: renamed(town, shared[n % 5], [f"Pos {n}-{k}" for k in range(times)]) for n in range(25)]
    alone = [lambda n=n: lived(town, gone=n % 2 == 0) for n in range(50)]

    answers = at_once([*counting, *naming, *alone])

    counts, names, lives = answers[:25], answers[25:50], answers[50:]
    assert sum(stale for _, stale in counts) > 0
    for place, number in enumerate(shared):
        told = versions(town, number, "nama")
        given = [each for n in range(place, 25, 5) for each in names[n]]
        added = [version for n in range(place, 25, 5) for version in counts[n][0]]
        assert [version for version, _ in told] == list(range(1, 2 + len(given) + len(added)))
        assert dict(told).items() >= dict(given).items()
        assert sorted([*added, *(version for version, _ in given)]) == list(range(2, len(told) + 1))
        assert town.row(number).alamat == str(len(added)) == str(5 * times)
    for number, gone in lives:
        assert [version for version, _ in versions(town, number, "nama")] == [1, 2]
        assert (town.row(number) is None) == gone


# Areas and the homes in them, acts of several layers, reviews, imports and retention.

RTS = 6


def plot(place: int, *, wide: bool) -> Any:
    """The ground of an RT, which holds its home either way; its inner point is another one."""
    west = 112.0005 + place * 0.0015
    return box(west, -7.8095, west + (0.0013 if wide else 0.0009), -7.8055)


def home_place(place: int, *, north: bool) -> Point:
    return Point(112.0007 + place * 0.0015, -7.806 if north else -7.809)


@pytest.fixture
def neighbourhood(town: Town) -> Iterator[dict[str, list[int]]]:
    """RT side by side, each with its point and a posyandu in somebody's home; their ids by layer."""
    made: dict[str, list[int]] = {"batas_rt": [], "titik_rt": [], "posyandu": []}
    for place in range(RTS):
        here = {"no_rt": f"{place + 1:03}", "no_rw": "001"}
        homes = {"geometry": home_place(place, north=False)}
        posyandu = {"nama": "Melati", "jenis": "balita", "status_operasi": "aktif", "jumlah_kader": 5}
        done = town.apply(
            "pic",
            town.edit("batas_rt", properties=AREA | here, geometry=plot(place, wide=False)),
            town.edit("titik_rt", properties={"nama": "Rumah", **here}, **homes),
            town.edit("posyandu", properties=posyandu | {"tempat": "rumah_warga"}, **homes),
        )
        for each in done:
            made[each.layer].append(each.feature.id)
    yield made
    with town.owner.begin() as conn:
        for name, numbers in made.items():
            conn.execute(text(f"DELETE FROM layer.{name} WHERE id = ANY (:ids)"), {"ids": numbers})


def decided(town: Town, name: str, number: int) -> int:
    """Hand a feature in, or take it back, as it is seen; how often somebody else came first."""
    layer, editor = town.catalogue[name], town.editor("pic")
    for stale in range(1000):
        row = town.row(number, name)
        after = "diajukan" if row.status == "draf" else "draf"
        with town.service.connect() as conn:
            act_as(conn, editor.actor)
            try:
                taken = decide(
                    conn, layer, [Seen(number, row.version)], after, None, Worker(editor.actor, editor.rights)
                )
            except Undecided:
                continue
            conn.commit()
            assert taken.taken == {number: row.version + 1}
            return stale
    raise AssertionError("others always come first")


def imported(town: Town, name: str, file: Path) -> int:
    """How many features an import changes or makes."""
    with town.owner.begin() as conn:
        report = import_file(
            conn, town.catalogue, town.catalogue[name], file, actor=OPERATOR, max_bytes=10**7, options=Options()
        )
    assert not report.refused
    return report.added + report.updated


def forgotten(town: Town) -> int:
    """How many features lose a value, and so become another version."""
    with town.owner.begin() as conn:
        found = forget_expired(conn, town.catalogue, date(2030, 1, 1), OPERATOR)
    return sum(each.features for each in found)


def ended(town: Town, made: dict[str, list[int]]) -> dict[str, int]:
    """How many versions the features of each layer have had besides their first."""
    found = {}
    for name, numbers in made.items():
        chains = [[version for version, _ in versions(town, number, "id", name)] for number in numbers]
        assert all(chain == list(range(1, len(chain) + 1)) for chain in chains)
        found[name] = sum(len(chain) - 1 for chain in chains)
    return found


def misplaced(town: Town) -> int:
    """Homes that are shown elsewhere than the areas of now say."""
    found = 0
    with town.owner.connect() as conn:
        for name, about in (("titik_rt", "'', '{}'"), ("posyandu", "'tempat', '{rumah_warga}'")):
            place = f"geosatu.place_of(to_jsonb(f) - 'geom', geom, 'batas_rt', {about})"
            told = f"SELECT count(*) FROM layer.{name} f WHERE geom_public IS DISTINCT FROM {place}"
            found += int(conn.scalar(text(told)) or 0)
    return found


def test_areas_homes_reviews_imports_and_retention_at_once_keep_every_change_and_every_home_in_its_place(
    town: Town, neighbourhood: dict[str, list[int]], tmp_path: Path
) -> None:
    rounds = 4

    def redrawn(n: int, k: int) -> Edit:
        place = n % RTS
        shape = plot(place, wide=(n + k) % 2 == 0)
        said = {"keterangan": f"{n}-{k}"}
        return town.edit("batas_rt", id=neighbourhood["batas_rt"][place], properties=said, geometry=shape)

    def moved(n: int, k: int, name: str) -> Edit:
        place = n % RTS
        old = {"alamat": f"Jalan {n}-{k}", "tanggal_data": "2015-01-01"}
        return town.edit(
            name, id=neighbourhood[name][place], properties=old, geometry=home_place(place, north=(n + k) % 2 == 0)
        )

    def acted(n: int) -> Counter[str]:
        made: Counter[str] = Counter()
        for k in range(rounds):
            ways = [
                [redrawn(n, k)],
                [moved(n, k, "titik_rt")],
                [moved(n, k, "posyandu"), moved(n, k, "titik_rt")],
                [redrawn(n, k), moved(n, k, "titik_rt"), moved(n, k, "posyandu")],
                [moved(n, k, "posyandu"), moved(n, k, "titik_rt"), redrawn(n, k)],
            ]
            made.update(each.layer for each in town.apply("walidata", *ways[n % len(ways)]))
        return made

    def reviewed(n: int) -> Counter[str]:
        name = ("batas_rt", "titik_rt", "posyandu")[n % 3]
        for k in range(rounds):
            decided(town, name, neighbourhood[name][(n + k) % RTS])
        return Counter({name: rounds})

    def brought(n: int) -> Counter[str]:
        numbers = [(place, {"no_rt": f"{place + 1:03}", "no_rw": "001"}) for place in range(RTS)]
        areas, homes = tmp_path / f"rt-{n}.geojson", tmp_path / f"titik-{n}.geojson"
        drawn = (feature(plot(place, wide=n % 2 == 0), **AREA | said) for place, said in numbers)
        found = (feature(home_place(place, north=n % 2 == 0), nama=f"Impor {n}", **said) for place, said in numbers)
        areas.write_text(collection(*drawn))
        homes.write_text(collection(*found))
        return Counter({"batas_rt": imported(town, "batas_rt", areas), "titik_rt": imported(town, "titik_rt", homes)})

    def kept(_: int) -> Counter[str]:
        return Counter({"titik_rt": sum(forgotten(town) for _ in range(rounds))})

    works = [
        *(lambda n=n: acted(n) for n in range(60)),
        *(lambda n=n: reviewed(n) for n in range(24)),
        *(lambda n=n: brought(n) for n in range(12)),
        *(lambda n=n: kept(n) for n in range(4)),
    ]
    random.Random(7).shuffle(works)

    total = sum(at_once(works), Counter[str]())

    assert ended(town, neighbourhood) == dict(total)
    assert misplaced(town) == 0


def test_a_change_of_areas_holds_the_layers_of_homes_in_the_order_of_all_writers(
    cluster: Cluster, catalogue: Catalogue
) -> None:
    more = catalogue["umkm"].model_copy(update={"name": "umkm_rumahan"})
    wider = replace(catalogue, layers={"umkm_rumahan": more, **catalogue.layers})
    told = r"""
        SELECT split_part(encode(tgargs, 'escape'), '\000', 1) FROM pg_trigger
        WHERE tgrelid = 'layer.batas_rt'::regclass AND tgfoid = 'geosatu.move_places'::regproc AND tgtype & 16 <> 0
        ORDER BY tgname"""
    with open_city(settings_for(cluster, "more_homes"), wider) as owner, owner.connect() as conn:
        assert list(conn.scalars(text(told))) == ["posyandu", "titik_rt", "umkm", "umkm_rumahan"]


# Those who wait.


def test_who_waits_too_long_for_others_is_told_to_come_back(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "LONGEST_QUEUE", 1)
    with open_service(town.owner, LONGEST_STATEMENT) as service, town.owner.begin() as importing:
        acts.hold(importing, [town.catalogue["pos_kamling"]])
        impatient = Town(town.owner, service, town.catalogue, town.people)
        with pytest.raises(OperationalError) as given_up:
            impatient.made()

    come_back(given_up.value)


def test_whom_postgresql_ends_in_a_deadlock_is_told_to_come_back(town: Town) -> None:
    """Nothing of ours runs into one; programs of others on the same database may."""
    one, other = town.made("pic"), town.made("pic")
    held = threading.Barrier(2)

    def locked(first: int, second: int) -> Exception | None:
        lock = text("SELECT FROM layer.pos_kamling WHERE id = :id FOR UPDATE")
        try:
            with town.owner.begin() as conn:
                conn.execute(lock, {"id": first})
                held.wait()
                conn.execute(lock, {"id": second})
        except OperationalError as error:
            return error
        return None

    ended = at_once([lambda: locked(one, other), lambda: locked(other, one)])

    (told,) = filter(None, ended)
    come_back(told)


def come_back(error: OperationalError) -> None:
    assert isinstance(error.orig, Exception)
    answer = answer_to(error.orig)
    assert (answer.status_code, int(answer.headers["Retry-After"])) == (503, 5)
    assert b"sedang diubah orang lain" in answer.body


# Over HTTP.

TRANSACTION = """<wfs:Transaction service="WFS" version="2.0.0" xmlns:wfs="http://www.opengis.net/wfs/2.0"
 xmlns:fes="http://www.opengis.net/fes/2.0" xmlns:gml="http://www.opengis.net/gml/3.2"
 xmlns:geosatu="urn:geosatu:layer">{}</wfs:Transaction>"""

INSERT = """<wfs:Insert><geosatu:pos_kamling><geosatu:nama>{}</geosatu:nama>
 <geosatu:status_operasi>aktif</geosatu:status_operasi><geosatu:geom>
 <gml:Point srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>-7.805 112.005</gml:pos></gml:Point>
 </geosatu:geom></geosatu:pos_kamling></wfs:Insert>"""

CHOSEN = """<fes:Filter><fes:ResourceId rid="pos_kamling.{}"/></fes:Filter>"""
UPDATE = """<wfs:Update typeName="geosatu:pos_kamling"><wfs:Property><wfs:ValueReference>nama</wfs:ValueReference>
 <wfs:Value>{}</wfs:Value></wfs:Property>{}</wfs:Update>"""
DELETE = """<wfs:Delete typeName="geosatu:pos_kamling">{}</wfs:Delete>"""


def asked(address: str, who: Person, method: str, path: str, body: str | None = None, **headers: str) -> Any:
    """The status of an answer and its text."""
    with closing(HTTPConnection(address, timeout=60)) as conn:
        conn.request(method, path, body and body.encode(), {**who.bearer, "Content-Type": "text/xml", **headers})
        answer = conn.getresponse()
        return answer.status, answer.read().decode()


def transacted(address: str, who: Person, *actions: str) -> str:
    """What is told of a Transaction that was carried out."""
    status, said = asked(address, who, "POST", "/wfs", TRANSACTION.format("".join(actions)))
    assert (status, "Exception" in said) == (200, False), said
    return str(said)


def test_a_hundred_writers_over_http_lose_nothing(town: Town, address: str) -> None:
    shared = [town.made("pic") for _ in range(5)]
    who = town.people["pic"]

    def renames(n: int) -> list[str]:
        names = [f"Pos {n}-{k}" for k in range(4)]
        for name in names:
            transacted(address, who, UPDATE.format(name, CHOSEN.format(shared[n % 5])))
        return names

    def lives(n: int) -> int:
        made = transacted(address, who, INSERT.format(f"Pos {n}"))
        found = re.search(r'rid="pos_kamling\.(\d+)"', made)
        assert found is not None
        chosen = CHOSEN.format(found[1])
        transacted(address, who, UPDATE.format(f"Pos baru {n}", chosen), INSERT.format("Pos lain"))
        transacted(address, who, DELETE.format(chosen))
        return int(found[1])

    answers = at_once([lambda n=n: (renames if n < 50 else lives)(n) for n in range(100)])

    for place, number in enumerate(shared):
        told = versions(town, number, "nama")
        assert [version for version, _ in told] == list(range(1, 42))
        assert sorted(name for _, name in told[1:]) == sorted(chain.from_iterable(answers[place:50:5]))
    for n, number in enumerate(answers[50:], 50):
        assert versions(town, number, "nama") == [(1, f"Pos {n}"), (2, f"Pos baru {n}")]
        assert town.row(number) is None


def test_those_who_wait_to_write_are_in_nobody_s_way_who_reads(town: Town, address: str) -> None:
    who = town.people["pic"]
    with ThreadPoolExecutor(30) as threads:
        with town.owner.begin() as importing:
            acts.hold(importing, [town.catalogue["pos_kamling"]])
            waiting = [threads.submit(transacted, address, who, INSERT.format("Pos")) for _ in range(30)]
            time.sleep(0.5)
            began = time.monotonic()
            assert asked(address, who, "GET", "/ogc/collections/posyandu?f=json")[0] == 200
            assert time.monotonic() - began < 3
            assert not any(each.done() for each in waiting)
        assert all("ResourceId" in each.result() for each in waiting)


def counted_over_http(address: str, who: Person, number: int, times: int) -> int:
    """Add one to a number so many times, each time to what was seen; how often somebody else came first."""
    item, made, stale = f"/ogc/collections/pos_kamling/items/{number}", 0, 0
    with closing(HTTPConnection(address, timeout=60)) as conn:
        while made < times:
            conn.request("GET", item, headers=who.bearer)
            seen = conn.getresponse()
            counted = str(int(json.loads(seen.read())["properties"]["alamat"]) + 1)
            headers = {"If-Match": seen.headers["ETag"], "Content-Type": "application/merge-patch+json"}
            conn.request("PATCH", item, json.dumps({"properties": {"alamat": counted}}), {**who.bearer, **headers})
            answer = conn.getresponse()
            said = answer.read()
            assert answer.status in (200, 204, 412), said
            if answer.status == 412:
                assert "versi" in json.loads(said)
                stale += 1
            else:
                made += 1
    return stale


def test_of_a_hundred_who_change_what_they_saw_the_later_are_told_and_nothing_is_lost(town: Town, address: str) -> None:
    shared = [town.made("pic", alamat="0") for _ in range(20)]

    stale = at_once([lambda n=n: counted_over_http(address, town.people["pic"], shared[n % 20], 2) for n in range(100)])

    assert sum(stale) > 0
    for number in shared:
        told = versions(town, number, "alamat")
        assert told == [(version, str(version - 1)) for version in range(1, 12)]
