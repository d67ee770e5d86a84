# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in how a connection came about: what several places define is merged, and the last hides the others."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.evidence import list_some
from ...model import Fault, Tunnel
from . import rule


@rule(
    "setting-defined-twice",
    "high",
    reference="swanctl.conf(5): sections of one name are merged; libstrongswan/settings/settings.c",
)
def setting_defined_twice(tunnel: Tunnel) -> Iterator[Fault]:
    """Several places give a setting of one connection different values: sections of one name, also in other files.

    strongSwan merges such sections in silence, and the last value counts. Often these are two tunnels that were given
    one name by accident. Such a connection is never changed, since it is unknown which of them each setting belongs to.
    """
    for end in tunnel.ends:
        for child in (None, *end.connection.children):
            settings = (end.connection if child is None else child).settings
            twice = {key: setting for key, setting in settings.items() if setting.also}
            if twice:
                yield Fault(
                    end.name(child),
                    f"{end.name(child)} is defined in several places, which give {', '.join(twice)} different values",
                    tuple(
                        f"{end.gateway.name} {setting.origin}: {key} = {setting.value}; "
                        f"also set at {list_some(setting.also)}"
                        for key, setting in twice.items()
                    ),
                    no_fix="if these are two tunnels, rename one of the connections; else remove what does not count",
                )
