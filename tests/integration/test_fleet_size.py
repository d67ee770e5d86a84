"""tunnel_audit on a fleet of more than a thousand synthetic tunnels: how much of it goes through Ansible."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Gateway, to_plain
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.store.gateways import GatewayStore

from tests.unit.neighbours import EACH, fleet

from .ansible_run import module, told, works

GATEWAYS = 110
TUNNELS = GATEWAYS * EACH
WORST = 1000


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.ini"
    path.write_text("localhost ansible_connection=local\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "readings"
    made.mkdir()
    return made


def without_dpd(gateway: Gateway) -> Gateway:
    return replace(gateway, connections=tuple(replace(each, dpd_delay=0.0) for each in gateway.connections))


def test_a_healthy_tunnel_takes_less_than_a_kilobyte_of_the_result(tmp_path: Path, hosts: Path, folder: Path) -> None:
    kept = GatewayStore(0, lambda: folder)
    for gateway in fleet(GATEWAYS):
        kept.keep(gateway.name, to_plain(gateway))
    found = works(tmp_path, hosts, "localhost", "tunnel_audit", {"folders": [str(folder)]})
    assert (len(found["tunnels"]), found["findings"], found["unpaired"]) == (TUNNELS, [], [])
    assert len(json.dumps(found)) < 1000 * TUNNELS
    assert "findings_left_out" not in found


def test_all_findings_are_in_the_file_and_the_worst_in_the_result(tmp_path: Path, hosts: Path, folder: Path) -> None:
    kept, file = GatewayStore(0, lambda: folder), tmp_path / "findings.jsonl"
    for number, gateway in enumerate(fleet(GATEWAYS)):
        kept.keep(gateway.name, to_plain(gateway if number else without_dpd(gateway)))
    arguments = {"folders": [str(folder)], "findings_file": str(file)}
    found = works(tmp_path, hosts, "localhost", "tunnel_audit", arguments)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    weight = ["critical", "high", "medium", "low", "info"].index
    assert lines == sorted(lines, key=lambda each: each["tunnel"])
    assert found["findings"] == sorted(lines, key=lambda each: (weight(each["severity"]), each["tunnel"]))
    assert (found["findings_left_out"], len({each["tunnel"] for each in lines})) == (0, 2 * EACH)

    for gateway in fleet(GATEWAYS):
        kept.keep(gateway.name, to_plain(without_dpd(gateway)))
    found = works(tmp_path, hosts, "localhost", "tunnel_audit", arguments)
    number = len(file.read_text(encoding="utf-8").splitlines())
    assert (len(found["findings"]), found["findings_left_out"]) == (WORST, number - WORST)
    assert f"{number - WORST} more findings, none of them worse" in found["table"]
    assert {step["gateway"] for step in found["plan"]} == {gateway.name for gateway in fleet(GATEWAYS)}
    refused = module(tmp_path, hosts, "localhost", "report", {"audit": found, "folder": str(tmp_path / "reports")})
    assert told(refused)["msg"].startswith(f"the audit has left out {number - WORST} findings")
    assert not (tmp_path / "reports").exists()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, hosts: Path) -> None:
    done = module(tmp_path, hosts, "localhost", "tunnel_audit", {"findings_file": str(tmp_path / "no/such/file")})
    assert told(done)["msg"].startswith(f"findings cannot be written: No such file or directory at {tmp_path}/no/such")
