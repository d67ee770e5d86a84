#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Check what you declare before any gateway is read
version_added: 0.1.0
description:
  - Checks declared tunnels, keys, a policy and a change window, and fails on the first mistake with one sentence that
    says what it is, where, and what was probably meant.
  - Runs on the controller and connects to nothing. The roles begin with it, and the playbook
    C(tunnelwright.ipsec.validate) is nothing else, for the CI of an inventory.
  - Whether a connection is there, and whether a tunnel that is not declared exists, only an audit can tell.
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Can run in check mode and return the same result as otherwise.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
    support: none
options:
  tunnels:
    description:
      - Declared tunnels, as O(tunnelwright.ipsec.tunnel_audit#module:tunnels).
      - Names and values of settings are compared with what strongSwan takes, and gateways with the inventory.
    type: list
    elements: dict
    default: []
  psks:
    description: Pre-shared keys by tunnel. None may be empty. They are shown nowhere.
    type: dict
    default: {}
  policy:
    description: The profile, or the file of yours, that tunnels are judged by.
    type: str
    default: ''
  window:
    description: The change window, as O(tunnelwright.ipsec.change_window#module:window).
    type: dict
    default: {}
seealso:
  - module: tunnelwright.ipsec.tunnel_audit
"""

EXAMPLES = r"""
- name: Check what is declared
  tunnelwright.ipsec.validate:
    tunnels: "{{ ipsec_tunnels }}"
    psks: "{{ ipsec_psks }}"
    policy: baseline
  run_once: true
"""

RETURN = r"""
undeclared:
  description:
    - What is given for tunnels that are not in O(tunnels), and so could not be checked here. Each as C(where), which is
      C(ipsec_psks) or the place of a waiver, and C(what), a sentence.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "tunnels": {"type": "list", "elements": "dict", "default": []},
    "psks": {"type": "dict", "default": {}, "no_log": True},
    "policy": {"type": "str", "default": ""},
    "window": {"type": "dict", "default": {}},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the controller, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
