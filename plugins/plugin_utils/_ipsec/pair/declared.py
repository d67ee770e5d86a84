# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels that a user has declared, and what of them is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..errors import IpsecError
from ..model import DeclaredEnd, DeclaredTunnel, Unpaired
from .endpoint import Endpoint


def refuse_contradictions(declared: tuple[DeclaredTunnel, ...]) -> None:
    """A tunnel has its name and its ends to itself, on two gateways."""
    owner: dict[tuple[str, str], str] = {}
    for tunnel in declared:
        if tunnel.ends[0].gateway == tunnel.ends[1].gateway:
            what = f"declared tunnel {tunnel.name} has both its ends on one gateway"
            raise IpsecError(what, where=tunnel.ends[0].gateway, hint="name the gateway of the other end")
        for end in tunnel.ends:
            key = (end.gateway, end.connection)
            if key in owner:
                what = (
                    f"connection {end.connection!r} is an end of two declared tunnels, {owner[key]} and {tunnel.name}"
                )
                raise IpsecError(what, where=end.gateway, hint="declare each connection once")
            owner[key] = tunnel.name
    if twice := [name for name, number in Counter(tunnel.name for tunnel in declared).items() if number > 1]:
        raise IpsecError(f"two declared tunnels are called {twice[0]}", where="ipsec_tunnels", hint="rename one")


def find_declared_endpoint(
    sides: Mapping[tuple[str, str], Endpoint], whole: set[str], tunnel: DeclaredTunnel, end: DeclaredEnd
) -> Endpoint | None:
    """The side a declaration names; None where its gateway or that one's configuration was not read."""
    side = sides.get((end.gateway, end.connection))
    if side is None and end.gateway in whole:
        there = ", ".join(sorted(c for g, c in sides if g == end.gateway)) or "none"
        raise IpsecError(
            f"declared tunnel {tunnel.name} ends at connection {end.connection!r}, which is not there",
            where=end.gateway,
            hint=f"connections there: {there}",
        )
    return side


def list_unpaired(side: Endpoint, tunnel: DeclaredTunnel) -> Unpaired:
    """The end of a declared tunnel whose other end was not read."""
    name = side.end.name()
    other = next(end for end in tunnel.ends if (end.gateway, end.connection) != (name.gateway, name.connection))
    reason = f"its other end in declared tunnel {tunnel.name}, {other.gateway}/{other.connection}, was not read"
    return Unpaired(name, other.gateway, reason)
