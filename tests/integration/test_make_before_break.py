"""SAs that are replaced before they go: what a running ping loses, and what is left when a hop is cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab, running
from tests.lab.pinging import pinging
from tests.lab.topology import pairs

from .ansible_run import Run, environment, module

BOTH = "aes256-sha256-x25519,aes128-sha256-x25519"
NEW = "aes128-sha256-x25519"
CONF = "/etc/swanctl/conf.d/east.conf"
HOP = {"name": "east", "settings": {"proposals": NEW}, "reinitiate": True, "make_before_break": True}
PEER = {"name": "west", "settings": {"proposals": BOTH}, "children": {"net": {"esp_proposals": BOTH}}}
BLINK = 0.1  # seconds; mostly none, but a busy machine takes its time between one end's new SA and the other's
LEFT = "find /etc /run -xdev -name '*tunnelwright*' ! -path '/etc/tunnelwright*'; swanctl --list-conns | grep next || :"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(5, name="bridge")) as lab:
        for number in range(1, 6):
            west = f"/etc/swanctl/conf.d/{PEER['name']}.conf"
            lab.sh(f"a0{number}", f"sed -i 's/proposals = .*/proposals = {BOTH}/' {west}; swanctl --load-conns")
        yield lab


def done(run: Run) -> dict[str, Any]:
    assert run.status == 0, run.output
    return run.result("it")


def said(run: Run) -> str:
    assert run.status != 0, run.output
    return str(run.result("it")["msg"])


def spis(lab: Lab, gateway: str) -> list[str]:
    return [
        line.split()[1] for line in lab.sh(gateway, "swanctl --list-sas").splitlines() if line.startswith("    in ")
    ]


def alone(lab: Lab, number: int) -> None:
    """One SA at each end, named as it is to be, and nothing left of a hop."""
    for gateway, name in ((f"b0{number}", "east"), (f"a0{number}", "west")):
        listed = lab.sh(gateway, "swanctl --list-sas | grep '#'").splitlines()
        assert [line.split(":")[0].strip() for line in listed] == [name, "net"], listed
    assert lab.sh(f"b0{number}", LEFT) == ""
    assert lab.pings(f"t0{number}") == (True, True)


def test_new_settings_are_live_once_and_hardly_a_packet_is_lost(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    hop = {**HOP, "children": {"net": {"esp_proposals": NEW}}}
    before = lab.sh("b01", f"cat {CONF}"), spis(lab, "b01")
    check = done(module(tmp_path, hosts, "b01", "connection", hop, "--check", "--diff"))
    assert (lab.sh("b01", f"cat {CONF}"), spis(lab, "b01")) == before
    with pinging(lab, "t01") as pings:
        real = done(module(tmp_path, hosts, "b01", "connection", hop, "--diff"))
    again = done(module(tmp_path, hosts, "b01", "connection", hop, "--diff"))
    assert pings.longest <= BLINK, pings
    same = ("changed", "connection", "edits", "takes_effect", "diff")
    assert {key: check[key] for key in same} == {key: real[key] for key in same}
    assert (real["changed"], real["takes_effect"], again["changed"]) == (True, "now", False)
    (ike,) = real["sa"]["after"]
    assert (ike["connection"], ike["encr"], ike["children"][0]["encr"]) == ("east", "AES_CBC-128", "AES_CBC-128")
    assert not {child["spi_in"] for child in ike["children"]} & set(before[1])
    alone(lab, 1)


def test_what_the_peer_refuses_touches_nothing(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    hop = {**HOP, "settings": {"proposals": "aes192-sha256-x25519"}}
    before = lab.sh("b02", f"stat -c '%a %u %g %Y %s' {CONF}; cat {CONF}"), spis(lab, "b02"), spis(lab, "a02")
    with pinging(lab, "t02") as pings:
        message = said(module(tmp_path, hosts, "b02", "connection", hop))
    assert "east/net was not established with the new settings at east: received NO_PROPOSAL_CHOSEN notify" in message
    assert message.endswith("the gateway has what it had before")
    after = lab.sh("b02", f"stat -c '%a %u %g %Y %s' {CONF}; cat {CONF}"), spis(lab, "b02"), spis(lab, "a02")
    assert (pings.lost, after) == (0, before)
    alone(lab, 2)


def test_sas_are_made_anew_as_they_are_configured(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    done(module(tmp_path, hosts, "b02", "connection", {"name": "east", "children": {"net": {"rekey_time": "50m"}}}))
    before = spis(lab, "b02")
    again = {"connection": "east", "state": "reinitiated", "make_before_break": True}
    assert done(module(tmp_path, hosts, "b02", "sa", again, "--check"))["changed"]
    assert spis(lab, "b02") == before
    with pinging(lab, "t02") as pings:
        told = done(module(tmp_path, hosts, "b02", "sa", again))
    assert pings.longest <= BLINK, pings
    assert [[child["spi_in"] for child in ike["children"]] for ike in told["sa"]["after"]] != [before]
    alone(lab, 2)


def test_a_peer_that_starts_again_what_is_closed_has_one_sa_after_a_short_break(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    """Run on the end that answers: the other end's close action is start."""
    setting = {**HOP, "name": "west", "settings": {"dpd_delay": "25s"}}
    with pinging(lab, "t02") as pings:
        told = done(module(tmp_path, hosts, "a02", "connection", setting))
    assert "starts again what is closed" in told.get("warnings", [""])[0], told["log"]
    assert pings.longest <= 2, pings
    alone(lab, 2)


@pytest.mark.parametrize("word", ["TERM", "KILL"])
@pytest.mark.parametrize("sleep", [1, 2, 3], ids=["beside the old SA", "when the old SA is gone", "before it goes"])
def test_a_hop_that_is_cut_off_leaves_nothing_that_the_next_does_not_take_away(
    lab: Lab, hosts: Path, tmp_path: Path, word: str, sleep: int
) -> None:
    """The gateway's shell gets a signal at one of its pauses; one that it can hear takes everything back."""
    before = lab.sh("b03", f"cat {CONF}")
    count = f"echo >>/run/pauses; [ $(grep -c '' /run/pauses) != {sleep} ] || kill -{word} $PPID"
    lab.write("b03", "/usr/local/bin/sleep", f'#!/bin/sh\n{count}\nexec /bin/sleep "$@"\n', mode="0755")
    hop = {**HOP, "settings": {"proposals": NEW, "dpd_delay": f"{10 + sleep}s"}}
    with pinging(lab, "t03") as pings:
        assert module(tmp_path, hosts, "b03", "connection", hop).status != 0
        lab.sh("b03", "rm -f /usr/local/bin/sleep /run/pauses")
    assert pings.longest <= BLINK, pings
    if word == "TERM":
        assert lab.sh("b03", f"cat {CONF}") == before
        alone(lab, 3)
    with pinging(lab, "t03") as pings:
        again = {"connection": "east", "state": "reinitiated", "make_before_break": True}
        done(module(tmp_path, hosts, "b03", "connection", {**HOP, "settings": {"proposals": BOTH}}))
        done(module(tmp_path, hosts, "b03", "sa", again))
    assert pings.longest <= BLINK, pings
    alone(lab, 3)


@pytest.mark.parametrize("cut", ["the controller", "the gateway's shell too"])
def test_a_guard_undoes_a_hop_whose_controller_was_killed_in_the_middle(
    lab: Lab, hosts: Path, tmp_path: Path, cut: str
) -> None:
    """When the twin alone carries the traffic; the gateway itself ends the hop that it has begun, if it can."""
    before = lab.sh("b04", f"cat {CONF}")
    setting = {**HOP, "settings": {"dpd_delay": "9s"}, "guard": 25}
    task = {"tunnelwright.ipsec.connection": setting}
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "b04", "gather_facts": False, "tasks": [task]}]))
    if cut != "the controller":
        pause = "! { [ $1 = 2 ] && grep -aq sh.-s /proc/$PPID/cmdline; } || kill -KILL $PPID"  # not that of the guard
        lab.write("b04", "/usr/local/bin/sleep", f'#!/bin/sh\n{pause}\nexec /bin/sleep "$@"\n', mode="0755")
    command = ["ansible-playbook", "-i", str(hosts), str(tmp_path / "play.json")]
    with (tmp_path / "out").open("w") as out:
        play = subprocess.Popen(command, env=environment(tmp_path), cwd=tmp_path, stdout=out, start_new_session=True)
    waited(lab, "b04", "swanctl --list-sas --ike east-tunnelwright-next | grep -q INSTALLED")
    waited(lab, "b04", "! swanctl --list-sas --ike east | grep -q INSTALLED")
    with suppress(ProcessLookupError):  # it ends with the shell
        os.killpg(play.pid, signal.SIGKILL)
    play.wait()
    lab.sh("b04", "rm -f /usr/local/bin/sleep")
    waited(lab, "b04", "! ls -d /etc/tunnelwright/guard*")
    assert "why not confirmed in time\n" in lab.sh("b04", "cat /etc/tunnelwright/rolled-back")
    assert lab.sh("b04", f"cat {CONF}") == before
    assert "dpd delay 30s" in lab.sh("b04", "swanctl --list-conns")
    alone(lab, 4)


def waited(lab: Lab, gateway: str, until: str) -> None:
    end = time.monotonic() + 120
    while lab.exec(gateway, ["sh", "-c", f"{until} 2>/dev/null"]).returncode:
        assert time.monotonic() < end, f"{until}: {lab.sh(gateway, 'swanctl --list-sas; tail -n 30 /run/charon.log')}"
        time.sleep(0.2)
