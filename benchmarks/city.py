"""The city of the benchmark: a million points and a hundred thousand polygons, the same ones in every run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine

from geosatu.api.app import LONGEST_STATEMENT
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.features import PUBLIC
from geosatu.layers import Catalogue, Layer, read_catalogue
from geosatu.settings import Settings
from geosatu.store.rendering import properties_of

POINTS, POLYGONS = "pos_kamling", "batas_rt"
POINT_COUNT, POLYGON_COUNT = 1_000_000, 100_000
PAGE = 1_000

WEST, SOUTH = 111.7, -8.2
CELL = 0.0012
"""Degrees from one polygon to the next; 316 of them stand in a row."""

BOX = (111.82, -8.08, 111.858, -8.0424)
"""Holds about 1,000 polygons, half of which the filter leaves."""

FILTER = ("jenis_unit", "rt")
ZOOM = 13
TILES = [(x, y) for y in range(4276, 4282) for x in range(6639, 6644)]
"""Full of polygons and points at `ZOOM`."""

FILL_POINTS = f"""
INSERT INTO layer.{POINTS} (uid, kode_wilayah, status, source, accuracy_m, created_by, updated_by, created_at,
    updated_at, nama, status_operasi, kondisi, alamat, rw, rt, fasilitas, cakupan, tanggal_data, geom)
SELECT md5('titik ' || n)::uuid, '35.71.0' || n % 3 + 1 || '.10' || lpad((n % 46)::text, 2, '0'),
    'terbit', 'survei_gps', 3.5, 'bench', 'bench', '2026-01-01', '2026-01-01',
    'Pos kamling ' || n, (ARRAY['aktif', 'tidak_aktif', 'rusak', 'rencana'])[n % 4 + 1], 'baik',
    'Jalan Merdeka ' || n % 400, lpad((n % 20)::text, 3, '0'), lpad((n % 9)::text, 3, '0'),
    ARRAY['kentongan', 'lampu'], ARRAY[(n % 20) || '/' || (n % 9)], date '2025-01-01' + n % 365,
    ST_SetSRID(ST_MakePoint(round((%(west)s + 0.72 * random())::numeric, 7),
        round((%(south)s + 0.72 * random())::numeric, 7)), 4326)
FROM generate_series(1, {POINT_COUNT}) AS n
"""  # noqa: S608  # numbers and names of our own

FILL_POLYGONS = f"""
INSERT INTO layer.{POLYGONS} (uid, kode_wilayah, status, source, created_by, updated_by, created_at, updated_at,
    jenis_unit, no_rt, no_rw, jumlah_kk, jumlah_penduduk, laki_laki, perempuan, jumlah_rumah, tanggal_jumlah,
    sumber_jumlah, status_batas, tanggal_data, geom)
SELECT md5('bidang ' || n)::uuid, '35.71.0' || n / 50000 + 1 || '.1' || lpad((n / 1000 % 50)::text, 3, '0'),
    'terbit', 'digitasi_citra', 'bench', 'bench', '2026-01-01', '2026-01-01',
    (ARRAY['rt', 'lingkungan'])[n % 2 + 1], lpad((n % 20)::text, 3, '0'), lpad((n / 20 % 50)::text, 3, '0'),
    30 + n % 40, 90 + n % 130, 45 + n % 65, 45 + n % 66, 25 + n % 30, '2025-06-30', 'laporan_rt', 'indikatif',
    date '2025-01-01' + n % 365,
    ST_Multi(ST_MakePolygon(ST_MakeLine(corners || corners[1])))
FROM generate_series(0, {POLYGON_COUNT} - 1) AS n,
    LATERAL (
        SELECT array_agg(ST_SetSRID(ST_MakePoint(
            round((%(west)s + {CELL} * (n %% 316) + reach * cosd(k * 22.5))::numeric, 7),
            round((%(south)s + {CELL} * (n / 316) + reach * sind(k * 22.5))::numeric, 7)), 4326) ORDER BY k) AS corners
        FROM (SELECT k, {CELL} * (0.35 + 0.1 * random()) AS reach FROM generate_series(0, 15) AS k WHERE n >= 0) AS a
    ) AS shape
"""  # noqa: S608  # numbers and names of our own


KELURAHAN, KELURAHAN_COUNT = "batas_kelurahan", 49
FILL_KELURAHAN = f"""
INSERT INTO layer.{KELURAHAN} (kode_wilayah, nama, kecamatan, status_batas, sumber, status, created_by, updated_by,
    geom)
SELECT '35.71.01.' || 1001 + n, 'Kelurahan ' || n, 'Bench', 'ilustratif', 'bench', 'terbit', 'bench', 'bench',
    ST_Multi(ST_MakeEnvelope(%(west)s + 0.11 * (n %% 7), %(south)s + 0.11 * (n / 7),
        %(west)s + 0.11 * (n %% 7 + 1), %(south)s + 0.11 * (n / 7 + 1), 4326))
FROM generate_series(0, {KELURAHAN_COUNT} - 1) AS n
"""  # noqa: S608  # numbers and names of our own


@dataclass(frozen=True)
class City:
    """The filled database, running."""

    settings: Settings
    catalogue: Catalogue
    conninfo: str
    service: Engine
    """The service's own connections, for functions without HTTP."""
    versions: dict[str, str]

    @property
    def access(self) -> dict[str, str]:
        """User, password, folder of the socket and name of the database."""
        return {name: str(value) for name, value in conninfo_to_dict(self.conninfo).items()}

    def layer(self, name: str) -> Layer:
        return self.catalogue[name]

    def properties(self, name: str) -> list[str]:
        """What the public sees of a layer; all contestants are asked for the same."""
        return [column.name for column in properties_of(self.layer(name), PUBLIC.access)]


@contextmanager
def running(folder: Path, layers: Path) -> Iterator[City]:
    """The city on a cluster of its own, filled in the first run and kept for the next."""
    settings = Settings(home=folder / "home", layers=layers, database_url=None)
    catalogue = read_catalogue(layers)
    with open_city(settings, catalogue) as owner, open_service(owner, LONGEST_STATEMENT) as service:
        conninfo = Cluster(settings.home).conninfo
        conn: psycopg.Connection[tuple[Any, ...]]
        with psycopg.connect(conninfo, autocommit=True) as conn:
            _fill(conn)
            versions = {
                "PostgreSQL": _one(conn, "SHOW server_version").split()[0],
                "PostGIS": _one(conn, "SELECT postgis_lib_version()"),
            }
        yield City(settings, catalogue, conninfo, service, versions)


def _fill(conn: psycopg.Connection[tuple[Any, ...]]) -> None:
    filled = (
        (KELURAHAN, FILL_KELURAHAN, KELURAHAN_COUNT),
        (POINTS, FILL_POINTS, POINT_COUNT),
        (POLYGONS, FILL_POLYGONS, POLYGON_COUNT),
    )
    for layer, statement, count in filled:
        if _one(conn, f"SELECT count(*) FROM layer.{layer}") == str(count):  # noqa: S608  # a name of our own
            continue
        with conn.transaction():
            conn.execute(f"TRUNCATE layer.{layer} RESTART IDENTITY")
            conn.execute("SELECT setseed(0.35)")
            conn.execute(statement.replace("%(west)s", str(WEST)).replace("%(south)s", str(SOUTH)).replace("%%", "%"))
        conn.execute(f"VACUUM ANALYZE layer.{layer}")
    conn.execute("CHECKPOINT")


def _one(conn: psycopg.Connection[tuple[Any, ...]], statement: str) -> str:
    row = conn.execute(statement).fetchone()
    assert row is not None
    return str(row[0])
