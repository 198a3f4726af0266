"""What was acknowledged outlives any kill: PostgreSQL is killed twenty times in the middle of a thousand writes."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest
from conftest import ROOT, new_home, running
from people import person
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_cluster import within
from test_editing import BANDAR, GIVEN, IN_BANDAR, RIGHTS, Town, kelurahan
from test_many_writers import INSERT, TRANSACTION, asked

from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.errors import StaleEdit, UnknownFeature
from geosatu.layers import Catalogue
from geosatu.settings import Settings

KILLS = 20
CLIENTS = 4
WRITES = 50
"""Acknowledged ones, after which PostgreSQL is killed soon."""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with new_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def town(cluster: Cluster, home: Path, catalogue: Catalogue) -> Iterator[Town]:
    """A town on a cluster of its own; `cluster` is asked for so that all skip where there is none."""
    settings = Settings(home=home, database_url=None, layers=ROOT / "layers", geodata=ROOT / "geodata")
    with open_city(settings, catalogue) as owner, open_service(owner, LONGEST_STATEMENT) as service:
        with owner.begin() as conn:
            kelurahan(conn, BANDAR, "Bandar Lor", 112.0)
            people = {name: person(conn, name, *rights) for name, rights in RIGHTS.items()}
        yield Town(owner, service, catalogue, people)


def kill(home: Path) -> None:
    """PostgreSQL and all its processes, at once and without a word."""
    postmaster = int((Cluster(home).data / "postmaster.pid").read_text().split("\n", 1)[0])
    os.kill(postmaster, signal.SIGSTOP)  # it starts no others while we count them
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for process in (postmaster, *map(int, children)):
        os.kill(process, signal.SIGKILL)


@dataclass
class Feature:
    """A feature, and what was acknowledged of it."""

    uid: uuid.UUID = field(default_factory=uuid.uuid4)
    id: int = 0
    names: list[str] = field(default_factory=list)
    """One for each version, the first one first."""
    gone: bool = False


class Client:
    """Makes features, changes each twice, and deletes it. What it gets no answer to, it asks for again."""

    def __init__(self, town: Town) -> None:
        self.town, self.features, self.acknowledged = town, [Feature()], 0

    def write_until(self, killed: threading.Event) -> None:
        """Write until PostgreSQL answers no more."""
        while True:
            try:
                self.write()
            except DBAPIError:
                assert killed.wait(5)
                return
            self.acknowledged += 1

    def write(self) -> None:
        """The next write; it counts once it is acknowledged."""
        feature = self.features[-1]
        if len(feature.names) < 3:
            self._name(feature, f"{feature.uid} {len(feature.names)}")
        else:
            self._delete(feature)
            self.features.append(Feature())

    def _name(self, feature: Feature, name: str) -> None:
        version, said = len(feature.names), GIVEN | {"nama": name}
        if version == 0:
            (done,) = self.town.apply("pic", self.town.edit(uid=feature.uid, properties=said, geometry=IN_BANDAR))
            feature.id = done.feature.id
        else:
            try:
                self.town.apply("pic", self.town.edit(id=feature.id, version=version, properties=said))
            except StaleEdit as stale:
                # Nobody else changes this feature: it was the very same change, unacknowledged.
                if stale.version != version + 1:
                    raise
        feature.names.append(name)

    def _delete(self, feature: Feature) -> None:
        with suppress(UnknownFeature):  # it is gone already, unacknowledged
            self.town.apply("pic", self.town.edit(id=feature.id, version=len(feature.names), deletes=True))
        feature.gone = True


def kept(town: Town) -> dict[uuid.UUID, list[tuple[int, str, bool]]]:
    """The versions of each feature, with its name then, and whether it was deleted after that."""
    told = """
        SELECT uid, version, nama, false FROM layer.pos_kamling UNION ALL
        SELECT (attributes ->> 'uid')::uuid, version, attributes ->> 'nama', deleted FROM geosatu.history
        WHERE layer = 'pos_kamling' ORDER BY 1, 2"""
    with town.owner.connect() as conn:
        rows = conn.execute(text(told)).all()
    return {uid: [tuple(row[1:]) for row in of_one] for uid, of_one in groupby(rows, key=lambda row: row[0])}


def require_acknowledged(town: Town, clients: list[Client], *, unacknowledged: int) -> None:
    """Every acknowledged write is there, once and in its order, and of each feature at most so many others."""
    features = [each for client in clients for each in client.features]
    found = {uid: versions for uid, versions in kept(town).items() if versions[0][1].startswith(str(uid))}
    for feature in features:
        expected = [(number, name, False) for number, name in enumerate(feature.names, 1)]
        if feature.gone:
            expected[-1] = (*expected[-1][:2], True)
        there = found.pop(feature.uid, [])
        if not feature.gone and unacknowledged and there and there[-1][2]:
            there[-1] = (*there[-1][:2], False)
        assert there[: len(expected)] == expected
        assert len(there) <= len(expected) + unacknowledged
    assert not found


def test_every_acknowledged_write_outlives_twenty_kills_and_none_is_there_twice(town: Town, home: Path) -> None:
    chance = random.Random(20)
    clients = [Client(town) for _ in range(CLIENTS)]
    for _ in range(KILLS):
        dead = threading.Event()
        enough = sum(each.acknowledged for each in clients) + WRITES
        with ThreadPoolExecutor(CLIENTS) as threads:
            writing = [threads.submit(each.write_until, dead) for each in clients]
            while sum(each.acknowledged for each in clients) < enough and not any(each.done() for each in writing):
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
            kill(home)
            dead.set()
        for each in writing:
            each.result()
        with Cluster(home).running():
            for engine in (town.owner, town.service):
                engine.dispose()  # its connections are dead
            require_acknowledged(town, clients, unacknowledged=1)

    for each in clients:
        each.write()
    require_acknowledged(town, clients, unacknowledged=0)
    assert sum(each.acknowledged for each in clients) >= 1000


def test_the_service_goes_on_after_kills_of_postgresql_with_all_that_it_acknowledged(town: Town, home: Path) -> None:
    chance, who = random.Random(5), town.people["pic"]
    acknowledged: list[str] = []
    refused: list[int] = []

    def write_until(done: threading.Event, address: str) -> None:
        while not done.is_set():
            name = f"Pos {uuid.uuid4()}"
            status, said = asked(address, who, "POST", "/wfs", TRANSACTION.format(INSERT.format(name)))
            if status == 200 and "Exception" not in said:
                acknowledged.append(name)
            else:
                refused.append(status)

    settings = Settings(home=home, database_url=None, layers=ROOT / "layers", geodata=ROOT / "geodata")
    with running(create_app(settings, town.catalogue, town.service)) as url, ThreadPoolExecutor(CLIENTS) as threads:
        done = threading.Event()
        writing = [threads.submit(write_until, done, url.removeprefix("http://")) for _ in range(CLIENTS)]
        try:
            for kills in range(1, 6):
                assert within(20, lambda wanted=kills * 30: len(acknowledged) >= wanted)
                time.sleep(chance.uniform(0, 0.05))
                kill(home)
                with Cluster(home).running():
                    pass
            assert within(20, lambda: len(acknowledged) >= 200)
        finally:
            done.set()
        for each in writing:
            each.result()

    assert set(refused) == {503}
    town.owner.dispose()
    with town.owner.connect() as conn:
        assert set(acknowledged) <= set(conn.scalars(text("SELECT nama FROM layer.pos_kamling")))


def test_a_write_is_on_the_disk_before_it_is_acknowledged_whatever_the_server_is_set_to(town: Town) -> None:
    with town.owner.connect() as conn:
        name = conn.engine.url.database
        conn.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
        conn.commit()
    town.service.dispose()
    with town.service.connect() as conn:
        told = {name: conn.scalar(text(f"SHOW {name}")) for name in ("fsync", "full_page_writes", "synchronous_commit")}

    assert told == {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
