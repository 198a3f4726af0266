"""The official schemas of the OGC; they are not part of the project, `setup.sh test` brings them.

The package pycsw carries a folder that is laid out as schemas.opengis.net is, with GML 3.1.1 and 3.2.1, OWS and Filter
Encoding 1.1 and 2.0. What it lacks (WFS, GML 2), and what GML refers to outside the OGC, is stood in for by
declarations without content. `GEOSATU_OGC_SCHEMAS` may name another such folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from conftest import ROOT, lacking
from lxml import etree

OGC = "http://schemas.opengis.net/"
XSD = "http://www.w3.org/2001/XMLSchema"
XLINK, XML = "http://www.w3.org/1999/xlink", "http://www.w3.org/XML/1998/namespace"

GMD = "".join(f'<element name="{name}"/>' for name in ("EX_Extent", "CI_Citation", "AbstractDQ_PositionalAccuracy"))
INSTEAD = {
    "gmd.xsd": f'<schema xmlns="{XSD}" targetNamespace="http://www.isotc211.org/2005/gmd">{GMD}</schema>',
    # Without its styles, which need SMIL.
    "gml/3.1.1/base/gml.xsd": (
        f'<schema xmlns="{XSD}" targetNamespace="http://www.opengis.net/gml" elementFormDefault="qualified">'
        f'<include schemaLocation="{OGC}gml/3.1.1/base/feature.xsd"/>'
        f'<include schemaLocation="{OGC}gml/3.1.1/base/geometryAggregates.xsd"/></schema>'
    ),
}


class _Here(etree.Resolver):
    """Schemas from the folder instead of the network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, url: str, _public: Any, context: Any) -> Any:
        for end, text in INSTEAD.items():
            if url.endswith(end):
                return self.resolve_string(text, context, base_url=url)
        if (found := re.match(r"https?://schemas\.opengis\.net/(.*)", url)) is not None:
            return self.resolve_filename(str(self._folder / found[1]), context)
        if (found := re.match(r"https?://www\.w3\.org/.*?(xlink|xml)s?\.xsd", url)) is not None:
            year = "1999" if found[1] == "xlink" else "2001"
            return self.resolve_filename(str(self._folder.parent / "w3c" / year / f"{found[1]}.xsd"), context)
        return None


def schema(text: bytes) -> etree.XMLSchema:
    """The schema with all that it imports; a skip where that is not here."""
    folder = Path(os.environ.get("GEOSATU_OGC_SCHEMAS", ROOT / ".venv/schemas/pycsw/core/schemas/ogc"))
    if not folder.is_dir():
        lacking(f"the schemas of the OGC are not here ({folder}); run ./setup.sh test")
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Here(folder))
    return etree.XMLSchema(etree.fromstring(text, parser))


def official(namespace: str, location: str) -> etree.XMLSchema:
    """One of the official schemas."""
    imported = f'<import namespace="{namespace}" schemaLocation="{OGC}{location}"/>'
    return schema(f'<schema xmlns="{XSD}">{imported}</schema>'.encode())


def require_valid(against: etree.XMLSchema, element: Any) -> None:
    """Fail with what the schema finds wrong."""
    alone = etree.fromstring(etree.tostring(element))
    assert against.validate(alone), [str(each)[:400] for each in against.error_log][:5]
