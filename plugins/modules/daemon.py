#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon
short_description: Start the IKE daemon, have it load its configuration, set how long it waits for answers
version_added: 0.1.0
description:
  - Starts strongSwan by systemd, else by its init script, and waits until it answers; or has the running daemon load
    its configuration and secrets.
  - strongSwan unloads every connection when asked to load a file that it cannot parse, and reports success. So its
    own parser is asked first, and a load that would lose a loaded connection is refused.
  - A pfSense starts and loads it by its own script. What is loaded is what was generated last; changes that were
    saved in its web interface and not applied stay so. Where no phase 1 is enabled it runs no daemon, and to start
    one is refused.
extends_documentation_fragment:
  - tunnelwright.ipsec.guard
  - tunnelwright.ipsec.revision
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
  settings:
    description:
      - Settings of the daemon by strongSwan's names, C(retransmit_tries), C(retransmit_timeout), C(retransmit_base),
        C(retransmit_jitter) and C(retransmit_limit). They are those of the whole gateway, and decide how long IKEv2
        takes to see that a peer is dead.
      - On a pfSense they are set under the same names in C(config.xml) and applied. IKE_SAs that are established from
        then on use them. An empty value removes one, so that strongSwan's default counts again.
      - On plain strongSwan they are only compared. The task fails where one is another, as
        C(strongswan.conf) is not written.
    type: dict
    default: {}
  timeout:
    description: Seconds until a started daemon must answer.
    type: float
    default: 30
  config:
    description: The configuration file that includes all others. A pfSense has none.
    type: path
    default: /etc/swanctl/swanctl.conf
"""

EXAMPLES = r"""
- name: The daemon holds what the file says
  tunnelwright.ipsec.daemon:
    state: loaded

- name: A pfSense sees within half a minute that its peer is dead
  tunnelwright.ipsec.daemon:
    settings:
      retransmit_tries: 3
      retransmit_timeout: 2
      retransmit_base: 1.8
    reason: ticket 4711
"""

RETURN = r"""
reasons:
  description: Why something was done.
  returned: success
  type: list
  elements: str
settings:
  description: The settings that change, before and after; an empty value is strongSwan's default.
  returned: success
  type: dict
log:
  description: What was said while starting or loading.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["started", "loaded"], "default": "started"},
    "settings": {"type": "dict", "default": {}},
    "reason": {"type": "str", "default": ""},
    "apply_pending": {"type": "bool", "default": False},
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
