# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in how long things last: SAs until their rekey, a dead peer until it is noticed, certificates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ...analysis.evidence import build_change, find_installed, locate
from ...model import Certificate, Change, Child, End, Fault, Retransmission, Tunnel
from ...swanctl.normalize import normalize_identity
from . import rule
from .health import NAMELESS
from .negotiation import DOWN

RETRANSMITS = Retransmission().total  # seconds until charon gives up, by default: 165
NEAR_END = 600.0  # seconds of an SA's life
IKEV2 = 2
AT_ONCE = 60.0  # seconds of rand_time: two ends that both start a tunnel also make its SAs at the same time
SOON = 14 * 86400.0  # seconds; of a certificate for less than 140 days, a tenth of its life


@rule("rekey-overdue", "high", reference="strongSwan docs: Expiry and Rekeying", explains=("no-traffic",))
def rekey_overdue(tunnel: Tunnel) -> Iterator[Fault]:
    """A CHILD_SA was to be rekeyed longer ago than an attempt takes, and ends soon: rekeying fails.

    The usual cause is key exchange (PFS) that the two ends do not agree on, which the first CHILD_SA does not show.
    """
    for each in (tunnel.initiating, tunnel.answering):
        for child, dummy in tunnel.pairs(each):
            for sa in find_installed(each, child):
                overdue = (sa.install_time or 0.0) - child.rekey_time
                due = child.rekey_time > 0 and (sa.rekey_time is None or sa.rekey_time <= 0)
                if (
                    due
                    and overdue > _estimate_attempt_time(each)
                    and sa.life_time is not None
                    and sa.life_time < NEAR_END
                ):
                    yield Fault(
                        each.name(child),
                        f"{each.name(child)} was to be rekeyed {overdue:.0f} s ago and ends in {sa.life_time:.0f} s",
                        (
                            locate(each, "rekey_time", child),
                            f"{each.gateway.name}: CHILD_SA {sa.name}{{{sa.id}}} is {sa.install_time:.0f} s old",
                        ),
                        no_fix="look for 'rekeying failed' in both logs, and compare the groups in esp_proposals",
                        confidence="observed",
                    )
                    return


@rule("ike-rekey-overdue", "high", reference="RFC 7296 sections 2.8 and 2.8.3; strongSwan docs: Expiry and Rekeying")
def ike_rekey_overdue(tunnel: Tunnel) -> Iterator[Fault]:
    """An IKE_SA was to be rekeyed or reauthenticated longer ago than an attempt takes: it fails, and the IKE_SA ends.

    It ends `over_time` after that, and its children with it. While an attempt goes on, the daemon gives no times; it
    tries a refused rekey again every 5 to 15 s. Usual causes are IKE proposals that no longer agree for a rekey, and
    a certificate or a pre-shared key that was exchanged since for a reauthentication.
    """
    for end in (tunnel.initiating, tunnel.answering):
        for ike in end.sas:
            times = {"rekey_time": ike.rekey_time, "reauth_time": ike.reauth_time}
            over = {key: -due for key, due in times.items() if due is not None and -due > _estimate_attempt_time(end)}
            for key, ago in over.items() if ike.state == "ESTABLISHED" else ():
                what = "rekeyed" if key == "rekey_time" else "reauthenticated"
                why = "the proposals" if key == "rekey_time" else "the identities, certificates and pre-shared keys"
                yield Fault(
                    end.name(),
                    f"an IKE_SA of {end.name()} was to be {what} {ago:.0f} s ago, and still is not",
                    (
                        locate(end, key),
                        locate(end, "over_time"),
                        f"{end.gateway.name}: IKE_SA {ike.connection}[{ike.id}], {', '.join(ike.tasks) or 'no task'}",
                    ),
                    no_fix=f"check both logs for the reason, and compare {why} of both ends before the SA expires",
                    confidence="observed",
                )
                return


@rule("dpd-timeout-ignored", "info", reference="swanctl.conf(5): dpd_timeout; strongSwan docs: Retransmission")
def dpd_timeout_ignored(tunnel: Tunnel) -> Iterator[Fault]:
    """An end has `dpd_timeout` set for IKEv2, which does not know it: a peer is dead when retransmissions are used up.

    That is 165 s after an unanswered check with strongSwan's defaults, whatever `dpd_timeout` says: the waits
    `retransmit_timeout * retransmit_base ** n` for n from 0 to `retransmit_tries`, none above `retransmit_limit`.
    """
    for end in tunnel.ends:
        connection = end.connection
        set_here = "dpd_timeout" in connection.settings and connection.dpd_timeout > 0
        if set_here and connection.version == IKEV2 and connection.dpd_delay > 0:
            waits = end.gateway.daemon.retransmission
            total = connection.dpd_delay + waits.total
            yield Fault(
                end.name(),
                f"{end.name()} has dpd_timeout = {connection.dpd_timeout:g} s, which IKEv2 ignores: a dead peer is "
                f"noticed after up to {connection.dpd_delay:g} + {waits.total:.0f} = {total:.0f} s",
                (
                    locate(end, "dpd_timeout"),
                    locate(end, "dpd_delay"),
                    _describe_retransmission(end),
                ),
                no_fix="remove it; charon.retransmit_tries, _timeout and _base in strongswan.conf decide",
            )


@rule(
    "lifetimes-equal",
    "low",
    reference="RFC 7296 section 2.8: lifetimes SHOULD be jittered; strongSwan issue 1458",
    repair="practice",
)
def lifetimes_equal(tunnel: Tunnel) -> Iterator[Fault]:
    """Both ends rekey a child at the same second, as they have the same `rekey_time` and no random part of it.

    Rekeys that collide make duplicates, and lost SAs before strongSwan 6.0. Equal times with a random part, which is
    the default, are no fault; where both ends also start the tunnel, a random part below a minute is.
    """
    end, peer = tunnel.answering, tunnel.initiating
    for own, other in tunnel.pairs(end):
        both_start = "start" in own.start_action and "start" in other.start_action
        spread = max(own.rand_time, other.rand_time)
        if own.rekey_time == other.rekey_time > 0 and (spread == 0 or (both_start and spread < AT_ONCE)):
            yield Fault(
                end.name(own),
                f"{end.name(own)} and {peer.name(other)} both rekey after {own.rekey_time:g} s, "
                f"at random at most {spread:g} s earlier",
                tuple(locate(e, key, c) for e, c in ((end, own), (peer, other)) for key in ("rekey_time", "rand_time")),
                (_build_rand_time_change(end, own),),
            )


@rule("certificate-expired", "critical", reference="RFC 5280 section 4.1.2.5", explains=DOWN)
def certificate_expired(tunnel: Tunnel) -> Iterator[Fault]:
    """The certificate by which an end proves itself has expired: its peer refuses the next authentication."""
    for end in tunnel.ends:
        certificate, left = _measure_time_left(tunnel, end)
        if certificate is not None and left is not None and left <= 0:
            yield _build_expiry_fault(end, certificate, "expired")


@rule("certificate-near-expiry", "medium", reference="RFC 5280 section 4.1.2.5")
def certificate_near_expiry(tunnel: Tunnel) -> Iterator[Fault]:
    """The certificate by which an end proves itself expires within 14 days, or in the last tenth of a shorter life."""
    for end in tunnel.ends:
        certificate, left = _measure_time_left(tunnel, end)
        if certificate is None or left is None:
            continue
        begin, until = certificate.begins, certificate.expires
        soon = SOON if begin is None or until is None else min(SOON, (until - begin) / 10)
        if 0 < left < soon:
            yield _build_expiry_fault(end, certificate, "expires")


def _build_rand_time_change(end: End, child: Child) -> Change:
    return build_change(end, "rand_time", f"{max(child.rekey_time // 10, 1):g}s", child)


def _describe_retransmission(end: End) -> str:
    """What decides when a peer is dead."""
    waits = end.gateway.daemon.retransmission
    limit = f", retransmit_limit = {waits.limit:g}" if waits.limit else ""
    return (
        f"{end.gateway.name}: charon.retransmit_tries = {waits.tries}, retransmit_timeout = {waits.timeout:g}, "
        f"retransmit_base = {waits.base:g}{limit}"
    )


def _estimate_attempt_time(end: End) -> float:
    """Seconds that one attempt may take, even where the gateway's waits are shorter than strongSwan's."""
    return max(RETRANSMITS, end.gateway.daemon.retransmission.total)


def _build_expiry_fault(end: End, certificate: Certificate, what: str) -> Fault:
    """Told by the day, in UTC: days that are left would be another text with every audit."""
    day = datetime.fromtimestamp(certificate.expires or 0.0, UTC).date()
    return Fault(
        end.name(),
        f"the certificate of {end.name()}, {certificate.subject}, {what} on {day}",
        (
            locate(end, f"{end.connection.local[0].section}.certs"),
            f"{end.gateway.name}: serial {certificate.serial or 'unknown'}, not after {certificate.not_after}",
        ),
        no_fix=f"renew it, put it into the file that {end.gateway.name} has, and load it (swanctl --load-creds)",
    )


def _measure_time_left(tunnel: Tunnel, end: End) -> tuple[Certificate | None, float | None]:
    """The certificate of an end, and the seconds until it expires by the clock of the peer that checks it."""
    clocks = (e.gateway.system.time for e in (tunnel.other(end), end))
    now = next((clock for clock in clocks if clock is not None), None)
    certificate = _find_own_certificate(end)
    until = certificate.expires if certificate else None
    return (certificate, None) if now is None or until is None else (certificate, until - now)


def _find_own_certificate(end: End) -> Certificate | None:
    """The newest certificate with a private key that is for the end's identity; the only subject if it has no name."""
    local = end.connection.local[0] if end.connection.local else None
    if local is None or local.method.partition("-")[0] in NAMELESS:
        return None
    keyed = end.site.certificates
    named = [c for c in keyed if local.id and _is_for(c, normalize_identity(local.id))]
    alone = list(keyed) if len({c.subject for c in keyed}) == 1 else []
    return max(named or alone, key=lambda c: c.expires or 0.0, default=None)


def _is_for(certificate: Certificate, identity: str) -> bool:
    """Whether a subject is this name, or has it as its common name."""
    subject = normalize_identity(certificate.subject)
    return identity == subject or f"cn={identity}" in subject.split(",")
