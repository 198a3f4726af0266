"""Photographs of features: as they were sent, and as they are shown."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE TABLE geosatu.photo (
    id uuid PRIMARY KEY,
    layer text NOT NULL,
    feature uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    account bigint,
    actor text NOT NULL,
    original bytea NOT NULL,
    media_type text NOT NULL,
    picture bytea NOT NULL,
    thumbnail bytea NOT NULL
);
CREATE INDEX ix_geosatu_photo_account ON geosatu.photo (account, at);
-- They are compressed already.
ALTER TABLE geosatu.photo ALTER original SET STORAGE EXTERNAL, ALTER picture SET STORAGE EXTERNAL,
    ALTER thumbnail SET STORAGE EXTERNAL;
CREATE TRIGGER unchanged BEFORE UPDATE OR TRUNCATE ON geosatu.photo
    FOR EACH STATEMENT EXECUTE FUNCTION geosatu.refuse_change();
"""


def upgrade() -> None:
    """Create the table; who sees what in it, `geosatu.database.rights` says."""
    op.execute(TABLES)
