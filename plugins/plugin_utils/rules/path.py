"""Faults in the path between the two ends, seen from what each end counts."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import ChildSa, Fault, Tunnel
from . import rule
from .evidence import change, crosswise, installed, later, readable, up

LOST = 3  # packets: fewer may still have been on their way when the receiver was read
AT_ONCE = 2.0  # seconds: what was sent after the receiver was read cannot have arrived there


@rule("nat-traversal-needed", "high", reference="RFC 7296 section 2.23; RFC 3948", explains=("no-traffic",))
def nat_traversal_needed(tunnel: Tunnel) -> Iterator[Fault]:
    """SAs stand on both ends, one sends and nothing arrives: something in the path drops ESP that is not in UDP.

    IKE passes, so UDP does. Forcing UDP encapsulation (`encap = yes`) on one end is enough for both directions.
    """
    passes = bool(tunnel.probes) and all(probe.reachable for probe in tunnel.probes)
    if passes or not all(readable(end) for end in tunnel.ends):
        return
    for sender in tunnel.ends:
        receiver = tunnel.other(sender)
        if later(sender, receiver) > AT_ONCE and not tunnel.probes:
            continue
        couples = [(out, into) for out in installed(sender) for into in installed(receiver) if crosswise(out, into)]
        for out, into in couples:
            if _lost(out, into) and not out.encap:
                end = tunnel.initiating
                yield Fault(
                    end.name(),
                    f"{sender.name(out.name)} sent {out.packets_out} ESP packets of which "
                    f"{receiver.name(into.name)} received none: "
                    f"the path drops ESP; {end.name()} is to force it into UDP",
                    (
                        f"{sender.gateway.name}: {out.name}{{{out.id}}} out {out.spi_out}: {out.packets_out} packets",
                        f"{receiver.gateway.name}: {into.name}{{{into.id}}} in {into.spi_in}: {into.packets_in}",
                    ),
                    (change(end, "encap", "yes"),),
                    confidence="observed",
                )
                return


@rule("no-traffic", "high", reference="probe: pings from inside the selectors")
def no_traffic(tunnel: Tunnel) -> Iterator[Fault]:
    """The tunnel is up on both ends and a ping from inside its selectors does not come back."""
    for probe in tunnel.probes:
        if not probe.reachable and up(tunnel):
            end = tunnel.end(probe.gateway)
            yield Fault(
                end.name(probe.child),
                f"{end.name(probe.child)} is up, and {probe.sent - probe.received} of {probe.sent} pings were lost",
                no_fix="look at firewalls and routes behind the gateways, and whether the pinged address answers",
                confidence="observed",
            )


def _lost(out: ChildSa, into: ChildSa) -> bool:
    return out.packets_out >= LOST and into.packets_in == 0
