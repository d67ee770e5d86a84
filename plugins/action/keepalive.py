# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs or removes the periodic check of one child; the module of the same name documents it."""

from __future__ import annotations

from ipaddress import ip_address
from secrets import token_hex
from typing import Any

from ..modules.keepalive import ARGUMENT_SPEC
from ..plugin_utils._ipsec.apply.change import apply_candidate
from ..plugin_utils._ipsec.errors import RefusedError
from ..plugin_utils._ipsec.platforms import find_platform, read_gateway
from ..plugin_utils._ipsec.platforms.desired import DesiredConnection
from ..plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ..plugin_utils._ipsec.platforms.pfsense import keepalive as flag
from ..plugin_utils._ipsec.platforms.strongswan import keepalive
from ..plugin_utils._ipsec.task.base import Task

_OTHERS = ("guard", "target", "reason", "apply_pending")  # which are not for the check that is installed here


class ActionModule(Task):
    """The action of tunnelwright.ipsec.keepalive."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else one more to see whether that may be, and one to do it."""
        given = {key: value for key, value in args.items() if key not in _OTHERS}
        own = args["means"] in flag.INTERVALS
        wish = keepalive.DesiredKeepalive(
            gateway=self.gateway_name(variables), **given | ({"means": "auto"} if own else {})
        )
        done = self._bring(wish, dry=True)
        if done is None:
            return self._flagged(args, variables)
        if own:
            what = f"{args['means']} is a pfSense check, but {wish.gateway} is not a pfSense"
            raise RefusedError(what, hint="use means: auto")
        if done.changed:
            self.before_writing(args, variables)
            if not self.check_mode:
                done = self._bring(wish, dry=False) or done
        result: dict[str, Any] = {
            "changed": done.changed,
            "files": [file.path for file in done.files],
            "keepalive": {key: getattr(wish, key) for key in ("name", "connection", "child", "state", "interval")}
            | {"means": done.means},
        }
        if done.warnings:
            result["warnings"] = list(done.warnings)
        if self.diff_mode:
            result["diff"] = [_diff(file) for file in done.files]
        return result

    def _bring(self, wish: keepalive.DesiredKeepalive, *, dry: bool) -> keepalive.KeepaliveResult | None:
        """None where the gateway has a check of its own."""
        reply = self.on_gateway(keepalive.build_script(wish, dry=dry))
        return None if "platform" in reply.sections else keepalive.parse_result(wish, reply, dry=dry)

    def _flagged(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """On a pfSense: read, decide, have it set its flag."""
        name, present = self.gateway_name(variables), args["state"] == "present"
        means, ping = _own(args, name)
        options = GatherOptions(digest_key=token_hex(32), sas=False)
        reply = self.on_gateway(find_platform("auto").gather(options))
        gateway = read_gateway(name, reply, options)
        wish = DesiredConnection(args["connection"], by=self.by(args["reason"]), pending=args["apply_pending"])
        change = flag.prepare(wish, args["child"], gateway, reply, options, present=present, ping=ping)
        if change.needed:
            self.before_writing(args, variables, gateway)
            if not self.check_mode:
                apply_candidate(change, self.on_gateway, options, timeout=args["timeout"], terminate=False)
        shown = {key: args[key] for key in ("connection", "child", "state")} | {"interval": flag.INTERVALS[means]}
        blind = flag.describe_limits(gateway, args["connection"], args["child"]) if present and ping is None else ()
        return {
            "changed": change.needed,
            "files": [flag.PATH] if change.needed else [],
            "keepalive": shown | {"name": "", "means": means if present else None},
            **({"warnings": list(blind)} if blind else {}),
            **({"diff": list(change.diff)} if self.diff_mode else {}),
        }


def _own(args: dict[str, Any], name: str) -> tuple[str, str | None]:
    """Which of the checks that a pfSense has, and whom it pings."""
    means, target = args["means"], args["target"]
    if means not in ("auto", *flag.INTERVALS):
        raise RefusedError(f"{name} is a pfSense and has a check of its own", hint="use means: auto")
    if means != "pinghost":
        return "keepalive", None
    try:
        return means, str(ip_address(target)) if target or args["state"] == "present" else ""
    except ValueError as error:
        raise RefusedError(f"{target!r} is not an IP address", hint="give in target whom to ping") from error


def _diff(file: keepalive.FileChange) -> dict[str, str]:
    header = {f"{side}_header": file.path for side in ("before", "after")}
    return header | {"before": file.before or "", "after": file.after or ""}
