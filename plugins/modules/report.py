#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write an audit to files, and fail by severity
version_added: 0.1.0
description:
  - Writes what M(tunnelwright.ipsec.tunnel_audit) returned in formats for programs and people.
    All of them tell the same, but for V(notice), which tells what has changed.
  - Runs on the controller and connects to nothing.
  - Reports of two audits of gateways that have not changed differ in their time alone; the metrics also in the bytes
    that were counted.
  - What a person or a peer has put into a name cannot break out of its place in any of them. Characters that cannot be
    seen are written as C(\\x1b) or C(\\u202e), and JSON and SARIF are plain ASCII.
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Writes nothing in check mode, and says whether it would.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
    support: none
options:
  audit:
    description:
      - The registered result of M(tunnelwright.ipsec.tunnel_audit).
      - One that has left out findings (RV(tunnelwright.ipsec.tunnel_audit#module:findings_left_out)) is judged by
        O(fail_on), and not written.
    type: dict
    required: true
  folder:
    description: Where the files go. It is made if need be. Required unless O(formats) is empty.
    type: path
  name:
    description: What the files are called, without their endings.
    type: str
    default: findings
  formats:
    description:
      - Which to write. Each has an ending of its own - C(.json), C(.xml), C(.sarif), C(.md), C(.csv), C(.prom),
        C(.html) and C(.txt).
      - V(json) follows a published JSON Schema, which it names. V(sarif) is SARIF 2.1.0.
      - V(junit) has a suite for each tunnel and a test for each finding; a waived one is a skipped test.
      - V(prometheus) is for the textfile collector of Prometheus' node exporter; only this file is readable for all.
      - V(html) is one file that needs no network. It shows both ends of a tunnel side by side where the audit was made
        with O(tunnelwright.ipsec.tunnel_audit#module:sides).
      - V(notice) is for people who follow changes - a few lines of what has changed since the report of
        O(since), and an empty file where nothing has.
    type: list
    elements: str
    choices: [json, junit, sarif, markdown, csv, prometheus, html, notice]
    default: [json]
  since:
    description:
      - An earlier report in V(json), to say what has changed since. It may be the file that is written, and need not be
        there.
      - A finding is the same where its id, its tunnel and its end are.
    type: path
  fail_on:
    description:
      - Fail if there is a finding of this severity or a worse one. The files are written before.
      - A waived finding does not count.
    type: str
    choices: [never, info, low, medium, high, critical]
    default: never
seealso:
  - module: tunnelwright.ipsec.tunnel_audit
"""

EXAMPLES = r"""
- name: Compare the ends
  tunnelwright.ipsec.tunnel_audit:
    gateways: "{{ gateways }}"
    policy: baseline
  register: audit

- name: Have a pipeline show the findings, and fail for grave ones
  tunnelwright.ipsec.report:
    audit: "{{ audit }}"
    folder: reports
    formats: [junit, sarif, json]
    fail_on: high
"""

RETURN = r"""
files:
  description: The paths that were written, or would be.
  returned: success
  type: list
  elements: str
counts:
  description: How many findings there are of each severity.
  returned: success
  type: dict
drift:
  description:
    - What has changed since the report of O(since) - C(since) when that was, C(appeared) and C(gone) findings, and
      tunnels that C(moved) to another state.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

FORMATS = ["json", "junit", "sarif", "markdown", "csv", "prometheus", "html", "notice"]
SEVERITIES = ["never", "info", "low", "medium", "high", "critical"]
ARGUMENT_SPEC = {
    "audit": {"type": "dict", "required": True},
    "folder": {"type": "path"},
    "name": {"type": "str", "default": "findings"},
    "formats": {"type": "list", "elements": "str", "choices": FORMATS, "default": ["json"]},
    "since": {"type": "path"},
    "fail_on": {"type": "str", "choices": SEVERITIES, "default": "never"},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the controller, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
