"""What the integration tests share: the inventory of a module's lab, and which worker of pytest-xdist runs what."""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.lab.inventory import inventory
from tests.lab.lab import Lab

# They begin first, so that none is left to one worker at the end.
_LONG = ("test_guarded_change.py", "test_without_break.py", "test_faults.py", "test_make_before_break.py")
_SUITES = ("trixie", "bookworm")


class _ByLab(LoadScopeScheduling):
    """A module of tests has one lab, or one of each suite: one worker runs all the tests of a lab."""

    def _split_scope(self, nodeid: str) -> str:
        path, dummy, test = nodeid.partition("::")
        return path + next((suite for suite in _SUITES if f"[{suite}" in test), "")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """The hook of pytest-xdist that says which worker runs what."""
    return _ByLab(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first."""
    items.sort(key=lambda item: item.path.name not in _LONG)


@pytest.fixture
def hosts(lab: Lab, tmp_path: Path) -> Path:
    """The inventory of the module's own `lab`, in which root logs in."""
    path = tmp_path / "inventory.yml"
    path.write_text(inventory(lab), encoding="utf-8")
    return path
