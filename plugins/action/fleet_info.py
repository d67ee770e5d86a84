# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads many gateways in one task; the module of the same name documents it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ansible import constants

from ..modules.fleet_info import ARGUMENT_SPEC
from ..plugin_utils._ipsec.gather.fleet import FleetGather
from ..plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ..plugin_utils._ipsec.store.gateways import GatewayStore
from ..plugin_utils._ipsec.task.base import Task
from ..plugin_utils._ipsec.task.inventory import ConnectionResolver, list_hosts
from ..plugin_utils._ipsec.task.progress import Progress

_LOCAL_TMP = constants.DEFAULT_LOCAL_TMP  # type: ignore[attr-defined] # made by Ansible for this run, and removed


class ActionModule(Task):
    """One script for all, from one process."""

    SPEC = ARGUMENT_SPEC
    BYPASS_HOST_LOOP = True  # it runs once for a play, also where nobody wrote run_once

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Everything about every gateway, and why a gateway could not be read."""
        options = GatherOptions.asked(args)
        tries = None if args["retries"] is None else args["retries"] + 1
        inventory = ConnectionResolver(self, variables, timeout=args["connect_timeout"], tries=tries)
        kept = GatewayStore(0 if args["dest"] else args["memory"] << 20, lambda: _folder(args["dest"]))
        reading = FleetGather(
            list_hosts(self, args["hosts"], variables), inventory.target, options, kept, self.scrubbed
        )
        progress = Progress(len(reading.hosts))
        reading.go(args["platform"], progress, threads=args["threads"], timeout=args["timeout"])
        progress.end()
        if args["dest"]:
            for host, reason in reading.unreadable.items():
                kept.keep_reason(host, reason)
        return {
            "gateways": {host: kept.gateways[host] for host in reading.hosts if host in kept.gateways},
            "unreadable": {host: reading.unreadable[host] for host in reading.hosts if host in reading.unreadable},
            "read": reading.read,
            "folder": kept.folder,
        }


def _folder(dest: str | None) -> Path:
    """Where files go: the user's folder, or one that Ansible removes when it ends."""
    if dest is None:
        return Path(tempfile.mkdtemp(prefix="fleet-", dir=_LOCAL_TMP))
    folder = Path(dest).expanduser()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
