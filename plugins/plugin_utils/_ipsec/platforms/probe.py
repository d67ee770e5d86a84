# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that a tunnel carries traffic: what is pinged from one end, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address

from ..errors import RefusedError
from ..model import EndName, Gateway


@dataclass(frozen=True, slots=True)
class PingAddresses:
    """Addresses of one ping; None where the gateway is to choose its own, or one of the peer's."""

    source: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What to probe from a gateway. `timeout`: seconds to wait for an answer; `peer`: the other gateway's addresses."""

    gateway: str
    connection: str
    child: str | None = None
    pings: tuple[PingAddresses, ...] = ()
    peer: tuple[str, ...] = ()
    count: int = 3
    timeout: int = 2

    @property
    def end(self) -> str:
        """Where messages say it is."""
        return str(EndName(self.gateway, self.connection, self.child))


@dataclass(frozen=True, slots=True)
class Counters:
    """Bytes and packets of some CHILD_SAs."""

    bytes_in: int = 0
    packets_in: int = 0
    bytes_out: int = 0
    packets_out: int = 0


@dataclass(frozen=True, slots=True)
class PingResult:
    """One ping done: times in seconds; `rose` is by how much the counters rose meanwhile."""

    source: str
    target: str
    child: str | None
    sent: int = 0
    received: int = 0
    rtt_min: float | None = None
    rtt_avg: float | None = None
    rtt_max: float | None = None
    rose: Counters = field(default_factory=Counters)
    error: str | None = None

    @property
    def esp_used(self) -> bool:
        """Whether what was answered went through the SAs."""
        return 0 < self.received <= min(self.rose.packets_in, self.rose.packets_out)


@dataclass(frozen=True, slots=True)
class PingProof:
    """What one end's probe found; `faults` is empty where every ping was answered through the tunnel."""

    pings: tuple[PingResult, ...]
    before: Counters
    after: Counters
    faults: tuple[str, ...]

    @property
    def reachable(self) -> bool:
        """Whether the tunnel carried every ping there and back."""
        return not self.faults

    @property
    def esp_used(self) -> bool:
        """Whether every answer came through the SAs."""
        return bool(self.pings) and all(ping.esp_used for ping in self.pings)


def choose_addresses(gateway: Gateway) -> tuple[str, ...]:
    """The addresses of a gateway without interface and prefix length."""
    return tuple(line.split()[-1].partition("/")[0] for line in gateway.system.addresses if line.strip())


def refuse_odd(wish: ProbeRequest) -> None:
    """Nothing, where the request can be carried out.

    Raises:
        RefusedError: an address that is none, or a count or timeout that makes no sense.
    """
    given = [address for pair in wish.pings for address in (pair.source, pair.target) if address]
    for address in (*given, *wish.peer):
        try:
            ip_address(address)
        except ValueError as error:
            raise RefusedError(
                f"{address!r} is not an IP address", where=wish.end, hint="give addresses, not names"
            ) from error
    if not wish.peer and (not wish.pings or any(pair.target is None for pair in wish.pings)):
        raise RefusedError("there is no address to ping", where=wish.end, hint="give each ping a `to`, or give `peer`")
    for what, value in (("count", wish.count), ("timeout", wish.timeout)):
        if not 1 <= value <= 60:  # noqa: PLR2004
            raise RefusedError(f"a {what} of {value} is outside 1 to 60", where=wish.end)
