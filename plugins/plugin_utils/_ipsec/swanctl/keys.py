# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys swanctl.conf knows in a connection, an authentication round and a child, and what their values may be.

Source: libcharon/plugins/vici/vici_config.c and swanctl.conf(5); `since` from the release notes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal

from ..model import Action

Kind = Literal["bool", "time", "number", "bytes", "list", "text", "action", "word"]
Level = Literal["connection", "auth", "child"]


def _map_keys(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


KEYS: Mapping[Level, Mapping[str, Kind]] = {
    "connection": {
        **_map_keys("list", "local_addrs remote_addrs proposals vips pools"),
        **_map_keys("bool", "aggressive pull encap mobike ppk_required send_certreq mediation"),
        **_map_keys("time", "dpd_delay dpd_timeout reauth_time rekey_time over_time rand_time"),
        **_map_keys("number", "version local_port remote_port keyingtries"),
        **_map_keys("word", "fragmentation childless send_cert unique dscp ocsp"),
        **_map_keys("text", "ppk_id if_id_in if_id_out mediated_by mediation_peer"),
    },
    "auth": {
        **_map_keys("list", "certs pubkeys cacerts groups cert_policy"),
        **_map_keys("number", "round"),
        **_map_keys("text", "auth id eap_id aaa_id xauth_id ca_id revocation"),
    },
    "child": {
        **_map_keys("list", "local_ts remote_ts esp_proposals ah_proposals"),
        **_map_keys("bool", "sha256_96 policies policies_fwd_out hostaccess ipcomp"),
        **_map_keys("bool", "copy_df copy_ecn mark_in_sa"),
        **_map_keys("time", "rekey_time life_time rand_time inactivity"),
        **_map_keys("bytes", "rekey_bytes life_bytes rand_bytes"),
        **_map_keys("number", "rekey_packets life_packets rand_packets reqid priority replay_window"),
        **_map_keys("action", "start_action close_action dpd_action"),
        **_map_keys(
            "text",
            "updown mode interface mark_in mark_out set_mark_in set_mark_out if_id_in if_id_out label label_mode",
        ),
        **_map_keys("word", "copy_dscp hw_offload tfc_padding per_cpu_sas"),
    },
}
SINCE: Mapping[str, tuple[int, ...]] = {
    "dscp": (5, 6), "sha256_96": (5, 6), "hw_offload": (5, 6), "cert_policy": (5, 6),
    "ppk_id": (5, 7), "ppk_required": (5, 7), "copy_df": (5, 7), "copy_ecn": (5, 7), "copy_dscp": (5, 7),
    "set_mark_in": (5, 7), "set_mark_out": (5, 7), "mark_in_sa": (5, 7),
    "childless": (5, 8), "if_id_in": (5, 8), "if_id_out": (5, 8), "ca_id": (5, 8, 2),
    "label": (5, 9, 6), "label_mode": (5, 9, 6), "ocsp": (5, 9, 14), "per_cpu_sas": (6, 0, 2),
}  # fmt: skip
_YES = frozenset({"yes", "true", "enabled", "1"})
_NO = frozenset({"no", "false", "disabled", "0"})
_POWERS = {"k": 2**10, "m": 2**20, "g": 2**30}
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9]+) *([smhdSMHD]?)")
_ACTION_WORDS: Mapping[str, Action] = {
    "none": "none", "clear": "none", "trap": "trap", "route": "trap", "start": "start", "restart": "start",
}  # fmt: skip


def is_known(level: Level, key: str) -> bool:
    """Whether some strongSwan knows the key; certificates and public keys may also be sections (`cert1`)."""
    return key in KEYS[level]


def parse_boolean(value: str) -> bool | None:
    """A vici boolean; None where strongSwan would refuse the value (`on`, `off`, nothing)."""
    word = value.lower()
    return True if word in _YES else False if word in _NO else None


def parse_duration(value: str) -> float | None:
    """A vici time in seconds; None where strongSwan would refuse it. `010` is octal, `0x10` hexadecimal (strtoul)."""
    found = _TIME.fullmatch(value.strip())
    if not found:
        return 0.0 if value == "" else None
    digits, unit = found[1], found[2].lower()
    base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" and len(digits) > 1 else 10
    try:
        return float(int(digits, base) * _UNITS[unit])
    except ValueError:
        return None


def parse_whole(value: str) -> int | None:
    """A vici number without a unit; None where strongSwan would refuse it."""
    return (
        None if re.search("[smhdSMHD]", value) else (None if (found := parse_duration(value)) is None else int(found))
    )


def parse_size(value: str) -> int | None:
    """A vici number of bytes, in which k, m and g stand for their powers of 1024; None where it is none."""
    factor = _POWERS.get(value.strip()[-1:].lower(), 1)
    number = parse_whole(value.strip()[:-1].rstrip() if factor > 1 else value)
    return None if number is None else number * factor


def split_list(value: str) -> tuple[str, ...]:
    """A value that swanctl splits at commas."""
    return tuple(item.strip() for item in value.split(",") if item.strip())


def parse_action(value: str) -> Action | None:
    """A start, close or DPD action in one spelling; None where strongSwan would refuse it."""
    words = [_ACTION_WORDS.get(word.strip()) for word in value.lower().split("|")]
    if len(words) == 1:
        return words[0]
    return "trap|start" if sorted(word.strip() for word in value.lower().split("|")) == ["start", "trap"] else None


def is_alike(level: Level, key: str, one: str, other: str) -> bool:
    """Whether two values of a setting mean the same to strongSwan: `4h` and `14400`, `a,b` and `a, b`."""
    return one == other or (bool(one and other) and _parse_value(level, key, one) == _parse_value(level, key, other))


def _parse_value(level: Level, key: str, value: str) -> object:
    readers: Mapping[str, Callable[[str], object]] = {
        "list": split_list,
        "bool": parse_boolean,
        "time": parse_duration,
        "number": parse_whole,
        "bytes": parse_size,
        "action": parse_action,
    }
    kind = KEYS[level].get(key, "text")
    found = readers[kind](value) if kind in readers else None
    return value if found is None else found
