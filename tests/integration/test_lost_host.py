"""A host that the run has lost is unreadable from then on: what it said before is not what it is now."""

from __future__ import annotations

from pathlib import Path

import pytest

from .ansible_run import playbook
from .ansible_server import ROOT


@pytest.mark.parametrize("role", ["audit", "guarded_change"])
def test_what_a_lost_host_said_before_is_not_taken_for_what_it_is(tmp_path: Path, role: str) -> None:
    hosts = tmp_path / "inventory.yml"
    hosts.write_text(
        "all: {hosts: {a: {ansible_connection: local}, b: {ansible_connection: local}}}\n", encoding="utf-8"
    )
    tasks = [
        {"name": "read", "ansible.builtin.raw": "echo it was read", "register": "ipsec_gateway"},
        {"name": "lose", "ansible.builtin.fail": {}, "when": "inventory_hostname == 'b'"},
        {"ansible.builtin.include_vars": str(ROOT / "roles" / role / "vars" / "main.yml")},
        {"name": "tell", "ansible.builtin.debug": {"var": "ipsec_gateways"}},
    ]
    play = {"hosts": "all", "gather_facts": False, "vars": {"ipsec_others": {"results": []}}, "tasks": tasks}
    found = playbook(tmp_path, hosts, [play]).result("tell", "a")["ipsec_gateways"]
    assert found["a"]["stdout"].strip() == "it was read"
    assert found["b"] == {"unreachable": True, "msg": "an earlier task has failed on it"}
