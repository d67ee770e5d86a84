# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that read gateways: how much of one."""

from __future__ import annotations


class ModuleDocFragment:
    """What all of them say of it."""

    DOCUMENTATION = r"""
options:
  platform:
    description: What a gateway is. V(auto) finds out, in the same round trip.
    type: str
    choices: [auto, pfsense, strongswan]
    default: auto
  config:
    description: The file swanctl loads. Its includes are followed. Of no use for a pfSense, which generates its own.
    type: path
    default: /etc/swanctl/swanctl.conf
  sas:
    description: Whether to read SAs, installed policies, routes and rules that translate addresses.
    type: bool
    default: true
  certificates:
    description: Whether to read the certificates the daemon holds.
    type: bool
    default: true
  log:
    description: Whether to read the end of the daemon's log, from the journal, its own log files, or syslog.
    type: bool
    default: false
  log_lines:
    description: How many lines of the log to read. Lines of hexadecimal dumps are left out and do not count.
    type: int
    default: 200
"""
