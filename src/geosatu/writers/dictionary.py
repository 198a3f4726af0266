"""What a file says about itself: the layer's metadata, and what each column means."""

from __future__ import annotations

from collections.abc import Sequence

from geosatu.layers import Field, FieldType, Layer

KINDS: dict[FieldType, str] = {
    "text": "teks",
    "texts": "daftar teks",
    "integer": "bilangan bulat",
    "decimal": "bilangan",
    "boolean": "ya/tidak",
    "date": "tanggal",
    "time": "jam",
    "code": "kode",
    "codes": "daftar kode",
    "photos": "daftar foto",
}


def about(layer: Layer) -> dict[str, str]:
    """Title, abstract, keywords, licence, contact role, update frequency and lineage, by Indonesian names."""
    return {
        "Judul": layer.title,
        "Abstrak": layer.abstract,
        "Kata kunci": ", ".join(layer.keywords),
        "Lisensi": layer.licence,
        "Kontak": layer.contact,
        "Pemutakhiran": layer.update_frequency.replace("_", " "),
        "Riwayat data": layer.lineage,
    }


def dictionary(fields: Sequence[Field]) -> list[tuple[str, str, str, str, str, str]]:
    """A row per column: name, title, kind, unit, codes with their titles, description."""
    return [
        (
            field.name,
            field.title,
            KINDS[field.type],
            field.unit or "",
            "; ".join(f"{code} = {title}" for code, title in field.codes.items()),
            field.description or "",
        )
        for field in fields
    ]
