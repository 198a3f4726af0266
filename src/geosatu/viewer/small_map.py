"""What the small map on a page is told: the features of the page, or a whole layer from its tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from geosatu.features import Box
from geosatu.layers import OWNERS, Layer
from geosatu.viewer.config import layer_config, tiles_address

DECIMALS = 6
"""Of degrees, a tenth of a metre: enough for a picture."""

SCREEN = (900, 600)
"""The pixels that a view of the large map surely has."""

FARTHEST, CLOSEST = 4, 17

FEW = 2_000
"""So many points can be drawn as large as those of one page."""

DISC = 3
"""Their radius in pixels; that of more points depends on the zoom."""


def small_map(
    layer: Layer,
    root: str,
    bounds: Box,
    features: Sequence[Mapping[str, Any]] | None = None,
    *,
    count: int = 0,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The small map of these GeoJSON features, in longitude and latitude; None: of the whole layer of `count`. Where
    one lay elsewhere `before`, that is drawn as well."""
    shown = {layer.label, layer.style.colour_by}
    return {
        "root": f"{root}/",
        "bounds": list(bounds),
        "layer": {
            **layer_config(layer, None),
            "tiles": tiles_address(layer),
            "disc": DISC if count <= FEW else None,
        },
        "around": None if layer.name == OWNERS else f"ogc/collections/{OWNERS}/items",
        "before": before and before.get("geometry"),
        "features": features
        and [
            {
                "type": "Feature",
                "id": feature["id"],
                "properties": {name: said for name, said in feature["properties"].items() if name in shown},
                "geometry": {**feature["geometry"], "coordinates": _rounded(feature["geometry"]["coordinates"])},
            }
            for feature in features
            if feature.get("geometry")
        ],
    }


def bounds_of(features: Sequence[Mapping[str, Any]]) -> Box | None:
    """The box around GeoJSON features; None: none of them has a place."""
    geometries = (feature["geometry"] for feature in features if feature.get("geometry"))
    places = [place for geometry in geometries for place in _places(geometry["coordinates"])]
    if not places:
        return None
    longitudes = [place[0] for place in places]
    latitudes = [place[1] for place in places]
    return Box(min(longitudes), min(latitudes), max(longitudes), max(latitudes))


def map_address(root: str, layer: Layer, bounds: Box) -> str:
    """Where the large map shows this layer and these bounds."""
    west, south, east, north = bounds
    width, height = SCREEN
    degrees = max((east - west) / width, (north - south) / height, 360 / 256 / 2**CLOSEST)
    zoom = math.floor(math.log2(360 / 256 / degrees) * 4) / 4
    zoom = max(min(zoom, CLOSEST), FARTHEST, layer.style.min_zoom)
    layers = ",".join(dict.fromkeys((OWNERS, layer.name)))
    return f"{root}/#{zoom:g}/{(south + north) / 2:.5f}/{(west + east) / 2:.5f}/{layers}"


def _places(coordinates: Any) -> Iterator[Sequence[float]]:
    if coordinates and isinstance(coordinates[0], (int, float)):
        yield coordinates
    else:
        for part in coordinates:
            yield from _places(part)


def _rounded(coordinates: Any) -> Any:
    if isinstance(coordinates, (int, float)):
        return round(coordinates, DECIMALS)
    return [_rounded(part) for part in coordinates]
