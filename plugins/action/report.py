# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes an audit to files, and fails by severity; the module of the same name documents it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.utils.display import Display

from ..modules.report import ARGUMENT_SPEC
from ..plugin_utils._ipsec.errors import IpsecError
from ..plugin_utils._ipsec.store.reports import describe_failures, diff_since, parse_report, write_reports
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """report: on the controller, connects to nothing."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The files first, then whether the audit is good enough."""
        report = parse_report(args["audit"])
        if args["formats"] and (left_out := args["audit"].get("findings_left_out")):
            what = f"the audit has left out {left_out} findings, so a report of it would not be the whole"
            raise IpsecError(what, where="audit", hint="make it without findings_file, or give formats: []")
        changes = diff_since(report, Path(args["since"]) if args["since"] else None)
        if said := changes.summary():
            Display().display(said)
        files: list[str] = []
        changed = False
        if args["formats"]:
            if not args["folder"]:
                raise IpsecError("no folder to write to", where="folder", hint="give one, or formats: []")
            folder = Path(args["folder"])
            files, changed = write_reports(report, changes, folder, args["name"], args["formats"], dry=self.check_mode)
        if args["fail_on"] != "never" and (why := describe_failures(report, args["fail_on"])):
            raise IpsecError(why, hint="see the report; mend it, or waive it in a policy of yours")
        return {"changed": changed, "files": files, "counts": report.counts(), "drift": changes}
