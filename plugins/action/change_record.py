# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the record of a guarded change, and says what is to be done next; the module of the same name documents it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ..modules.change_record import ARGUMENT_SPEC
from ..plugin_utils import change_input
from ..plugin_utils.model import ChangeRecord, Order, restore
from ..plugin_utils.rollout import course, shelf
from ..plugin_utils.rollout.todo import steps_to_take, todo
from ..plugin_utils.task import Task


class ActionModule(Task):
    """change_record: on the controller, connects to nothing."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One event: the record before it, what it brings, the record after it."""
        now = datetime.now().astimezone()
        folder = Path(args["folder"]).expanduser() if args["folder"] else None
        before = self._before(args, now, folder)
        seen = change_input.look(args["audit"], args["gateways"], args["probes"])
        heard = course.Heard(
            now,
            seen,
            change_input.answers(args["results"]),
            change_input.steps_taken(args["done"]),
            change_input.outages(args["outages"]),
            args["batch"],
            args["closed"] or "",
            tuple(tuple(map(str, group)) for group in args["redundant"]),
            self.goes_on,
            tuple(args["only"]),
        )
        record = course.EVENTS[args["event"]](before, heard)
        files = shelf.keep(folder, record) if folder else []
        return {"record": record, "todo": todo(record) | {"steps": steps_to_take(record, seen)}, "files": files}

    def _before(self, args: dict[str, Any], now: datetime, folder: Path | None) -> ChangeRecord:
        if args["record"] is not None:
            return restore(ChangeRecord, args["record"], "record")
        nameless = {"ticket": f"remediate, {self.operator}", "by": self.operator}
        order = restore(Order, nameless | (args["order"] or {}) | {"check": self.check_mode}, "order")
        earlier = shelf.earlier(folder, order.ticket) if folder else ()
        return ChangeRecord(order, now.isoformat(timespec="seconds"), earlier=earlier)
