# SPDX-License-Identifier: GPL-3.0-or-later
"""Which IKE_SAs of an end are not with the end that it is paired with, but with another node or another peer."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import End, IkeSa
from ..swanctl.normalize import is_numeric, normalize_identities, normalize_identity


def find_strangers(end: End, peer: End) -> Iterator[IkeSa]:
    """Established ones that the peer's gateway holds for another connection, or that are with another name or address.

    Behind NAT the address is the router's and says nothing; nor does it where not all addresses of the peer are known.
    """
    if not end.sas or peer.gateway.sas is None:
        return
    who = normalize_identities(peer.connection)[0]
    if who and not peer.connection.local[0].id and not is_numeric(who):
        who = None  # it goes by its address, which is known by a name only
    for ike in end.sas:
        if ike.state == "ESTABLISHED" and _is_with_another(ike, peer, who):
            yield ike


def _is_with_another(ike: IkeSa, peer: End, who: str | None) -> bool:
    """By its cookies; where the peer's gateway does not know these, by identity and address. `who`: the peer's."""
    held = peer.site.holders.get((ike.initiator_spi, ike.responder_spi))
    if held is not None:
        return held != peer.connection.name
    said = normalize_identity(ike.remote_id) if ike.remote_id else None
    if who is not None and said is not None and said != who:
        return True
    direct = peer.site.whole and is_numeric(ike.remote_host) and not (ike.nat_remote or ike.nat_local)
    return direct and ike.remote_host not in peer.site.addresses
