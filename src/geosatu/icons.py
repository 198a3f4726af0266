"""The drawings of the Lucide icon set, as npm installed them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ICONS = Path(__file__).parent / "web" / "node_modules" / "lucide-static" / "icons"

NAME = re.compile(r"[a-z0-9-]+")
DRAWING = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


@cache
def drawing(name: str) -> str | None:
    """What stands inside the icon's `<svg>`, 24 by 24; None: no icon of this name is installed."""
    file = ICONS / f"{name}.svg"
    if NAME.fullmatch(name) is None or not file.is_file():
        return None
    found = DRAWING.search(file.read_text("utf-8"))
    return None if found is None else " ".join(found[1].split())
