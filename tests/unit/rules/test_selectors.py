"""Which traffic the two ends want to protect."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.model import System

from tests.unit.build import NET_A, NET_B, Row, check, child

WIDE, ELSEWHERE = "10.1.0.0/16", "10.9.0.0/24"
ROWS = (
    Row(
        "selectors-not-mirrored",
        "who owns the network decides what it is called",
        b={"child": {"remote_ts": (WIDE,)}},
        remedies=(f"b/to-a/net: remote_ts = {NET_A}",),
    ),
    Row(
        "selectors-not-mirrored",
        "an interface says that the peer is right, so the owner changes",
        a={"child": {"local_ts": (WIDE,)}},
        remedies=(f"a/to-b/net: local_ts = {NET_A}",),
    ),
    Row(
        "selectors-not-mirrored",
        "interfaces that say nothing leave it to the owner",
        {"child": {"local_ts": (WIDE,)}, "system": System()},
        remedies=(f"b/to-a/net: remote_ts = {WIDE}",),
    ),
    Row(
        "selectors-not-mirrored",
        "a network that one end has in addition",
        b={"child": {"local_ts": (NET_B, ELSEWHERE)}},
        remedies=(f"b/to-a/net: local_ts = {NET_B}",),
    ),
    Row(
        "selectors-not-mirrored",
        "one protocol against all",
        b={"child": {"remote_ts": (f"{NET_A}[tcp/443]",)}},
        remedies=(f"b/to-a/net: remote_ts = {NET_A}",),
    ),
    Row("selectors-not-mirrored", "host bits are no difference", b={"child": {"remote_ts": ("10.1.0.7/24",)}}),
    Row(
        "selectors-not-mirrored",
        "two halves are the whole",
        b={"child": {"remote_ts": ("10.1.0.0/25", "10.1.0.128/25")}},
    ),
    Row(
        "selectors-not-mirrored",
        "case is no difference",
        {"child": {"local_ts": (f"{NET_A}[tcp/80]",)}},
        {"child": {"remote_ts": (f"{NET_A}[TCP/80]",)}},
    ),
    Row(
        "selectors-not-mirrored",
        "interfaces in notations of their own say nothing",
        {"child": {"local_ts": (WIDE,)}, "system": System(addresses=("em0 fe80::1%em0/64", "em1 of-its-own"))},
        remedies=(f"b/to-a/net: remote_ts = {WIDE}",),
    ),
    Row("selectors-not-mirrored", "dynamic is whatever the address is", b={"child": {"remote_ts": ("dynamic",)}}),
    Row(
        "selectors-not-mirrored",
        "order is no difference",
        {"child": {"local_ts": (NET_A, ELSEWHERE)}},
        {"child": {"remote_ts": (ELSEWHERE, NET_A)}},
    ),
    Row(
        "child-unmatched",
        "only one end has it",
        a={"connection": {"children": (child(), child("extra", local_ts=(ELSEWHERE,)))}},
        remedies=(),
    ),
    Row("child-unmatched", "another name for the same networks", b={"child": {"name": "lan"}, "sas": None}),
    Row(
        "child-unmatched",
        "a pass policy needs no counterpart",
        a={"connection": {"children": (child(), child("local", mode="pass", remote_ts=(NET_A,)))}},
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_the_ends_protect_is_seen_and_nothing_else(row: Row) -> None:
    check(row)
