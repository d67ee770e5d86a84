# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long task has come: a line that updates on a terminal, a plain line now and then otherwise."""

from __future__ import annotations

import sys
import time

from ansible.utils.display import Display

# Asked when this file is loaded: a task runs in a process without a terminal, and Ansible loads its action before.
TERMINAL = sys.stdout.isatty()
_FIRST = 5.0  # seconds that nobody needs to be told anything
_PLAIN = 30.0  # seconds between two plain lines


class Progress:
    """Says how many of all gateways are done."""

    def __init__(self, total: int, *, terminal: bool = TERMINAL) -> None:
        """`total`: how many there are."""
        self._total, self._terminal = total, terminal
        self._begun = time.monotonic()
        self._next = self._begun + _FIRST
        self._shown = False

    def at(self, done: int, failed: int) -> None:
        """Say so, if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (0 if self._terminal else _PLAIN)
        text = f"{done} of {self._total} gateways{f', {failed} could not be read' if failed else ''}"
        text += f" ({now - self._begun:.0f} s)"
        if self._terminal:
            Display().display(f"\r{text}\033[K", newline=False, screen_only=True)
            self._shown = True
        else:
            Display().display(text)

    def end(self) -> None:
        """Leave the terminal's line as if it had not been there."""
        if self._shown:
            Display().display("\r\033[K", newline=False, screen_only=True)
