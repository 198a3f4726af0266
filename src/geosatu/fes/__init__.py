"""What a WFS is asked in XML: documents of bounded size, geometry in GML, and filters (OGC Filter Encoding 1.0 to 2.0)
as the tree that `cql2` makes too.

A filter here knows the kinds of the properties, since its literals are all text; what the tree means for a layer is
for the store to say.
"""

from __future__ import annotations

from geosatu.fes.filters import IDS, Dialect, filter_tree, ids_tree, named
from geosatu.fes.gml import GML_TAGS, degrees, shape_of
from geosatu.fes.xml import MAX_ELEMENTS, Document, children, read_xml, tag_of, text_of

__all__ = [
    "GML_TAGS",
    "IDS",
    "MAX_ELEMENTS",
    "Dialect",
    "Document",
    "children",
    "degrees",
    "filter_tree",
    "ids_tree",
    "named",
    "read_xml",
    "shape_of",
    "tag_of",
    "text_of",
]
