"""Faults against what a user has declared."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Fault, Tunnel
from . import rule
from .evidence import change, place


@rule("setting-deviates", "medium", reference="ipsec_tunnels: settings")
def setting_deviates(tunnel: Tunnel) -> Iterator[Fault]:
    """An end has another value than the tunnel's declaration gives for both ends."""
    for key, value in (tunnel.declared.settings if tunnel.declared else {}).items():
        for end in tunnel.ends:
            setting = end.connection.settings.get(key)
            if (setting.value if setting else None) != value and end.connection.configured:
                yield Fault(
                    end.name(),
                    f"{end.name()} has {key} = {setting.value if setting else '(not set)'}, declared is {value}",
                    (place(end, key),),
                    (change(end, key, value),),
                )
