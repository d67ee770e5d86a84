# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit as a table for a spreadsheet: a row for each tunnel, finding and unpaired end."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from ...model import Finding, Waiver
from ..content import Report
from ..diff import ReportDiff, build_key
from ..escape import escape_control
from ..remedy import describe_fixes

ENDING = ".csv"
HEAD = (
    *("row", "tunnel", "state", "severity", "finding", "end", "summary", "evidence", "remedy", "reference"),
    *("waiver reason", "waiver owner", "waiver expires", "since the last report"),
)
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # also as full-width characters
_LIST = " | "


def render(report: Report, drift: ReportDiff) -> str:
    """The text: RFC 4180, every cell quoted, none a formula."""
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(HEAD)
    writer.writerows([_format_cell(cell) for cell in row] for row in _build_rows(report, drift))
    return text.getvalue()


def _build_rows(report: Report, drift: ReportDiff) -> Iterator[tuple[str, ...]]:
    states = {tunnel.name: tunnel.state for tunnel in report.tunnels}
    new, moved = drift.new(), {each.tunnel: each.before for each in drift.moved}
    for tunnel in report.tunnels:
        ends = _LIST.join(map(str, tunnel.ends))
        was = f"was {moved[tunnel.name] or 'not there'}" if tunnel.name in moved else ""
        yield ("tunnel", tunnel.name, tunnel.state, "", "", ends, f"{tunnel.initiator} initiates", *[""] * 6, was)
    for finding in report.findings:
        when = "new" if build_key(finding) in new else ""
        yield ("finding", finding.tunnel, states.get(finding.tunnel, ""), *_format_finding(finding, None), when)
    for each in report.waived:
        tunnel_name = each.finding.tunnel
        yield ("waived", tunnel_name, states.get(tunnel_name, ""), *_format_finding(each.finding, each.waiver), "")
    for finding in drift.gone:
        yield ("gone", finding.tunnel, states.get(finding.tunnel, ""), *_format_finding(finding, None), "gone")
    for unpaired in report.unpaired:
        yield ("unpaired", "", "", "", "", str(unpaired.end), unpaired.reason, *[""] * 7)


def _format_finding(finding: Finding, waiver: Waiver | None) -> tuple[str, ...]:
    return (
        *(finding.severity, finding.id, str(finding.end), finding.summary),
        *(_LIST.join(finding.evidence), _LIST.join(describe_fixes(finding)), finding.reference),
        *((waiver.reason, waiver.owner, waiver.expires) if waiver else ("", "", "")),
    )


def _format_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    shown = escape_control(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
