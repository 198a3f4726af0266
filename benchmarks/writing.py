"""New points, as a program with a token brings them; whatever a question made is gone when it is answered."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from shapely import Point

from benchmarks.city import POINT_COUNT, POINTS, SOUTH, WEST, City
from benchmarks.contestants import Geosatu
from geosatu.accounts.known import key_of
from geosatu.api.links import GEOJSON
from geosatu.database.rights import act_as
from geosatu.editing import Edit, Editor, apply
from geosatu.features import Actor
from geosatu.rights import Right

NAME, ROLE = "bench", "walidata"

ACCOUNT = """
WITH account AS (
    INSERT INTO geosatu.account (name, full_name, created_by) VALUES (%(name)s, %(name)s, %(name)s)
    ON CONFLICT (name) DO UPDATE SET full_name = excluded.full_name RETURNING id
), entitled AS (
    INSERT INTO geosatu.account_right (account, role, area, granted_by) SELECT id, %(role)s, '', %(name)s FROM account
    ON CONFLICT DO NOTHING
)
INSERT INTO geosatu.token (key, account, title, scope, expires_at)
SELECT %(key)s, id, %(name)s, 'write', now() + interval '1 day' FROM account RETURNING account
"""

INSERT = """\
<wfs:Transaction service="WFS" version="2.0.0" xmlns:wfs="http://www.opengis.net/wfs/2.0" \
xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:geosatu="urn:geosatu:layer"><wfs:Insert>{features}</wfs:Insert>\
</wfs:Transaction>"""

FEATURE = """\
<geosatu:{layer}><geosatu:nama>{nama}</geosatu:nama><geosatu:status_operasi>{status_operasi}</geosatu:status_operasi>\
<geosatu:alamat>{alamat}</geosatu:alamat><geosatu:geom><gml:Point srsName="urn:ogc:def:crs:EPSG::4326">\
<gml:pos>{y} {x}</gml:pos></gml:Point></geosatu:geom></geosatu:{layer}>"""

Given = dict[str, Any]
"""What is said of a new point: its fields, and where it is (x, y)."""


def points(count: int) -> list[Given]:
    """So many new points, other ones each time."""
    return [
        {
            "nama": f"Pos baru {n}",
            "status_operasi": "aktif",
            "alamat": f"Jalan Baru {n}",
            "x": round(WEST + 0.7 * random.random(), 7),  # noqa: S311
            "y": round(SOUTH + 0.7 * random.random(), 7),  # noqa: S311
        }
        for n in range(count)
    ]


@dataclass(frozen=True)
class Writer:
    """Somebody who may write in the whole city."""

    city: City
    account: int
    token: str

    def by_ogc(self, server: Geosatu, given: Sequence[Given]) -> float:
        """Seconds until a POST of these points as GeoJSON is answered."""
        features = [
            {
                "type": "Feature",
                "properties": _fields(each),
                "geometry": {"type": "Point", "coordinates": [each["x"], each["y"]]},
            }
            for each in given
        ]
        sent = features[0] if len(features) == 1 else {"type": "FeatureCollection", "features": features}
        answer = server.client.post(server.items(POINTS), json.dumps(sent).encode(), self._headers(GEOJSON))
        if answer.status != 201:
            raise RuntimeError(f"{server.name} made nothing new: {answer.status} {answer.body[:300]!r}")
        return answer.seconds

    def by_wfs(self, server: Geosatu, given: Sequence[Given]) -> float:
        """Seconds until a Transaction with these points is answered."""
        features = "".join(FEATURE.format(layer=POINTS, **each) for each in given)
        body = INSERT.format(features=features).encode()
        answer = server.client.post("/wfs", body, self._headers("text/xml"))
        if answer.body.count(b"ResourceId") != len(given):
            raise RuntimeError(f"{server.name} did not make {len(given)} features: {answer.body[:300]!r}")
        return answer.seconds

    def by_function(self, given: Sequence[Given]) -> float:
        """Seconds until the same points are on the disk, without HTTP and its formats."""
        layer = self.city.layer(POINTS)
        edits = [Edit(layer, properties=_fields(each), geometry=Point(each["x"], each["y"])) for each in given]
        editor = Editor(Actor(NAME, "internal", self.account), (Right(ROLE, ""),))
        start = time.perf_counter()
        with self.city.service.begin() as conn:
            act_as(conn, editor.actor)
            apply(conn, self.city.catalogue, edits, editor, "perintah")
        return time.perf_counter() - start

    def _headers(self, media_type: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": media_type}


def _fields(given: Given) -> Given:
    return {name: value for name, value in given.items() if name not in ("x", "y")}


@contextmanager
def writing(city: City) -> Iterator[Writer]:
    """A writer on a server that keeps what it acknowledges; what they made is gone afterwards."""
    conn: psycopg.Connection[tuple[Any, ...]]
    with psycopg.connect(city.conninfo, autocommit=True) as conn:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            if conn.execute(f"SHOW {setting}").fetchone() != ("on",):
                raise RuntimeError(f"{setting} is off, so that writing is faster than it can be")
        token = secrets.token_urlsafe(32)
        row = conn.execute(ACCOUNT, {"name": NAME, "role": ROLE, "key": key_of(token)}).fetchone()
        assert row is not None
        try:
            yield Writer(city, row[0], token)
        finally:
            conn.execute(f"DELETE FROM layer.{POINTS} WHERE id > {POINT_COUNT}")  # noqa: S608
            conn.execute("DELETE FROM geosatu.history WHERE layer = %s AND feature > %s", [POINTS, POINT_COUNT])
            conn.execute("DELETE FROM geosatu.token WHERE account = %s", [row[0]])
