# SPDX-License-Identifier: GPL-3.0-or-later
"""What pfSense generates of config.xml, in swanctl's words: one connection for each phase 1, and why some have none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...swanctl.section_tree import Tree
from .element import Element
from .phase1 import Omitted, build_connection, explain_omission
from .phase2 import GenerationContext, build_children


@dataclass(frozen=True, slots=True)
class GeneratedConnection:
    """One phase 1 with its phase 2 entries, and the connection it becomes."""

    name: str
    phase1: Element
    entries: tuple[Element, ...]  # those that are enabled
    disabled: tuple[Element, ...]
    tree: Tree
    general: Element  # what is said for all of them
    omitted: Omitted = ""
    standby: bool = False


def generate_all(config: Element, around: GenerationContext) -> Iterator[GeneratedConnection]:
    """Every phase 1 but that of mobile clients."""
    ipsec = config.child("ipsec")
    by_phase1: dict[str, list[Element]] = {}
    for entry in ipsec.listed("phase2"):
        by_phase1.setdefault(entry.text("ikeid"), []).append(entry)
    for phase1 in ipsec.listed("phase1"):
        if phase1.has("mobile"):
            continue
        of_it = [each for each in by_phase1.get(phase1.text("ikeid"), ()) if not each.has("mobile")]
        entries = tuple(entry for entry in of_it if not entry.has("disabled"))
        disabled = tuple(entry for entry in of_it if entry.has("disabled"))
        tree = build_connection(phase1, ipsec, build_children(phase1, entries, around), around)
        standby = around.interfaces.standby(phase1.text("interface"))
        why = explain_omission(phase1, around)
        yield GeneratedConnection(f"con{phase1.text('ikeid')}", phase1, entries, disabled, tree, ipsec, why, standby)


def join_connections(each: tuple[GeneratedConnection, ...]) -> Tree:
    """All of them as one configuration."""
    return Tree({}, {"connections": Tree({}, {one.name: one.tree for one in each})})
