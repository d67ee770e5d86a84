"""Which of the tunnels a user has named, by name or by pattern."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from .errors import IpsecError
from .near import nearest


def selected(names: Iterable[str], only: Collection[str], unread: Collection[str] = ()) -> list[str]:
    """Those of the names that `only` names, or matches as the shell would; all of them where it is empty.

    `unread`: gateways that could not be read, or not whole, at which more tunnels may end.

    Raises:
        IpsecError: something in it matches none.
    """
    known = list(names)
    if not only:
        return known
    for wanted in only:
        if not any(fnmatchcase(name, wanted) for name in known):
            hint = nearest(wanted, known, there="there are")
            if unread:
                hint += f"; {', '.join(sorted(unread))} could not be read whole"
            raise IpsecError(f"no tunnel is called {wanted!r}", where="ipsec_only", hint=hint)
    return [name for name in known if any(fnmatchcase(name, wanted) for wanted in only)]
