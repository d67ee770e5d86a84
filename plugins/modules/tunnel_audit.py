#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel_audit
short_description: Compare the two ends of every tunnel and plan the smallest change
version_added: 0.1.0
description:
  - Finds which connection on which gateway is the other end of which, compares the two, names what is wrong on which
    end with evidence, and plans the smallest change on the right end.
  - Runs on the controller and connects to nothing. Run it once for a play, with what
    M(tunnelwright.ipsec.gateway_info) returned for each gateway, or M(tunnelwright.ipsec.fleet_info) for all.
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Can run in check mode and return the same result as otherwise.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
    support: none
options:
  gateways:
    description:
      - By inventory name, RV(tunnelwright.ipsec.gateway_info#module:gateway) or the whole registered result of
        that module.
      - A registered result that failed or was unreachable becomes a finding and does not hide the other gateways.
    type: dict
    default: {}
  fleet:
    description:
      - The registered result of M(tunnelwright.ipsec.fleet_info), instead of O(gateways) or in addition. What is in its
        RV(tunnelwright.ipsec.fleet_info#module:folder) is read there.
      - Gateways that could not be read become findings.
    type: dict
    default: {}
  folders:
    description:
      - Folders, or patterns of folders such as C(/srv/ipsec/*), of files that M(tunnelwright.ipsec.fleet_info) wrote,
        for instance one of each slice of a fleet. Ends are paired across all of them.
      - A gateway may be in one of them only. All must have been read with the same digest key.
    type: list
    elements: path
    default: []
  tunnels:
    description: What you declare about tunnels; a declaration decides over what would be found out.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The tunnel's name in findings.
        type: str
        required: true
      ends:
        description: Its two ends.
        type: list
        elements: dict
        required: true
        suboptions:
          gateway:
            description: Inventory name.
            type: str
            required: true
          connection:
            description: The connection's name on that gateway.
            type: str
            required: true
          settings:
            description: Settings of the connection that this end must have.
            type: dict
            default: {}
          child_settings:
            description: Settings that this end must have in every child that both ends have.
            type: dict
            default: {}
      initiator:
        description: Inventory name of the gateway that should initiate.
        type: str
      settings:
        description:
          - Settings of the connection that both ends must have, by swanctl's names.
          - What mirrors or differs between the ends is refused here and belongs to one of them.
        type: dict
        default: {}
      child_settings:
        description: The same for every child that both ends have, such as C(esp_proposals) or C(rekey_time).
        type: dict
        default: {}
      verify:
        description: How to prove it. V(ping) is a list of V({from, to}) addresses.
        type: dict
        default: {}
  probes:
    description: Registered results of M(tunnelwright.ipsec.probe) for these tunnels.
    type: list
    elements: dict
    default: []
  attempts:
    description:
      - What came of initiating tunnels, one for each attempt. The C(diagnose) role makes them.
      - From both daemons' logs, each becomes a verdict on that direction, and the cause becomes a finding.
    type: list
    elements: dict
    default: []
    suboptions:
      gateway:
        description: The gateway that initiated.
        type: str
        required: true
      connection:
        description: The connection it initiated.
        type: str
        required: true
      result:
        description: The registered result of M(tunnelwright.ipsec.sa) there, also where it failed.
        type: dict
        required: true
      peer:
        description: The registered result of M(tunnelwright.ipsec.gateway_info) on the other end, with its log since.
        type: dict
        required: true
  compare:
    description: Names of tunnels whose two ends are shown side by side in RV(comparisons).
    type: list
    elements: str
    default: []
  sides:
    description: Whether to return both ends of every tunnel side by side in RV(sides), for the report V(html).
    type: bool
    default: false
  limit:
    description:
      - Gateways that may be changed. Steps on others become RV(advice).
      - Without it every gateway may be changed.
    type: list
    elements: str
  psks:
    description: Names of tunnels for which you give a pre-shared key to the C(remediate) role. Never the keys.
    type: list
    elements: str
    default: []
  psk_digests:
    description:
      - By tunnel, what the filter P(tunnelwright.ipsec.psk_digests#filter) makes of the key that you give, so that it
        can be compared with what the gateways have. A tunnel that is here need not be in O(psks).
      - The digest key must be the one that M(tunnelwright.ipsec.gateway_info) was given.
    type: dict
    default: {}
  policy:
    description:
      - A profile that the tunnels are judged by besides, by its name or as a file of yours that may extend one.
      - The collection has C(baseline), C(strongswan_recommended), C(rfc), C(nist_800_77r1), C(disa_vpn_srg) and
        C(cnsa_2_0). A file ends in C(.yml) and may change thresholds and waive rules for single tunnels.
      - What the tunnels have against it is in RV(findings), and in RV(waived) where a waiver covers it. Nothing is
        planned for its sake without O(policy_target).
      - A file needs the Python library C(jsonschema) on the controller.
    type: str
    default: ''
  policy_target:
    description:
      - Plan, for tunnels that have something against O(policy), what the C(target) of the profile says that they are to
        have, as if you had declared it in O(tunnels). What you declare there stays.
      - Only what a finding asks for is planned; what a waiver covers is left as it is.
    type: bool
    default: false
  repair:
    description:
      - Classes of repairs that are planned. What is found is the same; a finding without its repair says why.
      - V(load) starts the IKE daemon and loads what is configured. V(sas) brings up what should be up, and ends SAs of
        the pair that stand alone, are doubled or are outdated. V(agreement) makes both ends agree on proposals,
        version, identities, addresses, networks and the key that you give. V(dpd) has an end check that its peer is
        alive. V(roles) has one end initiate and the other answer. V(path) forces ESP into UDP where it is lost.
      - V(persistence) has the initiator of a tunnel that is up bring it back after every way of ending. V(practice) is
        what good practice asks for where nothing is wrong, such as lifetimes, MOBIKE and reauthentication.
      - V(peer_word) follows a peer that has proven nothing, and takes wider networks over from it.
      - V(default) stands for V(load), V(sas), V(agreement), V(dpd), V(roles) and V(path). The other three change what
        works, or trust more than what is proven.
    type: list
    elements: str
    choices: [default, load, sas, agreement, dpd, roles, path, persistence, practice, peer_word]
    default: [default]
  only:
    description:
      - Names of tunnels, or patterns of names such as V(branch*). All gateways are read and all ends paired, and
        only these tunnels are reported, planned and probed.
      - A name or pattern that no tunnel has is an error.
    type: list
    elements: str
    default: []
  before:
    description: RV(findings) of an audit before a repair; with O(done) it makes RV(repairs).
    type: list
    elements: dict
  done:
    description: Registered results of the loops that ran the steps of a plan, with the loop variable C(step).
    type: list
    elements: dict
    default: []
  undone:
    description: By tunnel, what became of what O(done) changed and what was then taken back.
    type: dict
    default: {}
  findings_file:
    description:
      - A file on the controller that each finding is written to as soon as it is found, as one line of JSON. What was
        in it is replaced, also in check mode.
      - RV(findings) then has the worst 1000, as RV(table) always has, so that the result of a large fleet that has much
        wrong does not grow with them. RV(plan) is for all of them.
    type: path
  show:
    description: Whether to print RV(table).
    type: bool
    default: false
seealso:
  - module: tunnelwright.ipsec.gateway_info
  - module: tunnelwright.ipsec.probe
  - module: tunnelwright.ipsec.report
"""

EXAMPLES = r"""
- name: Read the gateways
  tunnelwright.ipsec.gateway_info:
    digest_key: "{{ ipsec_digest_key }}"
  register: gateway

- name: Compare the ends
  tunnelwright.ipsec.tunnel_audit:
    gateways: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'gateway'))) }}"
    show: true
  run_once: true
  register: audit
"""

RETURN = r"""
tunnels:
  description:
    - Each tunnel with its ends, its initiator and why, whether it is C(up), its C(state) and what proves it.
    - C(state) is V(down), V(unknown), V(up), V(up, traffic passes) or V(up, no traffic).
    - V(unknown) is a tunnel of which an end's SAs could not be read, V(up) one through which nothing was pinged.
  returned: success
  type: list
  elements: dict
verdicts:
  description:
    - By tunnel that O(attempts) were made on, one verdict for each attempt.
    - Which end initiated, whether it works, and if not the cause as a finding's id, the end at fault, one sentence, and
      the log lines that prove it.
  returned: success
  type: dict
comparisons:
  description: By tunnel of O(compare), both ends side by side as text, with what differs marked.
  returned: success
  type: dict
sides:
  description: By tunnel, with O(sides), what is compared - C(what), both C(values), and whether they are the C(same).
  returned: success
  type: dict
unpaired:
  description: Ends whose other end is not among the gateways, and why.
  returned: success
  type: list
  elements: dict
findings:
  description:
    - What is wrong, worst first, with the end to change, evidence, reference and fix.
    - C(end.description) is what people call that connection and child, on a firewall that numbers them (pfSense).
    - With O(findings_file) the worst 1000.
  returned: success
  type: list
  elements: dict
findings_left_out:
  description: How many findings are in O(findings_file) that are not in RV(findings).
  returned: when O(findings_file) is given
  type: int
plan:
  description:
    - Steps in order, each one module call on one gateway.
    - C(description) as in RV(findings).
  returned: success
  type: list
  elements: dict
waived:
  description: Findings that a waiver of O(policy) covers today, each as C(finding) and C(waiver).
  returned: success
  type: list
  elements: dict
policy:
  description: The name of the profile, empty without one.
  returned: success
  type: str
time:
  description: When the audit was made, in UTC.
  returned: success
  type: str
certificates:
  description: Until when the certificates are valid that the gateways have the private key of.
  returned: success
  type: list
  elements: dict
outages:
  description:
    - By tunnel of which there are steps in RV(plan), for how many C(seconds) it is expected to carry nothing meanwhile,
      and why (C(because)).
    - 0 where it is changed make before break, or is down anyway.
  returned: success
  type: dict
advice:
  description: What others must do on gateways outside O(limit), as text to send.
  returned: success
  type: list
  elements: str
to_probe:
  description: By gateway, what to give to M(tunnelwright.ipsec.probe) there.
  returned: success
  type: dict
to_try:
  description:
    - By tunnel that is down, what to give to M(tunnelwright.ipsec.sa) to find out why, first at the end that is to
      answer. Each as C(gateway), C(connection) and C(child), which is null where all of the tunnel is down.
  returned: success
  type: dict
left_unproven:
  description: By tunnel that is not proven, and that RV(plan) would leave so, why.
  returned: success
  type: dict
read_in_part:
  description: Gateways of which a part could not be read, and why. What is said of their tunnels may be incomplete.
  returned: success
  type: dict
gateways_unreadable:
  description: Gateways that could not be read, and why.
  returned: success
  type: dict
repairs:
  description:
    - By tunnel, what was wrong, what changed where, what failed, what is still wrong, and whether the tunnel is proven.
    - C(due) is whether it has to be proven. It has to if a finding was high or critical, or if a step was taken.
    - C(undone) is what became of what was changed and then taken back; empty where it is kept.
  returned: when O(before) is given
  type: list
  elements: dict
table:
  description: All of this as text for people.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

END_SPEC = {
    "gateway": {"type": "str", "required": True},
    "connection": {"type": "str", "required": True},
    "settings": {"type": "dict", "default": {}},
    "child_settings": {"type": "dict", "default": {}},
}
TUNNEL_SPEC = {
    "name": {"type": "str", "required": True},
    "ends": {"type": "list", "elements": "dict", "required": True, "options": END_SPEC},
    "initiator": {"type": "str"},
    "settings": {"type": "dict", "default": {}},
    "child_settings": {"type": "dict", "default": {}},
    "verify": {"type": "dict", "default": {}},
}
ATTEMPT_SPEC = {
    "gateway": {"type": "str", "required": True},
    "connection": {"type": "str", "required": True},
    "result": {"type": "dict", "required": True},
    "peer": {"type": "dict", "required": True},
}
ARGUMENT_SPEC = {
    "gateways": {"type": "dict", "default": {}},
    "fleet": {"type": "dict", "default": {}},
    "folders": {"type": "list", "elements": "path", "default": []},
    "tunnels": {"type": "list", "elements": "dict", "default": [], "options": TUNNEL_SPEC},
    "probes": {"type": "list", "elements": "dict", "default": []},
    "attempts": {"type": "list", "elements": "dict", "default": [], "options": ATTEMPT_SPEC},
    "compare": {"type": "list", "elements": "str", "default": []},
    "sides": {"type": "bool", "default": False},
    "limit": {"type": "list", "elements": "str"},
    "psks": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "psk_digests": {"type": "dict", "default": {}, "no_log": False},
    "policy": {"type": "str", "default": ""},
    "policy_target": {"type": "bool", "default": False},
    "only": {"type": "list", "elements": "str", "default": []},
    "repair": {
        "type": "list",
        "elements": "str",
        "choices": [
            *("default", "load", "sas", "agreement", "dpd", "roles", "path"),
            *("persistence", "practice", "peer_word"),
        ],
        "default": ["default"],
    },
    "before": {"type": "list", "elements": "dict"},
    "done": {"type": "list", "elements": "dict", "default": []},
    "undone": {"type": "dict", "default": {}},
    "findings_file": {"type": "path"},
    "show": {"type": "bool", "default": False},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the controller, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
