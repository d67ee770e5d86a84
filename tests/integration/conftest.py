"""What the integration tests share: the inventory of the lab that a module of tests brings up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.inventory import inventory
from tests.lab.lab import Lab


@pytest.fixture
def hosts(lab: Lab, tmp_path: Path) -> Path:
    """The inventory of the module's own `lab`, in which root logs in."""
    path = tmp_path / "inventory.yml"
    path.write_text(inventory(lab), encoding="utf-8")
    return path
