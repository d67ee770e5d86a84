# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit as SARIF 2.1.0 (OASIS), for what shows the results of static analysis."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from ...model import Finding, Severity, Waiver, format_name
from ..content import Report
from ..diff import Key, ReportDiff, build_key
from ..escape import escape_control
from ..remedy import describe_fixes

ENDING = ".sarif"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://github.com/tunnelwright/ipsec"
_LEVELS: Mapping[Severity, str] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "info": "note",
}
_SCORES: Mapping[Severity, str] = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "0.5"}
_LONGEST = 1000  # characters of evidence in which a place is looked for
_PLACE = re.compile(r"(?P<file>\S+):(?P<line>[1-9]\d*)(?=[:\s]|$)")


def render(report: Report, drift: ReportDiff) -> str:
    """The text; everything that is not ASCII is escaped."""
    all_found = [*report.findings, *(each.finding for each in report.waived), *drift.gone]
    new = drift.new()
    ids = sorted({finding.id for finding in all_found})
    worst = {each: next(f.severity for f in all_found if f.id == each) for each in ids}
    results = [_build_result(finding, ids) | _build_baseline(drift, finding, new) for finding in report.findings]
    results += [_build_result(each.finding, ids, each.waiver) for each in report.waived]
    results += [_build_result(finding, ids) | {"baselineState": "absent"} for finding in drift.gone]
    driver = {
        "name": "tunnelwright.ipsec",
        "informationUri": HOME,
        "rules": [_build_rule(each, worst[each]) for each in ids],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not report.gateways_unreadable, "endTimeUtc": report.time}],
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "policy": report.policy,
            "tunnels": {escape_control(tunnel.name): tunnel.state for tunnel in report.tunnels},
        },
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _build_baseline(drift: ReportDiff, finding: Finding, new: frozenset[Key]) -> dict[str, str]:
    """Whether it was there in the earlier report; nothing where there is none."""
    return {"baselineState": "new" if build_key(finding) in new else "unchanged"} if drift.since else {}


def _build_rule(name: str, severity: Severity) -> dict[str, Any]:
    return {
        "id": name,
        "helpUri": f"{HOME}/blob/main/docs/docsite/rst/findings/{name}.rst",
        "properties": {"security-severity": _SCORES[severity], "tags": ["security", "ipsec"]},
    }


def _build_result(finding: Finding, ids: list[str], waiver: Waiver | None = None) -> dict[str, Any]:
    said = [finding.summary, *(f"remedy: {each}" for each in describe_fixes(finding))]
    end = format_name(
        (finding.end.gateway, finding.end.connection, finding.end.child), ""
    )  # a description is no identity
    names = f"{finding.id}\n{finding.tunnel}\n{end}"
    return {
        "ruleId": finding.id,
        "ruleIndex": ids.index(finding.id),
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join(escape_control(each) for each in said)},
        "locations": [_build_location(finding)],
        "partialFingerprints": {"finding/v1": sha256(names.encode("utf-8", "surrogateescape")).hexdigest()},
        **({"suppressions": [_build_suppression(waiver)]} if waiver else {}),
        "properties": {
            "severity": finding.severity,
            "tunnel": escape_control(finding.tunnel),
            "end": escape_control(str(finding.end)),
            "confidence": finding.confidence,
            "reference": escape_control(finding.reference),
            "evidence": [escape_control(each) for each in finding.evidence],
        },
    }


def _build_location(finding: Finding) -> dict[str, Any]:
    """The end, and the line of its gateway's file that proves the finding, where one does."""
    kind = "member" if finding.end.connection else "module"
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": escape_control(str(finding.end)), "kind": kind}],
    }
    for each in finding.evidence:
        own = each.removeprefix(f"{finding.end.gateway} ")
        if own != each and (place := _PLACE.match(own[:_LONGEST])):
            uri = quote(f"{finding.end.gateway}/{place['file'].lstrip('/')}", errors="replace")
            region = {"startLine": int(place["line"])}
            location["physicalLocation"] = {"artifactLocation": {"uri": uri}, "region": region}
            break
    return location


def _build_suppression(waiver: Waiver) -> dict[str, str]:
    why = f"until {waiver.expires}, by {waiver.owner}: {waiver.reason}"
    return {"kind": "external", "status": "accepted", "justification": escape_control(why)}
