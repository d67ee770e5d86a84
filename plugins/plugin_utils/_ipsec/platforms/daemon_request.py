# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway's IKE daemon is to do: a platform works it out, and a task carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..model import Reply, Script

Deed = tuple[Script, Callable[[Reply], tuple[str, ...]]]  # what to run, and what reads the daemon's log in its reply


@dataclass(frozen=True, slots=True)
class DaemonRequest:
    """How the daemon is to be."""

    state: Literal["started", "loaded"]
    settings: Mapping[str, str] = field(default_factory=dict)  # of retransmission, as retransmission.py checks them
    by: str = ""  # who asks for it and why, for a gateway that keeps a history
    pending: bool = False  # changes of somebody else that wait to be applied may take effect with it
    timeout: float = 30.0  # seconds for each deed


@dataclass(frozen=True, slots=True)
class DaemonPlan:
    """What is to be done so that it is so. Nothing has been done yet."""

    deeds: tuple[Deed, ...] = ()
    reasons: tuple[str, ...] = ()  # why it is started or loaded
    before: Mapping[str, str] = field(default_factory=dict)  # the settings that change
    after: Mapping[str, str] = field(default_factory=dict)
