#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: logging
short_description: Have the IKE daemon log more for the time of a diagnosis
version_added: 0.1.0
description:
  - Raises the log levels of strongSwan's IKE daemon, without a restart and without touching an SA, and puts them back.
  - Every logger that the daemon has gets more, so it is in the log that is read anyway. No level is lowered.
    A logger that is off in all groups stays off, unless all are.
  - The means is one file, C(zz-tunnelwright-logging.conf), in a folder that C(strongswan.conf) includes, and
    C(swanctl --reload-settings). No other file is touched; when this one is gone, everything is as it was.
  - The gateway itself removes the file after O(duration), also when the controller is gone by then. Only a restart of
    the whole gateway leaves it there, which M(tunnelwright.ipsec.gateway_info) reports as the problem C(log-raised)
    and O(state=absent) removes.
  - A pfSense generates its log levels from C(config.xml), and they are only compared. The task fails where it logs
    less than is asked for, and says where its web interface has them. By default it logs V(2) of V(ike), V(chd) and
    V(cfg), which is what most diagnoses want.
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Can run in check mode and predict what a real run does without changing anything.
    support: full
  diff_mode:
    description: Shows the levels of all loggers before and after.
    support: full
options:
  levels:
    description:
      - The level that each named log group should have at least, from V(-1) to V(3), with O(state=present).
        The groups are V(default), which means all that are not named, and V(dmn), V(mgr), V(ike), V(chd), V(job),
        V(cfg), V(knl), V(net), V(asn), V(enc), V(app), V(lib), V(esp), V(tls), V(tnc), V(imc), V(imv) and V(pts).
      - V(2) for V(ike), V(cfg) and V(chd) tells most reasons. V(3) dumps messages. V(4) would write keys into the log
        and is refused.
      - V(3) of V(enc) and V(tls) would write what was encrypted into the log, such as passwords of XAuth and EAP, and
        is refused too. V(default) raises these two groups to V(2) at most.
      - V(3) of V(ike) dumps messages of EAP, also those inside EAP-TTLS and EAP-PEAP. Where users log in with
        passwords, be content with V(2).
      - They replace the levels of an earlier run, they do not add to them.
    type: dict
  state:
    description: V(present) raises, V(absent) puts back.
    type: str
    choices: [present, absent]
    default: present
  duration:
    description:
      - Seconds until the gateway itself puts the levels back, 5 to 86400.
      - A further run with the same levels starts the time again, which does not count as a change.
    type: int
    default: 900
notes:
  - C(swanctl --reload-settings) has the daemon read all of C(strongswan.conf) again, also what others have
    edited there since.
  - Where others than root may change C(strongswan.conf), the folder that it includes, or what lies above them, it is
    refused. A path in the environment variable C(STRONGSWAN_CONF) counts where root gave it to the daemon.
  - A log file with C(append = no) is truncated whenever the settings are read again. A warning says so.
seealso:
  - module: tunnelwright.ipsec.gateway_info
"""

EXAMPLES = r"""
- name: Log more for five minutes
  tunnelwright.ipsec.logging:
    levels: {ike: 2, cfg: 2}
    duration: 300
  become: true

- name: Diagnose with more of the log
  become: true
  block:
    - name: Log more
      tunnelwright.ipsec.logging:
        levels: {default: 2}

    - name: Try
      tunnelwright.ipsec.sa:
        connection: hq
        state: established
  always:
    - name: Log as before
      tunnelwright.ipsec.logging:
        state: absent
"""

RETURN = r"""
file:
  description: The file that raises the levels. Null with O(state=absent), and where all levels are as high without it.
  returned: success
  type: str
  sample: /etc/strongswan.d/zz-tunnelwright-logging.conf
loggers:
  description: The loggers before and after, as RV(tunnelwright.ipsec.gateway_info#module:gateway.loggers) has them.
  returned: success
  type: dict
  contains:
    before:
      description: Before the run.
      type: list
      elements: dict
    after:
      description: Afterwards; in check mode, as a run would leave it.
      type: list
      elements: dict
  sample:
    before: [{levels: {default: 1}, name: journal, origin: ""}]
    after:
      - {levels: {default: 1, ike: 2}, name: journal, origin: "/etc/strongswan.d/zz-tunnelwright-logging.conf:4"}
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "levels": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "duration": {"type": "int", "default": 900},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the gateway without Python, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
