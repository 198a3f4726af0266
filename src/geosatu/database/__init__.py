"""PostgreSQL with PostGIS: where it runs, how we connect, and the tables that follow from the catalogue."""
