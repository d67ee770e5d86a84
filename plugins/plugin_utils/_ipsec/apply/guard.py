# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of a gateway brought to where it is to be: by its own module, or before a module writes."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from ..model import Gateway, Reply, Script
from ..platforms import platform, platform_named, read_gateway
from ..platforms.charon.guard import (
    DesiredGuard,
    GuardResult,
    State,
    foretold,
    needed,
    outcome,
    refuse_unguarded,
    script,
)
from ..platforms.gather_options import GatherOptions

__all__ = ["DesiredGuard", "GuardResult", "State", "bring", "refuse_others", "refuse_unguarded"]


def bring(
    wish: DesiredGuard, name: str, run: Callable[[Script], Reply], *, dry: bool, before_writing: bool = False
) -> tuple[Gateway, GuardResult]:
    """The gateway of this inventory name before, and what was done so that the wish comes true; a dry run only tells.

    Raises:
        IpsecError: the guard is not as wished, and why.
    """
    gateway = _look(name, run, GatherOptions(digest_key=token_hex(32), config=wish.config, sas=False))
    if before_writing:
        refuse_unguarded(gateway, wish.run)
    do = needed(wish, gateway)
    if dry or do is None:
        return gateway, foretold(wish, do, gateway)
    return gateway, outcome(
        do, gateway, run(script(wish, do, gateway, token_hex(8), platform_named(gateway.platform).kept()))
    )


def refuse_others(name: str, run: Callable[[Script], Reply], run_name: str) -> None:
    """:func:`refuse_unguarded` for a module that does not read the gateway itself.

    Raises:
        IpsecError: this run must not write.
    """
    refuse_unguarded(_look(name, run, GatherOptions(digest_key=token_hex(32), sas=False)), run_name)


def _look(name: str, run: Callable[[Script], Reply], options: GatherOptions) -> Gateway:
    reply = run(platform("auto").gather(options))
    return read_gateway(name, reply, options)
