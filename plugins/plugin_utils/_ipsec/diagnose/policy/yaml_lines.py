# SPDX-License-Identifier: GPL-3.0-or-later
"""A YAML text as plain values, with the line that each of them begins in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ...errors import ParseError

Path = tuple[str | int, ...]
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """What a file says, and where."""

    name: str
    value: Any
    lines: Mapping[Path, int]

    def where(self, path: Path) -> str:
        """`file:line` of a value, or of what holds it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


class _Loader(yaml.SafeLoader):
    """Dates stay text: what a date is, the reader of it decides."""

    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML's own attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read(text: str, name: str) -> YamlDocument:
    """The document of a text.

    Raises:
        ParseError: it is no YAML, or has a key twice or an alias, which no line could be named for.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines = dict(_list_lines(node, (), name, set())) if node is not None else {}
        value = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ParseError(f"this is not valid YAML: {error.problem or error.context}", where=where) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ParseError(f"this is not valid YAML: {str(error).splitlines()[0]}", where=name) from error
    return YamlDocument(name, value, lines)


def _list_lines(node: yaml.Node, path: Path, name: str, seen: set[int]) -> Iterator[tuple[Path, int]]:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise ParseError("an alias (*) stands here", where=f"{name}:{line}", hint="write out what it stands for")
    seen.add(id(node))
    yield path, line
    if isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from _list_lines(item, (*path, place), name, seen)
    elif isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            here = f"{name}:{key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise ParseError("a key must be text", where=here)
            if key.value in keys:
                raise ParseError(f"{key.value!r} stands here a second time", where=here, hint="keep one of the two")
            keys.add(key.value)
            yield from _list_lines(value, (*path, key.value), name, seen)
            yield (*path, key.value), key.start_mark.line + 1  # that of the key, also where its value begins below
