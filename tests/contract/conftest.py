"""One lab for all of the contract, and the runs on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.ansible_run import Run, playbook
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import read

from .plays import PLAYS, TEMPLATE

TOPOLOGY = Path(__file__).parents[1] / "lab/topologies/contract.yml"
VARIABLES: dict[str, dict[str, Any]] = {
    "west": {"to_peer": "east", "peer": "east"},
    "east": {"to_peer": "west", "peer": "west"},
    "fw": {"to_peer": "con1", "peer": "west", "ansible_connection": "tunnelwright.ipsec.paramiko"},
}


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with running(read(TOPOLOGY)) as lab:
        yield lab


@pytest.fixture(scope="session")
def hosts(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root logs in to west by ssh and to fw by paramiko; to east an operator, who becomes root by password."""
    data = yaml.safe_load(inventory(lab))
    operator = yaml.safe_load(inventory(lab, user="operator"))["all"]["vars"]
    for host, given in VARIABLES.items():
        data["all"]["hosts"][host] |= given | (operator if host == "east" else {})
    path = tmp_path_factory.mktemp("inventory") / "inventory.yml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tmp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs leave what they write."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def done(tmp: Path, hosts: Path) -> Run:
    """All modules, in one run."""
    (tmp / "contract.j2").write_text(TEMPLATE, encoding="utf-8")
    run = playbook(tmp, hosts, PLAYS, "-e", f"folder={tmp}")
    assert run.status == 0, run.output
    return run
