# SPDX-License-Identifier: GPL-3.0-or-later
"""How long charon waits for an answer, as its settings in strongswan.conf: retransmit_tries and the others, in text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import RefusedError
from ..model import Retransmission

# retransmission.c reads numbers of these kinds; the jitter is cut at 20 %
_WHOLE, _FIGURE = re.compile(r"[0-9]{1,6}"), re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
KEYS = {
    "retransmit_tries": _WHOLE,
    "retransmit_timeout": _FIGURE,
    "retransmit_base": _FIGURE,
    "retransmit_jitter": _WHOLE,
    "retransmit_limit": _WHOLE,
}


def parse_settings(settings: Mapping[object, object]) -> dict[str, str]:
    """What is asked for, checked; an empty value stands for strongSwan's default.

    Raises:
        RefusedError: a name that is none of these, or a value that charon would not read.
    """
    found = {str(key): "" if value is None else str(value) for key, value in settings.items()}
    for key, value in found.items():
        if key not in KEYS:
            raise RefusedError(
                f"{key!r} is not a setting that this module can change", hint=f"it can change {', '.join(KEYS)}"
            )
        if value and not KEYS[key].fullmatch(value):
            raise RefusedError(f"{value!r} is not a value for {key}", hint="write a number, such as 5 or 1.8")
    return found


def find_current(waits: Retransmission) -> dict[str, str]:
    """The settings that are in force."""
    return {key: f"{getattr(waits, key.removeprefix('retransmit_')):g}" for key in KEYS}


def is_same(key: str, one: str, other: str) -> bool:
    """Whether two values mean the same."""
    default = find_current(Retransmission())[key]
    return float(one or default) == float(other or default)
