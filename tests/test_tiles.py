"""Vector tiles: every feature while they are few, and from afar a picture of all that stays small."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import geopandas
import pyogrio
import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy import Connection, text

from geosatu.database.tables import table_of
from geosatu.features import PUBLIC
from geosatu.layers import Catalogue, Layer
from geosatu.store import tiles
from geosatu.store.rendering import properties_of

ZOOM, X, Y = 9, 415, 267
"""A tile whose pixels are 306 m wide."""

UNIT = tiles.WORLD_M / 2**ZOOM / tiles.EXTENT
PIXEL, CELL = UNIT * tiles.PIXEL, UNIT * tiles.CELL
WEST, SOUTH = X * tiles.EXTENT * UNIT - tiles.WORLD_M / 2, tiles.WORLD_M / 2 - (Y + 1) * tiles.EXTENT * UNIT
STEP = 100.0


def insert(conn: Connection, layer: Layer, shapes: list[shapely.Geometry], **values: str) -> list[int]:
    """Put shapes in Web Mercator into the layer; gives back their ids."""
    names = "".join(f", {name}" for name in values)
    given = "".join(f", :{name}" for name in values)
    shown = "ST_Transform(ST_GeomFromWKB(shape, 3857), 4326)"
    if layer.geometry.startswith("Multi"):
        shown = f"ST_Multi({shown})"
    rows = conn.execute(
        text(
            f"INSERT INTO layer.{layer.name} (created_by, updated_by, geom{names}) "
            f"SELECT 'uji', 'uji', {shown}{given} FROM unnest(:shapes) AS shape RETURNING id"
        ),
        {"shapes": [shapely.to_wkb(shape) for shape in shapes], **values},
    )
    return [row.id for row in rows]


def squares(count: int, size: float, step: float = STEP, west: float = 0, south: float = 0) -> list[shapely.Geometry]:
    """Squares in rows of 100, from this far inside the tile."""
    places = ((WEST + west + number % 100 * step, SOUTH + south + number // 100 * step) for number in range(count))
    return [shapely.box(x, y, x + size, y + size) for x, y in places]


def made(conn: Connection, layer: Layer, x: int = X, y: int = Y) -> list[bytes]:
    """The tile, behind what the ways gave that were not for so much."""
    found = []
    for way in tiles.ways(layer, ZOOM, x, y, PUBLIC.access):
        content, more = conn.exec_driver_sql(way.sql, dict(way.values)).one()
        found.append(bytes(content))
        if not more:
            break
    return found


def shown(conn: Connection, layer: Layer, folder: Path, x: int = X, y: int = Y) -> geopandas.GeoDataFrame:
    """What GDAL reads in the tile, in Web Mercator, by id."""
    file = folder / f"{x}.pbf"
    file.write_bytes(made(conn, layer, x, y)[-1])
    frame = pyogrio.read_dataframe(file, X=str(x), Y=str(y), Z=str(ZOOM), CLIP="NO")
    return frame.set_index("mvt_id")


def test_a_few_areas_are_shown_each_by_itself_however_small(conn: Connection, catalogue: Catalogue, tmp_path: Path):
    layer = catalogue["batas_rt"]
    areas = squares(25, 10, step=3_000, south=9_000)
    numbers = insert(conn, layer, areas, no_rt="003")

    found = shown(conn, layer, tmp_path)

    assert sorted(found.index) == sorted(numbers)
    assert set(found["no_rt"]) == {"003"}
    for number, area in zip(numbers, areas, strict=True):
        drawn = found.geometry[number]
        assert drawn.buffer(UNIT).covers(area.centroid)
        assert drawn.area == pytest.approx(PIXEL**2, rel=0.15)


def test_of_many_small_areas_each_cell_shows_one(conn: Connection, catalogue: Catalogue, tmp_path: Path):
    layer = catalogue["zona_sampah"]
    areas = squares(7_000, 80)
    numbers = insert(conn, layer, areas, jenis_layanan="tps3r", nama="Zona")

    found = shown(conn, layer, tmp_path)

    assert found.index.is_unique
    assert set(found.index) <= set(numbers)
    assert len(found) == pytest.approx((100 * STEP / CELL) * (70 * STEP / CELL), rel=0.2)
    picture = shapely.union_all(found.geometry.buffer(UNIT))
    assert all(picture.covers(area.centroid) for area in areas)
    areas_of = dict(zip(numbers, areas, strict=True))
    assert all(shape.buffer(UNIT).covers(areas_of[number].centroid) for number, shape in found.geometry.items())
    assert set(found["jenis_layanan"]) == {"tps3r"}
    assert "nama" not in found or found["nama"].isna().all()


def test_a_large_area_stays_whole_among_small_ones(conn: Connection, catalogue: Catalogue, tmp_path: Path):
    layer = catalogue["batas_rt"]
    insert(conn, layer, squares(5_500, 80))
    large = shapely.box(WEST + 20_000, SOUTH + 20_000, WEST + 23_000, SOUTH + 21_000)
    (number,) = insert(conn, layer, [large], no_rt="007")

    found = shown(conn, layer, tmp_path)

    assert found.geometry[number].symmetric_difference(large).area < 0.1 * large.area
    assert found["no_rt"][number] == "007"


def test_tiles_side_by_side_agree_on_what_their_common_cells_show(
    conn: Connection, catalogue: Catalogue, tmp_path: Path
):
    layer = catalogue["batas_rt"]
    insert(conn, layer, squares(12_000, 80, west=-50 * STEP))

    left, right = (shown(conn, layer, tmp_path, x=x) for x in (X - 1, X))

    edge = shapely.LineString([(WEST, SOUTH + CELL), (WEST, SOUTH + 119 * STEP - CELL)])
    crossing = [frame[frame.intersects(edge)] for frame in (left, right)]
    assert len(crossing[0]) > 10
    assert sorted(crossing[0].index) == sorted(crossing[1].index)


@pytest.fixture
def fewer_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if so many points were far more."""
    monkeypatch.setattr(tiles, "MOST_AT_ONCE", tiles.MOST)
    tiles._gathered.cache_clear()
    yield
    tiles._gathered.cache_clear()


@pytest.mark.parametrize(("name", "ways"), [("pos_kamling", 2), ("pos_kamling", 3), ("umkm", 2)])
def test_of_many_points_each_cell_shows_one_in_its_place(
    conn: Connection, catalogue: Catalogue, tmp_path: Path, request: pytest.FixtureRequest, name: str, ways: int
):
    """Gathered in one go, looked up in the index, or moved to the area around them where they are homes."""
    if ways == 3:
        request.getfixturevalue("fewer_at_once")
    layer = catalogue[name]
    places = [area.centroid for area in squares(6_000, 80)]
    numbers = insert(conn, layer, places)

    assert len(made(conn, layer)) == ways
    found = shown(conn, layer, tmp_path)

    assert found.index.is_unique
    assert len(found) == pytest.approx((100 * STEP / CELL) * (60 * STEP / CELL), rel=0.2)
    places_of = dict(zip(numbers, places, strict=True))
    assert all(point.distance(places_of[number]) <= UNIT for number, point in found.geometry.items())
    picture = shapely.union_all(found.geometry.buffer(1.5 * CELL))
    assert all(picture.covers(place) for place in places)


def test_of_many_points_the_archived_and_the_hidden_are_not_shown(conn: Connection, catalogue: Catalogue):
    """A home outside every area has no place that may be shown."""
    places = [area.centroid for area in squares(5_500, 80)]
    for layer, values in ((catalogue["pos_kamling"], {"status": "arsip"}), (catalogue["titik_rt"], {})):
        insert(conn, layer, places, **values)

        contents = [
            conn.exec_driver_sql(way.sql, dict(way.values)).one()[0]
            for way in islice(tiles.ways(layer, ZOOM, X, Y, PUBLIC.access), 3 if layer.home is None else 2)
        ]
        assert not any(contents)


def test_of_many_lines_each_cell_shows_one_as_it_is(conn: Connection, catalogue: Catalogue, tmp_path: Path):
    layer = catalogue["zona_sampah"].model_copy(update={"name": "jalan_uji", "geometry": "MultiLineString"})
    table_of(layer).create(conn)
    lines = [shapely.LineString(area.exterior.coords[:3]) for area in squares(6_000, 80)]
    numbers = insert(conn, layer, lines, jenis_layanan="tps3r")
    long = shapely.LineString([(WEST + 500, SOUTH + 500), (WEST + 9_000, SOUTH + 5_000)])
    (longest,) = insert(conn, layer, [long])

    found = shown(conn, layer, tmp_path)

    assert found.index.is_unique
    assert set(found.index) - {longest} < set(numbers)
    assert found.geometry[longest].hausdorff_distance(long) < PIXEL
    lines_of = dict(zip(numbers, lines, strict=True))
    short = found.drop(index=longest)
    assert all(shape.hausdorff_distance(lines_of[number]) < 2 * UNIT for number, shape in short.geometry.items())


def test_a_tile_carries_no_more_than_the_public_sees(catalogue: Catalogue):
    for layer in catalogue:
        assert set(tiles.attributes(layer)) <= {column.name for column in properties_of(layer, PUBLIC.access)}


@pytest.fixture
def soon_many(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hundred features are too many for a tile."""
    monkeypatch.setattr(tiles, "MOST", 100)
    tiles._single.cache_clear()
    yield
    tiles._single.cache_clear()


@pytest.mark.parametrize("layer", ["batas_rt", "posyandu", "titik_rt"])
def test_the_service_gathers_what_is_too_much_for_a_tile(
    client: TestClient, soon_many: None, tmp_path: Path, layer: str
):
    def asked(zoom: int, row: int, column: int) -> geopandas.GeoDataFrame:
        answer = client.get(f"/ogc/collections/{layer}/tiles/WebMercatorQuad/{zoom}/{row}/{column}")
        file = tmp_path / f"{zoom}.pbf"
        file.write_bytes(answer.content)
        return pyogrio.read_dataframe(file, X=str(column), Y=str(row), Z=str(zoom))

    all_ids = {each["id"] for each in client.get(f"/ogc/collections/{layer}/items?limit=10000").json()["features"]}

    far = asked(6, 33, 51)

    assert 0 < len(far) < 100 < len(all_ids)
    assert set(far["mvt_id"]) < all_ids


@pytest.mark.parametrize(
    ("tile", "status", "said"),
    [
        (
            "13/9999999999/0",
            404,
            "Petak 13/9999999999/0 tidak ada; tingkat 0 sampai 22, baris dan kolom 0 sampai 8191.",
        ),
        ("0/0/0?f=png", 400, "f=png: bentuk ini tidak ada; yang ada: mvt."),
        ("0/0/0?x=1", 400, "Parameter 'x' tidak dikenal; yang ada: f."),
    ],
)
def test_a_tile_that_is_none_is_told(client: TestClient, tile: str, status: int, said: str):
    answer = client.get(f"/ogc/collections/kwt/tiles/WebMercatorQuad/{tile}")

    assert (answer.status_code, answer.json()["title"]) == (status, said)


def test_a_kept_tile_is_the_same_with_and_without_gzip(client: TestClient):
    address = "/ogc/collections/batas_rt/tiles/WebMercatorQuad/12/2137/3322"

    plain, zipped, again = (
        client.get(address, headers={"Accept-Encoding": encoding}) for encoding in ("identity", "gzip", "identity")
    )

    assert [answer.headers.get("content-encoding") for answer in (plain, zipped, again)] == [None, "gzip", None]
    assert len(plain.content) > 1_000
    assert plain.content == zipped.content == again.content
