"""What a user of the playbooks meets beside a whole, reachable fleet: a limit, a dead gateway, a partner's firewall."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.faults import inject
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import Run, playbook

IDENTITY, BOTH, HEALTHY, DEAD = "t01", "t02", "t03", "t04"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(4, name="playbooks")) as lab:
        inject(lab, "identity-mismatch", IDENTITY)
        inject(lab, "dpd-off", BOTH)
        yield lab


@pytest.fixture
def hosts(lab: Lab, tmp_path: Path) -> Path:
    """An inventory in which one gateway has an address where nobody answers."""
    data = yaml.safe_load(inventory(lab))
    data["all"]["hosts"]["a04"]["ansible_host"] = str(lab.management("a04") + 1000)
    data["all"]["vars"]["ansible_ssh_timeout"] = 3
    path = tmp_path / "inventory.yml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def of(hosts: Path, *gateways: str) -> Path:
    """The same inventory, of some gateways alone, for what needs no others."""
    data = yaml.safe_load(hosts.read_text(encoding="utf-8"))
    data["all"]["hosts"] = {gateway: data["all"]["hosts"][gateway] for gateway in gateways}
    hosts.write_text(yaml.safe_dump(data), encoding="utf-8")
    return hosts


def run(tmp: Path, hosts: Path, name: str, *arguments: str) -> Run:
    return playbook(tmp, hosts, f"tunnelwright.ipsec.{name}", *arguments, "-e", f"ipsec_report_dir={tmp}")


def report(tmp: Path, name: str) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads((tmp / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_an_unreachable_gateway_is_a_finding_and_the_others_are_audited_and_not_changed(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    state = "find /etc /usr/local /var/spool -type f -newer /run/charon.vici; sha256sum /etc/swanctl/conf.d/*.conf"
    before = {gateway: lab.sh(gateway, state) for gateway in ("a01", "b01", "a03", "b03")}
    done = run(tmp_path, hosts, "audit")
    found = report(tmp_path, "findings")
    run(tmp_path, hosts, "audit", "--check")
    assert {gateway: lab.sh(gateway, state) for gateway in before} == before
    assert [f["end"]["gateway"] for f in found["findings"] if f["id"] == "gateway-unreadable"] == ["a04"]  # type: ignore[index]
    assert {t["name"] for t in found["tunnels"]} == {"a01-b01", "a02-b02", "a03-b03"}
    assert [unpaired["end"]["gateway"] for unpaired in found["unpaired"]] == ["b04"]  # type: ignore[index]
    assert done.status != 0
    assert {host for host, counts in done.stats.items() if counts["failures"]} == {"a04"}
    assert done.changed() == {}


def test_a_limit_changes_that_end_only_and_says_what_the_other_needs(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    of(hosts, "a01", "b01", "a02", "b02")
    done = run(tmp_path, hosts, "remediate", "--limit", "b01,b02")
    assert done.changed() == {}  # both faults are on the other ends
    advice = report(tmp_path, "before")["advice"]
    assert any("a01: connection west: set remote.id = b01.lab" in str(text) for text in advice)
    assert any("a02: connection west: set dpd_delay = 30s" in str(text) for text in advice)
    assert "set remote.id = b01.lab" in done.output
    assert "somebody-else.lab" in lab.sh("a01", "cat /etc/swanctl/conf.d/west.conf")
    assert done.status != 0  # the tunnel is not proven
    assert run(tmp_path, hosts, "remediate", "--limit", "a02").changed() == {"a02": 1}
    assert "dpd_delay = 30s" in lab.sh("a02", "cat /etc/swanctl/conf.d/west.conf")


@pytest.mark.usefixtures("lab")
def test_a_partners_firewall_in_nobodys_inventory_is_an_unmanaged_peer(hosts: Path, tmp_path: Path) -> None:
    done = run(tmp_path, of(hosts, "b03"), "audit")
    found = report(tmp_path, "findings")
    assert found["tunnels"] == found["findings"] == []
    assert "unmanaged peer" in str(found["unpaired"][0]["reason"])
    assert done.status == 0


def test_a_declaration_decides_the_name_the_initiator_and_settings(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    ends = [{"gateway": "a03", "connection": "west"}, {"gateway": "b03", "connection": "east"}]
    declared = [{"name": "north", "ends": ends, "initiator": "b03", "settings": {"dpd_delay": "10s"}}]
    extra = tmp_path / "tunnels.json"
    extra.write_text(json.dumps({"ipsec_tunnels": declared}), encoding="utf-8")
    of(hosts, "a03", "b03")
    done = run(tmp_path, hosts, "remediate", "-e", f"@{extra}")
    assert done.status == 0, done.output
    assert done.changed() == {"a03": 1, "b03": 1}
    found = [finding["id"] for finding in report(tmp_path, "before")["findings"] if finding["tunnel"] == "north"]
    assert found == ["setting-deviates"] * 2
    assert "dpd delay 10s" in lab.sh("b03", "swanctl --list-conns")
    assert run(tmp_path, hosts, "remediate", "-e", f"@{extra}").changed() == {}
    wrong = [{**declared[0], "ends": [{"gateway": "a03", "connection": "nowhere"}, ends[1]]}]
    extra.write_text(json.dumps({"ipsec_tunnels": wrong}), encoding="utf-8")
    refused = run(tmp_path, hosts, "audit", "-e", f"@{extra}")
    said = "declared tunnel north ends at connection 'nowhere', which is not there at a03: connections there: west"
    assert said in refused.output


def test_a_gateway_that_does_not_come_to_an_end_is_not_waited_for(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    of(hosts, "a03", "b03")
    lab.sh("b03", "printf '#!/bin/sh\nsleep 100\n' >/usr/local/bin/uname && chmod +x /usr/local/bin/uname")
    try:
        done = run(tmp_path, hosts, "audit", "-e", "ipsec_read_timeout=8")
    finally:
        lab.sh("b03", "rm /usr/local/bin/uname")
    found = report(tmp_path, "findings")
    assert [(f["id"], f["end"]["gateway"]) for f in found["findings"]] == [("gateway-unreadable", "b03")]  # type: ignore[index]
    assert {host for host, counts in done.stats.items() if counts["failures"]} == {"b03"}
    assert "Timed out after 8 second" in done.output
