# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the record of a change: which guards are to be changed how, which tunnels go on, what to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..model import GOING, UNDONE, ChangeRecord, Step, TunnelChange, to_plain
from .acceptance import list_failures
from .snapshot import FleetSnapshot
from .steps import find_next_turn, list_steps


def list_actions(record: ChangeRecord) -> dict[str, Any]:
    """What the role is to do next: gateways by what must be done with their guards, and tunnels to go on with."""
    batch = [tunnel for tunnel in record.tunnels if tunnel.batch == record.batch]
    going = [t for t in batch if t.status in ("under_way", "planned", "proven", "failing")]
    touched = [t for t in batch if t.status != "untouched"]
    guarded = going if any(t.status in GOING for t in going) else []  # no guard beside may run out meanwhile
    arm = dict.fromkeys(g for t in guarded for g in record.ours(t))
    standing = [g for g, state in record.guards.items() if state in ("armed", "proven")]
    failing = {g for t in batch if t.status in UNDONE for g in record.ours(t)}
    proven = {g for t in batch if t.status == "proven" for g in record.ours(t)}
    confirm = [g for g in standing if g in proven and g not in failing]
    first = [g for g in confirm if any(g in t.manages for t in batch if t.status == "proven")]
    return {
        "tunnels": [tunnel.name for tunnel in going],
        "arm": list(arm),
        "take_off": [g for g in standing if g not in {g for t in going for g in t.gateways}],
        "watch": _group_by_gateway((w.gateway, {"tunnel": t.name} | to_plain(w)) for t in touched for w in t.watches),
        "agree": [g for g in confirm if record.guards[g] == "armed"],
        "confirm": first or confirm,
        "look_again": [t.name for t in batch if t.status == "failing" and not list_failures(t.steps)],
        "going_on": [t.name for t in batch if t.status == "under_way"],
        "roll_back": [g for g, state in record.guards.items() if state in ("armed", "proven", "lost") and g in failing],
        "not_restored": [t.name for t in batch if t.remains],
        "following": record.following,
        "longest": record.longest,
        "unfinished": find_unfinished(record),
        "undone": {t.name: _describe_undone(t) for t in record.tunnels if t.status in ("rolled_back", "failed")},
        "reasons": {
            t.name: "; ".join(filter(None, (t.because, t.remains)))
            for t in record.tunnels
            if t.status not in ("done", "planned")
        },
    }


def find_unfinished(record: ChangeRecord) -> str:
    """One sentence on what is not as it was to be; empty where all is."""
    by_status: dict[str, list[str]] = {}
    for tunnel in record.tunnels:
        if tunnel.status not in ("done", "planned"):
            by_status.setdefault(tunnel.status.replace("_", " "), []).append(tunnel.name)
    return "; ".join(f"{', '.join(names)} {status}" for status, names in by_status.items())


def list_due_steps(record: ChangeRecord, seen: FleetSnapshot) -> list[Step]:
    """The steps of the tunnels that go on, in the plan's order: of each those whose turn it is, and for a plan all."""
    going = [t for t in record.tunnels if t.batch == record.batch and t.status in GOING]
    each = [list_steps(tunnel, seen, record.order.hosts) for tunnel in going]
    wanted = [step for those in each for step in (those if record.order.check else find_next_turn(those))]
    return [step for step in seen.steps if step in wanted]


def _describe_undone(tunnel: TunnelChange) -> str:
    """What became of a tunnel whose change was taken back."""
    if tunnel.remains:
        return f"NOT RESTORED, {tunnel.remains}; it was undone because {tunnel.because}"
    had = (
        "what was repaired first stays, and the rest is undone"
        if tunnel.kept
        else "its gateways have again what they had"
    )
    return f"UNDONE, {had}: {tunnel.because}"


def _group_by_gateway(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for gateway, value in pairs:
        found.setdefault(gateway, []).append(value)
    return found
