#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: connection
short_description: Set named settings of one IPsec connection and its children
version_added: 0.1.0
description:
  - Sets the settings you name on one connection and its children in the gateway's own C(swanctl.conf), and touches
    nothing else. Comments, order, quoting and every other byte stay; so do the file's mode and owner.
  - The edit goes to the file in which the value lives, also through includes. A value that is only inherited from a
    template is overridden where it applies; the template is not changed.
  - Names and values that strongSwan would refuse, and settings that the gateway's version does not know, fail before
    anything is written. strongSwan's own parser accepts the new file and no loaded connection may disappear before
    the daemon loads it. What the daemon refuses is taken back.
  - On a pfSense it has the firewall's own PHP change those elements of C(config.xml) that the settings are made of, so
    that its history, its HA sync and its file format stay right, and apply them. What pfSense would generate afterwards
    is worked out first. If that is not exactly what was asked for, nothing is written, and the message says what it
    would be.
  - A live SA keeps the settings that it was made with. RV(takes_effect) says whether it follows;
    O(reinitiate=true) makes it.
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
    support: full
options:
  name:
    description: The connection.
    type: str
    required: true
  settings:
    description:
      - Settings of the connection by swanctl's names, and of its authentication rounds as V(local.id) or
        V(remote.auth).
      - An empty value removes a setting, so that strongSwan's default counts again.
    type: dict
    default: {}
  children:
    description:
      - By child, its settings by swanctl's names.
      - On a pfSense also C(enabled), whether the phase 2 entry is there at all; see O(enabled). Entries have the names
        that pfSense gives them, such as C(con1_2), also where several are one child. The name of such a child stands
        for all of its entries.
    type: dict
    default: {}
  enabled:
    description:
      - On a pfSense, whether phase 1 is enabled. What is disabled is kept in C(config.xml), and is not generated.
      - Live SAs of what is disabled stay until they expire, unless O(reinitiate=true) ends them.
      - Refused for a routed (VTI) entry whose interface is assigned, and on plain strongSwan.
    type: bool
  split_children:
    description:
      - On a pfSense, whether each phase 2 entry becomes a child of its own, or all of them one child (IKEv2).
        IKEv1 has a child for each in any case.
      - Both ends must agree, or networks are lost. The children have other names afterwards, C(con1) or C(con1_1),
        C(con1_2) and so on, which RV(children) shows; checks and monitors that name the old ones need the new ones.
      - Their settings can be changed in a later task, by these names.
      - Refused on a strongSwan that has its own configuration, in which each child is written.
    type: bool
  stop_daemon:
    description:
      - Whether the IKE daemon may be stopped, as a pfSense does where O(enabled=false) leaves no phase 1 enabled.
        The task fails without it.
    type: bool
    default: false
  nat_traversal:
    description:
      - V(force) puts ESP into UDP whether a NAT is seen or not (swanctl's C(encap = yes)), for paths that drop ESP.
      - V(auto) leaves it to the detection of NAT (C(encap = no)).
    type: str
    choices: [auto, force]
  psk:
    description:
      - The pre-shared key between the identities of this connection. It replaces the C(secret) for them, or is added
        next to the other secrets. It is compared by keyed digest and shown nowhere.
    type: str
  psk_use:
    description:
      - How O(psk) is used where the gateway has another key for these identities. Two gateways that change their key
        one after the other can authenticate to each other all the time if both have both keys meanwhile.
      - V(accept) makes this end accept it as well as the old key, with which it goes on signing.
      - V(sign) has this end sign with it, and still accept the old key.
      - V(only) makes it the only one, and removes what the other two have added. A pfSense can do nothing else.
      - strongSwan signs with the last of several secrets for the same identities in the file; IKEv1 tries only that.
    type: str
    choices: [only, accept, sign]
    default: only
  reinitiate:
    description: Whether live SAs are ended and initiated again when something has changed, so that they follow.
    type: bool
    default: false
  make_before_break:
    description:
      - With O(reinitiate), new SAs with the changed settings are established next to the live ones before those are
        ended, so that no packet need be lost. Meanwhile a connection named like this one with C(-tunnelwright-next)
        behind it is loaded; nothing of it is left.
      - On a pfSense it cannot be had for a routed (VTI) tunnel, nor together with O(psk).
      - The peer must accept what is new while it has what is old. Where it refuses, the task fails, and the live SAs
        have not been touched.
      - This end must be able to initiate. Where nothing is up it makes no difference.
    type: bool
    default: false
  preceding:
    description:
      - Steps of a plan, as M(tunnelwright.ipsec.tunnel_audit) returns them, that a run takes on this connection before
        this task. In check mode they are not taken, so the change is worked out, and its diff shown, on what they
        would have left. A run does without.
      - A step with C(psk) stands for O(psk).
    type: list
    elements: dict
    default: []
  timeout:
    description: Seconds for each operation on SAs.
    type: float
    default: 30
  config:
    description: The configuration file that includes all others. A pfSense has none.
    type: path
    default: /etc/swanctl/swanctl.conf
seealso:
  - module: tunnelwright.ipsec.sa
  - module: tunnelwright.ipsec.tunnel_audit
"""

EXAMPLES = r"""
- name: Check every 30 seconds that the peer is alive, and force UDP encapsulation
  tunnelwright.ipsec.connection:
    name: branch1
    settings:
      dpd_delay: 30s
    nat_traversal: force
    reinitiate: true

- name: Both what is done at the end of an SA and what when the peer is dead, which pfSense ties together
  tunnelwright.ipsec.connection:
    name: con1
    children:
      con1:
        close_action: start
        dpd_action: start
    reason: ticket 4711

- name: A child for each pair of networks on a pfSense, as the other end has it
  tunnelwright.ipsec.connection:
    name: con1
    split_children: true
    reinitiate: true

- name: Take one pair of networks of a pfSense out of service
  tunnelwright.ipsec.connection:
    name: con1
    children:
      con1_2:
        enabled: false
    reinitiate: true

- name: Another ESP proposal, without losing a packet, once the peer accepts both
  tunnelwright.ipsec.connection:
    name: hq
    children:
      net:
        esp_proposals: [aes256gcm16-x25519]
    reinitiate: true
    make_before_break: true

- name: This end starts the tunnel and brings it back
  tunnelwright.ipsec.connection:
    name: hq
    children:
      net:
        start_action: trap|start
        close_action: start
        dpd_action: start
"""

RETURN = r"""
connection:
  description:
    - The settings that change, before and after, by their full names. On a pfSense also those that it derives from
      what was asked for, such as C(over_time) from C(rekey_time).
  returned: success
  type: dict
edits:
  description:
    - The changed lines as C(diff -u0) shows them, without secrets. Of a pfSense, the elements with their paths in
      C(config.xml).
  returned: success
  type: list
  elements: str
children:
  description: The names of the children, before and after.
  returned: when they change
  type: dict
  contains:
    before:
      description: The names that the daemon has had.
      type: list
      elements: str
    after:
      description: The names that it has.
      type: list
      elements: str
takes_effect:
  description:
    - V(now) where live SAs follow or there are none, V(on_reinitiate) where they keep their old settings,
      V(on_start) where the daemon is not running, V(none) where nothing changed.
  returned: success
  type: str
sa:
  description: The SAs of the connection before and after, as M(tunnelwright.ipsec.sa) returns them.
  returned: when live SAs were re-established
  type: dict
log:
  description: What the daemon said.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "settings": {"type": "dict", "default": {}},
    "children": {"type": "dict", "default": {}},
    "enabled": {"type": "bool"},
    "split_children": {"type": "bool"},
    "stop_daemon": {"type": "bool", "default": False},
    "nat_traversal": {"type": "str", "choices": ["auto", "force"]},
    "psk": {"type": "str", "no_log": True},
    "psk_use": {"type": "str", "choices": ["only", "accept", "sign"], "default": "only"},
    "reinitiate": {"type": "bool", "default": False},
    "make_before_break": {"type": "bool", "default": False},
    "preceding": {"type": "list", "elements": "dict", "default": []},
    "timeout": {"type": "float", "default": 30},
    "reason": {"type": "str", "default": ""},
    "apply_pending": {"type": "bool", "default": False},
    "config": {"type": "path", "default": "/etc/swanctl/swanctl.conf"},
    "guard": {"type": "int"},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the gateway without Python, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
