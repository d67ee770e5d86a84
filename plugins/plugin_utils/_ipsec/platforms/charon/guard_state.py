# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard that stands on a gateway and the last rollback, as standing.sh tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ...model import Guard, Problem, Reply, Rollback

TICKS = 100  # of tw_clock, a second
_STATES: Mapping[str, Literal["proven", "confirmed", "rolling_back"]] = {
    "proven": "proven",
    "confirmed": "confirmed",
    "rolling_back": "rolling_back",
}
_STARTERS: Mapping[str, Literal["systemd", "cron", "rc_d"]] = {"systemd": "systemd", "cron": "cron", "rc_d": "rc_d"}


def parse_guard(reply: Reply) -> Guard | None:
    """The guard in force; None where there is none, or where only root may know."""
    found = _parse_facts(reply, "guard")
    if "id" not in found:
        return None
    clock = {key: int(found[key]) for key in ("now", "armed", "deadline") if found.get(key, "").isdigit()}
    whole = len(clock) == len(("now", "armed", "deadline")) and clock["now"] >= clock["armed"]
    return Guard(
        id=found["id"],
        name=found.get("name", ""),
        run=found.get("run", ""),
        state=_STATES.get(found.get("state", ""), "armed"),
        alive=found.get("alive") == "yes" or found.get("state") not in ("armed", "proven"),
        age=(clock["now"] - clock["armed"]) / TICKS if whole else None,
        left=max(0, clock["deadline"] - clock["now"]) / TICKS if whole else None,
        at_boot=_STARTERS.get(found.get("at_boot", ""), "none"),
        files=int(found.get("files", "0")),
    )


def parse_rollback(reply: Reply) -> Rollback | None:
    """What the last guard did that was not confirmed."""
    found = _parse_facts(reply, "rolled-back")
    if "why" not in found:
        return None
    lines = [line.partition(" ") for line in reply.sections["rolled-back"].text.splitlines()]
    return Rollback(
        name=found.get("name", ""),
        run=found.get("run", ""),
        why=found["why"],
        time=float(found["ended"]) if found.get("ended", "").isdigit() else None,
        done=tuple(dict.fromkeys(what for kind, dummy, what in lines if kind == "did")),
        failed=tuple(dict.fromkeys(what for kind, dummy, what in lines if kind == "failed")),
    )


def find_guard_problem(found: Guard | None) -> tuple[Problem, ...]:
    """A guard that guards nothing, because what would roll back was killed."""
    if found is None or found.alive:
        return ()
    hint = "roll back, or confirm what was changed: tunnelwright.ipsec.rollback_guard"
    return (Problem("guard-dead", f"the rollback watchdog of {found.name} is no longer running", "", hint),)


def _parse_facts(reply: Reply, name: str) -> dict[str, str]:
    """The first of each kind of line."""
    part = reply.sections.get(name)
    facts: dict[str, str] = {}
    for line in part.text.splitlines() if part else ():
        kind, dummy, what = line.partition(" ")
        facts.setdefault(kind, what)
    return facts
