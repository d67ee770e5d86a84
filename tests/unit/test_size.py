"""An audit of a large fleet: what it does grows with the number of tunnels, and no faster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.audit import audit, to_probe
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.audit_input import gateways
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.model import plain
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.report import as_table

from tests.unit.neighbours import EACH, fleet

FEW, MANY = 30, 90  # gateways; on a smaller ring two are neighbours on both sides
GROWTH = 1.01  # of the calls for each tunnel, where there are three times as many tunnels


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many functions are called in the block, Python's own among them: unlike seconds the same on each machine."""
    found = [0]

    def count(frame: FrameType, event: str, argument: object) -> None:  # noqa: ARG001 - as Python calls it
        found[0] += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield found
    finally:
        sys.setprofile(before)


def calls_for_each_tunnel(number: int) -> float:
    given = [(each.name, {"gateway": plain(each)}) for each in fleet(number)]
    with counted() as calls:
        read, unreadable = gateways(given)
        found = audit(read, unreadable=unreadable)
        to_probe(found.tunnels, found.proofs)
        as_table.render(found)
    assert (len(found.tunnels), found.findings, found.unpaired) == (number * EACH, (), ())
    return calls[0] / len(found.tunnels)


def test_work_for_each_tunnel_does_not_grow_with_the_number_of_tunnels() -> None:
    calls_for_each_tunnel(FEW)  # what is done once
    assert calls_for_each_tunnel(MANY) < GROWTH * calls_for_each_tunnel(FEW)
