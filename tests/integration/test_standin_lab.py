"""The stand-in for pfSense as a gateway of the lab: tunnels with strongSwan, its keepalive and its users."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.lab import Lab, running
from tests.lab.topology import TopologyError, pairs, read, topology

TOPOLOGIES = Path(__file__).parents[1] / "lab/topologies"
APPLY = "<?php require_once('config.inc'); require_once('functions.inc'); %s ipsec_configure();"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A tunnel each: with keepalive, without, one that pfSense calls as charon does not, one narrowed."""
    data = dict(pairs(4, name="standin", pfsense={"b": "2.7.2"}).data)
    for number, settings, child in (
        (1, {"closeaction": "none"}, {"keepalive": "enabled"}),
        (2, {"closeaction": "none"}, {}),
        (3, {"closeaction": "none", "iketype": "auto", "mode": "main"}, {"keepalive": "enabled"}),
    ):
        data["tunnels"][f"t{number:02d}"][0] |= {"settings": settings, "child": child}
    data["tunnels"]["t04"][0] |= {"child": {"keepalive": "enabled"}}
    data["tunnels"]["t04"][1] |= {"network": "10.4.1.0/24,10.4.9.0/24", "child": {"local_ts": "10.4.1.0/24"}}
    with running(topology(data, where="standin")) as lab:
        yield lab


def up(lab: Lab, gateway: str) -> bool:
    return "INSTALLED" in lab.sh(gateway, "swanctl --list-sas --child con1")


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.3)
    return held


def ssh(lab: Lab, user: str, gateway: str, script: str) -> subprocess.CompletedProcess[str]:
    """What a user gets who logs in and hands a script to a shell."""
    keys = ["-i", str(lab.folder / "id_ed25519"), "-o", f"UserKnownHostsFile={lab.folder / 'known_hosts'}"]
    command = ["ssh", *keys, f"{user}@{lab.management(gateway)}", "/bin/sh -s"]
    return subprocess.run(command, input=script, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("suite", ["trixie", "bookworm"])
def test_stand_ins_of_three_releases_and_strongswan_carry_traffic_between_hosts(suite: str) -> None:
    with running(read(TOPOLOGIES / "pfsense.yml"), suite=suite) as lab:
        for branch in (1, 2, 3):
            assert lab.ping(f"host{branch}", "hub-host")
            assert lab.ping("hub-host", f"host{branch}")


@pytest.mark.night  # boxes run 2.6.0 on PHP 7.4 by day; this alone needs a root of bullseye for strongSwan
def test_a_lab_of_bullseye_runs_a_box_on_the_php_that_pfsense_2_6_has() -> None:
    with running(pairs(1, name="old", pfsense={"b": "2.6.0"}), suite="bullseye") as lab:
        assert lab.pings("t01") == (True, True)
        assert lab.sh("b01", "/usr/local/bin/php -r 'echo PHP_VERSION;'").startswith("7.4.")


def test_keepalive_brings_back_a_tunnel_that_was_taken_down_and_nothing_else_does(lab: Lab) -> None:
    assert lab.pings("t01") == lab.pings("t02") == (True, True)
    for gateway in ("b01", "b02"):
        lab.sh(gateway, "swanctl --terminate --ike con1")
    assert within(20, lambda: up(lab, "b01"))
    assert lab.pings("t01") == (True, True)
    assert not up(lab, "b02")


def test_with_iketype_auto_keepalive_takes_a_tunnel_for_down_and_asks_for_a_child_that_there_is_not(lab: Lab) -> None:
    assert lab.pings("t03") == (True, True)
    program = APPLY.partition("%s")[0] + "echo json_encode(array_keys(ipsec_status()['disconnected']['p2']));"
    assert lab.exec("b03", ["/usr/local/bin/php"], stdin=program).stdout == '["con1_1"]'
    asked = lab.exec("b03", ["swanctl", "--initiate", "--timeout", "5", "--child", "con1_1"])
    assert "CHILD_SA config 'con1_1' not found" in asked.stdout + asked.stderr


def test_keepalive_takes_a_child_that_the_peer_narrowed_for_up(lab: Lab) -> None:
    assert lab.pings("t04") == (True, True)
    assert "10.4.9.0/24" in lab.sh("b04", "swanctl --list-conns")
    assert "10.4.9.0/24" not in lab.sh("b04", "swanctl --list-sas")
    program = APPLY.partition("%s")[0] + "echo json_encode(ipsec_status()['disconnected']['p2']);"
    assert lab.exec("b04", ["/usr/local/bin/php"], stdin=program).stdout == "[]"


def test_what_is_written_and_applied_is_what_charon_has(lab: Lab) -> None:
    program = APPLY % "config_set_path('ipsec/phase1/0/dpd_delay', '7'); write_config('shorter DPD');"
    assert lab.exec("b02", ["/usr/local/bin/php"], stdin=program).returncode == 0
    assert within(10, lambda: "dpd delay 7s" in lab.sh("b02", "swanctl --list-conns"))


@pytest.mark.parametrize("user", ["root", "admin"])
def test_both_users_are_root_and_have_a_shell_that_takes_commands(lab: Lab, user: str) -> None:
    done = ssh(lab, user, "b02", "id -u; hostname; cat /etc/platform /etc/version; exit 7")
    assert done.stdout.split() == ["0", "b02.pfsense-stand-in.lab", "pfSense2.7.2-RELEASE"]
    assert done.returncode == 7


def test_selectors_have_the_suffix_of_the_patched_charon(lab: Lab) -> None:
    assert up(lab, "b01")
    for form in ("", "--pretty", "--raw"):
        assert lab.sh("b01", f"swanctl --list-sas {form}").count("10.1.2.0/24|/0") == 1
    assert lab.exec("b01", ["swanctl", "--list-sas", "--no-such-option"]).returncode != 0


@pytest.mark.parametrize(("kind", "version"), [("opnsense", "2.7.2"), ("pfsense", "1.2.3")])
def test_a_gateway_of_a_kind_or_release_that_there_is_not_is_refused(kind: str, version: str) -> None:
    gateway = {"kind": kind, "version": version, "addresses": {"lan": "10.0.0.1/24"}}
    with pytest.raises(TopologyError, match=f"there is no {kind} {version} for fw"):
        topology({"gateways": {"fw": gateway}})
