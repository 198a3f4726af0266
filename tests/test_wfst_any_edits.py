"""Whatever a client sends, in whatever version: the layer is what a dictionary would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
import shapely
from defusedxml.ElementTree import fromstring
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from wfs import VERSIONS
from wfst import Served, at, delete, feature, insert, inserted, local, named, of, serving, transaction, update

from geosatu.database.cluster import Cluster
from geosatu.layers import Catalogue

Row = tuple[str | None, str | None, tuple[float, float]]
"""Name, address and place."""

WORDS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12)
NAMES = ("Melati", "Kantil & <Kenanga> \"1\" '2'")
FEW = st.sampled_from(NAMES)
"""Names that come again, so that filters find several features."""
PLACES = st.integers(0, 80).map(lambda n: (round(112.001 + n / 10_000, 7), -7.805))
WHICH = st.integers(0, 5)

ACTIONS = st.one_of(
    st.tuples(st.just("insert"), FEW | WORDS, WORDS | st.none(), PLACES),
    st.tuples(
        st.just("update"), WHICH, st.dictionaries(st.sampled_from(["nama", "alamat"]), FEW | st.none(), min_size=1)
    ),
    st.tuples(st.just("move"), WHICH, PLACES),
    st.tuples(st.just("update where"), FEW, WORDS | st.none()),
    st.tuples(st.just("replace"), WHICH, FEW, PLACES),
    st.tuples(st.just("delete"), WHICH),
    st.tuples(st.just("delete where"), FEW),
    st.tuples(st.just("break")),
)
FIRST = ("1.0.0", [("insert", name, None, (112.0011, -7.805)) for name in NAMES * 2])
TRANSACTIONS = st.tuples(st.sampled_from(VERSIONS), st.lists(ACTIONS, max_size=5))


@pytest.fixture(scope="module")
def served(cluster: Cluster, catalogue: Catalogue) -> Iterator[Served]:
    with serving(cluster, catalogue, "wfst_any_edits") as served:
        yield served


class Refused(Exception):
    """A dictionary would not do this."""


def chosen(rows: dict[int, Row], known: list[int], which: int) -> int:
    """One of the features that the client knows; there may be none any more."""
    number = known[which % len(known)] if known else 999_999_999
    if number not in rows:
        raise Refused
    return number


def in_dictionary(rows: dict[int, Row], known: list[int], action: Any, new: int) -> None:
    """What an action makes of the rows."""
    match action:
        case "insert", name, address, place:
            rows[new] = (name, address, place)
        case "update", which, values:
            number = chosen(rows, known, which)
            name, address, place = rows[number]
            rows[number] = (values.get("nama", name), values.get("alamat", address), place)
        case "move", which, place:
            number = chosen(rows, known, which)
            rows[number] = (*rows[number][:2], place)
        case "update where", name, address:
            for number, row in rows.items():
                if row[0] == name:
                    rows[number] = (name, address, row[2])
        case "replace", which, name, place:
            rows[chosen(rows, known, which)] = (name, None, place)
        case "delete", which:
            del rows[chosen(rows, known, which)]
        case "delete where", name:
            for number in [number for number, row in rows.items() if row[0] == name]:
                del rows[number]
        case _:
            raise Refused


def in_xml(known: list[int], action: Any, version: str) -> str:
    """The same action as a client writes it."""

    def one(which: int) -> str:
        return of(version, known[which % len(known)] if known else 999_999_999)

    def said(value: str | None) -> str | None:
        return None if value is None else escape(value)

    match action:
        case "insert", name, address, place:
            more = {} if address is None else {"alamat": escape(address)}
            return insert(feature(version, shapely.Point(place), nama=escape(name), **more))
        case "update", which, values:
            return update(version, one(which), **{name: said(value) for name, value in values.items()})
        case "move", which, place:
            return update(version, one(which), geom=at(version, shapely.Point(place)))
        case "update where", name, address:
            return update(version, named(version, "nama", escape(name)), alamat=said(address))
        case "replace", which, name, place:
            new = feature(version, shapely.Point(place), nama=escape(name))
            return f"<wfs:Replace>{new}{one(which)}</wfs:Replace>"
        case "delete", which:
            return delete(one(which))
        case "delete where", name:
            return delete(named(version, "nama", escape(name)))
    return insert(feature(version, status_operasi="meledak"))


def stored(served: Served) -> dict[int, Row]:
    with served.town.owner.connect() as conn:
        rows = conn.execute(text("SELECT id, nama, alamat, ST_X(geom) x, ST_Y(geom) y FROM layer.pos_kamling"))
        return {row.id: (row.nama, row.alamat, (row.x, row.y)) for row in rows}


@settings(max_examples=60)
@given(transactions=st.lists(TRANSACTIONS, min_size=1, max_size=4))
def test_any_transactions_make_of_a_layer_what_they_make_of_a_dictionary(
    served: Served, transactions: list[tuple[str, list[Any]]]
) -> None:
    with served.town.owner.begin() as conn:
        conn.execute(text("DELETE FROM layer.pos_kamling"))
    rows: dict[int, Row] = {}
    for version, actions in [FIRST, *transactions]:
        known, after = sorted(rows), dict(rows)
        number = 0
        try:
            for action in actions:
                number -= 1
                if action[0] == "replace" and version != "2.0.0":
                    raise Refused
                in_dictionary(after, known, action, number)
        except Refused:
            after = rows
        root = fromstring(
            served.post(transaction(version, *(in_xml(known, action, version) for action in actions))).content
        )
        kept = not local(root).endswith("Report")
        assert kept == (after is not rows)
        if kept:
            made = inserted(root)
            new = [-1 - place for place, action in enumerate(actions) if action[0] == "insert"]
            numbers = dict(zip(new, made, strict=True))
            after = {numbers.get(number, number): row for number, row in after.items()}
        rows = after
        assert stored(served) == rows


# Whatever is called a Transaction.

TAGS = (
    "Insert", "Update", "Replace", "Delete", "Native", "Property", "Name", "ValueReference", "Value", "Filter", "And",
    "FeatureId", "GmlObjectId", "ResourceId", "PropertyIsEqualTo", "PropertyName", "Literal", "pos_kamling", "titik_rt",
    "batas_rt", "nama", "geom", "uid", "version", "status", "fasilitas", "luas_ha", "Point", "pos", "coordinates",
    "MultiSurface", "surfaceMember", "Polygon", "exterior", "LinearRing", "posList", "FeatureCollection", "member",
    "boundedBy", "LockId", "BBOX", "Envelope",
)  # fmt: skip
ATTRIBUTES = {
    "typeName": st.sampled_from(["geosatu:pos_kamling", "batas_rt", "x:y", ""]),
    "handle": WORDS,
    "fid": st.sampled_from(["pos_kamling.1", "pos_kamling." + "9" * 30, "posyandu.1", "x", ""]),
    "rid": st.sampled_from(["pos_kamling.1", "."]),
    "srsName": st.sampled_from(["EPSG:4326", "urn:ogc:def:crs:EPSG::32749", "EPSG:0"]),
    "idgen": st.sampled_from(["GenerateNew", "UseExisting"]),
    "safeToIgnore": st.sampled_from(["true", "false"]),
    "action": st.sampled_from(["replace", "remove", "insertAfter"]),
}
TEXTS = st.sampled_from(
    ["nama", "112.005 -7.805", "112.005,-7.805", "aktif", "1", "1e400", "[", "[[[", "2026-08-17", ""]
)
LEAVES = (TEXTS | WORDS).map(escape)


def element(tag: str, attributes: dict[str, str], inside: list[str]) -> str:
    said = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{said}>{''.join(inside)}</{tag}>"


TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        element,
        st.sampled_from(TAGS),
        st.lists(st.sampled_from(list(ATTRIBUTES)), max_size=3, unique=True).flatmap(
            lambda names: st.fixed_dictionaries({name: ATTRIBUTES[name] for name in names})
        ),
        st.lists(inner, max_size=4),
    ),
    max_leaves=25,
)


@settings(max_examples=400)
@given(version=st.sampled_from(VERSIONS), trees=st.lists(TREES, max_size=3))
def test_whatever_is_called_a_transaction_is_carried_out_or_refused(
    served: Served, version: str, trees: list[str]
) -> None:
    answer = served.post(transaction(version, *(tree for tree in trees if tree.startswith("<"))), "walidata")

    assert answer.status_code in (200, 400, 403, 404), answer.text
    fromstring(answer.content)
