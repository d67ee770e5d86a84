"""Repairs under guard: what is not proven is what it was; what shares a gateway with it is repaired all the same."""

from __future__ import annotations

import getpass
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults import inject
from tests.lab.lab import Lab, running
from tests.lab.topology import read

from .ansible_run import Run, playbook
from .test_guarded_change import LEFT, WHOLE

DEMO = Path(__file__).parents[1] / "lab" / "topologies" / "demo.yml"
NOWHERE = {"remote_addrs": "192.0.2.99"}  # an address where nobody answers, for the end that initiates

pytestmark = [pytest.mark.apart, pytest.mark.lasts(60)]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A hub and three branches."""
    with running(read(DEMO)) as lab:
        yield lab
        for gateway in lab.topology.gateways:
            assert lab.sh(gateway, LEFT) == "", f"a guard is left on {gateway}"
        assert all(lab.ping(f"host{number}", "hub-host") for number in (1, 2, 3))


def repair(tmp: Path, hosts: Path, *more: str, **variables: Any) -> Run:
    given = {"ipsec_timeout": 5, **variables}
    return playbook(tmp, hosts, "tunnelwright.ipsec.remediate", "-e", json.dumps(given), *more)


def declared(branch: int, **settings: str) -> dict[str, Any]:
    """A tunnel of which the end that initiates is to have these settings."""
    name = f"branch{branch}"
    ends = [{"gateway": "hub", "connection": name}, {"gateway": name, "connection": "hub", "settings": settings}]
    return {"name": f"hub-{name}", "ends": ends}


def test_what_is_wrong_is_repaired_and_kept_and_nothing_is_left_of_the_guards(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    inject(lab, "ike-proposals-disjoint", "hub-branch1")
    inject(lab, "esp-proposals-disjoint", "hub-branch1")
    inject(lab, "selectors-not-mirrored", "hub-branch3")
    foretold = repair(tmp_path, hosts, "--check")
    done = repair(tmp_path, hosts)
    assert done.status == 0, done.output
    assert "NOT PROVEN" not in done.output
    assert (foretold.status, foretold.changed()) == (0, done.changed())
    again = repair(tmp_path, hosts)
    assert (again.status, again.changed()) == (0, {})


def test_what_cannot_be_guarded_is_left_alone_and_a_check_says_so(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    inject(lab, "ike-proposals-disjoint", "hub-branch1")
    inject(lab, "selectors-not-mirrored", "hub-branch3")
    other = {"name": "arm", "tunnelwright.ipsec.rollback_guard": {"name": "CHG-7", "seconds": 900}}
    assert playbook(tmp_path, hosts, [{"hosts": "branch1", "gather_facts": False, "tasks": [other]}]).status == 0
    before = lab.sh("branch1", WHOLE)
    foretold = repair(tmp_path, hosts, "--check")
    done = repair(tmp_path, hosts)
    assert (foretold.status, done.status) == (2, 2)
    for run in (foretold, done):
        assert "branch1-hub: branch1 could not be guarded: a guard of CHG-7 was armed" in run.output
    assert foretold.changed() == done.changed()
    assert lab.sh("branch1", WHOLE) == before
    assert lab.ping("host3", "hub-host"), "the other tunnel was repaired"
    assert playbook(tmp_path, hosts, "tunnelwright.ipsec.rollback", "-e", "ipsec_ticket=CHG-7").status == 0
    assert repair(tmp_path, hosts).status == 0


def test_what_a_killed_run_has_left_is_undone_also_where_nothing_is_wrong(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    name = f"remediate, {getpass.getuser()}@{platform.node()}"
    guard = {"name": "arm", "tunnelwright.ipsec.rollback_guard": {"name": name, "seconds": 900}}
    play = {"hosts": "hub,branch1", "gather_facts": False, "tasks": [guard]}
    assert playbook(tmp_path, hosts, [play]).status == 0
    assert lab.sh("hub", LEFT) != ""
    done = repair(tmp_path, hosts, "-e", "tunnel=branch2-hub")
    assert done.status == 0, done.output
    assert lab.sh("hub", LEFT) == lab.sh("branch1", LEFT) == ""


def test_a_tunnel_that_is_not_proven_is_what_it_was_and_the_others_of_its_hub_are_repaired(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    inject(lab, "ike-proposals-disjoint", "hub-branch1")
    before = lab.sh("branch2", WHOLE)
    done = repair(tmp_path, hosts, ipsec_tunnels=[declared(2, **NOWHERE)])
    assert done.status != 0
    assert "hub-branch2: UNDONE, its gateways have again what they had: connection hub on branch2 failed" in done.output
    assert "branch1-hub: proven" in done.output
    assert '"hub-branch2 rolled back; hub-branch2: connection hub on branch2 failed: ' in done.output
    assert lab.sh("branch2", WHOLE) == before
    assert lab.ping("host1", "hub-host"), "branch1-hub was repaired without it"
