# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon's log lines mean. log_signatures.yml has them, each with the source file it was read from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import yaml

from ..model.resources import read_beside

Side = Literal["initiator", "responder", "either"]


@dataclass(frozen=True, slots=True)
class Signature:
    """One kind of line."""

    name: str
    pattern: re.Pattern[str]
    side: Side  # who logs it while a tunnel is being made
    means: str
    look: str  # where the reason is, or what to compare
    source: str  # file of strongSwan's src/libcharon unless another folder is named
    cause: str = ""  # the id of the finding that it proves by itself
    group: str = "ike"  # of log levels; all of these lines are logged from level 1 on


def find_signature(text: str) -> Signature | None:
    """What a message means; None where the catalogue does not have it."""
    return next((each for each in SIGNATURES if each.pattern.search(text)), None)


def _load_signatures() -> tuple[Signature, ...]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is there where PyYAML was built with it
    entries = yaml.load(read_beside(__name__, "log_signatures.yml"), loader)  # noqa: S506  both are safe
    return tuple(Signature(**entry | {"pattern": re.compile(entry["pattern"])}) for entry in entries)


SIGNATURES = _load_signatures()
