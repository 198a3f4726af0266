"""The page at `/`: a folium map with the catalogue around it.

Folium makes the map and its base layer; the parts around it are elements of ours in the same figure. What
the map's own modules have to know stands in the page as JSON, and the one script that folium writes is
named by its hash in the page's content security policy, so that nothing else can run.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import folium
from branca.element import CssLink, Element, Figure, JavascriptLink
from folium.template import Template
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from geosatu.features import Box
from geosatu.layers import Catalogue
from geosatu.settings import Settings
from geosatu.viewer.assets import MODULES, WEB, asset_url
from geosatu.viewer.config import FINDINGS, SEVERITIES, SHAPES, map_config
from geosatu.viewer.form import Editing
from geosatu.viewer.icons import INTERFACE, check_icons, sprite
from geosatu.viewer.words import (
    feature_name,
    written_count,
    written_date,
    written_extent,
    written_moment,
    written_time,
    written_value,
)

INDONESIA = Box(95.0, -11.1, 141.1, 6.1)

TEMPLATES = Environment(
    loader=FileSystemLoader(WEB / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
TEMPLATES.globals["asset_url"] = asset_url
TEMPLATES.filters["written_count"] = written_count
TEMPLATES.filters["written_date"] = written_date
TEMPLATES.filters["written_time"] = written_time
TEMPLATES.filters["written_moment"] = written_moment
TEMPLATES.filters["written_extent"] = written_extent
TEMPLATES.globals["feature_name"] = feature_name
TEMPLATES.globals["written_value"] = written_value


@dataclass(frozen=True)
class MapView:
    """What the map shows when it opens, as far as the catalogue does not say it."""

    bounds: Box | None = None
    """The part of the world to show; None: Indonesia."""
    title: str | None = None
    """The city, or whatever the site is called."""
    notices: Sequence[str] = ()
    """Sentences that every reader has to see, e.g. that the boundaries are illustrative."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Public features per layer."""
    updated: Mapping[str, date | None] = field(default_factory=dict)
    """The day of the last change per layer; None or absent: there was none."""


class Visitor(NamedTuple):
    """Who signed in, as the head of a page shows them."""

    full_name: str
    links: Sequence[tuple[str, str]]
    """Pages that are theirs: title, and path below ours."""
    csrf: str
    """The token of their forms."""
    account: int
    """By whose number a browser keeps what they have not sent yet."""


def map_page(
    catalogue: Catalogue,
    *,
    view: MapView,
    settings: Settings,
    who: Visitor | None = None,
    editing: Editing | None = None,
) -> str:
    """The whole HTML document, for everybody or for who signed in."""
    check_icons(catalogue)
    bounds = view.bounds or INDONESIA
    page = Page(f"Peta {view.title}" if view.title else "Peta")
    layer_icons = {layer.style.icon for layer in catalogue if layer.style.icon}
    page.add_part("map/sprite.html", symbols=sprite({*INTERFACE, *layer_icons}))
    page.add_part("map/header.html", title=view.title, who=who, root=".", here="/")
    page.add_part(
        "map/panel.html",
        catalogue=catalogue,
        counts=view.counts,
        updated=view.updated,
        shapes=SHAPES,
        findings=FINDINGS,
        severities=SEVERITIES,
        basemap=bool(settings.basemap),
    )
    themes = editing.themes(catalogue) if editing is not None else {}
    page.add_part("map/stage.html", notices=view.notices, themes=themes, shapes=SHAPES, root=".")
    config = map_config(catalogue, bounds, view.counts)
    page.add_part("map/config.html", config=config | {"editing": editing and editing.config(catalogue)})
    CityMap(bounds, settings).add_to(page)
    if settings.basemap:
        page.image_sources.append(tile_host(settings.basemap))
    return page.render()


def tile_host(address: str) -> str:
    """Where tiles come from, as a content security policy writes it: `{s}.` in front becomes a wildcard."""
    parts = urlsplit(address.replace("//{s}.", "//*."))
    if not parts.netloc:
        return "'self'"
    return f"{parts.scheme}:" if "{" in parts.netloc else f"{parts.scheme}://{parts.netloc}"


class Page(Figure):
    """A document of ours around a map: the head, the parts in their order, then the scripts."""

    _template = TEMPLATES.get_template("map/page.html")

    def __init__(self, title: str) -> None:
        super().__init__(title=title)
        self.image_sources = ["'self'", "data:"]
        self.modules = MODULES

    def add_part(self, template: str, **values: Any) -> None:
        """Adds a piece of HTML from a template of ours, which escapes every value."""
        self.html.add_child(Part(template, values))

    def render(self, **kwargs: Any) -> str:
        for child in self._children.values():
            child.render(**kwargs)
        script = self.script.render(**kwargs)
        links = self.header._children.values()
        return str(
            self._template.render(
                this=self,
                styles=[link.url for link in links if isinstance(link, CssLink)],
                scripts=[link.url for link in links if isinstance(link, JavascriptLink)],
                body=Markup(self.html.render(**kwargs)),  # noqa: S704  parts escape, the map has no text
                script=Markup(script),  # noqa: S704  written by folium from numbers and settings
                policy=self._policy(script),
            )
        )

    def _policy(self, script: str) -> str:
        """Only our own files, and the one script in the page that has this hash."""
        digest = b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src 'self' 'sha256-{digest}'",
                "style-src 'self'",
                "font-src 'self'",
                f"img-src {' '.join(self.image_sources)}",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'self'",
            )
        )


class Part(Element):
    """A piece of the page from a template of ours.

    It is an element and no macro, because branca reads the outcome of a macro as a template once more, and
    braces in a title would run.
    """

    def __init__(self, template: str, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._name = "Part"
        self._template = TEMPLATES.get_template(template)
        self.values = values

    def render(self, **kwargs: Any) -> str:
        return str(self._template.render(**self.values))


class CityMap(folium.Map):
    """A folium map that is called `map` and loads its libraries from us.

    It gets its first view from `fit_bounds` alone: a view before that one would make the first an animation,
    which would end after, and undo, a view that the address asks for.
    """

    _template = Template(
        """
        {% macro script(this, kwargs) %}
            var map = L.map("map", {
                crs: L.CRS.{{ this.crs }},
                ...{{ this.options|tojavascript }}
            });
        {% endmacro %}
        """
    )

    def __init__(self, bounds: Box, settings: Settings) -> None:
        west, south, east, north = bounds
        super().__init__(
            tiles=None,
            zoom_control=False,
            attribution_control=False,
            # Tiles are sharp at whole zooms only; without them the city fills the screen.
            zoom_snap=1 if settings.basemap else 0.25,
            # Folium's own words `min_zoom` and `max_zoom` are about tiles, not about the map.
            minZoom=4,
            maxZoom=20,
        )
        self.default_js = [
            ("leaflet", asset_url("leaflet.js")),
            ("markercluster", asset_url("markercluster.js")),
        ]
        # Branca keeps scripts and styles under one set of names.
        self.default_css = [
            ("leaflet_css", asset_url("leaflet.css")),
            ("markercluster_css", asset_url("markercluster.css")),
            ("geosatu_css", asset_url("geosatu.css")),
            ("map_css", asset_url("map.css")),
        ]
        if settings.basemap:
            basemap = folium.TileLayer(
                settings.basemap,
                attr=settings.basemap_attribution or "Peta dasar",
                max_zoom=20,
                max_native_zoom=19,
            )
            basemap._id = "base"
            basemap.add_to(self)
        self.fit_bounds([[south, west], [north, east]])

    def get_name(self) -> str:
        return "map"
