"""Log levels raised and put back on real gateways: more lines in the log, and a tree that is as it was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults.hands import wait
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import Run, module
from .steps import changed, failed, shell, steps, task

FILE = "/etc/strongswan.d/zz-tunnelwright-logging.conf"
SUMS = "find /etc -xdev -type f -exec sha256sum {} + | sort; find /etc -xdev | sort"
TRY = "{ swanctl --terminate --ike east --timeout 5; swanctl --initiate --child net --timeout 10; } >/dev/null 2>&1"


LINES = f": >/run/charon.log; {TRY}; wc -l </run/charon.log"  # how many one attempt to initiate logs
INFO = task("gateway_info", {})
ABSENT = task("logging", {"state": "absent"})

pytestmark = pytest.mark.apart


@pytest.fixture
def lab() -> Iterator[Lab]:
    """One tunnel between two gateways whose file log is at level 1, and 2 for IKE."""
    with running(pairs(1, name="logging")) as lab:
        yield lab


@pytest.fixture(autouse=True)
def as_before(lab: Lab) -> Iterator[None]:
    """Each test leaves the configuration as it was, byte for byte."""
    before = lab.sh("b01", SUMS)
    yield
    assert lab.sh("b01", SUMS) == before
    assert lab.sh("b01", "find /run -name '*tunnelwright*'") == ""


def logging(tmp: Path, hosts: Path, *more: str, **arguments: Any) -> Run:
    return module(tmp, hosts, "b01", "logging", arguments, *more)


def lines(lab: Lab) -> int:
    return int(lab.sh("b01", LINES))


def until(lab: Lab, script: str) -> None:
    """Within a time that a machine with other work keeps too."""
    end = time.monotonic() + 300
    while lab.exec("b01", ["sh", "-c", script]).returncode:
        assert time.monotonic() < end, lab.sh("b01", f"cat {FILE}; ps ax")
        time.sleep(0.5)


def test_levels_are_raised_once_as_check_mode_says_and_put_back(hosts: Path, tmp_path: Path) -> None:
    wish: dict[str, Any] = {"levels": {"ike": 3, "cfg": 2}}
    tasks = {
        "normal": shell(LINES),
        "foretell": task("logging", wish, check=True),
        "nothing": shell(f"! test -e {FILE}"),
        "raise": task("logging", wish),
        "loud": shell(LINES),
        "read": INFO,
        "again": task("logging", {**wish, "duration": 60}),
        "less": task("logging", {"levels": {"cfg": "2"}}),
        "foretell back": {**ABSENT, "check_mode": True},
        "back": ABSENT,
        "as before": shell(LINES),
        "back again": ABSENT,
    }
    done = steps(tmp_path, hosts, "b01", tasks, "--diff")
    expected = {"foretell": True, "raise": True, "again": False, "less": True, "foretell back": True, "back": True}
    assert changed(done, *expected, "back again") == [*expected.values(), False]
    assert done.result("nothing")["rc"] == 0
    raised, back = done.result("raise"), done.result("back")
    assert (done.result("foretell"), done.result("foretell back")) == (raised, back)
    assert raised["file"] == FILE
    assert "filelog.main ike = 2\n" in raised["diff"]["before"]
    assert "filelog.main ike = 3\n" in raised["diff"]["after"]
    assert "journal cfg = 2\n" in raised["diff"]["after"]
    normal, loud, after = (int(done.result(name)["stdout"]) for name in ("normal", "loud", "as before"))
    assert loud > normal + 20
    assert abs(after - normal) < 10
    read = done.result("read")["gateway"]
    assert (read["loggers"], read["problems"]) == (raised["loggers"]["after"], [])
    assert [logger["levels"].get("ike") for logger in done.result("less")["loggers"]["after"]] == [2, None]
    assert back["loggers"]["after"] == raised["loggers"]["before"]


def test_levels_that_are_as_high_already_need_no_file(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    run = logging(tmp_path, hosts, levels={"default": 1, "mgr": 0})
    assert (run.changed(), run.result("it")["file"]) == ({}, None)
    assert lab.exec("b01", ["test", "-e", FILE]).returncode == 1


def test_the_gateway_puts_them_back_by_itself(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    normal = lines(lab)
    assert logging(tmp_path, hosts, levels={"ike": 3}, duration=5).changed() == {"b01": 1}
    lab.sh("b01", "kill $(cat /proc/$(cat /run/sshd.pid)/task/*/children) || :")  # the controller is gone
    until(lab, f"! test -e {FILE}")
    assert abs(lines(lab) - normal) < 10


def test_a_later_run_gives_more_time(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    raised = {"levels": {"ike": 3}}
    tasks = {
        "short": task("logging", {**raised, "duration": 5}),
        "long": task("logging", {**raised, "duration": 6000}),
    }
    steps(tmp_path, hosts, "b01", tasks)
    until(lab, "! pgrep -f 'lower-.* 5$'")
    assert "ike = 3" in lab.sh("b01", f"cat {FILE}")
    logging(tmp_path, hosts, state="absent")


def test_what_a_restart_has_left_is_reported(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lab.write("b01", FILE, "# tunnelwright logging: until 1000000000 (Unix time), 00\ncharon {\n}\n")
    done = steps(tmp_path, hosts, "b01", {"read": INFO, "back": ABSENT})
    problems = done.result("read")["gateway"]["problems"]
    assert [(problem["kind"], problem["where"]) for problem in problems] == [("log-raised", FILE)]
    assert changed(done, "back") == [True]


def test_a_level_that_hides_reasons_is_reported_and_raised(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    quiet = "/etc/strongswan.d/quiet.conf"
    lab.write("b01", quiet, "charon {\n journal {\n  ike = 0\n }\n filelog {\n  main {\n   ike = 0\n  }\n }\n}\n")
    lab.sh("b01", "sed -i.bak '/ike = 2/d' /etc/strongswan.conf && swanctl --reload-settings")
    try:
        tasks = {"read": INFO, "raise": task("logging", {"levels": {"ike": 2}}), "again": INFO, "back": ABSENT}
        done = steps(tmp_path, hosts, "b01", tasks)
        (problem,) = done.result("read")["gateway"]["problems"]
        assert problem["kind"] == "log-hides"
        assert problem["what"].startswith("at its log level of ike the daemon does not log ")
        assert changed(done, "raise", "back") == [True, True]
        assert done.result("again")["gateway"]["problems"] == []
    finally:
        lab.sh("b01", f"mv /etc/strongswan.conf.bak /etc/strongswan.conf; rm {quiet}; swanctl --reload-settings")


@pytest.mark.parametrize("settings", ["cfg = 4", "default = 4"])
def test_a_log_with_keys_in_it_is_not_read(lab: Lab, hosts: Path, tmp_path: Path, settings: str) -> None:
    loud = "/etc/strongswan.d/loud.conf"
    lab.write("b01", loud, f"charon {{\n filelog {{\n  main {{\n   {settings}\n  }}\n }}\n}}\n")
    try:
        found = module(tmp_path, hosts, "b01", "gateway_info", {"log": True}).result("it")["gateway"]
        assert found["log"] is None
        (problem,) = found["problems"]
        assert problem["what"] == f"the log is not read, because at such a level keys are written into it: {settings}"
    finally:
        lab.sh("b01", f"rm {loud}")


def test_without_an_include_it_says_what_to_add(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lab.sh("b01", "cp -p /etc/strongswan.conf /etc/keep && sed -i '/^include/d' /etc/strongswan.conf")
    try:
        said = logging(tmp_path, hosts, "--check", levels={"ike": 3}).result("it")["msg"]
        assert said == (
            "strongswan.conf includes no folder for a file that raises its levels at /etc/strongswan.conf: "
            "add the line include strongswan.d/*.conf at its end, outside all sections"
        )
    finally:
        lab.sh("b01", "mv /etc/keep /etc/strongswan.conf")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            "s,^include .*,include nowhere/*.conf,",
            "there is no folder /etc/nowhere, which strongswan.conf includes at ",
        ),
        ("$a journal {", "a section has no closing brace at /etc/strongswan.conf:"),
    ],
)
def test_check_mode_refuses_what_a_run_would(lab: Lab, hosts: Path, tmp_path: Path, edit: str, said: str) -> None:
    lab.sh("b01", f"cp -p /etc/strongswan.conf /etc/keep && sed -i '{edit}' /etc/strongswan.conf")
    try:
        raised = {"levels": {"ike": 3}}
        tasks = {"foretell": task("logging", raised, check=True), "it": task("logging", raised)}
        done = steps(tmp_path, hosts, "b01", tasks)
        runs = [failed(done, name) for name in tasks]
        assert runs[0] == runs[1]
        assert runs[0].startswith(said)
    finally:
        lab.sh("b01", "mv /etc/keep /etc/strongswan.conf")


def test_the_default_leaves_passwords_out(hosts: Path, tmp_path: Path) -> None:
    reading = {"log": True, "log_lines": 20000, "log_from": "{{ noted.gateway.log_end }}"}
    tasks = {
        "raise": task("logging", {"levels": {"default": 3}}),
        "file": shell(f"cat {FILE}"),
        "note": {**task("gateway_info", {"log": True, "log_lines": 1}), "register": "noted"},
        "try": shell(TRY),
        "read": task("gateway_info", reading),
        "cut": task("gateway_info", {**reading, "log_lines": 9}),
        "back": ABSENT,
    }
    done = steps(tmp_path, hosts, "b01", tasks)
    assert changed(done, "raise", "back") == [True, True]
    assert "enc = 2" in done.result("file")["stdout"]
    read, cut = (done.result(name)["gateway"] for name in ("read", "cut"))
    assert (read["problems"], any("state change" in line for line in read["log"])) == ([], True)
    assert ([problem["kind"] for problem in cut["problems"]], len(cut["log"])) == (["log-cut"], 9)


def test_a_process_of_somebody_else_does_not_say_where_strongswan_conf_is(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    """Else it would have root write a file as it likes, which root's daemons then load plugins by."""
    their = "/run/their"
    lab.sh(
        "b01", f"mkdir {their} && cp /bin/sleep {their}/charon && echo 'include /etc/*.conf' >{their}/strongswan.conf"
    )
    lab.sh("b01", f"chown -R nobody {their}")
    start = f"STRONGSWAN_CONF={their}/strongswan.conf setpriv --reuid nobody --clear-groups {their}/charon 600"
    lab.sh("b01", f"{start} >/dev/null 2>&1 & echo $! >/run/theirs")
    try:
        runs = f"grep -qx charon /proc/$(cat /run/theirs)/comm && grep -q {their} /proc/$(cat /run/theirs)/environ"
        wait(lambda: not lab.exec("b01", ["sh", "-c", runs]).returncode, "their process does not begin")
        assert logging(tmp_path, hosts, "--check", levels={"ike": 3}).result("it")["file"] == FILE
    finally:
        lab.sh("b01", f"kill $(cat /run/theirs); rm -r {their} /run/theirs")


def test_what_others_may_change_is_not_relied_on(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lab.sh("b01", "chown nobody /etc/strongswan.conf")
    try:
        run = logging(tmp_path, hosts, levels={"ike": 3})
        assert run.result("it")["msg"] == (
            "not only root may change /etc/strongswan.conf at b01: chown it to root, and chmod go-w"
        )
    finally:
        lab.sh("b01", "chown root /etc/strongswan.conf")


def test_a_reload_that_fails_takes_the_file_away_again(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """A swanctl that does all but that stands in."""
    fake = """#!/bin/sh
[ "$1" != --reload-settings ] || [ -e /run/failed ] || { : >/run/failed; echo "reload-settings failed" >&2; exit 1; }
exec /usr/sbin/swanctl "$@"
"""
    lab.write("b01", "/usr/local/bin/swanctl", fake, mode="0755")
    try:
        run = logging(tmp_path, hosts, levels={"ike": 3})
        assert run.result("it")["msg"] == (
            "the daemon does not read its settings again: reload-settings failed at b01: the file is removed again"
        )
        assert lab.exec("b01", ["test", "-e", FILE]).returncode == 1
    finally:
        lab.sh("b01", "rm /usr/local/bin/swanctl /run/failed")


def test_a_user_who_is_not_root_is_told_to_become_it(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "operator.yml"
    path.write_text(inventory(lab, user="operator"), encoding="utf-8")
    run = logging(tmp_path, path, "-e", "ansible_become=false", levels={"ike": 3})
    assert "become" in run.result("it")["msg"]
    tasks = {"raise": task("logging", {"levels": {"ike": 3}}), "back": ABSENT}
    assert changed(steps(tmp_path, path, "b01", tasks), *tasks) == [True, True]


def test_where_systemd_runs_it_keeps_the_time(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """No systemd runs in the lab: one that notes what it is asked, and does it, stands in."""
    fake = '#!/bin/sh\necho "$*" >/run/asked\nshift 3\nsetsid "$@" </dev/null >/dev/null 2>&1 &\n'
    lab.sh("b01", "mkdir -p /run/systemd/system")
    lab.write("b01", "/usr/local/bin/systemd-run", fake, mode="0755")
    try:
        assert logging(tmp_path, hosts, levels={"ike": 3}, duration=5).changed() == {"b01": 1}
        asked = lab.sh("b01", "cat /run/asked")
        assert asked.startswith("--quiet --collect --unit=tunnelwright-lower-")
        assert f" /bin/sh /run/tunnelwright/lower-{asked.split()[-2]} {FILE} " in asked
        until(lab, f"! test -e {FILE}")
    finally:
        lab.sh("b01", "rm -rf /run/systemd /usr/local/bin/systemd-run /run/asked")
