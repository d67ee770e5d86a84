"""The few shapes of reStructuredText that generated pages are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

LABEL = "ansible_collections.tunnelwright.ipsec.docsite."  # what antsibull-docs wants every label to begin with
LICENCE = """.. Copyright (c) 2026 Tunnelwright contributors
.. GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
.. SPDX-License-Identifier: GPL-3.0-or-later
"""
_RFC = re.compile(r"RFC (?P<number>\d+)(?: section (?P<section>\d+(?:\.\d+)*))?")
_MARKUP = re.compile(r"[\\`*|]|_(?!\w)")


def page(label: str, title: str, *parts: str) -> str:
    """A whole page; parts that are empty are left out."""
    return "\n".join([LICENCE, labelled(label), heading(title, "="), *(part for part in parts if part)])


def labelled(label: str) -> str:
    """What :func:`ref` links to: stands before a heading."""
    return f".. _{LABEL}{label}:\n"


def heading(title: str, line: str = "-") -> str:
    """A heading, underlined."""
    return f"{title}\n{line * len(title)}\n"


def ref(label: str, text: str) -> str:
    """A link to a label of these docs."""
    return f":ref:`{text} <{LABEL}{label}>`"


def plugin(name: str) -> str:
    """A link to a module of the collection."""
    return f":ansplugin:`tunnelwright.ipsec.{name}#module`"


def literal(text: str) -> str:
    """Text as it is typed."""
    return f"``{text}``"


def words(text: str) -> str:
    """Text of which nothing is markup."""
    return _MARKUP.sub(r"\\\g<0>", text)


def sourced(text: str) -> str:
    """Text whose RFCs are links."""
    return _RFC.sub(_rfc, words(text))


def items(each: Iterable[str]) -> str:
    """A list."""
    return "".join(f"- {one}\n" for one in each)


def verbatim(text: str) -> str:
    """A block as a terminal or a log shows it."""
    return ".. code-block:: text\n\n" + "".join(f"   {line}".rstrip() + "\n" for line in text.splitlines())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with one line of head."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (head, *rows):
        lines += [f"   {'* -' if first else '  -'} {cell}" for first, cell in zip(_first(row), row, strict=True)]
    return "\n".join([*lines, ""])


def _first(row: Sequence[str]) -> list[bool]:
    return [place == 0 for place in range(len(row))]


def _rfc(found: re.Match[str]) -> str:
    section = f"#section-{found['section']}" if found["section"] else ""
    return f"`{found[0]} <https://www.rfc-editor.org/rfc/rfc{found['number']}{section}>`__"
