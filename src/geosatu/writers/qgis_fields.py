"""Fields -> what QGIS says of an attribute: its title, its code list, its place in the form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from geosatu.layers import SYSTEM_FIELDS, Field
from geosatu.writers.qgis_xml import node, option

LONG_TEXT = 500
"""A text that may be longer gets several lines in the form."""

Widget = tuple[str, Mapping[str, Any]]

DATE: Widget = (
    "DateTime",
    {"display_format": "dd-MM-yyyy", "field_format": "yyyy-MM-dd", "calendar_popup": True, "allow_null": True},
)
TIME: Widget = ("DateTime", {"display_format": "HH:mm", "field_format": "HH:mm:ss", "allow_null": True})
MOMENT: Widget = (
    "DateTime",
    {"display_format": "dd-MM-yyyy HH:mm", "field_format": "yyyy-MM-dd HH:mm:ss", "field_iso_format": True},
)


@dataclass(frozen=True)
class Attribute:
    """One column as QGIS shows it."""

    name: str
    title: str
    widget: Widget | None = None
    """How values are shown and edited; None: QGIS chooses by the type that it finds."""
    editable: bool = False
    required: bool = False


def own_attributes(fields: Iterable[Field]) -> list[Attribute]:
    """A layer's own fields."""
    return [
        Attribute(field.name, _titled(field), _widget(field), editable=_is_editable(field), required=field.required)
        for field in fields
    ]


def system_attributes() -> list[Attribute]:
    """The columns of ours that every layer has; the service writes them."""
    ours = [
        Attribute(name, _titled(SYSTEM_FIELDS[name]), _widget(SYSTEM_FIELDS[name]))
        for name in ("kode_wilayah", "status", "source", "accuracy_m")
    ]
    return [
        *ours,
        Attribute("uid", "Pengenal tetap (uid)"),
        Attribute("version", "Versi"),
        Attribute("updated_at", "Diperbarui", MOMENT),
    ]


def attribute_parts(fields: Iterable[Field]) -> list[Element]:
    """What a layer's style says of its attributes; the fields are the layer's own."""
    own, ours = own_attributes(fields), system_attributes()
    both = list(enumerate([*own, *ours]))
    return [
        node("fieldConfiguration", None, *(_configured(one) for _, one in both)),
        node(
            "aliases",
            None,
            *(node("alias", {"field": one.name, "name": one.title, "index": index}) for index, one in both),
        ),
        node("constraints", None, *(_constraint(one) for _, one in both if one.required)),
        node("editorlayout", None, "tablayout"),
        node("attributeEditorForm", None, _tab("Data", own, 0), _tab("Asal data", ours, len(own))),
        node("editable", None, *(node("field", {"name": one.name, "editable": one.editable}) for _, one in both)),
    ]


def _titled(field: Field) -> str:
    """The title, with the unit where the title does not hold it already."""
    if field.unit is None or field.unit.casefold() in field.title.casefold().split():
        return field.title
    return f"{field.title} ({field.unit})"


def _is_editable(field: Field) -> bool:
    """Photographs are only names here, which nobody types."""
    return not field.measure and field.type != "photos"


def _widget(field: Field) -> Widget | None:
    if field.type == "code":
        return _choice(field.codes)
    if field.type == "boolean":
        return _choice({"true": "Ya", "false": "Tidak"})
    if field.type == "text" and field.max_length > LONG_TEXT and field.pattern is None:
        return "TextEdit", {"IsMultiline": True, "UseHtml": False}
    return {"date": DATE, "time": TIME}.get(field.type)


def _choice(titles: Mapping[str, str]) -> Widget:
    return "ValueMap", {"map": [{title: code} for code, title in titles.items()]}


def _configured(one: Attribute) -> Element:
    kind, config = one.widget or ("", {})
    return node("field", {"name": one.name}, node("editWidget", {"type": kind}, node("config", None, option(config))))


def _constraint(one: Attribute) -> Element:
    """A value is missed, but not forced: the service says what a draft may lack."""
    return node("constraint", {"field": one.name, "constraints": 1, "notnull_strength": 2})


def _tab(title: str, attributes: list[Attribute], start: int) -> Element:
    return node(
        "attributeEditorContainer",
        {"name": title, "columnCount": 1, "groupBox": False, "showLabel": True},
        *(
            node("attributeEditorField", {"name": one.name, "index": index, "showLabel": True})
            for index, one in enumerate(attributes, start)
        ),
    )
