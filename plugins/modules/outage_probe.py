#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: outage_probe
short_description: Measure how long a tunnel carries nothing while it is changed
version_added: 0.1.0
description:
  - Starts pings on a gateway that run on while other tasks change the tunnel, and stops them later and says what they
    missed. Neither needs Python on the gateway.
  - The pings end by themselves after O(seconds), whatever becomes of the play. Nothing but files in C(/run) is written.
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Does nothing in check mode.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
options:
  state:
    description:
      - V(started) starts them, again where they run already, and waits for the first answer, three seconds at most.
      - V(stopped) stops them and returns RV(outage). The other options must be what they were started with.
    type: str
    choices: [started, stopped]
    required: true
  connection:
    description: The connection, for messages and to tell probes from each other.
    type: str
    required: true
  child:
    description: The child, in the same way.
    type: str
    required: true
  from:
    description: An address of this gateway that the tunnel takes packets from.
    type: str
    required: true
  to:
    description: An address behind the other end that answers.
    type: str
    required: true
  interval:
    description: Seconds between two pings, 0.2 to 5. The outage is measured to this.
    type: float
    default: 0.2
  seconds:
    description: After how many seconds the pings end by themselves.
    type: int
    default: 900
seealso:
  - module: tunnelwright.ipsec.probe
"""

EXAMPLES = r"""
- name: Watch the tunnel
  tunnelwright.ipsec.outage_probe:
    state: started
    connection: hq
    child: lan
    from: 192.168.20.1
    to: 192.168.10.1

- name: Change it
  tunnelwright.ipsec.connection:
    name: hq
    nat_traversal: force
    reinitiate: true

- name: Say how long it was down
  tunnelwright.ipsec.outage_probe:
    state: stopped
    connection: hq
    child: lan
    from: 192.168.20.1
    to: 192.168.10.1
  register: watched
"""

RETURN = r"""
outage:
  description:
    - What the pings missed. C(seconds) is the longest run of pings without an answer times the interval, null where
      nothing is known, with C(error) saying why. C(sent) and C(lost) are numbers of pings.
    - A single ping that was still under way when they were stopped does not count.
  returned: with O(state=stopped), not in check mode
  type: dict
  sample:
    gateway: fw-branch1
    child: lan
    source: 192.168.20.1
    target: 192.168.10.1
    sent: 212
    lost: 4
    seconds: 0.6
    interval: 0.2
    error: ""
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["started", "stopped"], "required": True},
    "connection": {"type": "str", "required": True},
    "child": {"type": "str", "required": True},
    "from": {"type": "str", "required": True},
    "to": {"type": "str", "required": True},
    "interval": {"type": "float", "default": 0.2},
    "seconds": {"type": "int", "default": 900},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the gateway without Python, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
