# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether strongSwan would take a setting: its name, its value, and with which version it came (vici_config.c)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..errors import RefusedError, suggest
from . import keys, proposals

_HINTS = {
    "bool": "write yes or no",
    "time": "write a number and s, m, h or d, such as 30s",
    "number": "write a number",
    "bytes": "write a number and k, m or g, such as 500M",
    "action": "write none, trap, start or trap|start",
}
_PROPOSALS = frozenset({"proposals", "esp_proposals", "ah_proposals"})


def refuse_setting(level: keys.Level, key: str, value: str, where: str, version: tuple[int, ...] = ()) -> None:
    """Refuse what no strongSwan takes, or this version does not; an empty value clears a setting.

    Raises:
        RefusedError: says what is wrong with the name or the value, and what to write.
    """
    if not keys.is_known(level, key):
        hint = suggest(key, sorted(keys.KEYS[level]))
        raise RefusedError(f"strongSwan knows no setting {key!r} there", where=where, hint=hint)
    since = keys.SINCE.get(key)
    if since and version and version < since:
        have, need = (".".join(map(str, v)) for v in (version, since))
        raise RefusedError(
            f"strongSwan {have} does not know {key}, which came with {need}",
            where=where,
            hint="it would discard the connection",
        )
    kind = keys.KEYS[level][key]
    parse: Callable[[str], object] | None = _PARSERS.get(kind)
    if value and parse is not None and parse(value) is None:
        raise RefusedError(f"{value!r} is not a value for {key}", where=where, hint=_HINTS[kind])
    if kind == "action" and "|" in value and version and version < (5, 9, 6):
        raise RefusedError(f"{value!r} needs strongSwan 5.9.6", where=where, hint="use start or trap")
    if any(not character.isprintable() for character in value):
        raise RefusedError(
            f"the value of {key} has a character that cannot be printed", where=where, hint="strongSwan refuses it"
        )
    for word in (word for text in keys.split_list(value) if key in _PROPOSALS for word in proposals.find_unknown(text)):
        hint = suggest(word, proposals.COMMON, there="such as")
        raise RefusedError(f"strongSwan knows no algorithm {word!r}", where=where, hint=hint)


def refuse_named(name: str, value: str, where: str) -> None:
    """The same of a connection's setting, which may be one of an authentication round, such as `local.id`.

    Raises:
        RefusedError: see there; or the section is none of a connection.
    """
    section, dot, key = name.rpartition(".")
    if re.match(r"(local|remote)[^.]*\.(cert|cacert|pubkey)[^.]*\Z", section):
        return  # a section of a round that says where a certificate is; it is not ours to judge
    if dot and not re.match(r"(local|remote)[^.]*\Z", section):
        hint = "its rounds are named local… or remote…"
        raise RefusedError(f"a connection has no section {section!r}", where=where, hint=hint)
    refuse_setting("auth" if dot else "connection", key, value, where)


def _parse_number(value: str) -> int | None:
    return 0 if value.startswith("%") else keys.parse_whole(value)


_PARSERS: Mapping[str, Callable[[str], object]] = {
    "bool": keys.parse_boolean,
    "time": keys.parse_duration,
    "number": _parse_number,
    "bytes": keys.parse_size,
    "action": keys.parse_action,
}
