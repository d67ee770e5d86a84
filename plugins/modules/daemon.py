#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon
short_description: Start the IKE daemon or have it load its configuration
version_added: 0.1.0
description:
  - Starts strongSwan by systemd, else by its init script, and waits until it answers; or has the running daemon load
    its configuration and secrets.
  - strongSwan unloads every connection when it is told to load a file that it cannot parse, and reports success. So its
    own parser is asked first, and a load that would lose a loaded connection is refused.
extends_documentation_fragment: tunnelwright.ipsec.guard
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Can run in check mode and predict what a real run does without changing anything.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
    support: none
options:
  state:
    description:
      - V(started) starts a daemon that is not running. V(loaded) loads when a connection in the file is not in the
        daemon, or differs from it as far as the daemon tells.
    type: str
    choices: [started, loaded]
    default: started
  timeout:
    description: Seconds until a started daemon must answer.
    type: float
    default: 30
  config:
    description: The configuration file that includes all others.
    type: path
    default: /etc/swanctl/swanctl.conf
"""

EXAMPLES = r"""
- name: The daemon holds what the file says
  tunnelwright.ipsec.daemon:
    state: loaded
"""

RETURN = r"""
reasons:
  description: Why something was done.
  returned: success
  type: list
  elements: str
log:
  description: What was said while starting or loading.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["started", "loaded"], "default": "started"},
    "timeout": {"type": "float", "default": 30},
    "config": {"type": "path", "default": "/etc/swanctl/swanctl.conf"},
    "guard": {"type": "int"},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the gateway without Python, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
