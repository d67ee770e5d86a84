# SPDX-License-Identifier: GPL-3.0-or-later
"""How the ends speak and prove themselves: IKE version, aggressive mode, tunnel mode, replays, authentication, keys."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ....analysis.evidence import find_installed, locate
from ....model import Child, End, Fault, Secret, Tunnel
from ..profile import PolicyRule
from . import check

IKEV2 = 2
_REPLAY_WINDOW = "32"  # packets; strongSwan's own (charon.replay_window)
_PEER = 2  # identities of one tunnel
_SOME = 3  # examples are enough: a hub may have one key for everybody


@check("ike-version-old")
def ike_version(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An end speaks, or lets its peer speak, an IKE version that the policy does not take.

    `version = 0`, which is the default, initiates IKEv2 and answers IKEv1 too.
    """
    allowed = [int(version) for version in demand.allowed]
    for end in tunnel.ends:
        live = sorted({ike.version for ike in end.sas if ike.state == "ESTABLISHED" and ike.version not in allowed})
        takes = end.connection.version or "either"
        over = end.connection.configured and end.connection.version not in allowed
        if over or live:
            yield Fault(
                end.name(),
                f"{end.name()} speaks IKEv{live[0]}" if live else f"{end.name()} accepts IKE version {takes}",
                (locate(end, "version"), *(f"{end.gateway.name}: live IKE_SA is IKEv{version}" for version in live)),
                no_fix=f"set version = {allowed[0]}, on both ends" if over else "re-initiate it",
                confidence="certain" if over else "observed",
            )


@check("aggressive-mode")
def aggressive(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An end uses aggressive mode of IKEv1, which sends a hash of the pre-shared key before anybody is authenticated.

    Who records it can try keys at leisure.
    """
    for end in tunnel.ends:
        setting = end.connection.settings.get("aggressive")
        if setting and setting.value.lower() in ("yes", "true", "enabled", "1") and end.connection.version != IKEV2:
            yield Fault(
                end.name(),
                f"{end.name()} uses aggressive mode",
                (locate(end, "aggressive"), locate(end, "version")),
                no_fix="remove aggressive, and set version = 2, on both ends",
            )


@check("tunnel-mode-absent")
def mode(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """A child, or its live CHILD_SA, is not ESP in one of the modes that the policy takes: AH encrypts nothing."""
    for end in tunnel.ends:
        for child, dummy in tunnel.pairs(end):
            sas = find_installed(end, child)
            seen = [child.mode] if child.configured else []
            seen += [sa.mode.lower() for sa in sas]
            odd = [mode for mode in dict.fromkeys(seen) if mode not in demand.allowed]
            odd += ["AH"] if child.ah_proposals or any(sa.protocol == "AH" for sa in sas) else []
            if odd:
                yield Fault(
                    end.name(child),
                    f"{end.name(child)} uses {' and '.join(odd)}, and {' or '.join(demand.allowed)} is asked for",
                    (locate(end, "mode", child), locate(end, "ah_proposals", child)),
                    no_fix=f"set mode = {demand.allowed[0]} with esp_proposals, on both ends",
                )


@check("replay-window-small")
def replay_window(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """A child takes packets again that were sent before, or forgets too soon which it had."""
    for end in tunnel.ends:
        for child, dummy in tunnel.pairs(end):
            window = _parse_replay_window(child)
            if demand.at_least is not None and window is not None and window < demand.at_least:
                yield Fault(
                    end.name(child),
                    f"{end.name(child)} has a replay window of {window} packets, and {demand.at_least:g} are asked for",
                    (locate(end, "replay_window", child),),
                    no_fix=f"set replay_window = {demand.at_least:g}",
                )


@check("authentication-weak")
def authentication(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """An end proves itself, or lets its peer, by another method than the policy takes."""
    for end in tunnel.ends:
        rounds = (*end.connection.local, *end.connection.remote) if end.connection.configured else ()
        odd = [auth for auth in rounds if auth.method.partition("-")[0] not in demand.allowed]
        if odd:
            methods = dict.fromkeys(auth.method for auth in odd)
            yield Fault(
                end.name(),
                f"{end.name()} authenticates by {', '.join(methods)}, and {' or '.join(demand.allowed)} is asked for",
                tuple(locate(end, f"{auth.section}.auth") for auth in odd),
                no_fix=f"set auth = {demand.allowed[0]}, on both ends",
            )


@check("psk-reused")
def psk_reused(tunnel: Tunnel, demand: PolicyRule) -> Iterator[Fault]:
    """A gateway has the pre-shared key of a tunnel for another peer too: who breaks into one can be the other.

    Seen by keyed digests; the keys stay on the gateway.
    """
    for end in tunnel.ends:
        if end.secret is not None and (others := _list_other_peers(end, end.secret)):
            yield Fault(
                end.name(),
                f"{end.gateway.name} has the pre-shared key of {end.connection.name} for other peers too: "
                f"{', '.join(others)}",
                (f"{end.gateway.name} {end.secret.origin}: {end.secret.name}",),
                no_fix="give each tunnel a pre-shared key of its own, in ipsec_psks",
            )


def _list_other_peers(end: End, secret: Secret) -> list[str]:
    """Some of the other secrets with the same key, or the identities of one that serves more than two."""
    others = (each.name for each in end.same_key if set(each.ids) != set(secret.ids))
    return list(islice(others, _SOME)) or list(secret.ids if len(secret.ids) > _PEER else ())[:_SOME]


def _parse_replay_window(child: Child) -> int | None:
    """The replay window; None where its text is no number, which is the matter of another finding."""
    setting = child.settings.get("replay_window")
    text = setting.value if setting else _REPLAY_WINDOW
    return int(text) if text.isdigit() else None
