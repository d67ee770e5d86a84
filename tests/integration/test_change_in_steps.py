"""What a run does to a tunnel that is up where a change cannot be gentle, or not at once, or is not taken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab, running
from tests.lab.pinging import pinging
from tests.lab.topology import pairs

from .ansible_run import Run, playbook

ENDS = [{"gateway": "a01", "connection": "west"}, {"gateway": "b01", "connection": "east"}]
RATE = 20  # pings each second, each way
# Parts of the pings, lost in a row: ESP is done in user space, on a machine that may be busy. `make outage` measures.
BLINK, BREAK = 1 / 50, 1 / 4

pytestmark = [pytest.mark.apart, pytest.mark.lasts(30)]


@dataclass(frozen=True)
class Wish:
    """What is declared of the tunnel."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    psk: str = ""


# strongSwan 6.0; on 5.9 at night, where the matrix has by day what the two do differently.
@pytest.fixture(params=["trixie", pytest.param("bookworm", marks=pytest.mark.night)])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with running(pairs(1, name="steps"), suite=request.param) as lab:
        yield lab


def remediate(tmp: Path, hosts: Path, wish: Wish, *arguments: str) -> Run:
    declared = {"name": "gentle", "ends": ENDS, "settings": wish.settings}
    given: dict[str, Any] = {"ipsec_tunnels": [declared], "ipsec_report_dir": str(tmp)}
    given |= {"ipsec_psks": {"gentle": wish.psk}} if wish.psk else {}
    extra = tmp / "extra.json"
    extra.write_text(json.dumps(given), encoding="utf-8")
    return playbook(tmp, hosts, "tunnelwright.ipsec.remediate", "-e", f"@{extra}", *arguments)


def report(tmp: Path, name: str = "before") -> dict[str, Any]:
    """What was found before the repair, or `after` it."""
    found: dict[str, Any] = json.loads((tmp / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_ikev1_moves_to_ikev2_and_only_the_way_back_costs_packets(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    for version, seconds, share in ((1, 2, BREAK), (2, 0, BLINK)):
        wish = Wish({"version": version})
        with pinging(lab, "t01", rate=RATE) as pings:
            assert remediate(tmp_path, hosts, wish).status == 0
        assert report(tmp_path)["outages"]["gentle"]["seconds"] == seconds
        assert pings.share <= share, pings
        for gateway in ("a01", "b01"):
            assert lab.sh(gateway, "swanctl --list-sas").count(f"ESTABLISHED, IKEv{version}") == 1
        assert report(tmp_path, "after")["findings"] == []


def test_one_end_alone_accepts_both_until_a_run_on_both_completes_it(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wish = Wish({"proposals": "aes256-sha384-modp2048"}, psk="a-key-in-two-steps")
    with pinging(lab, "t01", rate=RATE) as pings:
        first = remediate(tmp_path, hosts, wish, "--limit", "a01")
        assert first.changed() == {"a01": 1}, first.output
        assert "b01: connection east: set proposals = aes256-sha384-modp2048" in first.output
        connection, secrets = (lab.sh("a01", f"cat /etc/swanctl/conf.d/{name}.conf") for name in ("west", "secrets"))
        assert re.search("proposals = aes256-sha384-modp2048,.", connection)
        assert secrets.count("ike-") == 2
        assert remediate(tmp_path, hosts, wish, "--limit", "a01").changed() == {}
        whole = remediate(tmp_path, hosts, wish)
        assert whole.changed() == {"a01": 1, "b01": 2}, whole.output
    assert "proposals = aes256-sha384-modp2048\n" in lab.sh("a01", "cat /etc/swanctl/conf.d/west.conf")
    assert [lab.sh(g, "cat /etc/swanctl/conf.d/secrets.conf").count("ike-") for g in ("a01", "b01")] == [1, 1]
    assert report(tmp_path, "after")["findings"] == []
    assert pings.share <= BLINK, pings


@pytest.mark.usefixtures("lab")
def test_a_forecast_shows_each_step_on_what_those_before_it_leave(hosts: Path, tmp_path: Path) -> None:
    wish = Wish({"proposals": "aes256-sha384-modp2048", "dpd_delay": "17s"}, psk="a-key-in-two-steps")
    foretold, done = (remediate(tmp_path, hosts, wish, "--diff", *more) for more in (("--check",), ()))
    assert (foretold.status, done.status) == (0, 0), foretold.output + done.output
    assert foretold.changed() == done.changed() == {"a01": 2, "b01": 2}
    assert foretold.diffs() == done.diffs()
    assert len(done.diffs()) == 4


def test_what_is_not_adopted_keeps_the_old_values(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """The peer takes nothing of the new list: the initiator has its old file again, and the responder both lists."""
    file = lab.sh("b01", "cat /etc/swanctl/conf.d/east.conf")
    wanted = {"proposals": "aes256-aesxcbc-prfaesxcbc-modp2048"}  # no plugin of the lab's gateways has it
    assert remediate(tmp_path, hosts, Wish(wanted)).status != 0
    assert lab.sh("b01", "cat /etc/swanctl/conf.d/east.conf") == file
    assert lab.pings("t01") == (True, True)
    back = re.search("proposals = (.*)", file)
    assert back is not None
    assert remediate(tmp_path, hosts, Wish({"proposals": back[1]})).status == 0
    assert lab.pings("t01") == (True, True)


def test_a_change_that_was_only_loaded_is_found_on_the_live_sas(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    path = "/etc/swanctl/conf.d/east.conf"
    lab.sh("b01", f"sed -i 's/start_action = .*/start_action = trap/; s/close_action = .*/close_action = none/' {path}")
    lab.sh("b01", "swanctl --load-conns && swanctl --initiate --ike east --child net || true")
    lab.sh("b01", f"sed -i 's/esp_proposals = .*/esp_proposals = aes192-sha384/' {path} && swanctl --load-conns")
    for gateway, name in (("a01", "west"), ("b01", "east")):
        file = f"/etc/swanctl/conf.d/{name}.conf"
        lab.sh(gateway, f"sed -i 's/esp_proposals = .*/esp_proposals = aes192-sha384/' {file} && swanctl --load-conns")
    steps = {"a01": [{"phase": "contract", "gateway": "a01", "tunnel": "gentle", "findings": ["f"]}], "b01": []}
    role = {"name": "tunnelwright.ipsec.remediate", "tasks_from": "adopted"}
    given = {
        "steps": steps,
        "ipsec_steps": "{{ steps[inventory_hostname] }}",
        "ipsec_tunnels": [{"name": "gentle", "ends": ENDS}],
    }
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.include_role": {**role, "public": True}},
        {"ansible.builtin.debug": {"var": "ipsec_failed"}},
    ]
    seen = playbook(tmp_path, hosts, [{"hosts": "all", "gather_facts": False, "vars": given, "tasks": tasks}])
    assert "gentle does not use the new values, so the old ones stay" in seen.output, seen.output
    assert seen.result("debug")["ipsec_failed"] == ["gentle"]
    with pinging(lab, "t01", rate=RATE) as pings:
        done = remediate(tmp_path, hosts, Wish())
    assert done.status == 0, done.output
    found = report(tmp_path)
    assert {finding["id"] for finding in found["findings"]} == {"sa-outdated"}
    assert [(step["phase"], step["gateway"], step["do"]) for step in found["plan"]] == [("establish", "b01", "sa")]
    assert all("AES_CBC-192" in lab.sh(gateway, "swanctl --list-sas") for gateway in ("a01", "b01"))
    assert report(tmp_path, "after")["findings"] == []
    assert pings.share <= BLINK, pings
