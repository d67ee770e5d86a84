# SPDX-License-Identifier: GPL-3.0-or-later
"""A wish for one connection as a change of this gateway's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...errors import RefusedError
from ...model import PARALLEL, Connection, Gateway, IkeSa, Reply, Script
from ...swanctl.settings import load
from ..candidate import Changes
from ..charon import swanctl_conf
from ..charon.daemon_reply import parse_numbers
from ..charon.parallel_connection import (
    BROKEN,
    ParallelConnection,
    build_parallel_connection,
    list_carrying,
    was_interrupted,
)
from ..charon.redacted_files import GatewayFile, read_files
from ..desired import DesiredConnection
from ..gather_options import GatherOptions
from . import edit_script
from .psk import build_new_ids


@dataclass(frozen=True, slots=True)
class SwanctlCandidate:
    """Edits of files, checked by reading them again; fits :class:`Candidate`."""

    wish: DesiredConnection
    options: GatherOptions  # the gateway was read with
    connection: Connection
    files: Mapping[str, GatewayFile]
    draft: edit_script.EditSet
    twin: ParallelConnection | None = None  # carries the traffic while live SAs are re-established

    @property
    def needed(self) -> bool:
        """Whether there are edits."""
        return bool(self.draft.edits)

    @property
    def changes(self) -> Changes:
        """The settings that change."""
        return self.draft.changes

    @property
    def psk_changed(self) -> bool:
        """Whether the pre-shared key changes."""
        return self.draft.psk_changed

    @property
    def diff(self) -> list[dict[str, str]]:
        """Each changed file, before and after."""
        return self.draft.diff

    @property
    def names(self) -> tuple[str, ...]:
        """The connection, and a twin that somebody was cut off with."""
        return self.wish.name, self.wish.name + PARALLEL

    @property
    def bridged(self) -> bool:
        """Whether there is a twin."""
        return self.twin is not None

    @property
    def gone(self) -> bool:
        """Never."""
        return False

    @property
    def renamed(self) -> None:
        """Never."""
        return

    def runs(self, *, before: bool) -> bool:
        """As before."""
        return before

    def bridge(self, sas: tuple[IkeSa, ...]) -> SwanctlCandidate:
        """The same with a twin, if there is anything for it to carry."""
        live = list_carrying(self.connection, sas)
        return replace(
            self,
            twin=build_parallel_connection(self.connection, self.changes, live, self.options.config) if live else None,
        )

    def script(self, *, timeout: float, terminate: bool) -> Script:
        """The program that writes the files and has the daemon load them."""
        return edit_script.build_script(
            self.wish,
            self.draft,
            self.files,
            options=self.options,
            timeout=timeout,
            terminate=terminate,
            twin=self.twin,
        )

    def applied(self, reply: Reply) -> tuple[str, ...]:
        """What the daemon said."""
        return edit_script.check_applied(self.wish, reply)

    def refuse_lost(self, reply: Reply) -> None:
        """Nothing is to be looked at: the script itself has seen that the daemon holds the connection."""

    def warnings(self, reply: Reply) -> tuple[str, ...]:
        """That a twin could not prevent a break."""
        return (BROKEN.format(self.wish.name),) if self.twin and was_interrupted(reply) else ()


def prepare(
    wish: DesiredConnection, gateway: Gateway, connection: Connection, reply: Reply, options: GatherOptions
) -> SwanctlCandidate:
    """The edits that make a wish true on the gateway of this reply, after the wishes that precede it.

    Raises:
        RefusedError: a name or value that strongSwan would not take, or a file that must not be edited.
    """
    if wish.shape.asked:
        hint = "write its children, or leave it out, in swanctl.conf"
        what = f"strongSwan has no setting {wish.shape.asked}, which is one of pfSense"
        raise RefusedError(what, where=wish.name, hint=hint)
    shown = read_files(reply, options.digest_key)
    for each in wish.preceding:
        drafted = _draft_edits(each, gateway, connection, shown, options)
        shown = {path: replace(file, text=drafted.after[path]) for path, file in shown.items()}
        connection = build_new_ids(
            connection, each.settings
        )  # a key is put beside the identities that are there by then
    return SwanctlCandidate(wish, options, connection, shown, _draft_edits(wish, gateway, connection, shown, options))


def _draft_edits(
    wish: DesiredConnection,
    gateway: Gateway,
    connection: Connection,
    shown: Mapping[str, GatewayFile],
    options: GatherOptions,
) -> edit_script.EditSet:
    settings = load(options.config, {path: file.text for path, file in shown.items()})
    secrets, version = swanctl_conf.parse_secrets(settings, options.digest_key), parse_numbers(gateway.version)
    return edit_script.build_edit_set(wish, settings, shown, version, options.digest_key, secrets, connection)
