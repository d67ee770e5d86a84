# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of config.xml that has been worked out, and when there must be none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...errors import NotRestoredError, RefusedError
from ...model import PARALLEL, Connection, Gateway, IkeSa, Reply, Script
from ..candidate import Changes, Renamed
from ..charon.parallel_connection import (
    BROKEN,
    ParallelConnection,
    build_parallel_connection,
    list_carrying,
    was_interrupted,
)
from ..desired import DesiredConnection
from ..gather_options import GatherOptions
from . import write
from .answer import PATH
from .appliance import name_release
from .configuration import GENERATED
from .edits import PSK, XmlEdit, apply_edits, describe_edits, find_current
from .generate import GeneratedConnection
from .read import read
from .shape import changes_children
from .snapshot import take_snapshot

_OLDEST = (2, 6)


@dataclass(frozen=True, slots=True)
class ConfigXmlCandidate:
    """Edits of config.xml; fits :class:`Candidate`."""

    wish: DesiredConnection
    options: GatherOptions
    order: write.WriteRequest
    changes: Changes
    diff: tuple[dict[str, str], ...]
    connection: Connection
    gone: bool = False  # the connection is disabled
    renamed: Renamed | None = None
    twin: ParallelConnection | None = None  # carries the traffic while live SAs are re-established

    @property
    def needed(self) -> bool:
        """Whether there are edits."""
        return bool(self.order.edits)

    @property
    def psk_changed(self) -> bool:
        """Whether the pre-shared key changes."""
        return any(edit.element == PSK for edit in self.order.edits)

    @property
    def names(self) -> tuple[str, ...]:
        """The connection, and a twin that somebody was cut off with."""
        return self.wish.name, self.wish.name + PARALLEL

    @property
    def bridged(self) -> bool:
        """Whether there is a twin."""
        return self.twin is not None

    def runs(self, *, before: bool) -> bool:
        """As pfSense starts and stops it with the change."""
        return self.order.enabled if self.needed and self.order.applied else before

    def bridge(self, sas: tuple[IkeSa, ...]) -> ConfigXmlCandidate:
        """The same with a twin, if there is anything for it to carry."""
        live = list_carrying(self.connection, sas)
        if live and (what := self._broken()):
            raise RefusedError(
                f"make_before_break cannot be had for {what} on pfSense",
                where=self.wish.name,
                hint="leave it out: there is a break",
            )
        return replace(
            self, twin=build_parallel_connection(self.connection, self.changes, live, GENERATED) if live else None
        )

    def _broken(self) -> str:
        """What a twin cannot carry."""
        if self.psk_changed:
            return "a new pre-shared key"
        if changes_children(self.order.edits):
            return "other children"
        return "a routed (VTI) tunnel" if any(not child.policies for child in self.connection.children) else ""

    def script(self, *, timeout: float, terminate: bool) -> Script:
        """The program that has pfSense write and apply them."""
        return write.build_script(
            self.wish, self.order, self.options, timeout=timeout, terminate=terminate, twin=self.twin
        )

    def applied(self, reply: Reply) -> tuple[str, ...]:
        """What charon said."""
        return write.parse_result(self.wish, reply)

    def refuse_lost(self, reply: Reply) -> None:
        """The web interface writes all of config.xml as it had read it, whatever was written meanwhile."""
        config = take_snapshot(reply, self.options).found.config
        if self.needed and apply_edits(config, self.order.edits) != config:
            raise NotRestoredError(
                "config.xml was written by someone else at the same time, and the change is no longer in it",
                where=self.wish.name,
                hint="run it again",
            )
        if self.needed and self.order.enabled and self.order.applied:
            write.refuse_other(self.wish, read("", reply, self.options))

    def warnings(self, reply: Reply) -> tuple[str, ...]:
        """That a twin could not prevent a break."""
        return (BROKEN.format(self.wish.name),) if self.twin and was_interrupted(reply) else ()


def diff_settings(found: Iterable[XmlEdit], one: GeneratedConnection) -> tuple[dict[str, str], ...]:
    """The elements of a connection's entries before and after edits, without secrets; none where there are none."""
    entries = {entry.path: entry for entry in (one.phase1, *one.entries, *one.disabled)}
    both = [
        (describe_edits(e, find_current(entries[e.path.rpartition("/")[0]], e.element)), describe_edits(e, e.value))
        for e in found
    ]
    before, after = ("".join(lines) for lines in zip(*both, strict=True)) if both else ("", "")
    return ({"before_header": PATH, "after_header": PATH, "before": before, "after": after},) if both else ()


def refuse_state(wish: DesiredConnection, gateway: Gateway, reply: Reply) -> None:
    """Whether this is the firewall, and the time, to change anything.

    Raises:
        RefusedError: it is not.
    """
    about = gateway.appliance
    if about is None or name_release(reply) < _OLDEST:
        version = about.version if about else "?"
        raise RefusedError(
            f"pfSense {version} is not one that this can change", where=gateway.name, hint="update it to 2.6 or later"
        )
    if about.role == "secondary":
        raise RefusedError(
            "this is the secondary of a cluster, where the primary replaces what is changed",
            where=gateway.name,
            hint="change the primary",
        )
    if about.booting:
        raise RefusedError("pfSense is booting", where=gateway.name, hint="run it again later")
    waiting = [each.name for each in gateway.connections if each.unapplied]
    if not wish.pending and (about.unapplied or waiting):
        named = f" (to {', '.join(waiting)})" if waiting else ""
        raise RefusedError(
            f"changes made in the web interface wait to be applied{named}",
            where=gateway.name,
            hint="apply them, or take them back, or allow that with apply_pending",
        )
