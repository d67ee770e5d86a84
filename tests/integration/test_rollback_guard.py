"""The guard on real gateways: what was not confirmed is undone by the gateway itself, whatever was killed meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Daemon, Gateway, Guard
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.guard import DesiredGuard
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.strongswan import (
    build_guard_script,
    parse_guard_result,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport.framing import make_mark, pack, unpack

from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import Run, environment, module, playbook

CONF = "/etc/swanctl/conf.d/east.conf"
GUARD = "/etc/tunnelwright/guard"
RECORD = "/etc/tunnelwright/rolled-back"
LEFT = """find /etc /run -xdev -name '*tunnelwright*' ! -path /etc/tunnelwright
find /etc/tunnelwright -mindepth 1 ! -name rolled-back 2>/dev/null || :"""
WHOLE = """cd /etc && find swanctl -type f -o -type l | sort | xargs stat -c '%n %a %u %g %h'
find swanctl -type f | sort | xargs sha256sum"""
# As bad as a change can be: wrong peer, another mode and owner, a file more and one less; and the daemon has taken it.
HARM = f"""cd /etc/swanctl
sed -i 's/remote_addrs = .*/remote_addrs = 192.0.2.77/' {CONF}
chmod 600 {CONF} && chown 7:8 {CONF}
echo 'connections {{ more {{ }} }}' >conf.d/more.conf
rm conf.d/secrets.conf
swanctl --load-all --noprompt && swanctl --terminate --ike east --force --timeout 1 || :"""


pytestmark = pytest.mark.apart
LONG = 3000  # seconds: it is over when the test says so
PATIENCE = 600  # seconds, for machines that do other work


@pytest.fixture
def lab() -> Iterator[Lab]:
    with running(pairs(1, name="guard")) as lab:
        yield lab


@pytest.fixture(autouse=True)
def as_before(lab: Lab) -> Iterator[None]:
    """Each test leaves the configuration as it was, the tunnel up, and nothing of a guard."""
    established(lab)
    before = lab.sh("b01", WHOLE)
    yield
    gone(lab)
    assert lab.sh("b01", WHOLE) == before
    assert lab.sh("b01", LEFT) == ""
    established(lab)
    assert lab.pings("t01") == (True, True)


def established(lab: Lab) -> None:
    until(lab, lambda: lab.sh("b01", "swanctl --list-sas").count("INSTALLED") == 1)


def gone(lab: Lab) -> None:
    until(lab, lambda: not lab.sh("b01", "ls -d /etc/tunnelwright/guard* 2>/dev/null || :"))


def until(lab: Lab, what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        state = (
            f"swanctl --list-sas; tail -n 40 /run/charon.log; ls -la /etc/tunnelwright {GUARD}/; cat {GUARD}/about || :"
        )
        assert time.monotonic() < end, lab.sh("b01", state)
        time.sleep(0.5)


def guard(tmp: Path, hosts: Path, state: str = "armed", *more: str, **arguments: Any) -> Run:
    return module(tmp, hosts, "b01", "rollback_guard", {"state": state, **arguments}, *more)


def armed(tmp: Path, hosts: Path, **arguments: Any) -> dict[str, Any]:
    run = guard(tmp, hosts, seconds=LONG, **arguments)
    assert run.status == 0, run.output
    return run.result("it")


def over(lab: Lab) -> None:
    """The guard's time is over, and it has rolled back."""
    lab.sh("b01", f"echo 0 >{GUARD}/deadline")
    gone(lab)


def watcher(lab: Lab) -> str:
    """The pid of the process that would roll back."""
    return watchers(lab)[0]


def watchers(lab: Lab) -> list[str]:
    found = "tr '\\0' ' ' <$p/cmdline | grep -q '^/bin/sh [^ ]*/watch $' && echo ${p#/proc/}"
    return lab.sh("b01", f"for p in /proc/[0-9]*; do {found}; done; true").split()


def record(lab: Lab) -> str:
    return lab.sh("b01", f"cat {RECORD}")


def test_what_is_not_confirmed_is_undone_byte_for_byte_and_the_tunnel_is_up(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    foretold = guard(tmp_path, hosts, "armed", "--check", "--diff", seconds=LONG, name="CHG-1")
    assert lab.exec("b01", ["test", "-e", "/etc/tunnelwright"]).returncode == 1
    run = guard(tmp_path, hosts, "armed", "-vvvv", "--diff", seconds=LONG, name="CHG-1")
    done = run.result("it")
    assert (foretold.result("it")["changed"], done["changed"]) == (True, True)
    assert foretold.result("it")["diff"] == done["diff"]
    after = done["guard"]["after"]
    assert (after["name"], after["state"], after["alive"], after["at_boot"]) == ("CHG-1", "armed", True, "cron")
    assert lab.sh("b01", "stat -c %a /etc/tunnelwright/guard-*").strip() == "700"
    psk = (lab.folder / "psk-t01").read_text(encoding="utf-8")
    assert psk not in run.output + json.dumps(run.tasks)
    lab.sh("b01", HARM)
    assert lab.pings("t01") == (False, False)
    over(lab)
    assert f"did put back {CONF}\n" in record(lab)
    assert "did remove /etc/swanctl/conf.d/more.conf\n" in record(lab)
    assert psk not in record(lab)
    read = module(tmp_path, hosts, "b01", "gateway_info", {}).result("it")["gateway"]
    assert (read["guard"], read["rollback"]["why"], read["rollback"]["failed"]) == (None, "not confirmed in time", [])
    late = guard(tmp_path, hosts, "confirmed", name="CHG-1")
    assert late.status != 0
    assert "the gateway has rolled back for CHG-1: not confirmed in time at b01" in late.result("it")["msg"]


def test_what_is_confirmed_stays_and_nothing_else_does(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    setting = {"name": "east", "settings": {"dpd_delay": "20s"}}
    tasks: list[dict[str, Any]] = [
        {"name": "write", "tunnelwright.ipsec.connection": {**setting, "guard": LONG}},
        {"name": "more", "tunnelwright.ipsec.rollback_guard": {"seconds": 3 * LONG}},
        {"name": "less", "tunnelwright.ipsec.rollback_guard": {"seconds": LONG}},
        {"name": "read", "tunnelwright.ipsec.gateway_info": {}},
        {"name": "foretell", "tunnelwright.ipsec.rollback_guard": {"state": "confirmed"}, "check_mode": True},
        {"name": "keep", "tunnelwright.ipsec.rollback_guard": {"state": "confirmed"}},
        {"name": "again", "tunnelwright.ipsec.rollback_guard": {"state": "confirmed"}},
        {"name": "back", "tunnelwright.ipsec.rollback_guard": {"state": "rolled_back"}},
    ]
    run = playbook(tmp_path, hosts, [{"hosts": "b01", "gather_facts": False, "tasks": tasks}])
    assert run.status == 0, run.output
    expected = {"write": True, "more": False, "less": False, "foretell": True, "keep": True}
    for task, changed in {**expected, "again": False, "back": False}.items():
        assert (task, run.result(task)["changed"]) == (task, changed)
    for task in ("more", "less"):
        assert 2 * LONG < run.result(task)["guard"]["after"]["left"] <= 3 * LONG
    assert run.result("read")["gateway"]["guard"]["alive"] is True
    assert "dpd_delay = 20s" in lab.sh("b01", f"cat {CONF}")
    assert lab.sh("b01", LEFT) == ""
    assert lab.exec("b01", ["test", "-e", "/etc/tunnelwright"]).returncode == 1
    module(tmp_path, hosts, "b01", "connection", {"name": "east", "settings": {"dpd_delay": "30s"}})


def test_a_rollback_that_is_asked_for_is_done_at_once(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    armed(tmp_path, hosts, name="CHG-2")
    lab.sh("b01", HARM)
    done = guard(tmp_path, hosts, "rolled_back", name="CHG-2").result("it")
    assert (done["changed"], done["guard"]["after"]) == (True, None)
    assert done["rollback"]["why"] == "it was asked for"
    assert f"put back {CONF}" in done["rollback"]["done"]


def test_a_second_operator_is_told_of_the_first_and_writes_nothing(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    armed(tmp_path, hosts, name="CHG-3")
    before = lab.sh("b01", WHOLE)
    wish = {"name": "east", "settings": {"dpd_delay": "20s"}}
    wishes: list[tuple[str, dict[str, Any]]] = [
        ("rollback_guard", {"name": "CHG-4"}),
        ("rollback_guard", {"state": "confirmed"}),
        ("connection", wish),
        ("connection", {**wish, "guard": LONG}),
        ("sa", {"connection": "east", "state": "reinitiated", "guard": LONG}),
        ("keepalive", {"connection": "east", "child": "net"}),
        ("keepalive", {"connection": "east", "child": "net", "guard": LONG}),
    ]
    tasks = [
        {"name": str(number), f"tunnelwright.ipsec.{name}": given, "check_mode": check, "ignore_errors": True}
        for number, ((name, given), check) in enumerate(product(wishes, (False, True)))
    ]
    run = playbook(tmp_path, hosts, [{"hosts": "b01", "gather_facts": False, "tasks": tasks}])
    assert len(run.tasks) == len(tasks), run.output
    for name, dummy, result in run.tasks:
        assert "a guard of CHG-3 was armed " in result["msg"], (name, result)
    assert lab.sh("b01", WHOLE) == before
    assert guard(tmp_path, hosts, "confirmed", name="CHG-3").result("it")["changed"] is True


def test_two_that_arm_at_once_do_not_both_get_it(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    plays = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        task = {"tunnelwright.ipsec.rollback_guard": {"name": name, "seconds": LONG}}
        (folder / "play.json").write_text(json.dumps([{"hosts": "b01", "gather_facts": False, "tasks": [task]}]))
        command = ["ansible-playbook", "-i", str(hosts), str(folder / "play.json")]
        plays.append(subprocess.Popen(command, env=environment(folder), cwd=folder, stdout=subprocess.PIPE, text=True))
    outputs = [play.communicate(timeout=PATIENCE)[0] for play in plays]
    assert sorted(play.returncode for play in plays) == [0, 2], outputs
    winner = "one" if plays[0].returncode == 0 else "two"
    assert f"name {winner}\n" in lab.sh("b01", f"cat {GUARD}/about")
    assert lab.sh("b01", "ls -d /etc/tunnelwright/guard-*").count("guard-") == 1
    assert guard(tmp_path, hosts, "confirmed", name=winner).status == 0


def test_a_killed_controller_and_a_cut_session_undo_nothing_of_the_guard(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    tasks = [
        {"tunnelwright.ipsec.rollback_guard": {"seconds": LONG}},
        {"ansible.builtin.raw": f"{HARM}\n touch /run/harmed; sleep 600"},
    ]
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "b01", "gather_facts": False, "tasks": tasks}]))
    command = ["ansible-playbook", "-i", str(hosts), str(tmp_path / "play.json")]
    with (tmp_path / "out").open("w") as out:
        play = subprocess.Popen(command, env=environment(tmp_path), cwd=tmp_path, stdout=out, start_new_session=True)
    until(lab, lambda: not lab.exec("b01", ["test", "-e", "/run/harmed"]).returncode)
    os.killpg(play.pid, signal.SIGKILL)
    play.wait()
    lab.sh("b01", "kill $(cat /proc/$(cat /run/sshd.pid)/task/*/children) || :")
    lab.sh("b01", "kill $(cat /run/sshd.pid); while [ -e /run/sshd.pid ]; do sleep 0.1; done")
    lab.sh("b01", "/usr/sbin/sshd -f /etc/ssh/lab_config; rm /run/harmed")
    over(lab)
    assert "why not confirmed in time\n" in record(lab)


@pytest.mark.lasts(75)  # what watches gives an arming a minute
def test_an_arming_that_is_cut_off_leaves_nothing_armed(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """The script on the gateway is killed when it has taken the snapshot and what watches runs."""
    lab.write("b01", "/usr/local/bin/ln", "#!/bin/sh\nkill -9 $PPID\n", mode="0755")
    try:
        run = guard(tmp_path, hosts, seconds=LONG)
        assert run.status != 0
    finally:
        lab.sh("b01", "rm /usr/local/bin/ln")
    assert lab.exec("b01", ["test", "-e", GUARD]).returncode == 1
    until(lab, lambda: not lab.sh("b01", LEFT))


@pytest.mark.parametrize("stop", ["restart", "kill"])
def test_a_daemon_that_was_restarted_or_died_has_the_old_configuration(
    lab: Lab, hosts: Path, tmp_path: Path, stop: str
) -> None:
    armed(tmp_path, hosts)
    lab.sh("b01", HARM)
    lab.sh("b01", f"/etc/init.d/strongswan {stop} </dev/null >/dev/null 2>&1")
    over(lab)
    assert "did find established what was\n" in record(lab)


CRON = "sh -c \"$(sed -n 's/^[*] [*] [*] [*] [*] root //p' /etc/cron.d/tunnelwright-guard-*)\" >/dev/null 2>&1 &"


# cron itself takes up to a minute.
@pytest.mark.parametrize(
    "start",
    [
        pytest.param(CRON, id="its line"),
        pytest.param("kill -CONT $(cat /run/crond.pid)", id="cron", marks=pytest.mark.night),
    ],
)
def test_a_killed_guard_is_found_before_something_is_written_and_cron_starts_it_anew(
    lab: Lab, hosts: Path, tmp_path: Path, start: str
) -> None:
    lab.sh("b01", "kill -STOP $(cat /run/crond.pid)")  # it would come with the minute
    armed(tmp_path, hosts, name="CHG-5")
    lab.sh("b01", f"kill -9 {watcher(lab)}")
    wish = {"name": "east", "settings": {"dpd_delay": "20s"}}
    for arguments in (wish, {**wish, "guard": LONG}):
        run = module(tmp_path, hosts, "b01", "connection", arguments)
        assert run.status != 0
    again = guard(tmp_path, hosts, name="CHG-5")
    assert "the rollback watchdog is no longer running" in again.result("it")["msg"]
    read = module(tmp_path, hosts, "b01", "gateway_info", {}).result("it")["gateway"]
    assert [problem["kind"] for problem in read["problems"]] == ["guard-dead"]
    lab.sh("b01", start)
    until(lab, lambda: bool(watchers(lab)))
    assert guard(tmp_path, hosts, name="CHG-5").status == 0
    lab.sh("b01", f"{HARM}; kill -9 {watcher(lab)}")
    assert guard(tmp_path, hosts, "rolled_back", name="CHG-5").result("it")["changed"] is True


def test_after_a_reboot_it_rolls_back_at_once(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """All processes are killed, the kernel has another boot id, and cron starts what it starts at boot."""
    armed(tmp_path, hosts)
    lab.sh("b01", HARM)
    lab.sh("b01", f"kill -9 {watcher(lab)}; /etc/init.d/strongswan kill")
    lab.sh("b01", "kill $(cat /run/crond.pid); rm -f /run/crond.*")
    lab.sh("b01", "echo another >/run/boot_id; mount --bind /run/boot_id /proc/sys/kernel/random/boot_id")
    try:
        lab.sh("b01", "LAB_NO_LOAD=1 /etc/init.d/strongswan start </dev/null >/dev/null 2>&1; cron")
        gone(lab)
        assert "why the gateway was restarted\n" in record(lab)
    finally:
        lab.sh("b01", "umount /proc/sys/kernel/random/boot_id")


FULL = """mkdir -p /etc/tunnelwright
mount -t tmpfs -o mode=755,size=SIZE,nr_inodes=INODES tmpfs /etc/tunnelwright"""


def test_without_space_for_all_of_it_nothing_is_armed_or_written(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = lab.sh("b01", WHOLE)
    wish = {"name": "east", "settings": {"dpd_delay": "20s"}, "guard": LONG}
    for size, inodes in (("4k", "100"), ("40k", "100"), ("80k", "100"), ("1m", "9")):
        lab.sh("b01", FULL.replace("SIZE", size).replace("INODES", inodes))
        run = module(tmp_path, hosts, "b01", "connection", wish)
        assert run.status != 0, (size, inodes)
        assert re.search("No space left on device|I/O error", run.result("it")["msg"])  # dash says the latter
        assert lab.sh("b01", WHOLE) == before
        assert lab.sh("b01", LEFT) == ""
        lab.sh("b01", "umount /etc/tunnelwright")


def test_a_disk_that_has_become_full_does_not_keep_it_from_rolling_back(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """All of /etc that matters lies on one small file system."""
    small = """mkdir -p /run/small && mount -t tmpfs -o size=400k tmpfs /run/small
cp -a /etc/swanctl /run/small/ && mkdir /run/small/tunnelwright /etc/tunnelwright
mount --bind /run/small/swanctl /etc/swanctl && mount --bind /run/small/tunnelwright /etc/tunnelwright"""
    lab.sh("b01", small)
    try:
        armed(tmp_path, hosts)
        lab.sh("b01", f"{HARM}\ncat /dev/zero >/run/small/full 2>/dev/null || :")
        over(lab)
        assert "did find established what was\n" in record(lab)
    finally:
        lab.sh("b01", "umount -l /etc/swanctl /etc/tunnelwright /run/small; rmdir /run/small; swanctl --load-all")


def test_a_snapshot_that_the_parser_rejects_is_not_taken(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lab.sh("b01", "echo 'connections { x {' >/etc/swanctl/conf.d/zz.conf")
    try:
        for check in ([], ["--check"]):
            run = guard(tmp_path, hosts, "armed", *check)
            assert "zz.conf" in run.result("it")["msg"]
    finally:
        lab.sh("b01", "rm /etc/swanctl/conf.d/zz.conf")


def test_an_old_multiplexed_session_cannot_confirm_a_path_that_is_dead(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """New connections to sshd are dropped; the master connection of the tasks before goes on."""
    block = (
        "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; }; "
        "add rule inet cut in tcp dport 22 tcp flags syn drop'"
    )
    tasks: list[dict[str, Any]] = [
        {"name": "arm", "tunnelwright.ipsec.rollback_guard": {"seconds": LONG}},
        {"name": "cut", "ansible.builtin.raw": block},
        {"name": "old", "ansible.builtin.raw": "true"},
        {"name": "keep", "tunnelwright.ipsec.rollback_guard": {"state": "confirmed"}, "ignore_unreachable": True},
        {"name": "still", "ansible.builtin.raw": "true"},
    ]
    try:
        run = playbook(
            tmp_path, hosts, [{"hosts": "b01", "gather_facts": False, "tasks": tasks}], ANSIBLE_SSH_TIMEOUT="5"
        )
        assert run.result("keep").get("unreachable") is True, run.output
        assert run.result("still")["rc"] == 0
        over(lab)
        assert "why not confirmed in time\n" in record(lab)
    finally:
        lab.sh("b01", "nft delete table inet cut")


def test_in_a_folder_of_somebody_else_nothing_is_armed(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """Who owns it could put another program in the place of the one that root runs to roll back."""
    for mine, others in (("chown nobody", "chown root"), ("chmod 777", "chmod 755")):
        lab.sh("b01", f"mkdir -p /etc/tunnelwright; {mine} /etc/tunnelwright")
        try:
            assert "not only root may change /etc/tunnelwright" in guard(tmp_path, hosts).result("it")["msg"]
            assert lab.sh("b01", LEFT) == ""
        finally:
            lab.sh("b01", f"{others} /etc/tunnelwright")


def test_a_guard_that_somebody_else_has_made_is_none_and_nothing_of_it_runs(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    about = "id cafe\\nname me\\nrun me\\nseconds 9\\nat_boot none\\nfiles 0\\nwhen 1\\narmed 1\\n"
    forged = (
        f"mkdir -p /etc/tunnelwright/guard-cafe && cd /etc/tunnelwright/guard-cafe && printf '{about}' >about && "
        ": >armed && echo 'touch /run/ran' >watch && ln -sn guard-cafe ../guard && chown -R nobody /etc/tunnelwright"
    )
    lab.sh("b01", forged)
    try:
        seen = module(tmp_path, hosts, "b01", "gateway_info", {}).result("it")["gateway"]
        assert (seen["guard"], seen["rollback"]) == (None, None)
        for state in ("rolled_back", "confirmed", "armed"):
            told = guard(tmp_path, hosts, state, name="me").result("it")
            assert told.get("failed") or not told["changed"], told
        assert lab.exec("b01", ["test", "-e", "/run/ran"]).returncode == 1
    finally:
        lab.sh("b01", "rm -rf /etc/tunnelwright")


def test_a_user_who_is_not_root_is_told_to_become_it(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "operator.yml"
    path.write_text(inventory(lab, user="operator"), encoding="utf-8")
    run = guard(tmp_path, path, "armed", "-e", "ansible_become=false")
    assert "become" in run.result("it")["msg"]
    armed(tmp_path, path)
    assert guard(tmp_path, path, "confirmed").status != 0  # another run has no name for it
    assert guard(tmp_path, path, "rolled_back", name=armed_by(lab)).result("it")["changed"] is True


def armed_by(lab: Lab) -> str:
    return lab.sh("b01", f"sed -n 's/^name //p' {GUARD}/about").strip()


def test_what_a_keepalive_has_installed_is_taken_away_with_the_rest(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wish = {"connection": "east", "child": "net", "guard": LONG}
    tasks = [
        {"name": "keepalive", "tunnelwright.ipsec.keepalive": wish},
        {"name": "again", "tunnelwright.ipsec.keepalive": {**wish, "guard": LONG + 1000}},
        {"name": "sa", "tunnelwright.ipsec.sa": {"connection": "east", "state": "terminated", "guard": LONG}},
        {"name": "back", "tunnelwright.ipsec.rollback_guard": {"state": "rolled_back"}},
        {"name": "write", "tunnelwright.ipsec.connection": {"name": "east", "settings": {"dpd_delay": "30s"}}},
    ]
    run = playbook(tmp_path, hosts, [{"hosts": "b01", "gather_facts": False, "tasks": tasks}])
    assert run.status == 0, run.output
    changed = [run.result(str(task["name"]))["changed"] for task in tasks]
    assert changed == [True, False, True, True, False]
    assert len([line for line in run.result("back")["rollback"]["done"] if line.startswith("remove ")]) == 2
    assert lab.sh("b01", "ls /usr/local/lib/tunnelwright/* 2>/dev/null || :") == ""
    lab.sh("b01", "rmdir /usr/local/lib/tunnelwright; rm -rf /run/tunnelwright")


def test_a_run_whose_guard_has_rolled_back_does_not_go_on(hosts: Path, tmp_path: Path) -> None:
    wish = {"name": "east", "settings": {"dpd_delay": "20s"}}
    tasks: list[dict[str, Any]] = [
        {"name": "one", "tunnelwright.ipsec.connection": {**wish, "guard": 5}},
        {"name": "slow", "ansible.builtin.raw": f"while [ -e {GUARD} ]; do sleep 1; done"},
        {"name": "two", "tunnelwright.ipsec.connection": wish, "ignore_errors": True},
        {"name": "three", "tunnelwright.ipsec.connection": {**wish, "guard": LONG}, "ignore_errors": True},
        {"name": "keep", "tunnelwright.ipsec.rollback_guard": {"state": "confirmed"}, "ignore_errors": True},
        {"name": "anew", "tunnelwright.ipsec.rollback_guard": {"seconds": LONG}},
        {"name": "four", "tunnelwright.ipsec.connection": wish},
        {"name": "back", "tunnelwright.ipsec.rollback_guard": {"state": "rolled_back"}},
    ]
    run = playbook(tmp_path, hosts, [{"hosts": "b01", "gather_facts": False, "tasks": tasks}])
    assert run.status == 0, run.output
    for task in ("two", "three", "keep"):
        assert "the gateway has rolled back for " in run.result(task)["msg"]
    assert run.result("four")["changed"] is True


def test_the_gateway_itself_refuses_a_connection_that_is_older_than_the_guard(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    """The script that confirms travels over a master connection that was there before, as of another client."""
    options = f"-i {lab.folder}/id_ed25519 -o UserKnownHostsFile={lab.folder}/known_hosts -o IdentitiesOnly=yes"
    target = f"root@{lab.management('b01')}"
    old = ["ssh", *options.split(), "-S", str(tmp_path / "s"), target]
    subprocess.run([*old[:-1], "-M", "-f", "-N", target], check=True, timeout=PATIENCE)
    try:
        armed(tmp_path, hosts, name="CHG-6")
        after = guard(tmp_path, hosts, "armed", "--check", name="CHG-6").result("it")["guard"]["before"]
        gateway = Gateway("b01", "strongswan", Daemon(installed=True, running=True), guard=Guard(after["id"], "", ""))
        wish, mark = DesiredGuard("confirmed", "me"), make_mark()
        program = pack(build_guard_script(wish, "confirm", gateway, ""), mark)
        for command, error in ((old, RefusedError), (["ssh", *options.split(), target], None)):
            whole = [*command, "/bin/sh -s"]
            said = subprocess.run(whole, input=program, capture_output=True, check=True, timeout=PATIENCE)
            if error is None:
                assert parse_guard_result("confirm", gateway, unpack(said.stdout, mark)).changed
            else:
                with pytest.raises(error, match="the connection is older than the guard"):
                    parse_guard_result("confirm", gateway, unpack(said.stdout, mark))
    finally:
        subprocess.run([*old[:-1], "-O", "exit", target], check=False, capture_output=True, timeout=PATIENCE)


SYSTEMCTL = """#!/bin/sh
case $* in *strongswan* | *charon*) exit 4 ;; esac # there is no such unit
echo "$*" >>/run/asked
case $1 in
enable) setsid $(sed -n 's/^ExecStart=//p' /etc/systemd/system/$4) </dev/null >/dev/null 2>&1 3>&- & ;;
esac
"""


def test_where_systemd_runs_it_is_a_service(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """No systemd runs in the lab: one that notes what it is asked, and starts a service, stands in."""
    lab.sh("b01", "mkdir -p /run/systemd/system /etc/systemd/system")
    lab.write("b01", "/usr/local/bin/systemctl", SYSTEMCTL, mode="0755")
    try:
        after = armed(tmp_path, hosts, name="CHG-7")["guard"]["after"]
        assert after["at_boot"] == "systemd"
        unit = f"tunnelwright-guard-{after['id']}.service"
        lab.sh("b01", f"test -e /etc/systemd/system/{unit}; {HARM}")
        assert guard(tmp_path, hosts, "rolled_back", name="CHG-7").result("it")["changed"] is True
        asked = ["daemon-reload", f"enable --quiet --now {unit}", f"disable --quiet {unit}", "daemon-reload"]
        assert lab.sh("b01", "cat /run/asked").splitlines() == asked
    finally:
        lab.sh("b01", "rm -rf /run/systemd /usr/local/bin/systemctl /run/asked")
