# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile by its name or file, with those it extends beneath it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Any

from ...errors import ParseError
from ...model import Waiver
from ...model.resources import read_beside
from ...swanctl import proposals
from . import schema_errors
from .profile import PolicyRule, PolicySource, Profile
from .yaml_lines import YamlDocument, read

Read = Callable[[str], str]  # the text of a file by its path
_SCHEMA = Path(__file__).parents[3] / "policy" / "profile.schema.json"  # its published address, which stays
_FILE = (".yml", ".yaml", ".json")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_THRESHOLDS = ("forbidden", "allowed", "at_least", "at_most")
_WITHOUT = ("aggressive-mode", "pfs-absent", "proposals-default", "psk-reused")  # checks that need none


@dataclass(frozen=True, slots=True)
class _Rule:
    """What the profiles beneath say of one check, key by key, with where each was said last."""

    values: Mapping[str, Any]
    origin: str
    base: str = ""  # the source whose thresholds this one replaces

    def under(self, values: Mapping[str, Any], origin: str, name: str) -> _Rule:
        """This with what a profile on top says of it."""
        replaced = set(values) & set(_THRESHOLDS) and "source" not in values
        merged = {**self.values, **values}
        if replaced:
            was = str(_parse_source(self.values["source"])) if "source" in self.values else ""
            merged["source"] = {
                "document": f"policy {name}" + (f", in place of {was}" if was else ""),
                "verified": True,
            }
        return _Rule(merged, origin)


def load(name: str, text_of: Read) -> Profile:
    """The profile of a name that the collection has, or of a file.

    Raises:
        IpsecError: there is no such profile, or a file has a mistake, said with its line.
    """
    rules: dict[str, _Rule] = {}
    waivers: list[Waiver] = []
    stack = list(_resolve_extends(name, text_of, "ipsec_policy"))
    for document in stack:
        for check, given in (document.value.get("rules") or {}).items():
            origin = document.where(("rules", check))
            rules[check] = rules.get(check, _Rule({}, origin)).under(given, origin, _derive_name(document))
        waivers += [_parse_waiver(document, place, rules) for place in range(len(document.value.get("waivers") or ()))]
    target = [document.value.get("target") or {} for document in stack]
    settings, child_settings = (
        {k: _format_value(v) for each in target for k, v in (each.get(part) or {}).items()}
        for part in ("settings", "child_settings")
    )
    demands = [_build_demand(check, rule) for check, rule in sorted(rules.items()) if rule.values.get("enabled", True)]
    about = str(stack[-1].value.get("description", "")).strip()
    return Profile(_derive_name(stack[-1]), about, tuple(demands), tuple(waivers), settings, child_settings)


def list_bundled() -> tuple[str, ...]:
    """Names of the profiles that the collection has."""
    return tuple(sorted(path.name.removesuffix(".yml") for path in files(__package__).joinpath("profiles").iterdir()))


@cache
def load_schema() -> Any:
    """The JSON Schema of a profile."""
    return json.loads(_SCHEMA.read_text(encoding="utf-8"))


def _resolve_extends(name: str, text_of: Read, where: str, above: tuple[str, ...] = ()) -> Iterator[YamlDocument]:
    """The documents that a profile is made of, what is extended first. `where`: who names it."""
    if name in above:
        raise ParseError(f"{name} extends itself", where=where, hint="take one of its extends out")
    document = _load_document(name, text_of, where)
    extended = document.value.get("extends") or ()
    for each in [extended] if isinstance(extended, str) else extended:
        beside = each.endswith(_FILE) and not PurePath(each).is_absolute()
        beneath = str(PurePath(name).parent / each) if beside else each
        yield from _resolve_extends(beneath, text_of, document.where(("extends",)), (*above, name))
    yield document


def _load_document(name: str, text_of: Read, where: str) -> YamlDocument:
    if name in list_bundled():
        text = read_beside(__name__, "profiles", f"{name}.yml")
        return read(text, f"{name}.yml")  # the unit tests compare them with the schema
    if not name.endswith(_FILE):
        hint = f"known are {', '.join(list_bundled())}; or give a file, whose name ends in .yml"
        raise ParseError(f"no profile is called {name!r}", where=where, hint=hint)
    document = read(text_of(name), name)
    schema_errors.refuse(document, load_schema())
    _refuse_unknown_proposals(document)
    for check, given in (document.value.get("rules") or {}).items():
        _refuse_unknown_words(document, check, given)
    return document


def _refuse_unknown_proposals(document: YamlDocument) -> None:
    for part, key in (("settings", "proposals"), ("child_settings", "esp_proposals")):
        given = ((document.value.get("target") or {}).get(part) or {}).get(key) or ()
        for text in [given] if isinstance(given, str) else given:
            if proposals.parse(text) is None:
                where = document.where(("target", part, key))
                raise ParseError(
                    f"{text} is not a proposal", where=where, hint="write it as aes256gcm16-prfsha384-ecp384"
                )


def _refuse_unknown_words(document: YamlDocument, check: str, given: Mapping[str, Any]) -> None:
    """A misspelt algorithm would forbid nothing, and nobody would notice."""
    if not check.endswith("-weak") or check == "authentication-weak":
        return
    for key in ("forbidden", "allowed"):
        for place, word in enumerate(given.get(key) or ()):
            if proposals.parse(word) is None or "-" in word:
                hint = "write it as in a proposal, such as aes256gcm16, sha384 or ecp384"
                where = document.where(("rules", check, key, place))
                raise ParseError(f"no algorithm is called {word!r}", where=where, hint=hint)


def _derive_name(document: YamlDocument) -> str:
    return str(document.value.get("profile") or PurePath(document.name).stem)


def _format_value(value: object) -> str:
    """As strongSwan writes it: a list is comma separated."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _parse_source(given: Mapping[str, Any]) -> PolicySource:
    return PolicySource(str(given["document"]), str(given.get("section", "")), bool(given.get("verified", False)))


def _build_demand(check: str, rule: _Rule) -> PolicyRule:
    values = rule.values
    for needed in ("severity", "source"):
        if needed not in values:
            raise ParseError(f"{needed!r} is missing in {check}, which no profile beneath has", where=rule.origin)
    if check not in _WITHOUT and not any(values.get(key) for key in _THRESHOLDS):
        raise ParseError(
            f"{check} has no threshold", where=rule.origin, hint=f"give it one of {', '.join(_THRESHOLDS)}"
        )
    return PolicyRule(
        check,
        values["severity"],
        _parse_source(values["source"]),
        forbidden=tuple(map(str, values.get("forbidden") or ())),
        allowed=tuple(map(str, values.get("allowed") or ())),
        at_least=values.get("at_least"),
        at_most=_parse_seconds(values["at_most"]) if "at_most" in values else None,
        note=str(values.get("note", "")).strip(),
        origin=rule.origin,
    )


def _parse_seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+) ?([smhd])", text).groups()  # type: ignore[union-attr]  # the schema says so
    return float(number) * _SECONDS[unit]


def _parse_waiver(document: YamlDocument, place: int, rules: Mapping[str, _Rule]) -> Waiver:
    given = document.value["waivers"][place]
    where = document.where(("waivers", place))
    if given["rule"] not in rules:
        hint = f"it has {', '.join(sorted(rules))}"
        raise ParseError(f"this waives {given['rule']}, which the policy does not ask for", where=where, hint=hint)
    try:
        date.fromisoformat(given["expires"])
    except ValueError as error:
        line = document.where(("waivers", place, "expires"))
        raise ParseError(f"{given['expires']} is not a date", where=line, hint="write it as 2026-12-31") from error
    return Waiver(**{key: str(given[key]) for key in ("rule", "tunnel", "reason", "owner", "expires")}, origin=where)
