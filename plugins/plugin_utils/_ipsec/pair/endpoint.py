# SPDX-License-Identifier: GPL-3.0-or-later
"""What one end says of itself and of its peer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..model import End, Gateway, IkeSa
from ..swanctl.normalize import list_explicit, normalize_identities
from ..swanctl.selectors import list_all_networks, normalize_selector, overlap, strip_protocol
from .shared_keys import SharedKeys
from .site import build_site


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one end says of itself and of its peer."""

    end: End
    own: frozenset[str]  # addresses
    peer: frozenset[str]
    own_id: str | None
    peer_id: str | None
    selectors: frozenset[tuple[str, str]]  # (local, remote) of each child
    cookies: frozenset[str]


def list_endpoints(gateway: Gateway) -> Iterator[Endpoint]:
    """What each connection says, with what of the gateway belongs to it, all looked up once.

    One that another firewall of the cluster has now is no end: that firewall's is.
    """
    sas: dict[str, list[IkeSa]] = defaultdict(list)
    for sa in gateway.sas or ():
        sas[sa.connection].append(sa)
    policies, keepalives = defaultdict(list), defaultdict(list)
    for policy in gateway.policies or ():
        policies[policy.connection].append(policy)
    for keepalive in gateway.keepalives:
        keepalives[keepalive.connection].append(keepalive)
    keys = SharedKeys(gateway.secrets)
    site = build_site(gateway, keys)
    for connection in gateway.connections:
        shunt = connection.children and all(child.mode in ("pass", "drop") for child in connection.children)
        if shunt or connection.standby:
            continue
        live = tuple(sas[connection.name])
        own_id, peer_id = normalize_identities(connection)
        accepted = keys.between(own_id, peer_id)
        end = End(
            gateway,
            connection,
            live,
            tuple(policies[connection.name]),
            accepted[-1] if accepted else None,
            accepted,
            tuple(keepalives[connection.name]),
            same_key=keys.same(accepted[-1]) if accepted else (),
            site=site,
        )
        yield Endpoint(
            end,
            frozenset(list_explicit(connection.local_addrs)) or site.reachable,
            frozenset(list_explicit(connection.remote_addrs)),
            own_id,
            peer_id,
            frozenset(
                (join_endpoints(c.local_ts), join_endpoints(c.remote_ts))
                for c in connection.children
                if "dynamic" not in (*c.local_ts, *c.remote_ts)
            ),
            frozenset(f"{sa.initiator_spi}:{sa.responder_spi}" for sa in live if sa.initiator_spi),
        )


def join_endpoints(selectors: Iterable[str]) -> str:
    """Selectors as one text that is the same in any order and spelling."""
    return ",".join(sorted(normalize_selector(s) for s in selectors))


def overlaps(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether both the local and the remote networks of two children have something in common."""
    return all(_have_common_network(a, b) for a, b in zip(one, other, strict=True))


def _have_common_network(one: str, other: str) -> bool:
    ours, theirs = (list_all_networks(map(strip_protocol, side.split(","))) for side in (one, other))
    return ours is not None and theirs is not None and overlap(ours, theirs)
