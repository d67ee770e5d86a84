# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in where the two ends look for each other."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from ...analysis.evidence import build_change, has_common_sa, has_configuration, locate
from ...model import End, Fault, Tunnel
from ...swanctl.normalize import is_numeric, is_public, list_explicit
from . import rule
from .negotiation import DOWN


@rule("address-mismatch", "critical", reference="RFC 7296 section 2.11; swanctl.conf(5): remote_addrs", explains=DOWN)
def address_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """An end looks for its peer at an address that is not the peer's, so its requests go elsewhere or nowhere.

    The peer decides its addresses. Nothing is said of a tunnel that is up, of names, and of a peer with none but
    private addresses, which may be behind NAT, unless the two are neighbours in one network.
    """
    if has_common_sa(tunnel) or any(ike.state == "ESTABLISHED" for end in tunnel.ends for ike in end.sas):
        return
    for end in tunnel.ends:
        peer = tunnel.other(end)
        looked_at, bound = list_explicit(end.connection.remote_addrs), _list_bound_addresses(peer)
        if not looked_at or not all(is_numeric(host) for host in (*looked_at, *bound)) or not has_configuration(end):
            continue
        right = bound or peer.site.outside
        elsewhere = not set(looked_at) & set(right)
        # bound to one of its addresses, a peer does not answer at another; an outside address is not translated
        untranslated = not peer.site.reachable.isdisjoint(looked_at) or all(is_public(host) for host in right)
        plain = untranslated or _is_neighbour(end, looked_at, right)
        if elsewhere and right and plain:
            yield _build_fault(end, peer, right)


def _build_fault(end: End, peer: End, right: tuple[str, ...]) -> Fault:
    certain = len(right) == 1 or right == _list_bound_addresses(peer)
    return Fault(
        end.name(),
        f"{end.name()} looks for {peer.gateway.name} at {', '.join(end.connection.remote_addrs)}, "
        f"{peer.name()} is at {', '.join(right)}",
        (locate(end, "remote_addrs"), locate(peer, "local_addrs")),
        (build_change(end, "remote_addrs", ",".join(right)),) if certain else (),
        "" if certain else f"{peer.gateway.name} has several addresses: set remote_addrs to the right one",
    )


def _is_neighbour(end: End, looked_at: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Whether an end has an interface in the network in which it looks for its peer, and in which that one is."""
    both = [ip_address(host) for host in (*looked_at, *right)]
    around = (ip_network((int(both[0]), length), strict=False) for length in range(both[0].max_prefixlen + 1))
    return any(network in end.site.networks and all(host in network for host in both) for network in around)


def _list_bound_addresses(end: End) -> tuple[str, ...]:
    """The addresses that a connection is bound to; none where it takes any."""
    hosts = list_explicit(end.connection.local_addrs)
    return hosts if len(hosts) == len(end.connection.local_addrs) else ()
