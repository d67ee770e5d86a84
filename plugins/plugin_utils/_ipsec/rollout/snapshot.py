# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tunnel is at one time: SAs, counters, routes, pings, findings, and a digest of what is configured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address

from ..model import (
    CarryingChildren,
    ChildSa,
    Connection,
    EndName,
    Finding,
    Gateway,
    IkeSa,
    Probe,
    SaSnapshot,
    Step,
    TunnelProof,
    TunnelSnapshot,
    to_plain,
)
from ..swanctl.selectors import list_networks, strip_protocol


@dataclass(frozen=True, slots=True)
class AuditedTunnel:
    """A tunnel as an audit names it."""

    name: str
    ends: tuple[EndName, ...]
    initiator: str
    proof: TunnelProof


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """One look at the fleet: what was read and what the audit says of it."""

    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    tunnels: Mapping[str, AuditedTunnel] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    steps: tuple[Step, ...] = ()
    probes: tuple[Probe, ...] = ()
    to_probe: Mapping[str, Sequence[Mapping[str, object]]] = field(default_factory=dict)
    outages: Mapping[str, tuple[float | None, str]] = field(default_factory=dict)  # expected, and why
    left_unproven: Mapping[str, str] = field(default_factory=dict)  # tunnels that the plan would leave so, and why


def take_snapshot(name: str, seen: FleetSnapshot, now: datetime) -> TunnelSnapshot | None:
    """The picture of a tunnel; None where one of its gateways could not be read."""
    tunnel = seen.tunnels.get(name)
    if tunnel is None:
        return None
    ends = [(end, seen.gateways[end.gateway]) for end in tunnel.ends]
    return TunnelSnapshot(
        time=now.isoformat(timespec="seconds"),
        crosswise=tunnel.proof.crosswise,
        traffic=tunnel.proof.traffic,
        missing=tunnel.proof.missing,
        findings=tuple(f"{f.id} on {f.end}: {f.summary}" for f in seen.findings if f.tunnel == name),
        sas=tuple(sa for end, gateway in ends for sa in _list_sas(end, gateway)),
        pings=tuple(p for p in seen.probes for end in tunnel.ends if (p.gateway, p.connection) == _build_key(end)),
        routes=tuple(route for end, gateway in ends for route in _list_routes(end, gateway)),
        configuration={gateway.name: _compute_digest(end, gateway) for end, gateway in ends},
    )


def list_carrying(gateways: Collection[str], seen: FleetSnapshot) -> Iterator[CarryingChildren]:
    """Of all tunnels that end at these gateways, what passes traffic and what is up."""
    came_back: dict[tuple[str, str], list[str]] = {}
    for probe in seen.probes:
        if probe.reachable:
            came_back.setdefault((probe.gateway, probe.connection), []).append(probe.child)
    ending = [each for each in seen.tunnels.values() if any(end.gateway in gateways for end in each.ends)]
    held = _index_children({end.gateway for tunnel in ending for end in tunnel.ends}, seen)
    for tunnel in ending:
        names = tuple(dict.fromkeys(end.gateway for end in tunnel.ends))
        children = (
            EndName(*_build_key(end), child) for end in tunnel.ends for child in came_back.get(_build_key(end), ())
        )
        one, *others = (held.get(_build_key(end), {}) for end in tunnel.ends)
        up = (child for (own, peer), child in one.items() if any((peer, own) in other for other in others))
        first = _build_key(tunnel.ends[0])
        yield CarryingChildren(
            tunnel.name,
            names,
            tuple(dict.fromkeys(children)),
            tuple(EndName(*first, child) for child in dict.fromkeys(up)),
        )


def _index_children(
    gateways: Iterable[str], seen: FleetSnapshot
) -> Mapping[tuple[str, str], Mapping[tuple[str, str], str]]:
    """By gateway and connection, the children that have SAs, by the SPIs of these: own first."""
    found: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for name in gateways:
        gateway = seen.gateways.get(name)
        for ike in (gateway.sas or ()) if gateway else ():
            for child in ike.children:
                if child.spi_in and child.spi_out:
                    found.setdefault((name, ike.connection), {})[child.spi_in, child.spi_out] = child.name
    return found


def find_management_tunnel(tunnel: AuditedTunnel, gateways: Mapping[str, Gateway]) -> tuple[str, ...]:
    """Gateways whose session comes from an address that this tunnel leads to: a change may cut it."""
    return tuple(
        end.gateway
        for end in tunnel.ends
        if end.gateway in gateways
        and _lies_inside(gateways[end.gateway].system.managed_from, _list_remote_selectors(end, gateways))
    )


def _build_key(end: EndName) -> tuple[str, str]:
    return end.gateway, end.connection


def _find_connection(end: EndName, gateway: Gateway) -> Connection | None:
    return next((each for each in gateway.connections if each.name == end.connection), None)


def _list_remote_selectors(end: EndName, gateways: Mapping[str, Gateway]) -> tuple[str, ...]:
    connection = _find_connection(end, gateways[end.gateway])
    return tuple(text for child in connection.children for text in child.remote_ts) if connection else ()


def _list_sas(end: EndName, gateway: Gateway) -> Iterator[SaSnapshot]:
    for ike in gateway.sas or ():
        if ike.connection == end.connection:
            for child in ike.children:
                yield _build_sa_snapshot(gateway.name, ike, child)


def _build_sa_snapshot(gateway: str, ike: IkeSa, child: ChildSa) -> SaSnapshot:
    words = [word for word in (ike.encr, ike.integ, ike.prf, ike.dh_group) if word]
    esp = [word for word in (child.encr, child.integ, child.dh_group) if word]
    return SaSnapshot(
        gateway,
        ike.connection,
        child.name,
        child.state,
        ike.version,
        child.spi_in,
        child.spi_out,
        f"IKEv{ike.version} {'/'.join(words)}, {child.protocol} {'/'.join(esp)}",
        child.encap,
        child.bytes_in,
        child.packets_in,
        child.bytes_out,
        child.packets_out,
    )


def _list_routes(end: EndName, gateway: Gateway) -> Iterator[str]:
    """Routes of a gateway to what the tunnel leads to."""
    remote = _list_remote_selectors(end, {gateway.name: gateway})
    for route in gateway.system.routes or ():
        if _lies_inside(route.partition(" ")[0].partition("/")[0], remote):
            yield f"{gateway.name}: {route}"


def _lies_inside(address: str, selectors: Iterable[str]) -> bool:
    """Whether an address is inside selectors that name networks; one for everything says nothing of an address."""
    try:
        host = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(network.prefixlen and host in network for network in list_networks(map(strip_protocol, selectors)))


def _compute_digest(end: EndName, gateway: Gateway) -> str:
    """Of the connection's and its children's settings, and of the digests of keys: equal where those are equal."""
    connection = _find_connection(end, gateway)
    if connection is None:
        return ""
    settings = {key: setting.value for key, setting in connection.settings.items()}
    children = {c.name: {key: s.value for key, s in c.settings.items()} for c in connection.children}
    keys = sorted((sorted(secret.ids), secret.digest or "") for secret in gateway.secrets)
    told = json.dumps([settings, children, keys, to_plain(connection.loaded)], sort_keys=True)
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]
