# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the record of a guarded change, and says what to do next; the module of the same name documents it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ..modules.change_record import ARGUMENT_SPEC
from ..plugin_utils._ipsec.model import ChangeRecord, ChangeRequest, build_from_plain
from ..plugin_utils._ipsec.rollout import state_machine
from ..plugin_utils._ipsec.rollout.todo import list_actions, list_due_steps
from ..plugin_utils._ipsec.store import change_records
from ..plugin_utils._ipsec.task import change_arguments
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """change_record: on the controller, connects to nothing."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One event: the record before it, what it brings, the record after it."""
        now = datetime.now().astimezone()
        folder = Path(args["folder"]).expanduser() if args["folder"] else None
        before = self._before(args, now, folder)
        seen = change_arguments.parse_look(args["audit"], args["gateways"], args["probes"])
        heard = state_machine.RunEvent(
            now,
            seen,
            change_arguments.parse_answers(args["results"]),
            change_arguments.parse_steps(args["done"]),
            change_arguments.parse_outages(args["outages"]),
            args["batch"],
            args["closed"] or "",
            tuple(tuple(map(str, group)) for group in args["redundant"]),
            self.goes_on,
            tuple(args["only"]),
        )
        record = state_machine.EVENTS[args["event"]](before, heard)
        files = change_records.write_record(folder, record) if folder else []
        return {
            "record": record,
            "todo": list_actions(record) | {"steps": list_due_steps(record, seen)},
            "files": files,
        }

    def _before(self, args: dict[str, Any], now: datetime, folder: Path | None) -> ChangeRecord:
        if args["record"] is not None:
            return build_from_plain(ChangeRecord, args["record"], "record")
        nameless = {"ticket": f"remediate, {self.operator}", "by": self.operator}
        order = build_from_plain(ChangeRequest, nameless | (args["order"] or {}) | {"check": self.check_mode}, "order")
        earlier = change_records.find_earlier(folder, order.ticket) if folder else ()
        return ChangeRecord(order, now.isoformat(timespec="seconds"), earlier=earlier)
