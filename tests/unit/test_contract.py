"""The contract of all supported versions of ansible-core leaves out no module, no role and no filter."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.contract.plays import PLAYS, STEPS

ROOT = Path(__file__).parents[2]


def test_every_module_is_in_it() -> None:
    meta = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    assert {module for module, dummy in STEPS.values()} == set(meta["action_groups"]["all"])


def test_every_step_of_it_is_run() -> None:
    run = {task["name"] for play in PLAYS for task in play["tasks"]}
    assert STEPS.keys() <= run


@pytest.mark.parametrize("filter_", sorted(path.stem for path in (ROOT / "plugins/filter").glob("*.py")))
def test_every_filter_is_in_it(filter_: str) -> None:
    assert f"tunnelwright.ipsec.{filter_}" in str(PLAYS)


@pytest.mark.parametrize("plugin", sorted(path.stem for path in (ROOT / "plugins/connection").glob("*.py")))
def test_every_connection_is_in_it(plugin: str) -> None:
    assert f'"tunnelwright.ipsec.{plugin}"' in (ROOT / "tests/contract/conftest.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_every_role_is_in_it(role: str) -> None:
    tests = (ROOT / "tests/contract/test_roles.py").read_text(encoding="utf-8")
    assert f"def test_{role}_" in tests
    assert f'"{role}"' in tests or f"{role} import" in tests
