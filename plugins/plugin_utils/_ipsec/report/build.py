# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report tells of an audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..analysis.evidence import find_installed, has_common_sa
from ..model import Audit, Gateway, Tunnel
from . import side_by_side
from .content import CertificateExpiry, Report, TunnelReport
from .repairs import RepairSummary


def build_report(  # noqa: PLR0913  one argument for each part of a report
    found: Audit,
    gateways: Iterable[Gateway],
    time: str,
    *,
    comparisons: Mapping[str, str] | None = None,
    sides: bool = False,
    repairs: tuple[RepairSummary, ...] | None = None,
) -> Report:
    """What reports tell of an audit that was made at a time (ISO 8601); `sides`: also all settings of all tunnels."""
    return Report(
        time=time,
        tunnels=tuple(_build_tunnel_report(found, tunnel) for tunnel in found.tunnels),
        unpaired=found.unpaired,
        findings=found.findings,
        plan=found.steps,
        outages=found.outages,
        advice=found.advice,
        gateways_unreadable=found.unreadable,
        policy=found.policy,
        waived=found.waived,
        certificates=tuple(dict.fromkeys(_list_expiries(gateways))),
        verdicts={tunnel.name: tunnel.verdicts for tunnel in found.tunnels if tunnel.attempts},
        comparisons=comparisons or {},
        sides={tunnel.name: side_by_side.compare_ends(tunnel) for tunnel in found.tunnels} if sides else {},
        repairs=repairs,
    )


def _build_tunnel_report(found: Audit, tunnel: Tunnel) -> TunnelReport:
    proof = found.proofs[tunnel.name]
    sas = {end.gateway.name: find_installed(end) for end in tunnel.ends}
    return TunnelReport(
        tunnel.name,
        (tunnel.ends[0].name(), tunnel.ends[1].name()),
        tunnel.initiator,
        tunnel.initiator_because,
        tunnel.paired_by,
        has_common_sa(tunnel),
        proof.state,
        proof,
        bytes_in={name: sum(sa.bytes_in for sa in each) for name, each in sas.items()},
        bytes_out={name: sum(sa.bytes_out for sa in each) for name, each in sas.items()},
    )


def _list_expiries(gateways: Iterable[Gateway]) -> Iterator[CertificateExpiry]:
    for gateway in gateways:
        for each in gateway.certificates or ():
            if each.private_key and each.expires is not None:
                what = (each.subject, each.serial or "", each.not_after or "")
                yield CertificateExpiry(gateway.name, *what, each.expires)
