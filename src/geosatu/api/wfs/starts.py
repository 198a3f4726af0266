"""Pages that start at a number, begun by key where one is known: what stands before a page is then not read."""

from __future__ import annotations

import bisect
import json
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from geosatu.api.access import Reader
from geosatu.api.context import City
from geosatu.api.hot import KEPT_COUNTS
from geosatu.api.wfs.questions import Question
from geosatu.features import Key, Page
from geosatu.store import answers

KEPT_QUESTIONS = 200
KEPT_STARTS = 1_000
"""Per question: enough for a million features in pages of a thousand."""


@dataclass
class Starts:
    """Where pages of questions ended, by the revision of the layer."""

    city: City
    _known: OrderedDict[Hashable, dict[int, Key]] = field(default_factory=OrderedDict)

    async def page(self, reader: Reader, question: Question, start: int, limit: int) -> Page:
        """The features from a number on."""
        layer, query, *_ = question
        key = _key(self.city, reader, question)
        index, after = self._nearest(key, start)
        wanted = replace(query, after=after, skip=start - index, limit=limit)
        page = await answers.page(self.city.pool, layer, wanted, reader.actor)
        if page.next is not None and key is not None:
            self._remember(key, start + page.returned, page.next)
        return page

    async def matched(self, reader: Reader, question: Question) -> int:
        """How many features there are, counted once per question and revision."""
        layer, query, *_ = question
        key = _key(self.city, reader, question)
        known = None if key is None else self.city.counts.get(("tepat", key))
        if known is None:
            known = await answers.total(self.city.pool, layer, query, reader.actor)
            if key is not None:
                self.city.counts["tepat", key] = known
                while len(self.city.counts) > KEPT_COUNTS:
                    self.city.counts.popitem(last=False)
        return known

    def _nearest(self, key: Hashable | None, start: int) -> tuple[int, Key | None]:
        """The last known place that is not behind the start, and its number."""
        known = self._known.get(key, {}) if key is not None else {}
        if start in known:
            return start, known[start]
        numbers = sorted(known)
        at = bisect.bisect_right(numbers, start)
        return (numbers[at - 1], known[numbers[at - 1]]) if at else (0, None)

    def _remember(self, key: Hashable, index: int, place: Key) -> None:
        known = self._known.setdefault(key, {})
        self._known.move_to_end(key)
        if len(known) < KEPT_STARTS:
            known[index] = place
        while len(self._known) > KEPT_QUESTIONS:
            self._known.popitem(last=False)


def _key(city: City, reader: Reader, question: Question) -> Hashable | None:
    """What has to be the same for a place to hold; None: nothing is kept."""
    layer, query, *_ = question
    revision = None if reader.restricted else city.revisions.of(layer)
    if revision is None:
        return None
    asked = (query.box, query.box_crs, json.dumps(query.filter), query.sort, query.at)
    return layer.name, revision, reader.mark, *asked
