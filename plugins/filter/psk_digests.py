# Copyright (c) 2026 Tunnelwright contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter psk_digests: pre-shared keys to what compares with a gateway's and tells nothing of the key."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError

from ..plugin_utils._ipsec.model import resolve_type
from ..plugin_utils._ipsec.swanctl.psk_digest import compute_digest, compute_key_id

DOCUMENTATION = r"""
name: psk_digests
short_description: Turn pre-shared keys into keyed digests
version_added: 0.1.0
author:
  - Tunnelwright contributors (@tunnelwright)
description:
  - Turns pre-shared keys by tunnel into HMAC-SHA-256 digests, as M(tunnelwright.ipsec.gateway_info) has the gateways
    make of theirs, for O(tunnelwright.ipsec.tunnel_audit#module:psk_digests). No key becomes an argument of a task.
positional: _input, digest_key
options:
  _input:
    description: By tunnel, its pre-shared key.
    type: dict
    required: true
  digest_key:
    description: The O(tunnelwright.ipsec.gateway_info#module:digest_key) of the same run.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Compare the ends, and the keys that they should have
  tunnelwright.ipsec.tunnel_audit:
    gateways: "{{ gateways }}"
    psk_digests: "{{ ipsec_psks | tunnelwright.ipsec.psk_digests(ipsec_digest_key) }}"
"""

RETURN = r"""
_value:
  description: By tunnel, the C(digest) and the C(key_id) that tells digest keys apart.
  type: dict
"""


def psk_digests(psks: object, digest_key: object) -> dict[str, dict[str, str]]:
    """The keyed digests of pre-shared keys, by tunnel."""
    if not isinstance(psks, dict):
        raise AnsibleFilterError(f"psk_digests reads keys by tunnel, not {resolve_type(psks)}")
    key = str(digest_key)
    return {
        str(name): {"digest": compute_digest(key, str(psk)), "key_id": compute_key_id(key)}
        for name, psk in psks.items()
    }


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """The filters by name."""
        return {"psk_digests": psk_digests}
