"""`python -m benchmarks`: prints the table and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import platform
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyogrio
from rich.console import Console
from rich.table import Table

from benchmarks import city, exports, memory, table
from benchmarks.contestants import contestants
from benchmarks.limits import Limit
from benchmarks.questions import WARM, Bench
from benchmarks.wfs_servers import wfs_servers

PAGE = Path("docs/benchmarks.md")

ALONE = "-c max_parallel_workers_per_gather=0"
"""Faster for the limit: parallel workers would each load PROJ anew. geosatu does the same for itself."""

INTRODUCTION = """\
# Benchmarks

geosatu beside TiPg, pygeoapi, ogr2ogr, MapServer and QGIS Server, and beside PostgreSQL's own limit, on one PostGIS in
one run. All servers run at once, each {workers}. They take turns, in another order each round, so that a busy machine
is busy for everybody. Times are medians of {rounds} rounds ({few} of what takes seconds, and of loads from 16
connections), after up to {warm} rounds that do not count. Believe ratios, not milliseconds. Before anything is timed,
ids, counts and coordinates to 7 decimals are compared with those of the limit; where they differ, the run ends.

- The data: {points:,} points (`pos_kamling`) and {polygons:,} polygons of 17 vertices (`batas_rt`), made in SQL with a
  fixed seed, with all public fields of the two layers.
- The limit: one connection to PostgreSQL. The same text by COPY, written once more in the fastest SQL we know; pgbench
  with a prepared select for single features; `ST_AsMVT` over a transform on the fly for tiles. Parallel workers are
  off, as geosatu has them; TiPg and pygeoapi have the defaults of the server, as they come.
- No policies: geosatu itself, signed in as the owner of the tables, above row-level security.
- TiPg and pygeoapi show the same columns. TiPg's tiles have the same attributes and margin as ours, but hold only
  features that reach into the tile itself; of tiles, only the numbers of features are compared, since ours are
  simplified. Nobody compresses, unless the table says so.
- WFS: MapServer and QGIS Server are FastCGI processes that stay and keep their connections, behind nginx. MapServer
  answers in GML 3.2 as geosatu does, QGIS Server, which speaks WFS 1.1.0 at most, in GML 3.1. They show the same
  columns, and coordinates are compared to 6 decimals, since MapServer writes no more. The limit writes byte for byte
  what geosatu does. They are compared where they are installed: `apt install cgi-mapserver qgis-server python3-qgis
  nginx-light`.
- New points: by a program with a token, with all checks, rules and rights, on the disk when the answer comes
  (`fsync`, `full_page_writes` and `synchronous_commit` are on, or the run ends). The limit is one INSERT of all of
  them with the triggers of the layer, by its owner. "By function" is the same without HTTP and its formats.
- Memory is the resident memory of the server's processes; for the whole layer, the rise to its peak.

"""


def main() -> None:
    """Measure everything once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each question (default: 15)")
    parser.add_argument("--folder", type=Path, default=Path(".geosatu/bench"), help="keeps the database between runs")
    parser.add_argument("--layers", type=Path, default=Path("layers"), help="the catalogue")
    parser.add_argument("--workers", type=int, default=1, help="processes of TiPg and of pygeoapi")
    parser.add_argument("--page", type=Path, default=PAGE, help=f"the page to write (default: {PAGE})")
    given = parser.parse_args()
    folder, say = given.folder.absolute(), Console(stderr=True).print
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        say("The database of the benchmark (the first run fills it, which takes minutes) ...")
        running = held.enter_context(city.running(folder, given.layers.absolute()))
        ours, others, notes = contestants(running, folder, given.workers)
        wfs, missing = wfs_servers(running, folder)
        notes += missing
        for each in (ours, *others, *wfs):
            say(f"Starting {each.name} {each.version} ...")
            held.enter_context(each.running())
        conn = held.enter_context(psycopg.connect(running.conninfo, autocommit=True, options=ALONE))
        bench = Bench(Limit(running, conn), ours, others, wfs, given.rounds, folder)
        rows = []
        for row in bench.rows():
            say("  ".join(table.cells(row)), soft_wrap=True)
            rows.append(row)
        versions = {each.name: each.version for each in (ours, *others, *wfs)} | running.versions
    if (ogr := exports.ogr_version()) is None:
        notes.append("ogr2ogr is not installed (apt install gdal-bin), so files are not compared.")
    versions |= {
        "ogr2ogr": ogr or "–",
        "our GDAL": pyogrio.__gdal_version_string__,
        "Python": platform.python_version(),
    }
    _print(rows)
    given.page.write_text(_page(rows, versions, notes, given), "utf-8")


def _print(rows: list[table.Row]) -> None:
    shown = Table(*table.HEAD)
    for row in rows:
        shown.add_row(*table.cells(row))
    Console(width=200).print(shown)


def _page(rows: list[table.Row], versions: dict[str, str], notes: list[str], given: argparse.Namespace) -> str:
    introduction = INTRODUCTION.format(
        workers="in one process" if given.workers == 1 else f"in {given.workers} processes",
        rounds=given.rounds,
        warm=WARM,
        few=max(1, given.rounds // 4),
        points=city.POINT_COUNT,
        polygons=city.POLYGON_COUNT,
    )
    told = [
        f"- Command: `make bench`, on {datetime.now(UTC):%Y-%m-%d}",
        f"- Machine: {memory.machine()}, {platform.system()} {platform.machine()}",
        f"- Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}",
        *(f"- {note}" for note in notes),
    ]
    return "\n".join((introduction + table.markdown(rows), *told, ""))


if __name__ == "__main__":
    main()
