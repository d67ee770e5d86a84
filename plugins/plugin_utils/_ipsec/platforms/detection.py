# SPDX-License-Identifier: GPL-3.0-or-later
"""How a shell finds out which platform it runs on, and one script that does what each of them would have done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..model import Script


@dataclass(frozen=True, slots=True)
class Detection:
    """`here`: the command that is true on this platform, which the text defines; empty for what nothing else is."""

    here: str = ""
    text: str = ""


def choose_script(scripts: Sequence[tuple[str, Detection, Script]]) -> Script:
    """One script for a gateway of any of these platforms; its reply has a section `platform` with the one it is.

    What several platforms do alike goes over once.

    Raises:
        ValueError: two platforms are what nothing else is, or give one variable two values.
    """
    if sum(not each[1].here for each in scripts) > 1:
        raise ValueError("more than one platform is what nothing else is")
    ordered = sorted(scripts, key=lambda each: not each[1].here)
    programs = [script for *dummy, script in ordered]
    sources = list(dict.fromkeys(script.source for script in programs))
    functions = [f"tw_do_{number}() {{\n{source}\n}}" for number, source in enumerate(sources)]
    branches = [
        f"{detection.here or 'true'}; then\n\tsection platform echo {name}\n\ttw_do_{sources.index(script.source)}"
        for name, detection, script in ordered
    ]
    choice = "if " + "\nelif ".join(branches) + "\nfi"
    texts = dict.fromkeys(each[1].text for each in ordered if each[1].text)
    return Script(
        "\n".join((*texts, *functions, choice)),
        _merge(script.variables for script in programs),
        _merge(script.secrets for script in programs),
    )


def _merge(each: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    merged: dict[str, str] = {}
    for one in each:
        for key, value in one.items():
            if merged.setdefault(key, value) != value:
                raise ValueError(f"two platforms give {key} different values")
    return merged
