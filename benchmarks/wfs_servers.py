"""MapServer and QGIS Server: FastCGI processes that stay, behind nginx, over the same table."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.city import PAGE, POINTS, City
from benchmarks.contestants import Contestant, free_port
from benchmarks.table import MAPSERVER, QGIS

NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx; fastcgi_temp_path {folder}/nginx; proxy_temp_path {folder}/nginx;
    uwsgi_temp_path {folder}/nginx; scgi_temp_path {folder}/nginx;
    upstream server {{ server unix:{socket}; keepalive 1; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            include /etc/nginx/fastcgi_params;
            {parameters}
            fastcgi_keep_conn on;
            fastcgi_pass server;
        }}
    }}
}}
"""

CONFIG = """\
CONFIG
    ENV
        MS_MAP_PATTERN "."
    END
END
"""

MAP = """\
MAP
    NAME "bench"
    SIZE 256 256
    EXTENT 111 -9 113 -7
    PROJECTION "init=epsg:4326" END
    WEB METADATA
        "ows_enable_request" "*"
        "wfs_title" "bench"
        "wfs_onlineresource" "http://127.0.0.1:{port}/"
        "wfs_srs" "EPSG:4326"
    END END
    LAYER
        NAME "{layer}"
        TYPE POINT
        STATUS ON
        CONNECTIONTYPE POSTGIS
        CONNECTION "host={host} user={user} password={password} dbname={dbname}"
        DATA "geom FROM ({select}) AS q USING UNIQUE id USING SRID=4326"
        PROCESSING "CLOSE_CONNECTION=DEFER"
        METADATA
            "wfs_title" "{layer}"
            "wfs_extent" "111 -9 113 -7"
            "wfs_use_default_extent_for_getfeature" "false"
            "gml_featureid" "id"
            "gml_include_items" "{items}"
        END
        PROJECTION "init=epsg:4326" END
    END
END
"""

PROJECT = """
import json, sys
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsDataSourceUri, QgsProject, QgsVectorLayer
from qgis.core import QgsWkbTypes

said = json.load(sys.stdin)
application = QgsApplication([], False)
application.initQgis()
uri = QgsDataSourceUri()
uri.setConnection(said["host"], "5432", said["dbname"], said["user"], said["password"])
uri.setDataSource("", "(" + said["select"] + ")", "geom", "", "id")
uri.setSrid("4326")
uri.setWkbType(QgsWkbTypes.Point)
layer = QgsVectorLayer(uri.uri(False), said["layer"], "postgres")
assert layer.isValid()
project = QgsProject.instance()
project.setCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
project.addMapLayer(layer)
project.writeEntry("WFSLayers", "/", [layer.id()])
project.writeEntry("WFSLayersPrecision", "/" + layer.id(), 7)
assert project.write(said["file"])
application.exitQgis()
"""
"""Makes the project of QGIS Server; for the Python of the system, for which distributions build PyQGIS."""

FROM_THE_BEGINNING = {"PGOPTIONS": "-c synchronize_seqscans=off"}
"""They ask for features in no order, which would begin wherever another one just reads."""

PYTHON = "/usr/bin/python3"


@dataclass
class FastCgi(Contestant):
    """A FastCGI program in one process, behind nginx in another one."""

    package = ""

    @cached_property
    @abstractmethod
    def program(self) -> tuple[list[str], dict[str, str]]:
        """The FastCGI program, with the environment that it needs."""

    @abstractmethod
    def features(self, layer: str, count: int) -> str:
        """The path of so many features by WFS."""

    @classmethod
    @abstractmethod
    def missing(cls) -> str | None:
        """The packages of the distribution without which it does not run here."""

    def items(self, layer: str, **parameters: Any) -> str:
        return self.features(layer, parameters.get("limit", PAGE))

    def select(self, layer: str) -> str:
        """What of a layer is shown."""
        columns = ", ".join(("id", *self.city.properties(layer), "geom"))
        return f"SELECT {columns} FROM layer.{layer} WHERE status <> 'arsip'"  # noqa: S608  # names of our own

    @property
    def socket(self) -> Path:
        return self.folder / f"{self.package}.socket"

    def command(self) -> tuple[list[str], dict[str, str]]:
        (self.folder / "nginx").mkdir(exist_ok=True)
        file = self.folder / f"{self.package}.nginx.conf"
        # Of what a FastCGI program finds in its environment, only this is left while it answers.
        parameters = " ".join(f'fastcgi_param {name} "{value}";' for name, value in self.program[1].items())
        text = NGINX.format(folder=self.folder, socket=self.socket, port=self.port, parameters=parameters)
        file.write_text(text, "utf-8")
        return [nginx() or "nginx", "-c", str(file)], {}

    @contextmanager
    def running(self) -> Iterator[None]:
        command, environment = self.program
        self.socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener, (self.folder / f"{self.package}.log").open("w") as log:
            listener.bind(str(self.socket))
            listener.listen()
            # A FastCGI program finds the socket that it answers at where others find their input.
            process = subprocess.Popen(
                command, env={**os.environ, **environment}, stdin=listener.fileno(), stdout=log, stderr=log
            )
            try:
                with super().running():
                    yield
            finally:
                process.kill()  # MapServer waits for one more request before it goes
                process.wait()


class MapServer(FastCgi):
    """Keeps its connection to PostgreSQL."""

    name = MAPSERVER
    package = "cgi-mapserver"

    @property
    def version(self) -> str:
        return _told(["mapserv", "-v"], r"version ([\d.]+)")

    @classmethod
    def missing(cls) -> str | None:
        return None if shutil.which("mapserv") else "cgi-mapserver"

    @cached_property
    def program(self) -> tuple[list[str], dict[str, str]]:
        access, items = self.city.access, ",".join(self.city.properties(POINTS))
        file = self.folder / "bench.map"
        file.touch(mode=0o600)
        said = {name: access[name] for name in ("host", "user", "password", "dbname")}
        text = MAP.format(port=self.port, layer=POINTS, select=self.select(POINTS), items=items, **said)
        file.write_text(text, "utf-8")
        config = self.folder / "mapserver.conf"
        config.write_text(CONFIG, "utf-8")
        environment = {"MS_MAPFILE": str(file), "MAPSERVER_CONFIG_FILE": str(config)}
        return ["mapserv"], FROM_THE_BEGINNING | environment

    def features(self, layer: str, count: int) -> str:
        return "/?" + urlencode(
            {"service": "WFS", "version": "2.0.0", "request": "GetFeature", "typeNames": layer, "count": count}
        )


class QgisServer(FastCgi):
    """Speaks WFS 1.1.0 at most, in GML 3.1."""

    name = QGIS
    package = "qgis-server"

    @property
    def version(self) -> str:
        return _told([PYTHON, "-c", "from qgis.core import Qgis; print(Qgis.version())"], r"([\d.]+)")

    @classmethod
    def missing(cls) -> str | None:
        made = subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0
        return None if made and QGIS_PROGRAM.exists() else "qgis-server python3-qgis"

    @cached_property
    def program(self) -> tuple[list[str], dict[str, str]]:
        file = self.folder / "bench.qgs"
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        said = {**self.city.access, "layer": POINTS, "select": self.select(POINTS), "file": str(file)}
        environment = {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(self.folder)}
        subprocess.run(
            [PYTHON, "-c", PROJECT],
            input=json.dumps(said),
            env={**os.environ, **environment},
            text=True,
            check=True,
            capture_output=True,
        )
        return [str(QGIS_PROGRAM)], {**FROM_THE_BEGINNING, **environment, "QGIS_PROJECT_FILE": str(file)}

    def features(self, layer: str, count: int) -> str:
        return "/?" + urlencode(
            {"SERVICE": "WFS", "VERSION": "1.1.0", "REQUEST": "GetFeature", "TYPENAME": layer, "MAXFEATURES": count}
        )


QGIS_PROGRAM = Path("/usr/lib/cgi-bin/qgis_mapserv.fcgi")


def nginx() -> str | None:
    """Where nginx is; distributions put it where only administrators look."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def wfs_servers(city: City, folder: Path) -> tuple[list[FastCgi], list[str]]:
    """Those that are installed, and what is to be said about the others."""
    if nginx() is None:
        return [], [f"{MAPSERVER} and {QGIS} are left out, since nginx is not installed (apt install nginx-light)."]
    found: list[FastCgi] = []
    notes = []
    for kind in (MapServer, QgisServer):
        if (packages := kind.missing()) is None:
            found.append(kind(city, folder, port=free_port()))
        else:
            notes.append(f"{kind.name} is left out, since it is not installed (apt install {packages}).")
    return found, notes


def _told(command: list[str], pattern: str) -> str:
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(pattern, told)
    return found[1] if found else "?"
