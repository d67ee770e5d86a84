# SPDX-License-Identifier: GPL-3.0-or-later
"""Any text as a part of a Markdown page, and tables of them.

Names and log lines from gateways may hold links, mentions, HTML or emphasis. Escaping with a backslash is not enough:
what a tracker makes of `@all`, `#12` or a bare address, it makes after Markdown. It leaves code alone (GitHub
Flavored Markdown Spec 0.29, section 6.3; GitLab and Mattermost do the same), so each such word is shown as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from .escape import escape_control

_LIVE = re.compile(  # a dot before letters: a chat makes a link of what may be a domain
    r"[\\`*_{}\[\]<>|~@]|&|[#!$%^](?=\w)|://|\w\.[^\W\d_]|\.xn--|:(?:[a-z+-][\w+-]*|100|1234):", re.IGNORECASE
)
_BAR = "\\|"  # in a table, also inside code
_BLOCK = re.compile(r"[-+=#]+|\d+[.)]")  # as a line's first word: a list, a rule, a heading
_FENCES = re.compile(r"`+")


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of cells that are Markdown already."""
    body = [f"| {' | '.join(cell.replace('|', _BAR) for cell in row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body] if body else []


def escape_text(value: str) -> str:
    """Any text as it is, on one line: words that Markdown or a tracker would make something of are code."""
    words = escape_control(" ".join(value.split())).split(" ")
    first = bool(_BLOCK.fullmatch(words[0]))
    return " ".join(
        _format_code(word) if _LIVE.search(word) or (first and not place) else word for place, word in enumerate(words)
    )


def format_message(value: str) -> str:
    """Any text as a message to a chat, line by line; what Slack reads in angle brackets, also in code, is escaped.

    Source: docs.slack.dev, "Formatting message text", section "Escaping text".
    """
    return "\n".join(escape(escape_text(line), quote=False) for line in value.splitlines())


def _format_code(word: str) -> str:
    """A word as code, in a fence that it does not have itself; what ends a clause stays outside."""
    core = word.rstrip(",;:.") or word
    fence = "`" * (1 + max((len(run) for run in _FENCES.findall(core)), default=0))
    room = " " if "`" in (core[0], core[-1]) else ""
    return f"{fence}{room}{core}{room}{fence}{word[len(core) :]}"
