"""What pages for working on the data share: who works, a connection that acts as them, and errors for programs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from geosatu.accounts.known import Account
from geosatu.api.context import City, CityDep, ReaderDep, address_of, turn, turn_to_write
from geosatu.api.csrf import HEADER, CsrfDep
from geosatu.api.error_pages import PageRoute
from geosatu.api.problems import answer_to
from geosatu.database.rights import act_as
from geosatu.editing import Editor
from geosatu.errors import GeosatuError, InvalidQuery, NotSignedIn
from geosatu.features import WIB
from geosatu.store.areas import areas
from geosatu.store.review import Worker


class WorkRoute(PageRoute):
    """A route whose errors are told as pages, and to programs as problem+json."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with what goes wrong in it told to whoever asks."""
        paged = super().get_route_handler()
        plain = super(PageRoute, self).get_route_handler()

        async def told(request: Request) -> Response:
            if not is_program(request):
                return await paged(request)
            try:
                return await plain(request)
            except GeosatuError as error:
                return answer_to(error, page=HEADER in request.headers)

        return told


def is_program(request: Request) -> bool:
    """Whether this is asked by a program and not by a page in a browser."""
    if "authorization" in request.headers or request.url.path.endswith((".json", ".csv")):
        return True
    return request.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


def worker_of(account: Account, request: Request) -> Worker:
    """Who works, as decisions and the audit log name them."""
    return Worker(replace(account.worker(), address=address_of(request)), account.rights)


async def worker(request: Request, reader: ReaderDep) -> Worker:
    """Who works, with a browser or with a token."""
    if reader.account is None:
        raise NotSignedIn("Masuk dahulu untuk membuka halaman ini.")
    return worker_of(reader.account, request)


WorkerDep = Annotated[Worker, Depends(worker)]


async def work_connection(request: Request, city: CityDep, worker: WorkerDep) -> AsyncIterator[Connection]:
    """A connection that acts as who works; what is not committed is taken back."""
    async with turn(city.turns) if request.method == "GET" else turn_to_write(city):
        conn = await run_in_threadpool(city.engine.connect)
        try:
            await run_in_threadpool(act_as, conn, worker.actor)
            yield conn
        finally:
            await run_in_threadpool(conn.close)


async def editor(request: Request, account: CsrfDep) -> Editor:
    """Who changes features, with a browser or with a token that may write."""
    return Editor(worker_of(account, request).actor, account.rights)


EditorDep = Annotated[Editor, Depends(editor)]

WorkConnDep = Annotated[Connection, Depends(work_connection, scope="function")]


def kelurahan_of(conn: Connection, city: City) -> dict[str, str]:
    """What each kelurahan is called, by code."""
    return {code: name for code, name in areas(conn, city.catalogue).items() if len(code) > len("PP.KK.CC")}


def day_of(said: str | None, name: str) -> date | None:
    """The day that a parameter or a field of a form states; None: it is empty."""
    if not said:
        return None
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise InvalidQuery(f"{name}={said[:40]}: bukan tanggal; tulis misalnya 2026-08-17.") from None


def today() -> date:
    """The day on the wall."""
    return datetime.now(WIB).date()
