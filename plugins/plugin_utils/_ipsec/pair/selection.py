# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the tunnels a user has named, by name or by pattern."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from ..errors import IpsecError, suggest


def is_pattern(text: str) -> bool:
    """Whether a name in a selection may stand for several."""
    return any(sign in text for sign in "*?[")


def select_names(names: Iterable[str], only: Collection[str], unread: Collection[str] = ()) -> list[str]:
    """Those of the names that `only` names, or matches as the shell would; all of them where it is empty.

    `unread`: gateways that could not be read, or not whole, at which more tunnels may end.

    Raises:
        IpsecError: something in it matches none.
    """
    known = dict.fromkeys(names)
    if not only:
        return list(known)
    patterns = [wanted for wanted in only if wanted not in known]  # a name may look like a pattern, and is a name then
    for wanted in patterns:
        if not any(fnmatchcase(name, wanted) for name in known):
            hint = suggest(wanted, known, there="there are")
            if unread:
                hint += f"; {', '.join(sorted(unread))} could not be read whole"
            raise IpsecError(f"no tunnel is called {wanted!r}", where="ipsec_only", hint=hint)
    exact = frozenset(only)
    return [name for name in known if name in exact or any(fnmatchcase(name, each) for each in patterns)]
