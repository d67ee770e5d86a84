# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings that are of no tunnel: what could not be read of gateways, and whose ends nobody can tell apart."""

from __future__ import annotations

from collections.abc import Container, Iterable

from ..model import EndName, Finding, Gateway, Problem, Tunnel, Unpaired

HARMLESS = (
    "unmatched-include",
    "unknown-setting",
    "invalid-setting",
    "long-name",
    "percent-in-name",
    "daemon-stopped",
    "log-cut",
    "log-hides",
    "log-raised",
)
UNREAD = ("config-", "no-", "listing-", "daemon-hangs")  # kinds of problems that leave something unknown


def read_in_part(gateways: Iterable[Gateway]) -> dict[str, str]:
    """Gateways of which a part could not be read, and why."""
    return {
        gateway.name: "; ".join(dict.fromkeys(problem.what for problem in problems))
        for gateway in gateways
        if (problems := [each for each in gateway.problems if each.kind.startswith(UNREAD)])
    }


def find_unreadable(name: str, why: str) -> Finding:
    """A gateway that could not be read at all."""
    return Finding(
        "gateway-unreadable",
        "critical",
        "",
        EndName(name, ""),
        f"{name} could not be read: {why}",
        "gather",
        no_fix="make the gateway reachable and readable",
    )


def find_torn(end: Unpaired) -> Finding:
    """An end of which nobody knows whose it is: its tunnel is not judged, and that must not go unnoticed."""
    return Finding(
        "pairing-ambiguous",
        "high",
        "",
        end.end,
        f"several ends could be the peer of {end.end}, so its tunnel is not audited",
        "pairing",
        (f"{end.end} {end.reason}",),
        no_fix="declare the tunnel in ipsec_tunnels",
    )


def find_stopped(gateways: Iterable[Gateway], tunnels: Iterable[Tunnel]) -> list[Finding]:
    """Gateways whose daemon does not run and of which no tunnel is known, so that no rule speaks of them."""
    known = {end.gateway.name for tunnel in tunnels for end in tunnel.ends}
    return [
        Finding(
            "daemon-stopped",
            "critical",
            "",
            EndName(gateway.name, ""),
            f"the IKE daemon of {gateway.name} is not running",
            "strongSwan docs: charon-systemd",
            tuple(f"{gateway.name}: {p.what}" for p in gateway.problems if p.kind == "daemon-stopped"),
            no_fix="no tunnel of it is known; start it with the module daemon",
        )
        for gateway in gateways
        if gateway.daemon.running is False and gateway.daemon.installed and gateway.name not in known
    ]


def find_problems(gateways: Iterable[Gateway], tried: Container[str]) -> list[Finding]:
    """What kept a part of a gateway from being read; what its log hides counts where a tunnel of it was tried."""
    return [
        _build_problem_finding(gateway, problem)
        for gateway in gateways
        for problem in gateway.problems
        if problem.kind not in HARMLESS or (problem.kind == "log-hides" and gateway.name in tried)
    ]


def _build_problem_finding(gateway: Gateway, problem: Problem) -> Finding:
    where = f"{gateway.name} {problem.where}".strip()
    return Finding(
        "gateway-unreadable",
        "high",
        "",
        EndName(gateway.name, ""),
        f"a part of {gateway.name} could not be read: {problem.what}",
        "gather",
        (where,),
        no_fix=problem.hint or "see the evidence",
    )
