# SPDX-License-Identifier: GPL-3.0-or-later
"""What has changed from one report to the next: findings that appeared, findings that are gone, states of tunnels.

A finding is the same where its id, its tunnel and its end are: that a line has moved or a number is another is no news.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..model import EndName, Finding
from .content import Report

Key = tuple[str, str, EndName]
GONE = "gone"  # the state of a tunnel that is there no more


@dataclass(frozen=True, slots=True)
class StateChange:
    """A tunnel that is in another state than it was; one that was not there had none."""

    tunnel: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ReportDiff:
    """What has changed since an earlier report."""

    since: str = ""  # time of that, ISO 8601; empty: there is none
    appeared: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()
    moved: tuple[StateChange, ...] = ()

    def new(self) -> frozenset[Key]:
        """The keys of those that were not there before."""
        return frozenset(map(build_key, self.appeared))

    def summary(self) -> str:
        """All of it in a few words; empty without an earlier report."""
        if not self.since:
            return ""
        counts = {"new": len(self.appeared), "gone": len(self.gone), "in another state": len(self.moved)}
        told = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
        return f"since {self.since}: {told or 'nothing has changed'}"


def diff_reports(before: Report, now: Report) -> ReportDiff:
    """What has changed. What is waived does not count, so a finding that is waived now is gone."""
    was, here = _index_by_key(before.findings), _index_by_key(now.findings)
    states = {tunnel.name: tunnel.state for tunnel in before.tunnels}
    after = {tunnel.name: tunnel.state for tunnel in now.tunnels}
    moved = [
        StateChange(name, states.get(name, ""), state) for name, state in after.items() if states.get(name) != state
    ]
    moved += [StateChange(name, state, GONE) for name, state in states.items() if name not in after]
    return ReportDiff(
        before.time,
        tuple(finding for key, finding in here.items() if key not in was),
        tuple(finding for key, finding in was.items() if key not in here),
        tuple(moved),
    )


def build_key(finding: Finding) -> Key:
    """What makes a finding the same as an earlier one."""
    return finding.id, finding.tunnel, finding.end


def _index_by_key(findings: Iterable[Finding]) -> dict[Key, Finding]:
    return {build_key(finding): finding for finding in findings}
