# SPDX-License-Identifier: GPL-3.0-or-later
"""Live SAs that their own end would not make any more: what they use is not in its configuration.

A live SA keeps the settings it was made with (strongSwan: it holds its old configuration for life), so this shows
whether a tunnel has taken over changed algorithms. What cannot be told, such as a `default`, is not said.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Child, ChildSa, End, IkeSa, Tunnel
from ..swanctl import proposals


def find_stale_sas(tunnel: Tunnel) -> Iterator[tuple[End, Child | None, str]]:
    """Each end that has such an SA, the child it is of, and what is wrong with it."""
    for end in tunnel.ends:
        standing = [ike for ike in end.sas if ike.state == "ESTABLISHED"] if end.connection.configured else []
        for ike in standing:
            if said := _compare_ike_sa(end, ike):
                yield end, None, said
        children = [sa for ike in standing for sa in ike.children if sa.carries]
        for child, dummy in tunnel.pairs(end):
            for sa in children:
                if sa.name == child.name and (said := _compare_child_sa(end, child, sa)):
                    yield end, child, said


def _compare_ike_sa(end: End, ike: IkeSa) -> str:
    if end.connection.version not in (0, ike.version):
        return f"its IKE_SA is IKEv{ike.version}, and version = {end.connection.version}"
    used = proposals.NegotiatedAlgorithms(ike.encr, ike.integ, ike.prf, ike.dh_group)
    return _describe("IKE_SA", used, end.connection.proposals)


def _compare_child_sa(end: End, child: Child, sa: ChildSa) -> str:
    offered = child.esp_proposals if sa.protocol == "ESP" else child.ah_proposals
    used = proposals.NegotiatedAlgorithms(sa.encr, sa.integ, None, sa.dh_group)
    return _describe(f"CHILD_SA {sa.spi_in}/{sa.spi_out}", used, proposals.expand_default(offered, end.gateway.version))


def _describe(what: str, used: proposals.NegotiatedAlgorithms, offered: tuple[str, ...]) -> str:
    if proposals.includes_proposal(offered, used) is not False:
        return ""
    return f"its {what} uses {used}, and it offers {','.join(offered)} only"
