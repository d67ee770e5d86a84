# SPDX-License-Identifier: GPL-3.0-or-later
"""What a platform has a gateway's shell run to read it: put together, for one platform or for any that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..model import Script


@dataclass(frozen=True, slots=True)
class GatherScript:
    """How one platform is read: texts that define functions, and which of these to call.

    `here` is the command that is true on a gateway of this platform; an empty one is for what no shell can tell, or
    what is left where nothing else is there.
    """

    texts: tuple[str, ...]
    run: str
    here: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


def build_script(programs: Sequence[GatherScript]) -> Script:
    """One script that reads a gateway of whichever of these platforms it is: the last where it is none of the others.

    Texts that platforms share go over once.
    """
    *tested, last = programs
    choice = [f"{'el' if index else ''}if {each.here}; then {each.run}" for index, each in enumerate(tested)]
    calls = "\n".join([*choice, f"else {last.run}", "fi"]) if choice else last.run
    return Script(
        "\n".join((*dict.fromkeys(text for each in programs for text in each.texts), calls)),
        {key: value for each in programs for key, value in each.variables.items()},
        {key: value for each in programs for key, value in each.secrets.items()},
    )
