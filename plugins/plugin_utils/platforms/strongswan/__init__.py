# SPDX-License-Identifier: GPL-3.0-or-later
"""strongSwan with swanctl on Linux or FreeBSD: scripts in POSIX sh, settings from swanctl.conf, state from VICI."""

from __future__ import annotations

from .daemon import serve
from .gather import gather, program
from .prepare import prepare
from .read import read
from .rollback import kept

__all__ = ["gather", "kept", "prepare", "program", "read", "serve"]
