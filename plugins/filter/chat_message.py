# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter chat_message: any text as a message that a chat shows as it is."""

from __future__ import annotations

from collections.abc import Callable

from ..plugin_utils._ipsec.report.markdown_text import format_message

DOCUMENTATION = r"""
name: chat_message
short_description: Turn any text into a message that a chat shows as it is
version_added: 0.1.0
author:
  - Tunnelwright contributors (@tunnelwright)
description:
  - What a gateway or a peer calls itself may be a link, a mention of everybody or markup. This filter turns text with
    such names into a message for Slack, Mattermost, Teams and others that read Markdown, which mentions no one and
    links to nothing.
  - Words that a chat would make something of are shown as code. Lines stay lines.
options:
  _input:
    description: The text, of one line or several.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Tell a channel
  ansible.builtin.uri:
    url: "{{ vault_webhook }}"
    method: POST
    body_format: json
    body:
      text: "{{ lookup('ansible.builtin.file', 'reports/findings.txt') | tunnelwright.ipsec.chat_message }}"
"""

RETURN = r"""
_value:
  description: The message.
  type: str
"""


def chat_message(text: object) -> str:
    """The message."""
    return format_message(str(text))


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """The filters by name."""
        return {"chat_message": chat_message}
