"""Which connection on which gateway is the other end of which.

Ends meet through keys that both would make of the same tunnel, each from its own side: the cookies of a live
IKE_SA, the two identities, the two addresses, the two traffic selectors, and mixtures of them. So one thing
may disagree, which is the fault to be found, and the ends still meet. Every end makes a bounded number of
keys, so the work grows with the number of ends.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from .errors import IpsecError
from .model import Child, ChildPair, Connection, Declared, End, Gateway, IkeSa, Probe, Secret, Tunnel, Unpaired
from .swanctl.words import explicit, identities, normal, selector

Key = tuple[str, ...]
CROWD = 24  # ends with one key: more say nothing about which two belong together
ENOUGH = 4  # of the score: two things agree both ways, or one both ways and another


@dataclass(frozen=True, slots=True)
class _Side:
    """What one end says of itself and of its peer."""

    end: End
    own: frozenset[str]  # addresses
    peer: frozenset[str]
    own_id: str | None
    peer_id: str | None
    selectors: frozenset[tuple[str, str]]  # (local, remote) of each child
    cookies: frozenset[str]


def pair(
    gateways: Iterable[Gateway],
    declared: Iterable[Declared] = (),
    *,
    psks: Iterable[str] = (),
    probes: Iterable[Probe] = (),
) -> tuple[tuple[Tunnel, ...], tuple[Unpaired, ...]]:
    """All tunnels between these gateways, and the ends whose other end is not among them.

    Raises:
        IpsecError: a declared tunnel names a gateway or connection that is not there.
    """
    sides = {(s.end.gateway.name, s.end.connection.name): s for g in gateways for s in _sides(g)}
    known = {key[0] for key in sides} | {gateway.name for gateway in gateways}
    found: list[tuple[_Side, _Side, str, Declared | None]] = []
    for tunnel in declared:
        one, other = (_declared_side(sides, known, tunnel, index) for index in (0, 1))
        if one is not None and other is not None:
            found.append((one, other, "declared", tunnel))
    taken = {(s.end.gateway.name, s.end.connection.name) for one, other, *dummy in found for s in (one, other)}
    free = [side for key, side in sides.items() if key not in taken]
    met, lonely = _meet(free)
    found += [(one, other, why, None) for one, other, why in met]
    return _tunnels(found, frozenset(psks), _by_end(probes)), lonely


def _declared_side(
    sides: Mapping[tuple[str, str], _Side], known: set[str], tunnel: Declared, index: int
) -> _Side | None:
    end = tunnel.ends[index]
    side = sides.get((end.gateway, end.connection))
    if side is None and end.gateway in known:
        there = ", ".join(sorted(c for g, c in sides if g == end.gateway)) or "none"
        raise IpsecError(
            f"declared tunnel {tunnel.name} ends at connection {end.connection!r}, which is not there",
            where=end.gateway,
            hint=f"connections there: {there}",
        )
    return side  # None: a gateway that was not read


def _sides(gateway: Gateway) -> Iterator[_Side]:
    """What each connection says, with what of the gateway belongs to it, all looked up once."""
    sas: dict[str, list[IkeSa]] = defaultdict(list)
    for sa in gateway.sas or ():
        sas[sa.connection].append(sa)
    policies, keepalives = defaultdict(list), defaultdict(list)
    for policy in gateway.policies or ():
        policies[policy.connection].append(policy)
    for keepalive in gateway.keepalives:
        keepalives[keepalive.connection].append(keepalive)
    addresses = frozenset(_interface_addresses(gateway))
    secrets = _Secrets(gateway.secrets)
    keys_for = frozenset(secrets.by_id)  # before a look-up can add to it
    for connection in gateway.connections:
        if connection.children and all(child.mode in ("pass", "drop") for child in connection.children):
            continue
        live = tuple(sas[connection.name])
        own_id, peer_id = identities(connection)
        end = End(
            gateway,
            connection,
            live,
            tuple(policies[connection.name]),
            secrets.between(own_id, peer_id),
            tuple(keepalives[connection.name]),
            keys_for,
        )
        yield _Side(
            end,
            frozenset(explicit(connection.local_addrs)) or addresses,
            frozenset(explicit(connection.remote_addrs)),
            own_id,
            peer_id,
            frozenset(
                (_joined(c.local_ts), _joined(c.remote_ts))
                for c in connection.children
                if "dynamic" not in (*c.local_ts, *c.remote_ts)
            ),
            frozenset(f"{sa.initiator_spi}:{sa.responder_spi}" for sa in live if sa.initiator_spi),
        )


class _Secrets:
    """Pre-shared keys by the identities they are for: the one charon would take (psk_authenticator.c: best match)."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self.by_id: dict[str, list[Secret]] = defaultdict(list)
        self.anybody = [secret for secret in secrets if not secret.ids]
        for secret in secrets:
            for identity in {normal(i) for i in secret.ids}:
                self.by_id[identity].append(secret)

    def between(self, own: str | None, peer: str | None) -> Secret | None:
        """The secret that names the peer, best with ourselves too; else one that names us, else one for anybody."""
        for wanted, also in ((peer, own), (own, None)):
            named = self.by_id.get(wanted or "", [])
            if also and (best := next((s for s in named if also in map(normal, s.ids)), None)):
                return best
            if len(named) == 1:
                return named[0]
        return self.anybody[0] if self.anybody else None


def _joined(selectors: Iterable[str]) -> str:
    return ",".join(sorted(selector(s) for s in selectors))


def _interface_addresses(gateway: Gateway) -> Iterator[str]:
    for line in gateway.system.addresses:
        address = ip_address(line.split()[-1].partition("/")[0].partition("%")[0])
        if not address.is_loopback and not address.is_link_local:
            yield str(address)


def _keys(side: _Side) -> Iterator[tuple[Key, Key]]:
    """Each key twice: as this end makes it of itself first, and as its peer would."""
    for cookie in side.cookies:
        yield ("cookie", cookie), ("cookie", cookie)
    for local, remote in side.selectors:
        yield ("selectors", local, remote), ("selectors", remote, local)
    if side.own_id and side.peer_id:
        yield ("ids", side.own_id, side.peer_id), ("ids", side.peer_id, side.own_id)
    yield from _address_keys(side)


def _address_keys(side: _Side) -> Iterator[tuple[Key, Key]]:
    for own in side.own if len(side.own) <= CROWD else ():
        for peer in side.peer:
            yield ("addresses", own, peer), ("addresses", peer, own)
        if side.peer_id:
            yield ("address-id", own, side.peer_id), ("id-address", side.peer_id, own)
    for peer in side.peer:
        if side.own_id:
            yield ("id-address", side.own_id, peer), ("address-id", peer, side.own_id)


def _meet(sides: list[_Side]) -> tuple[list[tuple[_Side, _Side, str]], tuple[Unpaired, ...]]:
    places: dict[Key, list[int]] = defaultdict(list)
    wanted: list[list[Key]] = []
    for index, side in enumerate(sides):
        keys = list(_keys(side))
        wanted.append([peer for dummy, peer in keys])
        for own, dummy in keys:
            places[own].append(index)
    scores = _scores(sides, places, wanted)
    return _match(sides, scores)


def _scores(
    sides: list[_Side], places: Mapping[Key, list[int]], wanted: list[list[Key]]
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


def _score(a: _Side, b: _Side) -> tuple[int, str]:
    """How well two ends fit, and what makes them fit."""
    addresses = 2 * bool(a.peer & b.own) + 2 * bool(b.peer & a.own)
    ids = 2 * (a.peer_id is not None and a.peer_id == b.own_id) + 2 * (b.peer_id is not None and b.peer_id == a.own_id)
    mirrored = {(remote, local) for local, remote in b.selectors}
    selectors = 3 if a.selectors & mirrored else int(any(_overlap(x, y) for x in a.selectors for y in mirrored))
    cookies = 8 * bool(a.cookies & b.cookies)
    why = {"addresses": addresses, "identities": ids, "selectors": selectors, "a live IKE_SA": cookies}
    return addresses + ids + selectors + cookies, ", ".join(name for name, score in why.items() if score)


def _overlap(one: tuple[str, str], other: tuple[str, str]) -> bool:
    return all(_networks_overlap(a, b) for a, b in zip(one, other, strict=True))


def _networks_overlap(one: str, other: str) -> bool:
    try:
        pairs = [
            (ip_network(a.partition("[")[0]), ip_network(b.partition("[")[0]))
            for a in one.split(",")
            for b in other.split(",")
        ]
    except ValueError:
        return False
    return any(a.version == b.version and a.overlaps(b) for a, b in pairs)


def _match(
    sides: list[_Side], scores: Mapping[tuple[int, int], tuple[int, str]]
) -> tuple[list[tuple[_Side, _Side, str]], tuple[Unpaired, ...]]:
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
    lonely = tuple(_unpaired(side, reasons.get(i)) for i, side in enumerate(sides) if i not in taken)
    return found, lonely


def _unpaired(side: _Side, reason: str | None) -> Unpaired:
    remote = ", ".join(side.end.connection.remote_addrs)
    if reason is None and not side.peer and side.peer_id is None:
        reason = "answers anybody (a road warrior's end, or a peer that is not told apart)"
    who = side.peer_id or remote
    return Unpaired(
        side.end.name(),
        who,
        reason or f"no gateway among those read is {who}: an unmanaged peer, or one that was not read",
    )


def _by_end(probes: Iterable[Probe]) -> Mapping[tuple[str, str], list[Probe]]:
    found: dict[tuple[str, str], list[Probe]] = defaultdict(list)
    for probe in probes:
        found[probe.gateway, probe.connection].append(probe)
    return found


def _tunnels(
    found: list[tuple[_Side, _Side, str, Declared | None]],
    psks: frozenset[str],
    probes: Mapping[tuple[str, str], list[Probe]],
) -> tuple[Tunnel, ...]:
    count = Counter(side.end.gateway.name for one, other, *dummy in found for side in (one, other))
    between = Counter(frozenset((one.end.gateway.name, other.end.gateway.name)) for one, other, *dummy in found)
    tunnels = []
    for one, other, why, declared in found:
        a, b = (one.end, other.end) if declared else sorted((one.end, other.end), key=lambda end: str(end.name()))
        name = declared.name if declared else f"{a.gateway.name}-{b.gateway.name}"
        if declared is None and between[frozenset((a.gateway.name, b.gateway.name))] > 1:
            name += f"-{a.connection.name}"
        initiator, because = _initiator(a, b, declared, count)
        seen = tuple(probe for end in (a, b) for probe in probes.get((end.gateway.name, end.connection.name), ()))
        tunnels.append(
            Tunnel(
                name,
                (a, b),
                _children(a.connection, b.connection),
                why,
                initiator,
                because,
                declared,
                name in psks,
                seen,
            )
        )
    return tuple(sorted(tunnels, key=lambda tunnel: tunnel.name))


def _initiator(a: End, b: End, declared: Declared | None, count: Counter[str]) -> tuple[str, str]:
    """Who is to initiate, and why: the declaration, else who can, else who does, else the smaller gateway."""
    if declared and declared.initiator:
        return declared.initiator, "it is declared so"
    for end, other in ((a, b), (b, a)):
        if not explicit(other.connection.remote_addrs):
            return end.gateway.name, f"{other.gateway.name} does not know its address"
    for end, other in ((a, b), (b, a)):
        if any(sa.nat_local for sa in end.sas) and not any(sa.nat_local for sa in other.sas):
            return end.gateway.name, "it is behind NAT"
    eager = {
        end.gateway.name: max(map(_eagerness, end.connection.children), default=0) + (end.connection.keyingtries == 0)
        for end in (a, b)
    }
    one, other_name = a.gateway.name, b.gateway.name
    if eager[one] != eager[other_name]:
        return max(eager, key=lambda name: eager[name]), "its actions are an initiator's"
    if count[one] != count[other_name]:
        return min((one, other_name), key=lambda name: count[name]), "it has fewer tunnels than its peer"
    return min(one, other_name), "nothing tells the two ends apart, so the first by name"


def _eagerness(child: Child) -> int:
    """How much a child acts as an initiator's: starting, coming back after a close, coming back after a dead peer."""
    return 4 * ("start" in child.start_action) + 2 * ("start" in child.close_action) + ("start" in child.dpd_action)


def _children(a: Connection, b: Connection) -> tuple[ChildPair, ...]:
    """The same child on both ends: by mirrored selectors, then overlapping ones, then name, then what is left over."""
    ours, theirs = (
        [c for c in a.children if c.mode not in ("pass", "drop")],
        [c for c in b.children if c.mode not in ("pass", "drop")],
    )
    pairs: list[tuple[Child | None, Child | None]] = []
    tests = (
        lambda x, y: (_joined(x.local_ts), _joined(x.remote_ts)) == (_joined(y.remote_ts), _joined(y.local_ts)),
        lambda x, y: _overlap((_joined(x.local_ts), _joined(x.remote_ts)), (_joined(y.remote_ts), _joined(y.local_ts))),
        lambda x, y: x.name == y.name,
        lambda *dummy: len(ours) == len(theirs) == 1,
    )
    for test in tests:
        for child in list(ours):
            other = next((c for c in theirs if test(child, c)), None)
            if other is not None:
                pairs.append((child, other))
                ours.remove(child)
                theirs.remove(other)
    rest = [(c, None) for c in ours] + [(None, c) for c in theirs]
    return tuple(ChildPair(children) for children in [*pairs, *rest])
