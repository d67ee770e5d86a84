# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of config.xml: elements of phase 1 and phase 2 entries set to a value, and the configuration after them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import RefusedError
from .element import Element

Value = str | list[Any] | dict[str, Any] | None  # as pfSense's own arrays have it; None: no such element
Elements = Mapping[str, Value]
Section = Literal["phase1", "phase2", ""]  # a list of entries, or what is no list: settings of the whole firewall
PSK, DIGEST = "pre-shared-key", "@psk"  # the second is what is read in place of the first


@dataclass(frozen=True, slots=True)
class XmlEdit:
    """One element of one entry, and what it is to hold. Of a pre-shared key, the digest."""

    section: Section
    key: Literal["ikeid", "uniqid", ""]
    entry: str
    element: str
    value: Value

    @property
    def path(self) -> str:
        """Where it is in config.xml."""
        entry = f"{self.section}[{self.key}={self.entry}]/" if self.section else ""
        return f"ipsec/{entry}{self.element}"


def list_edits(entry: Element, section: Section, elements: Elements) -> list[XmlEdit]:
    """Those elements of an entry, or of `ipsec` itself, that do not hold what they are to hold.

    Raises:
        RefusedError: pfSense cannot tell the entry from others.
    """
    asked = {name: value for name, value in elements.items() if find_current(entry, name) != value}
    if not section:
        return [XmlEdit("", "", "", name, value) for name, value in asked.items()]
    key: Literal["ikeid", "uniqid"] = "ikeid" if section == "phase1" else "uniqid"
    if asked and not entry.text(key):
        raise RefusedError(f"this entry has no {key}", where=entry.path, hint="save it once in the web interface")
    return [XmlEdit(section, key, entry.text(key), name, value) for name, value in asked.items()]


def find_current(entry: Element, name: str) -> Value:
    """What an entry has there now."""
    found: Value = entry.value.get(DIGEST if name == PSK else name)
    return found


def apply_edits(config: Element, made: Iterable[XmlEdit]) -> Element:
    """The configuration after edits."""
    after = deepcopy(dict(config.value))
    for edit in made:
        for entry in after["ipsec"][edit.section] if edit.section else [after["ipsec"]]:
            if not edit.section or entry.get(edit.key) == edit.entry:
                _set(entry, DIGEST if edit.element == PSK else edit.element, edit.value)
    return Element(config.path, after)


def describe_edits(edit: XmlEdit, value: Value) -> str:
    """A line for people; nothing of a pre-shared key but that there is one."""
    if value is None:
        return ""
    told = "hidden key" if edit.element == PSK else value if isinstance(value, str) else json.dumps(value)
    return f"{edit.path} = {told}\n"


def _set(entry: dict[str, Any], name: str, value: Value) -> None:
    if value is None:
        entry.pop(name, None)
    else:
        entry[name] = value
