# SPDX-License-Identifier: GPL-3.0-or-later
"""Effective settings as connections, with strongSwan's defaults filled in (swanctl.conf(5), vici_config.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ..model import Auth, Child, Connection, Problem, Setting
from . import keys
from .section_tree import Sections
from .settings import Path

T = TypeVar("T")
_CERTIFICATE = ("cert", "cacert")  # sections cert1, cacert-x in an authentication round


@dataclass(frozen=True, slots=True)
class Reader:
    """The own settings of one section, read by type; what strongSwan would refuse is noted and left at its default."""

    settings: Mapping[str, Setting]
    problems: list[Problem] = field(default_factory=list)

    def value(self, key: str, parse: Callable[[str], T | None], default: T) -> T:
        """The parsed value of a key, or the default."""
        setting = self.settings.get(key)
        if setting is None:
            return default
        parsed = parse(setting.value)
        if parsed is None:
            what = f"{key} = {setting.value} is not a value that strongSwan accepts; it discards the whole connection"
            self.problems.append(Problem("invalid-setting", what, setting.origin, "correct the value"))
            return default
        return parsed


def parse_connections(
    settings: Sections, version: tuple[int, ...] = ()
) -> tuple[tuple[Connection, ...], tuple[Problem, ...]]:
    """The connections of a file and what strongSwan of this version would not take in them.

    Without a version the newest one's defaults count.
    """
    problems: list[Problem] = []
    found = tuple(
        _build_connection(settings, name, version or (99,), problems) for name in settings.sections(("connections",))
    )
    return found, tuple(problems)


def _build_connection(settings: Sections, name: str, version: tuple[int, ...], problems: list[Problem]) -> Connection:
    path = ("connections", name)
    own = _read_section(settings, path, "connection", problems)
    rounds = {
        section: _read_section(settings, (*path, section), "auth", problems) for section in _list_rounds(settings, path)
    }
    read = Reader(own, problems)
    reauth = read.value("reauth_time", keys.parse_duration, 0.0)
    return Connection(
        name=name,
        local_addrs=read.value("local_addrs", keys.split_list, ()) or ("%any",),
        remote_addrs=read.value("remote_addrs", keys.split_list, ()) or ("%any",),
        version=read.value("version", keys.parse_whole, 0),
        local=_build_auths(rounds, "local", problems),
        remote=_build_auths(rounds, "remote", problems),
        proposals=read.value("proposals", keys.split_list, ()) or ("default",),
        encap=read.value("encap", keys.parse_boolean, default=False),
        mobike=read.value("mobike", keys.parse_boolean, default=True),
        dpd_delay=read.value("dpd_delay", keys.parse_duration, 0.0),
        dpd_timeout=read.value("dpd_timeout", keys.parse_duration, 0.0),
        keyingtries=read.value("keyingtries", _parse_keyingtries, 1),
        unique=read.value("unique", str.lower, "no"),
        rekey_time=read.value("rekey_time", keys.parse_duration, 0.0 if "reauth_time" in own else 14400.0),
        reauth_time=reauth,
        children=tuple(_build_children(settings, path, version, problems)),
        origin=settings.origin(path) or "",
        settings={
            **own,
            **{f"{section}.{key}": setting for section, keyed in rounds.items() for key, setting in keyed.items()},
        },
    )


def _parse_keyingtries(value: str) -> int | None:
    return 0 if value == "%forever" else keys.parse_whole(value)


def _list_rounds(settings: Sections, path: Path) -> list[str]:
    """Authentication sections of both sides, in the order of their rounds (vici sorts by `round`)."""
    sections = [name for name in settings.sections(path) if name.lower().startswith(("local", "remote"))]

    def number(name: str) -> int:
        setting = settings.get((*path, name, "round"))
        return (keys.parse_whole(setting.value) if setting else 0) or 0

    return sorted(sections, key=number)


def _build_auths(rounds: Mapping[str, Mapping[str, Setting]], side: str, problems: list[Problem]) -> tuple[Auth, ...]:
    found = []
    for section, own in rounds.items():
        if section.lower().startswith(side):
            read = Reader(own, problems)
            found.append(
                Auth(
                    section=section,
                    method=read.value("auth", str.lower, "pubkey"),
                    id=own["id"].value if "id" in own else None,
                    certs=read.value("certs", keys.split_list, ()),
                )
            )
    return tuple(found)


def _build_children(
    settings: Sections, path: Path, version: tuple[int, ...], problems: list[Problem]
) -> Iterator[Child]:
    for name in settings.sections((*path, "children")):
        at = (*path, "children", name)
        own = _read_section(settings, at, "child", problems)
        read = Reader(own, problems)
        rekey, life = _derive_lifetimes(read, version)
        yield Child(
            name=name,
            local_ts=read.value("local_ts", keys.split_list, ()) or ("dynamic",),
            remote_ts=read.value("remote_ts", keys.split_list, ()) or ("dynamic",),
            esp_proposals=read.value("esp_proposals", keys.split_list, ()) or _choose_esp_default(own),
            ah_proposals=read.value("ah_proposals", keys.split_list, ()),
            mode=read.value("mode", str.lower, "tunnel"),
            start_action=read.value("start_action", keys.parse_action, "none"),
            close_action=read.value("close_action", keys.parse_action, "none"),
            dpd_action=read.value("dpd_action", keys.parse_action, "none"),
            rekey_time=rekey,
            life_time=life,
            rand_time=read.value("rand_time", keys.parse_duration, max(life - rekey, 0.0)),
            policies=read.value("policies", keys.parse_boolean, default=True),
            route_based=_is_route_based(settings, path, own),
            origin=settings.origin(at) or "",
            settings=own,
        )


def _choose_esp_default(own: Mapping[str, Setting]) -> tuple[str, ...]:
    return () if "ah_proposals" in own else ("default",)


def _derive_lifetimes(read: Reader, version: tuple[int, ...]) -> tuple[float, float]:
    """Rekey and life time in seconds: each follows from the other, the first only since 5.9.9."""
    life = read.value("life_time", keys.parse_duration, 0.0)
    derived = life * 10 // 11 if life and version >= (5, 9, 9) else 3600.0
    rekey = read.value("rekey_time", keys.parse_duration, derived)
    return rekey, life or rekey * 11 // 10


def _is_route_based(settings: Sections, path: Path, own: Mapping[str, Setting]) -> bool:
    """Whether packets reach the child by routing into an interface, not by a policy that could trap them."""
    policies = own.get("policies")
    if policies and keys.parse_boolean(policies.value) is False:
        return True
    marks = (own.get(key) for key in ("if_id_in", "if_id_out", "mark_in", "mark_out"))
    inherited = (settings.get((*path, key)) for key in ("if_id_in", "if_id_out"))
    return any(
        setting.value.split("/")[0] not in ("", "0", "0x0", "0x00000000") for setting in (*marks, *inherited) if setting
    )


def _read_section(settings: Sections, path: Path, level: keys.Level, problems: list[Problem]) -> dict[str, Setting]:
    found = {}
    for key in settings.keys(path):
        setting = settings.get((*path, key))
        if setting is not None:
            found[key] = setting
            if not keys.is_known(level, key):
                what = f"strongSwan does not know {key!r} here and discards the whole connection {path[1]!r}"
                problems.append(Problem("unknown-setting", what, setting.origin, "remove or correct it"))
    return found
