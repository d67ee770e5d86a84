# SPDX-License-Identifier: GPL-3.0-or-later
"""What config.xml says beside what was generated from it: changes that nobody has applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ...model import Secret
from ...swanctl.section_tree import Sections, flatten
from .generate import GeneratedConnection

_FROM_CERTIFICATES = ("cacerts", "revocation")  # names of files that pfSense makes of the certificates themselves


def find_unapplied(made: GeneratedConnection, generated: Sections) -> tuple[str, ...]:
    """Settings of one connection whose values differ, each in a sentence."""
    path = ("connections", made.name)
    there = generated.origin(path) is not None
    if made.omitted or not there:
        return _compare_presence(made, there=there)
    ours = {key: setting.value for key, setting in flatten(made.tree, ()) if _is_compared(key)}
    theirs = {key: setting.value for key, setting in flatten(generated, path) if _is_compared(key)}
    return tuple(_list_differences(ours, theirs))


def _compare_presence(made: GeneratedConnection, *, there: bool) -> tuple[str, ...]:
    if made.omitted and there:
        return (f"{made.name}: generated, and config.xml does not have it so any more ({made.omitted})",)
    return () if made.omitted else (f"{made.name}: in config.xml, not generated yet",)


def list_keys(ours: Iterable[Secret], theirs: Iterable[Secret]) -> Iterator[str]:
    """The names of those pre-shared keys of config.xml that are others than generated for the same identities."""
    generated: dict[frozenset[str], set[str | None]] = {}
    for secret in theirs:
        generated.setdefault(frozenset(secret.ids), set()).add(secret.digest)
    for secret in ours:
        held = generated.get(frozenset(secret.ids), set()) - {None}
        if held and secret.digest not in held:
            yield secret.name


def _is_compared(key: str) -> bool:
    last = key.rpartition(".")[2]
    return last not in _FROM_CERTIFICATES and ".cert" not in key


def _list_differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[str]:
    for key in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(key), theirs.get(key)
        if one != other:
            said = (text if text is not None else "nothing" for text in (one, other))
            yield "{}: {} in config.xml, {} generated".format(key.removeprefix("children."), *said)
