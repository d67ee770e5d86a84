# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one gateway; the module of the same name documents it."""

from __future__ import annotations

from typing import Any

from ..modules.gateway_info import ARGUMENT_SPEC
from ..plugin_utils._ipsec.platforms import find_platform, read_gateway
from ..plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """One script, one reply, one value."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Everything about the gateway this task runs on."""
        options = GatherOptions.asked(args)
        reply = self.on_gateway(find_platform(args["platform"]).gather(options))
        return {"gateway": read_gateway(self.gateway_name(variables), reply, options)}
