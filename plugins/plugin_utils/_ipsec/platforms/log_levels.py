# SPDX-License-Identifier: GPL-3.0-or-later
"""How much the IKE daemon should log, in strongSwan's groups and levels on every platform, and what that takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import RefusedError
from ..model import Logger, Script

State = Literal["present", "absent"]


GROUPS = (
    *("dmn", "mgr", "ike", "chd", "job", "cfg", "knl", "net", "asn"),
    *("enc", "app", "lib", "esp", "tls", "tnc", "imc", "imv", "pts"),
)
LOWEST, HIGHEST = -1, 3
# encrypted_payload.c (DBG3 "plain"), tls_hkdf.c and tls_fragmentation.c: passwords of XAuth and EAP, and keys
TELLING = {"enc": 2, "tls": 2}
SHORTEST, LONGEST = 5, 86400  # seconds


@dataclass(frozen=True, slots=True)
class DesiredLogLevels:
    """The levels that every logger is to have at least, by group, and for how many seconds."""

    levels: Mapping[str, int]
    duration: int = 900

    def level(self, group: str) -> int:
        """The level asked for a group; the default is no wish for what a level tells secrets of."""
        return self.levels.get(group, min(self.levels.get("default", LOWEST), TELLING.get(group, HIGHEST)))


@dataclass(frozen=True, slots=True)
class LogLevelChange:
    """What makes it so: a script, or None where nothing is needed; the loggers before and after."""

    changed: bool
    path: str  # of the file that is written; empty where there is none
    before: tuple[Logger, ...]
    after: tuple[Logger, ...]
    warnings: tuple[str, ...] = ()
    script: Script | None = None


def parse_wish(levels: Mapping[object, object], *, state: State, duration: int) -> DesiredLogLevels:
    """What is asked, checked; `absent` asks for no level.

    Raises:
        RefusedError: a group or a level that there is not, or one that shows keys; a time that is too short or long.
    """
    if state == "absent":
        return DesiredLogLevels({})
    if not levels:
        raise RefusedError("no log level is named", hint="give levels, such as {ike: 2, cfg: 2}")
    if not SHORTEST <= duration <= LONGEST:
        raise RefusedError(
            f"a duration of {duration} s is outside {SHORTEST} to {LONGEST} s", hint="900 suits most diagnoses"
        )
    return DesiredLogLevels(
        {_parse_group(group): _parse_level(group, level) for group, level in levels.items()}, duration
    )


def describe_levels(found: tuple[Logger, ...]) -> str:
    """Levels for people, one a line; by name, because a further file may change the order that they are loaded in."""
    ordered = sorted(found, key=lambda logger: logger.name)
    return "".join(f"{logger.name} {group} = {level}\n" for logger in ordered for group, level in logger.levels.items())


def _parse_group(given: object) -> str:
    if given != "default" and given not in GROUPS:
        raise RefusedError(f"strongSwan has no log group {given!r}", hint=f"it has default, {', '.join(GROUPS)}")
    return str(given)


def _parse_level(group: object, given: object) -> int:
    number = given if isinstance(given, str) else "" if isinstance(given, bool) else str(given)
    level = int(number) if number.removeprefix("-").isdecimal() else None
    if level is not None and level > HIGHEST:
        raise RefusedError(f"log level {level} of {group} writes keys into the log", hint="3 shows all but keys")
    if level is not None and level > TELLING.get(str(group), HIGHEST):
        raise RefusedError(
            f"log level {level} of {group} writes decrypted messages, and passwords in them, into the log",
            hint="2 shows all but that",
        )
    if level is None or level < LOWEST:
        raise RefusedError(f"{given!r} is not a log level for {group}", hint="give a number from -1 to 3")
    return level
