"""A served town of its own for tests that change what is there: two kelurahan, and what a test adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from conftest import running, settings_for
from fastapi.testclient import TestClient
from people import Person, person
from sqlalchemy import Connection, Engine, insert, text
from starlette.types import ASGIApp

from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.database.tables import table_of
from geosatu.layers import Catalogue

HERE, THERE = "35.71.01.1001", "35.71.02.1001"
PLACE = "SRID=4326;POINT(112.005 -7.795)"

POSYANDU = {"nama": "Melati", "jenis": "balita", "strata": "madya", "status_operasi": "aktif", "jumlah_kader": 5}


def square(west: float) -> str:
    """A kelurahan of a hundredth of a degree."""
    east = west + 0.01
    return f"SRID=4326;MULTIPOLYGON((({west} -7.8, {east} -7.8, {east} -7.79, {west} -7.79, {west} -7.8)))"


@dataclass(frozen=True)
class Town:
    """The town as its owner sees it."""

    owner: Engine
    catalogue: Catalogue

    def add(self, layer: str, **values: Any) -> int:
        """A feature as the owner of the tables writes it; its id."""
        table = table_of(self.catalogue[layer])
        row = {"created_by": "uji", "updated_by": "uji", "kode_wilayah": HERE, "geom": PLACE, **values}
        with self.owner.begin() as conn:
            feature: int = conn.scalar(insert(table).values(row).returning(table.c.id))
        return feature

    def person(self, name: str, *rights: tuple[str, str], scope: str = "write") -> Person:
        with self.owner.begin() as conn:
            return person(conn, name, *rights, scope=scope)

    def run(self, statement: str, **values: Any) -> list[Any]:
        """What the owner's statement gives."""
        with self.owner.begin() as conn:
            result = conn.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []


@dataclass(frozen=True)
class ServedTown(Town):
    """The town, and those who ask the service without a network."""

    client: TestClient


@dataclass(frozen=True)
class RunningTown(Town):
    """The town behind a real server, for browsers."""

    address: str


@contextmanager
def served_town(cluster: Cluster, catalogue: Catalogue, database: str) -> Iterator[ServedTown]:
    """Kelurahan Barat and Timur, published and served."""
    with _town(cluster, catalogue, database) as (owner, app), TestClient(app, raise_server_exceptions=False) as client:
        yield ServedTown(owner, catalogue, client)


@contextmanager
def running_town(cluster: Cluster, catalogue: Catalogue, database: str) -> Iterator[RunningTown]:
    """The same, as a service with an address."""
    with _town(cluster, catalogue, database) as (owner, app), running(app) as address:
        yield RunningTown(owner, catalogue, address)


@contextmanager
def _town(cluster: Cluster, catalogue: Catalogue, database: str) -> Iterator[tuple[Engine, ASGIApp]]:
    settings = settings_for(cluster, database)
    with open_city(settings, catalogue) as owner:
        with owner.begin() as conn:
            _boundaries(conn, catalogue)
        with open_service(owner, LONGEST_STATEMENT) as service:
            yield owner, create_app(settings, catalogue, service)


def _boundaries(conn: Connection, catalogue: Catalogue) -> None:
    for kode, nama, west in ((HERE, "Barat", 112.0), (THERE, "Timur", 112.01)):
        row = {"kode_wilayah": kode, "nama": nama, "kecamatan": "Kota", "status_batas": "indikatif", "sumber": "uji"}
        about = {"geom": square(west), "status": "terbit", "created_by": "uji", "updated_by": "uji"}
        conn.execute(insert(table_of(catalogue["batas_kelurahan"])).values(row | about))
