# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit as a Markdown page, for a ticket or a wiki."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Finding
from ..content import Report, summary
from ..diff import ReportDiff, key_of
from ..markdown_text import table, text
from ..remedy import remedies

ENDING = ".md"


def render(report: Report, drift: ReportDiff) -> str:
    """The page: the summary, the tunnels, the findings one by one, what is waived, ends without a counterpart."""
    return "\n".join(_lines(report, drift)) + "\n"


def _lines(report: Report, drift: ReportDiff) -> Iterator[str]:
    yield "# Audit of IPsec tunnels"
    yield ""
    yield f"{text(report.time)}: {text(summary(report))}."
    yield from _drift(drift)
    yield from _tunnels(report)
    new = drift.new()
    yield from _section("Findings", bool(report.findings))
    for finding in report.findings:
        yield from _finding(finding, new=key_of(finding) in new)
    yield from _waived(report)
    yield from _section("Ends without a counterpart", bool(report.unpaired))
    yield from (f"- {text(str(each.end))}: {text(each.reason)}" for each in report.unpaired)
    yield from _section("For those who run the other ends", bool(report.advice))
    yield from (f"- {text(each)}" for each in report.advice)


def _section(title: str, wanted: bool) -> Iterator[str]:
    if wanted:
        yield from ("", f"## {title}", "")


def _tunnels(report: Report) -> Iterator[str]:
    yield from _section("Tunnels", bool(report.tunnels))
    found = report.by_tunnel()
    yield from table(
        ("Tunnel", "State", "Initiator", "Ends", "Findings"),
        (
            (
                text(t.name),
                t.state,
                text(t.initiator),
                text(" and ".join(map(str, t.ends))),
                str(len(found.get(t.name, ()))),
            )
            for t in report.tunnels
        ),
    )


def _drift(drift: ReportDiff) -> Iterator[str]:
    if drift.since:
        yield ""
        yield f"{text(drift.summary())}."
        yield ""
        moved = (f"{each.tunnel}: {each.before or 'not there'}, now {each.after}" for each in drift.moved)
        yield from (f"- {text(each)}" for each in moved)
        yield from (f"- gone: {text(each.id)} on {text(str(each.end))}" for each in drift.gone)


def _finding(finding: Finding, *, new: bool) -> Iterator[str]:
    yield f"### {finding.severity}: {text(finding.id)} on {text(str(finding.end))}"
    yield ""
    yield text(finding.summary)
    yield ""
    yield from (f"- tunnel: {text(finding.tunnel)}" for dummy in (1,) if finding.tunnel)
    yield from (f"- proof: {text(each)}" for each in finding.evidence)
    yield from (f"- remedy: {text(each)}" for each in remedies(finding))
    yield from ("- new since the last report" for dummy in (1,) if new)
    yield f"- reference: {text(finding.reference)}"
    yield ""


def _waived(report: Report) -> Iterator[str]:
    yield from _section("Waived", bool(report.waived))
    yield from table(
        ("Finding", "Severity", "Tunnel", "End", "Until", "Owner", "Reason"),
        (
            (
                *(text(each.finding.id), each.finding.severity, text(each.finding.tunnel), text(str(each.finding.end))),
                *(text(each.waiver.expires), text(each.waiver.owner), text(each.waiver.reason)),
            )
            for each in report.waived
        ),
    )
