# SPDX-License-Identifier: GPL-3.0-or-later
"""A pfSense as it was read, and what it would generate after edits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from ...errors import IpsecError
from ...model import Reply
from ...swanctl.section_tree import flatten
from ..charon import host
from ..gather_options import GatherOptions
from . import shape
from .answer import PATH, ConfigXmlReply, parse_reply
from .appliance import name_release
from .configuration import Configuration, build_configuration, is_enabled
from .edits import XmlEdit, apply_edits
from .element import Element
from .generate import generate_all, join_connections
from .interfaces import INET, INET6, Interfaces, parse_carp
from .phase2 import GenerationContext, build_selector
from .settings_diff import Values


@dataclass(frozen=True, slots=True)
class PfsenseSnapshot:
    """What was read."""

    found: ConfigXmlReply
    interfaces: Interfaces
    configuration: Configuration
    around: GenerationContext

    def after(self, made_edits: Iterable[XmlEdit]) -> Values:
        """Every setting of every connection."""
        each = tuple(generate_all(apply_edits(self.found.config, made_edits), self.around))
        values = {tuple(key.split(".")): setting.value for key, setting in flatten(join_connections(each), ())}
        return values | {path: value for one in each for path, value in shape.list_values(one)}

    def network(self, entry: Element, which: str) -> str | None:
        """The network of a phase 2 entry on a side, `localid` or `remoteid`; None where it is not known."""
        return build_selector(entry.child(which), entry.text("mode"), self.around) or None

    def inside(self, network: str | None) -> bool:
        """Whether the firewall has an address in a network, on an interface or a virtual one."""
        if network is None:
            return False
        names = [*(name for name, dummy in self.interfaces.config.child("interfaces").children())]
        names += [f"_vip{vip.text('uniqid')}" for vip in self.interfaces.vips]
        own = (self.interfaces.address(name, family) for name in names for family in (INET, INET6))
        held = (each.split()[-1].partition("/")[0].partition("%")[0] for each in self.interfaces.addresses)
        there = ip_network(network, strict=False)
        return any(ip_address(address) in there for address in (*own, *held) if address)

    def runs(self, made_edits: Iterable[XmlEdit]) -> bool:
        """Whether there is anything for charon to run for: pfSense stops it where no phase 1 is enabled."""
        return is_enabled(apply_edits(self.found.config, made_edits))


def take_snapshot(reply: Reply, options: GatherOptions, made_edits: Iterable[XmlEdit] = ()) -> PfsenseSnapshot:
    """The pfSense that gave the reply, as it is after these edits.

    Raises:
        IpsecError: its config.xml could not be read.
    """
    found = parse_reply(reply, [])
    if found is None:
        raise IpsecError("config.xml could not be read", where=PATH)
    found = replace(found, config=apply_edits(found.config, made_edits))
    interfaces = Interfaces(found.config, host.parse_host(reply).addresses, parse_carp(reply))
    about = build_configuration(reply, options, found, interfaces, [])
    return PfsenseSnapshot(
        found, interfaces, about, GenerationContext(interfaces, about.generated, name_release(reply))
    )
