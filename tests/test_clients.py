"""Programs that others wrote read every layer as it is: here GDAL, with which QGIS and most of the field read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pyogrio
import pytest
import shapely

from geosatu.layers import Catalogue

Call = Callable[..., Any]

LAYERS = sorted(file.stem for file in (Path(__file__).parent.parent / "layers").glob("*.toml"))


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Call]:
    """Calls a function in a process of its own: GDAL does not let go of the one in which the service answers."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield lambda function, *args, **kwargs: process.submit(function, *args, **kwargs).result(timeout=60)


@pytest.fixture(scope="module")
def ogc(service: str) -> str:
    """The service as GDAL is told of it."""
    if "OAPIF" not in pyogrio.list_drivers():
        pytest.skip(f"GDAL {pyogrio.__gdal_version_string__} here has no OAPIF driver")
    return f"OAPIF:{service}/ogc"


def features(service: str, layer: str) -> list[dict[str, Any]]:
    with urlopen(f"{service}/ogc/collections/{layer}/items?limit=10000", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["features"]
    return found


def test_gdal_finds_every_layer(elsewhere: Call, ogc: str):
    assert sorted(name for name, _ in elsewhere(pyogrio.list_layers, ogc)) == LAYERS


@pytest.mark.parametrize("layer", LAYERS)
def test_gdal_reads_every_feature_of_a_layer(elsewhere: Call, ogc: str, service: str, catalogue: Catalogue, layer: str):
    expected = features(service, layer)

    info = elsewhere(pyogrio.read_info, ogc, layer=layer, force_feature_count=True)
    frame = elsewhere(pyogrio.read_dataframe, ogc, layer=layer, fid_as_index=True)

    assert info["features"] == len(frame) == len(expected)
    assert frame.crs.equals("OGC:CRS84") or frame.crs.equals("EPSG:4326")
    assert set(frame.columns) - {"geometry", "id"} == set(expected[0]["properties"])
    assert set(frame.geom_type) == {catalogue[layer].geometry}
    read = dict(zip(frame.index, frame.geometry, strict=True))
    assert all(read[each["id"]].equals_exact(shapely.geometry.shape(each["geometry"]), 1e-9) for each in expected)


def test_gdal_pages_through_a_layer(elsewhere: Call, ogc: str):
    few = elsewhere(pyogrio.read_dataframe, ogc, layer="pos_kamling", PAGE_SIZE="50")

    assert len(few) == few["uid"].nunique() > 300


def test_gdal_reads_the_part_in_a_box(elsewhere: Call, ogc: str):
    whole = elsewhere(pyogrio.read_dataframe, ogc, layer="pos_kamling")
    box = (112.0, -7.83, 112.03, -7.80)

    part = elsewhere(pyogrio.read_dataframe, ogc, layer="pos_kamling", bbox=box)

    assert 0 < len(part) < len(whole)
    assert set(part["uid"]) == set(whole[whole.intersects(shapely.box(*box))]["uid"])


def test_gdal_reads_one_feature_by_its_number(elsewhere: Call, ogc: str, service: str):
    expected = features(service, "titik_sampah")[7]

    one = elsewhere(pyogrio.read_dataframe, ogc, layer="titik_sampah", fids=[expected["id"]], columns=["nama"])

    assert one["nama"].tolist() == [expected["properties"]["nama"]]
