# SPDX-License-Identifier: GPL-3.0-or-later
r"""Text from gateways and peers as what a person can see: nothing moves a cursor, turns the writing or breaks a line.

A name may hold anything that its daemon took: an escape sequence that clears the terminal, a mark that has the rest of
the line read from right to left, a line that looks like the next finding. They are shown as `\x1b` or `\u202e`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

_LINES = ("Zl", "Zp")  # Unicode's line and paragraph separators


def escape_control(text: str) -> str:
    """The text with every character that cannot be seen replaced by how Python writes it.

    These are Unicode's categories C (control, format, surrogates, private, unassigned) and its separators of lines.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(character) if _is_unseen(character) else character for character in text)


def escape_lines(value: Any) -> Any:
    """The same of every string in lists and dicts, whose lines and tabs stay: of a file, or a part of a log."""
    if isinstance(value, str):
        return "\n".join("\t".join(map(escape_control, line.split("\t"))) for line in value.split("\n"))
    if isinstance(value, Mapping):
        return {key: escape_lines(each) for key, each in value.items()}
    return [escape_lines(each) for each in value] if isinstance(value, (list, tuple)) else value


def _is_unseen(character: str) -> bool:
    category = unicodedata.category(character)
    return category.startswith("C") or category in _LINES


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
