"""Every module and filter of the collection, on one run of the ansible-core that runs the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible_run import Run

from .plays import CHANGES, ONCE, READING, WATCHING

PEER = "{{ 40 + 2 }}.lab"


def facts(result: dict[str, Any]) -> dict[str, Any]:
    """What a module says, without what core adds and what goes on meanwhile."""
    return {key: value for key, value in result.items() if key not in ("log", "warnings") and not key.startswith("_")}


def said(done: Run, task: str) -> Any:
    return done.result(task, "west")["msg"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_foretold_with_its_difference_and_done_once(done: Run, name: str) -> None:
    foretold, result, again = (done.result(task) for task in (f"{name} foretold", name, f"{name} again"))
    assert (foretold["changed"], result["changed"], again["changed"]) == (True, True, False)
    assert foretold.get("diff") == result.get("diff")


@pytest.mark.parametrize("name", [*READING, *ONCE])
def test_what_reads_changes_nothing_in_check_mode_or_not(done: Run, name: str) -> None:
    foretold, result = facts(done.result(f"{name} foretold")), facts(done.result(name))
    assert (foretold["changed"], result["changed"]) == (False, False)
    assert foretold.keys() == result.keys()


@pytest.mark.parametrize("name", WATCHING)
def test_what_stands_around_a_change_is_there_and_in_check_mode_is_not(done: Run, name: str) -> None:
    assert facts(done.result(f"{name} foretold")).keys() <= facts(done.result(name)).keys()


def test_no_packet_of_a_tunnel_that_is_left_alone_is_lost(done: Run) -> None:
    assert done.result("watched")["outage"]["lost"] == 0


def test_all_gateways_are_read_by_ssh_by_paramiko_and_as_a_fleet(done: Run) -> None:
    platforms = {"west": "strongswan", "east": "strongswan", "fw": "pfsense"}
    assert {host: done.result("read", host)["gateway"]["platform"] for host in platforms} == platforms
    fleet = done.result("fleet")
    assert (fleet["unreadable"], fleet["read"]) == ({}, 3)
    assert {host: one["platform"] for host, one in fleet["gateways"].items()} == platforms


def test_both_ways_to_read_lead_to_the_same_audit(done: Run) -> None:
    one, other = done.result("audit"), done.result("audit by fleet_info")
    assert {tunnel["name"] for tunnel in one["tunnels"]} == {"east-west", "fw-west"}
    assert [tunnel["name"] for tunnel in one["tunnels"]] == [tunnel["name"] for tunnel in other["tunnels"]]
    assert other["findings"] == []


@pytest.mark.parametrize("host", ["west", "east", "fw"])
def test_a_tunnel_is_proven_from_what_the_peer_registered(done: Run, host: str) -> None:
    assert done.result("proof", host)["reachable"]


def test_reports_are_written_once(done: Run) -> None:
    foretold, written, again = (done.result(f"report{task}") for task in (" foretold", "", " again"))
    assert (foretold["changed"], written["changed"], again["changed"]) == (True, True, False)
    assert len(written["files"]) == 8
    assert all(Path(file).stat().st_size for file in written["files"])


def test_text_from_a_peer_stays_data_wherever_it_goes(done: Run) -> None:
    assert PEER in said(done, "peers")
    assert PEER in said(done, "peer of the SA")
    assert said(done, "kept") == f"{PEER} of east"
    assert f"east: {PEER}\n" in said(done, "template")


def test_results_go_through_loops_conditions_and_filters(done: Run) -> None:
    assert [item["msg"] for item in done.result("names in a loop", "west")["results"]] == ["east", "fw"]
    assert said(done, "through JSON") in (True, "True")
    assert said(done, "through YAML") in (True, "True")
    assert said(done, "condition") == "true"
    assert said(done, "of a loop") == [["east", False], ["fw", False]]


def test_filters_say_what_they_say_everywhere(done: Run) -> None:
    assert said(done, "conf") == {"connections": {"a": {"version": "2"}}}
    assert set(said(done, "digests")) == {"t"}
    assert len(said(done, "digests")["t"]["digest"]) == 64


def test_ansible_deprecates_nothing_that_the_collection_does(done: Run) -> None:
    assert "DEPRECATION WARNING" not in done.output
