"""PostgreSQL's own limit: the same answers from one connection, with nothing around the database.

The text of a feature is written here once more, in the fastest form that we know, so that the limit does not
move with the code that is measured against it.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from sqlalchemy import ARRAY, Date, DateTime, Float, Integer, Uuid
from sqlalchemy.types import TypeEngine

from benchmarks.city import FILTER, POLYGONS, City
from geosatu.database.tables import table_of

PLAIN = (Integer, Float)
QUOTED = (Uuid, Date)
COPY_PLAIN = "FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02'"


class Limit:
    """Questions answered by PostgreSQL itself."""

    def __init__(self, city: City, conn: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._city = city
        self._conn = conn

    def page(self, layer: str, size: int, after: int = 0) -> tuple[float, bytes]:
        """Seconds and features of a page behind an id."""
        return self._copy(f"{self._select(layer)} AND id > {after} ORDER BY id LIMIT {size}")

    def gml(self, layer: str, size: int) -> tuple[float, bytes]:
        """Seconds and members of the first page as GML 3.2."""
        text = " || ".join(self._gml_pieces(layer))
        select = f"SELECT {text} FROM layer.{layer} WHERE status <> 'arsip' ORDER BY id LIMIT {size}"  # noqa: S608
        return self._copy(select, b"")

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

    def create(self, layer: str, points: Sequence[Mapping[str, Any]]) -> float:
        """Seconds until new points are on the disk: one statement with all triggers of the layer, and a commit."""
        names = ", ".join(name for name in points[0] if name not in ("x", "y"))
        statement = (
            f"INSERT INTO layer.{layer} (kode_wilayah, created_by, updated_by, {names}, geom) "  # noqa: S608
            f"SELECT '35.71.01.1001', 'bench', 'bench', {names}, ST_SetSRID(ST_MakePoint(x, y), 4326) "
            f"FROM jsonb_to_recordset(%s::jsonb) AS given ({names.replace(',', ' text,')} text, x float, y float)"
        )
        start = time.perf_counter()
        self._conn.execute(statement, [json.dumps(points)])
        return time.perf_counter() - start

    def _copy(self, select: str, between: bytes = b",") -> tuple[float, bytes]:
        start = time.perf_counter()
        with self._conn.cursor() as cursor, cursor.copy(f"COPY ({select}) TO STDOUT ({COPY_PLAIN})") as rows:
            pieces = [bytes(row)[:-1] for row in rows]
        return time.perf_counter() - start, between.join(pieces)

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
            kind = columns[name].type
            if isinstance(kind, PLAIN):
                value = f"{name}::text"
            elif isinstance(kind, QUOTED):
                value = f"""'"' || {name} || '"'"""
            else:
                value = f"to_json({name})::text"
            yield f"""'{before}"{name}":' || coalesce({value}, 'null')"""
            before = ","
        yield "'}}'"

    def _gml_pieces(self, layer: str) -> Iterator[str]:
        """Points only. Text is escaped only in features where something has to be."""
        columns = table_of(self._city.layer(layer)).c
        kinds = {name: columns[name].type for name in self._city.properties(layer)}
        texts = {name: _xml_text(name, kind) for name, kind in kinds.items()}
        risky = [texts[name] for name, kind in kinds.items() if not isinstance(kind, (*PLAIN, *QUOTED, DateTime))]
        escaped = {
            name: f"replace(replace(replace({text}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')"
            for name, text in texts.items()
        }
        yield f"""'<wfs:member><geosatu:{layer} gml:id="{layer}.' || id || '">'"""
        yield (
            f"CASE WHEN concat_ws('', {', '.join(risky)}) ~ '[&<>]' THEN {_elements(escaped)} "
            f"ELSE {_elements(texts)} END"
        )
        yield f"""'<geosatu:geom><gml:Point srsName="urn:ogc:def:crs:EPSG::4326" gml:id="{layer}.' || id || '.geom">'"""
        yield """'<gml:pos>' || ST_Y(geom) || ' ' || ST_X(geom) || '</gml:pos></gml:Point></geosatu:geom>'"""
        yield f"'</geosatu:{layer}></wfs:member>'"


def _elements(texts: Mapping[str, str]) -> str:
    return " || ".join(
        f"coalesce('<geosatu:{name}>' || {text} || '</geosatu:{name}>', '')" for name, text in texts.items()
    )


def _xml_text(name: str, kind: TypeEngine[Any]) -> str:
    if isinstance(kind, DateTime):
        return f"replace({name}::text, ' ', 'T') || ':00'"
    return f"array_to_string({name}, ', ')" if isinstance(kind, ARRAY) else f"{name}::text"


def _program(conn: psycopg.Connection[tuple[Any, ...]], name: str) -> str:
    row = conn.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()
    assert row is not None
    return f"{row[0]}/{name}"
