# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit as JUnit XML, for what shows test results: a suite for each tunnel, a test for each finding.

There is no schema that all readers agree on; these are the elements and attributes that Jenkins and GitLab read.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ...model import Finding, WaivedFinding
from ..content import Report
from ..diff import Key, ReportDiff, build_key
from ..escape import escape_control
from ..remedy import describe_fixes

ENDING = ".xml"
_ELSEWHERE = "gateways"  # the suite of findings that are of no tunnel


def render(report: Report, drift: ReportDiff) -> str:
    """The text. A tunnel without a finding is a test that passed; a waived finding is one that was skipped."""
    root = Element("testsuites", name="tunnelwright.ipsec audit")
    found, new = report.by_tunnel(), drift.new()
    waived: dict[str, list[WaivedFinding]] = {}
    for each in report.waived:
        waived.setdefault(each.finding.tunnel, []).append(each)
    titles = {name: name or _ELSEWHERE for name in ("", *found, *waived)}
    titles |= {tunnel.name: f"{tunnel.name}: {tunnel.state}" for tunnel in report.tunnels}
    totals = [
        _fill_suite(
            SubElement(root, "testsuite", name=escape_control(title), timestamp=report.time), name, failed, skipped, new
        )
        for name, title in titles.items()
        for failed, skipped in ((found.get(name, []), waived.get(name, [])),)
    ]
    for key, values in zip(("tests", "failures", "skipped"), zip(*totals, strict=True), strict=True):
        root.set(key, str(sum(values)))
    root.set("errors", "0")
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _fill_suite(
    suite: Element, tunnel: str, failed: list[Finding], skipped: list[WaivedFinding], new: frozenset[Key]
) -> tuple[int, int, int]:
    """Fills it; its numbers of tests, of failures and of skipped ones."""
    counts = (len(failed) + len(skipped) or 1, len(failed), len(skipped))
    suite.set("errors", "0")
    for key, value in zip(("tests", "failures", "skipped"), counts, strict=True):
        suite.set(key, str(value))
    for finding in failed:
        case = _add_case(suite, finding)
        failure = SubElement(case, "failure", type=finding.severity, message=escape_control(finding.summary))
        failure.text = "\n".join(
            escape_control(line) for line in _describe_finding(finding, new=build_key(finding) in new)
        )
    for each in skipped:
        SubElement(_add_case(suite, each.finding), "skipped", message=escape_control(_describe_waiver(each)))
    if not failed and not skipped:
        SubElement(suite, "testcase", name="no findings", classname=escape_control(tunnel or _ELSEWHERE))
    return counts


def _add_case(suite: Element, finding: Finding) -> Element:
    name = escape_control(f"{finding.id} on {finding.end}")
    return SubElement(suite, "testcase", name=name, classname=escape_control(finding.tunnel or _ELSEWHERE))


def _describe_waiver(each: WaivedFinding) -> str:
    waiver = each.waiver
    return f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason} ({each.finding.severity})"


def _describe_finding(finding: Finding, *, new: bool) -> Iterator[str]:
    yield finding.summary
    yield from (f"proof: {each}" for each in finding.evidence)
    yield from (f"remedy: {each}" for each in describe_fixes(finding))
    yield from ("new since the last report" for dummy in (1,) if new)
    yield f"reference: {finding.reference}"
