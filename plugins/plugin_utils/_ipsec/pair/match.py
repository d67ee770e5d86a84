# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ends mean each other: those whose keys are equal, best first, and none by guess."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..model import Unpaired
from .endpoint import Endpoint, overlaps

Key = tuple[str, ...]
CROWD = 24  # ends with one key: more say nothing about which two belong together
ENOUGH = 4  # of the score: two things agree both ways, or one both ways and another


def match_endpoints(sides: list[Endpoint]) -> tuple[list[tuple[Endpoint, Endpoint, str]], tuple[Unpaired, ...]]:
    """The couples with what made them fit, and the ends that are left with the reason."""
    places: dict[Key, list[int]] = defaultdict(list)
    wanted: list[list[Key]] = []
    for index, side in enumerate(sides):
        keys = list(_list_keys(side))
        wanted.append([peer for dummy, peer in keys])
        for own, dummy in keys:
            places[own].append(index)
    scores = _score_couples(sides, places, wanted)
    return _match(sides, scores)


def _list_keys(side: Endpoint) -> Iterator[tuple[Key, Key]]:
    """Each key twice: as this end makes it of itself first, and as its peer would."""
    for cookie in side.cookies:
        yield ("cookie", cookie), ("cookie", cookie)
    for local, remote in side.selectors:
        yield ("selectors", local, remote), ("selectors", remote, local)
    if side.own_id and side.peer_id:
        yield ("ids", side.own_id, side.peer_id), ("ids", side.peer_id, side.own_id)
    yield from _list_address_keys(side)


def _list_address_keys(side: Endpoint) -> Iterator[tuple[Key, Key]]:
    for own in side.own if len(side.own) <= CROWD else ():
        for peer in side.peer:
            yield ("addresses", own, peer), ("addresses", peer, own)
        if side.peer_id:
            yield ("address-id", own, side.peer_id), ("id-address", side.peer_id, own)
    for peer in side.peer:
        if side.own_id:
            yield ("id-address", side.own_id, peer), ("address-id", peer, side.own_id)


def _score_couples(
    sides: list[Endpoint], places: Mapping[Key, list[int]], wanted: list[list[Key]]
) -> dict[tuple[int, int], tuple[int, str]]:
    scores: dict[tuple[int, int], tuple[int, str]] = {}
    for index, keys in enumerate(wanted):
        for key in keys:
            crowd = places.get(key, ())
            for other in crowd if len(crowd) <= CROWD else ():
                couple = (min(index, other), max(index, other))
                if couple not in scores and sides[index].end.gateway.name != sides[other].end.gateway.name:
                    scores[couple] = _score(sides[couple[0]], sides[couple[1]])
    return {couple: score for couple, score in scores.items() if score[0] >= ENOUGH}


def _score(a: Endpoint, b: Endpoint) -> tuple[int, str]:
    """How well two ends fit, and what makes them fit."""
    addresses = 2 * bool(a.peer & b.own) + 2 * bool(b.peer & a.own)
    ids = 2 * (a.peer_id is not None and a.peer_id == b.own_id) + 2 * (b.peer_id is not None and b.peer_id == a.own_id)
    mirrored = {(remote, local) for local, remote in b.selectors}
    selectors = 3 if a.selectors & mirrored else int(any(overlaps(x, y) for x in a.selectors for y in mirrored))
    cookies = 8 * bool(a.cookies & b.cookies)
    why = {"addresses": addresses, "identities": ids, "selectors": selectors, "a live IKE_SA": cookies}
    return addresses + ids + selectors + cookies, ", ".join(name for name, score in why.items() if score)


def _match(
    sides: list[Endpoint], scores: Mapping[tuple[int, int], tuple[int, str]]
) -> tuple[list[tuple[Endpoint, Endpoint, str]], tuple[Unpaired, ...]]:
    """Best couples first; an end with two equally good candidates is left unpaired, with their names."""
    by_end: dict[int, list[tuple[int, int]]] = defaultdict(list)  # (score, other)
    for (one, other), (score, dummy) in scores.items():
        by_end[one].append((score, other))
        by_end[other].append((score, one))
    taken: set[int] = set()
    torn: set[int] = set()  # between equally good ones: it takes no worse one instead
    reasons: dict[int, str] = {}
    found = []
    for (one, other), (score, why) in sorted(scores.items(), key=lambda item: (-item[1][0], item[0])):
        if not taken.isdisjoint((one, other)):
            continue
        rivals = {
            e: [o for s, o in by_end[e] if s == score and o not in taken and o not in (one, other)]
            for e in (one, other)
        }
        if not any(rivals.values()) and torn.isdisjoint((one, other)):
            taken |= {one, other}
            found.append((sides[one], sides[other], why))
            continue
        for end, others in rivals.items():
            candidate = other if end == one else one
            if others and end not in torn:
                torn.add(end)
                names = sorted(str(sides[o].end.name()) for o in (*others, candidate))
                reasons[end] = f"fits equally well with {' and '.join(names)}; declare the tunnel in ipsec_tunnels"
            elif not others:
                reasons.setdefault(end, f"fits {sides[candidate].end.name()}, which fits others as well")
    lonely = tuple(
        replace(_list_unpaired(side, reasons.get(i)), torn=i in torn) for i, side in enumerate(sides) if i not in taken
    )
    return found, lonely


def _list_unpaired(side: Endpoint, reason: str | None) -> Unpaired:
    remote = ", ".join(side.end.connection.remote_addrs)
    if reason is None and not side.peer and side.peer_id is None:
        reason = "accepts any peer (a road warrior's end, or a peer that cannot be identified)"
    who = side.peer_id or remote
    return Unpaired(
        side.end.name(),
        who,
        reason or f"no gateway among those read is {who}: an unmanaged peer, or one that was not read",
    )
