# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the ends of all tunnels; the module of the same name documents it."""

from __future__ import annotations

from itertools import chain
from typing import Any

from ansible.utils.display import Display

from ..modules.tunnel_audit import ARGUMENT_SPEC
from ..plugin_utils import gathers
from ..plugin_utils.audit import audit, to_probe
from ..plugin_utils.audit_input import attempts, declared, done, findings, gateways, probes, psks
from ..plugin_utils.findings_file import lines_in
from ..plugin_utils.report import as_story, as_table, side_by_side
from ..plugin_utils.rules.evidence import up
from ..plugin_utils.task import Task
from ..plugin_utils.verdict import verdicts


class ActionModule(Task):
    """tunnel_audit: pure, connects to nothing."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Restore what was read, audit it, shape the answer."""
        read, unreadable = gateways(chain(args["gateways"].items(), gathers.all_of(args["fleet"], args["folders"])))
        with lines_in(args["findings_file"]) as hear:
            found = audit(
                read,
                unreadable=unreadable,
                declared=declared(args["tunnels"]),
                probes=probes(args["probes"]),
                attempts=attempts(args["attempts"]),
                limit=args["limit"],
                psks=psks(args["psks"], args["psk_digests"]),
                hear=hear,
            )
        most = as_table.MOST if args["findings_file"] else None
        table = as_table.render(found)
        comparisons = {t.name: side_by_side.render(t) for t in found.tunnels if t.name in args["compare"]}
        repairs = None
        if args["before"] is not None:
            repairs = as_story.tell(findings(args["before"]), done(args["done"]), found, limit=args["limit"])
        if args["show"]:
            told = [] if repairs is None else [as_story.render(repairs)]
            Display().display("\n\n".join([*comparisons.values(), table, *told]))
        story: dict[str, Any] = {} if repairs is None else {"repairs": repairs}
        if most is not None:
            story["findings_left_out"] = max(0, len(found.findings) - most)
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
            "verdicts": {tunnel.name: verdicts(tunnel) for tunnel in found.tunnels if tunnel.attempts},
            "comparisons": comparisons,
            "unpaired": found.unpaired,
            "findings": found.findings[:most],
            "plan": found.steps,
            "outages": found.outages,
            "advice": found.advice,
            "to_probe": to_probe(found.tunnels, found.proofs),
            "gateways_unreadable": found.unreadable,
            "table": table,
        }
