"""An audit of a large fleet: what it does grows with the number of tunnels, and no faster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from types import FrameType

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.load import load
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.policy.profile import Profile
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Gateway, Waiver, to_plain
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report import repairs as as_story
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.build import build_report
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.diff import diff_reports
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.formats import terminal as as_table
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.store.reports import FORMATS
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.task.audit_arguments import parse_gateways
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.verify.ping_targets import list_probes

from tests.unit.build import AES
from tests.unit.neighbours import fleet
from tests.unit.shapes import SHAPES, sick

Calls = tuple[int, int]  # tunnels, and how many functions were called for them
SIZES = 10, 20, 40  # tunnels
FEW, MANY = 22, 66  # gateways of a ring: on a smaller one two are neighbours on both sides
GROWTH = 1.01  # of the calls for each tunnel
TODAY = date(2026, 1, 1)


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


def audited(fleet: Sequence[Gateway]) -> Calls:
    """Healthy gateways, from what a task is given to the table."""
    given = [(each.name, {"gateway": to_plain(each)}) for each in fleet]
    with counted() as calls:
        read, unreadable = parse_gateways(given)
        found = audit(read, unreadable=unreadable)
        list_probes(found.tunnels, found.proofs)
        as_table.render(found)
    assert (found.findings, found.unpaired) == ((), ())
    return len(found.tunnels), calls[0]


def told(fleet: Sequence[Gateway]) -> Calls:
    """Sick gateways: a policy with a waiver for each tunnel, a plan, every report, and the story of a repair."""
    given = sick(fleet)
    names = {tunnel.name for tunnel in audit(given).tunnels}
    with counted() as calls:
        found = audit(given, policy=(policy(names), TODAY), target=True)
        story = as_story.build_repairs(found.findings, (), found)
        report = build_report(found, given, "2026-01-01T00:00:00Z", sides=True, repairs=story)
        changes = diff_reports(replace(report, findings=()), report)
        for each in FORMATS.values():
            each.render(report, changes)
        as_table.render(found)
    assert names == {step.tunnel for step in found.steps} == {each.finding.tunnel for each in found.waived}
    return len(names), calls[0]


def policy(tunnels: Iterable[str]) -> Profile:
    """One that is to be had by all tunnels, and lets each of these off one thing."""
    waivers = tuple(Waiver("ike-encryption-weak", name, "old peers", "op", "2026-12-31") for name in tunnels)
    return replace(load("baseline", str), waivers=waivers, settings={"proposals": AES})


@pytest.mark.parametrize("work", [audited, told])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_tunnel_more_costs_the_same_however_many_there_are(
    shape: str, work: Callable[[Sequence[Gateway]], Calls]
) -> None:
    work(SHAPES[shape](SIZES[0]))  # what is done once
    (few, one), (more, two), (many, four) = (work(SHAPES[shape](size)) for size in SIZES)
    assert (four - two) / (many - more) < GROWTH * (two - one) / (more - few)


def test_work_for_each_tunnel_does_not_grow_with_the_number_of_gateways() -> None:
    audited(SHAPES["couples"](1))  # what is done once
    (few, one), (many, three) = (audited(list(fleet(gateways))) for gateways in (FEW, MANY))
    assert three / many < GROWTH * one / few
