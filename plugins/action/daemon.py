# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the IKE daemon or has it load; the module of the same name documents it."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from ..modules.daemon import ARGUMENT_SPEC
from ..plugin_utils.model import Gateway, Script
from ..plugin_utils.platforms import platform, platform_of, waiting
from ..plugin_utils.platforms.options import GatherOptions
from ..plugin_utils.platforms.pfsense import daemon as of_pfsense
from ..plugin_utils.platforms.strongswan import daemon
from ..plugin_utils.platforms.wanted import Wish
from ..plugin_utils.task import Task


class ActionModule(Task):
    """Read, decide, set, start or load."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else two, and with settings three."""
        asked = waiting.asked(args["settings"])
        options = GatherOptions(digest_key=token_hex(32), config=args["config"], sas=False)
        reply = self.on_gateway(platform("auto").gather(options))
        gateway = platform_of(reply).read(self.gateway_name(variables), reply, options)
        change = None
        if gateway.generates:
            by = f"{self.operator}: {args['reason']}" if args["reason"] else self.operator
            wish = Wish(of_pfsense.NAME, by=by, pending=args["apply_pending"])
            change = of_pfsense.settings(wish, asked, gateway, reply, options)
            reasons = of_pfsense.needed(gateway, args["state"], enabled=change.order.enabled)
        else:
            daemon.refuse_settings(gateway, reply, asked)
            reasons = daemon.needed(gateway, args["state"])
        log: tuple[str, ...] = ()
        writes = change is not None and change.needed
        if reasons or writes:
            self.before_writing(args, variables, gateway)
        if change is not None and writes and not self.check_mode:
            log += change.applied(self.on_gateway(change.script(timeout=args["timeout"])))
        if reasons and not self.check_mode:
            log += daemon.outcome(gateway, self.on_gateway(_program(gateway, args)))
        shown = {"before": change.before, "after": change.after} if change else {"before": {}, "after": {}}
        return {"changed": bool(reasons) or writes, "reasons": reasons, "settings": shown, "log": log}


def _program(gateway: Gateway, args: dict[str, Any]) -> Script:
    if gateway.generates:
        return of_pfsense.script(args["state"], timeout=args["timeout"])
    return daemon.script(gateway, args["state"], config=args["config"], timeout=args["timeout"])
