# SPDX-License-Identifier: GPL-3.0-or-later
"""What to ping through a tunnel, and from where."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from operator import itemgetter

from ..model import Child, End, Gateway, Tunnel, TunnelProof
from ..swanctl.normalize import is_numeric
from ..swanctl.selectors import list_networks, strip_protocol

Addresses = dict[int, list[tuple[int, int, str]]]  # of a gateway, by IP version: numbers, places, texts


def list_probes(tunnels: Iterable[Tunnel], proofs: Mapping[str, TunnelProof]) -> dict[str, list[dict[str, object]]]:
    """What to ping on which gateway: from its own address inside the selectors to the peer's, or what is declared."""
    wanted: dict[str, list[dict[str, object]]] = {}
    addresses: dict[str, Addresses] = {}
    for tunnel in tunnels:
        if proofs[tunnel.name].crosswise:
            _look_up(tunnel, addresses)
            for end in tunnel.ends:
                for own, other in tunnel.pairs(end):
                    if pings := _choose_pings(tunnel, end, (own, other), addresses):
                        probe: dict[str, object] = {
                            "connection": end.connection.name,
                            "child": own.name,
                            "pings": pings,
                        }
                        wanted.setdefault(end.gateway.name, []).append(probe)
    return wanted


def list_pings(tunnel: Tunnel, addresses: dict[str, Addresses]) -> Iterator[list[dict[str, str]]]:
    """What can be pinged through it when it is up, child by child."""
    _look_up(tunnel, addresses)
    for end in tunnel.ends:
        yield from (_choose_pings(tunnel, end, couple, addresses) for couple in tunnel.pairs(end))


def _choose_pings(
    tunnel: Tunnel, end: End, children: tuple[Child, Child], addresses: Mapping[str, Addresses]
) -> list[dict[str, str]]:
    own, other = children
    if tunnel.declared and tunnel.declared.ping:
        return [
            {"from": p.source, "to": p.target} for p in tunnel.declared.ping if _lies_inside(p.source, own.local_ts)
        ]
    source = _choose_address(addresses[end.gateway.name], own)
    target = _choose_address(addresses[tunnel.other(end).gateway.name], other)
    return [{"from": source, "to": target}] if source and target else []


def _look_up(tunnel: Tunnel, addresses: dict[str, Addresses]) -> None:
    """The addresses of its gateways, of each once: a hub has an end in very many tunnels."""
    for end in tunnel.ends:
        if end.gateway.name not in addresses:
            addresses[end.gateway.name] = _parse_addresses(end.gateway)


def _parse_addresses(gateway: Gateway) -> Addresses:
    """A gateway's addresses by IP version: each as a number, with its place in the gateway's list, in order."""
    found: Addresses = {4: [], 6: []}
    for place, line in enumerate(gateway.system.addresses):
        word = line.rpartition(" ")[2].partition("/")[0].partition("%")[0]
        if is_numeric(word):  # a gateway may list anything
            address = ip_address(word)
            found[address.version].append((int(address), place, str(address)))
    return {version: sorted(each) for version, each in found.items()}


def _choose_address(addresses: Addresses, child: Child) -> str | None:
    """A gateway's own address inside a child's local selectors: the first it lists in the first that has one."""
    for network in list_networks(map(strip_protocol, child.local_ts)):
        ordered = addresses[network.version]
        low = bisect_left(ordered, (int(network.network_address),))
        high = bisect_left(ordered, (int(network.broadcast_address) + 1,))
        if low < high:
            return min(ordered[low:high], key=itemgetter(1))[2]
    return None


def _lies_inside(address: str, selectors: tuple[str, ...]) -> bool:
    return any(ip_address(address) in network for network in list_networks(map(strip_protocol, selectors)))
