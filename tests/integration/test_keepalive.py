"""The keepalive on real gateways: installed and removed by Ansible, run by cron, and by hand on tunnels that fell."""

from __future__ import annotations

import base64
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.lab import swanctl
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import Run, module
from .steps import Task, changed, shell, steps, task

CHECK = "/usr/local/lib/tunnelwright/keepalive"
LEFT_BEHIND = "find /etc /usr /run /var -xdev -name '*tunnelwright*' 2>/dev/null; find /run /tmp -name '*tunnelwright*'"
OURS = {"connection": "east", "child": "net"}
PATIENCE = 300  # seconds, for machines that do other work

pytestmark = pytest.mark.apart


@pytest.fixture
def lab() -> Iterator[Lab]:
    """One tunnel that nothing brings back: no trap, no close action, no DPD action, as with a VTI."""
    with running(pairs(1, name="keepalive")) as lab:
        tunnel = lab.topology.tunnels["t01"]
        off = {"start_action": "none", "close_action": "none", "dpd_action": "clear"}
        lab.write("b01", "/etc/swanctl/conf.d/east.conf", swanctl.connection(tunnel, tunnel.initiator, {}, off))
        lab.sh("b01", "swanctl --load-all --noprompt; swanctl --terminate --ike east --timeout 5 || :")
        yield lab


def installed(lab: Lab, gateway: str) -> list[str]:
    """CHILD_SAs that are installed on a gateway."""
    listed = lab.sh(gateway, "swanctl --list-sas 2>/dev/null")
    return re.findall(r"^  net: (#\d+), .*INSTALLED", listed, re.MULTILINE)


def cut_by_peer(lab: Lab) -> None:
    """The peer ends the tunnel."""
    lab.exec("a01", ["swanctl", "--terminate", "--ike", "west", "--timeout", "5"])
    until(lambda: not installed(lab, "b01"))


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture
def by_hand(lab: Lab) -> Iterator[None]:
    """The check alone, without anything that runs it."""
    source = Path(__file__).parents[2] / "plugins/plugin_utils/_ipsec/platforms/strongswan/keepalive_check.sh"
    lab.sh("b01", "mkdir -p /usr/local/lib/tunnelwright")
    lab.write("b01", CHECK, source.read_text(encoding="utf-8"), mode="0755")
    yield
    lab.sh("b01", "rm -rf /run/tunnelwright /usr/local/lib/tunnelwright")


def check(lab: Lab, *shell: str) -> int:
    return lab.exec("b01", [*shell, CHECK, "t", "east", "net", "10"]).returncode


def keepalive(tmp: Path, hosts: Path, *more: str, on: str = "b01", **arguments: Any) -> Run:
    return module(tmp, hosts, on, "keepalive", {**OURS, **arguments}, *more)


def wish(*, check: bool = False, **arguments: Any) -> Task:
    return task("keepalive", {**OURS, **arguments}, check=check)


# ---- the check


@pytest.mark.parametrize("shell", ["dash", "busybox"])
@pytest.mark.usefixtures("by_hand")
def test_a_tunnel_that_its_peer_ended_comes_back_once(lab: Lab, shell: str) -> None:
    enter: list[str] = []
    if shell == "busybox":
        program = shutil.which("busybox")
        assert program
        copy = "mkdir -p /run/bb; cd /run/bb; base64 -d >busybox; chmod 755 busybox; ./busybox --install -s /run/bb"
        lab.exec("b01", ["sh", "-c", copy], stdin=base64.b64encode(Path(program).read_bytes()).decode(), check=True)
        enter = ["env", "PATH=/run/bb:/usr/sbin:/usr/bin", "/run/bb/sh"]
    cut_by_peer(lab)
    assert check(lab, *enter) == 0
    (one,) = installed(lab, "b01")
    assert lab.pings("t01") == (True, True)
    assert [check(lab, *enter) for again in range(3)] == [0] * 3
    assert installed(lab, "b01") == [one]
    assert len(installed(lab, "a01")) == 1


@pytest.mark.usefixtures("by_hand")
def test_two_checks_at_once_make_one_tunnel(lab: Lab) -> None:
    cut_by_peer(lab)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(check, [lab] * 4)) == [0] * 4
    assert len(installed(lab, "b01")) == 1


@pytest.mark.usefixtures("by_hand")
def test_a_tunnel_that_is_down_on_purpose_stays_down(lab: Lab) -> None:
    cut_by_peer(lab)
    lab.sh("b01", "mkdir -p /etc/tunnelwright && touch /etc/tunnelwright/down-t")
    assert check(lab) == 0
    assert installed(lab, "b01") == []
    lab.sh("b01", "rm -r /etc/tunnelwright")
    assert check(lab) == 0
    assert len(installed(lab, "b01")) == 1


@pytest.mark.usefixtures("by_hand")
def test_a_check_that_is_removed_while_it_waits_starts_nothing(lab: Lab) -> None:
    cut_by_peer(lab)
    lab.sh("b01", "mkdir /run/three && printf '#!/bin/sh\\necho 3\\n' >/run/three/od && chmod 755 /run/three/od")
    begun = f"PATH=/run/three:$PATH {CHECK} t east net 10 5 & until [ -e /run/tunnelwright/t.lock ]; do sleep 0.1; done"
    lab.sh("b01", f"{begun}; rm /run/tunnelwright/t.lock; wait $!; rm -r /run/three")
    assert installed(lab, "b01") == []
    assert check(lab) == 0
    assert len(installed(lab, "b01")) == 1


@pytest.mark.usefixtures("by_hand")
def test_while_an_attempt_is_under_way_no_other_is_queued(lab: Lab) -> None:
    cut_by_peer(lab)
    lab.sh("a01", "/etc/init.d/strongswan stop")
    try:
        lab.exec("b01", ["swanctl", "--initiate", "--ike", "east", "--child", "net", "--timeout", "1"])
        assert [check(lab), check(lab)] == [0, 0]
        listed = lab.sh("b01", "swanctl --list-sas --pretty 2>/dev/null")
        assert "state = CONNECTING" in listed
        assert listed.count("CHILD_CREATE") == 1
    finally:
        lab.sh("b01", "swanctl --terminate --ike east --force --timeout 5 || :")
        lab.sh("a01", "/etc/init.d/strongswan start")
    until(lambda: check(lab) == 0)
    assert len(installed(lab, "b01")) == 1


@pytest.mark.usefixtures("by_hand")
def test_a_daemon_that_is_stopped_is_logged_and_nothing_started(lab: Lab) -> None:
    lab.sh("b01", "/etc/init.d/strongswan stop")
    try:
        assert check(lab) == 1
        assert "daemon does not answer" in lab.sh("b01", "tail -n 1 /run/tunnelwright/keepalive.log")
        assert lab.exec("b01", ["swanctl", "--stats"]).returncode != 0
    finally:
        lab.sh("b01", "/etc/init.d/strongswan start")


# ---- by Ansible


def test_it_is_installed_once_as_check_mode_says_and_removed_without_a_trace(hosts: Path, tmp_path: Path) -> None:
    tasks = {
        "foretell": wish(check=True),
        "nothing": shell(LEFT_BEHIND),
        "install": wish(),
        "files": shell("stat -c '%a %U %G' /usr/local/lib/tunnelwright/keepalive /etc/cron.d/tunnelwright-*"),
        "again": wish(),
        "other": wish(interval=300),
        "foretell end": wish(check=True, state="absent"),
        "end": wish(state="absent"),
        "no trace": shell(LEFT_BEHIND),
        "no more": wish(state="absent"),
    }
    done = steps(tmp_path, hosts, "b01", tasks, "--diff")
    assert changed(done, "install", "again", "other", "end", "no more") == [True, False, True, True, False]
    assert done.result("nothing")["stdout"] == done.result("no trace")["stdout"] == ""
    result = done.result("install")
    assert done.result("foretell") == result
    assert result["keepalive"]["means"] == "cron"
    assert [entry["after_header"] for entry in result["diff"]] == result["files"]
    assert result["diff"][1]["after"].startswith('# tunnelwright keepalive: {"child": "net"')
    assert done.result("files")["stdout"].splitlines() == ["755 root root", "644 root root"]
    assert done.result("foretell end") == done.result("end")


CRON = "sh -c \"$(sed -n 's/^[*] [*] [*] [*] [*] root //p' /etc/cron.d/tunnelwright-keepalive-*)\""


# cron itself takes up to a minute.
@pytest.mark.parametrize(
    "tick",
    [
        pytest.param(CRON, id="its line"),
        pytest.param("kill -CONT $(cat /run/crond.pid)", id="cron", marks=pytest.mark.night),
    ],
)
def test_cron_brings_the_tunnel_back_within_its_minute(lab: Lab, hosts: Path, tmp_path: Path, tick: str) -> None:
    lab.sh("b01", "kill -STOP $(cat /run/crond.pid)")
    cut_by_peer(lab)
    assert keepalive(tmp_path, hosts, interval=60).status == 0
    lab.sh("b01", tick)
    until(lambda: bool(installed(lab, "b01")))
    told = lab.sh("b01", "cat /run/tunnelwright/keepalive.log; ls -la /etc/cron.d; ps ax; date")
    assert len(installed(lab, "b01")) == 1, told
    assert "was not installed; initiated" in told
    keepalive(tmp_path, hosts, state="absent")
    assert lab.sh("b01", LEFT_BEHIND) == ""


def test_a_child_that_the_daemon_does_not_have_is_refused(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    run = keepalive(tmp_path, hosts, child="nett")
    assert run.status != 0
    assert "the IKE daemon has no child 'nett' of connection 'east' at b01: it has net" in run.result("it")["msg"]
    assert lab.sh("b01", LEFT_BEHIND) == ""


def test_a_gateway_with_neither_systemd_nor_cron_is_refused(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lab.sh("a01", "kill $(cat /run/crond.pid)")
    try:
        run = keepalive(tmp_path, hosts, on="a01", connection="west")
        assert run.status != 0
        assert "neither systemd nor a cron daemon" in run.result("it")["msg"]
        assert lab.sh("a01", LEFT_BEHIND) == ""
    finally:
        lab.sh("a01", "cron")


def test_a_user_who_is_not_root_is_told_to_become_it(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "operator.yml"
    path.write_text(inventory(lab, user="operator"), encoding="utf-8")
    run = keepalive(tmp_path, path, "-e", "ansible_become=false")
    assert "become: true" in run.result("it")["msg"]
    assert keepalive(tmp_path, path, "--check").changed() == {"b01": 1}


SYSTEMCTL = """#!/bin/sh
case $* in *strongswan* | *charon*) exit 4 ;; esac # there is no such unit
echo "$*" >>/run/asked
"""


def test_where_systemd_runs_it_is_asked_to_run_the_timer(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """No systemd runs in the lab: one that notes what it is asked stands in. Unit tests verify the units."""
    lab.sh("b01", "mkdir -p /run/systemd/system")
    lab.write("b01", "/usr/local/bin/systemctl", SYSTEMCTL, mode="0755")
    try:
        done = keepalive(tmp_path, hosts, interval=45).result("it")
        assert done["keepalive"]["means"] == "systemd"
        unit = f"tunnelwright-keepalive-{done['keepalive']['name']}.timer"
        assert lab.sh("b01", "cat /run/asked").splitlines() == [
            "daemon-reload",
            f"enable --quiet {unit}",
            f"restart {unit}",
        ]
        exec_start = lab.sh("b01", f"sed -n 's/^ExecStart=//p' /etc/systemd/system/{unit[:-6]}.service")
        cut_by_peer(lab)
        lab.sh("b01", exec_start)
        assert len(installed(lab, "b01")) == 1
        tasks = {"again": wish(interval=45), "to cron": wish(means="cron"), "end": wish(state="absent")}
        again = steps(tmp_path, hosts, "b01", tasks)
        assert changed(again, *tasks) == [False, True, True]
        assert len(again.result("to cron")["files"]) == 3
        assert f"disable --now {unit}" in lab.sh("b01", "cat /run/asked")
        assert lab.sh("b01", LEFT_BEHIND) == ""
    finally:
        lab.sh("b01", "rm -rf /run/systemd /usr/local/bin/systemctl /run/asked")


def test_a_full_disk_leaves_no_half_file(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lib = "/usr/local/lib/tunnelwright"
    lab.sh("b01", f"mkdir {lib} && mount -t tmpfs -o size=4k tmpfs {lib} && head -c 4096 /dev/zero >{lib}/fill || :")
    try:
        run = keepalive(tmp_path, hosts)
        assert run.status != 0
        said = run.result("it")["msg"]
        assert "could not be installed at b01/east/net: " in said
        assert "No space left on device" in said
        assert lab.sh("b01", f"ls -A {lib}") == "fill\n"
    finally:
        lab.sh("b01", f"umount {lib} && rmdir {lib}")
    assert lab.sh("b01", LEFT_BEHIND) == ""
