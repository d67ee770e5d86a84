# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard on a gateway that runs charon: the script that arms, confirms or carries it out, and what came of it.

A snapshot of the configuration and a process that restores it lie on the gateway; see docs/adr/0007-rollback-guard.md.
"""

from __future__ import annotations

from ...errors import IpsecError, NotRestoredError, RefusedError
from ...model import Gateway, Reply, Script
from ..backup import GuardBackup
from ..guard import DesiredGuard, Do, GuardResult, describe_rollback
from . import guard_state
from .scripts import read_lexer, read_script

_WATCH = ("loading.sh", "start.sh", "services.sh", "standing.sh", "established.sh")
_SCRIPT = ("digest.sh", "loading.sh", "services.sh", "owned.sh", "standing.sh", "established.sh")


def build_script(wish: DesiredGuard, do: Do, gateway: Gateway, new_id: str, what: GuardBackup) -> Script:
    """The program that does it; `new_id` is for a guard that is armed by it."""
    forget = gateway.rollback is not None and do in ("arm", "confirm") and wish.owns(gateway.rollback)
    variables = {
        "TW_DO": do,
        "TW_ID": gateway.guard.id if gateway.guard else new_id,
        "TW_NAME": wish.called,
        "TW_RUN": wish.run,
        "TW_SECONDS": str(wish.seconds),
        "TW_CONFIG": wish.config,
        "TW_TIMEOUT": f"{wish.timeout:.0f}",
        "TW_FORGET": "1" if forget else "0",
        "TW_LEXER": read_lexer(),
        "TW_WATCH": "\n".join((*map(read_script, _WATCH), *what.restore, read_script("guard_watchdog.sh"))),
        **what.variables,
    }
    return Script("\n".join((*map(read_script, _SCRIPT), *what.keep, read_script("guard.sh"))), variables)


def parse_result(do: Do, gateway: Gateway, reply: Reply) -> GuardResult:
    """What the gateway answered.

    Raises:
        RefusedError: it was not done; where it was to be armed, nothing guards and nothing was written.
        NotRestoredError: a rollback did not end in time, or could not do all.
    """
    for name, error in (("refused", RefusedError), ("not-ended", NotRestoredError)):
        part = reply.sections.get(name)
        if part is not None:
            what, dummy, hint = part.text.strip().partition("\n")
            raise error(what, where=gateway.name, hint=hint)
    if "ended" not in reply.sections:
        raise IpsecError("the gateway's answer is not whole", where=gateway.name, hint="run it again")
    guard, rollback = guard_state.parse_guard(reply), guard_state.parse_rollback(reply)
    if do in ("arm", "extend", "prove") and (guard is None or not guard.alive):
        raise RefusedError("the guard was armed and is gone", where=gateway.name, hint="see its system log")
    if do == "roll-back":
        if rollback is None:
            raise NotRestoredError("the gateway rolled back and kept no record", where=gateway.name, hint="read it")
        if rollback.failed:
            raise NotRestoredError(describe_rollback(rollback), where=gateway.name, hint="; ".join(rollback.failed))
    return GuardResult(do not in ("extend", "prove"), guard, rollback)
