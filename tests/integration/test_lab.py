"""The lab itself: what comes up carries traffic, and what goes down leaves nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import owner
from tests.lab import state as states
from tests.lab.lab import Lab, down, running
from tests.lab.topology import TopologyError, pairs, read, topology

from .leftovers import left

ROOT = Path(__file__).parents[2]
END = {"gateway": "a", "connection": "c", "address": "1", "peer": "2", "id": "i", "network": "n"}
DEMO = ROOT / "tests/lab/topologies/demo.yml"


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    with running(read(DEMO)) as lab:
        yield lab


@pytest.mark.parametrize("tunnel", ["hub-branch1", "hub-branch2", "hub-branch3"])
def test_every_tunnel_of_the_demo_carries_traffic_between_hosts(demo: Lab, tunnel: str) -> None:
    host = f"host{tunnel[-1]}"
    assert demo.ping(host, "hub-host")
    assert demo.ping("hub-host", host)


@pytest.mark.parametrize(("branch", "protocol"), [("branch1", "esp"), ("branch3", "udp")])
def test_packets_are_esp_on_the_wire_and_udp_behind_nat(demo: Lab, branch: str, protocol: str) -> None:
    counter = "ip protocol esp" if protocol == "esp" else "udp dport 4500"
    table = f"table inet count {{ chain in {{ type filter hook prerouting priority -300; {counter} counter; }}; }}"
    demo.exec(branch, ["nft", "-f", "-"], stdin=table.replace("; }; }", ";\n }\n }\n"), check=True)
    assert demo.ping(branch, "10.0.0.10", address=demo.inside(branch))
    counted = demo.sh(branch, "nft list table inet count")
    assert int(counted.split("packets ")[1].split()[0]) >= 3, counted


def test_down_leaves_nothing_and_may_be_repeated() -> None:
    with running(pairs(2, name="gone")) as lab:
        assert lab.pings("t01") == (True, True)
        assert left(lab)
    assert left(lab) == []
    down(lab.state)


def test_two_labs_with_the_same_addresses_run_side_by_side() -> None:
    with running(pairs(1, name="one")) as one, running(pairs(1, name="two")) as two:
        assert one.pings("t01") == two.pings("t01") == (True, True)
        assert one.management("a01") != two.management("a01")
    assert left(one) == left(two) == []


def test_a_recycled_pid_is_never_killed() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        since = owner.started(other.pid)
        assert since is not None
        states.kill(other.pid, since - 1)
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "expected a mapping"),
        ({"gateways": {"a": {}}}, "addresses"),
        ({"tunnels": {"t": [END] * 2}}, "ends at a, which is no gateway"),
    ],
)
def test_a_topology_that_cannot_be_built_says_why(data: object, said: str) -> None:
    with pytest.raises(TopologyError, match=said):
        topology(data)
