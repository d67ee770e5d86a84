# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings in sections, from wherever they come: what `configured` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..model import Setting
from .settings import Path


class Sections(Protocol):
    """Effective settings by path; `settings.Settings` has them of files."""

    def get(self, path: Path) -> Setting | None:
        """The value at a path and where it was set."""

    def sections(self, path: Path) -> tuple[str, ...]:
        """Names of the sections in a section."""

    def keys(self, path: Path) -> tuple[str, ...]:
        """Names of the keys in a section."""

    def origin(self, path: Path) -> str | None:
        """Where a section stands; None where there is none."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One section: its keys, the sections in it, and where it stands."""

    values: Mapping[str, Setting] = field(default_factory=dict)
    inner: Mapping[str, Tree] = field(default_factory=dict)
    place: str = ""

    def get(self, path: Path) -> Setting | None:
        """The value at a path and where it was set."""
        section = self._at(path[:-1])
        return section.values.get(path[-1]) if section else None

    def sections(self, path: Path) -> tuple[str, ...]:
        """Names of the sections in a section."""
        section = self._at(path)
        return tuple(section.inner) if section else ()

    def keys(self, path: Path) -> tuple[str, ...]:
        """Names of the keys in a section."""
        section = self._at(path)
        return tuple(section.values) if section else ()

    def origin(self, path: Path) -> str | None:
        """Where a section stands; None where there is none."""
        section = self._at(path)
        return section.place if section else None

    def _at(self, path: Path) -> Tree | None:
        section: Tree | None = self
        for name in path:
            section = section.inner.get(name) if section else None
        return section


def flatten(settings: Sections, path: Path) -> Iterator[tuple[str, Setting]]:
    """Every key below a section with its path from there, such as `children.net.mode`."""
    for key in settings.keys(path):
        if found := settings.get((*path, key)):
            yield key, found
    for name in settings.sections(path):
        yield from ((f"{name}.{key}", found) for key, found in flatten(settings, (*path, name)))
