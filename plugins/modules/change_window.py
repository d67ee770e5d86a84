#!/usr/bin/python
# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: change_window
short_description: Say whether a change may begin now
version_added: 0.1.0
description:
  - Compares the controller's clock with a change window, and says how long it stays open. Runs on the controller and
    connects to nothing.
author:
  - Tunnelwright contributors (@tunnelwright)
attributes:
  check_mode:
    description: Looks at the clock in check mode too.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
options:
  window:
    description: When changes may be made. Without it any time is fine.
    type: dict
    suboptions:
      start:
        description: A time of every day such as V("22:00"), or a date and time such as V(2026-11-21T22:00).
        type: str
      end:
        description: The same kind of time. One of every day that is not later than O(window.start) is of the next day.
        type: str
      timezone:
        description:
          - The IANA time zone of both, such as V(Europe/Berlin). It is needed unless both name their distance from UTC,
            such as V(2026-11-21T22:00+01:00).
        type: str
  needs:
    description: Seconds that must be left until the window closes. With less it does not count as open.
    type: float
    default: 0
  fail:
    description: Whether the task fails where the window is not open.
    type: bool
    default: true
seealso:
  - module: tunnelwright.ipsec.rollback_guard
"""

EXAMPLES = r"""
- name: Change nothing by day
  tunnelwright.ipsec.change_window:
    window:
      start: "22:00"
      end: "05:00"
      timezone: Europe/Berlin
    needs: 600
  run_once: true
"""

RETURN = r"""
open:
  description: Whether a change may begin now.
  returned: always
  type: bool
closes_in:
  description: Seconds until the window closes. Null where there is no window, or none is open.
  returned: always
  type: float
why:
  description: The same in one sentence.
  returned: always
  type: str
  sample: "the change window is closed: it opens 2026-11-21 22:00 CET, in 3 h 12 min"
"""

from ansible.module_utils.basic import AnsibleModule

WINDOW_SPEC = {"start": {"type": "str"}, "end": {"type": "str"}, "timezone": {"type": "str"}}
ARGUMENT_SPEC = {
    "window": {"type": "dict", "options": WINDOW_SPEC},
    "needs": {"type": "float", "default": 0},
    "fail": {"type": "bool", "default": True},
}


def main():
    AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True).fail_json(
        msg="This task runs on the controller, through the action plugin of the same name."
    )


if __name__ == "__main__":
    main()
