# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the IKE daemon or has it load; the module of the same name documents it."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from ..modules.daemon import ARGUMENT_SPEC
from ..plugin_utils.platforms import platform, platform_of, refuse_generated
from ..plugin_utils.platforms.options import GatherOptions
from ..plugin_utils.platforms.strongswan import daemon
from ..plugin_utils.task import Task


class ActionModule(Task):
    """Read, decide, start or load."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else two."""
        options = GatherOptions(digest_key=token_hex(32), config=args["config"], sas=False)
        reply = self.on_gateway(platform("auto").gather(options))
        gateway = platform_of(reply).read(self.gateway_name(variables), reply, options)
        refuse_generated(gateway)
        reasons = daemon.needed(gateway, args["state"])
        log: tuple[str, ...] = ()
        if reasons:
            self.before_writing(args, variables, gateway)
        if reasons and not self.check_mode:
            program = daemon.script(gateway, args["state"], config=args["config"], timeout=args["timeout"])
            log = daemon.outcome(gateway, self.on_gateway(program))
        return {"changed": bool(reasons), "reasons": reasons, "log": log}
