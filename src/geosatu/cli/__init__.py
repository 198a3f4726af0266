"""The `geosatu` command: everything that an operator does on the machine of the service."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape as _escaped
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table
from sqlalchemy import Engine
from sqlalchemy.exc import DataError

from geosatu import checking, checks, demonstration, exporting, serving
from geosatu.cli import history, users
from geosatu.cli.output import AsJson, err, out, print_rows, say
from geosatu.cql2 import parse_filter
from geosatu.crs import WGS84_EAST_FIRST, parse_crs
from geosatu.database.apply import apply_layers, plan_layers
from geosatu.database.cluster import Cluster
from geosatu.database.connect import conninfo_of, open_city, open_database
from geosatu.database.rights import act_as, apply_rights, conninfo_as
from geosatu.errors import GeosatuError, InvalidQuery, RefusedChange
from geosatu.features import OPERATOR, PUBLIC, WIB, Actor, Box, Query, moment_of
from geosatu.importer import Options, Report, import_file
from geosatu.importer.frames import frame_of_file
from geosatu.layers import ACCESS_LEVELS, STATUSES, Access, Catalogue, Layer, read_catalogue
from geosatu.settings import Settings
from geosatu.store import read, statements
from geosatu.store.retention import forget_expired
from geosatu.viewer import MissingAssets, check_icons
from geosatu.writers.files import FORMATS, formats_of, replacing
from geosatu.writers.text import TEXTS

app = typer.Typer(
    help="geosatu: peta kelurahan di atas PostGIS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
layers_app = typer.Typer(
    help="Katalog lapisan: memeriksa, menampilkan, menerapkan ke basis data.", no_args_is_help=True
)
app.add_typer(layers_app, name="layers")
app.add_typer(users.app, name="users")
for _command in (history.acts, history.history, history.undo):
    app.command()(_command)

LayerName = Annotated[str, typer.Option("--layer", help="Nama lapisan di katalog.")]

INTERRUPTED = 130
"""The exit code of a command that was told to end, as the shell has it after Ctrl+C."""

NO_LIMIT = 0
"""Seconds that the database may work for an operator, as PostgreSQL writes that it does not matter."""

SHOWN = 50
"""Lines of a table; `--json` has them all."""


def main() -> None:
    """Run the command; what a user can cause ends in one sentence and exit code 1."""
    told_to_end = False

    def end(number: int, _: object) -> None:
        nonlocal told_to_end
        told_to_end = True  # what fails from here on fails because of this
        signal.signal(number, signal.SIG_IGN)
        logging.disable()
        raise KeyboardInterrupt

    # However it is told to end, a command leaves its blocks, so that the embedded cluster stops with its last user.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)
    try:
        app()
    except Exception as error:
        if told_to_end:
            sys.exit(INTERRUPTED)
        if not isinstance(error, GeosatuError):
            raise
        err.print(f"[bold red]Gagal:[/] {_escaped(str(error))}", soft_wrap=True)
        sys.exit(1)


@app.command()
def serve() -> None:
    """Jalankan layanan."""
    settings = Settings.from_env()
    serving.serve(settings, _catalogue(settings), say)


@app.command()
def demo(
    load_only: Annotated[bool, typer.Option("--load-only", help="Muat data contoh saja, tanpa layanan.")] = False,
) -> None:
    """Muat kota contoh (Kota Kediri) lalu jalankan layanan."""
    settings = Settings.from_env()
    catalogue = _catalogue(settings)
    if load_only:
        with open_city(settings, catalogue) as engine:
            demonstration.load(engine, catalogue, settings, say)
    else:
        serving.serve(settings, catalogue, say, prepare=demonstration.load)


@layers_app.command("list")
def list_layers(as_json: AsJson = False) -> None:
    """Tampilkan lapisan katalog."""
    catalogue = _catalogue(Settings.from_env())
    rows = [
        {
            "layer": layer.name,
            "title": layer.title,
            "geometry": layer.geometry,
            "fields": len(layer.fields),
            "rules": len(layer.rules),
        }
        for layer in catalogue
    ]
    print_rows(rows, as_json, "layers", ("Lapisan", "Judul", "Geometri", "Field", "Aturan"))


@layers_app.command("check")
def check_layers(as_json: AsJson = False) -> None:
    """Periksa semua berkas lapisan."""
    catalogue = _catalogue(Settings.from_env())
    try:
        check_icons(catalogue)
    except MissingAssets as error:
        err.print(f"Ikon tidak diperiksa: {error}", soft_wrap=True)
    if as_json:
        print(json.dumps({"layers": [layer.name for layer in catalogue]}))
    else:
        say(f"{len(catalogue.layers)} lapisan di {catalogue.folder} sesuai.")


@layers_app.command("apply")
def apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tampilkan rencananya saja.")] = False,
    drop: Annotated[list[str] | None, typer.Option(help="Lapisan atau lapisan.field yang boleh hilang.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sesuaikan tabel basis data dengan katalog; tidak ada yang hilang tanpa disebut."""
    settings = Settings.from_env()
    catalogue = _catalogue(settings)
    with open_database(settings) as engine, engine.begin() as conn:
        steps = plan_layers(conn, catalogue)
        rows = [{"change": step.sentence, "loses": step.loses} for step in steps]
        print_rows(rows, as_json, "steps", ("Perubahan", "Hilang"))
        for name in set(drop or ()) - {step.loses for step in steps}:
            err.print(f"--drop {name}: di situ tidak ada yang akan hilang; periksa namanya.", markup=False)
        if not dry_run:
            apply_layers(conn, steps, drop or ())
            apply_rights(conn, catalogue)
        if not as_json and not steps:
            out.print("Basis data sudah sesuai dengan katalog.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Berkas GPX, GeoJSON, CSV, GeoPackage, FlatGeobuf atau Shapefile.")],
    layer: LayerName,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tampilkan laporannya saja.")] = False,
    status: Annotated[str | None, typer.Option(help=f"Status data: {', '.join(STATUSES)}.")] = None,
    crs: Annotated[str | None, typer.Option(help="Sistem koordinat berkas, misalnya EPSG:32749.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--map", metavar="KOLOM=FIELD", help="Kolom untuk field.")
    ] = None,
    constants: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=NILAI", help="Nilai bagi catatan tanpa nilai.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Impor berkas ke sebuah lapisan, dalam satu transaksi."""
    if status is not None and status not in STATUSES:
        raise RefusedChange(f"--status {status}: tidak dikenal; yang ada: {', '.join(STATUSES)}.")
    options = Options(status, crs, _pairs("--map", columns), _pairs("--set", constants))
    settings = Settings.from_env()
    catalogue = _catalogue(settings)
    target = catalogue[layer]
    with open_city(settings, catalogue) as engine, engine.begin() as conn, _doing(f"Mengimpor {file.name}"):
        report = import_file(
            conn,
            catalogue,
            target,
            file,
            actor=OPERATOR,
            max_bytes=settings.max_file_mb * 1_000_000,
            options=options,
            dry_run=dry_run,
        )
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        _print_report(report, target)
    if report.records and not report.accepted:
        raise typer.Exit(1)


@app.command()
def export(
    layer: Annotated[str, typer.Argument(help="Nama lapisan di katalog.")],
    to: Annotated[
        Path, typer.Option("--to", help=f"Berkas; akhirannya bentuknya: {', '.join((*TEXTS, *FORMATS))} (gpx: titik).")
    ],
    access: Annotated[str, typer.Option(help="Field sampai tingkat: publik, internal atau terbatas.")] = "publik",
    filter_: Annotated[
        str | None, typer.Option("--filter", help="Hanya fitur yang memenuhi syarat CQL2, sebagai teks atau JSON.")
    ] = None,
    bbox: Annotated[
        str | None, typer.Option(help="Hanya fitur di kotak barat,selatan,timur,utara, dalam derajat.")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="Sistem koordinat berkas, misalnya EPSG:32749.")] = None,
    at: Annotated[
        str | None, typer.Option("--pada", help="Keadaan pada akhir tanggal ini (WIB), atau pada waktu ini.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ekspor sebuah lapisan ke berkas."""
    settings = Settings.from_env()
    catalogue = _catalogue(settings)
    source = catalogue[layer]
    actor = PUBLIC if _access(access) == PUBLIC.access else Actor(OPERATOR.name, _access(access))
    form = _format_of(to, source)
    _require_folder(to)
    query = _query(filter_, bbox, crs, at)
    statements.total(source, query, actor.access)  # what a filter says wrongly is told before the work
    count = 0
    with open_city(settings, catalogue) as engine, _progress() as progress, _writing(to):
        task = progress.add_task(f"Mengekspor {layer}", total=None)
        progress.update(task, total=_count(engine, source, query, actor))

        def written(features: int) -> None:
            nonlocal count
            count = features
            progress.update(task, completed=features)

        conninfo = conninfo_of(engine, NO_LIMIT)
        if actor == PUBLIC:
            conninfo = conninfo_as(conninfo, PUBLIC)
        exporting.write(conninfo, source, query, actor, to, form, written)
    if as_json:
        told = {"file": str(to), "format": form, "count": count, "bytes": to.stat().st_size}
        print(json.dumps(told, ensure_ascii=False))
    else:
        say(f"{count} fitur {source.title} ditulis ke {to}.")


@app.command()
def check(
    targets: Annotated[list[str] | None, typer.Argument(help="Lapisan (bawaan: semua), atau satu berkas.")] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="Lapisan yang aturannya dipakai untuk berkas.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Tulis temuan sebagai GeoJSON ke berkas ini.")] = None,
    crs: Annotated[str | None, typer.Option(help="Sistem koordinat berkas, misalnya EPSG:32749.")] = None,
    as_json: AsJson = False,
) -> None:
    """Periksa topologi lapisan di basis data, atau sebuah berkas sebelum diimpor."""
    settings = Settings.from_env()
    catalogue = _catalogue(settings)
    if to is not None:
        _require_folder(to)
    if layer is not None:
        if not targets or len(targets) != 1:
            raise RefusedChange("Sebutkan satu berkas: geosatu check BERKAS --layer LAPISAN.")
        found = _check_file(settings, catalogue, Path(targets[0]), catalogue[layer], crs)
    else:
        for target in targets or ():
            if target not in catalogue and Path(target).exists():
                raise RefusedChange(f"{target}: sebutkan lapisannya, geosatu check {target} --layer LAPISAN.")
        found = _check_layers(settings, catalogue, [catalogue[name] for name in targets or catalogue.layers])
    if to is not None:
        collection = {"type": "FeatureCollection", "features": [checks.as_geojson(each) for each in found]}
        with _writing(to), replacing(to) as unfinished:
            unfinished.write_text(json.dumps(collection, ensure_ascii=False), "utf-8")
    if as_json:
        print(json.dumps({"findings": [checks.as_json(each) for each in found]}, ensure_ascii=False))
    else:
        _print_findings(found)


@app.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tampilkan saja apa yang akan dikosongkan.")] = False,
    as_json: AsJson = False,
) -> None:
    """Kosongkan data pribadi yang masa simpannya habis, juga di riwayat."""
    settings = Settings.from_env()
    catalogue = _catalogue(settings)
    today = datetime.now(WIB).date()
    with open_city(settings, catalogue) as engine, engine.connect() as conn, conn.begin() as transaction:
        forgotten = forget_expired(conn, catalogue, today, OPERATOR)
        if dry_run:
            transaction.rollback()
    rows = [each._asdict() for each in forgotten]
    print_rows(rows, as_json, "fields", ("Lapisan", "Field", "Fitur", "Versi riwayat", "Tanpa tanggal", "Foto dihapus"))
    if not as_json:
        emptied = sum(each.features + each.versions for each in forgotten)
        deleted = sum(each.photographs for each in forgotten)
        will = "akan " if dry_run else ""
        say(f"{emptied} nilai yang masa simpannya habis {will}dikosongkan, {deleted} foto tak terpakai {will}dihapus.")


def _catalogue(settings: Settings) -> Catalogue:
    catalogue = read_catalogue(settings.layers)
    checks.verify(catalogue)
    return catalogue


def _check_layers(settings: Settings, catalogue: Catalogue, layers: list[Layer]) -> list[checks.Finding]:
    """The findings of layers in the database, which are kept there for the map."""
    found: list[checks.Finding] = []
    with open_city(settings, catalogue) as engine, engine.begin() as conn:
        for layer in layers:
            with _doing(f"Memeriksa {layer.title}"):
                found += checking.check_layer(conn, catalogue, layer)
    return found


def _check_file(
    settings: Settings, catalogue: Catalogue, file: Path, layer: Layer, crs: str | None
) -> list[checks.Finding]:
    """The findings of a file; other layers come from the database, as far as there is one."""
    frame = frame_of_file(file, layer, settings.max_file_mb * 1_000_000, crs)
    if settings.database_url is None and not Cluster(settings.home).exists:
        err.print("Belum ada basis data; aturan yang membandingkan dengan lapisan lain dilewati.")
        return checks.run(layer, frame, lambda _: frame.iloc[:0])
    with open_city(settings, catalogue) as engine, engine.connect() as conn:
        return checks.run(layer, frame, checking.others(conn, catalogue))


def _doing(what: str) -> Status:
    return err.status(f"{_escaped(what)} …")


def _require_folder(file: Path) -> None:
    """Refuse before the work what could not be written after it."""
    if not file.parent.is_dir():
        raise RefusedChange(f"{file.parent}: folder ini tidak ada.")
    if file.is_dir():
        raise RefusedChange(f"{file}: ini sebuah folder; sebutkan nama berkasnya.")


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RefusedChange(
            f"{file}: berkas ini tidak dapat ditulis ({error.strerror or error}); "
            "periksa foldernya, izin menulisnya dan sisa ruang."
        ) from error


def _progress() -> Progress:
    """What is done of what there is to do; gone when it is over, and not there where nobody looks."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("fitur"),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
        transient=True,
    )


def _format_of(file: Path, layer: Layer) -> str:
    """The format that the file's name asks for."""
    known = formats_of(layer)
    for each in known:
        if file.name.lower().endswith(f".{each}"):
            return each
    raise RefusedChange(
        f"{file.name}: bentuk berkas ini tidak dapat ditulis; yang dapat untuk {layer.title}: "
        f"{', '.join(f'.{each}' for each in known)}."
    )


def _query(condition: str | None, bbox: str | None, crs: str | None, at: str | None) -> Query:
    """What the options of an export ask for; a filter that begins with a brace is JSON."""
    tree = None
    if condition is not None:
        tree = parse_filter(condition, "cql2-json" if condition.lstrip().startswith("{") else "cql2-text")
    return Query(
        box=None if bbox is None else Box.parse(bbox),
        filter=tree,
        crs=WGS84_EAST_FIRST if crs is None else parse_crs(crs, "--crs"),
        at=None if at is None else moment_of(at, "--pada"),
    )


def _count(engine: Engine, layer: Layer, query: Query, actor: Actor) -> int:
    try:
        with engine.connect() as conn:
            if actor == PUBLIC:
                act_as(conn, PUBLIC)
            return read.count(conn, layer, query, actor)
    except DataError:
        raise InvalidQuery("filter: sebuah nilainya di luar jangkauan atau tidak sesuai jenisnya.") from None


def _access(said: str) -> Access:
    for level in ACCESS_LEVELS:
        if level == said:
            return level
    raise RefusedChange(f"--access {said}: tidak dikenal; yang ada: {', '.join(ACCESS_LEVELS)}.")


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise RefusedChange(f"{option} {text}: tulis dengan tanda sama dengan, misalnya {option} a=b.")
        pairs[name] = value
    return pairs


def _print_report(report: Report, layer: Layer) -> None:
    verb = "akan ditambahkan" if report.dry_run else "ditambahkan"
    out.print(
        f"[bold]{_escaped(report.file)}[/] ke {layer.title} ({report.crs}): {report.records} catatan; "
        f"{report.added} {verb}, {report.updated} diperbarui, {report.unchanged} tidak berubah, "
        f"{len(report.refused)} ditolak.",
        soft_wrap=True,
    )
    for title, lines in (
        ("Ditolak", [(refusal.number, refusal.reason) for refusal in report.refused]),
        ("Diterima sebagai draf", [(note.number, note.text) for note in report.drafts]),
        ("Catatan", [(note.number, note.text) for note in report.notes]),
    ):
        if lines:
            table = Table("Nomor", title, title_justify="left")
            for number, text in lines[:SHOWN]:
                table.add_row(str(number), _escaped(text))
            out.print(table)
        if len(lines) > SHOWN:
            out.print(f"… dan {len(lines) - SHOWN} lagi; lihat semuanya dengan --json.")
    for remark in report.remarks:
        out.print(_escaped(remark), soft_wrap=True)


def _print_findings(found: list[checks.Finding]) -> None:
    if not found:
        out.print("Tidak ada temuan.")
        return
    table = Table("Lapisan", "Aturan", "Tingkat", "Luas (m²)", "Temuan")
    for finding in found[:SHOWN]:
        area = "" if finding.area_m2 is None else _thousands(finding.area_m2)
        table.add_row(finding.layer, finding.rule, finding.severity, area, _escaped(finding.message))
    out.print(table)
    if len(found) > SHOWN:
        out.print(f"… dan {len(found) - SHOWN} lagi; lihat semuanya dengan --json.")
    for layer, rule in dict.fromkeys((finding.layer, finding.rule) for finding in found):
        areas = [finding.area_m2 for finding in found if (finding.layer, finding.rule) == (layer, rule)]
        total = sum(area for area in areas if area is not None)
        out.print(f"{layer}, {rule}: {len(areas)} temuan" + (f", {_thousands(total)} m²" if total else ""))


def _thousands(number: float) -> str:
    """A number as Indonesians write it: 12.345."""
    return f"{number:,.0f}".replace(",", ".")
