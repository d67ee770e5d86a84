# SPDX-License-Identifier: GPL-3.0-or-later
"""In which turns the findings of a tunnel are repaired: one cause at a time where it does not work."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from ..model import Finding, Step
from .desired import DECLARED


def sort_by_turn(found: Sequence[Finding], causes: Container[str], *, works: bool) -> list[list[Finding]]:
    """The findings that ask for something, in groups of which each is repaired and looked at before the next.

    What works is changed once, so that it is re-established once. What does not is first loaded and brought to what
    is declared; then comes one of the `causes` that keep a tunnel down after the other, since the next may only
    follow from it: those of the connection before those of a child, the worst first. The rest comes last.
    """
    asking = [finding for finding in found if finding.fix]
    turns: dict[tuple[int, str], list[Finding]] = {}
    for finding in asking:
        turns.setdefault((0, "") if works else _choose_turn(finding, causes), []).append(finding)
    return [turns[key] for key in sorted(turns, key=lambda key: key[0])]


def keeps_down(later: Iterable[Sequence[Finding]], causes: Container[str]) -> bool:
    """Whether one of the later turns repairs what is certain to keep the tunnel down until then."""
    return any(finding.id in causes and finding.confidence == "certain" for found in later for finding in found)


def _choose_turn(finding: Finding, causes: Container[str]) -> tuple[int, str]:
    """The stage of a finding's repair, and its id where each id has a turn of its own."""
    if any(isinstance(fix, Step) and fix.phase == "prepare" for fix in finding.fix):
        return 0, ""
    if finding.id == DECLARED:
        return 1, ""
    if finding.id in causes:
        return 2 if finding.end.child is None else 3, finding.id
    return 4, ""
