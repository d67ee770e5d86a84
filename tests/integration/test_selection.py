"""One tunnel of several is named: nothing else is told or changed, and `--check` ends as the run does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.faults import inject
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import Run, playbook

DPD, KEYS, DPD_TOO, HEALTHY = "a01-b01", "a02-b02", "a03-b03", "a04-b04"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(4, name="selection")) as lab:
        inject(lab, "dpd-off", "t01")
        inject(lab, "psk-mismatch", "t02")
        inject(lab, "dpd-off", "t03")
        yield lab


def run(tmp: Path, hosts: Path, name: str, *arguments: str, **given: Any) -> Run:
    extra = {"ipsec_report_dir": str(tmp), **given}
    return playbook(tmp, hosts, f"tunnelwright.ipsec.{name}", "-e", json.dumps(extra), *arguments)


def report(tmp: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_an_audit_tells_of_what_is_named_alone(hosts: Path, tmp_path: Path) -> None:
    for given, names in ((["-e", f"tunnel={DPD}"], [DPD]), (["-e", f"ipsec_only={KEYS},a03*"], [KEYS, DPD_TOO])):
        done = run(tmp_path, hosts, "audit", *given)
        found = report(tmp_path, "findings-selected")
        assert done.status == 0, done.output
        assert [tunnel["name"] for tunnel in found["tunnels"]] == names
        assert {finding["tunnel"] for finding in found["findings"]} == set(names)
        assert {step["tunnel"] for step in found["plan"]} <= set(names)


@pytest.mark.parametrize("name", ["audit", "diagnose", "remediate", "change_window"])
def test_a_name_that_no_tunnel_has_ends_the_run(hosts: Path, tmp_path: Path, name: str) -> None:
    done = run(tmp_path, hosts, name, "--check", "-e", "tunnel=a01-b02", ipsec_ticket="CHG-0", ipsec_change_dir="")
    assert done.status != 0
    assert "no tunnel is called 'a01-b02' at ipsec_only: do you mean a0" in done.output


def test_a_mistake_in_what_is_declared_is_told_before_a_gateway_is_read(hosts: Path, tmp_path: Path) -> None:
    ends = [{"gateway": "a01", "connection": "west"}, {"gateway": "b001", "connection": "east"}]
    done = run(tmp_path, hosts, "audit", ipsec_tunnels=[{"name": "one", "ends": ends}])
    assert done.status != 0
    assert "b001 is not in the inventory at tunnels.one.ends: do you mean b01?" in done.output
    assert not [name for name, dummy, result in done.tasks if name.endswith("Read the gateway")]


def test_a_gateway_that_is_read_in_part_leaves_its_tunnel_unknown_and_fails(hosts: Path, tmp_path: Path) -> None:
    data = yaml.safe_load(hosts.read_text(encoding="utf-8"))
    data["all"]["hosts"]["b04"]["ansible_user"] = "operator"  # who may not open the daemon's socket
    hosts.write_text(yaml.safe_dump(data), encoding="utf-8")
    done = run(tmp_path, hosts, "audit", "-e", f"tunnel={HEALTHY}", ipsec_report_formats=["json", "prometheus"])
    (told,) = report(tmp_path, "findings-selected")["tunnels"]
    assert told["state"] == "unknown"
    assert {host for host, counts in done.stats.items() if counts["failures"]} == {"b04"}
    assert "1 tunnel, 0 down, 1 unknown" in done.output
    assert "a04 has CHILD_SA net{" in " ".join(told["proof"]["missing"])
    metrics = (tmp_path / "findings-selected.prom").read_text(encoding="utf-8")
    assert "ipsec_tunnel_up{" not in metrics
    assert f'ipsec_tunnel_state{{tunnel="{HEALTHY}",state="unknown"}} 1' in metrics
    assert {finding["id"] for finding in report(tmp_path, "findings-selected")["findings"]} == {"gateway-unreadable"}


@pytest.mark.parametrize("name", ["change_window", "rollback"])
def test_a_change_without_a_name_is_refused_in_one_sentence(hosts: Path, tmp_path: Path, name: str) -> None:
    done = run(tmp_path, hosts, name)
    assert done.status != 0
    assert (
        done.output.count("the change has no name: give it the one of its ticket") <= 2
    )  # the error, and the task's result
    assert len(done.output) < 3000


def test_where_no_gateway_is_in_the_inventory_a_run_fails(tmp_path: Path) -> None:
    hosts = tmp_path / "empty.yml"
    hosts.write_text("all: {hosts: {}}\n", encoding="utf-8")
    done = run(tmp_path, hosts, "audit", ipsec_fail_on="high")
    assert done.status != 0
    assert "No host of the inventory matches all" in done.output


def test_a_key_that_nobody_gives_fails_the_forecast_as_it_fails_the_run(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = {gateway: lab.sh(gateway, "cat /etc/swanctl/conf.d/*") for gateway in ("a02", "b02")}
    foretold, done = (run(tmp_path, hosts, "remediate", *more, "-e", f"tunnel={KEYS}") for more in (("--check",), ()))
    assert foretold.status == done.status != 0
    assert f"A run would not prove {KEYS}: psk-mismatch: " in " ".join(foretold.output.split())
    assert {gateway: lab.sh(gateway, "cat /etc/swanctl/conf.d/*") for gateway in before} == before
    planned = run(
        tmp_path, hosts, "change_window", "--check", ipsec_ticket="CHG-7", ipsec_change_dir=str(tmp_path / "changes")
    )
    assert planned.status == 0, planned.output  # for that tunnel there is nothing to do, so it is no part of it
    page = next((tmp_path / "changes").glob("*.md")).read_text(encoding="utf-8")
    assert "would change" in page
    assert KEYS not in page


def test_a_step_that_is_refused_fails_the_forecast(hosts: Path, tmp_path: Path) -> None:
    ends = [{"gateway": "a03", "connection": "west"}, {"gateway": "b03", "connection": "east"}]
    given = {"ipsec_tunnels": [{"name": "three", "ends": ends, "settings": {"dpd_timeout": "77s"}}]}
    arguments = ("--check", "-e", "tunnel=three")
    foretold = run(tmp_path, hosts, "remediate", *arguments, ipsec_repair=["load"], **given)
    assert foretold.status != 0
    assert "strongSwan ignores a change of dpd_timeout alone" in foretold.output
    more = {"ipsec_ticket": "CHG-8", "ipsec_change_dir": str(tmp_path / "changes"), "ipsec_repair": ["load"], **given}
    planned = run(tmp_path, hosts, "change_window", *arguments, **more)
    assert planned.status != 0
    assert "three failed" in planned.output
    assert "**would fail**" in next((tmp_path / "changes").glob("*.md")).read_text(encoding="utf-8")


def test_a_repair_changes_what_is_named_alone(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    others = {gateway: lab.sh(gateway, "cat /etc/swanctl/conf.d/*") for gateway in ("a02", "b02", "a03", "b03")}
    foretold, done = (run(tmp_path, hosts, "remediate", *more, "-e", f"tunnel={DPD}") for more in (("--check",), ()))
    assert (foretold.status, done.status) == (0, 0), foretold.output + done.output
    assert foretold.changed() == done.changed() != {}
    assert set(done.changed()) <= {"a01", "b01"}
    assert {gateway: lab.sh(gateway, "cat /etc/swanctl/conf.d/*") for gateway in others} == others
    given = {"ipsec_ticket": "CHG-9", "ipsec_change_dir": str(tmp_path / "changes")}
    changed = run(tmp_path, hosts, "change_window", "-e", f"tunnel={DPD_TOO}", **given)
    assert changed.status == 0, changed.output
    assert set(changed.changed()) <= {"a03", "b03", "localhost"}
    assert "dpd_delay" in lab.sh("a03", "cat /etc/swanctl/conf.d/*") + lab.sh("b03", "cat /etc/swanctl/conf.d/*")


def test_a_key_for_a_tunnel_that_is_not_there_is_a_warning(hosts: Path, tmp_path: Path) -> None:
    keys = {"a01-b00": "a key of this test", "another-secret": "a key of this test"}
    done = run(tmp_path, hosts, "audit", ipsec_psks=keys)
    told = " ".join(done.output.split())
    assert "[WARNING]: ipsec_psks has a key for a01-b00, and no tunnel is called so: do you mean a01-b01?" in told
    assert "ipsec_psks has 1 key for no tunnel that is known here" in told
    assert "another-secret" not in told
