"""Declared changes of each kind reach both ends of tunnels that are up, in one run, and no packet is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.pinging import Pings, pinging_all
from tests.lab.topology import Topology, topology

from .ansible_run import Run, playbook

GATEWAYS = ("a01", "b01")
RATE = 5  # pings each second, each way
# Parts of the pings, lost in a row: ESP is done in user space, on a machine that may be busy. `make outage` measures.
BLINK = 1 / 50

pytestmark = pytest.mark.lasts(15)


@dataclass(frozen=True)
class Kind:
    """One declared change, and what shows on both ends that it is in force."""

    name: str
    declared: Mapping[str, Any] = field(default_factory=dict)
    shows: str = ""  # in `--list-sas` of both ends, as a pattern
    holds: Mapping[str, str] = field(default_factory=dict)  # by gateway, in `--list-conns`
    psk: str = ""
    first: Mapping[str, Any] = field(default_factory=dict)  # of the first end alone
    second: Mapping[str, Any] = field(default_factory=dict)


KINDS = (
    Kind("ike-proposals", {"settings": {"proposals": "aes128-sha384-modp2048"}}, "AES_CBC-128.*MODP_2048"),
    Kind("esp-proposals", {"child_settings": {"esp_proposals": "aes128-sha384-modp2048"}}, r"ESP[^\n]*AES_CBC-128"),
    Kind("pfs-off", {"child_settings": {"esp_proposals": "aes128-sha384"}}, r"ESP[^\n]*AES_CBC-128"),
    Kind("psk", psk="the-new-key-of-this-tunnel"),
    Kind(
        "lifetimes",
        {"settings": {"rekey_time": "3h", "over_time": "10m"}, "child_settings": {"rekey_time": "40m"}},
        holds={"a01": "rekeying every 10800s", "b01": "rekeying every 2400s"},
    ),
    Kind("dpd", {"settings": {"dpd_delay": "17s"}}, holds={"a01": "dpd delay 17s", "b01": "dpd delay 17s"}),
    Kind(
        "actions",
        first={"child_settings": {"dpd_action": "trap"}},
        second={"child_settings": {"start_action": "start"}},
    ),
    Kind("unique", {"settings": {"unique": "replace"}}),
    Kind("encap", {"settings": {"encap": True, "mobike": True}}, "TUNNEL-in-UDP"),
    Kind(
        "all-at-once",
        {
            "settings": {"proposals": "aes256-sha512-modp3072", "dpd_delay": "23s", "rekey_time": "5h"},
            "child_settings": {"esp_proposals": "aes256-sha512-modp3072", "rekey_time": "50m"},
        },
        "MODP_3072",
        psk="another-new-key",
    ),
)
DECLARED = [
    {
        "name": kind.name,
        "ends": [
            {"gateway": "a01", "connection": kind.name, **kind.first},
            {"gateway": "b01", "connection": kind.name, **kind.second},
        ],
        **kind.declared,
    }
    for kind in KINDS
]


def side_by_side(names: list[str]) -> Topology:
    """Two gateways with a tunnel of each name between them, and for each two networks and a path of its own."""
    tunnels: dict[str, Any] = {}
    addresses: dict[str, dict[str, str]] = {gateway: {} for gateway in GATEWAYS}
    for number, name in enumerate(names, start=1):
        ends = []
        for own, gateway in enumerate(GATEWAYS, start=1):
            path = f"198.18.{number}.{own}"
            addresses[gateway] |= {f"path{number}": f"{path}/24", f"{gateway}-{number}": f"10.{number}.{own}.1/24"}
            peer, network = f"198.18.{number}.{3 - own}", f"10.{number}.{own}.0/24"
            identity = f"{name}.{gateway}.lab"
            ends.append(
                {
                    "gateway": gateway,
                    "connection": name,
                    "address": path,
                    "peer": peer,
                    "id": identity,
                    "network": network,
                }
            )
        tunnels[name] = ends[::-1]
    return topology(
        {"name": "gentle", "gateways": {g: {"addresses": addresses[g]} for g in GATEWAYS}, "tunnels": tunnels}
    )


# strongSwan 6.0; on 5.9 at night, where the matrix has by day what the two do differently.
@pytest.fixture(scope="module", params=["trixie", pytest.param("bookworm", marks=pytest.mark.night)])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with running(side_by_side([kind.name for kind in KINDS]), suite=request.param) as lab:
        yield lab


@dataclass(frozen=True)
class Change:
    """The run that changes all tunnels, what was foreseen of it, and how they were pinged meanwhile."""

    predicted: Run
    done: Run
    planned: Mapping[str, Any]  # the audit before, of the prediction
    before: Mapping[str, Any]  # and of the run
    pings: Mapping[str, Pings]


@pytest.fixture(scope="module")
def change(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Change:
    tmp = tmp_path_factory.mktemp("change")
    predicted = remediate(tmp, lab, "--check")
    planned = json.loads((tmp / "before.json").read_text(encoding="utf-8"))
    with pinging_all(lab, list(lab.topology.tunnels), rate=RATE) as pings:
        done = remediate(tmp, lab, "-vvv")
    before = json.loads((tmp / "before.json").read_text(encoding="utf-8"))
    return Change(predicted, done, planned, before, pings)


def remediate(tmp: Path, lab: Lab, *arguments: str) -> Run:
    hosts, extra = tmp / "inventory.yml", tmp / "extra.json"
    hosts.write_text(inventory(lab), encoding="utf-8")
    psks = {kind.name: kind.psk for kind in KINDS if kind.psk}
    given = {"ipsec_tunnels": DECLARED, "ipsec_psks": psks, "ipsec_report_dir": str(tmp)}
    extra.write_text(json.dumps(given), encoding="utf-8")
    return playbook(tmp, hosts, "tunnelwright.ipsec.remediate", "-e", f"@{extra}", *arguments)


def steps(audit: Mapping[str, Any], tunnel: str) -> list[tuple[str, str, str]]:
    return [(step["phase"], step["gateway"], step["do"]) for step in audit["plan"] if step["tunnel"] == tunnel]


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_declared_change_loses_no_packet(lab: Lab, change: Change, kind: Kind) -> None:
    assert change.done.status == 0, change.done.output
    assert steps(change.planned, kind.name) == steps(change.before, kind.name) != []
    assert change.before["outages"][kind.name]["seconds"] == 0, change.before["outages"]
    for gateway in GATEWAYS:
        listed = lab.sh(gateway, f"swanctl --list-sas --ike {kind.name}")
        assert listed.count("INSTALLED") == listed.count("ESTABLISHED") == 1, listed
        assert re.search(kind.shows, listed, re.DOTALL), listed
        loaded = re.search(rf"(?ms)^{kind.name}: .*?(?=^\S|\Z)", lab.sh(gateway, "swanctl --list-conns"))
        assert loaded is not None
        assert kind.holds.get(gateway, "") in loaded[0]
    assert change.pings[kind.name].share <= BLINK, change.pings[kind.name]


def test_a_second_run_changes_nothing_and_nothing_of_the_change_is_left(
    lab: Lab, change: Change, tmp_path: Path
) -> None:
    assert change.predicted.changed() == change.done.changed() != {}
    again = remediate(tmp_path, lab)
    assert (again.status, again.changed()) == (0, {}), again.output
    for gateway in GATEWAYS:
        assert lab.sh(gateway, "cat /etc/swanctl/conf.d/secrets.conf").count("secret = ") == len(KINDS)
    shown = change.predicted.output + change.done.output
    assert not [kind.psk for kind in KINDS if kind.psk and kind.psk in shown]
