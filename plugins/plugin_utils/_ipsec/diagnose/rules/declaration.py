# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults against what a user has declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...analysis.declared_settings import find_deviations, find_unachievable
from ...analysis.evidence import build_change, locate
from ...model import Child, End, Fault, Tunnel
from ...swanctl.keys import is_alike
from . import rule


@rule("setting-deviates", "medium", reference="ipsec_tunnels: settings, child_settings")
def setting_deviates(tunnel: Tunnel) -> Iterator[Fault]:
    """An end, or a child that both ends have, has another value than the tunnel's declaration gives."""
    for end in tunnel.ends:
        if tunnel.declared and end.connection.configured:
            yield from _compare_settings(end, find_deviations(tunnel, end))
            for own, dummy in tunnel.pairs(end):
                yield from _compare_settings(end, find_deviations(tunnel, end, own), own)


@rule("setting-impossible", "info", reference="Netgate docs: Child SA Start Action; Child SA Close Action")
def setting_impossible(tunnel: Tunnel) -> Iterator[Fault]:
    """What is declared for an end is not what its platform can have: it gets the nearest that goes with its peer.

    pfSense has one start action, makes what follows a dead peer of the close action, and has no place for some
    settings, such as `keyingtries`. Give that end settings of its own in the declaration, and nothing is guessed.
    """
    for end in tunnel.ends:
        for child in (None, *(own for own, dummy in tunnel.pairs(end))):
            for key, value, nearest in find_unachievable(tunnel, end, child):
                instead = "has no place for it" if nearest is None else f"cannot have that; the nearest is {nearest}"
                yield Fault(
                    end.name(child),
                    f"declared for {end.name(child)} is {key} = {value or '(not set)'}, "
                    f"and {end.gateway.name} {instead}",
                    (locate(end, key, child),),
                    no_fix="declare for this end, under ends, what it can have",
                )


def _compare_settings(end: End, wanted: Mapping[str, str], child: Child | None = None) -> Iterator[Fault]:
    for key, value in wanted.items():
        setting = (end.connection if child is None else child).settings.get(key)
        if not is_alike("connection" if child is None else "child", key, setting.value if setting else "", value):
            yield Fault(
                end.name(child),
                f"{end.name(child)} has {key} = {setting.value if setting else '(not set)'}, "
                f"declared is {value or '(not set)'}",
                (locate(end, key, child),),
                (build_change(end, key, value, child),),
            )
