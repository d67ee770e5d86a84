"""A fault for each finding that is repaired, on real tunnels at once: repaired, proven, then left alone.

One lab, a pair of gateways for each fault and a healthy pair; three runs of the playbook a user types. The tests
look at what those runs have left, above all whether `--check` foretold it and no key is in it. All faults, also
those that lead to advice, are in the matrix (`make matrix`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults import FAULTS, Fault, inject
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import Tunnel, pairs

from .ansible_run import Run, playbook

REMEDIATE = "tunnelwright.ipsec.remediate"
REPAIRED = {fault.finds: fault for fault in reversed(FAULTS.values()) if fault.cure}
CHOSEN = {fault.name: fault for fault in reversed(REPAIRED.values())}
PUT = {name: f"t{number:02d}" for number, name in enumerate(CHOSEN, 1)}
HEALTHY = f"t{len(CHOSEN) + 1:02d}"
SETTLED = 6.0  # seconds: an SA younger than that may be known to one end only, and no rule speaks of it


@dataclass
class Story:
    """What happened: three runs, and whether traffic passed before and after."""

    lab: Lab
    tmp: Path
    reports: Path
    carried: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    carries: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def tunnel(self, name: str) -> Tunnel:
        return self.lab.topology.tunnels[name]

    def title(self, name: str) -> str:
        """The tunnel's name as the audit makes it."""
        tunnel = self.tunnel(name)
        return "-".join(sorted((tunnel.initiator.gateway, tunnel.responder.gateway)))

    def audit(self, when: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.reports / f"{when}.json").read_text(encoding="utf-8"))
        return found

    def findings(self, when: str, name: str) -> list[dict[str, Any]]:
        return [finding for finding in self.audit(when)["findings"] if finding["tunnel"] == self.title(name)]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    tmp = tmp_path_factory.mktemp("faults")
    with running(pairs(len(CHOSEN) + 1, name="faults")) as lab:
        story = Story(lab, tmp, tmp / "reports")
        story.reports.mkdir()
        hosts = tmp / "inventory.yml"
        hosts.write_text(inventory(lab), encoding="utf-8")
        for name, tunnel in PUT.items():
            inject(lab, name, tunnel)
        story.carried = {tunnel: lab.pings(tunnel) for tunnel in PUT.values()}
        time.sleep(SETTLED)
        given = tmp / "given.json"
        given.write_text(
            json.dumps({"ipsec_psks": _psks(story), "ipsec_report_dir": str(story.reports)}), encoding="utf-8"
        )
        for arguments in (("--check", "--diff", "-vvv"), ("--diff", "-vvv"), ()):
            story.runs.append(playbook(tmp, hosts, REMEDIATE, "-e", f"@{given}", *arguments))
            if len(story.runs) < 3:  # the third run's audit would write over what the repair has found
                for report in story.reports.glob("*.json"):
                    (tmp / f"{len(story.runs)}-{report.name}").write_bytes(report.read_bytes())
        for report in tmp.glob("2-*.json"):
            (story.reports / report.name.removeprefix("2-")).write_bytes(report.read_bytes())
        story.carries = {tunnel: lab.pings(tunnel) for tunnel in (*PUT.values(), HEALTHY)}
        yield story


def _psks(story: Story) -> Mapping[str, str]:
    """The right keys of the tunnels whose keys are wrong: no other may be needed."""
    names = [PUT[fault.name] for fault in CHOSEN.values() if fault.psk]
    return {story.title(name): (story.lab.folder / f"psk-{name}").read_text(encoding="utf-8") for name in names}


@pytest.mark.parametrize("fault", CHOSEN.values(), ids=CHOSEN)
def test_a_fault_breaks_the_tunnel_as_it_says(story: Story, fault: Fault) -> None:
    assert story.carried[PUT[fault.name]] == (fault.carries, fault.carries)


@pytest.mark.parametrize("fault", CHOSEN.values(), ids=CHOSEN)
def test_a_fault_is_found_on_the_right_end_with_evidence_and_nothing_else_is(story: Story, fault: Fault) -> None:
    found = {finding["id"]: finding for finding in story.findings("before", PUT[fault.name])}
    assert set(found) - fault.beside == {fault.finds}
    finding = found[fault.finds]
    tunnel = story.tunnel(PUT[fault.name])
    ends = {"initiator": {tunnel.initiator.gateway}, "responder": {tunnel.responder.gateway}}
    assert finding["end"]["gateway"] in ends.get(fault.side, {tunnel.initiator.gateway, tunnel.responder.gateway})
    assert finding["evidence"], finding
    assert finding["reference"]
    assert finding["fix"]


@pytest.mark.parametrize("fault", CHOSEN.values(), ids=CHOSEN)
def test_a_fault_is_repaired_and_proven_by_traffic(story: Story, fault: Fault) -> None:
    assert story.carries[PUT[fault.name]] == (True, True)
    assert story.findings("after", PUT[fault.name]) == []
    (repair,) = (r for r in story.audit("after")["repairs"] if r["tunnel"] == story.title(PUT[fault.name]))
    assert repair["proven"], repair
    assert repair["changed"], repair
    assert not repair["failed"], repair


def test_the_healthy_pair_is_left_alone(story: Story) -> None:
    assert story.findings("before", HEALTHY) == story.findings("after", HEALTHY) == []
    gateways = {story.tunnel(HEALTHY).initiator.gateway, story.tunnel(HEALTHY).responder.gateway}
    assert not gateways & {host for run in story.runs for host in run.changed()}
    assert story.carries[HEALTHY] == (True, True)


def test_check_mode_names_just_the_gateways_that_a_run_changes(story: Story) -> None:
    check, real = story.runs[:2]
    # Once its peer's daemon runs again, an initiator's own retries may bring the tunnel up before the step does.
    itself = story.tunnel(PUT["daemon-stopped"]).initiator.gateway
    planned, made = ({host: count for host, count in run.changed().items() if host != itself} for run in (check, real))
    assert planned == made
    assert itself in check.changed()
    assert (check.status, real.status) == (0, 0), real.output[-3000:]


def test_check_mode_shows_the_diff_that_a_run_makes(story: Story) -> None:
    check, real, dummy = (
        [result.get("diff") for task, host, result in sorted(_diffs(run), key=str)] for run in story.runs
    )
    assert check == real
    assert check
    del dummy


def _diffs(run: Run) -> list[tuple[str, str, dict[str, Any]]]:
    loops = [(task, host, item) for task, host, result in run.tasks for item in result.get("results", ())]
    return [(task, host, {"diff": item["diff"]}) for task, host, item in loops if item.get("diff")]


def test_the_second_run_changes_nothing(story: Story) -> None:
    again = story.runs[2]
    assert again.changed() == {}
    assert again.status == 0


def test_no_pre_shared_key_is_in_any_output_report_or_file(story: Story) -> None:
    keys = [path.read_text(encoding="utf-8") for path in story.lab.folder.glob("psk-*")]
    assert len(keys) == len(story.lab.topology.tunnels)
    texts = {f"output {number}": run.output for number, run in enumerate(story.runs)}
    left = (
        path
        for path in story.tmp.rglob("*")
        if path.is_file() and path.name != "given.json" and "ansible_collections" not in path.parts
    )
    texts |= {str(path): path.read_text(encoding="utf-8", errors="replace") for path in left}
    assert [(where, key) for where, text in texts.items() for key in keys if key in text] == []


def test_no_helper_file_is_left_on_a_gateway(story: Story) -> None:
    for gateway in story.lab.topology.gateways:
        assert story.lab.sh(gateway, "find /etc/swanctl -name '*tunnelwright*' -o -name '.*.conf*'") == ""
