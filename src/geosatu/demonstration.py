"""The demonstration city: the files of `geodata/kediri`, imported as any other file is."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from geosatu.checking import check_layer
from geosatu.errors import InvalidSettings
from geosatu.features import PUBLIC, Actor
from geosatu.importer import Options, import_file
from geosatu.layers import OWNERS, Catalogue
from geosatu.settings import Settings
from geosatu.store import read

DEMONSTRATION = Actor("contoh", access="terbatas")


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
