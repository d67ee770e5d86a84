"""What goes wrong between a pfSense and its peer, each on a pair of one lab: found by one audit, on the right end.

Faults of the path, which no setting tells, are put on two more pairs, and diagnosed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.faults.hands import IKE, drop, terminate
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.pfsense.faults import CASES, Case, lab_of

from .ansible_run import playbook

BLOCKED, ESP_LOST = "U5-blocked", "U6-ESP-lost"
ON, FORCED = {"nat_traversal": "on"}, {"nat_traversal": "force"}
PATH = {BLOCKED: Case("The path drops IKE.", b=FORCED), ESP_LOST: Case("The path drops ESP.", b=ON)}
ALL = {**CASES, **PATH}
NAMES = {name: f"t{number:02d}" for number, name in enumerate(ALL, 1)}
SETTLED = 6.0  # seconds: an SA younger than that may be known to one end only, and no rule speaks of it


@dataclass
class Story:
    """What one audit and one diagnosis found, and whether traffic passed before."""

    lab: Lab
    audit: dict[str, Any]
    diagnosis: dict[str, Any]
    carries: dict[str, tuple[bool, bool]]

    def findings(self, name: str, of: dict[str, Any]) -> dict[str, dict[str, Any]]:
        tunnel = self.lab.topology.tunnels[NAMES[name]]
        called = f"{tunnel.responder.gateway}-{tunnel.initiator.gateway}"
        return {finding["id"]: finding for finding in of["findings"] if finding["tunnel"] == called}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    tmp = tmp_path_factory.mktemp("faults")
    with running(lab_of(ALL), settle=10) as lab:
        hosts = tmp / "inventory.yml"
        hosts.write_text(inventory(lab), encoding="utf-8")
        tunnels = {name: lab.topology.tunnels[NAMES[name]] for name in PATH}
        for end in (tunnels[BLOCKED].initiator, tunnels[BLOCKED].responder):
            drop(lab, end, IKE)
            terminate(lab, end)
        for end in (tunnels[ESP_LOST].initiator, tunnels[ESP_LOST].responder):
            drop(lab, end, "ip protocol esp")
        carries = {name: lab.pings(tunnel) for name, tunnel in NAMES.items()}
        time.sleep(SETTLED)
        reports = f"ipsec_report_dir={tmp}"
        read = playbook(tmp, hosts, "tunnelwright.ipsec.audit", "-e", reports, "-e", "ipsec_report_name=audit")
        audit = json.loads((tmp / "audit.json").read_text(encoding="utf-8"))
        assert read.status == 0, read.output[-3000:]
        called = f"{tunnels[BLOCKED].responder.gateway}-{tunnels[BLOCKED].initiator.gateway}"
        told = playbook(tmp, hosts, "tunnelwright.ipsec.diagnose", "-e", f"tunnel={called}")
        yield Story(lab, audit, told.result("Conclude"), carries)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.finds])
def test_a_fault_is_found_on_the_end_that_has_it_and_nothing_else_is(story: Story, name: str) -> None:
    case, found = CASES[name], story.findings(name, story.audit)
    assert set(found) - case.beside == {case.finds}, {key: each["summary"] for key, each in found.items()}
    gateway = found[case.finds]["end"]["gateway"]
    assert case.end in ("", gateway[0])
    assert found[case.finds]["evidence"]
    assert found[case.finds]["fix"] or found[case.finds]["no_fix"]
    assert story.carries[name] == (case.carries, case.carries)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.finds])
def test_what_is_healthy_is_up_and_yields_nothing(story: Story, name: str) -> None:
    found = story.findings(name, story.audit)
    assert {key: (each["summary"], each["evidence"]) for key, each in found.items()} == {}
    assert story.carries[name] == (True, True)


def test_a_path_that_drops_ike_is_told_by_the_logs_of_both(story: Story) -> None:
    assert {"ike-unanswered"} <= set(story.findings(BLOCKED, story.diagnosis))


def test_a_path_that_drops_esp_is_told_by_what_does_not_arrive(story: Story) -> None:
    found = story.findings(ESP_LOST, story.audit)
    assert set(found) == {"nat-traversal-needed"}
    assert [fix["setting"] for fix in found["nat-traversal-needed"]["fix"]] == ["encap"]
