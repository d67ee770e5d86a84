# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check there is: one file per family, found by being here and listed nowhere.

A check is one function from a tunnel and a demand of a profile to the faults it sees; the decorator gives it its id,
which is the rule's name in profiles and waivers and its findings' id. Its docstring is its page in the docs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ....model import Fault, Tunnel
from ..profile import PolicyRule

Check = Callable[[Tunnel, PolicyRule], Iterator[Fault]]
_checks: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register the decorated check; its docstring is its documentation."""

    def register(function: Check) -> Check:
        if name in _checks:
            raise ValueError(f"two checks are called {name}")
        if not function.__doc__:
            raise ValueError(f"check {name} has no docstring, which is its page in the docs")
        _checks[name] = function
        return function

    return register


@cache
def all_checks() -> Mapping[str, Check]:
    """All checks by name, in the order of their names."""
    for family in iter_modules(__path__):
        import_module(f"{__name__}.{family.name}")
    return dict(sorted(_checks.items()))
