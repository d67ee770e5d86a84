# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets named settings of one connection; the module of the same name documents it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..modules.connection import ARGUMENT_SPEC
from ..plugin_utils._ipsec.apply.change import ChangeTransaction, SaOutcome
from ..plugin_utils._ipsec.errors import RefusedError
from ..plugin_utils._ipsec.platforms.desired import ConnectionShape, DesiredConnection
from ..plugin_utils._ipsec.swanctl import keys
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """Read, draft, apply, and make live SAs follow where that is asked."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else one more to apply and, for live SAs, one more."""
        how = {key: args[key] for key in ("reinitiate", "make_before_break")}
        wish = _wish(args, self.by(args["reason"]))
        if self.check_mode:
            wish = replace(wish, preceding=tuple(_preceding(args, step) for step in args["preceding"]))
        change = ChangeTransaction.read(wish, args["config"], self.gateway_name(variables), self.on_gateway, **how)
        followed = SaOutcome()
        if change.needed:
            self.before_writing(args, variables, change.gateway)
        if change.needed and not self.check_mode:
            followed = change.apply(self.on_gateway, timeout=args["timeout"])
        return change.result(followed) | ({"diff": change.prepared.diff} if self.diff_mode else {})


def _wish(args: dict[str, Any], by: str) -> DesiredConnection:
    settings = {str(key): _text(value) for key, value in args["settings"].items()}
    if args["nat_traversal"]:
        settings["encap"] = "yes" if args["nat_traversal"] == "force" else "no"
    given = {str(child): dict(asked or {}) for child, asked in args["children"].items()}
    flags = {child: _flag(child, asked.pop("enabled")) for child, asked in given.items() if "enabled" in asked}
    shape = ConnectionShape(args["split_children"], args["enabled"], flags, args["stop_daemon"])
    children = {
        child: {str(key): _text(value) for key, value in asked.items()} for child, asked in given.items() if asked
    }
    return DesiredConnection(
        args["name"], settings, children, args["psk"], args["psk_use"], by, args["apply_pending"], shape
    )


def _preceding(args: dict[str, Any], step: dict[str, Any]) -> DesiredConnection:
    settings = {str(key): _text(value) for key, value in (step.get("settings") or {}).items()}
    children = {
        str(child): {str(key): _text(value) for key, value in given.items()}
        for child, given in (step.get("children") or {}).items()
    }
    psk = args["psk"] if step.get("psk") else None
    return DesiredConnection(args["name"], settings, children, psk, step.get("psk_use") or "only")


def _flag(child: str, value: object) -> bool:
    found = keys.parse_boolean(_text(value))
    if found is None:
        raise RefusedError(f"{value!r} is not a valid value for enabled", where=child, hint="write yes or no")
    return found


def _text(value: object) -> str:
    """A setting as strongSwan writes it: YAML reads `yes` as a boolean, and a list is comma separated."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
