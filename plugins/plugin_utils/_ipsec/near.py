# SPDX-License-Identifier: GPL-3.0-or-later
"""What a name that nothing has was meant to be, for the hint of an error."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 12  # names of a list that is still read


def nearest(given: str, known: Iterable[str], *, there: str = "known are") -> str:
    """The known name that is nearest, as a question; else all of them, or the first of many."""
    names = list(dict.fromkeys(known))
    if close := get_close_matches(given, names, 1):
        return f"do you mean {close[0]}?"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{there} {', '.join(names[:_MOST]) or 'none'}{more}"
