"""One import, from the file to the report."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import geopandas
from sqlalchemy import Connection

from geosatu import checks, readers
from geosatu.checking import blocking, others
from geosatu.content.owner import owner_of
from geosatu.crs import STORAGE_SRID
from geosatu.features import Actor
from geosatu.importer.conform import Conformed, Conformer, Note, Refusal, crs_of
from geosatu.layers import OWNERS, SYSTEM_FIELDS, Catalogue, Layer
from geosatu.store import write
from geosatu.store.places import Place, places
from geosatu.store.write import Candidate, Planned

BATCH = 2_000
"""Records that are placed and checked together."""

PUBLISHED = frozenset({"diajukan", "disetujui", "terbit"})
"""The statuses that a feature with problems cannot have."""


Told = tuple[tuple[str, ...], tuple[str, ...]]
"""Of a record: what keeps it a draft, and what was done to it."""


@dataclass(frozen=True)
class Options:
    """What the user says about a file beyond its name."""

    status: str | None = None
    """The status of what is imported; None: new features are drafts, known ones keep theirs."""
    crs: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Report:
    """What became of each record."""

    file: str
    layer: str
    dry_run: bool
    crs: str = ""
    records: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)
    drafts: list[Note] = field(default_factory=list)
    """Records that were taken, and what keeps them drafts."""
    notes: list[Note] = field(default_factory=list)
    """What was done to single records."""
    remarks: list[str] = field(default_factory=list)
    """What concerns the file as a whole."""

    @property
    def accepted(self) -> int:
        return self.added + self.updated + self.unchanged

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {**asdict(self), "accepted": self.accepted}


def import_file(
    conn: Connection,
    catalogue: Catalogue,
    layer: Layer,
    file: Path,
    *,
    actor: Actor,
    max_bytes: int,
    options: Options,
    dry_run: bool = False,
) -> Report:
    """Import a file on the connection's transaction, and tell what became of each record.

    A file that cannot be read is an `UnreadableFile`, and nothing of it is kept. With `dry_run` nothing is
    written either, and the report tells what would have been.
    """
    report = Report(file.name, layer.name, dry_run)
    source = readers.read(file, layer.geometry, max_bytes)
    crs = crs_of(source.crs, options.crs, file.name)
    report.crs = ":".join(crs.to_authority() or (crs.name,))
    conformer = Conformer(layer, crs, options.columns, options.constants, write.uid_namespace(conn))
    told: dict[int, Told] = {}
    write.open_stage(conn, layer)
    for batch in _batches(_conformed(conformer, source.records, report)):
        taken = list(_checked(conn, catalogue, layer, batch, report))
        told |= {record.number: (record.problems, record.notes) for record in taken if record.problems or record.notes}
        write.stage(conn, layer, map(_candidate, taken))
    unfit = set()
    for plan in write.plan(conn, layer, options.status):
        if not _count(layer, plan, told.get(plan.number, ((), ())), options.status, report):
            unfit.add(plan.number)
    report.refused.sort(key=lambda refusal: refusal.number)
    report.remarks = [*source.notes, *conformer.remarks()]
    if not dry_run:
        write.commit_staged(
            conn,
            layer,
            unfit=unfit,
            refused=len(report.refused),
            status=options.status,
            actor=actor,
            file=file.name,
            sha256=_sha256(file),
        )
    return report


def _candidate(record: Conformed) -> Candidate:
    return Candidate(record.number, record.uid, record.wkb, record.values, record.said, record.by_content)


def _count(layer: Layer, plan: Planned, told: Told, status: str | None, report: Report) -> bool:
    """Enter a planned record in the report; False: it cannot be written after all."""
    problems_told, notes = told
    resulting = status or plan.status or "draf"
    missing = [f"{_title(layer, name)} wajib diisi" for name in plan.missing]
    problems = "; ".join((*missing, *problems_told)) if plan.changes else ""
    reason = None
    if plan.same_as is not None:
        reason = f"sama dengan catatan nomor {plan.same_as}; hapus salah satunya."
    elif plan.rival is not None:
        key = ", ".join(_title(layer, name) for name in layer.key)
        reason = f"{key} sudah dipakai fitur {plan.rival}; ubah catatan ini atau fitur itu."
    elif problems and resulting in PUBLISHED:
        reason = f"belum dapat berstatus {resulting}: {problems}."
    if reason is not None:
        report.refused.append(Refusal(plan.number, reason))
        return False
    if problems:
        report.drafts.append(Note(plan.number, f"{problems}."))
    report.notes += [Note(plan.number, f"{note}.") for note in notes]
    report.added += not plan.exists
    report.updated += plan.exists and plan.changes
    report.unchanged += plan.exists and not plan.changes
    return True


def _title(layer: Layer, name: str) -> str:
    return (layer.fields.get(name) or SYSTEM_FIELDS[name]).title


def _batches(records: Iterator[Conformed]) -> Iterator[list[Conformed]]:
    while batch := list(islice(records, BATCH)):
        yield batch


def _conformed(conformer: Conformer, records: Iterable[readers.Record], report: Report) -> Iterator[Conformed]:
    for record in records:
        report.records += 1
        result = conformer.conform(record)
        if isinstance(result, Refusal):
            report.refused.append(result)
        else:
            yield result


def _checked(
    conn: Connection, catalogue: Catalogue, layer: Layer, batch: list[Conformed], report: Report
) -> Iterator[Conformed]:
    """The records that pass the blocking rules, each with the kelurahan that owns it."""
    frame = geopandas.GeoDataFrame(
        {name: [record.values.get(name) for record in batch] for name in (layer.label, "kode_wilayah", "accuracy_m")},
        geometry=[record.geometry for record in batch],
        index=[record.number for record in batch],
        crs=STORAGE_SRID,
    )
    found = checks.run(blocking(layer), frame, others(conn, catalogue))
    broken = {number: finding for finding in found for number in finding.features}
    report.refused += [Refusal(int(number), finding.message) for number, finding in broken.items()]
    sound = [record for record in batch if record.number not in broken]
    if layer.owner != "kelurahan" or layer.name == OWNERS:
        yield from sound
        return
    wkb = [record.wkb for record in sound]
    declared = [record.values.get("kode_wilayah") for record in sound]
    for record, place in zip(sound, places(conn, wkb, declared), strict=True):
        owned = _owned(record, place)
        if isinstance(owned, Refusal):
            report.refused.append(owned)
        else:
            yield owned


def _owned(record: Conformed, place: Place) -> Conformed | Refusal:
    """The record with the kelurahan that owns it."""
    try:
        declared, accuracy = record.values.get("kode_wilayah"), record.values.get("accuracy_m")
        owner = owner_of(record.geometry, place, declared, accuracy)
    except ValueError as reason:
        return Refusal(record.number, f"{reason}.")
    if owner.problem is not None:
        return record.with_problem(owner.problem)
    owned = record if owner.kode_wilayah is None else record.owned_by(owner.kode_wilayah)
    return owned if owner.note is None else owned.with_note(owner.note)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
