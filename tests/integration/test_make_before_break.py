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
# Parts of the pings, lost in a row. Mostly none, but a busy machine takes its time from one end's SA to the other's.
BLINK, BREAK = 1 / 50, 1 / 4
RATE = 20  # pings each second, each way
LEFT = "find /etc /run -xdev -name '*tunnelwright*' ! -path '/etc/tunnelwright*'; swanctl --list-conns | grep next || :"
CLOSED_WITHIN = 60.0  # seconds, on a busy machine

pytestmark = [pytest.mark.apart, pytest.mark.lasts(20)]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with running(pairs(1, name="bridge")) as lab:
        west = "/etc/swanctl/conf.d/west.conf"
        lab.sh("a01", f"sed -i 's/proposals = .*/proposals = {BOTH}/' {west}; swanctl --load-conns")
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


def sas(lab: Lab, gateway: str) -> list[str]:
    lines = lab.sh(gateway, "swanctl --list-sas | grep '#' || :").splitlines()
    return [line.split(":")[0].strip() for line in lines]


def alone(lab: Lab) -> None:
    """One SA at each end, named as it is to be, as soon as the old ones are closed, and nothing left of a hop."""
    end = time.monotonic() + CLOSED_WITHIN
    for gateway, name in (("b01", "east"), ("a01", "west")):
        while (listed := sas(lab, gateway)) != [name, "net"]:
            assert time.monotonic() < end, listed
            time.sleep(0.2)
    assert lab.sh("b01", LEFT) == ""
    assert lab.pings("t01") == (True, True)


def test_new_settings_are_live_once_and_hardly_a_packet_is_lost(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    hop = {**HOP, "children": {"net": {"esp_proposals": NEW}}}
    before = lab.sh("b01", f"cat {CONF}"), spis(lab, "b01")
    check = done(module(tmp_path, hosts, "b01", "connection", hop, "--check", "--diff"))
    assert (lab.sh("b01", f"cat {CONF}"), spis(lab, "b01")) == before
    with pinging(lab, "t01", rate=RATE) as pings:
        real = done(module(tmp_path, hosts, "b01", "connection", hop, "--diff"))
    again = done(module(tmp_path, hosts, "b01", "connection", hop, "--diff"))
    assert pings.share <= BLINK, pings
    same = ("changed", "connection", "edits", "takes_effect", "diff")
    assert {key: check[key] for key in same} == {key: real[key] for key in same}
    assert (real["changed"], real["takes_effect"], again["changed"]) == (True, "now", False)
    (ike,) = real["sa"]["after"]
    assert (ike["connection"], ike["encr"], ike["children"][0]["encr"]) == ("east", "AES_CBC-128", "AES_CBC-128")
    assert not {child["spi_in"] for child in ike["children"]} & set(before[1])
    alone(lab)


def test_what_the_peer_refuses_touches_nothing(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    hop = {**HOP, "settings": {"proposals": "aes192-sha256-x25519"}}
    before = lab.sh("b01", f"stat -c '%a %u %g %Y %s' {CONF}; cat {CONF}"), spis(lab, "b01"), spis(lab, "a01")
    with pinging(lab, "t01", rate=RATE) as pings:
        message = said(module(tmp_path, hosts, "b01", "connection", hop))
    assert "east/net was not established with the new settings at east: received NO_PROPOSAL_CHOSEN notify" in message
    assert message.endswith("the gateway has what it had before")
    after = lab.sh("b01", f"stat -c '%a %u %g %Y %s' {CONF}; cat {CONF}"), spis(lab, "b01"), spis(lab, "a01")
    assert (pings.lost, after) == (0, before)
    alone(lab)


def test_sas_are_made_anew_as_they_are_configured(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    done(module(tmp_path, hosts, "b01", "connection", {"name": "east", "children": {"net": {"rekey_time": "50m"}}}))
    before = spis(lab, "b01")
    again = {"connection": "east", "state": "reinitiated", "make_before_break": True}
    assert done(module(tmp_path, hosts, "b01", "sa", again, "--check"))["changed"]
    assert spis(lab, "b01") == before
    with pinging(lab, "t01", rate=RATE) as pings:
        told = done(module(tmp_path, hosts, "b01", "sa", again))
    assert pings.share <= BLINK, pings
    assert [[child["spi_in"] for child in ike["children"]] for ike in told["sa"]["after"]] != [before]
    alone(lab)


def test_a_peer_that_starts_again_what_is_closed_has_one_sa_after_a_short_break(
    lab: Lab, hosts: Path, tmp_path: Path
) -> None:
    """Run on the end that answers: the other end's close action is start."""
    setting = {**HOP, "name": "west", "settings": {"dpd_delay": "25s"}}
    with pinging(lab, "t01", rate=RATE) as pings:
        told = done(module(tmp_path, hosts, "a01", "connection", setting))
    assert "starts again what is closed" in told.get("warnings", [""])[0], told["log"]
    assert pings.share <= BREAK, pings
    alone(lab)


# Each signal and each pause by day, all pairs at night.
@pytest.mark.parametrize(
    ("word", "sleep"),
    [
        pytest.param("TERM", 1, id="TERM beside the old SA"),
        pytest.param("KILL", 1, id="KILL beside the old SA", marks=pytest.mark.night),
        pytest.param("TERM", 2, id="TERM when the old SA is gone", marks=pytest.mark.night),
        pytest.param("KILL", 2, id="KILL when the old SA is gone"),
        pytest.param("TERM", 3, id="TERM before it goes"),
        pytest.param("KILL", 3, id="KILL before it goes", marks=pytest.mark.night),
    ],
)
def test_a_hop_that_is_cut_off_leaves_nothing_that_the_next_does_not_take_away(
    lab: Lab, hosts: Path, tmp_path: Path, word: str, sleep: int
) -> None:
    """The gateway's shell gets a signal at one of its pauses; one that it can hear takes everything back."""
    before = lab.sh("b01", f"cat {CONF}")
    count = f"echo >>/run/pauses; [ $(grep -c '' /run/pauses) != {sleep} ] || kill -{word} $PPID"
    lab.write("b01", "/usr/local/bin/sleep", f'#!/bin/sh\n{count}\nexec /bin/sleep "$@"\n', mode="0755")
    hop = {**HOP, "settings": {"proposals": NEW, "dpd_delay": f"{10 + sleep}s"}}
    with pinging(lab, "t01", rate=RATE) as pings:
        assert module(tmp_path, hosts, "b01", "connection", hop).status != 0
        lab.sh("b01", "rm -f /usr/local/bin/sleep /run/pauses")
    assert pings.share <= BLINK, pings
    if word == "TERM":
        assert lab.sh("b01", f"cat {CONF}") == before
        alone(lab)
    with pinging(lab, "t01", rate=RATE) as pings:
        again = {"connection": "east", "state": "reinitiated", "make_before_break": True}
        done(module(tmp_path, hosts, "b01", "connection", {**HOP, "settings": {"proposals": BOTH}}))
        done(module(tmp_path, hosts, "b01", "sa", again))
    assert pings.share <= BLINK, pings
    alone(lab)


@pytest.mark.parametrize("cut", ["the controller", "the gateway's shell too"])
def test_a_guard_undoes_a_hop_whose_controller_was_killed_in_the_middle(
    lab: Lab, hosts: Path, tmp_path: Path, cut: str
) -> None:
    """When the twin alone carries the traffic; the gateway itself ends the hop that it has begun, if it can."""
    before = lab.sh("b01", f"cat {CONF}")
    setting = {**HOP, "settings": {"dpd_delay": "9s"}, "guard": 3000}
    task = {"tunnelwright.ipsec.connection": setting}
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "b01", "gather_facts": False, "tasks": [task]}]))
    if cut != "the controller":
        pause = "! { [ $1 = 2 ] && grep -aq sh.-s /proc/$PPID/cmdline; } || kill -KILL $PPID"  # not that of the guard
        lab.write("b01", "/usr/local/bin/sleep", f'#!/bin/sh\n{pause}\nexec /bin/sleep "$@"\n', mode="0755")
    command = ["ansible-playbook", "-i", str(hosts), str(tmp_path / "play.json")]
    with (tmp_path / "out").open("w") as out:
        play = subprocess.Popen(command, env=environment(tmp_path), cwd=tmp_path, stdout=out, start_new_session=True)
    waited(lab, "b01", "swanctl --list-sas --ike east-tunnelwright-next | grep -q INSTALLED")
    waited(lab, "b01", "! swanctl --list-sas --ike east | grep -q INSTALLED")
    with suppress(ProcessLookupError):  # it ends with the shell
        os.killpg(play.pid, signal.SIGKILL)
    play.wait()
    lab.sh("b01", "rm -f /usr/local/bin/sleep; echo 0 >/etc/tunnelwright/guard/deadline")  # the time is over
    waited(lab, "b01", "! ls -d /etc/tunnelwright/guard*")
    assert "why not confirmed in time\n" in lab.sh("b01", "cat /etc/tunnelwright/rolled-back")
    assert lab.sh("b01", f"cat {CONF}") == before
    assert "dpd delay 30s" in lab.sh("b01", "swanctl --list-conns")
    alone(lab)


def waited(lab: Lab, gateway: str, until: str) -> None:
    end = time.monotonic() + 600
    while lab.exec(gateway, ["sh", "-c", f"{until} 2>/dev/null"]).returncode:
        assert time.monotonic() < end, f"{until}: {lab.sh(gateway, 'swanctl --list-sas; tail -n 30 /run/charon.log')}"
        time.sleep(0.2)
