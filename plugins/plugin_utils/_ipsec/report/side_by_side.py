# SPDX-License-Identifier: GPL-3.0-or-later
"""One tunnel, both ends beside each other, so that what differs meets the eye; then how initiating it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap

from ..model import Auth, Child, End, InitiationResult, Tunnel
from ..swanctl.normalize import normalize_identities
from ..swanctl.selectors import normalize_selector

DIFFERS = "!="
WIDTH = 38  # characters of a value's column
_ANY = ("", "any", "%any", "dynamic", "default")


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One setting of both ends. `same`: None where the ends need not agree."""

    what: str
    values: tuple[str, str]
    same: bool | None = None


def render(tunnel: Tunnel) -> str:
    """The comparison as text."""
    one, other = tunnel.ends
    head = ComparisonRow("", (str(one.name()), str(other.name())))
    width = max(len(row.what) for row in (head, *compare_ends(tunnel)))
    lines = [f"{tunnel.name}: initiator: {tunnel.initiator} ({tunnel.initiator_because})"]
    for row in (head, *compare_ends(tunnel)):
        lines += _format_row(row, width)
    return "\n".join([*lines, *(_describe_initiation(verdict) for verdict in tunnel.verdicts)])


def compare_ends(tunnel: Tunnel) -> tuple[ComparisonRow, ...]:
    """Everything that is compared, the connection first, then each child that both ends have."""
    return (
        *_compare_connections(tunnel),
        *(row for pair in tunnel.pairs(tunnel.ends[0]) for row in _compare_children(tunnel, pair)),
    )


def _compare_connections(tunnel: Tunnel) -> Iterator[ComparisonRow]:
    ends = tunnel.ends
    one, other = (end.connection for end in ends)
    names = [end.gateway.name for end in ends]
    yield _compare_mirrored(f"address of {names[0]}", one.local_addrs, other.remote_addrs)
    yield _compare_mirrored(f"address of {names[1]}", one.remote_addrs, other.local_addrs)
    ids = [tuple(identity or "%any" for identity in normalize_identities(connection)) for connection in (one, other)]
    yield _compare_mirrored(f"identity of {names[0]}", (ids[0][0],), (ids[1][1],))
    yield _compare_mirrored(f"identity of {names[1]}", (ids[0][1],), (ids[1][0],))
    yield _compare_equal("version", *(str(c.version or "any") for c in (one, other)))
    yield _compare_equal("proposals", *(",".join(c.proposals) for c in (one, other)))
    yield _compare_mirrored(f"authentication of {names[0]}", _list_methods(one.local), _list_methods(other.remote))
    yield _compare_mirrored(f"authentication of {names[1]}", _list_methods(one.remote), _list_methods(other.local))
    for key in ("encap", "dpd_delay", "keyingtries"):
        yield ComparisonRow(key, (_format_value(getattr(one, key)), _format_value(getattr(other, key))))
    yield ComparisonRow("state", (_describe_state(ends[0]), _describe_state(ends[1])))


def _compare_children(tunnel: Tunnel, pair: tuple[Child, Child]) -> Iterator[ComparisonRow]:
    one, other = pair
    names = [end.gateway.name for end in tunnel.ends]
    label = one.name if one.name == other.name else f"{one.name}, {other.name}"
    ours, theirs = ([[normalize_selector(text) for text in texts] for texts in (c.local_ts, c.remote_ts)] for c in pair)
    yield _compare_mirrored(f"{label}: networks of {names[0]}", ours[0], theirs[1])
    yield _compare_mirrored(f"{label}: networks of {names[1]}", ours[1], theirs[0])
    yield _compare_equal(f"{label}: esp_proposals", ",".join(one.esp_proposals), ",".join(other.esp_proposals))
    yield _compare_equal(f"{label}: mode", one.mode, other.mode)
    for key in ("start_action", "close_action", "dpd_action"):
        yield ComparisonRow(f"{label}: {key}", (getattr(one, key), getattr(other, key)))


def _compare_mirrored(what: str, one: Iterable[str], other: Iterable[str]) -> ComparisonRow:
    ours, theirs = tuple(one), tuple(other)
    same = set(ours) == set(theirs) or any(set(each) <= set(_ANY) for each in (ours, theirs))
    return ComparisonRow(what, (", ".join(ours) or "%any", ", ".join(theirs) or "%any"), same)


def _compare_equal(what: str, one: str, other: str) -> ComparisonRow:
    return ComparisonRow(what, (one, other), one == other or "any" in (one, other))


def _list_methods(rounds: Iterable[Auth]) -> tuple[str, ...]:
    """How an end authenticates itself, in swanctl's words."""
    return tuple(auth.method for auth in rounds) or ("any",)


def _describe_state(end: End) -> str:
    if end.gateway.daemon.running is False:
        return "daemon stopped"
    if not end.connection.loaded:
        return "not loaded"
    children = [sa.state for ike in end.sas for sa in ike.children]
    return ", ".join([*(ike.state for ike in end.sas), *children]) or "no SA"


def _format_value(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _format_row(row: ComparisonRow, width: int) -> list[str]:
    cells = [wrap(value, WIDTH) or [""] for value in row.values]
    mark = DIFFERS if row.same is False else ""
    lines = []
    for number in range(max(map(len, cells))):
        left, right = (cell[number] if number < len(cell) else "" for cell in cells)
        first = number == 0
        lines.append(
            f"  {row.what if first else '':{width}}  {left:{WIDTH}}  {mark if first else '':2}  {right}".rstrip()
        )
    return lines


def _describe_initiation(verdict: InitiationResult) -> str:
    who = verdict.initiator.gateway
    return (
        f"  {who} initiates: works"
        if verdict.works
        else f"  {who} initiates: fails ({verdict.cause}): {verdict.because}"
    )
