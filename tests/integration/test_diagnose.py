"""Tunnels that are down are initiated from each end, and the logs of both tell why, where settings cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults import inject
from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.swanctl import connection
from tests.lab.topology import End, Tunnel, pairs

from .ansible_run import Run, playbook

BLOCKED, FLOATED, ONE_WAY, IDENTITY, VERSION, HEALTHY = (f"t{number:02d}" for number in range(1, 7))
FIRST_REQUEST = "@th,128,64 0"  # IKE_SA_INIT has no responder's SPI yet (RFC 7296 section 3.1)

pytestmark = pytest.mark.lasts(10)


def drop(lab: Lab, end: End, match: str) -> None:
    """Make the router of a pair drop what an end sends, where it matches."""
    router = f"r{end.gateway[1:]}"
    rule = f"add rule inet lab forward ip saddr {end.address} {match} drop\n"
    lab.exec(router, ["nft", "-f", "-"], stdin=rule, check=True)


def configure(lab: Lab, tunnel: Tunnel, end: End, settings: dict[str, str], child: dict[str, str]) -> None:
    """Give an end other settings and load them."""
    lab.write(end.gateway, f"/etc/swanctl/conf.d/{end.connection}.conf", connection(tunnel, end, settings, child))
    lab.exec(end.gateway, ["swanctl", "--load-conns"], check=True)


def down(lab: Lab, tunnel: Tunnel) -> None:
    for end in (tunnel.responder, tunnel.initiator):
        lab.exec(end.gateway, ["swanctl", "--terminate", "--ike", end.connection, "--timeout", "2", "--force"])


# strongSwan 6.0; 5.9 at night: by day, unit/swanctl/test_signatures.py has the words that its log says otherwise.
@pytest.fixture(scope="module", params=["trixie", pytest.param("bookworm", marks=pytest.mark.night)])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with running(pairs(6, name="diagnose"), suite=request.param) as lab:
        tunnels = lab.topology.tunnels
        for name in (BLOCKED, FLOATED, ONE_WAY):
            for end in (tunnels[name].initiator, tunnels[name].responder):
                floats = {"encap": "yes"} if name == FLOATED else {}
                configure(lab, tunnels[name], end, floats, {"start_action": "none"})
            down(lab, tunnels[name])
        drop(lab, tunnels[BLOCKED].initiator, "udp dport { 500, 4500 }")
        drop(lab, tunnels[FLOATED].initiator, "udp dport 4500")
        drop(lab, tunnels[FLOATED].responder, "udp dport 4500")
        drop(lab, tunnels[ONE_WAY].responder, f"udp dport 500 {FIRST_REQUEST}")
        inject(lab, "identity-mismatch", IDENTITY)
        inject(lab, "ike-version-mismatch", VERSION)
        assert lab.pings(HEALTHY) == (True, True)
        yield lab


@pytest.fixture
def two(lab: Lab, tmp_path: Path) -> Path:
    """An inventory with the gateways of two tunnels alone."""
    path = tmp_path / "inventory.yml"
    tunnels = [lab.topology.tunnels[name] for name in (BLOCKED, IDENTITY)]
    gateways = [end.gateway for tunnel in tunnels for end in (tunnel.responder, tunnel.initiator)]
    path.write_text(inventory(lab, only=gateways), encoding="utf-8")
    return path


def spis(lab: Lab, name: str) -> str:
    """The SPIs of a tunnel's SAs, as its initiator lists them."""
    end = lab.topology.tunnels[name].initiator
    listed = lab.exec(end.gateway, ["swanctl", "--list-sas", "--pretty"], check=True).stdout
    return "\n".join(line for line in listed.splitlines() if "spi" in line)


@pytest.fixture(scope="module")
def before(lab: Lab) -> str:
    return spis(lab, HEALTHY)


@pytest.fixture(scope="module")
def done(lab: Lab, before: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    assert before
    tmp = tmp_path_factory.mktemp("diagnose")
    hosts = tmp / "inventory.yml"
    hosts.write_text(inventory(lab), encoding="utf-8")
    return playbook(tmp, hosts, "tunnelwright.ipsec.diagnose", "-e", f"ipsec_report_dir={tmp}")


@pytest.fixture(scope="module")
def found(done: Run) -> dict[str, Any]:
    assert done.status == 0, done.output
    return done.result("Analyse both logs")


def verdicts(found: dict[str, Any], lab: Lab, name: str) -> dict[str, str]:
    """By the end that initiated: `works`, or the cause."""
    tunnel = lab.topology.tunnels[name]
    sides = {tunnel.initiator.gateway: "initiator", tunnel.responder.gateway: "responder"}
    each = found["verdicts"][_called(tunnel)]
    return {sides[v["initiator"]["gateway"]]: "works" if v["works"] else v["cause"] for v in each}


def findings(found: dict[str, Any], lab: Lab, name: str) -> set[tuple[str, str]]:
    """What was found, and on which gateway."""
    called = _called(lab.topology.tunnels[name])
    return {(f["id"], f["end"]["gateway"]) for f in found["findings"] if f["tunnel"] == called}


def _called(tunnel: Tunnel) -> str:
    return f"{tunnel.responder.gateway}-{tunnel.initiator.gateway}"


def test_requests_that_do_not_arrive_are_a_blocked_path_from_that_end(found: dict[str, Any], lab: Lab) -> None:
    assert verdicts(found, lab, BLOCKED) == {"initiator": "ike-unanswered", "responder": "ike-answer-lost"}
    assert ("ike-unanswered", "b01") in findings(found, lab, BLOCKED)


def test_ike_that_stops_where_it_floats_is_udp_4500(found: dict[str, Any], lab: Lab) -> None:
    assert set(verdicts(found, lab, FLOATED).values()) == {"udp-4500-blocked"}
    assert {name for name, dummy in findings(found, lab, FLOATED)} >= {"udp-4500-blocked"}


def test_a_tunnel_that_comes_up_from_one_end_only_is_a_finding_with_its_cause(found: dict[str, Any], lab: Lab) -> None:
    assert verdicts(found, lab, ONE_WAY) == {"initiator": "works", "responder": "ike-unanswered"}
    assert findings(found, lab, ONE_WAY) >= {("one-way-only", "a03"), ("ike-unanswered", "a03")}


def test_what_settings_show_keeps_its_id_and_the_logs_agree(found: dict[str, Any], lab: Lab) -> None:
    assert "identity-mismatch" in verdicts(found, lab, IDENTITY).values()
    assert {name for name, dummy in findings(found, lab, IDENTITY)} == {"identity-mismatch"}
    assert {name for name, dummy in findings(found, lab, VERSION)} == {"ike-version-mismatch"}


def test_what_is_up_is_not_touched_and_nothing_is_left_half_open(
    done: Run, found: dict[str, Any], lab: Lab, before: str
) -> None:
    assert sum(done.changed().values()) == 1  # the one that came up from the end that is to initiate stays up
    assert _called(lab.topology.tunnels[HEALTHY]) not in found["verdicts"]
    assert spis(lab, HEALTHY) == before
    for name in (BLOCKED, FLOATED, IDENTITY):
        end = lab.topology.tunnels[name].initiator
        assert lab.exec(end.gateway, ["swanctl", "--list-sas", "--ike", end.connection]).stdout == ""


def test_the_ends_log_more_while_they_try_where_that_is_asked(done: Run, two: Path, lab: Lab, tmp_path: Path) -> None:
    tunnel = lab.topology.tunnels[IDENTITY]
    asked = json.dumps({"ipsec_only": [_called(tunnel)], "ipsec_log_levels": {"ike": 3}})
    louder = playbook(tmp_path, two, "tunnelwright.ipsec.diagnose", "-e", asked)
    assert (louder.status, louder.changed()) == (0, {})
    assert verdicts(louder.result("Analyse both logs"), lab, IDENTITY) == verdicts(
        done.result("Analyse both logs"), lab, IDENTITY
    )
    raised = {host: each for name, host, each in louder.tasks if name.endswith("Raise the log levels of the ends")}
    lowered = {host: each for name, host, each in louder.tasks if name.endswith("Restore the log levels of the ends")}
    assert len(raised) == 4
    for gateway, result in raised.items():
        assert ("loggers" in result) == (gateway in (tunnel.initiator.gateway, tunnel.responder.gateway))
        if "loggers" in result:
            before, after = result["loggers"]["before"], result["loggers"]["after"]
            assert [logger["levels"]["ike"] for logger in after] == [3, 3]
            assert lowered[gateway]["loggers"] == {"before": after, "after": before}
        assert lab.sh(gateway, "find /etc -name '*tunnelwright*'") == ""


def test_a_log_level_that_is_refused_fails_the_gateway_and_hides_no_verdict(
    done: Run, two: Path, lab: Lab, tmp_path: Path
) -> None:
    tunnel = lab.topology.tunnels[IDENTITY]
    asked = json.dumps({"ipsec_only": [_called(tunnel)], "ipsec_log_levels": {"ike": 4}})
    refused = playbook(tmp_path, two, "tunnelwright.ipsec.diagnose", "-e", asked)
    assert verdicts(refused.result("Analyse both logs"), lab, IDENTITY) == verdicts(
        done.result("Analyse both logs"), lab, IDENTITY
    )
    failed = {host for host, counts in refused.stats.items() if counts["failures"]}
    assert failed == {tunnel.initiator.gateway, tunnel.responder.gateway}
    assert "does not log as asked: log level 4 of ike writes keys into the log" in refused.output


def test_both_ends_are_shown_side_by_side_with_what_differs_marked(done: Run) -> None:
    line = next(line for line in done.output.splitlines() if "somebody-else.lab" in line and "!=" in line)
    assert "identity of b04" in line


def test_an_end_that_the_limit_leaves_out_initiates_nothing(two: Path, lab: Lab, tmp_path: Path) -> None:
    ours = ("--limit", "b01", "-e", "tunnel=a01-b01 ipsec_gather=fleet")  # which this role does not take
    limited = playbook(tmp_path, two, "tunnelwright.ipsec.diagnose", *ours).result("Analyse both logs")
    assert verdicts(limited, lab, BLOCKED) == {"initiator": "ike-unanswered"}


def test_an_unknown_name_is_refused_with_those_that_there_are(two: Path, tmp_path: Path) -> None:
    refused = playbook(tmp_path, two, "tunnelwright.ipsec.diagnose", "-e", "tunnel=nowhere", "--check")
    assert refused.status != 0
    assert "no tunnel is called 'nowhere' at ipsec_only: there are a01-b01, a04-b04" in refused.output


def test_of_what_is_up_in_part_each_child_that_is_not_is_tried(lab: Lab, tmp_path: Path) -> None:
    tunnel = lab.topology.tunnels[HEALTHY]
    networks = ("10.9.1.0/24", "10.9.2.0/24")
    proposals = {tunnel.responder.gateway: "aes128-sha256", tunnel.initiator.gateway: "aes256-sha512"}
    for end, own, other in ((tunnel.responder, *networks), (tunnel.initiator, *reversed(networks))):
        lines = (f"local_ts = {own}", f"remote_ts = {other}", f"esp_proposals = {proposals[end.gateway]}")
        child = "more {\\n" + "\\n".join(lines) + "\\n}"
        path = f"/etc/swanctl/conf.d/{end.connection}.conf"
        lab.sh(end.gateway, f"sed -i 's|children {{|&\\n{child}|' {path} && swanctl --load-conns")
    before = spis(lab, HEALTHY)
    hosts = tmp_path / "inventory.yml"
    hosts.write_text(inventory(lab, only=list(proposals)), encoding="utf-8")
    done = playbook(tmp_path, hosts, "tunnelwright.ipsec.diagnose", "-e", f"tunnel={_called(tunnel)}")
    assert done.status == 0, done.output
    found = done.result("Analyse both logs")
    assert set(verdicts(found, lab, HEALTHY).values()) == {"esp-proposals-disjoint"}
    assert ("esp-proposals-disjoint", tunnel.responder.gateway) in findings(found, lab, HEALTHY)  # the weaker one
    assert before in spis(lab, HEALTHY)
