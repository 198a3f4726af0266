"""The servers that are compared: how each is installed, started, and asked the same question."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks.city import POINTS, POLYGON_COUNT, POLYGONS, City
from benchmarks.client import Client
from benchmarks.table import UNGUARDED

LOCK = Path(__file__).parent / "requirements.lock"
START_SECONDS = 120


@dataclass
class Contestant(ABC):
    """A server over the city, in a process of its own."""

    city: City
    folder: Path
    """For its configuration and its log."""
    workers: int = 1
    port: int = 0
    pid: int = 0
    client: Client = field(init=False)

    name = ""

    @property
    @abstractmethod
    def version(self) -> str:
        """Its version, and what else decides its speed."""

    @abstractmethod
    def command(self) -> tuple[list[str], dict[str, str]]:
        """What starts it, with the environment it needs."""

    @abstractmethod
    def items(self, layer: str, **parameters: Any) -> str:
        """The path that finds features of a layer."""

    def item(self, layer: str, number: int) -> str:
        """The path of one feature."""
        path, _, query = self.items(layer).partition("?")
        return f"{path}/{number}" + (f"?{query}" if query else "")

    def whole(self, layer: str) -> str:
        """The path of all features as GeoJSON."""
        return self.items(layer, limit=POLYGON_COUNT)

    def deep(self, layer: str, pages: int, size: int) -> str:
        """The path of the page behind so many pages."""
        return self.items(layer, limit=size, offset=pages * size)

    def tile(self, layer: str, zoom: int, x: int, y: int) -> str | None:
        """The path of a vector tile with the attributes that geosatu puts into it; None: it has no such tiles."""
        return None

    @contextmanager
    def running(self) -> Iterator[None]:
        """The server runs and answers while the block does."""
        command, environment = self.command()
        with (self.folder / f"{self.name}.log").open("w") as log:
            process = subprocess.Popen(
                command, env={**os.environ, **environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
            try:
                self.pid, self.client = process.pid, Client(self.port)
                self._await(process)
                yield
            finally:
                process.terminate()
                process.wait()

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client = Client(self.port)
                self.client.ask(self.items(POINTS, limit=1))
                return
            except (OSError, RuntimeError) as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not answer ({error}); see {self.folder}") from None
                time.sleep(0.2)


class Geosatu(Contestant):
    """As `geosatu serve` starts it."""

    name = "geosatu"

    @property
    def version(self) -> str:
        return version("geosatu")

    def command(self) -> tuple[list[str], dict[str, str]]:
        settings = self.city.settings
        environment = {
            "GEOSATU_HOME": str(settings.home),
            "GEOSATU_LAYERS": str(settings.layers),
            "GEOSATU_PORT": str(self.port),
            "GEOSATU_DATABASE_URL": "",
            "GEOSATU_PUBLIC_URL": "",
        }
        return [str(Path(sys.executable).with_name("geosatu")), "serve"], environment

    def items(self, layer: str, **parameters: Any) -> str:
        return _path(f"/ogc/collections/{layer}/items", parameters)

    def whole(self, layer: str) -> str:
        return f"/files/{layer}.geojson"

    def deep(self, layer: str, pages: int, size: int) -> str:
        """By following `next`, as every client must."""
        path = self.items(layer, limit=size)
        for _ in range(pages):
            links = json.loads(self.client.ask(path).body)["links"]
            path = next(link["href"] for link in links if link["rel"] == "next").partition(f":{self.port}")[2]
        return path

    def tile(self, layer: str, zoom: int, x: int, y: int) -> str:
        return f"/ogc/collections/{layer}/tiles/WebMercatorQuad/{zoom}/{y}/{x}"

    def features(self, layer: str, count: int) -> str:
        """The path of so many features by WFS, in GML 3.2."""
        asked = {"service": "WFS", "version": "2.0.0", "request": "GetFeature", "typenames": layer, "count": count}
        return _path("/wfs", asked)

    def clear(self) -> None:
        """Remove the files that are kept for the next who asks."""
        for file in (self.city.settings.home / "files").glob("*"):
            file.unlink()


class Unguarded(Geosatu):
    """Above all policies, as the owner of the tables."""

    name = UNGUARDED

    def command(self) -> tuple[list[str], dict[str, str]]:
        _, environment = super().command()
        access = self.city.access
        password, host = quote(access["password"], safe=""), quote(access["host"], safe="")
        address = f"postgresql://{access['user']}:{password}@/{access['dbname']}?host={host}"
        home = {"GEOSATU_DATABASE_URL": address, "GEOSATU_HOME": str(self.folder / "unguarded")}
        return [sys.executable, "-m", "benchmarks.unguarded", "serve"], environment | home


class TiPg(Contestant):
    """Under uvicorn; shows the same columns, and draws as much around its tiles."""

    name = "TiPg"

    @property
    def version(self) -> str:
        return _installed(self.folder, "tipg")

    def command(self) -> tuple[list[str], dict[str, str]]:
        access = self.city.access
        host, password = quote(access["host"], safe=""), quote(access["password"], safe="")
        environment = {
            "DATABASE_URL": f"postgresql://{access['user']}:{password}@{host}/{access['dbname']}",
            "TIPG_DB_SCHEMAS": '["layer"]',
            "TIPG_DB_TABLES": json.dumps([f"layer.{POINTS}", f"layer.{POLYGONS}"]),
            "TIPG_MAX_FEATURES_PER_QUERY": str(POLYGON_COUNT),
            "TIPG_TILE_BUFFER": "64",
        }
        for layer in (POINTS, POLYGONS):
            configured = f"TIPG_TABLE_CONFIG__layer_{layer}__"
            environment[f"{configured}properties"] = json.dumps(["id", *self.city.properties(layer)])
            environment[f"{configured}geomcol"] = "geom"
            environment[f"{configured}datetimecol"] = "updated_at"
        return _uvicorn(self, "tipg.main:app"), environment

    def items(self, layer: str, **parameters: Any) -> str:
        return _path(f"/collections/layer.{layer}/items", {**parameters, "f": "geojson"})

    def tile(self, layer: str, zoom: int, x: int, y: int) -> str | None:
        shown = ",".join(("id", self.city.layer(layer).label, "kode_wilayah"))
        return f"/collections/layer.{layer}/tiles/WebMercatorQuad/{zoom}/{x}/{y}?properties={shown}"


class Pygeoapi(Contestant):
    """Under uvicorn; shows the same columns."""

    name = "pygeoapi"

    @property
    def version(self) -> str:
        return _installed(self.folder, "pygeoapi")

    def command(self) -> tuple[list[str], dict[str, str]]:
        config, openapi = self.folder / "pygeoapi.json", self.folder / "pygeoapi-openapi.yml"
        config.touch(mode=0o600)
        config.write_text(json.dumps(self._config()), "utf-8")
        environment = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
        subprocess.run(
            [_program(self.folder, "pygeoapi"), "openapi", "generate", str(config), "--output-file", str(openapi)],
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
        return _uvicorn(self, "pygeoapi.starlette_app:APP"), environment

    def items(self, layer: str, **parameters: Any) -> str:
        return _path(f"/collections/{layer}/items", {**parameters, "f": "json"})

    def _config(self) -> dict[str, Any]:
        contact = {"name": "bench", "url": "http://127.0.0.1"}
        return {
            "server": {
                "bind": {"host": "127.0.0.1", "port": self.port},
                "url": f"http://127.0.0.1:{self.port}",
                "mimetype": "application/json; charset=UTF-8",
                "encoding": "utf-8",
                "gzip": False,
                "languages": ["en-US"],
                "limits": {"default_items": 10, "max_items": POLYGON_COUNT, "on_exceed": "throttle"},
                "map": {"url": "", "attribution": ""},
            },
            "logging": {"level": "ERROR"},
            "metadata": {
                "identification": {
                    **dict.fromkeys(("title", "description"), "bench"),
                    **dict.fromkeys(("url", "terms_of_service"), "http://127.0.0.1"),
                    "keywords": ["bench"],
                },
                "license": {"name": "bench", "url": "http://127.0.0.1"},
                "provider": contact,
                "contact": contact,
            },
            "resources": {layer: self._resource(layer) for layer in (POINTS, POLYGONS)},
        }

    def _resource(self, layer: str) -> dict[str, Any]:
        access = self.city.access
        return {
            "type": "collection",
            "title": layer,
            "description": layer,
            "keywords": [layer],
            "extents": {"spatial": {"bbox": [111, -9, 113, -7], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}},
            "providers": [
                {
                    "type": "feature",
                    "name": "PostgreSQL",
                    "data": {
                        **{name: access[name] for name in ("host", "user", "password", "dbname")},
                        "search_path": ["layer", "public"],
                    },
                    "table": layer,
                    "id_field": "id",
                    "geom_field": "geom",
                    "properties": self.city.properties(layer),
                }
            ],
        }


def contestants(city: City, folder: Path, workers: int) -> tuple[Geosatu, list[Contestant], list[str]]:
    """geosatu, those of the others that can be installed, and what is to be said about the others."""
    ours = Geosatu(city, folder, port=free_port())
    unguarded = Unguarded(city, folder, port=free_port())
    if (trouble := _install(folder)) is not None:
        return ours, [unguarded], [f"TiPg and pygeoapi are left out, since they could not be installed: {trouble}"]
    others = [TiPg(city, folder, workers, free_port()), Pygeoapi(city, folder, workers, free_port())]
    return ours, [unguarded, *others], []


def _install(folder: Path) -> str | None:
    """Put the others into an environment of their own, once per lock; returns why it did not work."""
    stamp, lock = folder / "venv" / "installed", LOCK.read_text("utf-8")
    if stamp.exists() and stamp.read_text("utf-8") == lock:
        return None
    python = folder / "venv" / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True, capture_output=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", LOCK],
            check=True,
            capture_output=True,
        )
    except subprocess.CalledProcessError as error:
        return str(error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:])
    stamp.write_text(lock, "utf-8")
    return None


def _installed(folder: Path, package: str) -> str:
    told = subprocess.run(
        [_program(folder, "python"), "-c", f"from importlib.metadata import version; print(version('{package}'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip()


def _program(folder: Path, name: str) -> str:
    return str(folder / "venv" / "bin" / name)


def _uvicorn(server: Contestant, app: str) -> list[str]:
    return [
        *(_program(server.folder, "uvicorn"), app, "--port", str(server.port), "--workers", str(server.workers)),
        *("--log-level", "warning", "--no-access-log"),
    ]


def _path(path: str, parameters: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode(parameters, safe=',')}" if parameters else path


def free_port() -> int:
    """One that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
