"""Everything that knows a vendor. A platform is a folder here: a module that fits :class:`Platform`."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from ..errors import IpsecError
from ..model import Gateway, Reply, Script
from .options import GatherOptions


class Platform(Protocol):
    """What a vendor's folder offers. It makes scripts and reads replies; it runs nothing."""

    def gather(self, options: GatherOptions) -> Script:
        """A script that reads a gateway; its reply has a section `platform` with the folder's name."""

    def read(self, name: str, reply: Reply, options: GatherOptions) -> Gateway:
        """The gateway of this inventory name that gave the reply."""


def _found() -> Mapping[str, Platform]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {name: cast("Platform", import_module(f".{name}", __name__)) for name in names}


PLATFORMS: Mapping[str, Platform] = _found()


def platform(name: str) -> Platform:
    """The platform of this name; `auto` is the only one there is.

    Raises:
        IpsecError: there is no such platform.
    """
    wanted = next(iter(PLATFORMS)) if name == "auto" else name
    if wanted not in PLATFORMS:
        raise IpsecError(f"there is no platform {name!r}", hint=f"known are {', '.join(PLATFORMS)}")
    return PLATFORMS[wanted]


def platform_of(reply: Reply) -> Platform:
    """The platform whose script made the reply.

    Raises:
        IpsecError: none of ours did.
    """
    section = reply.sections.get("platform")
    return platform(section.text.strip() if section else "")
