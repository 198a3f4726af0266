"""geosatu beside TiPg, pygeoapi, ogr2ogr and PostgreSQL's own limit, on one PostGIS in one run: `make bench`."""
