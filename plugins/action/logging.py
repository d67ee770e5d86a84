# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raises the daemon's log levels for a time; the module of the same name documents it."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from ..modules.logging import ARGUMENT_SPEC
from ..plugin_utils._ipsec.platforms import detect_platform, find_platform, read_gateway
from ..plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ..plugin_utils._ipsec.platforms.log_levels import describe_levels, parse_wish
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """Read, plan, raise or put back."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else two."""
        wish = parse_wish(args["levels"] or {}, state=args["state"], duration=args["duration"])
        options = GatherOptions(digest_key=token_hex(32), sas=False)
        reply = self.on_gateway(find_platform("auto").gather(options))
        gateway = read_gateway(self.gateway_name(variables), reply, options)
        platform = detect_platform(reply)
        plan = platform.plan_log_levels(wish, gateway, reply, token_hex(8))
        if plan.script is not None and not self.check_mode:
            platform.parse_log_level_result(gateway, self.on_gateway(plan.script))
        result: dict[str, Any] = {
            "changed": plan.changed,
            "file": plan.path or None,
            "loggers": {"before": plan.before, "after": plan.after},
        }
        if plan.warnings:
            result["warnings"] = list(plan.warnings)
        if self.diff_mode:
            header = f"log levels of {gateway.name}"
            texts = {"before": describe_levels(plan.before), "after": describe_levels(plan.after)}
            result["diff"] = texts | {"before_header": header, "after_header": header}
        return result
