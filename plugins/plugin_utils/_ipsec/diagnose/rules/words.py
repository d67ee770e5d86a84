# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose word it takes to change a setting: a table of all that swanctl.conf knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ...model import Change
from ...swanctl.keys import Level

Word = Literal["own", "view", "agreed", "conduct"]


def _index_words(level: Mapping[Word, str]) -> Mapping[str, Word]:
    return {key: word for word, keys in level.items() for key in keys.split()}


# Of every setting: an end's own fact, its view of its peer, what both must agree on, or what it does by itself.
# In an authentication round it depends on whose round it is, so `auth` has the words of a round of its own.
WORDS: Mapping[Level, Mapping[str, Word]] = {
    "connection": _index_words(
        {
            "own": "local_addrs local_port if_id_in if_id_out vips",
            "view": "remote_addrs remote_port pools mediated_by mediation_peer",
            "agreed": "version proposals aggressive ppk_id ppk_required childless mediation",
            "conduct": "pull encap mobike send_certreq dpd_delay dpd_timeout reauth_time rekey_time over_time rand_time"
            " keyingtries fragmentation send_cert unique dscp ocsp",
        }
    ),
    "auth": _index_words(
        {
            "own": "certs pubkeys id eap_id aaa_id xauth_id round auth",
            "view": "cacerts groups cert_policy ca_id revocation",
        }
    ),
    "child": _index_words(
        {
            "own": "local_ts updown hostaccess interface mark_in mark_out set_mark_in set_mark_out mark_in_sa"
            " if_id_in if_id_out label label_mode",
            "view": "remote_ts",
            "agreed": "esp_proposals ah_proposals mode sha256_96 ipcomp",
            "conduct": "policies policies_fwd_out per_cpu_sas copy_df copy_ecn rekey_time life_time rand_time"
            " inactivity rekey_bytes life_bytes rand_bytes rekey_packets life_packets rand_packets reqid priority"
            " replay_window tfc_padding start_action close_action dpd_action copy_dscp hw_offload",
        }
    ),
}


def decide_word(change: Change) -> Word:
    """Whose word it takes to change this setting; that of both where the table does not know it."""
    if change.end.child is not None:
        return WORDS["child"].get(change.setting, "agreed")
    section, dot, key = change.setting.partition(".")
    if not dot:
        return WORDS["connection"].get(change.setting, "agreed")
    return "view" if section.startswith("remote") else WORDS["auth"].get(key, "agreed")
