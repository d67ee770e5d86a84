# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard keeps of a pfSense: config.xml, and the program that brings the elements back that were changed."""

from __future__ import annotations

import json

from ...model import Gateway, Script
from ..backup import GuardBackup
from ..charon import guard
from ..guard import DesiredGuard, Do
from .gather import PATHS, read_script
from .write import BACKUPS

_ORDER = {
    "paths": {"config": PATHS["config"], "backups": BACKUPS},
    "ipad": "36" * 64,  # of an empty key: the program compares what it reads with itself
    "opad": "5c" * 64,
    "fingerprint": "",
    "edits": [],
    "from": "@here@/kept/1",
    "journal": "@here@/journal",
    "text": "tunnelwright.ipsec: rolled back, as the change was not confirmed",
    "pending": True,
    "apply": True,
    "terminate": "",
    "timeout": 0,
}


BACKUP = GuardBackup(
    (read_script("keep.sh"),),
    (read_script("restore.sh"),),
    {"TW_WRITE_PHP": read_script("write.php").removeprefix("<?php"), "TW_ORDER": json.dumps(_ORDER)},
)


def build_guard_script(wish: DesiredGuard, do: Do, gateway: Gateway, new_id: str) -> Script:
    """The program that does it; `new_id` is for a guard that is armed by it."""
    return guard.build_script(wish, do, gateway, new_id, BACKUP)
