"""geosatu beside other servers and PostgreSQL's own limit, on one PostGIS in one run: `make bench`."""
