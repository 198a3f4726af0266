"""The daftar data: how far each kelurahan is with what it hands in, as a page and as files."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection
from starlette.responses import JSONResponse, Response

from geosatu.api.context import City, CityDep
from geosatu.api.csrf import CsrfDep
from geosatu.api.links import HEADERS
from geosatu.api.own_pages import SignedInDep, WhoDep, go_to, page
from geosatu.api.parameters import parameters_of, require_known, whole
from geosatu.api.working import WorkConnDep, WorkerDep, WorkRoute, day_of, kelurahan_of, today, worker_of
from geosatu.errors import InvalidQuery, NotAllowed
from geosatu.layers import Layer
from geosatu.rights import answers_for
from geosatu.store import data_list
from geosatu.store.data_list import STATES, Cell
from geosatu.store.review import Worker
from geosatu.viewer.icons import sprite

router = APIRouter(route_class=WorkRoute, include_in_schema=False)

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How cells begin that spreadsheets calculate."""

COLUMNS = (
    *("tahun", "kode_wilayah", "kelurahan", "lapisan", "judul", "tenggat"),
    *("keadaan", "sudah_menyetor", "tanggal_setor", "terlambat", "jumlah_fitur"),
)


@dataclass(frozen=True)
class DataList:
    """A year's list, as far as somebody answers for it."""

    year: int
    years: list[int]
    deadlines: dict[Layer, date]
    kelurahan: dict[str, str]
    cells: dict[tuple[str, str], Cell]

    def done(self, layer: Layer) -> int:
        """How many kelurahan have handed in the layer."""
        return sum(self.cells[kode, layer.name].done for kode in self.kelurahan)

    def late(self, layer: Layer) -> int:
        """How many kelurahan are, or were, late with the layer."""
        return sum(self.cells[kode, layer.name].late for kode in self.kelurahan)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each kelurahan and layer."""
        return [
            {
                "tahun": self.year,
                "kode_wilayah": kode,
                "kelurahan": name,
                "lapisan": layer.name,
                "judul": layer.title,
                "tenggat": deadline.isoformat(),
                "keadaan": cell.state,
                "sudah_menyetor": cell.done,
                "tanggal_setor": cell.handed_in and cell.handed_in.isoformat(),
                "terlambat": cell.late,
                "jumlah_fitur": cell.features,
            }
            for kode, name in self.kelurahan.items()
            for layer, deadline in self.deadlines.items()
            for cell in [self.cells[kode, layer.name]]
        ]


def wanted_list(request: Request, city: CityDep, worker: WorkerDep, conn: WorkConnDep) -> DataList:
    """The list of the year that is asked for, as far as who asks answers for it."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, "tahun")
    year = _year(given["tahun"]) if "tahun" in given else today().year
    return _list(conn, city, worker, year)


ListDep = Annotated[DataList, Depends(wanted_list)]


@router.get("/daftar-data")
def show_list(request: Request, city: CityDep, account: SignedInDep, found: ListDep, who: WhoDep) -> Response:
    """The list as a page: progress by layer, and a table of kelurahan and layers."""
    return page(
        "review/data_list.html",
        request,
        who,
        head=f"Daftar data {found.year}",
        here="/daftar-data",
        found=found,
        states=STATES,
        today=today(),
        listable=data_list.listable(city.catalogue) if account.audits else [],
        symbols=_symbols(),
    )


@router.get("/daftar-data.json")
def list_as_json(found: ListDep) -> Response:
    """The list for programs."""
    layers = [
        {
            "lapisan": layer.name,
            "judul": layer.title,
            "tenggat": deadline.isoformat(),
            "kelurahan": len(found.kelurahan),
            "sudah_menyetor": found.done(layer),
            "terlambat": found.late(layer),
        }
        for layer, deadline in found.deadlines.items()
    ]
    return JSONResponse({"tahun": found.year, "lapisan": layers, "keadaan": found.rows()}, headers=_kept())


@router.get("/daftar-data.csv")
def list_as_csv(found: ListDep) -> Response:
    """The list for spreadsheets."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for row in found.rows():
        writer.writerow({name: _cell(value) for name, value in row.items()})
    headers = {**_kept(), "Content-Disposition": f'attachment; filename="daftar-data-{found.year}.csv"'}
    return Response("\ufeff" + text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def deadlines_said(request: Request, account: CsrfDep) -> dict[str, str]:
    """What the form of deadlines says."""
    return {name: said for name, said in (await request.form()).items() if isinstance(said, str)}


@router.post("/daftar-data")
def set_deadlines(
    request: Request,
    city: CityDep,
    account: CsrfDep,
    said: Annotated[dict[str, str], Depends(deadlines_said)],
    conn: WorkConnDep,
) -> Response:
    """Say which layers are handed in this year, and until when."""
    if not account.audits:
        raise NotAllowed("Hanya walidata yang menetapkan daftar data.")
    year = _year(said.get("tahun", ""))
    known = {layer.name for layer in data_list.listable(city.catalogue)}
    wanted: dict[str, date | None] = {}
    for name, day in said.items():
        if name.startswith("tenggat."):
            layer = name.removeprefix("tenggat.")
            if layer not in known:
                raise InvalidQuery(f"Lapisan {layer[:40]!r} tidak dapat masuk daftar data.")
            wanted[layer] = day_of(day, name)
    if not wanted:
        raise InvalidQuery("Formulir ini tidak menyebut satu lapisan pun.")
    data_list.set_deadlines(conn, year, wanted, worker_of(account, request).actor)
    conn.commit()
    return go_to(request, f"/daftar-data?tahun={year}")


def _list(conn: Connection, city: City, worker: Worker, year: int) -> DataList:
    rights = answers_for(worker.rights)
    if not rights:
        raise NotAllowed("Daftar data untuk PIC kelurahan, lurah dan walidata.")
    kelurahan = {
        kode: name for kode, name in kelurahan_of(conn, city).items() if any(right.covers(kode) for right in rights)
    }
    deadlines = data_list.deadlines(conn, city.catalogue, year)
    layers = [city.catalogue[name] for name in deadlines]
    cells = data_list.progress(conn, layers, kelurahan, year, deadlines, today())
    years = sorted({*data_list.years(conn), year, today().year}, reverse=True)
    return DataList(year, years, {layer: deadlines[layer.name] for layer in layers}, kelurahan, cells)


def _year(said: str) -> int:
    year = whole(said, "tahun", data_list.EARLIEST)
    if year > data_list.LATEST:
        raise InvalidQuery(f"tahun={said[:40]}: paling besar {data_list.LATEST}.")
    return year


def _cell(value: Any) -> str:
    """A cell that no spreadsheet calculates."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "ya" if value else "tidak"
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _kept() -> dict[str, str]:
    return {**HEADERS, "Cache-Control": "no-store"}


def _symbols() -> Any:
    return sprite(("check", "chevron-right", "circle-user-round", "clock-alert", "download", "layers", "log-in", "map"))
