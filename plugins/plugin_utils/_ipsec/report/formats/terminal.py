# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit as text for a terminal: what is wrong, on which end, what proves it, what is planned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from unicodedata import east_asian_width

from ...model import Audit, Finding, Severity, State, WaivedFinding
from ..escape import escape_control
from ..remedy import describe_fixes

# What is said of a tunnel without findings: fine is only what was seen to be.
FOUND_NOTHING: Mapping[State, str] = {
    "down": "none",
    "unknown": "not known",
    "up": "none, not tested",
    "up, traffic passes": "fine",
    "up, no traffic": "none",
}
Line = tuple[str, Severity | None]  # with the severity of the finding that it begins, for whoever has colours
WIDTH = 110
MOST = 1000  # findings; they come worst first, and nobody reads more
_GAP = "  "
_BESIDE = "\0"  # after each character that takes two columns, so that `len` counts columns; no text has one of its own


def render(audit: Audit, width: int = WIDTH) -> str:
    """The text: tunnels with their state, findings with evidence and remedy, unpaired ends, advice to send.

    Nothing in it moves a cursor, and but for advice, which is to be copied, no line is wider than `width`.
    """
    return "\n".join(text for text, dummy in format_lines(audit, width))


def format_lines(audit: Audit, width: int = WIDTH) -> list[Line]:
    """The same, line by line."""
    before, after = [*_format_tunnels(audit, width), ""], _format_rest(audit, width)
    told = [
        *((text, None) for text in before),
        *_format_findings(audit.findings, width),
        *((text, None) for text in after),
    ]
    return [(text.replace(_BESIDE, ""), severity) for text, severity in told]


def _format_rest(audit: Audit, width: int) -> list[str]:
    lines: list[str] = []
    if audit.waived:
        lines += ["", f"Waived in policy {escape_control(audit.policy)}", *_format_waived(audit.waived, width)]
    if audit.unpaired:
        lines += ["", "Ends without a counterpart"]
        lines += [line for each in audit.unpaired for line in _wrap_text(f"{each.end}: {each.reason}", "  ", width)]
    if audit.outages:
        lines += ["", "What the plan costs", *_format_outages(audit, width)]
    if audit.advice:
        lines += ["", "For those who run the other ends", *(f"  {escape_control(text)}" for text in audit.advice)]
    return lines


def _format_tunnels(audit: Audit, width: int) -> list[str]:
    broken = {finding.tunnel for finding in audit.findings}
    states = {tunnel.name: audit.proofs[tunnel.name].state for tunnel in audit.tunnels}
    rows = [
        (
            tunnel.name,
            states[tunnel.name],
            tunnel.initiator,
            tunnel.answering.gateway.name,
            "see below" if tunnel.name in broken else FOUND_NOTHING[states[tunnel.name]],
        )
        for tunnel in audit.tunnels
    ]
    return _format_columns(("TUNNEL", "STATE", "INITIATOR", "RESPONDER", "FINDINGS"), rows, width)


def _format_outages(audit: Audit, width: int) -> Iterator[str]:
    for name, outage in audit.outages.items():
        length = f"about {outage.seconds:g} s without traffic" if outage.seconds else "no outage"
        yield from _wrap_text(f"{name}: {length}; {outage.because}", "  ", width)


def _format_findings(findings: Sequence[Finding], width: int) -> Iterator[Line]:
    if not findings:
        yield "No findings.", None
    for finding in findings[:MOST]:
        head = f"{finding.severity.upper():8}  {finding.id}  on {finding.end}"
        yield from ((line, finding.severity) for line in _wrap_text(head, "", width))
        told = [finding.summary, *(f"proof: {text}" for text in finding.evidence)]
        told += [f"remedy: {text}" for text in describe_fixes(finding)]
        yield from ((line, None) for text in told for line in _wrap_text(text, "          ", width))
    if more := len(findings[MOST:]):
        yield f"{more} more finding{'s' * (more != 1)}, none of them worse.", None


def _format_waived(waived: Iterable[WaivedFinding], width: int) -> Iterator[str]:
    for each in waived:
        waiver = each.waiver
        text = f"{each.finding.id} on {each.finding.end} until {waiver.expires} by {waiver.owner}: {waiver.reason}"
        yield from _wrap_text(text, "  ", width)


def _wrap_text(text: str, indent: str, width: int) -> list[str]:
    return wrap(_pad_wide(text), width, initial_indent=indent, subsequent_indent=indent + "  ")


def _format_columns(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], width: int) -> list[str]:
    """Cells under each other; where they do not fit, the widest columns are cut."""
    table = [head, *(tuple(map(_pad_wide, row)) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widths[widths.index(max(widths))] -= 1
    return [_GAP.join(map(_cut, row, widths)).rstrip() for row in table]


def _cut(cell: str, width: int) -> str:
    if len(cell) <= width:
        return cell.ljust(width)
    kept = cell[: width - 1]
    return f"{kept if cell[width - 1] != _BESIDE else kept[:-1]}…".ljust(width)


def _pad_wide(text: str) -> str:
    """The text as it can be seen, as long as it is wide (Unicode Standard Annex 11)."""
    shown = escape_control(text)
    if shown.isascii():
        return shown
    return "".join(f"{each}{_BESIDE}" if east_asian_width(each) in "WF" else each for each in shown)
