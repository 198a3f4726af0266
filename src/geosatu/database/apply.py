"""The catalogue decides, the tables follow: what is new is created, and nothing is lost without being named.

Alembic compares the tables that the catalogue asks for with those that are there; code lists, which it does
not compare, are compared here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    MetaData,
    Text,
    column,
    func,
    inspect,
    literal,
    literal_column,
    not_,
    null,
    select,
    table,
    text,
    update,
)
from sqlalchemy.exc import DataError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.types import TypeEngine

from geosatu.database.rights import clear_rights
from geosatu.database.tables import (
    LAYER_SCHEMA,
    MERCATOR,
    PLACE,
    code_constraint,
    codes_condition,
    column_of,
    mercator_column,
    place_column,
    shown_column,
    table_of,
)
from geosatu.errors import RefusedChange
from geosatu.features import OPERATOR
from geosatu.layers import SHOWN, Catalogue, Field, Layer

HOLD = 7_146_001
"""The advisory lock under which one process at a time changes tables."""

TRIGGERS = """
CREATE TRIGGER keep_version BEFORE INSERT OR UPDATE OR DELETE ON layer.{table}
    FOR EACH ROW EXECUTE FUNCTION geosatu.keep_version();
CREATE TRIGGER move_revision AFTER INSERT OR UPDATE OR DELETE ON layer.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION geosatu.move_revision();
INSERT INTO geosatu.layer_revision (layer, revision) VALUES ('{table}', 0) ON CONFLICT DO NOTHING;
"""


@dataclass(frozen=True)
class Step:
    """One change of the tables, with the sentence that tells it."""

    sentence: str
    run: Callable[[Operations], None]
    loses: str | None = None
    """What must be named before this step runs: `layer` or `layer.field`; None: nothing is lost."""


def hold_tables(conn: Connection) -> None:
    """Until the transaction ends, nobody else of us changes tables."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": HOLD})


def plan_layers(conn: Connection, catalogue: Catalogue) -> list[Step]:
    """The steps from the tables that are there to those of the catalogue."""
    hold_tables(conn)
    wanted = MetaData()
    for layer in catalogue:
        table_of(layer).to_metadata(wanted)
    context = MigrationContext.configure(
        conn,
        opts={
            "include_schemas": True,
            "include_name": lambda name, kind, _: name == LAYER_SCHEMA if kind == "schema" else True,
            "target_metadata": wanted,
            "compare_type": _differ,
        },
    )
    with warnings.catch_warnings():
        # Alembic warns that it cannot change how a column is computed; we can.
        warnings.filterwarnings("ignore", "Computed default")
        changes = produce_migrations(context, wanted).upgrade_ops
    assert changes is not None
    leaves = _around(_leaves(changes.ops), wanted)
    steps = [step for change in leaves for step in _steps(conn, catalogue, change)]
    changed = {(change.table_name, _column_name(change)) for change in leaves}
    return steps + list(_code_steps(conn, catalogue, changed))


def apply_layers(conn: Connection, steps: Collection[Step], drop: Collection[str] = ()) -> None:
    """Run the steps on the connection's transaction, or none of them if one would lose what `drop` omits.

    What is lost to a layer that stays, and the features of one that goes, are kept in the history. Who may see
    the features is for `apply_rights` to say afterwards.
    """
    losses = [step for step in steps if step.loses is not None and step.loses not in drop]
    if losses:
        named = " ".join(f"--drop {loss}" for loss in dict.fromkeys(step.loses for step in losses))
        raise RefusedChange(
            f"{losses[0].sentence} Data akan hilang, jadi tidak ada yang diubah. Kembalikan berkas lapisan "
            f"seperti semula, atau jalankan: geosatu layers apply {named}."
        )
    if steps:
        clear_rights(conn)
    operations = Operations(MigrationContext.configure(conn))
    for step in steps:
        try:
            step.run(operations)
        except (DataError, IntegrityError, NotSupportedError, ProgrammingError) as error:
            reason = str(error.orig).strip().split("\n", 1)[0].rstrip(".")
            raise RefusedChange(
                f"Tidak ada yang diubah, karena satu langkah tidak dapat dijalankan: {step.sentence} ({reason})"
            ) from None


def _differ(_: object, present: object, wanted: object, is_type: object, type_: object) -> bool | None:
    """Alembic takes a text and a list of texts for the same; None leaves the rest to it."""
    return isinstance(is_type, ARRAY) != isinstance(type_, ARRAY) or None


def _leaves(changes: Collection[Any]) -> list[Any]:
    """Single changes, in Alembic's order, out of its containers; whole tables come and go with their indexes."""
    whole = {change.table_name for change in changes if isinstance(change, ops.CreateTableOp | ops.DropTableOp)}
    single = [
        each for change in changes for each in (change.ops if isinstance(change, ops.ModifyTableOps) else [change])
    ]
    indexes = (ops.CreateIndexOp, ops.DropIndexOp)
    return [change for change in single if not (isinstance(change, indexes) and change.table_name in whole)]


def _around(changes: list[Any], wanted: MetaData) -> list[Any]:
    """The columns that are computed of other fields go before those change, and come after."""
    first: list[Any] = []
    others: list[Any] = []
    last: list[Any] = []
    for change in changes:
        name = _column_name(change) or ""
        if name == PLACE or not name.endswith(SHOWN):
            others.append(change)
            continue
        if not isinstance(change, ops.AddColumnOp):
            first.append(ops.DropColumnOp(change.table_name, name, schema=LAYER_SCHEMA))
        if not isinstance(change, ops.DropColumnOp):
            column = wanted.tables[f"{LAYER_SCHEMA}.{change.table_name}"].c[name]
            last.append(ops.AddColumnOp(change.table_name, column, schema=LAYER_SCHEMA))
    return first + others + last


def _column_name(change: Any) -> str | None:
    """The column that a change is about."""
    name: str | None = change.column.name if isinstance(change, ops.AddColumnOp) else None
    return name or getattr(change, "column_name", None)


def _steps(conn: Connection, catalogue: Catalogue, change: Any) -> Iterator[Step]:
    match change:
        case ops.CreateTableOp():
            yield Step(f"Lapisan {change.table_name} dibuat.", _create(catalogue[change.table_name]))
        case ops.DropTableOp():
            rows = _count(conn, change.table_name, literal_column("*"))
            yield Step(
                f"Lapisan {change.table_name} dihapus bersama {rows} fitur.",
                _drop_layer(change),
                loses=change.table_name if rows else None,
            )
        case ops.AddColumnOp() if change.column.name == MERCATOR:
            layer = catalogue[change.table_name]
            yield Step(f"Lapisan {layer.name} disiapkan untuk petak vektor.", _add_mercator(layer))
        case ops.AddColumnOp() if change.column.name == PLACE:
            layer = catalogue[change.table_name]
            yield Step(f"Lapisan {layer.name} memuat rumah, yang letaknya tidak ditampilkan.", _add_place(layer))
        case ops.DropColumnOp() if change.column_name == PLACE:
            sentence = f"Lapisan {change.table_name} tidak lagi memuat rumah."
            yield Step(sentence, _drop(change.table_name, PLACE, keep=False))
        case ops.AddColumnOp() if change.column.name.endswith(SHOWN):
            layer = catalogue[change.table_name]
            veiled = layer.fields[change.column.name.removesuffix(SHOWN)]
            what = "Foto rumah" if veiled.type == "photos" else "Hitungan orang yang kecil"
            sentence = f"{what} di {layer.name}.{veiled.name} disembunyikan."
            yield Step(sentence, _add_shown(layer, veiled))
        case ops.DropColumnOp() if change.column_name.endswith(SHOWN) and _is_computed(
            conn, change.table_name, change.column_name
        ):
            name = f"{change.table_name}.{change.column_name.removesuffix(SHOWN)}"
            sentence = f"Cara menyembunyikan isi {name} dihapus."
            yield Step(sentence, _drop(change.table_name, change.column_name, keep=False))
        case ops.AddColumnOp():
            layer = catalogue[change.table_name]
            yield Step(f"Field {layer.name}.{change.column.name} ditambahkan.", _add(layer, change.column.name))
        case ops.DropColumnOp():
            name, field = change.table_name, change.column_name
            if _is_computed(conn, name, field):
                yield Step(f"Field terhitung {name}.{field} dihapus.", _drop(name, field, keep=False))
            else:
                values = _values(conn, name, field)
                sentence = f"Field {name}.{field} dihapus bersama {values} isinya."
                yield Step(sentence, _drop(name, field), loses=f"{name}.{field}" if values else None)
        case ops.AlterColumnOp() if change.column_name == MERCATOR:
            pass  # it follows the geometry
        case ops.AlterColumnOp() if change.column_name == "geom" and change.modify_type is not None:
            yield _geometry_step(conn, catalogue[change.table_name], change)
        case ops.AlterColumnOp() if change.modify_type is not None or change.modify_comment is not False:
            yield _field_step(conn, catalogue[change.table_name], change)
        case ops.CreateIndexOp() | ops.DropIndexOp():
            done = "dibuat" if isinstance(change, ops.CreateIndexOp) else "dihapus"
            yield Step(f"Indeks {change.index_name} {done}.", _index(change))
        case _:
            raise RefusedChange(
                f"Perubahan {type(change).__name__} pada tabel lapisan belum didukung; "
                "kembalikan berkas lapisan seperti semula."
            )


def _create(layer: Layer) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        table_of(layer).create(operations.get_bind())
        operations.execute(TRIGGERS.format(table=layer.name))

    return run


def _drop_layer(change: ops.DropTableOp) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        operations.execute(table(change.table_name, schema=LAYER_SCHEMA).delete())
        operations.invoke(change)

    return run


def _add(layer: Layer, field: str) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        operations.add_column(layer.name, column_of(layer.fields[field]), schema=LAYER_SCHEMA)
        _hold_to_codes(operations, layer, layer.fields[field])

    return run


def _add_mercator(layer: Layer) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        operations.add_column(layer.name, mercator_column(layer), schema=LAYER_SCHEMA)

    return run


def _add_place(layer: Layer) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        operations.add_column(layer.name, place_column(layer), schema=LAYER_SCHEMA)

    return run


def _add_shown(layer: Layer, field: Field) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        operations.add_column(layer.name, shown_column(layer, field), schema=LAYER_SCHEMA)

    return run


def _drop(name: str, field: str, keep: bool = True) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        if keep:
            _erase(operations, name, field)
        operations.drop_column(name, field, schema=LAYER_SCHEMA)

    return run


def _field_step(conn: Connection, layer: Layer, change: ops.AlterColumnOp) -> Step:
    """Another type of a field, or another way to compute it."""
    field = layer.fields[change.column_name]
    name = f"{layer.name}.{field.name}"
    if _is_computed(conn, layer.name, field.name):
        return Step(f"Field terhitung {name} diganti.", _replace(layer, field, keep=False))
    values = _values(conn, layer.name, field.name)
    loses = name if values else None
    if field.measure is not None:
        return Step(f"Field {name} kini dihitung; {values} isinya dihapus.", _replace(layer, field), loses)
    if _converts(change.existing_type, change.modify_type):
        return Step(f"Tipe field {name} diganti; isinya tetap.", _retype(layer, field, change.modify_type, keeps=True))
    return Step(
        f"Tipe field {name} diganti; {values} isinya dihapus.", _retype(layer, field, change.modify_type), loses
    )


def _converts(before: Any, after: Any) -> bool:
    """Whether every value of one type has its like in the other."""
    lists = isinstance(before, ARRAY) or isinstance(after, ARRAY)
    return not lists and (isinstance(after, Text) or (isinstance(before, BigInteger) and isinstance(after, Double)))


def _retype(layer: Layer, field: Field, kind: Any, keeps: bool = False) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        _drop_codes(operations, layer, field)
        if not keeps:
            _erase(operations, layer.name, field.name)
        using = f'"{field.name}"::text' if isinstance(kind, Text) else f'"{field.name}"'
        _alter(operations, layer, field.name, kind, using if keeps else "NULL")
        _hold_to_codes(operations, layer, field)

    return run


def _replace(layer: Layer, field: Field, keep: bool = True) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        _drop(layer.name, field.name, keep)(operations)
        _add(layer, field.name)(operations)

    return run


def _geometry_step(conn: Connection, layer: Layer, change: ops.AlterColumnOp) -> Step:
    """Another geometry type; single shapes can become multiple ones, others cannot change."""
    before = str(getattr(change.existing_type, "geometry_type", ""))
    grows = layer.geometry.upper() == f"MULTI{before}"
    rows = _values(conn, layer.name, "geom")
    if rows and not grows:
        raise RefusedChange(
            f"Geometri lapisan {layer.name} tidak dapat diganti dari {before} ke {layer.geometry} selama ada {rows} "
            "fitur; kembalikan berkas lapisan seperti semula, atau buat lapisan baru."
        )
    measured = [field for field in layer.fields.values() if field.measure is not None]

    def run(operations: Operations) -> None:
        present = {each["name"] for each in inspect(operations.get_bind()).get_columns(layer.name, LAYER_SCHEMA)}
        # PostgreSQL changes no column of which another is computed.
        operations.drop_column(layer.name, MERCATOR, schema=LAYER_SCHEMA)
        stale = [field for field in measured if field.name in present]
        for field in stale:
            _drop(layer.name, field.name, keep=False)(operations)
        kind = table_of(layer).c.geom.type
        _alter(operations, layer, "geom", kind, "ST_Multi(geom)" if grows else "NULL")
        for field in stale:
            _add(layer, field.name)(operations)
        _add_mercator(layer)(operations)
        operations.create_index(
            f"{layer.name}_{MERCATOR}", layer.name, [MERCATOR], schema=LAYER_SCHEMA, postgresql_using="gist"
        )

    return Step(f"Geometri lapisan {layer.name} diganti dari {before} ke {layer.geometry}.", run)


def _alter(operations: Operations, layer: Layer, name: str, kind: TypeEngine[Any], using: str) -> None:
    operations.alter_column(layer.name, name, schema=LAYER_SCHEMA, type_=kind, postgresql_using=using)


def _erase(operations: Operations, name: str, field: str) -> None:
    """Empty a field as any edit would, so that the history keeps what was there."""
    features = table(name, column(field), column("updated_by"), schema=LAYER_SCHEMA)
    filled = features.c[field].is_not(None)
    operations.execute(update(features).where(filled).values({field: null(), "updated_by": OPERATOR.name}))


def _index(change: ops.CreateIndexOp | ops.DropIndexOp) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        if isinstance(change, ops.DropIndexOp):
            change.if_exists = True  # it may have gone with a column
        try:
            operations.invoke(change)
        except IntegrityError:
            raise RefusedChange(
                f"Kunci lapisan {change.table_name} belum dapat dipakai: ada fitur dengan kunci yang sama. "
                "Perbaiki fitur itu lebih dahulu."
            ) from None

    return run


def _is_computed(conn: Connection, name: str, field: str) -> bool:
    """Whether the database computes the column, so that nothing is lost with it."""
    columns = inspect(conn).get_columns(name, LAYER_SCHEMA)
    return any(each["name"] == field and each.get("computed") for each in columns)


def _values(conn: Connection, name: str, field: str) -> int:
    return _count(conn, name, column(field))


def _count(conn: Connection, name: str, what: ColumnElement[Any]) -> int:
    return conn.scalar(select(func.count(what)).select_from(table(name, schema=LAYER_SCHEMA))) or 0


def _code_steps(conn: Connection, catalogue: Catalogue, changed: Collection[tuple[str, str | None]]) -> Iterator[Step]:
    """Steps that bring the code lists of existing columns to those of the catalogue."""
    rows = conn.execute(
        text(
            "SELECT relname, conname, pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_class t"
            " ON t.oid = conrelid WHERE contype = 'c' AND connamespace = to_regnamespace(:schema)"
        ),
        {"schema": LAYER_SCHEMA},
    )
    present = {(table, name): definition for table, name, definition in rows}
    tables = {table for table, _ in present}
    for layer in catalogue:
        for field in layer.fields.values():
            if layer.name in tables and (layer.name, field.name) not in changed:
                definition = present.get((layer.name, code_constraint(layer.name, field.name)), "")
                yield from _field_code_steps(conn, layer, field, set(re.findall(r"'([^']*)'", definition)))


def _field_code_steps(conn: Connection, layer: Layer, field: Field, before: set[str]) -> Iterator[Step]:
    after = set(field.codes)
    if before == after:
        return
    name = f"{layer.name}.{field.name}"
    if not after:
        yield Step(
            f"Daftar kode {name} dihapus; isinya tetap.", lambda operations: _drop_codes(operations, layer, field)
        )
        return
    signs = [f"+{code}" for code in field.codes if code not in before] + [f"-{code}" for code in sorted(before - after)]
    lost = sorted(_in_use(conn, layer, field) - after)
    sentence = f"Kode {name} diperbarui: {_listed(signs)}"
    sentence += f"; {_listed(lost)} masih dipakai dan akan dikosongkan." if lost else "."
    yield Step(sentence, _change_codes(layer, field, erase=bool(lost)), loses=name if lost else None)


def _listed(words: list[str], most: int = 8) -> str:
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} dan {len(words) - most} lagi"


def _in_use(conn: Connection, layer: Layer, field: Field) -> set[str]:
    """The codes that features have."""
    values = table_of(layer).c[field.name]
    single = values if field.type == "code" else func.unnest(values)
    return {code for code in conn.scalars(select(single).distinct()) if code is not None}


def _change_codes(layer: Layer, field: Field, erase: bool) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        _drop_codes(operations, layer, field)
        if erase:
            features = table_of(layer)
            values = features.c[field.name]
            known = list(field.codes)
            if field.type == "code":
                lost: ColumnElement[bool] = values.not_in(known)
                rest: ColumnElement[Any] = null()
            else:
                code = func.unnest(values).column_valued("code")
                lost = not_(values.op("<@", is_comparison=True)(literal(known, values.type)))
                rest = func.array(select(code).where(code.in_(known)).scalar_subquery())
            edit = update(features).where(lost).values({field.name: rest, "updated_by": OPERATOR.name})
            operations.execute(edit)
        _hold_to_codes(operations, layer, field)

    return run


def _drop_codes(operations: Operations, layer: Layer, field: Field) -> None:
    name = code_constraint(layer.name, field.name)
    operations.execute(f'ALTER TABLE {table_of(layer).fullname} DROP CONSTRAINT IF EXISTS "{name}"')


def _hold_to_codes(operations: Operations, layer: Layer, field: Field) -> None:
    if field.codes:
        name = code_constraint(layer.name, field.name)
        operations.create_check_constraint(name, layer.name, text(codes_condition(field)), schema=LAYER_SCHEMA)
