# SPDX-License-Identifier: GPL-3.0-or-later
"""What a profile says, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...model import Severity, Waiver


@dataclass(frozen=True, slots=True)
class PolicySource:
    """The document that asks for it, and whether somebody has compared the demand with its text."""

    document: str
    section: str = ""
    verified: bool = False

    def __str__(self) -> str:
        return self.place if self.verified else f"{self.place} (not verified against the document)"

    @property
    def place(self) -> str:
        """The document and the section."""
        comma = "" if not self.section or self.section.startswith("section") else ","
        return f"{self.document}{comma} {self.section}".strip()


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule of a profile: which check, how much it weighs, and the thresholds that it is given."""

    check: str  # also the id of its findings
    severity: Severity
    source: PolicySource
    forbidden: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()  # empty: anything that is not forbidden
    at_least: float | None = None
    at_most: float | None = None  # seconds
    note: str = ""
    origin: str = ""  # file:line

    def asks(self) -> str:
        """The thresholds in the words of the profile."""
        limits = {"forbidden": ", ".join(self.forbidden), "allowed": ", ".join(self.allowed)}
        if self.at_least is not None:
            limits["at_least"] = f"{self.at_least:g}"
        if self.at_most is not None:
            limits["at_most"] = format_duration(self.at_most)
        return "".join(f"; {key} {value}" for key, value in limits.items() if value)


@dataclass(frozen=True, slots=True)
class Profile:
    """All that a policy asks, with who is let off what."""

    name: str
    description: str
    demands: tuple[PolicyRule, ...]
    waivers: tuple[Waiver, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)  # what a connection is to have, where it is to be mended
    child_settings: Mapping[str, str] = field(default_factory=dict)


def format_duration(seconds: float) -> str:
    """Seconds as people write them: 8h, 90m."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and not seconds % size:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
