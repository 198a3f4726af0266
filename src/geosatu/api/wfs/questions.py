"""What GetFeature and GetPropertyValue ask for -> one query per feature type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple
from xml.etree.ElementTree import Element, tostring

from geosatu.api.parameters import AT, MOST_SORTED, at_of, box_of, whole
from geosatu.api.wfs.asked import Asked, layer_named
from geosatu.api.wfs.exceptions import Refused, reading
from geosatu.api.wfs.versions import ADVERTISED, FORMATS, Format, Srs, srs_of
from geosatu.cql2 import Tree
from geosatu.crs import Crs
from geosatu.errors import shortened
from geosatu.features import Gml, Query
from geosatu.fes import Dialect, filter_tree, ids_tree, named, read_xml, tag_of
from geosatu.layers import Access, Catalogue, Layer
from geosatu.store.gml import PREFIX
from geosatu.store.rendering import properties_of
from geosatu.store.statements import GEOMETRY_NAMES, queryables, sortables

BY_ID = "urn:ogc:def:query:OGC-WFS::GetFeatureById"
BY_ID_NAMES = (BY_ID, "urn:ogc:def:storedQuery:OGC-WFS::GetFeatureById")
"""The stored query of the standard, under the names of its first text and of its correction."""

MOST_QUERIES = 20
LONGEST_ID = 80


class Question(NamedTuple):
    """One query of a request."""

    layer: Layer
    query: Query
    alone: bool = False
    """Whether the answer is the feature itself and no collection (GetFeatureById)."""
    stated: tuple[tuple[str, str], ...] = ()
    """What XML says of it, as parameters of an address: the next page is asked for by one."""


class Terms(NamedTuple):
    """What a request says of one feature type, before it is clear whether it makes sense."""

    condition: Element | None = None
    ids: tuple[str, ...] | None = None
    box: str | None = None
    srs: str | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    names: tuple[str, ...] | None = None


def format_of(asked: Asked) -> Format:
    """The form of the answer."""
    wanted = asked.given.get("outputformat") or f"gml{asked.version.gml.replace('.', '')}"
    # A plus that nobody encoded comes as a space.
    for each in FORMATS:
        if _squeezed(wanted) in (_squeezed(name) for name in each.names):
            return each
    told = f"outputFormat={shortened(wanted)}: bentuk ini tidak ada; yang ada: {', '.join(ADVERTISED['2.0.0'])}."
    raise Refused("InvalidParameterValue", told, "outputFormat")


def _squeezed(said: str) -> str:
    return re.sub(r"[\s+]", "", said.lower())


def questions_of(asked: Asked, catalogue: Catalogue, access: Access, form: Format) -> list[Question]:
    """The queries of a request, in the order in which they stand there."""
    stated = [each for each in asked.root or () if tag_of(each) in ("Query", "StoredQuery")]
    if stated or asked.document is not None:
        found = [_of_element(each, asked, catalogue, access, form) for each in stated[:MOST_QUERIES]]
    elif "storedquery_id" in asked.given:
        found = [_stored(asked.given["storedquery_id"], asked.given.get("id"), asked, catalogue, access, form)]
    else:
        found = _of_parameters(asked, catalogue, access, form)
    if not found:
        raise Refused("MissingParameterValue", "Parameter typeNames wajib ada, misalnya geosatu:posyandu.", "typeNames")
    if len(stated) > MOST_QUERIES or len(found) > MOST_QUERIES:
        raise Refused("InvalidParameterValue", f"Paling banyak {MOST_QUERIES} Query sekali minta.", "typeNames")
    return found


def _of_element(element: Element, asked: Asked, catalogue: Catalogue, access: Access, form: Format) -> Question:
    if tag_of(element) == "StoredQuery":
        said = {part.get("name", "").lower(): "".join(part.itertext()).strip() for part in element}
        return _stored(element.get("id", ""), said.get("id"), asked, catalogue, access, form)
    types = (element.get("typeNames") or element.get("typeName") or "").split()
    if len(types) != 1:
        told = "Sebutkan satu lapisan per Query; gabungan (join) tidak disediakan."
        code = "OptionNotSupported" if types else "MissingParameterValue"
        raise Refused(code, told, "typeNames")
    conditions = [part for part in element if tag_of(part) == "Filter"]
    sorts = [each for part in element if tag_of(part) == "SortBy" for each in part]
    names = tuple("".join(part.itertext()) for part in element if tag_of(part) in ("PropertyName", "XlinkPropertyName"))
    terms = Terms(
        conditions[0] if conditions else None,
        srs=element.get("srsName"),
        sort=tuple(_sorted_by(each) for each in sorts),
        names=names or None,
    )
    layer, query = _query(layer_named(types[0], catalogue, asked), terms, asked, access, form)
    return Question(layer, query, stated=_stated(layer, terms))


def _stated(layer: Layer, terms: Terms) -> tuple[tuple[str, str], ...]:
    """What a query says, as parameters say it."""
    sort = ",".join(f"{name} {'DESC' if down else 'ASC'}" for name, down in terms.sort)
    said = {
        "typenames": f"{PREFIX}:{layer.name}",
        "srsname": terms.srs or "",
        "propertyname": ",".join(terms.names or ()),
        "sortby": sort,
        "filter": "" if terms.condition is None else tostring(terms.condition, "unicode").strip(),
    }
    return tuple((name, value) for name, value in said.items() if value)


def _sorted_by(element: Element) -> tuple[str, bool]:
    said = {tag_of(part): "".join(part.itertext()).strip() for part in element}
    name = said.get("ValueReference", said.get("PropertyName", ""))
    return name, _descends(said.get("SortOrder", "ASC"))


def _of_parameters(asked: Asked, catalogue: Catalogue, access: Access, form: Format) -> list[Question]:
    """One query per feature type; lists that go with the types stand in brackets."""
    given = asked.given
    ids = tuple(each.strip() for each in given["resourceid"].split(",")) if given.get("resourceid") else None
    groups = _groups(given.get("typenames", ""))
    names = [each for group in groups for each in group.split(",") if each.strip()]
    if asked.version.number == "2.0.0" and any("," in group for group in groups):
        told = "Gabungan (join) tidak disediakan; pisahkan lapisan dengan kurung: (a)(b)."
        raise Refused("OptionNotSupported", told, "typeNames")
    if not names and ids is not None:
        names = list(dict.fromkeys(each.rpartition(".")[0] for each in ids))
    said = [name for name in ("filter", "bbox", "resourceid") if given.get(name)]
    if len(said) > 1:
        told = f"Parameter {' dan '.join(said)} tidak dapat dipakai bersama."
        raise Refused("InvalidParameterValue", told, said[1])
    if len(names) > MOST_QUERIES:
        raise Refused("InvalidParameterValue", f"Paling banyak {MOST_QUERIES} lapisan sekali minta.", "typeNames")
    filters, wanted = _groups(given.get("filter", "")), _groups(given.get("propertyname", ""))
    for name, listed in (("filter", filters), ("propertyName", wanted)):
        if len(listed) not in (0, 1, len(names)):
            raise Refused("InvalidParameterValue", f"{name} harus satu, atau satu untuk setiap lapisan.", name)
    sort = _sort(given.get("sortby", ""))
    found = []
    for number, name in enumerate(names):
        terms = Terms(
            _filter_element(filters[number if len(filters) > 1 else 0]) if filters else None,
            ids,
            given.get("bbox") or None,
            given.get("srsname") or None,
            sort,
            tuple(wanted[number if len(wanted) > 1 else 0].split(",")) if wanted else None,
        )
        found.append(Question(*_query(layer_named(name, catalogue, asked), terms, asked, access, form)))
    return found


def _groups(said: str) -> list[str]:
    """`(a)(b)`, or one without brackets."""
    said = said.strip()
    if said.startswith("(") and said.endswith(")"):
        return [part for part in said[1:-1].split(")(") if part.strip()]
    return [said] if said else []


def _filter_element(said: str) -> Element:
    with reading("filter"):
        return read_xml(said.encode("utf-8", "replace")).root


def _sort(said: str) -> tuple[tuple[str, bool], ...]:
    found = []
    for part in filter(None, (part.strip() for part in said.split(","))):
        name, _, order = part.partition(" ")
        found.append((name, _descends(order.strip() or "ASC")))
    return tuple(found)


def _descends(order: str) -> bool:
    if order.upper() not in ("A", "ASC", "D", "DESC"):
        raise Refused("InvalidParameterValue", f"sortBy: urutan {shortened(order)!r} harus ASC atau DESC.", "sortBy")
    return order.upper().startswith("D")


def _stored(
    name: str, feature: str | None, asked: Asked, catalogue: Catalogue, access: Access, form: Format
) -> Question:
    """The one stored query that there is."""
    require_stored(name)
    if not feature:
        raise Refused("MissingParameterValue", "GetFeatureById memerlukan parameter id, misalnya posyandu.1.", "id")
    layer_name = feature.rpartition(".")[0]
    if layer_name not in catalogue:
        raise Refused("NotFound", f"Fitur {shortened(feature)!r} tidak ada.", "id")
    terms = Terms(ids=(feature[:LONGEST_ID],), srs=asked.given.get("srsname") or None)
    return Question(*_query(catalogue[layer_name], terms, asked, access, form), alone=True)


def require_stored(name: str) -> None:
    """Refuse every stored query but the one that there is."""
    if name not in BY_ID_NAMES:
        told = f"Stored query {shortened(name)!r} tidak ada; yang ada: {BY_ID}."
        raise Refused("InvalidParameterValue", told, "storedquery_id")


def _query(layer: Layer, terms: Terms, asked: Asked, access: Access, form: Format) -> tuple[Layer, Query]:
    version = asked.version
    with reading("srsName"):
        srs = srs_of(terms.srs or version.default_srs)
    trees: list[Tree] = []
    if terms.condition is not None:
        kinds = {name: operand.kind for name, operand in queryables(layer, access).items()}
        with reading("filter"):
            default = srs_of(version.default_srs).crs
            trees.append(filter_tree(terms.condition, Dialect(layer.name, kinds, default, version.number == "1.0.0")))
    if terms.ids is not None:
        trees.append(ids_tree(terms.ids, layer.name))
    with reading(AT):
        at = at_of(asked.given)
    query = Query(filter=trees[0] if trees else None, sort=_ordered(layer, terms, access), at=at)
    if terms.box is not None:
        with reading("bbox"):
            said, crs = _box(terms.box)
            query = replace(query, box=box_of(said, crs), box_crs=crs)
    if terms.names is not None and [name.strip() for name in terms.names] != ["*"]:
        query = _narrowed(query, layer, terms.names, access)
    return layer, _written(query, srs, form)


def _written(query: Query, srs: Srs, form: Format) -> Query:
    """The query with the form in which features are written; GeoJSON has x before y whatever the CRS."""
    if form.form == "json" or form.form == "csv":
        return replace(query, crs=srs.crs._replace(north_first=False), named_ids=True)
    return replace(query, crs=srs.crs, gml=Gml(form.form, srs.name))


def _box(said: str) -> tuple[str, Crs]:
    """Four or six numbers, x before y where no CRS stands behind them."""
    parts = said.split(",")
    named_crs = parts.pop() if len(parts) in (5, 7) else "EPSG:4326"
    return ",".join(parts), srs_of(named_crs, "bbox").crs


def _ordered(layer: Layer, terms: Terms, access: Access) -> tuple[tuple[str, bool], ...]:
    known: Mapping[str, object] = sortables(layer, access) if terms.sort else {}
    if len(terms.sort) > MOST_SORTED:
        raise Refused("InvalidParameterValue", f"sortBy: paling banyak {MOST_SORTED} property.", "sortBy")
    found = []
    for said, down in terms.sort:
        with reading("sortBy"):
            name = named(said, layer.name)
        if name not in known:
            told = f"sortBy={shortened(name)}: tidak dapat diurutkan; yang dapat: {', '.join(known)}."
            raise Refused("InvalidParameterValue", told, "sortBy")
        found.append((name, down))
    return tuple(found)


def property_of(said: str, layer: Layer, access: Access, locator: str) -> str:
    """The property that a name means, or one of the names of the geometry."""
    with reading(locator):
        name = named(said, layer.name)
    known = [column.name for column in properties_of(layer, access)]
    if name not in known and name not in GEOMETRY_NAMES:
        told = f"{locator}={shortened(name)}: tidak ada di lapisan {layer.name}; yang ada: {', '.join(known)}, geom."
        raise Refused("InvalidParameterValue", told, locator)
    return name


def _narrowed(query: Query, layer: Layer, names: Iterable[str], access: Access) -> Query:
    """Only these properties, in the order of the schema."""
    wanted = {property_of(name, layer, access, "propertyName") for name in names}
    kept = tuple(column.name for column in properties_of(layer, access) if column.name in wanted)
    return replace(query, properties=kept, geometry=not wanted.isdisjoint(GEOMETRY_NAMES))


def whole_of(asked: Asked, name: str, told: str) -> int | None:
    """A whole number that a parameter states; None: it states none."""
    said = asked.given.get(name)
    if not said:
        return None
    with reading(told):
        return whole(said, told, 0)
