"""Every role of the collection: foretold in check mode, run, and run again, which changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible_run import Run, playbook
from tests.integration.test_scheduled_audit import NAME, Node, hook, node
from tests.lab.faults import inject
from tests.lab.lab import Lab

__all__ = ["hook", "node"]  # the fixtures of a control node

ENDS = [{"gateway": "west", "connection": "east"}, {"gateway": "east", "connection": "west"}]
DECLARED = {"name": "east-west", "ends": ENDS, "settings": {"dpd_delay": "11s"}}


def run(tmp: Path, hosts: Path, role: str, *arguments: str, **variables: Any) -> Run:
    play = {"hosts": "all", "gather_facts": False, "roles": [f"tunnelwright.ipsec.{role}"]}
    return playbook(tmp, hosts, [play], *arguments, "-e", json.dumps(variables))


def foretold_done_again(tmp: Path, hosts: Path, role: str, **variables: Any) -> list[dict[str, int]]:
    """Which hosts each of the three runs changes; all of them succeed, and Ansible deprecates nothing."""
    runs = [run(tmp, hosts, role, *more, **variables) for more in (("--check", "--diff"), ("--diff",), ())]
    assert [one.status for one in runs] == [0, 0, 0], "\n".join(one.output for one in runs)
    assert not [one for one in runs if "DEPRECATION WARNING" in one.output]
    return [one.changed() for one in runs]


def test_audit_judges_and_writes_its_report(tmp: Path, hosts: Path) -> None:
    done = run(tmp, hosts, "audit", ipsec_report_dir=str(tmp / "audit"), ipsec_policy="baseline")
    assert (done.status, done.changed()) == (0, {}), done.output
    found = json.loads((tmp / "audit/findings.json").read_text(encoding="utf-8"))
    assert {tunnel["state"] for tunnel in found["tunnels"]} == {"up, traffic passes"}


def test_remediate_repairs_what_it_foretold_and_once(lab: Lab, tmp: Path, hosts: Path) -> None:
    inject(lab, "dpd-off", "west-east")
    foretold, done, again = foretold_done_again(tmp, hosts, "remediate")
    assert foretold == done != {}
    assert again == {}


def test_guarded_change_does_what_is_declared_and_once(tmp: Path, hosts: Path) -> None:
    given = {"ipsec_tunnels": [DECLARED], "ipsec_ticket": "CHG-1", "ipsec_change_dir": str(tmp / "changes")}
    given["ipsec_probe"] = False  # with -e it is before all else, and yet no change is kept that was not pinged through
    dummy, done, again = foretold_done_again(tmp, hosts, "guarded_change", **given)
    assert done.keys() == {"west", "east"}
    assert again == {}
    kinds = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((tmp / "changes").glob("*.json"))]
    changed = [tunnel for record in kinds for tunnel in record["tunnels"] if tunnel["status"] == "done"]
    assert [tunnel["after"]["traffic"] for tunnel in changed] == [True]


def test_diagnose_brings_up_what_is_down_and_says_that_it_works(lab: Lab, tmp: Path, hosts: Path) -> None:
    lab.exec("east", ["swanctl", "--terminate", "--ike", "west", "--timeout", "5"])
    done = run(tmp, hosts, "diagnose")
    assert done.status == 0, done.output
    assert {verdict["works"] for verdict in done.result("Analyse both logs")["verdicts"]["east-west"]} == {True}
    assert "DEPRECATION WARNING" not in done.output


@pytest.fixture
def scheduled(node: Node) -> Iterator[Node]:
    yield node
    assert node.role("--diff", state="absent").status == 0
    assert node.role(state="absent").changed() == {}


def test_scheduled_audit_is_installed_as_foretold_and_once(scheduled: Node) -> None:
    bare = {"vars_files": [], "vault": "", "webhook": ""}
    runs = [scheduled.role(*more, **bare) for more in (("--check", "--diff"), ("--diff",), ())]
    foretold, done, again = runs
    assert [one.status for one in runs] == [0, 0, 0], "\n".join(one.output for one in runs)
    assert foretold.changed().keys() == done.changed().keys() == {"localhost"}
    assert again.changed() == {}
    assert scheduled.job() == 0
    assert NAME in scheduled.sh("ls /etc/cron.d")
