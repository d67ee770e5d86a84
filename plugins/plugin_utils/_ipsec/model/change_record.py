# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a change of many tunnels: fit to attach to a ticket, and enough to go on from. No secret is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .tunnel import EndName, Probe

Status = Literal["planned", "under_way", "proven", "failing", "done", "rolled_back", "failed", "untouched"]
GuardOf = Literal["none", "armed", "proven", "confirmed", "rolled_back", "lost"]
UNDONE: tuple[Status, ...] = ("rolled_back", "failed", "failing")
GOING: tuple[Status, ...] = ("under_way", "planned")


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What was asked for, by whom and why."""

    ticket: str
    by: str = ""
    reason: str = ""
    check: bool = False  # nothing is changed: the record is a plan
    window: Mapping[str, str] | None = None
    guard_seconds: float = 300.0
    serial: tuple[str, ...] = ("1", "5")
    max_failed: int = 0
    hosts: tuple[str, ...] = ()  # gateways that may be changed
    halves: bool = (
        False  # an end may be changed alone, where its tunnel is down and the other end is not ours to change
    )
    again: bool = False  # what was rolled back only because another failed is tried again without that


@dataclass(frozen=True, slots=True)
class SaSnapshot:
    """One CHILD_SA as one end held it."""

    gateway: str
    connection: str
    child: str
    state: str
    version: int
    spi_in: str | None
    spi_out: str | None
    algorithms: str
    encap: bool = False
    bytes_in: int = 0
    packets_in: int = 0
    bytes_out: int = 0
    packets_out: int = 0


@dataclass(frozen=True, slots=True)
class TunnelSnapshot:
    """What a tunnel was at one time, from both ends."""

    time: str
    crosswise: bool  # both ends hold the same SAs
    traffic: bool | None  # None: nothing could be pinged
    missing: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    sas: tuple[SaSnapshot, ...] = ()
    pings: tuple[Probe, ...] = ()
    routes: tuple[str, ...] = ()
    configuration: Mapping[str, str] = field(default_factory=dict)  # by gateway, a digest of this tunnel's settings


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step: what it was to do, and what came of it. `settings` are by name, old and new."""

    phase: str
    gateway: str
    what: str
    settings: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    psk: bool = False
    ran: bool = False
    changed: bool = False
    failed: str = ""  # why
    findings: tuple[str, ...] = ()  # that ask for it
    round: int = 1  # of its tunnel: after each it is looked at


@dataclass(frozen=True, slots=True)
class OutageMeasurement:
    """How long a tunnel carried nothing, as a running probe has measured it."""

    gateway: str
    child: str
    source: str
    target: str
    sent: int = 0
    lost: int = 0
    seconds: float | None = None  # None: not known
    interval: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class OutageWatch:
    """What a running probe pings, from where."""

    gateway: str
    connection: str
    child: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class TunnelChange:
    """One tunnel's part of the change."""

    name: str
    ends: tuple[EndName, ...]
    initiator: str
    batch: int
    status: Status = "planned"
    because: str = ""
    dragged: str = ""  # the tunnel that it was rolled back with, because they share a gateway
    remains: str = ""  # in what it is not what it was, after a rollback
    kept: int = 0  # rounds that were confirmed in an earlier batch, whatever comes of later ones
    more: bool = False  # it is proven, and something is left to be done
    manages: tuple[str, ...] = ()  # gateways that are managed through this tunnel
    stand_ins: tuple[str, ...] = ()
    expected: float | None = None  # seconds of outage that the plan announces
    expected_because: str = ""
    watches: tuple[OutageWatch, ...] = ()
    steps: tuple[StepResult, ...] = ()
    before: TunnelSnapshot | None = None
    baseline: TunnelSnapshot | None = None  # what it is again after a rollback: as before, or with what was kept since
    after: TunnelSnapshot | None = None
    outages: tuple[OutageMeasurement, ...] = ()

    @property
    def gateways(self) -> tuple[str, ...]:
        """Where it ends."""
        return tuple(dict.fromkeys(end.gateway for end in self.ends))


@dataclass(frozen=True, slots=True)
class CarryingChildren:
    """A tunnel, changed or not, that ends at a gateway of the batch, and what of it passed traffic or was up before."""

    name: str
    gateways: tuple[str, ...]
    children: tuple[EndName, ...]  # through which a ping came back
    up: tuple[EndName, ...] = ()  # of which both ends hold a CHILD_SA in common, named at its first end


@dataclass(frozen=True, slots=True)
class CompletedTunnel:
    """A tunnel that an earlier run of the same ticket has finished."""

    tunnel: str
    finished: str
    record: str


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """One run."""

    order: ChangeRequest
    started: str
    ended: str = ""  # empty while it runs, and of a run that was interrupted
    batches: tuple[tuple[str, ...], ...] = ()
    batch: int = 0  # that was begun last
    following: int = 0  # the batch that goes on with what that one has left; 0 where it has left nothing
    batch_began: str = ""
    longest: float = 60.0  # seconds that a batch has taken, or is thought to take before there was one
    tunnels: tuple[TunnelChange, ...] = ()
    carrying: tuple[CarryingChildren, ...] = ()  # of the batch
    guards: Mapping[str, GuardOf] = field(default_factory=dict)  # of the batch, by gateway
    earlier: tuple[CompletedTunnel, ...] = ()
    notes: tuple[str, ...] = ()

    def ours(self, tunnel: TunnelChange) -> list[str]:
        """The gateways of a tunnel that may be changed."""
        return [gateway for gateway in tunnel.gateways if gateway in self.order.hosts]
