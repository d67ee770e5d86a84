# SPDX-License-Identifier: GPL-3.0-or-later
"""What every report tells of an audit. Each format takes all of it from here, so that all tell the same.

What changes while nothing happens, such as counted bytes, is told apart: of two audits of unchanged gateways the
reports differ in their time alone. Only the metrics, which are for that, have the counters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..model import (
    SEVERITIES,
    EndName,
    Finding,
    InitiationResult,
    Outage,
    Severity,
    State,
    Step,
    TunnelProof,
    Unpaired,
    WaivedFinding,
)
from .repairs import RepairSummary
from .side_by_side import ComparisonRow


@dataclass(frozen=True, slots=True)
class TunnelReport:
    """One tunnel: its ends, who initiates, and what was proven of it."""

    name: str
    ends: tuple[EndName, EndName]
    initiator: str
    initiator_because: str
    paired_by: str
    up: bool  # at least one child
    state: State
    proof: TunnelProof
    bytes_in: Mapping[str, int] = field(default_factory=dict)  # by gateway, of the CHILD_SAs that are there now
    bytes_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CertificateExpiry:
    """Until when a certificate that a gateway has the key of is valid."""

    gateway: str
    subject: str
    serial: str
    not_after: str
    time: float  # Unix time of that


@dataclass(frozen=True, slots=True)
class Report:
    """An audit as reports tell it; the fields are those that `tunnel_audit` returns."""

    time: str  # of the audit, ISO 8601
    tunnels: tuple[TunnelReport, ...]
    unpaired: tuple[Unpaired, ...]
    findings: tuple[Finding, ...]
    plan: tuple[Step, ...] = ()
    outages: Mapping[str, Outage] = field(default_factory=dict)
    advice: tuple[str, ...] = ()
    gateways_unreadable: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    waived: tuple[WaivedFinding, ...] = ()
    certificates: tuple[CertificateExpiry, ...] = ()
    verdicts: Mapping[str, tuple[InitiationResult, ...]] = field(default_factory=dict)
    comparisons: Mapping[str, str] = field(default_factory=dict)
    sides: Mapping[str, tuple[ComparisonRow, ...]] = field(default_factory=dict)  # by tunnel, both ends side by side
    repairs: tuple[RepairSummary, ...] | None = None  # None: nothing was repaired

    def counts(self) -> dict[Severity, int]:
        """How many findings there are of each severity."""
        return {each: sum(finding.severity == each for finding in self.findings) for each in SEVERITIES}

    def by_tunnel(self) -> dict[str, list[Finding]]:
        """The findings of each tunnel; those that are of none are under the empty name."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.tunnel, []).append(finding)
        return found

    def down(self) -> int:
        """How many tunnels are down."""
        return sum(tunnel.state == "down" for tunnel in self.tunnels)

    def unknown(self) -> int:
        """Of how many tunnels it is not known whether they are down."""
        return sum(tunnel.state == "unknown" for tunnel in self.tunnels)


def summarize(report: Report) -> str:
    """The whole of it in one line."""
    total = len(report.tunnels)
    counts = ", ".join(f"{number} {severity}" for severity, number in report.counts().items() if number)
    unknown = f", {report.unknown()} unknown" if report.unknown() else ""
    parts = [f"{total} tunnel{'s' * (total != 1)}, {report.down()} down{unknown}", f"findings: {counts or 'none'}"]
    parts += [f"{len(report.waived)} waived"] if report.waived else []
    parts += [f"policy {report.policy}"] if report.policy else []
    return "; ".join(parts)


def list_severities(severity: Severity) -> tuple[Severity, ...]:
    """The severities from the worst down to this one."""
    return SEVERITIES[: SEVERITIES.index(severity) + 1]
