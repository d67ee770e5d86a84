"""A topology: networks, gateways, routers, hosts and tunnels, read from YAML and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, ip_interface
from pathlib import Path
from typing import Any, cast

import yaml

# Releases of pfSense that the lab has a stand-in for: what /etc/version says, and the version that config.xml then has.
PFSENSE = {
    "2.6.0": ("2.6.0-RELEASE", "22.2"),
    "2.7.2": ("2.7.2-RELEASE", "23.3"),
    "2.8.0": ("2.8.0-RELEASE", "24.0"),
    "2.9.0": ("2.9.0-DEVELOPMENT", "24.5"),
}

SPARE = {"startaction": "none", "closeaction": "none"}


class TopologyError(ValueError):
    """A topology that cannot be built: what, and where in the file."""


@dataclass(frozen=True, slots=True)
class Node:
    """A namespace with addresses: a host, or with more to it a router or a gateway."""

    name: str
    addresses: Mapping[str, IPv4Interface]  # by network
    default: str | None = None
    masquerade: str | None = None  # router: the network it hides the others behind
    kind: str = "strongswan"  # gateway: or pfsense, a stand-in for it
    version: str = "2.7.2"  # gateway of kind pfsense: its release


@dataclass(frozen=True, slots=True)
class End:
    """One end of a tunnel: what its gateway's connection says."""

    gateway: str
    connection: str
    address: str  # local_addrs
    peer: str  # remote_addrs, may be %any
    id: str
    network: str  # local traffic selector
    settings: Mapping[str, str] = field(default_factory=dict)  # over the baseline, in the words of the gateway's kind
    child: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Two ends; the initiator is named first."""

    name: str
    initiator: End
    responder: End

    def end(self, gateway: str) -> End:
        return self.initiator if self.initiator.gateway == gateway else self.responder

    def other(self, end: End) -> End:
        return self.responder if end is self.initiator else self.initiator

    @property
    def starts(self) -> bool:
        """Whether the initiator brings it up without being asked."""
        end = self.initiator
        return "start" in end.child.get("start_action", end.settings.get("startaction", "start"))


@dataclass(frozen=True, slots=True)
class Topology:
    """All that one lab consists of."""

    name: str
    gateways: Mapping[str, Node]
    routers: Mapping[str, Node]
    hosts: Mapping[str, Node]
    tunnels: Mapping[str, Tunnel]
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)  # what it was read from

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (*self.routers.values(), *self.gateways.values(), *self.hosts.values())

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(network for node in self.nodes for network in node.addresses))


def read(path: Path) -> Topology:
    """The topology of a YAML file.

    Raises:
        TopologyError: the file is missing something or names what is not there.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise TopologyError(f"{path} cannot be read: {error}") from error
    return topology(data, where=str(path))


def topology(data: object, *, where: str = "topology") -> Topology:
    """The topology that plain data describes."""
    if not isinstance(data, dict):
        raise TopologyError(f"{where}: expected a mapping with gateways and tunnels")
    try:
        gateways, routers, hosts = (_nodes(data.get(kind, {})) for kind in ("gateways", "routers", "hosts"))
        tunnels = {name: _tunnel(name, ends) for name, ends in data.get("tunnels", {}).items()}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise TopologyError(f"{where}: {type(error).__name__}: {error}") from error
    for gateway in gateways.values():
        if gateway.kind not in ("strongswan", "pfsense") or gateway.version not in PFSENSE:
            raise TopologyError(f"{where}: there is no {gateway.kind} {gateway.version} for {gateway.name}")
    for tunnel in tunnels.values():
        for end in (tunnel.initiator, tunnel.responder):
            if end.gateway not in gateways:
                raise TopologyError(f"{where}: tunnel {tunnel.name} ends at {end.gateway}, which is no gateway here")
    return Topology(str(data.get("name", Path(where).stem)), gateways, routers, hosts, tunnels, data)


def pairs(
    count: int, *, name: str = "pairs", connections: int = 1, pfsense: Mapping[str, str] | None = None
) -> Topology:
    """So many pairs of gateways, each with a router between and a tunnel of its own: `t01` from `b01` to `a01`.

    `connections` above 1 adds connections to nowhere, as a busy gateway has them. `pfsense` makes the gateways of side
    `a` or `b` stand-ins for that release; their connections are called con1, con2…
    """
    boxes = pfsense or {}
    data: dict[str, Any] = {"name": name, "gateways": {}, "routers": {}, "hosts": {}, "tunnels": {}}
    for number in range(1, count + 1):
        n, left, right = f"{number:02d}", f"198.18.{number}.1", f"198.19.{number}.1"
        data["routers"][f"r{n}"] = {
            "addresses": {f"left{n}": f"198.18.{number}.254/24", f"right{n}": f"198.19.{number}.254/24"}
        }
        data["gateways"][f"a{n}"] = {
            "addresses": {f"left{n}": f"{left}/24", f"lana{n}": f"10.{number}.1.1/24"},
            "default": f"198.18.{number}.254",
            **_kind(boxes.get("a")),
        }
        data["gateways"][f"b{n}"] = {
            "addresses": {f"right{n}": f"{right}/24", f"lanb{n}": f"10.{number}.2.1/24"},
            "default": f"198.19.{number}.254",
            **_kind(boxes.get("b")),
        }
        data["tunnels"][f"t{n}"] = [
            {
                "gateway": f"b{n}",
                "connection": "con1" if "b" in boxes else "east",
                "address": right,
                "peer": left,
                "id": f"b{n}.lab",
                "network": f"10.{number}.2.0/24",
            },
            {
                "gateway": f"a{n}",
                "connection": "con1" if "a" in boxes else "west",
                "address": left,
                "peer": right,
                "id": f"a{n}.lab",
                "network": f"10.{number}.1.0/24",
            },
        ]
        for spare in range(2, connections + 1):
            for own, gateway in ((left, f"a{n}"), (right, f"b{n}")):
                data["tunnels"][f"s{n}-{gateway}-{spare}"] = [
                    {
                        "gateway": gateway,
                        "connection": f"con{spare}" if gateway[0] in boxes else f"spare{spare}",
                        "address": own,
                        "peer": f"192.0.2.{spare}",
                        "id": gateway,
                        "network": f"10.{number}.{spare + 100}.0/24",
                        **({"settings": SPARE} if gateway[0] in boxes else {"child": {"start_action": "none"}}),
                    },
                    {
                        "gateway": gateway,
                        "connection": f"spare{spare}-peer",
                        "address": own,
                        "peer": f"203.0.113.{spare}",
                        "id": f"{gateway}.{spare}",
                        "network": f"172.16.{spare}.0/24",
                    },
                ]
    return topology(data, where=name)


def ends(topology: Topology, gateway: str) -> Iterator[tuple[Tunnel, End]]:
    """A gateway's ends. Of a tunnel to nowhere, whose ends are both here, the first."""
    for tunnel in topology.tunnels.values():
        for end in (tunnel.initiator, tunnel.responder):
            if end.gateway == gateway and (
                tunnel.initiator.gateway != tunnel.responder.gateway or end is tunnel.initiator
            ):
                yield tunnel, end


def _kind(version: str | None) -> dict[str, str]:
    return {"kind": "pfsense", "version": version} if version else {}


def _nodes(data: Mapping[str, Any]) -> dict[str, Node]:
    return {
        name: Node(
            name,
            {network: cast("IPv4Interface", ip_interface(address)) for network, address in node["addresses"].items()},
            node.get("default"),
            node.get("masquerade"),
            node.get("kind", "strongswan"),
            str(node.get("version", "2.7.2")),
        )
        for name, node in data.items()
    }


def _tunnel(name: str, ends: list[Mapping[str, Any]]) -> Tunnel:
    initiator, responder = (End(**end) for end in ends)
    return Tunnel(name, initiator, responder)
