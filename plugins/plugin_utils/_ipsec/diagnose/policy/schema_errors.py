# SPDX-License-Identifier: GPL-3.0-or-later
"""What in a document does not fit its JSON Schema, in one sentence with its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import IpsecError, ParseError, suggest
from .yaml_lines import Path, YamlDocument

_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
}


def refuse(document: YamlDocument, schema: Mapping[str, Any]) -> None:
    """Raise the first mistake, by line.

    Raises:
        ParseError: something does not fit.
        IpsecError: the library that compares is not there.
    """
    try:
        from jsonschema import Draft202012Validator  # noqa: PLC0415  only who brings a file of their own needs it
    except ImportError as error:
        what = (
            "checking a custom policy requires the Python library jsonschema, which is not installed on the controller"
        )
        hint = "install it next to ansible-core (pip install jsonschema), or name a profile of the collection"
        raise IpsecError(what, hint=hint) from error
    found = [_build_error(document, error) for error in Draft202012Validator(schema).iter_errors(document.value)]
    if found:
        raise min(found, key=lambda mistake: int(mistake.where.rpartition(":")[2]))


def _build_error(document: YamlDocument, error: Any) -> ParseError:
    path: Path = tuple(error.absolute_path)
    name = _describe_path(path)
    if error.validator == "additionalProperties":
        return _build_unknown_key_error(document, path, error)
    where = document.where(path)
    match error.validator:
        case "required":
            missing = [key for key in error.validator_value if key not in error.instance]
            return ParseError(f"{missing[0]!r} is missing in {name}", where=where)
        case "type":
            return ParseError(
                f"{name} must be {_KINDS[error.validator_value]}, not {error.instance!r:.60}", where=where
            )
        case "enum":
            return _build_choice_error(where, f"{error.instance!r:.60}", error.instance, error.validator_value)
    hint = str(error.schema.get("description", ""))
    return ParseError(f"{error.instance!r:.60} does not fit as {name}", where=where, hint=hint)


def _describe_path(path: Path) -> str:
    if not path:
        return "a profile"
    return f"{path[-2]}[{path[-1]}]" if isinstance(path[-1], int) else path[-1]


def _build_unknown_key_error(document: YamlDocument, path: Path, error: Any) -> ParseError:
    known = list(error.schema.get("properties", ()))
    unknown = next(key for key in error.instance if key not in known)
    return _build_choice_error(
        document.where((*path, str(unknown))), f"unknown key {str(unknown)!r:.60}", unknown, known
    )


def _build_choice_error(where: str, what: str, given: object, known: Iterable[object]) -> ParseError:
    return ParseError(what, where=where, hint=suggest(str(given), map(str, known)))
