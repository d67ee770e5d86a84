# SPDX-License-Identifier: GPL-3.0-or-later
"""What starts a child, follows its end and follows its peer's death: three settings that pfSense makes of two elements.

`startaction` and `closeaction` of phase 1 are for all its children, a VTI takes them otherwise than a tunnel, and what
follows a dead peer is made of the close action alone. So all their values are tried, the fewest edits first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .edits import XmlEdit, find_current, list_edits
from .generate import GeneratedConnection

_VALUES = ("", "none", "start", "trap")


def try_actions(one: GeneratedConnection, fits: Callable[[list[XmlEdit]], bool]) -> list[XmlEdit] | None:
    """The first edits that fit; None where no value of the two elements does."""
    return next((each for each in sorted(_combine_actions(one), key=len) if fits(each)), None)


def _combine_actions(one: GeneratedConnection) -> Iterator[list[XmlEdit]]:
    starts, closes = (_list_values(one, name) for name in ("startaction", "closeaction"))
    for start in starts:
        for close in closes:
            yield list_edits(one.phase1, "phase1", {"startaction": start, "closeaction": close})


def _list_values(one: GeneratedConnection, name: str) -> tuple[str | None, ...]:
    """What is there first, then the other values: an absent element is the same as an empty one."""
    there = find_current(one.phase1, name)
    now = there if isinstance(there, str) else None
    return (now, *(value for value in _VALUES if value != (now or "")))
