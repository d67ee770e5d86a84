#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: change_record
short_description: Keep the record of a guarded change and say what to do next
version_added: 0.1.0
description:
  - The memory of the role P(tunnelwright.ipsec.guarded_change#role). It takes the record so far and what a stage of the
    change has brought, and returns the record after it and what follows from it.
  - Runs on the controller and connects to nothing. Where it is given a folder, it writes the record there as JSON and
    as Markdown, whole or not at all.
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Writes the record in check mode too, as the plan that it is then.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
options:
  event:
    description: What has happened.
    type: str
    choices: [opened, planned, begun, armed, tried, continued, agreed, confirmed, restored, measured, ended]
    required: true
  record:
    description: RV(record) of the event before. Without it a new one is begun with O(order).
    type: dict
  order:
    description:
      - What was asked for. C(ticket), C(by), C(reason), C(window), C(guard_seconds), C(serial), C(max_failed), and in
        C(hosts) the gateways that may be changed.
      - Without a C(ticket) the change is called after who runs it, and where.
    type: dict
  audit:
    description: What M(tunnelwright.ipsec.tunnel_audit) returned last.
    type: dict
  gateways:
    description: What M(tunnelwright.ipsec.gateway_info) returned last, by gateway.
    type: dict
    default: {}
  probes:
    description: Registered results of M(tunnelwright.ipsec.probe).
    type: list
    elements: dict
    default: []
  done:
    description: Registered results of the steps, with the loop variable C(step).
    type: list
    elements: dict
    default: []
  outages:
    description: Registered results of M(tunnelwright.ipsec.outage_probe), with the loop variable C(watch).
    type: list
    elements: dict
    default: []
  results:
    description: Registered results of M(tunnelwright.ipsec.rollback_guard), by gateway.
    type: dict
    default: {}
  batch:
    description: With O(event=begun), the number of the batch.
    type: int
    default: 0
  closed:
    description: Why there is no room for another batch. Empty where there is.
    type: str
    default: ""
  redundant:
    description: Lists of gateways that stand in for each other.
    type: list
    elements: list
    default: []
  only:
    description: With O(event=planned), names of tunnels, or patterns of names, that alone are changed. Empty is all.
    type: list
    elements: str
    default: []
  folder:
    description: Where to write the record. Without it nothing is written.
    type: str
seealso:
  - module: tunnelwright.ipsec.change_window
"""

EXAMPLES = r"""
- name: Plan the batches
  tunnelwright.ipsec.change_record:
    event: planned
    order: {ticket: CHG-1042, by: alice, serial: ["1", "5"], hosts: "{{ ansible_play_hosts_all }}"}
    audit: "{{ audit }}"
    gateways: "{{ gateways }}"
    folder: changes
  run_once: true
  register: change
"""

RETURN = r"""
record:
  description: The record. Of each tunnel its status, batch, steps, what it was before and is after, and its outage.
  returned: success
  type: dict
todo:
  description:
    - What follows. C(arm), C(take_off), C(agree), C(confirm) and C(roll_back) are gateways by what must be done
      with their guards, C(tunnels) those that go on, C(steps) theirs, C(watch) by gateway what to ping meanwhile.
    - C(look_again) and C(not_restored) are tunnels that another look may show to be as they should, C(going_on) those
      with another cause. C(following) is the number of the batch that goes on with what this one has left, or 0.
    - C(longest) is how many seconds a batch takes, C(unfinished) one sentence on what is not as it was to be,
      C(reasons) why, by tunnel, and C(undone) what became of what was taken back.
  returned: success
  type: dict
files:
  description: What was written.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

EVENTS = [
    "opened",
    "planned",
    "begun",
    "armed",
    "tried",
    "continued",
    "agreed",
    "confirmed",
    "restored",
    "measured",
    "ended",
]
ARGUMENT_SPEC = {
    "event": {"type": "str", "choices": EVENTS, "required": True},
    "record": {"type": "dict"},
    "order": {"type": "dict"},
    "audit": {"type": "dict"},
    "gateways": {"type": "dict", "default": {}},
    "probes": {"type": "list", "elements": "dict", "default": []},
    "done": {"type": "list", "elements": "dict", "default": []},
    "outages": {"type": "list", "elements": "dict", "default": []},
    "results": {"type": "dict", "default": {}},
    "batch": {"type": "int", "default": 0},
    "closed": {"type": "str", "default": ""},
    "redundant": {"type": "list", "elements": "list", "default": []},
    "only": {"type": "list", "elements": "str", "default": []},
    "folder": {"type": "str"},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the controller, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
