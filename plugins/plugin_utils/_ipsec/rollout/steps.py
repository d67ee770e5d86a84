# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a tunnel's change, what came of them, and what to ping meanwhile."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import extract_reason
from ..model import OutageWatch, Step, StepResult, TunnelChange
from .snapshot import FleetSnapshot


def list_steps(tunnel: TunnelChange, seen: FleetSnapshot, hosts: Sequence[str]) -> list[Step]:
    """A tunnel's steps by the last look, with what its gateways' daemons need, whichever tunnel that was noted for."""
    return [
        step
        for step in seen.steps
        if step.gateway in hosts
        and (step.tunnel == tunnel.name or (step.do == "daemon" and step.gateway in tunnel.gateways))
    ]


def list_results(results: Iterable[Mapping[str, Any]], steps_: Iterable[Step]) -> tuple[tuple[str, StepResult], ...]:
    """Steps with what came of them, from registered results in the same order."""
    found = []
    for result, step in zip(results, steps_, strict=True):
        plan = find_planned_step(step)
        about: Mapping[str, Any] = result.get("connection") or {}
        old, new = (about.get(side) or {} for side in ("before", "after"))
        settings = {str(key): (_format_value(old.get(key)), _format_value(new.get(key))) for key in {**old, **new}}
        done = replace(
            plan,
            settings=settings if about else plan.settings,
            ran=True,
            changed=bool(result.get("changed")),
            failed=describe_failure(result),
        )
        found.append((step.tunnel, done))
    return tuple(found)


def find_planned_step(step: Step, number: int = 1) -> StepResult:
    """A step that was not run yet: of its settings the new value is known."""
    named = {**step.settings, **{f"{c}.{key}": v for c, given in step.children.items() for key, v in given.items()}}
    what = " ".join(part for part in (step.do, step.target, step.state) if part)
    settings = {key: (None, value) for key, value in named.items()}
    return StepResult(step.phase, step.gateway, what, settings, step.psk, findings=step.findings, round=number)


def find_next_turn(steps: Sequence[Step]) -> list[Step]:
    """Of a tunnel's steps those whose turn it is."""
    first = min((step.turn for step in steps), default=0)
    return [step for step in steps if step.turn == first]


def is_asked_again(ran: Iterable[StepResult], steps: Iterable[Step]) -> Step | None:
    """A step that was taken already and is asked for again, so that it did not help."""
    done: dict[tuple[str, str], set[str]] = {}
    for each in ran:
        done.setdefault((each.gateway, each.what), set()).update(each.findings)
    for step in steps:
        plan = find_planned_step(step)
        if done.get((plan.gateway, plan.what), set()).intersection(plan.findings):
            return step
    return None


def merge_results(tunnel: TunnelChange, results: Sequence[tuple[str, StepResult]]) -> tuple[StepResult, ...]:
    """A tunnel's steps with what came of those that were run, in the order in which they were; the last runs count."""
    came: dict[tuple[str, ...], deque[StepResult]] = {}
    for name, step in results:
        if name == tunnel.name or _is_daemon(step):
            came.setdefault(_build_key(step), deque()).append(step)
    for key, number in Counter(map(_build_key, tunnel.steps)).items():
        while len(came.get(key, ())) > number:
            came[key].popleft()
    return tuple(
        replace(came[_build_key(step)].popleft(), round=step.round) if came.get(_build_key(step)) else step
        for step in tunnel.steps
    )


def _build_key(step: StepResult) -> tuple[str, ...]:
    """What tells steps apart: what they do and why; a daemon's step is shared, whatever each tunnel wants it for."""
    return step.phase, step.gateway, step.what, *(() if _is_daemon(step) else step.findings)


def _is_daemon(step: StepResult) -> bool:
    return step.what.startswith("daemon")


def list_watches(tunnel: TunnelChange, seen: FleetSnapshot, hosts: Sequence[str]) -> Iterator[OutageWatch]:
    """What to ping while it changes: from the end that initiates, or the one that is not managed through it."""
    ends = sorted(
        (end for end in tunnel.ends if end.gateway in hosts),
        key=lambda end: (end.gateway in tunnel.manages, end.gateway != tunnel.initiator),
    )
    for end in ends[:1]:
        for probe in seen.to_probe.get(end.gateway, ()):
            pings: Any = probe["pings"]
            if probe["connection"] == end.connection and pings:
                yield OutageWatch(
                    end.gateway, end.connection, str(probe["child"]), str(pings[0]["from"]), str(pings[0]["to"])
                )


def _format_value(value: object) -> str | None:
    return None if value is None else str(value)


def describe_failure(result: Mapping[str, Any] | None) -> str:
    """Why a task did not do what it was to do; empty where it did."""
    if result is None:
        return "it was not asked"
    if result.get("unreachable"):
        return "it could not be reached"
    if not result.get("failed"):
        return ""
    return extract_reason(result)


def describe_rollback(result: Mapping[str, Any]) -> str:
    """What came of a rollback, for the record's notes."""
    why = describe_failure(result)
    return f"not rolled back: {why}" if why else "rolled back"
