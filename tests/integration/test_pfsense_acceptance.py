"""A mixed fleet as its operator meets it: two stand-ins for pfSense and a strongSwan, audited, changed, rolled back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab

from .ansible_run import Run, playbook
from .mixed_fleet import (
    DECLARED,
    PSKS,
    config,
    files_that_show,
    fleets,
    pfsenses,
    put,
    report,
    run,
    secrets,
    told,
    with_canaries,
)

pytestmark = pytest.mark.lasts(15)
PFSENSES = ("hub", "branch")
TUNNELS = ("sites", "partner")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with with_canaries(fleets()) as lab:
        yield lab


@pytest.fixture(scope="module")
def whole(lab: Lab) -> dict[str, str]:
    """config.xml of both pfSense as the lab made it."""
    return {gateway: config(lab, gateway) for gateway in pfsenses(lab)}


@pytest.mark.night
def test_a_healthy_mixed_fleet_is_silent_and_carries_traffic_both_ways(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    done = run(tmp_path, hosts, "remediate")
    assert (done.status, done.changed()) == (0, {}), done.output
    found = report(tmp_path, "before")
    assert {tunnel["name"] for tunnel in found["tunnels"]} == {"branch-hub", "hub-linux"}
    assert found["findings"] == found["unpaired"] == found["plan"] == []
    pings = [each for gateway in lab.topology.gateways for each in _probed(done, gateway)]
    assert pings == [True] * 4


def _probed(done: Run, gateway: str) -> list[bool]:
    return [each["reachable"] for each in done.result("Ping through the tunnels that are up", gateway)["results"]]


def change(
    tmp: Path, hosts: Path, ticket: str, tunnels: list[dict[str, Any]], *arguments: str
) -> tuple[Run, dict[str, Any]]:
    """A change window, and the record that it has left."""
    given = {"ipsec_ticket": ticket, "ipsec_change_dir": str(tmp / "changes"), "ipsec_by": "alice", "ipsec_timeout": 5}
    done = run(tmp, hosts, "change_window", *arguments, ipsec_tunnels=tunnels, ipsec_serial=2, **given)
    kind = "plan" if "--check" in arguments else "change"
    last = max((tmp / "changes").glob(f"{kind}-{ticket}-*.json"), key=lambda path: path.stat().st_mtime_ns)
    return done, json.loads(last.read_text(encoding="utf-8"))


def everything(lab: Lab) -> dict[str, str]:
    """What the gateways are configured to do: config.xml but for its revision, and all files of swanctl."""
    linux = lab.sh("linux", "cd /etc/swanctl && find . -type f | sort | xargs sha256sum")
    return {"linux": linux, **{gateway: _lasting(config(lab, gateway)) for gateway in PFSENSES}}


def _lasting(text: str) -> str:
    return re.sub(r"<revision>.*?</revision>", "<revision></revision>", text, flags=re.DOTALL)


def test_a_change_window_changes_what_is_declared_once_and_nothing_else(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path
) -> None:
    put(lab, whole)
    before = everything(lab)
    wanted = [{**each, "settings": {"dpd_delay": "11s"}} for each in DECLARED]
    foreseen, plan = change(tmp_path, hosts, "CHG-1", wanted, "--check")
    assert foreseen.status == 0, foreseen.output
    assert everything(lab) == before
    done, made = change(tmp_path, hosts, "CHG-1", wanted)
    assert done.status == 0, done.output
    assert {tunnel["status"] for tunnel in made["tunnels"]} == {"done"}
    assert _steps(plan) == _steps(made)
    assert ("hub", "connection con2 (partner)") in _steps(made)
    for gateway, count in (("hub", 2), ("branch", 1)):
        assert everything(lab)[gateway] == before[gateway].replace("<dpd_delay>10<", "<dpd_delay>11<", count)
    again, dummy = change(tmp_path, hosts, "CHG-1", wanted)
    assert (again.status, again.changed()) == (0, {}), again.output


def _steps(made: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((step["gateway"], step["what"]) for tunnel in made["tunnels"] for step in tunnel["steps"])


def test_a_change_whose_proof_fails_leaves_both_ends_with_what_they_had(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path
) -> None:
    put(lab, whole)
    before = everything(lab)
    nowhere = {"gateway": "hub", "connection": "con2", "settings": {"remote_addrs": "192.0.2.99"}}
    partner = {**DECLARED[1], "settings": {"dpd_delay": "12s"}, "ends": [nowhere, DECLARED[1]["ends"][1]]}
    done, made = change(tmp_path, hosts, "CHG-2", [{**DECLARED[0], "settings": {"dpd_delay": "12s"}}, partner])
    assert done.status != 0
    assert {tunnel["name"]: tunnel["status"] for tunnel in made["tunnels"]} == dict.fromkeys(TUNNELS, "rolled_back")
    assert everything(lab) == before
    assert [lab.pings(tunnel) for tunnel in TUNNELS] == [(True, True)] * 2


@pytest.mark.night
def test_the_playbook_rollback_undoes_what_nobody_has_confirmed(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path
) -> None:
    put(lab, whole)
    before = everything(lab)
    name = "{{ 'hub' if inventory_hostname == 'linux' else 'con1' }}"
    tasks = [
        {"tunnelwright.ipsec.rollback_guard": {"state": "armed", "name": "CHG-3", "seconds": 300}},
        {"tunnelwright.ipsec.connection": {"name": name, "settings": {"dpd_delay": "13s"}, "reason": "CHG-3"}},
    ]
    done = playbook(tmp_path, hosts, [{"hosts": "all", "gather_facts": False, "tasks": tasks}])
    assert (done.status, done.changed()) == (0, dict.fromkeys(lab.topology.gateways, 2)), done.output
    assert all("<dpd_delay>13<" in config(lab, gateway) for gateway in PFSENSES)
    for changed in (dict.fromkeys(lab.topology.gateways, 1), {}):
        undone = playbook(tmp_path, hosts, "tunnelwright.ipsec.rollback", "-e", "ipsec_ticket=CHG-3")
        assert (undone.status, undone.changed()) == (0, changed), undone.output
    assert everything(lab) == before


@pytest.mark.night
def test_no_secret_is_in_what_a_pfsense_logs_or_says_of_its_revisions(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """After all that was done here, and a key that is changed. Where its own configuration is, it has them."""
    wish = {"name": "con1", "settings": {"dpd_delay": "14s"}, "psk": PSKS["sites"], "reason": "CHG-4"}
    done = playbook(
        tmp_path,
        hosts,
        [{"hosts": list(PFSENSES), "gather_facts": False, "tasks": [{"tunnelwright.ipsec.connection": wish}]}],
    )
    assert (done.status, done.changed()) == (0, dict.fromkeys(PFSENSES, 1)), done.output
    known = secrets(hosts)
    for gateway in PFSENSES:
        assert "CHG-4: con1 " in told(lab, gateway)
        assert [secret for secret in known if secret in told(lab, gateway)] == []
        assert files_that_show(lab, gateway, known) <= {"/tmp/config.cache"}  # noqa: S108  pfSense has it there
