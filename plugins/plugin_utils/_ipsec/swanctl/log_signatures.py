# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon's log lines mean: each entry is data, with the strongSwan source file it was read from.

`side` says who logs it while a tunnel is being made. `cause` is the id of the finding that it proves by itself.
Wording of 5.9 and 6.0; words that differ between releases are alternatives in one pattern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Side = Literal["initiator", "responder", "either"]


@dataclass(frozen=True, slots=True)
class Signature:
    """One kind of line."""

    name: str
    pattern: re.Pattern[str]
    side: Side
    means: str
    look: str  # where the reason is, or what to compare
    source: str  # file of strongSwan's src/libcharon unless another folder is named
    cause: str = ""
    group: str = "ike"  # of log levels; all of these lines are logged from level 1 on


def _build_signature(  # noqa: PLR0913, PLR0917
    name: str, pattern: str, side: Side, means: str, look: str, source: str, cause: str = "", group: str = "ike"
) -> Signature:
    return Signature(name, re.compile(pattern), side, means, look, source, cause, group)


SIGNATURES: tuple[Signature, ...] = (
    # ---- the reason, told only by the end that refuses
    _build_signature(
        "psk-differs",
        r"tried \d+ shared keys? for .*, but MAC mismatched",
        "either",
        "the peer has proven another pre-shared key than the one kept here",
        "the pre-shared key on both ends",
        "sa/ikev2/authenticators/psk_authenticator.c",
        "psk-mismatch",
    ),
    _build_signature(
        "psk-differs-ikev1",
        r"calculated HASH does not match HASH payload",
        "either",
        "the peer has proven another pre-shared key than the one kept here",
        "the pre-shared key on both ends",
        "sa/ikev1/authenticators/psk_v1_authenticator.c",
        "psk-mismatch",
    ),
    _build_signature(
        "psk-differs-garbled",
        r"ID_PROT request with message ID \d+ processing failed",
        "responder",
        "the first encrypted message cannot be read: keys made from another pre-shared key",
        "the pre-shared key on both ends",
        "sa/ikev1/task_manager_v1.c",
        "psk-mismatch",
    ),
    _build_signature(
        "psk-missing",
        r"no shared key found for ",
        "either",
        "no pre-shared key is kept here for these identities",
        "the secrets section of this end",
        "sa/ikev2/authenticators/psk_authenticator.c",
        "psk-missing",
    ),
    _build_signature(
        "no-peer-config",
        r"no matching peer config found|no peer config found",
        "responder",
        "no connection here has these two identities and addresses",
        "remote.id here, local.id of the peer, and back",
        "sa/ikev2/tasks/ike_auth.c; sa/ikev1/phase1.c",
        "identity-mismatch",
        group="cfg",
    ),
    _build_signature(
        "no-ike-config",
        r"no IKE config found for .*, sending NO_PROPOSAL_CHOSEN",
        "responder",
        "no connection here has these two addresses and this IKE version",
        "local_addrs, remote_addrs, version here",
        "sa/ikev2/task_manager_v2.c; sa/ikev1/task_manager_v1.c",
        "connection-unknown",
    ),
    _build_signature(
        "ike-proposals-refused",
        r"received proposals (un|in)acceptable|^no proposal found$",
        "responder",
        "none of the IKE proposals received is configured here",
        "proposals on both ends",
        "sa/ikev2/tasks/ike_init.c; sa/ikev1/tasks/main_mode.c",
        "ike-proposals-disjoint",
    ),
    _build_signature(
        "esp-proposals-refused",
        r"no acceptable proposal found|no matching proposal found, sending NO_PROPOSAL_CHOSEN",
        "responder",
        "none of the ESP proposals received is configured here",
        "esp_proposals on both ends",
        "sa/ikev2/tasks/child_create.c; sa/ikev1/tasks/quick_mode.c",
        "esp-proposals-disjoint",
    ),
    _build_signature(
        "selectors-refused",
        r"traffic selectors .* (un|in)acceptable|no acceptable traffic selectors found|"
        r"no matching CHILD_SA config found for ",
        "responder",
        "no child here has these traffic selectors",
        "local_ts and remote_ts on both ends",
        "sa/ikev2/tasks/child_create.c; sa/ikev1/tasks/quick_mode.c",
        "selectors-not-mirrored",
    ),
    _build_signature(
        "authentication-constraint",
        r"constraint check failed: |selected peer config '.*' unacceptable: ",
        "either",
        "the peer authenticated otherwise than this end demands",
        "remote.auth, remote.cacerts, remote.id here",
        "src/libstrongswan/credentials/auth_cfg.c; sa/ikev2/tasks/ike_auth.c",
        "authentication-refused",
        group="cfg",
    ),
    _build_signature(
        "certificate-untrusted",
        r"no trusted .* public key found for |no issuer certificate found for ",
        "either",
        "the peer's certificate is not trusted here",
        "x509ca here, certificate and identity of the peer",
        "sa/ikev2/authenticators/pubkey_authenticator.c; src/libstrongswan/credentials/credential_manager.c",
        "authentication-refused",
    ),
    _build_signature(
        "private-key-missing",
        r"no private key found for ",
        "either",
        "this end has no private key for its own identity",
        "private/ and local.id here",
        "sa/ikev2/authenticators/pubkey_authenticator.c",
        "authentication-refused",
    ),
    _build_signature(
        "half-open-limit",
        r"ignoring IKE_SA setup from ",
        "responder",
        "too many IKE_SAs are half open, so the request was dropped",
        "who sends requests; cookie and half-open limits",
        "network/receiver.c",
        "ike-unanswered",
        group="net",
    ),
    # ---- what the initiator is told, which is not the reason
    _build_signature(
        "refused-ike",
        r"received NO_PROPOSAL_CHOSEN (notify error|error notify)",
        "initiator",
        "the peer refused the IKE_SA, and does not tell for what",
        "the responder's log",
        "sa/ikev2/tasks/ike_init.c; sa/ikev1/tasks/main_mode.c",
    ),
    _build_signature(
        "refused-authentication",
        r"received AUTHENTICATION_FAILED (notify error|error notify)",
        "initiator",
        "the peer refused the authentication, and does not tell why",
        "the responder's log",
        "sa/ikev2/tasks/ike_auth.c",
    ),
    _build_signature(
        "refused-child",
        r"received (NO_PROPOSAL_CHOSEN|TS_UNACCEPTABLE) notify, no CHILD_SA built",
        "initiator",
        "the peer refused the child; the IKE_SA stands",
        "the responder's log",
        "sa/ikev2/tasks/child_create.c",
    ),
    _build_signature(
        "other-group",
        r"peer didn't accept (key exchange method|DH group) ",
        "initiator",
        "the peer wants another key exchange and is asked again with that",
        "nothing, unless it repeats",
        "sa/ikev2/tasks/ike_init.c",
    ),
    # ---- nobody answers
    _build_signature(
        "retransmit",
        r"retransmit \d+ of request (with message ID )?\d*|sending retransmit \d+ of request",
        "either",
        "a request was not answered and is sent again",
        "whether it arrived: the peer's log",
        "sa/ikev2/task_manager_v2.c; sa/ikev1/task_manager_v1.c",
    ),
    _build_signature(
        "gave-up",
        r"giving up after \d+ retransmits",
        "either",
        "the peer did not answer for one whole sequence of retransmissions",
        "the path, and whether the peer runs",
        "sa/ikev2/task_manager_v2.c",
    ),
    _build_signature(
        "peer-silent",
        r"establishing IKE_SA failed, peer not responding",
        "initiator",
        "nothing tries again after this",
        "keyingtries, a trap, or a periodic check",
        "sa/ike_sa.c",
    ),
    _build_signature(
        "unresolved",
        r"unable to resolve .*, initiate aborted",
        "initiator",
        "the peer's name has no address",
        "remote_addrs, and the gateway's DNS",
        "sa/ike_sa.c",
        "address-unresolved",
    ),
    # ---- what happens to tunnels that were up
    _build_signature(
        "rekey-refused",
        r"CHILD_SA rekeying failed, trying again in ",
        "either",
        "the child could not be rekeyed",
        "the key exchange in esp_proposals on both ends",
        "sa/ikev2/tasks/child_rekey.c",
        "pfs-mismatch",
    ),
    _build_signature(
        "peer-closed",
        r"received DELETE for ((ESP|AH) CHILD_SA|IKE_SA)",
        "either",
        "the peer closed it",
        "close_action here decides what follows",
        "sa/ikev2/tasks/child_delete.c",
    ),
    _build_signature(
        "dpd-timeout",
        r"DPD check timed out, enforcing DPD action",
        "either",
        "the peer did not answer dead peer detection (IKEv1)",
        "the path; dpd_action",
        "processing/jobs/dpd_timeout_job.c",
        group="job",
    ),
    _build_signature(
        "trap-impossible",
        r"installing trap failed, remote address unknown",
        "either",
        "no trap without an address of the peer",
        "remote_addrs",
        "sa/trap_manager.c",
        group="cfg",
    ),
    _build_signature(
        "existing-duplicate",
        r"not establishing CHILD_SA .* due to existing duplicate",
        "initiator",
        "it is up already",
        "nothing",
        "sa/ikev2/tasks/child_create.c",
    ),
    _build_signature(
        "behind-nat",
        r"local host is behind NAT|remote host is behind NAT|faking NAT situation",
        "either",
        "ESP goes in UDP",
        "nothing",
        "sa/ike_sa.c",
    ),
    _build_signature(
        "not-installed",
        r"unable to install (IPsec policies \(SPD\)|.*IPsec SA \(SAD\)) in kernel",
        "either",
        "the kernel did not take what was negotiated",
        "another SA with the same selectors; kernel modules",
        "sa/ikev2/tasks/child_create.c",
        "kernel-refused",
    ),
    _build_signature(
        "cannot-send",
        r"error writing to socket: |unable to bind socket",
        "either",
        "the daemon could not send or listen",
        "local_addrs, another daemon on the ports",
        "plugins/socket_default/socket_default_socket.c",
        "address-mismatch",
        group="net",
    ),
)


def find_signature(text: str) -> Signature | None:
    """What a message means; None where the catalogue does not have it."""
    return next((each for each in SIGNATURES if each.pattern.search(text)), None)
