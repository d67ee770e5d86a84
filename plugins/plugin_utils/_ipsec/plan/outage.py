# SPDX-License-Identifier: GPL-3.0-or-later
"""For how long a tunnel is expected to carry nothing while its steps are taken."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Outage, Step

ONCE = 2.0  # seconds of one re-initiation: an upper bound of what was measured on the lab (docs/performance.md)
NONE = Outage(0.0, "no step touches live SAs")


def estimate_outages(steps: Iterable[Step], *, up: bool, carrying: bool, restarts: bool = False, why: str) -> Outage:
    """The outage of a tunnel's steps. `why`: what keeps it from going without a break; empty where nothing does.

    `up`: all of its children are; `carrying`: both ends hold at least one CHILD_SA in common; `restarts`: to load an
    end's file ends its SAs (vici_config.c, clear_start_action()).
    """
    if not carrying:
        return Outage(0.0, "it is down before, so nothing is interrupted")
    again = [step for step in steps if step.reinitiate or step.state == "reinitiated"]
    ended = [step for step in steps if step.state == "terminated"]
    if restarts and not again:
        return Outage(ONCE, "an edited connection is reloaded: strongSwan closes its children and starts them again")
    if not (again or ended):
        return NONE
    if up and not why:
        return Outage(0.0, "make before break: the new SAs carry traffic before the old ones end")
    times = max(len(again), 1)
    why = why if up else "some of its children are up, and go with the others"
    return Outage(ONCE * times, f"{why}: it is re-initiated {'once' if times == 1 else f'{times} times'}")
