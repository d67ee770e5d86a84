"""The audit of 10,000 synthetic healthy tunnels, and of twice as many: work is to grow with the number of tunnels."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.audit import audit, to_probe
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.model import Auth, Connection, Gateway

from tests.unit.build import child, connection, gateway, ike_sa, mirrored

TUNNELS = 10_000
ROUNDS = 3
LIMIT = 2.6  # of twice the tunnels to once; 2 is linear
PRINTED = """## Audit of {tunnels:,} tunnels

Pairing, every rule, plan, proofs and what to ping, over synthetic healthy tunnels with all their SAs, in memory; median
of {rounds} rounds in turn.

| gateways | {tunnels:,} tunnels | {twice:,} tunnels | ratio |
|---|---|---|---|
{rows}

The ratio may be at most {limit}: 2 is work that grows with the number of tunnels."""


def main() -> None:
    """Measure both shapes at both sizes and print them; a ratio over the limit is a failure."""
    rows, ratios = [], []
    for name, fleet in SHAPES.items():
        small, large = fleet(TUNNELS), fleet(2 * TUNNELS)
        rounds = [(_seconds(small, TUNNELS), _seconds(large, 2 * TUNNELS)) for dummy in range(ROUNDS)]
        one, two = (statistics.median(each) for each in zip(*rounds, strict=True))
        ratios.append(two / one)
        rows.append(f"| {name} | {one:.1f} s | {two:.1f} s | {two / one:.2f} |")
    print(PRINTED.format(tunnels=TUNNELS, twice=2 * TUNNELS, rounds=ROUNDS, rows="\n".join(rows), limit=LIMIT))
    sys.exit(max(ratios) > LIMIT)


def _seconds(gateways: list[Gateway], tunnels: int) -> float:
    begun = time.perf_counter()
    found = audit(gateways)
    to_probe(found.tunnels, found.proofs)
    taken = time.perf_counter() - begun
    right = (len(found.tunnels), found.findings, found.unpaired, found.steps) == (tunnels, (), (), ())
    if not right or not all(proof.crosswise for proof in found.proofs.values()):
        sys.exit(f"{tunnels} healthy tunnels were not audited as such: {len(found.tunnels)}, {found.findings[:1]}")
    return taken


def _hub(tunnels: int) -> list[Gateway]:
    """One gateway with a connection to each of the others."""
    ours = [_connection(i, "hub") for i in range(tunnels)]
    theirs = [mirrored(each, f"spoke{i}") for i, each in enumerate(ours)]
    hub = gateway("hub", *theirs, sas=tuple(ike_sa(c, i, swapped=True) for i, c in enumerate(theirs)))
    transfer = tuple(f"xfrm{i} 169.{i // 65536}.{i // 256 % 256}.{i % 256}/32" for i in range(tunnels))
    hub = replace(hub, system=replace(hub.system, addresses=("lan0 172.16.0.1/16", *transfer)))
    return [hub, *(gateway(f"spoke{i}", c, sas=(ike_sa(c, i),)) for i, c in enumerate(ours))]


def _pairs(tunnels: int) -> list[Gateway]:
    """As many couples of gateways as tunnels."""
    found = []
    for i in range(tunnels):
        ours = _connection(i, f"b{i}")
        theirs = mirrored(ours)
        found.append(gateway(f"a{i}", ours, sas=(ike_sa(ours, i),)))
        found.append(gateway(f"b{i}", theirs, sas=(ike_sa(theirs, i, swapped=True),)))
    return found


def _connection(i: int, peer: str) -> Connection:
    address, net = f"{i // 65536}.{i // 256 % 256}.{i % 256}", f"{i // 256 % 256}.{i % 256}"
    return connection(
        local_addrs=(f"198.{address}",),
        remote_addrs=("192.0.2.1",) if peer == "hub" else (f"203.{address}",),
        local=(Auth("local", "psk", f"a{i}.example"),),
        remote=(Auth("remote", "psk", f"{peer}.example"),),
        children=(child(local_ts=(f"10.{net}.0/24",), remote_ts=("172.16.0.0/16",)),),
    )


SHAPES: dict[str, Callable[[int], list[Gateway]]] = {"a hub and its spokes": _hub, "couples": _pairs}

if __name__ == "__main__":
    main()
