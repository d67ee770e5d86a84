"""An audit as a table for a spreadsheet: a row for each tunnel, finding, waived finding and unpaired end."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from ..model import Finding, Waiver
from .remedy import remedies
from .told import Report
from .visible import visible

ENDING = ".csv"
HEAD = (
    *("row", "tunnel", "state", "severity", "finding", "end", "summary", "evidence", "remedy", "reference"),
    *("waiver reason", "waiver owner", "waiver expires"),
)
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # also as full-width characters
_LIST = " | "


def render(report: Report) -> str:
    """The text: RFC 4180, every cell quoted, none a formula."""
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(HEAD)
    writer.writerows([_cell(cell) for cell in row] for row in _rows(report))
    return text.getvalue()


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    states = {tunnel.name: tunnel.state for tunnel in report.tunnels}
    for tunnel in report.tunnels:
        ends = _LIST.join(map(str, tunnel.ends))
        yield ("tunnel", tunnel.name, tunnel.state, "", "", ends, f"{tunnel.initiator} initiates", *[""] * 6)
    for finding in report.findings:
        yield ("finding", finding.tunnel, states.get(finding.tunnel, ""), *_finding(finding, None))
    for each in report.waived:
        tunnel_name = each.finding.tunnel
        yield ("waived", tunnel_name, states.get(tunnel_name, ""), *_finding(each.finding, each.waiver))
    for unpaired in report.unpaired:
        yield ("unpaired", "", "", "", "", str(unpaired.end), unpaired.reason, *[""] * 6)


def _finding(finding: Finding, waiver: Waiver | None) -> tuple[str, ...]:
    return (
        *(finding.severity, finding.id, str(finding.end), finding.summary),
        *(_LIST.join(finding.evidence), _LIST.join(remedies(finding)), finding.reference),
        *((waiver.reason, waiver.owner, waiver.expires) if waiver else ("", "", "")),
    )


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    shown = visible(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
