# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection's twin: the same connection with the settings of a change, under a name of its own.

strongSwan keeps a live SA on the settings it was made with, and closes it when changed settings are loaded for
children that start (vici_config.c). So the twin is established beside it, in a configuration that includes the
gateway's own, and carries the traffic while the connection is made anew. It inherits what the change does not name.
Secrets are found by identity, so it needs none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import RefusedError
from ...model import PARALLEL, Connection, IkeSa, Reply
from ...swanctl.editor import format_lines
from ...swanctl.keys import parse_whole
from ...swanctl.settings import Path

BROKEN = (
    "the peer of {} starts again what is closed (its close_action), so there was a short break before the new SAs: "
    "set close_action of that end to none first"
)
_LONGEST = 127  # bytes of a connection's name; before 6.0.4 a longer one is loaded empty
_INCLUDED = re.compile(r"[\w.+-]+")

Changes = Mapping[Path, tuple[str | None, str | None]]
Tree = dict[str, object]  # a section: values, None where one is to be masked, and sections


@dataclass(frozen=True, slots=True)
class ParallelConnection:
    """The name of a twin, the file that brings it beside all that the configuration has, and what it is to carry."""

    name: str
    text: str
    parked: str  # the same file without a twin, in which the connection is one that no peer matches
    children: tuple[str, ...]
    rekeyed: tuple[str, ...]  # those of them whose key exchange is to be proven

    @property
    def variables(self) -> dict[str, str]:
        """What twin.sh needs."""
        return {
            "TW_TWIN": self.text,
            "TW_PARKED": self.parked,
            "TW_NEXT": self.name,
            "TW_CHILDREN": "".join(f"{child}\n" for child in self.children),
            "TW_PROVE": "".join(f"{child}\n" for child in self.rekeyed),
        }


def list_carrying(connection: Connection, sas: tuple[IkeSa, ...]) -> tuple[str, ...]:
    """The children that carry traffic now, through the connection or through a twin that somebody was cut off with."""
    names = {connection.name, connection.name + PARALLEL}
    alive = {child.name for ike in sas if ike.connection in names for child in ike.children if child.carries}
    return tuple(child.name for child in connection.children if child.configured and child.name in alive)


def build_parallel_connection(
    connection: Connection, changes: Changes, children: tuple[str, ...], config: str
) -> ParallelConnection:
    """The twin that carries these children over a change of their connection.

    Raises:
        RefusedError: this end cannot initiate, or a name cannot be written into the twin's file.
    """
    name, root = connection.name + PARALLEL, config.rpartition("/")[2]
    if connection.remote_addrs == ("%any",):
        what = f"make_before_break needs an end that can initiate, and remote_addrs of {connection.name} is %any"
        raise RefusedError(what, hint="re-establish the SAs from the other end")
    if _predict_version(connection, changes) == 1:
        what = f"make_before_break does not work with IKEv1, which {connection.name} has"
        raise RefusedError(what, hint="leave it out, or move to version 2 with it")
    if len(name.encode("utf-8", "surrogateescape")) > _LONGEST or not _INCLUDED.fullmatch(root):
        what = f"make_before_break cannot write the names of {connection.name} and {root} into a file of its own"
        raise RefusedError(what, where=config, hint="give shorter names, without blanks and quotes")
    rekeyed = tuple(c for c in children if ("connections", connection.name, "children", c, "esp_proposals") in changes)
    return ParallelConnection(
        name,
        _format_config(connection, name, changes, root),
        _format_parked_config(connection, root),
        children,
        rekeyed,
    )


def was_interrupted(reply: Reply) -> bool:
    """Whether there was a moment without SAs, because of a peer that starts again what is closed."""
    return "twin-park" in reply.sections


def _predict_version(connection: Connection, changes: Changes) -> int | None:
    """The IKE version after the changes.

    A peer takes a second IKE_SA of IKEv1 for a reauthentication of the first: it moves the CHILD_SAs there
    (adopt_children_job.c) and keeps them when the first is closed.
    """
    path = ("connections", connection.name, "version")
    return parse_whole(changes[path][1] or "0") if path in changes else connection.version


def _format_config(connection: Connection, name: str, changes: Changes, root: str) -> str:
    """The connection as it was, whatever the files say by now, and beside it the twin, which starts nothing itself."""
    old = {path[2:]: old for path, (old, dummy) in changes.items()}
    new = {path[2:]: new for path, (dummy, new) in changes.items()} | _build_passive_actions(connection)
    new["keyingtries",] = _choose_keyingtries(connection, new.get(("keyingtries",)))
    rounds: Tree = {auth.section: {} for auth in (*connection.local, *connection.remote)}  # their order counts
    return "\n".join(
        [
            f"include {root}",
            "connections {",
            *format_lines({connection.name: _build_tree(old, {})}),
            f"{name} : connections.{connection.name} {{",
            *format_lines(_build_tree(new, rounds)),
            "}",
            "}\n",
        ]
    )


def _format_parked_config(connection: Connection, root: str) -> str:
    """The connection as one that starts nothing and that no peer matches: nobody's packets come from that address."""
    settings = _build_tree({("remote_addrs",): "0.0.0.1", **_build_passive_actions(connection)}, {})
    return "\n".join([f"include {root}", "connections {", *format_lines({connection.name: settings}), "}\n"])


def _build_passive_actions(connection: Connection) -> dict[Path, str | None]:
    children = [child.name for child in connection.children if child.configured]
    return {("children", name, action): "none" for name in children for action in ("start_action", "close_action")}


def _build_tree(values: Mapping[Path, str | None], tree: Tree) -> Tree:
    """Values by path as sections, in a tree that may have some."""
    for path, value in values.items():
        section = tree
        for name in path[:-1]:
            section = section.setdefault(name, {})  # type: ignore[assignment]
        section[path[-1]] = value
    return tree


def _choose_keyingtries(connection: Connection, changed: str | None) -> str:
    """What differs from before and after: `--initiate` takes an IKE_SA of an equal configuration, whatever its name."""
    taken = {connection.keyingtries, parse_whole(changed or "1")}
    return str(min({1, 2, 3} - taken))
