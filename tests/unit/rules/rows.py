"""The tables of the rules' families: each file has its `ROWS`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.unit.build import Row

FAMILIES = tuple(path.stem for path in sorted(Path(__file__).parent.glob("test_*.py")) if path.stem != "test_all_rules")


def rows() -> Iterator[Row]:
    """The rows of all families."""
    for family in FAMILIES:
        yield from import_module(f"{__package__}.{family}").ROWS
