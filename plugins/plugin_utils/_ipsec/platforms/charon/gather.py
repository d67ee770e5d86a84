# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that reads one strongSwan gateway in one round trip."""

from __future__ import annotations

from ...model import Script
from ..gather_options import GatherOptions
from ..gather_script import GatherScript, build_script
from .scripts import build_digest_variables, read_lexer, read_script

TEXTS = ("digest.sh", "follow.sh", "owned.sh", "conf.sh", "standing.sh", "start.sh", "starter.sh", "gather.sh")


def gather(options: GatherOptions) -> Script:
    """A script that changes nothing and shows no secret."""
    return build_script([program(options)])


def program(options: GatherOptions) -> GatherScript:
    """How strongSwan is read: what any gateway is that is nothing else."""
    return GatherScript(
        texts=tuple(read_script(name) for name in TEXTS),
        run="tw_strongswan",
        variables={
            "TW_CONFIG": options.config,
            "TW_SAS": "1" if options.sas else "0",
            "TW_CERTIFICATES": "1" if options.certificates else "0",
            "TW_LOG": str(options.log_lines),
            "TW_LOG_FROM": options.log_from,
            "TW_LEXER": read_lexer(),
        },
        secrets=build_digest_variables(options.digest_key),
    )
