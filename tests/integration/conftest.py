"""What the integration tests share: the inventory of a module's lab, and which worker of pytest-xdist runs what."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.lab.inventory import inventory
from tests.lab.lab import Lab

_ROOT = Path(__file__).parents[2]
_SUITES = ("trixie", "bookworm")
_SECONDS = 6  # that a test takes, where it does not say


class _ByLab(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def _group(nodeid: str) -> str:
    """A module of tests has one lab, or one of each suite: one worker runs all the tests of a lab."""
    path, dummy, test = nodeid.partition("::")
    if _apart(path):
        return nodeid
    return path + next((suite for suite in _SUITES if f"[{suite}" in test), "")


@cache
def _apart(path: str) -> bool:
    """Whether a module says that any worker may run any of its tests; whoever schedules them sees only their names."""
    return "pytest.mark.apart" in (_ROOT / path).read_text(encoding="utf-8")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """The hook of pytest-xdist that says which worker runs what."""
    config.option.loadscopereorder = False  # they are in order
    return _ByLab(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that none is left to one worker at the end."""
    lasts: dict[str, float] = {}
    for item in items:
        mark = item.get_closest_marker("lasts")
        group = _group(item.nodeid)
        lasts[group] = lasts.get(group, 0) + (mark.args[0] if mark else _SECONDS)
    items.sort(key=lambda item: -lasts[_group(item.nodeid)])


@pytest.fixture
def hosts(lab: Lab, tmp_path: Path) -> Path:
    """The inventory of the module's own `lab`, in which root logs in."""
    path = tmp_path / "inventory.yml"
    path.write_text(inventory(lab), encoding="utf-8")
    return path
