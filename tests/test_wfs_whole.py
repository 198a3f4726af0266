"""How much a WFS gives at once: pages in 2.0.0, everything in the versions that know no pages."""

from __future__ import annotations

import csv
import io
import time

import pytest
from defusedxml.ElementTree import fromstring
from fastapi.testclient import TestClient
from wfs import features, get, ids_of

from geosatu.api.wfs.features import COUNT_DEFAULT
from geosatu.features import MAX_LIMIT


def test_2_0_gives_no_more_than_a_page_where_no_number_is_asked_for(large: int, kept_client: TestClient):
    root = features(kept_client, "2.0.0", "kwt")
    most = features(kept_client, "2.0.0", "kwt", count=large, propertyname="nama")

    assert root.attrib["numberReturned"] == str(COUNT_DEFAULT)
    assert root.attrib["numberMatched"] == str(large)
    assert "startindex=1000" in root.attrib["next"].lower()
    assert most.attrib["numberReturned"] == str(MAX_LIMIT)


@pytest.mark.parametrize("count", [None, 30_000])
@pytest.mark.parametrize(
    ("version", "form"),
    [
        ("1.0.0", None),
        ("1.1.0", None),
        ("1.1.0", "application/json"),
        ("1.1.0", "csv"),
        ("2.0.0", "csv"),
        ("2.0.0", "gml3"),
        ("2.0.0", "gml2"),
    ],
)
def test_forms_that_know_no_pages_hold_everything_that_is_asked_for(
    large: int, kept_client: TestClient, version: str, form: str | None, count: int | None
):
    expected = large if count is None else count
    given = {**({} if form is None else {"outputformat": form}), **({} if count is None else {"count": count})}
    answer = get(kept_client, version, "GetFeature", typename="kwt", propertyname="nama", **given)

    assert answer.status_code == 200
    if form is None or "gml" in form:
        assert len(ids_of(fromstring(answer.content), "kwt")) == expected
    elif form == "csv":
        assert len(list(csv.DictReader(io.StringIO(answer.text)))) == expected
    else:
        assert len(answer.json()["features"]) == expected


def test_a_page_far_behind_costs_little_more_than_the_first_once_its_neighbour_was_asked_for(
    large: int, kept_client: TestClient
):
    def seconds(start: int) -> float:
        begun = time.perf_counter()
        found = features(kept_client, "2.0.0", "kwt", startindex=start, count=100, propertyname="uid")
        assert ids_of(found, "kwt")[0] == f"kwt.{start + 1}"
        return time.perf_counter() - begun

    features(kept_client, "2.0.0", "kwt", startindex=39_000, count=100, propertyname="uid")
    first = min(seconds(0) for _ in range(5))
    far = min(seconds(39_100) for _ in range(5))

    assert far < 3 * first + 0.005
