# SPDX-License-Identifier: GPL-3.0-or-later
"""strongSwan with swanctl on Linux or FreeBSD: scripts in POSIX sh, settings from swanctl.conf, state from VICI."""

from __future__ import annotations

from ..charon.daemon import serve
from ..charon.gather import gather, program
from ..charon.guard import parse_result as parse_guard_result
from ..charon.log_levels import parse_result as parse_log_level_result
from ..charon.log_levels import plan_log_levels
from .candidate import prepare
from .guard import build_guard_script
from .read import read

__all__ = [
    "build_guard_script",
    "gather",
    "parse_guard_result",
    "parse_log_level_result",
    "plan_log_levels",
    "prepare",
    "program",
    "read",
    "serve",
]
