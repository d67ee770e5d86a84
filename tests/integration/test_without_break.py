"""Declared changes of each kind reach both ends of a tunnel that is up, and no packet is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab, running
from tests.lab.topology import pairs

from .ansible_run import Run, playbook

ENDS = [{"gateway": "a01", "connection": "west"}, {"gateway": "b01", "connection": "east"}]
PINGS = 20  # each second, each way
ALLOWED = 3  # lost: ESP is done in user space here, on a machine that may be busy; `make outage` measures


@dataclass
class Kind:
    """One declared change, and what shows on both ends that it is in force."""

    name: str
    declared: Mapping[str, Any] = field(default_factory=dict)
    shows: str = ""  # in `--list-sas` of both ends, as a pattern
    holds: Mapping[str, str] = field(default_factory=dict)  # by gateway, in `--list-conns`
    psk: str = ""


def _ends(a01: Mapping[str, Any], b01: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**ENDS[0], **a01}, {**ENDS[1], **b01}]


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
        {"ends": _ends({"child_settings": {"dpd_action": "trap"}}, {"child_settings": {"start_action": "start"}})},
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


@pytest.fixture(scope="module", params=("trixie", "bookworm"))
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with running(pairs(1, name="gentle"), suite=request.param) as lab:
        yield lab


def remediate(tmp: Path, hosts: Path, kind: Kind, *arguments: str) -> Run:
    declared = {"name": "gentle", "ends": ENDS, **kind.declared}
    given: dict[str, Any] = {"ipsec_tunnels": [declared], "ipsec_report_dir": str(tmp)}
    given |= {"ipsec_psks": {"gentle": kind.psk}} if kind.psk else {}
    extra = tmp / "extra.json"
    extra.write_text(json.dumps(given), encoding="utf-8")
    return playbook(tmp, hosts, "tunnelwright.ipsec.remediate", "-e", f"@{extra}", *arguments)


@contextmanager
def pinging(lab: Lab, lost: list[int]) -> Iterator[None]:
    """Pings both ways for as long as the block lasts; `lost` gets how many did not come back."""
    ways = (("a01", "b01"), ("b01", "a01"))
    pids = [
        lab.sh(
            one,
            f"ping -n -i {1 / PINGS} -I {lab.inside(one)} {lab.inside(other)} </dev/null >/run/ping 2>&1 & echo $!",
        ).strip()
        for one, other in ways
    ]
    try:
        yield
    finally:
        for (one, dummy), pid in zip(ways, pids, strict=True):
            told = lab.sh(one, f"kill -INT {pid}; sleep 0.5; cat /run/ping")
            came = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", told)}
            lost.append(max(came) - len(came))  # what was on its way at the end is not lost


def plan_of(tmp: Path) -> tuple[list[tuple[str, str, str]], dict[str, Any]]:
    before = json.loads((tmp / "before.json").read_text(encoding="utf-8"))
    steps = [(step["phase"], step["gateway"], step["do"]) for step in before["plan"]]
    return steps, before["outages"].get("gentle", {})


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_declared_change_loses_no_packet(lab: Lab, hosts: Path, tmp_path: Path, kind: Kind) -> None:
    predicted = remediate(tmp_path, hosts, kind, "--check")
    planned = plan_of(tmp_path)
    lost: list[int] = []
    with pinging(lab, lost):
        done = remediate(tmp_path, hosts, kind, *(["-vvv"] if kind.psk else []))
    assert done.status == 0, done.output
    assert planned == plan_of(tmp_path)
    print(lab.state.suite, kind.name, "lost", lost, planned)
    assert planned[1]["seconds"] == 0, planned
    assert predicted.changed() == done.changed() != {}
    for gateway in ("a01", "b01"):
        listed = lab.sh(gateway, "swanctl --list-sas")
        assert listed.count("INSTALLED") == listed.count("ESTABLISHED") == 1, listed
        assert re.search(kind.shows, listed, re.DOTALL), listed
        assert kind.holds.get(gateway, "") in lab.sh(gateway, "swanctl --list-conns")
        assert lab.sh(gateway, "cat /etc/swanctl/conf.d/secrets.conf").count("ike-") == 1
    if kind.psk:
        assert kind.psk not in predicted.output + done.output
    again = remediate(tmp_path, hosts, kind)
    assert again.changed() == {}, again.output
    assert max(lost) <= ALLOWED, lost


def test_ikev1_moves_to_ikev2_and_only_the_way_back_costs_packets(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    costs = []
    for version in (1, 2):
        lost: list[int] = []
        kind = Kind("version", {"settings": {"version": version}})
        with pinging(lab, lost):
            assert remediate(tmp_path, hosts, kind).status == 0
        costs.append((plan_of(tmp_path)[1]["seconds"], max(lost)))
        for gateway in ("a01", "b01"):
            assert lab.sh(gateway, "swanctl --list-sas").count(f"ESTABLISHED, IKEv{version}") == 1
    assert costs[0][0] == 2
    assert costs[0][1] <= 2 * PINGS
    assert costs[1] == (0, costs[1][1])
    assert costs[1][1] <= ALLOWED
    assert remediate(tmp_path, hosts, kind).changed() == {}


def test_one_end_alone_accepts_both_until_a_run_on_both_completes_it(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    kind = Kind("halves", {"settings": {"proposals": "aes256-sha384-modp2048"}}, psk="a-key-in-two-steps")
    lost: list[int] = []
    with pinging(lab, lost):
        first = remediate(tmp_path, hosts, kind, "--limit", "a01")
        assert first.changed() == {"a01": 1}, first.output
        assert "b01: connection east: set proposals = aes256-sha384-modp2048" in first.output
        connection, secrets = (lab.sh("a01", f"cat /etc/swanctl/conf.d/{name}.conf") for name in ("west", "secrets"))
        assert re.search("proposals = aes256-sha384-modp2048,.", connection)
        assert secrets.count("ike-") == 2
        assert remediate(tmp_path, hosts, kind, "--limit", "a01").changed() == {}
        whole = remediate(tmp_path, hosts, kind)
        assert whole.changed() == {"a01": 1, "b01": 2}, whole.output
    assert "proposals = aes256-sha384-modp2048\n" in lab.sh("a01", "cat /etc/swanctl/conf.d/west.conf")
    assert [lab.sh(g, "cat /etc/swanctl/conf.d/secrets.conf").count("ike-") for g in ("a01", "b01")] == [1, 1]
    assert remediate(tmp_path, hosts, kind).changed() == {}
    assert max(lost) <= ALLOWED, lost


def test_what_is_not_adopted_keeps_the_old_values(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """The peer takes nothing of the new list: the initiator has its old file again, and the responder both lists."""
    before = lab.sh("b01", "cat /etc/swanctl/conf.d/east.conf")
    wanted = {"settings": {"proposals": "aes256-aesxcbc-prfaesxcbc-modp2048"}}  # no plugin of the lab's gateways has it
    done = remediate(tmp_path, hosts, Kind("refused", wanted))
    assert done.status != 0
    assert lab.sh("b01", "cat /etc/swanctl/conf.d/east.conf") == before
    assert lab.pings("t01") == (True, True)
    back = re.search("proposals = (.*)", before)
    assert back is not None
    assert remediate(tmp_path, hosts, Kind("back", {"settings": {"proposals": back[1]}})).status == 0
    assert lab.pings("t01") == (True, True)


def test_a_change_that_was_only_loaded_is_found_on_the_live_sas(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    path = "/etc/swanctl/conf.d/east.conf"
    lab.sh("b01", f"sed -i 's/start_action = .*/start_action = trap/; s/close_action = .*/close_action = none/' {path}")
    lab.sh("b01", "swanctl --load-conns && swanctl --initiate --ike east --child net || true")
    lab.sh("b01", f"sed -i 's/esp_proposals = .*/esp_proposals = aes192-sha384/' {path} && swanctl --load-conns")
    for gateway, name in (("a01", "west"), ("b01", "east")):
        file = f"/etc/swanctl/conf.d/{name}.conf"
        lab.sh(gateway, f"sed -i 's/esp_proposals = .*/esp_proposals = aes192-sha384/' {file} && swanctl --load-conns")
    plan = [{"phase": "contract", "gateway": "a01", "tunnel": "gentle", "findings": ["f"]}]
    role = {"name": "tunnelwright.ipsec.remediate", "tasks_from": "adopted"}
    given = {
        "ipsec_before": {"plan": plan},
        "phase": {"name": "contract"},
        "ipsec_tunnels": [{"name": "gentle", "ends": ENDS}],
    }
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.include_role": {**role, "public": True}},
        {"ansible.builtin.debug": {"var": "ipsec_failed"}},
    ]
    seen = playbook(tmp_path, hosts, [{"hosts": "all", "gather_facts": False, "vars": given, "tasks": tasks}])
    assert "gentle does not use the new values, so the old ones stay" in seen.output, seen.output
    assert seen.result("debug")["ipsec_failed"] == ["gentle"]
    lost: list[int] = []
    kind = Kind("outdated")
    with pinging(lab, lost):
        done = remediate(tmp_path, hosts, kind)
    assert done.status == 0, done.output
    before = json.loads((tmp_path / "before.json").read_text(encoding="utf-8"))
    assert {finding["id"] for finding in before["findings"]} == {"sa-outdated"}
    assert plan_of(tmp_path)[0] == [("establish", "b01", "sa")]
    assert all("AES_CBC-192" in lab.sh(gateway, "swanctl --list-sas") for gateway in ("a01", "b01"))
    assert max(lost) <= ALLOWED, lost
    assert remediate(tmp_path, hosts, kind).changed() == {}
