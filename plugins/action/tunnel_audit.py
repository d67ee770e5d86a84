# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the ends of all tunnels; the module of the same name documents it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from ansible import constants
from ansible.utils.display import Display

from ..modules.tunnel_audit import ARGUMENT_SPEC
from ..plugin_utils._ipsec.audit import audit
from ..plugin_utils._ipsec.diagnose.policy.load import load
from ..plugin_utils._ipsec.diagnose.rules import list_causes
from ..plugin_utils._ipsec.model import to_plain
from ..plugin_utils._ipsec.report import repairs as as_story
from ..plugin_utils._ipsec.report import side_by_side
from ..plugin_utils._ipsec.report.build import build_report
from ..plugin_utils._ipsec.report.content import summarize
from ..plugin_utils._ipsec.report.formats import terminal as as_table
from ..plugin_utils._ipsec.store import gateways as gathers
from ..plugin_utils._ipsec.store.findings import open_findings
from ..plugin_utils._ipsec.task.audit_arguments import (
    find_unused,
    parse_attempts,
    parse_declared,
    parse_done,
    parse_findings,
    parse_gateways,
    parse_probes,
    parse_psks,
    parse_repairs,
)
from ..plugin_utils._ipsec.task.base import Task
from ..plugin_utils._ipsec.verify.ping_targets import list_probes
from ..plugin_utils._ipsec.verify.unproven import find_unproven, list_attempts

_COLORS = {  # settings of Ansible
    "critical": "COLOR_UNREACHABLE",
    "high": "COLOR_ERROR",
    "medium": "COLOR_CHANGED",
    "low": "COLOR_SKIP",
    "info": "COLOR_VERBOSE",
}


class ActionModule(Task):
    """tunnel_audit: pure, connects to nothing."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Restore what was read, audit it, shape the answer."""
        now = datetime.now().astimezone()
        read, unreadable = parse_gateways(
            chain(args["gateways"].items(), gathers.read_all(args["fleet"], args["folders"]))
        )
        # Of a slice of a fleet nobody knows what there is beside it.
        known = [] if args["folders"] else [*self.inventory(variables), *(each.name for each in read), *unreadable]
        tunnels = parse_declared(args["tunnels"], known)
        keys = parse_psks(args["psks"], args["psk_digests"])
        with open_findings(args["findings_file"]) as hear:
            found = audit(
                read,
                unreadable=unreadable,
                declared=tunnels,
                probes=parse_probes(args["probes"]),
                attempts=parse_attempts(args["attempts"]),
                limit=args["limit"],
                psks=keys,
                target=args["policy_target"],
                repair=parse_repairs(args["repair"]),
                only=args["only"],
                policy=(load(args["policy"], self.text_of), now.date()) if args["policy"] else None,
                hear=hear,
            )
        comparisons = {t.name: side_by_side.render(t) for t in found.tunnels if t.name in args["compare"]}
        story = None
        if args["before"] is not None:
            undone = {str(name): str(why) for name, why in args["undone"].items()}
            run = parse_done(args["done"])
            story = as_story.build_repairs(
                parse_findings(args["before"]), run, found, limit=args["limit"], undone=undone
            )
        time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        report = build_report(found, read, time, comparisons=comparisons, sides=args["sides"], repairs=story)
        columns: Any = Display().columns
        lines = [*as_table.format_lines(found, min(columns, as_table.WIDTH)), ("", None), (summarize(report), None)]
        if args["show"]:
            told = [] if story is None else [as_story.render(story)]
            _show(
                [
                    *((f"{text}\n", None) for text in comparisons.values()),
                    *lines,
                    *((f"\n{text}", None) for text in told),
                ]
            )
        left_out = {}
        if args["findings_file"]:
            left_out = {"findings_left_out": max(0, len(report.findings) - as_table.MOST)}
            report = replace(report, findings=report.findings[: as_table.MOST])
        answer = {key: value for key, value in to_plain(report).items() if value is not None} | left_out
        table = "\n".join(text for text, dummy in lines)
        left = find_unproven(found, list_causes(), args["limit"])
        if not (args["only"] or found.unreadable or found.read_in_part):
            answer |= warnings(
                find_unused(keys, [*(tunnel.name for tunnel in found.tunnels), *(each.name for each in tunnels)])
            )
        return answer | {
            "to_probe": list_probes(found.tunnels, found.proofs),
            "to_try": list_attempts(found),
            "left_unproven": left,
            "read_in_part": found.read_in_part,
            "table": table,
        }


def warnings(lines: list[str]) -> dict[str, list[str]]:
    """What Ansible shows as warnings."""
    return {"warnings": lines} if lines else {}


def _show(lines: Iterable[as_table.Line]) -> None:
    """Show it, with the colours that the user has for such news, where the terminal is to have colours at all."""
    for severity, those in groupby(lines, key=itemgetter(1)):
        color = getattr(constants, _COLORS[severity]) if severity else None
        Display().display("".join(f"{text}\n" for text, dummy in those), color=color)  # whose last newline is its own
