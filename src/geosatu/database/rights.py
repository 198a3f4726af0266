"""Rights as PostgreSQL holds them: roles, grants of columns, and policies of rows, all derived from the catalogue.

Each database has four roles of its own. Who serves signs in as `<database>_layanan`, which owns nothing and sees
no feature, and takes on one of the others for each transaction:

- `<database>_publik`: public fields of published features, homes at their public place;
- `<database>_relawan`: the same, and of features that a volunteer made in every status;
- `<database>_internal`: internal fields too, and what is not published yet as far as the account's rights reach;
- `<database>_terbatas`: everything of the features that the account cares for, in a transaction that has said why.

The account is the setting `geosatu.account` of the transaction. Owners of the tables are above all this.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import groupby
from typing import Any

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Connection, Engine, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, ProgrammingError

from geosatu.database import tables
from geosatu.database.tables import (
    LAYER_SCHEMA,
    MERCATOR,
    OWN_SCHEMA,
    PAST_SCHEMA,
    PLACE,
    past_of,
    shown_name,
    shown_value,
    table_of,
)
from geosatu.errors import DatabaseUnavailable
from geosatu.features import Actor
from geosatu.layers import ACCESS_LEVELS, SHOWN, Access, Catalogue, FieldType, Layer
from geosatu.rights import EDITABLE, ROLES, STEPS, editors, publishers

log = logging.getLogger("geosatu")

SERVICE = "layanan"
VOLUNTEER = "relawan"
PASSWORD = "service_password"  # noqa: S105  # the name of a secret, not one
SIGNING = "signing"
APPLIED = "rights"

OURS = ("kode_wilayah", "status", "source", "accuracy_m", "uid", "version", "updated_at")
"""The columns of ours that every reader sees, behind the layer's own."""

WORKED = ("import_id", "act", "created_at", "created_by", "updated_by")
"""What staff see besides, of how a feature came to be."""

GIVEN = ("kode_wilayah", "source", "accuracy_m", "geom")
"""What of our columns comes with a feature's content."""

ACCOUNT_TABLES = ("account", "account_right", "session", "token", "invitation", "attempt")
"""What the service itself reads and writes, in nobody's name."""


def role_name(database: str, level: str) -> str:
    """The role of a database for readers of this level, or for the service."""
    return f"{database[:50]}_{level}"


ACTING = "SELECT set_config('role', %(role)s, true), set_config('geosatu.account', %(account)s, true)"
"""Until the transaction ends, the database answers as to this actor."""


OPENING = "SELECT geosatu.open_restricted(%(reason)s, %(detail)s, %(address)s)"
"""Restricted fields can be read until the transaction ends; the audit log tells who did, and why."""


def opening(layer: Layer, actor: Actor, photo: str | None = None) -> dict[str, Any]:
    """The values of `OPENING`; for the file of a photograph, with its name."""
    fields = [field.name for field in layer.fields.values() if field.access == "terbatas"]
    detail = {"lapisan": layer.name, **({"field": fields} if photo is None else {"foto": photo})}
    return {"reason": actor.reason, "detail": json.dumps(detail), "address": actor.address}


def acting(database: str, actor: Actor) -> dict[str, str]:
    """The values of `ACTING`."""
    level = VOLUNTEER if actor.access == "publik" and actor.account is not None else actor.access
    return {"role": role_name(database, level), "account": str(actor.account or "")}


def act_as(conn: Connection, actor: Actor) -> None:
    """Until the transaction ends, the database answers as to this actor."""
    conn.exec_driver_sql(ACTING, acting(str(conn.engine.url.database), actor))


def act_as_service(conn: Connection) -> None:
    """Until the transaction ends, the database answers as to the service itself, which knows accounts only."""
    database = str(conn.engine.url.database)
    conn.exec_driver_sql(ACTING, {"role": role_name(database, SERVICE), "account": ""})


def open_restricted(conn: Connection, layer: Layer, actor: Actor, photo: str | None = None) -> None:
    """From here to the end of the transaction this actor reads restricted fields, or the file of a photograph as it
    was sent, which is logged."""
    conn.exec_driver_sql(OPENING, opening(layer, actor, photo))


def conninfo_as(conninfo: str, actor: Actor) -> str:
    """The address for connections that this actor has to themselves."""
    parts = conninfo_to_dict(conninfo)
    told = acting(str(parts["dbname"]), actor)
    options = f"{parts.get('options', '')} -c role={told['role']} -c geosatu.account={told['account']}"
    return make_conninfo(conninfo, options=options)


def apply_rights(conn: Connection, catalogue: Catalogue) -> None:
    """Bring roles, grants and policies to what the catalogue and `geosatu.rights` say; nothing if they are there."""
    database = str(conn.scalar(text("SELECT current_database()")))
    _make_roles(conn, database)
    statements = list(_statements(database, catalogue))
    wanted = sha256("\n".join(statements).encode()).hexdigest()
    stored = tables.secrets.c
    if conn.scalar(select(stored.value).where(stored.name == APPLIED)) == wanted:
        return
    clear_rights(conn)
    _allow_index_under_policies(conn)
    for statement in statements:
        conn.exec_driver_sql(statement)
    _remember(conn, APPLIED, wanted)


def service_password(conn: Connection) -> str:
    """The password of the service's role, generated when it was made."""
    stored = tables.secrets.c
    return str(conn.scalar(select(stored.value).where(stored.name == PASSWORD)))


def signing_secret(engine: Engine) -> bytes:
    """What the service signs with; `engine` is its own."""
    stored = tables.secrets.c
    with engine.connect() as conn:
        act_as_service(conn)
        return str(conn.scalar(select(stored.value).where(stored.name == SIGNING))).encode()


def _make_roles(conn: Connection, database: str) -> None:
    """The roles; the service may take on the others and inherits nothing from them."""
    known = set(conn.scalars(text("SELECT rolname FROM pg_roles")))
    stored = tables.secrets.c
    password = conn.scalar(select(stored.value).where(stored.name == PASSWORD))
    service = role_name(database, SERVICE)
    levels = (*ACCESS_LEVELS, VOLUNTEER)
    if known >= {service, *(role_name(database, level) for level in levels)} and password is not None:
        return
    try:
        with conn.begin_nested():
            for level in levels:
                if role_name(database, level) not in known:
                    _run(conn, "CREATE ROLE {} NOLOGIN", role_name(database, level))
            _run(conn, "GRANT {} TO {}", role_name(database, "publik"), role_name(database, VOLUNTEER))
            password = password or secrets.token_urlsafe(32)
            if service not in known:
                _run(conn, "CREATE ROLE {} LOGIN NOINHERIT", service)
            conn.exec_driver_sql(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(service), password).as_string(None)
            )
            for level in levels:
                _run(conn, "GRANT {} TO {}", role_name(database, level), service)
                # Commands act as the public too, when they write what is public.
                _run(conn, "GRANT {} TO CURRENT_USER", role_name(database, level))
    except ProgrammingError as error:
        raise DatabaseUnavailable(
            "Pengguna basis data itu tidak berhak membuat peran, padahal hak pembaca dijaga oleh PostgreSQL; minta "
            f"administrator menjalankan ALTER ROLE ... CREATEROLE ({str(error.orig).strip().splitlines()[0]})."
        ) from None
    _remember(conn, PASSWORD, password)


def _run(conn: Connection, statement: str, *names: str) -> None:
    conn.exec_driver_sql(sql.SQL(statement).format(*map(sql.Identifier, names)).as_string(None))


def _remember(conn: Connection, name: str, value: str) -> None:
    row = insert(tables.secrets).values(name=name, value=value)
    conn.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def clear_rights(conn: Connection) -> None:
    """Remove policies and what else follows from the catalogue here, so that tables can change: nobody but the
    owner sees a feature until `apply_rights`."""
    conn.execute(delete(tables.secrets).where(tables.secrets.c.name == APPLIED))
    for schema, table, name in conn.execute(
        text("SELECT schemaname, tablename, policyname FROM pg_policies WHERE schemaname IN (:own, :layer)"),
        {"own": OWN_SCHEMA, "layer": LAYER_SCHEMA},
    ).all():
        _run(conn, "DROP POLICY {} ON {}.{}", name, schema, table)
    for table, name in conn.execute(
        text(
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid"
            " WHERE c.relnamespace = to_regnamespace(:layer) AND (tgname LIKE 'place%' OR tgname LIKE 'guard_%')"
        ),
        {"layer": LAYER_SCHEMA},
    ).all():
        _run(conn, "DROP TRIGGER {} ON {}.{}", name, LAYER_SCHEMA, table)
    views = text("SELECT viewname FROM pg_views WHERE schemaname = :past")
    for view in conn.scalars(views, {"past": PAST_SCHEMA}).all():
        _run(conn, "DROP VIEW {}.{}", PAST_SCHEMA, view)


def _allow_index_under_policies(conn: Connection) -> None:
    """Let searches by place use their index, as far as we may."""
    try:
        with conn.begin_nested():
            # It only compares boxes; without this, no spatial index would be used under policies.
            conn.exec_driver_sql("ALTER FUNCTION public.geometry_overlaps(geometry, geometry) LEAKPROOF")
    except DBAPIError:
        log.warning(
            "Searches by place cannot use their index, since this is no superuser; ask one to run: "
            "ALTER FUNCTION public.geometry_overlaps(geometry, geometry) LEAKPROOF"
        )


def _statements(database: str, catalogue: Catalogue) -> Iterator[str]:
    public, internal, restricted = (role_name(database, level) for level in ACCESS_LEVELS)
    service = role_name(database, SERVICE)
    everybody = f'"{public}", "{internal}", "{restricted}"'
    yield f'GRANT USAGE ON SCHEMA {OWN_SCHEMA}, {LAYER_SCHEMA}, {PAST_SCHEMA} TO {everybody}, "{service}"'
    yield f'GRANT SELECT ON geosatu.layer_revision, geosatu."check", geosatu.step TO {everybody}, "{service}"'
    listed = ", ".join(f"geosatu.{name}" for name in ACCOUNT_TABLES)
    yield f'GRANT SELECT, INSERT, UPDATE, DELETE ON {listed} TO "{service}"'
    yield f'GRANT SELECT (name, full_name, id) ON geosatu.account TO "{internal}", "{restricted}"'
    yield f'GRANT EXECUTE ON FUNCTION geosatu.obstacles, geosatu.changed_since TO "{internal}"'
    yield f'GRANT EXECUTE ON FUNCTION geosatu.open_act, geosatu.was_deleted, geosatu.places TO "{internal}"'
    yield f'GRANT EXECUTE ON FUNCTION geosatu.restore, geosatu.undo, geosatu.layers_of TO "{internal}"'
    yield f'GRANT SELECT ON geosatu.act TO "{internal}", "{restricted}"'
    yield "DELETE FROM geosatu.step WHERE true"
    rows = ", ".join(f"('{step.before}', '{step.after}', '{role}')" for step in STEPS for role in step.roles)
    yield f"INSERT INTO geosatu.step VALUES {rows}"  # noqa: S608  # words of our own
    yield "DELETE FROM geosatu.editor WHERE true"
    rows = ", ".join(f"('{layer.name}', '{role}')" for layer in catalogue for role in editors(layer))
    yield f"INSERT INTO geosatu.editor VALUES {rows}"  # noqa: S608  # words of our own
    yield from _own_policies(public, internal, restricted, service)
    yield from _finding_policies(catalogue, public, internal, restricted)
    yield from _photo_policies(catalogue, public, internal, restricted)
    for layer in catalogue:
        yield from _layer_statements(layer, public, internal, restricted)
        own = f'CREATE POLICY own ON {table_of(layer).fullname} FOR SELECT TO "{role_name(database, VOLUNTEER)}"'
        yield f"{own} USING ({_own()})"
        yield from _past_statements(layer, public, role_name(database, VOLUNTEER), internal, restricted)


def _own_policies(public: str, internal: str, restricted: str, service: str) -> Iterator[str]:
    """What people see of decisions, the audit log and the data list, and the service of secrets."""
    for name in ("decision", "audit", "data_list", "secret"):
        yield f"ALTER TABLE geosatu.{name} ENABLE ROW LEVEL SECURITY"
    yield f'GRANT SELECT, INSERT ON geosatu.decision TO "{internal}"'
    yield (
        f'CREATE POLICY seen ON geosatu.decision FOR SELECT TO "{internal}" USING '
        f"(account = geosatu.account() OR {_own()} OR {_within(role for role, each in ROLES.items() if each.sees)})"
    )
    signed = "account = geosatu.account() AND actor = geosatu.account_name()"
    yield f'CREATE POLICY own ON geosatu.decision FOR INSERT TO "{internal}" WITH CHECK ({signed})'
    yield f'GRANT INSERT ON geosatu.audit TO "{service}", "{internal}", "{restricted}"'
    yield f'GRANT SELECT ON geosatu.audit TO "{internal}"'
    yield f'CREATE POLICY written ON geosatu.audit FOR INSERT TO "{service}" WITH CHECK (true)'
    yield (f'CREATE POLICY own ON geosatu.audit FOR INSERT TO "{internal}", "{restricted}" WITH CHECK ({signed})')
    yield f'GRANT SELECT ON geosatu.secret TO "{service}"'
    yield f"CREATE POLICY signing ON geosatu.secret FOR SELECT TO \"{service}\" USING (name = '{SIGNING}')"
    auditors = _somewhere(role for role, each in ROLES.items() if each.audits)
    yield f'CREATE POLICY seen ON geosatu.audit FOR SELECT TO "{internal}" USING ({auditors})'
    yield f'GRANT SELECT, INSERT, UPDATE, DELETE ON geosatu.data_list TO "{internal}"'
    yield f'CREATE POLICY seen ON geosatu.data_list FOR SELECT TO "{internal}" USING (true)'
    yield f'CREATE POLICY kept ON geosatu.data_list TO "{internal}" USING ({auditors}) WITH CHECK ({auditors})'


def _finding_policies(catalogue: Catalogue, public: str, internal: str, restricted: str) -> Iterator[str]:
    """Findings, and exceptions from them, are seen by those who see all of their features now: one may have been
    withdrawn, and rights may have ended, since the check."""
    staff = f'"{internal}", "{restricted}"'
    for name in ("finding", "exception"):
        yield f"ALTER TABLE geosatu.{name} ENABLE ROW LEVEL SECURITY"
    yield f'GRANT SELECT ON geosatu.finding TO "{public}", {staff}'
    seen = _seeing_all(catalogue, "finding")
    yield f'CREATE POLICY public ON geosatu.finding FOR SELECT TO "{public}" USING (public AND {seen})'
    yield (
        f"CREATE POLICY staff ON geosatu.finding FOR SELECT TO {staff} "
        f"USING ((public OR {_somewhere(role for role, each in ROLES.items() if each.sees)}) AND {seen})"
    )
    told = "id, at, layer, rule, features, message, reason, account, actor"
    yield f'GRANT SELECT ({told}) ON geosatu.exception TO "{public}", {staff}'
    seen = _seeing_all(catalogue, "exception")
    yield f"CREATE POLICY seen ON geosatu.exception FOR SELECT TO {staff} USING ({seen})"
    yield f'GRANT EXECUTE ON FUNCTION geosatu.except_finding TO "{internal}"'


def _seeing_all(catalogue: Catalogue, table: str) -> str:
    """Whether who asks sees all features that a row of this table names. Written out for each layer, so that
    PostgreSQL asks for the rights of an account once and not for each row."""
    ways = " ".join(
        f"WHEN '{layer.name}' THEN cardinality({table}.features) = "  # noqa: S608  # names of our own
        f"(SELECT count(*) FROM {table_of(layer).fullname} f WHERE f.id = ANY ({table}.features))"
        for layer in catalogue
    )
    return f"CASE {table}.layer {ways} ELSE false END" if ways else "false"


def _photo_policies(catalogue: Catalogue, public: str, internal: str, restricted: str) -> Iterator[str]:
    """A photograph is seen by whoever sees a feature that names it, without what the camera wrote into it; whole, by
    those who care for the feature and say why. Whoever took it sees it before a feature names it."""
    table = "geosatu.photo"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f'REVOKE ALL ON {table} FROM "{public}", "{internal}", "{restricted}"'
    yield f'GRANT SELECT (id, layer, feature, picture, thumbnail) ON {table} TO "{public}", "{internal}"'
    yield f'GRANT SELECT (at, account, actor) ON {table} TO "{internal}"'
    yield f'GRANT SELECT ON {table} TO "{restricted}"'
    yield (
        "GRANT INSERT (id, layer, feature, account, actor, original, media_type, picture, thumbnail) "
        f'ON {table} TO "{internal}"'
    )
    named = {access: _naming(catalogue, access) for access in ACCESS_LEVELS}
    yield f'CREATE POLICY public ON {table} FOR SELECT TO "{public}" USING ({named["publik"]})'
    yield (
        f'CREATE POLICY staff ON {table} FOR SELECT TO "{internal}" '
        f"USING (account = (SELECT geosatu.account()) OR {named['internal']})"
    )
    yield f'CREATE POLICY care ON {table} FOR SELECT TO "{restricted}" USING ({named["terbatas"]})'
    editing = " ".join(f"WHEN '{layer.name}' THEN {_somewhere(editors(layer))}" for layer in catalogue if layer.photos)
    signed = "account = geosatu.account() AND actor = geosatu.account_name()"
    yield (
        f'CREATE POLICY taken ON {table} FOR INSERT TO "{internal}" '
        f"WITH CHECK ({signed} AND {f'CASE layer {editing} ELSE false END' if editing else 'false'})"
    )


def _naming(catalogue: Catalogue, access: Access) -> str:
    """Whether a feature that readers of this level see names the photograph, in a field that they see."""
    ways = []
    for layer in catalogue:
        columns = [shown_name(layer, field, access) for field in layer.readable(access) if field.type == "photos"]
        if columns:
            names = " OR ".join(f'photo.id::text = ANY (f."{column}")' for column in columns)
            found = f"SELECT FROM {table_of(layer).fullname} f WHERE f.uid = photo.feature AND ({names})"
            ways.append(f"WHEN '{layer.name}' THEN EXISTS ({found})")
    return f"CASE layer {' '.join(ways)} ELSE false END" if ways else "false"


def _layer_statements(layer: Layer, public: str, internal: str, restricted: str) -> Iterator[str]:
    table = table_of(layer).fullname
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f'REVOKE ALL ON {table} FROM "{public}", "{internal}", "{restricted}"'
    yield f'GRANT SELECT ({_columns(layer, "publik")}) ON {table} TO "{public}"'
    yield f'GRANT SELECT ({_columns(layer, "internal")}) ON {table} TO "{internal}"'
    yield f'GRANT SELECT ON {table} TO "{restricted}"'
    yield f'GRANT SELECT ({", ".join(WORKED)}) ON {table} TO "{internal}"'
    yield f'GRANT UPDATE (status, updated_by) ON {table} TO "{internal}"'
    yield f"CREATE POLICY public ON {table} FOR SELECT TO \"{public}\" USING (status = 'terbit')"
    yield f'CREATE POLICY staff ON {table} FOR SELECT TO "{internal}" USING ({_seen()})'
    steppers = dict.fromkeys(role for step in STEPS for role in step.roles if role != "relawan")
    yield (
        f'CREATE POLICY review ON {table} FOR UPDATE TO "{internal}" USING ({_within(steppers)} OR {_own()}) '
        f"WITH CHECK ({_within(steppers)} OR {_own()})"
    )
    yield f'CREATE POLICY care ON {table} FOR SELECT TO "{restricted}" USING ({_cared_for()})'
    yield (
        f"CREATE TRIGGER guard_status BEFORE UPDATE OF status ON {table} FOR EACH ROW "
        "WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION geosatu.guard_status()"
    )
    yield (
        f"CREATE TRIGGER guard_signature BEFORE UPDATE OF updated_by ON {table} FOR EACH ROW "
        "EXECUTE FUNCTION geosatu.guard_signature()"
    )
    yield from _edit_statements(layer, internal)
    if layer.home is not None:
        yield from _home_statements(layer)


def _edit_statements(layer: Layer, internal: str) -> Iterator[str]:
    """Who makes, changes and deletes features of a layer. Fields that an account may not read it may still write."""
    table = table_of(layer).fullname
    content = ", ".join(f'"{name}"' for name in content_columns(layer))
    editing = editors(layer)
    yield f'GRANT INSERT ({content}, uid, created_by, updated_by) ON {table} TO "{internal}"'
    yield f'GRANT UPDATE ({content}), DELETE ON {table} TO "{internal}"'
    yield (
        f'CREATE POLICY made ON {table} FOR INSERT TO "{internal}" WITH CHECK '
        f"(status = 'draf' AND created_by = (SELECT geosatu.account_name()) AND {_within(editing)})"
    )
    yield (
        f'CREATE POLICY deleted ON {table} FOR DELETE TO "{internal}" '
        f"USING ({_within(role for role in editing if role != 'relawan')} OR {_own()})"
    )
    listed = (f"'{{{','.join(names)}}}'" for names in (editing, publishers(), EDITABLE))
    yield (
        f"CREATE TRIGGER guard_content BEFORE UPDATE OF {content} ON {table} FOR EACH ROW "
        f"EXECUTE FUNCTION geosatu.guard_content({', '.join(listed)})"
    )


def content_columns(layer: Layer) -> list[str]:
    """The columns that people fill."""
    return [*(field.name for field in layer.fields.values() if field.measure is None), *GIVEN]


def _home_statements(layer: Layer) -> Iterator[str]:
    """Triggers that keep the public place of homes, on the layer and on that of the areas around them.

    Those on the areas run by their names, and hold the layers of homes in the order in which all writers do
    (`geosatu.store.acts`): a space stands before all letters, so `umkm` comes before `umkm_rumahan`.
    """
    assert layer.home is not None
    table, areas = table_of(layer).fullname, layer.home.layer
    values = ",".join(str(value).lower() if isinstance(value, bool) else value for value in layer.home.values)
    about = f"'{layer.home.field or ''}', '{{{values}}}'"
    yield (
        f"CREATE TRIGGER place BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW "
        f"WHEN (current_setting('geosatu.deriving', true) IS DISTINCT FROM 'on') "
        f"EXECUTE FUNCTION geosatu.keep_place('{areas}', {about})"
    )
    for action, named in (
        ("INSERT", "NEW TABLE AS after"),
        ("UPDATE", "OLD TABLE AS before NEW TABLE AS after"),
        ("DELETE", "OLD TABLE AS before"),
    ):
        yield (
            f'CREATE TRIGGER "place {layer.name} {action.lower()}" AFTER {action} ON {LAYER_SCHEMA}.{areas} '
            f"REFERENCING {named} FOR EACH STATEMENT EXECUTE FUNCTION geosatu.move_places('{layer.name}', {about})"
        )
    place = f"geosatu.place_of(to_jsonb(f) - 'geom', f.geom, '{areas}', {about})"
    yield (
        f"DO $$ BEGIN IF EXISTS (SELECT FROM {table}) THEN "  # noqa: S608  # names of our own
        "PERFORM set_config('geosatu.deriving', 'on', true); "
        f"UPDATE {table} f SET {PLACE} = {place} WHERE {PLACE} IS DISTINCT FROM {place}; "
        "PERFORM set_config('geosatu.deriving', '', true); END IF; END $$"
    )


def _past_statements(layer: Layer, public: str, volunteer: str, internal: str, restricted: str) -> Iterator[str]:
    """The earlier versions of features, of which everybody sees what they would have seen of the feature then. The
    public sees them of what is still published: what was withdrawn does not live on here."""
    view, table = past_of(layer).fullname, table_of(layer).fullname
    content = [f"h.feature AS id, {_as_was('uid', 'text')}::uuid AS uid"]
    content += [f"{_as_was(name, 'text')} AS {name}" for name in ("kode_wilayah", "status", "source")]
    content += [f"{_as_was(name, 'text')} AS {name}" for name in ("created_by", "updated_by")]
    # As the index has it.
    content += ["(h.attributes ->> 'act')::bigint AS act", f"{_as_was('import_id', 'integer')} AS import_id"]
    content += [f"{_as_was(name, 'text')}::timestamptz AS {name}" for name in ("created_at", "updated_at")]
    content += [f"h.version, {_as_was('accuracy_m', 'decimal')} AS accuracy_m"]
    content += [f'{_as_was(field.name, field.type)} AS "{field.name}"' for field in layer.fields.values()]
    shape = "ST_Multi(h.geom)" if layer.geometry.startswith("Multi") else "h.geom"
    # What turned out to be a home since then is not told from a time when it was taken for none.
    home = f"SELECT FROM {table} f WHERE f.id = h.feature AND f.{PLACE} IS DISTINCT FROM f.geom"  # noqa: S608
    known = f"CASE WHEN NOT (h.place = h.geom AND EXISTS ({home})) THEN h.place END"
    place = "" if layer.home is None else f", {known} AS {PLACE}"
    kinds = dict.fromkeys((layer.geometry.upper(), layer.geometry.removeprefix("Multi").upper()))
    shown = "".join(f', {shown_value(layer, field)} AS "{field.name}{SHOWN}"' for field in layer.veiled)
    published = f"status = 'terbit' AND EXISTS (SELECT FROM {table} f WHERE f.id = v.id AND f.status = 'terbit')"
    yield (
        f"CREATE VIEW {view} WITH (security_barrier) AS SELECT *{shown} FROM ("  # noqa: S608  # names of our own
        f"SELECT {', '.join(content)}, {shape} AS geom{place}, h.id AS entry, h.ended_at, h.ended_by, h.ended_act, "
        f"h.deleted FROM geosatu.history h WHERE h.layer = '{layer.name}' "
        f"AND GeometryType(h.geom) IN ({', '.join(repr(kind) for kind in kinds)})) AS v WHERE CASE current_user "
        f"WHEN '{public}' THEN {published} "
        f"WHEN '{volunteer}' THEN {published} OR {_own()} "
        f"WHEN '{internal}' THEN {_seen()} "
        f"WHEN '{restricted}' THEN {_cared_for()} "
        "ELSE (SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class "
        "WHERE oid = 'geosatu.history'::regclass) END"
    )
    ended = "ended_at, ended_by, ended_act, deleted"
    yield f'GRANT SELECT ({_past_columns(layer, "publik")}, ended_at) ON {view} TO "{public}", "{volunteer}"'
    yield f'GRANT SELECT ({_past_columns(layer, "internal")}, {", ".join(WORKED)}, {ended}) ON {view} TO "{internal}"'
    yield f'GRANT SELECT ON {view} TO "{restricted}"'


def _as_was(name: str, kind: FieldType) -> str:
    """A value of the history in the type that its column has now; nothing where it had another that does not fit."""
    value, said, quoted = f"h.attributes -> '{name}'", f"h.attributes ->> '{name}'", f"'{name}'"
    is_a = f"jsonb_typeof({value}) ="
    match kind:
        case "text" | "code":
            return f"({said})"
        case "texts" | "codes" | "photos":
            return f"CASE WHEN {is_a} 'array' THEN ARRAY(SELECT jsonb_array_elements_text({value})) END"
        case "integer":
            return f"CASE WHEN {is_a} 'number' AND {said} ~ '^-?[0-9]{{1,18}}$' THEN ({said})::bigint END"
        case "decimal":
            return f"CASE WHEN {is_a} 'number' THEN ({said})::double precision END"
        case "boolean":
            return f"CASE WHEN {is_a} 'boolean' THEN ({said})::boolean END"
        case "time":
            day = "^([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\\.[0-9]{1,6})?$"
            return f"CASE WHEN {said} ~ '{day}' THEN ({said})::time END"
        case "date":
            found = f"jsonb_path_query_first(h.attributes -> {quoted}, '$.datetime()', '{{}}', true) #>> '{{}}'"
            return f"CASE WHEN {said} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$' THEN ({found})::date END"


def _past_columns(layer: Layer, access: Access) -> str:
    return ", ".join(f'"{name}"' for name in seen_columns(layer, access))


def seen_columns(layer: Layer, access: Access) -> list[str]:
    """The columns that readers of this level see of features and of their earlier versions."""
    fields = (shown_name(layer, field, access) for field in layer.readable(access))
    geometry = "geom" if layer.home is None or access == "terbatas" else PLACE
    return ["id", *fields, *OURS, geometry]


def _columns(layer: Layer, access: Access) -> str:
    """What readers of this level may see of the layer's table."""
    mercator = [MERCATOR] if layer.home is None else []
    return ", ".join(f'"{name}"' for name in [*seen_columns(layer, access), *mercator])


def _seen() -> str:
    """The rows that staff see: what is published, and what the statuses and areas of their rights add."""
    seeing = sorted(((role.sees, name) for name, role in ROLES.items() if role.sees), key=lambda each: each[0])
    ways = ["status = 'terbit'"]
    for statuses, roles in groupby(seeing, key=lambda each: each[0]):
        listed = ", ".join(f"'{status}'" for status in statuses)
        ways.append(f"(status IN ({listed}) AND {_within(name for _, name in roles)})")
    staff = _somewhere(name for name, role in ROLES.items() if role.staff)
    return f"({staff} AND ({' OR '.join(ways)})) OR {_own()}"


def _cared_for() -> str:
    """The rows whose restricted fields may be read, once it is said why."""
    carers = [role for role, each in ROLES.items() if each.cares]
    return f"(SELECT geosatu.is_open()) AND ({_within(carers)} OR {_own()})"


def _own() -> str:
    """The features that the account made itself, as a volunteer."""
    return f"({_somewhere(['relawan'])} AND created_by = (SELECT geosatu.account_name()))"


def _within(roles: Iterable[str]) -> str:
    """The row lies where the account has one of the roles. In a subquery, PostgreSQL asks once for all rows."""
    return f"geosatu.areas_of(kode_wilayah) && (SELECT geosatu.areas({_array(roles)}))"


def _somewhere(roles: Iterable[str]) -> str:
    """The account has one of the roles, wherever."""
    return f"(SELECT geosatu.areas({_array(roles)}) <> '{{}}')"


def _array(roles: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(repr(role) for role in roles)}]"
