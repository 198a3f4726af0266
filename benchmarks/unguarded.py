"""`python -m benchmarks.unguarded`: the service as the owner of the tables, above all policies.

It shows what policies cost, and is nothing that anybody should run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from sqlalchemy import Engine

from geosatu.cli import main


@contextmanager
def _as_owner(owner: Engine, _: int) -> Iterator[Engine]:
    yield owner


if __name__ == "__main__":
    with (
        patch("geosatu.serving.open_service", _as_owner),
        patch("geosatu.api.app.conninfo_as", lambda conninfo, _: conninfo),
    ):
        main()
