# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting the IKE daemon, or having it load its configuration, without losing a loaded connection."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ...errors import IpsecError, RefusedError
from ...model import Gateway, Reply, Script
from .. import retransmission as waiting
from ..daemon_request import DaemonPlan, DaemonRequest
from ..gather_options import GatherOptions
from ..usable import refuse_unusable
from . import daemon_reply
from .scripts import read_script
from .strongswan_conf import parse_retransmission


def serve(asked: DaemonRequest, gateway: Gateway, reply: Reply, options: GatherOptions) -> DaemonPlan:
    """What the daemon is to do.

    Raises:
        RefusedError: the daemon cannot be asked or is not running, the configuration is broken, or a setting would
            have to change.
    """
    refuse_settings(gateway, reply, asked.settings)
    reasons = plan_operations(gateway, asked.state)
    program = build_script(gateway, asked.state, config=options.config, timeout=asked.timeout)
    return DaemonPlan(((program, partial(parse_result, gateway)),) if reasons else (), reasons)


def refuse_settings(gateway: Gateway, reply: Reply, asked: Mapping[str, str]) -> None:
    """strongswan.conf is only read.

    Raises:
        RefusedError: a setting is to have another value than it has.
    """
    held = waiting.find_current(parse_retransmission(daemon_reply.parse_settings(reply)))
    for key, value in asked.items():
        if not waiting.is_same(key, held[key], value):
            raise RefusedError(
                f"{key} is {held[key]}, and strongswan.conf is not written by this module",
                where=gateway.name,
                hint=f"set charon.{key} = {value} there, and have the daemon read it: swanctl --reload-settings",
            )


def plan_operations(gateway: Gateway, state: str) -> tuple[str, ...]:
    """Why something is to be done, one reason a line; none where the daemon is as it is to be.

    Raises:
        RefusedError: the daemon cannot be asked, the configuration is broken, or no daemon is running to load it.
    """
    refuse_unusable(gateway)
    if state == "started":
        return () if gateway.daemon.running else ("the daemon is not running",)
    if not gateway.daemon.running:
        raise RefusedError(f"the daemon of {gateway.name} is not running, so it cannot load", hint="use state: started")
    meant = [c for c in gateway.connections if c.configured and not c.omitted]
    return (
        *(f"{c.name} is in the file and not loaded" for c in meant if not c.loaded),
        *(f"{c.name}: {text}" for c in meant if c.loaded for text in c.differs),
    )


def build_script(gateway: Gateway, state: str, *, config: str, timeout: float) -> Script:
    """The program that starts or loads."""
    names = "\n".join(c.name for c in gateway.connections if c.configured)
    return Script(
        "\n".join(read_script(name) for name in ("loading.sh", "start.sh", "daemon.sh")),
        {
            "TW_DO": "start" if state == "started" else "load",
            "TW_CONFIG": config,
            "TW_EXPECT": names,
            "TW_TIMEOUT": f"{timeout:.0f}",
        },
    )


def parse_result(gateway: Gateway, reply: Reply) -> tuple[str, ...]:
    """What was said while starting or loading.

    Raises:
        RefusedError: it would have done harm and was not begun.
        IpsecError: it failed.
    """
    refused = reply.sections.get("refused")
    if refused is not None:
        raise RefusedError(refused.text.strip(), where=gateway.name, hint="nothing was changed")
    for name, what in (
        ("start", "the daemon did not start"),
        ("wait", "the daemon started and does not answer"),
        ("load", "the daemon did not load its configuration"),
    ):
        part = reply.sections.get(name)
        if part is not None and part.status:
            last = [line for line in (part.err or part.text).splitlines() if line.strip()]
            raise IpsecError(f"{what}{f': {last[-1]}' if last else ''}", where=gateway.name, hint="look at its log")
    load = reply.sections.get("load")
    failed = [line for line in load.text.splitlines() if "failed" in line or "discarded" in line] if load else []
    if failed:
        raise IpsecError(f"the daemon did not take all of its configuration: {failed[-1]}", where=gateway.name)
    return tuple(line for part in (reply.sections.get("start"), load) if part for line in part.text.splitlines())
