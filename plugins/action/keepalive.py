# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs or removes the periodic check of one child; the module of the same name documents it."""

from __future__ import annotations

from typing import Any

from ..modules.keepalive import ARGUMENT_SPEC
from ..plugin_utils.platforms.strongswan import keepalive
from ..plugin_utils.task import Task


class ActionModule(Task):
    """The action of tunnelwright.ipsec.keepalive."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else one more to see whether that may be, and one to do it."""
        given = {key: value for key, value in args.items() if key != "guard"}
        wish = keepalive.Wish(gateway=self.gateway_name(variables), **given)
        done = self._bring(wish, dry=True)
        if done.changed:
            self.before_writing(args, variables)
            if not self.check_mode:
                done = self._bring(wish, dry=False)
        result: dict[str, Any] = {
            "changed": done.changed,
            "files": [file.path for file in done.files],
            "keepalive": {key: getattr(wish, key) for key in ("name", "connection", "child", "state", "interval")}
            | {"means": done.means},
        }
        if done.warnings:
            result["warnings"] = list(done.warnings)
        if self.diff_mode:
            result["diff"] = [_diff(file) for file in done.files]
        return result

    def _bring(self, wish: keepalive.Wish, *, dry: bool) -> keepalive.Outcome:
        return keepalive.outcome(wish, self.on_gateway(keepalive.script(wish, dry=dry)), dry=dry)


def _diff(file: keepalive.FileChange) -> dict[str, str]:
    header = {f"{side}_header": file.path for side in ("before", "after")}
    return header | {"before": file.before or "", "after": file.after or ""}
