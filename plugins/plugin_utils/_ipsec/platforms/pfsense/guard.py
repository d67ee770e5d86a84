# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard keeps of a pfSense, and how that comes back: the elements that were changed, by pfSense's own code."""

from __future__ import annotations

import json

from ..backup import GuardBackup
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


def kept() -> GuardBackup:
    """config.xml, and the program that brings parts of it back."""
    variables = {"TW_WRITE_PHP": read_script("write.php").removeprefix("<?php"), "TW_ORDER": json.dumps(_ORDER)}
    return GuardBackup((read_script("keep.sh"),), (read_script("restore.sh"),), variables)
