# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connection on which gateway is the other end of which.

Ends meet through keys that both would make of the same tunnel, each from its own side: the cookies of a live
IKE_SA, the two identities, the two addresses, the two traffic selectors, and mixtures of them. So one thing
may disagree, which is the fault to be found, and the ends still meet. Every end makes a bounded number of
keys, so the work grows with the number of ends.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from itertools import count as numbers
from typing import TypeVar

from ..model import DeclaredTunnel, DesiredPsk, End, Gateway, InitiationAttempt, Probe, Tunnel, Unpaired
from .children import elect_initiator, match_children
from .declared import find_declared_endpoint, list_unpaired, refuse_contradictions
from .endpoint import Endpoint, list_endpoints
from .match import match_endpoints
from .strangers import find_strangers

__all__ = ["pair_ends"]
Seen = TypeVar("Seen", Probe, InitiationAttempt)


def pair_ends(  # noqa: PLR0913  one argument for each source
    gateways: Iterable[Gateway],
    declared: Iterable[DeclaredTunnel] = (),
    *,
    psks: Mapping[str, DesiredPsk] | None = None,
    probes: Iterable[Probe] = (),
    attempts: Iterable[InitiationAttempt] = (),
    unread: bool = False,
) -> tuple[tuple[Tunnel, ...], tuple[Unpaired, ...]]:
    """All tunnels between these gateways, and the ends whose other end is not among them.

    `unread`: there are gateways beside them that could not be read, so nothing is known to be in one place alone.

    Raises:
        IpsecError: a declared tunnel names a connection that is not there, or one that is another's end as well.
    """
    read, wanted = tuple(gateways), tuple(declared)
    sides = {(s.end.gateway.name, s.end.connection.name): s for g in read for s in list_endpoints(g)}
    whole = {g.name for g in read if not any(p.bars_configuration for p in g.problems)}
    refuse_contradictions(wanted)
    found: list[tuple[Endpoint, Endpoint, str, DeclaredTunnel | None]] = []
    lonely: list[Unpaired] = []
    for tunnel in wanted:
        one, other = (find_declared_endpoint(sides, whole, tunnel, end) for end in tunnel.ends)
        if one is not None and other is not None:
            found.append((one, other, "declared", tunnel))
        else:
            lonely += [list_unpaired(side, tunnel) for side in (one, other) if side is not None]
    taken = {(end.gateway, end.connection) for tunnel in wanted for end in tunnel.ends}
    met, alone = _match_enabled_first([side for key, side in sides.items() if key not in taken])
    found += [(one, other, why, None) for one, other, why in met]
    uses = Counter(_find_signing_key(side.end) for side in sides.values())
    if unread or len(whole) < len(read):  # whoever was not read may have the same key
        uses.clear()
    return _build_tunnels(found, psks or {}, _group_by_end(probes), _group_by_end(attempts), uses), (*lonely, *alone)


def _match_enabled_first(sides: list[Endpoint]) -> tuple[list[tuple[Endpoint, Endpoint, str]], tuple[Unpaired, ...]]:
    """Couples of what is enabled first; then a disabled end may be the peer of one that is left.

    Two disabled ends are no tunnel, and a disabled end that is left is nothing to tell.
    """
    disabled = {side.end.name() for side in sides if side.end.connection.omitted == "disabled"}
    met, alone = match_endpoints([side for side in sides if side.end.name() not in disabled])
    if not disabled:
        return met, alone
    left = {each.end for each in alone} | disabled
    late, dummy = match_endpoints([side for side in sides if side.end.name() in left])
    late = [each for each in late if not {side.end.name() for side in each[:2]} <= disabled]
    found = {side.end.name() for each in late for side in each[:2]}
    return met + late, tuple(each for each in alone if each.end not in found)


def _group_by_end(seen: Iterable[Seen]) -> Mapping[tuple[str, str], list[Seen]]:
    found: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for each in seen:
        found[each.gateway, each.connection].append(each)
    return found


def _mark_strangers(end: End, peer: End) -> End:
    """The end with those of its IKE_SAs told apart that are not with this peer."""
    strange = tuple(find_strangers(end, peer))
    return replace(end, strange=strange) if strange else end


def _find_signing_key(end: End) -> tuple[str, str] | None:
    """The pre-shared key that an end signs with, as far as digests tell; None where they do not."""
    secret = end.secret
    return None if secret is None or secret.digest is None else (secret.digest, secret.key_id)


def _build_tunnels(
    found: list[tuple[Endpoint, Endpoint, str, DeclaredTunnel | None]],
    psks: Mapping[str, DesiredPsk],
    probes: Mapping[tuple[str, str], list[Probe]],
    attempts: Mapping[tuple[str, str], list[InitiationAttempt]],
    uses: Counter[tuple[str, str] | None],
) -> tuple[Tunnel, ...]:
    """`uses`: how many connections of all gateways sign with a key; empty where not all could be read."""
    count = Counter(side.end.gateway.name for one, other, *dummy in found for side in (one, other))
    between = Counter(frozenset((one.end.gateway.name, other.end.gateway.name)) for one, other, *dummy in found)
    tunnels = []
    names: set[str] = set()
    ordered = sorted(found, key=lambda each: (each[3] is None, sorted(str(side.end.name()) for side in each[:2])))
    for one, other, why, declared in ordered:
        a, b = (one.end, other.end) if declared else sorted((one.end, other.end), key=lambda end: str(end.name()))
        name = declared.name if declared else f"{a.gateway.name}-{b.gateway.name}"
        if declared is None and between[frozenset((a.gateway.name, b.gateway.name))] > 1:
            name += f"-{a.connection.name}"
        name = next(n for n in chain([name], (f"{name}-{i}" for i in numbers(2))) if n not in names)
        names.add(name)
        initiator, because = elect_initiator(a, b, declared, count)
        keys = [(end.gateway.name, end.connection.name) for end in (a, b)]
        one_key = _find_signing_key(a)
        tunnels.append(
            Tunnel(
                name,
                (_mark_strangers(a, b), _mark_strangers(b, a)),
                match_children(a.connection, b.connection),
                why,
                initiator,
                because,
                declared,
                psks.get(name),
                tuple(probe for key in keys for probe in probes.get(key, ())),
                tuple(attempt for key in keys for attempt in attempts.get(key, ())),
                own_key=one_key is not None and one_key == _find_signing_key(b) and uses[one_key] == len(keys),
            )
        )
    return tuple(sorted(tunnels, key=lambda tunnel: tunnel.name))
