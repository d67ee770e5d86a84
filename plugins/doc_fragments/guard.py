# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of modules that write: have the gateway guard it."""

from __future__ import annotations


class ModuleDocFragment:
    """What all of them say of it."""

    DOCUMENTATION = r"""
options:
  guard:
    description:
      - Before anything is written, arm a guard as M(tunnelwright.ipsec.rollback_guard) does, for this many seconds,
        5 to 86400. Where this run has armed one, it gets that much more time instead.
      - The gateway rolls back on its own unless a task M(tunnelwright.ipsec.rollback_guard) with C(state=confirmed)
        follows in time, also where this task has failed.
      - Where no guard can be armed the task fails and nothing is written.
    type: int
seealso:
  - module: tunnelwright.ipsec.rollback_guard
"""
