# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks give to the record of a change, as model values: a look at the fleet, steps that were run, outages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import extract_reason
from ..model import EndName, Finding, OutageMeasurement, Step, StepResult, TunnelProof, build_from_plain
from ..rollout.snapshot import AuditedTunnel, FleetSnapshot
from ..rollout.steps import list_results
from .audit_arguments import parse_gateways, parse_probes


def parse_look(
    audit: Mapping[str, Any] | None, read: Mapping[str, Any], probed: Iterable[Mapping[str, Any]]
) -> FleetSnapshot:
    """One look at the fleet; none of it where there was none.

    Raises:
        ParseError: it is not what tunnel_audit and gateway_info return.
    """
    if audit is None:
        return FleetSnapshot()
    found, unreadable = parse_gateways(read.items())
    tunnels = [
        AuditedTunnel(
            str(t["name"]),
            tuple(build_from_plain(EndName, end, "audit.tunnels.ends") for end in t["ends"]),
            str(t["initiator"]),
            build_from_plain(TunnelProof, t["proof"], "audit.tunnels.proof"),
        )
        for t in audit.get("tunnels") or ()
    ]
    return FleetSnapshot(
        {gateway.name: gateway for gateway in found},
        unreadable,
        {tunnel.name: tunnel for tunnel in tunnels},
        tuple(build_from_plain(Finding, each, "audit.findings") for each in audit.get("findings") or ()),
        tuple(build_from_plain(Step, each, "audit.plan") for each in audit.get("plan") or ()),
        tuple(parse_probes(probed)),
        audit.get("to_probe") or {},
        {
            name: (each.get("seconds"), str(each.get("because") or ""))
            for name, each in (audit.get("outages") or {}).items()
        },
        audit.get("left_unproven") or {},
    )


def parse_steps(results: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, StepResult], ...]:
    """Steps with their tunnels, from registered results of loops over a plan with the loop variable `step`.

    Raises:
        ParseError: a step is not one of a plan.
    """
    ran = [result for result in results if "step" in result and not result.get("skipped")]
    return list_results(
        ran, [build_from_plain(Step, result["step"], f"done[{n}].step") for n, result in enumerate(ran)]
    )


def parse_answers(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Registered results of a task by gateway: of those that ran it."""
    return {name: result for name, result in results.items() if result and not result.get("skipped")}


def parse_outages(results: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, OutageMeasurement], ...]:
    """Outages with their tunnels, from registered results of loops over `watch`."""
    found = []
    for result in results:
        watch = result.get("watch")
        if not watch or result.get("skipped"):
            continue
        measured = result.get("outage")
        if measured is None:
            outage = OutageMeasurement(
                watch["gateway"], watch["child"], watch["source"], watch["target"], error=extract_reason(result)
            )
        else:
            outage = build_from_plain(OutageMeasurement, measured, "outages")
        found.append((str(watch["tunnel"]), outage))
    return tuple(found)
