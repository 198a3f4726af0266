"""The questions: each is answered alike by all before it is timed, contestants taking turns in every round."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median

from benchmarks import equal, exports, memory
from benchmarks.city import BOX, FILTER, PAGE, POINT_COUNT, POINTS, POLYGON_COUNT, POLYGONS, TILES, ZOOM
from benchmarks.client import per_second
from benchmarks.contestants import Contestant, Geosatu
from benchmarks.limits import Limit
from benchmarks.table import LIMIT, MAPSERVER, OGR, OURS, PYGEOAPI, QGIS, TIPG, UNGUARDED, Most, Row, Target
from benchmarks.wfs_servers import FastCgi
from benchmarks.writing import Given, points, writing

CONNECTIONS = 16
WARM = 5
DEEP = 500
NUMBERS = random.Random(7).sample(range(1, POINT_COUNT + 1), 4_000)  # noqa: S311
"""The ids of the single features that are asked for."""

EDGE = 0.005
"""Of a tile's features may be missing: simplified, one more or less reaches into its margin."""

SIX_DECIMALS = 1.01e-6
"""MapServer writes no more of degrees."""

GUARDED = Target(1.1, UNGUARDED)

Timed = Callable[[], float]


@dataclass(frozen=True)
class Bench:
    """Everybody who takes part, how often, and where files may lie."""

    limit: Limit
    geosatu: Geosatu
    others: list[Contestant]
    wfs: list[FastCgi]
    rounds: int
    folder: Path

    @property
    def contestants(self) -> list[Contestant]:
        return [self.geosatu, *self.others]

    @property
    def few(self) -> int:
        """Rounds of what takes seconds."""
        return max(1, self.rounds // 4)

    def rows(self) -> Iterator[Row]:
        """All questions, one after another."""
        yield self.page("1,000 points, first page", 0)
        yield self.page(f"1,000 points, page {DEEP + 1}", DEEP)
        yield self.box()
        yield self.feature()
        yield from self.kept()
        yield self.cold_tile(POLYGONS)
        yield self.cold_tile(POINTS)
        yield from self.whole()
        yield from self.files()
        yield self.gml()
        yield from self.created()
        yield self.memory()

    def page(self, question: str, pages: int) -> Row:
        """A page of points, found by following `next` where that is the way."""
        expected = equal.shapes(_collection(self.limit.page(POINTS, PAGE, pages * PAGE)[1]))
        ways: dict[str, Timed] = {LIMIT: lambda: self.limit.page(POINTS, PAGE, pages * PAGE)[0]}
        for each in self.contestants:
            path = each.deep(POINTS, pages, PAGE) if pages else each.items(POINTS, limit=PAGE)
            ways[each.name] = _asking(each, path, expected)
        return Row(question, "ms", _turns(ways, self.rounds, 1000), (Target(1.5), Target(0.1, TIPG), GUARDED))

    def box(self) -> Row:
        """A box with a filter on an attribute."""
        name, value = FILTER
        expected = equal.shapes(_collection(self.limit.box(POLYGONS, BOX, PAGE)[1]))
        ways: dict[str, Timed] = {LIMIT: lambda: self.limit.box(POLYGONS, BOX, PAGE)[0]}
        for each in self.contestants:
            path = each.items(POLYGONS, bbox=",".join(map(str, BOX)), **{name: value}, limit=PAGE)
            ways[each.name] = _asking(each, path, expected)
        question = f"{len(expected)} polygons by bbox and attribute"
        return Row(question, "ms", _turns(ways, self.rounds, 1000), (Target(1.5), GUARDED))

    def feature(self) -> Row:
        """Single features by id."""
        ways: dict[str, Timed] = {
            LIMIT: lambda: self.limit.features_per_second(POINTS, POINT_COUNT, CONNECTIONS, 2),
        }
        expected = equal.shapes(self.geosatu.client.ask(self.geosatu.item(POINTS, NUMBERS[0])).body)
        for each in self.contestants:
            paths = [each.item(POINTS, number) for number in NUMBERS]
            _asking(each, paths[0], expected)
            ways[each.name] = _loading(each.port, paths)
        measured = _turns(ways, self.few, 1)
        targets = (
            Target(6, TIPG, at_least=True),
            Target(30, PYGEOAPI, at_least=True),
            Target(1 / 1.1, UNGUARDED, at_least=True),
        )
        return Row(f"one feature by id, {CONNECTIONS} connections", "/s", measured, targets)

    def kept(self) -> Iterator[Row]:
        """What geosatu answers without asking the database, beside its features that it asks for."""
        ours = self.geosatu
        items, (x, y) = [ours.item(POINTS, number) for number in NUMBERS], TILES[0]
        tile = ours.tile(POLYGONS, ZOOM, x, y)
        tag = {"if-none-match": ours.client.ask(items[0]).headers["etag"]}
        ways = {
            "feature": _loading(ours.port, items),
            "304": _loading(ours.port, items, tag, 304),
            "tile": _loading(ours.port, [tile], {"accept-encoding": "gzip"}),
        }
        measured = _turns(ways, self.few, 1)
        again = Target(3, "feature", at_least=True)
        yield Row("the same as 304", "/s", {"feature": measured["feature"], OURS: measured["304"]}, (again,))
        cheap = Target(1, "304", at_least=True)
        kept = {OURS: measured["tile"], "304": measured["304"]}
        yield Row("a kept tile, whole and gzipped", "/s", kept, (cheap,))

    def cold_tile(self, layer: str) -> Row:
        """A tile that nobody asked for before, another one in each round."""
        turns = cycle(TILES[1:])
        shown = [next(turns) for _ in range(min(self.rounds, len(TILES) - 1))]
        x, y = TILES[-1]
        count = equal.tile_features(self.limit.tile(layer, ZOOM, x, y)[1])
        inside = equal.tile_features(self.limit.tile(layer, ZOOM, x, y, margin=0)[1])
        takers = [each for each in self.contestants if each.tile(layer, ZOOM, x, y) is not None]
        for each in takers:
            found = equal.tile_features(each.client.ask(each.tile(layer, ZOOM, x, y) or "").body)
            if not inside * (1 - EDGE) <= found <= count * (1 + EDGE):
                raise RuntimeError(f"{each.name}: {found} features in tile {ZOOM}/{x}/{y}, not {inside} to {count}")
        measured: dict[str, list[float]] = {}
        for number, (x, y) in enumerate(shown):
            # Whoever comes first would have to wait for the disk.
            self.limit.read(layer, ZOOM, x, y)
            ways: dict[str, Timed] = {LIMIT: partial(_first, partial(self.limit.tile, layer, ZOOM, x, y))}
            ways |= {each.name: partial(_seconds, each, each.tile(layer, ZOOM, x, y) or "") for each in takers}
            for name, way in _shuffled(ways, number):
                measured.setdefault(name, []).append(way() * 1000)
        question = f"a cold tile with {count:,} {'polygons' if layer == POLYGONS else 'points'}"
        medians = {name: median(values) for name, values in measured.items()}
        return Row(question, "ms", medians, (Target(1), Target(1, TIPG), GUARDED))

    def whole(self) -> Iterator[Row]:
        """All polygons as GeoJSON: the time, the first byte, and what it costs in memory."""
        seconds: dict[str, list[float]] = {}
        first: dict[str, list[float]] = {}
        rise: dict[str, list[float]] = {}
        expected = equal.shapes(_collection(self.limit.whole(POLYGONS)[1]))
        for number in range(self.few):
            seconds.setdefault(LIMIT, []).append(self.limit.whole(POLYGONS)[0])
            for each in self.contestants:
                memory.reset(each.pid)
                before = memory.now(each.pid)
                answer = each.client.ask(each.whole(POLYGONS))
                rise.setdefault(each.name, []).append(memory.peak(each.pid) - before)
                seconds.setdefault(each.name, []).append(answer.seconds)
                first.setdefault(each.name, []).append(answer.first_byte * 1000)
                if number == 0:
                    _same(each.name, equal.difference(expected, equal.shapes(answer.body)))
        question = f"{POLYGON_COUNT:,} polygons as GeoJSON"
        yield Row(question, "s", _medians(seconds), (Target(1.6), GUARDED))
        yield Row("its first byte", "ms", _medians(first), (Most(50, "ms"),))
        yield Row("its memory", "MB", _medians(rise), (Most(10, "MB"),))

    def files(self) -> Iterator[Row]:
        """The same polygons as files that are built."""
        with_ogr = exports.ogr_version() is not None
        city = self.geosatu.city
        for title, (suffix, driver) in exports.FORMATS.items():
            ours, theirs = self.folder / f"ours.{suffix}", self.folder / f"theirs.{suffix}"
            measured: dict[str, list[float]] = {}
            for number in range(self.few):
                self.geosatu.clear()
                answer = self.geosatu.client.ask(f"/files/{POLYGONS}.{suffix}")
                measured.setdefault(OURS, []).append(answer.seconds)
                if with_ogr:
                    measured.setdefault(OGR, []).append(exports.by_ogr(city, POLYGONS, driver, theirs))
                if with_ogr and number == 0:
                    ours.write_bytes(answer.body)
                    _same(f"{title} of ogr2ogr", exports.difference(ours, theirs))
            target = Target(0.5 if suffix == "gpkg" else 1, OGR)
            yield Row(f"{POLYGON_COUNT:,} polygons as {title}", "s", _medians(measured), (target,))

    def gml(self) -> Row:
        """The first page of points by WFS."""
        expected = equal.shapes(_collection(self.limit.page(POINTS, PAGE)[1]))
        text = self.limit.gml(POINTS, PAGE)[1]
        ways: dict[str, Timed] = {LIMIT: lambda: self.limit.gml(POINTS, PAGE)[0]}
        takers: list[Geosatu | FastCgi] = [each for each in self.contestants if isinstance(each, Geosatu)]
        for each in (*takers, *self.wfs):
            path = each.features(POINTS, PAGE)
            body = each.client.ask(path).body
            _same(f"{each.name} {path}", equal.difference(expected, equal.gml_points(body, POINTS), SIX_DECIMALS))
            if isinstance(each, Geosatu) and text not in body:
                raise RuntimeError("The limit writes another text than geosatu")
            ways[each.name] = partial(_seconds, each, path)
        targets = (Target(2), Target(0.2, MAPSERVER), Target(0.2, QGIS), GUARDED)
        return Row(f"{PAGE:,} points as GML by WFS", "ms", _turns(ways, self.rounds, 1000), targets)

    def created(self) -> Iterator[Row]:
        """New points, which are on the disk when the answer comes."""
        with writing(self.geosatu.city) as writer:
            for count, question, target, rounds in (
                (1, "a new point", Most(10, "ms"), self.rounds),
                (PAGE, f"{PAGE:,} new points, all or none", Most(1000, "ms"), self.few),
            ):
                limit: Timed = partial(_new, count, partial(self.limit.create, POINTS))
                doors: dict[str, Timed] = {
                    "OGC API": partial(_new, count, partial(writer.by_ogc, self.geosatu)),
                    "WFS-T": partial(_new, count, partial(writer.by_wfs, self.geosatu)),
                    "function": partial(_new, count, writer.by_function),
                }
                measured = _turns({LIMIT: limit, **doors}, rounds, 1000)
                for door in doors:
                    told = {LIMIT: measured[LIMIT], OURS: measured[door]}
                    yield Row(f"{question} by {door}", "ms", told, (target,))

    def memory(self) -> Row:
        """What each server occupies after all that."""
        return Row("memory at the end", "MB", {each.name: memory.now(each.pid) for each in self.contestants})


def _asking(each: Contestant, path: str, expected: equal.Shapes) -> Timed:
    """A way to time the question, once the answer is the expected one."""
    _same(f"{each.name} {path}", equal.difference(expected, equal.shapes(each.client.ask(path).body)))
    return lambda: each.client.ask(path).seconds


def _loading(port: int, paths: list[str], headers: Mapping[str, str] | None = None, status: int = 200) -> Timed:
    return lambda: per_second(port, paths, headers=headers, status=status, connections=CONNECTIONS)


def _turns(ways: Mapping[str, Timed], rounds: int, times: float) -> dict[str, float]:
    """The medians of everybody's rounds, taken in turns, after rounds that warm up what each keeps open."""
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-min(WARM, rounds // 2), rounds):
        for name, way in _shuffled(ways, number):
            taken = way() * times
            if number >= 0:
                measured[name].append(taken)
    return _medians(measured)


def _shuffled(ways: Mapping[str, Timed], number: int) -> list[tuple[str, Timed]]:
    """Another order in each round, the same in every run: who comes after whom would else be an advantage."""
    order = list(ways.items())
    random.Random(number).shuffle(order)  # noqa: S311
    return order


def _new(count: int, make: Callable[[list[Given]], float]) -> float:
    return make(points(count))


def _seconds(each: Contestant, path: str) -> float:
    return each.client.ask(path).seconds


def _first(ask: Callable[[], tuple[float, bytes]]) -> float:
    return ask()[0]


def _medians(measured: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: median(values) for name, values in measured.items()}


def _collection(features: bytes) -> bytes:
    return b'{"type":"FeatureCollection","features":[' + features + b"]}"


def _same(who: str, difference: str | None) -> None:
    if difference is not None:
        raise RuntimeError(f"{who} answers something else: {difference}")
