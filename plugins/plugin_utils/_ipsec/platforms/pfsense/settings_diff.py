# SPDX-License-Identifier: GPL-3.0-or-later
"""Effective settings before and after a change: which are other, which follow from others, which nobody asked for."""

from __future__ import annotations

from collections.abc import Mapping

from ...swanctl import keys
from ...swanctl.normalize import normalize_identity
from ...swanctl.proposals import Proposal, parse
from ...swanctl.selectors import normalize_selector
from ...swanctl.settings import Path
from ..candidate import Changes

Values = dict[Path, str]
ABSENT = {"close_action": "none", "dpd_action": "none", "start_action": "none", "dpd_delay": "0s", "dpd_timeout": "0s"}
_FOLLOWS: Mapping[str, tuple[str, ...]] = {  # what pfSense derives from a setting that is asked for
    "version": ("rekey_time", "reauth_time", "over_time", "rand_time", "aggressive", "dpd_timeout"),
    "dpd_delay": ("dpd_timeout", "children.dpd_action"),
    "rekey_time": ("over_time", "rand_time"),
    "reauth_time": ("over_time", "rand_time"),
    "over_time": ("rand_time",),
    "children.life_time": ("children.rekey_time", "children.rand_time"),
    "children.rekey_time": ("children.rand_time",),
    "local_addrs": ("local.id",),
    "remote_addrs": ("remote.id",),
}
_RESHAPES = ("split_children", "children.enabled")  # children come, go, or are made of other entries


def find_unmet(asked: Values, after: Values) -> list[Path]:
    """What was asked for and is not so."""
    return [path for path, value in asked.items() if not is_same(path, after.get(path), value)]


def find_surprises(asked: Values, before: Values, after: Values) -> list[Path]:
    """What changes and was neither asked for nor follows from what was."""
    follows = {(path[:2], each) for path in asked for each in _FOLLOWS.get(_format_key(path), ())}
    others = {
        path[:2]
        for path in asked
        if _format_key(path) in _RESHAPES and not is_same(path, before.get(path), asked[path])
    }
    return [
        path
        for path in find_changes(before, after)
        if path not in asked
        and (path[:2], _format_key(path)) not in follows
        and not (path[:2] in others and "children" in path)
    ]


def find_changes(before: Values, after: Values) -> list[Path]:
    """What is other than it was."""
    return [p for p in dict.fromkeys((*before, *after)) if not is_same(p, before.get(p), after.get(p))]


def list_changes(before: Values, after: Values) -> Changes:
    """The same with both values."""
    return {path: (before.get(path), after.get(path)) for path in find_changes(before, after)}


def is_same(path: Path, one: str | None, other: str | None) -> bool:
    """Whether two values mean the same; one that is absent is strongSwan's default."""
    default = ABSENT.get(path[-1])
    mine, theirs = one or default, other or default
    if mine == theirs or mine is None or theirs is None:
        return mine == theirs
    if path[-1].endswith("proposals"):
        return _parse_proposals(mine) == _parse_proposals(theirs)
    if path[-1] in ("local_ts", "remote_ts"):
        return _normalize_networks(mine) == _normalize_networks(theirs)
    if path[-1] == "id":
        return normalize_identity(mine) == normalize_identity(theirs)
    level: keys.Level = "child" if "children" in path else "connection"
    return keys.is_alike(level, path[-1], mine, theirs)


def _parse_proposals(value: str) -> list[Proposal | str]:
    return [parse(text) or text for text in keys.split_list(value)]


def _normalize_networks(value: str) -> list[str]:
    return list(dict.fromkeys(map(normalize_selector, keys.split_list(value))))


def _format_key(path: Path) -> str:
    return f"children.{path[-1]}" if "children" in path else ".".join(path[2:])
