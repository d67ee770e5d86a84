# SPDX-License-Identifier: GPL-3.0-or-later
"""What the findings of one tunnel ask of each of its ends, before anybody thinks of an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..analysis.declared_settings import find_deviations
from ..model import Change, Child, Connection, End, Finding, Step, Tunnel
from ..swanctl.keys import is_alike, parse_duration

DECLARED = "setting-deviates"


@dataclass(slots=True)
class DesiredSettings:
    """The settings one end is to get."""

    settings: dict[str, str] = field(default_factory=dict)
    children: dict[str, dict[str, str]] = field(default_factory=dict)
    psk: bool = False
    findings: dict[str, None] = field(default_factory=dict)


def find_desired(tunnel: Tunnel, findings: Iterable[Finding]) -> tuple[dict[str, DesiredSettings], list[Step]]:
    """By gateway, the settings that are to be set there; and all steps that are no settings."""
    wanted = {end.gateway.name: DesiredSettings() for end in tunnel.ends}
    others: list[Step] = []
    found = sorted(findings, key=lambda f: f.id == DECLARED)  # what is declared has the last word
    deviates = {(fix.end, fix.setting) for f in found if f.id == DECLARED for fix in f.fix if isinstance(fix, Change)}
    for finding in found:
        for fix in finding.fix:
            if isinstance(fix, Change):
                if (fix.end, fix.setting) in deviates or not _contradicts(tunnel, fix):
                    _want(wanted[fix.end.gateway], fix, finding.id)
            elif fix.do == "connection":
                wanted[fix.gateway].psk = True
                wanted[fix.gateway].findings[finding.id] = None
            else:
                others.append(replace(fix, findings=(finding.id,)))
    for end in tunnel.ends:
        if end.gateway.dpd_follows_close:
            _couple_dpd_and_close(wanted[end.gateway.name], end)
    return wanted, others


def find_beyond(
    wanted: Mapping[str, DesiredSettings], earlier: Iterable[Mapping[str, DesiredSettings]]
) -> dict[str, DesiredSettings]:
    """Of what the ends are to get what they have not got in earlier turns; an end that has got all is asked nothing."""
    left: dict[str, DesiredSettings] = {}
    for gateway, asked in wanted.items():
        got = [turn[gateway] for turn in earlier]
        rest = DesiredSettings(
            {k: v for k, v in asked.settings.items() if all(turn.settings.get(k) != v for turn in got)},
            psk=asked.psk and not any(turn.psk for turn in got),
        )
        for child, given in asked.children.items():
            more = {k: v for k, v in given.items() if all(turn.children.get(child, {}).get(k) != v for turn in got)}
            rest.children.update({child: more} if more else {})
        if rest.settings or rest.children or rest.psk:
            rest.findings = asked.findings
        left[gateway] = rest
    return left


def find_missing(end: End, settings: Mapping[str, str], children: Mapping[str, Mapping[str, str]]) -> DesiredSettings:
    """Of these settings, those that the end has not already."""
    held = {child.name: child for child in end.connection.children}
    missing = DesiredSettings({key: value for key, value in settings.items() if not _has(end.connection, key, value)})
    for name, given in children.items():
        if rest := {key: value for key, value in given.items() if not _has(held[name], key, value)}:
            missing.children[name] = rest
    return missing


def _contradicts(tunnel: Tunnel, change: Change) -> bool:
    """Whether a change is away from what is declared: one run would undo what the last one did."""
    end = tunnel.end(change.end.gateway)
    child = next((each for each in end.connection.children if each.name == change.end.child), None)
    key, said = change.setting, find_deviations(tunnel, end, child).get(change.setting)
    return said is not None and not is_alike("connection" if child is None else "child", key, said, change.value)


def _want(wanted: DesiredSettings, change: Change, finding: str) -> None:
    target = wanted.settings if change.end.child is None else wanted.children.setdefault(change.end.child, {})
    target[change.setting] = change.value
    wanted.findings[finding] = None


def _couple_dpd_and_close(wanted: DesiredSettings, end: End) -> None:
    """Close and DPD action as the platform can have them: the second is what the first is, if peers are checked."""
    checks = (
        parse_duration(wanted.settings["dpd_delay"]) if "dpd_delay" in wanted.settings else end.connection.dpd_delay
    )
    for given in wanted.children.values():
        if checks and "close_action" in given:
            given.setdefault("dpd_action", given["close_action"])
        elif given.get("dpd_action") in ("start", "restart"):
            given["close_action"] = "start"


def _has(holder: Connection | Child, key: str, value: str) -> bool:
    setting = holder.settings.get(key)
    return is_alike(
        "child" if isinstance(holder, Child) else "connection", key, setting.value if setting else "", value
    )
