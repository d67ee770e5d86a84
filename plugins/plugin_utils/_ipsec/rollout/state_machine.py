# SPDX-License-Identifier: GPL-3.0-or-later
"""The course of a change: what has come of it so far, and what follows from that. Pure; a role does what it says.

Each event takes the record and returns the next one. `todo.py` derives from it what to do, so the role keeps no state.
One guard covers a gateway. So tunnels of a batch that share a gateway share their fate: where one fails, all that its
gateways would undo are rolled back with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..errors import RefusedError
from ..model import (
    GOING,
    UNDONE,
    ChangeRecord,
    GuardOf,
    OutageMeasurement,
    Status,
    Step,
    StepResult,
    TunnelChange,
    TunnelSnapshot,
)
from ..pair.selection import select_names
from .acceptance import explain_unproven, find_differences, find_lost, propagate_failure
from .batches import find_redundant, plan_batches
from .snapshot import AuditedTunnel, FleetSnapshot, find_management_tunnel, list_carrying, take_snapshot
from .steps import (
    describe_failure,
    describe_rollback,
    find_next_turn,
    find_planned_step,
    is_asked_again,
    list_steps,
    list_watches,
    merge_results,
)


@dataclass(frozen=True, slots=True)
class RunEvent:
    """What an event brings: the time, a look at the fleet, registered results by gateway, and what the user gave."""

    now: datetime
    seen: FleetSnapshot = field(default_factory=FleetSnapshot)
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    taken: tuple[tuple[str, StepResult], ...] = ()  # steps that were run so far, with their tunnels
    outages: tuple[tuple[str, OutageMeasurement], ...] = ()  # with their tunnels
    batch: int = 0
    closed: str = ""  # why there is no room for another batch
    redundant: tuple[tuple[str, ...], ...] = ()
    goes_on: Callable[[str], bool | None] = bool  # whether a run, by its name, still goes on; None: nobody can tell
    only: tuple[str, ...] = ()  # names and patterns of the tunnels that alone are changed


def opened(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """A guard of this ticket stands where a run was interrupted: before all else what it would undo is undone, or kept.

    Raises:
        RefusedError: that run still goes on, or may: it is another controller's, and its time is not over.
    """
    standing = {name: gateway.guard for name, gateway in heard.seen.gateways.items() if gateway.guard}
    ours = {n: g for n, g in standing.items() if g.name == record.order.ticket and n in record.order.hosts}
    for name, guard in ours.items():
        goes_on, left = heard.goes_on(guard.run), guard.left or 0.0
        if goes_on or (goes_on is None and guard.alive and left > 0):
            until = "for its end" if goes_on else f"{left:.0f} s, in which it ends or is rolled back"
            hint = f"wait {until}, or undo it with the playbook tunnelwright.ipsec.rollback"
            raise RefusedError(f"{guard.run} is at work on {guard.name}", where=name, hint=hint)
    undone = _add_peers({name for name, guard in ours.items() if guard.state != "proven"}, heard.seen)
    guards: dict[str, GuardOf] = {name: "armed" if name in undone else "proven" for name in ours}
    return replace(record, guards=guards)


def planned(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """Which tunnels are to be changed, in which batches: by name, those that carry management last.

    Raises:
        IpsecError: no tunnel has a name that was asked for.
    """
    seen, hosts = heard.seen, set(record.order.hosts)
    changed = {step.tunnel for step in seen.steps if step.gateway in hosts} | _find_served_tunnels(seen, hosts)
    wanted = [name for name in select_names(seen.tunnels, heard.only, seen.unreadable) if name in changed]
    managed = {name: find_management_tunnel(seen.tunnels[name], seen.gateways) for name in wanted}
    names = sorted(wanted, key=lambda name: bool(managed[name]))
    others = find_redundant({name: seen.tunnels[name].ends for name in names}, seen.gateways, heard.redundant)
    order = plan_batches(names, record.order.serial, others)
    tunnels = [
        _build_tunnel_change(seen.tunnels[name], seen, number, managed[name], others[name])
        for number, batch in enumerate(order, 1)
        for name in batch
    ]
    notes = [
        *(
            f"{name}: what an interrupted run had not confirmed was {_describe_fate(record, name, r)}"
            for name, r in heard.results.items()
        ),
        *(f"{name} could not be read, and its tunnels are left alone: {why}" for name, why in seen.unreadable.items()),
    ]
    if heard.closed:
        notes.append(heard.closed)
    return replace(record, batches=order, tunnels=tuple(tunnels), notes=(*record.notes, *notes), guards={})


def begun(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """A batch begins, or does not: for want of time, because too many have failed, or for a stand-in that has."""
    stopped = heard.closed or _explain_stop(record)
    if stopped and not record.order.check:
        return _map(record, lambda t: t.status == "planned", lambda t: _leave(t, stopped))

    def begin(tunnel: TunnelChange) -> TunnelChange:
        steps = list_steps(tunnel, heard.seen, record.order.hosts)
        before = take_snapshot(tunnel.name, heard.seen, heard.now)
        why = _explain_untouched(record, tunnel, before)
        if why or not steps:
            because = "" if tunnel.kept else "nothing was left to be done"
            left = replace(tunnel, steps=_keep_steps(tunnel))
            return _leave(left, why) if why else replace(left, status="done", because=because)
        ours = (
            [find_planned_step(step, step.turn) for step in steps]
            if record.order.check
            else _plan_round(_keep_steps(tunnel), steps)
        )
        watches = tuple(list_watches(tunnel, heard.seen, record.order.hosts))
        status: Status = "planned" if record.order.check else "under_way"
        unproven = heard.seen.left_unproven.get(tunnel.name, "") if record.order.check else ""
        return replace(
            tunnel,
            status=status,
            because=f"a run would not prove it: {unproven}" if unproven else "",
            before=tunnel.before or before,
            baseline=before,
            steps=(*_keep_steps(tunnel), *ours),
            watches=watches,
        )

    began = replace(record, batch=heard.batch, following=0, batch_began=heard.now.isoformat(), guards={})
    began = _map(began, lambda t: t.batch == heard.batch and t.status == "planned", begin)
    touched = {gateway for t in began.tunnels if t.status == "under_way" for gateway in began.ours(t)}
    return replace(
        began, carrying=tuple(each for each in list_carrying(touched, heard.seen) if each.children or each.up)
    )


def armed(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """Only tunnels go on of which every gateway is guarded; before a later round it is guarded for longer."""
    guards: dict[str, GuardOf] = {
        g: record.guards.get(g, "none") if describe_failure(r) else "armed" for g, r in heard.results.items()
    }

    def hold(tunnel: TunnelChange) -> TunnelChange:
        said = {g: describe_failure(heard.results.get(g)) for g in record.ours(tunnel)}
        why = "; ".join(f"{gateway} could not be guarded: {words}" for gateway, words in said.items() if words)
        changed = any(step.ran and step.round > tunnel.kept for step in tunnel.steps)
        return (replace(tunnel, status="failing", because=why) if changed else _leave(tunnel, why)) if why else tunnel

    return _map(
        replace(record, guards={**record.guards, **guards}),
        lambda t: t.batch == record.batch and t.status in GOING,
        hold,
    )


def _was_working(before: TunnelSnapshot | None) -> bool:
    return before is not None and before.crosswise and before.traffic is not False


def tried(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """After the steps and a look at both ends: what is proven may stay. It may be looked at again."""

    def judge(tunnel: TunnelChange) -> TunnelChange:
        after = take_snapshot(tunnel.name, heard.seen, heard.now)
        steps = merge_results(tunnel, heard.taken)
        why = explain_unproven(tunnel, steps, after, heard.seen, record.order) or find_lost(record, tunnel, heard.seen)
        status: Status = "failing" if why else "proven"
        more = not why and bool(list_steps(tunnel, heard.seen, record.order.hosts))
        return replace(tunnel, status=status, because=why, dragged="", after=after, steps=steps, more=more)

    return propagate_failure(_map(record, lambda t: t.status in ("under_way", "proven", "failing"), judge))


def continued(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """What is not proven yet and has another cause goes on with that, under the same guard, if there is time for it."""
    if heard.closed:
        return record

    def go_on(tunnel: TunnelChange) -> TunnelChange:
        steps = list_steps(tunnel, heard.seen, record.order.hosts)
        seen = take_snapshot(tunnel.name, heard.seen, heard.now) is not None
        ran = [step for step in tunnel.steps if step.ran]
        last = max((step.round for step in tunnel.steps), default=0)
        harmed = _was_working(tunnel.baseline) or find_lost(record, tunnel, heard.seen)
        idle = all(step.round < last for step in ran)
        if tunnel.dragged or harmed or idle or not seen or not steps or is_asked_again(ran, steps):
            return tunnel
        return replace(
            tunnel, status="under_way", because="", steps=(*tunnel.steps, *_plan_round(tunnel.steps, steps)), more=False
        )

    return _map(record, lambda t: t.batch == record.batch and t.status == "failing", go_on)


def agreed(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """Only tunnels are confirmed of which every gateway knows that they are proven, and so does as its peer does."""
    now: dict[str, GuardOf] = {g: ("armed" if describe_failure(r) else "proven") for g, r in heard.results.items()}
    guards = {**record.guards, **now}

    def hold(tunnel: TunnelChange) -> TunnelChange:
        said = {g: describe_failure(heard.results.get(g)) for g in record.ours(tunnel)}
        why = "; ".join(
            f"{gateway} was not informed that the change is proven: {words}" for gateway, words in said.items() if words
        )
        return replace(tunnel, status="failing", because=why) if why else tunnel

    return propagate_failure(_map(replace(record, guards=guards), lambda t: t.status == "proven", hold))


def confirmed(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """Guards taken off over a fresh connection. Where that failed on one end, it keeps its change as the other does."""
    now: dict[str, GuardOf] = {g: ("lost" if describe_failure(r) else "confirmed") for g, r in heard.results.items()}
    stays = {g for g, r in heard.results.items() if r.get("unreachable") and record.guards.get(g) == "proven"}
    guards = {**record.guards, **now}
    record = replace(record, guards=guards)

    def conclude(tunnel: TunnelChange) -> TunnelChange:
        lost = {g: describe_failure(heard.results.get(g)) for g in tunnel.gateways if now.get(g) == "lost"}
        why = "; ".join(f"{g} could not be confirmed: {words}" for g, words in lost.items())
        if lost and lost.keys() <= stays and any(guards.get(g) == "confirmed" for g in tunnel.gateways):
            return replace(tunnel, status="done", because=f"{why}; it keeps the change if its tunnels stay up")
        if lost:
            return replace(tunnel, status="failing", because=why)
        if all(guards.get(g) == "confirmed" for g in record.ours(tunnel)):
            return replace(tunnel, status="done", because="")
        return tunnel

    return propagate_failure(_map(record, lambda t: t.status == "proven", conclude))


def restored(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """After rollbacks and another look: a tunnel is what it was, or it has failed for good."""
    guards: dict[str, GuardOf] = {
        **record.guards,
        **{g: "lost" if describe_failure(r) else "rolled_back" for g, r in heard.results.items()},
    }

    def conclude(tunnel: TunnelChange) -> TunnelChange:
        after = take_snapshot(tunnel.name, heard.seen, heard.now)
        standing = [g for g in record.ours(tunnel) if guards.get(g) != "rolled_back"]
        said = {
            g: "it was confirmed already" if guards.get(g) == "confirmed" else describe_failure(heard.results.get(g))
            for g in standing
        }
        why = (
            "; ".join(f"{g} did not roll back: {words}" for g, words in said.items())
            or find_differences(tunnel.baseline, after, heard.seen, tunnel)
            or find_lost(record, tunnel, heard.seen)
        )
        status: Status = "failed" if why else "rolled_back"
        return replace(tunnel, status=status, remains=why, after=after)

    return _map(replace(record, guards=guards), lambda t: t.status in UNDONE and t.batch == record.batch, conclude)


def measured(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """The end of a batch: what its running probes have measured; in check mode what its steps would do."""

    def take(tunnel: TunnelChange) -> TunnelChange:
        outages = tuple(outage for name, outage in heard.outages if name == tunnel.name)
        if not record.order.check:
            return replace(tunnel, outages=outages or tunnel.outages)
        steps = merge_results(tunnel, heard.taken)
        refused = [f"{step.what} on {step.gateway} would fail: {step.failed}" for step in steps if step.failed]
        why = "; ".join([*refused, *filter(None, [tunnel.because])])
        status: Status = "failed" if why and tunnel.status == "planned" else tunnel.status
        return replace(tunnel, steps=steps, status=status, because=why)

    took = (heard.now - datetime.fromisoformat(record.batch_began)).total_seconds() if record.batch_began else 0.0
    longest = took if record.batch == 1 else max(record.longest, took)
    return _add_batch(_map(replace(record, longest=longest), lambda t: t.batch == record.batch, take))


def _add_batch(record: ChangeRecord) -> ChangeRecord:
    """A batch more for what this one leaves: the rest of what is proven, and by order what only fell with another."""
    rest = [t.name for t in record.tunnels if t.batch == record.batch and _has_rest(record, t)]
    fell = [t.name for t in record.tunnels if t.batch == record.batch and t.status == "rolled_back" and t.dragged]
    names = [*rest, *(fell if record.order.again else ())]
    if not names:
        return record
    number = len(record.batches) + 1

    def plan_anew(tunnel: TunnelChange) -> TunnelChange:
        kept = max((step.round for step in tunnel.steps), default=0) if tunnel.name in rest else tunnel.kept
        anew = replace(
            tunnel, status="planned", batch=number, kept=kept, more=False, because="", dragged="", remains=""
        )
        return replace(anew, steps=_keep_steps(anew))

    planned_anew = _map(record, lambda t: t.name in names, plan_anew)
    return replace(planned_anew, batches=(*record.batches, tuple(names)), following=number)


def ended(record: ChangeRecord, heard: RunEvent) -> ChangeRecord:
    """The run is over."""
    return replace(record, ended=heard.now.isoformat(timespec="seconds"))


EVENTS: Mapping[str, Callable[[ChangeRecord, RunEvent], ChangeRecord]] = {
    event.__name__: event
    for event in (opened, planned, begun, armed, tried, continued, agreed, confirmed, restored, measured, ended)
}


def _build_tunnel_change(
    found: AuditedTunnel, seen: FleetSnapshot, batch: int, managed: tuple[str, ...], others: Iterable[str]
) -> TunnelChange:
    expected, because = seen.outages.get(found.name, (None, ""))
    return TunnelChange(
        found.name,
        found.ends,
        found.initiator,
        batch,
        manages=managed,
        stand_ins=tuple(sorted(others)),
        expected=expected,
        expected_because=because,
        steps=tuple(find_planned_step(step) for step in seen.steps if step.tunnel == found.name),
    )


def _explain_untouched(record: ChangeRecord, tunnel: TunnelChange, before: TunnelSnapshot | None) -> str:
    """Why a tunnel is left alone."""
    undone = [t.name for t in record.tunnels if t.name in tunnel.stand_ins and t.status in UNDONE]
    if undone and not record.order.again:
        return f"{undone[0]}, which stands in for it, has failed"
    return "" if before else "one of its gateways could not be read"


def _explain_stop(record: ChangeRecord) -> str:
    failed = [t.name for t in record.tunnels if t.status in UNDONE and not t.dragged]
    if len(failed) <= record.order.max_failed:
        return ""
    return f"the run stopped because {', '.join(failed)} failed"


def _find_served_tunnels(seen: FleetSnapshot, hosts: Collection[str]) -> set[str]:
    """The tunnels for which a daemon is started or loaded: one step, noted for one of them, serves all of them."""
    steps = [step for step in seen.steps if step.do == "daemon" and step.gateway in hosts]
    daemons = {(step.gateway, finding) for step in steps for finding in step.findings}
    return {
        finding.tunnel
        for finding in seen.findings
        if finding.tunnel in seen.tunnels and (finding.end.gateway, finding.id) in daemons
    }


def _add_peers(gateways: set[str], seen: FleetSnapshot) -> set[str]:
    """These, and all that would lose a tunnel with one of them, and so on."""
    pairs = [{end.gateway for end in tunnel.ends} for tunnel in seen.tunnels.values()]
    while reached := {gateway for pair in pairs if pair & gateways for gateway in pair} - gateways:
        gateways = gateways | reached
    return gateways


def _describe_fate(record: ChangeRecord, gateway: str, result: Mapping[str, Any]) -> str:
    kept = record.guards.get(gateway) == "proven" and not describe_failure(result)
    return "proven, and is kept" if kept else describe_rollback(result)


def _leave(tunnel: TunnelChange, why: str) -> TunnelChange:
    """What is not begun, or not gone on with."""
    because = f"what was repaired first stays, and the rest is not begun: {why}" if tunnel.kept else why
    return replace(tunnel, status="untouched", because=because)


def _has_rest(record: ChangeRecord, tunnel: TunnelChange) -> bool:
    """Whether a tunnel has something left to be done, and is confirmed on all its gateways."""
    confirmed = all(record.guards.get(gateway) == "confirmed" for gateway in record.ours(tunnel))
    return tunnel.status == "done" and tunnel.more and confirmed


def _keep_steps(tunnel: TunnelChange) -> tuple[StepResult, ...]:
    """The steps of a tunnel that no rollback takes back any more."""
    return tuple(step for step in tunnel.steps if step.round <= tunnel.kept)


def _plan_round(before: Sequence[StepResult], steps: Sequence[Step]) -> list[StepResult]:
    """The steps whose turn it is, as those of the round after the last."""
    number = max((step.round for step in before), default=0) + 1
    return [find_planned_step(step, number) for step in find_next_turn(steps)]


def _map(
    record: ChangeRecord, which: Callable[[TunnelChange], bool], change: Callable[[TunnelChange], TunnelChange]
) -> ChangeRecord:
    return replace(record, tunnels=tuple(change(t) if which(t) else t for t in record.tunnels))
