# SPDX-License-Identifier: GPL-3.0-or-later
"""What has changed since the last report, in a few lines for a chat or a mail; empty where nothing has.

What counts is what `diff_reports` counts: findings that appeared or went and states of tunnels, never times or bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from ...model import Finding
from ..content import Report, summarize
from ..diff import ReportDiff
from ..escape import escape_control

ENDING = ".txt"
MOST = 20  # lines of a kind: a message is read on a telephone


def render(report: Report, drift: ReportDiff) -> str:
    """The text. The first report, which has none before it, is news too."""
    if drift.since and not (drift.appeared or drift.gone or drift.moved):
        return ""
    return "".join(f"{escape_control(line)}\n" for line in _format_lines(report, drift))


def _format_lines(report: Report, drift: ReportDiff) -> Iterator[str]:
    yield f"IPsec: {summarize(report)}"
    yield drift.summary() or "this is the first report"
    yield from _limit_lines([f"{each.tunnel}: {each.before or 'not there'}, now {each.after}" for each in drift.moved])
    if not drift.since:
        yield from _limit_lines(
            [f"{each.name}: {each.state}" for each in report.tunnels if each.state in ("down", "unknown")]
        )
    yield from _limit_lines(_describe_findings("new", drift.appeared if drift.since else report.findings))
    yield from _limit_lines(_describe_findings("gone", drift.gone))


def _describe_findings(what: str, findings: Iterable[Finding]) -> list[str]:
    return [f"{what}: {each.severity.upper()} {each.id} on {each.end}: {each.summary}" for each in findings]


def _limit_lines(lines: list[str]) -> Iterator[str]:
    yield from islice(lines, MOST)
    if len(lines) > MOST:
        yield f"… and {len(lines) - MOST} more: see the report"
