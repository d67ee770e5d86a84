"""The course of a change: what has come of it so far, and what follows from that. Pure; a role does what it says.

A record goes from event to event. What is to be done next is read off it (`todo`), so a role remembers nothing.
One guard covers a gateway. So tunnels of a batch that share a gateway share their fate: where one fails, all that its
gateways would undo are rolled back with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..errors import RefusedError
from ..model import ChangeRecord, GuardOf, Measured, Picture, Status, Step, Taken, TunnelChange, plain
from ..selection import selected
from .batches import batches, stand_ins
from .judge import another, lost, spread, unproven
from .picture import Found, Seen, carrying, managed_through, picture
from .steps import fate, intended, steps_of, to_watch, trouble, with_results

UNDONE: tuple[Status, ...] = ("rolled_back", "failed", "failing")


@dataclass(frozen=True, slots=True)
class Heard:
    """What an event brings: the time, a look at the fleet, registered results by gateway, and what the user gave."""

    now: datetime
    seen: Seen = field(default_factory=Seen)
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    taken: tuple[tuple[str, Taken], ...] = ()  # steps that were run so far, with their tunnels
    outages: tuple[tuple[str, Measured], ...] = ()  # with their tunnels
    batch: int = 0
    closed: str = ""  # why there is no room for another batch
    redundant: tuple[tuple[str, ...], ...] = ()
    goes_on: Callable[[str], bool] = bool  # whether a run, by its name, still goes on
    only: tuple[str, ...] = ()  # names and patterns of the tunnels that alone are changed


def opened(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """A guard of this ticket stands where a run was interrupted: before all else what it would undo is undone, or kept.

    Raises:
        RefusedError: that run still goes on.
    """
    standing = {name: gateway.guard for name, gateway in heard.seen.gateways.items() if gateway.guard}
    ours = {n: g for n, g in standing.items() if g.name == record.order.ticket and n in record.order.hosts}
    for name, guard in ours.items():
        if heard.goes_on(guard.run):
            hint = "wait for its end, or undo it with the playbook tunnelwright.ipsec.rollback"
            raise RefusedError(f"{guard.run} is at work on {guard.name}", where=name, hint=hint)
    undone = _with_peers({name for name, guard in ours.items() if guard.state != "proven"}, heard.seen)
    guards: dict[str, GuardOf] = {name: "armed" if name in undone else "proven" for name in ours}
    return replace(record, guards=guards)


def planned(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """Which tunnels are to be changed, in which batches: by name, those that carry management last.

    Raises:
        IpsecError: no tunnel has a name that was asked for.
    """
    seen, hosts = heard.seen, set(record.order.hosts)
    changed = {step.tunnel for step in seen.steps if step.gateway in hosts}
    wanted = [name for name in selected(seen.tunnels, heard.only, seen.unreadable) if name in changed]
    managed = {name: managed_through(seen.tunnels[name], seen.gateways) for name in wanted}
    names = sorted(wanted, key=lambda name: bool(managed[name]))
    others = stand_ins({name: seen.tunnels[name].ends for name in names}, seen.gateways, heard.redundant)
    order = batches(names, record.order.serial, others)
    tunnels = [
        _tunnel(seen.tunnels[name], seen, number, managed[name], others[name])
        for number, batch in enumerate(order, 1)
        for name in batch
    ]
    notes = [
        *(
            f"{name}: what an interrupted run had not confirmed was {_fate(record, name, r)}"
            for name, r in heard.results.items()
        ),
        *(f"{name} could not be read, and its tunnels are left alone: {why}" for name, why in seen.unreadable.items()),
    ]
    if heard.closed:
        notes.append(heard.closed)
    return replace(record, batches=order, tunnels=tuple(tunnels), notes=(*record.notes, *notes), guards={})


def begun(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """A batch begins, or does not: for want of time, because too many have failed, or for a stand-in that has."""
    stopped = heard.closed or _too_many(record)
    if stopped and not record.order.check:
        return _each(record, lambda t: t.status == "planned", lambda t: replace(t, status="untouched", because=stopped))

    def begin(tunnel: TunnelChange) -> TunnelChange:
        steps = steps_of(tunnel, heard.seen, record.order.hosts)
        before = picture(tunnel.name, heard.seen, heard.now)
        why = _in_the_way(record, tunnel, before)
        if why or not steps:
            return replace(
                tunnel, status="untouched" if why else "done", because=why or "nothing was left to be done", steps=()
            )
        watches = tuple(to_watch(tunnel, heard.seen, record.order.hosts))
        status: Status = "planned" if record.order.check else "under_way"
        unproven = heard.seen.left_unproven.get(tunnel.name, "") if record.order.check else ""
        return replace(
            tunnel,
            status=status,
            because=f"a run would not prove it: {unproven}" if unproven else "",
            before=before,
            steps=tuple(intended(step) for step in steps),
            watches=watches,
        )

    began = replace(record, batch=heard.batch, batch_began=heard.now.isoformat(), guards={})
    began = _each(began, lambda t: t.batch == heard.batch and t.status == "planned", begin)
    touched = {gateway for t in began.tunnels if t.status == "under_way" for gateway in _ours(began, t)}
    return replace(began, carrying=tuple(each for each in carrying(touched, heard.seen) if each.children))


def armed(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """Only tunnels go on of which every gateway is guarded."""
    guards: dict[str, GuardOf] = {g: "none" if trouble(r) else "armed" for g, r in heard.results.items()}

    def hold(tunnel: TunnelChange) -> TunnelChange:
        said = {g: trouble(heard.results.get(g)) for g in _ours(record, tunnel)}
        why = "; ".join(f"{gateway} could not be guarded: {words}" for gateway, words in said.items() if words)
        return replace(tunnel, status="untouched", because=why) if why else tunnel

    return _each(replace(record, guards=guards), lambda t: t.status == "under_way", hold)


def tried(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """After the steps and a look at both ends: what is proven may stay. It may be looked at again."""

    def judge(tunnel: TunnelChange) -> TunnelChange:
        after = picture(tunnel.name, heard.seen, heard.now)
        steps = with_results(tunnel, heard.taken)
        why = unproven(tunnel, steps, after, heard.seen, record.order) or lost(record, tunnel, heard.seen)
        status: Status = "failing" if why else "proven"
        return replace(tunnel, status=status, because=why, dragged="", after=after, steps=steps)

    return spread(_each(record, lambda t: t.status in ("under_way", "proven", "failing"), judge))


def agreed(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """Only tunnels are confirmed of which every gateway knows that they are proven, and so does as its peer does."""
    now: dict[str, GuardOf] = {g: ("armed" if trouble(r) else "proven") for g, r in heard.results.items()}
    guards = {**record.guards, **now}

    def hold(tunnel: TunnelChange) -> TunnelChange:
        said = {g: trouble(heard.results.get(g)) for g in _ours(record, tunnel)}
        why = "; ".join(
            f"{gateway} could not be told that it is proven: {words}" for gateway, words in said.items() if words
        )
        return replace(tunnel, status="failing", because=why) if why else tunnel

    return spread(_each(replace(record, guards=guards), lambda t: t.status == "proven", hold))


def confirmed(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """Guards taken off over a fresh connection. Where that failed on one end, it keeps its change as the other does."""
    now: dict[str, GuardOf] = {g: ("lost" if trouble(r) else "confirmed") for g, r in heard.results.items()}
    stays = {g for g, r in heard.results.items() if r.get("unreachable") and record.guards.get(g) == "proven"}
    guards = {**record.guards, **now}
    record = replace(record, guards=guards)

    def conclude(tunnel: TunnelChange) -> TunnelChange:
        lost = {g: trouble(heard.results.get(g)) for g in tunnel.gateways if now.get(g) == "lost"}
        why = "; ".join(f"{g} could not be confirmed: {words}" for g, words in lost.items())
        if lost and lost.keys() <= stays and any(guards.get(g) == "confirmed" for g in tunnel.gateways):
            return replace(tunnel, status="done", because=f"{why}; it keeps the change if its tunnels stay up")
        if lost:
            return replace(tunnel, status="failing", because=why)
        if all(guards.get(g) == "confirmed" for g in _ours(record, tunnel)):
            return replace(tunnel, status="done", because="")
        return tunnel

    return spread(_each(record, lambda t: t.status == "proven", conclude))


def restored(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """After rollbacks and another look: a tunnel is what it was, or it has failed for good."""
    guards: dict[str, GuardOf] = {
        **record.guards,
        **{g: "lost" if trouble(r) else "rolled_back" for g, r in heard.results.items()},
    }

    def conclude(tunnel: TunnelChange) -> TunnelChange:
        after = picture(tunnel.name, heard.seen, heard.now)
        standing = [g for g in _ours(record, tunnel) if guards.get(g) != "rolled_back"]
        said = {
            g: "it was confirmed already" if guards.get(g) == "confirmed" else trouble(heard.results.get(g))
            for g in standing
        }
        why = (
            "; ".join(f"{g} did not roll back: {words}" for g, words in said.items())
            or another(tunnel.before, after, heard.seen, tunnel)
            or lost(record, tunnel, heard.seen)
        )
        status: Status = "failed" if why else "rolled_back"
        return replace(tunnel, status=status, remains=why, after=after)

    return _each(replace(record, guards=guards), lambda t: t.status in UNDONE and t.batch == record.batch, conclude)


def measured(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """The end of a batch: what its running probes have measured; in check mode what its steps would do."""

    def take(tunnel: TunnelChange) -> TunnelChange:
        outages = tuple(outage for name, outage in heard.outages if name == tunnel.name)
        if not record.order.check:
            return replace(tunnel, outages=outages or tunnel.outages)
        steps = with_results(tunnel, heard.taken)
        refused = [f"{step.what} on {step.gateway} would fail: {step.failed}" for step in steps if step.failed]
        why = "; ".join([*refused, *filter(None, [tunnel.because])])
        status: Status = "failed" if why and tunnel.status == "planned" else tunnel.status
        return replace(tunnel, steps=steps, status=status, because=why)

    took = (heard.now - datetime.fromisoformat(record.batch_began)).total_seconds() if record.batch_began else 0.0
    longest = took if record.batch == 1 else max(record.longest, took)
    return _again(_each(replace(record, longest=longest), lambda t: t.batch == record.batch, take))


def _again(record: ChangeRecord) -> ChangeRecord:
    """Where the order says so, one more batch: the tunnels that were rolled back only because another failed."""
    dragged = [t.name for t in record.tunnels if t.batch == record.batch and t.status == "rolled_back" and t.dragged]
    if not record.order.again or not dragged:
        return record
    number = len(record.batches) + 1
    planned_anew = _each(
        record,
        lambda t: t.name in dragged,
        lambda t: replace(t, status="planned", batch=number, because="", dragged="", remains=""),
    )
    return replace(planned_anew, batches=(*record.batches, tuple(dragged)))


def ended(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """The run is over."""
    return replace(record, ended=heard.now.isoformat(timespec="seconds"))


EVENTS: Mapping[str, Callable[[ChangeRecord, Heard], ChangeRecord]] = {
    event.__name__: event
    for event in (opened, planned, begun, armed, tried, agreed, confirmed, restored, measured, ended)
}


def todo(record: ChangeRecord) -> dict[str, Any]:
    """What the role is to do next: gateways by what is to be done with their guards, and tunnels to go on with."""
    batch = [tunnel for tunnel in record.tunnels if tunnel.batch == record.batch]
    going = [t for t in batch if t.status in ("under_way", "planned", "proven", "failing")]
    touched = [t for t in batch if t.status != "untouched"]
    arm = dict.fromkeys(g for t in going if t.status in ("under_way", "planned") for g in _ours(record, t))
    standing = [g for g, state in record.guards.items() if state in ("armed", "proven")]
    failing = {g for t in batch if t.status in UNDONE for g in _ours(record, t)}
    proven = {g for t in batch if t.status == "proven" for g in _ours(record, t)}
    confirm = [g for g in standing if g in proven and g not in failing]
    first = [g for g in confirm if any(g in t.manages for t in batch if t.status == "proven")]
    return {
        "tunnels": [tunnel.name for tunnel in going],
        "arm": list(arm),
        "take_off": [g for g in standing if g not in {g for t in going for g in t.gateways}],
        "watch": _by_gateway((w.gateway, {"tunnel": t.name} | plain(w)) for t in touched for w in t.watches),
        "agree": [g for g in confirm if record.guards[g] == "armed"],
        "confirm": first or confirm,
        "look_again": [t.name for t in batch if t.status == "failing" and not any(s.failed for s in t.steps)],
        "roll_back": [g for g, state in record.guards.items() if state in ("armed", "proven", "lost") and g in failing],
        "not_restored": [t.name for t in batch if t.remains],
        "longest": record.longest,
        "unfinished": unfinished(record),
        "reasons": {
            t.name: "; ".join(filter(None, (t.because, t.remains)))
            for t in record.tunnels
            if t.status not in ("done", "planned")
        },
    }


def unfinished(record: ChangeRecord) -> str:
    """One sentence on what is not as it was to be; empty where all is."""
    by_status: dict[str, list[str]] = {}
    for tunnel in record.tunnels:
        if tunnel.status not in ("done", "planned"):
            by_status.setdefault(tunnel.status.replace("_", " "), []).append(tunnel.name)
    return "; ".join(f"{', '.join(names)} {status}" for status, names in by_status.items())


def _tunnel(found: Found, seen: Seen, batch: int, managed: tuple[str, ...], others: Iterable[str]) -> TunnelChange:
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
        steps=tuple(intended(step) for step in seen.steps if step.tunnel == found.name),
    )


def steps(record: ChangeRecord, seen: Seen) -> list[Step]:
    """The steps of the tunnels that go on, in the plan's order."""
    going = [t for t in record.tunnels if t.batch == record.batch and t.status in ("under_way", "planned")]
    wanted = [step for tunnel in going for step in steps_of(tunnel, seen, record.order.hosts)]
    return [step for step in seen.steps if step in wanted]


def _in_the_way(record: ChangeRecord, tunnel: TunnelChange, before: Picture | None) -> str:
    """Why a tunnel is left alone."""
    undone = [t.name for t in record.tunnels if t.name in tunnel.stand_ins and t.status in UNDONE]
    if undone and not record.order.again:
        return f"{undone[0]}, which stands in for it, has failed"
    return "" if before else "one of its gateways could not be read"


def _too_many(record: ChangeRecord) -> str:
    failed = [t.name for t in record.tunnels if t.status in UNDONE and not t.dragged]
    if len(failed) <= record.order.max_failed:
        return ""
    return f"the run stopped because {', '.join(failed)} failed"


def _with_peers(gateways: set[str], seen: Seen) -> set[str]:
    """These, and all that would lose a tunnel with one of them, and so on."""
    pairs = [{end.gateway for end in tunnel.ends} for tunnel in seen.tunnels.values()]
    while reached := {gateway for pair in pairs if pair & gateways for gateway in pair} - gateways:
        gateways = gateways | reached
    return gateways


def _fate(record: ChangeRecord, gateway: str, result: Mapping[str, Any]) -> str:
    kept = record.guards.get(gateway) == "proven" and not trouble(result)
    return "proven, and is kept" if kept else fate(result)


def _ours(record: ChangeRecord, tunnel: TunnelChange) -> list[str]:
    return [gateway for gateway in tunnel.gateways if gateway in record.order.hosts]


def _by_gateway(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for gateway, value in pairs:
        found.setdefault(gateway, []).append(value)
    return found


def _each(
    record: ChangeRecord, which: Callable[[TunnelChange], bool], change: Callable[[TunnelChange], TunnelChange]
) -> ChangeRecord:
    return replace(record, tunnels=tuple(change(t) if which(t) else t for t in record.tunnels))
