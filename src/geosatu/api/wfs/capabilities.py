"""GetCapabilities: what this service can do for the reader, in the words of each version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from geosatu.api.context import Overview
from geosatu.api.wfs.features import COUNT_DEFAULT
from geosatu.api.wfs.filter_capabilities import FILTERS
from geosatu.api.wfs.versions import ADVERTISED, NAMESPACE, VERSIONS, Version
from geosatu.api.wfs.xml import XLINK, XSI, document, node
from geosatu.crs import Crs, crs_near
from geosatu.layers import Catalogue, Layer
from geosatu.store.gml import PREFIX

ABSTRACT = "Peta kelurahan: batas wilayah, layanan dan lahan."

READING: dict[str, tuple[str, ...]] = {
    "1.0.0": ("GetCapabilities", "DescribeFeatureType", "GetFeature"),
    "1.1.0": ("GetCapabilities", "DescribeFeatureType", "GetFeature"),
    "2.0.0": (
        "GetCapabilities",
        "DescribeFeatureType",
        "GetFeature",
        "GetPropertyValue",
        "ListStoredQueries",
        "DescribeStoredQueries",
    ),
}
"""The operations that everybody may use, by version."""

WRITING = ("Transaction",)
"""The operations of those who may edit, in every version."""

ACTIONS = ("Insert", "Update", "Delete")
"""What WFS 1 says may be done with the features of a type."""


def operations_of(version: Version, editing: bool) -> tuple[str, ...]:
    """What may be asked for in a version, by those who edit or by everybody: what capabilities list, and what the door
    answers."""
    return (*READING[version.number], *(WRITING if editing else ()))


CONFORMANCE = {
    "ImplementsSimpleWFS": True,
    "ImplementsBasicWFS": True,
    "ImplementsTransactionalWFS": False,
    "ImplementsLockingWFS": False,
    "KVPEncoding": True,
    "XMLEncoding": True,
    "SOAPEncoding": False,
    "ImplementsInheritance": False,
    "ImplementsRemoteResolve": False,
    "ImplementsResultPaging": True,
    "ImplementsStandardJoins": False,
    "ImplementsSpatialJoins": False,
    "ImplementsTemporalJoins": False,
    "ImplementsFeatureVersioning": False,
    "ManageStoredQueries": False,
    "PagingIsTransactionSafe": False,
}


@dataclass(frozen=True)
class Capabilities:
    """What is told to one reader."""

    version: Version
    base: str
    catalogue: Catalogue
    overview: Overview
    edited: Collection[str]
    """The layers that this reader may edit somewhere."""

    @property
    def operations(self) -> Sequence[str]:
        """What this reader may ask for. Programs take every layer for theirs to edit where there is a Transaction."""
        return operations_of(self.version, bool(self.edited))

    def document(self) -> bytes:
        """The whole document."""
        return document(self._of_1_0() if self.version.number == "1.0.0" else self._of_later())

    @property
    def _here(self) -> str:
        return f"{self.base}/wfs"

    @property
    def _title(self) -> str:
        return f"Data {self.overview.title}" if self.overview.title else "geosatu"

    def _spaces(self) -> dict[str, object]:
        filters = "fes" if self.version.number == "2.0.0" else "ogc"
        return {
            "version": self.version.number,
            "xmlns:wfs": self.version.wfs,
            "xmlns:ows": self.version.ows,
            f"xmlns:{filters}": self.version.filters,
            "xmlns:gml": "http://www.opengis.net/gml/3.2" if filters == "fes" else "http://www.opengis.net/gml",
            "xmlns:xlink": XLINK,
            "xmlns:xsi": XSI,
            f"xmlns:{PREFIX}": NAMESPACE,
            "xsi:schemaLocation": f"{self.version.wfs} {self.version.location}",
        }

    # 1.1.0 and 2.0.0.

    def _of_later(self) -> Markup:
        types = [self._type(layer) for layer in self.catalogue]
        if self.version.number == "1.1.0":
            types.insert(0, node("wfs:Operations", None, node("wfs:Operation", None, "Query")))
        return node(
            "wfs:WFS_Capabilities",
            self._spaces(),
            node(
                "ows:ServiceIdentification",
                None,
                node("ows:Title", None, self._title),
                node("ows:Abstract", None, ABSTRACT),
                node("ows:ServiceType", None, "WFS"),
                *(node("ows:ServiceTypeVersion", None, number) for number in VERSIONS),
                node("ows:Fees", None, "NONE"),
                node("ows:AccessConstraints", None, "NONE"),
            ),
            node("ows:ServiceProvider", None, node("ows:ProviderName", None, "geosatu"), node("ows:ServiceContact")),
            node("ows:OperationsMetadata", None, *self._operations(), *self._constraints()),
            node("wfs:FeatureTypeList", None, *types),
            FILTERS[self.version.number],
        )

    def _operations(self) -> Iterator[Markup]:
        forms = ADVERTISED[self.version.number]
        parameters: dict[str, dict[str, Sequence[str]]] = {
            "GetCapabilities": {"AcceptVersions": tuple(VERSIONS), "AcceptFormats": ("text/xml",)},
            "DescribeFeatureType": {"outputFormat": tuple(form for form in forms if "gml" in form)},
            "GetFeature": {"resultType": ("results", "hits"), "outputFormat": forms},
            "GetPropertyValue": {"resultType": ("results", "hits")},
        }
        for name in self.operations:
            get, post = (node(f"ows:{way}", {"xlink:href": self._here}) for way in ("Get", "Post"))
            ways = node("ows:DCP", None, node("ows:HTTP", None, get, post))
            said = (self._parameter(each, values) for each, values in parameters.get(name, {}).items())
            yield node("ows:Operation", {"name": name}, ways, *said)

    def _parameter(self, name: str, values: Sequence[str]) -> Markup:
        listed = [node("ows:Value", None, value) for value in values]
        inside = [node("ows:AllowedValues", None, *listed)] if self.version.number == "2.0.0" else listed
        return node("ows:Parameter", {"name": name}, *inside)

    def _constraints(self) -> Iterator[Markup]:
        if self.version.number != "2.0.0":
            return
        said: dict[str, object] = {**CONFORMANCE, "CountDefault": COUNT_DEFAULT}
        said["ImplementsTransactionalWFS"] = "Transaction" in self.operations
        for name, value in said.items():
            told = str(value).upper()
            yield node("ows:Constraint", {"name": name}, node("ows:NoValues"), node("ows:DefaultValue", None, told))

    def _type(self, layer: Layer) -> Markup:
        word = "CRS" if self.version.number == "2.0.0" else "SRS"
        forms = ADVERTISED[self.version.number]
        first, *others = (_urn(crs) for crs in self._systems(layer))
        return node(
            "wfs:FeatureType",
            {f"xmlns:{PREFIX}": NAMESPACE},
            node("wfs:Name", None, f"{PREFIX}:{layer.name}"),
            node("wfs:Title", None, layer.title),
            node("wfs:Abstract", None, layer.abstract),
            *([node("ows:Keywords", None, *self._keywords(layer))] if layer.keywords else []),
            node(f"wfs:Default{word}", None, first),
            *(node(f"wfs:Other{word}", None, other) for other in others),
            *([self._actions()] if self.version.number == "1.1.0" and layer.name in self.edited else []),
            node("wfs:OutputFormats", None, *(node("wfs:Format", None, each) for each in forms)),
            self._bounds(layer),
        )

    def _actions(self) -> Markup:
        return node("wfs:Operations", None, *(node("wfs:Operation", None, each) for each in ("Query", *ACTIONS)))

    def _keywords(self, layer: Layer) -> Iterator[Markup]:
        return (node("ows:Keyword", None, word) for word in layer.keywords)

    def _bounds(self, layer: Layer) -> Markup:
        west, south, east, north = self._box(layer)
        corners = (("Lower", west, south), ("Upper", east, north))
        return node(
            "ows:WGS84BoundingBox", None, *(node(f"ows:{name}Corner", None, f"{x} {y}") for name, x, y in corners)
        )

    def _box(self, layer: Layer) -> tuple[float, float, float, float]:
        """Where the features are; of a layer without any, where there could be some."""
        box = self.overview.summaries[layer.name].bounds or self.overview.bounds
        return box if box is not None else (-180.0, -90.0, 180.0, 90.0)

    def _systems(self, layer: Layer) -> list[Crs]:
        """The CRS of requests that name none first; CRS84 last, since it is no EPSG code."""
        box = self.overview.summaries[layer.name].bounds
        crs84, *others = crs_near(112.0 if box is None else (box.west + box.east) / 2)
        return [*others, crs84]

    # 1.0.0.

    def _of_1_0(self) -> Markup:
        operations = [node("wfs:Operations", None, node("wfs:Query"))]
        return node(
            "wfs:WFS_Capabilities",
            self._spaces(),
            node(
                "wfs:Service",
                None,
                node("wfs:Name", None, "WFS"),
                node("wfs:Title", None, self._title),
                node("wfs:Abstract", None, ABSTRACT),
                node("wfs:OnlineResource", None, self._here),
            ),
            node("wfs:Capability", None, node("wfs:Request", None, *self._requests())),
            node("wfs:FeatureTypeList", None, *operations, *(self._type_1_0(layer) for layer in self.catalogue)),
            FILTERS["1.0.0"],
        )

    def _requests(self) -> Iterator[Markup]:
        inside: Mapping[str, Sequence[Markup]] = {
            "DescribeFeatureType": [node("wfs:SchemaDescriptionLanguage", None, node("wfs:XMLSCHEMA"))],
            "GetFeature": [node("wfs:ResultFormat", None, *(node(f"wfs:{form}") for form in ADVERTISED["1.0.0"]))],
        }
        for name in self.operations:
            ways = [
                node("wfs:DCPType", None, node("wfs:HTTP", None, node(f"wfs:{way}", {"onlineResource": self._here})))
                for way in ("Get", "Post")
            ]
            yield node(f"wfs:{name}", None, *inside.get(name, ()), *ways)

    def _type_1_0(self, layer: Layer) -> Markup:
        edited = layer.name in self.edited
        edges = zip(("minx", "miny", "maxx", "maxy"), self._box(layer), strict=True)
        return node(
            "wfs:FeatureType",
            {f"xmlns:{PREFIX}": NAMESPACE},
            node("wfs:Name", None, f"{PREFIX}:{layer.name}"),
            node("wfs:Title", None, layer.title),
            node("wfs:Abstract", None, layer.abstract),
            *([node("wfs:Keywords", None, ", ".join(layer.keywords))] if layer.keywords else []),
            node("wfs:SRS", None, "EPSG:4326"),
            *([node("wfs:Operations", None, *(node(f"wfs:{each}") for each in ("Query", *ACTIONS)))] if edited else []),
            node("wfs:LatLongBoundingBox", dict(edges)),
        )


def _urn(crs: Crs) -> str:
    return "urn:ogc:def:crs:OGC:1.3:CRS84" if crs.uri.endswith("CRS84") else f"urn:ogc:def:crs:EPSG::{crs.epsg}"
