#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sa
short_description: Establish, terminate, rekey or re-initiate the SAs of one connection
version_added: 0.1.0
description:
  - Brings the SAs of one loaded connection, or of one of its children, to a state, and returns the daemon's log of that
    operation.
  - Never initiates a child that is installed, so it makes no duplicates, whatever the version of strongSwan.
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
  connection:
    description: The connection.
    type: str
    required: true
  child:
    description: One of its children. Without it the whole connection is meant, with all of its children.
    type: str
  state:
    description:
      - V(established) initiates what is not installed. V(terminated) ends what is there.
      - V(deduplicated) ends all but the newest of several CHILD_SAs with the same selectors, by their ids.
      - V(rekeyed) and V(reinitiated) always change, because that is what they are for.
    type: str
    choices: [established, terminated, rekeyed, reinitiated, deduplicated]
    default: established
  force:
    description: Whether to end SAs without the peer's answer, as where the peer has lost them.
    type: bool
    default: false
  make_before_break:
    description:
      - With O(state=reinitiated), new SAs of the whole connection are established next to the live ones before those
        are ended, so that no packet need be lost, as O(tunnelwright.ipsec.connection#module:make_before_break) does.
      - Loads the gateway's configuration.
    type: bool
    default: false
  preceding:
    description:
      - Steps of a plan, as M(tunnelwright.ipsec.tunnel_audit) returns them, that a run takes on this gateway before
        this task. In check mode they are not taken. So where one of them starts the daemon or has it load its
        configuration, and it does not have the connection yet, what is foretold follows from that. A run does without.
    type: list
    elements: dict
    default: []
  timeout:
    description: Seconds for each operation.
    type: float
    default: 30
  config:
    description: The configuration file that includes all others, for O(make_before_break) and O(preceding).
    type: path
    default: /etc/swanctl/swanctl.conf
seealso:
  - module: tunnelwright.ipsec.connection
"""

EXAMPLES = r"""
- name: The tunnel is up
  tunnelwright.ipsec.sa:
    connection: hq
    child: net

- name: Make the live SA follow changed settings
  tunnelwright.ipsec.sa:
    connection: hq
    state: reinitiated
    make_before_break: true
"""

RETURN = r"""
log:
  description: The daemon's log lines of the operation.
  returned: success, and where the operation failed
  type: list
  elements: str
sa:
  description:
    - The SAs of the connection before and after, each IKE_SA with its algorithms and its C(children).
    - C(encr), C(integ), C(prf) and C(dh_group) of an IKE_SA and of each CHILD_SA are what was negotiated. The first
      CHILD_SA of an IKEv2 IKE_SA has no C(dh_group) of its own until it is rekeyed.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

STATES = ["established", "terminated", "rekeyed", "reinitiated", "deduplicated"]
ARGUMENT_SPEC = {
    "connection": {"type": "str", "required": True},
    "child": {"type": "str"},
    "state": {"type": "str", "choices": STATES, "default": "established"},
    "force": {"type": "bool", "default": False},
    "make_before_break": {"type": "bool", "default": False},
    "preceding": {"type": "list", "elements": "dict", "default": []},
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
