# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that knows the order of the stages: gateways in, tunnels, findings and a plan out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import chain

from .analysis.attempts import attach_verdicts
from .analysis.evidence import has_common_sa as shares_sa
from .diagnose.gateways import find_problems, find_stopped, find_torn, find_unreadable, read_in_part
from .diagnose.policy import evaluate, find_stray_waivers
from .diagnose.policy.profile import Profile
from .diagnose.policy.target import apply_target
from .diagnose.rules import iterate_findings, list_causes, sort_findings
from .diagnose.rules.grounds import DEFAULT
from .model import (
    Audit,
    DeclaredTunnel,
    DesiredPsk,
    Finding,
    Gateway,
    InitiationAttempt,
    Probe,
    Repair,
    Tunnel,
    Unpaired,
    WaivedFinding,
)
from .pair import pair_ends
from .pair.selection import is_pattern, select_names
from .plan import LiveTunnels, plan
from .verify.proof import prove

_Hear = Callable[[Finding], object]


def audit(  # noqa: PLR0913  each is one thing a user gives; a bundle would only hide that
    gateways: Iterable[Gateway],
    *,
    unreadable: Mapping[str, str] | None = None,
    declared: Iterable[DeclaredTunnel] = (),
    probes: Iterable[Probe] = (),
    attempts: Iterable[InitiationAttempt] = (),
    limit: Iterable[str] | None = None,
    psks: Mapping[str, DesiredPsk] | None = None,
    policy: tuple[Profile, date] | None = None,
    target: bool = False,
    repair: Collection[Repair] = DEFAULT,
    only: Collection[str] = (),
    hear: _Hear | None = None,
) -> Audit:
    """Pair, diagnose and plan. `unreadable` gateways become findings and never hide the others.

    `policy`: a profile that the tunnels are judged by besides, and the day on which. Nothing is planned for its sake
    but with `target`: then what it wants tunnels to have is as if declared, where they have something against it.
    `repair`: the classes of repairs that are planned (`model.REPAIRS`).
    `only`: names and patterns of tunnels; other tunnels, and gateways where none of these ends, are not reported.
    `hear`: told each finding as soon as it is found, tunnel by tunnel.

    Raises:
        IpsecError: a declared tunnel names a connection that is not there, or `only` a tunnel that is not.
    """
    read, wanted = tuple(gateways), tuple(declared)
    broken = dict(unreadable or {})
    every, unpaired = pair_ends(read, wanted, psks=psks, probes=probes, attempts=attempts, unread=bool(broken))
    every = tuple(map(attach_verdicts, every))
    against = evaluate(every, *policy) if policy is not None and target else None
    if policy is not None and against is not None:
        every = apply_target(every, policy[0], against[0])
    names = dict.fromkeys([*(tunnel.name for tunnel in every), *(tunnel.name for tunnel in wanted)])
    unseen = [*broken, *read_in_part(read)]
    tunnels = every
    if only:
        chosen = set(select_names(names, only, unseen))
        tunnels, unpaired, ends = _restrict_to_chosen(chosen, every, wanted, unpaired)
        if any(map(is_pattern, only)):  # what a pattern means may be at a gateway that was not read
            ends = {*ends, *unseen}
        read = tuple(gateway for gateway in read if gateway.name in ends)
        broken = {name: why for name, why in broken.items() if name in ends}
    tried = {end.gateway.name for tunnel in tunnels if tunnel.attempts for end in tunnel.ends}
    unread = [*(find_unreadable(name, why) for name, why in sorted(broken.items())), *find_problems(read, tried)]
    unread += [find_torn(each) for each in unpaired if each.torn]
    diagnosis = iterate_findings(tunnels, repair, among=every)
    findings = sort_findings(_report_findings(chain(unread, diagnosis, find_stopped(read, every)), hear))
    proofs = {tunnel.name: prove(tunnel) for tunnel in tunnels}
    up = {name for name, proof in proofs.items() if proof.crosswise}
    live = LiveTunnels(
        up=up,
        working={name for name in up if proofs[name].traffic is not False},
        carrying={tunnel.name for tunnel in tunnels if shares_sa(tunnel)},
    )
    planned = plan(tunnels, findings, live, limit=limit, causes=list_causes())
    told = Audit(
        tunnels,
        unpaired,
        findings,
        planned.steps,
        planned.advice,
        proofs,
        broken,
        planned.outages,
        read_in_part=read_in_part(read),
    )
    if policy is None:
        return told
    against = against or evaluate(tunnels, *policy)
    strays = find_stray_waivers(policy[0], names) if names and not (only or unseen) else ()
    return _add_policy(told, policy[0].name, against, strays, hear)


def _restrict_to_chosen(
    chosen: Collection[str],
    tunnels: tuple[Tunnel, ...],
    declared: tuple[DeclaredTunnel, ...],
    unpaired: tuple[Unpaired, ...],
) -> tuple[tuple[Tunnel, ...], tuple[Unpaired, ...], set[str]]:
    """The tunnels of these names, the ends of those of them that are declared and not whole, and all their gateways."""
    meant = [end for each in declared if each.name in chosen for end in each.ends]
    ends = {(end.gateway, end.connection) for end in meant}
    ours = tuple(tunnel for tunnel in tunnels if tunnel.name in chosen)
    alone = tuple(each for each in unpaired if (each.end.gateway, each.end.connection) in ends)
    gateways = {end.gateway.name for tunnel in ours for end in tunnel.ends} | {end.gateway for end in meant}
    return ours, alone, gateways


def _add_policy(
    found: Audit,
    name: str,
    against: tuple[Iterable[Finding], Iterable[WaivedFinding]],
    strays: Iterable[Finding],
    hear: _Hear | None,
) -> Audit:
    """An audit with what its tunnels have against a profile: what counts, what is waived, and waivers of no tunnel."""
    ours = {tunnel.name for tunnel in found.tunnels}
    counted = (finding for finding in against[0] if finding.tunnel in ours)
    waived = tuple(each for each in against[1] if each.finding.tunnel in ours)
    findings = sort_findings([*found.findings, *_report_findings(chain(counted, strays), hear)])
    return replace(found, findings=findings, policy=name, waived=waived)


def _report_findings(findings: Iterable[Finding], hear: _Hear | None) -> Iterator[Finding]:
    """The findings, each after it was told."""
    for finding in findings:
        if hear:
            hear(finding)
        yield finding
