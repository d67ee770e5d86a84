# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway has a use for already: networks, addresses and identities that none of its connections may take."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from ipaddress import ip_network

from ...model import Gateway
from ...swanctl.normalize import (
    is_numeric,
    list_explicit,
    normalize_identities,
    parse_interfaces,
)
from ...swanctl.selectors import Network, lies_inside, list_networks


class Claims:
    """The networks that a gateway has a use for already: its interfaces', its routes', its connections'."""

    def __init__(self, gateway: Gateway) -> None:
        self.by_network: dict[Network, list[tuple[str, str, str]]] = {}
        for network, what in _list_used_networks(gateway):
            self._add(network, "", "", what)
        for connection in gateway.connections:
            for child in connection.children:
                for network in list_networks(child.remote_ts):
                    what = f"{gateway.name}/{connection.name}/{child.name}"
                    self._add(network, connection.name, child.name, what)
        self.peers: dict[str, set[str]] = {}  # connections, by the identity that they expect
        self.addresses: dict[str, set[str]] = {}  # and by where they look for their peer
        self._meet_peers(gateway)
        self._at: dict[tuple[int, int], list[Network]] = {}
        for network in self.by_network:
            self._at.setdefault((network.version, int(network.network_address)), []).append(network)
        self._ordered = {v: sorted(at for version, at in self._at if version == v) for v in (4, 6)}

    def _meet_peers(self, gateway: Gateway) -> None:
        for connection in gateway.connections:
            if identity := normalize_identities(connection)[1]:
                self.peers.setdefault(identity, set()).add(connection.name)
            for address in list_explicit(connection.remote_addrs):
                self.addresses.setdefault(address, set()).add(connection.name)

    def _add(self, network: Network, connection: str, child: str, what: str) -> None:
        self.by_network.setdefault(network, []).append((connection, child, what))

    def of_another(self, network: Network, connection: str, child: str, old: Collection[Network]) -> str:
        """Who else has just this network, one around it or one inside it.

        `old`: what the child has now; a route in there is its own.
        """
        around = (network.supernet(new_prefix=length) for length in range(1, network.prefixlen + 1))
        for each in (*around, *self._inside(network)):
            for theirs, name, what in self.by_network.get(each, ()):
                its_own = (theirs, name) == (connection, child) if theirs else any(lies_inside(each, o) for o in old)
                if not its_own:
                    return what
        return ""

    def _inside(self, network: Network) -> Iterator[Network]:
        """Those that begin in a network: found by search, since a gateway may have very many."""
        ordered = self._ordered[network.version]
        low = bisect_left(ordered, int(network.network_address))
        high = bisect_right(ordered, int(network.broadcast_address))
        for address in ordered[low:high]:
            yield from self._at[network.version, address]


def _list_used_networks(gateway: Gateway) -> Iterator[tuple[Network, str]]:
    """The networks of a gateway's interfaces and routes, save the default route's; its controller and its peers."""
    hosts = {
        host
        for connection in gateway.connections
        for host in list_explicit(connection.remote_addrs)
        if is_numeric(host)
    }
    for host in hosts:
        yield ip_network(host), f"the address {host} of a peer of {gateway.name}"
    if is_numeric(gateway.system.managed_from):
        yield ip_network(gateway.system.managed_from), f"the address from which {gateway.name} is managed"
    for interface in parse_interfaces(gateway.system.addresses):
        yield interface.network, f"an interface of {gateway.name}: {interface}"
    for line in gateway.system.routes or ():
        for network in list_networks((line.partition(" ")[0],)):
            if network.prefixlen:
                yield network, f"a route of {gateway.name}: {line}"
