# SPDX-License-Identifier: GPL-3.0-or-later
"""pfSense: settings from config.xml by its own PHP, state from the strongSwan underneath."""

from __future__ import annotations

from ..charon.guard import parse_result as parse_guard_result
from ..charon.log_levels import parse_result as parse_log_level_result
from .daemon import serve
from .gather import gather, program
from .guard import build_guard_script
from .log_levels import plan_log_levels
from .read import read
from .solve import prepare

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
