# SPDX-License-Identifier: GPL-3.0-or-later
"""strongSwan with swanctl on Linux or FreeBSD: scripts in POSIX sh, settings from swanctl.conf, state from VICI."""

from __future__ import annotations

from ..charon.daemon import serve
from ..charon.gather import gather, program
from ..charon.guard import parse_result as parse_guard_result
from ..charon.log_levels import parse_result as parse_log_level_result
from ..charon.log_levels import plan_log_levels
from ..charon.outage_probe import build_script as build_outage_script
from ..charon.outage_probe import parse_outage
from ..charon.outage_probe import parse_start as parse_outage_start
from ..charon.probe import build_script as build_probe_script
from ..charon.probe import parse_proof as parse_probe
from ..charon.sa import build_script as build_sas_script
from ..charon.sa import parse_loaded as parse_sas
from ..charon.sa import parse_result as parse_sas_result
from ..charon.sa import parse_termination as parse_sas_termination
from ..detection import Detection
from .candidate import prepare
from .guard import build_guard_script
from .read import read

DETECTION = Detection()  # what any gateway is that is nothing else

__all__ = [
    "DETECTION",
    "build_guard_script",
    "build_outage_script",
    "build_probe_script",
    "build_sas_script",
    "gather",
    "parse_guard_result",
    "parse_log_level_result",
    "parse_outage",
    "parse_outage_start",
    "parse_probe",
    "parse_sas",
    "parse_sas_result",
    "parse_sas_termination",
    "plan_log_levels",
    "prepare",
    "program",
    "read",
    "serve",
]
