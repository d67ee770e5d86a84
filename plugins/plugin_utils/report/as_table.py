"""An audit as text for a terminal: what is wrong, on which end, what proves it, what is planned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from ..model import Audit, Change, Finding, Tunnel

WIDTH = 110
MOST = 1000  # findings; they come worst first, and nobody reads more


def render(audit: Audit) -> str:
    """The text: tunnels with their state, findings with evidence and remedy, unpaired ends, advice to send."""
    lines = [*_tunnels(audit), "", *_findings(audit.findings)]
    if audit.unpaired:
        lines += ["", "Ends without a counterpart", *(f"  {u.end}: {u.reason}" for u in audit.unpaired)]
    if audit.outages:
        lines += ["", "What the plan costs", *_outages(audit)]
    if audit.advice:
        lines += ["", "For those who run the other ends", *(f"  {text}" for text in audit.advice)]
    return "\n".join(lines)


def _tunnels(audit: Audit) -> list[str]:
    broken = {finding.tunnel for finding in audit.findings}
    rows = [
        (t.name, _state(audit, t), t.initiator, t.answering.gateway.name, "see below" if t.name in broken else "fine")
        for t in audit.tunnels
    ]
    return _columns(("TUNNEL", "STATE", "INITIATOR", "RESPONDER", "FINDINGS"), rows)


def _outages(audit: Audit) -> Iterator[str]:
    for name, outage in audit.outages.items():
        length = f"about {outage.seconds:g} s without traffic" if outage.seconds else "no outage"
        yield from _wrapped(f"{name}: {length}; {outage.because}", "  ")


def _state(audit: Audit, tunnel: Tunnel) -> str:
    proof = audit.proofs[tunnel.name]
    if not proof.crosswise:
        return "down"
    return {True: "up, traffic passes", False: "up, no traffic", None: "up"}[proof.traffic]


def _findings(findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return ["No findings."]
    lines = []
    for finding in findings[:MOST]:
        lines += [f"{finding.severity.upper():8}  {finding.id}  on {finding.end}"]
        lines += _wrapped(finding.summary, "          ")
        lines += [line for text in finding.evidence for line in _wrapped(f"proof: {text}", "          ")]
        lines += [line for text in _remedy(finding) for line in _wrapped(f"remedy: {text}", "          ")]
    if more := len(findings[MOST:]):
        lines += [f"{more} more finding{'s' * (more != 1)}, none of them worse."]
    return lines


def _remedy(finding: Finding) -> Iterator[str]:
    for fix in finding.fix:
        if isinstance(fix, Change):
            yield f"on {fix.end}: {fix.setting} " + (f"= {fix.value}" if fix.value else "is to go")
        else:
            yield " ".join(
                part for part in (f"on {fix.gateway}:", fix.do, fix.target, fix.state or "pre-shared key") if part
            )
    if finding.no_fix:
        yield finding.no_fix


def _wrapped(text: str, indent: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False)


def _columns(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
