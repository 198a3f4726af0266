"""The catalogue decides, the tables follow: what is new is created, and nothing is lost without being named.

Alembic compares the tables that the catalogue asks for with those that are there; code lists, which it does
not compare, are compared here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from sqlalchemy import (
    ColumnElement,
    Connection,
    MetaData,
    column,
    exists,
    func,
    literal_column,
    null,
    select,
    table,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from geosatu.database.tables import LAYER_SCHEMA, code_constraint, codes_condition, table_of
from geosatu.errors import RefusedChange
from geosatu.layers import Catalogue, Field, Layer

TRIGGERS = """
CREATE TRIGGER keep_version BEFORE UPDATE OR DELETE ON layer.{table}
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


def plan_layers(conn: Connection, catalogue: Catalogue) -> list[Step]:
    """The steps from the tables that are there to those of the catalogue."""
    wanted = MetaData()
    for layer in catalogue:
        table_of(layer).to_metadata(wanted)
    context = MigrationContext.configure(
        conn,
        opts={
            "include_schemas": True,
            "include_name": lambda name, kind, _: name == LAYER_SCHEMA if kind == "schema" else True,
            "target_metadata": wanted,
            "compare_type": True,
        },
    )
    changes = produce_migrations(context, wanted).upgrade_ops
    assert changes is not None
    steps = [step for change in _leaves(changes.ops) for step in _steps(conn, change)]
    return steps + list(_code_steps(conn, catalogue))


def apply_layers(conn: Connection, steps: Collection[Step], drop: Collection[str] = ()) -> None:
    """Run the steps on the connection's transaction, or none of them if one would lose what `drop` omits."""
    losses = [step for step in steps if step.loses is not None and step.loses not in drop]
    if losses:
        named = " ".join(f"--drop {loss}" for loss in dict.fromkeys(step.loses for step in losses))
        raise RefusedChange(
            f"{losses[0].sentence} Data akan hilang, jadi tidak ada yang diubah. Kembalikan berkas lapisan "
            f"seperti semula, atau jalankan: geosatu layers apply {named}."
        )
    if steps:
        operations = Operations(MigrationContext.configure(conn))
        for step in steps:
            step.run(operations)


def _leaves(changes: Collection[Any]) -> Iterator[Any]:
    """Single changes, in Alembic's order, out of its containers for a table."""
    for change in changes:
        if isinstance(change, ops.ModifyTableOps):
            yield from change.ops
        else:
            yield change


def _steps(conn: Connection, change: Any) -> Iterator[Step]:
    match change:
        case ops.CreateTableOp():
            yield Step(f"Lapisan {change.table_name} dibuat.", _create(change))
        case ops.DropTableOp():
            rows = _count(conn, change.table_name, literal_column("*"))
            yield Step(
                f"Lapisan {change.table_name} dihapus bersama {rows} fitur.",
                lambda operations: operations.invoke(change),
                loses=change.table_name if rows else None,
            )
        case ops.AddColumnOp():
            yield Step(
                f"Field {change.table_name}.{change.column.name} ditambahkan.",
                lambda operations: operations.invoke(change),
            )
        case ops.DropColumnOp():
            values = _values(conn, change.table_name, change.column_name)
            yield Step(
                f"Field {change.table_name}.{change.column_name} dihapus bersama {values} isinya.",
                lambda operations: operations.invoke(change),
                loses=f"{change.table_name}.{change.column_name}" if values else None,
            )
        case ops.AlterColumnOp() if change.modify_type is not None:
            values = _values(conn, change.table_name, change.column_name)
            yield Step(
                f"Tipe field {change.table_name}.{change.column_name} diganti; {values} isinya dihapus.",
                _retype(change),
                loses=f"{change.table_name}.{change.column_name}" if values else None,
            )
        case ops.CreateIndexOp() | ops.DropIndexOp():
            yield Step(f"Indeks {change.index_name} diperbarui.", _index(change))
        case _:
            raise RefusedChange(
                f"Perubahan {type(change).__name__} pada tabel lapisan belum didukung; "
                "kembalikan berkas lapisan seperti semula."
            )


def _create(change: ops.CreateTableOp) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        operations.invoke(change)
        operations.execute(TRIGGERS.format(table=change.table_name))

    return run


def _retype(change: ops.AlterColumnOp) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        operations.alter_column(
            change.table_name,
            change.column_name,
            schema=LAYER_SCHEMA,
            type_=change.modify_type,
            postgresql_using="NULL",
        )

    return run


def _index(change: ops.CreateIndexOp | ops.DropIndexOp) -> Callable[[Operations], None]:
    def run(operations: Operations) -> None:
        try:
            operations.invoke(change)
        except IntegrityError:
            raise RefusedChange(
                f"Kunci lapisan {change.table_name} belum dapat dipakai: ada fitur dengan kunci yang sama. "
                "Perbaiki fitur itu lebih dahulu."
            ) from None

    return run


def _values(conn: Connection, name: str, field: str) -> int:
    return _count(conn, name, column(field))


def _count(conn: Connection, name: str, what: ColumnElement[Any]) -> int:
    return conn.scalar(select(func.count(what)).select_from(table(name, schema=LAYER_SCHEMA))) or 0


def _code_steps(conn: Connection, catalogue: Catalogue) -> Iterator[Step]:
    """Steps that bring the code lists of existing tables to those of the catalogue."""
    rows = conn.execute(
        text(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype = 'c' AND connamespace = to_regnamespace(:schema)"
        ),
        {"schema": LAYER_SCHEMA},
    )
    present = {(table.removeprefix(f"{LAYER_SCHEMA}."), name): definition for table, name, definition in rows}
    tables = {table for table, _ in present}
    for layer in catalogue:
        if layer.name in tables:
            for field in layer.fields.values():
                definition = present.get((layer.name, code_constraint(layer.name, field.name)))
                yield from _field_code_steps(conn, layer, field, definition)


def _field_code_steps(conn: Connection, layer: Layer, field: Field, definition: str | None) -> Iterator[Step]:
    before = set(re.findall(r"'([^']*)'", definition or ""))
    after = set(field.codes)
    if before == after:
        return
    added = [f"+{code}" for code in field.codes if code not in before]
    removed = sorted(before - after) if after else []
    used = [code for code in removed if _uses(conn, layer, field, code)]
    yield Step(
        f"Kode {layer.name}.{field.name} diperbarui: {', '.join(added + [f'-{code}' for code in removed])}"
        + (f"; {', '.join(used)} masih dipakai." if used else "."),
        _replace_codes(layer, field, erase=used),
        loses=f"{layer.name}.{field.name}" if used else None,
    )


def _uses(conn: Connection, layer: Layer, field: Field, code: str) -> bool:
    """Whether any feature has this code."""
    column = table_of(layer).c[field.name]
    condition = column == code if field.type == "code" else column.any(code)
    return conn.scalar(select(exists().where(condition))) or False


def _replace_codes(layer: Layer, field: Field, erase: Collection[str]) -> Callable[[Operations], None]:
    table = table_of(layer)
    column = table.c[field.name]
    name = code_constraint(layer.name, field.name)

    def run(operations: Operations) -> None:
        operations.execute(f'ALTER TABLE {table.fullname} DROP CONSTRAINT IF EXISTS "{name}"')
        for code in erase:
            without = null() if field.type == "code" else func.array_remove(column, code)
            holds = column == code if field.type == "code" else column.any(code)
            operations.execute(update(table).where(holds).values({field.name: without}))
        if field.codes:
            operations.create_check_constraint(name, table.name, text(codes_condition(field)), schema=LAYER_SCHEMA)

    return run
