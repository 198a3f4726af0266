"""`geosatu acts`, `geosatu history` and `geosatu undo`: what changed, and taking back a whole act."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from geosatu.cli.output import AsJson, out, print_rows, say
from geosatu.database.connect import open_city
from geosatu.editing import require_still_sound
from geosatu.features import OPERATOR, WIB
from geosatu.layers import read_catalogue
from geosatu.settings import Settings
from geosatu.store import past, restore
from geosatu.viewer.words import written_time, written_value

Older = Annotated[int | None, typer.Option("--before", help="Hanya yang sebelum nomor ini.")]


def acts(
    layer: Annotated[str | None, typer.Option("--layer", help="Hanya perubahan di lapisan ini.")] = None,
    actor: Annotated[str | None, typer.Option("--by", help="Hanya oleh akun ini.")] = None,
    before: Older = None,
    as_json: AsJson = False,
) -> None:
    """Tampilkan siapa mengubah data, kapan, lewat mana dan mengapa; yang terbaru dahulu."""
    settings = Settings.from_env()
    catalogue = read_catalogue(settings.layers)
    wanted = past.Wanted(None if layer is None else catalogue[layer], actor, None, before)
    with open_city(settings, catalogue) as engine, engine.connect() as conn:
        found, _ = past.listed(conn, catalogue, wanted, OPERATOR.access)
    rows: list[dict[str, Any]] = [
        {
            "act": act.id,
            "at": act.at.astimezone(WIB).isoformat(timespec="seconds") if as_json else written_time(act.at),
            "by": act.actor,
            "door": act.door,
            "reason": act.reason,
            "undoes": act.undoes,
            "features": act.features if as_json else ", ".join(f"{n} {count}" for n, count in act.features.items()),
        }
        for act in found
    ]
    print_rows(rows, as_json, "acts", ("Nomor", "Waktu", "Oleh", "Lewat", "Alasan", "Membatalkan", "Fitur"))


def history(
    layer: Annotated[str, typer.Argument(help="Nama lapisan di katalog.")],
    feature: Annotated[int, typer.Argument(help="Nomor (id) fitur.")],
    before: Older = None,
    as_json: AsJson = False,
) -> None:
    """Tampilkan semua versi sebuah fitur, juga yang sudah dihapus; yang terbaru dahulu."""
    settings = Settings.from_env()
    catalogue = read_catalogue(settings.layers)
    with open_city(settings, catalogue) as engine, engine.connect() as conn:
        versions, _ = past.timeline(conn, catalogue[layer], feature, OPERATOR.access, before)
    if as_json:
        print(json.dumps({"versions": [past.as_json(each) for each in versions]}, ensure_ascii=False))
        return
    table = Table("Versi", "Sejak", "Oleh", "Lewat", "Tindakan", "Status", "Perubahan")
    for each in versions:
        about, act = each.feature["properties"], each.act
        changes = [
            f"{change.field.title}: {written_value(change.field, change.before) or '–'} → "
            f"{written_value(change.field, change.after) or '–'}"
            for change in each.changes or ()
        ]
        changes += ["Letak"] if each.moved else []
        changes += [f"Dihapus oleh {each.ended_by or '–'}"] if each.deleted else []
        known = ("", "") if act is None else (act.way, str(act.id))
        since = written_time(datetime.fromisoformat(about["updated_at"]))
        row = (str(each.number), since, about["updated_by"], *known, about["status"], "; ".join(changes))
        table.add_row(*map(escape, row))
    out.print(table)


def undo(
    act: Annotated[int, typer.Argument(help="Nomor tindakan, dari geosatu acts.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Alasannya, untuk riwayat.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tampilkan saja apa yang akan dibatalkan.")] = False,
    as_json: AsJson = False,
) -> None:
    """Batalkan seluruh tindakan: sebuah impor, atau semua yang disimpan sekaligus."""
    settings = Settings.from_env()
    catalogue = read_catalogue(settings.layers)
    with open_city(settings, catalogue) as engine, engine.connect() as conn, conn.begin() as transaction:
        undone = restore.act(conn, catalogue, act, reason, OPERATOR)
        for name, ids in undone.restored.items():
            require_still_sound(conn, catalogue, catalogue[name], ids, OPERATOR)
        if dry_run:
            transaction.rollback()
    if as_json:
        print(json.dumps(undone.as_json() | {"dry_run": dry_run}, ensure_ascii=False))
        return
    for told, found in (("diubah kembali", undone.changed), ("dihapus", undone.deleted), ("dikembalikan", undone.back)):
        for name, ids in found.items():
            say(f"{catalogue[name].title}: {len(ids)} fitur {'akan ' if dry_run else ''}{told}.")
    for each in undone.later:
        say(f"Dibiarkan: fitur {each.id} di lapisan {each.layer} {each.reason}.")
    if undone.taken:
        say(f"Dibiarkan: {undone.taken} fitur yang dihapus sudah ada lagi sebagai fitur baru.")
    if not dry_run:
        say(f"Tercatat sebagai tindakan nomor {undone.act}; geosatu undo {undone.act} mengembalikannya.")
