# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in what an end has at this moment: the SAs it holds, its addresses, its clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...analysis.evidence import (
    build_change,
    find_installed,
    has_configuration,
    has_live_state,
    list_some,
    locate,
    measure_delay,
)
from ...model import Child, ChildSa, End, Fault, Step, Tunnel
from ...swanctl.normalize import is_numeric, list_explicit
from ...swanctl.selectors import Network, collapse_networks, lies_inside, list_all_networks
from . import rule
from .negotiation import DOWN

HALF_OPEN = 3  # IKE_SAs: one is an attempt, a second one may be its successor
SKEW = 300.0  # seconds
SKEW_UNPROVEN = 3600.0  # seconds: without an SA in common the clocks may have been read at different times
NAMELESS = ("psk", "eap", "xauth")  # methods that need no certificate of the end that uses them


@rule("child-narrowed", "medium", reference="RFC 7296 section 2.9; swanctl.conf(5): local_ts", repair="sas")
def child_narrowed(tunnel: Tunnel) -> Iterator[Fault]:
    """A child is up for fewer networks than both ends have configured alike, so the rest is not protected.

    The SA is older than the configuration, or IKEv1 made it, of which strongSwan uses the first network only.
    """
    end, peer = tunnel.initiating, tunnel.answering
    if any(each.connection.differs for each in tunnel.ends):
        return
    for own, other in tunnel.pairs(end):
        wanted, up = _collect_selectors([own]), _collect_selectors(find_installed(end, own))
        if not up or not wanted or wanted != _collect_selectors([other])[::-1] or up == wanted:
            continue
        if not all(_lies_within(some, whole) for some, whole in zip(up, wanted, strict=True)):
            continue
        old = any(ike.version == 1 and sa.name == own.name for ike in end.sas for sa in ike.children)
        again = Step("retire", end.gateway.name, "sa", end.connection.name, own.name, "reinitiated", tunnel=tunnel.name)
        yield Fault(
            end.name(own),
            f"{end.name(own)} is up for {_format_selectors(up)}, {peer.name(other)} and it are configured for "
            f"{_format_selectors(wanted)}",
            (
                locate(end, "local_ts", own),
                locate(end, "remote_ts", own),
                *(
                    f"{end.gateway.name}: CHILD_SA {sa.name}{{{sa.id}}} "
                    f"{', '.join(sa.local_ts)} to {', '.join(sa.remote_ts)}"
                    for sa in find_installed(end, own)
                ),
            ),
            () if old else (again,),
            "IKEv1 takes one network for each end of a child: use IKEv2, or a child for each pair of them"
            if old
            else "",
            confidence="observed",
        )


@rule("half-open-ike-sas", "medium", reference="swanctl(8): --list-sas; RFC 7296 section 2.1")
def half_open_ike_sas(tunnel: Tunnel) -> Iterator[Fault]:
    """An end has several IKE_SAs of one connection that are only connecting: it starts again and again, in vain."""
    for end in tunnel.ends:
        half = [ike for ike in end.sas if ike.state == "CONNECTING"]
        if has_live_state(end) and len(half) >= HALF_OPEN:
            peer = tunnel.other(end).gateway.name
            yield Fault(
                end.name(),
                f"{end.name()} has {len(half)} IKE_SAs that are half open: {peer} does not finish any of them",
                (
                    locate(end, "remote_addrs"),
                    *(
                        f"{end.gateway.name}: {ike.connection}[{ike.id}] CONNECTING, "
                        f"{ike.local_host or '%any'} to {ike.remote_host or '%any'}"
                        for ike in half
                    ),
                ),
                no_fix=f"see why {peer} does not answer, with diagnose, and what starts the tunnel so often",
                confidence="observed",
            )


@rule(
    "local-address-missing",
    "critical",
    reference="swanctl.conf(5): local_addrs; strongSwan: socket_default_socket.c, error writing to socket",
    explains=("address-mismatch", "half-open-ike-sas", *DOWN),
)
def local_address_missing(tunnel: Tunnel) -> Iterator[Fault]:
    """An end is bound to an address that none of its interfaces has, so it can neither send nor be reached.

    Nothing is said of names, of an end with an IKE_SA, and where not all addresses of the gateway are known, which is
    seen from the loopback address. The standby of a cluster has its shared address only when it takes over.
    """
    for end in tunnel.ends:
        if _is_established(end) or not has_configuration(end):
            continue
        bound, there = list_explicit(end.connection.local_addrs), end.site.addresses
        known = all(is_numeric(host) for host in bound) and len(bound) == len(end.connection.local_addrs)
        if not (end.site.whole and known and there.isdisjoint(bound)):
            continue
        peer = tunnel.other(end)
        meant = [host for host in list_explicit(peer.connection.remote_addrs) if host in there]
        yield Fault(
            end.name(),
            f"{end.name()} is bound to {', '.join(bound)}, which no interface of {end.gateway.name} has",
            (locate(end, "local_addrs"), f"{end.gateway.name}: {list_some(end.gateway.system.addresses)}"),
            (build_change(end, "local_addrs", meant[0]),) if meant else (),
            "" if meant else f"give {end.gateway.name} the address, or set local_addrs to one it has, or to %any",
            confidence="observed",
        )


@rule("clock-skew", "medium", reference="RFC 5280 section 4.1.2.5: certificates are valid from one time to another")
def clock_skew(tunnel: Tunnel) -> Iterator[Fault]:
    """The clocks of two ends that prove themselves by certificates differ by more than five minutes.

    A certificate is then valid at one end and not yet, or no longer, at the other. Without an SA in common, the times
    at which the two were read are not known, and only a difference of more than an hour counts.
    """
    end, peer = tunnel.initiating, tunnel.answering
    ours, theirs = end.gateway.system.time, peer.gateway.system.time
    if ours is None or theirs is None or not (_uses_certificate(end) and _uses_certificate(peer)):
        return
    common = bool(_list_timed_ike_sas(end) & _list_timed_ike_sas(peer))
    difference = ours - theirs
    skew = difference - measure_delay(end, peer) if common else difference
    if min(abs(skew), abs(difference)) > (SKEW if common else SKEW_UNPROVEN):
        ahead, behind = (end, peer) if skew > 0 else (peer, end)
        yield Fault(
            end.name(),
            f"the clock of {ahead.gateway.name} is {abs(skew):.0f} s ahead of the clock of {behind.gateway.name}",
            tuple(f"{each.gateway.name}: {each.gateway.system.time:.0f} s since 1970" for each in (end, peer)),
            no_fix="set both clocks by NTP; which of the two is right cannot be seen",
            confidence="observed" if common else "inferred",
        )


def _collect_selectors(of: Iterable[Child | ChildSa]) -> tuple[frozenset[Network], ...]:
    """The local and the remote networks of these together; none where one of them is no network, or there is none."""
    both = list(of)
    local = list_all_networks(text for each in both for text in each.local_ts)
    remote = list_all_networks(text for each in both for text in each.remote_ts)
    return (collapse_networks(local), collapse_networks(remote)) if local and remote else ()


def _lies_within(some: frozenset[Network], whole: frozenset[Network]) -> bool:
    return all(any(lies_inside(one, other) for other in whole) for one in some)


def _format_selectors(selectors: tuple[frozenset[Network], ...]) -> str:
    return " to ".join(", ".join(sorted(map(str, networks))) for networks in selectors)


def _is_established(end: End) -> bool:
    return any(ike.state in ("ESTABLISHED", "REKEYING", "REKEYED") for ike in end.sas)


def _uses_certificate(end: End) -> bool:
    """Whether an end proves itself by a certificate; a bare public key has no validity."""
    return any(
        auth.method.partition("-")[0] not in NAMELESS and f"{auth.section}.pubkeys" not in end.connection.settings
        for auth in end.connection.local
    )


def _list_timed_ike_sas(end: End) -> frozenset[tuple[str, str]]:
    """The IKE_SAs of an end whose age is known."""
    return frozenset(
        (ike.initiator_spi, ike.responder_spi) for ike in end.sas if ike.initiator_spi and ike.established is not None
    )
