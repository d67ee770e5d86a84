# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard of a platform keeps of a gateway, and how that comes back: functions of the shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class GuardBackup:
    """Texts that define `tw_sound`, `tw_keep_all`; and `tw_restore_all`, `tw_timers`, `tw_load` for the watcher."""

    keep: tuple[str, ...]
    restore: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
