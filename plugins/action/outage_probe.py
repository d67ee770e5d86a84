# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts and stops pings that run on while a tunnel is changed; the module of the same name documents it."""

from __future__ import annotations

from typing import Any

from ..modules.outage_probe import ARGUMENT_SPEC
from ..plugin_utils._ipsec.platforms import build_for_any, detect_platform
from ..plugin_utils._ipsec.platforms.outage_probe import OutageProbeRequest
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """The action of tunnelwright.ipsec.outage_probe."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip; nothing in check mode."""
        wish = OutageProbeRequest(
            self.gateway_name(variables),
            args["connection"],
            args["child"],
            args["from"],
            args["to"],
            args["interval"],
            args["seconds"],
        )
        if self.check_mode:
            return {"outage": None}
        do = "start" if args["state"] == "started" else "stop"
        reply = self.on_gateway(build_for_any(lambda platform: platform.build_outage_script(wish, do)))
        platform = detect_platform(reply)
        if do == "start":
            platform.parse_outage_start(wish, reply)
            return {"outage": None}
        return {"outage": platform.parse_outage(wish, reply)}
