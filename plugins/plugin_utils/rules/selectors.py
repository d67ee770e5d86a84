"""Faults in which traffic the two ends want to protect."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from ..model import Child, End, Fault, Tunnel
from ..swanctl.words import selector
from . import rule
from .evidence import change, installed, place


@rule("selectors-not-mirrored", "high", reference="RFC 7296 section 2.9", explains=("not-installed", "gave-up"))
def selectors_not_mirrored(tunnel: Tunnel) -> Iterator[Fault]:
    """What one end calls its network is not what the other end calls it: the tunnel fails, or comes up narrowed.

    IKEv2 narrows to what both have, in silence; IKEv1 refuses. The end that owns a network decides what it is
    called, unless its own interfaces say that the peer is right.
    """
    for owner in tunnel.ends:
        for own, other in tunnel.pairs(owner):
            ours, theirs = _networks(own.local_ts), _networks(other.remote_ts)
            if ours != theirs and not any(text.startswith("dynamic") for text in (*ours, *theirs)):
                yield _fault(tunnel, owner, own, other)


@rule("child-unmatched", "medium", reference="RFC 7296 section 2.9")
def child_unmatched(tunnel: Tunnel) -> Iterator[Fault]:
    """A child of one end has no counterpart on the other, though the connections belong together."""
    for index, end in enumerate(tunnel.ends):
        for pair in tunnel.children:
            child = pair.children[index]
            if child is not None and pair.children[1 - index] is None:
                peer = tunnel.other(end)
                yield Fault(
                    end.name(child),
                    f"{end.name(child)} protects {', '.join(child.local_ts)} to {', '.join(child.remote_ts)}, "
                    f"for which {peer.name()} has no child",
                    (place(end, "local_ts", child), place(end, "remote_ts", child)),
                    no_fix=f"add the child on {peer.gateway.name}, or remove it here",
                )


def _fault(tunnel: Tunnel, owner: End, own: Child, other: Child) -> Fault:
    peer = tunnel.other(owner)
    ours, theirs = ", ".join(own.local_ts), ", ".join(other.remote_ts)
    right = _connected(owner, other.remote_ts) and not _connected(owner, own.local_ts)
    if right:
        wrong, child, key, value = owner, own, "local_ts", ",".join(other.remote_ts)
        why = f"an interface of {owner.gateway.name} is in just {theirs}, so {owner.gateway.name} is to change"
    else:
        wrong, child, key, value = peer, other, "remote_ts", ",".join(own.local_ts)
        why = f"{owner.gateway.name} owns the network, so {peer.gateway.name} is to change"
    narrowed = [
        f"{owner.gateway.name}: CHILD_SA {sa.name}{{{sa.id}}} came up with {', '.join(sa.local_ts)}"
        for sa in installed(owner, own)
    ]
    return Fault(
        wrong.name(child),
        f"{owner.name(own)} calls its network {ours}, {peer.name(other)} calls it {theirs}; {why}",
        (place(owner, "local_ts", own), place(peer, "remote_ts", other), *narrowed),
        (change(wrong, key, value, child),),
    )


def _networks(selectors: tuple[str, ...]) -> frozenset[str]:
    """The selectors in one spelling: two halves of a network are that network."""
    texts = [selector(text) for text in selectors]
    whole = [network for network in map(_network, texts) if network is not None]
    if len(whole) != len(texts) or len({network.version for network in whole}) != 1:
        return frozenset(texts)
    return frozenset(str(network) for network in collapse_addresses(whole))  # type: ignore[type-var]


def _connected(end: End, selectors: tuple[str, ...]) -> bool:
    """Whether the gateway has an interface in exactly each of these networks."""
    networks = [_network(selector(text).partition("[")[0]) for text in selectors]
    return all(network is not None and network in end.site.networks for network in networks)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """The network of a selector; None for a range or a protocol."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
