# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in what is loaded and installed, as against what is configured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import nsmallest

from ...analysis.evidence import (
    SHOWN,
    build_establish_step,
    find_installed,
    has_common_ike_sa,
    has_configuration,
    has_live_state,
    list_some,
    locate,
    matches_spis,
    measure_delay,
    was_asked,
)
from ...analysis.stale_sas import find_stale_sas
from ...model import Child, ChildSa, End, Fault, Step, Tunnel
from ...swanctl.normalize import list_explicit, may_be_several, normalize_identities
from ...swanctl.selectors import normalize_selector
from . import rule
from .negotiation import UNTOLD

LEAVING = ("REKEYED", "DELETING", "DESTROYING")  # states of an IKE_SA that goes, and its CHILD_SAs with it (ike_sa.h)
SETTLING = 5.0  # seconds: the two ends are read at slightly different times, a younger SA may be known to one only


@rule(
    "up-with-another-peer",
    "critical",
    reference="RFC 7296 section 2.15: an IKE_SA is with whom it has authenticated",
    explains=(
        *("identity-mismatch", "identity-type-mismatch", "address-mismatch", "psk-mismatch", "psk-missing"),
        *("ike-proposals-disjoint", "esp-proposals-disjoint", "pfs-mismatch", "ike-version-mismatch"),
        *("selectors-not-mirrored", "children-cut-differently", "child-unmatched", "no-initiator", "setting-deviates"),
        *("sa-mismatch", "not-installed", "gave-up", "no-traffic", "sa-outdated", *UNTOLD),
    ),
)
def up_with_another_peer(tunnel: Tunnel) -> Iterator[Fault]:
    """A connection is up with a peer other than the one it is paired with: another node, or another peer.

    Its SA is theirs and is left alone, and so is everything of this connection. Either the two ends do not belong
    together, or another gateway, such as the other node of a cluster, has the peer's part at this time. Nothing is said
    of a connection that is for several peers.
    """
    for end in tunnel.ends:
        peer = tunnel.other(end)
        if end.strange and not (_takes_several_peers(end) and not _takes_its_place(tunnel, end)):
            with_whom = list_some(tuple(f"{ike.remote_host} ({ike.remote_id})" for ike in end.strange))
            said = "declared" if tunnel.paired_by == "declared" else "paired"
            yield Fault(
                end.name(),
                f"{end.name()} is up with {with_whom}, and is {said} with {peer.name()}, which is not up with it",
                tuple(
                    f"{end.gateway.name}: {ike.connection}[{ike.id}] {ike.local_host} to {ike.remote_host}, "
                    f"{ike.local_id} to {ike.remote_id}, SPIs {ike.initiator_spi}, {ike.responder_spi}"
                    for ike in end.strange[:SHOWN]
                ),
                no_fix=f"correct the declaration of {tunnel.name} in ipsec_tunnels, which names the wrong ends"
                if said == "declared"
                else f"read the gateway that carries the tunnel now, and see why it is not {peer.gateway.name}; if "
                f"{peer.gateway.name} was renumbered, the old SA goes when DPD finds its peer dead",
                confidence="observed",
            )


@rule(
    "networks-carried-twice",
    "high",
    reference="RFC 4301 section 4.4.1: the first policy that matches decides",
    explains=("no-traffic",),
)
def networks_carried_twice(tunnel: Tunnel) -> Iterator[Fault]:
    """Two connections of one gateway are up for the same networks: what is sent there takes one of them only.

    The kernel keeps one policy for a pair of networks, so packets for the other peer go to the wrong one. Networks of
    which one lies inside the other are no fault: the narrower decides. Nor are routed children, which have no policy.
    """
    for end in tunnel.ends:
        for sa in find_installed(end):
            own = next((child for child in end.connection.children if child.name == sa.name), None)
            names = end.site.carried.get((sa.local_ts, sa.remote_ts), frozenset())
            if own is not None and not own.route_based and end.connection.name in names:
                others = _list_other_connections(end, names)
                yield Fault(
                    end.name(own),
                    f"{end.name(own)} and {others} are both up for {', '.join(sa.local_ts)} to "
                    f"{', '.join(sa.remote_ts)}",
                    (locate(end, "remote_ts", own), f"{end.gateway.name}: CHILD_SA {sa.name}{{{sa.id}}}"),
                    no_fix="give each of these peers networks of its own, or have only one of the tunnels up",
                    confidence="observed",
                )


@rule(
    "unique-replaces",
    "high",
    reference="swanctl.conf(5): unique; strongSwan: ike_sa_manager.c, check_uniqueness()",
    explains=("sa-mismatch", "not-installed", "gave-up"),
)
def unique_replaces(tunnel: Tunnel) -> Iterator[Fault]:
    """Two connections of a gateway are between the same two identities, and `unique = replace` ends one for the other.

    charon tells IKE_SAs apart by their identities and the family of their addresses, not by connection.
    So each that comes up takes the other one down. Nothing is said where both are seen up.
    """
    for end in tunnel.ends:
        if names := end.site.replacing.get(end.connection.name):
            own, peer = normalize_identities(end.connection)
            yield Fault(
                end.name(),
                f"{end.name()} and {_list_other_connections(end, names)} are between the same identities, {own} and "
                f"{peer}, and unique = replace lets one of them be up at a time",
                (locate(end, "unique"),),
                no_fix="give one of them identities of its own on both ends, or set unique = never",
            )


@rule(
    "daemon-stopped",
    "critical",
    reference="strongSwan docs: charon-systemd",
    explains=("not-loaded", "not-installed", "gave-up", "sa-mismatch", "config-drift", "no-traffic", *UNTOLD),
    repair="load",
)
def daemon_stopped(tunnel: Tunnel) -> Iterator[Fault]:
    """The IKE daemon of an end is not running."""
    for end in tunnel.ends:
        if end.gateway.daemon.running is False:
            where = tuple(f"{end.gateway.name}: {p.what}" for p in end.site.problems.get("daemon-stopped", ()))
            yield Fault(
                end.name(),
                f"the IKE daemon of {end.gateway.name} is not running",
                where,
                (
                    Step("prepare", end.gateway.name, "daemon", state="started", tunnel=tunnel.name),
                    build_establish_step(tunnel),
                ),
            )


@rule(
    "not-loaded",
    "critical",
    reference="swanctl(8): --load-conns",
    explains=("not-installed", "gave-up", "sa-mismatch", "config-drift", "no-traffic", *UNTOLD),
    repair="load",
)
def not_loaded(tunnel: Tunnel) -> Iterator[Fault]:
    """A connection or child is in the file and not in the daemon."""
    for end in tunnel.ends:
        connection = end.connection
        if not was_asked(end) or not connection.configured or connection.omitted:
            continue
        missing = [None] if not connection.loaded else [c for c in connection.children if c.configured and not c.loaded]
        for child in missing:
            yield Fault(
                end.name(child),
                f"{end.name(child)} is configured and not loaded",
                (
                    (
                        f"{end.gateway.name} {child.origin if child else connection.origin}: "
                        "defined here, absent from swanctl --list-conns"
                    ),
                ),
                (
                    Step("prepare", end.gateway.name, "daemon", state="loaded", tunnel=tunnel.name),
                    build_establish_step(tunnel),
                ),
            )


@rule(
    "setting-refused",
    "critical",
    reference="strongSwan: vici_config.c discards a connection for one setting it does not take",
    explains=(
        "not-loaded",
        "config-drift",
        "dpd-off",
        "not-installed",
        "gave-up",
        "sa-mismatch",
        "no-traffic",
        *UNTOLD,
    ),
)
def setting_refused(tunnel: Tunnel) -> Iterator[Fault]:
    """The file has a setting that strongSwan does not know or take, so it discards the whole connection.

    What was loaded before stays until the daemon is restarted; then the tunnel is gone.
    """
    for end in tunnel.ends:
        given = [end.connection.settings, *(child.settings for child in end.connection.children)]
        origins = dict.fromkeys(setting.origin for settings in given for setting in settings.values())
        for problem in (each for origin in origins for each in end.site.refused.get(origin, ())):
            if has_configuration(end):
                yield Fault(
                    end.name(),
                    f"strongSwan discards {end.name()}: {problem.what}",
                    (f"{end.gateway.name} {problem.where}: {problem.what}",),
                    no_fix=problem.hint or "correct the setting",
                )


@rule("config-drift", "medium", reference="swanctl(8): --load-conns", repair="load")
def config_drift(tunnel: Tunnel) -> Iterator[Fault]:
    """The daemon holds other settings than the file: edited and not loaded, or loaded and not written down."""
    for end in tunnel.ends:
        if end.connection.loaded and not end.connection.configured and not end.site.unread:
            yield Fault(
                end.name(),
                f"{end.name()} is loaded and in no file: it is gone at the next restart",
                (f"{end.gateway.name}: in swanctl --list-conns only",),
                no_fix="write it into the configuration, or unload it",
            )
        elif end.connection.differs and end.gateway.daemon.running:
            yield Fault(
                end.name(),
                f"the daemon of {end.gateway.name} holds other settings of {end.connection.name} than its file",
                tuple(f"{end.gateway.name}: {text}" for text in end.connection.differs),
                (Step("prepare", end.gateway.name, "daemon", state="loaded", tunnel=tunnel.name),),
            )


@rule("sa-outdated", "medium", reference="strongSwan: a live SA holds the configuration it was made with", repair="sas")
def sa_outdated(tunnel: Tunnel) -> Iterator[Fault]:
    """A live SA uses algorithms, or an IKE version, that its own end does not offer any more.

    The configuration was changed and loaded, and the tunnel was not established again: it goes on with what it was
    made with, also over rekeys.
    """
    for end, child, said in find_stale_sas(tunnel):
        yield Fault(
            end.name(child),
            f"{end.name(child)} is up with settings that it no longer has: {said}",
            (locate(end, "proposals" if child is None else "esp_proposals", child),),
            (build_establish_step(tunnel, state="reinitiated"),),
            confidence="observed",
        )


@rule("not-installed", "high", reference="swanctl(8): --list-sas", explains=("no-traffic",), repair="sas")
def not_installed(tunnel: Tunnel) -> Iterator[Fault]:
    """A child that should be up is loaded on both ends and has no CHILD_SA, and nothing is bringing it up."""
    end, peer = tunnel.initiating, tunnel.answering
    if not (has_live_state(end) and has_live_state(peer)):
        return
    for own, other in tunnel.pairs(end):
        if (
            find_installed(end, own)
            or find_installed(peer, other)
            or not (wanted := _explain_wanted(end, own) or _explain_wanted(peer, other))
        ):
            continue
        trapped = any(p.child == own.name and p.kind == "trap" for p in end.policies)
        yield Fault(
            end.name(own),
            f"{end.name(own)} is loaded, {wanted}, and has no CHILD_SA",
            (f"{end.gateway.name}: {len(end.sas)} IKE_SAs, {'a trap' if trapped else 'no trap'} for {own.name}",),
            (build_establish_step(tunnel, own),),
            confidence="observed",
        )


@rule(
    "duplicate-child-sas", "medium", reference="strongSwan: child_create.c compares whole configurations", repair="sas"
)
def duplicate_child_sas(tunnel: Tunnel) -> Iterator[Fault]:
    """One child has several CHILD_SAs with equal selectors, all of them to stay.

    A rekey's overlap is not meant. Its new SA is young; its old SA is REKEYED, or REKEYING for as long as the DELETE is
    not answered (a responder before strongSwan 6.0), or belongs to an IKE_SA that is being replaced or deleted.
    """
    for end in (tunnel.initiating, tunnel.answering):
        staying = _find_staying(end)
        alike = Counter((sa.name, sa.local_ts, sa.remote_ts) for sa in staying)
        for (name, local, remote), number in alike.items():
            if number > 1:
                ids = ", ".join(f"{sa.name}{{{sa.id}}} {sa.spi_in}/{sa.spi_out}" for sa in staying if sa.name == name)
                yield Fault(
                    end.name(name),
                    f"{end.name(name)} has {number} CHILD_SAs for {', '.join(local)} to {', '.join(remote)}",
                    (f"{end.gateway.name}: {ids}",),
                    (
                        Step(
                            "retire",
                            end.gateway.name,
                            "sa",
                            end.connection.name,
                            name,
                            "deduplicated",
                            tunnel=tunnel.name,
                        ),
                    ),
                    confidence="observed",
                )
                return


@rule(
    "sa-mismatch",
    "high",
    reference="RFC 7296 section 2.4: one end lost its state",
    explains=("no-traffic", "nat-traversal-needed", "esp-in-udp-lost"),
    repair="sas",
)
def sa_mismatch(tunnel: Tunnel) -> Iterator[Fault]:
    """An end holds a CHILD_SA that its peer does not have: it sends into the void until it notices a dead peer."""
    if not all(has_live_state(end) for end in tunnel.ends):
        return
    for end in tunnel.ends:
        peer = tunnel.other(end)
        theirs = [sa for ike in peer.sas for sa in ike.children]
        after = measure_delay(end, peer)
        if any(sa.install_time is not None and sa.install_time < SETTLING - after for sa in theirs):
            continue  # what the peer has made after this end was read may stand for what this end held then
        stale = [sa for sa in _find_settled(end, after) if not any(matches_spis(sa, other) for other in theirs)]
        if stale:
            yield Fault(
                end.name(stale[0].name),
                f"{end.name(stale[0].name)} believes that the tunnel is up, but {peer.name()} has no such SA",
                tuple(
                    f"{end.gateway.name}: CHILD_SA {sa.name}{{{sa.id}}} SPIs {sa.spi_in} in, {sa.spi_out} out; "
                    f"{peer.gateway.name}: {_format_spis(theirs)}"
                    for sa in stale
                ),
                _build_reinitiate_steps(tunnel, end),
                confidence="observed",
            )


def _takes_several_peers(end: End) -> bool:
    """Whether a connection takes more than one peer, by its addresses or by the identity that it expects."""
    remote, who = end.connection.remote_addrs, normalize_identities(end.connection)[1]
    return len(list_explicit(remote)) != len(remote) or who is None or may_be_several(who)


def _takes_its_place(tunnel: Tunnel, end: End) -> bool:
    """Whether somebody else is up with this end for the networks that the paired peer has."""
    theirs = {normalize_selector(text) for dummy, other in tunnel.pairs(end) for text in other.local_ts}
    held = {normalize_selector(text) for ike in end.strange for sa in ike.children for text in sa.remote_ts}
    return not has_common_ike_sa(tunnel) and not theirs.isdisjoint(held)


def _list_other_connections(end: End, names: Iterable[str]) -> str:
    """The first of the other connections of a gateway that these are."""
    return list_some(tuple(f"{end.gateway.name}/{n}" for n in nsmallest(SHOWN + 2, names) if n != end.connection.name))


def _build_reinitiate_steps(tunnel: Tunnel, end: End) -> tuple[Step, ...]:
    """An initiator drops its stale SAs and starts over in one step; a responder only drops them."""
    if end is tunnel.initiating:
        return (Step("retire", end.gateway.name, "sa", end.connection.name, None, "reinitiated", tunnel=tunnel.name),)
    return (
        Step("retire", end.gateway.name, "sa", end.connection.name, None, "terminated", tunnel=tunnel.name),
        build_establish_step(tunnel),
    )


def _explain_wanted(end: End, child: Child) -> str:
    """Why a child of this end is to be up, or at least trapped: empty where nothing says so."""
    if not list_explicit(end.connection.remote_addrs):
        return ""
    if "start" in child.start_action:
        return f"should be up ({child.start_action})"
    trappable = child.start_action == "trap" and end.gateway.policies is not None
    if trappable and not any(p.child == child.name and p.kind == "trap" for p in end.policies):
        return f"should be trapped on {end.gateway.name} and is not"
    return ""


def _find_settled(end: End, after: float = 0.0) -> tuple[ChildSa, ...]:
    """CHILD_SAs old enough to be known to a peer that was read so many seconds before."""
    names = {child.name for child in end.connection.children}
    children = (sa for ike in end.sas if ike not in end.strange for sa in ike.children)
    old = SETTLING + max(after, 0.0)
    return tuple(
        sa for sa in children if sa.name in names and sa.carries and (sa.install_time is None or sa.install_time >= old)
    )


def _find_staying(end: End) -> tuple[ChildSa, ...]:
    """CHILD_SAs that are old enough to be known to both ends and that no rekey is about to replace."""
    leaving = [sa for ike in end.sas if ike.state in LEAVING for sa in ike.children]
    return tuple(sa for sa in _find_settled(end) if sa.state != "REKEYING" and sa not in leaving)


def _format_spis(sas: list[ChildSa]) -> str:
    return ", ".join(f"{sa.spi_in} in, {sa.spi_out} out" for sa in sas) or "no CHILD_SA"
