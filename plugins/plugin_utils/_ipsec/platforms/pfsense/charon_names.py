# SPDX-License-Identifier: GPL-3.0-or-later
"""What pfSense's charon tells, without the notation of its own in traffic selectors.

That charon is patched: it prints `10.0.0.0/24|/0`, and where NAT is done before IPsec `nat|real`, of which the peer
knows the first (ipsec_fixup_network() of ipsec.inc strips it too). One network for several of the peer's is generated
as often, and counts once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from ...model import Child, ChildSa, Connection, IkeSa, Policy

Selecting = TypeVar("Selecting", Child, ChildSa, Policy)


def name_connection(printed: Connection) -> Connection:
    """A connection as configured or loaded."""
    return replace(printed, children=tuple(find_selectors(child) for child in printed.children))


def name_ike_sa(printed: IkeSa) -> IkeSa:
    """An IKE_SA with its CHILD_SAs."""
    return replace(printed, children=tuple(find_selectors(child) for child in printed.children))


def find_selectors(printed: Selecting) -> Selecting:
    """Anything with selectors."""
    return replace(
        printed, local_ts=_normalize_selectors(printed.local_ts), remote_ts=_normalize_selectors(printed.remote_ts)
    )


def _normalize_selectors(selectors: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(selector.partition("|")[0] for selector in selectors))
