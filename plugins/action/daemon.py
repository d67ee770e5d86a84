# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the IKE daemon or has it load; the module of the same name documents it."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from ..modules.daemon import ARGUMENT_SPEC
from ..plugin_utils._ipsec.platforms import detect_platform, find_platform, read_gateway, retransmission
from ..plugin_utils._ipsec.platforms.daemon_request import DaemonRequest
from ..plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """Read, decide, set, start or load."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One round trip where nothing is to be done, else two, and with settings three."""
        settings = retransmission.parse_settings(args["settings"])
        asked = DaemonRequest(args["state"], settings, self.by(args["reason"]), args["apply_pending"], args["timeout"])
        options = GatherOptions(digest_key=token_hex(32), config=args["config"], sas=False)
        reply = self.on_gateway(find_platform("auto").gather(options))
        vendor = detect_platform(reply)
        gateway = read_gateway(self.gateway_name(variables), reply, options)
        serving = vendor.serve(asked, gateway, reply, options)
        if serving.deeds:
            self.before_writing(args, variables, gateway)
        log: tuple[str, ...] = ()
        for program, read in () if self.check_mode else serving.deeds:
            log += read(self.on_gateway(program))
        shown = {"before": serving.before, "after": serving.after}
        return {"changed": bool(serving.deeds), "reasons": serving.reasons, "settings": shown, "log": log}
