# SPDX-License-Identifier: GPL-3.0-or-later
"""What pfSense's names of interfaces stand for: addresses and networks, as far as that can be told.

Sources: ipsec_get_phase1_src() and ipsec_idinfo_to_cidr() of ipsec.inc, get_interface_ip() of interfaces.inc.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from ...model import Reply
from .element import Element

Interface = IPv4Interface | IPv6Interface
INET, INET6 = "inet", "inet6"
_FIELDS: Mapping[str, tuple[str, str, int]] = {INET: ("ipaddr", "subnet", 4), INET6: ("ipaddrv6", "subnetv6", 6)}
_HEAD = re.compile(r"^(\S+?):\s")
_CARP = re.compile(r"^\s+carp: (\w+) vhid (\d+)")


@dataclass(frozen=True)
class Interfaces:
    """The interfaces of one pfSense: what config.xml says, what the system has, and the states of CARP.

    Lists are looked through once: each of hundreds of tunnels asks for its address.
    """

    config: Element
    addresses: tuple[str, ...] = ()  # System.addresses
    carp: Mapping[str, str] = field(
        default_factory=dict
    )  # vhid: MASTER, BACKUP, INIT; none where the system did not tell

    def address(self, name: str, family: str) -> str | None:
        """The address of an interface or virtual address; empty where there surely is none, None where that is open."""
        vip = self.vip(name)
        if vip is not None:
            return str(vip.ip) if vip.version == _FIELDS[family][2] else ""
        if name.startswith("_vip"):
            return ""
        found = self.interface(name, family)
        return str(found.ip) if isinstance(found, (IPv4Interface, IPv6Interface)) else found

    def network(self, name: str, family: str) -> str | None:
        """The network of an interface, as `address`."""
        found = self.interface(name, family)
        return str(found.network) if isinstance(found, (IPv4Interface, IPv6Interface)) else found

    def interface(self, name: str, family: str) -> Interface | str | None:
        """The configured address of an interface with its network; None for one that it gets from elsewhere."""
        if not self.config.child("interfaces").has(name):
            return None if name in self._groups else ""
        about = self.config.child("interfaces").child(name)
        address, length, version = _FIELDS[family]
        if made := _parse_interface(about.text(address), about.text(length), version):
            return made if about.has("enable") else None
        return None if about.text(address) else ""

    def held(self, name: str, family: str) -> Interface | None:
        """The first address that the system has on an interface, but for virtual ones and those of the link."""
        device = self.config.child("interfaces").child(name).text("if")
        return self._held.get((device, _FIELDS[family][2]))

    def vip(self, name: str) -> Interface | None:
        """The virtual address that config.xml calls `_vip` and its unique id."""
        for vip in self._by_name.get(name, ())[:1]:
            length = vip.text("subnet_bits")
            return _parse_interface(vip.text("subnet"), length, 4) or _parse_interface(vip.text("subnet"), length, 6)
        return None

    @cached_property
    def vips(self) -> tuple[Element, ...]:
        """The virtual addresses."""
        return self.config.child("virtualip").listed("vip")

    def standby(self, name: str) -> bool:
        """Whether it is a CARP address that another firewall has."""
        vhids = [vip.text("vhid") for vip in self._by_name.get(name, ()) if vip.text("mode") == "carp"]
        return any(self.carp.get(vhid) in ("BACKUP", "INIT") for vhid in vhids)

    @cached_property
    def _by_name(self) -> Mapping[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for vip in self.vips:
            found.setdefault(f"_vip{vip.text('uniqid')}", []).append(vip)
        return found

    @cached_property
    def _groups(self) -> frozenset[str]:
        return frozenset(group.text("name") for group in self.config.child("gateways").listed("gateway_group"))

    @cached_property
    def _held(self) -> Mapping[tuple[str, int], Interface]:
        """By device and IP version, the first address that it has, but for virtual ones and those of the link."""
        virtual, found = {vip.text("subnet") for vip in self.vips}, dict[tuple[str, int], Interface]()
        for line in self.addresses:
            device, dummy, text = line.partition(" ")
            address, dummy, length = text.partition("/")
            for version in (4, 6):
                made = _parse_interface(address.partition("%")[0], length, version)
                if made and not made.ip.is_link_local and str(made.ip) not in virtual:
                    found.setdefault((device, version), made)
        return found


def parse_carp(reply: Reply) -> dict[str, str]:
    """The state of each vhid, as ifconfig(8) of FreeBSD prints it: `carp: MASTER vhid 1 advbase 1 advskew 0`."""
    section = reply.sections.get("carp")
    found = (_CARP.match(line) for line in (section.text.splitlines() if section else ()))
    return {one[2]: one[1] for one in found if one}


def _parse_interface(address: str, length: str, version: int) -> Interface | None:
    try:
        made = ip_interface(f"{address}/{length}" if length else address)
    except ValueError:
        return None
    return made if made.version == version else None
