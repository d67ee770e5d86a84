# SPDX-License-Identifier: GPL-3.0-or-later
"""What `swanctl … --pretty` prints, as values.

Grammar (vici_message.c, dump()), line by line, two spaces deeper in each section and list::

    message := LABEL " {" item* "}"
    item    := NAME " {" item* "}" | NAME " = [" VALUE* "]" | NAME " = " VALUE

Values hold no line end: what is not printable comes as `0x` and hexadecimal. So indentation alone
decides what a line is, and no value, not even one a hostile peer chose, can be taken for structure.
`--raw` gives no such promise and is never read. Only standard output may be given here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import ParseError

Value = str | tuple[str, ...]
Tree = Mapping[str, "Value | Tree"]
_EMPTY: Mapping[str, Value] = {}
_SECONDS = re.compile(r"-?[0-9]+")
_HEX = re.compile(r"0x([0-9a-fA-F]{2})+")


@dataclass(frozen=True, slots=True)
class Message:
    """One event or reply: `list-sa event`, `initiate reply`."""

    label: str
    body: Tree


def parse_messages(printed: str) -> tuple[Message, ...]:
    """All messages of one standard output; lines between messages (banners) are left out.

    Raises:
        ParseError: a message has no end, or a line in it is none of the grammar's.
    """
    lines = printed.replace("\r\n", "\n").split("\n")
    found, at = [], 0
    while at < len(lines):
        line = lines[at]
        if line.endswith(" {") and not line.startswith(" "):
            body, at = _parse_section(lines, at + 1, 2)
            found.append(Message(line[:-2], body))
        at += 1
    return tuple(found)


def select_events(printed: str, label: str) -> Iterator[tuple[str, Tree]]:
    """The named sections of all events of one label: `events(text, "list-sa event")` gives connections."""
    for message in parse_messages(printed):
        if message.label == label:
            for name, body in message.body.items():
                if isinstance(body, Mapping):
                    yield name, body


def parse_outcome(printed: str) -> tuple[bool, str]:
    """Whether a command did what it was told, and why not: `success=` decides, never the exit status."""
    for message in reversed(parse_messages(printed)):
        if message.label.endswith(" reply"):
            success = message.body.get("success")
            return success == "yes", get_text(message.body, "errmsg")
    return False, "no answer"


def get_text(tree: Tree, name: str, default: str = "") -> str:
    """A single value of a section, hexadecimal ones decoded; the default where it is missing."""
    value = tree.get(name)
    return decode_value(value) if isinstance(value, str) else default


def get_texts(tree: Tree, name: str) -> tuple[str, ...]:
    """A list of a section, or a single value as a list of one."""
    value = tree.get(name, ())
    if isinstance(value, str):
        return (decode_value(value),)
    return tuple(decode_value(item) for item in value) if isinstance(value, tuple) else ()


def get_section(tree: Tree, name: str) -> Tree:
    """A section of a section; an empty one where it is missing."""
    value = tree.get(name)
    return value if isinstance(value, Mapping) else _EMPTY


def get_number(tree: Tree, name: str) -> int | None:
    """A decimal value; None where it is missing or none."""
    value = tree.get(name)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def get_seconds(tree: Tree, name: str) -> float | None:
    """A time in seconds, below zero where it is over (`rekey-time = -30`); None where it is missing."""
    value = tree.get(name)
    return float(value) if isinstance(value, str) and _SECONDS.fullmatch(value) else None


def decode_value(value: str) -> str:
    """A value that was printed in hexadecimal because of a byte outside ASCII, as text; any other as it is."""
    if not _HEX.fullmatch(value):
        return value
    raw = bytes.fromhex(value[2:])
    if all(0x20 <= byte <= 0x7E for byte in raw):  # noqa: PLR2004 - printable: the daemon was given these digits
        return value
    return raw.decode("utf-8", "backslashreplace")


def _parse_section(lines: list[str], at: int, indent: int) -> tuple[Tree, int]:
    """Items from a line on, up to the closing brace; the number of that line."""
    pad, end = " " * indent, " " * (indent - 2) + "}"
    items: dict[str, Value | Tree] = {}
    while at < len(lines):
        line = lines[at]
        if line == end:
            return items, at
        name, assign, value = line[indent:].partition(" = ")
        if not line.startswith(pad) or line[indent : indent + 1] in ("", " "):
            raise ParseError(f"unexpected {line[:80]!r} in what swanctl printed", where=f"line {at + 1}")
        if assign and not (value == "[" and _opens(lines, at + 1, pad)):
            items[name] = value
        elif assign:
            items[name], at = _parse_list(lines, at + 1, indent)
        elif line.endswith(" {"):
            items[line[indent:-2]], at = _parse_section(lines, at + 1, indent + 2)
        elif line.endswith(" ="):
            items[line[indent:-2]] = ""
        else:
            raise ParseError(f"unexpected {line[:80]!r} in what swanctl printed", where=f"line {at + 1}")
        at += 1
    raise ParseError("what swanctl printed has no end", where=f"line {len(lines)}")


def _opens(lines: list[str], at: int, pad: str) -> bool:
    """Whether a list begins here: `key = [` is a value where the next line is another item of the section."""
    following = lines[at] if at < len(lines) else ""
    return following == f"{pad}]" or following.startswith(f"{pad}  ")


def _parse_list(lines: list[str], at: int, indent: int) -> tuple[tuple[str, ...], int]:
    pad, end = " " * (indent + 2), " " * indent + "]"
    found: list[str] = []
    while at < len(lines):
        if lines[at] == end:
            return tuple(found), at
        if not lines[at].startswith(pad):
            raise ParseError(f"unexpected {lines[at][:80]!r} in a list that swanctl printed", where=f"line {at + 1}")
        found.append(lines[at][indent + 2 :])
        at += 1
    raise ParseError("what swanctl printed has no end", where=f"line {len(lines)}")
