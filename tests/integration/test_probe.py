"""The probe on real tunnels: what carries, what is up and carries nothing, and what goes another way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import Run, module, playbook
from .steps import steps, task

A, B = "10.1.1.1", "10.1.2.1"  # the gateways' own addresses inside the selectors


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(pairs(1, name="probe")) as lab:
        assert lab.pings("t01") == (True, True)
        yield lab


def run(tmp: Path, hosts: Path, *, on: str = "b01", **arguments: Any) -> Run:
    return module(tmp, hosts, on, "probe", {"connection": "east" if on == "b01" else "west", **arguments})


def probe(tmp: Path, hosts: Path, **arguments: Any) -> dict[str, Any]:
    """The result of a probe that does not fail."""
    done = run(tmp, hosts, **arguments)
    assert done.status == 0, done.output
    return done.result("it")


def fails(tmp: Path, hosts: Path, **arguments: Any) -> dict[str, Any]:
    """The result of a probe that fails."""
    done = run(tmp, hosts, **arguments)
    assert done.status != 0, done.output
    return done.result("it")


@pytest.mark.parametrize(("on", "source", "target"), [("b01", B, A), ("a01", A, B)])
def test_a_healthy_tunnel_is_proven_from_either_end(
    tmp_path: Path, hosts: Path, on: str, source: str, target: str
) -> None:
    found = probe(tmp_path, hosts, on=on, child="net", pings=[{"to": target}])
    (ping,) = found["pings"]
    assert (found["reachable"], found["esp_used"], found["changed"]) == (True, True, False)
    assert (found["gateway"], found["child"], ping["from"], ping["to"], ping["child"]) == (
        on,
        "net",
        source,
        target,
        "net",
    )
    assert (ping["sent"], ping["received"]) == (3, 3)
    assert 0 < ping["rtt_min"] <= ping["rtt_avg"] <= ping["rtt_max"]
    assert ping["rose"]["packets_in"] >= 3
    assert found["counters"]["after"]["packets_out"] - found["counters"]["before"]["packets_out"] >= 3


def test_addresses_are_found_from_what_gateway_info_says_of_the_peer(tmp_path: Path, hosts: Path) -> None:
    """The whole child is proven without a word about addresses, and check mode proves it too."""
    tasks = [
        {"tunnelwright.ipsec.gateway_info": {}, "register": "found"},
        {
            "name": "it",
            "tunnelwright.ipsec.probe": {"connection": "east", "peer": "{{ hostvars['a01'].found }}"},
            "when": "inventory_hostname == 'b01'",
        },
    ]
    run = playbook(tmp_path, hosts, [{"hosts": "all", "gather_facts": False, "tasks": tasks}], "--check")
    found = run.result("it", "b01")
    assert found["reachable"], run.output
    assert [(ping["from"], ping["to"], ping["child"]) for ping in found["pings"]] == [(B, A, "net")]


def test_a_path_that_drops_esp_is_up_and_carries_nothing(lab: Lab, tmp_path: Path, hosts: Path) -> None:
    lab.sh("r01", "nft add rule inet lab forward ip protocol esp drop")
    try:
        wish = {"connection": "east", "pings": [{"from": B, "to": A}]}
        done = steps(
            tmp_path, hosts, "b01", {"fail": task("probe", wish), "say": task("probe", {**wish, "fail": False})}
        )
        found, audited = done.result("fail"), done.result("say")
        assert (found["failed"], found["reachable"], audited["reachable"]) == (True, False, False)
        assert "the tunnel is up and carries nothing: 0 of 3 pings" in found["msg"]
        assert "3 packets left through it and none came back" in found["msg"]
        assert audited["msg"] == found["msg"]
    finally:
        lab.sh("r01", "nft flush chain inet lab forward")
    assert probe(tmp_path, hosts, pings=[{"from": B, "to": A}])["reachable"]


def test_an_answer_that_came_another_way_proves_nothing(tmp_path: Path, hosts: Path) -> None:
    found = fails(tmp_path, hosts, pings=[{"from": "198.19.1.1", "to": "198.18.1.1"}])
    assert found["pings"][0]["received"] == 3
    assert "answered, but not through the tunnel" in found["msg"]


def test_one_ping_that_is_lost_among_others_is_named(tmp_path: Path, hosts: Path) -> None:
    found = probe(tmp_path, hosts, pings=[{"to": A}, {"to": "10.1.1.77"}], count=1, timeout=1, fail=False)
    assert [ping["esp_used"] for ping in found["pings"]] == [True, False]
    assert f"from {B} to 10.1.1.77" in found["msg"]
    assert f"to {A} " not in found["msg"]


def test_without_an_address_inside_the_selectors_it_says_what_to_give(lab: Lab, tmp_path: Path, hosts: Path) -> None:
    device = lab.sh("b01", f"ip -o addr show | sed -n 's/^[0-9]*: \\([^ ]*\\) .* {B}.*/\\1/p'").strip()
    lab.sh("b01", f"ip addr del {B}/24 dev {device}")
    try:
        found = fails(tmp_path, hosts, child="net", pings=[{"to": A}])
        assert "no address of this gateway is inside local_ts 10.1.2.0/24 at b01/east/net" in found["msg"]
    finally:
        lab.sh("b01", f"ip addr add {B}/24 dev {device}")
        lab.sh(
            "b01",
            "swanctl --terminate --ike east --timeout 5; swanctl --initiate --ike east --child net --timeout 10 || :",
        )


def test_a_tunnel_that_is_down_is_said_to_be_down(lab: Lab, tmp_path: Path, hosts: Path) -> None:
    lab.sh("a01", "swanctl --terminate --ike west --timeout 5; /etc/init.d/strongswan stop")
    try:
        lab.sh("b01", "swanctl --terminate --ike east --force --timeout 5 || :")
        found = fails(tmp_path, hosts, child="net", pings=[{"to": A}])
        assert "no CHILD_SA is installed at b01/east/net: establish it first" in found["msg"]
        stopped = fails(tmp_path, hosts, on="a01", pings=[{"to": B}])
        assert "the IKE daemon does not answer at a01" in stopped["msg"]
    finally:
        lab.sh("a01", "/etc/init.d/strongswan start")
