# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transport carries: a script there, a reply back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Script:
    """A POSIX shell program and the variables it starts with; `transport.frames` packs it."""

    source: str
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)  # also variables, never shown anywhere


@dataclass(frozen=True, slots=True)
class ReplySection:
    """What one step of a script printed."""

    status: int
    out: bytes
    err: str = ""

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 become surrogates and survive a round trip."""
        return self.out.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a gateway answered: sections by name, in the order they came."""

    sections: Mapping[str, ReplySection]
