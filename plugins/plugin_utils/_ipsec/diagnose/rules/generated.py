# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that only a firewall can have which writes its daemon's configuration by itself, as pfSense does."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.evidence import build_change, locate
from ...model import Child, End, Fault, Step, Tunnel
from ...swanctl.normalize import normalize_identities
from . import rule
from .negotiation import DOWN

REASONS = {
    "no-address": "its interface has no address",
    "no-proposal": "it has no whole encryption algorithm in phase 1",
}
PFSENSE = "pfsense"
IKEV2 = 2
_OVERLAPS = ("6.", "7.")  # versions of strongSwan that make before they break unless told otherwise


@rule(
    "connection-disabled",
    "high",
    reference="pfSense: ipsec_setup_tunnels() leaves a disabled phase 1 out",
    explains=(*DOWN, "daemon-stopped", "no-initiator", "config-drift", "initiator-not-persistent", "psk-missing"),
)
def connection_disabled(tunnel: Tunnel) -> Iterator[Fault]:
    """The connection is disabled on one end only: its peer is refused as if it proposed nothing that is known.

    The log says NO_PROPOSAL_CHOSEN then, as where proposals differ. A tunnel disabled on both ends does not count.
    """
    off = [end for end in tunnel.ends if end.connection.omitted == "disabled"]
    if len(off) == 1:
        peer = tunnel.other(off[0])
        yield Fault(
            off[0].name(),
            f"{off[0].name()} is disabled, and {peer.name()} is not",
            (_locate_native(off[0], "disabled"), f"{peer.gateway.name} {peer.connection.origin}: enabled"),
            no_fix=f"enable it, or disable {peer.name()} too",
        )


@rule(
    "connection-omitted",
    "critical",
    reference="pfSense: ipsec_setup_tunnels() leaves such a phase 1 out, and only its system log says so",
    explains=(*DOWN, "local-address-missing", "config-drift"),
)
def connection_omitted(tunnel: Tunnel) -> Iterator[Fault]:
    """The firewall leaves a connection out of what it generates, though it is enabled: the tunnel cannot come up.

    The interface does not exist or has no address, or there is no encryption algorithm. The web interface shows the
    connection as any other.
    """
    for end in tunnel.ends:
        if why := REASONS.get(end.connection.omitted):
            element = "interface" if end.connection.omitted == "no-address" else "encryption"
            yield Fault(
                end.name(),
                f"{end.gateway.name} leaves {end.connection.name} out, because {why}",
                (_locate_native(end, element),),
                no_fix="choose an interface that has an address"
                if element == "interface"
                else "give phase 1 an encryption algorithm with its hash",
            )


@rule(
    "changes-unapplied",
    "medium",
    reference="pfSense: is_subsystem_dirty('ipsec'); Netgate docs: Apply Changes",
    explains=("not-loaded", "config-drift"),
)
def changes_unapplied(tunnel: Tunnel) -> Iterator[Fault]:
    """This connection was changed on the firewall, and the change was not applied: the old settings are in force.

    Whoever applies anything next puts it into force, also this collection, also a reboot or another address of WAN.
    """
    for end in tunnel.ends:
        about, waiting = end.gateway.appliance, end.connection.unapplied
        if about is not None and waiting and about.role != "secondary":
            last = about.revision
            said = (
                f"last written by {last.by or 'an unknown user'}: {last.description}"
                if last
                else "the revision is unknown"
            )
            yield Fault(
                end.name(),
                f"changes to {end.name()} wait to be applied on {end.gateway.name}",
                (
                    *(f"{end.gateway.name}: {text}" for text in waiting),
                    f"{end.gateway.name}: {said}{'; it says that changes wait' if about.unapplied else ''}",
                ),
                no_fix="apply them (VPN > IPsec > Apply Changes), or take them back, before anything else is changed",
            )


@rule(
    "psk-ambiguous",
    "high",
    reference="pfSense: ipsec_setup_secrets() writes id-0 = %any; psk_authenticator.c",
    explains=("psk-mismatch", "psk-changed", "psk-to-rotate"),
)
def psk_ambiguous(tunnel: Tunnel) -> Iterator[Fault]:
    """A gateway keeps several pre-shared keys for the same identities: which one it takes is left to chance.

    pfSense keeps each key for the peer's identity alone, whoever it is itself. Two connections to one peer, or two
    with a peer identifier of "any", then have each other's keys. Two keys that are equal do no harm. Where people write
    the files themselves, several keys are how a key is exchanged.
    """
    for end in (each for each in tunnel.ends if each.gateway.generates):
        peer = normalize_identities(end.connection)[1] or "%any"
        who = frozenset({peer}) - {"%any"}
        for secrets in (end.site.keys.get(ids, ()) for ids in (who, who | {"%any"})):
            if _expects_psk(end) and len({each.digest for each in secrets}) > 1:
                yield Fault(
                    end.name(),
                    f"{end.gateway.name} keeps {len(secrets)} different pre-shared keys for {peer}",
                    tuple(f"{end.gateway.name} {secret.origin}: secret {secret.name}" for secret in secrets),
                    no_fix="give these connections one key, or peer identifiers that differ",
                )


@rule(
    "dpd-traps-responder",
    "low",
    reference="pfSense: the default close action makes dpd_action = trap",
    repair="practice",
)
def dpd_traps_responder(tunnel: Tunnel) -> Iterator[Fault]:
    """An end that should only respond replaces a dead peer by a trap, so next time it initiates the tunnel itself.

    With `startaction` none, pfSense's default close action still gives `dpd_action = trap`. Both ends may then start
    at once, which makes duplicates. A close action of "none" is what a pure responder has.
    """
    end = tunnel.answering
    said = end.connection.native.get("startaction")
    if said is None or said.value != "none":
        return
    for own, dummy in tunnel.pairs(end):
        if own.start_action == "none" and own.dpd_action == "trap":
            yield Fault(
                end.name(own),
                f"{end.name(own)} answers only, and sets a trap when {tunnel.initiating.gateway.name} is found dead",
                (locate(end, "start_action", own), locate(end, "dpd_action", own)),
                (build_change(end, "dpd_action", "none", own),),
            )


@rule(
    "keepalive-both",
    "medium",
    reference="Netgate docs: IPsec keep alive; strongSwan: one end initiates",
    repair="roles",
)
def keepalive_both(tunnel: Tunnel) -> Iterator[Fault]:
    """Both ends check a child periodically and start it when it is down: they do so at once, which makes duplicates.

    A check starts a tunnel whatever its start action is, so it belongs to the initiator.
    """
    end, peer = tunnel.answering, tunnel.initiating
    for own, other in tunnel.pairs(end):
        ours, theirs = _locate_periodic_check(end, own), _locate_periodic_check(peer, other)
        if ours and theirs:
            step = Step(
                "persist", end.gateway.name, "keepalive", end.connection.name, own.name, "absent", tunnel=tunnel.name
            )
            yield Fault(
                end.name(own),
                f"{end.name(own)} and {peer.name(other)} both have a periodic check; {peer.gateway.name} initiates",
                (f"{end.gateway.name} {ours}", f"{peer.gateway.name} {theirs}"),
                (step,),
            )


@rule("keepalive-idle", "medium", reference="pfSense: ipsec_conid(), ipsec_setup_gwifs(); etc/pfSense-rc")
def keepalive_idle(tunnel: Tunnel) -> Iterator[Fault]:
    """A periodic check is configured and does nothing, so a tunnel that is down stays down.

    pfSense asks its daemon for a child that there is not (version "auto", not split), pings from no address (none of
    its own is in the local network), or pings where traffic starts nothing: a routed tunnel, a start action of none.
    """
    for end in tunnel.ends:
        for check in end.keepalives:
            if check.idle:
                yield Fault(
                    end.name(check.child),
                    f"the periodic check ({check.means}) of {end.name(check.child)} does nothing: {check.idle}",
                    (f"{end.gateway.name} {check.origin}",),
                    no_fix="use IKEv2 and not auto"
                    if check.means == "keepalive"
                    else "use the keepalive of phase 2 instead, on the end that initiates",
                )


@rule("keepalive-narrowed", "low", reference="pfSense: ipsec_keepalive.php looks children up by name")
def keepalive_narrowed(tunnel: Tunnel) -> Iterator[Fault]:
    """One child has several networks, and pfSense's check takes it for up as soon as any of them is.

    A peer that narrows the child to one of its networks leaves the others down, and nothing brings them up. With split
    connections, on both ends, each has a child and a check of its own.
    """
    for end in tunnel.ends:
        names = {check.child: check for check in end.keepalives if check.means == "keepalive" and not check.idle}
        for own, other in tunnel.pairs(end):
            if own.name in names and len(set(own.remote_ts)) > 1 and set(own.remote_ts) != set(other.local_ts):
                yield Fault(
                    end.name(own),
                    f"the periodic check of {end.name(own)} takes it for up with one of its {len(set(own.remote_ts))} "
                    "networks",
                    (f"{end.gateway.name} {names[own.name].origin}", locate(end, "remote_ts", own)),
                    no_fix="split the connection on both ends, or have both name the same networks",
                )


@rule(
    "version-auto",
    "low",
    reference="pfSense: ipsec_conid() takes auto for IKEv1; Netgate docs: Key Exchange version",
    repair="practice",
)
def version_auto(tunnel: Tunnel) -> Iterator[Fault]:
    """The version is "auto" and the connection not split: pfSense looks for its children by names they do not have.

    Its check brings none of them up, and connecting one by hand in the web interface fails. Between two ends that
    both take IKEv2, IKEv2 is what auto negotiates anyway.
    """
    for end in tunnel.ends:
        native, peer = end.connection.native, tunnel.other(end).connection
        if native and end.connection.version == 0 and "splitconn" not in native and peer.version != 1:
            yield Fault(
                end.name(),
                f"{end.name()} has the version auto and is not split: {end.gateway.name} cannot find its children",
                (locate(end, "version"),),
                (build_change(end, "version", "2"),),
            )


@rule(
    "split-one-end",
    "high",
    reference="RFC 7296 section 2.9; Netgate docs: Split connections",
    explains=(
        *("child-unmatched", "selectors-not-mirrored", "children-cut-differently"),
        *("child-narrowed", "keepalive-narrowed"),
    ),
)
def split_one_end(tunnel: Tunnel) -> Iterator[Fault]:
    """One end has a child for each network, the other one child for all: the tunnel is up with some of them only.

    Nothing is logged, as IKEv2 narrows in silence. Split both ends, or neither; that renames the children of
    a pfSense.
    """
    if any(end.connection.version == 1 for end in tunnel.ends):
        return
    for end in tunnel.ends:
        peer = tunnel.other(end)
        split, joined = _list_configured_children(end), _list_configured_children(peer)
        whole = joined[0] if len(joined) == 1 else None
        if whole is None or not split[1:] or PFSENSE not in (end.gateway.platform, peer.gateway.platform):
            continue
        if len(set(whole.local_ts)) > 1 or len(set(whole.remote_ts)) > 1:
            yield Fault(
                end.name(),
                f"{end.name()} has {len(split)} children, {peer.name(whole)} is one for all of their networks",
                (
                    *(locate(end, "remote_ts", child) for child in split),
                    locate(peer, "local_ts", whole),
                    _locate_native(end, "splitconn"),
                    _locate_native(peer, "splitconn"),
                ),
                no_fix="turn split connections on at both ends, or off at both",
            )


@rule(
    "reauth-breaks",
    "low",
    reference="RFC 7296 section 2.8.3; strongSwan docs: charon.make_before_break; Netgate docs: Reauth Time",
    repair="practice",
)
def reauth_breaks(tunnel: Tunnel) -> Iterator[Fault]:
    """An end reauthenticates an IKEv2 tunnel, and ends its SAs before it has made the new ones: a short outage.

    A rekey renews the keys without one. Where reauthentication is wanted, "make before break" on both ends (VPN >
    IPsec > Advanced) does it without one too; strongSwan has that by default since 6.0.
    """
    for end in tunnel.ends:
        old = end.gateway.version is not None and not end.gateway.version.startswith(_OVERLAPS)
        breaks = end.connection.native and "makebeforebreak" not in end.connection.native
        if breaks and old and end.connection.version == IKEV2 and end.connection.reauth_time > 0:
            yield Fault(
                end.name(),
                f"{end.name()} ends the tunnel every {end.connection.reauth_time:.0f} s to reauthenticate",
                (locate(end, "reauth_time"), _locate_native(end, "makebeforebreak")),
                (build_change(end, "reauth_time", "0s"),),
            )


@rule(
    "mobike-shared-address",
    "low",
    reference="RFC 4555 section 3.5; Netgate docs: MOBIKE, High Availability",
    repair="practice",
)
def mobike_shared_address(tunnel: Tunnel) -> Iterator[Fault]:
    """An end at an address that a cluster shares has MOBIKE on, which moves the tunnel to other addresses.

    After that the other firewall of the cluster cannot take it over. Between two fixed addresses MOBIKE serves nothing.
    """
    for end in tunnel.ends:
        shared = _find_shared_address(end)
        if shared and end.connection.mobike and end.connection.version != 1:
            yield Fault(
                end.name(),
                f"{end.name()} has MOBIKE on, and {shared} is an address that a cluster shares",
                (locate(end, "mobike"), locate(end, "local_addrs")),
                (build_change(end, "mobike", "no"),),
            )


@rule("cluster-own-address", "low", reference="Netgate docs: High Availability, IPsec: use a CARP address")
def cluster_own_address(tunnel: Tunnel) -> Iterator[Fault]:
    """The primary of a cluster ends the tunnel at an address of its own: the secondary cannot take it over.

    The secondary gets the same phase 1 and would use its own address, for which the peer has no connection.
    """
    for end in tunnel.ends:
        about = end.gateway.appliance
        own = [address for address in end.connection.local_addrs if address != "%any"]
        if about is not None and about.role == "primary" and about.carp and own and not _find_shared_address(end):
            yield Fault(
                end.name(),
                f"{end.name()} ends at {', '.join(own)}, which is of {end.gateway.name} alone and not of its cluster",
                (locate(end, "local_addrs"), *(f"{end.gateway.name}: CARP has {each.address}" for each in about.carp)),
                no_fix="choose the CARP address of this interface in phase 1, and have the peer use that",
            )


def _find_shared_address(end: End) -> str:
    """The address of an end that a cluster shares; empty where it has none."""
    about = end.gateway.appliance
    addresses = {each.address for each in about.carp} if about else set()
    return next((address for address in end.connection.local_addrs if address in addresses), "")


def _locate_native(end: End, element: str) -> str:
    """`gateway path: value` of an element of the firewall's own configuration."""
    said = end.connection.native.get(element)
    if said is None:
        return f"{end.gateway.name} {end.connection.origin}: {element} is not set"
    return f"{end.gateway.name} {said.origin}{f': {said.value}' if said.value else ''}"


def _expects_psk(end: End) -> bool:
    return bool(end.connection.remote) and end.connection.remote[0].method == "psk" and not end.connection.omitted


def _locate_periodic_check(end: End, child: Child) -> str:
    """Where a periodic check that starts a child stands; empty where none does."""
    return next(
        (c.origin for c in end.keepalives if c.child == child.name and c.means != "pinghost" and not c.idle), ""
    )


def _list_configured_children(end: End) -> tuple[Child, ...]:
    return tuple(child for child in end.connection.children if child.configured)
