# SPDX-License-Identifier: GPL-3.0-or-later
"""What one connection is to have: asked in swanctl's words on every platform, and checked as strongSwan would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..errors import RefusedError
from ..model import Connection, PskUse
from ..swanctl.settings import Path
from ..swanctl.valid import refuse_setting


@dataclass(frozen=True, slots=True)
class ConnectionShape:
    """What only a gateway that generates its configuration has a setting for, and swanctl has none; None: untouched."""

    split_children: bool | None = None  # whether each pair of networks is a child of its own
    enabled: bool | None = None  # whether the connection is there at all
    children: Mapping[str, bool] = field(default_factory=dict)  # by child, whether it is there at all
    stop_daemon: bool = False  # whether it may be that nothing is left to run for

    @property
    def asked(self) -> str:
        """The first setting that is asked for."""
        if self.split_children is not None:
            return "split_children"
        return "enabled" if self.enabled is not None or self.children else ""


@dataclass(frozen=True, slots=True)
class DesiredConnection:
    """What one connection is to have; a setting that is not named is not touched."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    children: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    psk: str | None = field(default=None, repr=False)
    psk_use: PskUse = "only"
    by: str = ""  # who asks for it and why, for a gateway that keeps a history
    pending: bool = False  # changes of somebody else that wait to be applied may take effect with it
    shape: ConnectionShape = field(default_factory=ConnectionShape)
    preceding: tuple[
        DesiredConnection, ...
    ] = ()  # for the same connection, that a run grants first; given in check mode only


def validate_settings(
    wish: DesiredConnection, connection: Connection, version: tuple[int, ...]
) -> Iterator[tuple[Path, str | None]]:
    """Each path with its value, checked as vici_config.c would.

    Raises:
        RefusedError: a name or value that strongSwan would not take.
    """
    sections = {auth.section for auth in (*connection.local, *connection.remote)} | {"local", "remote"}
    for name, value in wish.settings.items():
        section, dot, key = name.rpartition(".")
        if dot and section not in sections:
            raise RefusedError(
                f"{wish.name} has no section {section!r}",
                where=name,
                hint=f"its rounds are {', '.join(sorted(sections))}",
            )
        refuse_setting("auth" if dot else "connection", key, value, f"{wish.name}.{name}", version)
        yield ("connections", wish.name, *name.split(".")), _unset_if_empty(value)
    known = {child.name for child in connection.children if child.configured}
    for child, settings in wish.children.items():
        if child not in known:
            raise RefusedError(
                f"connection {wish.name} has no child {child!r}",
                hint=f"its children are {', '.join(sorted(known)) or 'none'}",
            )
        for key, value in settings.items():
            refuse_setting("child", key, value, f"{wish.name}.children.{child}.{key}", version)
            yield ("connections", wish.name, "children", child, key), _unset_if_empty(value)


def _unset_if_empty(value: str) -> str | None:
    """An empty value clears a setting: strongSwan's default counts again."""
    return value or None
