# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings that run on while a tunnel is changed: what is pinged, from where, and for how long."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OutageProbeRequest:
    """What to ping, from where, how often (seconds), and for how many seconds at most."""

    gateway: str
    connection: str
    child: str
    source: str
    target: str
    interval: float = 0.2
    seconds: int = 900

    @property
    def id(self) -> str:
        """What the files on the gateway are called."""
        named = f"{self.connection}\0{self.child}\0{self.source}\0{self.target}"
        return hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def where(self) -> str:
        """What messages say."""
        return f"{self.gateway}/{self.connection}/{self.child}"
