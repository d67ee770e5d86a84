"""Before a tunnel is called repaired: both ends hold the same SAs, crosswise and up to date, and traffic passes."""

from __future__ import annotations

from .model import ChildSa, End, Probe, Proof, Tunnel
from .outdated import outdated

ALIVE = ("INSTALLED", "REKEYING", "UPDATING")


def prove(tunnel: Tunnel) -> Proof:
    """The proof of a tunnel from both ends' SAs and what its probes have shown."""
    couples = tunnel.pairs(tunnel.ends[0])
    unmatched = [
        own.name for own, other in couples if not _shared(tunnel.ends[0], own.name, tunnel.ends[1], other.name)
    ]
    missing = [f"no CHILD_SA of {name} that both ends hold" for name in unmatched]
    traffic = _traffic(tunnel.probes)
    missing += [
        f"{probe.gateway} got {probe.received} of {probe.sent} pings back through {probe.child}"
        for probe in tunnel.probes
        if not probe.reachable
    ]
    old = [f"{end.name(child)}: {said}" for end, child, said in outdated(tunnel)]
    return Proof(bool(couples) and not unmatched, traffic, (*missing, *old), adopted=not old)


def _shared(one: End, child: str, other: End, counterpart: str) -> bool:
    theirs = {(sa.spi_out, sa.spi_in) for sa in _alive(other, counterpart)}
    return any(sa.spi_in is not None and (sa.spi_in, sa.spi_out) in theirs for sa in _alive(one, child))


def _alive(end: End, child: str) -> list[ChildSa]:
    return [sa for ike in end.sas for sa in ike.children if sa.name == child and sa.state in ALIVE]


def _traffic(probes: tuple[Probe, ...]) -> bool | None:
    return all(probe.reachable for probe in probes) if probes else None
