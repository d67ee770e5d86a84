"""Any text as a part of a Markdown page, and tables of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .visible import visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of cells that are Markdown already."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body] if body else []


def text(value: str) -> str:
    """Any text as it is, on one line: what Markdown or HTML would make something of is escaped."""
    return _SPECIAL.sub(r"\\\1", visible(" ".join(value.split()))).replace("&", "&amp;")
