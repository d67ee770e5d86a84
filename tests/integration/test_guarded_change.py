"""Changes of real tunnels in batches: each is done and proven, or what it was; whatever is killed or cut meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import Run, environment, playbook

LEFT = """find /etc -xdev -name '*tunnelwright*' ! -path /etc/tunnelwright
find /etc/tunnelwright -mindepth 1 ! -name rolled-back 2>/dev/null || :"""
WHOLE = """cd /etc && find swanctl -type f -o -type l | sort | xargs stat -c '%n %a %u %g'
find swanctl -type f | sort | xargs sha256sum"""


pytestmark = [pytest.mark.apart, pytest.mark.lasts(40)]


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """As many pairs of gateways as the test says, or one."""
    with running(pairs(getattr(request, "param", 1), name="change")) as lab:
        yield lab


TWO = pytest.mark.parametrize("lab", [2], indirect=True, ids=["two"])


@pytest.fixture(autouse=True)
def nothing_left(lab: Lab) -> Iterator[None]:
    """After each test all tunnels carry traffic, and nothing of a guard is left."""
    yield
    for gateway in lab.topology.gateways:
        assert lab.sh(gateway, LEFT) == ""
    for tunnel in lab.topology.tunnels:
        assert lab.pings(tunnel) == (True, True)


BAD = {"b": {"remote_addrs": "192.0.2.99"}}  # an address where nobody answers, for the end that initiates


def declared(**settings: dict[str, Any]) -> dict[str, Any]:
    """Extra variables that have some tunnels get settings, by their names in the lab; `a` or `b` for one end alone."""
    return {
        "ipsec_tunnels": [
            {
                "name": name,
                "ends": [
                    {"gateway": f"{side}{name[1:]}", "connection": connection, "settings": given.get(side, {})}
                    for side, connection in (("a", "west"), ("b", "east"))
                ],
                "settings": {key: value for key, value in given.items() if key not in "ab"},
            }
            for name, given in settings.items()
        ],
        "ipsec_serial": [1, 2],
        "ipsec_timeout": 5,
    }


def command(tmp: Path, variables: dict[str, Any], ticket: str) -> list[str]:
    extra = tmp / f"{ticket}.json"
    given = {"ipsec_ticket": ticket, "ipsec_change_dir": str(tmp / "changes"), "ipsec_by": "alice", **variables}
    extra.write_text(json.dumps(given), encoding="utf-8")
    return ["-e", f"@{extra}"]


def change(tmp: Path, hosts: Path, variables: dict[str, Any], *more: str, ticket: str = "CHG-1") -> Run:
    return playbook(tmp, hosts, "tunnelwright.ipsec.change_window", *command(tmp, variables, ticket), *more)


def started(tmp: Path, hosts: Path, variables: dict[str, Any], ticket: str = "CHG-1") -> subprocess.Popen[bytes]:
    """The same, in the background and in a process group of its own."""
    program = str(Path(sys.executable).parent / "ansible-playbook")
    arguments = [program, "-i", str(hosts), "tunnelwright.ipsec.change_window", *command(tmp, variables, ticket)]
    with (tmp / "background.log").open("wb") as log:
        return subprocess.Popen(
            arguments, env=environment(tmp), cwd=tmp, stdout=log, stderr=log, start_new_session=True
        )


def killed(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def record(tmp: Path, kind: str = "change", ticket: str = "CHG-1") -> dict[str, Any]:
    """The last record of a ticket."""
    last = max((tmp / "changes").glob(f"{kind}-{ticket}-*.json"), key=lambda path: path.stat().st_mtime_ns)
    found: dict[str, Any] = json.loads(last.read_text(encoding="utf-8"))
    assert last.with_suffix(".md").read_text(encoding="utf-8").startswith("# ")
    return found


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {tunnel["name"]: tunnel["status"] for tunnel in found["tunnels"]}


def until(what: Any, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def whole(lab: Lab) -> dict[str, str]:
    return {gateway: lab.sh(gateway, WHOLE) for gateway in lab.topology.gateways}


def configured(lab: Lab, gateway: str) -> str:
    return lab.sh(gateway, "cat /etc/swanctl/conf.d/[ew]*st.conf")


@TWO
@pytest.mark.lasts(90)
def test_what_is_declared_is_done_in_batches_as_planned_and_once(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wanted = declared(t01={"dpd_delay": "11s"}, t02={"dpd_delay": "11s"})
    before = whole(lab)
    foreseen = change(tmp_path, hosts, wanted, "--check")
    assert foreseen.status == 0, foreseen.output
    assert whole(lab) == before
    plan = record(tmp_path, "plan")
    done = change(tmp_path, hosts, wanted)
    assert done.status == 0, done.output
    made = record(tmp_path)
    assert statuses(plan) == {"t01": "planned", "t02": "planned"}
    assert statuses(made) == {"t01": "done", "t02": "done"}
    assert plan["batches"] == made["batches"] == [["t01"], ["t02"]]
    steps = {t["name"]: [(s["gateway"], s["what"], s["settings"]) for s in t["steps"]] for t in made["tunnels"]}
    assert steps == {t["name"]: [(s["gateway"], s["what"], s["settings"]) for s in t["steps"]] for t in plan["tunnels"]}
    assert steps["t01"][0] == ("a01", "connection west", {"dpd_delay": ["30s", "11s"]})
    for tunnel in made["tunnels"]:
        assert tunnel["after"]["crosswise"] is tunnel["after"]["traffic"] is True
        one, other = tunnel["after"]["sas"]
        assert (one["spi_in"], one["spi_out"]) == (other["spi_out"], other["spi_in"])
        outage = tunnel["outages"][0]
        assert outage["sent"] > 10
        assert outage["lost"] < outage["sent"] / 2
    assert done.changed() == dict.fromkeys(lab.topology.gateways, 1)  # guards leave nothing
    assert lab.exec("b01", ["ls", "/run/tunnelwright"]).returncode != 0
    again = change(tmp_path, hosts, wanted, "-e", "ipsec_gather=fleet")  # which this role does not take
    assert (again.status, again.changed()) == (0, {})
    assert {earlier["tunnel"] for earlier in record(tmp_path)["earlier"]} == {"t01", "t02"}
    assert record(tmp_path)["tunnels"] == []


@TWO
@pytest.mark.lasts(60)
def test_a_tunnel_that_fails_is_what_it_was_and_the_other_of_its_batch_is_done(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    before = {gateway: lab.sh(gateway, WHOLE) for gateway in ("a02", "b02")}
    done = change(tmp_path, hosts, {**declared(t01={"dpd_delay": "12s"}, t02=BAD), "ipsec_serial": 2})
    made = record(tmp_path)
    assert made["batches"] == [["t01", "t02"]]
    assert statuses(made) == {"t01": "done", "t02": "rolled_back"}
    assert done.status != 0
    assert "CHG-1: t02 rolled back; see " in done.output
    assert {gateway: lab.sh(gateway, WHOLE) for gateway in before} == before
    failed = next(tunnel for tunnel in made["tunnels"] if tunnel["name"] == "t02")
    assert "on b02 failed" in failed["because"]
    assert failed["outages"][0]["seconds"] > 1


@pytest.mark.night  # unit/rollout has what is begun and what is not; a tunnel that fails is above
@TWO
def test_after_a_failed_canary_the_rest_is_not_begun(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = whole(lab)
    done = change(tmp_path, hosts, declared(t01=BAD, t02={"dpd_delay": "13s"}))
    assert done.status != 0
    assert statuses(record(tmp_path)) == {"t01": "rolled_back", "t02": "untouched"}
    assert whole(lab) == before


def test_outside_the_window_nothing_is_begun_and_one_sentence_says_when(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    window = {"start": "2026-01-01T22:00", "end": "2026-01-02T04:00", "timezone": "Europe/Berlin"}
    wanted = {**declared(t01={"dpd_delay": "14s"}), "ipsec_window": window}
    refused = change(tmp_path, hosts, wanted)
    assert refused.status != 0
    assert "the change window has passed: it ended 2026-01-02 04:00 CET" in refused.output
    assert not (tmp_path / "changes").exists()
    assert "14s" not in configured(lab, "a01")
    plan = change(tmp_path, hosts, wanted, "--check")
    assert plan.status == 0
    assert record(tmp_path, "plan")["notes"] == ["the change window has passed: it ended 2026-01-02 04:00 CET"]


def test_a_run_that_was_killed_is_taken_up_by_the_next(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wanted = declared(t01={"dpd_delay": "15s"})
    process = started(tmp_path, hosts, wanted)
    until(lambda: "15s" in configured(lab, "a01"))
    killed(process)
    left = record(tmp_path)
    assert left["ended"] == ""
    assert statuses(left) == {"t01": "under_way"}
    done = change(tmp_path, hosts, wanted)
    assert done.status == 0, done.output
    made = record(tmp_path)
    assert statuses(made) == {"t01": "done"}
    assert "a01: what an interrupted run had not confirmed was rolled back" in made["notes"]


def test_two_operators_at_once_do_not_undo_each_other(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wanted = declared(t01={"dpd_delay": "16s"})
    process = started(tmp_path, hosts, wanted)
    until(lambda: lab.exec("a01", ["test", "-e", "/etc/tunnelwright/guard"]).returncode == 0)
    os.killpg(process.pid, signal.SIGSTOP)  # so that it is at work for as long as the other takes
    (tmp_path / "other").mkdir()
    same = change(tmp_path / "other", hosts, wanted)
    os.killpg(process.pid, signal.SIGCONT)
    assert same.status != 0
    assert "is at work on CHG-1 at a01" in same.output
    assert process.wait(timeout=600) == 0
    assert statuses(record(tmp_path)) == {"t01": "done"}


def test_the_playbook_rollback_undoes_what_is_not_confirmed(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = whole(lab)
    process = started(tmp_path, hosts, declared(t01={"dpd_delay": "17s"}))
    until(lambda: "17s" in configured(lab, "a01"))
    killed(process)
    undone = playbook(tmp_path, hosts, "tunnelwright.ipsec.rollback", "-e", "ipsec_ticket=CHG-1")
    assert (undone.status, undone.changed()) == (0, {"a01": 1, "b01": 1}), undone.output
    assert whole(lab) == before
    again = playbook(tmp_path, hosts, "tunnelwright.ipsec.rollback", "-e", "ipsec_ticket=CHG-1")
    assert (again.status, again.changed()) == (0, {})


@pytest.fixture
def through(lab: Lab, hosts: Path) -> Path:
    """The inventory in which b01 is only reached through its own tunnel, by way of a01."""
    again = "/usr/sbin/sshd -o ListenAddress=10.1.2.1 -o PidFile=none -f /etc/ssh/lab_config"
    lab.sh("b01", f"ss -tln | grep -q 10.1.2.1:22 || {again}")
    data = yaml.safe_load(hosts.read_text(encoding="utf-8"))
    common = data["all"]["vars"]["ansible_ssh_common_args"]
    proxy = f"ssh -i {lab.folder / 'id_ed25519'} {common} -W {lab.inside('b01')}:22 root@{lab.management('a01')}"
    data["all"]["hosts"]["b01"] = {
        "ansible_host": f"b01.{lab.state.name}",  # no other lab's, so that no session is shared with one
        "ansible_ssh_common_args": f"{common} -o HostKeyAlias={lab.management('b01')} -o ProxyCommand='{proxy}'",
    }
    hosts.write_text(yaml.safe_dump(data), encoding="utf-8")
    return hosts


def test_a_gateway_is_changed_through_the_tunnel_that_it_is_managed_by(through: Path, tmp_path: Path) -> None:
    done = change(tmp_path, through, declared(t01={"dpd_delay": "18s"}))
    assert done.status == 0, done.output
    (tunnel,) = record(tmp_path)["tunnels"]
    assert (tunnel["status"], tunnel["manages"]) == ("done", ["b01"])


def test_a_change_that_cuts_its_own_path_is_undone_on_both_ends(lab: Lab, through: Path, tmp_path: Path) -> None:
    before = whole(lab)
    wanted = {**declared(t01=BAD), "ipsec_guard_seconds": 120}
    done = change(tmp_path, through, wanted)
    assert done.status != 0
    made = record(tmp_path)
    assert statuses(made) == {"t01": "rolled_back"}, done.output
    assert made["ended"]
    assert whole(lab) == before


@pytest.mark.night  # unit/rollout has what becomes of it; audits of it by day are in test_playbooks.py
@TWO
def test_a_gateway_that_cannot_be_reached_does_not_keep_the_others(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    data = yaml.safe_load(hosts.read_text(encoding="utf-8"))
    data["all"]["hosts"]["a02"]["ansible_host"] = str(lab.management("a02") + 1000)
    data["all"]["vars"]["ansible_ssh_timeout"] = 3
    hosts.write_text(yaml.safe_dump(data), encoding="utf-8")
    done = change(tmp_path, hosts, declared(t01={"dpd_delay": "19s"}))
    made = record(tmp_path)
    assert statuses(made) == {"t01": "done"}
    assert [note.split(":")[0] for note in made["notes"]] == ["a02 could not be read, and its tunnels are left alone"]
    assert {host for host, counts in done.stats.items() if counts["failures"]} == {"a02"}
