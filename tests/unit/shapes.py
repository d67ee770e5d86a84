"""Synthetic fleets of any number of tunnels in the shapes that networks have: all healthy and up, or all sick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import combinations

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Auth,
    Certificate,
    Connection,
    Gateway,
    Policy,
    Problem,
    Setting,
)

from .build import AES, child, connection, gateway, ike_sa, mirrored


def hub(tunnels: int) -> list[Gateway]:
    """One gateway with a connection to each of the others."""
    ours = [_connection(i, "hub") for i in range(tunnels)]
    theirs = [mirrored(each, f"spoke{i}") for i, each in enumerate(ours)]
    middle = gateway("hub", *theirs, sas=tuple(ike_sa(c, i, swapped=True) for i, c in enumerate(theirs)))
    transfer = tuple(f"xfrm{i} 169.{_low(i)}/32" for i in range(tunnels))
    middle = replace(middle, system=replace(middle.system, addresses=("lan0 172.16.0.1/16", *transfer)))
    return [middle, *(gateway(f"spoke{i}", c, sas=(ike_sa(c, i),)) for i, c in enumerate(ours))]


def couples(tunnels: int) -> list[Gateway]:
    """As many couples of gateways as tunnels."""
    found = []
    for i in range(tunnels):
        ours = _connection(i, f"b{i}")
        theirs = mirrored(ours)
        found.append(gateway(f"a{i}", ours, sas=(ike_sa(ours, i),)))
        found.append(gateway(f"b{i}", theirs, sas=(ike_sa(theirs, i, swapped=True),)))
    return found


def mesh(tunnels: int) -> list[Gateway]:
    """As few gateways as can have so many tunnels, each with one to each: some more tunnels than were asked for."""
    size = next(n for n in range(2, tunnels + 2) if n * (n - 1) // 2 >= tunnels)
    ends: dict[int, list[tuple[Connection, int, bool]]] = {i: [] for i in range(size)}
    for number, (one, other) in enumerate(combinations(range(size), 2)):
        ours = replace(_between(one, other), name=f"to-{other}")
        ends[one].append((ours, number, False))
        ends[other].append((mirrored(ours, f"to-{one}"), number, True))
    return [
        gateway(
            f"m{i}",
            *(each for each, *dummy in those),
            sas=tuple(ike_sa(each, number, swapped=swapped) for each, number, swapped in those),
        )
        for i, those in ends.items()
    ]


SHAPES: Mapping[str, Callable[[int], list[Gateway]]] = {
    "a hub and its spokes": hub,
    "couples": couples,
    "a full mesh": mesh,
}


def sick(gateways: Iterable[Gateway]) -> list[Gateway]:
    """The same with no SA, and on both ends of each tunnel all that rules look for in lists of a whole gateway."""
    return [_sick(each) for each in gateways]


def _sick(well: Gateway) -> Gateway:
    places = {own.name: f"swanctl.conf:{place}" for place, own in enumerate(well.connections)}
    return replace(
        well,
        sas=(),
        connections=tuple(_without_peer(own, places[own.name]) for own in well.connections),
        policies=tuple(
            Policy(own.name, each.name, "trap", each.local_ts, each.remote_ts)
            for own in well.connections
            for each in own.children
        ),
        certificates=tuple(Certificate(f"CN={name}") for name in places),
        problems=tuple(Problem("unknown-setting", "no setting is called so", where) for where in places.values()),
        system=replace(well.system, addresses=("lo 127.0.0.1/8", *well.system.addresses)),
    )


def _without_peer(own: Connection, where: str) -> Connection:
    starts = any(each.start_action != "none" for each in own.children)
    return replace(
        own,
        proposals=("3des-sha1-modp1024" if starts else AES,),
        remote_addrs=("192.0.2.77",),
        settings={"dpd_delay": Setting("30s", where)},
    )


def _connection(i: int, peer: str) -> Connection:
    return connection(
        local_addrs=(f"198.{_low(i)}",),
        remote_addrs=("192.0.2.1",) if peer == "hub" else (f"203.{_low(i)}",),
        local=(Auth("local", "psk", f"a{i}.example"),),
        remote=(Auth("remote", "psk", f"{peer}.example"),),
        children=(child(local_ts=(f"10.{i // 256 % 256}.{i % 256}.0/24",), remote_ts=("172.16.0.0/16",)),),
    )


def _between(one: int, other: int) -> Connection:
    return connection(
        local_addrs=(f"198.{_low(one)}",),
        remote_addrs=(f"198.{_low(other)}",),
        local=(Auth("local", "psk", f"m{one}.example"),),
        remote=(Auth("remote", "psk", f"m{other}.example"),),
        children=(child(local_ts=(f"10.{one}.0.0/16",), remote_ts=(f"10.{other}.0.0/16",)),),
    )


def _low(i: int) -> str:
    """Three parts of an address."""
    return f"{i // 65536}.{i // 256 % 256}.{i % 256}"
