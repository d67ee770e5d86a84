"""A mixed fleet as its operator meets it: two stand-ins for pfSense and a strongSwan, audited, repaired, changed.

What breaks a tunnel is put on either end, applied and run by charon; then the playbooks do the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults.hands import configure, keys, nft, own_keys, terminate
from tests.lab.lab import Lab, running
from tests.lab.topology import read

from .ansible_run import ROOT, Run, playbook

CONFIG = "/cf/conf/config.xml"
APPLY = 'require_once("config.inc"); require_once("ipsec.inc"); ipsec_configure();'
PFSENSES = ("hub", "branch")
TUNNELS = ("sites", "partner")
PSKS = {"sites": "acc3ptance-k3y-of-sites", "partner": "acc3ptance-k3y-of-partner"}
DECLARED: list[dict[str, Any]] = [
    {"name": "sites", "ends": [{"gateway": "branch", "connection": "con1"}, {"gateway": "hub", "connection": "con1"}]},
    {"name": "partner", "ends": [{"gateway": "hub", "connection": "con2"}, {"gateway": "linux", "connection": "hub"}]},
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running(read(ROOT / "tests/lab/topologies/mixed.yml")) as lab:
        yield lab


@dataclass(frozen=True)
class Fault:
    """What is done to one end: to a pfSense in elements of its phases, to the strongSwan in swanctl's settings."""

    gateway: str
    connection: str
    phase1: Mapping[str, str | None] = field(default_factory=dict)  # None: the element goes
    phase2: Mapping[str, str | None] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    child: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """Faults of both tunnels at a time, and what each is found as."""

    name: str
    faults: tuple[Fault, ...]
    found: Mapping[str, set[str]]  # by tunnel; others may be beside these
    psks: bool = False
    esp_lost: bool = False


BRANCH, HUB, HUB2, LINUX = ("branch", "con1"), ("hub", "con1"), ("hub", "con2"), ("linux", "hub")
NOBODY = {"startaction": "none", "closeaction": "none"}
NO_DPD = {"dpd_delay": None, "dpd_maxfail": None}
NETWORK = "<type>network</type><address>{}</address><netbits>{}</netbits>"
ROUNDS = (
    Round(
        "nobody starts, nobody checks, equal lifetimes",
        (
            Fault(*BRANCH, phase1=NOBODY, phase2={"keepalive": "disabled"}),
            Fault(*HUB, phase1={"lifetime": "28800"}, phase2={"lifetime": "3600"}),
            Fault(*HUB2, phase1=NO_DPD),
            Fault(*LINUX, settings={"dpd_delay": "0s"}),
        ),
        {"sites": {"no-initiator"}, "partner": {"dpd-off"}},
    ),
    Round(
        "proposals, PFS and networks apart",
        (
            Fault(*BRANCH, phase1={"dhgroup": "19"}, phase2={"remoteid": NETWORK.format("10.0.0.0", "25")}),
            Fault(*HUB2, phase2={"pfsgroup": "0"}),
            Fault(*LINUX, child={"remote_ts": "10.0.0.0/26"}),
        ),
        {
            "sites": {"ike-proposals-disjoint", "selectors-not-mirrored"},
            "partner": {"pfs-mismatch", "selectors-not-mirrored"},
        },
    ),
    Round(
        "identities and keys apart",
        (
            Fault(*HUB, phase1={"peerid_data": "somebody-else.lab"}),
            Fault(*BRANCH, phase1={"pre-shared-key": "another"}),
            Fault(*HUB2, phase1={"pre-shared-key": "another one"}),
            Fault(*LINUX, settings={"remote.id": "somebody-else.lab"}),
        ),
        {"sites": {"identity-mismatch", "psk-mismatch"}, "partner": {"identity-mismatch", "psk-mismatch"}},
        psks=True,
    ),
    Round(
        "both start and come back",
        (
            Fault(*HUB, phase1={"startaction": "start", "closeaction": "start"}),
            Fault(*LINUX, child={"start_action": "start", "close_action": "start", "dpd_action": "start"}),
        ),
        {tunnel: {"both-initiate", "close-action-both"} for tunnel in TUNNELS},
    ),
    Round(
        "checks at both ends, and a path that loses ESP",
        (Fault(*HUB, phase2={"keepalive": "enabled"}),),
        {"sites": {"keepalive-both"}, "partner": {"nat-traversal-needed"}},
        esp_lost=True,
    ),
    Round(
        "close actions that do not go together",
        (
            Fault(*BRANCH, phase1={"closeaction": "none"}, phase2={"keepalive": "disabled"}),
            Fault(*HUB, phase1={"closeaction": ""}),
            Fault(*HUB2, phase1={"closeaction": ""}, phase2={"keepalive": "disabled"}),
        ),
        {"sites": {"initiator-not-persistent", "dpd-traps-responder"}, "partner": {"initiator-not-persistent"}},
    ),
)


@pytest.fixture(scope="module")
def whole(lab: Lab) -> dict[str, str]:
    """config.xml of both pfSense as the lab made it."""
    return {gateway: config(lab, gateway) for gateway in PFSENSES}


def put(lab: Lab, whole: Mapping[str, str], faults: Iterable[Fault]) -> None:
    """All gateways as the lab made them, but for these faults: applied, and both tunnels begun anew."""
    for gateway, text in whole.items():
        for fault in faults:
            if fault.gateway == gateway:
                number = fault.connection.removeprefix("con")
                text = edited(edited(text, "phase1", number, fault.phase1), "phase2", number, fault.phase2)  # noqa: PLW2901
        lab.write(gateway, CONFIG, text, mode="0640")
        lab.sh(gateway, f"rm -f /tmp/config.cache; /usr/local/bin/php -r '{APPLY}'")
    tunnel = lab.topology.tunnels["partner"]
    keys(lab, tunnel.responder, own_keys(lab, tunnel.responder))
    linux = next((fault for fault in faults if fault.gateway == "linux"), Fault(*LINUX))
    configure(lab, tunnel, tunnel.responder, linux.settings, linux.child)
    for tunnel in lab.topology.tunnels.values():
        for end in (tunnel.responder, tunnel.initiator):
            terminate(lab, end)
    for tunnel in lab.topology.tunnels.values():
        name, gateway = tunnel.initiator.connection, tunnel.initiator.gateway
        lab.exec(gateway, ["swanctl", "--initiate", "--ike", name, "--child", name, "--timeout", "3"])


def edited(text: str, phase: str, number: str, elements: Mapping[str, str | None]) -> str:
    """Elements of the phases of one connection set, or taken out."""

    def one(found: re.Match[str]) -> str:
        section = found[0]
        if f"<ikeid>{number}</ikeid>" not in section:
            return section
        for name, value in elements.items():
            new = "" if value is None else f"<{name}>{value}</{name}>"
            section, there = re.subn(rf"<{name}>.*?</{name}>", new, section, flags=re.DOTALL)
            section = section if there else section.replace(f"</{phase}>", f"{new}</{phase}>")
        return section

    return re.sub(rf"<{phase}>.*?</{phase}>", one, text, flags=re.DOTALL)


def config(lab: Lab, gateway: str) -> str:
    return lab.sh(gateway, f"cat {CONFIG}")


def run(tmp: Path, hosts: Path, name: str, *arguments: str, **variables: object) -> Run:
    extra = tmp / "extra.json"
    extra.write_text(json.dumps({"ipsec_report_dir": str(tmp), **variables}), encoding="utf-8")
    return playbook(tmp, hosts, f"tunnelwright.ipsec.{name}", "-e", f"@{extra}", *arguments)


def report(tmp: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp / f"{name}.json").read_text(encoding="utf-8"))
    return found


def by_tunnel(found: Mapping[str, Any]) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = {}
    for finding in found["findings"]:
        ids.setdefault(finding["tunnel"], set()).add(finding["id"])
    return ids


def diffs(done: Run) -> set[str]:
    """What each gateway was shown to change, or to have changed."""
    return {
        f"{host}: {json.dumps(each['diff'], sort_keys=True)}"
        for task, host, result in done.tasks
        if "Write the findings" not in task
        for each in result.get("results", [result])
        if each.get("diff")
    }


def test_a_healthy_mixed_fleet_is_silent_and_carries_traffic_both_ways(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    done = run(tmp_path, hosts, "remediate")
    assert (done.status, done.changed()) == (0, {}), done.output
    found = report(tmp_path, "before")
    assert {tunnel["name"] for tunnel in found["tunnels"]} == {"branch-hub", "hub-linux"}
    assert found["findings"] == found["unpaired"] == found["plan"] == []
    pings = [each for gateway in lab.topology.gateways for each in _probed(done, gateway)]
    assert pings == [True] * 4


def _probed(done: Run, gateway: str) -> list[bool]:
    return [each["reachable"] for each in done.result("Ping through the tunnels that are up", gateway)["results"]]


@pytest.mark.parametrize("made", ROUNDS, ids=[made.name for made in ROUNDS])
def test_faults_of_both_tunnels_are_found_repaired_as_foretold_and_once(
    lab: Lab, whole: dict[str, str], hosts: Path, tmp_path: Path, made: Round
) -> None:
    if made.esp_lost:
        nft(lab, "isp", "add rule inet lab forward ip daddr 198.18.2.1 ip protocol esp drop")
    put(lab, whole, made.faults)
    given: dict[str, Any] = {"ipsec_tunnels": DECLARED, "ipsec_timeout": 10, "ipsec_psks": PSKS if made.psks else {}}
    foretold = run(tmp_path, hosts, "remediate", "--check", "--diff", **given)
    ids = by_tunnel(report(tmp_path, "before"))
    assert all(wanted <= ids.get(tunnel, set()) for tunnel, wanted in made.found.items()), ids
    done = run(tmp_path, hosts, "remediate", "--diff", **given)
    assert done.status == 0, done.output
    assert by_tunnel(report(tmp_path, "after")) == {}
    assert foretold.changed() == done.changed()
    assert diffs(foretold) == diffs(done)
    assert [lab.pings(tunnel) for tunnel in TUNNELS] == [(True, True)] * 2
    repeated = run(tmp_path, hosts, "remediate", **given)
    assert (repeated.status, repeated.changed()) == (0, {}), repeated.output
    assert report(tmp_path, "before")["findings"] == []
    if made.esp_lost:
        nft(lab, "isp", "flush chain inet lab forward")
