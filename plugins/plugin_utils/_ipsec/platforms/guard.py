# SPDX-License-Identifier: GPL-3.0-or-later
"""The dead man's switch of a gateway, whatever platform has it: what is asked of it, what to do, what may be written.

See docs/adr/0007-rollback-guard.md. How a gateway keeps a snapshot and what restores it is the platform's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ..errors import RefusedError, RestoredError
from ..model import Gateway, Guard, Rollback
from .usable import refuse_unusable

State = Literal["armed", "proven", "confirmed", "rolled_back"]
Do = Literal["arm", "extend", "prove", "confirm", "roll-back"]

SHORTEST, LONGEST = 5, 86400  # seconds
LONGEST_NAME = 200
ASKED = "it was asked for"  # why a gateway rolled back; guard_watchdog.sh has it too


@dataclass(frozen=True, slots=True)
class DesiredGuard:
    """The guard as it should be; `run` is who asks, `name` what they call it, if they do."""

    state: State
    run: str
    name: str | None = None
    seconds: int = 300
    config: str = "/etc/swanctl/swanctl.conf"
    timeout: float = 300.0

    @property
    def called(self) -> str:
        """The name that others see."""
        return self.name or self.run

    def owns(self, other: Guard | Rollback) -> bool:
        """Whether it is this run's, or of the name that was given."""
        return other.name == self.name if self.name else other.run == self.run


@dataclass(frozen=True, slots=True)
class GuardResult:
    """What was done, or in check mode would be: the guard afterwards, and what a rollback did."""

    changed: bool
    guard: Guard | None
    rollback: Rollback | None = None


def plan_guard(wish: DesiredGuard, gateway: Gateway) -> Do | None:
    """What to do to get the desired guard; None where nothing is needed.

    Raises:
        RefusedError: the guard is another's or dead, or could not do what it is for.
        RestoredError: it is to be confirmed, and the gateway has rolled back.
    """
    if wish.name is not None and not (wish.name.isprintable() and 0 < len(wish.name) <= LONGEST_NAME):
        raise RefusedError(f"{wish.name!r} cannot be the name of a guard", hint="give one line of 1 to 200 characters")
    if not SHORTEST <= wish.seconds <= LONGEST:
        hint = "300 suits most changes"
        raise RefusedError(f"a time of {wish.seconds} s is outside {SHORTEST} to {LONGEST} s", hint=hint)
    guard = gateway.guard
    if guard is not None:
        return _plan_for_guard(guard, wish, gateway)
    if wish.state in ("proven", "confirmed") and gateway.rollback and wish.owns(gateway.rollback):
        raise RestoredError(
            describe_rollback(gateway.rollback), where=gateway.name, hint="the gateway has what it had before"
        )
    if wish.state != "armed":
        return None
    _refuse_useless(gateway, wish)
    return "arm"


def predict_result(wish: DesiredGuard, do: Do | None, gateway: Gateway) -> GuardResult:
    """What a run would do, for check mode."""
    guard = gateway.guard
    if do == "arm":
        guard = Guard("", wish.called, wish.run, left=float(wish.seconds), age=0.0)
    elif do == "prove" and guard is not None:
        guard = replace(guard, state="proven")
    elif do in ("confirm", "roll-back"):
        guard = None
    return GuardResult(do not in (None, "extend", "prove"), guard, gateway.rollback)


def refuse_unguarded(gateway: Gateway, run: str) -> None:
    """What a run must not write: what would be rolled back for another, or what counts on that which was.

    Raises:
        RefusedError: another run's guard is in force, or a dead one.
        RestoredError: the gateway rolls back for this run, or has done so and the run does not know.
    """
    wish, rollback = DesiredGuard("armed", run), gateway.rollback
    if gateway.guard is not None:
        _plan_for_guard(gateway.guard, wish, gateway)
    elif rollback is not None and wish.owns(rollback) and rollback.why != ASKED:
        hint = "this run's changes were rolled back; arm a new guard with rollback_guard to go on"
        raise RestoredError(describe_rollback(rollback), where=gateway.name, hint=hint)


def describe_guard(guard: Guard | None) -> str:
    """A guard for people."""
    return "no guard\n" if guard is None else f"guard of {guard.name}, {guard.state}\n"


def _plan_for_guard(guard: Guard, wish: DesiredGuard, gateway: Gateway) -> Do | None:
    """What is to be done where a guard is in force."""
    if not wish.owns(guard):
        raise _build_foreign_error(guard, gateway)
    if guard.state == "rolling_back":
        if wish.state == "rolled_back":
            return "roll-back"
        raise RestoredError("the gateway rolls back at this moment", where=gateway.name, hint="wait for it")
    if wish.state in ("armed", "proven") and not guard.alive:
        raise RefusedError(
            "the rollback watchdog is no longer running",
            where=gateway.name,
            hint="set off the rollback with state: rolled_back, or confirm what was changed",
        )
    if wish.state == guard.state == "proven":
        return None
    todo: dict[State, Do] = {"armed": "extend", "proven": "prove", "confirmed": "confirm", "rolled_back": "roll-back"}
    return todo[wish.state]


def _build_foreign_error(guard: Guard, gateway: Gateway) -> RefusedError:
    age = "before a restart" if guard.age is None else f"{guard.age:.0f} s ago"
    left = "" if guard.left is None else f", for {guard.left:.0f} s more"
    return RefusedError(
        f"a guard of {guard.name} was armed {age}{left}",
        where=gateway.name,
        hint="wait until it is confirmed or has rolled back, or give its name",
    )


def _refuse_useless(gateway: Gateway, wish: DesiredGuard) -> None:
    """What could not be restored is not begun."""
    refuse_unusable(gateway)
    lost = sorted(c.name for c in gateway.connections if c.loaded and not c.configured and not c.is_parallel)
    if gateway.daemon.running and lost:
        raise RefusedError(
            f"the daemon holds {', '.join(lost)}, which {wish.config} does not",
            where=gateway.name,
            hint="a rollback would unload that; write it into the file, or unload it",
        )


def describe_rollback(rollback: Rollback) -> str:
    return f"the gateway has rolled back for {rollback.name}: {rollback.why}"
