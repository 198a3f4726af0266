"""geosatu: the maps of an Indonesian kelurahan, on PostGIS."""
