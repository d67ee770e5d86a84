"""config.xml of a lab gateway of kind pfsense: a Phase 1 for each of its ends of tunnels, complementary by default.

The box itself rewrites the text as its release would have written it (etc/stand-in/format.php).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Interface, ip_address, ip_network
from typing import Any
from xml.sax.saxutils import escape

from ..topology import End, Node, Topology, Tunnel, ends

# One end initiates and comes back; the other answers, and its lifetimes are longer.
INITIATES = {"startaction": "start", "closeaction": "start"}
ANSWERS = {"startaction": "none", "closeaction": "none", "lifetime": "31680"}
ANSWERING_CHILD = {"lifetime": "5400"}
FIRST_UNIQID = 0x65F00000000  # entries have such a number, as the GUI gives one; here by order


def config_xml(topology: Topology, gateway: str, keys: Mapping[str, str], version: str) -> str:
    """The file of a gateway: its interfaces and its ends of tunnels. `keys` are pre-shared keys by tunnel."""
    node = topology.gateways[gateway]
    phase1s: list[dict[str, Any]] = []
    phase2s: list[dict[str, Any]] = []
    for tunnel, end in ends(topology, gateway):
        phase1s.append(_phase1(node, tunnel, end, keys[tunnel.name]))
        phase2s += [
            {**phase2, "reqid": str(len(phase2s) + number), "uniqid": f"{FIRST_UNIQID + len(phase2s) + number:x}"}
            for number, phase2 in enumerate(_phase2s(node, tunnel, end), start=1)
        ]
    config = {
        "version": version,
        "system": {
            "hostname": gateway,
            "domain": "pfsense-stand-in.lab",
            "user": [{"name": "admin", "descr": "System Administrator", "scope": "system", "uid": "0"}],
        },
        "interfaces": _interfaces(node),
        "ipsec": {"phase1": phase1s, "phase2": phase2s},
        "revision": {"time": "1700000000", "description": "(system): made by the lab", "username": "(system)"},
    }
    return f'<?xml version="1.0"?>\n<pfsense>\n{_elements(config, 1)}</pfsense>\n'


def _interfaces(node: Node) -> dict[str, Any]:
    return {
        name: {
            "enable": "",
            "if": f"eth{port}",
            "descr": name.upper(),
            "ipaddr": str(address.ip),
            "subnet": str(address.network.prefixlen),
        }
        for port, (name, address) in enumerate(_named(node).items())
    }


def _named(node: Node) -> dict[str, IPv4Interface]:
    """The addresses by pfSense's names: the first network is the WAN, the last the LAN."""
    addresses = list(node.addresses.values())
    names = ["wan", *(f"opt{number}" for number in range(1, len(addresses) - 1)), "lan"]
    return dict(zip(names, addresses, strict=False))


def _phase1(node: Node, tunnel: Tunnel, end: End, key: str) -> dict[str, Any]:
    peer = tunnel.other(end)
    interface = next((name for name, has in _named(node).items() if str(has.ip) == end.address), "wan")
    item = {
        "encryption-algorithm": {"name": "aes", "keylen": "256"},
        "hash-algorithm": "sha256",
        "prf-algorithm": "sha256",
        "dhgroup": "31",
    }
    return {
        "ikeid": end.connection.removeprefix("con"),
        "iketype": "ikev2",
        "interface": interface,
        "remote-gateway": "0.0.0.0" if end.peer == "%any" else end.peer,
        "protocol": "inet",
        **_identity("myid", end.id),
        **_identity("peerid", peer.id),
        "encryption": {"item": [item]},
        "lifetime": "28800",
        "rekey_time": "",
        "reauth_time": "",
        "rand_time": "",
        "pre-shared-key": key,
        "private-key": "",
        "certref": "",
        "pkcs11certref": "",
        "pkcs11pin": "",
        "caref": "",
        "authentication_method": "pre_shared_key",
        "descr": tunnel.name,
        "nat_traversal": "on",
        "mobike": "off",
        "startaction": "",
        "closeaction": "",
        "dpd_delay": "10",
        "dpd_maxfail": "5",
        **(INITIATES if end is tunnel.initiator else ANSWERS),
        **end.settings,
    }


def _identity(which: str, value: str) -> dict[str, str]:
    try:
        ip_address(value)
    except ValueError:
        return {f"{which}_type": "fqdn", f"{which}_data": value}
    return {f"{which}_type": "address", f"{which}_data": value}


def _phase2s(node: Node, tunnel: Tunnel, end: End) -> Iterator[dict[str, Any]]:
    """One entry for each of our networks with each of the peer's."""
    own = str(_named(node)["lan"].network) if "lan" in _named(node) else ""
    for local in end.network.split(","):
        for remote in tunnel.other(end).network.split(","):
            yield {
                "ikeid": end.connection.removeprefix("con"),
                "uniqid": "",
                "mode": "tunnel6" if ":" in local else "tunnel",
                "reqid": "",
                "localid": {"type": "lan"} if local == own else _network(local),
                "remoteid": _network(remote),
                "protocol": "esp",
                "encryption-algorithm-option": [{"name": "aes", "keylen": "256"}],
                "hash-algorithm-option": ["hmac_sha256"],
                "pfsgroup": "31",
                "lifetime": "3600",
                "rekey_time": "",
                "rand_time": "",
                "pinghost": "",
                "keepalive": "disabled",
                "descr": f"{local} to {remote}",
                **({} if end is tunnel.initiator else ANSWERING_CHILD),
                **end.child,
            }


def _network(text: str) -> dict[str, str]:
    network = ip_network(text)
    return {"type": "network", "address": str(network.network_address), "netbits": str(network.prefixlen)}


def _elements(values: Mapping[str, Any], depth: int) -> str:
    """A list is its tag as often, a mapping a section."""
    indent, text = "\t" * depth, ""
    for tag, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            inner = f"\n{_elements(one, depth + 1)}{indent}" if isinstance(one, Mapping) else escape(one)
            text += f"{indent}<{tag}>{inner}</{tag}>\n"
    return text
