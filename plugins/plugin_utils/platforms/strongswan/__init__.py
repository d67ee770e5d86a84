"""strongSwan with swanctl on Linux or FreeBSD: scripts in POSIX sh, settings from swanctl.conf, state from VICI."""

from __future__ import annotations

from .gather import gather, program
from .prepare import prepare
from .read import read

__all__ = ["gather", "prepare", "program", "read"]
