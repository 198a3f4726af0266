"""A Transaction of WFS 1.0.0, 1.1.0 or 2.0.0 -> actions, in the order in which they are to be carried out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from xml.etree.ElementTree import Element

from shapely.geometry.base import BaseGeometry

from geosatu.api.parameters import whole, whole_id
from geosatu.api.wfs.asked import Asked, layer_named
from geosatu.api.wfs.exceptions import Refused
from geosatu.api.wfs.versions import VERSIONS, Version, srs_of
from geosatu.cql2 import Tree
from geosatu.crs import Crs
from geosatu.editing import Edit, require_few
from geosatu.errors import InvalidFeature, InvalidQuery, NotAllowed, StaleEdit, UnknownFeature, UnknownLayer, shortened
from geosatu.fes import GML_TAGS, IDS, Dialect, children, filter_tree, named, shape_of, tag_of, text_of
from geosatu.layers import Access, Catalogue, Layer
from geosatu.store.statements import GEOMETRY_NAMES, queryables

MOST_ELEMENTS = 500_000
"""Of a Transaction: 10,000 features with fifty elements each."""

COLLECTIONS = ("FeatureCollection", "featureMember", "featureMembers", "member")
"""What features of an Insert may stand in."""

LOCKS = ("lockId", "LockId")
"""How a client says which lock it holds; there are none here."""

Kind = Literal["Insert", "Update", "Replace", "Delete"]
Chosen = tuple[int, ...] | Tree
"""The features of an action: by their ids, or those for which a filter holds when its turn comes."""


@dataclass(frozen=True)
class Action:
    """One action on features of one layer."""

    kind: Kind
    number: int
    """Its place among the elements of the Transaction; an Insert of several features is several actions."""
    handle: str | None
    """How the client calls it in what it is told."""
    edit: Edit
    """What becomes of each feature."""
    chosen: Chosen | None = None
    """None: a new one."""


@dataclass(frozen=True)
class Transaction:
    """What a client wants, all or nothing."""

    version: Version
    handle: str | None
    actions: tuple[Action, ...]
    mixed: bool = False
    """Whether a Transaction of 2.0.0 stands in the namespace of 1.1, as OGR writes it, which then looks for ids under
    the names of both."""

    @property
    def layers(self) -> set[Layer]:
        return {each.edit.layer for each in self.actions}


class Parts(NamedTuple):
    """What is said of a feature."""

    properties: dict[str, Any]
    geometry: BaseGeometry | None
    crs: Crs


def transaction_of(asked: Asked, catalogue: Catalogue, access: Access) -> Transaction:
    """The Transaction that a document states, or why it is none; its filters speak of what this reader may see."""
    root = asked.root
    if root is None:
        raise Refused("OperationParsingFailed", "Transaction dikirim sebagai XML dengan POST.", "request")
    _require_no_lock(root)
    actions: list[Action] = []
    count = 0
    for number, element in enumerate(root):
        handle = element.get("handle")
        with blaming(handle or tag_of(element)):
            found = list(_Reader(asked, catalogue, access, number, handle).actions(element))
            count += sum(len(each.chosen) if isinstance(each.chosen, tuple) else 1 for each in found)
            require_few(count)
        actions += found
    mixed = asked.version.number == "2.0.0" and str(root.tag).startswith(f"{{{VERSIONS['1.1.0'].wfs}}}")
    return Transaction(asked.version, root.get("handle"), tuple(actions), mixed)


@contextmanager
def blaming(locator: str) -> Iterator[None]:
    """What is wrong in the block is told as the fault of this action."""
    try:
        yield
    except (InvalidFeature, InvalidQuery) as error:
        raise Refused("InvalidValue", str(error), locator) from None
    except UnknownLayer as error:
        raise Refused("InvalidParameterValue", str(error), locator) from None
    except UnknownFeature as error:
        raise Refused("NotFound", str(error), locator) from None
    except (NotAllowed, StaleEdit) as error:
        raise Refused("OperationProcessingFailed", str(error), locator) from None


def _require_no_lock(root: Element) -> None:
    held = [each for each in (root.get("lockId"), *map(text_of, children(root, *LOCKS))) if each]
    if held:
        told = "Layanan ini tidak mengunci fitur; kirim Transaction tanpa lockId."
        raise Refused("InvalidLockId", told, "lockId")


@dataclass(frozen=True)
class _Reader:
    """Reads an action of a request."""

    asked: Asked
    catalogue: Catalogue
    access: Access
    number: int
    handle: str | None

    def actions(self, element: Element) -> Iterator[Action]:
        match tag_of(element):
            case "Insert":
                yield from self._insert(element)
            case "Update":
                yield self._update(element)
            case "Replace" if self.asked.version.number == "2.0.0":
                yield self._replace(element)
            case "Delete":
                layer = self._layer(element.get("typeName", ""))
                yield self._action("Delete", Edit(layer, deletes=True), self._chosen(element, layer))
            case "Native":
                if element.get("safeToIgnore", "false") not in ("true", "1"):
                    told = "Native tidak tersedia di sini; tulis perubahannya sebagai Insert, Update atau Delete."
                    raise Refused("OptionNotSupported", told, self.handle or "Native")
            case tag if tag not in LOCKS:
                told = f"Unsur {shortened(tag)!r} dalam Transaction tidak dikenal."
                raise Refused("OperationParsingFailed", told, self.handle or shortened(tag))

    def _action(self, kind: Kind, edit: Edit, chosen: Chosen | None = None) -> Action:
        return Action(kind, self.number, self.handle, edit, chosen)

    def _insert(self, element: Element) -> Iterator[Action]:
        if element.get("idgen") == "UseExisting":
            told = "Nomor fitur diberikan layanan ini; kirim Insert tanpa idgen, dengan uid untuk mengenalinya lagi."
            raise Refused("OptionNotSupported", told, self.handle or "idgen")
        for feature in _features(element):
            layer = self.catalogue[tag_of(feature)]
            said = self._parts(layer, _named_values(feature), self._crs(element))
            uid = _uid(said.properties.pop("uid", None))
            yield self._action("Insert", Edit(layer, None, None, *said, uid=uid))

    def _update(self, element: Element) -> Action:
        layer = self._layer(element.get("typeName", ""))
        values = [_property(part, layer) for part in children(element, "Property")]
        if not values:
            raise InvalidFeature("Update ini tidak menyebut apa yang berubah; tambahkan Property.")
        said = self._parts(layer, values, self._crs(element))
        if said.geometry is None and any(name in GEOMETRY_NAMES for name, _ in values):
            raise InvalidFeature("Letak fitur tidak dapat dikosongkan; hapus fiturnya, atau sertakan letak yang baru.")
        edit = Edit(layer, None, _version(said.properties), *said)
        return self._action("Update", edit, self._chosen(element, layer))

    def _replace(self, element: Element) -> Action:
        features = [part for part in element if tag_of(part) != "Filter"]
        if len(features) != 1:
            raise InvalidFeature("Replace memuat satu fitur dan satu Filter.")
        layer = self.catalogue[tag_of(features[0])]
        said = self._parts(layer, _named_values(features[0]), self._crs(element))
        edit = Edit(layer, None, _version(said.properties), *said, whole=True)
        return self._action("Replace", edit, self._chosen(element, layer))

    def _layer(self, said: str) -> Layer:
        return layer_named(said, self.catalogue, self.asked)

    def _crs(self, element: Element) -> Crs:
        """The CRS of geometry that does not say its own."""
        return srs_of(element.get("srsName") or self.asked.version.default_srs).crs

    @property
    def _east_first(self) -> bool:
        """Whether x stands before y in whatever CRS, as in WFS 1.0, which knows nothing else; and QGIS writes so."""
        return self.asked.version.number == "1.0.0"

    def _parts(self, layer: Layer, values: list[tuple[str, Element]], crs: Crs) -> Parts:
        said: dict[str, Any] = {}
        shape: BaseGeometry | None = None
        for name, element in values:
            shapes = [part for part in element if tag_of(part) in GML_TAGS]
            if shapes:
                if name not in GEOMETRY_NAMES:
                    raise InvalidFeature(f"Field {shortened(name)!r} bukan geometri; letak fitur bernama geom.")
                if shape is not None or len(element) != 1:
                    raise InvalidFeature("Letak fitur disebut lebih dari sekali; sertakan satu geometri.")
                shape, crs = shape_of(shapes[0], crs, east_first=self._east_first)
            elif len(element):
                told = f"{shortened(name)}: {shortened(tag_of(element[0]))!r} bukan nilai"
                raise InvalidFeature(f"{told}; tulis teks, atau geometri GML.")
            elif name not in GEOMETRY_NAMES:
                value = text_of(element) or None
                said[name] = value if name not in said else [*_listed(said[name]), *_listed(value)]
            elif text_of(element):
                raise InvalidFeature(f"{name}: letak fitur ditulis sebagai geometri GML.")
        return Parts(said, shape, crs)

    def _chosen(self, element: Element, layer: Layer) -> Chosen:
        filters = list(children(element, "Filter"))
        if len(filters) != 1 or not len(filters[0]):
            tag = tag_of(element)
            raise InvalidFeature(f"{tag} harus punya satu Filter yang menyebut fiturnya; tanpa itu semua terkena.")
        ids = [part for part in filters[0] if tag_of(part) in IDS]
        if len(ids) == len(filters[0]):
            return tuple(dict.fromkeys(_id(part, layer) for part in ids))
        kinds = {name: operand.kind for name, operand in queryables(layer, self.access).items()}
        default = srs_of(self.asked.version.default_srs).crs
        return filter_tree(filters[0], Dialect(layer.name, kinds, default, self._east_first))


def _features(element: Element) -> Iterator[Element]:
    for part in element:
        if tag_of(part) in COLLECTIONS:
            yield from _features(part)
        elif tag_of(part) != "boundedBy":
            yield part


def _named_values(feature: Element) -> list[tuple[str, Element]]:
    """The properties of a feature; the box around it follows from where it lies."""
    return [(tag_of(part), part) for part in feature if tag_of(part) != "boundedBy"]


def _property(element: Element, layer: Layer) -> tuple[str, Element]:
    """What an Update says of a property; no value: it loses the one that it has."""
    names = list(children(element, "Name", "ValueReference"))
    values = list(children(element, "Value"))
    if len(names) != 1 or len(values) > 1:
        raise InvalidFeature("Property dalam Update memuat satu nama dan paling banyak satu Value.")
    way = names[0].get("action", "replace")
    if way not in ("replace", "remove"):
        raise InvalidFeature(f"action={shortened(way)}: tidak tersedia; yang ada: replace, remove.")
    value = values[0] if values and way == "replace" else Element("Value")
    return named(text_of(names[0]), layer.name), value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _id(element: Element, layer: Layer) -> int:
    """The id that an element names, which is one of this layer."""
    wanted = IDS[tag_of(element)]
    said = next((value for name, value in element.attrib.items() if name.rpartition("}")[2] == wanted), "")
    name, _, number = said.rpartition(".")
    if name != layer.name:
        raise UnknownFeature(f"Fitur {shortened(said)!r} tidak ada di lapisan {layer.name}.")
    return whole_id(layer, number)


def _uid(said: Any) -> uuid.UUID | None:
    if said is None:
        return None
    try:
        return uuid.UUID(said if isinstance(said, str) else "")
    except ValueError:
        raise InvalidFeature(f"uid {shortened(str(said))!r} bukan UUID; kosongkan, atau tulis UUID.") from None


def _version(properties: Mapping[str, Any]) -> int | None:
    """The version that the editor saw, if they say it."""
    said = properties.get("version")
    return None if said is None else whole(str(said), "version", 1)
