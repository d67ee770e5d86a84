"""What one end says of itself and of its peer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from ..model import End, Gateway, IkeSa, Secret
from ..swanctl.words import explicit, identities, interfaces, normal, selector


@dataclass(frozen=True, slots=True)
class Side:
    """What one end says of itself and of its peer."""

    end: End
    own: frozenset[str]  # addresses
    peer: frozenset[str]
    own_id: str | None
    peer_id: str | None
    selectors: frozenset[tuple[str, str]]  # (local, remote) of each child
    cookies: frozenset[str]


def sides_of(gateway: Gateway) -> Iterator[Side]:
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
    addresses = frozenset(_interface_addresses(gateway))
    secrets = _Secrets(gateway.secrets)
    keys_for = frozenset(secrets.by_id)
    for connection in gateway.connections:
        shunt = connection.children and all(child.mode in ("pass", "drop") for child in connection.children)
        if shunt or connection.standby:
            continue
        live = tuple(sas[connection.name])
        own_id, peer_id = identities(connection)
        end = End(
            gateway,
            connection,
            live,
            tuple(policies[connection.name]),
            signing := secrets.between(own_id, peer_id),
            secrets.alike(signing),
            tuple(keepalives[connection.name]),
            keys_for,
            secrets.same_key(signing),
        )
        yield Side(
            end,
            frozenset(explicit(connection.local_addrs)) or addresses,
            frozenset(explicit(connection.remote_addrs)),
            own_id,
            peer_id,
            frozenset(
                (joined(c.local_ts), joined(c.remote_ts))
                for c in connection.children
                if "dynamic" not in (*c.local_ts, *c.remote_ts)
            ),
            frozenset(f"{sa.initiator_spi}:{sa.responder_spi}" for sa in live if sa.initiator_spi),
        )


def joined(selectors: Iterable[str]) -> str:
    """Selectors as one text that is the same in any order and spelling."""
    return ",".join(sorted(selector(s) for s in selectors))


def overlap(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether both the local and the remote networks of two children have something in common."""
    return all(_networksoverlap(a, b) for a, b in zip(one, other, strict=True))


def _networksoverlap(one: str, other: str) -> bool:
    try:
        pairs = [
            (ip_network(a.partition("[")[0]), ip_network(b.partition("[")[0]))
            for a in one.split(",")
            for b in other.split(",")
        ]
    except ValueError:
        return False
    return any(a.version == b.version and a.overlaps(b) for a, b in pairs)


class _Secrets:
    """Pre-shared keys by the identities they are for: the one charon would take (psk_authenticator.c: best match).

    Of several that match equally well it signs with the last of the file, and accepts all of them (measured on 5.9.8
    and 6.0.1, whatever their names and however often they were loaded).
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self.by_id: dict[str, list[Secret]] = defaultdict(list)
        self.anybody = [secret for secret in secrets if not secret.ids]
        for secret in secrets:
            for identity in {normal(i) for i in secret.ids}:
                self.by_id[identity].append(secret)
        by_key: dict[tuple[str | None, str], list[Secret]] = defaultdict(list)
        for secret in secrets:
            by_key[secret.digest, secret.key_id].append(secret)
        self.by_key = {key: tuple(each) for key, each in by_key.items() if key[0] is not None}

    def between(self, own: str | None, peer: str | None) -> Secret | None:
        """The secret that names the peer, best with ourselves too; else one that names us, else one for anybody."""
        for wanted, also in ((peer, own), (own, None)):
            named = self.by_id.get(wanted or "", [])
            if also and (best := [s for s in named if also in map(normal, s.ids)]):
                return best[-1]
            if len({_who(secret) for secret in named}) == 1:
                return named[-1]
        return self.anybody[-1] if self.anybody else None

    def alike(self, secret: Secret | None) -> tuple[Secret, ...]:
        """All that are for the same identities as this one."""
        if secret is None:
            return ()
        same = self.by_id[normal(secret.ids[0])] if secret.ids else self.anybody
        return tuple(each for each in same if _who(each) == _who(secret))

    def same_key(self, secret: Secret | None) -> tuple[Secret, ...]:
        """All that have the same key; the same tuple for each of them, since a hub may have one key for everybody."""
        return self.by_key.get((secret.digest, secret.key_id), ()) if secret is not None else ()


def _who(secret: Secret) -> frozenset[str]:
    return frozenset(map(normal, secret.ids))


def _interface_addresses(gateway: Gateway) -> Iterator[str]:
    for interface in interfaces(gateway.system.addresses):
        if not interface.ip.is_loopback and not interface.ip.is_link_local:
            yield str(interface.ip)
