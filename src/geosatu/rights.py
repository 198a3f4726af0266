"""Who may do what: the roles, what each sees in its area, and the steps of review that each may take.

PostgreSQL holds these rights: `database.rights` makes policies, grants and a table of steps out of them. Routes
ask here only to tell people what they may do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from geosatu.errors import InvalidQuery, shortened
from geosatu.layers import STATUSES, Layer

UNPUBLISHED = ("draf", "diajukan", "perlu_perbaikan", "disetujui")
HANDED_IN = ("diajukan", "disetujui")

WHOLE_CITY = ""
"""The area of who works for the whole city. Other areas are codes of a kecamatan or a kelurahan."""


class Role(NamedTuple):
    """What somebody with this role sees, besides what is published."""

    title: str
    sees: tuple[str, ...] = ()
    """The statuses of features in its area that it sees."""
    staff: bool = True
    """Whether it sees internal fields."""
    cares: bool = False
    """Whether it may read restricted fields and true places of homes in its area, telling why."""
    edits: bool = False
    """Whether it makes, changes and deletes features in its area; a volunteer only features of their own."""
    audits: bool = False
    """Whether it reads the audit log and manages accounts."""


ROLES: dict[str, Role] = {
    "pic_kelurahan": Role("PIC Satu Data kelurahan", (*UNPUBLISHED, "arsip"), cares=True, edits=True),
    "relawan": Role("Relawan (hanya datanya sendiri)", staff=False, edits=True),
    "lurah": Role("Lurah", (*UNPUBLISHED, "arsip"), cares=True),
    "camat": Role("Camat", HANDED_IN),
    "opd": Role("Perangkat daerah (OPD)", HANDED_IN),
    "perencana": Role("Perencana"),
    "walidata": Role("Walidata", (*UNPUBLISHED, "arsip"), cares=True, edits=True, audits=True),
}


class Step(NamedTuple):
    """A change of status."""

    before: str
    after: str
    roles: tuple[str, ...]
    """Who may take it in their area; a volunteer only with features of their own."""
    title: str
    needs_note: bool = False


STEPS: tuple[Step, ...] = (
    Step("draf", "diajukan", ("pic_kelurahan", "relawan", "lurah"), "Ajukan"),
    Step("perlu_perbaikan", "diajukan", ("pic_kelurahan", "relawan", "lurah"), "Ajukan lagi"),
    Step("diajukan", "draf", ("pic_kelurahan", "relawan"), "Tarik kembali"),
    Step("diajukan", "disetujui", ("lurah",), "Setujui"),
    Step("diajukan", "perlu_perbaikan", ("lurah", "walidata"), "Kembalikan", needs_note=True),
    Step("disetujui", "terbit", ("walidata",), "Terbitkan"),
    Step("disetujui", "perlu_perbaikan", ("walidata",), "Kembalikan", needs_note=True),
    Step("terbit", "perlu_perbaikan", ("walidata",), "Tarik dari publik", needs_note=True),
    Step("draf", "arsip", ("pic_kelurahan", "walidata"), "Arsipkan"),
    Step("perlu_perbaikan", "arsip", ("pic_kelurahan", "walidata"), "Arsipkan"),
    Step("terbit", "arsip", ("walidata",), "Arsipkan", needs_note=True),
    Step("arsip", "draf", ("pic_kelurahan", "walidata"), "Kembalikan ke draf"),
)
"""Every change of status that there is, and who may make it."""


EDITABLE = ("draf", "perlu_perbaikan")
"""The statuses in which features are worked on. Whoever changes a feature of another status takes it back to draf,
so that it passes the review again, unless they may publish it themselves."""

FORWARD = ("diajukan", "disetujui", "terbit")
"""What the statuses lead to, one after the other: a feature waits for whoever may take it there."""


class Right(NamedTuple):
    """A role in an area."""

    role: str
    area: str
    """`WHOLE_CITY`, or the code of a kecamatan (PP.KK.CC) or a kelurahan (PP.KK.CC.LLLL)."""

    def covers(self, kode_wilayah: str | None) -> bool:
        """Whether a feature of this kelurahan lies in the area; one of no kelurahan is the whole city's."""
        return self.area in areas_of(kode_wilayah)


def areas_of(kode_wilayah: str | None) -> tuple[str, ...]:
    """The areas that a kelurahan lies in."""
    return (WHOLE_CITY,) if kode_wilayah is None else (WHOLE_CITY, kode_wilayah[:8], kode_wilayah)


def cares_for(rights: Iterable[Right], kode_wilayah: str | None) -> bool:
    """Whether these rights open what is restricted about a feature of this kelurahan, to who says why."""
    return any(ROLES[right.role].cares and right.covers(kode_wilayah) for right in rights)


def may_take(step: Step, rights: Iterable[Right], kode_wilayah: str | None, own: bool) -> bool:
    """Whether these rights allow the step with a feature of this kelurahan; own: one that they made themselves."""
    return any(
        right.role in step.roles and right.covers(kode_wilayah) and (own or right.role != "relawan") for right in rights
    )


def editors(layer: Layer) -> tuple[str, ...]:
    """The roles that edit the layer, each in its area."""
    return tuple(name for name, role in ROLES.items() if role.edits and layer.edited_by in ("kelurahan", name))


def publishers() -> tuple[str, ...]:
    """The roles whose edits need no review, since they could publish them themselves."""
    return tuple(dict.fromkeys(role for step in STEPS if step.after == "terbit" for role in step.roles))


def may_create(rights: Iterable[Right], layer: Layer) -> bool:
    """Whether there is a place where these rights allow new features of the layer; what the city owns lies in no
    kelurahan."""
    return any(
        right.role in editors(layer) and (layer.owner == "kelurahan" or right.area == WHOLE_CITY) for right in rights
    )


def may_edit(rights: Iterable[Right], layer: Layer, kode_wilayah: str | None, own: bool) -> bool:
    """Whether these rights allow changes of a feature of this kelurahan; own: one that they made themselves."""
    return any(
        right.role in editors(layer) and right.covers(kode_wilayah) and (own or right.role != "relawan")
        for right in rights
    )


def edits(rights: Iterable[Right]) -> bool:
    """Whether there are layers that these rights edit somewhere."""
    return any(ROLES[right.role].edits for right in rights)


def reviews(rights: Iterable[Right]) -> bool:
    """Whether there are features with which these rights allow a step, or on which they may comment."""
    return comments(rights) or any(right.role in step.roles for right in rights for step in STEPS)


def comments(rights: Iterable[Right]) -> bool:
    """Whether there are features on which these rights allow a comment: those that are not published yet and seen."""
    return any(ROLES[right.role].sees for right in rights)


def answers_for(rights: Iterable[Right]) -> list[Right]:
    """The rights of those who answer for what kelurahan hand in, and so see all of it."""
    return [right for right in rights if set(UNPUBLISHED) <= set(ROLES[right.role].sees)]


def step_between(before: str, after: str) -> Step:
    """The step from one status to another, or `InvalidQuery`."""
    for step in STEPS:
        if (step.before, step.after) == (before, after):
            return step
    known = ", ".join(STATUSES[step.after] for step in STEPS if step.before == before)
    raise InvalidQuery(
        f"Dari status {STATUSES.get(before, shortened(before))} tidak ada langkah ke "
        f"{STATUSES.get(after, shortened(after))}; yang ada: {known}."
    )
