"""Pings through tunnels, both ways, while something is done to them: how many are lost, and for how long."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

from .lab import Lab
from .topology import End

PER_SECOND = 100
TRANSMITTED = re.compile(r"(\d+) packets transmitted")
ANSWERED = re.compile(r"bytes from .* icmp_seq=(\d+) ")


@dataclass(frozen=True)
class Loss:
    """What one end's pings show: each crosses the tunnel both ways."""

    sent: int
    lost: int
    run: int  # the longest of lost ones
    longest: float  # the seconds that it took


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

    @property
    def share(self) -> float:
        """The longest run that was lost, as a part of all that were sent: for machines that are busy."""
        return max(end.run / end.sent for end in self.ends.values())


@contextmanager
def pinging(lab: Lab, tunnel: str, *, rate: int = PER_SECOND) -> Iterator[Pings]:
    """Both gateways of a tunnel ping each other, from inside of what it protects, for as long as the block lasts."""
    with pinging_all(lab, [tunnel], rate=rate) as pings:
        yield pings[tunnel]


@contextmanager
def pinging_all(lab: Lab, tunnels: Sequence[str], *, rate: int = PER_SECOND) -> Iterator[dict[str, Pings]]:
    """The same through several tunnels at once."""
    pings: dict[str, Pings] = {}
    running: list[tuple[str, str, str]] = []
    for name in tunnels:
        pings[name] = Pings()
        tunnel = lab.topology.tunnels[name]
        for end in (tunnel.initiator, tunnel.responder):
            ping = f"/usr/bin/ping -n -i {1 / rate:.3f} -I {_inside(lab, end)} {_inside(lab, tunnel.other(end))}"
            pid = lab.sh(end.gateway, f"{ping} >/run/pings-{name} 2>&1 & echo $!").strip()
            running.append((name, end.gateway, pid))
    try:
        yield pings
    finally:
        for number, (name, gateway, pid) in enumerate(running):
            moment = "" if number else "sleep 1; "  # what breaks at the very end is to show
            ended = f"kill -INT {pid}; while [ -e /proc/{pid} ]; do sleep 0.1; done; cat /run/pings-{name}"
            pings[name].ends[gateway] = _loss(lab.sh(gateway, moment + ended), rate)


def _inside(lab: Lab, end: End) -> str:
    """A gateway's own address in the network that an end protects."""
    addresses = lab.topology.gateways[end.gateway].addresses.values()
    return str(next(address.ip for address in addresses if address.ip in ip_network(end.network)))


def _loss(printed: str, rate: int) -> Loss:
    """The last of them may be on their way when it ends, so they count up to the last that was answered."""
    answered = {int(number) for number in ANSWERED.findall(printed)}
    last = max(answered, default=int(TRANSMITTED.findall(printed)[-1]))
    lost = longest = run = 0
    for number in range(1, last + 1):
        run = 0 if number in answered else run + 1
        lost, longest = lost + (run > 0), max(longest, run)
    return Loss(last, lost, longest, longest / rate)
