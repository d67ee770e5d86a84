"""Where a repair would be wrong, nothing is changed, and what carried traffic before carries it after."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.faults.hands import CONF_D, nft, router, wait
from tests.lab.faults.path import ESP
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.swanctl import connection
from tests.lab.topology import read

from .ansible_run import Run, playbook

DEMO = Path(__file__).parents[1] / "lab" / "topologies" / "demo.yml"
GATEWAYS = ("hub", "branch1", "branch2", "branch3")
FILES = "find /etc/swanctl -type f | sort | xargs sha256sum"
SPIS = "swanctl --list-sas --raw | grep -o 'spi-in=[0-9a-f]*' | sort"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with running(read(DEMO)) as lab:
        yield lab


def _repair(lab: Lab, tmp: Path, *gateways: str, **variables: Any) -> tuple[Run, dict[str, list[str]]]:
    """Run remediate on these gateways; the run, and the ends of each finding before it."""
    data = yaml.safe_load(inventory(lab))
    data["all"]["hosts"] = {name: data["all"]["hosts"][name] for name in gateways}
    hosts = tmp / "inventory.yml"
    hosts.write_text(yaml.safe_dump(data), encoding="utf-8")
    given = json.dumps({"ipsec_report_dir": str(tmp), "ipsec_timeout": 15, **variables})
    run = playbook(tmp, hosts, "tunnelwright.ipsec.remediate", "-e", given)
    found: dict[str, list[str]] = {}
    for finding in json.loads((tmp / "before.json").read_text(encoding="utf-8"))["findings"]:
        found.setdefault(finding["id"], []).append(f"{finding['end']['gateway']}/{finding['end']['connection']}")
    return run, found


def _state(lab: Lab, *gateways: str) -> dict[str, tuple[str, str]]:
    """What a run must leave as it is: all files, and all live SAs by their SPIs."""
    return {gateway: (lab.sh(gateway, FILES), lab.sh(gateway, SPIS)) for gateway in gateways}


def test_a_declaration_of_the_wrong_pair_is_refused_and_the_right_tunnels_stay_up(lab: Lab, tmp_path: Path) -> None:
    ends = [{"gateway": "hub", "connection": "branch1"}, {"gateway": "branch2", "connection": "hub"}]
    before = _state(lab, *GATEWAYS)
    run, found = _repair(lab, tmp_path, *GATEWAYS, ipsec_tunnels=[{"name": "swapped", "ends": ends}])
    assert found == {"up-with-another-peer": ["hub/branch1", "branch2/hub"]}
    assert run.changed() == {}
    assert run.status, "a declaration that cannot be is no success"
    assert _state(lab, *GATEWAYS) == before
    assert all(lab.ping(f"host{number}", "hub-host") for number in (1, 2, 3))


def test_an_sa_of_the_other_node_of_a_cluster_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    """branch1 is the master and has no SA; branch2, with another address and identity, carries the tunnel."""
    first, second = lab.topology.tunnels["hub-branch1"], lab.topology.tunnels["hub-branch2"]
    both = {"remote_addrs": "198.18.1.1,198.18.2.1", "remote.id": "*.lab"}
    passive = {"start_action": "none", "close_action": "none"}
    lab.sh("hub", f"rm {CONF_D}/branch2.conf")
    lab.write("hub", f"{CONF_D}/branch1.conf", connection(first, first.responder, both))
    lab.write("branch1", f"{CONF_D}/hub.conf", connection(first, first.initiator, {}, passive))
    lab.write("branch2", f"{CONF_D}/hub.conf", connection(second, second.initiator, {}, {"local_ts": "10.0.1.0/24"}))
    for gateway in ("branch1", "branch2", "hub"):
        lab.exec(gateway, ["swanctl", "--load-conns"], check=True)
    lab.exec("branch1", ["swanctl", "--terminate", "--ike", "hub"])
    lab.exec("branch2", ["swanctl", "--terminate", "--ike", "hub"])
    lab.exec("branch2", ["swanctl", "--initiate", "--ike", "hub", "--child", "net", "--timeout", "5"])
    wait(lambda: "INSTALLED" in lab.sh("hub", "swanctl --list-sas --ike branch1"), "branch2 did not come up")
    before = _state(lab, *GATEWAYS)
    run, found = _repair(lab, tmp_path, "hub", "branch1")
    assert found["up-with-another-peer"] == ["hub/branch1"]
    assert "sa-mismatch" not in found
    assert run.changed() == {}
    assert _state(lab, *GATEWAYS) == before
    tried = playbook(tmp_path, tmp_path / "inventory.yml", "tunnelwright.ipsec.diagnose", "-e", "ipsec_timeout=15")
    assert tried.changed() == {}
    assert _state(lab, *GATEWAYS) == before, "to try it from the node that waits takes it from the one that has it"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("secrets {\n  ike-new {\n    id-1 = new.lab\n    secret = spring{2031}\n  }\n}\n", "quotes"),
        ("connections {\n  new {\n", "}"),
    ],
    ids=["a brace in a key", "a brace that is not closed"],
)
def test_of_a_configuration_that_cannot_be_read_nothing_is_concluded(
    lab: Lab, tmp_path: Path, text: str, hint: str
) -> None:
    lab.write("hub", f"{CONF_D}/new.conf", text, mode="0600")
    before = _state(lab, *GATEWAYS)
    run, found = _repair(lab, tmp_path, *GATEWAYS)
    assert found == {"gateway-unreadable": ["hub/"]}
    (finding,) = json.loads((tmp_path / "before.json").read_text(encoding="utf-8"))["findings"]
    assert hint in f"{finding['summary']} {finding['no_fix']}"
    assert "2031" not in run.output
    assert run.changed() == {}
    assert _state(lab, *GATEWAYS) == before
    assert all(lab.ping(f"host{number}", "hub-host") for number in (1, 2, 3))


def test_a_gateway_that_claims_all_networks_is_not_believed(lab: Lab, tmp_path: Path) -> None:
    tunnel = lab.topology.tunnels["hub-branch2"]
    lab.write("branch2", f"{CONF_D}/hub.conf", connection(tunnel, tunnel.initiator, {}, {"local_ts": "0.0.0.0/0"}))
    lab.exec("branch2", ["swanctl", "--load-conns"], check=True)
    wait(lambda: "INSTALLED" in lab.sh("hub", "swanctl --list-sas --ike branch2"), "branch2 did not come up")
    before = _state(lab, *GATEWAYS)["hub"]
    run, found = _repair(lab, tmp_path, "hub", "branch1", "branch2", "branch3")
    assert "selectors-not-mirrored" in found
    assert "hub" not in run.changed()
    assert _state(lab, "hub")["hub"][0] == before[0]
    assert all(lab.ping(f"host{number}", "hub-host") for number in (1, 3))


def test_what_was_edited_of_one_tunnel_is_not_loaded_by_the_repair_of_another(lab: Lab, tmp_path: Path) -> None:
    """What was edited would end a tunnel that is up, and neither a repair nor its rollback is to do that."""
    other, broken = lab.topology.tunnels["hub-branch2"], lab.topology.tunnels["hub-branch1"]
    edited = connection(other, other.responder, {"remote.id": "nobody.lab"})
    lab.write("hub", f"{CONF_D}/branch2.conf", edited)
    lab.write("branch1", f"{CONF_D}/hub.conf", connection(broken, broken.initiator, {"dpd_delay": "0s"}))
    lab.exec("branch1", ["swanctl", "--load-conns"], check=True)
    lab.write("hub", f"{CONF_D}/branch1.conf", connection(broken, broken.responder, {"dpd_delay": "0s"}))
    wait(lambda: "INSTALLED" in lab.sh("hub", "swanctl --list-sas --ike branch1"), "branch1 did not come up")
    held = lab.sh("hub", "swanctl --list-conns")
    run, found = _repair(lab, tmp_path, *GATEWAYS)
    assert {"dpd-off", "identity-mismatch"} <= found.keys()
    assert "hub" not in run.changed()
    assert lab.sh("hub", "swanctl --list-conns") == held, "nothing was loaded"
    assert lab.sh("hub", f"cat {CONF_D}/branch2.conf").strip() == edited.strip()
    assert all(lab.ping(f"host{number}", "hub-host") for number in (1, 2, 3))


def test_a_path_that_forgets_esp_after_a_while_is_not_taken_for_one_that_drops_it(lab: Lab, tmp_path: Path) -> None:
    """A balancer before the hub lets ESP in only where the hub has sent some before, and both ends were right."""
    tunnel = lab.topology.tunnels["hub-branch1"]
    hub, branch = tunnel.responder, tunnel.initiator
    nft(
        lab,
        router(lab, hub),
        "add set inet lab heard { type ipv4_addr; flags dynamic,timeout; timeout 1m; }",
        f"add rule inet lab forward {ESP} ip saddr {hub.address} update @heard {{ ip daddr }}",
        f"add rule inet lab forward {ESP} ip daddr {hub.address} ip saddr {branch.address} ip saddr != @heard drop",
    )
    assert not lab.ping("host1", "hub-host", count=4)
    time.sleep(4)  # what was sent just now may be on its way
    before = _state(lab, *GATEWAYS)
    run, found = _repair(lab, tmp_path, *GATEWAYS)
    assert found == {"esp-forgotten": ["branch1/hub"]}
    assert run.changed() == {}
    assert _state(lab, *GATEWAYS) == before
    assert lab.ping("host1", "hub-host"), "the audit's own pings from the hub have opened the path"


def test_two_tunnels_of_a_hub_that_are_up_for_the_same_networks_are_both_named(lab: Lab, tmp_path: Path) -> None:
    tunnel = lab.topology.tunnels["hub-branch2"]
    same = "10.0.1.0/24"
    lab.sh("branch2", f"ip addr add {same.replace('.0/', '.2/')} dev eth1")
    lab.write("hub", f"{CONF_D}/branch2.conf", connection(tunnel, tunnel.responder, {}, {"remote_ts": same}))
    lab.write("branch2", f"{CONF_D}/hub.conf", connection(tunnel, tunnel.initiator, {}, {"local_ts": same}))
    for gateway in ("hub", "branch2"):
        lab.exec(gateway, ["swanctl", "--load-conns"], check=True)
    lab.exec("branch2", ["swanctl", "--terminate", "--ike", "hub"])
    lab.exec("branch2", ["swanctl", "--initiate", "--ike", "hub", "--child", "net", "--timeout", "5"])
    wait(lambda: "INSTALLED" in lab.sh("hub", "swanctl --list-sas --ike branch2"), "branch2 did not come up")
    before = _state(lab, *GATEWAYS)
    run, found = _repair(lab, tmp_path, *GATEWAYS)
    assert found == {"networks-carried-twice": ["hub/branch1", "hub/branch2"]}
    assert run.changed() == {}
    assert _state(lab, *GATEWAYS) == before
