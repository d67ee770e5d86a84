# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connections and children there are at all: entries that are disabled, and connections that are split.

swanctl has no words for these. They are settings here all the same, `enabled` and `split_children`, and an entry of
phase 2 has the name that pfSense gives it, con1_2, also where it is one child with others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...errors import RefusedError
from ...swanctl.settings import Path
from ..candidate import Renamed
from ..desired import DesiredConnection
from .edits import XmlEdit
from .element import Element
from .generate import GeneratedConnection
from .interfaces import Interfaces
from .phase2 import splits_children
from .settings_diff import Values
from .translate import find_connection

_SHAPES = ("enabled", "split_children")


def list_values(one: GeneratedConnection) -> Iterator[tuple[Path, str]]:
    """What is said of one connection."""
    here: Path = ("connections", one.name)
    yield (*here, "enabled"), _format_flag(not one.phase1.has("disabled"))
    yield (*here, "split_children"), _format_flag(splits_children(one.phase1))
    for entry in (*one.entries, *one.disabled):
        yield (*here, "children", _name_entry(entry, one), "enabled"), _format_flag(not entry.has("disabled"))


def parse_shape(wish: DesiredConnection, one: GeneratedConnection) -> Values:
    """What is asked for, of each entry by itself.

    Raises:
        RefusedError: there is no such entry.
    """
    here: Path = ("connections", wish.name)
    flags = {"enabled": wish.shape.enabled, "split_children": wish.shape.split_children}
    found: Values = {(*here, key): _format_flag(flag) for key, flag in flags.items() if flag is not None}
    for child, flag in wish.shape.children.items():
        entries = find_connection(child, one)
        if not entries:
            names = ", ".join(_name_entry(entry, one) for entry in (*one.entries, *one.disabled)) or "none"
            raise RefusedError(f"{wish.name} has no phase 2 entry {child!r}", hint=f"its entries are {names}")
        found |= {(*here, "children", _name_entry(entry, one), "enabled"): _format_flag(flag) for entry in entries}
    return found


def refuse(
    wish: DesiredConnection, one: GeneratedConnection, missing: Values, interfaces: Interfaces, *, stops: bool
) -> None:
    """Whether something else needs what is to go.

    Raises:
        RefusedError: an interface is assigned, or charon would have nothing left to run for.
    """
    for entry in _find_moved_entries(one, missing):
        device = f"ipsec{entry.text('reqid')}"
        for name, interface in interfaces.config.child("interfaces").children():
            if interface.text("if") == device:
                raise RefusedError(
                    f"the interface {device} of this routed (VTI) entry is assigned as {name}",
                    where=entry.path,
                    hint="remove the assignment first, under Interfaces > Assignments",
                )
    if stops and not wish.shape.stop_daemon:
        raise RefusedError(
            f"{one.name} is the last phase 1 that is enabled, and without one pfSense stops the IKE daemon",
            where=one.phase1.path,
            hint="allow that with stop_daemon",
        )


def find_renamed(name: str, before: Values, after: Values) -> Renamed | None:
    """The names of children, where they are others."""
    both = _list_children(name, before), _list_children(name, after)
    return both if both[0] != both[1] else None


def changes_children(edits: tuple[XmlEdit, ...]) -> bool:
    """Whether there are others than before."""
    return any(edit.element in ("disabled", "splitconn") for edit in edits)


def _find_moved_entries(one: GeneratedConnection, missing: Mapping[Path, str]) -> Iterator[Element]:
    """The routed entries whose interface goes, or becomes another."""
    gone = {path for path, value in missing.items() if path[-1] in _SHAPES and value == "no"}
    whole = any(path[-1] == "split_children" for path in missing) or ("connections", one.name, "enabled") in gone
    for entry in one.entries:
        own = ("connections", one.name, "children", _name_entry(entry, one), "enabled")
        if entry.text("mode") == "vti" and (whole or own in gone):
            yield entry


def _list_children(name: str, values_: Values) -> tuple[str, ...]:
    inside = (path for path in values_ if path[:3] == ("connections", name, "children") and path[-1] != "enabled")
    return tuple(sorted({path[3] for path in inside}))


def _name_entry(entry: Element, one: GeneratedConnection) -> str:
    return f"{one.name}_{entry.text('reqid')}"


def _format_flag(flag: bool) -> str:
    return "yes" if flag else "no"
