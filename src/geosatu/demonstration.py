"""The demonstration city: the files of `geodata/kediri`, imported as any other file is, and a few people."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine

from geosatu.accounts import passwords, people
from geosatu.checking import check_layer
from geosatu.errors import InvalidSettings
from geosatu.features import PUBLIC, Actor
from geosatu.importer import Options, import_file
from geosatu.layers import OWNERS, Catalogue
from geosatu.rights import WHOLE_CITY, Right
from geosatu.settings import Settings
from geosatu.store import read
from geosatu.store.areas import areas

DEMONSTRATION = Actor("contoh", access="terbatas")

PEOPLE = (
    ("walidata", "Walidata Kota Contoh", (Right("walidata", WHOLE_CITY),)),
    ("perencana", "Perencana Kota Contoh", (Right("perencana", WHOLE_CITY),)),
    ("opd", "Dinas Contoh", (Right("opd", WHOLE_CITY),)),
    ("camat.mojoroto", "Camat Mojoroto", (Right("camat", "35.71.01"),)),
    ("lurah.pojok", "Lurah Pojok", (Right("lurah", "35.71.01.1004"),)),
    ("pic.pojok", "PIC Kelurahan Pojok", (Right("pic_kelurahan", "35.71.01.1004"),)),
    ("pic.sukorame", "PIC Kelurahan Sukorame", (Right("pic_kelurahan", "35.71.01.1005"),)),
    ("relawan.pojok", "Karang Taruna Pojok", (Right("relawan", "35.71.01.1004"),)),
)
"""Name, full name and rights of the accounts; passwords are generated where they are made."""


def load(engine: Engine, catalogue: Catalogue, settings: Settings, say: Callable[[str], object]) -> None:
    """Fill an empty database with the demonstration; one that holds features is left as it is."""
    folder = settings.geodata / "kediri"
    if not folder.is_dir():
        raise InvalidSettings(f"Data contoh tidak ada di {folder}; isi GEOSATU_GEODATA dengan foldernya.")
    with engine.begin() as conn:
        if any(summary.count for summary in read.summaries(conn, catalogue, PUBLIC).values()):
            return
        # Boundaries first: they tell which kelurahan the others belong to.
        for layer in sorted(catalogue, key=lambda layer: (layer.name != OWNERS, not layer.name.startswith("batas"))):
            file = folder / f"{layer.name}.geojson"
            if not file.exists():
                continue
            report = import_file(
                conn,
                catalogue,
                layer,
                file,
                actor=DEMONSTRATION,
                max_bytes=settings.max_file_mb * 1_000_000,
                options=Options(status="terbit"),
            )
            say(f"Data contoh: {report.added} {layer.title}")
            if report.refused:
                raise InvalidSettings(f"{file}: catatan {report.refused[0].number} {report.refused[0].reason}")
        for layer in catalogue:
            check_layer(conn, catalogue, layer)
        made = _create_people(conn, catalogue)
    if made:
        say("Akun contoh, dengan sandi yang hanya ditampilkan sekali ini:")
        longest = max(len(name) for name, _, _ in made)
        for name, password, rights in made:
            say(f"  {name:{longest}}  {password}  {rights}")


def _create_people(conn: Connection, catalogue: Catalogue) -> list[tuple[str, str, str]]:
    """The accounts of the demonstration: name, password and rights; none where there are accounts."""
    if people.everybody(conn):
        return []
    known = areas(conn, catalogue)
    made = []
    for name, full_name, rights in PEOPLE:
        password = passwords.generated()
        account = people.create(conn, DEMONSTRATION, name, full_name, passwords.hashed(password))
        for right in rights:
            people.grant(conn, DEMONSTRATION, account, right, known)
        made.append((name, password, "; ".join(people.written_right(right, known) for right in rights)))
    return made
