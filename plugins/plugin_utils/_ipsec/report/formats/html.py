# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit as one HTML file that needs no network: to look at, search, and print.

The page shows what is embedded in it as JSON; every text goes into the document as text, never as markup, and the
page's own policy (CSP) lets no other script or style run than these two, by their digests.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from html import escape
from typing import Any

from ...model import SEVERITIES, Finding, to_plain
from ...model.resources import read_beside
from ..content import Report, summarize
from ..diff import ReportDiff, build_key
from ..escape import escape_control
from ..remedy import describe_fixes

ENDING = ".html"
_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})  # so that no text ends the script element


def render(report: Report, drift: ReportDiff) -> str:
    """The page."""
    style, script = _read_part("style.css"), _read_part("script.js")
    parts = {
        "CSP": f"default-src 'none'; style-src '{_hash_text(style)}'; script-src '{_hash_text(script)}'",
        "STYLE": style,
        "SCRIPT": script,
        "SUMMARY": escape(escape_control(summarize(report))),
        "TIME": escape(escape_control(report.time)),
        "DATA": json.dumps(_build_data(report, drift)).translate(_UNSAFE),
    }
    page = _read_part("page.html")
    for name in ("CSP", "STYLE", "SCRIPT", "SUMMARY", "TIME", "DATA"):  # what comes from gateways is put in last
        page = page.replace(f"@@{name}@@", parts[name], 1)
    return page


def _build_data(report: Report, drift: ReportDiff) -> dict[str, Any]:
    """What the page shows; all texts as they can be seen."""
    new = drift.new()
    by_tunnel = report.by_tunnel().items()
    found = {
        name: [_describe_finding(each, new=build_key(each) in new) for each in findings] for name, findings in by_tunnel
    }
    named = {tunnel.name for tunnel in report.tunnels}
    data = {
        "severities": SEVERITIES,
        "drift": drift.summary(),
        "moved": [f"{each.tunnel}: {each.before or 'not there'}, now {each.after}" for each in drift.moved],
        "gone": [f"{each.id} on {each.end}: {each.summary}" for each in drift.gone],
        "tunnels": [
            {
                "name": tunnel.name,
                "state": tunnel.state,
                "initiator": tunnel.initiator,
                "because": tunnel.initiator_because,
                "gateways": [end.gateway for end in tunnel.ends],
                "ends": [str(end) for end in tunnel.ends],
                "missing": tunnel.proof.missing,
                "sides": [(row.what, *row.values, row.same) for row in report.sides.get(tunnel.name, ())],
                "findings": found.get(tunnel.name, []),
            }
            for tunnel in report.tunnels
        ],
        "others": [each for name, findings in found.items() if name not in named for each in findings],
        "waived": [
            (f.id, f.severity, f.tunnel, str(f.end), w.expires, w.owner, w.reason)
            for f, w in ((each.finding, each.waiver) for each in report.waived)
        ],
        "unpaired": [f"{each.end}: {each.reason}" for each in report.unpaired],
        "advice": report.advice,
    }
    return dict(_map_texts(escape_control, to_plain(data)))


def _describe_finding(finding: Finding, *, new: bool) -> dict[str, Any]:
    return {
        "id": finding.id,
        "severity": finding.severity,
        "end": str(finding.end),
        "summary": finding.summary,
        "evidence": finding.evidence,
        "remedies": list(describe_fixes(finding)),
        "reference": finding.reference,
        "new": new,
    }


def _map_texts(make: Callable[[str], str], value: Any) -> Any:
    """Plain data with each text in it made."""
    if isinstance(value, str):
        return make(value)
    if isinstance(value, list):
        return [_map_texts(make, item) for item in value]
    if isinstance(value, dict):
        return {key: _map_texts(make, item) for key, item in value.items()}
    return value


@cache
def _read_part(name: str) -> str:
    return read_beside(__name__, "page", name)


def _hash_text(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
