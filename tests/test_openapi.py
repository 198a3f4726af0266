"""The doors answer as the OpenAPI document says: every status, every media type, every shape, for whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest
import schemathesis
from conftest import ROOT
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)
from towns import running_town

from geosatu.api.openapi import openapi_document
from geosatu.database.cluster import Cluster
from geosatu.features import MAX_LIMIT
from geosatu.layers import Catalogue, read_catalogue

CATALOGUE = read_catalogue(ROOT / "layers")

SOME = r"^/(api|conformance|collections)?$|^/collections/(posyandu|batas_rt)(/|$)"
"""All doors of a layer of points that knows homes, and of one of areas; those of the others are made alike."""

UNSAID = {"after", "bbox", "datetime", "filter", "pada"}
"""Parameters of which a schema cannot say everything that makes sense."""

described = schemathesis.openapi.from_dict(openapi_document("http://127.0.0.1", CATALOGUE, "publik"))
described.config.generation.update(allow_x00=False)  # JSON Schema has no word for text without NUL


@described.include(path_regex=SOME).parametrize()
@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_door_answers_as_it_is_described(case: Any, service: str) -> None:
    case.call_and_validate(base_url=f"{service}/ogc", excluded_checks=unfit(case.query or {}))


def unfit(asked: dict[str, Any]) -> list[Any]:
    """The checks that say nothing about such a request."""
    found = [allow_header_conformance]  # the document tells of all ways, Allow of those of this account
    if UNSAID & asked.keys() or asked.get("f") == "html":  # pages for people are in CRS84 only
        found.append(positive_data_acceptance)
    # A larger limit is cut down and not refused (OGC API - Features, 7.15.2); an empty list of names has no name.
    limit = str(asked.get("limit"))
    if (limit.isdecimal() and int(limit) > MAX_LIMIT) or any(asked.get(name) in ("", [""]) for name in NAMES):
        found.append(negative_data_rejection)
    return found


NAMES = ("properties", "sortby")


@pytest.fixture(scope="module")
def town(cluster: Cluster, catalogue: Catalogue) -> Iterator[tuple[str, dict[str, str]]]:
    """A service to write to, and what shows who may."""
    with running_town(cluster, catalogue, "described") as town:
        yield town.address, town.person("penulis", ("walidata", "")).bearer


@described.include(
    path_regex=r"^/collections/(pos_kamling|batas_rt)/items", method_regex="POST|PUT|PATCH|DELETE"
).parametrize()
@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_door_that_changes_features_answers_as_it_is_described(case: Any, town: tuple[str, dict[str, str]]) -> None:
    address, who = town
    held = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    case.call_and_validate(base_url=f"{address}/ogc", headers=who, checks=held)


@pytest.mark.parametrize("layer", CATALOGUE.layers)
def test_every_feature_is_as_it_is_described(service: str, layer: str) -> None:
    door = described[f"/collections/{layer}/items"]["GET"]

    page = door.Case(query={"limit": MAX_LIMIT}).call_and_validate(base_url=f"{service}/ogc").json()

    assert page["numberReturned"] == page["numberMatched"] > 0


@pytest.mark.parametrize("path", ["items", "items/{id}", "tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}"])
def test_that_nothing_has_changed_is_described(service: str, path: str) -> None:
    door = described[f"/collections/batas_rt/{path}"]["GET"]
    place = dict.fromkeys(("id", "tileMatrix", "tileRow", "tileCol"), 0) | {"id": 1}
    with urlopen(f"{service}/ogc/collections/batas_rt/{path.format(**place)}", timeout=10) as answer:
        tag = answer.headers["ETag"]

    case = door.Case(path_parameters=place, headers={"If-None-Match": tag})

    assert case.call_and_validate(base_url=f"{service}/ogc").status_code == 304


def test_the_document_is_the_one_that_is_served(service: str) -> None:
    served = schemathesis.openapi.from_url(f"{service}/ogc/api").raw_schema

    assert served == openapi_document(service, CATALOGUE, "publik")
