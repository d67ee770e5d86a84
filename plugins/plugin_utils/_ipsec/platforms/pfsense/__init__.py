# SPDX-License-Identifier: GPL-3.0-or-later
"""pfSense: settings from config.xml by its own PHP, state from the strongSwan underneath."""

from __future__ import annotations

from .daemon import serve
from .gather import gather, program
from .guard import kept
from .read import read
from .solve import prepare

__all__ = ["gather", "kept", "prepare", "program", "read", "serve"]
