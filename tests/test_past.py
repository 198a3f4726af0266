"""The history: who sees which versions, what is put back, and the data as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from test_editing import BANDAR, GIVEN, IN_BANDAR, IN_POJOK, POJOK, RIGHTS, Town, kelurahan
from conftest import settings_for
from people import person

from geosatu.api.app import LONGEST_STATEMENT
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.database.rights import act_as, open_restricted
from geosatu.features import PUBLIC, Actor, Query
from geosatu.layers import Catalogue
from geosatu.store import statements


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[Town]:
    settings = settings_for(cluster, "past")
    with open_city(settings, catalogue) as owner, open_service(owner, LONGEST_STATEMENT) as service:
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
