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

from .ansible_run import module, told, works

CONF = "/etc/swanctl/conf.d/east.conf"
CANARY = "canary-7f3Kq-do-not-show"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(6, name="writing")) as lab:
        yield lab


def refused(tmp: Path, hosts: Path, on: str, name: str, arguments: dict[str, Any]) -> str:
    done = module(tmp, hosts, on, name, arguments)
    assert done.status != 0, done.output
    return str(told(done)["msg"])


def whole(lab: Lab, gateway: str) -> str:
    """All configuration of a gateway: names, modes, owners and bytes."""
    return lab.sh(
        gateway,
        "cd /etc/swanctl && find . -type f -o -type l | sort | xargs stat -c '%n %a %u %g' && "
        "find . -type f | sort | xargs sha256sum",
    )


def test_a_change_is_made_once_as_check_mode_said(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wish = {
        "name": "east",
        "settings": {"dpd_delay": "10s"},
        "children": {"net": {"dpd_action": "trap"}},
        "reinitiate": True,
    }
    before, text = whole(lab, "b01"), lab.sh("b01", f"cat {CONF}")
    check = works(tmp_path, hosts, "b01", "connection", wish, "--check", "--diff")
    assert whole(lab, "b01") == before
    real = works(tmp_path, hosts, "b01", "connection", wish, "--diff")
    again = works(tmp_path, hosts, "b01", "connection", wish, "--diff")
    assert {key: check[key] for key in ("changed", "connection", "edits", "takes_effect", "diff")} == {
        key: real[key] for key in ("changed", "connection", "edits", "takes_effect", "diff")
    }
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


def test_a_live_sa_keeps_its_settings_until_it_is_made_anew(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    forced = works(tmp_path, hosts, "b02", "connection", {"name": "east", "nat_traversal": "force"})
    assert (forced["connection"]["after"], forced["takes_effect"]) == ({"encap": "yes"}, "on_reinitiate")
    # The initiator's start action closes and initiates what it holds when its IKE settings change (vici_config.c).
    works(tmp_path, hosts, "b02", "sa", {"connection": "east", "state": "reinitiated"})
    assert "TUNNEL-in-UDP" in lab.sh("b02", "swanctl --list-sas")
    assert works(tmp_path, hosts, "b02", "connection", {"name": "east", "nat_traversal": "force"})["changed"] is False
    works(tmp_path, hosts, "b02", "connection", {"name": "east", "nat_traversal": "auto", "reinitiate": True})
    assert "TUNNEL-in-UDP" not in lab.sh("b02", "swanctl --list-sas")


def test_a_start_action_that_gains_start_on_an_up_tunnel_makes_no_duplicate(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    none = {"name": "east", "children": {"net": {"start_action": "none"}}}
    works(tmp_path, hosts, "b03", "connection", none)
    works(tmp_path, hosts, "b03", "sa", {"connection": "east"})
    start = {"name": "east", "children": {"net": {"start_action": "trap|start"}}, "reinitiate": True}
    works(tmp_path, hosts, "b03", "connection", start)
    assert lab.sh("b03", "swanctl --list-sas").count("INSTALLED") == 1
    assert lab.pings("t03") == (True, True)


def test_a_setting_of_a_template_is_overridden_in_its_own_file_and_hand(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    template = "tpl {\r\n\tdpd_delay = 7s # all\r\n}\r\n"
    users = "connections {\r\n\tmine : tpl {\r\n\t\tversion = 2\r\n\t}\r\n\tyours : tpl {\r\n\t}\r\n}\r\n"
    lab.write("a04", "/etc/swanctl/templated.txt", template + users, mode="0640")
    lab.sh(
        "a04",
        "cd /etc/swanctl; chown 7:8 templated.txt; ln -s ../templated.txt conf.d/templated.conf; swanctl --load-conns",
    )
    works(tmp_path, hosts, "a04", "connection", {"name": "mine", "settings": {"dpd_delay": "9s"}})
    written = lab.sh("a04", "od -An -c /etc/swanctl/templated.txt | tr -d ' \\n'")
    assert "version=2\\r\\n\\t\\tdpd_delay=9s\\r\\n\\t}" in written
    assert lab.sh("a04", "stat -c '%a %u %g %F' /etc/swanctl/templated.txt").strip() == "640 7 8 regular file"
    assert lab.sh("a04", "readlink /etc/swanctl/conf.d/templated.conf").strip() == "../templated.txt"
    conns = lab.sh("a04", "swanctl --list-conns")
    assert "mine: IKEv2, no reauthentication, rekeying every 14400s, dpd delay 9s" in conns
    assert "yours: IKEv1/2, no reauthentication, rekeying every 14400s, dpd delay 7s" in conns


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"name": "nobody"}, "there is no connection 'nobody' at /etc/swanctl/swanctl.conf: connections there: east"),
        (
            {"name": "east", "children": {"lan": {"mode": "tunnel"}}},
            "connection east has no child 'lan': its children are net",
        ),
        (
            {"name": "east", "settings": {"dpd-delay": "1s"}},
            "strongSwan knows no setting 'dpd-delay' there at east.dpd-delay",
        ),
        ({"name": "east", "settings": {"encap": "on"}}, "'on' is no value for encap at east.encap: write yes or no"),
        ({"name": "east", "settings": {"dpd_delay": "1h30m"}}, "'1h30m' is no value for dpd_delay"),
        ({"name": "east", "children": {"net": {"start_action": "hold"}}}, "'hold' is no value for start_action"),
        ({"name": "east", "settings": {"third.id": "x"}}, "east has no section 'third'"),
        ({"name": "east", "settings": {"dpd_timeout": "9s"}}, "strongSwan ignores a change of dpd_timeout alone"),
        ({"name": "east", "settings": {"proposals": "aes129-foo"}}, "the daemon does not load the change at east"),
    ],
)
def test_what_strongswan_would_not_take_is_refused_and_nothing_is_left(
    lab: Lab, hosts: Path, tmp_path: Path, wish: dict[str, Any], said: str
) -> None:
    before = whole(lab, "b04")
    assert said in refused(tmp_path, hosts, "b04", "connection", wish)
    assert whole(lab, "b04") == before
    assert "east: IKEv2" in lab.sh("b04", "swanctl --list-conns")


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
    lab.sh("b05", harm)
    try:
        before, loaded = whole(lab, "b05"), lab.sh("b05", "swanctl --list-conns | grep -c IKEv")
        message = refused(tmp_path, hosts, "b05", "connection", WISH)
        assert said in message
        assert "\n" not in message
        assert whole(lab, "b05") == before
        assert lab.sh("b05", "swanctl --list-conns | grep -c IKEv") == loaded
        assert lab.sh("b05", "find /etc/swanctl -name '.*tunnelwright*'") == ""
    finally:
        lab.sh("b05", heal)


def test_a_stopped_daemon_gets_its_file_and_takes_it_when_it_starts(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lab.exec("b06", ["/etc/init.d/strongswan", "stop"], check=True)
    assert works(tmp_path, hosts, "b06", "connection", {**WISH, "reinitiate": True})["takes_effect"] == "on_start"
    assert "does not answer" in refused(tmp_path, hosts, "b06", "sa", {"connection": "east"})
    assert "not running" in refused(tmp_path, hosts, "b06", "daemon", {"state": "loaded"})
    assert works(tmp_path, hosts, "b06", "daemon", {"state": "started"}, "--check")["changed"] is True
    assert works(tmp_path, hosts, "b06", "daemon", {"state": "started"})["changed"] is True
    assert works(tmp_path, hosts, "b06", "daemon", {"state": "started"})["changed"] is False
    assert "dpd delay 11s" in lab.sh("b06", "swanctl --list-conns")


def test_daemon_loads_what_is_not_loaded_and_refuses_what_would_lose_a_connection(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    inject(lab, "not-loaded", "t06")
    check = works(tmp_path, hosts, "a06", "daemon", {"state": "loaded"}, "--check")
    assert (check["changed"], check["reasons"]) == (True, ["west is in the file and not loaded"])
    assert works(tmp_path, hosts, "a06", "daemon", {"state": "loaded"})["reasons"] == check["reasons"]
    assert works(tmp_path, hosts, "a06", "daemon", {"state": "loaded"})["changed"] is False
    lab.sh("a06", "mv /etc/swanctl/conf.d/west.conf /run; echo 'connections { new { } }' >/etc/swanctl/conf.d/new.conf")
    assert "would unload west" in refused(tmp_path, hosts, "a06", "daemon", {"state": "loaded"})
    lab.sh("a06", "echo 'a {' >/etc/swanctl/conf.d/new.conf")
    assert "new.conf:1" in refused(tmp_path, hosts, "a06", "daemon", {"state": "loaded"})
    assert "west: IKEv2" in lab.sh("a06", "swanctl --list-conns")
    lab.sh("a06", "rm /etc/swanctl/conf.d/new.conf; mv /run/west.conf /etc/swanctl/conf.d")


def spis(lab: Lab, gateway: str) -> set[str]:
    return {
        line.split()[1].rstrip(",")
        for line in lab.sh(gateway, "swanctl --list-sas").splitlines()
        if line.startswith("    in ")
    }


@pytest.mark.parametrize("child", [None, "net"])
def test_sa_brings_a_connection_to_each_state_once(lab: Lab, hosts: Path, tmp_path: Path, child: str | None) -> None:
    def sa(state: str, *more: str) -> bool:
        wish = {"connection": "east", "state": state, **({"child": child} if child else {})}
        return bool(works(tmp_path, hosts, "b03", "sa", wish, *more)["changed"])

    sa("established")
    assert [sa("terminated", "--check"), sa("terminated"), sa("terminated")] == [True, True, False]
    assert spis(lab, "b03") == set()
    assert [sa("established", "--check"), sa("established"), sa("established")] == [True, True, False]
    before = spis(lab, "b03")
    assert sa("rekeyed")
    assert (spis(lab, "b03") - before) or child is None  # an IKE rekey keeps the children
    before = spis(lab, "b03")
    assert sa("reinitiated")
    assert len(spis(lab, "b03")) == 1
    assert not before & spis(lab, "b03")
    assert sa("deduplicated") is False
    assert lab.pings("t03") == (True, True)


def test_sa_leaves_one_of_several_duplicates(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    inject(lab, "duplicate-child-sas", "t02")
    wish = {"connection": "east", "child": "net", "state": "deduplicated"}
    assert [works(tmp_path, hosts, "b02", "sa", wish, *more)["changed"] for more in (["--check"], [], [])] == [
        True,
        True,
        False,
    ]
    assert len(spis(lab, "b02")) == 1
    assert lab.pings("t02") == (True, True)


def test_sa_says_why_a_tunnel_is_not_established(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    inject(lab, "identity-mismatch", "t04")
    message = refused(tmp_path, hosts, "b04", "sa", {"connection": "east", "timeout": 5})
    assert "east/net was not established: received AUTHENTICATION_FAILED notify error" in message
    assert "connection east has no child 'lan': its children are net" in refused(
        tmp_path, hosts, "b04", "sa", {"connection": "east", "child": "lan"}
    )
    assert "the daemon has no connection 'west': it has east" in refused(
        tmp_path, hosts, "b04", "sa", {"connection": "west"}
    )


def test_sa_gives_up_on_a_dead_peer_when_it_is_told_to(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    inject(lab, "sa-mismatch", "t05")
    assert (
        works(tmp_path, hosts, "b05", "sa", {"connection": "east", "state": "terminated", "force": True})["changed"]
        is True
    )
    assert spis(lab, "b05") == set()


def test_a_pre_shared_key_is_set_once_and_shown_nowhere(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wish = {"name": "east", "psk": CANARY}
    runs = [
        module(tmp_path, hosts, "b01", "connection", wish, "-vvvv", "--diff", *more) for more in (["--check"], [], [])
    ]
    assert [told(run)["changed"] for run in runs] == [True, True, False]
    assert told(runs[0])["diff"] == told(runs[1])["diff"]
    assert lab.sh("b01", "cat /etc/swanctl/conf.d/secrets.conf").count(CANARY) == 1
    assert lab.sh("b01", "stat -c %a /etc/swanctl/conf.d/secrets.conf").strip() == "600"
    old = (lab.folder / "psk-t01").read_text(encoding="utf-8")
    for run in runs:
        shown = run.output + json.dumps(run.tasks)
        assert CANARY not in shown.replace(f'"psk": "{CANARY}"', "")
        assert old not in shown
    works(tmp_path, hosts, "b01", "connection", {"name": "east", "psk": old})


def test_a_user_who_is_not_root_becomes_it_or_is_told_to(lab: Lab, tmp_path: Path) -> None:
    operator = tmp_path / "operator.yml"
    operator.write_text(inventory(lab, user="operator"), encoding="utf-8")
    assert (
        works(tmp_path, operator, "b03", "connection", {"name": "east", "settings": {"dpd_delay": "12s"}})["changed"]
        is True
    )
    assert works(tmp_path, operator, "b03", "sa", {"connection": "east"})["changed"] in (True, False)
    plain = tmp_path / "plain.yml"
    plain.write_text(
        inventory(lab, user="operator").replace("ansible_become: true", "ansible_become: false"), encoding="utf-8"
    )
    for name, arguments in (("connection", WISH), ("sa", {"connection": "east"}), ("daemon", {"state": "loaded"})):
        assert "become" in refused(tmp_path, plain, "b03", name, arguments)
