# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings SAs to a state; the module of the same name documents it."""

from __future__ import annotations

from typing import Any

from ..modules.sa import ARGUMENT_SPEC
from ..plugin_utils._ipsec.apply.change import ChangeTransaction, SaOutcome
from ..plugin_utils._ipsec.errors import IpsecError
from ..plugin_utils._ipsec.platforms import Platform, build_for_any, detect_platform
from ..plugin_utils._ipsec.platforms.desired import DesiredConnection
from ..plugin_utils._ipsec.platforms.sas import DesiredSas, Operation, plan_operation
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """Look, decide, operate."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else two, and to make before breaking three."""
        wish = DesiredSas(args["connection"], args["state"], args["child"], args["timeout"], args["force"])
        reply = self.on_gateway(build_for_any(lambda each: each.build_sas_script(wish)))
        platform = detect_platform(reply)
        try:
            before = platform.parse_sas(wish, reply)
        except IpsecError:
            if self.check_mode and any(step.get("do") == "daemon" for step in args["preceding"]):
                return self._once_loaded(args, self.gateway_name(variables))  # which raises what a run would
            raise
        operation = plan_operation(wish, before)
        done = SaOutcome(sas=before.sas)
        if operation.do:
            change = self._over(args, variables)
            if change or args["guard"] is not None:
                self.before_writing(args, variables, change.gateway if change else None)
            if not self.check_mode:
                done = (
                    change.apply(self.on_gateway, timeout=wish.timeout)
                    if change
                    else self._do(platform, wish, operation)
                )
        result = {"changed": operation.do is not None, "log": done.log, "sa": {"before": before.sas, "after": done.sas}}
        return result | ({"warnings": done.warnings} if done.warnings else {})

    def _once_loaded(self, args: dict[str, Any], name: str) -> dict[str, Any]:
        """What a run finds to do when the daemon has loaded the connection: nothing that this one starts by itself."""
        change = ChangeTransaction.read(
            DesiredConnection(args["connection"]), args["config"], name, self.on_gateway, reinitiate=False
        )
        own = next(each for each in change.gateway.connections if each.name == args["connection"])
        meant = [child for child in own.children if args["child"] in (None, child.name)]
        initiates = not all("start" in child.start_action for child in meant)
        return {"changed": initiates, "log": (), "sa": {"before": (), "after": ()}}

    def _over(self, args: dict[str, Any], variables: dict[str, Any]) -> ChangeTransaction | None:
        """The change of nothing that makes SAs anew before they go; None where that is not asked or none are up."""
        if args["state"] != "reinitiated" or not args["make_before_break"]:
            return None
        wish, name = DesiredConnection(args["connection"]), self.gateway_name(variables)
        change = ChangeTransaction.read(
            wish, args["config"], name, self.on_gateway, reinitiate=True, make_before_break=True
        )
        return change if change.prepared.bridged else None

    def _do(self, platform: Platform, wish: DesiredSas, operation: Operation) -> SaOutcome:
        reply = self.on_gateway(platform.build_sas_script(wish, operation))
        after, log = platform.parse_sas_result(wish, operation, reply)
        return SaOutcome(log, after.sas)
