"""Edits of features, through whichever door they come: checked against the layer and its blocking rules, then written.

A door parses what it was sent into edits and hands them over with a connection that acts as the editor; it ends the
transaction. All edits of a call are one act, and are kept all or none.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import Any, Literal

import geopandas
import numpy
import pandas
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection

from geosatu import checks
from geosatu.checking import blocking
from geosatu.content.geometry import conformed
from geosatu.content.owner import owner_of
from geosatu.content.values import value_of
from geosatu.crs import STORAGE_SRID, WGS84_EAST_FIRST, Crs
from geosatu.errors import InvalidFeature, NotAllowed, StaleEdit, UnknownFeature, shortened
from geosatu.features import Actor, Box
from geosatu.layers import OWNERS, RESERVED, STATUSES, SYSTEM_FIELDS, Access, Catalogue, Field, Layer
from geosatu.rights import EDITABLE, ROLES, Right, may_create, may_edit
from geosatu.store import acts, edit, photographs, read, review
from geosatu.store.acts import Door
from geosatu.store.areas import extent
from geosatu.store.edit import Known, Stored
from geosatu.store.places import Place, places
from geosatu.store.stale import changed_since, sentence

SAME_PLACE_DEGREES = 1e-8
"""A millimetre: what comes back like this has not been moved."""

SURROUNDINGS_DEGREES = 0.002
"""Some 200 m: how far around an edit its neighbours are looked at."""

MOST_AT_ONCE = 10_000


@dataclass(frozen=True)
class Edit:
    """What somebody wants of one feature."""

    layer: Layer
    id: int | None = None
    """Which feature; None: a new one."""
    version: int | None = None
    """The version that the editor saw; None: they did not say."""
    properties: Mapping[str, Any] | None = None
    """Field -> what is said of it; fields that are not named keep their value, those named with nothing lose it."""
    geometry: BaseGeometry | None = None
    """With x before y; None: nothing is said of it."""
    crs: Crs = WGS84_EAST_FIRST
    uid: uuid.UUID | None = None
    """Of a new feature, by which a create that comes again is the same create."""
    own_uid: bool = False
    """Whether the uid was made for this feature alone, so that also a create that now says something else is the same;
    the client then changes what it made."""
    deletes: bool = False
    whole: bool = False
    """Whether fields that are not named lose their value too, as far as the editor may read them (PUT, Replace)."""


@dataclass(frozen=True)
class Done:
    """What became of an edit."""

    layer: str
    kind: Literal["created", "changed", "deleted"]
    feature: Stored
    repeated: bool = False
    """Whether the feature was there already, made by the same create before."""


@dataclass(frozen=True)
class Editor:
    """Who edits, by which rights; a command on the server's own machine needs none."""

    actor: Actor
    rights: tuple[Right, ...] = ()

    @property
    def reads(self) -> Access:
        """Which fields they see of what they replace; others stay as they are."""
        staff = self.actor.account is None or any(ROLES[right.role].staff for right in self.rights)
        return "internal" if staff else "publik"

    def creates_in(self, layer: Layer) -> bool:
        return self.actor.account is None or may_create(self.rights, layer)

    def edits(self, layer: Layer, feature: Known) -> bool:
        own = feature.created_by == self.actor.name
        return self.actor.account is None or may_edit(self.rights, layer, feature.kode_wilayah, own)


def apply(
    conn: Connection,
    catalogue: Catalogue,
    edits: Sequence[Edit],
    editor: Editor,
    door: Door,
    reason: str | None = None,
) -> list[Done]:
    """Make these edits, in this order and as one act; what became of each.

    `InvalidFeature`, `UnknownFeature`, `NotAllowed` or `StaleEdit` tell why none of them can be kept; the caller
    ends the transaction.
    """
    if not edits:
        return []
    begin(conn, catalogue, (each.layer for each in edits), editor, door, reason)
    return make(conn, catalogue, edits, editor)


def begin(
    conn: Connection,
    catalogue: Catalogue,
    layers: Iterable[Layer],
    editor: Editor,
    door: Door,
    reason: str | None = None,
) -> None:
    """From here to the end of the transaction all edits in these layers are one act, and nobody else edits there."""
    acts.begin(conn, acts.with_homes(catalogue, layers), door, editor.actor, reason)


def make(conn: Connection, catalogue: Catalogue, edits: Sequence[Edit], editor: Editor) -> list[Done]:
    """Make these edits as part of the act that has begun, where later ones depend on what became of earlier ones;
    otherwise as `apply`."""
    require_few(len(edits))
    done: list[Done] = []
    for (layer, kind), group in groupby(edits, key=lambda each: (each.layer, _kind(each))):
        for run in _runs(list(group)):
            done += _WAYS[kind](conn, catalogue, layer, run, editor)
    return done


def require_few(count: int) -> None:
    """Refuse more edits than an act may have."""
    if count > MOST_AT_ONCE:
        raise InvalidFeature(f"Terlalu banyak perubahan sekaligus: {count}; paling banyak {MOST_AT_ONCE}.")


def _kind(each: Edit) -> Literal["created", "changed", "deleted"]:
    return "deleted" if each.deletes else "created" if each.id is None else "changed"


def _runs(edits: list[Edit]) -> Iterator[list[Edit]]:
    """Edits that one statement can make: no feature twice."""
    run: list[Edit] = []
    seen: set[object] = set()
    for each in edits:
        mark = each.id if each.id is not None else each.uid
        if mark is not None and mark in seen:
            yield run
            run, seen = [], set()
        run.append(each)
        seen.add(mark)
    yield run


# --- Making -----------------------------------------------------------------------------------------------


def _create(conn: Connection, catalogue: Catalogue, layer: Layer, edits: list[Edit], editor: Editor) -> list[Done]:
    if not editor.creates_in(layer):
        raise NotAllowed(f"Akun Anda tidak berhak menambah fitur di lapisan {layer.title}.")
    given = [replace(each, uid=each.uid or uuid.uuid4()) for each in edits]
    contents = [_content(layer, each, None, editor, len(edits), number) for number, each in enumerate(given)]
    _settle(conn, catalogue, layer, contents, editor)
    _require_photographs(conn, layer, contents)
    rows = [{**each.columns, "uid": str(each.edit.uid)} for each in contents]
    uids = [each.uid for each in given if each.uid is not None]
    if any(each.uid for each in edits) and edit.was_deleted(conn, layer, uids):
        raise InvalidFeature("Fitur dengan uid ini sudah dihapus. Pulihkan dari riwayatnya bila masih diperlukan.")
    made = edit.create(conn, layer, rows, editor.actor)
    there = edit.by_uid(conn, layer, [uid for uid in uids if uid not in made]) if len(made) < len(uids) else {}
    if len(made) + len(there) < len(uids):
        raise InvalidFeature("Uid fitur ini sudah dipakai fitur lain; beri uid yang baru.")
    if there:
        _require_same(conn, layer, [each for each in given if each.uid in there and not each.own_uid], editor)
    return [Done(layer.name, "created", made.get(uid) or there[uid], repeated=uid in there) for uid in uids]


def _require_same(conn: Connection, layer: Layer, edits: list[Edit], editor: Editor) -> None:
    """Refuse a create whose uid belongs to something else: what comes again says the same, or was made by this editor
    and has been changed since."""
    uids = [each.uid for each in edits if each.uid is not None]
    there = edit.contents_by_uid(conn, layer, uids, editor.actor.access)
    for each in edits:
        original = there[each.uid] if each.uid is not None else {}
        changed = original["version"] > 1 and original["created_by"] == editor.actor.name
        if not changed and not _says(each, original):
            raise InvalidFeature(f"Uid ini sudah dipakai fitur {original['id']} dengan isi lain; beri uid yang baru.")


def with_copies(conn: Connection, edits: Sequence[Edit], access: Access) -> list[Edit]:
    """The edits; where a new feature has the uid of another one, but says something else, it is a copy of that one and
    gets a uid of its own.

    Programs take over every value when somebody duplicates a feature, splits it, or puts the merger of several in
    their place. What tells a feature from others, and what became of it in the review, is not taken over. What there
    is, is compared as far as the editor reads it.
    """
    originals: dict[tuple[Layer, uuid.UUID | None], Mapping[str, Any] | None] = {}
    for layer in {each.layer for each in edits if each.uid is not None}:
        uids = [each.uid for each in edits if each.layer == layer and each.uid is not None]
        originals |= {(layer, uid): there for uid, there in _originals(conn, layer, uids, access).items()}
    return [
        _told_apart(each, originals[each.layer, each.uid]) if (each.layer, each.uid) in originals else each
        for each in edits
    ]


def _originals(
    conn: Connection, layer: Layer, uids: list[uuid.UUID], access: Access
) -> dict[uuid.UUID, Mapping[str, Any] | None]:
    """What there is by these uids; None: it has been deleted."""
    there = edit.contents_by_uid(conn, layer, uids, access)
    others = [uid for uid in uids if uid not in there]
    if not others or not edit.was_deleted(conn, layer, others):
        return {**there}
    return {**there, **{uid: None for uid in others if edit.was_deleted(conn, layer, [uid])}}


def _told_apart(each: Edit, original: Mapping[str, Any] | None) -> Edit:
    own = ["status", *(["kode_wilayah"] if each.layer.name != OWNERS else [])]
    own += [field.name for field in each.layer.photos]
    properties = {name: value for name, value in (each.properties or {}).items() if name not in own}
    same = original is not None and _says(each, original)
    return replace(each, properties=properties, uid=each.uid if same else None)


def _says(each: Edit, there: Mapping[str, Any]) -> bool:
    """Whether a new feature says what is there already, as far as the editor sees it."""
    try:
        columns = _values(each.layer, replace(each, properties={**(each.properties or {}), "status": None}), None)
        geometry = _geometry(each.layer, each, None)
    except ValueError:
        return False
    moved = not _is_home(each.layer, there) and not shapely.equals_exact(
        geometry, shapely.from_wkb(there["geometry"]), SAME_PLACE_DEGREES
    )
    return not moved and all(there[name] == value for name, value in columns.items() if name in there)


def _is_home(layer: Layer, there: Mapping[str, Any]) -> bool:
    """Whether it may be a home, whose public place tells nothing of where it is."""
    home = layer.home
    return home is not None and (home.field is None or there.get(home.field, home.values[0]) in home.values)


# --- Changing ---------------------------------------------------------------------------------------------


def _change(conn: Connection, catalogue: Catalogue, layer: Layer, edits: list[Edit], editor: Editor) -> list[Done]:
    before = _before(conn, layer, edits, editor)
    contents = [_content(layer, each, before[each.id or 0], editor, len(edits), n) for n, each in enumerate(edits)]
    _settle(conn, catalogue, layer, contents, editor)
    _require_photographs(conn, layer, contents)
    rows = [{"id": each.edit.id, "version": each.edit.version, **each.columns} for each in contents if each.columns]
    found = {each.before.id: each.before.stored for each in contents if each.before is not None and not each.columns}
    for _, alike in groupby(sorted(rows, key=_columns), key=_columns):
        found |= edit.change(conn, layer, list(alike))
    _require_all(conn, layer, edits, found, editor)
    for stored in found.values():
        _require_complete(conn, layer, stored)
    return [Done(layer.name, "changed", found[each.id or 0]) for each in edits]


def _columns(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(row))


def _require_complete(conn: Connection, layer: Layer, stored: Stored) -> None:
    """What is handed in or published keeps its required fields."""
    if stored.status in EDITABLE:
        return
    about = review.obstacles(conn, layer, [stored.id]).get(stored.id)
    if about is not None and about.missing:
        titles = ", ".join(_field(layer, name).title for name in about.missing)
        status = STATUSES[stored.status].lower()
        raise InvalidFeature(f"Fitur {stored.id} berstatus {status}, jadi tidak boleh kosong: {titles}. Isi dahulu.")


# --- Deleting ---------------------------------------------------------------------------------------------


def _delete(conn: Connection, catalogue: Catalogue, layer: Layer, edits: list[Edit], editor: Editor) -> list[Done]:
    _before(conn, layer, edits, editor)
    found = edit.remove(conn, layer, [{"id": each.id, "version": each.version} for each in edits])
    _require_all(conn, layer, edits, found, editor)
    return [Done(layer.name, "deleted", found[each.id or 0]) for each in edits]


_WAYS: dict[str, Callable[[Connection, Catalogue, Layer, list[Edit], Editor], list[Done]]] = {
    "created": _create,
    "changed": _change,
    "deleted": _delete,
}


# --- What was there ---------------------------------------------------------------------------------------


def _before(conn: Connection, layer: Layer, edits: list[Edit], editor: Editor) -> dict[int, Known]:
    """The features as they are; all of them there, for this editor to change, and as the editor saw them."""
    ids = [each.id or 0 for each in edits]
    found = edit.known(conn, layer, ids, editor.actor)
    for each in edits:
        feature = found.get(each.id or 0)
        if feature is None:
            raise UnknownFeature(f"Fitur {each.id} tidak ada di lapisan {layer.name}, atau bukan untuk akun ini.")
        if not editor.edits(layer, feature):
            raise NotAllowed(f"Akun Anda tidak berhak mengubah fitur {each.id} di lapisan {layer.title}.")
        if each.version is not None and each.version != feature.version:
            raise _stale(conn, layer, feature, each.version)
    return found


def _require_all(
    conn: Connection, layer: Layer, edits: list[Edit], found: Mapping[int, Stored], editor: Editor
) -> None:
    """Whoever was overtaken, or is held back by PostgreSQL, is told."""
    missed = [each for each in edits if (each.id or 0) not in found]
    if missed:
        _before(conn, layer, missed, editor)
        raise NotAllowed(f"Akun Anda tidak berhak mengubah fitur {missed[0].id} di lapisan {layer.title}.")


def _stale(conn: Connection, layer: Layer, feature: Known, seen: int) -> StaleEdit:
    titles = changed_since(conn, layer, {feature.id: seen}).get(feature.id, [])
    told = sentence(feature, titles, "Muat ulang, lalu pilih yang akan disimpan.")
    return StaleEdit(told, feature.id, feature.version, feature.updated_by, feature.updated_at, titles)


# --- Content ----------------------------------------------------------------------------------------------


@dataclass
class Content:
    """What an edit makes of a feature."""

    edit: Edit
    columns: dict[str, Any]
    geometry: BaseGeometry | None
    """EPSG:4326; None: it stays."""
    before: Known | None
    where: str
    """Which of several edits is meant, for sentences."""

    @property
    def shape(self) -> BaseGeometry:
        """Where the feature will be, as far as the editor sees it."""
        if self.geometry is not None:
            return self.geometry
        if self.before is None or self.before.geometry is None:
            raise InvalidFeature(f"{self.where}Letak fitur ini tidak tampak bagi Anda; sertakan letaknya.")
        there: BaseGeometry = shapely.from_wkb(self.before.geometry)
        return there


def _content(layer: Layer, each: Edit, before: Known | None, editor: Editor, count: int, number: int) -> Content:
    """The columns that the edit fills, or `InvalidFeature`."""
    where = f"Fitur {each.id}: " if each.id is not None else f"Fitur ke-{number + 1}: " if count > 1 else ""
    try:
        columns = _values(layer, each, before, editor.reads)
        geometry = _geometry(layer, each, before)
    except ValueError as reason:
        said = str(reason)
        raise InvalidFeature(f"{where}{_begun(said, where)}.") from None
    if geometry is not None:
        columns["geom"] = shapely.to_wkb(shapely.set_srid(geometry, STORAGE_SRID), hex=True, include_srid=True)
    return Content(each, columns, geometry, before, where)


def _begun(said: str, where: str) -> str:
    """A sentence that nothing stands before begins with a capital."""
    return said if where else said[:1].upper() + said[1:]


def _values(layer: Layer, each: Edit, before: Known | None, reads: Access = "internal") -> dict[str, Any]:
    fields = writable(layer)
    said = dict(each.properties or {})
    if each.whole:
        # What its editor sees a part of only, or nothing, is not lost because they send back what they saw.
        seen = [field for field in layer.readable(reads) if not layer.is_veiled(field, reads)]
        veiled = [field.name for field in layer.fields.values() if layer.is_veiled(field, reads)]
        said = {name: value for name, value in said.items() if value is not None or name not in veiled}
        unsaid: dict[str, Any] = {field.name: None for field in seen if field.name in fields}
        said = unsaid | said
    elif each.id is None:
        defaults = {field.name: field.default for field in fields.values() if field.default is not None}
        said = defaults | {name: value for name, value in said.items() if value is not None or name not in defaults}
    columns = {}
    for name, value in said.items():
        if name == "status":
            _require_same_status(value, before)
        if (name in RESERVED and name not in fields) or _is_measured(layer, name):
            continue
        if name not in fields:
            if value is None:
                continue
            known = ", ".join(fields)
            raise ValueError(f"lapisan {layer.name} tidak punya field {shortened(name)!r}; yang ada: {known}")
        try:
            columns[name] = value_of(fields[name], value)
        except ValueError as reason:
            raise ValueError(f"{fields[name].title}: {reason}") from None
    return columns


def writable(layer: Layer) -> dict[str, Field]:
    """The fields that an edit may name: the layer's own, and those of ours that come with a feature's content."""
    names = ("source", "accuracy_m", *(("kode_wilayah",) if layer.owner == "kelurahan" else ()))
    own = {field.name: field for field in layer.fields.values() if field.measure is None}
    return {**{name: SYSTEM_FIELDS[name] for name in names}, **own}


def _field(layer: Layer, name: str) -> Field:
    return layer.fields.get(name) or SYSTEM_FIELDS[name]


def _is_measured(layer: Layer, name: str) -> bool:
    return name in layer.fields and layer.fields[name].measure is not None


def _require_photographs(conn: Connection, layer: Layer, contents: Iterable[Content]) -> None:
    """The photographs that a feature names have been sent, and are its own."""
    for each in contents:
        named = {photo for field in layer.photos for photo in each.columns.get(field.name) or ()}
        uid = each.edit.uid if each.before is None else each.before.stored.uid
        if named and uid is not None and (unknown := named - photographs.known(conn, layer, uid, named)):
            raise InvalidFeature(
                f"{each.where}Foto {min(unknown)} tidak ada di antara foto fitur ini. Unggah dahulu, lalu simpan lagi."
            )


def _require_same_status(said: Any, before: Known | None) -> None:
    if said not in (None, "", before.status if before else "draf"):
        raise ValueError("status data diubah lewat tinjauan, bukan di sini; kosongkan kolom status")


def _geometry(layer: Layer, each: Edit, before: Known | None) -> BaseGeometry | None:
    """The new geometry in EPSG:4326; None: it stays where it is."""
    if each.geometry is None:
        if each.id is None or each.whole:
            raise ValueError("tidak bergeometri; tambahkan letaknya")
        return None
    placed = conformed(each.geometry, layer.geometry, _to_wgs84(each.crs.srid), "Content-Crs atau srsName")
    if before is not None and before.geometry is not None:
        there = shapely.from_wkb(before.geometry)
        if shapely.equals_exact(placed, there, SAME_PLACE_DEGREES):
            return None
    return placed


@cache
def _to_wgs84(srid: int) -> Transformer | None:
    return None if srid == STORAGE_SRID else Transformer.from_crs(srid, STORAGE_SRID, always_xy=True)


# --- Rules ------------------------------------------------------------------------------------------------


def _settle(conn: Connection, catalogue: Catalogue, layer: Layer, contents: list[Content], editor: Editor) -> None:
    """Every content passes the blocking rules and has its owner, or `InvalidFeature` tells which does not."""
    _require_sound(conn, catalogue, layer, [each for each in contents if each.geometry is not None], editor)
    if layer.owner == "kelurahan" and layer.name != OWNERS:
        placed = [each for each in contents if _is_placed(each)]
        _set_owners(conn, layer, placed, editor)
        _require_near(conn, catalogue, placed)


def _is_placed(content: Content) -> bool:
    """Whether the edit says anew whose the feature is."""
    declared = content.columns.get("kode_wilayah")
    if content.geometry is not None:
        return True
    if content.before is not None and declared in (None, content.before.kode_wilayah):
        content.columns.pop("kode_wilayah", None)
        return False
    return True


def _require_sound(
    conn: Connection, catalogue: Catalogue, layer: Layer, contents: list[Content], editor: Editor
) -> None:
    judge = blocking(layer)
    shapes = [each.geometry for each in contents]
    if not contents or (len(judge.rules) == 1 and shapely.is_valid(shapes).all()):
        return
    near = _around([shape for shape in shapes if shape is not None])
    # Numbers from -1 downwards are no ids of features.
    edited = geopandas.GeoDataFrame(
        {name: [each.columns.get(name) for each in contents] for name in (layer.label, "kode_wilayah", "accuracy_m")},
        geometry=shapes,
        index=[-1 - number for number in range(len(contents))],
        crs=STORAGE_SRID,
    )
    others = read.frame(conn, layer, editor.actor, near)
    others = others.drop(index=[each.edit.id for each in contents if each.edit.id in others.index])
    frame = edited if others.empty else pandas.concat([edited, others[edited.columns]])
    for finding in checks.run(judge, frame, lambda name: read.frame(conn, catalogue[name], editor.actor, near)):
        for number in finding.features:
            if int(number) < 0:
                raise InvalidFeature(f"{contents[-1 - int(number)].where}{_told(finding, int(number))}")


def require_still_sound(
    conn: Connection, catalogue: Catalogue, layer: Layer, ids: Collection[int], actor: Actor
) -> None:
    """Refuse with `InvalidFeature` what was put back and, among the neighbours of today, breaks a blocking rule. Of
    more than `MOST_AT_ONCE` features the next check of the layer tells."""
    judge = blocking(layer)
    if len(judge.rules) == 1 or not 0 < len(ids) <= MOST_AT_ONCE:
        return
    shapes = [shapely.from_wkb(each.geometry) for each in edit.known(conn, layer, ids, actor).values() if each.geometry]
    if not shapes:
        return
    near = _around(shapes)
    frame = read.frame(conn, layer, actor, near)
    for finding in checks.run(judge, frame, lambda name: read.frame(conn, catalogue[name], actor, near)):
        if not {int(number) for number in finding.features}.isdisjoint(ids):
            raise InvalidFeature(f"Tidak ada yang dipulihkan. {finding.message}")


def _around(shapes: Sequence[BaseGeometry]) -> list[Box]:
    """The surroundings of each shape."""
    around = shapely.bounds(shapes) + SURROUNDINGS_DEGREES * numpy.array([-1, -1, 1, 1])
    return [Box(*edges) for edges in around.tolist()]


def _told(finding: checks.Finding, number: int) -> str:
    """What is wrong with a new shape, and where; those without a name are called by their order."""
    said = re.sub(
        r"\bfitur -(\d+)", lambda found: "ini" if int(found[1]) == -number else f"fitur ke-{found[1]}", finding.message
    )
    for x, y in shapely.get_coordinates(finding.place)[:1].tolist():
        said += f" Tempatnya di sekitar lintang {y:.6f}, bujur {x:.6f}."
    return said


def _set_owners(conn: Connection, layer: Layer, contents: list[Content], editor: Editor) -> None:
    if not contents:
        return
    shapes = [each.shape for each in contents]
    declared = [each.columns.get("kode_wilayah") for each in contents]
    found = places(conn, [shapely.to_wkb(shape) for shape in shapes], declared)
    for content, shape, said, place in zip(contents, shapes, declared, found, strict=True):
        content.columns["kode_wilayah"] = _owner(layer, content, shape, said, place, editor)


def _require_near(conn: Connection, catalogue: Catalogue, contents: list[Content]) -> None:
    """Refuse lines and areas that reach further beyond the box of their kelurahan than it is wide or high. What is a
    little outside is for the checks to tell."""
    drawn = [each for each in contents if each.geometry is not None and shapely.get_dimensions(each.geometry) > 0]
    boxes = {code: extent(conn, catalogue, [code]) for code in {each.columns["kode_wilayah"] for each in drawn}}
    for each in drawn:
        code = each.columns["kode_wilayah"]
        if (box := boxes[code]) is None:
            continue
        wide, high = box.east - box.west, box.north - box.south
        reach = shapely.box(box.west - wide, box.south - high, box.east + wide, box.north + high)
        if not reach.covers(shapely.envelope(each.geometry)):
            said = f"gambarnya jauh melampaui kelurahannya ({code}); periksa titik-titik sudutnya"
            raise InvalidFeature(f"{each.where}{_begun(said, each.where)}.")


def _owner(
    layer: Layer, content: Content, shape: BaseGeometry, declared: str | None, place: Place, editor: Editor
) -> str:
    try:
        owner = owner_of(shape, place, declared, content.columns.get("accuracy_m"))
        if owner.problem is not None:
            raise ValueError(owner.problem)
    except ValueError as reason:
        raise InvalidFeature(f"{content.where}{_begun(str(reason), content.where)}.") from None
    assert owner.kode_wilayah is not None
    own = content.before is None or content.before.created_by == editor.actor.name
    if editor.actor.account is not None and not may_edit(editor.rights, layer, owner.kode_wilayah, own):
        raise NotAllowed(
            f"{content.where}Letaknya di {place.nama or 'kelurahan lain'} ({owner.kode_wilayah}), "
            "di luar wilayah yang boleh Anda ubah. Periksa lintang dan bujur."
        )
    return owner.kode_wilayah
