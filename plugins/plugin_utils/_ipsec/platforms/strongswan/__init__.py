# SPDX-License-Identifier: GPL-3.0-or-later
"""strongSwan with swanctl on Linux or FreeBSD: scripts in POSIX sh, settings from swanctl.conf, state from VICI."""

from __future__ import annotations

from ..charon.daemon import serve
from ..charon.gather import gather, program
from ..charon.guard import kept
from .candidate import prepare
from .read import read

__all__ = ["gather", "kept", "prepare", "program", "read", "serve"]
