"""Transactions as clients write them, and a town whose WFS they are sent to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree.ElementTree import Element

import shapely
from conftest import settings_for
from defusedxml.ElementTree import fromstring
from fastapi.testclient import TestClient
from people import person
from sqlalchemy import text
from starlette.types import ASGIApp
from test_editing import BANDAR, IN_BANDAR, POJOK, RIGHTS, Town, kelurahan

from geosatu.api.app import LONGEST_STATEMENT, create_app
from geosatu.database.cluster import Cluster
from geosatu.database.connect import open_city, open_service
from geosatu.layers import Catalogue

SPACES = {
    "1.0.0": ("http://www.opengis.net/wfs", "http://www.opengis.net/ogc", "http://www.opengis.net/gml"),
    "1.1.0": ("http://www.opengis.net/wfs", "http://www.opengis.net/ogc", "http://www.opengis.net/gml"),
    "2.0.0": (
        "http://www.opengis.net/wfs/2.0",
        "http://www.opengis.net/fes/2.0",
        "http://www.opengis.net/gml/3.2",
    ),
}
IDS = {"1.0.0": ("FeatureId", "fid"), "1.1.0": ("GmlObjectId", "gml:id"), "2.0.0": ("ResourceId", "rid")}
POSITIONS = {
    "1.0.0": '<gml:Point srsName="EPSG:4326"><gml:coordinates>{x},{y}</gml:coordinates></gml:Point>',
    "1.1.0": '<gml:Point srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>{y} {x}</gml:pos></gml:Point>',
    "2.0.0": '<gml:Point gml:id="p" srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>{y} {x}</gml:pos></gml:Point>',
}
READ_ONLY = "pembaca"


class Served:
    """The town of `test_editing` with its WFS."""

    def __init__(self, town: Town, client: TestClient, app: ASGIApp) -> None:
        self.town, self.client, self.app = town, client, app

    def post(self, body: str | bytes, who: str | None = "pic", address: str = "/wfs", **headers: str) -> Any:
        signed = {} if who is None else self.town.people[who].bearer
        kind = {"Content-Type": "text/xml"}
        return self.client.post(address, content=body, headers={**kind, **signed, **headers})

    def done(self, body: str, who: str = "pic") -> Element:
        """The answer to a Transaction that is carried out."""
        answer = self.post(body, who)
        root = fromstring(answer.content)
        assert answer.status_code == 200, answer.text
        assert local(root) in ("TransactionResponse", "WFS_TransactionResponse"), answer.text
        return root

    def inserted(self, body: str, who: str = "pic") -> list[int]:
        """The numbers of the features that the answer names, in its order."""
        return inserted(self.done(body, who))

    def count(self, name: str = "pos_kamling") -> int:
        with self.town.owner.connect() as conn:
            return int(conn.scalar(text(f"SELECT count(*) FROM layer.{name}")) or 0)


@contextmanager
def serving(cluster: Cluster, catalogue: Catalogue, database: str) -> Iterator[Served]:
    """The town with its WFS, without a network, in a database of its own."""
    settings = settings_for(cluster, database)
    with open_city(settings, catalogue) as owner, open_service(owner, LONGEST_STATEMENT) as service:
        with owner.begin() as conn:
            kelurahan(conn, BANDAR, "Bandar Lor", 112.0)
            kelurahan(conn, POJOK, "Pojok", 112.02)
            people = {name: person(conn, name, *rights) for name, rights in RIGHTS.items()}
            people[READ_ONLY] = person(conn, READ_ONLY, *RIGHTS["pic"], scope="read")
        app = create_app(settings, catalogue, service)
        with TestClient(app, raise_server_exceptions=False) as client:
            yield Served(Town(owner, service, catalogue, people), client, app)


def local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def inserted(root: Element) -> list[int]:
    """The numbers of the new features that an answer names, in its order."""
    results = [each for each in root if local(each) in ("InsertResult", "InsertResults")]
    said = [name for part in results for each in part.iter() for name in each.attrib.values() if "." in name]
    return [int(name.rpartition(".")[2]) for name in said]


def totals(root: Element) -> dict[str, int]:
    return {local(each): int(each.text or "") for each in root.iter() if local(each).startswith("total")}


def transaction(version: str, *actions: str, **attributes: str) -> str:
    wfs, ogc, gml = SPACES[version]
    said = "".join(f' {name}="{value}"' for name, value in attributes.items())
    spaces = f'xmlns:wfs="{wfs}" xmlns:ogc="{ogc}" xmlns:gml="{gml}" xmlns:geosatu="urn:geosatu:layer"'
    return f'<wfs:Transaction service="WFS" version="{version}" {spaces}{said}>{"".join(actions)}</wfs:Transaction>'


def at(version: str, place: shapely.Point) -> str:
    return POSITIONS[version].format(x=place.x, y=place.y)


def feature(version: str, place: shapely.Point = IN_BANDAR, layer: str = "pos_kamling", /, **values: str) -> str:
    said = {"nama": "Pos Melati", "status_operasi": "aktif"} | values
    inside = "".join(f"<geosatu:{name}>{value}</geosatu:{name}>" for name, value in said.items())
    return f"<geosatu:{layer}>{inside}<geosatu:geom>{at(version, place)}</geosatu:geom></geosatu:{layer}>"


def insert(*features: str, **attributes: str) -> str:
    said = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<wfs:Insert{said}>{''.join(features)}</wfs:Insert>"


def of(version: str, *numbers: int | str) -> str:
    element, attribute = IDS[version]
    names = [number if isinstance(number, str) else f"pos_kamling.{number}" for number in numbers]
    return "<ogc:Filter>" + "".join(f'<ogc:{element} {attribute}="{name}"/>' for name in names) + "</ogc:Filter>"


def named(version: str, name: str, value: str) -> str:
    word = "ValueReference" if version == "2.0.0" else "PropertyName"
    return (
        f"<ogc:Filter><ogc:PropertyIsEqualTo><ogc:{word}>{name}</ogc:{word}>"
        f"<ogc:Literal>{value}</ogc:Literal></ogc:PropertyIsEqualTo></ogc:Filter>"
    )


def update(version: str, chosen: str, handle: str | None = None, /, **values: str | None) -> str:
    word = "ValueReference" if version == "2.0.0" else "Name"
    said = "".join(
        f"<wfs:Property><wfs:{word}>{name}</wfs:{word}>"
        + ("" if value is None else f"<wfs:Value>{value}</wfs:Value>")
        + "</wfs:Property>"
        for name, value in values.items()
    )
    called = "" if handle is None else f' handle="{handle}"'
    return f'<wfs:Update typeName="geosatu:pos_kamling"{called}>{said}{chosen}</wfs:Update>'


def delete(chosen: str) -> str:
    return f'<wfs:Delete typeName="geosatu:pos_kamling">{chosen}</wfs:Delete>'
