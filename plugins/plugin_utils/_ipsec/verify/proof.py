# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a tunnel is called repaired: both ends hold the same SAs, crosswise and up to date, and traffic passes."""

from __future__ import annotations

from collections.abc import Iterator

from ..analysis.stale_sas import find_stale_sas
from ..model import ChildSa, End, Probe, Tunnel, TunnelProof


def prove(tunnel: Tunnel) -> TunnelProof:
    """The proof of a tunnel from both ends' SAs and what its probes have shown."""
    couples = tunnel.pairs(tunnel.ends[0])
    unmatched = [own for own, dummy in find_lacking(tunnel)]
    unread = tuple(end.gateway.name for end in tunnel.ends if find_unknown(end))
    missing = [] if unread else [f"no CHILD_SA of {name} that both ends hold" for name in unmatched]
    missing += [text for end in tunnel.ends if find_unknown(end) for text in _describe_unknown(tunnel, end)]
    traffic = _judge_traffic(tunnel.probes)
    missing += [
        f"{probe.gateway} got {probe.received} of {probe.sent} pings back through {probe.child}"
        for probe in tunnel.probes
        if not probe.reachable
    ]
    old = [f"{end.name(child)}: {said}" for end, child, said in find_stale_sas(tunnel)]
    return TunnelProof(bool(couples) and not unmatched, traffic, (*missing, *old), adopted=not old, unread=unread)


def find_unknown(end: End) -> bool:
    """Whether nobody could say which SAs an end has; a daemon that does not run has none."""
    return end.gateway.sas is None and end.gateway.daemon.running is not False


def find_lacking(tunnel: Tunnel) -> list[tuple[str, str]]:
    """The couples of children of which the ends hold no CHILD_SA in common, named in the order of the ends."""
    one, other = tunnel.ends
    return [
        (own.name, counterpart.name)
        for own, counterpart in tunnel.pairs(one)
        if not _matches_crosswise(one, own.name, other, counterpart.name)
    ]


def _describe_unknown(tunnel: Tunnel, end: End) -> Iterator[str]:
    """That an end's SAs are not known, and what its peer has of the tunnel."""
    peer = tunnel.other(end)
    held = [f"{sa.name}{{{sa.id}}}" for ike in peer.sas for sa in ike.children if sa.carries]
    yield f"the SAs of {end.gateway.name} could not be read" + (
        f"; {peer.gateway.name} has CHILD_SA {', '.join(held)} of it" if held else ""
    )


def _matches_crosswise(one: End, child: str, other: End, counterpart: str) -> bool:
    theirs = {(sa.spi_out, sa.spi_in) for sa in _list_live_sas(other, counterpart)}
    return any(sa.spi_in is not None and (sa.spi_in, sa.spi_out) in theirs for sa in _list_live_sas(one, child))


def _list_live_sas(end: End, child: str) -> list[ChildSa]:
    return [sa for ike in end.sas for sa in ike.children if sa.name == child and sa.carries]


def _judge_traffic(probes: tuple[Probe, ...]) -> bool | None:
    return all(probe.reachable for probe in probes) if probes else None
