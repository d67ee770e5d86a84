# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that reads one strongSwan gateway in one round trip."""

from __future__ import annotations

from importlib.resources import files

from ...model import Script
from ...secrets import pads
from ..options import GatherOptions
from ..program import Program, script

TEXTS = ("digest.sh", "follow.sh", "owned.sh", "conf.sh", "standing.sh", "start.sh", "starter.sh", "gather.sh")


def gather(options: GatherOptions) -> Script:
    """A script that changes nothing and shows no secret."""
    return script([program(options)])


def program(options: GatherOptions) -> Program:
    """How strongSwan is read: what any gateway is that is nothing else."""
    return Program(
        texts=tuple(text(name) for name in TEXTS),
        run="tw_strongswan",
        variables={
            "TW_CONFIG": options.config,
            "TW_SAS": "1" if options.sas else "0",
            "TW_CERTIFICATES": "1" if options.certificates else "0",
            "TW_LOG": str(options.log_lines),
            "TW_LOG_FROM": options.log_from,
            "TW_REDACT": text("redact.awk"),
        },
        secrets=digest_variables(options.digest_key),
    )


def digest_variables(digest_key: str) -> dict[str, str]:
    """What digest.sh needs to make keyed digests: as secret as the key."""
    ipad, opad = pads(digest_key)
    return {"TW_IPAD": _octal(ipad), "TW_OPAD": _octal(opad)}


def text(name: str) -> str:
    """A script that lies beside this file."""
    return files(__name__.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")


def _octal(data: bytes) -> str:
    """Bytes as `printf %b` takes them."""
    return "".join(f"\\0{byte:03o}" for byte in data)
