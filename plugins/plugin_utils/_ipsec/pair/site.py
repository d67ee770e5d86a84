# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules ask of a gateway for each of its ends, looked up once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from ..model import Gateway, IkeSa, Problem, Site
from ..swanctl.normalize import is_public, may_be_several, normalize_identities, parse_interfaces
from .shared_keys import SharedKeys

REFUSED = ("unknown-setting", "invalid-setting")


def build_site(gateway: Gateway, keys: SharedKeys) -> Site:
    """All of it at once, since a hub has an end in very many tunnels."""
    found = parse_interfaces(gateway.system.addresses)
    reachable = [str(each.ip) for each in found if not each.ip.is_loopback and not each.ip.is_link_local]
    return Site(
        addresses=frozenset(str(each.ip) for each in found),
        reachable=frozenset(reachable),
        outside=tuple(filter(is_public, reachable)),
        networks=frozenset(each.network for each in found),
        whole=any(each.ip.is_loopback for each in found),
        keys=keys.by_who,
        keys_for=frozenset(keys.naming),
        certificates=tuple(
            each for each in gateway.certificates or () if each.private_key and each.type == "X509" and each.expires
        ),
        problems=_group_problems(gateway.problems, lambda problem: problem.kind),
        carried=_find_carried_twice(gateway),
        holders={(ike.initiator_spi, ike.responder_spi): ike.connection for ike in _list_known_ike_sas(gateway)},
        replacing=_find_replacing(gateway),
        refused=_group_problems((p for p in gateway.problems if p.kind in REFUSED), lambda problem: problem.where),
    )


def _list_known_ike_sas(gateway: Gateway) -> Iterable[IkeSa]:
    """The IKE_SAs that were told with their cookies."""
    return (ike for ike in gateway.sas or () if ike.initiator_spi)


def _find_carried_twice(gateway: Gateway) -> Mapping[tuple[tuple[str, ...], tuple[str, ...]], frozenset[str]]:
    """Which connections are up for which networks; not those that packets reach by routing."""
    routed = {(c.name, child.name) for c in gateway.connections for child in c.children if child.route_based}
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], set[str]] = defaultdict(set)
    for ike in gateway.sas or ():
        for sa in ike.children:
            if sa.state == "INSTALLED" and sa.mode.upper() == "TUNNEL" and (ike.connection, sa.name) not in routed:
                found[sa.local_ts, sa.remote_ts].add(ike.connection)
    return {networks: frozenset(names) for networks, names in found.items() if len(names) > 1}


def _find_replacing(gateway: Gateway) -> Mapping[str, tuple[str, ...]]:
    """By connection, all of those that take each other down: between the same two, and one of them up at a time.

    charon compares the authenticated identities and the family of the addresses (ike_sa_manager.c), so identities with
    wildcards tell nothing. Two that are seen up together are none.
    """
    alike: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for connection in gateway.connections:
        own, peer = normalize_identities(connection)
        if (
            own
            and peer
            and not (may_be_several(own) or may_be_several(peer))
            and connection.unique == "replace"
            and not connection.omitted
        ):
            families = frozenset(":" in address for address in connection.remote_addrs)
            alike[own, peer, connection.version, families].append(connection.name)
    up = {ike.connection for ike in gateway.sas or () if ike.state == "ESTABLISHED"}
    rivals = (tuple(names) for names in alike.values() if len(names) > 1 and len(up.intersection(names)) <= 1)
    return {name: names for names in rivals for name in names}


def _group_problems(problems: Iterable[Problem], by: Callable[[Problem], str]) -> Mapping[str, tuple[Problem, ...]]:
    found: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        found[by(problem)].append(problem)
    return {key: tuple(each) for key, each in found.items()}
