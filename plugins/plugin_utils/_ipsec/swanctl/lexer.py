# SPDX-License-Identifier: GPL-3.0-or-later
r"""strongSwan settings text to tokens with spans, as libstrongswan's settings_lexer.l reads it.

Offsets are byte offsets: the text is the file's bytes decoded as Latin-1, one character for each byte.

Grammar (settings_lexer.l, settings_parser.y)::

    statements := (section | setting | include)*
    section    := NAME [":" REF ("," REF)*] "{" statements "}"
    setting    := NAME "=" (WORD | STRING)*          joined with one space, up to the end of the line
    NAME       := [^#{}:.,="\r\n\t ]+              REF := NAME ("." NAME)*
    WORD       := [^#}"\r\n\t ]+                   STRING := "..." with \n \r \t \" \\ and \NEWLINE
    include    := "include" BLANK PATTERN            not followed by "="
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import ParseError

Kind = Literal["name", "reference", "value", "include", "{", "}", ":", ",", "=", "newline"]

FOLLOWS: Mapping[str, tuple[Kind, ...]] = {  # by the kind of a token, those that may come next; "" begins a statement
    "": ("name", "}"),
    "name": ("=", ":", "{"),
    "=": ("value", "newline"),
    "value": ("value", "newline"),
    ":": ("reference",),
    "reference": (",", "{"),
    ",": ("reference",),
}
_BLANK = re.compile(r"(?:[\t\r \n]+|#[^\n]*)+")
_NAME = re.compile(r'[^#{}:.,="\r\n\t ]+')
_REFERENCE = re.compile(r'[^#{}:.,="\r\n\t ]+(?:\.[^#{}:.,="\r\n\t ]+)*')
_BRACED = re.compile(
    r"^[ \t]*[\w.-]+[ \t]*=[ \t]*([^\s#\"{}]\S{0,200}[{}]|\"[^\"\n]{0,200}\"[^\s#]{0,200}\})", re.MULTILINE
)
_WORD = re.compile(r'[^#}"\r\n\t ]+')
_INCLUDE = re.compile(r"include[\t ]+(?!=)(?=[^\t ])")
_STRING_PART = re.compile(r'[^\\"\r]+')
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_INCLUDE_PLAIN = re.compile(r'[^"\\#}\n\t ]+')


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its text with escapes resolved, and where its bytes are."""

    kind: Kind
    text: str
    start: int
    end: int


class Source:
    """One file's text and how to say a place in it."""

    __slots__ = ("_lines", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self._lines: list[int] | None = None

    def line(self, offset: int) -> int:
        """The line of a byte offset, counted from 1."""
        if self._lines is None:
            self._lines = [found.start() for found in re.finditer("\n", self.text)]
        low, high = 0, len(self._lines)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._lines[middle] < offset else (low, middle)
        return low + 1

    def where(self, offset: int) -> str:
        """`file:line` of a byte offset."""
        return f"{self.name}:{self.line(offset)}"


def tokenize(source: Source) -> Iterator[Token]:
    """The tokens of one file, in order.

    Raises:
        ParseError: a character that no token begins with, or a string without an end.
    """
    text, at, state = source.text, 0, "plain"
    while True:
        if state == "value":
            at, found = _scan_value(source, at)
            yield from found
            state = "plain"
        if blank := _BLANK.match(text, at):
            at = blank.end()
        if at >= len(text):
            return
        if state == "plain" and (include := _INCLUDE.match(text, at)):
            token = _scan_include(source, at, include.end())
            yield token
            at = token.end
            continue
        token = _scan_plain(source, at, referring=state == "reference")
        yield token
        at = token.end
        state = {"=": "value", ":": "reference", ",": "reference", "reference": "reference"}.get(token.kind, "plain")


def _scan_plain(source: Source, at: int, *, referring: bool) -> Token:
    character = source.text[at]
    if character in "{}:=" or (character == "," and referring):
        return Token(character, character, at, at + 1)  # type: ignore[arg-type]
    if found := (_REFERENCE if referring else _NAME).match(source.text, at):
        return Token("reference" if referring else "name", _cut(found[0]), at, found.end())
    raise ParseError(f"unexpected {character!r}", where=source.where(at), hint="a name or a closing brace belongs here")


def _scan_value(source: Source, at: int) -> tuple[int, list[Token]]:
    """What follows `=` on its line: words and strings, then the end of the value."""
    text, found = source.text, []
    while at < len(text) and text[at] not in "#}\n":
        if text[at] in "\r\t ":
            at += 1
        elif text[at] == '"':
            value, end = _scan_string(source, at)
            found.append(Token("value", value, at, end))
            at = end
        else:
            word = _require_match(_WORD.match(text, at))
            found.append(Token("value", _cut(word[0]), at, word.end()))
            at = word.end()
    return at, [*found, Token("newline", "", at, at)]


def find_unopened(source: Source) -> str:
    """What to do about a brace that closes nothing: one in a value without quotes may have ended a section."""
    found = _BRACED.search(source.text)
    if found is None:
        return "remove it"
    return f"remove it, or put the value at {source.where(found.start(1))} in quotes, if its brace belongs to it"


def _scan_string(source: Source, start: int) -> tuple[str, int]:
    text, at = source.text, start + 1
    parts: list[str] = []
    while at < len(text):
        if text[at] == '"':
            return "".join(parts), at + 1
        if text[at] == "\r":
            at += 1
        elif text[at] == "\\":
            if at + 1 >= len(text):
                break
            joined = re.compile(r"\\\r?\n").match(text, at)
            parts.append("" if joined else _ESCAPES.get(text[at + 1], text[at + 1]))
            at = joined.end() if joined else at + 2
        else:
            part = _require_match(_STRING_PART.match(text, at))
            parts.append(_cut(part[0]))
            at = part.end()
    raise ParseError("a string has no end", where=source.where(start), hint='close it with "')


def _require_match(found: re.Match[str] | None) -> re.Match[str]:
    """A match that cannot fail, because the characters it leaves out are handled before it."""
    if found is None:
        raise AssertionError
    return found


def _cut(text: str) -> str:
    """A token as strongSwan keeps it: a C string, which ends at a NUL (settings_lexer.l: strdup(yytext))."""
    return text.partition("\0")[0]


def _scan_include(source: Source, start: int, at: int) -> Token:
    text = source.text
    parts: list[str] = []
    if at < len(text) and text[at] == '"':
        pattern, end = _scan_string(source, at)
        return Token("include", pattern, start, end)
    while at < len(text) and text[at] not in "#}\n\t ":
        if text[at] == "\\":
            escaped = text[at + 1 : at + 2] in ('"', "#", "}", " ") and text[at + 1 : at + 2]
            parts.append(escaped or "\\")
            at += 2 if escaped else 1
        elif text[at] == '"':
            value, at = _scan_string(source, at)
            parts.append(value)
        else:
            plain = _require_match(_INCLUDE_PLAIN.match(text, at))
            parts.append(plain[0])
            at = plain.end()
    return Token("include", "".join(parts).rstrip("\r"), start, at)
