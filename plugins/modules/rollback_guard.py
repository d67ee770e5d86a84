#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback_guard
short_description: Have a gateway undo a change of its tunnels unless it is confirmed in time
version_added: 0.1.0
description:
  - Arms a dead man's switch on the gateway itself before something is changed. It takes a snapshot, and starts a
    process that restores it unless the change is confirmed in time. That process needs neither the network nor the
    controller nor the session that started it.
  - The snapshot has the configuration files that C(swanctl.conf) reaches, those next to it that strongSwan loads
    (certificates and keys), and the periodic checks of M(tunnelwright.ipsec.keepalive), with bytes, modes and owners;
    and which children were established. It stays on the gateway, in a folder below C(/etc/tunnelwright) that only root
    may enter, and nothing of it is shown.
  - A rollback puts back every file that is another, removes files that the includes find and did not find before, has
    the daemon load them where strongSwan's own parser accepts them, ends IKE_SAs that were made since where a file was
    put back, and establishes again what was established. What it did is RV(rollback), and a line in the system's log.
  - It is done also when the IKE daemon or sshd was restarted, when the process was killed (systemd starts it again at
    once, cron within a minute where there is C(flock)), when the clock was set, and when the gateway was restarted
    meanwhile; then at once, whether its time has come or not.
  - On a pfSense the snapshot is C(config.xml). Of it those elements come back that modules of this collection have
    changed, unless they were changed since, and are applied; only where that cannot be done, all of it does.
    A file in C(/usr/local/etc/rc.d) has pfSense start the process again when the firewall has booted; it goes with
    the guard.
  - A guard is armed whole or not at all. Its process must have answered, and all that a rollback will write must have
    its place on the disk. There is one guard for a gateway; another run is refused with its name and age.
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Can run in check mode and predict what a real run does without changing anything.
    support: full
  diff_mode:
    description: Shows whose guard is in force before and after.
    support: full
options:
  state:
    description:
      - V(armed) arms. Where this run, or one of the same O(name), has armed a guard, that gets the time from now on if
        it has less, and keeps its first snapshot; this does not count as a change.
      - V(proven) says that the change works, to all gateways of the change before any of them is confirmed. Where the
        confirmation then does not come in time, the gateway keeps the change if its tunnels stay up for as long again,
        and else rolls back. So both ends of a tunnel keep a change or both undo it, also where only one of them could
        be confirmed; unless the tunnel works between an end that has it and one that does not. Like a confirmation it
        is said over a new connection. It does not count as a change.
      - V(confirmed) ends the guard and leaves the change. Nothing of the guard is left. This is asked over a connection
        made for it, whatever multiplexing is set up, so that it proves that the gateway can still be reached. It fails
        where the gateway has rolled back for this run or name; where there was no guard, it changes nothing.
      - V(rolled_back) has the gateway roll back now, and waits for it. Without a guard it changes nothing.
    type: str
    choices: [armed, proven, confirmed, rolled_back]
    default: armed
  seconds:
    description: With O(state=armed), seconds until the gateway rolls back, 5 to 86400.
    type: int
    default: 300
  name:
    description:
      - What the guard is called, such as the number of a change. A later run that gives the same name may extend and
        confirm it, or have it roll back.
      - By default the user, host and process of the run, which are those of no other run.
    type: str
  timeout:
    description:
      - With O(state=rolled_back), seconds to wait for the end of the rollback, which itself has no limit.
      - So long is a gateway tried that cannot be reached, because a change that has cut its path is undone in time.
    type: float
    default: 300
  config:
    description: The configuration file that includes all others.
    type: path
    default: /etc/swanctl/swanctl.conf
notes:
  - In check mode nothing is changed and RV(guard) shows what there is. So does
    RV(tunnelwright.ipsec.gateway_info#module:gateway.guard).
  - A rollback has the daemon load all files. Settings that were in the files and not loaded when the guard was armed
    are loaded then.
  - After a rollback that was not asked for, modules that write refuse to go on in the same run until this module has
    armed a new guard, because a part of what the run has done is undone.
  - Connections other than C(ssh) are reset before a change is confirmed. Over C(local) there is nothing to prove.
seealso:
  - module: tunnelwright.ipsec.connection
  - module: tunnelwright.ipsec.gateway_info
"""

EXAMPLES = r"""
- name: What is changed from now on is undone in ten minutes
  tunnelwright.ipsec.rollback_guard:
    name: CHG-1042
    seconds: 600
  become: true

- name: Keep it
  tunnelwright.ipsec.rollback_guard:
    name: CHG-1042
    state: confirmed
  become: true

- name: Change a tunnel that this very connection may run through
  become: true
  block:
    - name: Have the gateway undo it in five minutes
      tunnelwright.ipsec.rollback_guard:
        seconds: 300

    - name: Change it
      tunnelwright.ipsec.connection:
        name: branch1
        nat_traversal: force
        reinitiate: true

    - name: Prove it
      tunnelwright.ipsec.probe:
        connection: branch1

    - name: Keep it
      tunnelwright.ipsec.rollback_guard:
        state: confirmed
  rescue:
    - name: Do not wait for the five minutes to pass
      tunnelwright.ipsec.rollback_guard:
        state: rolled_back

- name: The same guard, armed by the task that changes
  tunnelwright.ipsec.connection:
    name: branch1
    settings:
      dpd_delay: 10s
    guard: 300
  become: true
"""

RETURN = r"""
guard:
  description: The guard before and after; null where there is none. In check mode C(after) is what a run would leave.
  returned: success
  type: dict
  contains:
    before:
      description: As RV(tunnelwright.ipsec.gateway_info#module:gateway.guard) has it.
      type: dict
    after:
      description: The same.
      type: dict
  sample:
    before: null
    after:
      age: 0.4
      alive: true
      at_boot: cron
      files: 4
      id: 5f0e6c0a9d1b7e42
      left: 299.6
      name: CHG-1042
      run: "alice@controller, process 4711"
      state: armed
rollback:
  description: What the last guard did that was not confirmed, null if none or if it is not known.
  returned: success
  type: dict
  sample:
    done: [put back /etc/swanctl/conf.d/branch1.conf, load /etc/swanctl/swanctl.conf, find established what was]
    failed: []
    name: CHG-1042
    run: "alice@controller, process 4711"
    time: 1763716021.0
    why: not confirmed in time
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["armed", "proven", "confirmed", "rolled_back"], "default": "armed"},
    "seconds": {"type": "int", "default": 300},
    "name": {"type": "str"},
    "timeout": {"type": "float", "default": 300},
    "config": {"type": "path", "default": "/etc/swanctl/swanctl.conf"},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the gateway without Python, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
