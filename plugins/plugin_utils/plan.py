"""Findings to steps: which module runs on which gateway with what, in an order that keeps tunnels up.

The phases: daemons are started and loaded, the responder is changed, then the initiator, stale SAs are retired,
the initiator establishes, a periodic check is installed. A live SA keeps the settings it was made with
(strongSwan: it holds its old configuration for life), so a tunnel that is changed is re-initiated, once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .model import Change, End, Finding, Phase, Step, Tunnel

PHASES: tuple[Phase, ...] = ("prepare", "responder", "initiator", "retire", "establish", "persist")
DECLARED = "setting-deviates"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, and what to tell those who run gateways that are not ours to change."""

    steps: tuple[Step, ...] = ()
    advice: tuple[str, ...] = ()


@dataclass(slots=True)
class _Wanted:
    """The settings one end is to get."""

    settings: dict[str, str] = field(default_factory=dict)
    children: dict[str, dict[str, str]] = field(default_factory=dict)
    psk: bool = False
    findings: dict[str, None] = field(default_factory=dict)


def plan(tunnels: Iterable[Tunnel], findings: Iterable[Finding], *, limit: Iterable[str] | None = None) -> Plan:
    """The steps that these findings ask for on these tunnels. `limit`: gateways that may be changed; None is all."""
    allowed = None if limit is None else frozenset(limit)
    by_tunnel: dict[str, list[Finding]] = {}
    for finding in findings:
        by_tunnel.setdefault(finding.tunnel, []).append(finding)
    steps: list[Step] = []
    advice: list[str] = []
    for tunnel in tunnels:
        found = by_tunnel.get(tunnel.name, [])
        if found:
            ours, theirs = _split(_steps(tunnel, found), allowed)
            steps += ours if not theirs else _alone(tunnel, ours)
            advice += [_advice(step) for step in theirs]
    return Plan(_ordered(steps), tuple(dict.fromkeys(advice)))


def _steps(tunnel: Tunnel, findings: list[Finding]) -> list[Step]:
    """All steps of one tunnel, whoever may take them."""
    wanted = {end.gateway.name: _Wanted() for end in tunnel.ends}
    others: list[Step] = []
    for finding in sorted(findings, key=lambda f: f.id == DECLARED):  # what is declared has the last word
        for fix in finding.fix:
            if isinstance(fix, Change):
                _want(wanted[fix.end.gateway], fix, finding.id)
            elif fix.do == "connection":
                wanted[fix.gateway].psk = True
                wanted[fix.gateway].findings[finding.id] = None
            else:
                others.append(replace(fix, findings=(finding.id,)))
    settings = [
        _connection(tunnel, end, wanted[end.gateway.name])
        for end in (tunnel.answering, tunnel.initiating)
        if wanted[end.gateway.name].findings
    ]
    return [*settings, *_live(tunnel, settings, others)]


def _want(wanted: _Wanted, change: Change, finding: str) -> None:
    target = wanted.settings if change.end.child is None else wanted.children.setdefault(change.end.child, {})
    target[change.setting] = change.value
    wanted.findings[finding] = None


def _connection(tunnel: Tunnel, end: End, wanted: _Wanted) -> Step:
    initiates = end is tunnel.initiating
    return Step(
        "initiator" if initiates else "responder",
        end.gateway.name,
        "connection",
        end.connection.name,
        settings=wanted.settings,
        children=wanted.children,
        psk=wanted.psk,
        reinitiate=initiates and not _restarts(tunnel),
        tunnel=tunnel.name,
        findings=tuple(wanted.findings),
    )


def _live(tunnel: Tunnel, settings: list[Step], others: list[Step]) -> list[Step]:
    """Steps that are not settings; a changed tunnel is initiated anew once, here if no settings step does it."""
    rest = [step for step in others if step.phase != "establish"]
    establishing = [step for step in others if step.phase == "establish"]
    if settings:
        rest = [step for step in rest if step.phase != "retire"]  # re-initiating retires what was there
        if _restarts(tunnel):
            rest.append(_dropped(tunnel, settings))
        establishing = [_after(tunnel, settings)] if not _does_it_itself(settings[-1]) else []
    anew = [replace(step, phase="establish") for step in rest if step.state == "reinitiated"]
    if anew and any(step.state == "terminated" for step in rest):  # only after the other end has dropped its own
        rest = [step for step in rest if step.state != "reinitiated"]
        establishing = anew
    whole = [step for step in establishing if step.child is None]
    return [*rest, *(whole[:1] or establishing)]


def _does_it_itself(last: Step) -> bool:
    """Whether the last settings step re-initiates: it does where it changes something; a key may be right already."""
    return last.reinitiate and bool(last.settings or last.children)


def _restarts(tunnel: Tunnel) -> bool:
    """Whether the responder's live SAs start the tunnel again when the initiator closes them."""
    end = tunnel.answering
    return bool(end.sas) and any("start" in child.close_action for child in end.connection.children)


def _dropped(tunnel: Tunnel, settings: list[Step]) -> Step:
    """The responder drops those SAs itself: what an end closes itself triggers no close action there."""
    end = tunnel.answering
    return replace(
        _after(tunnel, settings),
        phase="retire",
        gateway=end.gateway.name,
        connection=end.connection.name,
        state="terminated",
    )


def _after(tunnel: Tunnel, settings: list[Step]) -> Step:
    """The initiator makes the tunnel anew with the changed settings, or sees to it that its own close action has."""
    end = tunnel.initiating
    state = "established" if _restarts(tunnel) else "reinitiated"
    ids = tuple(dict.fromkeys(name for step in settings for name in step.findings))
    return Step("establish", end.gateway.name, "sa", end.connection.name, state=state, tunnel=tunnel.name, findings=ids)


def _split(steps: list[Step], allowed: frozenset[str] | None) -> tuple[list[Step], list[Step]]:
    if allowed is None:
        return steps, []
    return [s for s in steps if s.gateway in allowed], [s for s in steps if s.gateway not in allowed]


def _alone(tunnel: Tunnel, steps: list[Step]) -> list[Step]:
    """Our end's steps where others are not ours to take: our own settings are made live from here, if this end can.

    Establishing would only show what the other end still lacks.
    """
    alone = []
    for step in steps:
        if step.do == "connection":
            able = tunnel.end(step.gateway).connection.remote_addrs != ("%any",)
            alone.append(replace(step, reinitiate=able))
        elif step.phase != "establish":
            alone.append(step)
    return alone


def _ordered(steps: Iterable[Step]) -> tuple[Step, ...]:
    """By phase; one daemon step for each gateway and state, however many tunnels ask for it."""
    merged: dict[tuple[object, ...], Step] = {}
    for step in steps:
        key = (step.phase, step.gateway, step.do, step.connection, step.child, step.state)
        if key in merged:
            step = replace(merged[key], findings=tuple(dict.fromkeys((*merged[key].findings, *step.findings))))  # noqa: PLW2901
        merged[key] = step
    started = {step.gateway for step in merged.values() if step.state == "started"}
    kept = (step for step in merged.values() if not (step.state == "loaded" and step.gateway in started))
    return tuple(sorted(kept, key=lambda step: PHASES.index(step.phase)))


def _advice(step: Step) -> str:
    """What somebody else is to do on a gateway that is not ours to change, as a sentence to send."""
    what = (
        "; ".join(_assignments(step))
        or {
            "daemon": f"have the IKE daemon {step.state}",
            "sa": f"have {step.child or 'the tunnel'} {step.state}",
            "keepalive": f"install a periodic check for {step.child}",
            "connection": "set the pre-shared key that was agreed on",
        }[step.do]
    )
    where = f"connection {step.connection}: " if step.connection else ""
    return f"{step.gateway}: {where}{what} ({step.tunnel}: {', '.join(step.findings)})"


def _assignments(step: Step) -> Iterable[str]:
    yield from (f"set {key} = {value}" for key, value in step.settings.items())
    for child, settings in step.children.items():
        yield from (f"set {key} = {value} of child {child}" for key, value in settings.items())
