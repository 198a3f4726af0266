"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from geosatu.layers import Catalogue, read_catalogue

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue that the project ships."""
    return read_catalogue(ROOT / "layers")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real files of others, which are not part of the project; tests that need them skip without."""
    folder = Path(os.environ.get("GEOSATU_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data are not here ({folder}); set GEOSATU_REAL_DATA to their folder")
    return folder
