# SPDX-License-Identifier: GPL-3.0-or-later
"""Model values as what JSON and Ansible know, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ..errors import ParseError

T = TypeVar("T")
_AS_THEY_ARE = frozenset((str, int, float, bool))


def to_plain(value: object) -> Any:
    """Model values as what JSON and Ansible know: dicts, lists, str, numbers, bool, None."""
    if value is None or type(value) in _AS_THEY_ARE:  # first: most of all values
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: to_plain(getattr(value, name)) for name in _list_field_names(type(value))}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    return str(value)


def build_from_plain(kind: type[T], value: object, where: str) -> T:
    """The value of this kind that `to_plain` made `value` of.

    Unknown keys are refused, missing ones take the field's default; a `str` where a number is expected
    is converted, because templating turns numbers into text.

    Raises:
        ParseError: names the path of the first part that does not fit.
    """
    return cast("T", _restore(kind, value, where))


@cache
def _list_field_names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


@cache
def _resolve_hints(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    hints = get_type_hints(kind)
    return tuple((f.name, hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(kind))


def _restore(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if is_dataclass(kind):
        return _restore_dataclass(kind, value, where)
    if origin in (Union, UnionType):
        return _restore_union(get_args(kind), value, where)
    if origin is tuple:
        return _restore_tuple(get_args(kind), value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ParseError(f"expected a mapping, not {resolve_type(value)}", where=where)
        item = get_args(kind)[1]
        return {str(k): _restore(item, v, f"{where}.{k}") for k, v in value.items()}
    if origin is Literal:
        if value not in get_args(kind):
            raise ParseError(f"{value!r} is not one of {', '.join(map(repr, get_args(kind)))}", where=where)
        return str(value)
    return _restore_scalar(kind, value, where)


def _restore_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ParseError(f"expected a mapping, not {resolve_type(value)}", where=where)
    if unknown := sorted(set(value) - set(_list_field_names(kind))):
        raise ParseError(
            f"unknown key {unknown[0]!r}", where=where, hint=f"known are {', '.join(_list_field_names(kind))}"
        )
    given = {}
    for name, hint, required in _resolve_hints(kind):
        if name in value:
            given[name] = _restore(hint, value[name], f"{where}.{name}")
        elif required:
            raise ParseError(f"{name!r} is missing", where=where)
    return kind(**given)


def _restore_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    error = ParseError(f"{value!r} does not fit", where=where)
    for kind in kinds:
        if kind is not NoneType:
            try:
                return _restore(kind, value, where)
            except ParseError as mismatch:
                error = mismatch
    raise error


def _restore_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise ParseError(f"expected a list, not {resolve_type(value)}", where=where)
    items = list(value)
    each = [kinds[0]] * len(items) if kinds[-1] is Ellipsis else kinds
    if len(each) != len(items):
        raise ParseError(f"expected {len(each)} items, not {len(items)}", where=where)
    return tuple(_restore(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(each, items, strict=True)))


def resolve_type(value: object) -> str:
    """What a value is called; Ansible has subclasses of Python's own types for what it has tagged."""
    return next(kind.__name__ for kind in type(value).__mro__ if not kind.__module__.startswith("ansible."))


_FITS: Mapping[Any, tuple[type, ...]] = {bool: (bool,), str: (str,), int: (int, str), float: (int, float, str)}
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def _restore_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is bool and isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    wanted = _FITS.get(kind, ())
    if not isinstance(value, wanted) or (kind is not bool and isinstance(value, bool)):
        raise ParseError(f"expected {getattr(kind, '__name__', kind)}, not {resolve_type(value)}", where=where)
    try:
        return kind(value)
    except ValueError as error:
        raise ParseError(f"{value!r} is not a number", where=where) from error
