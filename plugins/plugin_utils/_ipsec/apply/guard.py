# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of a gateway brought to where it is to be: by its own module, or before a module writes."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from ..model import Gateway, Reply, Script
from ..platforms import find_platform, read_gateway, require_platform
from ..platforms.gather_options import GatherOptions
from ..platforms.guard import DesiredGuard, GuardResult, plan_guard, predict_result, refuse_unguarded


def apply_guard(
    wish: DesiredGuard, name: str, run: Callable[[Script], Reply], *, dry: bool, before_writing: bool = False
) -> tuple[Gateway, GuardResult]:
    """The gateway of this inventory name before, and what was done so that the wish comes true; a dry run only tells.

    Raises:
        IpsecError: the guard is not as wished, and why.
    """
    gateway = _look(name, run, GatherOptions(digest_key=token_hex(32), config=wish.config, sas=False))
    if before_writing:
        refuse_unguarded(gateway, wish.run)
    do = plan_guard(wish, gateway)
    if dry or do is None:
        return gateway, predict_result(wish, do, gateway)
    platform = require_platform(gateway.platform)
    reply = run(platform.build_guard_script(wish, do, gateway, token_hex(8)))
    return gateway, platform.parse_guard_result(do, gateway, reply)


def refuse_foreign_guard(name: str, run: Callable[[Script], Reply], run_name: str) -> None:
    """:func:`refuse_unguarded` for a module that does not read the gateway itself.

    Raises:
        IpsecError: this run must not write.
    """
    refuse_unguarded(_look(name, run, GatherOptions(digest_key=token_hex(32), sas=False)), run_name)


def _look(name: str, run: Callable[[Script], Reply], options: GatherOptions) -> Gateway:
    reply = run(find_platform("auto").gather(options))
    return read_gateway(name, reply, options)
