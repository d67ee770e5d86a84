# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements of config.xml, each with its path: what a setting's origin names instead of a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...model import Setting

_KEYS = ("uniqid", "ikeid")  # by which pfSense itself tells the members of a list apart


@dataclass(frozen=True, slots=True)
class Element:
    """One element that has others in it. An element that is there and empty is true in config.xml, if a flag."""

    path: str
    value: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """Whether there is such an element in it, empty or not."""
        return name in self.value

    def text(self, name: str) -> str:
        """The text of an element in it; empty where there is none."""
        found = self.value.get(name)
        return found if isinstance(found, str) else ""

    def number(self, name: str) -> int:
        """The whole number in an element; 0 where there is none."""
        found = self.text(name)
        return int(found) if found.isascii() and found.isdigit() else 0

    def child(self, name: str) -> Element:
        """An element in it that has others; an empty one where there is none."""
        found = self.value.get(name)
        return Element(self.origin(name), found if isinstance(found, Mapping) else {})

    def children(self) -> Iterator[tuple[str, Element]]:
        """The elements in it that have others, by name."""
        return ((name, self.child(name)) for name, found in self.value.items() if isinstance(found, Mapping))

    def listed(self, name: str) -> tuple[Element, ...]:
        """The members of a list of elements."""
        found = self.value.get(name)
        members = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
        return tuple(
            Element(f"{self.origin(name)}[{_identify_member(each, i)}]", each) for i, each in enumerate(members, 1)
        )

    def texts(self, name: str) -> tuple[str, ...]:
        """The members of a list of texts."""
        found = self.value.get(name)
        return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()

    def origin(self, name: str) -> str:
        """The path of an element in it."""
        return f"{self.path}/{name}" if self.path else name

    def setting(self, value: str, name: str = "") -> Setting:
        """A value that follows from an element in it, or from all of it."""
        return Setting(value, self.origin(name) if name else self.path)

    def settings(self) -> dict[str, Setting]:
        """Everything that it says in texts."""
        told = ((name, text) for name, text in self.value.items() if isinstance(text, str) and not name.startswith("@"))
        return {name: self.setting(text, name) for name, text in told}


def _identify_member(value: Mapping[str, Any], position: int) -> str:
    key = next((key for key in _KEYS if value.get(key)), "")
    return f"{key}={value[key]}" if key else str(position)
