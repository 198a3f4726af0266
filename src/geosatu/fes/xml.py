"""XML of others, read without a document type and without entities, and only so large and so deep."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from geosatu.errors import InvalidQuery

MAX_DEPTH = 96
MAX_ELEMENTS = 50_000


class Document(NamedTuple):
    """A document, and what the prefixes in the values of its attributes stand for."""

    root: Element
    namespaces: dict[str, str]


def read_xml(body: bytes, most: int = MAX_ELEMENTS) -> Document:
    """The document, or `InvalidQuery` with the place where it breaks off."""
    namespaces: dict[str, str] = {}
    depth = count = 0
    root: Element | None = None
    try:
        for event, found in iterparse(BytesIO(body), events=("start", "end", "start-ns"), forbid_dtd=True):
            if event == "start-ns":
                namespaces[found[0] or ""] = found[1]
            elif event == "end":
                depth -= 1
            else:
                root = found if root is None else root
                depth, count = depth + 1, count + 1
                if depth > MAX_DEPTH or count > most:
                    told = f"paling banyak {MAX_DEPTH} tingkat dan {most} unsur"
                    raise InvalidQuery(f"XML ini terlalu dalam atau terlalu besar; {told}.")
    except ParseError as error:
        line, column = error.position
        raise InvalidQuery(f"XML ini rusak di baris {line}, kolom {column + 1}.") from None
    except DefusedXmlException:
        raise InvalidQuery("XML ini memuat DOCTYPE atau entitas, yang tidak diterima demi keamanan.") from None
    except (LookupError, ValueError):
        raise InvalidQuery("Penyandian XML ini tidak dikenal; pakai UTF-8.") from None
    if root is None:
        raise InvalidQuery("XML ini kosong.")
    return Document(root, namespaces)


def tag_of(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Element, *names: str) -> Iterator[Element]:
    """The children of these names."""
    return (child for child in element if tag_of(child) in names)


def text_of(element: Element) -> str:
    """The text in an element, with that of what stands in it."""
    return "".join(element.itertext()).strip()
