#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: keepalive
short_description: Keep one child of a connection up by a periodic check on the gateway
version_added: 0.1.0
description:
  - Installs, or removes, a periodic check of one child on a strongSwan gateway.
    The check initiates the child when it is not installed, and does nothing when it is.
  - strongSwan brings a child back only where traffic can trap it or a close or DPD action starts it again.
    A route-based child, and a child whose peer deleted it while no such action is set, stay down until they are
    initiated. This check does that. One end of a tunnel is enough; two may make duplicates.
  - The means is a systemd timer where systemd runs, else a table in C(/etc/cron.d) where a cron daemon
    that reads it runs. Where neither does, the task fails and says so.
  - The check runs one at a time, waits a random moment first, leaves a connection alone that is being set up,
    and logs what it did to syslog with the tag C(tunnelwright-keepalive),
    or to C(/run/tunnelwright/keepalive.log) where there is no syslog. It proves nothing about traffic;
    M(tunnelwright.ipsec.probe) does.
  - On a pfSense it is the firewall's own periodic check, a flag of phase 2 in C(config.xml), which is looked at every
    300 seconds. It is set for one entry of a child, and cleared for all of them; O(interval) and O(timeout) do not
    count. It is not installed where it would find nothing, as with a version of "auto". A child of several networks
    is up to it as soon as one of them is, which is a warning.
  - A tunnel that is down on purpose stays down while the file C(down-NAME) exists in C(/run/tunnelwright)
    or C(/etc/tunnelwright), where C(NAME) is RV(keepalive.name), or while C(down) exists there,
    which holds every check on the gateway.
options:
  connection:
    description: The connection's name in swanctl.conf.
    type: str
    required: true
  child:
    description: The child's name in that connection.
    type: str
    required: true
  state:
    description:
      - V(present) installs the check, V(absent) removes it and everything it left, also the file that holds it.
      - V(present) is refused when the IKE daemon has no such child.
        When the daemon does not answer it is installed, with a warning.
        In check mode an unknown child is a warning too, because an earlier task
        that check mode did not run may be the one that loads it.
    type: str
    choices: [present, absent]
    default: present
  interval:
    description:
      - Seconds from one check to the next, 10 to 86400.
      - Cron keeps 60 and those multiples of it that divide an hour or a day evenly; another interval is refused there.
    type: int
    default: 60
  means:
    description:
      - V(auto) takes systemd where it runs, else cron; on a pfSense its own flag, V(keepalive).
      - V(pinghost) has a pfSense ping O(target) every 240 seconds, from an address of its own in the child's local
        network, and traffic then starts the tunnel. It is refused where the firewall has no such address, for a routed
        (VTI) tunnel, and where the start action is none. It takes effect when it is applied, which this does.
      - Each of the two is set and removed without the other.
    type: str
    choices: [auto, systemd, cron, keepalive, pinghost]
    default: auto
  target:
    description: Whom a pfSense should ping, an address in a remote network of the child, with O(means=pinghost).
    type: str
  timeout:
    description: Seconds that one attempt to initiate is waited for, 1 to 600. The daemon goes on trying after that.
    type: int
    default: 20
attributes:
  check_mode:
    description: Says what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the files before and after.
    support: full
extends_documentation_fragment:
  - tunnelwright.ipsec.guard
  - tunnelwright.ipsec.revision
author:
  - Tunnelwright contributors (@tunnelwright)
seealso:
  - module: tunnelwright.ipsec.probe
  - module: tunnelwright.ipsec.sa
"""

EXAMPLES = r"""
- name: Keep a route-based child up from this end
  tunnelwright.ipsec.keepalive:
    connection: hq
    child: vti
  become: true

- name: Check every five minutes by cron, though systemd runs
  tunnelwright.ipsec.keepalive:
    connection: hq
    child: vti
    interval: 300
    means: cron
  become: true

- name: Have a pfSense ping a host behind its peer
  tunnelwright.ipsec.keepalive:
    connection: con1
    child: con1
    means: pinghost
    target: 10.2.0.1

- name: Stop checking
  tunnelwright.ipsec.keepalive:
    connection: hq
    child: vti
    state: absent
  become: true
"""

RETURN = r"""
keepalive:
  description: The check as it is now, or would be after a run that is not in check mode.
  returned: success
  type: dict
  contains:
    name:
      description: What its files, its units and the file that holds it are named by; empty on a pfSense.
      type: str
    connection:
      description: The connection.
      type: str
    child:
      description: The child.
      type: str
    state:
      description: V(present) or V(absent).
      type: str
    interval:
      description: Seconds from one check to the next.
      type: int
    means:
      description: V(systemd), V(cron), or V(keepalive) for pfSense's own; none where it is absent.
      type: str
  sample: {child: vti, connection: hq, interval: 60, means: systemd, name: hq-vti-3f1c2a9e, state: present}
files:
  description: The files that were, or would be, written or removed.
  returned: success
  type: list
  elements: str
  sample: [/etc/systemd/system/tunnelwright-keepalive-hq-vti-3f1c2a9e.timer]
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "connection": {"type": "str", "required": True},
    "child": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "interval": {"type": "int", "default": 60},
    "means": {"type": "str", "choices": ["auto", "systemd", "cron", "keepalive", "pinghost"], "default": "auto"},
    "target": {"type": "str"},
    "reason": {"type": "str", "default": ""},
    "apply_pending": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 20},
    "guard": {"type": "int"},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the controller, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
