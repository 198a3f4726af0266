"""GetFeature and GetPropertyValue.

In a form that can tell how many features matched and where the next page is, 2.0.0 gives pages: `COUNT_DEFAULT`
features where the request names no count, `MAX_LIMIT` at most. Nobody takes such a part for the whole. The older
versions, their GML and CSV know of no pages: what is asked for in them without a number comes whole, streamed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlencode

from geosatu.api.access import Reader
from geosatu.api.hot import Answer
from geosatu.api.parameters import AT
from geosatu.api.wfs import collections
from geosatu.api.wfs.asked import Asked
from geosatu.api.wfs.exceptions import Refused
from geosatu.api.wfs.questions import Question, format_of, property_of, questions_of, whole_of
from geosatu.api.wfs.starts import Starts
from geosatu.api.wfs.versions import Format
from geosatu.api.wfs.xml import PROLOGUE, node
from geosatu.errors import shortened
from geosatu.features import MAX_LIMIT, Page, Rows
from geosatu.store import copies
from geosatu.store.statements import GEOMETRY_NAMES
from geosatu.writers.text import BLOCK

COUNT_DEFAULT = 1_000

LONGEST_ADDRESS = 8_000
"""Of what an address says of the next page; longer ones get lost on their way."""

KEPT_ATTRIBUTES = ("service", "version", "request", "outputformat", "resulttype", "valuereference", AT)
"""Of a request as XML, what its next page is asked for with too."""

COLLECTIONS = {"2": "text/xml; subtype=gml/2.1.2", "3.1": "text/xml; subtype=gml/3.1.1"}


class Stream(NamedTuple):
    """A body that comes in blocks."""

    blocks: AsyncGenerator[bytes]
    media_type: str


Made = Answer | Stream


class Plan(NamedTuple):
    """What will be answered: of which layers it tells, and how it is made."""

    about: Sequence[str]
    make: Callable[[], Awaitable[Made]]


class Range(NamedTuple):
    """Which of the features that match are wanted."""

    start: int
    most: int | None
    """None: all that follow."""
    hits: bool
    """Only how many there are."""

    def of_a_page(self) -> Range:
        """No more than a page holds."""
        return self._replace(most=COUNT_DEFAULT if self.most is None else min(self.most, MAX_LIMIT))


class Part(NamedTuple):
    """A page of one of the queries of a request."""

    question: Question
    page: Page
    matched: int | None
    """How many match in all; None: that is not told."""


NOTHING = Page(b"", 0, None)


@dataclass(frozen=True)
class Request:
    """A request for features, with all that its answer is made of."""

    asked: Asked
    reader: Reader
    starts: Starts
    base: str

    def features(self) -> Plan:
        """GetFeature."""
        form = format_of(self.asked)
        questions = questions_of(self.asked, self.starts.city.catalogue, self.reader.actor.access, form)
        wanted = self._range()
        paged = self._in_pages(form)
        about = [question.layer.name for question in questions]
        if len(questions) == 1 and questions[0].alone:
            return Plan(about, lambda: self._alone(questions[0]))
        if wanted.hits and form.form == "csv":
            raise Refused("InvalidParameterValue", "resultType=hits tidak ada dalam bentuk CSV.", "resultType")
        if form.form == "csv" and len(questions) > 1:
            raise Refused("InvalidParameterValue", "Bentuk CSV hanya untuk satu lapisan.", "outputFormat")
        if paged:
            wanted = wanted.of_a_page()
        whole = not paged and (wanted.most is None or wanted.most > MAX_LIMIT)
        if form.form == "csv" or (whole and not wanted.hits):
            return Plan(about, lambda: self._streamed(questions, form, wanted))
        return Plan(about, lambda: self._paged(questions, form, wanted))

    def values(self) -> Plan:
        """GetPropertyValue."""
        said = self.asked.given.get("valuereference", "")
        if not said:
            raise Refused("MissingParameterValue", "Parameter valueReference wajib ada.", "valueReference")
        form = Format("3.2", "application/gml+xml; version=3.2", ())
        found = questions_of(self.asked, self.starts.city.catalogue, self.reader.actor.access, form)
        if len(found) != 1:
            raise Refused("InvalidParameterValue", "GetPropertyValue hanya untuk satu lapisan.", "typeNames")
        layer, query, *_ = found[0]
        name = property_of(said, layer, self.reader.actor.access, "valueReference")
        geometry = name in GEOMETRY_NAMES
        given = {"op": "not", "args": [{"op": "isNull", "args": [{"property": name}]}]}
        assert query.gml is not None
        query = replace(
            query,
            properties=() if geometry else (name,),
            geometry=geometry,
            gml=query.gml._replace(value=True),
            filter=given if query.filter is None else {"op": "and", "args": [query.filter, given]},
        )
        wanted, questions = self._range().of_a_page(), [found[0]._replace(query=query)]
        return Plan([layer.name], lambda: self._paged(questions, form, wanted, "ValueCollection"))

    def _range(self) -> Range:
        kind = self.asked.given.get("resulttype", "results").lower()
        if kind not in ("results", "hits"):
            told = f"resultType={shortened(kind)}: harus results atau hits."
            raise Refused("InvalidParameterValue", told, "resultType")
        start = whole_of(self.asked, "startindex", "startIndex") or 0
        count = whole_of(self.asked, "count", "count" if self.asked.version.number == "2.0.0" else "maxFeatures")
        return Range(start, count, kind == "hits")

    def _in_pages(self, form: Format) -> bool:
        """Whether the form can tell that it holds a part only."""
        return form.form == "3.2" or (form.form == "json" and self.asked.version.number == "2.0.0")

    # Pages.

    async def _paged(
        self, questions: list[Question], form: Format, wanted: Range, tag: str = "FeatureCollection"
    ) -> Answer:
        assert wanted.most is not None or wanted.hits
        parts = await self._parts(questions, wanted, counted=wanted.hits or self._in_pages(form))
        if form.form == "json":
            return self._geojson(parts, wanted)
        return self._gml(parts, wanted, tag)

    async def _parts(self, questions: list[Question], wanted: Range, *, counted: bool) -> list[Part]:
        """The pages of all queries, one behind the other."""
        found = []
        start, left = wanted.start, 0 if wanted.hits else wanted.most or 0
        for question in questions:
            matched = None
            if len(questions) > 1 and start:
                matched = await self.starts.matched(self.reader, question)
            page = NOTHING
            if left and (matched is None or start < matched):
                page = await self.starts.page(self.reader, question, start, left)
            if counted and matched is None:
                complete = left and page.next is None and (page.returned or not start)
                matched = start + page.returned if complete else await self.starts.matched(self.reader, question)
            start = max(0, start - matched) if matched is not None else 0
            left -= page.returned
            found.append(Part(question, page, matched))
        return found

    def _gml(self, parts: list[Part], wanted: Range, tag: str) -> Answer:
        gml = parts[0].question.query.gml
        assert gml is not None
        returned = sum(part.page.returned for part in parts)
        questions = [part.question for part in parts]
        if gml.version == "3.2":
            about = {"timeStamp": collections.now(), **_numbers(parts), **self._neighbours(parts, wanted)}
            if len(parts) > 1:
                members = [
                    collections.within({"timeStamp": collections.now(), **_numbers([part])}, part.page.features)
                    for part in parts
                ]
            else:
                members = [parts[0].page.features]
            top = collections.head(gml, questions, self.base, about, tag)
            return Answer(b"".join((top, *members, collections.foot(tag))), b"application/gml+xml; version=3.2")
        if wanted.hits:
            most = wanted.most
            matched = max(0, sum(part.matched or 0 for part in parts) - wanted.start)
            number = matched if most is None else min(matched, most)
            about = {"timeStamp": collections.now(), "numberOfFeatures": number}
        elif gml.version == "3.1":
            about = {"timeStamp": collections.now(), "numberOfFeatures": returned}
        else:
            about = {}
        top = collections.head(gml, questions, self.base, about)
        body = b"".join((top, *(part.page.features for part in parts), collections.foot()))
        return Answer(body, COLLECTIONS[gml.version].encode())

    def _geojson(self, parts: list[Part], wanted: Range) -> Answer:
        about: dict[str, object] = {"timeStamp": collections.now(), **_numbers(parts)}
        about["links"] = [
            {"rel": rel.replace("previous", "prev"), "type": "application/json", "href": href}
            for rel, href in self._neighbours(parts, wanted).items()
        ]
        top = collections.geojson_head([part.question for part in parts], about)
        features = b",".join(part.page.features for part in parts if part.page.features)
        return Answer(b"".join((top, features, b"]}")), b"application/json")

    def _neighbours(self, parts: list[Part], wanted: Range) -> dict[str, object]:
        """The addresses of the pages beside this one, as far as an address can say what was asked."""
        if wanted.hits or not wanted.most or any(part.matched is None for part in parts):
            return {}
        said = self._stated(parts)
        if said is None:
            return {}
        returned = sum(part.page.returned for part in parts)
        matched = sum(part.matched or 0 for part in parts)
        found: dict[str, object] = {}
        if wanted.start + returned < matched and returned:
            found["next"] = self._again(said, wanted.start + returned, wanted.most)
        if wanted.start:
            before = max(0, wanted.start - wanted.most)
            found["previous"] = self._again(said, before, min(wanted.most, wanted.start))
        return found

    def _stated(self, parts: list[Part]) -> dict[str, str] | None:
        """The parameters of this request, also where it came as XML; None: they are too many for an address."""
        given = dict(self.asked.given)
        if self.asked.document is None:
            return given
        kept = {name: given[name] for name in KEPT_ATTRIBUTES if name in given}
        said = {**kept, **dict(parts[0].question.stated)}
        return said if len(parts) == 1 and len(urlencode(said)) < LONGEST_ADDRESS else None

    def _again(self, said: Mapping[str, str], start: int, count: int) -> str:
        """The address of this request, from another number on."""
        said = {**said, "startindex": str(start), "count": str(count)}
        # A comma or colon that is encoded breaks clients that do not read it back.
        return f"{self.base}/wfs?{urlencode(said, safe=',:/()')}"

    # One feature by itself.

    async def _alone(self, question: Question) -> Answer:
        """The feature of GetFeatureById: as the root of its document."""
        page = await self.starts.page(self.reader, question, 0, 1)
        if not page.returned:
            raise Refused("NotFound", f"Fitur ini tidak ada di lapisan {question.layer.name}.", "id")
        gml = question.query.gml
        if gml is None:
            return Answer(page.features, b"application/json")
        inside = page.features[page.features.index(b">") + 1 : page.features.rindex(b"<")]
        spaces = node("x", collections.namespaces(gml)).removeprefix("<x").removesuffix("/>")
        name, _, rest = inside.partition(b" ")
        media_type = COLLECTIONS.get(gml.version, "application/gml+xml; version=3.2")
        return Answer(b"".join((PROLOGUE.encode(), name, spaces.encode(), b" ", rest)), media_type.encode())

    # Streams.

    async def _streamed(self, questions: list[Question], form: Format, wanted: Range) -> Stream:
        return Stream(self._blocks(questions, form, wanted), form.media_type)

    async def _blocks(self, questions: list[Question], form: Format, wanted: Range) -> AsyncGenerator[bytes]:
        """The features of all queries as the database renders them; memory stays flat."""
        cells = form.form == "csv"
        head, between, foot = b"", b"", b""
        if form.form == "json":
            head, between, foot = collections.geojson_head(questions, {}), b",", b"]}\n"
        elif not cells:
            gml = questions[0].query.gml
            assert gml is not None
            head, foot = collections.head(gml, questions, self.base, {}), collections.foot()
        block = bytearray(head)
        start, left = wanted.start, wanted.most
        separator = b""
        for question in questions:
            skip = start
            if start and len(questions) > 1:
                matched = await self.starts.matched(self.reader, question)
                start = max(0, start - matched)
                if skip >= matched:
                    continue
            if left == 0:
                break
            layer, query, *_ = question
            query = replace(query, skip=skip, limit=left or 0)
            pool = self.starts.city.streams
            kind: Rows = "cells" if cells else "features"
            async with copies.pooled_rows(pool, layer, query, self.reader.actor, kind, part=True) as rows:
                async for row in rows:
                    block += separator
                    block += row
                    separator = between
                    left = None if left is None else left - 1
                    if len(block) >= BLOCK:
                        yield bytes(block)
                        block.clear()
        yield bytes(block) + foot


def _numbers(parts: Sequence[Part]) -> dict[str, object]:
    """How many features match in all, where that is known, and how many there are here."""
    matched = [part.matched for part in parts if part.matched is not None]
    told = {"numberMatched": sum(matched)} if len(matched) == len(parts) else {}
    return {**told, "numberReturned": sum(part.page.returned for part in parts)}
