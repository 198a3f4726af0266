"""Makes the demonstration city: Kota Kediri as an illustration, with invented data in every layer.

    python geodata/make_demonstration.py [FOLDER]

The only facts are the names and codes of the kelurahan and, to about 500 m, where they lie
(`kediri/kelurahan.csv`). Every line is drawn and every number invented here, from fixed seeds: two runs
write the same bytes. Without FOLDER the files go next to this script.

The unit of the drawing is 1e-7 degree, the last of the seven decimals in the files: 1.1 cm both ways this
near the equator, so lengths here are good to 1 %. All boundaries end as one linework on whole units, and
larger areas are unions of smaller ones, so neighbours share each corner exactly at every level.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy
import shapely
from numpy.typing import NDArray
from shapely import LineString, MultiPoint, Point, Polygon
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry
from shapely.ops import polygonize

HERE = Path(__file__).parent

# --- What the city is drawn from ---------------------------------------------------------------------

DEGREE = 10_000_000
"""Units of the drawing in a degree."""
METRE = 90.5
"""Units of the drawing in a metre."""

Place = tuple[float, float]

# fmt: off
BRANTAS: list[Place] = [
    (112.0125, -7.7650), (112.0100, -7.7700), (112.0095, -7.7750), (112.0075, -7.7800),
    (112.0030, -7.7850), (112.0035, -7.7900), (112.0060, -7.7960), (112.0075, -7.8050),
    (112.0080, -7.8120), (112.0075, -7.8200), (112.0070, -7.8280), (112.0085, -7.8340),
    (112.0080, -7.8400), (112.0050, -7.8460), (111.9985, -7.8510),
]
# fmt: on
"""The river through the city, from north to south, roughly."""

# fmt: off
WEST_BANK: list[Place] = [
    (112.0100, -7.7700), (112.0000, -7.7725), (111.9975, -7.7775), (111.9925, -7.7800),
    (111.9900, -7.7850), (111.9825, -7.7825), (111.9800, -7.7925), (111.9750, -7.7925),
    (111.9650, -7.7975), (111.9600, -7.8025), (111.9550, -7.8075), (111.9550, -7.8175),
    (111.9600, -7.8235), (111.9700, -7.8250), (111.9775, -7.8285), (111.9835, -7.8275),
    (111.9825, -7.8375), (111.9900, -7.8400), (112.0000, -7.8385), (112.0080, -7.8400),
]
# fmt: on
"""The outline of the city west of the river, from the river round to the river."""

# fmt: off
EAST_BANK: list[Place] = [
    (112.0035, -7.7900), (112.0150, -7.7895), (112.0165, -7.7975), (112.0240, -7.8005),
    (112.0315, -7.7990), (112.0325, -7.8085), (112.0375, -7.8105), (112.0350, -7.8185),
    (112.0425, -7.8200), (112.0455, -7.8275), (112.0525, -7.8300), (112.0625, -7.8325),
    (112.0700, -7.8300), (112.0765, -7.8330), (112.0775, -7.8400), (112.0815, -7.8440),
    (112.0735, -7.8495), (112.0700, -7.8560), (112.0700, -7.8650), (112.0740, -7.8745),
    (112.0690, -7.8750), (112.0640, -7.8665), (112.0550, -7.8645), (112.0490, -7.8715),
    (112.0400, -7.8705), (112.0285, -7.8665), (112.0250, -7.8595), (112.0150, -7.8575),
    (112.0050, -7.8565), (111.9985, -7.8510),
]
# fmt: on
"""The outline of the city east of the river."""

HILL: Place = (111.9500, -7.8100)
HILL_RADIUS_M = 2_400
"""Gunung Klotok with its forest in the west: nobody lives there."""

RIVER_MARGIN_M = 90
"""Half the width of the Brantas and its bank."""
BORDER_MARGIN_M = 20

WITH_RT = ("Bujel", "Bandar Lor", "Kampung Dalem", "Banjaran", "Burengan")
"""The kelurahan whose RT and RW are drawn."""

ZONES: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("Mojoroto Utara", "terangkut", "dlh", ("Dermo", "Mrican", "Ngampel", "Gayam")),
    ("Mojoroto Tengah", "tps3r", "ksm", ("Bujel", "Mojoroto")),
    ("Lereng Klotok", "belum", "kelurahan", ("Pojok", "Sukorame")),
    ("Bandar", "terangkut", "dlh", ("Bandar Lor", "Lirboyo", "Bandar Kidul")),
    ("Mojoroto Selatan", "terangkut", "dlh", ("Campurejo", "Tamanan", "Banjarmlati")),
    ("Kota Utara", "terangkut", "dlh", ("Semampir", "Balowerti", "Pocanan")),
    ("Kota Timur", "tps3r", "ksm", ("Dandangan", "Ngadirejo", "Banjaran")),
    (
        "Pusat Kota",
        "terangkut",
        "swasta",
        ("Pakelan", "Setonogedong", "Kemasan", "Jagalan", "Ringinanom", "Kampung Dalem", "Setonopande"),
    ),
    ("Kota Selatan", "terangkut", "dlh", ("Kaliombo", "Ngronggo", "Manisrenggo", "Rejomulyo")),
    ("Pesantren Utara", "terangkut", "dlh", ("Burengan", "Bangsal", "Banaran", "Singonegaran")),
    ("Pesantren Tengah", "tps3r", "ksm", ("Tosaren", "Pakunden", "Jamsaren", "Tinalan", "Pesantren")),
    ("Pesantren Selatan", "mandiri", "rw", ("Betet", "Blabak", "Bawang")),
    ("Pesantren Timur", "belum", "kelurahan", ("Ngletih", "Tempurejo", "Ketami")),
]
"""Waste zones: name, service, manager and the neighbouring kelurahan that form one."""

NOTE = "Data contoh geosatu: batas ilustratif, bukan batas resmi; titik dan angka rekaan."
REMARK = "Data contoh, bukan data nyata"
BOUNDARY_SOURCE = "Gambar ilustratif geosatu, bukan batas resmi"
LICENCE = "CC-BY-4.0"

SEED = 8
"""Another seed draws another city; not each works, because a line may cut a kelurahan off."""


def dice(subject: str) -> Random:
    """The random numbers of one subject, so that a change in one layer leaves the others as they are."""
    return Random(f"geosatu {subject} {SEED}")


# --- Lines that look as if a road, a stream or a field made them -------------------------------------

Shape = list[tuple[float, float]]
"""A line from (0, 0) to (1, 0): how far along, and how far aside."""


def road(length_m: float, rng: Random) -> Shape:
    """Nearly straight, with a slight bend every 300 m."""
    bends = max(1, round(length_m / 300))
    middle = [((k + rng.uniform(0.2, 0.8)) / bends, rng.uniform(-0.045, 0.045)) for k in range(bends)]
    return [(0.0, 0.0), *middle, (1.0, 0.0)]


def stream(length_m: float, rng: Random) -> Shape:
    """Winding at every scale down to 70 m: each half is displaced less than the whole."""
    shape: Shape = [(0.0, 0.0), (1.0, 0.0)]
    reach = 0.16
    while length_m / (len(shape) - 1) > 70:
        bent = shape[:1]
        for (along, aside), (next_along, next_aside) in pairwise(shape):
            middle = (aside + next_aside) / 2 + rng.uniform(-reach, reach)
            bent += [((along + next_along) / 2, middle), (next_along, next_aside)]
        shape = bent
        reach *= 0.55
    return shape


def field_edge(length_m: float, rng: Random) -> Shape:
    """Jogs aside every 180 m or so, as along the dikes of rice fields."""
    jogs = max(2, min(9, round(length_m / 180)))
    shape: Shape = [(0.0, 0.0)]
    aside = 0.0
    for k in range(1, jogs):
        along = (k + rng.uniform(-0.35, 0.35)) / jogs
        beyond = max(-0.1, min(0.1, aside + rng.uniform(-0.05, 0.05)))
        shape += [(along, aside), (along + rng.uniform(0, 0.15) / jogs, beyond)]
        aside = beyond
    return [*shape, (1.0, 0.0)]


Style = Callable[[float, Random], Shape]


def wander(
    straight: LineString,
    rng: Random,
    strength: float = 1.0,
    styles: Sequence[Style] = (road, stream, field_edge),
) -> LineString:
    """A line between the same two places in one of the styles."""
    (x, y), (to_x, to_y) = straight.coords
    shape = rng.choice(styles)(straight.length / METRE, rng)
    return LineString(
        [
            (
                x + along * (to_x - x) - strength * aside * (to_y - y),
                y + along * (to_y - y) + strength * aside * (to_x - x),
            )
            for along, aside in shape
        ]
    )


def smooth(places: Sequence[Place], steps: int = 12) -> LineString:
    """A Catmull-Rom curve through the places."""
    curve: list[Place] = []
    for before, start, end, after in zip(
        [places[0], *places], places, places[1:], [*places[2:], places[-1]], strict=False
    ):
        for t in (step / steps for step in range(steps)):
            weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
            corners = (before, start, end, after)
            x, y = (sum(w * c[axis] for w, c in zip(weights, corners, strict=True)) / 2 for axis in (0, 1))
            curve.append((x, y))
    return LineString([*curve, places[-1]])


def on_paper(place: Place) -> Place:
    """Degrees as units of the drawing."""
    return round(place[0] * DEGREE), round(place[1] * DEGREE)


# --- Areas that share their edges --------------------------------------------------------------------

OVERSHOOT = 5
"""Lines are drawn this far past the line at which they end, so that they surely meet it."""


def faces(lines: Iterable[BaseGeometry], unit: float | None = None) -> list[Polygon]:
    """The areas between lines, with a corner wherever lines meet; on whole units if one is given."""
    noded = shapely.unary_union(list(lines), grid_size=unit)
    return [face for face in polygonize(noded) if isinstance(face, Polygon)]


def polygons(geometry: BaseGeometry) -> Iterator[Polygon]:
    """The polygons among the parts of a geometry."""
    return (part for part in shapely.get_parts(geometry) if isinstance(part, Polygon))


def one(geometry: BaseGeometry) -> Polygon:
    """The geometry as the single polygon that it must be."""
    (polygon,) = polygons(geometry)
    return polygon


def largest(geometry: BaseGeometry) -> Polygon:
    """The largest polygon of a geometry; an empty one if there is none."""
    return max(polygons(geometry), key=lambda part: part.area, default=Polygon())


def around_seeds(region: Polygon, seeds: Sequence[Place], rng: Random) -> list[Polygon]:
    """The region divided so that each seed gets what is nearest to it, along lines that wander."""
    diagram = shapely.voronoi_polygons(MultiPoint(seeds), extend_to=region, only_edges=True)
    edges = shapely.get_parts(diagram.intersection(region.buffer(OVERSHOOT)))
    lines: list[LineString] = []
    for k, edge in enumerate(edges):
        others = [region.boundary, *lines, *edges[k + 1 :]]
        lines.append(wander_clear(edge, others, rng))
    cells = faces([region.boundary, *lines])
    if len(cells) != len(seeds):
        raise ValueError(f"{len(seeds)} seeds made {len(cells)} areas: move a seed or the outline")
    return [next(cell for cell in cells if cell.contains(Point(seed))) for seed in seeds]


def wander_clear(edge: LineString, others: Sequence[BaseGeometry], rng: Random) -> LineString:
    """The edge wandering as much as it can without coming near other lines, except where it ends."""
    obstacles = shapely.union_all(others)
    ends = MultiPoint([edge.coords[0], edge.coords[-1]])
    for strength in (1.0, 0.7, 0.4, 0.2):
        line = wander(edge, rng, strength)
        crossings = line.intersection(obstacles).difference(ends.buffer(METRE))
        middle = line.difference(ends.buffer(90 * METRE))
        if crossings.is_empty and (middle.is_empty or middle.distance(obstacles) > 50 * METRE):
            return line
    return edge


def bisect(region: Polygon, parts: int, rng: Random) -> list[Polygon]:
    """The region cut into parts of about the same size, as streets cut a quarter into blocks."""
    if parts == 1:
        return [region]
    few = parts // 2
    near, far = cut(region, few / parts, rng)
    return bisect(near, few, rng) + bisect(far, parts - few, rng)


def cut(region: Polygon, share: float, rng: Random) -> tuple[Polygon, Polygon]:
    """The region in two across its long side; the first gets the share of the area."""
    a, b, c = numpy.array(one(shapely.minimum_rotated_rectangle(region)).exterior.coords)[:3]
    side = b - a if math.dist(a, b) > math.dist(b, c) else c - b
    inside = sample(region)
    for attempt in range(30):
        heading = math.atan2(side[1], side[0]) + math.radians(rng.gauss(0, 3 + 2 * attempt))
        ahead = numpy.array([math.cos(heading), math.sin(heading)])
        aside = numpy.array([-ahead[1], ahead[0]])
        middle = ahead * numpy.quantile(inside @ ahead, share) + aside * (inside.mean(axis=0) @ aside)
        across = LineString([middle - aside * region.length, middle + aside * region.length])
        straight = region.buffer(OVERSHOOT).intersection(across)
        if isinstance(straight, LineString):
            halves = faces([region.boundary, wander(straight, rng, styles=(road,))])
            if len(halves) == 2:
                near, far = sorted(halves, key=lambda half: float(numpy.dot(half.centroid.coords[0], ahead)))
                return near, far
    raise ValueError("an area is too crooked to be cut in two")


def sample(region: Polygon) -> NDArray[numpy.float64]:
    """The places of a regular lattice that lie in the region."""
    west, south, east, north = region.bounds
    x, y = numpy.meshgrid(numpy.linspace(west, east, 50), numpy.linspace(south, north, 50))
    inside = shapely.contains_xy(region, x, y)
    return numpy.column_stack([x[inside], y[inside]])


def settle(drafts: Sequence[Polygon]) -> list[Polygon]:
    """The same areas from one noded linework, so that each corner is a corner of all that touch it."""
    cells = faces((draft.exterior for draft in drafts), unit=1)
    tree = shapely.STRtree(drafts)
    settled = {int(tree.query(cell.representative_point(), "within")[0]): cell for cell in cells}
    if not len(cells) == len(settled) == len(drafts):
        raise ValueError(f"{len(drafts)} areas became {len(cells)} when their edges were joined")
    return [settled[k] for k in range(len(drafts))]


def union(areas: Iterable[Polygon]) -> Polygon:
    """Areas that share their edges as one, with every corner kept."""
    return one(shapely.coverage_union_all(list(areas)))


# --- The city: kelurahan, RW and RT ------------------------------------------------------------------


@dataclass(frozen=True)
class Rt:
    """A neighbourhood with its invented numbers; its area is empty where RT are not drawn."""

    number: str
    families: int
    men: int
    women: int
    houses: int
    area: Polygon

    @property
    def people(self) -> int:
        return self.men + self.women


@dataclass(frozen=True)
class Rw:
    """A group of RT."""

    number: str
    area: Polygon
    rts: list[Rt]


@dataclass(frozen=True)
class Kelurahan:
    """A kelurahan, and the part of it where people live."""

    code: str
    name: str
    district: str
    bps: str
    area: Polygon
    homes: Polygon
    rws: list[Rw]

    @property
    def drawn(self) -> bool:
        return self.name in WITH_RT

    @property
    def addresses(self) -> list[Address]:
        return [Address(self, rw, rt) for rw in self.rws for rt in rw.rts]

    @property
    def families(self) -> int:
        return sum(rt.families for rw in self.rws for rt in rw.rts)

    @property
    def people(self) -> int:
        return sum(rt.people for rw in self.rws for rt in rw.rts)


class Address(NamedTuple):
    """An RT within the city."""

    kelurahan: Kelurahan
    rw: Rw
    rt: Rt

    @property
    def label(self) -> str:
        return f"RT {self.rt.number} RW {self.rw.number}"

    @property
    def short(self) -> str:
        return f"RT {self.rt.number[1:]} RW {self.rw.number[1:]}"

    @property
    def rw_key(self) -> str:
        return f"{self.kelurahan.code}-RW{self.rw.number}"

    @property
    def key(self) -> str:
        return f"{self.rw_key}-RT{self.rt.number}"

    @property
    def room(self) -> Polygon:
        """Where the houses of the RT may stand."""
        area = self.rw.area if self.rt.area.is_empty else self.rt.area.buffer(-6 * METRE)
        return largest(area.intersection(self.kelurahan.homes))


def draw_city(facts: Sequence[dict[str, str]]) -> list[Kelurahan]:
    """All kelurahan, in the order of their codes."""
    rng = dice("batas")
    lines = [brantas()]
    for start, end in (*pairwise(WEST_BANK), *pairwise(EAST_BANK)):
        lines.append(wander_clear(LineString([on_paper(start), on_paper(end)]), lines, rng))
    west, east = sorted(faces(lines), key=lambda bank: bank.centroid.x)
    mojoroto = [row for row in facts if row["kecamatan"] == "Mojoroto"]
    others = [row for row in facts if row["kecamatan"] != "Mojoroto"]
    drafts = divide(west, mojoroto, rng) | divide(east, others, rng)
    blocks = [blocks_of(drafts[row["nama"]], row["nama"] in WITH_RT, rng) for row in facts]
    settled = iter(settle([rt for rws in blocks for rts in rws for rt in rts]))
    empty = brantas().buffer(RIVER_MARGIN_M * METRE).union(klotok())
    return [
        make_kelurahan(row, [[next(settled) for _ in rts] for rts in rws], empty)
        for row, rws in zip(facts, blocks, strict=True)
    ]


def divide(bank: Polygon, facts: Sequence[dict[str, str]], rng: Random) -> dict[str, Polygon]:
    """The kelurahan of one bank of the river by name, around their rough places."""
    seeds = []
    for row in facts:
        x, y = on_paper((float(row["longitude"]), float(row["latitude"])))
        seeds.append((x + round(rng.uniform(-120, 120) * METRE), y + round(rng.uniform(-120, 120) * METRE)))
    return dict(zip((row["nama"] for row in facts), around_seeds(bank, seeds, rng), strict=True))


def blocks_of(area: Polygon, with_rt: bool, rng: Random) -> list[list[Polygon]]:
    """The areas of the RT of each RW; the whole kelurahan as one where none are drawn."""
    if not with_rt:
        return [[area]]
    return [bisect(rw, rng.randint(3, 7), rng) for rw in bisect(area, rng.randint(5, 8), rng)]


def brantas() -> LineString:
    """The river, in the middle of its bed."""
    return smooth([on_paper(place) for place in BRANTAS])


def klotok() -> Polygon:
    """The hill."""
    return Point(on_paper(HILL)).buffer(HILL_RADIUS_M * METRE)


def make_kelurahan(row: dict[str, str], blocks: list[list[Polygon]], empty: BaseGeometry) -> Kelurahan:
    """The kelurahan with its people; where RT are not drawn, RW are only a rough idea of where people live."""
    rng = dice(f"penduduk {row['nama']}")
    area = union(rt for rts in blocks for rt in rts)
    homes = largest(area.buffer(-BORDER_MARGIN_M * METRE).difference(empty))
    if row["nama"] in WITH_RT:
        rws = [(union(rts), rts) for rts in blocks]
    else:
        rws = [(rw, [Polygon()] * rng.randint(3, 7)) for rw in bisect(homes, rng.randint(5, 8), rng)]
    return Kelurahan(
        code=row["kode_wilayah"],
        name=row["nama"],
        district=row["kecamatan"],
        bps=row["kode_bps"],
        area=area,
        homes=homes,
        rws=[
            Rw(f"{k:03}", rw, [make_rt(number, rt, rng) for number, rt in enumerate(rts, start=1)])
            for k, (rw, rts) in enumerate(rws, start=1)
        ],
    )


def make_rt(number: int, area: Polygon, rng: Random) -> Rt:
    """An RT with families, people and houses in plausible proportion."""
    families = rng.randint(32, 78)
    people = round(families * rng.uniform(3.05, 3.55))
    men = round(people * rng.uniform(0.485, 0.505))
    houses = round(families * rng.uniform(0.78, 0.96))
    return Rt(f"{number:03}", families, men, people - men, houses, area)


# --- Places on the ground ----------------------------------------------------------------------------


class Spot(NamedTuple):
    """A place with its address."""

    point: Point
    address: Address


class Ground:
    """What stands where: nothing on something else, in the river, on the hill or on a border."""

    def __init__(self) -> None:
        self._taken: dict[str, list[Place]] = {}
        self._plots: list[Polygon] = []

    def spots(self, layer: str, addresses: Iterable[Address], number: int, apart_m: float, rng: Random) -> list[Spot]:
        """A number of spots, each in another of the RT, taken in the order given; full ones are passed over."""
        found: list[Spot] = []
        for address in addresses:
            if len(found) == number:
                break
            if point := self._spot(layer, address.room, apart_m, rng):
                found.append(Spot(point, address))
        if len(found) < number:
            raise ValueError(f"{layer}: room for {len(found)} of {number}")
        return found

    def middle(self, layer: str, kelurahan: Kelurahan) -> Spot:
        """The spot farthest from where nobody lives, at the address of the first RT."""
        x, y = shapely.maximum_inscribed_circle(kelurahan.homes).coords[0]
        place = (round(x), round(y))
        self._taken.setdefault(layer, []).append(place)
        return Spot(Point(place), kelurahan.addresses[0])

    def plot(self, address: Address, area_m2: float, rng: Random) -> Polygon | None:
        """An idle plot within the RT, of four or five corners, if a place for it turns up."""
        room = largest(address.room.buffer(-8 * METRE))
        for _ in range(60):
            if room.is_empty:
                return None
            shape = parcel(random_place(room, rng), area_m2, rng)
            margin = shape.buffer(12 * METRE)
            points = (Point(place) for places in self._taken.values() for place in places)
            if (
                room.contains(shape)
                and not any(margin.intersects(plot) for plot in self._plots)
                and not any(margin.contains(point) for point in points)
            ):
                self._plots.append(shape)
                return shape
        return None

    def _spot(self, layer: str, room: Polygon, apart_m: float, rng: Random) -> Point | None:
        if room.is_empty:
            return None
        for _ in range(60):
            place = random_place(room, rng)
            if self._free(place, layer, apart_m):
                self._taken.setdefault(layer, []).append(place)
                return Point(place)
        return None

    def _free(self, place: Place, layer: str, apart_m: float) -> bool:
        return all(
            math.dist(place, other) > METRE * (apart_m if name == layer else 15)
            for name, others in self._taken.items()
            for other in others
        )


def random_place(room: Polygon, rng: Random) -> Place:
    """A place in the room, any as likely as the other."""
    west, south, east, north = (int(side) for side in room.bounds)
    while True:
        place = (rng.randint(west, east), rng.randint(south, north))
        if shapely.contains_xy(room, *place):
            return place


def parcel(middle: Place, area_m2: float, rng: Random) -> Polygon:
    """A crooked four-sided plot around a place; every third has a corner cut off."""
    stretch = rng.uniform(1.0, 2.2)
    length, width = (math.sqrt(area_m2 * stretch) * METRE, math.sqrt(area_m2 / stretch) * METRE)
    corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    if rng.random() < 1 / 3:
        corners[2:3] = [(0.5, 0.2), (0.2, 0.5)]
    turn = rng.uniform(0, math.pi)
    shape = []
    for along, aside in corners:
        x = length * (along + rng.uniform(-0.08, 0.08))
        y = width * (aside + rng.uniform(-0.08, 0.08))
        shape.append(
            (
                round(middle[0] + x * math.cos(turn) - y * math.sin(turn)),
                round(middle[1] + x * math.sin(turn) + y * math.cos(turn)),
            )
        )
    return Polygon(shape)


def square_metres(area: Polygon) -> float:
    """An area of the drawing in m²."""
    return area.area / METRE**2


# --- Words and numbers -------------------------------------------------------------------------------

DAYS = ("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu")
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
# fmt: off
FLOWERS = (
    "Melati", "Mawar", "Anggrek", "Kenanga", "Dahlia", "Cempaka", "Flamboyan", "Teratai",
    "Seruni", "Kemuning", "Tulip", "Sakura", "Nusa Indah", "Wijayakusuma", "Bugenvil",
)
# fmt: on
# fmt: off
STREETS = (
    "Jl. Melati", "Jl. Kenanga", "Jl. Merpati", "Jl. Kutilang", "Jl. Mangga", "Jl. Rambutan", "Jl. Cempaka",
    "Jl. Masjid", "Jl. Lapangan", "Jl. Balai RW", "Jl. Sawah", "Jl. Makam", "Gang I", "Gang II",
    "Gang III",
)
# fmt: on
# fmt: off
BUSINESSES = (
    ("Tahu Takwa", "10"), ("Gethuk Pisang", "10"), ("Stik Tahu", "10"), ("Keripik Tempe", "10"),
    ("Kue Basah", "10"), ("Tenun Ikat", "13"), ("Batik Tulis", "13"), ("Konveksi", "14"),
    ("Mebel", "31"), ("Cetak dan Sablon", "18"), ("Bengkel Motor", "45"), ("Toko Kelontong", "47"),
    ("Warung Pecel", "56"), ("Kedai Kopi", "56"), ("Katering", "56"), ("Penatu", "96"),
)
# fmt: on
# fmt: off
BRANDS = (
    "Barokah", "Sumber Rejeki", "Maju Jaya", "Lestari", "Sari Rasa", "Makmur",
    "Rukun", "Sekartaji", "Brantas", "Dhoho", "Wilis", "Panji Asmoro",
)
# fmt: on
GROUPS = ("Sekar Arum", "Tani Makmur", "Srikandi", "Lestari", "Ngudi Rahayu", "Mekar Sari")
CROPS = ("cabai", "tomat", "terung", "bayam", "kangkung", "sawi", "jahe", "kunyit", "lele")

Feature = dict[str, Any]


def feature(geometry: BaseGeometry, **values: object) -> Feature:
    """A GeoJSON feature; properties without a value are left out."""
    known = {name: value for name, value in values.items() if value is not None}
    return {"type": "Feature", "properties": known, "geometry": degrees(geometry)}


def degrees(geometry: BaseGeometry) -> dict[str, Any]:
    """The geometry in degrees, rings wound as RFC 7946 wants."""
    wound = shapely.orient_polygons(geometry)
    return dict(mapping(shapely.transform(wound, lambda places: places / DEGREE)))


def surveyed(spot: Spot, rng: Random, **values: object) -> Feature:
    """A point as a kelurahan would bring it from the field with a phone."""
    return feature(
        spot.point,
        kode_wilayah=spot.address.kelurahan.code,
        **values,
        tanggal_data=day(rng),
        keterangan=REMARK,
        source="survei_gps",
        accuracy_m=round(rng.uniform(3, 8), 1),
    )


def day(rng: Random) -> str:
    """A working day of the survey."""
    return (date(2026, 1, 5) + timedelta(days=rng.randint(0, 298))).isoformat()


def street(address: Address, rng: Random) -> str:
    """A written address; the streets have names that every town has."""
    return f"{rng.choice(STREETS)} {address.label}"


def phone(number: int) -> str:
    """A number that nobody can have."""
    return f"0800-000-{number:04}"


def pick(rng: Random, **weights: int) -> str:
    """One of the words, by weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def some(rng: Random, words: Sequence[str], least: int, most: int) -> list[str]:
    """A few of the words, in their own order."""
    chosen = rng.sample(words, rng.randint(least, most))
    return [word for word in words if word in chosen]


def shuffled(addresses: Sequence[Address], rng: Random) -> list[Address]:
    """The addresses in random order."""
    return rng.sample(addresses, len(addresses))


# --- Boundaries --------------------------------------------------------------------------------------


def batas_kecamatan(city: Sequence[Kelurahan]) -> list[Feature]:
    """The districts, each the union of its kelurahan."""
    return [
        feature(
            union(kelurahan.area for kelurahan in city if kelurahan.code.startswith(code)),
            kode_kecamatan=code,
            nama=name,
            kota="Kota Kediri",
            status_batas="ilustratif",
            sumber=BOUNDARY_SOURCE,
            tanggal_data="2026-10-01",
            source="impor",
        )
        for code, name in sorted({(kelurahan.code[:8], kelurahan.district) for kelurahan in city})
    ]


def batas_kelurahan(city: Sequence[Kelurahan]) -> list[Feature]:
    """The kelurahan with their official names and codes in illustrative boundaries."""
    return [
        feature(
            kelurahan.area,
            kode_wilayah=kelurahan.code,
            nama=kelurahan.name,
            kecamatan=kelurahan.district,
            kode_bps=kelurahan.bps,
            status_batas="ilustratif",
            sumber=BOUNDARY_SOURCE,
            tanggal_data="2026-10-01",
            source="impor",
        )
        for kelurahan in city
    ]


def batas_rw(city: Sequence[Kelurahan]) -> list[Feature]:
    """The RW of the kelurahan whose RT are drawn, with the sums of their RT."""
    rws = [(kelurahan, rw) for kelurahan in city if kelurahan.drawn for rw in kelurahan.rws]
    return [
        feature(
            rw.area,
            kode_wilayah=kelurahan.code,
            no_rw=rw.number,
            jumlah_rt=len(rw.rts),
            jumlah_kk=sum(rt.families for rt in rw.rts),
            jumlah_penduduk=sum(rt.people for rt in rw.rts),
            status_batas="ilustratif",
            tanggal_data="2026-09-30",
            ketua_rw=f"Ketua RW {rw.number}",
            hp_ketua=phone(500 + k),
            keterangan=REMARK,
            source="impor",
        )
        for k, (kelurahan, rw) in enumerate(rws, start=1)
    ]


def batas_rt(city: Sequence[Kelurahan]) -> list[Feature]:
    """The drawn RT with their people."""
    rng = dice("batas_rt")
    return [
        feature(
            address.rt.area,
            kode_wilayah=address.kelurahan.code,
            jenis_unit="rt",
            no_rt=address.rt.number,
            no_rw=address.rw.number,
            jumlah_kk=address.rt.families,
            jumlah_penduduk=address.rt.people,
            laki_laki=address.rt.men,
            perempuan=address.rt.women,
            jumlah_rumah=address.rt.houses,
            tanggal_jumlah="2026-09-30",
            sumber_jumlah="laporan_rt",
            status_batas="ilustratif",
            tanggal_data="2026-09-30",
            ketua_rt=f"Ketua {address.label}",
            hp_ketua=phone(1000 + k),
            masa_bakti_sampai=f"{rng.randint(2027, 2030)}-12-31",
            keterangan=REMARK,
            source="impor",
        )
        for k, address in enumerate(drawn_rts(city), start=1)
    ]


def drawn_rts(city: Sequence[Kelurahan]) -> list[Address]:
    """The RT that have a boundary."""
    return [address for kelurahan in city if kelurahan.drawn for address in kelurahan.addresses]


def zona_sampah(city: Sequence[Kelurahan]) -> list[Feature]:
    """Waste zones of neighbouring kelurahan; a person makes 3 litres a day, as in a medium-sized city."""
    rng = dice("zona_sampah")
    by_name = {kelurahan.name: kelurahan for kelurahan in city}
    features = []
    for k, (name, service, manager, members) in enumerate(ZONES, start=1):
        zone = [by_name[member] for member in members]
        features.append(
            feature(
                union(kelurahan.area for kelurahan in zone),
                kode_zona=f"ZS-{k:02}",
                nama=f"Zona {name}",
                jenis_layanan=service,
                pengelola_jenis=manager,
                hari_angkut=None if service == "belum" else some(rng, DAYS, 2, 4),
                jumlah_kk=sum(kelurahan.families for kelurahan in zone),
                timbulan_m3_hari=round(sum(kelurahan.people for kelurahan in zone) * 3 / 1000, 1),
                tanggal_data="2026-10-01",
                keterangan=REMARK,
                source="dokumen",
            )
        )
    return features


# --- Points and plots --------------------------------------------------------------------------------


def kantor_kelurahan(city: Sequence[Kelurahan], ground: Ground) -> list[Feature]:
    """One office in the middle of each kelurahan."""
    rng = dice("kantor_kelurahan")
    return [
        surveyed(
            ground.middle("kantor_kelurahan", kelurahan),
            rng,
            nama=f"Kantor Kelurahan {kelurahan.name}",
            jenis=pick(rng, kantor=95, kantor_sementara=5),
            alamat=f"Jl. Raya {kelurahan.name} No. {rng.randint(1, 120)}",
            telepon=phone(k),
            email=f"{kelurahan.name.lower().replace(' ', '')}@kediri.example",
            jam_layanan="Senin–Kamis 07.30–15.30, Jumat 07.30–14.30",
            nama_lurah=f"Lurah {kelurahan.name}",
            status_bangunan=pick(rng, milik_pemkot=90, pinjam_pakai=7, sewa=3),
            luas_bangunan_m2=float(rng.randrange(120, 420, 10)),
            kondisi=pick(rng, baik=75, rusak_ringan=20, rusak_sedang=5),
            akses_difabel=rng.random() < 0.6,
        )
        for k, kelurahan in enumerate(city, start=1)
    ]


def titik_rt(city: Sequence[Kelurahan], ground: Ground) -> list[Feature]:
    """A point in each drawn RT, where its head is to be found."""
    rng = dice("titik_rt")
    addresses = drawn_rts(city)
    return [
        surveyed(
            spot,
            rng,
            nama=spot.address.label,
            no_rt=spot.address.rt.number,
            no_rw=spot.address.rw.number,
            jumlah_kk=spot.address.rt.families,
            jumlah_penduduk=spot.address.rt.people,
            ketua_rt=f"Ketua {spot.address.label}",
            hp_ketua=phone(1000 + k),
            alamat=street(spot.address, rng),
        )
        for k, spot in enumerate(ground.spots("titik_rt", addresses, len(addresses), 20, rng), start=1)
    ]


def posyandu(city: Sequence[Kelurahan], ground: Ground) -> list[Feature]:
    """One health post in each RW; each kelurahan names its posts after one flower."""
    rng = dice("posyandu")
    features: list[Feature] = []
    for flower, kelurahan in zip(cycle(FLOWERS), city, strict=False):
        for numeral, rw in zip(ROMAN, kelurahan.rws, strict=False):
            addresses = [Address(kelurahan, rw, rt) for rt in rw.rts]
            (spot,) = ground.spots("posyandu", shuffled(addresses, rng), 1, 60, rng)
            name = f"Posyandu {flower} {numeral}"
            features.append(surveyed(spot, rng, nama=name, **posyandu_values(spot, name, len(features) + 1, rng)))
    return features


def posyandu_values(spot: Spot, name: str, number: int, rng: Random) -> dict[str, object]:
    """What a health post is and does; a higher strata needs more kader."""
    kelurahan = spot.address.kelurahan
    strata = pick(rng, pratama=15, madya=40, purnama=35, mandiri=10)
    least, most = {"pratama": (3, 4), "madya": (5, 7), "purnama": (6, 10), "mandiri": (8, 15)}[strata]
    kader = rng.randint(least, most)
    kind = pick(rng, terpadu_ilp=55, balita=38, lansia=5, posbindu=2)
    services = ("pendidikan", "pekerjaan_umum", "perumahan_rakyat", "trantibum_linmas", "sosial")
    homes = {"rumah_warga": 35} if kelurahan.drawn else {}
    return {
        "jenis": kind,
        "strata": strata,
        "tahun_strata": rng.randint(2023, 2026),
        "status_operasi": pick(rng, aktif=95, tidak_aktif=5),
        "alamat": street(spot.address, rng),
        "rw": spot.address.rw.number,
        "rt": spot.address.rt.number,
        "jadwal_minggu_ke": rng.randint(1, 4),
        "jadwal_hari": rng.choice(DAYS[:6]),
        "jam_buka": rng.choice(("08:00", "08:30", "09:00")),
        "jam_tutup": rng.choice(("11:00", "11:30", "12:00")),
        "jumlah_kader": kader,
        "kader_aktif": kader - rng.randint(0, 2),
        "layanan": ["kesehatan", *(some(rng, services, 2, 5) if kind == "terpadu_ilp" else [])],
        "puskesmas_pembina": f"Puskesmas {kelurahan.district} (contoh)",
        "no_sk": f"CONTOH/{number:03}/{kelurahan.code[-4:]}/2026",
        "tempat": pick(rng, balai_rw=45, gedung_sendiri=25, kantor=3, lainnya=7, **homes),
        "wilayah_layanan": [spot.address.rw_key],
        "nama_ketua": f"Ketua {name}",
        "hp_ketua": phone(2000 + number),
    }


def pos_kamling(city: Sequence[Kelurahan], ground: Ground) -> list[Feature]:
    """Night-watch posts, somewhat more than one for each RW."""
    rng = dice("pos_kamling")
    features: list[Feature] = []
    for kelurahan in city:
        number = len(kelurahan.rws) + rng.randint(1, 3)
        for spot in ground.spots("pos_kamling", shuffled(kelurahan.addresses, rng), number, 100, rng):
            features.append(surveyed(spot, rng, **pos_kamling_values(spot, len(features) + 1, rng)))
    return features


def pos_kamling_values(spot: Spot, number: int, rng: Random) -> dict[str, object]:
    """What a night-watch post has; a planned one has nothing yet."""
    status = pick(rng, aktif=78, tidak_aktif=10, rusak=8, rencana=4)
    built = status != "rencana"
    broken = {"rusak_sedang": 60, "rusak_berat": 40}
    nights = some(rng, DAYS, 2, 7) if status == "aktif" else []
    equipment = ("kentongan", "lampu", "cctv", "apar", "ht", "sirene", "listrik")
    return {
        "nama": f"Pos Kamling {spot.address.short}",
        "status_operasi": status,
        "kondisi": pick(rng, **(broken if status == "rusak" else {"baik": 70, "rusak_ringan": 30})) if built else None,
        "alamat": street(spot.address, rng),
        "rw": spot.address.rw.number,
        "rt": spot.address.rt.number,
        "fasilitas": some(rng, equipment, 1, 5) if built else None,
        "jadwal_ronda": nights or None,
        "jam_ronda": "22.00–04.00" if nights else None,
        "jumlah_regu": len(nights) or None,
        "jumlah_anggota": len(nights) * rng.randint(4, 6) or None,
        "cakupan": [spot.address.key],
        "no_lapor_polsek": f"CONTOH/{number:03}/2026" if nights else None,
        "koordinator": f"Ketua {spot.address.label}",
        "hp_koordinator": phone(3000 + number),
    }


WASTE: dict[str, tuple[int, tuple[str, ...]]] = {
    "tps": (34, ("terangkut", "tps3r", "mandiri")),
    "tps3r": (10, ("tps3r",)),
    "bank_sampah_unit": (27, ("terangkut", "tps3r", "mandiri", "belum")),
    "bank_sampah_induk": (1, ("terangkut",)),
    "tps_liar": (7, ("mandiri", "belum")),
    "tpst": (1, ("mandiri",)),
}
"""How many waste points of each kind there are, and the service of the zones in which they lie."""


def titik_sampah(city: Sequence[Kelurahan], ground: Ground) -> list[Feature]:
    """Waste points, no two of a kind in one kelurahan."""
    rng = dice("titik_sampah")
    service = {name: service for _, service, _, members in ZONES for name in members}
    features: list[Feature] = []
    for kind, (number, services) in WASTE.items():
        hosts = [kelurahan for kelurahan in city if service[kelurahan.name] in services]
        for kelurahan in rng.sample(hosts, number):
            (spot,) = ground.spots("titik_sampah", shuffled(kelurahan.addresses, rng), 1, 60, rng)
            values = waste_values(kind, spot, len(features) + 1, rng)
            features.append(surveyed(spot, rng, **values))
    return features


def waste_values(kind: str, spot: Spot, number: int, rng: Random) -> dict[str, object]:
    """What a waste point is, takes in and serves."""
    address = spot.address
    values = {
        "nama": waste_name(kind, address, rng),
        "jenis": kind,
        "alamat": street(address, rng),
        "rw": address.rw.number,
        "rt": address.rt.number,
    }
    if kind == "tps_liar":
        return values | dump_values(rng)
    values |= {"penanggung_jawab": "Pengurus (contoh)", "hp": phone(4000 + number)}
    if kind.startswith("bank_sampah"):
        return values | bank_values(kind == "bank_sampah_induk", rng)
    return values | depot_values(kind, address, rng)


def waste_name(kind: str, address: Address, rng: Random) -> str:
    """The name of a waste point."""
    match kind:
        case "tps_liar":
            return f"Pembuangan liar {address.short} {address.kelurahan.name}"
        case "bank_sampah_unit":
            return f"Bank Sampah {rng.choice(GROUPS)} {address.kelurahan.name}"
        case "bank_sampah_induk":
            return "Bank Sampah Induk Kota"
        case _:
            names = {"tps": "TPS", "tps3r": "TPS 3R", "tpst": "TPST"}
            return f"{names[kind]} {address.kelurahan.name}"


def dump_values(rng: Random) -> dict[str, object]:
    """An illegal dump, reported in spring and perhaps cleaned in summer."""
    cleaned = rng.random() < 0.4
    return {
        "status_operasi": "ditutup" if cleaned else "aktif",
        "luas_m2": float(rng.randint(12, 90)),
        "pengelola_jenis": "kelurahan",
        "tanggal_lapor": f"2026-0{rng.randint(1, 4)}-{rng.randint(1, 28):02}",
        "tanggal_bersih": f"2026-0{rng.randint(5, 9)}-{rng.randint(1, 28):02}" if cleaned else None,
    }


def bank_values(central: bool, rng: Random) -> dict[str, object]:
    """A waste bank and its turnover in rupiah; the central one buys from the others."""
    members = 46 if central else rng.randint(25, 120)
    return {
        "status_operasi": "aktif" if central else pick(rng, aktif=90, tidak_aktif=10),
        "luas_m2": 450.0 if central else float(rng.randint(20, 60)),
        "pengelola_jenis": "dlh" if central else pick(rng, rw=60, pkk=40),
        "pemilahan": True,
        "jumlah_nasabah": members,
        "omzet_bulan": float(members * (400_000 if central else rng.randrange(9_000, 21_000, 500))),
    }


def depot_values(kind: str, address: Address, rng: Random) -> dict[str, object]:
    """A TPS, TPS 3R or TPST; the first two serve the RT of their RW."""
    areas = {"tps": (60, 200), "tps3r": (210, 450), "tpst": (20_500, 24_000)}
    capacities = {"tps": (6, 30), "tps3r": (4, 8), "tpst": (90, 140)}
    capacity = rng.randint(*capacities[kind])
    volume = round(capacity * rng.uniform(0.5, 1.15), 1)
    days = some(rng, DAYS, 2, 5)
    served = address.rw.rts if kind != "tpst" else []
    return {
        "status_operasi": "penuh" if volume > capacity else "aktif",
        "luas_m2": float(rng.randint(*areas[kind])),
        "kapasitas_m3": float(capacity),
        "volume_masuk_m3_hari": volume,
        "wadah": pick(rng, kontainer=60, bak_beton=25, landasan=15) if kind == "tps" else None,
        "jadwal_angkut": f"{', '.join(days).capitalize()} pukul 06.00",
        "ritasi_per_minggu": len(days),
        "pengelola_jenis": "ksm" if kind == "tps3r" else "dlh",
        "jumlah_kk_dilayani": sum(rt.families for rt in served) or None,
        "wilayah_layanan": [Address(address.kelurahan, address.rw, rt).key for rt in served] or None,
        "pemilahan": kind != "tps",
    }


def lahan_tidur(city: Sequence[Kelurahan], ground: Ground) -> list[Feature]:
    """Sixty idle plots: three in each kelurahan with drawn RT, the others where there is most land."""
    rng = dice("lahan_tidur")
    others = [kelurahan for kelurahan in city if not kelurahan.drawn]
    weights = [kelurahan.homes.area for kelurahan in others]
    hosts = [kelurahan for kelurahan in city if kelurahan.drawn for _ in range(3)]
    hosts += rng.choices(others, weights, k=60 - len(hosts))
    features: list[Feature] = []
    for kelurahan in hosts:
        shape = None
        while shape is None:
            address = rng.choice(kelurahan.addresses)
            shape = ground.plot(address, math.exp(rng.uniform(math.log(340), math.log(4300))), rng)
        features.append(idle_plot(shape, address, len(features) + 1, rng))
    return features


OWNERS = {
    "hak_milik": "perorangan",
    "hgb": "badan_usaha",
    "hak_pakai": "pemerintah",
    "wakaf": "yayasan",
    "tanah_negara": "pemerintah",
    "aset_pemkot": "pemerintah",
    "aset_bumn": "badan_usaha",
    "belum_diketahui": "belum_diketahui",
}
"""The usual owner of land under each right."""


def idle_plot(shape: Polygon, address: Address, number: int, rng: Random) -> Feature:
    """An idle plot with what the kelurahan knows of it."""
    right = pick(
        rng,
        hak_milik=38,
        belum_diketahui=20,
        aset_pemkot=16,
        hgb=8,
        tanah_negara=7,
        wakaf=5,
        hak_pakai=4,
        aset_bumn=2,
    )
    uses = {"kosong": 35, "semak": 30, "bekas_bangunan": 10, "tumpukan_sampah": 8, "parkir_liar": 5}
    if square_metres(address.kelurahan.area) > 1_200_000:
        uses["sawah_bera"] = 20
    ideas = ("tps3r", "bank_sampah", "kebun_kwt", "rth", "lapangan", "fasum", "parkir")
    return feature(
        shape,
        kode_wilayah=address.kelurahan.code,
        nama=f"Lahan kosong {address.short} {address.kelurahan.name}",
        alamat=street(address, rng),
        rw=address.rw.number,
        rt=address.rt.number,
        luas_dokumen_m2=round(square_metres(shape) * rng.uniform(0.96, 1.04)) if rng.random() < 0.6 else None,
        status_hak=right,
        pemilik_jenis=OWNERS[right],
        penggunaan_saat_ini=pick(rng, **uses),
        tidak_digunakan_sejak=rng.randint(2008, 2024),
        potensi=some(rng, ideas, 1, 3),
        rawan=hazards(shape) or None,
        akses_jalan_m=round(rng.uniform(1.5, 7), 1),
        air=rng.random() < 0.6,
        listrik=rng.random() < 0.8,
        status_tindak_lanjut=pick(rng, didata=50, dikonfirmasi=25, dihubungi=15, disepakati=7, dimanfaatkan=3),
        tanggal_data=day(rng),
        nama_pemilik="Pemilik lahan (contoh)" if right == "hak_milik" else None,
        kontak_pemilik=phone(5000 + number) if right == "hak_milik" else None,
        keterangan=REMARK,
        source="digitasi_citra",
        accuracy_m=2.5,
    )


def hazards(shape: Polygon) -> list[str]:
    """What threatens a plot by where it lies."""
    dangers = (
        ("banjir", shape.distance(brantas()) < 500 * METRE),
        ("sempadan_sungai", shape.distance(brantas()) < 160 * METRE),
        ("longsor", shape.distance(klotok()) < 900 * METRE),
    )
    return [name for name, present in dangers if present]


def umkm(city: Sequence[Kelurahan], ground: Ground) -> list[Feature]:
    """Small businesses: half of them where RT are drawn, and only there in people's homes."""
    rng = dice("umkm")
    with_rt = [kelurahan for kelurahan in city if kelurahan.drawn]
    others = [kelurahan for kelurahan in city if not kelurahan.drawn]
    hosts = with_rt * 12 + rng.choices(others, k=60)
    names = rng.sample([(*business, brand) for business in BUSINESSES for brand in BRANDS], len(hosts))
    features: list[Feature] = []
    for kelurahan, (trade, sector, brand) in zip(hosts, names, strict=True):
        (spot,) = ground.spots("umkm", shuffled(kelurahan.addresses, rng), 1, 25, rng)
        features.append(
            surveyed(
                spot,
                rng,
                nama_usaha=f"{trade} {brand}",
                sektor=sector,
                skala=pick(rng, mikro=85, kecil=13, menengah=2),
                usaha_rumahan=kelurahan.drawn and rng.random() < 0.65,
                rw=spot.address.rw.number,
                rt=spot.address.rt.number,
                tenaga_kerja=rng.randint(1, 8),
                izin=some(rng, ("nib", "pirt", "halal") if sector in ("10", "56") else ("nib",), 0, 1) or None,
                alamat=street(spot.address, rng),
                pemilik="Pemilik usaha (contoh)",
            )
        )
    return features


def kwt(city: Sequence[Kelurahan], ground: Ground) -> list[Feature]:
    """Women farmers' groups in every second kelurahan."""
    rng = dice("kwt")
    features: list[Feature] = []
    for k, kelurahan in enumerate(rng.sample(city, 25), start=1):
        (spot,) = ground.spots("kwt", shuffled(kelurahan.addresses, rng), 1, 60, rng)
        name = f"KWT {rng.choice(GROUPS)} {kelurahan.name}"
        features.append(
            surveyed(
                spot,
                rng,
                nama=name,
                jumlah_anggota=rng.randint(12, 32),
                komoditas=some(rng, CROPS, 2, 5),
                luas_m2=float(rng.randrange(80, 900, 20)),
                tahun_berdiri=rng.randint(2014, 2025),
                alamat=street(spot.address, rng),
                rw=spot.address.rw.number,
                rt=spot.address.rt.number,
                nama_ketua=f"Ketua {name}",
                hp_ketua=phone(6000 + k),
            )
        )
    return features


# --- Sample files, as a newcomer would bring them ----------------------------------------------------


def rbi_kelurahan(city: Sequence[Kelurahan]) -> list[Feature]:
    """Three kelurahan with the attribute columns of BIG's boundary files."""
    return [
        feature(
            kelurahan.area,
            NAMOBJ=kelurahan.name,
            FCODE="BA03070040",
            REMARK=REMARK,
            METADATA="CONTOH_GEOSATU_DATA_BATAS_DESAKELURAHAN",
            SRS_ID="SRGI 2013",
            LUASWH=0,
            TIPADM=1,
            UUPP=BOUNDARY_SOURCE,
            WADMPR="Jawa Timur",
            WADMKK="Kota Kediri",
            WADMKC=kelurahan.district,
            WADMKD=kelurahan.name,
            KDPPUM=kelurahan.code[:2],
            KDPKAB=kelurahan.code[:5],
            KDCPUM=kelurahan.code[:8],
            KDEPUM=kelurahan.code,
            KDPBPS=kelurahan.bps[:2],
            KDBBPS=kelurahan.bps[:4],
            KDCBPS=kelurahan.bps[:7],
            KDEBPS=kelurahan.bps,
        )
        for kelurahan in city
        if kelurahan.name in ("Dermo", "Mrican", "Ngampel")
    ]


def faulty_pos_kamling(city: Sequence[Kelurahan], ground: Ground) -> list[Feature]:
    """Six new posts of Dermo; the fourth has an unknown code, the sixth latitude before longitude."""
    rng = dice("contoh pos_kamling")
    dermo = next(kelurahan for kelurahan in city if kelurahan.name == "Dermo")
    features = []
    for k, spot in enumerate(ground.spots("contoh", shuffled(dermo.addresses, rng), 6, 60, rng), start=1):
        sample = surveyed(
            spot,
            rng,
            nama=f"Pos Kamling Baru {k}",
            status_operasi="berfungsi" if k == 4 else "aktif",
            alamat=street(spot.address, rng),
            rw=spot.address.rw.number,
            rt=spot.address.rt.number,
            fasilitas=["kentongan", "lampu"],
        )
        if k == 6:
            sample["geometry"]["coordinates"] = sample["geometry"]["coordinates"][::-1]
        features.append(sample)
    return features


def posyandu_waypoints(city: Sequence[Kelurahan], ground: Ground) -> str:
    """Eight health posts that the PIC of Campurejo saved as waypoints on one morning."""
    rng = dice("contoh posyandu")
    campurejo = next(kelurahan for kelurahan in city if kelurahan.name == "Campurejo")
    spots = ground.spots("contoh", shuffled(campurejo.addresses, rng), 8, 60, rng)
    lines = []
    for k, spot in enumerate(spots):
        x, y = spot.point.coords[0]
        lines += [
            f'<wpt lat="{y / DEGREE:.7f}" lon="{x / DEGREE:.7f}">',
            f"  <time>{clock(600 * k)}</time>",
            f"  <name>Posyandu Remaja {spot.address.short}</name>",
            f"  <desc>{REMARK}</desc>",
            "</wpt>",
        ]
    return gpx(lines)


def rt_tracks(city: Sequence[Kelurahan]) -> str:
    """Two neighbouring RT of Ngronggo, each walked round with a phone in the hand."""
    rng = dice("contoh batas_rt")
    ngronggo = next(kelurahan for kelurahan in city if kelurahan.name == "Ngronggo")
    rw = ngronggo.rws[1]
    lines = []
    for k, rt in enumerate(bisect(rw.area, 8, rng)[:2], start=1):
        lines += ["<trk>", f"  <name>RT {k:03} RW {rw.number}</name>", f"  <desc>{REMARK}</desc>", "  <trkseg>"]
        for step, (x, y) in enumerate(walk(rt.exterior, rng)):
            time = clock(3600 * k + 5 * step)
            lines.append(f'    <trkpt lat="{y / DEGREE:.7f}" lon="{x / DEGREE:.7f}"><time>{time}</time></trkpt>')
        lines += ["  </trkseg>", "</trk>"]
    return gpx(lines)


def walk(ring: LineString, rng: Random) -> list[Place]:
    """A place every 6 m or so along a ring, ending 3 m before the start, some 2-4 m off as phones are."""
    steps = round((ring.length / METRE - 3) / 6)
    drift = (0.0, 0.0)
    track = []
    for step in range(steps + 1):
        at = ring.interpolate((ring.length - 3 * METRE) * step / steps)
        drift = (0.9 * drift[0] + rng.gauss(0, 0.9), 0.9 * drift[1] + rng.gauss(0, 0.9))
        known = min(1.0, step / 5, (steps - step) / 5)
        track.append((at.x + known * drift[0] * METRE, at.y + known * drift[1] * METRE))
    return track


def clock(seconds: int) -> str:
    """A time of the survey morning, in UTC as GPX wants it."""
    return (datetime(2026, 10, 6, 0, 30, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def gpx(lines: Sequence[str]) -> str:
    """A GPX 1.1 document."""
    head = '<gpx version="1.1" creator="geosatu" xmlns="http://www.topografix.com/GPX/1/1">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *(f"  {line}" for line in lines), "</gpx>", ""])


# --- Files -------------------------------------------------------------------------------------------


def collection(name: str, features: Sequence[Feature]) -> str:
    """GeoJSON with one feature on each line."""
    head = json.dumps({"type": "FeatureCollection", "name": name, "note": NOTE, "licence": LICENCE}, ensure_ascii=False)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in features)
    return f'{head[:-1]}, "features": [\n{rows}\n]}}\n'


def make(folder: Path) -> None:
    """Writes all files of the demonstration into a folder."""
    with (HERE / "kediri" / "kelurahan.csv").open(encoding="utf-8", newline="") as facts:
        city = draw_city(list(csv.DictReader(facts)))
    ground = Ground()
    files: dict[str, str] = {}
    for drawn in (batas_kecamatan, batas_kelurahan, batas_rw, batas_rt, zona_sampah):
        files[f"kediri/{drawn.__name__}.geojson"] = collection(drawn.__name__, drawn(city))
    for placed in (
        kantor_kelurahan,
        titik_rt,
        posyandu,
        pos_kamling,
        titik_sampah,
        umkm,
        kwt,
        lahan_tidur,
    ):
        files[f"kediri/{placed.__name__}.geojson"] = collection(placed.__name__, placed(city, ground))
    files |= {
        "contoh/posyandu_kediri.gpx": posyandu_waypoints(city, ground),
        "contoh/batas_rt_kediri.gpx": rt_tracks(city),
        "contoh/pos_kamling_kediri.geojson": collection("pos_kamling", faulty_pos_kamling(city, ground)),
        "contoh/batas_kelurahan_rbi.geojson": collection("batas_kelurahan_rbi", rbi_kelurahan(city)),
    }
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
