"""A layer out of the store as a file, for every door: streamed as text, or written whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from geosatu.features import Actor, Query
from geosatu.layers import SYSTEM_FIELDS, Field, Layer
from geosatu.store import batches, copies
from geosatu.store.answers import Pool
from geosatu.writers.files import Task, replacing, write_file
from geosatu.writers.text import TEXTS, Text


def columns_of(layer: Layer, actor: Actor) -> list[Field]:
    """The properties that files of this reader have."""
    return [*layer.readable(actor.access), *SYSTEM_FIELDS.values()]


async def stream(pool: Pool, layer: Layer, query: Query, actor: Actor, format_name: str) -> AsyncGenerator[bytes]:
    """A text file in blocks, as the database renders it; memory stays flat."""
    form = TEXTS[format_name]
    text = Text(form, layer, columns_of(layer, actor), query.crs)
    async with copies.pooled_rows(pool, layer, query, actor, form.rows) as rows:
        async for row in rows:
            if block := text.add(row):
                yield block
    yield text.end()


def write(
    conninfo: str,
    layer: Layer,
    query: Query,
    actor: Actor,
    file: Path,
    format_name: str,
    written: Callable[[int], object] = lambda _: None,
) -> None:
    """The whole file, or none. `written` is told now and then how many features are on their way into it so far."""
    if format_name not in TEXTS:
        with batches.record_batches(conninfo, layer, query, actor, written) as found:
            write_file(Task(found, layer, columns_of(layer, actor), query.crs.epsg, file), format_name)
        return
    form = TEXTS[format_name]
    text = Text(form, layer, columns_of(layer, actor), query.crs)
    with replacing(file) as unfinished, unfinished.open("wb") as out:
        with copies.rows(conninfo, layer, query, actor, form.rows) as rows:
            for row in rows:
                if block := text.add(row):
                    out.write(block)
                    written(text.features)
        out.write(text.end())
        written(text.features)
