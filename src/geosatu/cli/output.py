"""What commands write: tables and sentences for people, JSON for machines."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

# Tables go to standard output, progress and complaints to standard error.
out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Tulis hasilnya sebagai JSON.")]


def say(sentence: str) -> None:
    """One line, however narrow the terminal."""
    out.print(escape(sentence), soft_wrap=True)


def print_rows(rows: list[dict[str, Any]], as_json: bool, name: str, titles: tuple[str, ...]) -> None:
    """A table for people, or one JSON object for machines."""
    if as_json:
        print(json.dumps({name: rows}, ensure_ascii=False))
    elif rows:
        table = Table(*titles)
        for row in rows:
            table.add_row(*("" if value is None else escape(str(value)) for value in row.values()))
        out.print(table)
