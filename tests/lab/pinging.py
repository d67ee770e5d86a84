"""Pings through a tunnel, both ways, while something is done to it: how many are lost, and for how long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .lab import Lab

PER_SECOND = 100
TRANSMITTED = re.compile(r"(\d+) packets transmitted")
ANSWERED = re.compile(r"bytes from .* icmp_seq=(\d+) ")


@dataclass(frozen=True)
class Loss:
    """What one end's pings show: each crosses the tunnel both ways."""

    sent: int
    lost: int
    longest: float  # seconds that the longest run of lost ones took


@dataclass
class Pings:
    """Filled in when the pings have ended: by gateway."""

    ends: dict[str, Loss] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Of the pings of both ends."""
        return sum(end.lost for end in self.ends.values())

    @property
    def longest(self) -> float:
        """Seconds."""
        return max(end.longest for end in self.ends.values())


@contextmanager
def pinging(lab: Lab, tunnel: str, *, rate: int = PER_SECOND) -> Iterator[Pings]:
    """Both gateways of a tunnel ping each other, from inside of what it protects, for as long as the block lasts."""
    ends = [end.gateway for end in (lab.topology.tunnels[tunnel].initiator, lab.topology.tunnels[tunnel].responder)]
    pings, running = Pings(), {}
    for own, peer in (ends, ends[::-1]):
        ping = f"/usr/bin/ping -n -i {1 / rate:.3f} -I {lab.inside(own)} {lab.inside(peer)}"
        running[own] = lab.sh(own, f"{ping} >/run/pings-{tunnel} 2>&1 & echo $!").strip()
    try:
        yield pings
    finally:
        for own, pid in running.items():
            printed = lab.sh(
                own, f"sleep 1; kill -INT {pid}; while [ -e /proc/{pid} ]; do sleep 0.1; done; cat /run/pings-{tunnel}"
            )
            pings.ends[own] = _loss(printed, rate)


def _loss(printed: str, rate: int) -> Loss:
    """The last of them may be on their way when it ends, so they count up to the last that was answered."""
    answered = {int(number) for number in ANSWERED.findall(printed)}
    last = max(answered, default=int(TRANSMITTED.findall(printed)[-1]))
    lost = longest = run = 0
    for number in range(1, last + 1):
        run = 0 if number in answered else run + 1
        lost, longest = lost + (run > 0), max(longest, run)
    return Loss(last, lost, longest / rate)
