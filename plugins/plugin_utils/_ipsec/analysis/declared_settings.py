# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tunnel's declaration comes to on one end: what is declared, or the nearest that the end's platform can have.

A firewall that generates its daemon's configuration has no place for some settings. It has one start action and not
two, none that traps the traffic of a routed child, and what follows a dead peer is made of what follows a close
(Gateway.dpd_follows_close). Of what it can have, that is nearest which differs least, and of those what fits the end's
part in the tunnel: the end that initiates comes back, the other one waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model import Child, End, Tunnel
from ..swanctl.keys import parse_action, parse_duration

_INITIATES = (("start", "start"), ("trap", "trap"), ("none", "trap"), ("none", "start"), ("trap", "start"))
_ANSWERS = (("none", "none"), ("none", "trap"), ("trap", "trap"), ("none", "start"), ("trap", "start"))
_ROUTED = (("start", "start"), ("none", "start"), ("trap", "start"), ("none", "none"))  # close and DPD action
_TRAPPED = (("start", "start"), ("none", "trap"), ("trap", "trap"), ("none", "none"))


def find_deviations(tunnel: Tunnel, end: End, child: Child | None = None) -> Mapping[str, str]:
    """The settings that an end, or a child of it, is to have by the declaration."""
    given = _list_given(tunnel, end, child)
    if not end.gateway.generates:
        return given
    possible = {key: value for key, value in given.items() if end.gateway.can_set(key)}
    return possible if child is None else {**possible, **_judge_actions(tunnel, end, child, possible)}


def find_unachievable(tunnel: Tunnel, end: End, child: Child | None = None) -> Iterator[tuple[str, str, str | None]]:
    """What is declared that the end cannot have: setting, value, and the nearest; None where it has no place."""
    found = find_deviations(tunnel, end, child)
    for key, value in _list_given(tunnel, end, child).items():
        if found.get(key) != value:
            yield key, value, found.get(key)


def _list_given(tunnel: Tunnel, end: End, child: Child | None) -> Mapping[str, str]:
    if tunnel.declared is None:
        return {}
    settings, child_settings = tunnel.declared.of(end.gateway.name)
    return settings if child is None else child_settings


def _judge_actions(tunnel: Tunnel, end: End, child: Child, given: Mapping[str, str]) -> dict[str, str]:
    """The three actions, those that are declared and what goes with them; a word that is none is left to be refused."""
    found = {}
    initiates = end is tunnel.initiating
    if start := _parse_given_action(given, "start_action"):
        found["start_action"] = _choose_nearest_start(start, child, initiates=initiates)
    if end.gateway.dpd_follows_close and ("close_action" in given or "dpd_action" in given):
        wanted = (_parse_given_action(given, "close_action"), _parse_given_action(given, "dpd_action"))
        found |= (
            _choose_nearest_pair(wanted, child, initiates=initiates)
            if _is_checked(tunnel, end)
            else _find_unchecked(given)
        )
    return {key: given[key] if _parse_given_action(given, key) == value else value for key, value in found.items()}


def _parse_given_action(given: Mapping[str, str], key: str) -> str | None:
    return parse_action(given[key] or "none") if key in given else None


def _choose_nearest_start(start: str, child: Child, *, initiates: bool) -> str:
    if start == "trap|start":
        start = "start" if initiates else "trap"
    return start if child.policies or start != "trap" else "start" if initiates else "none"


def _find_unchecked(given: Mapping[str, str]) -> dict[str, str]:
    """Nothing follows a dead peer where none is noticed."""
    found = {"dpd_action": "none"} if "dpd_action" in given else {}
    if close := _parse_given_action(given, "close_action"):
        found["close_action"] = close.removeprefix("trap|")
    return found


def _choose_nearest_pair(wanted: tuple[str | None, str | None], child: Child, *, initiates: bool) -> dict[str, str]:
    """Close and DPD action. Of two that are as near, what the end's part in the tunnel asks for."""
    order = _INITIATES if initiates else _ANSWERS
    possible: tuple[tuple[str, str], ...] = _TRAPPED if child.policies else _ROUTED

    def far(pair: tuple[str, str]) -> tuple[int, int]:
        differ = sum(want not in (None, have) for want, have in zip(wanted, pair, strict=True))
        return differ, order.index(pair) if pair in order else len(order)

    close, dead = min(possible, key=far)
    return {"close_action": close, "dpd_action": dead}


def _is_checked(tunnel: Tunnel, end: End) -> bool:
    """Whether the end is to find out that its peer is dead."""
    given = _list_given(tunnel, end, None)
    return bool(parse_duration(given["dpd_delay"]) if "dpd_delay" in given else end.connection.dpd_delay)
