# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the collection: programs for gateways, profiles, catalogues, parts of pages."""

from __future__ import annotations

from importlib.resources import files


def read_beside(module: str, *path: str) -> str:
    """The text of a file below the folder of a module, which gives its `__name__`."""
    return files(module.rpartition(".")[0]).joinpath(*path).read_text(encoding="utf-8")
