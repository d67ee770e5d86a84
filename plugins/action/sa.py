# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings SAs to a state; the module of the same name documents it."""

from __future__ import annotations

from typing import Any

from ..modules.sa import ARGUMENT_SPEC
from ..plugin_utils.platforms.strongswan import sa
from ..plugin_utils.task import Task


class ActionModule(Task):
    """Look, decide, operate."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else two."""
        wish = sa.Wish(args["connection"], args["state"], args["child"], args["timeout"], args["force"])
        before = sa.seen(wish, self.on_gateway(sa.script(wish)))
        operation = sa.needed(wish, before)
        after: sa.Seen = before
        log: tuple[str, ...] = ()
        if operation.do and args["guard"] is not None:
            self.before_writing(args, variables)
        if operation.do and not self.check_mode:
            after, log = sa.outcome(wish, operation, self.on_gateway(sa.script(wish, operation)))
        return {"changed": operation.do is not None, "log": log, "sa": {"before": before.sas, "after": after.sas}}
