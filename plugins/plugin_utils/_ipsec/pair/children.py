# SPDX-License-Identifier: GPL-3.0-or-later
"""Of two ends that belong together: who is to initiate, and which child of one is which of the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable

from ..model import Child, ChildPair, Connection, DeclaredTunnel, End
from ..swanctl.normalize import is_numeric, is_public, list_explicit
from .endpoint import join_endpoints, overlaps

Networks = tuple[str, str]


def elect_initiator(a: End, b: End, declared: DeclaredTunnel | None, count: Counter[str]) -> tuple[str, str]:
    """Who is to initiate, and why: the declaration, else who can, else who does or is to, else the smaller gateway.

    `count`: tunnels by gateway.
    """
    if declared and declared.initiator:
        return declared.initiator, "it is declared so"
    for end, other in ((a, b), (b, a)):
        if not list_explicit(other.connection.remote_addrs):
            return end.gateway.name, f"{other.gateway.name} does not know its address"
    for end, other in ((a, b), (b, a)):
        if _is_behind_nat(end, other) and not _is_behind_nat(other, end):
            return end.gateway.name, "it is behind NAT"
    if found := _elect_by_actions(a, b, declared):
        return found
    one, other_name = a.gateway.name, b.gateway.name
    if count[one] != count[other_name]:
        return min((one, other_name), key=lambda name: count[name]), "it has fewer tunnels than its peer"
    return min(one, other_name), "nothing tells the two ends apart, so the first by name"


def match_children(a: Connection, b: Connection) -> tuple[ChildPair, ...]:
    """The same child on both ends: by mirrored selectors, then overlapping ones, then name, then what is left over."""
    ours, theirs = ({c.name: c for c in connection.children if c.mode not in ("pass", "drop")} for connection in (a, b))
    pairs: list[tuple[Child | None, Child | None]] = []
    seen = {child.name: _join_selectors(child) for child in ours.values()}
    mirrored = {child.name: _join_selectors(child)[::-1] for child in theirs.values()}
    pairs += _take(ours, theirs, {n: seen[n] for n in ours}, {n: mirrored[n] for n in theirs})
    for name in list(ours):
        if found := next((other for other in theirs if overlaps(seen[name], mirrored[other])), None):
            pairs.append((ours.pop(name), theirs.pop(found)))
    pairs += _take(ours, theirs, {n: n for n in ours}, {n: n for n in theirs})
    if len(ours) == len(theirs) == 1:
        pairs.append((ours.popitem()[1], theirs.popitem()[1]))
    return tuple(
        ChildPair(pair) for pair in (*pairs, *((c, None) for c in ours.values()), *_list_unmatched(theirs.values()))
    )


def _list_unmatched(children: Iterable[Child]) -> Iterable[tuple[None, Child]]:
    return ((None, child) for child in children)


def _take(
    ours: dict[str, Child], theirs: dict[str, Child], mine: dict[str, Hashable], other: dict[str, Hashable]
) -> list[tuple[Child, Child]]:
    """Takes out the children of both ends whose keys are equal, in the order of ours."""
    by_key: dict[Hashable, list[str]] = defaultdict(list)
    for name, key in other.items():
        by_key[key].append(name)
    found = [(name, by_key[key].pop(0)) for name, key in mine.items() if by_key.get(key)]
    return [(ours.pop(name), theirs.pop(counterpart)) for name, counterpart in found]


def _join_selectors(child: Child) -> Networks:
    return join_endpoints(child.local_ts), join_endpoints(child.remote_ts)


def _is_behind_nat(end: End, peer: End) -> bool:
    """Whether the daemon has found NAT before an end, or the peer reaches it at an address that cannot be its own."""
    if end.sas or peer.sas:
        return any(sa.nat_local for sa in end.sas)
    reached = [host for host in list_explicit(peer.connection.remote_addrs) if is_numeric(host)]
    own = list_explicit(end.connection.local_addrs)
    seen = any(is_numeric(host) and is_public(host) for host in own) if own else bool(end.site.outside)
    translated = bool(own or end.site.reachable) and not seen
    return translated and any(is_public(host) for host in reached)


def _elect_by_actions(a: End, b: End, declared: DeclaredTunnel | None) -> tuple[str, str] | None:
    """The end whose actions are an initiator's: as they are declared, where that tells, or as they are.

    Else a platform that can have other actions than those declared would be taken for the other end after the change.
    """
    starts = [each.gateway for each in declared.ends if _starts(declared, each.gateway)] if declared else []
    if len(starts) == 1:
        return starts[0], "it is declared to start the tunnel"
    eager = {
        end.gateway.name: max(map(_measure_eagerness, end.connection.children), default=0)
        + (end.connection.keyingtries == 0)
        for end in (a, b)
    }
    if len(set(eager.values())) == 1:
        return None
    return max(eager, key=lambda name: eager[name]), "its actions are an initiator's"


def _starts(declared: DeclaredTunnel, gateway: str) -> bool:
    return "start" in declared.of(gateway)[1].get("start_action", "")


def _measure_eagerness(child: Child) -> int:
    """How much a child acts as an initiator's: starting, coming back after a close, coming back after a dead peer."""
    return 4 * ("start" in child.start_action) + 2 * ("start" in child.close_action) + ("start" in child.dpd_action)
