# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy asks of every tunnel: profiles are data, checks are functions, waivers let single tunnels off.

A profile (YAML, `profiles/`) names checks, sets their thresholds and says where each comes from. A check (`checks/`)
is one function from a tunnel and a demand to the faults it sees, in what is configured and in what is negotiated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial

from ...errors import suggest
from ...model import EndName, Fault, Finding, Tunnel, WaivedFinding, Waiver
from ..rules import Rule, run
from ..rules.grounds import Grounds
from .checks import Check, all_checks
from .profile import PolicyRule, Profile

EXPIRED, STRAY = "waiver-expired", "waiver-without-tunnel"
ADVICE = (
    "write the tunnel's name as the table has it, or remove the waiver, unless its gateways are in another inventory"
)


def evaluate(
    tunnels: Iterable[Tunnel], profile: Profile, today: date
) -> tuple[tuple[Finding, ...], tuple[WaivedFinding, ...]]:
    """What the tunnels have against the profile: findings that count, and those that a waiver covers today."""
    waivers: dict[str, list[Waiver]] = defaultdict(list)  # by tunnel
    for each in profile.waivers:
        waivers[each.tunnel].append(each)
    rules = [_build_rule(profile, demand) for demand in profile.demands]
    grounds = Grounds()
    counted: list[Finding] = []
    waived: list[WaivedFinding] = []
    for tunnel in tunnels:
        ours = waivers.get(tunnel.name, [])
        covering = {waiver.rule: waiver for waiver in ours}
        old = [waiver for waiver in ours if find_expired_waivers(waiver, today)]
        counted += [_build_expired_finding(tunnel, waiver, profile) for waiver in old]
        for finding in (finding for rule in rules for finding in run(rule, tunnel, grounds)):
            waiver = covering.get(finding.id)
            if waiver is None or find_expired_waivers(waiver, today):
                counted.append(finding)
            else:
                waived.append(WaivedFinding(finding, waiver))
    return tuple(counted), tuple(waived)


def find_stray_waivers(profile: Profile, names: Collection[str]) -> Iterator[Finding]:
    """Waivers that let nothing off, since no tunnel has their name. `names` are of all tunnels: none may be unknown."""
    for waiver in profile.waivers:
        if waiver.tunnel not in names:
            known = suggest(waiver.tunnel, names)
            yield Finding(
                STRAY,
                "info",
                "",
                EndName(profile.name, ""),
                f"{waiver.origin} waives {waiver.rule} on {waiver.tunnel}, but no tunnel has that name",
                f"policy {profile.name}",
                (f"policy {waiver.origin}: given by {waiver.owner}: {waiver.reason}",),
                no_fix=f"{ADVICE}; {known}",
            )


def find_expired_waivers(waiver: Waiver, today: date) -> bool:
    """Whether the last day of a waiver is over."""
    return date.fromisoformat(waiver.expires) < today


def _build_rule(profile: Profile, demand: PolicyRule) -> Rule:
    check = all_checks()[demand.check]
    return Rule(demand.check, demand.severity, cite(profile, demand), partial(_run_check, check, demand))


def _run_check(check: Check, demand: PolicyRule, tunnel: Tunnel) -> Iterator[Fault]:
    """What the check sees, with where the profile asks for it."""
    for fault in check(tunnel, demand):
        yield replace(fault, evidence=(*fault.evidence, f"policy {demand.origin}: {demand.check}{demand.asks()}"))


def cite(profile: Profile, demand: PolicyRule) -> str:
    """The document and section that ask for it, and whether the two have been compared."""
    return "; ".join((f"policy {profile.name}", str(demand.source)))


def _build_expired_finding(tunnel: Tunnel, waiver: Waiver, profile: Profile) -> Finding:
    """A waiver whose last day is over: what it was for counts again, and a decision was due by then."""
    return Finding(
        EXPIRED,
        "medium",
        tunnel.name,
        tunnel.ends[0].name(),
        f"the waiver of {waiver.rule} on {tunnel.name} expired on {waiver.expires}",
        f"policy {profile.name}",
        (f"policy {waiver.origin}: given by {waiver.owner}: {waiver.reason}",),
        no_fix=f"{waiver.owner} must fix {waiver.rule}, or renew or remove the waiver",
    )
