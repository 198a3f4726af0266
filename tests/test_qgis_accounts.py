"""A planner's programs see what is internal over the same addresses that show everybody what is public."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from xml.etree.ElementTree import fromstring

import pytest
from owslib.ogcapi.features import Features
from owslib.util import Authentication
from playwright.sync_api import Browser
from programs import Accounts, with_accounts
from test_qgis import PYTHON, lacking_qgis, layers_of, opened, qgis_environment
from test_rights import seen_by

from geosatu.database.cluster import Cluster
from geosatu.layers import Catalogue

PROBE = """
import json, sys
from qgis.core import *

address, people = sys.argv[1], json.loads(sys.argv[2])
application = QgsApplication([], False)
application.initQgis()
manager = QgsApplication.authManager()
assert manager.setMasterPassword("kunci", True)
said = {}
for who, token in people.items():
    uri = f"typename='pos_kamling' url='{address}/ogc'"
    if token is not None:
        config = QgsAuthMethodConfig("Basic")
        config.setName(who)
        config.setConfig("username", who)
        config.setConfig("password", token)
        assert manager.storeAuthenticationConfig(config)
        uri += f" authcfg='{config.id()}'"
    layer = QgsVectorLayer(uri, who, "OAPIF")
    assert layer.isValid(), who
    names = [field.name() for field in layer.fields()]
    rows = [dict(zip(names, feature.attributes())) for feature in layer.getFeatures()]
    said[who] = [{name: str(row[name]) for name in ("nama", "jam_ronda", "koordinator") if name in row} for row in rows]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def served(cluster: Cluster, catalogue: Catalogue) -> Iterator[Accounts]:
    with with_accounts(cluster, catalogue, "qgis_accounts") as served:
        yield served


def test_qgis_with_basic_authentication_sees_internal_fields(served: Accounts, tmp_path: Path):
    if reason := lacking_qgis():
        pytest.skip(reason)
    people = {"publik": None, **{name: each.token for name, each in served.people.items()}}
    found = subprocess.run(
        [PYTHON, "-c", PROBE, served.address, json.dumps(people)],
        capture_output=True,
        text=True,
        timeout=120,
        env=qgis_environment(tmp_path) | {"QGIS_AUTH_DB_DIR_PATH": str(tmp_path)},
    )
    assert found.stdout, found.stderr
    said: dict[str, list[dict[str, str]]] = json.loads(found.stdout.splitlines()[-1])

    for who, rows in said.items():
        assert {row["nama"] for row in rows} == seen_by(who)
        assert {"koordinator"} & {name for row in rows for name in row} == set()
    assert {row.get("jam_ronda") for row in said["publik"]} == {None}
    assert {row.get("jam_ronda") for row in said["perencana"] + said["lurah"]} == {"22.00"}


@pytest.mark.parametrize(("who", "internal"), [(None, False), ("perencana", True), ("lurah", True)])
def test_files_for_qgis_name_the_fields_that_whoever_fetches_them_will_see(
    served: Accounts, tmp_path: Path, who: str | None, internal: bool
):
    headers = {} if who is None else {"Authorization": f"Bearer {served.people[who].token}"}

    def fetched(name: str) -> bytes:
        with urlopen(Request(f"{served.address}/files/{name}", headers=headers), timeout=60) as answer:
            content: bytes = answer.read()
        return content

    (snapshot := tmp_path / "kota.gpkg").write_bytes(fetched("kota.gpkg"))
    with closing(sqlite3.connect(snapshot)) as db:
        (project,) = db.execute("SELECT content FROM qgis_projects").fetchone()
        (style,) = db.execute("SELECT styleQML FROM layer_styles WHERE f_table_name = 'pos_kamling'").fetchone()
    parts = [
        fromstring(fetched("pos_kamling.qlr")),
        layers_of(opened(fetched("kota.qgz")))["pos_kamling"],
        layers_of(opened(bytes.fromhex(project)))["pos_kamling"],
        fromstring(style),
    ]

    for part in parts:
        named = {alias.get("field") for alias in part.iter("alias")}
        assert "nama" in named
        assert ("jam_ronda" in named) is internal
        assert "koordinator" not in named


@pytest.mark.parametrize("who", ["perencana", "lurah"])
def test_ogr_with_basic_authentication_sees_internal_fields(served: Accounts, who: str):
    if (program := shutil.which("ogrinfo")) is None:
        pytest.skip("ogrinfo is not installed (apt-get install gdal-bin)")

    def told(*options: str) -> str:
        command = [program, "-ro", *options, f"OAPIF:{served.address}/ogc", "pos_kamling"]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    known = told("--config", "GDAL_HTTP_USERPWD", f"{who}:{served.people[who].token}")
    unknown = told()

    assert f"Feature Count: {len(seen_by(who))}" in known
    assert known.count("jam_ronda (String) = 22.00") == len(seen_by(who))
    assert f"Feature Count: {len(seen_by('publik'))}" in unknown
    assert "jam_ronda" not in unknown
    assert "koordinator" not in known + unknown


def test_owslib_with_basic_authentication_sees_internal_fields(served: Accounts):
    planner = served.people["perencana"]

    def properties(auth: Authentication | None) -> list[dict[str, Any]]:
        found = Features(f"{served.address}/ogc", auth=auth).collection_items("pos_kamling", limit=1000)
        return [each["properties"] for each in found["features"]]

    known = properties(Authentication(username=planner.name, password=planner.token))
    unknown = properties(None)

    assert {each["nama"] for each in known} == {each["nama"] for each in unknown} == seen_by("publik")
    assert {each["jam_ronda"] for each in known} == {"22.00"}
    assert not any("jam_ronda" in each for each in unknown)


def test_a_browser_without_an_account_does_not(served: Accounts, browser: Browser):
    page = browser.new_page()
    page.goto(f"{served.items}?f=html")
    shown = page.inner_text("body")
    page.goto(f"{served.items}?f=json")
    raw = page.content()
    page.close()

    assert "22.00" not in shown + raw
    assert "jam_ronda" not in raw
