# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets named settings of one connection; the module of the same name documents it."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from ..modules.connection import ARGUMENT_SPEC
from ..plugin_utils.change import Changing
from ..plugin_utils.platforms import platform, platform_of, refuse_generated
from ..plugin_utils.platforms.options import GatherOptions
from ..plugin_utils.platforms.strongswan.write import Wish, applied, script
from ..plugin_utils.task import Task


class ActionModule(Task):
    """Read, draft, apply, and make live SAs follow where that is asked."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else one more to apply and, for live SAs, one more."""
        wish = _wish(args)
        options = GatherOptions(digest_key=token_hex(32), config=args["config"])
        reply = self.on_gateway(platform("auto").gather(options))
        gateway = platform_of(reply).read(self.gateway_name(variables), reply, options)
        refuse_generated(gateway)
        change = Changing.of(wish, gateway, reply, options, reinitiate=args["reinitiate"])
        log: tuple[str, ...] = ()
        if change.draft.edits:
            self.before_writing(args, variables, gateway)
        if change.draft.edits and not self.check_mode:
            program = script(
                wish,
                change.draft,
                change.files,
                options=options,
                timeout=args["timeout"],
                terminate=change.terminate_first,
            )
            log = applied(wish, self.on_gateway(program))
            log += change.follow(self.on_gateway, timeout=args["timeout"])
        result = change.result(log)
        return result | ({"diff": change.draft.diff} if self.diff_mode else {})


def _wish(args: dict[str, Any]) -> Wish:
    settings = {str(key): _text(value) for key, value in args["settings"].items()}
    if args["nat_traversal"]:
        settings["encap"] = "yes" if args["nat_traversal"] == "force" else "no"
    children = {
        str(child): {str(key): _text(value) for key, value in (given or {}).items()}
        for child, given in args["children"].items()
    }
    return Wish(args["name"], settings, children, args["psk"])


def _text(value: object) -> str:
    """A setting as strongSwan writes it: YAML reads `yes` as a boolean, and a list is comma separated."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
