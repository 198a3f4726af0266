"""Alembic's entry: the migrations of our own tables run on the connection that we hand over."""

from alembic import context

from geosatu.database.tables import OWN_SCHEMA, own

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=own,
    version_table_schema=OWN_SCHEMA,
)
context.run_migrations()
