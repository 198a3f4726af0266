"""The kelurahan that a feature belongs to: where it lies, which must agree with what was said."""

from __future__ import annotations

from typing import NamedTuple

import shapely
from shapely.geometry.base import BaseGeometry

from geosatu.store.places import Place

BORDER_M = 10.0
"""A point this near to the kelurahan that it declares may belong there (DOMAIN: or within its accuracy)."""


class Owner(NamedTuple):
    """Whose a feature is."""

    kode_wilayah: str | None
    problem: str | None = None
    """What keeps the feature a draft."""
    note: str | None = None
    """What people should know."""


def owner_of(geometry: BaseGeometry, place: Place, declared: str | None, accuracy_m: float | None) -> Owner:
    """The owner of a feature at this place; ValueError: it lies elsewhere than it declares."""
    if declared is None or declared == place.kode_wilayah:
        if place.kode_wilayah is None:
            return Owner(declared, "berada di luar semua batas kelurahan yang ada; periksa lintang dan bujur")
        return Owner(place.kode_wilayah)
    if place.declared_distance_m is None:
        return Owner(declared, f"kode wilayah {declared} tidak ada di lapisan batas_kelurahan")
    where = f"{place.nama} ({place.kode_wilayah})" if place.kode_wilayah else "luar semua batas kelurahan"
    is_point = shapely.get_dimensions(geometry) == 0
    if is_point and place.declared_distance_m <= max(BORDER_M, accuracy_m or 0):
        return Owner(declared, note=f"berada di {where}, {place.declared_distance_m:.0f} m dari kelurahan {declared}")
    raise ValueError(
        f"berada di {where}, bukan di kelurahan {declared}; periksa lintang dan bujur atau kode wilayahnya"
    )
