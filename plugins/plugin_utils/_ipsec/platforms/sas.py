# SPDX-License-Identifier: GPL-3.0-or-later
"""The SAs of one connection: as they should be, as the daemon holds them, and what takes one to the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import IpsecError
from ..model import ChildSa, IkeSa


@dataclass(frozen=True, slots=True)
class DesiredSas:
    """What one connection's SAs are to be. `timeout`: seconds for each operation."""

    connection: str
    state: str
    child: str | None = None
    timeout: float = 30.0
    force: bool = False


@dataclass(frozen=True, slots=True)
class LoadedSas:
    """What the daemon holds of a connection."""

    children: tuple[str, ...]  # as loaded
    sas: tuple[IkeSa, ...]

    def installed(self, child: str) -> tuple[ChildSa, ...]:
        """CHILD_SAs of a child that carry traffic."""
        return tuple(sa for ike in self.sas for sa in ike.children if sa.name == child and sa.carries)


@dataclass(frozen=True, slots=True)
class Operation:
    """What to run; `do` is a word for it, None where nothing is to be done."""

    do: str | None
    children: tuple[str, ...] = ()
    child_ids: tuple[int, ...] = ()
    ike_ids: tuple[int, ...] = ()


def plan_operation(wish: DesiredSas, now: LoadedSas) -> Operation:
    """What is to be done so that the wish comes true; nothing where it is true already."""
    children = (wish.child,) if wish.child else now.children
    if wish.state == "established":
        missing = tuple(child for child in children if not now.installed(child))
        return Operation("initiate" if missing else None, missing)
    if wish.state == "terminated":
        there = any(now.installed(child) for child in children) if wish.child else bool(now.sas)
        return Operation(
            ("terminate-child" if wish.child else "terminate") if there else None, (wish.child,) if wish.child else ()
        )
    if wish.state == "reinitiated":
        return Operation("reinitiate", children)
    if wish.state == "rekeyed":
        if not now.sas:
            raise IpsecError("there is no SA to rekey", where=wish.connection, hint="establish it first")
        return Operation("rekey", (wish.child,) if wish.child else ())
    return _plan_duplicate_removal(now, children)


def _plan_duplicate_removal(now: LoadedSas, children: Sequence[str]) -> Operation:
    """All but the newest CHILD_SA of each child and selectors; an IKE_SA goes whole where nothing else is in it."""
    alike: dict[tuple[object, ...], list[ChildSa]] = defaultdict(list)
    for child in children:
        for sa in now.installed(child):
            alike[sa.name, sa.local_ts, sa.remote_ts].append(sa)
    surplus = {
        sa.id
        for group in alike.values()
        for sa in sorted(group, key=lambda sa: (-(sa.install_time or 0.0), sa.id))[:-1]
    }
    whole = tuple(ike.id for ike in now.sas if ike.children and {sa.id for sa in ike.children} <= surplus)
    single = tuple(sorted(surplus - {sa.id for ike in now.sas if ike.id in whole for sa in ike.children}))
    return Operation("drop" if surplus else None, (), single, whole)
