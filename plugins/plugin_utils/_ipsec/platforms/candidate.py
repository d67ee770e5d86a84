# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of one connection that a platform has worked out: what it comes to, and how it is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import unified_diff
from typing import Protocol

from ..model import IkeSa, Reply, Script
from ..swanctl.settings import Path

Changes = Mapping[Path, tuple[str | None, str | None]]  # by setting, its value before and after

Renamed = tuple[tuple[str, ...], tuple[str, ...]]


class Candidate(Protocol):
    """The change. Nothing has been written yet, and nothing of it shows a secret."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to write."""

    @property
    def changes(self) -> Changes:
        """The settings that change, in swanctl's words."""

    @property
    def psk_changed(self) -> bool:
        """Whether the pre-shared key changes."""

    @property
    def diff(self) -> Sequence[Mapping[str, str]]:
        """For `--diff`: what is written, before and after."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which the daemon may hold SAs of the connection."""

    @property
    def bridged(self) -> bool:
        """Whether new SAs are established before the old ones are deleted."""

    @property
    def gone(self) -> bool:
        """Whether the daemon has no such connection afterwards."""

    @property
    def renamed(self) -> Renamed | None:
        """The names of the connection's children before and after, where they are others."""

    def runs(self, *, before: bool) -> bool:
        """Whether the daemon runs afterwards."""

    def bridge(self, sas: tuple[IkeSa, ...]) -> Candidate:
        """The same, with new SAs for these before the old ones are deleted.

        Raises:
            RefusedError: that cannot be done here.
        """

    def script(self, *, timeout: float, terminate: bool) -> Script:
        """The program that carries it out; `terminate` ends the connection's SAs before it is loaded."""

    def applied(self, reply: Reply) -> tuple[str, ...]:
        """What the daemon said.

        Raises:
            RestoredError: it failed, and the gateway has what it had before.
            NotRestoredError: it failed, and could not be taken back whole.
        """

    def refuse_lost(self, reply: Reply) -> None:
        """Whether the gateway that gave the reply, then or later, has the change.

        Raises:
            NotRestoredError: it does not have it, or its daemon goes by something else. Where somebody else changes it
                at the same time, that may be over in a moment.
        """

    def warnings(self, reply: Reply) -> tuple[str, ...]:
        """What the user is to know of how it went."""


def diff_lines(diff: Iterable[Mapping[str, str]]) -> list[str]:
    """The changed lines of each file, as `diff -u0` shows them."""
    return [
        line
        for entry in diff
        for line in unified_diff(
            entry["before"].splitlines(),
            entry["after"].splitlines(),
            entry["before_header"],
            entry["after_header"],
            "",
            "",
            0,
            "",
        )
    ]
