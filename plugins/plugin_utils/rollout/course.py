"""The course of a change: what has come of it so far, and what follows from that. Pure; a role does what it says.

A record goes from event to event. What is to be done next is read off it (`todo`), so a role remembers nothing.
One guard covers a gateway. So tunnels of a batch that share a gateway share their fate: where one fails, all that its
gateways would undo are rolled back with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..model import ChangeRecord, GuardOf, Outage, Picture, Status, Step, Taken, TunnelChange, Watch, plain
from .batches import batches, stand_ins
from .picture import Found, Seen, managed_through, picture

UNDONE: tuple[Status, ...] = ("rolled_back", "failed", "failing")


@dataclass(frozen=True, slots=True)
class Heard:
    """What an event brings: the time, a look at the fleet, registered results by gateway, and what the user gave."""

    now: datetime
    seen: Seen = field(default_factory=Seen)
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    taken: tuple[tuple[str, Taken], ...] = ()  # steps that were run so far, with their tunnels
    outages: tuple[tuple[str, Outage], ...] = ()  # with their tunnels
    batch: int = 0
    closed: str = ""  # why there is no room for another batch
    redundant: tuple[tuple[str, ...], ...] = ()


def planned(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """Which tunnels are to be changed, in which batches; those that somebody manages a gateway through come last."""
    seen, hosts = heard.seen, set(record.order.hosts)
    wanted = dict.fromkeys(step.tunnel for step in seen.steps if step.tunnel in seen.tunnels and step.gateway in hosts)
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
        f"{name} could not be read, and its tunnels are left alone: {why}" for name, why in seen.unreadable.items()
    ]
    return replace(record, batches=order, tunnels=tuple(tunnels), notes=(*record.notes, *notes))


def begun(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """A batch begins, or does not: for want of time, because too many have failed, or for a stand-in that has."""
    stopped = heard.closed or _too_many(record)
    if stopped and not record.order.check:
        return _each(record, lambda t: t.status == "planned", lambda t: replace(t, status="untouched", because=stopped))

    def begin(tunnel: TunnelChange) -> TunnelChange:
        steps = _steps(tunnel, heard.seen, record.order.hosts)
        before = picture(tunnel.name, heard.seen, heard.now)
        why = _in_the_way(record, tunnel, before, steps)
        if why:
            return replace(tunnel, status="untouched", because=why)
        watches = tuple(_watches(tunnel, heard.seen, record.order.hosts))
        status: Status = "planned" if record.order.check else "under_way"
        return replace(
            tunnel,
            status=status,
            before=before,
            steps=tuple(_intended(step) for step in steps),
            watches=watches,
        )

    began = replace(record, batch=heard.batch, batch_began=heard.now.isoformat(), guards={})
    return _each(began, lambda t: t.batch == heard.batch and t.status == "planned", begin)


def armed(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """Only tunnels go on of which every gateway is guarded."""
    guards: dict[str, GuardOf] = {g: "none" if _trouble(r) else "armed" for g, r in heard.results.items()}

    def hold(tunnel: TunnelChange) -> TunnelChange:
        trouble = {g: _trouble(heard.results.get(g)) for g in _ours(record, tunnel)}
        why = "; ".join(f"{gateway} could not be guarded: {said}" for gateway, said in trouble.items() if said)
        return replace(tunnel, status="untouched", because=why) if why else tunnel

    return _each(replace(record, guards=guards), lambda t: t.status == "under_way", hold)


def tried(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """After the steps and a look at both ends: what is proven may stay. It may be looked at again."""

    def judge(tunnel: TunnelChange) -> TunnelChange:
        after = picture(tunnel.name, heard.seen, heard.now)
        steps = _with_results(tunnel, heard.taken)
        why = _unproven(tunnel, steps, after, heard.seen, record.order.hosts)
        status: Status = "failing" if why else "proven"
        return replace(tunnel, status=status, because=why, dragged="", after=after, steps=steps)

    return _spread(_each(record, lambda t: t.status in ("under_way", "proven", "failing"), judge))


def confirmed(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """Guards taken off over a fresh connection; where that failed, the other end is not to keep its change."""
    now = {g: ("lost" if _trouble(r) else "confirmed") for g, r in heard.results.items()}
    guards: dict[str, GuardOf] = {**record.guards, **now}  # type: ignore[dict-item]
    record = replace(record, guards=guards)

    def conclude(tunnel: TunnelChange) -> TunnelChange:
        trouble = [
            f"{g} could not be confirmed: {_trouble(heard.results.get(g))}"
            for g in tunnel.gateways
            if now.get(g) == "lost"
        ]
        if trouble:
            return replace(tunnel, status="failing", because="; ".join(trouble))
        if all(guards.get(g) == "confirmed" for g in _ours(record, tunnel)):
            return replace(tunnel, status="done", because="")
        return tunnel

    return _spread(_each(record, lambda t: t.status == "proven", conclude))


def restored(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """After rollbacks and another look: a tunnel is what it was, or it has failed for good."""
    guards: dict[str, GuardOf] = {
        **record.guards,
        **{g: "lost" if _trouble(r) else "rolled_back" for g, r in heard.results.items()},
    }

    def conclude(tunnel: TunnelChange) -> TunnelChange:
        after = picture(tunnel.name, heard.seen, heard.now)
        why = "; ".join(
            f"{g} did not roll back: {_trouble(heard.results.get(g)) or 'its change was confirmed already'}"
            for g in _ours(record, tunnel)
            if guards.get(g) != "rolled_back"
        ) or _another(tunnel.before, after, heard.seen, tunnel)
        status: Status = "failed" if why else "rolled_back"
        return replace(tunnel, status=status, remains=why, after=after)

    return _each(replace(record, guards=guards), lambda t: t.status in UNDONE and t.batch == record.batch, conclude)


def measured(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """The end of a batch: what its running probes have measured; in check mode what its steps would do."""

    def take(tunnel: TunnelChange) -> TunnelChange:
        outages = tuple(outage for name, outage in heard.outages if name == tunnel.name)
        steps = _with_results(tunnel, heard.taken) if record.order.check else tunnel.steps
        return replace(tunnel, outages=outages or tunnel.outages, steps=steps)

    took = (heard.now - datetime.fromisoformat(record.batch_began)).total_seconds() if record.batch_began else 0.0
    longest = took if record.batch == 1 else max(record.longest, took)
    return _each(replace(record, longest=longest), lambda t: t.batch == record.batch, take)


def ended(record: ChangeRecord, heard: Heard) -> ChangeRecord:
    """The run is over."""
    return replace(record, ended=heard.now.isoformat(timespec="seconds"))


EVENTS: Mapping[str, Callable[[ChangeRecord, Heard], ChangeRecord]] = {
    event.__name__: event for event in (planned, begun, armed, tried, confirmed, restored, measured, ended)
}


def todo(record: ChangeRecord) -> dict[str, Any]:
    """What the role is to do next: gateways by what is to be done with their guards, and tunnels to go on with."""
    batch = [tunnel for tunnel in record.tunnels if tunnel.batch == record.batch]
    going = [t for t in batch if t.status in ("under_way", "planned", "proven", "failing")]
    touched = [t for t in batch if t.status != "untouched"]
    arm = dict.fromkeys(g for t in going if t.status in ("under_way", "planned") for g in _ours(record, t))
    standing = [g for g, state in record.guards.items() if state == "armed"]
    failing = {g for t in batch if t.status in UNDONE for g in _ours(record, t)}
    proven = {g for t in batch if t.status == "proven" for g in _ours(record, t)}
    confirm = [g for g in standing if g in proven and g not in failing]
    first = [g for g in confirm if any(g in t.manages for t in batch if t.status == "proven")]
    return {
        "tunnels": [tunnel.name for tunnel in going],
        "arm": list(arm),
        "take_off": [g for g in standing if g not in {g for t in going for g in t.gateways}],
        "watch": _by_gateway((w.gateway, {"tunnel": t.name} | plain(w)) for t in touched for w in t.watches),
        "confirm": first or confirm,
        "roll_back": [g for g, state in record.guards.items() if state in ("armed", "lost") and g in failing],
        "not_restored": [t.name for t in batch if t.remains],
        "longest": record.longest,
        "unfinished": unfinished(record),
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
        steps=tuple(_intended(step) for step in seen.steps if step.tunnel == found.name),
    )


def _steps(tunnel: TunnelChange, seen: Seen, hosts: Sequence[str]) -> list[Step]:
    """A tunnel's steps by the last look, with what its gateways' daemons need, whichever tunnel that was noted for."""
    return [
        step
        for step in seen.steps
        if step.gateway in hosts
        and (step.tunnel == tunnel.name or (step.do == "daemon" and step.gateway in tunnel.gateways))
    ]


def steps(record: ChangeRecord, seen: Seen) -> list[Step]:
    """The steps of the tunnels that go on, in the plan's order."""
    going = [t for t in record.tunnels if t.batch == record.batch and t.status in ("under_way", "planned")]
    wanted = [step for tunnel in going for step in _steps(tunnel, seen, record.order.hosts)]
    return [step for step in seen.steps if step in wanted]


def _in_the_way(record: ChangeRecord, tunnel: TunnelChange, before: Picture | None, steps_: Sequence[Step]) -> str:
    """Why a tunnel is left alone."""
    undone = [t.name for t in record.tunnels if t.name in tunnel.stand_ins and t.status in UNDONE]
    if undone:
        return f"{undone[0]}, which stands in for it, has failed"
    if before is None:
        return "one of its gateways could not be read"
    return "" if steps_ else "nothing is left to be done"


def _too_many(record: ChangeRecord) -> str:
    failed = [t.name for t in record.tunnels if t.status in UNDONE and not t.dragged]
    if len(failed) <= record.order.max_failed:
        return ""
    return f"the run stopped because {', '.join(failed)} failed"


def _unproven(
    tunnel: TunnelChange,
    taken: Sequence[Taken],
    after: Picture | None,
    seen: Seen,
    hosts: Sequence[str],
) -> str:
    """Why a tunnel may not stay as it is; empty where it may."""
    failed = [f"{step.what} on {step.gateway} failed: {step.failed}" for step in taken if step.failed]
    if failed:
        return failed[0]
    if after is None:
        said = [f"{g} cannot be read any more: {seen.unreadable[g]}" for g in tunnel.gateways if g in seen.unreadable]
        return "; ".join(said) or "one of its gateways cannot be read any more"
    if not after.crosswise or after.traffic is False:
        return "; ".join(after.missing) or "it carries nothing"
    if after.traffic is None and tunnel.manages:
        return f"{tunnel.manages[0]} is managed through it, and nobody could ping it through the tunnel"
    left = [step for step in _steps(tunnel, seen, hosts) if step.tunnel == tunnel.name]
    return f"something is still to be done: {', '.join(left[0].findings)} on {left[0].gateway}" if left else ""


def _another(before: Picture | None, after: Picture | None, seen: Seen, tunnel: TunnelChange) -> str:
    """In what a tunnel is not what it was; empty where it is."""
    if after is None or before is None:
        said = [f"{g} cannot be read: {seen.unreadable[g]}" for g in tunnel.gateways if g in seen.unreadable]
        return "; ".join(said) or "it cannot be read"
    other = [gateway for gateway, digest in before.configuration.items() if after.configuration.get(gateway) != digest]
    if other:
        return f"the settings of {', '.join(other)} are not what they were"
    if before.crosswise and not after.crosswise:
        return "it is not up again: " + "; ".join(after.missing)
    return "it carries nothing any more" if before.traffic and after.traffic is False else ""


def _spread(record: ChangeRecord) -> ChangeRecord:
    """Where a tunnel fails, those fail with it that its gateways' guards would undo."""
    guarded = {g for g, state in record.guards.items() if state in ("armed", "lost")}
    tunnels = {t.name: t for t in record.tunnels}
    spreading = [t for t in record.tunnels if t.batch == record.batch and t.status == "failing"]
    while spreading:
        bad = spreading.pop()
        for tunnel in list(tunnels.values()):
            shared = guarded & set(bad.gateways) & set(tunnel.gateways)
            if tunnel.batch == record.batch and tunnel.status == "proven" and shared:
                cause = bad.dragged or bad.name
                why = f"rolled back with {cause}, because both end at {', '.join(sorted(shared))}"
                tunnels[tunnel.name] = replace(tunnel, status="failing", because=why, dragged=cause)
                spreading.append(tunnels[tunnel.name])
    return replace(record, tunnels=tuple(tunnels.values()))


def _watches(tunnel: TunnelChange, seen: Seen, hosts: Sequence[str]) -> Iterator[Watch]:
    """What to ping while it changes: from the end that initiates, or the one that is not managed through it."""
    ends = sorted(
        (end for end in tunnel.ends if end.gateway in hosts),
        key=lambda end: (end.gateway in tunnel.manages, end.gateway != tunnel.initiator),
    )
    for end in ends[:1]:
        for probe in seen.to_probe.get(end.gateway, ()):
            pings: Any = probe["pings"]
            if probe["connection"] == end.connection and pings:
                yield Watch(
                    end.gateway, end.connection, str(probe["child"]), str(pings[0]["from"]), str(pings[0]["to"])
                )


def _intended(step: Step) -> Taken:
    named = {**step.settings, **{f"{c}.{key}": v for c, given in step.children.items() for key, v in given.items()}}
    target = "/".join(part for part in (step.connection, step.child) if part)
    what = " ".join(part for part in (step.do, target, step.state) if part)
    return Taken(step.phase, step.gateway, what, {key: (None, value) for key, value in named.items()}, step.psk)


def taken(results: Iterable[Mapping[str, Any]], steps_: Iterable[Step]) -> tuple[tuple[str, Taken], ...]:
    """Steps with what came of them, from registered results in the same order."""
    found = []
    for result, step in zip(results, steps_, strict=True):
        about: Mapping[str, Any] = result.get("connection") or {}
        old, new = (about.get(side) or {} for side in ("before", "after"))
        found.append(
            (
                step.tunnel,
                replace(
                    _intended(step),
                    settings={str(key): (_text(old.get(key)), _text(new.get(key))) for key in {**old, **new}},
                    ran=True,
                    changed=bool(result.get("changed")),
                    failed=_trouble(result),
                ),
            )
        )
    return tuple(found)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _with_results(tunnel: TunnelChange, results: Sequence[tuple[str, Taken]]) -> tuple[Taken, ...]:
    """A tunnel's steps with what came of those that were run."""
    done = {
        (step.phase, step.gateway, step.what): step
        for name, step in results
        if name == tunnel.name or step.what.startswith("daemon")
    }
    return tuple(done.get((step.phase, step.gateway, step.what), step) for step in tunnel.steps)


def _trouble(result: Mapping[str, Any] | None) -> str:
    """Why a task did not do what it was to do; empty where it did."""
    if result is None:
        return "it was not asked"
    if not (result.get("failed") or result.get("unreachable")):
        return ""
    said = str(result.get("msg") or "").strip().splitlines()
    return said[-1] if said else "it did not answer"


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
