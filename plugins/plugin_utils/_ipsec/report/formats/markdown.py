# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit as a Markdown page, for a ticket or a wiki."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Finding
from ..content import Report, summarize
from ..diff import ReportDiff, build_key
from ..markdown_text import escape_text, format_table
from ..remedy import describe_fixes

ENDING = ".md"


def render(report: Report, drift: ReportDiff) -> str:
    """The page: the summary, the tunnels, the findings one by one, what is waived, ends without a counterpart."""
    return "\n".join(_format_page(report, drift)) + "\n"


def _format_page(report: Report, drift: ReportDiff) -> Iterator[str]:
    yield "# Audit of IPsec tunnels"
    yield ""
    yield f"{escape_text(report.time)}: {escape_text(summarize(report))}."
    yield from _format_diff(drift)
    yield from _format_tunnels(report)
    new = drift.new()
    yield from _format_heading("Findings", bool(report.findings))
    for finding in report.findings:
        yield from _format_finding(finding, new=build_key(finding) in new)
    yield from _format_waived(report)
    yield from _format_heading("Ends without a counterpart", bool(report.unpaired))
    yield from (f"- {escape_text(str(each.end))}: {escape_text(each.reason)}" for each in report.unpaired)
    yield from _format_heading("For those who run the other ends", bool(report.advice))
    yield from (f"- {escape_text(each)}" for each in report.advice)


def _format_heading(title: str, wanted: bool) -> Iterator[str]:
    if wanted:
        yield from ("", f"## {title}", "")


def _format_tunnels(report: Report) -> Iterator[str]:
    yield from _format_heading("Tunnels", bool(report.tunnels))
    found = report.by_tunnel()
    yield from format_table(
        ("Tunnel", "State", "Initiator", "Ends", "Findings"),
        (
            (
                escape_text(t.name),
                t.state,
                escape_text(t.initiator),
                escape_text(" and ".join(map(str, t.ends))),
                str(len(found.get(t.name, ()))),
            )
            for t in report.tunnels
        ),
    )


def _format_diff(drift: ReportDiff) -> Iterator[str]:
    if drift.since:
        yield ""
        yield f"{escape_text(drift.summary())}."
        yield ""
        moved = (f"{each.tunnel}: {each.before or 'not there'}, now {each.after}" for each in drift.moved)
        yield from (f"- {escape_text(each)}" for each in moved)
        yield from (f"- gone: {escape_text(each.id)} on {escape_text(str(each.end))}" for each in drift.gone)


def _format_finding(finding: Finding, *, new: bool) -> Iterator[str]:
    yield f"### {finding.severity}: {escape_text(finding.id)} on {escape_text(str(finding.end))}"
    yield ""
    yield escape_text(finding.summary)
    yield ""
    yield from (f"- tunnel: {escape_text(finding.tunnel)}" for dummy in (1,) if finding.tunnel)
    yield from (f"- proof: {escape_text(each)}" for each in finding.evidence)
    yield from (f"- remedy: {escape_text(each)}" for each in describe_fixes(finding))
    yield from ("- new since the last report" for dummy in (1,) if new)
    yield f"- reference: {escape_text(finding.reference)}"
    yield ""


def _format_waived(report: Report) -> Iterator[str]:
    yield from _format_heading("Waived", bool(report.waived))
    yield from format_table(
        ("Finding", "Severity", "Tunnel", "End", "Until", "Owner", "Reason"),
        (
            (
                *(
                    escape_text(each.finding.id),
                    each.finding.severity,
                    escape_text(each.finding.tunnel),
                    escape_text(str(each.finding.end)),
                ),
                *(escape_text(each.waiver.expires), escape_text(each.waiver.owner), escape_text(each.waiver.reason)),
            )
            for each in report.waived
        ),
    )
