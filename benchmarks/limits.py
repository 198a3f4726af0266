"""PostgreSQL's own limit: the same answers from one connection, with nothing around the database.

The text of a feature is written here once more, in the fastest form that we know, so that the limit does not
move with the code that is measured against it.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from benchmarks.city import FILTER, POLYGONS, City
from geosatu.database.tables import table_of

PLAIN = ("BIGINT", "INTEGER", "DOUBLE PRECISION")
QUOTED = ("UUID", "DATE")
COPY_PLAIN = "FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02'"


class Limit:
    """Questions answered by PostgreSQL itself."""

    def __init__(self, city: City, conn: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._city = city
        self._conn = conn

    def page(self, layer: str, size: int, after: int = 0) -> tuple[float, bytes]:
        """Seconds and features of a page behind an id."""
        return self._copy(f"{self._select(layer)} AND id > {after} ORDER BY id LIMIT {size}")

    def box(self, layer: str, box: tuple[float, ...], size: int) -> tuple[float, bytes]:
        """Seconds and features of a box with the filter."""
        envelope = f"ST_MakeEnvelope({', '.join(map(str, box))}, 4326)"
        name, value = FILTER
        select = f"{self._select(layer)} AND ST_Intersects(geom, {envelope}) AND {name} = '{value}'"
        return self._copy(f"{select} ORDER BY id LIMIT {size}")

    def whole(self, layer: str) -> tuple[float, bytes]:
        """Seconds and text of all features."""
        return self._copy(f"{self._select(layer)} ORDER BY id")

    def tile(self, layer: str, zoom: int, x: int, y: int, margin: int = 64) -> tuple[float, bytes]:
        """Seconds and bytes of a tile by `ST_AsMVT` over a transform on the fly; it leaves out what has no shape
        itself, and a condition that says so would have each shape made twice."""
        start = time.perf_counter()
        with self._conn.cursor(binary=True) as cursor:
            row = cursor.execute(self._tile(layer, zoom, x, y, margin)).fetchone()
        assert row is not None
        return time.perf_counter() - start, row[0]

    def read(self, layer: str, zoom: int, x: int, y: int) -> None:
        """Have a tile's features read from the disk, by a connection that is not timed: one that has read them
        before is faster than one that has not."""
        with psycopg.connect(self._city.conninfo) as conn:
            conn.execute(self._tile(layer, zoom, x, y, 64))

    def _tile(self, layer: str, zoom: int, x: int, y: int, margin: int) -> str:
        envelope = f"ST_TileEnvelope({zoom}, {x}, {y})"
        return f"""
            SELECT ST_AsMVT(q, '{layer}', 4096, 'shape', 'id') FROM (
                SELECT id, {self._city.layer(layer).label}, kode_wilayah,
                    ST_AsMVTGeom(ST_Transform(geom, 3857), {envelope}, 4096, {margin}) AS shape
                FROM layer.{layer}
                WHERE geom && ST_Transform(ST_Expand({envelope}, {margin} * 40075016.68 / 2 ^ {zoom} / 4096), 4326)
            ) AS q"""  # noqa: S608  # numbers and names of our own

    def features_per_second(self, layer: str, count: int, connections: int, seconds: int) -> float:
        """Single features by pgbench with a prepared select."""
        access = self._city.access
        script = f"\\set id random(1, {count})\n{self._select(layer)} AND id = :id;\n"
        told = subprocess.run(
            [
                *(_program(self._conn, "pgbench"), "--no-vacuum", "--protocol=prepared", "--file=/dev/stdin"),
                *(f"--client={connections}", "--jobs=2", f"--time={seconds}"),
                *("-h", access["host"], "-U", access["user"], access["dbname"]),
            ],
            input=script,
            env={"PGPASSWORD": access["password"]},
            check=True,
            capture_output=True,
            text=True,
        )
        found = re.search(r"tps = ([\d.]+)", told.stdout)
        assert found is not None, told.stdout
        return float(found[1])

    def _copy(self, select: str) -> tuple[float, bytes]:
        start = time.perf_counter()
        with self._conn.cursor() as cursor, cursor.copy(f"COPY ({select}) TO STDOUT ({COPY_PLAIN})") as rows:
            pieces = [bytes(row)[:-1] for row in rows]
        return time.perf_counter() - start, b",".join(pieces)

    def _select(self, layer: str) -> str:
        text = " || ".join(self._pieces(layer))
        return f"SELECT {text} FROM layer.{layer} WHERE status <> 'arsip'"  # noqa: S608  # names of our own

    def _pieces(self, layer: str) -> Iterator[str]:
        columns = table_of(self._city.layer(layer)).c
        yield """'{"type":"Feature","id":' || id"""
        if layer == POLYGONS:
            yield """',"geometry":' || ST_AsGeoJSON(geom, 9, 0)"""
        else:
            yield """',"geometry":{"type":"Point","coordinates":[' || ST_X(geom) || ',' || ST_Y(geom) || ']}'"""
        before = ',"properties":{'
        for name in self._city.properties(layer):
            kind = str(columns[name].type)
            if kind in PLAIN:
                value = f"{name}::text"
            elif kind in QUOTED:
                value = f"""'"' || {name} || '"'"""
            else:
                value = f"to_json({name})::text"
            yield f"""'{before}"{name}":' || coalesce({value}, 'null')"""
            before = ","
        yield "'}}'"


def _program(conn: psycopg.Connection[tuple[Any, ...]], name: str) -> str:
    row = conn.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()
    assert row is not None
    return f"{row[0]}/{name}"
