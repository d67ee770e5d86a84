# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter from_swanctl_conf: settings text to the settings that strongSwan makes of it."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError

from ..plugin_utils._ipsec.errors import ParseError
from ..plugin_utils._ipsec.model import resolve_type
from ..plugin_utils._ipsec.swanctl.settings import parse

DOCUMENTATION = r"""
name: from_swanctl_conf
short_description: Read swanctl.conf or strongswan.conf as strongSwan does
version_added: 0.1.0
author:
  - Tunnelwright contributors (@tunnelwright)
description:
  - Turns the text of a C(swanctl.conf) or C(strongswan.conf) into a nested dictionary of its effective settings,
    exactly as strongSwan's own parser reads it. Repeated sections are merged, references to templates resolved, cleared
    keys absent.
  - Values are strings, sections are dictionaries. Where a key and a section have one name, the section wins.
  - An C(include) cannot be followed from a text and is an error. Give the text of the files, one after the other.
positional: _input
options:
  _input:
    description: The text.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: The children of every connection
  ansible.builtin.debug:
    msg: "{{ settings.connections | dict2items | items2dict(value_name='value') }}"
  vars:
    settings: "{{ lookup('ansible.builtin.file', 'swanctl.conf') | tunnelwright.ipsec.from_swanctl_conf }}"
"""

RETURN = r"""
_value:
  description: The effective settings.
  type: dict
"""


def from_swanctl_conf(text: object) -> dict[str, object]:
    """The effective settings of a text; names the line of what strongSwan would not accept."""
    if not isinstance(text, str):
        raise AnsibleFilterError(f"from_swanctl_conf reads text, not {resolve_type(text)}")
    try:
        settings = parse(text.encode("utf-8", "surrogateescape"), name="line")
        tree = settings.tree()
    except ParseError as error:
        raise AnsibleFilterError(f"from_swanctl_conf: {error}") from error
    if included := [problem for problem in settings.warnings if problem.kind == "unmatched-include"]:
        first = included[0]
        raise AnsibleFilterError(f"from_swanctl_conf: {first.what} at {first.where}: give the files' text instead")
    return tree


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """The filters by name."""
        return {"from_swanctl_conf": from_swanctl_conf}
