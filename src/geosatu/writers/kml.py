"""What stands around the features of KML and GPX files, which the database renders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from geosatu.crs import Crs
from geosatu.layers import Field, FieldType, Layer
from geosatu.writers.dictionary import about
from geosatu.writers.qgis_fields import own_attributes, system_attributes

TYPES: dict[FieldType, str] = {"integer": "int", "decimal": "double", "boolean": "bool"}
"""What KML has a type for; the rest is text."""

OURS = {"version": "int"}

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def kml_head(layer: Layer, fields: Sequence[Field], _crs: Crs) -> bytes:
    """A KML 2.2 document up to its placemarks: what the layer is, its columns with types and titles, its colours."""
    told = "\n".join(f"{name}: {said}" for name, said in about(layer).items())
    return "".join(
        (
            DECLARATION,
            '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n',
            f"<name>{_written(layer.title)}</name>\n<description>{_written(told)}</description>\n",
            *_styles(layer),
            *_schema(layer, fields),
            # OGR, and QGIS with it, takes a document without placemarks for none, and an empty folder for a layer.
            f"<Folder><name>{_written(layer.title)}</name>\n",
        )
    ).encode()


KML_FOOT = b"</Folder></Document></kml>\n"


def gpx_head(layer: Layer, _fields: Sequence[Field], _crs: Crs) -> bytes:
    """A GPX 1.1 file up to its waypoints."""
    return (
        f'{DECLARATION}<gpx version="1.1" creator="geosatu" xmlns="http://www.topografix.com/GPX/1/1">'
        f"<metadata><name>{_written(layer.title)}</name><desc>{_written(layer.abstract)}</desc></metadata>\n"
    ).encode()


GPX_FOOT = b"</gpx>\n"


def _schema(layer: Layer, fields: Sequence[Field]) -> Iterator[str]:
    types = OURS | {field.name: TYPES.get(field.type, "string") for field in fields}
    own = own_attributes(field for field in fields if field.name in layer.fields)
    yield f'<Schema id="{layer.name}" name="{layer.name}">\n'
    for each in (*own, *system_attributes()):
        title = f"<displayName>{_written(each.title)}</displayName>"
        yield f'<SimpleField name="{each.name}" type="{types.get(each.name, "string")}">{title}</SimpleField>\n'
    yield "</Schema>\n"


def _styles(layer: Layer) -> Iterator[str]:
    """The layer's colour, and one for each code where codes are told apart by colour."""
    style = layer.style
    yield _style(layer, "", style.colour)
    for code, colour in style.colours.items():
        yield _style(layer, f".{code}", colour)


def _style(layer: Layer, name: str, colour: str) -> str:
    # Opacity, blue, green, red.
    of = f"{colour[5:7]}{colour[3:5]}{colour[1:3]}".lower()
    fill = f"{round(layer.style.fill_opacity * 255):02x}{of}"
    looks = (
        f"<IconStyle><color>ff{of}</color></IconStyle>"
        f"<LineStyle><color>ff{of}</color><width>{layer.style.width:g}</width></LineStyle>"
        f"<PolyStyle><color>{fill}</color></PolyStyle>"
    )
    return f"<Style id={quoteattr(f'{layer.name}.gaya{name}')}>{looks}</Style>\n"


def _written(text: str) -> str:
    """Text for XML, without the characters that XML cannot hold."""
    kept = (each for each in text if (each >= " " or each in "\t\n") and each not in "\ufffe\uffff")
    return escape("".join(kept))
