# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says whether a change may begin now; the module of the same name documents it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..modules.change_window import ARGUMENT_SPEC
from ..plugin_utils._ipsec.rollout.change_window import check_window, parse_window
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """change_window: pure but for the clock, connects to nothing."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Look at the clock."""
        found = check_window(parse_window(args["window"]), datetime.now(UTC), needs=args["needs"])
        result: dict[str, Any] = {"open": found.open, "closes_in": found.closes_in, "why": found.why}
        return result | ({} if found.open else {"msg": found.why, "failed": args["fail"]})
