"""What is written as GML reads back as the same shape, for every kind of geometry that a layer can have."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from defusedxml.ElementTree import fromstring
from sqlalchemy import Connection, insert

from geosatu.api.wfs.versions import srs_of
from geosatu.crs import WGS84_EAST_FIRST
from geosatu.database.tables import table_of
from geosatu.features import Gml, Query
from geosatu.fes import degrees, shape_of
from geosatu.layers import Catalogue
from geosatu.store import statements

SHAPES = {
    "Point": "POINT(112.123456789 -7.8)",
    "MultiPoint": "MULTIPOINT(112 -7.8,112.5 -7.25)",
    "LineString": "LINESTRING(112 -7.8,112.5 -7.25,112.123456789 -7.1)",
    "MultiLineString": "MULTILINESTRING((112 -7.8,112.5 -7.25),(112.1 -7.1,112.2 -7.2,112.3 -7.1))",
    "Polygon": "POLYGON((112 -8,113 -8,113 -7,112 -8),(112.7 -7.8,112.8 -7.8,112.8 -7.7,112.7 -7.8))",
    "MultiPolygon": (
        "MULTIPOLYGON(((112 -8,113 -8,113 -7,112 -8),(112.7 -7.8,112.8 -7.8,112.8 -7.7,112.7 -7.8)),"
        "((112 -6,112.5 -6,112.5 -5.5,112 -6)))"
    ),
}
SPACES = 'xmlns:wfs="urn:w" xmlns:gml="urn:g" xmlns:geosatu="urn:geosatu:layer"'


@pytest.mark.parametrize("srs", ["EPSG:4326", "urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:EPSG::32749"])
@pytest.mark.parametrize("version", ["2", "3.1", "3.2"])
@pytest.mark.parametrize("geometry", SHAPES)
def test_gml_reads_back_as_the_same_shape(
    conn: Connection, catalogue: Catalogue, geometry: str, version: Any, srs: str
):
    layer = catalogue["kwt"].model_copy(update={"name": f"uji_{geometry.lower()}", "geometry": geometry})
    table = table_of(layer)
    table.create(conn)
    row = {"nama": "Uji", "geom": f"SRID=4326;{SHAPES[geometry]}", "status": "terbit", "created_by": "u"}
    conn.execute(insert(table).values(**row, updated_by="u"))
    crs, name = srs_of(srs)
    wanted = statements.page(layer, Query(gml=Gml(version, name), crs=crs), "publik")

    (text, *_) = conn.exec_driver_sql(wanted.sql, dict(wanted.values)).one()

    root = fromstring(f"<x {SPACES}>{text}</x>")
    (holder,) = root.iter("{urn:geosatu:layer}geom")
    shape, found = shape_of(holder[0], WGS84_EAST_FIRST)
    assert holder[0].attrib["srsName"] == name
    assert found == crs
    assert degrees(shape, crs).equals_exact(shapely.from_wkt(SHAPES[geometry]), 1e-7)
    ids = [value for each in root.iter() for key, value in each.attrib.items() if key == "{urn:g}id"]
    geometries = [
        each for each in holder.iter() if each.tag.rpartition("}")[2] in (*SHAPES, "MultiCurve", "MultiSurface")
    ]
    assert len(ids) == len(set(ids)) == {"2": 0, "3.1": 1, "3.2": 1 + len(geometries)}[version]
