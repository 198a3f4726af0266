"""A town of two kelurahan side by side, and files for it: what the tests of reading and importing share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, text

from geosatu.database.connect import conninfo_of
from geosatu.exporting import write
from geosatu.features import Actor, Query
from geosatu.importer import Options, Report, import_file
from geosatu.layers import Access, Catalogue

TESTER = Actor("penguji", access="terbatas")

BARAT = ("35.71.01.1001", "Barat", box(112.00, -7.80, 112.01, -7.79))
TIMUR = ("35.71.01.1002", "Timur", box(112.01, -7.80, 112.02, -7.79))

IN_BARAT = (112.005, -7.795)
IN_TIMUR = (112.015, -7.795)

POSYANDU = {"nama": "Melati", "jenis": "balita", "status_operasi": "aktif", "jumlah_kader": 5}
"""The fields without which a posyandu cannot be published."""


def feature(geometry: Any, /, **properties: Any) -> dict[str, Any]:
    """A GeoJSON feature; a pair of degrees, longitude first, is a point."""
    if isinstance(geometry, tuple):
        geometry = {"type": "Point", "coordinates": list(geometry)}
    elif isinstance(geometry, BaseGeometry):
        geometry = mapping(geometry)
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: Any, **members: Any) -> str:
    """A GeoJSON file of these features."""
    return json.dumps({"type": "FeatureCollection", **members, "features": list(features)})


def boundaries() -> str:
    """The file of the town's two kelurahan."""
    return collection(
        *(
            feature(shape, kode_wilayah=code, nama=name, kecamatan="Kota", sumber="uji")
            for code, name, shape in (BARAT, TIMUR)
        )
    )


def gpx(body: str) -> str:
    """A GPX 1.1 file."""
    return f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">{body}</gpx>'


def waypoint(lat: Any, lon: Any, name: str = "Melati") -> str:
    return f'<wpt lat="{lat}" lon="{lon}"><name>{name}</name></wpt>'


def track(*places: tuple[float, float], name: str = "RT 001") -> str:
    """A track over places given as longitude and latitude."""
    points = "".join(f'<trkpt lat="{lat}" lon="{lon}"><ele>67.0</ele></trkpt>' for lon, lat in places)
    return f"<trk><name>{name}</name><trkseg>{points}</trkseg></trk>"


@dataclass(frozen=True, repr=False)
class Town:
    """Imports over one connection, and what they leave."""

    conn: Connection
    catalogue: Catalogue
    folder: Path

    def file(self, content: str | bytes, name: str) -> Path:
        file = self.folder / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def bring(
        self,
        layer: str,
        content: str | bytes | Path,
        name: str = "berkas.geojson",
        *,
        dry_run: bool = False,
        max_bytes: int = 50_000_000,
        status: str | None = None,
        crs: str | None = None,
        columns: Mapping[str, str] | None = None,
        constants: Mapping[str, str] | None = None,
    ) -> Report:
        """Import a file, or one of this content."""
        return import_file(
            self.conn,
            self.catalogue,
            self.catalogue[layer],
            content if isinstance(content, Path) else self.file(content, name),
            actor=TESTER,
            max_bytes=max_bytes,
            options=Options(status, crs, columns or {}, constants or {}),
            dry_run=dry_run,
        )

    def export(self, layer: str, suffix: str, access: Access = "terbatas", query: Query | None = None) -> Path:
        """Export a layer; what was brought so far is committed, for others to see it."""
        self.conn.commit()
        file = self.folder / f"{layer}-{access}.{suffix}"
        actor = Actor("penguji", access)
        write(conninfo_of(self.conn.engine, 60), self.catalogue[layer], query or Query(), actor, file, suffix)
        return file

    def with_boundaries(self) -> Town:
        """The same town once its two kelurahan are known."""
        assert self.bring("batas_kelurahan", boundaries(), status="terbit").added == 2
        return self

    def rows(self, layer: str) -> list[dict[str, Any]]:
        """The layer's rows in order of id, with the geometry as WKT."""
        rows = self.conn.execute(text(f"SELECT *, ST_AsText(geom) AS geom FROM layer.{layer} ORDER BY id"))
        return [dict(row) for row in rows.mappings()]

    def trace(self, layer: str) -> tuple[Any, ...]:
        """All that an import could leave behind."""
        imports = self.conn.scalar(text('SELECT count(*) FROM geosatu."import" WHERE layer = :layer'), {"layer": layer})
        revision = self.conn.scalar(
            text("SELECT revision FROM geosatu.layer_revision WHERE layer = :layer"), {"layer": layer}
        )
        history = self.conn.scalar(text("SELECT count(*) FROM geosatu.history WHERE layer = :layer"), {"layer": layer})
        return imports, revision, history, self.rows(layer)
