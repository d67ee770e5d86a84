# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that show when a tunnel is initiated, from each end in turn, and both daemons' logs are read."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.attempts import succeeds_one_way
from ...model import Fault, Tunnel
from . import Check, register_fallback, rule

SYMPTOMS = ("not-installed", "gave-up", "sa-mismatch", "no-traffic")
COMPARE = "the settings that were read do not show it; compare them on the gateways"
LOAD = "the files that were read do not show it: load what they have into both daemons (swanctl --load-creds)"
KNOWN = {
    "psk-mismatch": LOAD,
    "psk-missing": LOAD,
    "identity-mismatch": COMPARE,
    "ike-proposals-disjoint": COMPARE,
    "esp-proposals-disjoint": COMPARE,
    "selectors-not-mirrored": COMPARE,
    "address-mismatch": COMPARE,
    "pfs-mismatch": COMPARE,
}


@rule("one-way-only", "high", reference="RFC 7296 section 2.7; pfSense docs: Troubleshooting IPsec Connections")
def one_way_only(tunnel: Tunnel) -> Iterator[Fault]:
    """The tunnel comes up when one end initiates and not when the other does: one end is stricter than the other.

    It works until the wrong end happens to start it, for example after a restart.
    """
    if found := succeeds_one_way(tunnel.verdicts):
        good, bad = found
        yield Fault(
            bad.initiator,
            f"comes up when {good} initiates and not when {bad.initiator} does: {bad.because}",
            bad.evidence,
            no_fix=f"repair {bad.cause}, or let only {good.gateway} initiate",
            confidence="observed",
        )


@rule(
    "connection-unknown",
    "critical",
    reference="RFC 7296 section 2.21.1; strongSwan: task_manager_v2.c",
    explains=SYMPTOMS,
)
def connection_unknown(tunnel: Tunnel) -> Iterator[Fault]:
    """An end has no connection for the addresses and the IKE version that its peer's request comes with.

    The initiator receives NO_PROPOSAL_CHOSEN, as for proposals. Behind NAT, the addresses are those the path made.
    """
    yield from _trace_cause(
        tunnel, "connection-unknown", "set remote_addrs, local_addrs and version to what arrives there"
    )


@rule("authentication-refused", "critical", reference="RFC 7296 section 2.15", explains=SYMPTOMS)
def authentication_refused(tunnel: Tunnel) -> Iterator[Fault]:
    """An end does not trust how its peer authenticates, or cannot authenticate itself: certificates, keys, CAs."""
    yield from _trace_cause(
        tunnel, "authentication-refused", "see the log line: load the certificate, its CA or its key there"
    )


@rule("address-unresolved", "critical", reference="strongSwan: ike_sa.c", explains=("connection-unknown", *SYMPTOMS))
def address_unresolved(tunnel: Tunnel) -> Iterator[Fault]:
    """An end cannot find the address of its peer's name, so it neither reaches the peer nor knows it when it calls."""
    yield from _trace_cause(tunnel, "address-unresolved", "correct remote_addrs, or the gateway's name resolution")


@rule("kernel-refused", "critical", reference="strongSwan: child_create.c", explains=SYMPTOMS)
def kernel_refused(tunnel: Tunnel) -> Iterator[Fault]:
    """What was negotiated could not be installed in the kernel of one end."""
    yield from _trace_cause(
        tunnel, "kernel-refused", "look for another SA with the same selectors, and for the kernel's modules"
    )


@rule("ike-unanswered", "critical", reference="RFC 7296 section 2.4", explains=(*SYMPTOMS, "ike-answer-lost"))
def ike_unanswered(tunnel: Tunnel) -> Iterator[Fault]:
    """The requests of one end leave it and never arrive at the other: a filter for UDP 500, an address, a route."""
    yield from _trace_cause(
        tunnel, "ike-unanswered", "let UDP 500 and 4500 pass between the two addresses, in both directions"
    )


@rule("ike-answer-lost", "critical", reference="RFC 7296 section 2.4", explains=SYMPTOMS)
def ike_answer_lost(tunnel: Tunnel) -> Iterator[Fault]:
    """Requests arrive and are answered, and the answers do not come back: a filter or a route for one direction."""
    yield from _trace_cause(
        tunnel, "ike-answer-lost", "let UDP 500 and 4500 pass from this end to its peer, and check its route back"
    )


@rule("udp-4500-blocked", "critical", reference="RFC 3948; RFC 7296 section 2.23", explains=SYMPTOMS)
def udp_4500_blocked(tunnel: Tunnel) -> Iterator[Fault]:
    """IKE passes on UDP 500 and not on UDP 4500, where it goes on once NAT is found or encapsulation is forced."""
    yield from _trace_cause(
        tunnel, "udp-4500-blocked", "let UDP 4500 pass between the two addresses, in both directions"
    )


@rule("large-ike-packets-lost", "critical", reference="RFC 7383", explains=SYMPTOMS)
def large_ike_packets_lost(tunnel: Tunnel) -> Iterator[Fault]:
    """Small IKE packets pass and large ones are lost: fragments are dropped, or the path's MTU is small."""
    yield from _trace_cause(
        tunnel,
        "large-ike-packets-lost",
        "set fragmentation = yes on both ends and charon.fragment_size below what passes, or let IP fragments pass",
    )


@rule(
    "attempt-failed", "medium", reference="strongSwan docs: Logger Configuration", explains=("not-installed", "gave-up")
)
def attempt_failed(tunnel: Tunnel) -> Iterator[Fault]:
    """An attempt to initiate failed and neither log tells why."""
    yield from _trace_cause(tunnel, "attempt-failed", "raise the log level of ike on both ends and diagnose again")


def _trace_cause(tunnel: Tunnel, cause: str, advice: str) -> Iterator[Fault]:
    """One fault for each end that this cause was traced to, with the lines of all attempts that show it."""
    shown = [verdict for verdict in tunnel.verdicts if verdict.cause == cause and verdict.end]
    for end in dict.fromkeys(verdict.end for verdict in shown):
        ours = [verdict for verdict in shown if verdict.end == end]
        lines = tuple(dict.fromkeys(line for verdict in ours for line in verdict.evidence))
        if end is not None:
            yield Fault(end, ours[0].because, lines, no_fix=advice, confidence="observed")


def _build_check(cause: str, advice: str) -> Check:
    def check(tunnel: Tunnel) -> Iterator[Fault]:
        yield from _trace_cause(tunnel, cause, advice)

    return check


for _cause, _advice in KNOWN.items():
    register_fallback(_cause)(_build_check(_cause, _advice))
