# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in the path between the two ends, seen from what each end counts."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.evidence import (
    build_change,
    find_installed,
    has_common_sa,
    has_live_state,
    matches_spis,
    measure_delay,
)
from ...model import ChildSa, End, Fault, Tunnel
from . import rule

LOST = 3  # packets: fewer may still have been on their way when the receiver was read
LONG_AGO = 3.0  # seconds: ages and times of last use are whole seconds of either end
AT_ONCE = 2.0  # seconds: what was sent after the receiver was read cannot have arrived there


@rule(
    "nat-traversal-needed", "high", reference="RFC 7296 section 2.23; RFC 3948", explains=("no-traffic",), repair="path"
)
def nat_traversal_needed(tunnel: Tunnel) -> Iterator[Fault]:
    """SAs stand on both ends, one sends and nothing arrives: something in the path drops ESP that is not in UDP.

    IKE passes, so UDP does. Forcing UDP encapsulation (`encap = yes`) on one end is enough for both directions. A
    filter or balancer that keeps state forgets ESP after a while in which nothing goes out; so as long as the
    receiver has sent nothing, the path may only have forgotten it.
    """
    plain = [each for each in _find_lost(tunnel) if not each[2].encap]
    for sender, receiver, out, into in sorted(plain, key=lambda each: each[3].packets_out < LOST)[:1]:
        end, there = tunnel.initiating, receiver.gateway.name
        lost = (
            f"{sender.name(out.name)} sent {out.packets_out} ESP packets of which "
            f"{receiver.name(into.name)} received none"
        )
        counted = (*_describe_counters(sender, receiver, out, into), f"{there}: {into.packets_out} packets sent back")
        if into.packets_out >= LOST:
            what = f"{lost}: the path drops ESP; force UDP encapsulation on {end.name()}"
            yield Fault(end.name(), what, counted, (build_change(end, "encap", "yes"),), confidence="observed")
            return
        yield Fault(
            end.name(),
            f"{lost}, and {there} has sent none: the path drops ESP, or has forgotten it",
            counted,
            no_fix=f"send something from behind {there}. If it passes then, have traffic or pings go that way all the "
            f"time, or raise the timeout for ESP on the path; if not, set encap = yes on {end.name()}",
            confidence="observed",
        )


@rule("esp-forgotten", "medium", reference="RFC 3948 section 1: what ESP lacks is state that middleboxes keep for UDP")
def esp_forgotten(tunnel: Tunnel) -> Iterator[Fault]:
    """What one end sent was lost as long as the other sent nothing; since that sends, pings pass in both directions.

    A filter lets ESP in only as an answer, or a filter or balancer that keeps state has forgotten it in a pause. The
    tunnel works while it is looked at, and stands still again after the next pause.
    """
    if not tunnel.probes or not all(probe.reachable for probe in tunnel.probes):
        return
    for sender, receiver, out, into in _find_unheard(tunnel):
        since = max(measure_delay(sender, receiver), 0.0) + LONG_AGO
        long_ago = out.idle_out is not None and out.idle_out >= since
        opened = any(probe.gateway == receiver.gateway.name and probe.child == into.name for probe in tunnel.probes)
        if long_ago and opened and not out.encap and into.packets_out == out.packets_in == 0:
            here, there = sender.gateway.name, receiver.gateway.name
            yield Fault(
                sender.name(out.name),
                f"{sender.name(out.name)} sent {out.packets_out} ESP packets before {there} sent any, and they were "
                f"lost; now pings pass: the path lets ESP in to {there} only after it has sent some",
                (*_describe_counters(sender, receiver, out, into), f"{there}: none sent back until then"),
                no_fix=f"let ESP (protocol 50) in from {here}, before {there} and on it. Where a balancer forgets it "
                f"in a pause, have traffic or pings go out from behind {there} all the time, or raise its timeout for "
                "ESP; encap = yes on one end helps where the path keeps UDP longer",
                confidence="inferred",
            )
            return


@rule("esp-in-udp-lost", "high", reference="RFC 3948 section 2.1; RFC 7296 section 2.23", explains=("no-traffic",))
def esp_in_udp_lost(tunnel: Tunnel) -> Iterator[Fault]:
    """SAs stand on both ends with ESP in UDP, one end sends and nothing arrives: forcing encapsulation would not help.

    IKE passes on the same ports, so something tells the two apart: a filter that looks into UDP 4500, a NAT device
    whose mapping for the way back is gone, or a filter on the receiver itself.
    """
    for sender, receiver, out, into in _find_lost(tunnel):
        if out.encap:
            yield Fault(
                sender.name(out.name),
                f"{sender.name(out.name)} sent {out.packets_out} ESP packets in UDP of which "
                f"{receiver.name(into.name)} received none, while IKE passes",
                _describe_counters(sender, receiver, out, into),
                no_fix=f"capture UDP 4500 on both ends; let it pass whole, also on {receiver.gateway.name} itself, and "
                "keep the NAT mapping alive from the end behind it (charon.keep_alive, dpd_delay)",
                confidence="observed",
            )
            return


@rule("no-traffic", "high", reference="probe: pings from inside the selectors")
def no_traffic(tunnel: Tunnel) -> Iterator[Fault]:
    """The tunnel is up on both ends and a ping from inside its selectors does not come back."""
    for probe in tunnel.probes:
        if not probe.reachable and has_common_sa(tunnel):
            end = tunnel.end(probe.gateway)
            yield Fault(
                end.name(probe.child),
                f"{end.name(probe.child)} is up, and {probe.sent - probe.received} of {probe.sent} pings were lost",
                (f"{probe.gateway}: {probe.sent} pings sent, {probe.received} answered", *_describe_child_sas(end)),
                no_fix="look at firewalls and routes behind the gateways, and whether the pinged address answers",
                confidence="observed",
            )


def _describe_child_sas(end: End) -> Iterator[str]:
    """What the CHILD_SAs of an end count."""
    for sa in find_installed(end):
        yield f"{end.gateway.name}: {sa.name}{{{sa.id}}} {sa.packets_out} packets out, {sa.packets_in} in"


def _find_lost(tunnel: Tunnel) -> Iterator[tuple[End, End, ChildSa, ChildSa]]:
    """Sender, receiver and their SAs in common of which the one counts what it sent, and the other nothing."""
    if tunnel.probes and all(probe.reachable for probe in tunnel.probes):
        return
    for sender, receiver, out, into in _find_unheard(tunnel):
        if measure_delay(sender, receiver) <= AT_ONCE or tunnel.probes:
            yield sender, receiver, out, into


def _find_unheard(tunnel: Tunnel) -> Iterator[tuple[End, End, ChildSa, ChildSa]]:
    """The same, when the sender may have sent after the receiver was read, and whatever pings say."""
    if not all(has_live_state(end) for end in tunnel.ends):
        return
    for sender in tunnel.ends:
        receiver = tunnel.other(sender)
        couples = (
            (out, into)
            for out in find_installed(sender)
            for into in find_installed(receiver)
            if matches_spis(out, into)
        )
        for out, into in couples:
            if out.packets_out >= LOST and into.packets_in == 0:
                yield sender, receiver, out, into


def _describe_counters(sender: End, receiver: End, out: ChildSa, into: ChildSa) -> tuple[str, str]:
    """What both ends counted."""
    return (
        f"{sender.gateway.name}: {out.name}{{{out.id}}} out {out.spi_out}: {out.packets_out} packets",
        f"{receiver.gateway.name}: {into.name}{{{into.id}}} in {into.spi_in}: {into.packets_in}",
    )
