"""What the integration tests share: the inventory of a module's lab, and which worker of pytest-xdist runs what."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.inventory import inventory
from tests.lab.lab import Lab

# They begin first, so that none is left to one worker at the end.
_LONG = (
    "test_guarded_change.py",
    "test_without_break.py",
    "test_faults.py",
    "test_make_before_break.py",
    "test_diagnose.py",
)
_SUITES = ("trixie", "bookworm")


@pytest.fixture
def hosts(lab: Lab, tmp_path: Path) -> Path:
    """The inventory of the module's own `lab`, in which root logs in."""
    path = tmp_path / "inventory.yml"
    path.write_text(inventory(lab), encoding="utf-8")
    return path


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A module of tests has one lab, or one of each suite: those tests go to one worker (pytest-xdist's loadgroup)."""
    items.sort(key=lambda item: item.path.name not in _LONG)
    for item in items:
        params = (
            item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
        )
        suite = next((each for each in params if each in _SUITES), "")
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {suite}"))
