"""What tasks give to the record of a change: a look at the fleet, steps that were run, outages, answers."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import OutageMeasurement, Step, to_plain
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.task.change_arguments import (
    parse_answers,
    parse_look,
    parse_outages,
    parse_steps,
)

from tests.unit.build import edited, healthy, probe

WATCH = {
    "tunnel": "a-b",
    "gateway": "b",
    "connection": "to-a",
    "child": "net",
    "source": "10.2.0.1",
    "target": "10.1.0.1",
}


def test_a_look_is_what_tunnel_audit_and_gateway_info_return() -> None:
    a, b = healthy()
    b = edited(b, connection={"dpd_delay": 0.0})
    found = audit((a, b), unreadable={"c": "no route"}, probes=(probe(), probe("b")))
    told = {
        "tunnels": [
            {
                "name": t.name,
                "ends": [e.name() for e in t.ends],
                "initiator": t.initiator,
                "proof": found.proofs[t.name],
            }
            for t in found.tunnels
        ],
        "findings": found.findings,
        "plan": found.steps,
        "outages": {"a-b": {"seconds": 0, "because": "make before break"}},
        "to_probe": {},
    }
    probed = [
        {"gateway": "a", "connection": "to-b", "child": "net", "reachable": True, "pings": [{"sent": 3, "received": 3}]}
    ]
    read = {"a": {"gateway": to_plain(a)}, "b": to_plain(b), "c": {"unreachable": True, "msg": "no route"}}
    seen = parse_look(to_plain(told), read, probed)
    assert (seen.gateways, seen.unreadable) == ({"a": a, "b": b}, {"c": "no route"})
    assert seen.tunnels["a-b"].proof == found.proofs["a-b"]
    assert (seen.findings, seen.steps, seen.probes) == (found.findings, found.steps, (probe(),))
    assert seen.outages == {"a-b": (0, "make before break")}
    assert parse_look(None, {}, []).tunnels == {}


def test_steps_have_what_they_changed_from_what_to_what_and_why_they_failed() -> None:
    step = Step("responder", "b", "connection", "to-a", settings={"encap": "yes"}, tunnel="a-b", psk=True)
    about = {"before": {"encap": None}, "after": {"encap": "yes"}}
    results = [
        {"step": to_plain(step), "changed": True, "connection": about},
        {"step": to_plain(step), "failed": True, "msg": "Task failed: first\nthe reason"},
        {"step": to_plain(step), "unreachable": True, "msg": "x"},
        {"step": to_plain(step), "skipped": True},
        {"skipped": True},
    ]
    (name, done), (dummy, failed), (dummy, lost) = parse_steps(results)
    assert (name, done.settings, done.psk, done.ran, done.changed) == (
        "a-b",
        {"encap": (None, "yes")},
        True,
        True,
        True,
    )
    assert (failed.settings, failed.failed) == ({"encap": (None, "yes")}, "the reason")
    assert lost.failed == "it could not be reached"
    with pytest.raises(ParseError, match="phase"):
        parse_steps([{"step": {"phase": "never"}}])


def test_an_outage_that_nobody_could_be_asked_for_is_not_known() -> None:
    measured = OutageMeasurement("b", "net", "10.2.0.1", "10.1.0.1", 9, 2, 0.4, 0.2)
    found = parse_outages(
        [
            {"watch": WATCH, "outage": to_plain(measured)},
            {"watch": WATCH, "unreachable": True, "msg": "Connection timed out"},
            {"watch": WATCH, "skipped": True},
            {"msg": "All items skipped", "skipped": True},
        ]
    )
    assert found == (
        ("a-b", measured),
        ("a-b", OutageMeasurement("b", "net", "10.2.0.1", "10.1.0.1", error="Connection timed out")),
    )


def test_only_those_who_were_asked_have_answered() -> None:
    assert parse_answers({"a": {"changed": True}, "b": {"skipped": True}, "c": {}}) == {"a": {"changed": True}}
