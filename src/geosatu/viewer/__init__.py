"""The web map: the catalogue becomes a `folium.Map`, and everything the page needs is served by us."""

from geosatu.viewer.assets import ASSETS, Asset, MissingAssets, asset, asset_url
from geosatu.viewer.form import Editing
from geosatu.viewer.icons import check_icons
from geosatu.viewer.page import MapView, Visitor, map_page

__all__ = [
    "ASSETS",
    "Asset",
    "Editing",
    "MapView",
    "MissingAssets",
    "Visitor",
    "asset",
    "asset_url",
    "check_icons",
    "map_page",
]
