# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tunnels are changed together: the canary first, and never one at the same time as what stands in for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from ..errors import ParseError
from ..model import EndName, Gateway
from ..swanctl.selectors import list_all_networks

_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_Selectors = frozenset[frozenset[str]]


def parse_sizes(serial: object, total: int) -> Iterator[int]:
    """How many tunnels each batch may have, without end: as a play's `serial`, whose last item goes on.

    Raises:
        ParseError: it is no number, percentage or list of these.
    """
    given = list(serial) if isinstance(serial, (list, tuple)) else [serial]
    if not given:
        raise ParseError("serial is an empty list", where="serial", hint="give a number, a percentage or a list")
    each = [_parse_size(one, total) for one in given]
    yield from each
    while True:
        yield each[-1]


def plan_batches(
    names: Sequence[str], serial: object, stand_ins: Mapping[str, frozenset[str]]
) -> tuple[tuple[str, ...], ...]:
    """All names in batches, in their order as far as nobody meets a stand-in of theirs.

    Raises:
        ParseError: see `parse_sizes`.
    """
    waiting, found = list(names), []
    for size in parse_sizes(serial, len(names)):
        if not waiting:
            break
        batch: list[str] = []
        for name in waiting:
            if len(batch) < size and not stand_ins.get(name, frozenset()) & set(batch):
                batch.append(name)
        waiting = [name for name in waiting if name not in batch]
        found.append(tuple(batch))
    return tuple(found)


def find_redundant(
    tunnels: Mapping[str, Sequence[EndName]], gateways: Mapping[str, Gateway], redundant: Iterable[Iterable[str]]
) -> dict[str, frozenset[str]]:
    """By tunnel, those that carry its traffic when it is down.

    They end at gateways of which the user says that one stands in for the other, or have the same selectors on both
    sides. Selectors for everything on both sides, as route-based tunnels have them, tell nothing.
    """
    groups = [frozenset(group) for group in redundant]
    selectors = {name: _collect_selectors(ends, gateways) for name, ends in tunnels.items()}
    found: dict[str, set[str]] = {name: set() for name in tunnels}
    for one, other in combinations(tunnels, 2):
        same = selectors[one] is not None and selectors[one] == selectors[other]
        if same or _stands_in_for(tunnels[one], tunnels[other], groups):
            found[one].add(other)
            found[other].add(one)
    return {name: frozenset(others) for name, others in found.items()}


def _parse_size(given: object, total: int) -> int:
    text = str(given).strip()
    if share := _PERCENT.fullmatch(text):
        return max(1, int(total * float(share[1]) / 100))
    if not text.isdigit() or int(text) < 1 or isinstance(given, bool):
        raise ParseError(f"{given!r} is not a valid batch size", where="serial", hint="give 5, 20% or a list of these")
    return int(text)


def _stands_in_for(one: Sequence[EndName], other: Sequence[EndName], groups: Iterable[frozenset[str]]) -> bool:
    """Whether a gateway of one stands in for a gateway of the other that the first does not end at."""
    here, there = ({end.gateway for end in ends} for ends in (one, other))
    return any(group & (here - there) and group & (there - here) for group in groups)


def _collect_selectors(ends: Sequence[EndName], gateways: Mapping[str, Gateway]) -> _Selectors | None:
    """What a tunnel's first end protects, and what it reaches; None where that tells nothing."""
    end = ends[0]
    gateway = gateways.get(end.gateway)
    if gateway is None:
        return None
    children = [child for found in gateway.connections if found.name == end.connection for child in found.children]
    sides = [frozenset(text for c in children for text in getattr(c, side)) for side in ("local_ts", "remote_ts")]
    if not all(sides) or any("dynamic" in text for side in sides for text in side):
        return None
    return None if all(map(_covers_everything, sides)) else frozenset(sides)


def _covers_everything(side: frozenset[str]) -> bool:
    networks = list_all_networks(side)
    return networks is not None and not any(network.prefixlen for network in networks)
