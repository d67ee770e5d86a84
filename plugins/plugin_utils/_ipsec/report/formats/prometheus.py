# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit as metrics in Prometheus' text format, for the textfile collector of its node exporter.

Times are points in time, as Prometheus advises, so that they do not change while nothing happens: the age of an audit
is `time() - ipsec_audit_timestamp_seconds`, the days that a certificate has left are
`(ipsec_certificate_not_after_timestamp_seconds - time()) / 86400`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from ...model import SEVERITIES, STATES
from ..content import Report, TunnelReport
from ..diff import ReportDiff
from ..escape import escape_control

ENDING = ".prom"
MODE = 0o644  # of the file: the exporter is another user
_Sample = tuple[Mapping[str, str], float]


def render(report: Report, drift: ReportDiff) -> str:
    """The text: every metric with its help and its samples."""
    lines = []
    for name, about, samples in _build_metrics(report, drift):
        lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_format_labels(labels)} {_format_number(value)}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _build_metrics(report: Report, drift: ReportDiff) -> Iterator[tuple[str, str, Iterable[_Sample]]]:
    when = datetime.fromisoformat(report.time).timestamp()
    counts = report.counts()
    yield "ipsec_audit_timestamp_seconds", "When the audit was made.", [({"policy": report.policy}, when)]
    yield "ipsec_gateways_unreadable", "Gateways that could not be read.", [({}, len(report.gateways_unreadable))]
    yield "ipsec_findings", "Findings by severity.", [({"severity": each}, counts[each]) for each in SEVERITIES]
    yield "ipsec_findings_waived", "Findings that a waiver covers.", [({}, len(report.waived))]
    yield "ipsec_findings_new", "Findings that the report before had not.", [({}, len(drift.appeared))]
    yield "ipsec_findings_gone", "Findings that the report before had.", [({}, len(drift.gone))]
    yield "ipsec_tunnel_up", "Whether all children of a tunnel are up at both ends.", _sample_up(report)
    yield "ipsec_tunnel_state", "The state of a tunnel: 1 for the one that it is in.", _sample_states(report)
    yield "ipsec_tunnel_findings", "Findings of a tunnel by severity.", _sample_findings(report)
    received = "Bytes received through the SAs that a gateway has now; a rekey starts from zero."
    yield "ipsec_tunnel_received_bytes", received, _sample_bytes(report.tunnels, "bytes_in")
    yield "ipsec_tunnel_sent_bytes", received.replace("received", "sent"), _sample_bytes(report.tunnels, "bytes_out")
    certificates = (
        ({"gateway": each.gateway, "subject": each.subject, "serial": each.serial}, each.time)
        for each in report.certificates
    )
    yield "ipsec_certificate_not_after_timestamp_seconds", "When a gateway's own certificate expires.", certificates


def _sample_up(report: Report) -> Iterator[_Sample]:
    for tunnel in report.tunnels:
        if tunnel.state != "unknown":  # neither 0 nor 1 would be true
            yield {"tunnel": tunnel.name, "initiator": tunnel.initiator}, float(tunnel.state != "down")


def _sample_states(report: Report) -> Iterator[_Sample]:
    for tunnel in report.tunnels:
        for state in STATES:
            yield {"tunnel": tunnel.name, "state": state}, float(tunnel.state == state)


def _sample_findings(report: Report) -> Iterator[_Sample]:
    found = report.by_tunnel()
    for tunnel in report.tunnels:
        severities = [finding.severity for finding in found.get(tunnel.name, ())]
        for severity in SEVERITIES:
            yield {"tunnel": tunnel.name, "severity": severity}, severities.count(severity)


def _sample_bytes(tunnels: Iterable[TunnelReport], which: str) -> Iterator[_Sample]:
    for tunnel in tunnels:
        for gateway, count in getattr(tunnel, which).items():
            yield {"tunnel": tunnel.name, "gateway": gateway}, count


def _format_labels(labels: Mapping[str, str]) -> str:
    """Labels by the rules of the format: backslashes and quotes are escaped, and a newline is none any more."""
    each = (f'{key}="{_escape_value(value)}"' for key, value in labels.items())
    return f"{{{','.join(each)}}}" if labels else ""


def _escape_value(value: str) -> str:
    return escape_control(value).replace("\\", "\\\\").replace('"', '\\"')


def _format_number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
