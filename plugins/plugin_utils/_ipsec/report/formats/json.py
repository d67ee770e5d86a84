# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit as JSON, by the schema beside this file (`report.schema.json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...model import Finding, to_plain
from ..content import Report
from ..diff import ReportDiff

SCHEMA = "https://raw.githubusercontent.com/tunnelwright/ipsec/main/plugins/plugin_utils/report/report.schema.json"
VERSION = "1.0"  # the first number changes when a reader of the old has to be changed
ENDING = ".json"
_COUNTERS = ("bytes_in", "bytes_out")


def render(report: Report, drift: ReportDiff) -> str:
    """The text; everything that is not ASCII is escaped, so that nothing in it turns or breaks a line."""
    told: dict[str, Any] = to_plain(report)
    told["tunnels"] = [_drop_counters(tunnel) for tunnel in told["tunnels"]]
    del told["sides"]  # the settings of every tunnel: for the page
    if report.repairs is None:
        del told["repairs"]
    head = {"$schema": SCHEMA, "version": VERSION, "time": told.pop("time"), "policy": told.pop("policy")}
    counts = {
        "tunnels": len(report.tunnels),
        "down": report.down(),
        "unknown": report.unknown(),
        "findings": report.counts(),
        "waived": len(report.waived),
    }
    return json.dumps({**head, "summary": counts, "drift": _describe_diff(drift), **told}, indent=2) + "\n"


def _describe_diff(drift: ReportDiff) -> dict[str, Any]:
    appeared, gone = ([_summarize_finding(finding) for finding in each] for each in (drift.appeared, drift.gone))
    return {"since": drift.since or None, "appeared": appeared, "gone": gone, "moved": to_plain(drift.moved)}


def _summarize_finding(finding: Finding) -> dict[str, Any]:
    return {name: to_plain(getattr(finding, name)) for name in ("id", "severity", "tunnel", "end", "summary")}


def _drop_counters(tunnel: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tunnel.items() if key not in _COUNTERS}
