# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of settings as splices: the bytes of one value change, every other byte of every file stays.

Each function answers with the edits that make a path what it is to be, and none where it is that already.
`apply_edits` carries them out on the files' bytes; `diff_values` then proves that nothing else changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import RefusedError
from .lexer import Source
from .settings import Assignment, Files, Path, Section, SectionSpan, Settings, load

_UNEDITABLE = ("byte-order-mark", "nul-byte", "unbalanced-include")
_PLAIN = re.compile(r'[^#}"\r\n\t \x00]+(?: [^#}"\r\n\t \x00]+)*')
_NAME = re.compile(r'[^#{}:.,="\r\n\t %\x00]+')
_ESCAPE = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replace the bytes from start to end of a file by text; offsets count the file's bytes."""

    file: str
    start: int
    end: int
    text: bytes


def set_values(settings: Settings, wanted: Mapping[Path, str | None]) -> tuple[TextEdit, ...]:
    """The edits that make the effective value at each path the wanted one; None leaves it without a value.

    A value that is only inherited is overridden where it applies; the template is not touched. Where a
    section that others inherit from is itself to be changed, the others keep what they had.

    Raises:
        RefusedError: a file cannot be edited safely, or a name or value cannot be written down.
    """
    edits, additions = _plan_edits(settings, wanted)
    if not edits and not additions:
        return ()
    if any(section.references for section in _walk_sections(settings.top)):
        pinned = _find_side_effects(settings, wanted, edits + _insert_additions(settings, additions))
        more, additions = _plan_edits(settings, {**wanted, **pinned}, pinned)
        edits = more
    return edits + _insert_additions(settings, additions)


def set_value(settings: Settings, path: Path, value: str) -> tuple[TextEdit, ...]:
    """The edits that make the effective value at one path this one; see `set_values`."""
    return set_values(settings, {path: value})


def unset(settings: Settings, path: Path) -> tuple[TextEdit, ...]:
    """The edits that leave a path without a value: the line goes, or the value where the key must mask another."""
    return set_values(settings, {path: None})


def insert_section(settings: Settings, path: Path, tree: Mapping[str, object], *, after: bool) -> TextEdit:
    """Put sections before or after the one at a path, in the same file and indented like it; see `remove_section`.

    Raises:
        RefusedError: the section is opened in one file and closed in another.
    """
    fragment = _require_fragments(settings, path)[0]
    text = fragment.source.text
    eol, indent = _detect_eol(text), _detect_indent(text, fragment.start)
    unit = _detect_inner_indent(text, fragment, indent)[len(indent) :] or "    "
    body = (eol + indent).join(_indent_line(line, unit) for line in format_lines(tree))
    at = fragment.closed + 1 if after else fragment.start
    return TextEdit(fragment.source.name, at, at, _encode(eol + indent + body if after else body + eol + indent))


def remove_section(settings: Settings, path: Path) -> TextEdit:
    """Take a section away with its line, so that what `insert_section` has put there leaves nothing behind.

    Raises:
        RefusedError: the section stands in several places, or is opened in one file and closed in another.
    """
    fragments = _require_fragments(settings, path)
    if len(fragments) > 1:
        raise RefusedError(f"section {'.'.join(path)} stands in several places", hint="remove it by hand")
    text, start, end = fragments[0].source.text, fragments[0].start, fragments[0].closed + 1
    line = text.rfind("\n", 0, start) + 1
    if line and not text[line:start].strip():
        start = line - len("\r\n" if text[line - 2 : line] == "\r\n" else "\n")
    else:  # the first of a line or of the file: what follows takes its place
        end += len(text[end:]) - len(text[end:].lstrip(" \t\r\n"))
    return TextEdit(fragments[0].source.name, start, end, b"")


def apply_edits(files: Files, edits: Iterable[TextEdit]) -> dict[str, bytes]:
    """The files with the edits carried out; edits of one file must not overlap."""
    after = dict(files)
    for edit in sorted(edits, key=lambda edit: (edit.file, edit.start, edit.end), reverse=True):
        text = after[edit.file]
        after[edit.file] = text[: edit.start] + edit.text + text[edit.end :]
    return after


def diff_values(before: Settings, after: Settings) -> dict[Path, tuple[str | None, str | None]]:
    """Every path whose effective value differs, with both values; a section alone counts with empty text."""
    old, new = dict(_flatten(before.tree(mark_sections=True))), dict(_flatten(after.tree(mark_sections=True)))
    return {path: (old.get(path), new.get(path)) for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def check(root: str, files: Files, edits: Iterable[TextEdit], wanted: Mapping[Path, str | None]) -> Settings:
    """The settings after the edits, proven to differ from before in the wanted values alone.

    Raises:
        RefusedError: something else would change, or not all that is wanted.
    """
    before = load(root, files)
    after = load(root, apply_edits(files, edits))
    found = {path: new for path, (dummy, new) in diff_values(before, after).items() if not path[-1].endswith("{}")}
    values = {path: now.value if (now := before.get(path)) else None for path in wanted}
    meant = {_mark_path(path): value for path, value in wanted.items() if values[path] != value}
    if odd := sorted(path for path in found.keys() | meant.keys() if found.get(path, ...) != meant.get(path, ...)):
        what = ".".join(name.removesuffix("{}") for name in odd[0])
        raise RefusedError(
            f"the edit would not set just what it should set ({what})", where=root, hint="nothing was written"
        )
    return after


def quote(value: str) -> str:
    """A value as it is written: in quotes only where it must be.

    Raises:
        RefusedError: the value contains a NUL, which no settings file can hold.
    """
    if "\0" in value:
        raise RefusedError("a value with a NUL byte cannot be written into a settings file")
    if _PLAIN.fullmatch(value):
        return value
    return '"' + "".join(_ESCAPE.get(character, character) for character in value) + '"'


def format_lines(tree: Mapping[str, object]) -> Iterable[str]:
    """Values and sections as they are written, a tab for each step; None leaves a name without a value."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield f"{_validate_name(name)} {{"
            yield from (f"\t{line}" for line in format_lines(value))
            yield "}"
        else:
            yield f"{_validate_name(name)} =" if value is None else f"{_validate_name(name)} = {quote(str(value))}"


def _flatten(tree: Mapping[str, object], path: Path = ()) -> Iterable[tuple[Path, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield (*path, name), ""
            yield from _flatten(value, (*path, name))
        else:
            yield (*path, name), str(value)


def _mark_path(path: Path) -> Path:
    return (*(f"{name}{{}}" for name in path[:-1]), path[-1])


def _plan_edits(
    settings: Settings, wanted: Mapping[Path, str | None], forced: Mapping[Path, str | None] | None = None
) -> tuple[tuple[TextEdit, ...], dict[Path, dict[str, object]]]:
    """Edits of assignments that are there, and what must be added to which section."""
    edits: list[TextEdit] = []
    additions: dict[Path, dict[str, object]] = {}
    for path, value in wanted.items():
        now = settings.get(path)
        if (now.value if now else None) == value and path not in (forced or {}):
            continue
        section = settings.own(path[:-1])
        own = section.assignments.get(_encode_name(path[-1])) if section is not None else None
        if own:
            edits.append(_assign(settings, path, own, value))
        else:
            _add(settings, additions, path, value)
    return tuple(edits), additions


def _assign(settings: Settings, path: Path, own: list[Assignment], value: str | None) -> TextEdit:
    if value is not None:
        return _replace(settings, own[-1], quote(value))
    view, section = settings.view(path[:-1]), settings.own(path[:-1])
    inherited = any(own[-1].name in part.assignments for part in (view.parts if view else ()) if part is not section)
    line = None if inherited or len(own) > 1 else _remove_line(own[-1])
    return line or _replace(settings, own[-1], "")


def _add(settings: Settings, additions: dict[Path, dict[str, object]], path: Path, value: str | None) -> None:
    depth = len(path) - 1
    while depth and not _is_editable(settings, path[:depth]):
        depth -= 1
    level = additions.setdefault(path[:depth], {})
    for name in path[depth:-1]:
        level = level.setdefault(name, {})  # type: ignore[assignment]
    level[path[-1]] = value


def _find_side_effects(
    settings: Settings, wanted: Mapping[Path, str | None], edits: Iterable[TextEdit]
) -> dict[Path, str | None]:
    """What the edits would change beside what is wanted, with the value that is to be kept."""
    files = {name: source.text.encode("latin-1") for name, source in settings.sources.items()}
    after = load(settings.root, apply_edits(files, edits))
    differing = {
        tuple(name.removesuffix("{}") for name in path): values
        for path, values in diff_values(settings, after).items()
        if not path[-1].endswith("{}")
    }
    return {path: old for path, (old, dummy) in differing.items() if path not in wanted}


def _walk_sections(section: Section) -> Iterable[Section]:
    yield section
    for child in section.sections.values():
        yield from _walk_sections(child)


def _insert_additions(settings: Settings, additions: Mapping[Path, Mapping[str, object]]) -> tuple[TextEdit, ...]:
    return tuple(_insert(settings, path, *format_lines(tree)) for path, tree in additions.items())


def _replace(settings: Settings, assignment: Assignment, text: str) -> TextEdit:
    _refuse_uneditable(settings, assignment.source)
    if assignment.value is None:
        text = f" {text}"
    start, end = assignment.value_start, assignment.value_end
    if not text:  # also the blanks between "=" and the value
        start = assignment.source.text.rindex("=", assignment.start, start) + 1
    return TextEdit(assignment.source.name, start, end, _encode(text))


def _remove_line(assignment: Assignment) -> TextEdit | None:
    """The edit that removes the assignment's line, where nothing else stands on it."""
    text = assignment.source.text
    start = text.rfind("\n", 0, assignment.start) + 1
    end = text.find("\n", assignment.value_end)
    end = len(text) if end < 0 else end + 1
    alone = not text[start : assignment.start].strip() and not text[assignment.value_end : end].strip()
    return TextEdit(assignment.source.name, start, end, b"") if alone else None


def _insert(settings: Settings, path: Path, *lines: str) -> TextEdit:
    """Put lines at the end of a section, indented like what is in it."""
    section = settings.own(path)
    if not path or section is None:
        return _append(settings, settings.sources[settings.root], lines)
    fragment = _find_last_editable(settings, section)
    if fragment is None:
        raise RefusedError(
            f"section {'.'.join(path)} is opened in one file and closed in another",
            hint="balance its braces in each file",
        )
    source, text = fragment.source, fragment.source.text
    _refuse_uneditable(settings, source)
    eol, outer = _detect_eol(text), _detect_indent(text, fragment.start)
    inner = _detect_inner_indent(text, fragment, outer)
    unit = inner[len(outer) :] or "    "
    body = "".join(f"{inner}{_indent_line(line, unit)}{eol}" for line in lines)
    start_of_line = text.rfind("\n", 0, fragment.closed) + 1
    if start_of_line > fragment.opened - 1 and not text[start_of_line : fragment.closed].strip():
        return TextEdit(source.name, start_of_line, start_of_line, _encode(body))
    at = fragment.closed
    while text[at - 1] in " \t" and at > fragment.opened:
        at -= 1
    return TextEdit(source.name, at, fragment.closed, _encode(f"{eol}{body}{outer}"))


def _append(settings: Settings, source: Source, lines: Iterable[str]) -> TextEdit:
    _refuse_uneditable(settings, source)
    text, eol = source.text, _detect_eol(source.text)
    start = "" if not text or text.endswith("\n") else eol
    body = "".join(f"{_indent_line(line, '    ')}{eol}" for line in lines)
    return TextEdit(source.name, len(text), len(text), _encode(start + body))


def _require_fragments(settings: Settings, path: Path) -> list[SectionSpan]:
    """The places of a section that is there, each in one file."""
    section = settings.own(path)
    fragments = section.fragments if section is not None else []
    if not fragments or any(fragment.closed < 0 for fragment in fragments):
        raise RefusedError(
            f"section {'.'.join(path)} is opened in one file and closed in another",
            hint="balance its braces in each file",
        )
    for fragment in fragments:
        _refuse_uneditable(settings, fragment.source)
    return fragments


def _is_editable(settings: Settings, path: Path) -> bool:
    section = settings.own(path)
    return section is not None and _find_last_editable(settings, section) is not None


def _find_last_editable(settings: Settings, section: Section) -> SectionSpan | None:
    dirty = {
        problem.where.rpartition(":")[0] or problem.where
        for problem in settings.warnings
        if problem.kind in _UNEDITABLE
    }
    whole = [fragment for fragment in section.fragments if fragment.closed >= 0]
    clean = [fragment for fragment in whole if fragment.source.name not in dirty]
    best = clean or whole
    return best[-1] if best else None


def _refuse_uneditable(settings: Settings, source: Source) -> None:
    for problem in settings.warnings:
        if problem.kind in _UNEDITABLE and source.name in (problem.where, problem.where.rpartition(":")[0]):
            raise RefusedError(
                problem.what, where=problem.where, hint="a file like this is never edited; repair it by hand"
            )


def _detect_indent(text: str, offset: int) -> str:
    start = text.rfind("\n", 0, offset) + 1
    found = re.compile(r"[ \t]*").match(text, start)
    return found[0] if found else ""


def _detect_inner_indent(text: str, fragment: SectionSpan, outer: str) -> str:
    """How the first line inside a section is indented; one step more than the section where it has none."""
    for line in text[fragment.opened : fragment.closed].splitlines()[1:]:
        if line.strip():
            indent = line[: len(line) - len(line.lstrip())]
            if len(indent) > len(outer):
                return indent
            break
    return outer + ("\t" if "\t" in outer else "  " if outer and len(outer) % 4 else "    ")


def _indent_line(line: str, unit: str) -> str:
    """A line whose leading tabs stand for steps of indentation, with this file's step."""
    steps = len(line) - len(line.lstrip("\t"))
    return unit * steps + line[steps:]


def _detect_eol(text: str) -> str:
    end = text.find("\n")
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def _validate_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name == "include":
        raise RefusedError(
            f"{name!r} cannot be a name in a settings file", hint='names have no blanks and none of # { } : . , = " %'
        )
    return name


def _encode_name(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
