"""RT and RW numbers as people write them: "3", "RT 03", "RT.003/RW.001", "03/09"."""

from __future__ import annotations

import re
from typing import Any, Literal

from geosatu.readers.records import shown

Unit = Literal["rt", "rw"]

UNITS: dict[str, Unit] = {"rt": "rt", "no_rt": "rt", "rw": "rw", "no_rw": "rw"}
"""The fields that hold such a number, by name."""

NUMBER = r"[\s.:]*(\d{1,3})"
BETWEEN = r"[\s,;.\-]*"

LONGEST = 40
"""Characters; a longer text says more than numbers."""

ALONE = re.compile(rf"(?:(RT|RW){NUMBER}|(\d{{1,3}}))", re.ASCII | re.IGNORECASE)
RT_THEN_RW = re.compile(
    rf"RT{NUMBER}{BETWEEN}/?{BETWEEN}RW{NUMBER}|(?:RT)?{NUMBER}\s*/\s*(?:RW)?{NUMBER}", re.ASCII | re.IGNORECASE
)
RW_THEN_RT = re.compile(rf"RW{NUMBER}{BETWEEN}/?{BETWEEN}RT{NUMBER}", re.ASCII | re.IGNORECASE)


def numbers_in(said: Any, unit: Unit) -> dict[Unit, str] | None:
    """The numbers that a column of this unit says, in three digits; None: nothing of the kind.

    Two bare numbers are RT before RW. ValueError: the text is about the other unit only.
    """
    if isinstance(said, bool) or not isinstance(said, (str, int, float)):
        return None
    text = str(int(said)) if isinstance(said, float) and said.is_integer() else str(said).strip()
    if len(text) > LONGEST:
        return None
    if pair := RT_THEN_RW.fullmatch(text):
        rt, rw = (number for number in pair.groups() if number)
        return {"rt": rt.zfill(3), "rw": rw.zfill(3)}
    if pair := RW_THEN_RT.fullmatch(text):
        return {"rt": pair[2].zfill(3), "rw": pair[1].zfill(3)}
    if alone := ALONE.fullmatch(text):
        named, number, bare = alone.groups()
        if named and named.lower() != unit:
            raise ValueError(f"{shown(said)} tidak menyebut {unit.upper()}; lengkapi nomornya")
        return {unit: (number or bare).zfill(3)}
    return None
