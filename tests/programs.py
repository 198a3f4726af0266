"""What tests with programs that others wrote share: how they are run, and what they must find."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from conftest import running, settings_for
from people import Person, person
from sqlalchemy import Engine, text
from test_rights import PEOPLE, fill

from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.layers import Catalogue, Layer

LAYERS = sorted(file.stem for file in (Path(__file__).parent.parent / "layers").glob("*.toml"))
BOX = (112.0, -7.83, 112.03, -7.80)

OURS = {
    "kode_wilayah": "String",
    "status": "String",
    "source": "String",
    "accuracy_m": "Real",
    "uid": "String",
    "version": "Integer",
    "updated_at": "DateTime",
}
"""The types of the fields that every layer has, as ogrinfo calls what GDAL takes them for."""


def run_gdal(program: str, *arguments: str | Path) -> str:
    """What a program of the system's GDAL tells; nothing that it complains of is passed over."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (apt-get install gdal-bin)")
    done = subprocess.run([program, *arguments], text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr
    return done.stdout


def items(service: str, layer: str) -> list[dict[str, Any]]:
    """The features as the OGC API has them."""
    with urlopen(f"{service}/ogc/collections/{layer}/items?limit=10000", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["features"]
    return found


def types_of(layer: Layer, types: Mapping[str, str]) -> dict[str, str]:
    """The type that each public field has for a program that knows ours by these."""
    return {field.name: types[field.type] for field in layer.readable("publik")} | OURS


def count(engine: Engine, layer: str, condition: str = "true") -> int:
    """How many published features there are."""
    with engine.connect() as conn:
        sql = f"SELECT count(*) FROM layer.{layer} WHERE status = 'terbit' AND ({condition})"
        return int(conn.scalar(text(sql.replace(":", "\\:"))))


@dataclass(frozen=True)
class Accounts:
    """The town of `test_rights` behind a real server, with accounts that read beyond what is public."""

    address: str
    people: dict[str, Person]

    @property
    def items(self) -> str:
        return f"{self.address}/ogc/collections/pos_kamling/items"


@contextmanager
def with_accounts(cluster: Cluster, catalogue: Catalogue, database: str) -> Iterator[Accounts]:
    settings = settings_for(cluster, database)
    with open_city(settings, catalogue) as engine, open_service(engine, LONGEST_STATEMENT) as service:
        with engine.begin() as conn:
            fill(conn)
            people = {name: person(conn, name, *PEOPLE[name], scope="read") for name in ("perencana", "lurah")}
        with running(create_app(settings, catalogue, service)) as address:
            yield Accounts(address, people)
