# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that write a firewall's own configuration, which has a history and changes of other people."""

from __future__ import annotations


class ModuleDocFragment:
    """What all of them say of it."""

    DOCUMENTATION = r"""
options:
  reason:
    description: Why, for the history that a pfSense keeps of its configuration. Who runs the task stands there too.
    type: str
    default: ""
  apply_pending:
    description:
      - Whether changes that were made in a pfSense's web interface and not applied may take effect with this
        one. They cannot be kept apart, so where there are any the task fails without it if it needs to apply its own.
    type: bool
    default: false
"""
