"""Which traffic the two ends want to protect."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Finding, System

from tests.unit.build import NET_A, NET_B, Row, check, child, connection, mirrored, tunnel

WIDE, ELSEWHERE = "10.1.0.0/16", "10.9.0.0/24"
ALL = ("0.0.0.0/0", "::/0")
THEIRS = mirrored(connection()).children[0]
THEIR_OTHER = replace(THEIRS, name="other", local_ts=("10.3.0.0/24",), remote_ts=(ELSEWHERE,))
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
        "wider on the word of the owner alone",
        {"child": {"local_ts": (WIDE,)}, "system": System()},
        remedies=(),
    ),
    Row(
        "selectors-not-mirrored",
        "a network that one end has in addition, and no interface near it",
        b={"child": {"local_ts": (NET_B, ELSEWHERE)}},
        remedies=(),
    ),
    Row(
        "selectors-not-mirrored",
        "one protocol against all",
        b={"child": {"remote_ts": (f"{NET_A}[tcp/443]",)}},
        remedies=(),
    ),
    Row("selectors-not-mirrored", "host bits are no difference", b={"child": {"remote_ts": ("10.1.0.7/24",)}}),
    Row(
        "selectors-not-mirrored",
        "two halves are the whole",
        b={"child": {"remote_ts": ("10.1.0.0/25", "10.1.0.128/25")}},
    ),
    Row(
        "selectors-not-mirrored",
        "a network in another one is no more",
        b={"child": {"remote_ts": (NET_A, "10.1.0.128/25", "10.1.0.7/32")}},
    ),
    Row(
        "selectors-not-mirrored",
        "pfSense gives a VTI its transfer network beside everything, of both families",
        {
            "child": {
                "local_ts": ("10.6.0.1/30", "0.0.0.0/0", "::/0"),
                "remote_ts": ("10.6.0.2/30", "0.0.0.0/0", "::/0"),
            }
        },
        {"child": {"local_ts": ("10.6.0.2/32", "0.0.0.0/0", "::/0"), "remote_ts": ("0.0.0.0/0", "::/0")}},
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
        remedies=(),
    ),
    Row("selectors-not-mirrored", "dynamic is whatever the address is", b={"child": {"remote_ts": ("dynamic",)}}),
    Row(
        "selectors-not-mirrored",
        "order is no difference",
        {"child": {"local_ts": (NET_A, ELSEWHERE)}},
        {"child": {"remote_ts": (ELSEWHERE, NET_A)}},
    ),
    Row(
        "selectors-not-mirrored",
        "translated before IPsec, as far as one can see",
        {"child": {"local_ts": ("172.27.1.0/24",)}, "system": System(addresses=("lan0 10.1.0.1/24",))},
        remedies=(),
    ),
    Row(
        "selectors-not-mirrored",
        "as wide, and no other tunnel has it",
        {"child": {"local_ts": (ELSEWHERE,)}, "system": System(), "sas": ()},
        {"sas": ()},
        remedies=(f"b/to-a/net: remote_ts = {ELSEWHERE}",),
    ),
    Row(
        "selectors-not-mirrored",
        "as wide, and another child has it",
        {"child": {"local_ts": (ELSEWHERE,)}, "system": System(), "sas": ()},
        {"connection": {"children": (THEIRS, THEIR_OTHER)}, "sas": ()},
        remedies=(),
        also=("child-unmatched",),
    ),
    Row(
        "children-cut-differently",
        "one child for two of the peer's",
        {"child": {"remote_ts": (NET_B, ELSEWHERE)}},
        {"connection": {"children": (THEIRS, replace(THEIRS, name="more", local_ts=(ELSEWHERE,)))}},
        remedies=(),
    ),
    Row(
        "children-cut-differently",
        "the other way round",
        {"connection": {"children": (child(), child("more", remote_ts=(ELSEWHERE,)))}},
        {"child": {"local_ts": (NET_B, ELSEWHERE)}},
        remedies=(),
    ),
    Row(
        "children-cut-differently",
        "a slip beside another child for the same network",
        {"connection": {"children": (child(local_ts=("10.1.0.0/25",)), child("more", remote_ts=(ELSEWHERE,)))}},
        {"connection": {"children": (THEIRS, replace(THEIRS, name="more", local_ts=(ELSEWHERE,)))}},
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


TRANSLATES, UNDECIDED = "observed", "inferred"
SHOWN, OTHER_SHOWN = "172.27.1.0/24", "172.27.4.0/24"


@pytest.mark.parametrize(
    ("rules", "confidence"),
    [
        (["snat 10.1.0.0/24 172.27.1.0/24"], TRANSLATES),
        (["snat 10.1.0.0/24 10.2.0.0/16 10.1.0.0/24 172.27.1.0/24"], TRANSLATES),
        (["snat 10.8.0.0/24 192.0.2.1", "dnat 172.27.1.0/24 10.1.0.0/24"], TRANSLATES),
        (["snat 172.27.1.0/24 10.1.0.0/24"], UNDECIDED),  # the other way round
        (["dnat 10.1.0.0/24 172.27.1.0/24"], UNDECIDED),
        (["snat 10.1.0.0/24 10.77.0.0/16 172.27.1.0/24"], UNDECIDED),  # for another peer
        (["snat 10.1.9.0/24 172.27.1.0/24"], UNDECIDED),
        (["snat 10.1.0.0/24 172.27.9.0/24"], UNDECIDED),
        (["snat no-address", "snat", ""], UNDECIDED),
    ],
    ids=str,
)
def test_a_rule_that_translates_tells_who_is_right_and_nothing_is_changed(rules: list[str], confidence: str) -> None:
    finding = _told(rules, (SHOWN,))
    assert (finding.confidence, finding.fix) == (confidence, ())
    assert ("NAT: " in "\n".join(finding.evidence)) is (confidence == TRANSLATES)


def test_who_translates_is_to_name_what_comes_out() -> None:
    """An end that names its real network itself is the one to change, and its peer was right."""
    finding = _told([f"snat 10.1.0.0/24 {NET_B} 172.27.1.0/24"], (NET_A,), (SHOWN,))
    assert (finding.end.gateway, finding.fix, finding.confidence) == ("a", (), TRANSLATES)
    assert finding.no_fix.startswith(f"set local_ts = {SHOWN} on a/")


def test_rules_for_a_part_of_the_networks_decide_nothing() -> None:
    rules = ["snat 10.1.0.0/24 172.27.1.0/24"]
    assert _told(rules, (SHOWN, OTHER_SHOWN), (NET_A, "10.4.0.0/24")).confidence == UNDECIDED
    assert _told(rules, (SHOWN,), (NET_A, "10.4.0.0/24")).confidence == UNDECIDED


def test_a_rule_that_names_no_peer_says_nothing_of_a_tunnel_whose_network_is_there() -> None:
    finding = _told(["snat 10.1.0.0/24 192.0.2.1"], (NET_A,), ("192.0.2.1/32",))
    assert (finding.end.gateway, "NAT: " in "\n".join(finding.evidence)) == ("b", False)


@pytest.mark.parametrize("odd", ["172.27.1.1-172.27.1.9", "172.27.1.0/24[tcp/80]"])
def test_what_is_no_network_is_equal_to_nothing_that_a_gateway_says(odd: str) -> None:
    assert "NAT: " not in "\n".join(_told(["snat 10.1.0.0/24 whatever"], (odd,)).evidence)


def test_a_rule_for_the_internet_does_not_make_the_peer_wrong() -> None:
    """The WAN address is near an interface: `local_ts` is the slip, and is corrected as ever."""
    finding = _told(["snat 10.1.0.0/24 192.0.2.1"], ("192.0.2.1/32",), (NET_A,))
    assert (finding.end.gateway, bool(finding.fix)) == ("a", True)


def _told(rules: list[str], local: tuple[str, ...], named: tuple[str, ...] = (NET_A,)) -> Finding:
    addresses = ("lan0 10.1.0.1/24", "lan1 10.4.0.1/24", "wan0 192.0.2.1/24")
    system = System(addresses=addresses, nat=tuple(rules))
    row = Row("", "", {"child": {"local_ts": local}, "system": system}, {"child": {"remote_ts": named}})
    (finding,) = [each for each in diagnose([tunnel(row)]) if each.id == "selectors-not-mirrored"]
    return finding
