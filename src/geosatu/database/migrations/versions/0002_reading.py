"""For reading: accents in filters, word of every change, and history without what the database computes."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

FUNCTIONS = """
CREATE OR REPLACE FUNCTION geosatu.keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO geosatu.history (layer, feature, version, attributes, geom, ended_by, deleted)
    VALUES (TG_TABLE_NAME, OLD.id, OLD.version, to_jsonb(OLD) - 'geom' - 'geom_mercator', OLD.geom,
            CASE WHEN TG_OP = 'UPDATE' THEN NEW.updated_by END, TG_OP = 'DELETE');
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION geosatu.move_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO geosatu.layer_revision AS r (layer, revision) VALUES (TG_TABLE_NAME, 1)
    ON CONFLICT (layer) DO UPDATE SET revision = r.revision + 1, changed_at = now();
    PERFORM pg_notify('geosatu_revision', TG_TABLE_NAME);
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    """Add `unaccent` and renew the trigger functions."""
    op.execute("CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public")
    op.execute(FUNCTIONS)
