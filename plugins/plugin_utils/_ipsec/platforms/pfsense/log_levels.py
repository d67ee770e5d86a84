# SPDX-License-Identifier: GPL-3.0-or-later
"""The log levels of a pfSense, which generates them: whether they are enough for a diagnosis."""

from __future__ import annotations

from ...errors import RefusedError
from ...model import Gateway, Reply
from ..charon.loggers import parse_loggers
from ..charon.strongswan_conf import parse_conf
from ..log_levels import GROUPS, LOWEST, DesiredLogLevels, LogLevelChange


def plan_log_levels(wish: DesiredLogLevels, gateway: Gateway, reply: Reply, new_id: str) -> LogLevelChange:
    """Nothing to do, where every logger that strongswan.conf has, and that is on, logs as much as is asked for.

    Raises:
        RefusedError: one has less.
    """
    del gateway, new_id
    there = parse_loggers(parse_conf(reply))
    heard = [logger for logger in there if logger.origin and set(logger.levels.values()) != {LOWEST}]
    less = sorted({g for logger in heard for g in GROUPS if logger.level(g) < wish.level(g)})
    if less:
        raise RefusedError(
            f"its log levels are generated, and it logs less of {', '.join(less)} than is asked for",
            hint="raise them under VPN > IPsec > Advanced Settings, IPsec Logging Controls, and apply that",
        )
    return LogLevelChange(changed=False, path="", before=there, after=there)
