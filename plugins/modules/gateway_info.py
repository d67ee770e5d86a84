#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_info
short_description: Read everything about the tunnels of one gateway
version_added: 0.1.0
description:
  - Reads one gateway in one round trip and changes nothing.
  - Says separately what is configured in files, what the daemon has loaded, and which SAs are installed,
    and where these differ.
  - The gateway needs a POSIX shell and no Python.
  - Of a pfSense, config.xml is read by the PHP that is there. Its connections are what config.xml says, in swanctl's
    words. What was generated of that, and what the daemon has, are compared with it.
  - Pre-shared keys never leave the gateway. Of each the result has the identities it is for and a keyed digest.
  - What could not be read is in RV(gateway.problems); the rest is still there, and the task does not fail.
extends_documentation_fragment: tunnelwright.ipsec.gathering
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the same as outside of it.
    support: full
  diff_mode:
    description: Has nothing to show in C(diff) mode, as it changes nothing.
    support: none
options:
  digest_key:
    description:
      - The key of the digests. Digests of two gateways compare only if they were made with the same key,
        so give all gateways the same. At least 16 characters.
      - Without it each gateway gets a random key of its own, and no digest compares with any other.
    type: str
  log_from:
    description:
      - RV(gateway.log_end) of an earlier reading. Only what was logged since is read, at most O(log_lines) lines of it;
        that there was more is the problem C(log-cut).
      - A log file that was rotated meanwhile is read from its start.
    type: str
notes:
  - Use C(become) where the login user must not read the configuration or open the daemon's socket.
  - On a pfSense C(root) and C(admin) need no C(become); any other user needs its package C(sudo).
seealso:
  - ref: ansible_collections.tunnelwright.ipsec.docsite.guide_pfsense
    description: What to enable on a pfSense, and what is read of it.
"""

EXAMPLES = r"""
- name: Read the gateways
  tunnelwright.ipsec.gateway_info:
    digest_key: "{{ ipsec_digest_key }}"
  become: true
  register: read

- name: Show what is configured and not loaded
  ansible.builtin.debug:
    msg: "{{ read.gateway.connections | rejectattr('loaded') | map(attribute='name') }}"

- name: Read only the configuration and the last 50 lines of the log
  tunnelwright.ipsec.gateway_info:
    sas: false
    log: true
    log_lines: 50
  become: true
"""

RETURN = r"""
gateway:
  description: The gateway in the words of the model, the same for every platform.
  returned: success
  type: dict
  contains:
    name:
      description: The inventory name.
      type: str
    platform:
      description: What the gateway is.
      type: str
      sample: pfsense
    version:
      description: The version of the IKE daemon.
      type: str
      sample: 6.0.1
    daemon:
      description:
        - Whether the IKE daemon is installed and running (null if that could not be found out), its figures, and
          how long it waits for an answer (C(retransmission)).
        - C(starter) is the unit or script that starts it with the machine (empty if not known), C(loads) whether that
          has it load its connections (null if not known).
      type: dict
    connections:
      description:
        - Connections of the files and of the daemon, with defaults filled in.
        - C(configured) and C(loaded) say where a connection is, C(differs) what the daemon has otherwise than the file,
          C(settings) what the file sets, each with its C(origin) (file and line) and the C(template) it is inherited
          from.
        - On a pfSense C(settings) are those it generates, each with the path of the element of config.xml that it
          follows from; C(native) are the elements of phase 1 by their own names. C(description) is what people wrote.
          C(unapplied) is what config.xml has otherwise than the file that was generated last. C(omitted) says why
          nothing is generated of it, V(disabled), V(no-address) or V(no-proposal). C(standby) is whether another
          firewall of the cluster has its address, and so the tunnel.
      type: list
      elements: dict
    sas:
      description: IKE_SAs with their CHILD_SAs. Null if not asked for or not to be had.
      type: list
      elements: dict
    policies:
      description: Policies installed without an SA. Null if not asked for or not to be had.
      type: list
      elements: dict
    secrets:
      description:
        - For each pre-shared key its identities, its keyed digest (null if the gateway has no tool to make one)
          and where it is.
      type: list
      elements: dict
    keepalives:
      description:
        - Periodic checks that M(tunnelwright.ipsec.keepalive) installed, with C(means) V(systemd) or V(cron).
        - On a pfSense those of its phase 2 entries, with C(means) V(keepalive), or V(pinghost) and the C(target) that
          is pinged. C(idle) says why one does nothing.
      type: list
      elements: dict
    certificates:
      description: Certificates the daemon holds. Null if not asked for.
      type: list
      elements: dict
    log:
      description:
        - The last lines of the daemon's log. Null if not asked for, or if one of its loggers is at a level at which it
          writes keys, which is the problem C(log-hides).
      type: list
      elements: str
    log_end:
      description: The position after them, for O(log_from). Null if not asked for.
      type: str
    loggers:
      description:
        - Where the daemon logs to, by strongswan.conf, with the C(levels) of the groups that differ from C(default).
          Null if strongswan.conf could not be found or read. Nothing else of that file is read.
        - What no logger writes though it tells why tunnels fail is the problem C(log-hides).
          M(tunnelwright.ipsec.logging) raises levels; those that a restart has left raised are the problem
          C(log-raised).
      type: list
      elements: dict
      sample: [{levels: {default: 1, ike: 2}, name: filelog.main, origin: "/etc/strongswan.conf:5"}]
    guard:
      description:
        - The guard of M(tunnelwright.ipsec.rollback_guard) that is in force, null if none is or if only root may know.
        - C(name) and C(run) say whose it is, C(state) is V(armed), V(proven), V(confirmed) or V(rolling_back), C(alive)
          whether what would roll back runs (if not, that is the problem C(guard-dead)), C(age) and C(left) are seconds
          (null after a restart of the gateway), C(at_boot) says what rolls back after a restart, C(files) how many are
          kept.
      type: dict
    rollback:
      description:
        - What the last guard did that was not confirmed, with C(name), C(run), C(why), C(time) (Unix time of its end),
          what was C(done) and what C(failed). Null if there was none.
      type: dict
    system:
      description:
        - Host name, Unix time, kernel, init system, whether cron runs, addresses, load averages and cores.
        - C(routes) are destinations and devices. Null if not asked for, if there are 1000 or more, or if routing rules
          of its own choose between tables.
        - C(nat) has of each rule that translates addresses what it does and the addresses that it names. Empty if not
          asked for.
        - C(managed_from) is the address that the session came from. Empty if not known.
      type: dict
    appliance:
      description:
        - What a firewall that generates the daemon's configuration says of its own. Null on others.
        - C(product), C(version), C(config_version); C(fingerprint), a keyed digest of the whole configuration.
        - C(revision) is what wrote it last, C(revisions) the ten before that are kept, each with C(time) (Unix time),
          C(by) and C(description).
        - C(unapplied) is whether it says that changes to its tunnels wait to be applied, C(booting) whether it boots.
        - C(role) is V(alone), V(primary) or V(secondary) in a cluster (a secondary is the problem C(ha-secondary),
          which keeps nothing from being read), C(carp) the addresses that the cluster shares, with their C(state).
      type: dict
      sample: {product: pfSense CE, version: 2.7.2-RELEASE, config_version: "23.3", unapplied: false, role: alone}
    settable:
      description:
        - The settings, by swanctl's names, that the platform's own configuration has a place for. Null where that is
          all of them.
      type: list
      elements: str
    dpd_follows_close:
      description: Whether the platform makes C(dpd_action) of the close action, so that they cannot be set apart.
      type: bool
    problems:
      description: What kept a part of the gateway from being read, each with C(kind), C(what), C(where) and C(hint).
      type: list
      elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC = {
    "platform": {"type": "str", "choices": ["auto", "pfsense", "strongswan"], "default": "auto"},
    "config": {"type": "path", "default": "/etc/swanctl/swanctl.conf"},
    "digest_key": {"type": "str", "no_log": True},
    "sas": {"type": "bool", "default": True},
    "certificates": {"type": "bool", "default": True},
    "log": {"type": "bool", "default": False},
    "log_lines": {"type": "int", "default": 200},
    "log_from": {"type": "str"},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the controller, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
