# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, said once and in one sentence; and what a name that nothing has was meant to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

_MOST = 12  # names of a list that is still read


class IpsecError(Exception):
    """Something the user can act on. Reads `<what> at <where>: <what to do>`; `log` is what a daemon said of it."""

    def __init__(self, what: str, *, where: str = "", hint: str = "", log: Iterable[str] = ()) -> None:
        super().__init__(what)
        self.what, self.where, self.hint, self.log = what, where, hint, tuple(log)

    def __str__(self) -> str:
        return f"{self.what}{f' at {self.where}' if self.where else ''}{f': {self.hint}' if self.hint else ''}"


class ParseError(IpsecError):
    """Text that is not what its format promises."""


class TransportError(IpsecError):
    """A gateway that could not be reached, or whose answer did not arrive whole."""


class NotConnectedError(TransportError):
    """A gateway on which no login has begun yet: another try does no harm."""


class RefusedError(IpsecError):
    """A change that was not begun, because it would do harm or cannot work. Nothing was written."""


class RestoredError(IpsecError):
    """A change that failed on the gateway and was taken back: the gateway has what it had before."""


class NotRestoredError(IpsecError):
    """A change that failed and could not be taken back whole; says what the gateway has now."""


def extract_reason(result: Mapping[str, Any]) -> str:
    """Why a task failed, as its registered result says: the last line, without what Ansible puts before it."""
    said = str(result.get("msg") or "").strip().splitlines() or ["it did not answer"]
    return said[-1].removeprefix("Task failed: ").removeprefix("Action failed: ").strip()


def suggest(given: str, known: Iterable[str], *, there: str = "known are") -> str:
    """The known name that is nearest, as a question; else all of them, or the first of many."""
    names = list(dict.fromkeys(known))
    if close := get_close_matches(given, names, 1):
        return f"do you mean {close[0]}?"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{there} {', '.join(names[:_MOST]) or 'none'}{more}"
