# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from an audit: what to ping, what to initiate, and what a run of its plan would leave unproven."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from operator import itemgetter

from .analysis.evidence import up
from .diagnose.rules import keeping_down
from .model import SEVERE, Audit, Child, End, Finding, Gateway, Proof, Step, Tunnel
from .swanctl.normalize import numeric
from .verify.proof import lacking

_Addresses = dict[int, list[tuple[int, int, str]]]


def to_probe(tunnels: Iterable[Tunnel], proofs: Mapping[str, Proof]) -> dict[str, list[dict[str, object]]]:
    """What to ping on which gateway: from its own address inside the selectors to the peer's, or what is declared."""
    wanted: dict[str, list[dict[str, object]]] = {}
    addresses: dict[str, _Addresses] = {}
    for tunnel in tunnels:
        if proofs[tunnel.name].crosswise:
            _look_up(tunnel, addresses)
            for end in tunnel.ends:
                for own, other in tunnel.pairs(end):
                    if pings := _pings(tunnel, end, (own, other), addresses):
                        probe: dict[str, object] = {
                            "connection": end.connection.name,
                            "child": own.name,
                            "pings": pings,
                        }
                        wanted.setdefault(end.gateway.name, []).append(probe)
    return wanted


def to_try(found: Audit) -> dict[str, list[dict[str, str | None]]]:
    """By tunnel that is not up, what to initiate: first from the end that is to answer, and then from the other.

    Of one that is up in part, each child by itself that is not. Not one that is up with somebody else: the other node
    of a cluster may have it, and to initiate it from here would take it over.
    """
    wanted: dict[str, list[dict[str, str | None]]] = {}
    for tunnel in found.tunnels:
        if found.proofs[tunnel.name].state != "down" or any(end.strange for end in tunnel.ends):
            continue
        couples = lacking(tunnel) if up(tunnel) else [(None, None)]
        for couple in couples:
            names = dict(zip((end.gateway.name for end in tunnel.ends), couple, strict=True))
            for end in (tunnel.answering, tunnel.initiating):
                gateway, connection = end.gateway.name, end.connection.name
                one = {"gateway": gateway, "connection": connection, "child": names[gateway]}
                wanted.setdefault(tunnel.name, []).append(one)
    return wanted


def left_unproven(found: Audit, limit: Iterable[str] | None = None) -> dict[str, str]:
    """By tunnel that is not proven, and that a run of the plan would leave so: why.

    `limit`: gateways that may be changed; a tunnel without an end on one of them is not judged.
    """
    allowed = None if limit is None else frozenset(limit)
    severe: dict[str, list[Finding]] = {}
    for finding in found.findings:
        if finding.severity in SEVERE:
            severe.setdefault(finding.tunnel, []).append(finding)
    planned: dict[str, list[Step]] = {}
    for step in found.steps:
        planned.setdefault(step.tunnel, []).append(step)
    left: dict[str, str] = {}
    addresses: dict[str, _Addresses] = {}
    for tunnel in found.tunnels:
        ours = allowed is None or any(end.gateway.name in allowed for end in tunnel.ends)
        if ours and not found.proofs[tunnel.name].proven:
            name = tunnel.name
            left[name] = _stays_unproven(tunnel, severe.get(name, []), planned.get(name, []), addresses)
    return {name: why for name, why in left.items() if why}


def _stays_unproven(tunnel: Tunnel, severe: list[Finding], steps: list[Step], addresses: dict[str, _Addresses]) -> str:
    """Why a tunnel is not proven after its steps either; empty where it may be, or nothing asks for that."""
    stuck = [each for each in severe if not each.fix and each.id in keeping_down()]
    if stuck or (severe and not steps):
        first = (stuck or severe)[0]
        return f"{first.id}: {first.no_fix or first.summary}"
    moves = any("_ts" in key for step in steps for given in step.children.values() for key in given)
    if steps and not moves and not any(_reach(tunnel, addresses)):
        return "nothing inside its networks can be pinged: declare verify in ipsec_tunnels"
    return ""


def _reach(tunnel: Tunnel, addresses: dict[str, _Addresses]) -> Iterator[list[dict[str, str]]]:
    """What can be pinged through it when it is up, child by child."""
    _look_up(tunnel, addresses)
    for end in tunnel.ends:
        yield from (_pings(tunnel, end, couple, addresses) for couple in tunnel.pairs(end))


def _pings(
    tunnel: Tunnel, end: End, children: tuple[Child, Child], addresses: Mapping[str, _Addresses]
) -> list[dict[str, str]]:
    own, other = children
    if tunnel.declared and tunnel.declared.ping:
        return [{"from": p.source, "to": p.target} for p in tunnel.declared.ping if _inside(p.source, own.local_ts)]
    source = _address(addresses[end.gateway.name], own)
    target = _address(addresses[tunnel.other(end).gateway.name], other)
    return [{"from": source, "to": target}] if source and target else []


def _look_up(tunnel: Tunnel, addresses: dict[str, _Addresses]) -> None:
    """The addresses of its gateways, of each once: a hub has an end in very many tunnels."""
    for end in tunnel.ends:
        if end.gateway.name not in addresses:
            addresses[end.gateway.name] = _addresses(end.gateway)


def _addresses(gateway: Gateway) -> _Addresses:
    """A gateway's addresses by IP version: each as a number, with its place in the gateway's list, in order."""
    found: _Addresses = {4: [], 6: []}
    for place, line in enumerate(gateway.system.addresses):
        word = line.rpartition(" ")[2].partition("/")[0].partition("%")[0]
        if numeric(word):  # a gateway may list anything
            address = ip_address(word)
            found[address.version].append((int(address), place, str(address)))
    return {version: sorted(each) for version, each in found.items()}


def _address(addresses: _Addresses, child: Child) -> str | None:
    """A gateway's own address inside a child's local selectors: the first it lists in the first that has one."""
    for network in _networks(child.local_ts):
        ordered = addresses[network.version]
        low = bisect_left(ordered, (int(network.network_address),))
        high = bisect_left(ordered, (int(network.broadcast_address) + 1,))
        if low < high:
            return min(ordered[low:high], key=itemgetter(1))[2]
    return None


def _inside(address: str, selectors: tuple[str, ...]) -> bool:
    return any(ip_address(address) in network for network in _networks(selectors))


def _networks(selectors: tuple[str, ...]) -> Iterator[IPv4Network | IPv6Network]:
    for text in selectors:
        try:
            yield ip_network(text.partition("[")[0].strip(), strict=False)
        except ValueError:
            continue  # dynamic, or a range: no network to look into
