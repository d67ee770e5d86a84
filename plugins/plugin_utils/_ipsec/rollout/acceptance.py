# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a tunnel may stay as it is, is what it was, or falls with another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..model import CarryingChildren, ChangeRecord, ChangeRequest, StepResult, TunnelChange, TunnelSnapshot
from .snapshot import FleetSnapshot, list_carrying
from .steps import is_asked_again, list_steps


def explain_unproven(
    tunnel: TunnelChange,
    taken: Sequence[StepResult],
    after: TunnelSnapshot | None,
    seen: FleetSnapshot,
    order: ChangeRequest,
) -> str:
    """Why a tunnel may not stay as it is; empty where it may."""
    again = is_asked_again((step for step in taken if step.ran), list_steps(tunnel, seen, order.hosts))
    half = _is_half(tunnel, order) and again is None  # it is set, and the other end decides what comes of it
    if not half and (failed := list_failures(taken)):
        return f"{failed[0].what} on {failed[0].gateway} failed: {failed[0].failed}"
    if after is None:
        said = [f"{g} cannot be read any more: {seen.unreadable[g]}" for g in tunnel.gateways if g in seen.unreadable]
        return "; ".join(said) or "one of its gateways cannot be read any more"
    if (not after.crosswise and not half) or after.traffic is False:
        return "; ".join(after.missing) or "it carries nothing"
    if after.traffic is None and tunnel.manages:
        return f"{tunnel.manages[0]} is managed through this tunnel, which could not be verified by ping"
    return f"it was done, and is asked for again: {', '.join(again.findings)} on {again.gateway}" if again else ""


def list_failures(taken: Sequence[StepResult]) -> list[StepResult]:
    """Steps of the last round that failed: what failed before may have failed for what was done since."""
    last = max((step.round for step in taken), default=0)
    return [step for step in taken if step.failed and step.round == last]


def _is_half(tunnel: TunnelChange, order: ChangeRequest) -> bool:
    """Whether only one end is ours to change, of a tunnel that had nothing to lose: the other end brings it up."""
    was_up = tunnel.baseline is not None and tunnel.baseline.crosswise
    return order.halves and not was_up and not set(tunnel.gateways) <= set(order.hosts)


def find_lost(record: ChangeRecord, tunnel: TunnelChange, seen: FleetSnapshot) -> str:
    """What of a tunnel, or of an unchanged one at its gateways, passes traffic or is up no more; or empty."""
    now = {each.name: each for each in list_carrying(tunnel.gateways, seen)}
    dark = {name for name, gateway in seen.gateways.items() if gateway.sas is None} | seen.unreadable.keys()
    changed = {each.name for each in record.tunnels if each.batch == record.batch} - {tunnel.name}
    for each in record.carrying:
        shared = [gateway for gateway in each.gateways if gateway in tunnel.gateways]
        if not shared or each.name in changed or (each.name != tunnel.name and not dark.isdisjoint(each.gateways)):
            continue
        whose = "" if each.name == tunnel.name else f"{each.name}, which also ends at {shared[0]}: "
        left = now.get(each.name, CarryingChildren(each.name, (), ()))
        if gone := [end for end in each.children if end not in left.children]:
            return f"{whose}pings passed through {gone[0]} before, and do not now"
        if gone := [end for end in each.up if end not in left.up]:
            return f"{whose}{gone[0]} was up before, and is not now"
    return ""


def find_differences(
    before: TunnelSnapshot | None, after: TunnelSnapshot | None, seen: FleetSnapshot, tunnel: TunnelChange
) -> str:
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


def propagate_failure(record: ChangeRecord) -> ChangeRecord:
    """Where a tunnel fails, those fail with it that its gateways' guards would undo."""
    guarded = {g for g, state in record.guards.items() if state in ("armed", "proven", "lost")}
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
