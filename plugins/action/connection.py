# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets named settings of one connection; the module of the same name documents it."""

from __future__ import annotations

from typing import Any

from ..modules.connection import ARGUMENT_SPEC
from ..plugin_utils.change import Changing, Followed
from ..plugin_utils.platforms.strongswan.write import Wish
from ..plugin_utils.task import Task


class ActionModule(Task):
    """Read, draft, apply, and make live SAs follow where that is asked."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else one more to apply and, for live SAs, one more."""
        how = {key: args[key] for key in ("reinitiate", "make_before_break")}
        change = Changing.read(_wish(args), args["config"], self.gateway_name(variables), self.on_gateway, **how)
        followed = Followed()
        if change.draft.edits:
            self.before_writing(args, variables, change.gateway)
        if change.draft.edits and not self.check_mode:
            followed = change.apply(self.on_gateway, timeout=args["timeout"])
        return change.result(followed) | ({"diff": change.draft.diff} if self.diff_mode else {})


def _wish(args: dict[str, Any]) -> Wish:
    settings = {str(key): _text(value) for key, value in args["settings"].items()}
    if args["nat_traversal"]:
        settings["encap"] = "yes" if args["nat_traversal"] == "force" else "no"
    children = {
        str(child): {str(key): _text(value) for key, value in (given or {}).items()}
        for child, given in args["children"].items()
    }
    return Wish(args["name"], settings, children, args["psk"], args["psk_use"])


def _text(value: object) -> str:
    """A setting as strongSwan writes it: YAML reads `yes` as a boolean, and a list is comma separated."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
