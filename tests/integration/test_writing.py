"""connection, sa and daemon on real gateways: what they change, that they do it once, and what they do in trouble."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults import inject
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .steps import Task, changed, failed, shell, steps, task

CONF = "/etc/swanctl/conf.d/east.conf"
CANARY = "canary-7f3Kq-do-not-show"


# All configuration of a gateway: names, modes, owners and bytes.
WHOLE = """cd /etc/swanctl && find . -type f -o -type l | sort | xargs stat -c '%n %a %u %g'
find . -type f | sort | xargs sha256sum"""
SAS = shell("swanctl --list-sas")

pytestmark = pytest.mark.apart


@pytest.fixture
def lab() -> Iterator[Lab]:
    with running(pairs(1, name="writing")) as lab:
        yield lab


def test_what_is_cleared_up_is_what_was_made_whatever_the_file_is_called(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    others = "/etc/swanctl/conf.d/.my /root/east.conf.tunnelwright-old /root/secrets.conf.tunnelwright-new"
    lab.sh("b01", f"mv {CONF} '/etc/swanctl/conf.d/my * east.conf'; touch {others}")
    done = steps(
        tmp_path, hosts, "b01", {"set": task("connection", {"name": "east", "settings": {"dpd_delay": "10s"}})}
    )
    assert changed(done, "set") == [True]
    assert lab.sh("b01", f"ls {others}").split() == sorted(others.split())
    assert lab.sh("b01", "ls -A /etc/swanctl/conf.d | grep tunnelwright || :") == ""


def test_a_change_is_made_once_as_check_mode_said(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wish = {
        "name": "east",
        "settings": {"dpd_delay": "10s"},
        "children": {"net": {"dpd_action": "trap"}},
        "reinitiate": True,
    }
    text = lab.sh("b01", f"cat {CONF}")
    tasks = {
        "before": shell(WHOLE),
        "check": task("connection", wish, check=True),
        "checked": shell(WHOLE),
        "real": task("connection", wish),
        "again": task("connection", wish),
    }
    done = steps(tmp_path, hosts, "b01", tasks, "--diff")
    assert done.result("before")["stdout"] == done.result("checked")["stdout"]
    check, real, again = (done.result(name) for name in ("check", "real", "again"))
    same = ("changed", "connection", "edits", "takes_effect", "diff")
    assert {key: check[key] for key in same} == {key: real[key] for key in same}
    assert (real["changed"], real["takes_effect"], again["changed"], again["takes_effect"]) == (
        True,
        "now",
        False,
        "none",
    )
    assert lab.sh("b01", f"cat {CONF}") == text.replace("dpd_delay = 30s", "dpd_delay = 10s").replace(
        "dpd_action = start", "dpd_action = trap"
    )
    assert lab.sh("b01", "swanctl --list-sas").count("INSTALLED") == 1
    assert "dpd delay 10s" in lab.sh("b01", "swanctl --list-conns")
    assert lab.pings("t01") == (True, True)


def test_a_live_sa_keeps_its_settings_until_it_is_made_anew(hosts: Path, tmp_path: Path) -> None:
    force, auto = ({"name": "east", "nat_traversal": wish} for wish in ("force", "auto"))
    tasks = {
        "force": task("connection", force),
        # The initiator's start action closes and initiates what it holds when its IKE settings change (vici_config.c).
        "anew": task("sa", {"connection": "east", "state": "reinitiated"}),
        "forced": SAS,
        "again": task("connection", force),
        "auto": task("connection", {**auto, "reinitiate": True}),
        "back": SAS,
    }
    done = steps(tmp_path, hosts, "b01", tasks)
    force = done.result("force")
    assert (force["connection"]["after"], force["takes_effect"]) == ({"encap": "yes"}, "on_reinitiate")
    assert changed(done, "force", "anew", "again", "auto") == [True, True, False, True]
    assert "TUNNEL-in-UDP" in done.result("forced")["stdout"]
    assert "TUNNEL-in-UDP" not in done.result("back")["stdout"]


def test_a_start_action_that_gains_start_on_an_up_tunnel_makes_no_duplicate(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    none = {"name": "east", "children": {"net": {"start_action": "none"}}}
    start = {"name": "east", "children": {"net": {"start_action": "trap|start"}}, "reinitiate": True}
    tasks = {
        "none": task("connection", none),
        "up": task("sa", {"connection": "east"}),
        "start": task("connection", start),
    }
    assert changed(steps(tmp_path, hosts, "b01", tasks), "none", "start") == [True, True]
    assert lab.sh("b01", "swanctl --list-sas").count("INSTALLED") == 1
    assert lab.pings("t01") == (True, True)


def test_a_setting_of_a_template_is_overridden_in_its_own_file_and_hand(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    template = "tpl {\r\n\tdpd_delay = 7s # all\r\n}\r\n"
    users = "connections {\r\n\tmine : tpl {\r\n\t\tversion = 2\r\n\t}\r\n\tyours : tpl {\r\n\t}\r\n}\r\n"
    lab.write("a01", "/etc/swanctl/templated.txt", template + users, mode="0640")
    lab.sh(
        "a01",
        "cd /etc/swanctl; chown 7:8 templated.txt; ln -s ../templated.txt conf.d/templated.conf; swanctl --load-conns",
    )
    wish = task("connection", {"name": "mine", "settings": {"dpd_delay": "9s"}})
    assert changed(steps(tmp_path, hosts, "a01", {"it": wish}), "it") == [True]
    written = lab.sh("a01", "od -An -c /etc/swanctl/templated.txt | tr -d ' \\n'")
    assert "version=2\\r\\n\\t\\tdpd_delay=9s\\r\\n\\t}" in written
    assert lab.sh("a01", "stat -c '%a %u %g %F' /etc/swanctl/templated.txt").strip() == "640 7 8 regular file"
    assert lab.sh("a01", "readlink /etc/swanctl/conf.d/templated.conf").strip() == "../templated.txt"
    conns = lab.sh("a01", "swanctl --list-conns")
    assert "mine: IKEv2, no reauthentication, rekeying every 14400s, dpd delay 9s" in conns
    assert "yours: IKEv1/2, no reauthentication, rekeying every 14400s, dpd delay 7s" in conns


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": "nobody"}, "there is no connection 'nobody' at /etc/swanctl/swanctl.conf: connections there: east"),
    (
        {"name": "east", "children": {"lan": {"mode": "tunnel"}}},
        "connection east has no child 'lan': its children are net",
    ),
    (
        {"name": "east", "settings": {"dpd-delay": "1s"}},
        "strongSwan knows no setting 'dpd-delay' there at east.dpd-delay",
    ),
    ({"name": "east", "settings": {"encap": "on"}}, "'on' is not a value for encap at east.encap: write yes or no"),
    ({"name": "east", "settings": {"dpd_delay": "1h30m"}}, "'1h30m' is not a value for dpd_delay"),
    ({"name": "east", "children": {"net": {"start_action": "hold"}}}, "'hold' is not a value for start_action"),
    ({"name": "east", "settings": {"third.id": "x"}}, "east has no section 'third'"),
    ({"name": "east", "settings": {"dpd_timeout": "9s"}}, "strongSwan ignores a change of dpd_timeout alone"),
    ({"name": "east", "settings": {"proposals": "aes256-sha256"}}, "the daemon does not load the change at east"),
    (
        {"name": "east", "settings": {"proposals": "aes256-foo"}},
        "strongSwan knows no algorithm 'foo' at east.proposals",
    ),
)


def test_what_strongswan_would_not_take_is_refused_and_nothing_is_left(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = lab.sh("b01", WHOLE)
    done = steps(tmp_path, hosts, "b01", {said: task("connection", wish) for wish, said in REFUSED})
    for dummy, said in REFUSED:
        assert said in failed(done, said)
    assert lab.sh("b01", WHOLE) == before
    assert "east: IKEv2" in lab.sh("b01", "swanctl --list-conns")


WISH = {"name": "east", "settings": {"dpd_delay": "11s"}}
FULL = """cd /etc/swanctl
cp -a conf.d /run/kept
mount -t tmpfs -o size=16k tmpfs conf.d
cp -a /run/kept/. conf.d
cat /dev/zero >conf.d/full 2>/dev/null
true"""
HARM = {
    "a full disk": (
        FULL,
        "umount /etc/swanctl/conf.d",
        "cannot be written",
    ),
    "a read-only folder": (
        "mount --bind /etc/swanctl/conf.d /etc/swanctl/conf.d; mount -o remount,bind,ro /etc/swanctl/conf.d",
        "umount /etc/swanctl/conf.d",
        "cannot be written",
    ),
    "a corrupt include": (
        "echo 'connections { x {' >/etc/swanctl/conf.d/zz.conf",
        "rm /etc/swanctl/conf.d/zz.conf",
        "a section has no closing brace at /etc/swanctl/conf.d/zz.conf:1: add }",
    ),
    "a missing root file": (
        "mv /etc/swanctl/swanctl.conf /run/swanctl.conf",
        "mv /run/swanctl.conf /etc/swanctl/swanctl.conf",
        "there is no such file at /etc/swanctl/swanctl.conf",
    ),
    "a connection that only the daemon has": (
        "cd /etc/swanctl/conf.d; echo 'connections { other { } }' >o.conf; swanctl --load-conns >/dev/null; rm o.conf",
        "swanctl --load-conns >/dev/null",
        "would unload other",
    ),
}


@pytest.mark.parametrize(("harm", "heal", "said"), HARM.values(), ids=HARM)
def test_in_trouble_it_says_one_sentence_and_leaves_the_gateway_whole(  # noqa: PLR0913, PLR0917  fixtures and a row
    lab: Lab, hosts: Path, tmp_path: Path, harm: str, heal: str, said: str
) -> None:
    lab.sh("b01", harm)
    try:
        before, loaded = lab.sh("b01", WHOLE), lab.sh("b01", "swanctl --list-conns | grep -c IKEv")
        message = failed(steps(tmp_path, hosts, "b01", {"it": task("connection", WISH)}), "it")
        assert said in message
        assert "\n" not in message
        assert lab.sh("b01", WHOLE) == before
        assert lab.sh("b01", "swanctl --list-conns | grep -c IKEv") == loaded
        assert lab.sh("b01", "find /etc/swanctl -name '.*tunnelwright*'") == ""
    finally:
        lab.sh("b01", heal)


def test_a_stopped_daemon_gets_its_file_and_takes_it_when_it_starts(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lab.exec("b01", ["/etc/init.d/strongswan", "stop"], check=True)
    tasks = {
        "write": task("connection", {**WISH, "reinitiate": True}),
        "sa": task("sa", {"connection": "east"}),
        "load": task("daemon", {"state": "loaded"}),
        "foretell": task("daemon", {"state": "started"}, check=True),
        "start": task("daemon", {"state": "started"}),
        "again": task("daemon", {"state": "started"}),
    }
    done = steps(tmp_path, hosts, "b01", tasks)
    assert done.result("write")["takes_effect"] == "on_start"
    assert "does not answer" in failed(done, "sa")
    assert "not running" in failed(done, "load")
    assert changed(done, "foretell", "start", "again") == [True, True, False]
    assert "dpd delay 11s" in lab.sh("b01", "swanctl --list-conns")


def test_daemon_loads_what_is_not_loaded_and_refuses_what_would_lose_a_connection(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    inject(lab, "not-loaded", "t01")
    loaded, new = task("daemon", {"state": "loaded"}), "/etc/swanctl/conf.d/new.conf"
    tasks = {
        "foretell": {**loaded, "check_mode": True},
        "load": loaded,
        "again": loaded,
        "another": shell(f"mv /etc/swanctl/conf.d/west.conf /run; echo 'connections {{ new {{ }} }}' >{new}"),
        "lose": loaded,
        "nonsense": shell(f"echo 'a {{' >{new}"),
        "half": loaded,
    }
    done = steps(tmp_path, hosts, "a01", tasks)
    assert changed(done, "foretell", "load", "again") == [True, True, False]
    for name in ("foretell", "load"):
        assert done.result(name)["reasons"] == ["west is in the file and not loaded"]
    assert "would unload west" in failed(done, "lose")
    assert "new.conf:1" in failed(done, "half")
    assert "west: IKEv2" in lab.sh("a01", "swanctl --list-conns")


def spis(listed: str) -> set[str]:
    return {line.split()[1].rstrip(",") for line in listed.splitlines() if line.startswith("    in ")}


@pytest.mark.parametrize("child", [None, "net"])
def test_sa_brings_a_connection_to_each_state_once(lab: Lab, hosts: Path, tmp_path: Path, child: str | None) -> None:
    def sa(state: str, *, check: bool = False) -> Task:
        return task("sa", {"connection": "east", "state": state, **({"child": child} if child else {})}, check=check)

    tasks = {
        "begin": sa("established"),
        "foretell down": sa("terminated", check=True),
        "down": sa("terminated"),
        "down again": sa("terminated"),
        "none": SAS,
        "foretell up": sa("established", check=True),
        "up": sa("established"),
        "up again": sa("established"),
        "first": SAS,
        "rekey": sa("rekeyed"),
        "second": SAS,
        "anew": sa("reinitiated"),
        "third": SAS,
        "one": sa("deduplicated"),
    }
    done = steps(tmp_path, hosts, "b01", tasks)
    assert changed(done, "foretell down", "down", "down again") == [True, True, False]
    assert changed(done, "foretell up", "up", "up again") == [True, True, False]
    assert changed(done, "rekey", "anew", "one") == [True, True, False]
    none, first, second, third = (spis(done.result(name)["stdout"]) for name in ("none", "first", "second", "third"))
    assert none == set()
    assert (second - first) or child is None  # an IKE rekey keeps the children
    assert len(third) == 1
    assert not second & third
    assert lab.pings("t01") == (True, True)


def test_sa_leaves_one_of_several_duplicates(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    inject(lab, "duplicate-child-sas", "t01")
    wish = {"connection": "east", "child": "net", "state": "deduplicated"}
    tasks = {"foretell": task("sa", wish, check=True), "it": task("sa", wish), "again": task("sa", wish)}
    assert changed(steps(tmp_path, hosts, "b01", tasks), *tasks) == [True, True, False]
    assert len(spis(lab.sh("b01", "swanctl --list-sas"))) == 1
    assert lab.pings("t01") == (True, True)


def test_sa_says_why_a_tunnel_is_not_established(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    inject(lab, "identity-mismatch", "t01")
    tasks = {
        "it": task("sa", {"connection": "east", "timeout": 5}),
        "no child": task("sa", {"connection": "east", "child": "lan"}),
        "no connection": task("sa", {"connection": "west"}),
    }
    done = steps(tmp_path, hosts, "b01", tasks)
    assert "east/net was not established: received AUTHENTICATION_FAILED notify error" in failed(done, "it")
    assert "connection east has no child 'lan': its children are net" in failed(done, "no child")
    assert "the daemon has no connection 'west': it has east" in failed(done, "no connection")


def test_sa_gives_up_on_a_dead_peer_when_it_is_told_to(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    inject(lab, "sa-mismatch", "t01")
    wish = task("sa", {"connection": "east", "state": "terminated", "force": True})
    assert changed(steps(tmp_path, hosts, "b01", {"it": wish}), "it") == [True]
    assert spis(lab.sh("b01", "swanctl --list-sas")) == set()


def test_a_pre_shared_key_is_set_once_and_shown_nowhere(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wish = {"name": "east", "psk": CANARY}
    tasks = {
        "foretell": task("connection", wish, check=True),
        "it": task("connection", wish),
        "again": task("connection", wish),
    }
    done = steps(tmp_path, hosts, "b01", tasks, "-vvvv", "--diff")
    assert changed(done, *tasks) == [True, True, False]
    assert done.result("foretell")["diff"] == done.result("it")["diff"]
    assert lab.sh("b01", "cat /etc/swanctl/conf.d/secrets.conf").count(CANARY) == 1
    assert lab.sh("b01", "stat -c %a /etc/swanctl/conf.d/secrets.conf").strip() == "600"
    shown = done.output + json.dumps(done.tasks)
    assert CANARY not in shown.replace(f'"psk": "{CANARY}"', "")
    assert (lab.folder / "psk-t01").read_text(encoding="utf-8") not in shown


def test_a_user_who_is_not_root_becomes_it_or_is_told_to(lab: Lab, tmp_path: Path) -> None:
    operator = tmp_path / "operator.yml"
    operator.write_text(inventory(lab, user="operator"), encoding="utf-8")
    tasks = {
        "write": task("connection", {"name": "east", "settings": {"dpd_delay": "12s"}}),
        "sa": task("sa", {"connection": "east", "state": "reinitiated"}),
        "loaded": task("daemon", {"state": "loaded"}),
    }
    assert changed(steps(tmp_path, operator, "b01", tasks), *tasks) == [True, True, False]
    refused = steps(tmp_path, operator, "b01", tasks, "-e", '{"ansible_become": false}')
    for name in tasks:
        assert "become" in failed(refused, name)
