"""Who starts a tunnel and who brings it back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Keepalive, Policy, System

from tests.unit.build import Edit, Row, check, declared, live, settings

STARTS, TRAPS, WAITS = ({"child": {"start_action": action}} for action in ("start", "trap", "none"))
AGAIN = {"start_action": "start", "close_action": "start", "dpd_action": "start"}
FOREVER = {"connection": {"keyingtries": 0}}
ONCE = {"child": {**AGAIN, "close_action": "none"}, **FOREVER}
UNKNOWN = {"connection": {"remote_addrs": ("%any",)}}
RESTARTS = {"child": {"close_action": "start"}}
ROUTED = {"route_based": True, "start_action": "start", "close_action": "start", "settings": settings(if_id_in="7")}
ONE_TRY: Edit = {"child": AGAIN}  # keyingtries is 1 by default
DOWN: Edit = {"sas": ()}
TRYING = (replace(live()[0], state="CONNECTING", responder_spi=""),)
TRIED = (replace(live(on="b")[0], state="CONNECTING"),)
KEPT = (Keepalive("to-b", "net", "systemd", 60.0, "tunnelwright-net.timer"),)
KEPT_THERE = (Keepalive("to-a", "net", "cron", 60.0, "/etc/cron.d/tunnelwright"),)
ROWS = (
    Row("both-initiate", "the responder stops", b=STARTS, remedies=("b/to-a/net: start_action = none",)),
    Row(
        "both-initiate",
        "the responder keeps its trap",
        b={"child": {"start_action": "trap|start"}},
        remedies=("b/to-a/net: start_action = trap",),
    ),
    Row(
        "both-initiate",
        "the declared initiator is the one that goes on",
        b={"child": {"start_action": "trap|start"}},
        remedies=("a/to-b/net: start_action = trap",),
        declared=declared(initiator="b"),
    ),
    Row("both-initiate", "the responder traps", b=TRAPS),
    Row("both-initiate", "both trap", TRAPS, TRAPS),
    Row("both-initiate", "one of them does not know where its peer is", b={**STARTS, **UNKNOWN}),
    Row("no-initiator", "no end starts", WAITS, WAITS, ("a/to-b/net: start_action = trap|start",)),
    Row(
        "no-initiator",
        "a daemon that cannot keep a trap with a start, and a peer that needs one",
        {**WAITS, "version": "5.9.5"},
        WAITS,
        (
            "a/to-b/net: start_action = start",
            "a/to-b/net: close_action = start",
            "a/to-b/net: dpd_action = start",
            "a/to-b: keyingtries = 0",
        ),
    ),
    Row(
        "no-initiator",
        "the end that starts does not know where its peer is",
        WAITS,
        {"child": {"start_action": "start"}, **UNKNOWN},
        ("a/to-b/net: start_action = trap|start",),
    ),
    Row("no-initiator", "neither end knows where its peer is", {**WAITS, **UNKNOWN}, UNKNOWN, ()),
    Row("no-initiator", "one end traps", TRAPS, WAITS),
    Row("no-initiator", "the responder starts", WAITS, STARTS),
    Row(
        "close-action-both",
        "the responder does not start again",
        RESTARTS,
        RESTARTS,
        ("b/to-a/net: close_action = none",),
    ),
    Row(
        "close-action-both",
        "the responder keeps its trap",
        RESTARTS,
        {"child": {"close_action": "trap|start"}},
        ("b/to-a/net: close_action = trap",),
    ),
    Row("close-action-both", "one end is enough", RESTARTS),
    Row("close-action-both", "the other one traps", RESTARTS, {"child": {"close_action": "trap"}}),
    Row(
        "gave-up",
        "it was started once",
        {**ONE_TRY, **DOWN},
        DOWN,
        ("a/to-b: keyingtries = 0", "a/to-b/net: sa established"),
        also=("initiator-not-persistent",),
    ),
    Row("gave-up", "it is up", ONE_TRY, also=("initiator-not-persistent",)),
    Row("gave-up", "it tries", {**ONE_TRY, "sas": TRYING}, DOWN),
    Row("gave-up", "its peer tries", {**ONE_TRY, **DOWN}, {"sas": TRIED}),
    Row("gave-up", "its peer starts it", {**ONE_TRY, **DOWN}, {**DOWN, **STARTS}),
    Row("gave-up", "it tries for ever", {**ONCE, **DOWN}, DOWN),
    Row("gave-up", "a trap by hand", {**ONE_TRY, **DOWN, "policies": (Policy("to-b", "net", "trap"),)}, DOWN),
    Row("gave-up", "a periodic check", {**ONE_TRY, **DOWN, "keepalives": KEPT}, DOWN),
    Row("gave-up", "the live state of the peer is not known", {**ONE_TRY, **DOWN}, {"sas": None}),
    Row("initiator-not-persistent", "started once", ONCE, remedies=("a/to-b/net: close_action = start",)),
    Row(
        "initiator-not-persistent",
        "a trap towards anybody brings nothing back",
        ONCE,
        {"child": {"start_action": "trap"}, "connection": {"remote_addrs": ("%any",)}},
        ("a/to-b/net: close_action = start",),
    ),
    Row("initiator-not-persistent", "the responder's trap brings it back", ONCE, TRAPS),
    Row("initiator-not-persistent", "its own trap brings it back", {"child": {"start_action": "trap|start"}}),
    Row("initiator-not-persistent", "it starts again", {"child": AGAIN, **FOREVER}),
    Row(
        "initiator-not-persistent",
        "not when its peer is dead",
        {"child": {**AGAIN, "dpd_action": "none"}, **FOREVER},
        remedies=("a/to-b/net: dpd_action = start",),
    ),
    Row(
        "initiator-not-persistent",
        "it gives up after one try",
        {"child": AGAIN, "connection": {"keyingtries": 1}},
        remedies=("a/to-b: keyingtries = 0",),
    ),
    Row("initiator-not-persistent", "a periodic check brings it back", {**ONCE, "keepalives": KEPT}),
    Row("keepalive-missing", "route-based", {"child": ROUTED}, remedies=("a/to-b/net: keepalive present",)),
    Row(
        "keepalive-missing",
        "cron where there is no systemd",
        {"child": ROUTED, "system": System(init="other", cron=True)},
        remedies=("a/to-b/net: keepalive present",),
    ),
    Row(
        "keepalive-missing",
        "neither systemd nor cron, so its own actions have to do",
        {"child": ROUTED, "system": System()},
        remedies=(),
        also=("initiator-not-persistent",),
    ),
    Row("keepalive-missing", "it is there", {"child": ROUTED, "keepalives": KEPT}),
    Row("keepalive-missing", "the peer checks", {"child": ROUTED}, {"keepalives": KEPT_THERE}),
    Row("keepalive-missing", "policy-based"),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_who_starts_and_who_brings_back_is_seen_and_nothing_else(row: Row) -> None:
    check(row)
