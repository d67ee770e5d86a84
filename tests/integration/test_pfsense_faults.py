"""What goes wrong between a pfSense and its peer, each on a pair of one lab: found by one audit, on the right end.

Faults of the path, which no setting tells, are put on two more pairs, and diagnosed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Change, Finding

from tests.lab.faults.hands import IKE, drop, terminate
from tests.lab.inventory import inventory
from tests.lab.lab import running
from tests.lab.pfsense.faults import CASES, Case, lab_of
from tests.lab.topology import Tunnel

from .ansible_run import playbook
from .test_pfsense_audit import read

BLOCKED, ESP_LOST = "U5-blocked", "U6-ESP-lost"
pytestmark = pytest.mark.lasts(2)
ON, FORCED = {"nat_traversal": "on"}, {"nat_traversal": "force"}
PATH = {BLOCKED: Case("The path drops IKE.", b=FORCED), ESP_LOST: Case("The path drops ESP.", b=ON)}
ALL = {**CASES, **PATH}
NAMES = {name: f"t{number:02d}" for number, name in enumerate(ALL, 1)}
SETTLED = 6.0  # seconds: an SA younger than that may be known to one end only, and no rule speaks of it


@dataclass(frozen=True)
class Story:
    """What one audit and one diagnosis found, by tunnel, and whether traffic passed before."""

    audit: Mapping[str, Mapping[str, Finding]]
    blocked: set[str]
    carries: Mapping[str, tuple[bool, bool]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    tmp = tmp_path_factory.mktemp("faults")
    with running(lab_of(ALL), settle=10) as lab, ThreadPoolExecutor(8) as pool:
        hosts = tmp / "inventory.yml"
        hosts.write_text(inventory(lab), encoding="utf-8")
        tunnels = {name: lab.topology.tunnels[number] for name, number in NAMES.items()}
        for end in (tunnels[BLOCKED].initiator, tunnels[BLOCKED].responder):
            drop(lab, end, IKE)
            terminate(lab, end)
        for end in (tunnels[ESP_LOST].initiator, tunnels[ESP_LOST].responder):
            drop(lab, end, "ip protocol esp")
        carries = dict(zip(NAMES, pool.map(lab.pings, NAMES.values()), strict=True))
        time.sleep(SETTLED)
        found: dict[str, dict[str, Finding]] = {}
        for finding in audit(pool.map(lambda gateway: read(lab, gateway), lab.topology.gateways)).findings:
            found.setdefault(finding.tunnel, {})[finding.id] = finding
        ends = (tunnels[BLOCKED].responder.gateway, tunnels[BLOCKED].initiator.gateway)
        given = json.dumps({"ipsec_hosts": ",".join(ends), "tunnel": called(tunnels[BLOCKED])})
        told = playbook(tmp, hosts, "tunnelwright.ipsec.diagnose", "-e", given)
        blocked = {finding["id"] for finding in told.result("Analyse both logs")["findings"]}
        by_name = {name: found.get(called(tunnel), {}) for name, tunnel in tunnels.items()}
        yield Story(by_name, blocked, carries)


def called(tunnel: Tunnel) -> str:
    return f"{tunnel.responder.gateway}-{tunnel.initiator.gateway}"


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.finds])
def test_a_fault_is_found_on_the_end_that_has_it_and_nothing_else_is(story: Story, name: str) -> None:
    case, found = CASES[name], story.audit[name]
    assert set(found) - case.beside == {case.finds}, {key: each.summary for key, each in found.items()}
    assert case.end in ("", found[case.finds].end.gateway[0])
    assert found[case.finds].evidence
    assert found[case.finds].fix or found[case.finds].no_fix
    assert story.carries[name] == (case.carries, case.carries)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.finds])
def test_what_is_healthy_is_up_and_yields_nothing(story: Story, name: str) -> None:
    assert {key: (each.summary, each.evidence) for key, each in story.audit[name].items()} == {}
    assert story.carries[name] == (True, True)


def test_a_path_that_drops_ike_is_told_by_the_logs_of_both(story: Story) -> None:
    assert "ike-unanswered" in story.blocked


def test_a_path_that_drops_esp_is_told_by_what_does_not_arrive(story: Story) -> None:
    found = story.audit[ESP_LOST]
    assert set(found) == {"nat-traversal-needed"}
    assert [fix.setting for fix in found["nat-traversal-needed"].fix if isinstance(fix, Change)] == ["encap"]
