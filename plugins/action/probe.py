# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves from one end that a tunnel carries traffic; the module of the same name documents it."""

from __future__ import annotations

from typing import Any

from ..modules.probe import ARGUMENT_SPEC
from ..plugin_utils._ipsec.model import Gateway, build_from_plain, to_plain
from ..plugin_utils._ipsec.platforms import build_for_any, detect_platform
from ..plugin_utils._ipsec.platforms.probe import PingAddresses, PingResult, ProbeRequest, choose_addresses
from ..plugin_utils._ipsec.task.base import Task


class ActionModule(Task):
    """The action of tunnelwright.ipsec.probe."""

    SPEC = ARGUMENT_SPEC

    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Ping and count, in one round trip."""
        wish = ProbeRequest(
            gateway=self.gateway_name(variables),
            connection=args["connection"],
            child=args["child"],
            pings=tuple(PingAddresses(pair["from"], pair["to"]) for pair in args["pings"] or ()),
            peer=_addresses(args["peer"]),
            count=args["count"],
            timeout=args["timeout"],
        )
        reply = self.on_gateway(build_for_any(lambda platform: platform.build_probe_script(wish)))
        proof = detect_platform(reply).parse_probe(wish, reply)
        result: dict[str, Any] = {
            "reachable": proof.reachable,
            "esp_used": proof.esp_used,
            "gateway": wish.gateway,
            "connection": wish.connection,
            "child": wish.child,
            "pings": [_shown(ping) for ping in proof.pings],
            "counters": {"before": proof.before, "after": proof.after},
        }
        if not proof.reachable:
            result["msg"] = "; ".join(proof.faults)
            result["failed"] = args["fail"]
        return result


def _addresses(peer: dict[str, Any] | None) -> tuple[str, ...]:
    if peer is None:
        return ()
    return choose_addresses(build_from_plain(Gateway, peer.get("gateway", peer), "peer"))


def _shown(ping: PingResult) -> dict[str, Any]:
    values: dict[str, Any] = to_plain(ping)
    return {"from": values.pop("source"), "to": values.pop("target")} | values | {"esp_used": ping.esp_used}
