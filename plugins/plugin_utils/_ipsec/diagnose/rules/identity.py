# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in who the two ends say they are, and how they prove it."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.evidence import (
    build_change,
    has_common_ike_sa,
    has_configuration,
    has_different_keys,
    locate,
    uses_psk,
)
from ...model import Auth, End, Fault, Secret, Step, Tunnel
from ...swanctl.normalize import classify_identity, is_numeric, list_explicit, may_be_several, normalize_identities
from . import rule
from .negotiation import DOWN


@rule(
    "identity-mismatch",
    "critical",
    reference="RFC 7296 section 2.15; RFC 4301 section 4.4.3.1",
    explains=(*DOWN, "psk-missing"),
)
def identity_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """An end has another identity than its peer expects.

    The initiator only sees AUTHENTICATION_FAILED. The end that owns an identity decides what it is, unless both
    gateways keep the tunnel's pre-shared key for the identity that the peer expects, or it has none configured and uses
    an address while the peer expects a name, or the address it is reached at.
    """
    for owner in tunnel.ends:
        verifier = tunnel.other(owner)
        said, expected = normalize_identities(owner.connection)[0], normalize_identities(verifier.connection)[1]
        if said and expected and said != expected and not may_be_several(expected):
            yield _build_mismatch_fault(owner, verifier, said, expected)


@rule(
    "identity-type-mismatch",
    "critical",
    reference="RFC 7296 section 3.5; strongSwan: identification_create_from_string(), id_match by type",
    explains=(*DOWN, "psk-missing"),
)
def identity_type_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """An end says the identity that its peer expects, as another type: an address as a name, a name as a key id.

    Types are compared before text, so the two do not match, and no log shows them apart: it prints the text alone.
    """
    for owner in tunnel.ends:
        verifier = tunnel.other(owner)
        said, expected = normalize_identities(owner.connection)[0], normalize_identities(verifier.connection)[1]
        if said is None or said != expected:
            continue
        local, remote = owner.connection.local[0], verifier.connection.remote[0]
        ours, theirs = (classify_identity(text) for text in (local.id or said, remote.id or expected))
        if ours != theirs:
            yield Fault(
                verifier.name(),
                f"{owner.name()} says {said} as {ours}, {verifier.name()} expects it as {theirs}; "
                f"{owner.gateway.name} decides who it is, so change {verifier.gateway.name}",
                (locate(owner, _format_id_key(local)), locate(verifier, _format_id_key(remote))),
                (build_change(verifier, _format_id_key(remote), local.id or said),),
            )


@rule("psk-mismatch", "critical", reference="RFC 7296 section 2.15", explains=(*DOWN, "psk-to-rotate"))
def psk_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """The two ends have different pre-shared keys, seen from digests made on the gateways; the keys stay there.

    An end that has several keys for the same identities signs with the last of them and accepts each. The responder
    logs "MAC mismatched", the initiator AUTHENTICATION_FAILED. Which key is right cannot be seen, so it is repaired
    only where the user gives the key.
    """
    if has_different_keys(tunnel) and not has_common_ike_sa(tunnel):
        end, peer = tunnel.initiating, tunnel.answering
        yield Fault(
            end.name(),
            f"{end.name()} and {peer.name()} have different pre-shared keys for each other",
            tuple(_locate_secret(each) for each in tunnel.ends),
            _give_psk(tunnel, tunnel.ends),
            "" if tunnel.psk else f"give the right key in ipsec_psks.{tunnel.name}",
        )


@rule(
    "psk-changed",
    "high",
    reference="swanctl(8): --load-creds; RFC 7296 section 2.15",
    explains=("psk-to-rotate",),
)
def psk_changed(tunnel: Tunnel) -> Iterator[Fault]:
    """The files of the two ends have different pre-shared keys, and the tunnel is up: one file was changed since.

    That it is up proves that the two had one key when it was made. It goes on until the other one is loaded, or
    the tunnel has to reauthenticate. Which of the two files was changed cannot be seen; to take the key of that one
    over to the other end would end what works.
    """
    if has_different_keys(tunnel) and has_common_ike_sa(tunnel):
        end, peer = tunnel.initiating, tunnel.answering
        yield Fault(
            end.name(),
            f"the files of {end.name()} and {peer.name()} have different pre-shared keys, and the two are up with one: "
            "one of the files was changed since",
            tuple(_locate_secret(each) for each in tunnel.ends),
            _give_psk(tunnel, tunnel.ends),
            ""
            if tunnel.psk
            else "find the file that was changed: take that back, or give both ends the new key at once, in "
            f"ipsec_psks.{tunnel.name}; loading one end alone ends the tunnel at its next authentication",
            confidence="observed",
        )


@rule("psk-to-rotate", "medium", reference="ipsec_psks: the key for both ends")
def psk_to_rotate(tunnel: Tunnel) -> Iterator[Fault]:
    """Both ends have one pre-shared key, and the user gives another; or an end still accepts the old key too.

    Seen from digests. The key is exchanged without a break with IKEv2: both ends accept both keys until both sign with
    the new one.
    """
    given = tunnel.psk
    if given is None or not given.digest or not uses_psk(tunnel):
        return
    for end in tunnel.ends:
        held = {secret.digest for secret in end.accepts if secret.key_id == given.key_id}
        if held and None not in held and held != {given.digest}:
            new = end.secret is not None and end.secret.digest == given.digest
            what = "still accepts an old pre-shared key as well as" if new else "has another pre-shared key than"
            yield Fault(
                end.name(),
                f"{end.name()} {what} the one that ipsec_psks.{tunnel.name} gives",
                tuple(f"{end.gateway.name} {secret.origin}: secret {secret.name}" for secret in end.accepts),
                _give_psk(tunnel, (end,)),
            )


@rule("psk-missing", "critical", reference="RFC 7296 section 2.15", explains=DOWN)
def psk_missing(tunnel: Tunnel) -> Iterator[Fault]:
    """An end has no pre-shared key for the identities of this tunnel.

    Where an identity is not set, any key of the gateway may be the one.
    """
    for end in tunnel.ends:
        own, peer = normalize_identities(end.connection)
        lacks = not end.gateway.secrets or (own and peer and peer not in end.site.keys_for)
        if uses_psk(tunnel) and end.secret is None and lacks and has_configuration(end):
            yield Fault(
                end.name(),
                f"{end.name()} has no pre-shared key for {own or 'its address'} and {peer or 'any peer'}",
                (f"{end.gateway.name}: {len(end.gateway.secrets)} pre-shared keys, none for these identities",),
                _give_psk(tunnel, (end,)),
                "" if tunnel.psk else f"give the key in ipsec_psks.{tunnel.name}",
            )


def _build_mismatch_fault(owner: End, verifier: End, said: str, expected: str) -> Fault:
    local, remote = owner.connection.local[0], verifier.connection.remote[0]
    kept_expected, kept_said = (
        all(identity in end.site.keys_for for end in (owner, verifier)) for identity in (expected, said)
    )
    by_address = local.id is None and (
        expected in list_explicit(verifier.connection.remote_addrs) or not is_numeric(expected)
    )
    if kept_expected and not kept_said:
        wrong, auth, value = owner, local, remote.id or ""
        why = f"both gateways keep the pre-shared key for {expected}, so change {owner.gateway.name}"
    elif by_address:
        wrong, auth, value = owner, local, remote.id or ""
        why = f"{owner.gateway.name} has no identity configured and uses its address; set the one that its peer expects"
    else:
        wrong, auth, value = verifier, remote, local.id or said
        why = f"{owner.gateway.name} decides who it is, so change {verifier.gateway.name}"
    return Fault(
        wrong.name(),
        f"{owner.name()} says it is {said}, {verifier.name()} expects {expected}; {why}",
        (locate(owner, _format_id_key(local)), locate(verifier, _format_id_key(remote))),
        (build_change(wrong, _format_id_key(auth), value),),
    )


def _format_id_key(auth: Auth) -> str:
    return f"{auth.section}.id"


def _locate_secret(end: End) -> str:
    secret: Secret | None = end.secret
    return f"{end.gateway.name} {secret.origin}: secret {secret.name}" if secret else f"{end.gateway.name}: no secret"


def _give_psk(tunnel: Tunnel, ends: tuple[End, ...]) -> tuple[Step, ...]:
    if not tunnel.psk:
        return ()
    return tuple(
        Step(
            "initiator" if end is tunnel.initiating else "responder",
            end.gateway.name,
            "connection",
            end.connection.name,
            psk=True,
            tunnel=tunnel.name,
        )
        for end in ends
    )
