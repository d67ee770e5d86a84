# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings to steps: which module runs on which gateway with what, in an order that keeps tunnels up.

The phases: daemons are started and loaded, the responder is changed, then the initiator, stale SAs are retired,
the initiator establishes, what only the change needed goes on the responder and then on the initiator, a periodic check
is installed. A live SA keeps the settings it was made with (strongSwan: it holds its old configuration for life), so a
tunnel that is changed is re-initiated: without a break where that is possible (`make_before_break`), else once.
Each cause of a tunnel that does not work has a turn of its own (`causes`), and the tunnel is read again after it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..model import End, Finding, Outage, Phase, Step, Tunnel
from ..swanctl.normalize import list_explicit
from .advice import write_advice
from .causes import keeps_down, sort_by_turn
from .desired import DECLARED, DesiredSettings, find_beyond, find_desired
from .make_before_break import estimate_cost, find_obstacle, plan_without_break
from .outage import estimate_outages
from .reinitiate import plan_with_break

__all__ = ["DECLARED", "PHASES", "LiveTunnels", "Plan", "plan"]
PHASES: tuple[Phase, ...] = (
    "prepare",
    "responder",
    "initiator",
    "retire",
    "establish",
    "contract",
    "finish",
    "persist",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, what to tell those who run gateways that are not ours to change, what it costs by tunnel."""

    steps: tuple[Step, ...] = ()
    advice: tuple[str, ...] = ()
    outages: Mapping[str, Outage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LiveTunnels:
    """Names of tunnels by what was seen of them."""

    up: Container[str] = ()  # both ends hold the same SAs
    working: Container[str] = ()  # of those, what no ping was lost in
    carrying: Container[str] = ()  # both ends hold at least one CHILD_SA in common, so there is something to lose


def plan(
    tunnels: Iterable[Tunnel],
    findings: Iterable[Finding],
    live: LiveTunnels = LiveTunnels(),
    *,
    limit: Iterable[str] | None = None,
    causes: Container[str] = (),
) -> Plan:
    """The steps that these findings ask for on these tunnels.

    `limit`: gateways that may be changed; None is all. `causes`: ids of the findings that keep a tunnel down.
    """
    allowed = None if limit is None else frozenset(limit)
    by_tunnel: dict[str, list[Finding]] = {}
    for finding in findings:
        by_tunnel.setdefault(finding.tunnel, []).append(finding)
    steps: list[Step] = []
    told: list[str] = []
    outages: dict[str, Outage] = {}
    for tunnel in tunnels:
        found = by_tunnel.get(tunnel.name, [])
        if found:
            turns = sort_by_turn(found, causes, works=tunnel.name in live.working)
            ours, theirs, why = _plan_tunnel(tunnel, turns, causes, allowed, up=tunnel.name in live.up)
            steps += map(tunnel.named, ours)
            if allowed is None or any(end.gateway.name in allowed for end in tunnel.ends):
                told += [write_advice(tunnel.named(step)) for step in theirs]
            if ours:
                carrying = tunnel.name in live.carrying
                restarts = any(_restarts(tunnel.end(step.gateway)) for step in ours if step.state == "loaded")
                up = tunnel.name in live.up
                outages[tunnel.name] = estimate_outages(ours, up=up, carrying=carrying, restarts=restarts, why=why)
    return Plan(_order_steps(steps), tuple(dict.fromkeys(told)), outages)


def _plan_tunnel(
    tunnel: Tunnel, turns: list[list[Finding]], causes: Container[str], allowed: frozenset[str] | None, *, up: bool
) -> tuple[list[Step], list[Step], str]:
    """Our steps of one tunnel, those of others, and why it cannot go without a break, if it cannot."""
    mine = {end.gateway.name for end in tunnel.ends if allowed is None or end.gateway.name in allowed}
    wishes: list[tuple[Mapping[str, DesiredSettings], list[Step]]] = []
    for found in turns:
        asked, others = find_desired(tunnel, found)
        wishes.append((find_beyond(asked, [earlier for earlier, dummy in wishes]), others))
    plain = [plan_with_break(tunnel, *wish) for wish in wishes]
    theirs = [step for steps in plain for step in steps if step.gateway not in mine]
    ours: list[Step] = []
    reasons: list[str] = []
    ids = {finding.id for found in turns for finding in found}
    in_vain = _find_vain_turns(turns, wishes, causes)
    for turn, ((wanted, others), steps) in enumerate(zip(wishes, plain, strict=True), 1):
        why = find_obstacle(tunnel, wanted, others, ids) if up else "it is down"
        if why:
            taken = [step for step in steps if step.gateway in mine]
            taken = _plan_alone(tunnel, taken) if theirs else taken
            taken = _drop_reinitiation(taken) if in_vain[turn - 1] else taken
        else:
            persist = [step for step in others if step.phase == "persist" and step.gateway in mine]
            taken = [*plan_without_break(tunnel, wanted, others, mine), *persist]
            why = estimate_cost(tunnel, wanted, taken)
        made = any(step.reinitiate or step.phase == "establish" for step in ours)
        if made and all(step.phase in ("retire", "establish") for step in taken):
            taken = []  # an earlier turn re-establishes the tunnel
        ours += [replace(step, turn=turn) for step in taken]
        reasons += [why] if why else []
    return ours, theirs, "; ".join(dict.fromkeys(reasons))


def _plan_alone(tunnel: Tunnel, steps: list[Step]) -> list[Step]:
    """Our end's steps where others are not ours to take: our own settings are made live from here, if this end can.

    Establishing would only show what the other end still lacks.
    """
    alone = []
    for step in steps:
        if step.do == "connection":
            alone.append(replace(step, reinitiate=_can_initiate(tunnel.end(step.gateway))))
        elif step.phase != "establish":
            alone.append(step)
    return alone


def _find_vain_turns(
    turns: list[list[Finding]], wishes: list[tuple[Mapping[str, DesiredSettings], list[Step]]], causes: Container[str]
) -> list[bool]:
    """For each turn, whether the tunnel is certain to stay down without the settings that a later one writes."""
    writing = [
        found if any(each.findings for each in wanted.values()) else []
        for found, (wanted, dummy) in zip(turns, wishes, strict=True)
    ]
    return [keeps_down(writing[turn:], causes) for turn in range(1, len(turns) + 1)]


def _drop_reinitiation(steps: list[Step]) -> list[Step]:
    """The steps that write settings, without those that re-establish: another cause is certain to prevent that."""
    return [replace(step, reinitiate=False) for step in steps if step.phase not in ("retire", "establish")]


def _restarts(end: End) -> bool:
    """Whether to load its file ends live SAs: those of children that are started, if anything was edited."""
    return bool(end.connection.differs) and any("start" in child.start_action for child in end.connection.children)


def _can_initiate(end: End) -> bool:
    """Whether an end can initiate: it knows an address of its peer."""
    return bool(list_explicit(end.connection.remote_addrs))


def _order_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """By turn and phase; one daemon step for each gateway and state, however many tunnels ask for it."""
    merged: dict[tuple[object, ...], Step] = {}
    for step in steps:
        turn = 0 if step.do == "daemon" else step.turn
        key = (turn, step.phase, step.gateway, step.do, step.connection, step.child, step.state)
        if key in merged:
            step = replace(merged[key], findings=tuple(dict.fromkeys((*merged[key].findings, *step.findings))))  # noqa: PLW2901
        merged[key] = step
    started = {step.gateway for step in merged.values() if step.state == "started"}
    kept = (step for step in merged.values() if not (step.state == "loaded" and step.gateway in started))
    return tuple(sorted(kept, key=lambda step: (step.turn, PHASES.index(step.phase))))
