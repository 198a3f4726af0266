"""The audit log as a page, for those who may read it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from geosatu.accounts.known import Account
from geosatu.api.own_pages import SignedInDep, WhoDep, page
from geosatu.api.parameters import parameters_of, require_known, whole
from geosatu.api.working import WorkConnDep, WorkRoute, day_of
from geosatu.errors import NotAllowed
from geosatu.rights import WHOLE_CITY
from geosatu.store.audit import Wanted, entries

router = APIRouter(prefix="/audit", route_class=WorkRoute, include_in_schema=False)

ACTIONS = {
    "masuk": "Masuk",
    "gagal_masuk": "Gagal masuk",
    "keluar": "Keluar",
    "sandi_diganti": "Sandi diganti",
    "token_dibuat": "Token dibuat",
    "token_dicabut": "Token dicabut",
    "akun_dibuat": "Akun dibuat",
    "akun_diubah": "Akun diubah",
    "hak_diberi": "Hak diberi",
    "hak_dicabut": "Hak dicabut",
    "undangan_dibuat": "Undangan dibuat",
    "undangan_dipakai": "Undangan dipakai",
    "keputusan": "Keputusan tinjauan",
    "pengecualian": "Temuan dikecualikan",
    "tenggat_diubah": "Tenggat daftar data diubah",
    "baca_terbatas": "Field terbatas dibaca",
    "retensi": "Data pribadi dikosongkan",
}
"""What the log tells of; other words of it are shown as they are."""

FILTERS = ("aksi", "pelaku", "dari", "sampai")


def auditor(account: SignedInDep) -> Account:
    """Who reads the log."""
    if not account.audits:
        raise NotAllowed("Catatan audit hanya untuk walidata.")
    return account


@router.get("")
def show_log(
    request: Request, account: Annotated[Account, Depends(auditor)], who: WhoDep, conn: WorkConnDep
) -> Response:
    """The log, newest first."""
    given = parameters_of(request.scope["query_string"])
    require_known(given, *FILTERS, "sebelum")
    wanted = Wanted(
        action=given.get("aksi") or None,
        actor=given.get("pelaku", "").strip() or None,
        first=day_of(given.get("dari"), "dari"),
        last=day_of(given.get("sampai"), "sampai"),
        before=whole(given["sebelum"], "sebelum", 1) if "sebelum" in given else None,
    )
    lines, before = entries(conn, wanted)
    kept = {name: given[name] for name in FILTERS if given.get(name)}
    return page(
        "review/audit.html",
        request,
        who,
        head="Catatan audit",
        here="/audit",
        lines=[(line, described(line.detail)) for line in lines],
        actions=ACTIONS if wanted.action in (None, *ACTIONS) else ACTIONS | {wanted.action: wanted.action},
        given=given,
        older=None if before is None else urlencode({**kept, "sebelum": before}),
        newest=urlencode(kept) if wanted.before is not None else None,
    )


def described(detail: dict[str, Any]) -> list[tuple[str, str]]:
    """What a line tells besides, as titles and values."""
    told = {name: value for name, value in detail.items() if value is not None and value != []}
    if told.get("wilayah") == WHOLE_CITY:
        told["wilayah"] = "seluruh kota"
    return [(name.replace("_", " ").capitalize(), _said(value)) for name, value in told.items()]


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(_said(each) for each in value)
    if isinstance(value, bool):
        return "ya" if value else "tidak"
    return "–" if value is None else str(value)
