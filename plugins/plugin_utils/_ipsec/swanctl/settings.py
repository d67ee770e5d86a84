# SPDX-License-Identifier: GPL-3.0-or-later
"""swanctl.conf and strongswan.conf read as strongSwan reads them, with where every value comes from.

`load` follows includes through the files given, `Settings` answers for effective values: repeated
sections merged, references (`name : template { }`) resolved, cleared keys (`key =`) absent.
Editing is `editor.py`'s. Source: libstrongswan/settings/{settings.c,settings_parser.y,settings_types.c}.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import ParseError
from ..model import Problem, Setting
from .lexer import FOLLOWS, Source, Token, find_unopened, tokenize

Path = tuple[str, ...]
Files = Mapping[str, bytes]  # absolute path: content

MAX_DEPTH = 64  # of nested sections and of includes: far beyond any real file, far below Python's stack
MAX_SIZE = 32_000_000  # bytes of all files, each counted as often as it is included
MAX_STEPS = 1_000_000  # of following references and of listing what they lead to: 10,000 connections take a tenth
MAX_NAME = 127  # characters; a longer connection name is loaded empty before 6.0.4 (vici_message.c)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One `key = value` in a file. A value of None clears the key."""

    name: str
    value: str | None
    source: Source
    start: int  # of the name
    value_start: int  # behind "=" where there is no value
    value_end: int

    @property
    def origin(self) -> str:
        """`file:line`."""
        return self.source.where(self.start)


@dataclass(slots=True)
class SectionSpan:
    """One `name { … }` in a file: the places where it can be edited."""

    source: Source
    start: int
    opened: int  # behind the opening brace
    closed: int = -1  # of the closing brace; -1 where that stands in another file


@dataclass(slots=True)
class Section:
    """A section as all its fragments together say, without what it inherits."""

    path: Path
    assignments: dict[str, list[Assignment]] = field(default_factory=dict)
    sections: dict[str, Section] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)
    fragments: list[SectionSpan] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class InheritedSection:
    """A section with what it inherits: its own content first, then each template's."""

    parts: tuple[Section, ...]


class Settings:
    """The effective settings of a root file and all that it includes."""

    def __init__(self, root: str, top: Section, sources: Mapping[str, Source], warnings: tuple[Problem, ...]) -> None:
        self.root, self.top, self.sources, self.warnings = root, top, sources, warnings
        # a section is asked for once for each of its keys
        self._views: dict[Path, InheritedSection | None] = {(): InheritedSection((top,))}
        self._steps = 0

    def tree(self, *, mark_sections: bool = False) -> dict[str, object]:
        """All effective settings: values are strings, sections are dicts.

        Where a key and a section have one name the section wins, unless `mark_sections`
        appends `{}` to every section's name.
        """
        return self._tree(InheritedSection((self.top,)), mark="{}" if mark_sections else "", depth=0)

    def get(self, path: Path) -> Setting | None:
        """The effective value at a path and where it was set; None where it is not set or cleared."""
        found = self.assignment(path)
        if found is None or found[0].value is None:
            return None
        assignment, part = found
        template = None if part.path == path[:-1] else ".".join(part.path)
        given = part.assignments[_encode_name(path[-1])]
        hidden = tuple(each.origin for each in given if each.value != assignment.value)
        return Setting(_decode_text(assignment.value or ""), assignment.origin, template, hidden)

    def sections(self, path: Path) -> tuple[str, ...]:
        """Names of the effective sections in a section, in strongSwan's order."""
        view = self.view(path)
        return tuple(_decode_text(name) for name in (_list_section_names(view) if view else ()))

    def keys(self, path: Path) -> tuple[str, ...]:
        """Names of the effective keys in a section, in strongSwan's order."""
        view = self.view(path)
        return tuple(_decode_text(name) for name, dummy in (_list_values(view) if view else ()))

    def origin(self, path: Path) -> str | None:
        """`file:line` where a section is first opened; None where there is no such section."""
        view = self.view(path)
        for part in view.parts if view else ():
            for fragment in part.fragments:
                return fragment.source.where(fragment.start)
        return None

    def assignment(self, path: Path) -> tuple[Assignment, Section] | None:
        """The assignment that decides a key, and the section it stands in: also one that clears it."""
        view = self.view(path[:-1])
        name = _encode_name(path[-1])
        for part in view.parts if view else ():
            if name in part.assignments:
                return part.assignments[name][-1], part
        return None

    def view(self, path: Path) -> InheritedSection | None:
        """The section at a path with what it inherits."""
        if path not in self._views:
            outer = self.view(path[:-1])
            self._views[path] = self._child(outer, _encode_name(path[-1])) if outer else None
        return self._views[path]

    def own(self, path: Path) -> Section | None:
        """The section at a path without what it inherits; None where it exists only by inheritance."""
        section: Section | None = self.top
        for name in path:
            section = section.sections.get(_encode_name(name)) if section else None
        return section

    def _child(self, view: InheritedSection, name: str) -> InheritedSection | None:
        if "%" in name:  # strongSwan uses the name as a format when it looks inside, and finds nothing (settings.c)
            return InheritedSection(()) if any(name in part.sections for part in view.parts) else None
        parts: dict[int, Section] = {}
        for part in view.parts:
            if name in part.sections:
                self._collect(part.sections[name], parts)
        return InheritedSection(tuple(parts.values())) if parts else None

    def _collect(self, section: Section, parts: dict[int, Section]) -> None:
        """The section, then what its references lead to, each once: so a cycle ends."""
        if id(section) in parts:
            return
        parts[id(section)] = section
        for reference in section.references:
            for target in self._targets(reference, frozenset({(id(section), reference)})):
                self._collect(target, parts)

    def _targets(self, reference: str, seen: frozenset[tuple[int, str]]) -> tuple[Section, ...]:
        """Sections that an absolute reference names, inherited ones included; a missing one is ignored."""
        found: tuple[Section, ...] = (self.top,)
        for name in reference.split("."):
            found = _deduplicate(s for part in found for s in self._named(part, name, seen))
        return found

    def _named(self, part: Section, name: str, seen: frozenset[tuple[int, str]]) -> tuple[Section, ...]:
        self._step()
        own = (part.sections[name],) if name in part.sections else ()
        inherited: tuple[Section, ...] = ()
        for reference in part.references:
            key = (id(part), reference)
            if key not in seen:
                for target in self._targets(reference, seen | {key}):
                    inherited += self._named(target, name, seen | {key})
        return _deduplicate(own + inherited)

    def _step(self) -> None:
        """Twenty names that refer to each other can take strongSwan, and us, for ever."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise ParseError("sections refer to each other too often", where=self.root, hint="refer to fewer sections")

    def _tree(self, view: InheritedSection, *, mark: str, depth: int) -> dict[str, object]:
        self._step()
        if depth > MAX_DEPTH:
            raise ParseError("sections refer to each other without end", where=self.root, hint="break the cycle")
        tree: dict[str, object] = {_decode_text(name): _decode_text(value) for name, value in _list_values(view)}
        for name in _list_section_names(view):
            child = self._child(view, name)
            if child is not None:
                tree[_decode_text(name) + mark] = self._tree(child, mark=mark, depth=depth + 1)
        return tree


def _deduplicate(sections: Iterable[Section]) -> tuple[Section, ...]:
    return tuple({id(section): section for section in sections}.values())


def load(root: str, files: Files) -> Settings:
    """The settings of the file `root`, with includes looked up in `files`.

    Raises:
        ParseError: strongSwan's parser refuses one of the files; names file and line.
    """
    if root not in files:
        raise ParseError("there is no such file", where=root)
    return _Reader(root, files).settings


def parse(text: bytes, *, name: str = "<text>") -> Settings:
    """The settings of one text; an include in it is reported in `warnings` and not followed."""
    return load(name, {name: text})


class _Reader:
    """Builds the sections of one load; lives for that call only."""

    def __init__(self, root: str, files: Files) -> None:
        self.files = files
        self.sources: dict[str, Source] = {}
        self.problems: list[Problem] = []
        self.top = Section(())
        self.stack: list[tuple[Section, SectionSpan]] = []
        self.size = 0
        self._read(root, ())
        if self.stack:
            fragment = self.stack[-1][1]
            where = fragment.source.where(fragment.start)
            raise ParseError("a section has no closing brace", where=where, hint="add }")

    @cached_property
    def settings(self) -> Settings:
        root = next(iter(self.sources))
        return Settings(root, self.top, self.sources, tuple(self.problems))

    def _read(self, name: str, including: tuple[str, ...]) -> None:
        if name in including or len(including) > MAX_DEPTH:
            raise ParseError("a file includes itself", where=name, hint="break the cycle")
        self.size += len(self.files[name])
        if self.size > MAX_SIZE:
            raise ParseError("files are included too often", where=name, hint="include each once")
        source = self.sources.setdefault(name, Source(name, self.files[name].decode("latin-1")))
        self._check_bytes(source)
        pending: list[Token] = []
        for token in tokenize(source):
            if token.kind == "include" and not pending:
                self._include(source, token, (*including, name))
                continue
            pending.append(token)
            if self._take(source, pending):
                pending = []
        if pending:
            raise ParseError(
                f"{pending[0].text!r} leads nowhere",
                where=source.where(pending[0].start),
                hint="write name = value or name { … }",
            )

    def _take(self, source: Source, statement: list[Token]) -> bool:
        """Carry out a statement that its last token completes; False where it waits for more tokens."""
        last = statement[-1]
        if last.kind not in FOLLOWS[statement[-2].kind if len(statement) > 1 else ""]:
            raise ParseError(
                f"unexpected {last.text or 'end of line'!r}",
                where=source.where(last.start),
                hint="write name = value or name { … }",
            )
        if last.kind == "}":
            self._close(source, last)
        elif last.kind == "{":
            self._open(source, statement)
        elif last.kind == "newline":
            self._assign(source, statement)
        else:
            return False
        return True

    def _open(self, source: Source, head: list[Token]) -> None:
        parent = self.stack[-1][0] if self.stack else self.top
        name = head[0].text
        section = parent.sections.setdefault(name, Section((*parent.path, _decode_text(name))))
        section.references = list(
            dict.fromkeys((*section.references, *(t.text for t in head if t.kind == "reference")))
        )
        fragment = SectionSpan(source, head[0].start, head[-1].end)
        section.fragments.append(fragment)
        self.stack.append((section, fragment))
        if len(self.stack) > MAX_DEPTH:
            raise ParseError("sections are nested too deep", where=source.where(head[0].start))
        self._check_name(source, head[0])

    def _close(self, source: Source, brace: Token) -> None:
        if not self.stack:
            raise ParseError(
                "a closing brace closes nothing", where=source.where(brace.start), hint=find_unopened(source)
            )
        fragment = self.stack.pop()[1]
        if fragment.source is source:
            fragment.closed = brace.start
        else:
            self._note(
                "unbalanced-include",
                "an included file closes a section that it did not open",
                source.where(brace.start),
            )

    def _assign(self, source: Source, pending: list[Token]) -> None:
        section = self.stack[-1][0] if self.stack else self.top
        name, equals, values = pending[0], pending[1], pending[2:-1]
        assignment = Assignment(
            name.text,
            " ".join(token.text for token in values) if values else None,
            source,
            name.start,
            values[0].start if values else equals.end,
            values[-1].end if values else equals.end,
        )
        section.assignments.setdefault(name.text, []).append(assignment)

    def _include(self, source: Source, token: Token, including: tuple[str, ...]) -> None:
        pattern = posixpath.join(posixpath.dirname(source.name), token.text)
        found = find_matching(pattern, self.files)
        if not found:
            self._note("unmatched-include", f"include {token.text} matches no readable file", source.where(token.start))
        for name in found:
            depth = len(self.stack)
            self._read(name, including)
            if len(self.stack) != depth:
                self._note(
                    "unbalanced-include",
                    f"{name} opens or closes a section that it does not close or open",
                    source.where(token.start),
                )

    def _check_bytes(self, source: Source) -> None:
        if source.text.startswith("\xef\xbb\xbf"):
            self._note(
                "byte-order-mark",
                "the file begins with a byte order mark, which becomes a part of the first name",
                source.name,
            )
        if "\0" in source.text:
            self._note("nul-byte", "the file contains a NUL byte", source.where(source.text.index("\0")))

    def _check_name(self, source: Source, token: Token) -> None:
        if "%" in token.text and len(self.stack) > 1:
            self._note(
                "percent-in-name",
                f"strongSwan loads section {_decode_text(token.text)!r} empty, because its name has a %",
                source.where(token.start),
            )
        if len(token.text) > MAX_NAME:
            self._note(
                "long-name",
                f"section {_decode_text(token.text[:20])!r}… has a name of {len(token.text)} bytes; "
                "strongSwan before 6.0.4 loads it empty",
                source.where(token.start),
            )

    def _note(self, kind: str, what: str, where: str) -> None:
        self.problems.append(Problem(kind, what, where))


def find_matching(pattern: str, files: Files) -> list[str]:
    """The files a glob(3) pattern matches, sorted; `*` and `?` match neither `/` nor a leading dot."""
    wanted = posixpath.normpath(pattern).split("/")
    return sorted(name for name in files if _matches(posixpath.normpath(name).split("/"), wanted))


def _matches(parts: list[str], wanted: list[str]) -> bool:
    return len(parts) == len(wanted) and all(
        fnmatch.fnmatchcase(part, glob) and (not part.startswith(".") or glob.startswith("."))
        for part, glob in zip(parts, wanted, strict=True)
    )


def _list_values(view: InheritedSection) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for part in view.parts:
        for name, assignments in part.assignments.items():
            if name not in seen:
                seen.add(name)
                if (value := assignments[-1].value) is not None:
                    yield name, value


def _list_section_names(view: InheritedSection) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in view.parts for name in part.sections))


def _decode_text(raw: str) -> str:
    """Internal text, one character for each byte, as UTF-8; other bytes become surrogates."""
    return raw if raw.isascii() else raw.encode("latin-1").decode("utf-8", "surrogateescape")


def _encode_name(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")
