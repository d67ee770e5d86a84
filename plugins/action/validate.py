# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks what a user gives before any gateway is read; the module of the same name documents it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..modules.tunnel_audit import TUNNEL_SPEC
from ..modules.validate import ARGUMENT_SPEC
from ..plugin_utils._ipsec.diagnose.policy.load import load
from ..plugin_utils._ipsec.pair.declared import refuse_contradictions
from ..plugin_utils._ipsec.rollout.change_window import parse_window
from ..plugin_utils._ipsec.task.audit_arguments import list_undeclared, parse_declared
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """validate: pure, connects to nothing."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        **ARGUMENT_SPEC,
        "tunnels": {"type": "list", "elements": "dict", "default": [], "options": TUNNEL_SPEC},
    }

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The first mistake ends it."""
        tunnels = parse_declared(args["tunnels"], self.inventory(variables))
        refuse_contradictions(tuple(tunnels))
        policy = load(args["policy"], self.text_of) if args["policy"] else None
        parse_window(args["window"])
        return {"undeclared": list_undeclared(tunnels, args["psks"], policy.waivers if policy else ())}
