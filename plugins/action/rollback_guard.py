# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms, confirms or carries out the rollback of a gateway; the module of the same name documents it."""

from __future__ import annotations

from typing import Any

from ..modules.rollback_guard import ARGUMENT_SPEC
from ..plugin_utils._ipsec.apply.guard import apply_guard
from ..plugin_utils._ipsec.platforms.guard import DesiredGuard, describe_guard
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """Read, decide, do."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else two; to confirm, over a connection made for it."""
        if args["state"] in ("proven", "confirmed"):
            self.on_new_connection()
        wish = DesiredGuard(run=self.run_name, **args)
        patient = args["state"] == "rolled_back" and not self.check_mode
        run = self.on_gateway_within(args["timeout"]) if patient else self.on_gateway
        before, done = apply_guard(wish, self.gateway_name(variables), run, dry=self.check_mode)
        guards = {"before": before.guard, "after": done.guard}
        result: dict[str, Any] = {"changed": done.changed, "guard": guards, "rollback": done.rollback}
        if done.guard is not None and done.guard.at_boot == "none" and not self.check_mode:
            result["warnings"] = [
                f"nothing on {before.name} would roll back after it is restarted: no systemd, no cron, no pfSense"
            ]
        if self.diff_mode:
            result["diff"] = {side: describe_guard(guard) for side, guard in guards.items()}
        return result
