# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller may ask of a gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from ..errors import IpsecError

SHORTEST_KEY = 16  # characters


@dataclass(frozen=True, slots=True)
class GatherOptions:
    """How much of a gateway to read."""

    digest_key: str = field(repr=False)
    config: str = "/etc/swanctl/swanctl.conf"
    sas: bool = True
    certificates: bool = False
    log_lines: int = 0  # 0: no log
    log_from: str = ""  # Gateway.log_end of an earlier reading: only what was logged since

    @classmethod
    def asked(cls, args: Mapping[str, Any]) -> GatherOptions:
        """What a task asks for.

        Raises:
            IpsecError: its key is too short.
        """
        return cls(
            digest_key=make_digest_key(args["digest_key"]),
            config=args["config"],
            sas=args["sas"],
            certificates=args["certificates"],
            log_lines=args["log_lines"] if args["log"] else 0,
            log_from=args.get("log_from") or "",
        )


def make_digest_key(given: str | None) -> str:
    """The key given, or a random one. A short one could be guessed, and would be blanked out wherever it occurs.

    Raises:
        IpsecError: it is too short.
    """
    if given is None:
        return token_hex(32)
    if len(given) < SHORTEST_KEY:
        raise IpsecError("digest_key is too short", hint=f"give {SHORTEST_KEY} characters or more")
    return given
