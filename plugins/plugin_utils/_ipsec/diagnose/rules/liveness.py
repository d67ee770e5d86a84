# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in how an end notices that its peer is gone."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.evidence import build_change, locate
from ...model import Fault, Tunnel
from . import rule


@rule("dpd-off", "high", reference="RFC 7296 section 2.4", repair="dpd")
def dpd_off(tunnel: Tunnel) -> Iterator[Fault]:
    """An end without dead peer detection keeps a dead tunnel up until the next rekey, and sends into the void."""
    for end in tunnel.ends:
        if end.connection.dpd_delay == 0:
            delay = tunnel.other(end).connection.dpd_delay or 30.0
            yield Fault(
                end.name(),
                f"{end.name()} never checks that its peer is alive (dpd_delay = 0)",
                (locate(end, "dpd_delay"),),
                (build_change(end, "dpd_delay", f"{delay:g}s"),),
            )
