"""XML that we write ourselves: elements as escaped text."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from geosatu.writers.qgis_xml import NOT_XML

PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XLINK = "http://www.w3.org/1999/xlink"


def node(name: str, attributes: Mapping[str, object] | None = None, *inside: str) -> Markup:
    """An element; what stands in it and is no element itself is escaped."""
    said = Markup("").join(
        Markup(f' {each}="{{}}"').format(clean(str(value)))  # noqa: S704  # escaped
        for each, value in (attributes or {}).items()
    )
    content = Markup("").join(part if isinstance(part, Markup) else clean(part) for part in inside)
    return Markup(f"<{name}{said}>{content}</{name}>") if inside else Markup(f"<{name}{said}/>")  # noqa: S704  # escaped


def clean(said: str) -> str:
    """A text without what no XML document may hold."""
    return NOT_XML.sub("", said)


def document(root: Markup) -> bytes:
    """A whole document."""
    return f"{PROLOGUE}{root}".encode()
