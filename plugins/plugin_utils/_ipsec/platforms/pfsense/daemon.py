# SPDX-License-Identifier: GPL-3.0-or-later
"""A pfSense's IKE daemon: started and loaded by its own script, and its settings of retransmission in config.xml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from ...errors import NotRestoredError, RefusedError
from ...model import Gateway, Reply, Script
from ..charon import daemon
from ..charon.scripts import read_script as of_charon
from ..daemon_request import DaemonPlan, DaemonRequest, Deed
from ..desired import DesiredConnection
from ..gather_options import GatherOptions
from ..retransmission import find_current, is_same
from . import write
from .candidate import refuse_state
from .edits import XmlEdit, list_edits
from .gather import read_script
from .read import read
from .snapshot import take_snapshot

NAME = "retransmission"  # what the revision says is changed


@dataclass(frozen=True, slots=True)
class RetransmissionSettings:
    """Settings of the whole firewall that change: strongswan.conf's names, their values before and after."""

    wish: DesiredConnection
    options: GatherOptions
    order: write.WriteRequest
    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def needed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.order.edits)

    def script(self, *, timeout: float) -> Script:
        """The program that has pfSense write and apply them."""
        return write.build_script(self.wish, self.order, self.options, timeout=timeout, terminate=False)

    def applied(self, reply: Reply) -> tuple[str, ...]:
        """What charon said.

        Raises:
            RestoredError: charon did not take it, and the configuration is what it was before.
            NotRestoredError: charon goes by something else.
        """
        log = write.parse_result(self.wish, reply)
        now = find_current(read("", reply, self.options).daemon.retransmission)
        other = [key for key, value in self.after.items() if not is_same(key, now[key], value)]
        if other and self.order.enabled:
            raise NotRestoredError(
                f"{other[0]} is in config.xml, and strongswan.conf has {now[other[0]]}",
                hint="look at the system log, and at VPN > IPsec > Advanced Settings",
            )
        return log


def serve(asked: DaemonRequest, gateway: Gateway, reply: Reply, options: GatherOptions) -> DaemonPlan:
    """What the daemon is to do: to take settings, and then to start or load.

    Raises:
        RefusedError: it is no time to change a setting, nothing was generated, the daemon cannot be asked, or nothing
            runs that could load it.
    """
    change = list_settings(
        DesiredConnection(NAME, by=asked.by, pending=asked.pending), asked.settings, gateway, reply, options
    )
    reasons = plan_operations(gateway, asked.state, enabled=change.order.enabled)
    deeds: list[Deed] = [(change.script(timeout=asked.timeout), change.applied)] if change.needed else []
    if reasons:
        deeds.append((build_script(asked.state, timeout=asked.timeout), partial(daemon.parse_result, gateway)))
    return DaemonPlan(tuple(deeds), reasons, change.before, change.after)


def list_settings(
    wish: DesiredConnection, asked: Mapping[str, str], gateway: Gateway, reply: Reply, options: GatherOptions
) -> RetransmissionSettings:
    """The edits after which these settings are so.

    Raises:
        RefusedError: it is no time to change it.
    """
    here = take_snapshot(reply, options)
    ipsec = here.found.config.child("ipsec")
    now = {key: ipsec.text(_name_element(key)) for key in asked}
    other = {key: value for key, value in asked.items() if not is_same(key, now[key], value)}
    found: list[XmlEdit] = list_edits(ipsec, "", {_name_element(key): value or None for key, value in other.items()})
    if found:
        refuse_state(wish, gateway, reply)
    order = write.WriteRequest(tuple(found), here.found.fingerprint, here.configuration.enabled)
    return RetransmissionSettings(wish, options, order, {key: now[key] for key in other}, other)


def plan_operations(gateway: Gateway, state: str, *, enabled: bool) -> tuple[str, ...]:
    """Why something is to be done; none where the daemon is as it is to be, or pfSense has nothing for it to run for.

    Raises:
        RefusedError: nothing was generated, the daemon cannot be asked, or nothing runs
            that could load it.
    """
    for problem in gateway.problems:
        if problem.kind == "not-generated":
            raise RefusedError(problem.what, where=gateway.name, hint=problem.hint)
        if problem.kind == "daemon-stopped" and not enabled:
            raise RefusedError(
                "no phase 1 is enabled, and without one pfSense runs no IKE daemon",
                where=gateway.name,
                hint="enable one: tunnelwright.ipsec.connection, enabled: true",
            )
    return daemon.plan_operations(gateway, state)


def build_script(state: str, *, timeout: float) -> Script:
    """The program that starts or loads."""
    variables = {"TW_DO": "start" if state == "started" else "load", "TW_TIMEOUT": f"{timeout:.0f}"}
    return Script("\n".join((of_charon("loading.sh"), read_script("loads.sh"), read_script("daemon.sh"))), variables)


def _name_element(key: str) -> str:
    return f"ikev2_{key}"
