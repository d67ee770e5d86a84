"""Faults against what a user has declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model import Child, End, Fault, Tunnel
from ..swanctl.keys import alike
from . import rule
from .evidence import change, place


@rule("setting-deviates", "medium", reference="ipsec_tunnels: settings, child_settings")
def setting_deviates(tunnel: Tunnel) -> Iterator[Fault]:
    """An end, or a child that both ends have, has another value than the tunnel's declaration gives."""
    for end in tunnel.ends:
        if tunnel.declared and end.connection.configured:
            settings, child_settings = tunnel.declared.of(end.gateway.name)
            yield from _deviating(end, settings)
            for own, dummy in tunnel.pairs(end):
                yield from _deviating(end, child_settings, own)


def _deviating(end: End, declared: Mapping[str, str], child: Child | None = None) -> Iterator[Fault]:
    for key, value in declared.items():
        setting = (end.connection if child is None else child).settings.get(key)
        if not alike("connection" if child is None else "child", key, setting.value if setting else "", value):
            yield Fault(
                end.name(child),
                f"{end.name(child)} has {key} = {setting.value if setting else '(not set)'}, "
                f"declared is {value or '(not set)'}",
                (place(end, key, child),),
                (change(end, key, value, child),),
            )
