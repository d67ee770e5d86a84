"""The path between the two ends, seen from what each end counts."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import System

from tests.unit.build import Row, check, child_sa, live, probe


def _counts(on: str, into: int, out: int, **values: object) -> dict[str, object]:
    return {"sas": live(child_sa(swapped=on == "b", packets_in=into, packets_out=out, **values), on=on)}


FORCED = ("a/to-b: encap = yes",)
DOWN = {"sas": ()}
BOTH = (probe(), probe("b"))
ROWS = (
    Row("nat-traversal-needed", "what a sends, and b too", _counts("a", 0, 40), _counts("b", 0, 3), FORCED),
    Row("nat-traversal-needed", "what b sends, and a too", _counts("a", 0, 3), _counts("b", 0, 40), FORCED),
    Row("nat-traversal-needed", "one way only", _counts("a", 3, 40), _counts("b", 0, 3), FORCED),
    Row(
        "nat-traversal-needed",
        "b has sent nothing, so it may be forgotten",
        _counts("a", 0, 40),
        _counts("b", 0, 0),
        (),
    ),
    Row(
        "nat-traversal-needed",
        "a has sent nothing, so it may be forgotten",
        _counts("a", 0, 0),
        _counts("b", 0, 40),
        (),
    ),
    Row(
        "nat-traversal-needed",
        "it explains the pings that are lost",
        _counts("a", 0, 40),
        _counts("b", 0, 40),
        FORCED,
        probes=(probe(reachable=False),),
    ),
    Row("nat-traversal-needed", "a few packets may be on their way", _counts("a", 0, 2), _counts("b", 0, 0)),
    Row("nat-traversal-needed", "nobody sends", _counts("a", 0, 0), _counts("b", 0, 0)),
    Row("nat-traversal-needed", "some arrive", _counts("a", 1, 40), _counts("b", 30, 1)),
    Row(
        "nat-traversal-needed",
        "it is in UDP already",
        _counts("a", 0, 40, encap=True),
        _counts("b", 0, 0, encap=True),
        also=("esp-in-udp-lost",),
    ),
    Row(
        "nat-traversal-needed",
        "the sender was read a minute later, and what it has sent since says nothing",
        {**_counts("a", 0, 40), "system": System(time=1060.0)},
        {**_counts("b", 0, 0), "system": System(time=1000.0)},
    ),
    Row(
        "nat-traversal-needed",
        "the sender was read a minute later, and pings are lost",
        {**_counts("a", 0, 40), "system": System(time=1060.0)},
        {**_counts("b", 0, 40), "system": System(time=1000.0)},
        FORCED,
        probes=(probe(reachable=False),),
    ),
    Row("nat-traversal-needed", "pings come back", _counts("a", 0, 40), _counts("b", 0, 0), probes=(probe(),)),
    Row("nat-traversal-needed", "the peer cannot be asked", _counts("a", 0, 40), {"sas": None}),
    Row("esp-in-udp-lost", "what a sends", _counts("a", 0, 40, encap=True), _counts("b", 0, 0, encap=True), ()),
    Row(
        "esp-in-udp-lost",
        "what b sends, which explains the pings that are lost",
        _counts("a", 0, 40, encap=True),
        _counts("b", 30, 40, encap=True),
        (),
        probes=(probe(reachable=False),),
    ),
    Row("esp-in-udp-lost", "some arrive", _counts("a", 1, 40, encap=True), _counts("b", 30, 1, encap=True)),
    Row("esp-in-udp-lost", "a few packets may be on their way", _counts("a", 0, 2, encap=True), _counts("b", 0, 0)),
    Row(
        "esp-forgotten",
        "lost until b sent something",
        _counts("a", 0, 40, idle_out=9.0),
        _counts("b", 0, 0),
        (),
        probes=BOTH,
    ),
    *(
        Row("esp-forgotten", name, a, b, probes=probes)
        for name, a, b, probes in (
            ("a may have sent after b was read", _counts("a", 0, 40, idle_out=1.0), _counts("b", 0, 0), BOTH),
            ("when a sent is not known", _counts("a", 0, 40), _counts("b", 0, 0), BOTH),
            ("a few packets", _counts("a", 0, 2, idle_out=9.0), _counts("b", 0, 0), BOTH),
            ("some arrived", _counts("a", 0, 40, idle_out=9.0), _counts("b", 1, 0), BOTH),
            ("b had sent some", _counts("a", 0, 40, idle_out=9.0), _counts("b", 0, 1), BOTH),
            ("b counts nothing that it sends", _counts("a", 40, 40, idle_out=9.0), _counts("b", 0, 0), BOTH),
            ("nothing was pinged from b", _counts("a", 0, 40, idle_out=9.0), _counts("b", 0, 0), (probe(),)),
            (
                "a's clock is behind",
                {**_counts("a", 0, 40, idle_out=1.0), "system": System(time=1000.0)},
                {**_counts("b", 0, 0), "system": System(time=4600.0)},
                BOTH,
            ),
            (
                "what was in UDP",
                _counts("a", 0, 40, idle_out=9.0, encap=True),
                _counts("b", 0, 0, encap=True),
                BOTH,
            ),
        )
    ),
    Row("no-traffic", "a ping that does not come back", remedies=(), probes=(probe(), probe("b", reachable=False))),
    Row("no-traffic", "pings come back", probes=(probe(), probe("b"))),
    Row("no-traffic", "a tunnel that is down says so itself", DOWN, DOWN, probes=(probe(reachable=False),)),
    Row("no-traffic", "not probed"),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_does_not_arrive_is_seen_and_nothing_else(row: Row) -> None:
    check(row)
