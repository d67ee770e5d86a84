# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the ends of all tunnels; the module of the same name documents it."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display

from ..modules.tunnel_audit import ARGUMENT_SPEC
from ..plugin_utils.audit import audit, to_probe
from ..plugin_utils.audit_input import declared, done, findings, gateways, probes
from ..plugin_utils.report import as_story, as_table
from ..plugin_utils.rules.evidence import up
from ..plugin_utils.task import Task


class ActionModule(Task):
    """tunnel_audit: pure, connects to nothing."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Restore what was read, audit it, shape the answer."""
        read, unreadable = gateways(args["gateways"])
        found = audit(
            read,
            unreadable=unreadable,
            declared=declared(args["tunnels"]),
            probes=probes(args["probes"]),
            limit=args["limit"],
            psks=args["psks"],
        )
        table = as_table.render(found)
        repairs = None
        if args["before"] is not None:
            repairs = as_story.tell(findings(args["before"]), done(args["done"]), found, limit=args["limit"])
        if args["show"]:
            Display().display("\n\n".join([table, *([] if repairs is None else [as_story.render(repairs)])]))
        story = {} if repairs is None else {"repairs": repairs}
        return story | {
            "tunnels": [
                {
                    "name": tunnel.name,
                    "ends": [end.name() for end in tunnel.ends],
                    "initiator": tunnel.initiator,
                    "initiator_because": tunnel.initiator_because,
                    "paired_by": tunnel.paired_by,
                    "up": up(tunnel),
                    "proof": found.proofs[tunnel.name],
                }
                for tunnel in found.tunnels
            ],
            "unpaired": found.unpaired,
            "findings": found.findings,
            "plan": found.steps,
            "advice": found.advice,
            "to_probe": to_probe(found.tunnels, found.proofs),
            "gateways_unreadable": found.unreadable,
            "table": table,
        }
