#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Prove that a tunnel carries traffic
version_added: 0.1.0
description:
  - Pings through a tunnel from addresses inside its selectors, and reads the counters of its CHILD_SAs
    before and after, all in one round trip to a strongSwan gateway or a pfSense.
  - A ping that is answered while the counters stand still did not go through the tunnel, and is a failure.
    So is a tunnel that is up and carries nothing. The message says which of the two it is,
    and how far the packets came.
  - It pings from this end. Run it on both ends to have both directions started from inside.
  - Nothing on the gateway is changed. Traffic may, as any traffic does, bring up a child that is trapped.
options:
  connection:
    description: The connection's name in swanctl.conf.
    type: str
    required: true
  child:
    description: The child's name in that connection. Without it every installed child is probed.
    type: str
  pings:
    description:
      - What to ping. Without it, each child is pinged once, from this gateway's own address inside the child's
        C(local_ts) to an address of O(peer) inside its C(remote_ts).
    type: list
    elements: dict
    suboptions:
      from:
        description: An address of this gateway. Without it, the gateway's own address inside C(local_ts) is taken.
        type: str
      to:
        description: The address to ping. Without it, the address of O(peer) inside C(remote_ts) is taken.
        type: str
  peer:
    description:
      - The other gateway, as M(tunnelwright.ipsec.gateway_info) returns it. Its addresses are what can be pinged.
      - Needed where O(pings) is not given, or one of them has no O(pings[].to).
    type: dict
  count:
    description: How many pings to send for each pair of addresses, 1 to 60.
    type: int
    default: 3
  timeout:
    description: Seconds to wait for the answer to the last ping of a pair, 1 to 60.
    type: int
    default: 2
  fail:
    description:
      - Whether the task fails when the tunnel does not carry the pings. An audit says V(false) and reads RV(reachable).
      - What keeps the probe from being made at all always fails the task.
    type: bool
    default: true
attributes:
  check_mode:
    description: Pings in check mode too, since it changes nothing.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
author:
  - Tunnelwright contributors (@tunnelwright)
seealso:
  - module: tunnelwright.ipsec.gateway_info
  - module: tunnelwright.ipsec.sa
"""

EXAMPLES = r"""
- name: Ping a host behind the other gateway
  tunnelwright.ipsec.probe:
    connection: hq
    child: lan
    pings:
      - to: 192.168.20.10
  become: true

- name: Read both gateways
  tunnelwright.ipsec.gateway_info:
  register: found
  become: true

- name: Prove the tunnel with the gateways' own addresses, and go on if it carries nothing
  tunnelwright.ipsec.probe:
    connection: hq
    peer: "{{ hostvars['fw-branch1'].found.gateway }}"
    fail: false
  register: proof
  become: true
"""

RETURN = r"""
reachable:
  description: Whether every pair of addresses got an answer through the tunnel.
  returned: always
  type: bool
esp_used:
  description: Whether every answer came through the tunnel, by its counters.
  returned: always
  type: bool
msg:
  description: Why it is not reachable, a sentence for each pair; how far the packets came and what to look at.
  returned: when not reachable
  type: str
  sample: >-
    the tunnel is up and carries nothing: 0 of 3 pings from 192.168.10.1 to 192.168.20.1 were answered at
    fw-hq/branch1/lan: 3 packets left through it and none came back; ESP is lost on the path
    (a filter, NAT without encap) or the other end has no such SA
gateway:
  description: The gateway that pinged.
  returned: always
  type: str
connection:
  description: The connection.
  returned: always
  type: str
child:
  description: The child that was asked for; none where all were.
  returned: always
  type: str
pings:
  description: What was pinged. Empty where no child is installed.
  returned: always
  type: list
  elements: dict
  contains:
    from:
      description: The address that pinged.
      type: str
    to:
      description: The address that was pinged.
      type: str
    child:
      description: The child whose selectors hold both addresses.
      type: str
    sent:
      description: How many pings were sent.
      type: int
    received:
      description: How many were answered.
      type: int
    rtt_min:
      description: The shortest time to an answer, in seconds; none where there was no answer.
      type: float
    rtt_avg:
      description: The mean time to an answer, in seconds.
      type: float
    rtt_max:
      description: The longest time to an answer, in seconds.
      type: float
    rose:
      description: By how much the counters of the child's SAs rose meanwhile, in the words of RV(counters.before).
      type: dict
    esp_used:
      description: Whether the answers came through the tunnel.
      type: bool
    error:
      description: What C(ping) said where it could not send.
      type: str
counters:
  description: The counters of all SAs of the child, or of the connection, as this gateway's daemon counts.
  returned: always
  type: dict
  contains:
    before:
      description: Before the first ping. Keys are C(bytes_in), C(packets_in), C(bytes_out), C(packets_out).
      type: dict
    after:
      description: After the last.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "connection": {"type": "str", "required": True},
    "child": {"type": "str"},
    "pings": {
        "type": "list",
        "elements": "dict",
        "options": {"from": {"type": "str"}, "to": {"type": "str"}},
    },
    "peer": {"type": "dict"},
    "count": {"type": "int", "default": 3},
    "timeout": {"type": "int", "default": 2},
    "fail": {"type": "bool", "default": True},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the controller, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
