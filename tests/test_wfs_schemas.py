"""What a WFS answers is what schemas say: its own (DescribeFeatureType), and those of the OGC where they are here."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from lxml import etree
from ogc_schemas import official, require_valid, schema
from sqlalchemy import Engine, text
from wfs import GML, OURS, OWS, VERSIONS, get

from geosatu.layers import Catalogue

XSD = "http://www.w3.org/2001/XMLSchema"
LAYERS = ["pos_kamling", "batas_kelurahan", "posyandu", "titik_sampah", "lahan_tidur", "kwt"]
FORMS = {"1.0.0": ("2", "fid"), "1.1.0": ("3.1", "gml:id"), "2.0.0": ("3.2", "gml:id")}
PROPERTIES = ("PointPropertyType", "MultiPolygonPropertyType", "MultiSurfacePropertyType")


def base_of_gml(version: str) -> str:
    """As much of GML as our schema stands on: features with their ids, and geometry of whatever content."""
    space = GML[version].strip("{}")
    _, said = FORMS[version]
    attribute = '<attribute name="fid" type="string" use="required"/>'
    ids = '<attribute name="id" type="ID"/>'
    if said == "gml:id":
        attribute = '<attribute ref="gml:id" use="required"/>'
    head = "AbstractFeature" if version == "2.0.0" else "_Feature"
    kinds = "".join(
        f'<complexType name="{name}"><sequence><any processContents="skip"/></sequence></complexType>'
        for name in PROPERTIES
    )
    return (
        f'<schema xmlns="{XSD}" xmlns:gml="{space}" targetNamespace="{space}" elementFormDefault="qualified">{ids}'
        f'<complexType name="AbstractFeatureType" abstract="true">{attribute}</complexType>'
        f'<element name="{head}" type="gml:AbstractFeatureType" abstract="true"/>{kinds}</schema>'
    )


class Instead(etree.Resolver):
    """The part of GML that is ours to stand on, in place of the whole."""

    def __init__(self, version: str) -> None:
        self._text = base_of_gml(version)

    def resolve(self, url: str, _public: Any, context: Any) -> Any:
        return self.resolve_string(self._text, context, base_url=url)


def application_schema(client: TestClient, version: str, **given: str) -> bytes:
    answer = get(client, version, "DescribeFeatureType", **given)
    assert answer.status_code == 200
    content: bytes = answer.content
    return content


def members(client: TestClient, version: str, layer: str) -> list[Any]:
    root = etree.fromstring(get(client, version, "GetFeature", typename=layer, count=10_000).content)
    return list(root.iter(f"{OURS}{layer}"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("layer", LAYERS)
def test_features_are_valid_by_the_schema_of_their_layer(
    client: TestClient, demo_city: Engine, layer: str, version: str
):
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Instead(version))
    ours = etree.XMLSchema(etree.fromstring(application_schema(client, version, typename=layer), parser))

    found = members(client, version, layer)

    with demo_city.connect() as conn:
        assert len(found) == conn.scalar(text(f"SELECT count(*) FROM layer.{layer} WHERE status = 'terbit'"))
    for each in found:
        require_valid(ours, each)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_schema_of_no_named_layer_is_of_all(client: TestClient, catalogue: Catalogue, version: str):
    root = etree.fromstring(application_schema(client, version))

    elements = [each.get("name") for each in root.findall(f"{{{XSD}}}element")]
    assert elements == [layer.name for layer in catalogue]
    geometry = root.find(f".//{{{XSD}}}complexType[@name='batas_rwType']//{{{XSD}}}element[@name='geom']")
    assert geometry is not None
    assert geometry.get("type") == (
        "gml:MultiPolygonPropertyType" if version == "1.0.0" else "gml:MultiSurfacePropertyType"
    )


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0"])
@pytest.mark.parametrize("layer", LAYERS)
def test_features_are_valid_gml(client: TestClient, layer: str, version: str):
    whole = schema(application_schema(client, version, typename=layer))

    for each in members(client, version, layer):
        require_valid(whole, each)


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0"])
def test_capabilities_are_made_of_valid_parts(client: TestClient, version: str):
    root = etree.fromstring(get(client, version, "GetCapabilities").content)
    new = version == "2.0.0"
    ows = official(OWS[version].strip("{}"), f"ows/{'1.1.0' if new else '1.0.0'}/owsAll.xsd")
    filters = "http://www.opengis.net/fes/2.0" if new else "http://www.opengis.net/ogc"
    fes = official(filters, "filter/2.0/filterAll.xsd" if new else "filter/1.1.0/filter.xsd")

    for name in ("ServiceIdentification", "ServiceProvider", "OperationsMetadata"):
        require_valid(ows, root.find(f"{OWS[version]}{name}"))
    require_valid(fes, root.find(f"{{{filters}}}Filter_Capabilities"))
    for bounds in root.iter(f"{OWS[version]}WGS84BoundingBox"):
        require_valid(ows, bounds)


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0"])
def test_exception_reports_are_valid(client: TestClient, version: str):
    ows = official(OWS[version].strip("{}"), f"ows/{'1.1.0' if version == '2.0.0' else '1.0.0'}/owsAll.xsd")

    for given in ({"typename": "x"}, {"typename": "kwt", "count": "x"}, {"typename": "kwt", "filter": "<a>"}):
        require_valid(ows, etree.fromstring(get(client, version, "GetFeature", **given).content))


CHILDREN = {
    "1.0.0": ["Service", "Capability", "FeatureTypeList", "Filter_Capabilities"],
    "1.1.0": [
        "ServiceIdentification", "ServiceProvider", "OperationsMetadata", "FeatureTypeList", "Filter_Capabilities",
    ],
}  # fmt: skip
CHILDREN["2.0.0"] = CHILDREN["1.1.0"]
TYPE = {
    "1.0.0": ["Name", "Title", "Abstract", "Keywords", "SRS", "LatLongBoundingBox"],
    "1.1.0": [
        "Name", "Title", "Abstract", "Keywords", "DefaultSRS", "OtherSRS", "OutputFormats", "WGS84BoundingBox",
    ],
}  # fmt: skip
TYPE["2.0.0"] = [name.replace("SRS", "CRS") for name in TYPE["1.1.0"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_parts_stand_in_the_order_of_the_schema_of_the_standard(client: TestClient, version: str):
    """Read off the text of wfs.xsd, which no package here carries."""
    root = etree.fromstring(get(client, version, "GetCapabilities").content)

    def names(element: Any) -> list[str]:
        return list(dict.fromkeys(etree.QName(each).localname for each in element))

    assert names(root) == CHILDREN[version]
    types = [each for each in root.iter() if etree.QName(each).localname == "FeatureType"]
    for each in types:
        assert names(each) == [name for name in TYPE[version] if name in names(each)]
        assert {"Name", "Title", TYPE[version][-1]} <= set(names(each))
