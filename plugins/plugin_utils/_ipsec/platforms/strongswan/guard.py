# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard of strongSwan keeps: every file that a module of ours may write."""

from __future__ import annotations

from ...model import Gateway, Script
from ..backup import GuardBackup
from ..charon import guard
from ..charon.scripts import read_script
from ..guard import DesiredGuard, Do

BACKUP = GuardBackup(
    (read_script("follow.sh"), read_script("keep.sh")), (read_script("follow.sh"), read_script("restore.sh"))
)


def build_guard_script(wish: DesiredGuard, do: Do, gateway: Gateway, new_id: str) -> Script:
    """The program that does it; `new_id` is for a guard that is armed by it."""
    return guard.build_script(wish, do, gateway, new_id, BACKUP)
