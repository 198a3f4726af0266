"""For the history: what puts earlier versions back.

The views in which people read it depend on the catalogue; `geosatu.database.rights` makes them.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE SCHEMA past;

-- Who edits a layer; filled from the catalogue.
CREATE TABLE geosatu.editor (
    layer text NOT NULL,
    role text NOT NULL,
    PRIMARY KEY (layer, role)
);

CREATE INDEX history_ended ON geosatu.history (layer, ended_at);
CREATE INDEX ix_geosatu_act_actor ON geosatu.act (actor);
"""

FUNCTIONS = """
-- Whether this transaction is a command of the owner, on the server's own machine.
CREATE FUNCTION geosatu.is_operator() RETURNS boolean LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT geosatu.account() IS NULL AND pg_has_role(session_user, current_user, 'USAGE')
$$;

-- Whether who acts may change a feature that lies there and was made by `created_by`, as `guard_content` has it.
CREATE FUNCTION geosatu.may_edit(layer text, kode_wilayah text, created_by text) RETURNS boolean LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT geosatu.is_operator() OR coalesce(
        geosatu.areas_of(kode_wilayah) && geosatu.areas(array_remove(who.roles, 'relawan'))
        OR created_by = geosatu.account_name() AND geosatu.areas_of(kode_wilayah) && geosatu.areas(who.roles), false)
    FROM (SELECT array_agg(e.role) AS roles FROM geosatu.editor e WHERE e.layer = may_edit.layer) AS who
$$;

-- Whether what who acts changes there needs no review.
CREATE FUNCTION geosatu.may_publish(kode_wilayah text) RETURNS boolean LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT geosatu.is_operator() OR geosatu.areas_of(kode_wilayah) && geosatu.areas(
        (SELECT array_agg(s.role) FROM geosatu.step s WHERE s.after = 'terbit'))
$$;

-- Features get the content of these entries of the history again, as new versions; those that are gone come back.
-- Fields that an entry does not know keep what they hold. Rights are for the callers to look at.
CREATE FUNCTION geosatu.put_back(layer text, entries bigint[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    who text := (SELECT a.actor FROM geosatu.act a WHERE a.id = geosatu.current_act());
    columns text;
    kept text;
    given text;
    unreviewed text[];
BEGIN
    IF who IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'nothing is put back without an act';
    END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum),
           string_agg(format('CASE WHEN h.attributes ? %L THEN p.%I ELSE f.%I END', attname, attname, attname), ', '
                      ORDER BY attnum),
           string_agg(format('p.%I', attname), ', ' ORDER BY attnum)
    INTO columns, kept, given
    FROM pg_attribute
    WHERE attrelid = format('layer.%I', layer)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND attname <> ALL ('{id,uid,status,version,import_id,act,created_at,created_by,updated_at,updated_by}')
      AND attname <> ALL ('{geom,geom_public}');
    -- Asked once for each kelurahan, and not for each feature.
    SELECT coalesce(array_agg(place), '{}') INTO unreviewed
    FROM (SELECT DISTINCT coalesce(h.attributes ->> 'kode_wilayah', '') AS place
          FROM geosatu.history h WHERE h.id = ANY (entries)) AS there
    WHERE geosatu.may_publish(nullif(place, ''));
    EXECUTE format(
        'UPDATE layer.%1$I f SET (%2$s, geom, status, updated_by) = ROW (%3$s, p.geom,
            CASE WHEN f.status IN (SELECT s.before FROM geosatu.step s WHERE s.after = ''diajukan'')
                OR coalesce(p.kode_wilayah, '''') = ANY ($3) THEN f.status ELSE ''draf'' END, $2)
         FROM past.%1$I p JOIN geosatu.history h ON h.id = p.entry
         WHERE p.entry = ANY ($1) AND f.id = p.id', layer, columns, kept) USING entries, who, unreviewed;
    EXECUTE format(
        'INSERT INTO layer.%1$I (id, uid, status, version, import_id, created_at, created_by, updated_at, updated_by,
                                 %2$s, geom)
         SELECT p.id, p.uid, ''draf'', last.version + 1, p.import_id, p.created_at, p.created_by,
                greatest(now(), last.ended_at), $2, %3$s, p.geom
         FROM past.%1$I p
         JOIN LATERAL (SELECT h.version, h.ended_at FROM geosatu.history h
                       WHERE h.layer = %4$L AND h.feature = p.id ORDER BY h.version DESC LIMIT 1) last ON true
         WHERE p.entry = ANY ($1) AND NOT EXISTS (SELECT FROM layer.%1$I f WHERE f.id = p.id)',
        layer, columns, given, layer) USING entries, who;
END $$;
REVOKE EXECUTE ON FUNCTION geosatu.put_back FROM PUBLIC;

-- A feature gets the content of an earlier version again, or comes back with it; its new version and status.
CREATE FUNCTION geosatu.restore(layer text, feature bigint, version integer)
RETURNS TABLE (now_version integer, now_status text) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    wanted geosatu.history;
    last geosatu.history;
    place text;
    maker text;
    status text;
BEGIN
    SELECT * INTO wanted FROM geosatu.history h
    WHERE h.layer = restore.layer AND h.feature = restore.feature AND h.version = restore.version
    ORDER BY h.id DESC LIMIT 1;
    EXECUTE format('SELECT kode_wilayah, created_by, status FROM layer.%I WHERE id = $1 FOR UPDATE', layer)
    INTO place, maker, status USING feature;
    IF status IS NULL THEN
        SELECT * INTO last FROM geosatu.history h
        WHERE h.layer = restore.layer AND h.feature = restore.feature ORDER BY h.version DESC LIMIT 1;
        place := last.attributes ->> 'kode_wilayah';
        maker := last.attributes ->> 'created_by';
    END IF;
    IF wanted.id IS NULL OR status = 'arsip' OR NOT geosatu.may_edit(layer, place, maker)
       OR NOT geosatu.may_edit(layer, wanted.attributes ->> 'kode_wilayah', maker) THEN
        RAISE insufficient_privilege USING MESSAGE = format('no right to restore feature %s', feature);
    END IF;
    PERFORM geosatu.put_back(layer, ARRAY[wanted.id]);
    RETURN QUERY EXECUTE format('SELECT version, status FROM layer.%I WHERE id = $1', layer) USING feature;
END $$;
REVOKE EXECUTE ON FUNCTION geosatu.restore FROM PUBLIC;

-- The layers in which an act changed something.
CREATE FUNCTION geosatu.layers_of(act bigint) RETURNS SETOF text LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    name text;
    touched boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'layer' ORDER BY 1 LOOP
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM layer.%1$I WHERE act = $1)
                OR EXISTS (SELECT FROM geosatu.history h WHERE h.ended_act = $1 AND h.layer = %1$L)
                OR EXISTS (SELECT FROM geosatu.history h WHERE (h.attributes ->> ''act'')::bigint = $1
                           AND h.layer = %1$L)', name) INTO touched USING act;
        IF touched THEN
            RETURN NEXT name;
        END IF;
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION geosatu.layers_of FROM PUBLIC;

-- Every feature of a layer becomes what it was before an act: those that the act made go, those that it deleted come
-- back. What was changed again since then, or is not for who acts to change, stays; the outcome tells of each.
CREATE FUNCTION geosatu.undo(layer text, undone bigint)
RETURNS TABLE (feature bigint, outcome text, by text, at timestamptz) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DROP TABLE IF EXISTS pg_temp.geosatu_undone;
    EXECUTE format(
        'CREATE TEMPORARY TABLE geosatu_undone ON COMMIT DROP AS
         WITH touched AS (
            SELECT f.id FROM layer.%1$I f WHERE f.act = $1
            UNION SELECT h.feature FROM geosatu.history h WHERE h.ended_act = $1 AND h.layer = %1$L
            UNION SELECT h.feature FROM geosatu.history h
                  WHERE (h.attributes ->> ''act'')::bigint = $1 AND h.layer = %1$L),
         judged AS (
            SELECT t.id, before.id AS entry, f.id IS NOT NULL AS there, f.status, before.attributes ->> ''uid'' AS uid,
                CASE WHEN f.id IS NULL THEN last.ended_by ELSE f.updated_by END AS by,
                CASE WHEN f.id IS NULL THEN last.ended_at ELSE f.updated_at END AS at,
                CASE WHEN f.id IS NULL THEN last.ended_act ELSE f.act END AS act,
                coalesce(f.created_by, last.attributes ->> ''created_by'', '''') AS maker,
                CASE WHEN f.id IS NULL THEN last.attributes ->> ''kode_wilayah'' ELSE f.kode_wilayah END AS place,
                before.attributes ->> ''kode_wilayah'' AS former
            FROM touched t LEFT JOIN layer.%1$I f ON f.id = t.id
            LEFT JOIN LATERAL (
                SELECT h.* FROM geosatu.history h
                WHERE h.layer = %1$L AND h.feature = t.id AND h.ended_act = $1
                  AND (h.attributes ->> ''act'')::bigint IS DISTINCT FROM $1
                ORDER BY h.version LIMIT 1) before ON true
            LEFT JOIN LATERAL (
                SELECT h.* FROM geosatu.history h
                WHERE f.id IS NULL AND h.layer = %1$L AND h.feature = t.id
                ORDER BY h.version DESC LIMIT 1) last ON true),
         -- Asked once for each kelurahan and maker, and not for each feature.
         ours AS MATERIALIZED (
            SELECT place, maker FROM (SELECT place, maker FROM judged UNION SELECT former, maker FROM judged) AS asked
            WHERE geosatu.may_edit(%1$L, place, maker))
         SELECT j.id, j.entry, j.by, j.at,
            CASE
                WHEN NOT EXISTS (SELECT FROM ours o WHERE o.maker = j.maker
                                 AND coalesce(o.place, '''') = coalesce(j.place, ''''))
                     OR j.entry IS NOT NULL AND NOT EXISTS (SELECT FROM ours o WHERE o.maker = j.maker
                                 AND coalesce(o.place, '''') = coalesce(j.former, ''''))
                     OR j.status = ''arsip'' THEN ''barred''
                WHEN j.act IS DISTINCT FROM $1 THEN ''later''
                WHEN NOT j.there AND j.entry IS NULL THEN ''nothing''
                WHEN NOT j.there AND EXISTS (SELECT FROM layer.%1$I o WHERE o.uid = j.uid::uuid) THEN ''taken''
                WHEN NOT j.there THEN ''back''
                WHEN j.entry IS NULL THEN ''deleted''
                ELSE ''changed'' END AS outcome
         FROM judged j',
        layer) USING undone;
    EXECUTE format('DELETE FROM layer.%I f USING pg_temp.geosatu_undone u
                    WHERE f.id = u.id AND u.outcome = ''deleted''', layer);
    PERFORM geosatu.put_back(layer, ARRAY(SELECT u.entry FROM pg_temp.geosatu_undone u
                                          WHERE u.outcome IN ('back', 'changed')));
    RETURN QUERY SELECT u.id, u.outcome, CASE WHEN u.outcome = 'later' THEN u.by END,
                        CASE WHEN u.outcome = 'later' THEN u.at END
                 FROM pg_temp.geosatu_undone u WHERE u.outcome <> 'nothing' ORDER BY u.id;
END $$;
REVOKE EXECUTE ON FUNCTION geosatu.undo FROM PUBLIC;
"""


def upgrade() -> None:
    """Create what reads and restores the history, and renew what keeps it."""
    op.execute(TABLES)
    op.execute(FUNCTIONS)
