# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of reports on the controller."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import IpsecError, ParseError
from ..model import Severity, build_from_plain
from ..report.content import Report, list_severities
from ..report.diff import ReportDiff, diff_reports
from ..report.formats import csv as as_csv
from ..report.formats import html as as_html
from ..report.formats import json as as_json
from ..report.formats import junit as as_junit
from ..report.formats import markdown as as_markdown
from ..report.formats import notice as as_notice
from ..report.formats import prometheus as as_prometheus
from ..report.formats import sarif as as_sarif
from .atomic_file import write_atomically

FORMATS: Mapping[str, ModuleType] = {
    "json": as_json,
    "junit": as_junit,
    "sarif": as_sarif,
    "markdown": as_markdown,
    "csv": as_csv,
    "prometheus": as_prometheus,
    "html": as_html,
    "notice": as_notice,
}


def parse_report(result: Mapping[str, Any]) -> Report:
    """The report of what `tunnel_audit` returned.

    Raises:
        ParseError: it is not what that module returns.
    """
    return build_from_plain(Report, {f.name: result[f.name] for f in fields(Report) if f.name in result}, "audit")


def diff_since(report: Report, path: Path | None) -> ReportDiff:
    """What has changed since the JSON report of a path; nothing is known where there is no such file.

    Raises:
        IpsecError: the file is no report of this collection.
    """
    if path is None or not path.exists():
        return ReportDiff()
    hint = "remove it, or name another"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told, dict) or str(told.get("version")).partition(".")[0] != as_json.VERSION[0]:
            raise IpsecError("this report has a version that cannot be compared", where=str(path), hint=hint)
        return diff_reports(parse_report(told), report)
    except (OSError, ValueError, ParseError) as error:
        raise IpsecError(f"this report cannot be read: {error}", where=str(path), hint=hint) from error


def write_reports(  # noqa: PLR0913  where, as what, and how
    report: Report, changes: ReportDiff, folder: Path, name: str, formats: Iterable[str], *, dry: bool
) -> tuple[list[str], bool]:
    """Write the formats, each to a file of its own; their paths, and whether any has changed.

    Raises:
        IpsecError: the folder cannot be written.
    """
    wanted = {folder / f"{name}{FORMATS[each].ENDING}": FORMATS[each] for each in formats}
    texts = {path: str(each.render(report, changes)) for path, each in wanted.items()}
    try:
        changed = [path for path, text in texts.items() if not path.exists() or path.read_bytes() != text.encode()]
        if changed and not dry:
            folder.mkdir(parents=True, exist_ok=True)
            for path in changed:
                write_atomically(path, texts[path], mode=getattr(wanted[path], "MODE", 0o640))
    except OSError as error:
        hint = "give ipsec_report_dir a folder that you may write"
        raise IpsecError(f"the report cannot be written: {error.strerror}", where=str(folder), hint=hint) from error
    return [str(path) for path in texts], bool(changed)


def describe_failures(report: Report, severity: Severity) -> str:
    """Which findings are as severe as that or worse, in one sentence; empty where none is."""
    found = [finding for finding in report.findings if finding.severity in list_severities(severity)]
    if not found:
        return ""
    ids = ", ".join(dict.fromkeys(finding.id for finding in found))
    return f"{len(found)} finding{'s' * (len(found) != 1)} of severity {severity} or worse: {ids}"
