# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of an audit: what it tells, and its files on the controller."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import IpsecError, ParseError
from .model import Audit, Gateway, Severity, Tunnel, restore
from .replaced import replaced
from .report import as_csv, as_html, as_json, as_junit, as_markdown, as_notice, as_prometheus, as_sarif, side_by_side
from .report.as_story import Chapter
from .report.drift import Drift, drift
from .report.told import Expiry, Report, Told, worst_first
from .rules.evidence import installed, up
from .swanctl.certificates import moment
from .verdict import verdicts

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


def tell(  # noqa: PLR0913  each is one thing that is told
    found: Audit,
    gateways: Iterable[Gateway],
    time: str,
    *,
    comparisons: Mapping[str, str] | None = None,
    sides: bool = False,
    repairs: tuple[Chapter, ...] | None = None,
) -> Report:
    """What reports tell of an audit that was made at a time (ISO 8601); `sides`: also all settings of all tunnels."""
    return Report(
        time=time,
        tunnels=tuple(_told(found, tunnel) for tunnel in found.tunnels),
        unpaired=found.unpaired,
        findings=found.findings,
        plan=found.steps,
        outages=found.outages,
        advice=found.advice,
        gateways_unreadable=found.unreadable,
        policy=found.policy,
        waived=found.waived,
        certificates=tuple(dict.fromkeys(_expiries(gateways))),
        verdicts={tunnel.name: verdicts(tunnel) for tunnel in found.tunnels if tunnel.attempts},
        comparisons=comparisons or {},
        sides={tunnel.name: side_by_side.rows(tunnel) for tunnel in found.tunnels} if sides else {},
        repairs=repairs,
    )


def again(result: Mapping[str, Any]) -> Report:
    """The report of what `tunnel_audit` returned.

    Raises:
        ParseError: it is not what that module returns.
    """
    return restore(Report, {f.name: result[f.name] for f in fields(Report) if f.name in result}, "audit")


def since(report: Report, path: Path | None) -> Drift:
    """What has changed since the JSON report of a path; nothing is known where there is no such file.

    Raises:
        IpsecError: the file is no report of this collection.
    """
    if path is None or not path.exists():
        return Drift()
    hint = "remove it, or name another"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told, dict) or str(told.get("version")).partition(".")[0] != as_json.VERSION[0]:
            raise IpsecError("this is no report of a version that can be compared", where=str(path), hint=hint)
        return drift(again(told), report)
    except (OSError, ValueError, ParseError) as error:
        raise IpsecError(f"this is no report that can be read: {error}", where=str(path), hint=hint) from error


def keep(  # noqa: PLR0913  where, as what, and how
    report: Report, changes: Drift, folder: Path, name: str, formats: Iterable[str], *, dry: bool
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
                replaced(path, texts[path], mode=getattr(wanted[path], "MODE", 0o640))
    except OSError as error:
        hint = "give ipsec_report_dir a folder that you may write"
        raise IpsecError(f"the report cannot be written: {error.strerror}", where=str(folder), hint=hint) from error
    return [str(path) for path in texts], bool(changed)


def failing(report: Report, severity: Severity) -> str:
    """Which findings are as severe as that or worse, in one sentence; empty where none is."""
    found = [finding for finding in report.findings if finding.severity in worst_first(severity)]
    if not found:
        return ""
    ids = ", ".join(dict.fromkeys(finding.id for finding in found))
    return f"{len(found)} finding{'s' * (len(found) != 1)} of severity {severity} or worse: {ids}"


def _told(found: Audit, tunnel: Tunnel) -> Told:
    proof = found.proofs[tunnel.name]
    sas = {end.gateway.name: installed(end) for end in tunnel.ends}
    return Told(
        tunnel.name,
        (tunnel.ends[0].name(), tunnel.ends[1].name()),
        tunnel.initiator,
        tunnel.initiator_because,
        tunnel.paired_by,
        up(tunnel),
        proof.state,
        proof,
        bytes_in={name: sum(sa.bytes_in for sa in each) for name, each in sas.items()},
        bytes_out={name: sum(sa.bytes_out for sa in each) for name, each in sas.items()},
    )


def _expiries(gateways: Iterable[Gateway]) -> Iterator[Expiry]:
    for gateway in gateways:
        for each in gateway.certificates or ():
            time = moment(each.not_after)
            if each.private_key and time is not None:
                yield Expiry(gateway.name, each.subject, each.serial or "", each.not_after or "", time)
