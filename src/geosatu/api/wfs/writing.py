"""A Transaction carried out as one act, all or nothing, and what the client is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup
from psycopg import DataError
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from geosatu.accounts.known import Account
from geosatu.api.access import Reader
from geosatu.api.context import City, turn_to_write
from geosatu.api.csrf import require_csrf
from geosatu.api.hot import Answer
from geosatu.api.links import base_of
from geosatu.api.wfs.asked import Asked
from geosatu.api.wfs.exceptions import report_of
from geosatu.api.wfs.transaction import Action, Kind, Transaction, blaming, transaction_of
from geosatu.api.wfs.versions import SCHEMAS, Version
from geosatu.api.wfs.xml import XSI, document, node
from geosatu.api.working import worker_of
from geosatu.database.rights import act_as
from geosatu.editing import MOST_AT_ONCE, Done, Edit, Editor, begin, make, require_few, with_copies
from geosatu.errors import DatabaseUnavailable, GeosatuError, NotSignedIn, TooManyAttempts
from geosatu.features import Actor, Query
from geosatu.layers import Catalogue
from geosatu.rights import may_create
from geosatu.store import read

SHOWN = (GeosatuError, DataError, InsufficientPrivilege)
FOR_PROGRAMS = (NotSignedIn, TooManyAttempts, DatabaseUnavailable)
"""What people have to read, and what programs act upon themselves."""

PAST: dict[Kind, str] = {"Insert": "Inserted", "Update": "Updated", "Replace": "Replaced", "Delete": "Deleted"}

Words = tuple[tuple[str, str], ...]
"""In which elements an answer names a feature, and in which of their attributes."""

OLD_IDS: Words = (("ogc:FeatureId", "fid"),)
NEW_IDS: Words = (("fes:ResourceId", "rid"),)
BOTH_IDS: Words = (*NEW_IDS, ("fes:FeatureId", "fid"))

NO_FEATURE = node("ogc:FeatureId", {"fid": "none"})


class Carried(NamedTuple):
    """An action, and what became of one of its features."""

    action: Action
    done: Done

    @property
    def name(self) -> str:
        """The id on the wire."""
        return f"{self.done.layer}.{self.done.feature.id}"


def edited_by(account: Account | None, catalogue: Catalogue) -> list[str]:
    """The layers in which somebody may edit, with what they showed to be let in."""
    if account is None or (account.means == "token" and account.scope != "write"):
        return []
    return [layer.name for layer in catalogue if may_create(account.rights, layer)]


async def transact(request: Request, city: City, reader: Reader, asked: Asked) -> Answer:
    """The answer to a Transaction of whoever may write; programs that speak WFS 1 show why it is refused only where
    that is an answer as well."""
    try:
        account = await require_csrf(request, city, base_of(city.settings, request.scope), reader)
        editor = Editor(worker_of(account, request).actor, account.rights)
        async with turn_to_write(city):
            body = await run_in_threadpool(_transact, city, editor, account.reader(), asked)
    except SHOWN as error:
        if asked.version.number == "2.0.0" or isinstance(error, FOR_PROGRAMS):
            raise
        report = report_of(error, asked.version)
        return Answer(report.body, report.media_type.encode())
    return Answer(body, b"text/xml")


def _transact(city: City, editor: Editor, seen_as: Actor, asked: Asked) -> bytes:
    transaction = transaction_of(asked, city.catalogue, seen_as.access)
    try:
        with city.engine.connect() as conn:
            act_as(conn, editor.actor)
            carried = carry_out(conn, city.catalogue, transaction, editor, seen_as)
            if carried:
                conn.commit()
    except DBAPIError as error:
        raise error.orig if isinstance(error.orig, Exception) else error from None
    return told(transaction, carried)


def carry_out(
    conn: Connection, catalogue: Catalogue, transaction: Transaction, editor: Editor, seen_as: Actor
) -> list[Carried]:
    """What became of each feature, in the order of the actions; the caller ends the transaction.

    An action sees what those before it have done, and its filter what the editor sees as a reader. Actions that need
    not ask for their features are made together.
    """
    if not transaction.actions:
        return []
    begin(conn, catalogue, transaction.layers, editor, "wfs", transaction.handle)
    carried: list[Carried] = []
    for actions in _together(transaction.actions):
        with blaming(actions[0].handle or actions[0].kind):
            wanted = [(action, edit) for action in actions for edit in _edits(conn, action, editor, seen_as)]
            require_few(len(carried) + len(wanted))
            edits = with_copies(conn, [edit for _, edit in wanted], seen_as.access)
            done = make(conn, catalogue, edits, editor)
        carried += [Carried(action, each) for (action, _), each in zip(wanted, done, strict=True)]
    return carried


def _together(actions: Sequence[Action]) -> Iterator[list[Action]]:
    """Runs of actions that do not depend on each other, and of which none has to be told from the others."""

    def run(action: Action) -> tuple[str | None, int]:
        asks = action.chosen is not None and not isinstance(action.chosen, tuple)
        return action.handle, action.number if asks else -1

    for _, alike in groupby(actions, key=run):
        yield list(alike)


def _edits(conn: Connection, action: Action, editor: Editor, seen_as: Actor) -> list[Edit]:
    """What an action makes of each of its features."""
    if action.chosen is None:
        return [action.edit]
    ids: Sequence[int]
    if isinstance(action.chosen, tuple):
        ids = action.chosen
    else:
        query = Query(filter=action.chosen, limit=MOST_AT_ONCE + 1)
        act_as(conn, seen_as)
        ids = read.ids(conn, action.edit.layer, query, seen_as)
        act_as(conn, editor.actor)
    return [replace(action.edit, id=number) for number in ids]


# --- What the client is told ------------------------------------------------------------------------------


def told(transaction: Transaction, carried: Sequence[Carried]) -> bytes:
    """The answer in the words of the Transaction's version."""
    version = transaction.version
    if version.number == "1.0.0":
        return document(_told_of_old(transaction, carried))
    new = version.number == "2.0.0"
    words = OLD_IDS if not new else BOTH_IDS if transaction.mixed else NEW_IDS
    kinds: list[Kind] = ["Insert", "Update", "Replace", "Delete"] if new else ["Insert", "Update", "Delete"]
    counts = [node(f"wfs:total{PAST[kind]}", None, str(len(_of(carried, kind)))) for kind in kinds]
    results = [_results(carried, kind, words) for kind in (kinds[:3] if new else kinds[:1])]
    inside = [node("wfs:TransactionSummary", None, *counts), *results]
    return document(node("wfs:TransactionResponse", _root(version, version.location), *inside))


def _of(carried: Sequence[Carried], kind: Kind) -> list[Carried]:
    return [each for each in carried if each.action.kind == kind]


def _results(carried: Sequence[Carried], kind: Kind, words: Words) -> Markup:
    """The features of all actions of a kind; the schema of 1.1 wants at least one."""
    features = [_feature(each, words) for each in _of(carried, kind)]
    if not features and words == OLD_IDS:
        features = [node("wfs:Feature", None, NO_FEATURE)]
    return node(f"wfs:{kind}Results", None, *features) if features else Markup()


def _feature(carried: Carried, words: Words) -> Markup:
    ids = [node(word, {attribute: carried.name}) for word, attribute in words]
    return node("wfs:Feature", _handled(carried.action.handle), *ids)


def _told_of_old(transaction: Transaction, carried: Sequence[Carried]) -> Markup:
    inserted = []
    for _, group in groupby(_of(carried, "Insert"), key=lambda each: each.action.number):
        features = list(group)
        ids = [node("ogc:FeatureId", {"fid": each.name}) for each in features]
        inserted.append(node("wfs:InsertResult", _handled(features[0].action.handle), *ids))
    status = node("wfs:Status", None, node("wfs:SUCCESS"))
    result = node("wfs:TransactionResult", _handled(transaction.handle), status)
    location = f"{SCHEMAS}/wfs/1.0.0/WFS-transaction.xsd"
    return node("wfs:WFS_TransactionResponse", _root(transaction.version, location), *inserted, result)


def _root(version: Version, location: str) -> dict[str, object]:
    return {
        "version": version.number,
        "xmlns:wfs": version.wfs,
        "xmlns:fes" if version.number == "2.0.0" else "xmlns:ogc": version.filters,
        "xmlns:xsi": XSI,
        "xsi:schemaLocation": f"{version.wfs} {location}",
    }


def _handled(handle: str | None) -> dict[str, object]:
    return {} if handle is None else {"handle": handle}
