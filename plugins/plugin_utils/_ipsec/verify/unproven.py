# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels that are not proven: what to initiate of them, and which a run of the plan would leave so."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..analysis.evidence import has_common_sa
from ..model import SEVERE, Audit, Finding, Step, Tunnel
from .ping_targets import Addresses, list_pings
from .proof import find_lacking


def list_attempts(found: Audit) -> dict[str, list[dict[str, str | None]]]:
    """By tunnel that is not up, what to initiate: first from the end that is to answer, and then from the other.

    Of one that is up in part, each child by itself that is not. Not one that is up with somebody else: the other node
    of a cluster may have it, and to initiate it from here would take it over.
    """
    wanted: dict[str, list[dict[str, str | None]]] = {}
    for tunnel in found.tunnels:
        if found.proofs[tunnel.name].state != "down" or any(end.strange for end in tunnel.ends):
            continue
        couples = find_lacking(tunnel) if has_common_sa(tunnel) else [(None, None)]
        for couple in couples:
            names = dict(zip((end.gateway.name for end in tunnel.ends), couple, strict=True))
            for end in (tunnel.answering, tunnel.initiating):
                gateway, connection = end.gateway.name, end.connection.name
                one = {"gateway": gateway, "connection": connection, "child": names[gateway]}
                wanted.setdefault(tunnel.name, []).append(one)
    return wanted


def find_unproven(found: Audit, causes: Collection[str], limit: Iterable[str] | None = None) -> dict[str, str]:
    """By tunnel that is not proven, and that a run of the plan would leave so: why.

    `causes`: ids of findings that keep a tunnel down.
    `limit`: gateways that may be changed; a tunnel without an end on one of them is not judged.
    """
    allowed = None if limit is None else frozenset(limit)
    severe: dict[str, list[Finding]] = {}
    for finding in found.findings:
        if finding.severity in SEVERE:
            severe.setdefault(finding.tunnel, []).append(finding)
    planned: dict[str, list[Step]] = {}
    for step in found.steps:
        planned.setdefault(step.tunnel, []).append(step)
    left: dict[str, str] = {}
    addresses: dict[str, Addresses] = {}
    for tunnel in found.tunnels:
        ours = allowed is None or any(end.gateway.name in allowed for end in tunnel.ends)
        if ours and not found.proofs[tunnel.name].proven:
            name = tunnel.name
            left[name] = _stays_unproven(tunnel, severe.get(name, []), planned.get(name, []), causes, addresses)
    return {name: why for name, why in left.items() if why}


def _stays_unproven(
    tunnel: Tunnel, severe: list[Finding], steps: list[Step], causes: Collection[str], addresses: dict[str, Addresses]
) -> str:
    """Why a tunnel is not proven after its steps either; empty where it may be, or nothing asks for that."""
    stuck = [each for each in severe if not each.fix and each.id in causes]
    if stuck or (severe and not steps):
        first = (stuck or severe)[0]
        return f"{first.id}: {first.no_fix or first.summary}"
    moves = any("_ts" in key for step in steps for given in step.children.values() for key in given)
    if steps and not moves and not any(list_pings(tunnel, addresses)):
        return "nothing inside its networks can be pinged: declare verify in ipsec_tunnels"
    return ""
