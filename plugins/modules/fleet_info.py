#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_info
short_description: Read everything about the tunnels of many gateways in one task
version_added: 0.1.0
description:
  - Reads what M(tunnelwright.ipsec.gateway_info) reads, of all gateways in one task, from one process on the
    controller, over SSH by paramiko. Changes nothing.
  - Runs once for a play, whatever the hosts of the play, and makes its own connection to every host that it reads.
  - How a host is reached is what its own variables and Ansible's settings say, as with Ansible's C(ssh) connection -
    address, port, user, password, private key, C(ansible_ssh_common_args) with ProxyJump or ProxyCommand, OpenSSH's
    own configuration files, host key checking and known_hosts, and C(become) with and without a password. Templated
    values are resolved.
  - Nothing is ever asked on a terminal. A host key that is not known is refused, unless Ansible's or OpenSSH's own
    settings say otherwise.
  - A gateway that cannot be read is in RV(unreadable) with the reason. It delays the others by no more than its own
    timeouts, and does not fail the task.
extends_documentation_fragment: tunnelwright.ipsec.gathering
author:
  - Tunnelwright contributors (@tunnelwright)
requirements:
  - paramiko 3.2 or newer on the controller
  - OpenSSH's client on the controller, which tells what its arguments and configuration files mean
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the same as outside of it.
    support: full
  diff_mode:
    description: Has nothing to show in C(diff) mode, as it changes nothing.
    support: none
options:
  hosts:
    description:
      - Hosts or groups to read, each a pattern as in a play's C(hosts). C(--limit) does not apply to them.
      - Without it the hosts of the play that have not failed.
    type: list
    elements: str
    default: []
  digest_key:
    description:
      - The key of the digests of pre-shared keys. At least 16 characters.
      - Without it all gateways get the same random key, so that their digests compare with each other and with no
        others.
    type: str
  threads:
    description: How many gateways to read at the same time.
    type: int
    default: 32
  connect_timeout:
    description:
      - Seconds in which a gateway must be connected to and logged in to, all tries together.
      - Without it what Ansible's own settings say for each host, C(ansible_ssh_timeout) or C(timeout), which is 10.
    type: float
  timeout:
    description: Seconds in which a gateway must have answered, once it is logged in to.
    type: float
    default: 120
  retries:
    description:
      - How often to try again to connect to a gateway, while no login has begun. What fails later is not tried again.
      - Without it what Ansible's own settings say for each host, C(ansible_ssh_retries), which is 0.
    type: int
  memory:
    description:
      - MiB of readings to return. What is more goes to files in RV(folder), so that neither this task nor Ansible's
        variables grow with the fleet. V(0) puts all into files.
    type: int
    default: 64
  dest:
    description:
      - Folder on the controller for one file of each gateway, C(HOST.json), also of those that could not be read.
        None is then in RV(gateways). Files of hosts that are not read now stay as they are.
      - Without it, files go to a folder that Ansible removes when it ends.
    type: path
notes:
  - C(become), C(remote_user) and C(port) as keywords of the task or play are for the gateways. C(connection) as a
    keyword is not looked at; a host whose C(ansible_connection) does not speak SSH is in
    RV(unreadable).
  - An agent is asked for keys if it is the one of C(SSH_AUTH_SOCK). GSSAPI, hardware keys and host certificates are
    not for this module.
  - The strategy C(free) does not run modules that run once.
seealso:
  - module: tunnelwright.ipsec.gateway_info
  - module: tunnelwright.ipsec.tunnel_audit
  - plugin: tunnelwright.ipsec.paramiko
    plugin_type: connection
  - ref: ansible_collections.tunnelwright.ipsec.docsite.guide_fleet
    description: A thousand gateways, one machine or several.
"""

EXAMPLES = r"""
- name: Read the gateways
  tunnelwright.ipsec.fleet_info:
    hosts: [gateways]
  register: fleet

- name: Say which could not be read
  ansible.builtin.debug:
    var: fleet.unreadable
  run_once: true

- name: Compare the ends
  tunnelwright.ipsec.tunnel_audit:
    fleet: "{{ fleet }}"
    show: true
  run_once: true

- name: Keep one file of each gateway, for instance of one slice of the fleet
  tunnelwright.ipsec.fleet_info:
    dest: /var/tmp/ipsec/slice1
    digest_key: "{{ ipsec_digest_key }}"
"""

RETURN = r"""
gateways:
  description:
    - By inventory name, what M(tunnelwright.ipsec.gateway_info) returns as
      RV(tunnelwright.ipsec.gateway_info#module:gateway).
    - Those beyond O(memory), or all if there is O(dest), are not here, but in RV(folder).
  returned: success
  type: dict
unreadable:
  description: By inventory name, why a gateway could not be read, in one sentence.
  returned: success
  type: dict
  sample: {fw-branch7: "nothing answers at 192.0.2.7 port 22: is it up, and does the path let ssh through"}
read:
  description: How many gateways were read.
  returned: success
  type: int
folder:
  description:
    - Where files of gateways are, for O(tunnelwright.ipsec.tunnel_audit#module:folders). Null if there are none.
    - Each is C(HOST.json) with what gateway_info returns for the host; in a host's name what cannot be in a file's is
      encoded as in URLs.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "hosts": {"type": "list", "elements": "str", "default": []},
    "platform": {"type": "str", "choices": ["auto", "pfsense", "strongswan"], "default": "auto"},
    "config": {"type": "path", "default": "/etc/swanctl/swanctl.conf"},
    "digest_key": {"type": "str", "no_log": True},
    "sas": {"type": "bool", "default": True},
    "certificates": {"type": "bool", "default": True},
    "log": {"type": "bool", "default": False},
    "log_lines": {"type": "int", "default": 200},
    "threads": {"type": "int", "default": 32},
    "connect_timeout": {"type": "float"},
    "timeout": {"type": "float", "default": 120},
    "retries": {"type": "int"},
    "memory": {"type": "int", "default": 64},
    "dest": {"type": "path"},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the controller, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
